//! `ccci completions`: the completion script of a shell.

use super::{error::Error, view};
use crate::{
    cli::{self, CompletionsArgs},
    exit,
};

/// Prints the script.
pub(crate) fn run(args: CompletionsArgs) -> Result<u8, Error> {
    let mut script = Vec::new();
    clap_complete::aot::generate(args.shell, &mut cli::definition(), "ccci", &mut script);
    view::print(&script)?;
    Ok(exit::PASSED)
}
