//! Reads one stream of a child: through the redactor into memory, log and lines.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::lines::{self, LineSplitter};
use super::step_log::StepLog;
use super::supervise::Event;
use crate::sys::redact::Redactor;

/// How much of a stream is kept in memory.
const KEPT: usize = 8 * 1024 * 1024;

/// How many lines are kept for the tail.
const TAIL: usize = 100;

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// What was read so far, shared with the one who supervises.
#[derive(Clone, Default)]
pub(super) struct Captured {
    /// The bytes that fit.
    bytes: Arc<Mutex<Vec<u8>>>,
    /// More came than fits.
    truncated: Arc<AtomicBool>,
}

impl Captured {
    /// Takes the bytes out.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *lock(&self.bytes))
    }

    /// Returns whether more came than was kept.
    pub(super) fn is_truncated(&self) -> bool {
        self.truncated.load(Ordering::Relaxed)
    }

    /// Keeps what fits.
    fn keep(&self, bytes: &[u8]) {
        let mut kept = lock(&self.bytes);
        let fitting = bytes.len().min(KEPT - kept.len().min(KEPT));
        kept.extend_from_slice(&bytes[..fitting]);
        if fitting < bytes.len() {
            self.truncated.store(true, Ordering::Relaxed);
        }
    }
}

/// The last lines of both streams of a child.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// Takes the lines out.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0)).into()
    }

    /// Adds a line, and forgets the oldest when there are too many.
    fn push(&self, line: String) {
        let mut lines = lock(&self.0);
        if lines.len() == TAIL {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Where the bytes of both streams of a child go.
#[derive(Clone)]
pub(super) struct Sinks {
    /// Masks the output; absent when the output itself is a secret.
    pub(super) redactor: Option<Redactor>,
    /// Takes all output.
    pub(super) log: Option<StepLog>,
    /// Takes the last lines.
    pub(super) tail: Tail,
    /// Hears of each line, when somebody reads them.
    pub(super) lines: Option<SyncSender<Event>>,
    /// Nobody waits for this output any more.
    pub(super) abandoned: Arc<AtomicBool>,
}

/// The place where masked bytes of one stream arrive.
struct Tee {
    /// Kept bytes.
    captured: Captured,
    /// The rest.
    sinks: Sinks,
    /// Cuts the lines.
    splitter: LineSplitter,
    /// The bytes since the last line end, so that the two streams meet in the log line by line.
    unlogged: Vec<u8>,
}

/// Reads a stream to its end into its sinks; a secret is kept in memory as it is, and given to nobody else.
pub(super) fn drain(mut source: impl Read, captured: &Captured, sinks: Sinks) {
    let abandoned = Arc::clone(&sinks.abandoned);
    let Some(redactor) = sinks.redactor.clone() else {
        copy(&mut source, &abandoned, &mut |bytes| {
            captured.keep(bytes);
            Ok(())
        });
        return;
    };
    let tee = Tee {
        captured: captured.clone(),
        sinks,
        splitter: LineSplitter::new(),
        unlogged: Vec::new(),
    };
    let mut masked = redactor.writer(tee);
    copy(&mut source, &abandoned, &mut |bytes| {
        masked.write_all(bytes)
    });
    if let Ok(mut tee) = masked.finish() {
        tee.end();
    }
}

/// Reads until the end, an error, or until nobody waits any more.
fn copy(
    source: &mut impl Read,
    abandoned: &AtomicBool,
    write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) {
    let mut buffer = vec![0; CHUNK];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                if abandoned.load(Ordering::Relaxed) || write(&buffer[..count]).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

impl Tee {
    /// Hands on what has no line end.
    fn end(&mut self) {
        let sinks = &self.sinks;
        self.splitter.finish(&mut |line| sinks.line(line));
        if let Some(log) = sinks.log.as_ref().filter(|_| !self.unlogged.is_empty()) {
            self.unlogged.push(b'\n');
            sinks.log(log, &self.unlogged);
        }
    }

    /// Logs whole lines, and what has become too long to wait for its end.
    fn log(&mut self, bytes: &[u8]) {
        let Some(log) = &self.sinks.log else {
            return;
        };
        self.unlogged.extend_from_slice(bytes);
        let end = match self.unlogged.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => end + 1,
            None if self.unlogged.len() >= CHUNK => self.unlogged.len(),
            None => return,
        };
        self.sinks.log(log, &self.unlogged[..end]);
        self.unlogged.drain(..end);
    }
}

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.captured.keep(bytes);
        self.log(bytes);
        let sinks = &self.sinks;
        self.splitter.push(bytes, &mut |line| sinks.line(line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sinks {
    /// Logs text without control sequences, masked once more as they may have hidden something.
    fn log(&self, log: &StepLog, bytes: &[u8]) {
        let plain = lines::plain(bytes);
        match self
            .redactor
            .as_ref()
            .filter(|_| plain.len() != bytes.len())
        {
            Some(redactor) => log.output(&redactor.bytes(&plain)),
            None => log.output(&plain),
        }
    }

    /// Hands on one line, which without its control sequences may show what was not to be seen with them.
    fn line(&self, mut line: String) {
        if let Some(redactor) = &self.redactor {
            line = redactor.text(&line);
        }
        if let Some(lines) = &self.lines {
            // The reader of the lines may have gone.
            let _ = lines.send(Event::Line(line.clone()));
        }
        self.tail.push(line);
    }
}

/// Locks; a panic elsewhere cannot leave these values half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
