//! A child that runs beside its caller, who reads its lines when it likes.

use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::Signal;

use super::supervise::{Event, Running};

/// The lines of a running child; dropping this kills the child with its group.
pub(crate) struct LineStream {
    /// Each line of both streams; closed when the child has ended.
    lines: Mutex<Receiver<String>>,
    /// Tells the supervisor to end.
    stop: Option<SyncSender<Event>>,
    /// The thread that supervises the child.
    supervisor: Option<JoinHandle<()>>,
}

impl LineStream {
    /// Supervises a child in a thread of its own.
    pub(super) fn new(running: Running) -> io::Result<Self> {
        let (sender, lines) = mpsc::channel();
        let stop = running.sender.clone();
        let group = running.group;
        let supervise = move || {
            running.supervise(&mut |line| {
                // The reader may be gone already; the stop follows.
                let _ = sender.send(line.to_owned());
            });
        };
        let supervisor = thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(supervise);
        let supervisor = supervisor.inspect_err(|_| group.send(Signal::KILL))?;
        Ok(Self {
            lines: Mutex::new(lines),
            stop: Some(stop),
            supervisor: Some(supervisor),
        })
    }

    /// Returns the lines, to be read by one thread at a time.
    pub(crate) fn lines(&self) -> MutexGuard<'_, Receiver<String>> {
        // A reader that panicked took lines whole.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether the child has ended.
    pub(crate) fn has_ended(&self) -> bool {
        let supervisor = self.supervisor.as_ref();
        supervisor.is_none_or(JoinHandle::is_finished)
    }

    /// Returns the stream of a child that was not started, because ccci is to end.
    pub(super) fn ended() -> Self {
        Self {
            lines: Mutex::new(mpsc::channel().1),
            stop: None,
            supervisor: None,
        }
    }
}

impl Drop for LineStream {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A supervisor that has ended has no use for it.
            let _ = stop.send(Event::Stop);
        }
        if let Some(supervisor) = self.supervisor.take() {
            // A panic there has been reported by its thread.
            let _ = supervisor.join();
        }
    }
}
