//! What `ccci test` takes.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, builder::BoolishValueParser};

use super::values::{
    DEPLOYER, FINAL_STATUS_LEVEL, INGRESS, KEEP, MaxFail, OUTPUT_WHEN, STATUS_LEVEL, Target,
    one_explained, one_of, parse_target, parse_text,
};
use crate::model::{
    app::AppDomain,
    display::{FinalStatusLevel, OutputWhen, StatusLevel},
    input::{
        Address, DeployerChoice, IngressChoice, parse_duration, parse_jobs, parse_patterns,
        parse_pr, parse_repeats, parse_retries, parse_stages,
    },
    pattern::TestPattern,
    recipe::{RecipeVersion, parse_ref},
    run::Keep,
    stage::Stage,
};

/// What `ccci test` takes.
#[derive(Args, Clone, Debug)]
pub struct TestArgs {
    /// Test these recipes by name, or checkouts by path (`.`, `dir/`, `/dir`)
    #[arg(value_name = "RECIPE|PATH", value_parser = parse_target)]
    pub targets: Vec<Target>,
    /// What is tested.
    #[command(flatten)]
    pub selection: Selection,
    /// Where it is deployed.
    #[command(flatten)]
    pub place: Place,
    /// How it is run.
    #[command(flatten)]
    pub execution: Execution,
    /// What is reported.
    #[command(flatten)]
    pub reporting: Reporting,
}

/// Which commit and which stages are tested.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What is tested")]
pub struct Selection {
    /// Test this branch, tag or commit
    #[arg(id = "ref", long = "ref", env = "CCCI_REF", value_name = "REF", value_parser = parse_ref)]
    #[arg(conflicts_with = "version")]
    pub reference: Option<String>,
    /// Name the pull request that the ref belongs to
    #[arg(long, env = "CCCI_PR", value_name = "NUMBER", value_parser = parse_pr)]
    #[arg(allow_negative_numbers = true)]
    pub pr: Option<u64>,
    /// Fetch the recipe from this git URL, or from `owner/name` on the configured forge
    #[arg(long, env = "CCCI_SRC", value_name = "URL", value_parser = parse_text)]
    pub src: Option<String>,
    /// Test this released version
    #[arg(long, env = "CCCI_VERSION", value_name = "TAG")]
    pub version: Option<RecipeVersion>,
    /// Start from the data of the recipe's canonical, upgrade it, and put it back afterwards
    #[arg(long, env = "CCCI_QUICK", value_parser = BoolishValueParser::new())]
    #[arg(conflicts_with = "keep")]
    pub quick: bool,
    /// Run these stages: install, upgrade, backup, restore, custom [default: all]
    #[arg(long, env = "CCCI_STAGES", value_name = "S,...", value_parser = stages_parser)]
    pub stages: Option<StageList>,
    /// Run these tests and declared checks only: by a part of the name, by `*` and `?`, or by `FILE::FUNCTION`
    #[arg(long = "test", env = "CCCI_TEST", value_name = "PATTERN,...", value_parser = tests_parser)]
    pub tests: Vec<PatternList>,
    /// Turn findings of this kind into failures
    #[arg(long, env = "CCCI_DENY", value_name = "KIND")]
    pub deny: Vec<Deny>,
    /// Decide what happens when nothing is selected
    #[arg(
        long,
        env = "CCCI_NO_TESTS",
        value_name = "ACTION",
        default_value = "fail"
    )]
    pub no_tests: NoTests,
    /// Print the plan and do nothing
    #[arg(long, env = "CCCI_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    /// List what would run in each stage, and why the rest would not; do nothing
    #[arg(long, env = "CCCI_LIST", value_parser = BoolishValueParser::new())]
    pub list: bool,
}

impl Selection {
    /// Tells whether only a plan is asked for.
    pub const fn is_dry(&self) -> bool {
        self.dry_run || self.list
    }
}

/// The stages given to one flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageList(pub Vec<Stage>);

/// Reads the stages of one flag.
fn stages_parser(text: &str) -> Result<StageList, crate::model::recipe::Invalid> {
    parse_stages(text).map(StageList)
}

