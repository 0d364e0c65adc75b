//! What the commands about canonicals take.

use std::time::Duration;

use clap::{Args, builder::BoolishValueParser};

use super::{
    test_args::{Execution, FlakyResult, NoTests, Place, Reporting, Selection, TestArgs},
    values::{Target, parse_target},
};
use crate::model::{
    input::{parse_duration, parse_jobs, parse_retries},
    recipe::{RecipeName, RecipeVersion},
    sweep::Partition,
};

/// What `ccci promote` takes.
#[derive(Args, Clone, Debug)]
pub struct PromoteArgs {
    /// Promote this recipe by name, or what its checkout has checked out by path (`.`, `dir/`, `/dir`)
    #[arg(value_name = "RECIPE|PATH", value_parser = parse_target)]
    pub target: Option<Target>,
    /// Promote this release [default: the newest that passed]
    #[arg(long, env = "CCCI_VERSION", value_name = "TAG")]
    pub version: Option<RecipeVersion>,
    /// Say what would be promoted and do nothing
    #[arg(long, env = "CCCI_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    /// Wait this long for a run that uses the canonical [default: 10m]
    #[arg(long, env = "CCCI_WAIT", value_name = "DURATION", value_parser = parse_duration)]
    pub wait: Option<Duration>,
    /// End the promotion after this long, as in `40m` or `1h 30m`
    #[arg(long, env = "CCCI_TIMEOUT", value_name = "DURATION", value_parser = parse_duration)]
    #[arg(allow_negative_numbers = true)]
    pub timeout: Option<Duration>,
    /// Where it is deployed.
    #[command(flatten)]
    pub place: Place,
    /// What is reported.
    #[command(flatten)]
    pub reporting: Reporting,
}

impl PromoteArgs {
    /// Returns what a test would take that is run and reported alike.
    pub fn as_test(&self) -> TestArgs {
        TestArgs {
            execution: Execution {
                timeout: self.timeout,
                wait: self.wait,
                ..plain_execution()
            },
            ..plain_test(&self.place, &self.reporting)
        }
    }
}

/// What `ccci sweep` takes.
#[derive(Args, Clone, Debug)]
pub struct SweepArgs {
    /// Sweep these recipes only [default: all of which a canonical is kept]
    #[arg(value_name = "RECIPE")]
    pub recipes: Vec<RecipeName>,
    /// Sweep one host's part of the recipes, as `2/4`
    #[arg(long, env = "CCCI_PARTITION", value_name = "M/N")]
    pub partition: Option<Partition>,
    /// Say what would be done and do nothing
    #[arg(long, env = "CCCI_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    /// Print one JSON document on standard output
    #[arg(long, env = "CCCI_JSON", value_parser = BoolishValueParser::new())]
    #[arg(conflicts_with = "message_format")]
    pub json: bool,
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
    #[arg(long, env = "CCCI_RETRIES", value_name = "N", value_parser = parse_retries)]
    pub retries: Option<u8>,
    /// End each run after this long, as in `40m` or `1h 30m`
    #[arg(long, env = "CCCI_TIMEOUT", value_name = "DURATION", value_parser = parse_duration)]
    #[arg(allow_negative_numbers = true)]
    pub timeout: Option<Duration>,
    /// Call a stage slow each time this long has passed
    #[arg(long, env = "CCCI_SLOW", value_name = "DURATION", value_parser = parse_duration)]
    pub slow: Option<Duration>,
    /// Wait this long for another run of the same app to end [default: do not wait]
    #[arg(long, env = "CCCI_WAIT", value_name = "DURATION", value_parser = parse_duration)]
    pub wait: Option<Duration>,
    /// Where it is deployed.
    #[command(flatten)]
    pub place: Place,
    /// What is reported.
    #[command(flatten)]
    pub reporting: Reporting,
}

impl SweepArgs {
    /// Returns what a test would take that is run and reported alike.
    pub fn as_test(&self) -> TestArgs {
        TestArgs {
            execution: Execution {
                jobs: self.jobs,
                retries: self.retries,
                timeout: self.timeout,
                slow: self.slow,
                wait: self.wait,
                ..plain_execution()
            },
            ..plain_test(&self.place, &self.reporting)
        }
    }
}

/// Returns what a test takes of which nothing is asked.
pub(super) fn plain_test(place: &Place, reporting: &Reporting) -> TestArgs {
    TestArgs {
        targets: Vec::new(),
        selection: Selection {
            reference: None,
            pr: None,
            src: None,
            version: None,
            quick: false,
            stages: None,
            tests: Vec::new(),
            deny: Vec::new(),
            no_tests: NoTests::Fail,
            dry_run: false,
            list: false,
        },
        place: place.clone(),
        execution: plain_execution(),
        reporting: reporting.clone(),
    }
}

/// Returns how a test is run that is to be run in no special way.
const fn plain_execution() -> Execution {
    Execution {
        jobs: None,
        retries: None,
        repeat: None,
        flaky_result: FlakyResult::Pass,
        max_fail: None,
        timeout: None,
        slow: None,
        keep: None,
        wait: None,
    }
}
