//! The command line: clap types, whose doc comments are the help. It reads nothing and prints nothing.

pub mod app_args;
pub mod canonical_args;
pub mod enroll_args;
pub mod reconcile_args;
pub mod test_args;
pub mod values;

use std::{collections::BTreeSet, ffi::OsString, path::PathBuf};

use clap::{
    ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::BoolishValueParser, error::ContextValue, parser::ValueSource,
};

use self::{
    app_args::{ExecArgs, ExplainArgs, JanitorArgs, ListArgs, ShellArgs, TeardownArgs},
    canonical_args::{PromoteArgs, SweepArgs},
    enroll_args::EnrollArgs,
    reconcile_args::ReconcileArgs,
    test_args::TestArgs,
    values::{COLOR, PROGRESS, one_explained, parse_text},
};
use crate::model::{
    display::{ColorWhen, Progress},
    input::TypedFlag,
    recipe::Invalid,
};

/// Test Co-op Cloud recipes the way an operator lives with them
///
/// Text for people goes to standard error, what was asked for to standard output.
/// `ccci help exit-codes` lists the exit codes.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "ccci",
    version,
    disable_help_subcommand = true,
    max_term_width = 100
)]
#[command(infer_subcommands = false, infer_long_args = false)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Read this configuration file too, above all others
    #[arg(long, global = true, env = "CCCI_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Colour the text
    #[arg(
        long,
        global = true,
        env = "CCCI_COLOR",
        value_name = "WHEN",
        default_value = "auto",
        value_parser = one_explained(&COLOR)
    )]
    pub color: ColorWhen,
    /// Choose the display: a live one, lines only, or results only
    #[arg(
        long,
        global = true,
        env = "CCCI_PROGRESS",
        value_name = "HOW",
        default_value = "auto",
        value_parser = one_explained(&PROGRESS)
    )]
    pub progress: Progress,
    /// Never ask; what needs an answer is refused
    #[arg(long, global = true, env = "CCCI_NO_INPUT", value_parser = BoolishValueParser::new())]
    pub no_input: bool,
    /// Answer yes where a confirmation is asked for
    #[arg(short, long, global = true, env = "CCCI_YES", value_parser = BoolishValueParser::new())]
    pub yes: bool,
    /// Say less: `-q` failures and the summary, `-qq` the exit code alone
    #[arg(short, long, global = true, env = "CCCI_QUIET", action = ArgAction::Count)]
    #[arg(conflicts_with = "verbose")]
    pub quiet: u8,
    /// Say more: `-v` commands and their output, `-vv` what explains ccci itself
    #[arg(short, long, global = true, env = "CCCI_VERBOSE", action = ArgAction::Count)]
    pub verbose: u8,
}