/// The patterns given to one flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternList(pub Vec<TestPattern>);

/// Reads the patterns of one flag.
fn tests_parser(text: &str) -> Result<PatternList, crate::model::recipe::Invalid> {
    parse_patterns(text).map(PatternList)
}

/// What deploys the app, where, and how it is reached.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Where it is deployed")]
pub struct Place {
    /// Give apps domains under this one
    #[arg(long, env = "CCCI_BASE_DOMAIN", value_name = "DOMAIN")]
    pub base_domain: Option<AppDomain>,
    /// Deploy with abra, or with Docker alone; `auto` takes abra where it is on PATH
    #[arg(long, env = "CCCI_DEPLOYER", value_name = "WHICH", value_parser = one_of(&DEPLOYER))]
    pub deployer: Option<DeployerChoice>,
    /// Reach the app through the proxy or directly; `auto` takes the proxy where there is one
    #[arg(long, env = "CCCI_INGRESS", value_name = "WAY", value_parser = one_of(&INGRESS))]
    pub ingress: Option<IngressChoice>,
    /// Connect to this address instead of what DNS says
    #[arg(long, env = "CCCI_RESOLVE_TO", value_name = "IP[:PORT]")]
    pub resolve_to: Option<Address>,
    /// Trust the certificate authorities in this PEM file too
    #[arg(long, env = "CCCI_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// How the tests are run.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "How it is run")]
pub struct Execution {
    /// Run this many recipes side by side
    #[arg(
        short,
        long,
        env = "CCCI_JOBS",
        value_name = "N",
        allow_negative_numbers = true
    )]
    #[arg(value_parser = parse_jobs)]
    pub jobs: Option<u8>,
    /// Try a failed custom test again up to this many times
    #[arg(long, env = "CCCI_RETRIES", value_name = "N")]
    #[arg(value_parser = parse_retries)]
    pub retries: Option<u8>,
    /// Run each test file this many times over the same app, whatever comes of it
    #[arg(
        long,
        env = "CCCI_REPEAT",
        value_name = "N",
        conflicts_with = "retries"
    )]
    #[arg(value_parser = parse_repeats, allow_negative_numbers = true)]
    pub repeat: Option<u16>,
    /// Decide how a test counts that passes on some of its tries
    #[arg(
        long,
        env = "CCCI_FLAKY_RESULT",
        value_name = "RESULT",
        default_value = "pass"
    )]
    pub flaky_result: FlakyResult,
    /// Begin no further recipe after this many have failed; with `:immediate` cancel the running ones
    #[arg(long, env = "CCCI_MAX_FAIL", value_name = "N[:immediate]")]
    pub max_fail: Option<MaxFail>,
    /// End each run after this long, as in `40m` or `1h 30m`
    #[arg(long, env = "CCCI_TIMEOUT", value_name = "DURATION", value_parser = parse_duration)]
    #[arg(allow_negative_numbers = true)]
    pub timeout: Option<Duration>,
    /// Call a stage slow each time this long has passed
    #[arg(long, env = "CCCI_SLOW", value_name = "DURATION", value_parser = parse_duration)]
    pub slow: Option<Duration>,
    /// Keep the app after the run, with an expiry
    #[arg(long, env = "CCCI_KEEP", value_name = "WHEN", value_parser = one_of(&KEEP))]
    pub keep: Option<Keep>,
    /// Wait this long for another run of the same app to end [default: do not wait]
    #[arg(long, env = "CCCI_WAIT", value_name = "DURATION", value_parser = parse_duration)]
    pub wait: Option<Duration>,
}

