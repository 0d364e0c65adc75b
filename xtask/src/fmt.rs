//! Formats the code.

use anyhow::Result;

use crate::run::cmd;

/// What stable rustfmt takes on its command line only.
const GROUPED_IMPORTS: &str = "group_imports=StdExternalCrate";

/// Formats all crates of the workspace.
pub(crate) fn run(_args: &[String]) -> Result<()> {
    cmd(
        "cargo",
        &["fmt", "--all", "--", "--config", GROUPED_IMPORTS],
    )
    .show()
}

/// Fails when the code is not formatted.
pub(crate) fn check() -> Result<()> {
    cmd(
        "cargo",
        &["fmt", "--all", "--", "--check", "--config", GROUPED_IMPORTS],
    )
    .show()
}
