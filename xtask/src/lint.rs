//! Checks format, clippy's warnings and the dependencies.

use anyhow::Result;

use crate::run::cmd;
use crate::{fmt, packages, say};

/// Runs all checks and stops at the first that fails.
pub(crate) fn run(_args: &[String]) -> Result<()> {
    fmt::check()?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ];
    cmd("cargo", &clippy).show()?;
    if packages::is_installed("cargo-deny")? {
        cmd("cargo", &["deny", "--log-level", "warn", "check"]).show()?;
        say::line("lint: format, clippy and dependencies are clean");
    } else {
        say::line(
            "lint: format and clippy are clean; cargo-deny is not installed, so dependencies are unchecked",
        );
    }
    Ok(())
}
