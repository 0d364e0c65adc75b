//! Writes the manual pages to `man/` from the definition of the command line.

use anyhow::{Result, ensure};

use crate::run::cmd;

/// Has the test that compares the pages write them.
pub(crate) fn run(args: &[String]) -> Result<()> {
    ensure!(args.is_empty(), "the manual takes no arguments");
    let test = ["test", "--quiet", "--test", "docs", "the_manual_is_current"];
    cmd("cargo", &test).env("CCCI_BLESS", "1").show()
}