/// What ccci does.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Test recipes: deploy, upgrade, back up, restore, use, remove
    ///
    /// Without an argument, tests the checkout in the current directory, uncommitted changes included.
    /// In CI the recipe and its source come from `CCCI_RECIPE`, `CCCI_REF`, `CCCI_PR`, `CCCI_SRC` and
    /// `CCCI_STAGES`, or from the bare `RECIPE`, `REF`, `PR`, `SRC` and `STAGES`.
    Test(Box<TestArgs>),
    /// Make a tested release the canonical of its recipe
    ///
    /// Installs the release afresh, saves its data, and keeps app and data undeployed for `ccci test --quick`.
    /// Only what passed a whole run that is on record here can be promoted; what was good before stays until then.
    Promote(Box<PromoteArgs>),
    /// Test every recipe that has a new release, and promote what passes
    ///
    /// For each recipe of which a canonical is kept: makes its mirror equal to upstream where there are mirrors, asks for
    /// its newest release, and tests it unless a release as new is known to be good.
    /// One recipe's trouble stops no other. The end tells what changed since the last sweep.
    Sweep(Box<SweepArgs>),
    /// Make the server's own apps what the configuration says
    ///
    /// For each `[[always-on]]` of the configuration: deploys it where it is missing or unwell, and takes newer releases
    /// that need no person. A release that is not well is undone, data included, and people are alerted.
    /// What is right already is left alone. One app's trouble stops no other.
    Reconcile(Box<ReconcileArgs>),
    /// Remove an app and prove that nothing of it is left
    ///
    /// Needs neither abra nor a checkout. Warm apps and apps that are not ours need `--confirm=NAME`.
    Teardown(TeardownArgs),
    /// Reap apps whose run is gone
    ///
    /// Never touches live runs, kept apps before they expire, warm apps and apps that are not ours.
    Janitor(JanitorArgs),
    /// Enroll a recipe: write its first tests from what its files say
    ///
    /// Asks on a terminal; every answer has a flag. Without an argument, enrolls the checkout in the current directory.
    /// A name is looked for among abra's checkouts, then fetched as `ccci test` fetches it, at its newest release.
    Enroll(Box<EnrollArgs>),
    /// Show where each recipe stands: level, last run, flaky results
    ///
    /// Reads files of this host alone: the tests that are kept, and the reports of runs.
    List(ListArgs),
    /// Run a command in a service of an app under test
    Exec(ExecArgs),
    /// Open a shell in a service of an app under test
    Shell(ShellArgs),
    /// Check this host, with a remedy for whatever it lacks
    ///
    /// Changes nothing without `--fix`, which makes the state directory, a swarm and the network `proxy` where there
    /// is none, and asks before each. Exits with 103 when something is missing without which nothing can be tested.
    Doctor(DoctorArgs),
    /// Name the known problems of a run, and what to do about each
    ///
    /// Looks into the report, the events and the logs that the run left, and starts nothing.
    Explain(ExplainArgs),
    /// Print each setting and where it came from
    Config(ConfigArgs),
    /// Print the completion script of a shell
    ///
    /// By the script the shell asks ccci itself what may stand where: recipes, runs, versions, tests, settings.
    Completions(CompletionsArgs),
    /// Print the help of a command, or about a topic
    Help(HelpArgs),
}

/// What `ccci doctor` takes.
#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    /// Mend what can be mended without harm, then check again
    #[arg(long, env = "CCCI_FIX", value_parser = BoolishValueParser::new())]
    pub fix: bool,
    /// Print one JSON document on standard output
    #[arg(long, env = "CCCI_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

