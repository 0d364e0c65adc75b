//! What the commands about one app, or about the apps that are left, take.

use std::{ffi::OsString, time::Duration};

use clap::{Args, builder::BoolishValueParser};

use super::values::{AppName, parse_text};
use crate::model::input::parse_duration;

/// What `ccci teardown` takes.
#[derive(Args, Clone, Debug)]
pub struct TeardownArgs {
    /// Remove the app of this domain, or of this run
    #[arg(value_name = "DOMAIN|RUN", required_unless_present = "all_runs")]
    pub app: Option<AppName>,
    /// Remove the app of every run that has ended
    #[arg(long, env = "CCCI_ALL_RUNS", conflicts_with = "app")]
    #[arg(value_parser = BoolishValueParser::new())]
    pub all_runs: bool,
    /// Confirm by the app's full domain
    #[arg(long, env = "CCCI_CONFIRM", value_name = "NAME", value_parser = parse_text)]
    #[arg(conflicts_with = "all_runs")]
    pub confirm: Option<String>,
    /// Say what would be removed and remove nothing
    #[arg(long, env = "CCCI_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    /// Print one JSON document on standard output
    #[arg(long, env = "CCCI_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

/// What `ccci janitor` takes.
#[derive(Args, Clone, Debug)]
pub struct JanitorArgs {
    /// Spare what has no record on this host until it is this old
    #[arg(long, env = "CCCI_JANITOR_MAX_AGE", value_name = "DURATION")]
    #[arg(value_parser = parse_duration)]
    pub max_age: Option<Duration>,
    /// Say of each app why it would be removed or not, and remove nothing
    #[arg(long, env = "CCCI_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    /// Print one JSON document on standard output
    #[arg(long, env = "CCCI_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

/// What `ccci list` takes.
#[derive(Args, Clone, Copy, Debug)]
pub struct ListArgs {
    /// Print one JSON document on standard output
    #[arg(long, env = "CCCI_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

/// What `ccci exec` takes.
#[derive(Args, Clone, Debug)]
pub struct ExecArgs {
    /// Choose the run whose app is meant
    #[arg(long, env = "CCCI_RUN_ID", value_name = "DOMAIN|RUN")]
    pub run_id: Option<AppName>,
    /// Run it in this service
    #[arg(value_parser = parse_text)]
    pub service: String,
    /// Run this command, never through a shell
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub argv: Vec<OsString>,
}

/// What `ccci shell` takes.
#[derive(Args, Clone, Debug)]
pub struct ShellArgs {
    /// Choose the run whose app is meant
    #[arg(long, env = "CCCI_RUN_ID", value_name = "DOMAIN|RUN")]
    pub run_id: Option<AppName>,
    /// Open it in this service
    #[arg(default_value = "app", value_parser = parse_text)]
    pub service: String,
}

/// What `ccci explain` takes.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// Explain this run, the last run of this recipe, or the run in this directory [default: latest]
    #[arg(value_name = "RUN|RECIPE|PATH", value_parser = parse_text)]
    pub run: Option<String>,
    /// Show every problem, and not the first few only
    #[arg(long, env = "CCCI_ALL", value_parser = BoolishValueParser::new())]
    pub all: bool,
    /// Print one JSON document on standard output
    #[arg(long, env = "CCCI_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}
