//! Several runs side by side, and when no further one begins.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use crate::{
    cli::values::{MaxFail, Running},
    exit,
    lifecycle::{
        promotion,
        runner::{self, Ended, Job},
    },
    sys::{
        beside::beside,
        context::Context,
        interrupt::{Interrupt, Signal},
        wait,
    },
};

/// How long a signal is waited for at a time.
const LONG: Duration = Duration::from_secs(3600);

/// A run with what it acts with.
pub(crate) type Task = (Context, Job);

/// What came of a run; nothing when it was not begun.
pub(crate) type Result = Option<std::result::Result<Ended, runner::Error>>;

/// How many run at once, and when that ends.
pub(crate) struct Pace {
    /// How many.
    pub(crate) jobs: u8,
    /// After how many failures none begins.
    pub(crate) max_fail: Option<MaxFail>,
    /// Ends the runs: signals reach it, and so does a limit that cancels.
    pub(crate) interrupt: Interrupt,
}

/// What the workers share.
struct Desk<'a> {
    /// The runs.
    tasks: &'a [Task],
    /// The pace.
    pace: &'a Pace,
    /// What is decided while they run.
    state: Mutex<State>,
}

/// What is decided while runs go on.
struct State {
    /// The next run to begin.
    next: usize,
    /// How many have failed.
    failed: u32,
    /// What came of each.
    results: Vec<Result>,
    /// What came of the promotions that followed some.
    promotions: Vec<Result>,
}

/// Makes the runs, each with the promotion that follows it; returns what came of each in their order, promotions last.
pub(crate) fn run(tasks: &[Task], pace: &Pace) -> Vec<Result> {
    let desk = Desk {
        tasks,
        pace,
        state: Mutex::new(State {
            next: 0,
            failed: 0,
            results: tasks.iter().map(|_| None).collect(),
            promotions: Vec::new(),
        }),
    };
    let workers = usize::from(pace.jobs).min(tasks.len());
    thread::scope(|scope| {
        for _ in 1..workers {
            beside(scope, || desk.work());
        }
        desk.work();
    });
    let state = desk.state.into_inner();
    let state = state.unwrap_or_else(PoisonError::into_inner);
    state.results.into_iter().chain(state.promotions).collect()
}

impl Desk<'_> {
    /// Makes one run after another, until none is left or none may begin.
    fn work(&self) {
        while let Some(place) = self.take() {
            let (ctx, job) = &self.tasks[place];
            let result = runner::run(ctx, job);
            let promotion = match &result {
                Ok(Ended::Run { report, .. }) => promotion::follow(ctx, job, report),
                Ok(Ended::Planned(_)) | Err(_) => None,
            };
            self.put(place, result);
            if let Some(promoted) = promotion.map(|next| runner::run(ctx, &next)) {
                self.state().promotions.push(Some(promoted));
            }
        }
    }

    /// Returns the place of the next run, unless none may begin.
    fn take(&self) -> Option<usize> {
        let mut state = self.state();
        let is_enough = |limit: MaxFail| state.failed >= limit.count.get();
        let stops = self.pace.interrupt.is_set() || self.pace.max_fail.is_some_and(is_enough);
        let place = state.next;
        if stops || place >= self.tasks.len() {
            return None;
        }
        state.next += 1;
        Some(place)
    }

    /// Takes note of what came of a run.
    fn put(&self, place: usize, result: std::result::Result<Ended, runner::Error>) {
        let mut state = self.state();
        state.failed += u32::from(is_failure(&result));
        state.results[place] = Some(result);
        if let Some(MaxFail { count, running }) = self.pace.max_fail
            && running == Running::Cancel
            && state.failed >= count.get()
            && !self.pace.interrupt.is_set()
        {
            self.pace.interrupt.raise(Signal::Term);
        }
    }

    /// Locks what is decided; one who panicked with it leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether a run counts as failed: whatever did not pass, leaks apart.
fn is_failure(result: &std::result::Result<Ended, runner::Error>) -> bool {
    match result {
        Ok(Ended::Planned(_)) => false,
        Ok(Ended::Run { report, .. }) => report.finished.as_ref().is_none_or(|finished| {
            ![exit::PASSED, exit::LEAKED, exit::OUTPUT].contains(&finished.exit_code)
        }),
        Err(_) => true,
    }
}

/// Returns an interrupt of the batch alone, which every signal reaches that comes to the program.
pub(crate) fn follow(program: &Interrupt) -> io::Result<Interrupt> {
    let own = Interrupt::never();
    let (program, follower) = (program.clone(), own.clone());
    thread::Builder::new()
        .name("batch".to_owned())
        .spawn(move || {
            for seen in [program.clone(), program.shielded()] {
                while wait::pause(LONG, &seen) {}
                follower.raise(program.signal().unwrap_or(Signal::Term));
            }
        })?;
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_signals_reach_the_batch_and_a_cancelled_batch_is_no_signal() {
        let program = Interrupt::never();
        let own = follow(&program).unwrap();
        own.raise(Signal::Term);
        assert_eq!(program.count(), 0);
        let own = follow(&program).unwrap();
        program.raise(Signal::Int);
        assert!(!wait::pause(Duration::from_secs(60), &own));
        assert_eq!(own.signal(), Some(Signal::Int));
        program.raise(Signal::Int);
        assert!(!wait::pause(Duration::from_secs(60), &own.shielded()));
    }

    #[test]
    fn what_could_not_begin_counts_as_failed() {
        assert!(is_failure(&Err(runner::Error::Interrupted)));
    }
}