/// What `ccci config` takes.
#[derive(Args, Clone, Debug)]
pub struct ConfigArgs {
    /// Print these settings only, as `limits.run`
    #[arg(value_name = "KEY", value_parser = parse_text)]
    pub keys: Vec<String>,
    /// Print one JSON document on standard output
    #[arg(long, env = "CCCI_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

/// What `ccci completions` takes.
#[derive(Args, Clone, Copy, Debug)]
pub struct CompletionsArgs {
    /// Write it for this shell
    pub shell: clap_complete::aot::Shell,
}

/// What `ccci help` takes.
#[derive(Args, Clone, Debug)]
pub struct HelpArgs {
    /// Explain this command, or the topic `exit-codes`
    #[arg(value_name = "COMMAND|TOPIC", value_parser = TOPICS)]
    pub topic: Option<String>,
}

/// What `ccci help` explains: each command, then the topics.
const TOPICS: [&str; 16] = [
    "test",
    "promote",
    "sweep",
    "reconcile",
    "teardown",
    "janitor",
    "enroll",
    "list",
    "exec",
    "shell",
    "doctor",
    "explain",
    "config",
    "completions",
    "help",
    "exit-codes",
];

/// Returns the command line's definition: values of variables are never shown in help.
pub fn definition() -> clap::Command {
    let hide = |arg: clap::Arg| arg.hide_env_values(true);
    Cli::command()
        .mut_args(hide)
        .mut_subcommands(move |command| command.mut_args(hide))
}

/// Reads a command line, its first word being the program's name; returns also which flags were typed.
pub fn parse(
    argv: impl IntoIterator<Item = OsString>,
) -> Result<(Cli, Vec<TypedFlag>), clap::Error> {
    let definition = definition();
    let matches = definition
        .clone()
        .try_get_matches_from(argv)
        .map_err(escape)?;
    let mut typed = typed_of(&definition, &matches);
    if let Some((name, below)) = matches.subcommand() {
        let command = definition.find_subcommand(name);
        typed.extend(typed_of(command.expect("clap chose it"), below));
    }
    Ok((Cli::from_arg_matches(&matches)?, typed))
}

/// Returns the flags of one command that were typed.
fn typed_of(command: &clap::Command, matches: &ArgMatches) -> Vec<TypedFlag> {
    let typed = command.get_arguments().filter_map(|arg| {
        let (long, id) = (arg.get_long()?, arg.get_id().as_str());
        let source = matches
            .try_contains_id(id)
            .ok()
            .and_then(|_| matches.value_source(id));
        let mut text =
            (source == Some(ValueSource::CommandLine)).then(|| matches.get_raw(id))??;
        Some(TypedFlag {
            long: long.to_owned(),
            variable: arg.get_env()?.to_str()?.to_owned(),
            text: text.next_back()?.to_string_lossy().into_owned(),
        })
    });
    typed.collect()
}

/// Tells whether a command line, be it one that cannot be read, asks for JSON.
pub fn asks_for_json(words: &[String]) -> bool {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let ours = words.split(|word| *word == "--").next().unwrap_or_default();
    let is_pair = |pair: &[&str]| pair == ["--message-format", "json"];
    ours.windows(2).any(is_pair)
        || ours
            .iter()
            .any(|word| ["--json", "--message-format=json"].contains(word))
}

/// Escapes what outside text an error carries, so that no control character reaches a terminal.
fn escape(mut error: clap::Error) -> clap::Error {
    let texts = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) => Some((kind, Invalid::new("word", text, "").input)),
        _ => None,
    });
    for (kind, text) in texts.collect::<Vec<_>>() {
        error.insert(kind, ContextValue::String(text));
    }
    error
}

/// Returns the names of all variables that stand for a flag, sorted.
pub fn variables() -> BTreeSet<String> {
    let definition = definition();
    let commands = std::iter::once(&definition).chain(definition.get_subcommands());
    let args = commands.flat_map(clap::Command::get_arguments);
    args.filter_map(|arg| arg.get_env()?.to_str().map(str::to_owned))
        .collect()
}

/// Returns the full help of a command, or of ccci itself, 80 columns wide.
pub fn help_of(command: Option<&str>) -> Option<String> {
    let mut definition = definition().term_width(80);
    definition.build();
    let found = match command {
        Some(name) => definition.find_subcommand_mut(name)?,
        None => &mut definition,
    };
    Some(found.render_long_help().to_string())
}

