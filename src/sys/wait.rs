//! Waiting with a deadline: the only place where ccci pauses, and each pause ends when a signal comes.

use std::time::{Duration, Instant};

use super::interrupt::Interrupt;

/// A pause that lasts this much longer than asked means that ccci itself was stopped meanwhile.
const STOPPED: Duration = Duration::from_secs(1);

/// Further away than any run lasts, for limits that no clock can hold.
const FAR_AWAY: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A moment on the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// Returns the moment that lies this far ahead.
    pub(crate) fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration.min(FAR_AWAY))
    }

    /// Returns the time that is left, zero when it is over.
    pub(crate) fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
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

    /// Moves the deadline by the time that ccci was stopped: a pause of `asked` began at `begin` and ends now.
    pub(super) fn forgive_stop(&mut self, begin: Instant, asked: Duration) {
        let stopped = begin.elapsed().saturating_sub(asked);
        if stopped >= STOPPED {
            self.0 += stopped;
        }
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
    mut deadline: Deadline,
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
        let begin = Instant::now();
        let nap = pause(probes).min(deadline.left());
        interrupt.wait(nap);
        deadline.forgive_stop(begin, nap);
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
        let mut deadline = Deadline(start);
        deadline.forgive_stop(start, Duration::from_secs(60));
        assert_eq!(deadline, Deadline(start));
        let Some(earlier) = start.checked_sub(Duration::from_secs(5)) else {
            return assert!(
                start.elapsed() < Duration::from_secs(5),
                "the clock has just begun"
            );
        };
        deadline.forgive_stop(earlier, SHORT);
        assert!(deadline.0 >= start + Duration::from_secs(4));
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
