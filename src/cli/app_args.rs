//! What the commands about one app take.

use std::ffi::OsString;

use clap::Args;

use super::values::{AppName, parse_text};

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
