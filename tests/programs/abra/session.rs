//! What holds for the whole call: the flags of every command and the directory tree.

use std::path::PathBuf;

use crate::cli::Flags;
use crate::fatal::{Fatal, Result};
use crate::host;
use crate::output;

/// The stand-in's own: where it keeps what the backup bot would keep in its repository.
const REPOSITORY_VARIABLE: &str = "ABRA_STAND_IN_REPOSITORY";

/// The stand-in's own: the repository's directory below the root when the variable is unset.
const REPOSITORY_DIRECTORY: &str = "stand-in-repository";

/// The flags and directories of one call.
pub(crate) struct Session {
    /// The flags that every command takes.
    pub(crate) flags: Flags,
    /// `$ABRA_DIR`, else `~/.abra`.
    pub(crate) root: PathBuf,
}

impl Session {
    /// Reads the environment.
    pub(crate) fn open(flags: Flags) -> Result<Self> {
        let root = match (host::variable("ABRA_DIR"), host::variable("HOME")) {
            (Some(root), _) => PathBuf::from(root),
            (None, Some(home)) => PathBuf::from(home).join(".abra"),
            (None, None) => return Err(Fatal::new("neither ABRA_DIR nor HOME is set")),
        };
        Ok(Self { flags, root })
    }

    /// Returns the directory of all servers.
    pub(crate) fn servers(&self) -> PathBuf {
        self.root.join("servers")
    }

    /// Returns the directory of the snapshots.
    pub(crate) fn repository(&self) -> PathBuf {
        host::variable(REPOSITORY_VARIABLE)
            .map_or_else(|| self.root.join(REPOSITORY_DIRECTORY), PathBuf::from)
    }

    /// Asks before something changes, unless told not to ask.
    pub(crate) fn proceed(&self, question: &str) -> Result<()> {
        if self.flags.no_input {
            Ok(())
        } else {
            output::confirm(question)
        }
    }

    /// Prints a line when debugging.
    pub(crate) fn debug(&self, place: &str, text: &str) {
        if self.flags.debug {
            output::debug(place, text);
        }
    }
}
