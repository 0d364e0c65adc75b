//! `ccci completions`: the script by which a shell asks ccci itself.

use super::{complete, error::Error, view};
use crate::{cli::CompletionsArgs, exit};

/// Prints the script.
pub(crate) fn run(args: CompletionsArgs) -> Result<u8, Error> {
    let script = complete::installed_script(&args.shell.to_string());
    view::print(script.as_bytes())?;
    Ok(exit::PASSED)
}
