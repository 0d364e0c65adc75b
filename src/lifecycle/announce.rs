//! Announces the facts of a run to all who read them, in one order.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use jiff::Timestamp;

use crate::model::{
    event::{EVENT_VERSION, Event, EventReader, Fact},
    outcome::millis,
    recipe::RecipeName,
    run::RunId,
};

/// Whether what a run announced reached all its readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// It did.
    Whole,
    /// Some of it could not be written.
    Lost,
}

/// Numbers a run's facts and hands them to their readers, the record on disk first.
pub(crate) struct Announcer {
    /// The run.
    run_id: RunId,
    /// The recipe.
    recipe: RecipeName,
    /// When the run began.
    begun: Instant,
    /// The next event's number; its lock keeps the order.
    next: Mutex<u64>,
    /// Who reads, in this order.
    readers: Vec<Arc<dyn EventReader>>,
    /// Whether a reader lost its sink.
    is_output_lost: AtomicBool,
}

impl Announcer {
    /// Makes an announcer for a run that begins now.
    pub(crate) fn new(
        run_id: RunId,
        recipe: RecipeName,
        readers: Vec<Arc<dyn EventReader>>,
    ) -> Self {
        let is_output_lost = AtomicBool::new(false);
        Self {
            run_id,
            recipe,
            begun: Instant::now(),
            next: Mutex::new(0),
            readers,
            is_output_lost,
        }
    }

    /// Announces a fact.
    ///
    /// A reader that cannot write does not end the run: an app without a teardown is worse than a lost line.
    pub(crate) fn say(&self, fact: Fact) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let event = Event {
            fact,
            v: EVENT_VERSION,
            run_id: self.run_id.clone(),
            seq: *next,
            ts: Timestamp::now(),
            elapsed_ms: millis(self.begun.elapsed()),
            recipe: self.recipe.to_string(),
        };
        *next += 1;
        let results: Vec<io::Result<()>> = self
            .readers
            .iter()
            .map(|reader| reader.read(&event))
            .collect();
        if results.iter().any(Result::is_err) {
            self.is_output_lost.store(true, Ordering::Relaxed);
        }
    }

    /// Tells whether some output was lost.
    pub(crate) fn output(&self) -> Output {
        if self.is_output_lost.load(Ordering::Relaxed) {
            Output::Lost
        } else {
            Output::Whole
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what it reads, or fails.
    struct Sink {
        seen: Mutex<Vec<u64>>,
        broken: bool,
    }

    impl EventReader for Sink {
        fn read(&self, event: &Event) -> io::Result<()> {
            self.seen.lock().unwrap().push(event.seq);
            if self.broken {
                Err(io::Error::other("closed"))
            } else {
                Ok(())
            }
        }
    }

    #[test]
    fn a_lost_sink_is_remembered_and_ends_nothing() {
        let sinks = [true, false].map(|broken| {
            Arc::new(Sink {
                seen: Mutex::default(),
                broken,
            })
        });
        let readers: Vec<Arc<dyn EventReader>> =
            sinks.iter().map(|sink| Arc::clone(sink) as _).collect();
        let announcer = Announcer::new(RunId::from_number(1), "a".parse().unwrap(), readers);
        announcer.say(Fact::Waiting { what: "x".into() });
        announcer.say(Fact::Waiting { what: "y".into() });
        assert_eq!(announcer.output(), Output::Lost);
        assert_eq!(*sinks[1].seen.lock().unwrap(), [0, 1]);
    }
}