/// Renders `docs/cli.md`: the help of ccci and of each of its commands.
pub(crate) fn reference() -> String {
    let head = "# Command line\n\nGenerated from the doc comments of `src/cli.rs`.\nAfter a change there, run the tests with `CCCI_BLESS=1`.\n";
    let definition = definition();
    let names = definition.get_subcommands().map(clap::Command::get_name);
    let sections = std::iter::once(None).chain(names.map(Some)).map(|name| {
        let title = name.map_or_else(|| "ccci".to_owned(), |name| format!("ccci {name}"));
        let help = help_of(name).expect("the name is that of a command");
        let help: Vec<_> = help.trim_end().lines().map(str::trim_end).collect();
        format!("\n## `{title}`\n\n```text\n{}\n```\n", help.join("\n"))
    });
    head.to_owned() + &sections.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<(Cli, Vec<TypedFlag>), clap::Error> {
        let argv = std::iter::once("ccci").chain(words.iter().copied());
        parse(argv.map(OsString::from))
    }

    /// Returns the short help of a command, 80 columns wide.
    pub(super) fn summary_of(name: &str) -> String {
        let mut definition = definition().term_width(80);
        definition.build();
        let found = match name {
            "ccci" => &mut definition,
            _ => definition
                .find_subcommand_mut(name)
                .expect("it is a command"),
        };
        found.render_help().to_string()
    }

    fn refusal(words: &[&str]) -> String {
        let error = read(words).expect_err("the words are refused");
        assert_eq!(error.exit_code(), 2, "{words:?}");
        error.to_string()
    }

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn the_first_screen_fits() {
        insta::assert_snapshot!(summary_of("ccci"), @r"
Test Co-op Cloud recipes the way an operator lives with them

Usage: ccci [OPTIONS] <COMMAND>

Commands:
  test         Test recipes: deploy, upgrade, back up, restore, use, remove
  promote      Make a tested release the canonical of its recipe
  sweep        Test every recipe that has a new release, and promote what passes
  reconcile    Make the server's own apps what the configuration says
  teardown     Remove an app and prove that nothing of it is left
  janitor      Reap apps whose run is gone
  enroll       Enroll a recipe: write its first tests from what its files say
  list         Show where each recipe stands: level, last run, flaky results
  exec         Run a command in a service of an app under test
  shell        Open a shell in a service of an app under test
  doctor       Check this host, with a remedy for whatever it lacks
  explain      Name the known problems of a run, and what to do about each
  config       Print each setting and where it came from
  completions  Print the completion script of a shell
  help         Print the help of a command, or about a topic

Options:
  -h, --help     Print help (see more with '--help')
  -V, --version  Print version

Everywhere:
      --config <FILE>   Read this configuration file too, above all others [env:
                        CCCI_CONFIG]
      --color <WHEN>    Colour the text [env: CCCI_COLOR] [default: auto]
                        [possible values: auto, always, never]
      --progress <HOW>  Choose the display: a live one, lines only, or results
                        only [env: CCCI_PROGRESS] [default: auto] [possible
                        values: auto, live, plain, none]
      --no-input        Never ask; what needs an answer is refused [env:
                        CCCI_NO_INPUT]
  -y, --yes             Answer yes where a confirmation is asked for [env:
                        CCCI_YES]
  -q, --quiet...        Say less: `-q` failures and the summary, `-qq` the exit
                        code alone [env: CCCI_QUIET]
  -v, --verbose...      Say more: `-v` commands and their output, `-vv` what
                        explains ccci itself [env: CCCI_VERBOSE]
");
    }

    #[test]
    fn each_flag_has_its_variable() {
        let other_names = ["CCCI_REF", "CCCI_JANITOR_MAX_AGE"];
        let definition = definition();
        let commands = std::iter::once(&definition).chain(definition.get_subcommands());
        for arg in commands.flat_map(clap::Command::get_arguments) {
            let Some(long) = arg
                .get_long()
                .filter(|long| !matches!(*long, "help" | "version-of-ccci"))
            else {
                continue;
            };
            let variable = arg
                .get_env()
                .unwrap_or_else(|| panic!("--{long} has no variable"));
            let wanted = format!("CCCI_{}", long.replace('-', "_").to_uppercase());
            let variable = variable.to_str().unwrap();
            assert!(
                variable == wanted || other_names.contains(&variable),
                "--{long}: {variable}"
            );
        }
    }

    #[test]
    fn help_begins_with_an_imperative_and_no_full_stop() {
        let definition = definition();
        for command in definition.get_subcommands() {
            let texts = command.get_arguments().filter_map(clap::Arg::get_help);
            for text in texts.chain(command.get_about()) {
                let text = text.to_string();
                let first = text.lines().next().unwrap_or_default();
                assert!(
                    !first.is_empty() && !first.ends_with('.'),
                    "{}: {first}",
                    command.get_name()
                );
                assert!(
                    first.starts_with(char::is_uppercase),
                    "{}: {first}",
                    command.get_name()
                );
            }
        }
    }

    #[test]
    fn the_topics_are_the_commands_and_the_exit_codes() {
        let definition = definition();
        let names: Vec<_> = definition
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        assert_eq!(TOPICS[..names.len()], names);
        assert_eq!(TOPICS[names.len()..], ["exit-codes"]);
    }

    #[test]
    fn what_was_typed_is_told_from_what_was_not() {
        let words = [
            "--color",
            "never",
            "test",
            "--base-domain",
            "a.org",
            "--ref=main",
            "-j2",
        ];
        let (_, typed) = read(&words).unwrap();
        let shown: Vec<_> = typed
            .iter()
            .map(|flag| format!("{} {} {}", flag.long, flag.variable, flag.text))
            .collect();
        let wanted = [
            "color CCCI_COLOR never",
            "ref CCCI_REF main",
            "base-domain CCCI_BASE_DOMAIN a.org",
            "jobs CCCI_JOBS 2",
        ];
        assert_eq!(shown, wanted);
        let (_, typed) = read(&["janitor", "--dry-run", "--max-age", "1h"]).unwrap();
        let variables: Vec<_> = typed.iter().map(|flag| flag.variable.as_str()).collect();
        assert_eq!(variables, ["CCCI_JANITOR_MAX_AGE", "CCCI_DRY_RUN"]);
        let (cli, typed) = read(&["test", "--config", "a.toml"]).unwrap();
        assert_eq!(cli.global.config, Some(PathBuf::from("a.toml")));
        assert_eq!((typed.len(), typed[0].text.as_str()), (1, "a.toml"));
    }

    #[test]
    fn typos_get_a_suggestion() {
        insta::assert_snapshot!(refusal(&["test", "--stage", "install"]), @r"
error: unexpected argument '--stage' found

  tip: a similar argument exists: '--stages'

Usage: ccci test --stages <S,...> [RECIPE|PATH]...

For more information, try '--help'.
");
        insta::assert_snapshot!(refusal(&["tset"]), @r"
error: unrecognized subcommand 'tset'

  tip: a similar subcommand exists: 'test'

Usage: ccci [OPTIONS] <COMMAND>

For more information, try '--help'.
");
        insta::assert_snapshot!(refusal(&["test", "--keep", "allways"]), @r"
error: invalid value 'allways' for '--keep <WHEN>'
  [possible values: never, failed, always]

  tip: a similar value exists: 'always'

For more information, try '--help'.
");
        insta::assert_snapshot!(refusal(&["test", "--deployer", "swarm"]), @r"
error: invalid value 'swarm' for '--deployer <WHICH>'
  [possible values: auto, abra, docker]

For more information, try '--help'.
");
        insta::assert_snapshot!(refusal(&["help", "exit-code"]), @r"
error: invalid value 'exit-code' for '[COMMAND|TOPIC]'
  [possible values: test, promote, sweep, reconcile, teardown, janitor, enroll, list, exec, shell, doctor, explain, config, completions, help, exit-codes]

  tip: a similar value exists: 'exit-codes'

For more information, try '--help'.
");
    }

    #[test]
    fn no_name_gets_through_as_an_option_or_a_path() {
        for bad in [
            "",
            "Upper",
            "*",
            "$(id)",
            "`id`",
            "w\u{f6}rd",
            "a\u{200b}",
            "a\nb",
        ] {
            assert!(
                refusal(&["test", "--", bad]).contains("as in `custom-html`"),
                "{bad:?}"
            );
        }
        assert!(refusal(&["test", "--", "-rf"]).contains("as in `custom-html`"));
        assert!(refusal(&["test", "-rf"]).contains("unexpected argument '-r'"));
    }

    #[test]
    fn no_control_character_of_the_input_reaches_the_screen() {
        for words in [
            &["test", "a\u{1b}[31mb"][..],
            &["test", "--ref", "a\u{7}\u{202e}b"],
            &["te\u{1b}st"],
            &["test", "--fl\u{1b}ag"],
            &["test", "--keep", "nev\u{1b}er"],
        ] {
            let shown = refusal(words);
            assert!(
                !shown.contains(['\u{1b}', '\u{7}', '\u{202e}']),
                "{shown:?}"
            );
        }
    }

    #[test]
    fn a_value_out_of_range_names_the_range() {
        insta::assert_snapshot!(refusal(&["test", "--pr", "0"]), @r"
error: invalid value '0' for '--pr <NUMBER>': pull request `0` is not valid: a number from 1 to 18446744073709551615, as in `12`

For more information, try '--help'.
");
        insta::assert_snapshot!(refusal(&["test", "-j", "10000"]), @r"
error: invalid value '10000' for '--jobs <N>': number of jobs `10000` is not valid: a number from 1 to 64, as in `4`

For more information, try '--help'.
");
        insta::assert_snapshot!(refusal(&["test", "--timeout", "5 bananas"]), @r"
error: invalid value '5 bananas' for '--timeout <DURATION>': duration `5 bananas` is not valid: a duration over zero and of a year at most, as in `90s`, `10m`, `2h`, `30 days` or `1m 30s`

For more information, try '--help'.
");
        for bad in ["-1", "18446744073709551616"] {
            assert!(
                refusal(&["test", "--pr", bad]).contains("from 1 to"),
                "{bad}"
            );
        }
        for bad in ["-1", "0", "1e999"] {
            assert!(
                refusal(&["test", "--timeout", bad]).contains("as in `90s`"),
                "{bad}"
            );
        }
        for bad in ["0", "-1"] {
            assert!(
                refusal(&["test", "-j", bad]).contains("from 1 to 64"),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_ref_never_becomes_an_option_of_git() {
        for bad in ["", "--upload-pack=x", "-x", "a..b", "refs/heads/"] {
            let flag = format!("--ref={bad}");
            assert!(
                refusal(&["test", &flag]).contains("as git accepts it"),
                "{bad:?}"
            );
        }
        assert!(refusal(&["test", "--ref", &"a".repeat(41)]).contains("as git accepts it"));
        assert!(
            refusal(&["test", "--ref", "main", "--version", "1.0.0+1"]).contains("cannot be used")
        );
    }

    #[test]
    fn an_empty_or_wild_app_never_means_all() {
        for bad in ["", "*", "a_b.org", "-a.org"] {
            assert!(
                refusal(&["teardown", "--", bad]).contains("as in"),
                "{bad:?}"
            );
        }
        assert!(refusal(&["teardown"]).contains("required"));
        assert!(refusal(&["teardown", "k7m2q", "--all-runs"]).contains("cannot be used"));
    }

    #[test]
    fn a_line_asks_for_json_wherever_it_says_so_of_itself() {
        let asks = |line: &str| {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            asks_for_json(&words)
        };
        for line in [
            "teardown --json *",
            "test --keeep --message-format json",
            "--message-format=json tset",
        ] {
            assert!(asks(line), "{line}");
        }
        for line in [
            "test *",
            "test --message-format human",
            "test json --message-format",
            "exec app -- ls --json",
        ] {
            assert!(!asks(line), "{line}");
        }
    }

    #[test]
    fn a_command_for_a_service_keeps_its_options() {
        let (cli, _) = read(&["exec", "app", "--", "ls", "-l", "--color"]).unwrap();
        let Command::Exec(exec) = cli.command else {
            panic!("not exec")
        };
        assert_eq!(exec.argv, ["ls", "-l", "--color"]);
        assert_eq!(exec.service, "app");
    }
}
