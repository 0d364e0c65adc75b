//! Signals that end a run set a state here, which loops ask; nothing here ends a child or a run.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{getpid, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::wait::Deadline;

/// How long those who watch children have to stop them before ccci stops.
const HALT: Duration = Duration::from_millis(150);

/// A signal that asks ccci to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C, or a CI system that cancels.
    Int,
    /// A supervisor that stops the program.
    Term,
    /// The terminal is gone.
    Hup,
}

impl Signal {
    /// Returns the signal's number.
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Int => SIGINT,
            Self::Term => SIGTERM,
            Self::Hup => SIGHUP,
        }
    }

    /// Returns the exit code of a program that this signal ended.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Int => 130,
            Self::Term => 143,
            Self::Hup => 129,
        }
    }

    /// Returns the signal of a number.
    fn of(number: i32) -> Option<Self> {
        [Self::Int, Self::Term, Self::Hup]
            .into_iter()
            .find(|signal| signal.number() == number)
    }
}

/// How hard children are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Nobody asked.
    None,
    /// One signal: children get it too, and a grace.
    Ask,
    /// A second signal: children are killed at once.
    Kill,
}

/// Whether, and how often, ccci was asked to end; clones share it.
#[derive(Clone)]
pub(crate) struct Interrupt {
    /// Shared by all clones.
    shared: Arc<Shared>,
    /// How many signals are passed over before this counts as interrupted.
    spared: usize,
    /// When work with a time limit of its own has to stop, as soon as one is set.
    limit: Option<Arc<Mutex<Option<Deadline>>>>,
}

/// What all clones of an interrupt share.
#[derive(Default)]
struct Shared {
    /// The first signal, and how many there were.
    received: Mutex<Received>,
    /// Wakes those who pause.
    changed: Condvar,
    /// Armed by the second signal: the next one ends the program from its handler.
    last_warning: Arc<AtomicBool>,
    /// Whether ccci is about to be stopped, or is, and its children with it.
    is_halted: AtomicBool,
}

/// The signals so far.
#[derive(Default)]
struct Received {
    /// Names the reason, and with it the exit code.
    first: Option<Signal>,
    /// Decides the urgency.
    count: usize,
}

