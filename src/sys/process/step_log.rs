//! The log of one step: append-only, masked, capped; that it cannot be written stops no command.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Error;
use crate::sys::redact::Redactor;

/// The largest log; what comes after it is dropped.
const CAP: u64 = 64 * 1024 * 1024;

/// The log of a step; clones write to the same file.
#[derive(Clone)]
pub(crate) struct StepLog {
    /// Masks what is noted.
    redactor: Redactor,
    /// The file with what was written so far.
    state: Arc<Mutex<State>>,
}

/// The open file and its limits.
struct State {
    /// Opened for appending.
    file: File,
    /// Bytes of output that still fit.
    left: u64,
    /// Whether writing has failed; nothing is written after that.
    has_failed: bool,
}

impl StepLog {
    /// Opens the log, which is made with its directory when absent.
    pub(crate) fn create(path: &Path, redactor: &Redactor) -> Result<Self, Error> {
        Self::with_cap(path, redactor, CAP)
    }

    /// Opens the log with a cap of its own.
    fn with_cap(path: &Path, redactor: &Redactor, cap: u64) -> Result<Self, Error> {
        let wrap = |source| Error::Log {
            path: path.to_owned(),
            source,
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(wrap)?;
        }
        let mut options = OpenOptions::new();
        let file = options
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(wrap)?;
        let left = cap.saturating_sub(file.metadata().map_err(wrap)?.len());
        Ok(Self {
            redactor: redactor.clone(),
            state: Arc::new(Mutex::new(State {
                file,
                left,
                has_failed: false,
            })),
        })
    }

    /// Writes a line of our own; it is written even when the log is full.
    pub(crate) fn note(&self, text: &str) {
        let line = self.redactor.text(text) + "\n";
        self.lock().write(line.as_bytes());
    }

    /// Writes masked output of a child, as far as it fits.
    pub(super) fn output(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length <= state.left {
            state.left -= length;
            state.write(bytes);
        } else if state.left > 0 {
            let fitting = usize::try_from(state.left)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            state.left = 0;
            state.write(&bytes[..fitting]);
            state.write(b"\n[this log is full: further output is not kept]\n");
        }
    }

    /// Returns the state; a panic elsewhere cannot leave it half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes until the first failure, which is remembered.
    fn write(&mut self, bytes: &[u8]) {
        if !self.has_failed {
            self.has_failed = self.file.write_all(bytes).is_err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_says_so_once_and_still_takes_notes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b.log");
        let log = StepLog::with_cap(&path, &Redactor::default(), 10).unwrap();
        log.output(b"123456\n");
        for _ in 0..3 {
            log.output(b"abcdefg\n");
        }
        log.note("end");
        let text = std::fs::read_to_string(&path).unwrap();
        insta::assert_snapshot!(text, @r"
        123456
        abc
        [this log is full: further output is not kept]
        end
        ");
        assert!(!log.lock().has_failed);
    }

    #[test]
    fn notes_are_masked_and_an_old_log_is_continued() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("step.log");
        let redactor = Redactor::default();
        redactor.register("hunter2hunter2");
        StepLog::create(&path, &redactor).unwrap().note("one");
        StepLog::create(&path, &redactor)
            .unwrap()
            .note("two hunter2hunter2");
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "one\ntwo [secret]\n"
        );
    }

    #[test]
    fn a_failure_to_write_is_remembered_and_stops_nothing() {
        let log = StepLog::create(Path::new("/dev/full"), &Redactor::default()).unwrap();
        log.output(b"lost\n");
        log.note("lost too");
        assert!(log.lock().has_failed);
    }
}
