//! The manual: a page for ccci and one for each command, made from the definition of the command line.

use ccci::cli;
use clap_mangen::{
    Man,
    roff::{Inline, Roff, bold, italic, roman},
};

/// Files that a page names: the path, what it holds, and the commands that it concerns; none means all of them.
const FILES: [(&str, &str, &[&str]); 10] = [
    (
        "/etc/ccci/config.toml, ~/.config/ccci/config.toml, ./ccci.toml",
        "The settings, each file over the one before it. What $CCCI_CONFIG and --config name comes after these.",
        &[],
    ),
    (
        "/var/lib/ccci/, ~/.local/state/ccci/",
        "The state directory: that of root, and that of everybody else. $CCCI_STATE_DIR names another.",
        &["ccci", "test", "teardown", "janitor", "exec", "shell"],
    ),
    (
        "runs/latest",
        "In the state directory, the newest run.",
        &["ccci", "test"],
    ),
    (
        "runs/ID/report.json, junit.xml, summary.md, events.jsonl",
        "The records of a run, for programs, for CI engines and for people, and every fact of it. \
         --log-dir puts them elsewhere.",
        &["test"],
    ),
    (
        "runs/ID/STAGE/",
        "A log for each step of a stage, and the evidence of one that did not pass.",
        &["test"],
    ),
    (
        "runs/ID/journal.jsonl",
        "What the run was about to make, written before it was made.",
        &["test", "teardown", "janitor"],
    ),
    (
        "locks/",
        "In the state directory, who works on which app.",
        &["test", "teardown", "janitor"],
    ),
    (
        "tests/",
        "In a recipe, its own tests and its recipe.toml.",
        &["test"],
    ),
    (
        "recipes-tests/RECIPE/",
        "Tests that are kept for a recipe, in the folder that the setting recipes.tests-dir names.",
        &["test"],
    ),
    (
        "~/.local/share/bash-completion/completions/ccci, ~/.config/fish/completions/ccci.fish",
        "Where bash, with the package bash-completion, and fish look for scripts of completion.",
        &["completions"],
    ),
];

/// Examples of a page: the command, the call, and what it does.
const EXAMPLES: [(&str, &str, &str); 16] = [
    (
        "test",
        "ccci test",
        "Test the checkout in the current directory.",
    ),
    (
        "test",
        "ccci test ./gitea --keep failed",
        "Test a checkout, and leave its app running where a stage fails.",
    ),
    (
        "test",
        "ccci test gitea --version 3.2.0+1.22.2-rootless",
        "Test a release of a recipe, fetched by its name.",
    ),
    (
        "test",
        "ccci test ./gitea --list",
        "Print which tests would be run in each stage, and why others would not.",
    ),
    (
        "test",
        "ccci test gitea --pr 12 --dry-run",
        "Print what would be done for the head of a pull request.",
    ),
    (
        "teardown",
        "ccci teardown k7m2q",
        "Remove the app of a run; on a terminal, ask first.",
    ),
    (
        "teardown",
        "ccci teardown --all-runs --yes",
        "Remove the app of every run that has ended, kept ones too.",
    ),
    (
        "janitor",
        "ccci janitor --dry-run",
        "Say of each app whether it would be removed, and why.",
    ),
    (
        "exec",
        "ccci exec db -- psql -U app -c 'select 1'",
        "Run a command in a service of the only app under test.",
    ),
    (
        "exec",
        "CCCI_RUN_ID=k7m2q ccci exec app -- ls -l /data",
        "Of several apps, choose that of a run.",
    ),
    ("shell", "ccci shell db", "Open a shell in the service db."),
    (
        "explain",
        "ccci explain",
        "Name the known problems of the latest run.",
    ),
    (
        "explain",
        "ccci explain wordpress --all",
        "Name all of those that the last run of a recipe shows.",
    ),
    (
        "config",
        "ccci config limits.run-timeout",
        "Print a setting, and where it came from.",
    ),
    (
        "completions",
        "ccci completions fish > ~/.config/fish/completions/ccci.fish",
        "Complete the command line in fish.",
    ),
    (
        "help",
        "ccci help exit-codes",
        "Print the exit codes of every command.",
    ),
];

/// Returns every page with its path.
pub(crate) fn pages() -> Vec<(String, String)> {
    let mut whole = cli::definition();
    whole.build();
    let commands = whole.get_subcommands().cloned();
    let commands: Vec<_> = commands
        .map(|command| (command.get_name().to_owned(), command))
        .collect();
    let mut pages = vec![page("ccci", whole.clone(), &commands)];
    for (name, command) in &commands {
        // What every command takes is told once, in ccci(1).
        let own = command.clone().mut_args(|arg| {
            let is_shared = arg.is_global_set();
            arg.hide(is_shared)
        });
        pages.push(page(name, own, &commands));
    }
    pages
}

/// Renders the page of a command, or of ccci itself.
fn page(
    name: &str,
    mut command: clap::Command,
    all: &[(String, clap::Command)],
) -> (String, String) {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let title = match name {
        "ccci" => name.to_owned(),
        _ => format!("ccci-{name}"),
    };
    let release = format!("ccci {}", env!("CARGO_PKG_VERSION"));
    let variables = environment(&command);
    let command = command
        .override_usage(usage)
        .subcommand_help_heading("COMMANDS");
    let command = command.mut_arg("help", |arg| arg.help("Print help").long_help("Print help"));
    // A blank for the date: an empty word would be left out, and the words after it would move up.
    let man = Man::new(command).title(&title).date(" ");
    let man = man.source(release).manual("ccci manual");
    let mut text = Vec::new();
    let made = "a page is written to memory";
    man.render_title(&mut text).expect(made);
    man.render_name_section(&mut text).expect(made);
    man.render_synopsis_section(&mut text).expect(made);
    man.render_description_section(&mut text).expect(made);
    man.render_options_section(&mut text).expect(made);
    let mut own = Roff::new();
    if name == "ccci" {
        man.render_subcommands_section(&mut text).expect(made);
    } else {
        own.control("PP", []);
        own.text([roman(
            "The options that every command takes are in ccci(1).",
        )]);
    }
    environment_section(&mut own, name, &variables);
    exit_section(&mut own, name);
    files_section(&mut own, name);
    examples_section(&mut own, name);
    see_also(&mut own, name, all);
    own.to_writer(&mut text).expect(made);
    let text = String::from_utf8(text).expect("pages are text");
    (format!("man/{title}.1"), emphasised(&once(&text)))
}