impl Interrupt {
    /// Takes over INT, TERM and HUP, and outlives XFSZ; called once, by the program and never by its parts.
    pub(crate) fn install() -> io::Result<Self> {
        let interrupt = Self::never();
        for signal in [Signal::Int, Signal::Term] {
            // Runs in the handler itself, so that no stuck thread of ours can hold up the third signal.
            let armed = Arc::clone(&interrupt.shared.last_warning);
            flag::register_conditional_shutdown(
                signal.number(),
                i32::from(signal.exit_code()),
                armed,
            )?;
        }
        // A file that may not grow is an error of whoever writes it, and no end of the program.
        flag::register(SIGXFSZ, Arc::default())?;
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let receiver = interrupt.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever().filter_map(Signal::of) {
                    receiver.raise(signal);
                }
            })?;
        Ok(interrupt)
    }

    /// Returns an interrupt that no signal of the system reaches.
    pub(crate) fn never() -> Self {
        Self {
            shared: Arc::default(),
            spared: 0,
            limit: None,
        }
    }

    /// Follows the stop key of a terminal: children are stopped first, then ccci itself until somebody continues it.
    ///
    /// A stop that cannot be caught, as the one of a supervisor, reaches ccci alone.
    pub(crate) fn follow_stops(
        &self,
        give_back: impl Fn(&dyn Fn()) + Send + 'static,
    ) -> io::Result<()> {
        let mut signals = Signals::new([SIGTSTP])?;
        let interrupt = self.clone();
        let thread = thread::Builder::new().name("stops".to_owned());
        thread.spawn(move || {
            for _ in signals.forever() {
                interrupt.shared.is_halted.store(true, Ordering::SeqCst);
                give_back(&|| {
                    Self::never().wait(HALT);
                    // It fails for no process that is there.
                    let _ = kill_process(getpid(), rustix::process::Signal::STOP);
                });
                interrupt.shared.is_halted.store(false, Ordering::SeqCst);
            }
        })?;
        Ok(())
    }

    /// Tells whether children have to stand still.
    pub(super) fn is_halted(&self) -> bool {
        self.shared.is_halted.load(Ordering::SeqCst)
    }

    /// Returns the first signal.
    pub(crate) fn signal(&self) -> Option<Signal> {
        self.received().first
    }

    /// Returns how many signals came.
    pub(crate) fn count(&self) -> usize {
        self.received().count
    }

    /// Returns the same state, seen by work that the first signal must not cut short, as teardown.
    pub(crate) fn shielded(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            spared: 1,
            limit: None,
        }
    }

    /// Returns the same state, seen by work that must also stop when its own time is over, which `set_limit` says.
    pub(crate) fn limited(&self) -> Self {
        Self {
            limit: Some(Arc::default()),
            ..self.clone()
        }
    }

    /// Sets when this work and its clones have to stop, or takes the limit away; others are not touched.
    pub(crate) fn set_limit(&self, deadline: Option<Deadline>) {
        if let Some(limit) = &self.limit {
            *limit.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
        }
    }

    /// Returns how much of its own time this work has left, if that is limited.
    fn time_left(&self) -> Option<Duration> {
        let limit = self.limit.as_ref()?;
        let deadline = *limit.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.map(|deadline| deadline.left())
    }

    /// Tells whether this work has used up its own time.
    fn is_out_of_time(&self) -> bool {
        self.time_left().is_some_and(|left| left.is_zero())
    }

    /// Returns whether this work is to stop.
    pub(crate) fn is_set(&self) -> bool {
        self.count() > self.spared || self.is_out_of_time()
    }

    /// Returns how hard children of this work are ended.
    pub(crate) fn urgency(&self) -> Urgency {
        match self.count() {
            count if count <= self.spared && self.is_out_of_time() => Urgency::Ask,
            count if count <= self.spared => Urgency::None,
            1 => Urgency::Ask,
            _ => Urgency::Kill,
        }
    }

    /// Counts a signal and wakes all who pause.
    ///
    /// Nobody insists by a hangup: of one terminal that closes, the shell tells, and then the kernel.
    pub(crate) fn raise(&self, signal: Signal) {
        let mut received = self.received();
        if signal == Signal::Hup && received.first.is_some() {
            return;
        }
        received.first.get_or_insert(signal);
        received.count += 1;
        if received.count >= 2 {
            self.shared.last_warning.store(true, Ordering::SeqCst);
        }
        drop(received);
        self.shared.changed.notify_all();
    }

    /// Waits until the time is over or this is set; returns whether it is set.
    pub(super) fn wait(&self, duration: Duration) -> bool {
        let begin = Instant::now();
        let mut received = self.received();
        while received.count <= self.spared {
            let Some(left) = duration
                .checked_sub(begin.elapsed())
                .filter(|left| !left.is_zero())
            else {
                return false;
            };
            let limit = self.time_left().unwrap_or(Duration::MAX);
            if limit.is_zero() {
                return true;
            }
            let left = left.min(limit);
            let woken = self.shared.changed.wait_timeout(received, left);
            received = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Returns the signals so far; a panic elsewhere cannot leave them half changed.
    fn received(&self) -> MutexGuard<'_, Received> {
        self.shared
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets INT, TERM and HUP end the program at once, also the first one of a container, whom they would pass by.
pub(crate) fn end_at_once() -> io::Result<()> {
    for signal in [Signal::Int, Signal::Term, Signal::Hup] {
        let armed = Arc::new(AtomicBool::new(true));
        flag::register_conditional_shutdown(signal.number(), i32::from(signal.exit_code()), armed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    use rustix::process::{Pid, kill_process};

    use super::*;

    #[test]
    fn the_first_signal_is_the_reason_and_the_second_the_urgency() {
        let interrupt = Interrupt::never();
        assert_eq!(
            (interrupt.signal(), interrupt.urgency()),
            (None, Urgency::None)
        );
        interrupt.raise(Signal::Term);
        assert!(interrupt.is_set());
        assert_eq!(interrupt.urgency(), Urgency::Ask);
        assert!(!interrupt.shared.last_warning.load(Ordering::SeqCst));
        interrupt.raise(Signal::Int);
        assert_eq!(interrupt.signal().map(Signal::exit_code), Some(143));
        assert_eq!(interrupt.urgency(), Urgency::Kill);
        assert!(interrupt.shared.last_warning.load(Ordering::SeqCst));
    }

    #[test]
    fn a_terminal_that_closes_asks_once_however_often_it_says_so() {
        let interrupt = Interrupt::never();
        interrupt.raise(Signal::Hup);
        interrupt.raise(Signal::Hup);
        assert_eq!((interrupt.count(), interrupt.urgency()), (1, Urgency::Ask));
        interrupt.raise(Signal::Int);
        assert_eq!(interrupt.urgency(), Urgency::Kill);
        assert_eq!(interrupt.signal(), Some(Signal::Hup));
    }

    #[test]
    fn shielded_work_is_cut_by_the_second_signal_only() {
        let interrupt = Interrupt::never();
        let shielded = interrupt.shielded();
        interrupt.raise(Signal::Int);
        assert!(interrupt.is_set() && !shielded.is_set());
        assert_eq!(shielded.urgency(), Urgency::None);
        interrupt.raise(Signal::Int);
        assert!(shielded.is_set());
        assert_eq!(shielded.urgency(), Urgency::Kill);
    }

    #[test]
    fn a_time_limit_stops_its_own_work_alone_until_it_is_taken_away() {
        let all = Interrupt::never();
        let limited = all.limited();
        assert!(!limited.clone().wait(Duration::ZERO));
        limited.set_limit(Some(Deadline::after(Duration::from_millis(5))));
        let begin = Instant::now();
        assert!(limited.clone().wait(Duration::from_secs(60)));
        assert!(begin.elapsed() < Duration::from_secs(30));
        assert_eq!((limited.is_set(), limited.urgency()), (true, Urgency::Ask));
        assert!(!all.is_set() && limited.signal().is_none());
        limited.set_limit(None);
        assert!(!limited.is_set());
        all.raise(Signal::Int);
        assert!(limited.is_set());
    }

    #[test]
    fn a_signal_wakes_a_pause_at_once() {
        let interrupt = Interrupt::never();
        let raiser = interrupt.clone();
        let begin = Instant::now();
        thread::scope(|scope| {
            scope.spawn(move || raiser.raise(Signal::Hup));
            assert!(interrupt.wait(Duration::from_secs(60)));
        });
        assert!(begin.elapsed() < Duration::from_secs(30));
        assert!(!Interrupt::never().wait(Duration::from_millis(1)));
    }

    /// Names the part that this test plays when it is started again as a process of its own.
    const ROLE: &str = "CCCI_TEST_ROLE";

    /// Takes over the signals, tells of each, and never ends by itself.
    fn stuck_program() {
        let interrupt = Interrupt::install().unwrap();
        let mut out = io::stdout();
        for count in 1.. {
            writeln!(out, "\nseen {}", count - 1).unwrap();
            out.flush().unwrap();
            while interrupt.count() < count {
                interrupt.wait(Duration::from_millis(1));
                thread::yield_now();
            }
        }
    }

    #[test]
    fn two_signals_are_counted_and_the_third_ends_a_stuck_program() {
        #[expect(clippy::disallowed_methods, reason = "tells the started copy its part")]
        let is_started_again = std::env::var_os(ROLE).is_some();
        if is_started_again {
            stuck_program();
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a process with signals of its own"
        )]
        let mut command = Command::new(std::env::current_exe().unwrap());
        let name = "two_signals_are_counted_and_the_third_ends_a_stuck_program";
        let module = module_path!().split_once("::").unwrap().1;
        command.args(["--exact", &format!("{module}::{name}"), "--nocapture"]);
        let mut child = command
            .env(ROLE, "stuck")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers = [Signal::Hup, Signal::Int, Signal::Term];
        for (count, signal) in numbers.into_iter().enumerate() {
            let wanted = format!("seen {count}");
            assert!(
                lines.by_ref().any(|line| line.unwrap() == wanted),
                "no line {wanted:?}"
            );
            let number = rustix::process::Signal::from_named_raw(signal.number()).unwrap();
            kill_process(pid, number).unwrap();
        }
        assert_eq!(child.wait().unwrap().code(), Some(143));
    }
}
