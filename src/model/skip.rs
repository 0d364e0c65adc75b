//! Why something was not run, and whether the level climbs past it.

use serde::{Deserialize, Serialize};

use super::outcome::CheckKind;

/// Why a stage or a check was not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "text")]
pub enum SkipReason {
    /// Declared in `recipe.toml` or by a flag: climbs.
    Declared(String),
    /// There is nothing to test: climbs.
    NotApplicable(String),
    /// `--test` leaves out all its tests, and nothing else is done in it: does not climb.
    NotSelected(String),
    /// An earlier stage did not pass: does not climb.
    Earlier(String),
    /// Left out without being declared: does not climb.
    Undeclared(String),
}

impl SkipReason {
    /// Tells whether the level climbs past a stage skipped for this reason.
    pub const fn climbs(&self) -> bool {
        matches!(self, Self::Declared(_) | Self::NotApplicable(_))
    }

    /// Returns the reason's text.
    pub fn text(&self) -> &str {
        match self {
            Self::Declared(text)
            | Self::NotApplicable(text)
            | Self::NotSelected(text)
            | Self::Earlier(text)
            | Self::Undeclared(text) => text,
        }
    }
}

/// A test or a declared check that `--test` leaves out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NotSelected {
    /// Its kind.
    pub kind: CheckKind,
    /// Its name.
    pub name: String,
}
