//! Named locks that the kernel frees when the last process that holds them ends; age and process ids decide nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::interrupt::Interrupt;
use super::wait::{Deadline, Waited, wait_until};

/// How often a lock that is held is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// Why a lock could not be tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A name that is no file name.
    #[error("`{0}` cannot name a lock")]
    Name(String),
    /// The lock file cannot be opened, locked or compared.
    #[error("failed to lock `{}`", .path.display())]
    File {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A lock that is held until this and every copy of its file, in children too, is closed.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The locked file; its closing frees the lock.
    file: Arc<File>,
}

impl Lock {
    /// Takes the lock unless another holds it, and leaves a note about the holder for people.
    pub(crate) fn try_acquire(dir: &Path, name: &str, note: &str) -> Result<Option<Self>, Error> {
        let path = lock_path(dir, name)?;
        let wrap = |source| Error::File { path: path.clone(), source };
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(&path).map_err(wrap)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(wrap(source)),
            }
            // A file that was replaced between opening and locking guards nothing.
            if is_at(&file, &path).map_err(wrap)? {
                let holder = dir.join(format!("{name}.holder"));
                std::fs::write(&holder, note)
                    .map_err(|source| Error::File { path: holder, source })?;
                return Ok(Some(Self { file: Arc::new(file) }));
            }
        }
    }

    /// Takes the lock as soon as it is free, until the deadline or a signal comes.
    pub(crate) fn acquire(
        dir: &Path,
        name: &str,
        note: &str,
        until: (Deadline, &Interrupt),
    ) -> Result<Waited<Self>, Error> {
        let (deadline, interrupt) = until;
        wait_until(deadline, interrupt, || Self::try_acquire(dir, name, note), |_| RETRY)
    }

    /// Returns the locked file, for children to inherit: the lock is then held until they end too.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Returns the note of the last holder, for people only: it may have ended since.
    pub(crate) fn holder(dir: &Path, name: &str) -> Option<String> {
        lock_path(dir, name).ok()?;
        std::fs::read_to_string(dir.join(format!("{name}.holder"))).ok()
    }
}

/// Returns the lock file of a name.
fn lock_path(dir: &Path, name: &str) -> Result<PathBuf, Error> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(Error::Name(name.to_owned()));
    }
    Ok(dir.join(format!("{name}.lock")))
}

/// Returns whether the path still leads to the open file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
