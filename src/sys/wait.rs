//! Waiting with a deadline: the only place where ccci pauses, and each pause ends when a signal comes.

use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::interrupt::Interrupt;

/// Nobody looked at the clock for this long: ccci itself was stopped meanwhile.
const STOPPED: Duration = Duration::from_secs(1);

/// How often the clock is looked at when nobody else does.
const TICK: Duration = Duration::from_millis(200);

/// Further away than any run lasts, for limits that no clock can hold.
const FAR_AWAY: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The one clock that limits are measured on.
static CLOCK: LazyLock<Mutex<Clock>> = LazyLock::new(|| Mutex::new(Clock::new(Instant::now())));

/// Whether a thread of its own looks at the clock regularly; it is started by the first who looks.
static IS_KEPT: OnceLock<bool> = OnceLock::new();

/// Counts for how long ccci has run: it stands still while ccci is stopped, so that a pause costs no limit anything.
struct Clock {
    /// When somebody looked last.
    seen: Instant,
    /// For how long ccci has run.
    run: Duration,
}

impl Clock {
    /// Makes a clock that begins now.
    const fn new(now: Instant) -> Self {
        Self {
            seen: now,
            run: Duration::ZERO,
        }
    }

    /// Looks at the clock; `is_kept` says that a longer time without a look means a stop.
    fn look(&mut self, now: Instant, is_kept: bool) -> Duration {
        let gap = now.saturating_duration_since(self.seen);
        let is_stop = is_kept && gap >= STOPPED;
        self.run += if is_stop { TICK } else { gap };
        self.seen = now;
        self.run
    }
}

/// Returns for how long ccci has run.
fn running_time() -> Duration {
    let is_kept = *IS_KEPT.get_or_init(|| {
        let thread = thread::Builder::new().name("clock".to_owned());
        thread.spawn(keep).is_ok()
    });
    let mut clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    clock.look(Instant::now(), is_kept)
}

/// Looks at the clock for as long as the program lasts.
fn keep() {
    loop {
        #[expect(
            clippy::disallowed_methods,
            reason = "no signal has to end this: it holds up nothing"
        )]
        thread::sleep(TICK);
        running_time();
    }
}

/// A moment on the clock that stands still while ccci is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    /// Returns the moment that lies this far ahead.
    pub(crate) fn after(duration: Duration) -> Self {
        Self(running_time() + duration.min(FAR_AWAY))
    }

    /// Returns the time that is left, zero when it is over.
    pub(crate) fn left(&self) -> Duration {
        self.0.saturating_sub(running_time())
    }

    /// Returns whether the moment has come.
    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Returns the earlier of two deadlines.
    #[must_use]
    pub(crate) fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}

/// How a wait ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waited<T> {
    /// The probe found what was waited for.
    Done(T),
    /// The deadline came first.
    TimedOut,
    /// A signal came first.
    Interrupted,
}

/// Probes at least once, then again after each pause, until there is a value, an error, a signal, or no time left.
///
/// `pause` gets the number of probes made so far.
pub(crate) fn wait_until<T, E>(
    deadline: Deadline,
    interrupt: &Interrupt,
    mut probe: impl FnMut() -> Result<Option<T>, E>,
    pause: impl Fn(u32) -> Duration,
) -> Result<Waited<T>, E> {
    let mut probes = 0;
    loop {
        if interrupt.is_set() {
            return Ok(Waited::Interrupted);
        }
        if let Some(value) = probe()? {
            return Ok(Waited::Done(value));
        }
        if deadline.is_over() {
            return Ok(Waited::TimedOut);
        }
        probes += 1;
        interrupt.wait(pause(probes).min(deadline.left()));
    }
}

