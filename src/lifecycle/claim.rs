//! Claims an app for a run: the lead of the run, the lock of the app, and who has it otherwise.

use std::{io, time::Duration};

use jiff::Timestamp;

use super::{
    announce::Announcer,
    runner::{Error, Job},
    strays::{STRAY_LIMIT, end_strays},
};
use crate::{
    model::{event::Fact, run::RunId},
    sys::{
        context::Context,
        interrupt::Interrupt,
        journal,
        lock::{self, Leader, Lock},
        run_dir::{self, RunDir},
        wait::{Deadline, Waited, wait_until},
    },
};

/// How long a lock may be held by somebody who only asks whether it is free.
const BRIEF: Duration = Duration::from_millis(500);

/// How often a lock that is held is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Takes the lock that tells that the run is led; its children do not get it.
pub(super) fn take_lead(ctx: &Context, dir: &RunDir) -> Result<Leader, Error> {
    let folder = ctx.settings.state.dir.join("locks");
    let unusable = |source: io::Error| Error::State {
        path: folder.clone(),
        source,
    };
    std::fs::create_dir_all(&folder).map_err(unusable)?;
    // One who only asks about this run, which nobody knows yet, may have it for a moment.
    let (soon, interrupt) = (Deadline::after(BRIEF), Interrupt::never());
    let probe = || Leader::try_take(&folder, dir.id());
    let taken = wait_until(soon, &interrupt, probe, |_| Duration::from_millis(5));
    match taken.map_err(|error| unusable(io::Error::other(error)))? {
        Waited::Done(leader) => Ok(leader),
        Waited::TimedOut | Waited::Interrupted => {
            let message = format!("run `{}` is led by another process", dir.id());
            Err(unusable(io::Error::other(message)))
        }
    }
}

/// Takes the app's lock, or says who holds it; that it is waited for is announced.
pub(super) fn take_lock(
    ctx: &Context,
    job: &Job,
    dir: &RunDir,
    announcer: &Announcer,
) -> Result<Lock, Error> {
    let folder = ctx.settings.state.dir.join("locks");
    let unusable = |source: io::Error| Error::State {
        path: folder.clone(),
        source,
    };
    std::fs::create_dir_all(&folder).map_err(unusable)?;
    let name = job.domain.as_str();
    let note = format!(
        "run {} of process {} on {} since {}",
        dir.id(),
        std::process::id(),
        ctx.hostname,
        Timestamp::now()
    );
    let acquire = |limit: Duration| {
        let lock = wait_until(
            Deadline::after(limit),
            &ctx.host.interrupt,
            || match Lock::try_acquire(&folder, name, &note)? {
                // The file of a lock that is held was removed: its name guards nothing until that run is over.
                Some(_) if living_run(ctx, job, dir)?.is_some() => Ok(None),
                taken => Ok::<_, lock::Error>(taken),
            },
            |_| LOCK_PAUSE,
        );
        lock.map_err(|error| unusable(io::Error::other(error)))
    };
    let mut lock = acquire(BRIEF)?;
    let freed = || end_orphans(ctx, job, dir).map_err(|error| unusable(io::Error::other(error)));
    if matches!(lock, Waited::TimedOut) && freed()? {
        lock = acquire(BRIEF)?;
    }
    if matches!(lock, Waited::TimedOut) && !job.wait.is_zero() {
        let what = format!("lock of {name}, held by {}", holder(ctx, job, dir));
        announcer.say(Fact::Waiting { what });
        lock = acquire(job.wait.saturating_sub(BRIEF))?;
    }
    match lock {
        Waited::Done(lock) => Ok(lock),
        Waited::Interrupted => Err(Error::Interrupted),
        Waited::TimedOut => Err(Error::Busy {
            domain: job.domain.clone(),
            holder: holder(ctx, job, dir),
        }),
    }
}

/// Finds a run of the same app that is not over and that somebody still leads.
fn living_run(ctx: &Context, job: &Job, dir: &RunDir) -> Result<Option<RunId>, lock::Error> {
    let locks = ctx.settings.state.dir.join("locks");
    for id in open_runs(ctx, job, dir) {
        if Leader::is_alive(&locks, &id)? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Ends the children of runs of the same app that nobody leads any more; tells whether there were any.
///
/// They hold the app's lock, and may still change the app. What their run made is removed as soon as we have the lock.
fn end_orphans(ctx: &Context, job: &Job, dir: &RunDir) -> Result<bool, lock::Error> {
    let locks = ctx.settings.state.dir.join("locks");
    let mut found = false;
    for run in open_runs(ctx, job, dir) {
        // With its lead nobody else looks after that run meanwhile.
        if let Some(lead) = Leader::try_take(&locks, &run)? {
            let until = (Deadline::after(STRAY_LIMIT), &ctx.host.interrupt);
            found |= !end_strays(&run, until).is_empty();
            lead.retire();
        }
    }
    Ok(found)
}

/// Lists the other runs of the same app whose end is not written down.
fn open_runs(ctx: &Context, job: &Job, dir: &RunDir) -> Vec<RunId> {
    let runs = run_dir::list(&ctx.settings.state.dir).unwrap_or_default();
    let others = runs.into_iter().filter(|(id, _)| id != dir.id());
    let open = others.filter(|(_, entry)| {
        journal::examine(entry).is_ok_and(|examined| {
            examined
                .is_some_and(|run| run.domain.as_ref() == Some(&job.domain) && !run.history.clean)
        })
    });
    open.map(|(id, _)| id).collect()
}

/// Says who holds the app, for people: the note of the lock may be older than a lock file that was removed.
fn holder(ctx: &Context, job: &Job, dir: &RunDir) -> String {
    let locks = ctx.settings.state.dir.join("locks");
    let note = Lock::holder(&locks, job.domain.as_str());
    let note = note.unwrap_or_else(|| "its lock is held".to_owned());
    match living_run(ctx, job, dir) {
        Ok(Some(run)) if !note.contains(&format!("run {run} ")) => {
            format!("run {run} goes on, though the file of its lock was removed")
        }
        Ok(_) | Err(_) => note,
    }
}