/// Returns the variable of each option, with the option.
fn environment(command: &clap::Command) -> Vec<(String, String)> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let pairs = shown.filter_map(|arg| Some((arg.get_env()?.to_str()?, arg.get_long()?)));
    let mut pairs: Vec<_> = pairs
        .map(|(variable, long)| (variable.to_owned(), format!("--{long}")))
        .collect();
    pairs.sort();
    pairs
}

/// Writes which variables stand for options.
fn environment_section(roff: &mut Roff, name: &str, variables: &[(String, String)]) {
    if variables.is_empty() {
        return;
    }
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman("A variable stands for an option that is not given.")]);
    for (variable, option) in variables {
        roff.control("TP", ["28"]);
        roff.text([bold(variable)]);
        roff.text([roman(option)]);
    }
    if name == "ccci" {
        let text = "Every setting has a variable too, as CCCI_BASE_DOMAIN for server.base-domain.";
        roff.control("PP", []);
        roff.text([roman(text)]);
    }
}

/// Writes the exit codes, which all commands share.
fn exit_section(roff: &mut Roff, name: &str) {
    roff.control("SH", ["EXIT STATUS"]);
    if ["exec", "shell"].contains(&name) {
        roff.text([roman("That of what was run, where it was run; else:")]);
    }
    for (code, meaning) in ccci::exit_codes() {
        item(roff, [bold(*code)], meaning);
    }
    roff.control("PP", []);
    roff.text([roman(
        "When several apply, the first of these counts: a signal, 100, 103, 104, 5.",
    )]);
}

/// Writes the files that a command has to do with.
fn files_section(roff: &mut Roff, name: &str) {
    roff.control("SH", ["FILES"]);
    for (path, what, commands) in FILES {
        if commands.is_empty() || commands.contains(&name) {
            item(roff, [italic(path)], what);
        }
    }
}

/// Writes examples, where there are some.
fn examples_section(roff: &mut Roff, name: &str) {
    let mut examples = EXAMPLES
        .iter()
        .filter(|(command, ..)| *command == name)
        .peekable();
    if examples.peek().is_none() {
        return;
    }
    roff.control("SH", ["EXAMPLES"]);
    for (_, call, what) in examples {
        item(roff, [bold(*call)], what);
    }
}

/// Writes the names of the other pages.
fn see_also(roff: &mut Roff, name: &str, all: &[(String, clap::Command)]) {
    let others = all.iter().map(|(other, _)| other.as_str());
    let others = others.filter(|other| *other != name);
    let mut pages: Vec<_> = others.map(|other| format!("ccci-{other}(1)")).collect();
    if name != "ccci" {
        pages.insert(0, "ccci(1)".to_owned());
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages.join(", "))]);
}

/// Writes an item of a list: its name, and its sentence below that.
fn item<const N: usize>(roff: &mut Roff, name: [Inline; N], text: &str) {
    roff.control("TP", []);
    roff.text(name);
    roff.text([roman(text)]);
}

/// Takes out the lines that define a quote, but for the first: each section brings its own.
fn once(text: &str) -> String {
    let mut defined = [".ie ", ".el "].map(|begin| (begin, false));
    let lines = text.lines().filter(|line| {
        let mut definitions = defined.iter_mut();
        let definition = definitions.find(|(begin, _)| line.starts_with(*begin));
        !definition.is_some_and(|(_, is_there)| std::mem::replace(is_there, true))
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Puts into bold what stands between backticks, which a terminal would show as quotes that open and never close.
fn emphasised(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let parts = line.split('`').enumerate();
        let parts = parts.map(|(at, part)| match at % 2 {
            0 => part.to_owned(),
            _ => format!("\\fB{part}\\fR"),
        });
        let is_paired = line.matches('`').count() % 2 == 0;
        assert!(is_paired, "a backtick too many: {line}");
        parts.collect::<String>() + "\n"
    });
    lines.collect()
}

#[test]
fn examples_of_the_manual_are_understood() {
    for (command, call, _) in EXAMPLES {
        let words = call.split(" > ").next().unwrap_or_default();
        let words = words.split(' ').skip_while(|word| word.contains('='));
        let words: Vec<_> = words.map(std::ffi::OsString::from).collect();
        let error = cli::parse(words.clone()).err();
        assert!(error.is_none(), "{call}: {error:?}");
        assert_eq!(
            words.get(1).and_then(|word| word.to_str()),
            Some(command),
            "{call}"
        );
    }
}

#[test]
fn files_and_examples_are_of_commands_that_exist() {
    let definition = cli::definition();
    let exists = |name: &str| name == "ccci" || definition.find_subcommand(name).is_some();
    let of_files = FILES.iter().flat_map(|(.., commands)| commands.iter());
    let of_examples = EXAMPLES.iter().map(|(command, ..)| command);
    for name in of_files.chain(of_examples) {
        assert!(exists(name), "there is no command `{name}`");
    }
}
