//! Watches a run from the side: announces a signal at once and a slow stage each period.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::announce::Announcer;
use crate::{
    model::{event::Fact, outcome::millis, stage::Stage},
    sys::{interrupt::Interrupt, wait::pause},
};

/// How often it looks; a signal is announced within twice this.
const PERIOD: Duration = Duration::from_millis(40);

/// What is known of the stage that runs.
#[derive(Default)]
struct Now {
    /// The stage, since when, and how many slow periods were announced.
    stage: Option<(Stage, Instant, u32)>,
    /// What goes on in it.
    doing: String,
    /// Whether the run is over.
    is_over: bool,
}

/// The state that a run and its watchdog share.
pub(crate) struct Watchdog {
    /// The stage that runs.
    now: Mutex<Now>,
    /// After how long a stage is slow.
    slow: Duration,
}

impl Watchdog {
    /// Makes a watchdog that calls a stage slow after a period.
    pub(crate) fn new(slow: Duration) -> Self {
        Self {
            now: Mutex::default(),
            slow,
        }
    }

    /// Takes note of a stage that begins.
    pub(crate) fn begin(&self, stage: Stage) {
        let mut now = self.lock();
        now.stage = Some((stage, Instant::now(), 0));
        now.doing.clear();
    }

    /// Takes note of the end of a stage.
    pub(crate) fn end(&self) {
        self.lock().stage = None;
    }

    /// Takes note of what goes on.
    pub(crate) fn doing(&self, doing: &str) {
        doing.clone_into(&mut self.lock().doing);
    }

    /// Ends the watch.
    pub(crate) fn stop(&self) {
        self.lock().is_over = true;
    }

    /// Watches until the run is over.
    pub(crate) fn watch(&self, announcer: &Announcer) {
        while !self.lock().is_over {
            announcer.answer_signal();
            if let Some(fact) = self.slow_stage() {
                announcer.say(fact);
            }
            // The pause must not be cut by the very signal that is waited for, or this would spin.
            let _whole = pause(PERIOD, &Interrupt::never());
        }
    }

    /// Returns the fact that a stage has been slow for another period.
    fn slow_stage(&self) -> Option<Fact> {
        let mut now = self.lock();
        let doing = now.doing.clone();
        let (stage, since, announced) = now.stage.as_mut()?;
        if since.elapsed() < self.slow * (*announced + 1) {
            return None;
        }
        *announced += 1;
        let at_least_ms = millis(self.slow * *announced);
        Some(Fact::StageSlow {
            stage: *stage,
            at_least_ms,
            doing,
        })
    }

    /// Locks the state; a panic elsewhere does not end the watch.
    fn lock(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_stage_is_announced_once_a_period_with_a_lower_bound() {
        let watchdog = Watchdog::new(Duration::from_millis(1));
        assert_eq!(watchdog.slow_stage(), None);
        watchdog.begin(Stage::Install);
        watchdog.doing("GET /");
        watchdog.lock().stage = Some((
            Stage::Install,
            Instant::now()
                .checked_sub(Duration::from_millis(2))
                .unwrap(),
            0,
        ));
        let Some(Fact::StageSlow {
            at_least_ms, doing, ..
        }) = watchdog.slow_stage()
        else {
            panic!("not slow")
        };
        assert_eq!((at_least_ms, doing.as_str()), (1, "GET /"));
        watchdog.end();
        assert_eq!(watchdog.slow_stage(), None);
    }
}
