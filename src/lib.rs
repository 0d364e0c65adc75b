//! ccci, a test runner for Co-op Cloud recipes.

pub mod cli;
pub(crate) mod command;
pub(crate) mod config;
pub(crate) mod exit;
pub(crate) mod lifecycle;
pub mod model;
pub(crate) mod render;
pub(crate) mod sys;
pub(crate) mod tool;

/// Returns the pages of the reference that are made from the program itself, each with its path.
pub fn references() -> [(&'static str, String); 2] {
    [
        ("docs/cli.md", cli::reference()),
        ("docs/config.md", config::reference::reference()),
    ]
}
