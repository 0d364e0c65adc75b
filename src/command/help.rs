//! `ccci help`: the help of a command, or about a topic.

use super::{error::Error, view};
use crate::{
    cli::{self, HelpArgs},
    exit,
};

/// Prints the help.
pub(crate) fn run(args: &HelpArgs) -> Result<u8, Error> {
    let text = match args.topic.as_deref() {
        Some("exit-codes") => exit::table(),
        topic => cli::help_of(topic).expect("clap accepts names of commands only"),
    };
    view::print(text.as_bytes())?;
    Ok(exit::PASSED)
}
