//! A folder with all that is below it as one archive: packed, measured, unpacked.
//!
//! Everything is opened relative to the folder that holds it, and no symbolic link is ever followed, so that nothing
//! in a tree or in an archive leads out of the folder. A tree must be at rest: what changes meanwhile is an error.

mod attributes;
mod digester;
mod empty;
mod entry;
mod measure;
mod pack;
mod pax;
mod sparse;
mod stream;
#[cfg(test)]
mod tests;
mod unpack;
mod words;

use std::{ffi::OsStr, io, os::fd::OwnedFd, os::unix::ffi::OsStrExt, path::Path};

pub(crate) use digester::digest;
pub(crate) use measure::measure;
pub(crate) use pack::pack;
use rustix::fs::{CWD, Mode, OFlags, openat};
use serde::{Deserialize, Serialize};
pub(crate) use unpack::unpack;
pub(crate) use words::{Cause, Failure, Word};

/// How deep folders may lie in each other: each that is being worked on is held open.
const DEPTH: usize = 512;

/// Hears how many bytes of content are done, and says whether to go on.
pub(crate) type Pulse<'a> = dyn FnMut(u64) -> bool + 'a;

/// What was counted of a tree or an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Entries of the archive, the folder itself included.
    pub(crate) entries: u64,
    /// Bytes of content, holes left out.
    pub(crate) content: u64,
    /// Bytes of the archive; of a tree that is only measured, about so many.
    pub(crate) bytes: u64,
    /// Sockets that were left out: they mean nothing without the program that listens.
    pub(crate) sockets: u64,
    /// The archive's checksum, in hexadecimal digits; empty where nothing was read.
    pub(crate) sha256: String,
}

/// Why a tree could not be packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The system refused something.
    #[error("failed to {doing} `{path}`")]
    Io {
        /// What was to be done.
        doing: &'static str,
        /// To what, from the tree's folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The archive is none of ours, or not whole.
    #[error("the archive is damaged: {0}")]
    Refused(String),
    /// The tree cannot be kept as it is.
    #[error("`{path}` {why}")]
    Unfit {
        /// What, from the tree's folder.
        path: String,
        /// Why not.
        why: &'static str,
    },
    /// Whoever listens to the pulse asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Makes an error of what the system said.
    fn io(doing: &'static str, path: &[u8], source: impl Into<io::Error>) -> Self {
        Self::Io {
            doing,
            path: shown(path),
            source: source.into(),
        }
    }

    /// Makes an error about an archive that must not be unpacked.
    fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }

    /// Tells whether a disk is full.
    pub(crate) fn is_full_disk(&self) -> bool {
        match self {
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ),
            Self::Refused(_) | Self::Unfit { .. } | Self::Interrupted => false,
        }
    }
}

/// Tells the pulse how far it is, and ends the work when that says so.
fn beat(pulse: &mut Pulse<'_>, done: u64) -> Result<(), Error> {
    if pulse(done) {
        Ok(())
    } else {
        Err(Error::Interrupted)
    }
}

/// Shows a path; the folder itself is a dot.
fn shown(path: &[u8]) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    String::from_utf8_lossy(path).into_owned()
}

/// Opens the folder of a tree.
fn open_root(root: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(CWD, root, flags, Mode::empty());
    opened.map_err(|said| Error::io("open", root.as_os_str().as_bytes(), said))
}

/// Opens a folder that lies in an open one.
fn open_folder(parent: &OwnedFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, OsStr::from_bytes(name), flags, Mode::empty())
}

/// Widens a length.
fn wide(length: usize) -> u64 {
    u64::try_from(length).expect("no supported machine has lengths beyond 64 bits")
}

/// Returns the smaller of a length in memory and one beyond it.
fn within(length: usize, wanted: u64) -> usize {
    usize::try_from(wanted).map_or(length, |wanted| wanted.min(length))
}
