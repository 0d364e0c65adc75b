//! Announces the facts of a run to all who read them, in one order.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use jiff::Timestamp;

use crate::{
    model::{
        event::{EVENT_VERSION, Event, EventReader, Fact},
        outcome::millis,
        recipe::RecipeName,
        run::RunId,
    },
    sys::interrupt::{Interrupt, Signal},
};

/// Whether what a run announced reached all its readers, the gravest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Output {
    /// It did.
    Whole,
    /// Some of it could not be written.
    Lost,
    /// A reader went wrong in a way that nobody foresaw.
    Panicked,
}

/// Numbers a run's facts and hands them to their readers, the record on disk first.
pub(crate) struct Announcer {
    /// The run.
    run_id: RunId,
    /// The recipe.
    recipe: RecipeName,
    /// When the run began.
    begun: Instant,
    /// What was announced so far; its lock keeps the order.
    course: Mutex<Course>,
    /// Says when a signal asked the run to end.
    interrupt: Interrupt,
}

/// What was announced so far, and to whom.
struct Course {
    /// The next event's number.
    next: u64,
    /// Whether the signal was answered.
    is_signal_answered: bool,
    /// Who reads, in this order.
    readers: Vec<Arc<dyn EventReader>>,
    /// Whether all of them got everything.
    output: Output,
}

impl Announcer {
    /// Makes an announcer for a run that begins now.
    pub(crate) fn new(
        (run_id, recipe): (RunId, RecipeName),
        interrupt: Interrupt,
        readers: Vec<Arc<dyn EventReader>>,
    ) -> Self {
        let course = Course {
            next: 0,
            is_signal_answered: false,
            readers,
            output: Output::Whole,
        };
        Self {
            run_id,
            recipe,
            begun: Instant::now(),
            course: Mutex::new(course),
            interrupt,
        }
    }

    /// Announces a fact, after the answer to a signal that came before it.
    ///
    /// A reader that cannot write does not end the run: an app without a teardown is worse than a lost line. One that
    /// panics is not asked again.
    pub(crate) fn say(&self, fact: Fact) {
        let mut course = self.course();
        self.answer(&mut course);
        self.hand_out(&mut course, fact);
    }

    /// Answers a signal as soon as one came, once.
    pub(crate) fn answer_signal(&self) {
        self.answer(&mut self.course());
    }

    /// Announces that a signal ends the run, unless that was done or nobody knows yet which run it is.
    fn answer(&self, course: &mut Course) {
        let Some(signal) = self.interrupt.signal().filter(|_| course.next > 0) else {
            return;
        };
        if !std::mem::replace(&mut course.is_signal_answered, true) {
            let signal = signal_word(signal).to_owned();
            self.hand_out(course, Fact::CancelBegun { signal });
        }
    }

    /// Numbers a fact and hands it to all readers.
    fn hand_out(&self, course: &mut Course, fact: Fact) {
        let event = Event {
            fact,
            v: EVENT_VERSION,
            run_id: self.run_id.clone(),
            seq: course.next,
            ts: Timestamp::now(),
            elapsed_ms: millis(self.begun.elapsed()),
            recipe: self.recipe.to_string(),
        };
        course.next += 1;
        let Course {
            readers, output, ..
        } = course;
        readers.retain(|reader| {
            let read = catch_unwind(AssertUnwindSafe(|| reader.read(&event)));
            let reached = match &read {
                Ok(Ok(())) => Output::Whole,
                Ok(Err(_)) => Output::Lost,
                Err(_) => Output::Panicked,
            };
            *output = reached.max(*output);
            read.is_ok()
        });
    }

    /// Tells whether some output was lost.
    pub(crate) fn output(&self) -> Output {
        self.course().output
    }

    /// Locks what was announced so far.
    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what a person calls a signal.
const fn signal_word(signal: Signal) -> &'static str {
    match signal {
        Signal::Int => "interrupt",
        Signal::Term => "termination",
        Signal::Hup => "hangup",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Keeps the numbers and reasons that it reads, or fails.
    struct Sink {
        seen: Mutex<Vec<String>>,
        broken: bool,
    }

    /// Makes an announcer of a run that nobody asked to end.
    fn announcer(interrupt: &Interrupt, readers: Vec<Arc<dyn EventReader>>) -> Announcer {
        let run = (RunId::from_number(1), "a".parse().unwrap());
        Announcer::new(run, interrupt.clone(), readers)
    }

    fn waiting(what: &str) -> Fact {
        Fact::Waiting { what: what.into() }
    }

    impl EventReader for Sink {
        fn read(&self, event: &Event) -> io::Result<()> {
            let word = serde_json::to_value(event)?["reason"].clone();
            let word = word.as_str().unwrap_or_default();
            let mut seen = self.seen.lock().unwrap();
            seen.push(format!("{} {word}", event.seq));
            if self.broken {
                Err(io::Error::other("closed"))
            } else {
                Ok(())
            }
        }
    }

    /// Panics at what it reads.
    struct Faulty(Mutex<u64>);

    impl EventReader for Faulty {
        fn read(&self, event: &Event) -> io::Result<()> {
            *self.0.lock().unwrap() += 1;
            panic!("a reader goes wrong at event {}", event.seq);
        }
    }

    #[test]
    fn a_reader_that_panics_is_asked_no_more_and_the_others_read_on() {
        let faulty = Arc::new(Faulty(Mutex::default()));
        let sink = Arc::new(Sink {
            seen: Mutex::default(),
            broken: true,
        });
        let readers: Vec<Arc<dyn EventReader>> =
            vec![Arc::clone(&faulty) as _, Arc::clone(&sink) as _];
        let announcer = announcer(&Interrupt::never(), readers);
        announcer.say(waiting("x"));
        announcer.say(waiting("y"));
        assert_eq!(announcer.output(), Output::Panicked);
        assert_eq!(*faulty.0.lock().unwrap(), 1);
        assert_eq!(*sink.seen.lock().unwrap(), ["0 waiting", "1 waiting"]);
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
        let announcer = announcer(&Interrupt::never(), readers);
        announcer.say(waiting("x"));
        announcer.say(waiting("y"));
        assert_eq!(announcer.output(), Output::Lost);
        let seen = sinks[1].seen.lock().unwrap();
        assert_eq!(*seen, ["0 waiting", "1 waiting"]);
    }

    #[test]
    fn a_signal_is_answered_once_before_whatever_follows_it() {
        let sink = Arc::new(Sink {
            seen: Mutex::default(),
            broken: false,
        });
        let interrupt = Interrupt::never();
        interrupt.raise(Signal::Int);
        let announcer = announcer(&interrupt, vec![Arc::clone(&sink) as _]);
        announcer.say(waiting("the first fact tells which run it is"));
        announcer.say(waiting("y"));
        announcer.answer_signal();
        let seen = sink.seen.lock().unwrap();
        assert_eq!(*seen, ["0 waiting", "1 cancel-begun", "2 waiting"]);
    }
}
