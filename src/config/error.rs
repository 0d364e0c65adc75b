//! Why settings or a recipe's declarations cannot be used.

use std::{io, path::PathBuf};

use thiserror::Error;

/// What is wrong, and with what.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The file cannot be read.
    #[error("failed to read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file must not be used as it is.
    #[error("refused to read `{}`: {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
        /// How to put it right.
        hint: String,
    },
    /// The file's text is not what it should be: line, column and accepted names are in the message.
    #[error("failed to parse `{}`: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where and what, over several lines.
        message: String,
    },
    /// A file in the work tree under test sets what it must not.
    #[error("`{key}` cannot be set in `{}`: {reason}", path.display())]
    OutOfReach {
        /// The file.
        path: PathBuf,
        /// The setting.
        key: String,
        /// Why it cannot.
        reason: &'static str,
    },
    /// A variable or a flag has a value that cannot be used.
    #[error("{origin}: {message}")]
    Usage {
        /// The variable or flag.
        origin: String,
        /// What is wrong with it.
        message: String,
    },
}

impl Error {
    /// Tells whether the command line or the environment is at fault, rather than a file.
    pub(crate) const fn is_usage(&self) -> bool {
        matches!(self, Self::Usage { .. })
    }

    /// Returns what to do, in one imperative sentence.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { hint, .. } => Some(hint.clone()),
            Self::OutOfReach { .. } => Some(
                "move it to `~/.config/ccci/config.toml`, to `/etc/ccci/config.toml` or to a file given by `--config`"
                    .to_owned(),
            ),
            Self::Unreadable { .. } | Self::Invalid { .. } | Self::Usage { .. } => None,
        }
    }
}