/// What is printed and written.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What is reported")]
pub struct Reporting {
    /// Print messages of this format on standard output; `human` prints none there
    #[arg(
        long,
        env = "CCCI_MESSAGE_FORMAT",
        value_name = "FORMAT",
        default_value = "human"
    )]
    pub message_format: MessageFormat,
    /// Write a `JUnit` report to this file as well
    #[arg(long, env = "CCCI_JUNIT", value_name = "PATH")]
    pub junit: Option<PathBuf>,
    /// Write the run's records below this directory
    #[arg(long, env = "CCCI_LOG_DIR", value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
    /// Pass the output of tests through as it comes; one recipe at a time, no live display
    #[arg(long, env = "CCCI_NO_CAPTURE", value_parser = BoolishValueParser::new())]
    pub no_capture: bool,
    /// Show results of this level and the graver ones as they come
    #[arg(
        long,
        env = "CCCI_STATUS_LEVEL",
        value_name = "LEVEL",
        default_value = "pass",
        value_parser = one_explained(&STATUS_LEVEL)
    )]
    pub status_level: StatusLevel,
    /// Repeat results of this level and the graver ones at the end
    #[arg(
        long,
        env = "CCCI_FINAL_STATUS_LEVEL",
        value_name = "LEVEL",
        default_value = "flaky",
        value_parser = one_explained(&FINAL_STATUS_LEVEL)
    )]
    pub final_status_level: FinalStatusLevel,
    /// Show the evidence of what failed at this time
    #[arg(
        long,
        env = "CCCI_FAILURE_OUTPUT",
        value_name = "WHEN",
        default_value = "immediate",
        value_parser = one_explained(&OUTPUT_WHEN)
    )]
    pub failure_output: OutputWhen,
    /// Show the output of what passed at this time
    #[arg(
        long,
        env = "CCCI_SUCCESS_OUTPUT",
        value_name = "WHEN",
        default_value = "never",
        value_parser = one_explained(&OUTPUT_WHEN)
    )]
    pub success_output: OutputWhen,
    /// Print a line at least this often where there is no live display; `0` prints none
    #[arg(
        long,
        env = "CCCI_HEARTBEAT",
        value_name = "DURATION",
        default_value = "30s"
    )]
    #[arg(value_parser = parse_heartbeat)]
    pub heartbeat: Heartbeat,
}

/// How often a line is printed where there is no live display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// Never.
    Off,
    /// After this long without a line.
    Every(Duration),
}

/// Reads a heartbeat's period; zero turns it off.
fn parse_heartbeat(text: &str) -> Result<Heartbeat, crate::model::recipe::Invalid> {
    match text {
        "0" | "0s" => Ok(Heartbeat::Off),
        _ => parse_duration(text).map(Heartbeat::Every),
    }
}

/// What can be turned into a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    /// Findings about the recipe's text.
    Lint,
}

/// What happens when nothing is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NoTests {
    /// Exit with 0 and say nothing.
    Pass,
    /// Exit with 0 and warn.
    Warn,
    /// Exit with 4.
    Fail,
}

/// How a test counts that passes on some of its tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FlakyResult {
    /// As passed.
    Pass,
    /// As failed.
    Fail,
}

/// What is printed on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// Nothing: text for people goes to standard error.
    Human,
    /// One JSON object a line for each event.
    Json,
}

