//! Watches a running child until it and its group have ended: time limit, signals, grace, kill.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::capture::{Captured, Sinks};
use super::group::Group;
use super::{Exit, Output};
use crate::sys::interrupt::{self, Interrupt, Urgency};
use crate::sys::wait::Deadline;

/// How long a wait for events lasts before signals are asked for.
const TURN: Duration = Duration::from_millis(50);

/// How long a wait for events lasts while the group is dying, which sends no event.
const SHORT_TURN: Duration = Duration::from_millis(5);

/// How long processes that outlive the leader of their group may finish by themselves.
const SETTLE: Duration = Duration::from_millis(200);

/// How long a killed group may take to vanish, and open pipes after that.
const DRAIN: Duration = Duration::from_secs(2);

/// How many reports may wait to be taken before the child has to wait too.
pub(super) const WAITING_EVENTS: usize = 256;

/// What the threads of a child report.
pub(super) enum Event {
    /// A line was read.
    Line(String),
    /// A stream has ended.
    Closed,
    /// The child has ended.
    Exited(Exit),
    /// The caller lost interest.
    Stop,
}

/// A child that runs, with all that serves it.
pub(super) struct Running {
    /// The child and what it starts.
    pub(super) group: Group,
    /// Streams that have not ended.
    pub(super) open_streams: usize,
    /// Reports of the threads.
    pub(super) events: Receiver<Event>,
    /// Where threads report to.
    pub(super) sender: SyncSender<Event>,
    /// The output so far.
    pub(super) stdout: Captured,
    /// The errors so far.
    pub(super) stderr: Captured,
    /// Where the output goes besides.
    pub(super) sinks: Sinks,
    /// Asks for the end.
    pub(super) interrupt: Interrupt,
    /// When it was started.
    pub(super) begin: Instant,
    /// When its time is over.
    pub(super) deadline: Deadline,
    /// How long it may take to end when asked to.
    pub(super) grace: Duration,
}

/// Why ccci ends a child.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Its time is over.
    Limit,
    /// ccci is asked to end.
    Interrupt,
    /// Nobody wants its output any more.
    Stop,
}

/// What was learned while waiting for the child.
#[derive(Default)]
struct Seen {
    /// How the child ended, once it has.
    exited: Option<Exit>,
    /// The caller lost interest.
    stop: bool,
    /// The child was told to stand still.
    is_halted: bool,
}

impl Running {
    /// Waits for the end of the child, ends it when it must, and hands on its lines.
    pub(super) fn supervise(mut self, on_line: &mut dyn FnMut(&str)) -> Output {
        let mut seen = Seen::default();
        let cause = self.wait_for_exit(&mut seen, on_line);
        if let Some(cause) = cause {
            self.end(cause, &mut seen, on_line);
        }
        self.end_group(cause, &mut seen, on_line);
        let limit = Deadline::after(DRAIN);
        while self.open_streams > 0 && !limit.is_over() {
            self.receive(limit.left().min(TURN), &mut seen, on_line);
        }
        self.finish(cause, &seen)
    }

    /// Waits until the child ends, or there is a cause to end it.
    fn wait_for_exit(&mut self, seen: &mut Seen, on_line: &mut dyn FnMut(&str)) -> Option<Cause> {
        while seen.exited.is_none() {
            self.halt_or_continue(seen);
            if seen.stop {
                return Some(Cause::Stop);
            }
            if self.interrupt.is_set() {
                return Some(Cause::Interrupt);
            }
            if self.deadline.is_over() {
                self.catch_up(seen, on_line);
                return seen.exited.is_none().then_some(Cause::Limit);
            }
            self.receive(TURN.min(self.deadline.left()), seen, on_line);
        }
        None
    }