/// Pauses; returns true when the whole time passed, false when a signal cut it short.
#[must_use]
pub(crate) fn pause(duration: Duration, interrupt: &Interrupt) -> bool {
    !interrupt.wait(duration)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::sys::interrupt::Signal;

    const SHORT: Duration = Duration::from_millis(2);

    #[test]
    fn a_value_ends_the_wait() {
        let mut left = 3;
        let probe = || {
            left -= 1;
            Ok::<_, Infallible>((left == 0).then_some("up"))
        };
        let deadline = Deadline::after(Duration::from_secs(60));
        let waited = wait_until(deadline, &Interrupt::never(), probe, |_| SHORT);
        assert_eq!(waited, Ok(Waited::Done("up")));
    }

    #[test]
    fn a_deadline_that_is_over_still_gets_one_probe() {
        let deadline = Deadline::after(Duration::ZERO);
        let found = wait_until(
            deadline,
            &Interrupt::never(),
            || Ok::<_, ()>(Some(1)),
            |_| SHORT,
        );
        assert_eq!(found, Ok(Waited::Done(1)));
        let none = wait_until(
            deadline,
            &Interrupt::never(),
            || Ok::<Option<u8>, ()>(None),
            |_| SHORT,
        );
        assert_eq!(none, Ok(Waited::TimedOut));
    }

    #[test]
    fn an_error_and_a_signal_end_the_wait() {
        let interrupt = Interrupt::never();
        let deadline = Deadline::after(Duration::from_secs(60));
        let failed = wait_until(
            deadline,
            &interrupt,
            || Err::<Option<u8>, _>("gone"),
            |_| SHORT,
        );
        assert_eq!(failed, Err("gone"));
        let probe = || {
            interrupt.raise(Signal::Int);
            Ok::<Option<u8>, ()>(None)
        };
        let waited = wait_until(deadline, &interrupt, probe, |_| Duration::from_secs(60));
        assert_eq!(waited, Ok(Waited::Interrupted));
        assert!(!pause(Duration::from_secs(60), &interrupt));
    }

    #[test]
    fn pauses_are_numbered_from_one() {
        let seen = std::cell::RefCell::new(Vec::new());
        let mut left = 4;
        let probe = || {
            left -= 1;
            Ok::<_, ()>((left == 0).then_some(()))
        };
        let deadline = Deadline::after(Duration::from_secs(60));
        let note = |number| {
            seen.borrow_mut().push(number);
            Duration::ZERO
        };
        assert_eq!(
            wait_until(deadline, &Interrupt::never(), probe, note),
            Ok(Waited::Done(()))
        );
        assert_eq!(seen.into_inner(), [1, 2, 3]);
    }

    #[test]
    fn a_stop_moves_the_deadline_and_a_slow_machine_does_not() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut clock = Clock::new(start);
        assert_eq!(clock.look(at(200), true), Duration::from_millis(200));
        assert_eq!(clock.look(at(1_100), true), Duration::from_millis(1_100));
        assert_eq!(clock.look(at(901_100), true), Duration::from_millis(1_300));
        assert_eq!(clock.look(at(901_200), true), Duration::from_millis(1_400));
        // Where no thread could be started for it, a long silence means nothing.
        assert_eq!(
            clock.look(at(911_200), false),
            Duration::from_millis(11_400)
        );
    }

    #[test]
    fn the_clock_goes_on_when_nobody_looks() {
        let begin = Instant::now();
        let before = running_time();
        Interrupt::never().wait(STOPPED + TICK);
        let passed = running_time().saturating_sub(before);
        // A machine that holds the clock's thread up may take one silence for a stop, not all of them.
        assert!(passed >= TICK && passed <= begin.elapsed(), "{passed:?}");
    }

    #[test]
    fn the_longest_limit_does_not_overflow_and_the_earlier_deadline_wins() {
        let far = Deadline::after(Duration::MAX);
        let near = Deadline::after(Duration::from_secs(1));
        assert_eq!(far.min(near), near);
        assert!(far.left() > Duration::from_secs(1000));
        assert!(!near.is_over());
    }
}