#[cfg(test)]
mod tests {
    #[test]
    #[expect(
        clippy::too_many_lines,
        reason = "the text is long, the code is one line"
    )]
    fn the_summary_of_test_is_what_people_read() {
        insta::assert_snapshot!(crate::cli::tests::summary_of("test"), @r"
Test recipes: deploy, upgrade, back up, restore, use, remove

Usage: ccci test [OPTIONS] [RECIPE|PATH]...

Arguments:
  [RECIPE|PATH]...  Test these recipes by name, or checkouts by path (`.`,
                    `dir/`, `/dir`)

Options:
  -h, --help  Print help (see more with '--help')

What is tested:
      --ref <REF>           Test this branch, tag or commit [env: CCCI_REF]
      --pr <NUMBER>         Name the pull request that the ref belongs to [env:
                            CCCI_PR]
      --src <URL>           Fetch the recipe from this git URL, or from
                            `owner/name` on the configured forge [env: CCCI_SRC]
      --version <TAG>       Test this released version [env: CCCI_VERSION]
      --quick               Start from the data of the recipe's canonical,
                            upgrade it, and put it back afterwards [env:
                            CCCI_QUICK]
      --stages <S,...>      Run these stages: install, upgrade, backup, restore,
                            custom [default: all] [env: CCCI_STAGES]
      --test <PATTERN,...>  Run these tests and declared checks only: by a part
                            of the name, by `*` and `?`, or by `FILE::FUNCTION`
                            [env: CCCI_TEST]
      --deny <KIND>         Turn findings of this kind into failures [env:
                            CCCI_DENY] [possible values: lint]
      --no-tests <ACTION>   Decide what happens when nothing is selected [env:
                            CCCI_NO_TESTS] [default: fail] [possible values:
                            pass, warn, fail]
      --dry-run             Print the plan and do nothing [env: CCCI_DRY_RUN]
      --list                List what would run in each stage, and why the rest
                            would not; do nothing [env: CCCI_LIST]

Where it is deployed:
      --base-domain <DOMAIN>    Give apps domains under this one [env:
                                CCCI_BASE_DOMAIN]
      --deployer <WHICH>        Deploy with abra, or with Docker alone; `auto`
                                takes abra where it is on PATH [env:
                                CCCI_DEPLOYER] [possible values: auto, abra,
                                docker]
      --ingress <WAY>           Reach the app through the proxy or directly;
                                `auto` takes the proxy where there is one [env:
                                CCCI_INGRESS] [possible values: auto, proxy,
                                direct]
      --resolve-to <IP[:PORT]>  Connect to this address instead of what DNS says
                                [env: CCCI_RESOLVE_TO]
      --ca-file <FILE>          Trust the certificate authorities in this PEM
                                file too [env: CCCI_CA_FILE]

How it is run:
  -j, --jobs <N>
          Run this many recipes side by side [env: CCCI_JOBS]
      --retries <N>
          Try a failed custom test again up to this many times [env:
          CCCI_RETRIES]
      --repeat <N>
          Run each test file this many times over the same app, whatever comes
          of it [env: CCCI_REPEAT]
      --flaky-result <RESULT>
          Decide how a test counts that passes on some of its tries [env:
          CCCI_FLAKY_RESULT] [default: pass] [possible values: pass, fail]
      --max-fail <N[:immediate]>
          Begin no further recipe after this many have failed; with `:immediate`
          cancel the running ones [env: CCCI_MAX_FAIL]
      --timeout <DURATION>
          End each run after this long, as in `40m` or `1h 30m` [env:
          CCCI_TIMEOUT]
      --slow <DURATION>
          Call a stage slow each time this long has passed [env: CCCI_SLOW]
      --keep <WHEN>
          Keep the app after the run, with an expiry [env: CCCI_KEEP] [possible
          values: never, failed, always]
      --wait <DURATION>
          Wait this long for another run of the same app to end [default: do not
          wait] [env: CCCI_WAIT]

What is reported:
      --message-format <FORMAT>
          Print messages of this format on standard output; `human` prints none
          there [env: CCCI_MESSAGE_FORMAT] [default: human] [possible values:
          human, json]
      --junit <PATH>
          Write a `JUnit` report to this file as well [env: CCCI_JUNIT]
      --log-dir <DIR>
          Write the run's records below this directory [env: CCCI_LOG_DIR]
      --no-capture
          Pass the output of tests through as it comes; one recipe at a time, no
          live display [env: CCCI_NO_CAPTURE]
      --status-level <LEVEL>
          Show results of this level and the graver ones as they come [env:
          CCCI_STATUS_LEVEL] [default: pass] [possible values: none, fail, try,
          slow, leak, pass, skip, all]
      --final-status-level <LEVEL>
          Repeat results of this level and the graver ones at the end [env:
          CCCI_FINAL_STATUS_LEVEL] [default: flaky] [possible values: none,
          fail, flaky, slow, leak, pass, skip, all]
      --failure-output <WHEN>
          Show the evidence of what failed at this time [env:
          CCCI_FAILURE_OUTPUT] [default: immediate] [possible values: immediate,
          final, immediate-final, never]
      --success-output <WHEN>
          Show the output of what passed at this time [env: CCCI_SUCCESS_OUTPUT]
          [default: never] [possible values: immediate, final, immediate-final,
          never]
      --heartbeat <DURATION>
          Print a line at least this often where there is no live display; `0`
          prints none [env: CCCI_HEARTBEAT] [default: 30s]

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
}