    /// Stops the group while ccci is stopped, and continues it with ccci.
    fn halt_or_continue(&self, seen: &mut Seen) {
        let is_halted = self.interrupt.is_halted();
        if is_halted != seen.is_halted {
            let signal = if is_halted {
                Signal::STOP
            } else {
                Signal::CONT
            };
            self.group.send(signal);
            seen.is_halted = is_halted;
        }
    }

    /// Takes events that came in time but wait behind lines, which a slow reader may cause.
    fn catch_up(&mut self, seen: &mut Seen, on_line: &mut dyn FnMut(&str)) {
        for _ in 0..=WAITING_EVENTS {
            if seen.exited.is_some() || !self.receive(Duration::ZERO, seen, on_line) {
                return;
            }
        }
    }

    /// Asks the group to end, and gives it the grace unless there is hurry.
    fn end(&mut self, cause: Cause, seen: &mut Seen, on_line: &mut dyn FnMut(&str)) {
        let signal = match (cause, self.interrupt.signal()) {
            (Cause::Stop, _) => return,
            (Cause::Interrupt, Some(interrupt::Signal::Int)) => Signal::INT,
            (Cause::Interrupt, Some(interrupt::Signal::Hup)) => Signal::HUP,
            (Cause::Limit | Cause::Interrupt, _) => Signal::TERM,
        };
        self.group.send(signal);
        if seen.is_halted {
            // What stands still takes no signal.
            self.group.send(Signal::CONT);
        }
        let grace = Deadline::after(self.grace);
        while seen.exited.is_none() && !grace.is_over() {
            if self.interrupt.urgency() == Urgency::Kill {
                return;
            }
            self.receive(TURN.min(grace.left()), seen, on_line);
        }
    }

    /// Kills what is left of the group until it is empty.
    fn end_group(&mut self, cause: Option<Cause>, seen: &mut Seen, on_line: &mut dyn FnMut(&str)) {
        if cause.is_none() {
            let settle = Deadline::after(SETTLE);
            while !self.group.is_empty() && !settle.is_over() {
                self.receive(SHORT_TURN, seen, on_line);
            }
        }
        let limit = Deadline::after(DRAIN);
        // One signal can miss a fork in flight.
        while !limit.is_over() {
            if seen.exited.is_some() && self.group.is_empty() {
                return;
            }
            self.group.send(Signal::KILL);
            self.receive(SHORT_TURN, seen, on_line);
        }
    }

    /// Takes one event, if one comes in time; returns whether one came.
    fn receive(&mut self, time: Duration, seen: &mut Seen, on_line: &mut dyn FnMut(&str)) -> bool {
        match self.events.recv_timeout(time) {
            Ok(Event::Line(line)) => on_line(&line),
            Ok(Event::Closed) => self.open_streams -= 1,
            Ok(Event::Exited(exit)) => seen.exited = Some(exit),
            Ok(Event::Stop) => seen.stop = true,
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => {
                unreachable!("this holds a sender of its own")
            }
        }
        true
    }

    /// Collects what is known, and notes the exit.
    fn finish(self, cause: Option<Cause>, seen: &Seen) -> Output {
        self.sinks.abandoned.store(true, Ordering::Relaxed);
        let exit = match cause {
            Some(Cause::Limit) => Exit::TimedOut,
            Some(Cause::Interrupt | Cause::Stop) => Exit::Interrupted,
            None => seen.exited.unwrap_or(Exit::LOST),
        };
        let output = Output {
            exit,
            stdout: self.stdout.take(),
            stderr: self.stderr.take(),
            truncated: self.stdout.is_truncated() || self.stderr.is_truncated(),
            has_stray: self.open_streams > 0,
            duration: self.begin.elapsed(),
            last_lines: self.sinks.tail.take(),
        };
        if let Some(log) = &self.sinks.log {
            log.note(&format!(
                "[{exit} after {:.3} s]",
                output.duration.as_secs_f64()
            ));
            if output.has_stray {
                log.note("[a process that it left behind still holds its output open]");
            }
        }
        output
    }
}
