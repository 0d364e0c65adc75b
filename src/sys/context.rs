//! What a command has at hand: settings, what children share, the machine's name.

use std::path::PathBuf;

use super::{process::Host, redact::Secret};
use crate::config::settings::Settings;

/// Passed first to whatever acts.
#[derive(Clone)]
pub(crate) struct Context {
    /// All settings, resolved.
    pub(crate) settings: Settings,
    /// What children share: environment, redactor, interrupt.
    pub(crate) host: Host,
    /// The token for private git repositories, where there is one that can be used.
    pub(crate) git_token: Option<Secret>,
    /// The token for the mirrors of recipes, where there is one that can be used.
    pub(crate) mirror_token: Option<Secret>,
    /// Where docker is.
    pub(crate) docker: PathBuf,
    /// Where git is.
    pub(crate) git: PathBuf,
    /// Where ccci itself is, so that tests can call it.
    pub(crate) own_folder: Option<PathBuf>,
    /// The machine's name.
    pub(crate) hostname: String,
    /// What tells one start of the machine from another.
    pub(crate) boot_id: String,
    /// The command line.
    pub(crate) argv: Vec<String>,
}
