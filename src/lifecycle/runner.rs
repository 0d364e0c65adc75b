//! Executes one run from its first announcement to its report, and always ends in teardown.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use thiserror::Error;

use super::{
    announce::{Announcer, Output},
    attempt::Attempt,
    record::{Record, Render},
    strays::{STRAY_LIMIT, end_strays},
    watchdog::Watchdog,
};
use crate::{
    model::{
        app::AppDomain,
        event::{EventReader, Fact},
        journal::{Begun, Entry, JOURNAL_VERSION},
        outcome::Trouble,
        report::RunReport,
        run::{IngressKind, Keep, RunId, RunRequest},
        stage::Stage,
    },
    sys::{
        context::Context,
        interrupt::Interrupt,
        journal::{self, Journal},
        lock::{self, Leader, Lock},
        process::{Host, stray::MARKER},
        run_dir::{self, RunDir},
        wait::{Deadline, Waited, wait_until},
    },
    tool::deployer::Deployer,
};

/// How long a lock may be held by somebody who only asks whether it is free.
const BRIEF: Duration = Duration::from_millis(500);

/// How often a lock that is held is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// One run to be made.
pub(crate) struct Job {
    /// What was asked for.
    pub(crate) request: RunRequest,
    /// The app's domain.
    pub(crate) domain: AppDomain,
    /// What deploys it.
    pub(crate) deployer: Arc<dyn Deployer>,
    /// The versions of the programs that every run uses, by name.
    pub(crate) versions: BTreeMap<String, String>,
    /// How it is reached, unless the recipe declares a way.
    pub(crate) ingress: IngressKind,
    /// How often a failed custom test is tried again.
    pub(crate) retries: u32,
    /// How a test counts that passes on a later try.
    pub(crate) flaky: FlakyCounts,
    /// Whether findings about the recipe's text are failures.
    pub(crate) lint: LintCounts,
    /// Stages whose generic checks are left out.
    pub(crate) generic_left_out: Vec<Stage>,
    /// When the app is kept.
    pub(crate) keep: Keep,
    /// How long another run of the same app is waited for.
    pub(crate) wait: Duration,
    /// How long the run may take.
    pub(crate) timeout: Duration,
    /// After how long a stage is slow.
    pub(crate) slow: Duration,
    /// Where the records go, when not into the state directory.
    pub(crate) log_dir: Option<PathBuf>,
    /// Who reads the run's facts, beside its own record on disk.
    pub(crate) readers: Vec<Arc<dyn EventReader>>,
    /// Whether nothing is to be deployed.
    pub(crate) dry_run: DryRun,
    /// What the process would exit with for this run alone, given the number of the signal that ended it.
    pub(crate) exit_code: fn(&RunReport, Option<u8>) -> u8,
    /// Files made from the report, by name.
    pub(crate) renders: &'static [(&'static str, Render)],
}

/// Whether a run ends with its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DryRun {
    /// It does, and nothing is deployed.
    Yes,
    /// It is made.
    No,
}

/// How a test counts that passes on a later try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlakyCounts {
    /// As passed.
    Passed,
    /// As failed.
    Failed,
}

/// How findings about the recipe's text count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LintCounts {
    /// They are shown.
    Shown,
    /// They fail the run.
    Denied,
}

/// Why a run could not begin.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// Another run holds the app's lock.
    #[error("app `{domain}` is busy: {holder}")]
    Busy {
        /// The app.
        domain: AppDomain,
        /// Who holds it, for people.
        holder: String,
    },
    /// The state directory cannot be used.
    #[error("the state directory `{}` cannot be used", .path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The request cannot be met: it names what is not there, or the app is a newer ccci's.
    #[error("{}", .0.message)]
    Refused(Box<Trouble>),
    /// A signal came before anything was begun.
    #[error("interrupted")]
    Interrupted,
}

/// What came of a job.
pub(crate) enum Ended {
    /// The run is over; its report says how.
    Run {
        /// Its report.
        report: Box<RunReport>,
        /// Whether all who read its facts could keep them.
        output: Output,
    },
    /// Nothing was deployed: this is what would be done.
    Planned(Box<crate::model::plan::Plan>),
}

/// Makes a run, to its end.
pub(crate) fn run(ctx: &Context, job: &Job) -> Result<Ended, Error> {
    let unusable = |source| unusable(ctx, source);
    let log_dir = job.log_dir.as_deref();
    let dir = RunDir::create(&ctx.settings.state.dir, log_dir, &ctx.host.redactor);
    let dir = dir.map_err(unusable)?;
    let leader = match take_lead(ctx, &dir) {
        Ok(leader) => leader,
        Err(error) => {
            dir.discard();
            return Err(error);
        }
    };
    let ended = lead(ctx, job, &dir);
    if ended.is_err() {
        // Nothing was begun, so there is nothing to look after.
        dir.discard();
    }
    leader.retire();
    ended
}

/// Makes a run that has its directory and its lead.
fn lead(ctx: &Context, job: &Job, dir: &RunDir) -> Result<Ended, Error> {
    let unusable = |source| unusable(ctx, source);
    let events = Arc::new(dir.events().map_err(unusable)?);
    let readers = std::iter::once(Arc::clone(&events) as Arc<dyn EventReader>)
        .chain(job.readers.iter().cloned())
        .collect();
    let announcer = Announcer::new(
        (dir.id().clone(), job.request.recipe.clone()),
        ctx.host.interrupt.clone(),
        readers,
    );
    let lock = take_lock(ctx, job, dir, &announcer)?;
    let ctx = &with_marked_children(ctx, dir, &lock);
    let journal = Journal::open(dir.registry()).map_err(unusable)?;
    journal
        .write(&Entry::Begun(begun(ctx, job, dir)))
        .map_err(unusable)?;
    let record = Record::begin(ctx, dir, job.renders, events);
    let watchdog = Watchdog::new(job.slow);
    let attempt = Attempt {
        ctx,
        job,
        dir,
        announcer: &announcer,
        begun: Instant::now(),
        deadline: Deadline::after(job.timeout),
        journal: &journal,
        record: &record,
        watchdog: &watchdog,
    };
    let made = thread::scope(|scope| {
        // Where the system has no thread left, the run goes on unwatched.
        let watch = || watchdog.watch(&announcer);
        drop(thread::Builder::new().spawn_scoped(scope, watch));
        // A panic must end the watch too, or the scope would wait for it for ever.
        let _stop = StopOnDrop(&watchdog);
        attempt.make()
    });
    if made.is_err() {
        // While the app is locked, or its next run would take this one for a dead one.
        dir.discard();
    }
    drop(lock);
    let planned = made.map_err(|trouble| Error::Refused(Box::new(trouble)))?;
    Ok(match planned {
        Some(plan) => Ended::Planned(Box::new(plan)),
        None => Ended::Run {
            report: Box::new(record.report().clone()),
            output: announcer.output(),
        },
    })
}

/// Says that the state directory cannot be used.
fn unusable(ctx: &Context, source: io::Error) -> Error {
    Error::State {
        path: ctx.settings.state.dir.clone(),
        source,
    }
}

/// Returns the context of a run, whose children carry its mark and hold its app's lock.
fn with_marked_children(ctx: &Context, dir: &RunDir, lock: &Lock) -> Context {
    let mut base_env = ctx.host.base_env.clone();
    base_env.push((MARKER.into(), dir.id().as_str().into()));
    let host = Host {
        base_env,
        inherit: Some(lock.file()),
        ..ctx.host.clone()
    };
    Context {
        host,
        ..ctx.clone()
    }
}

/// Ends the watch when the run is left, in whatever way.
struct StopOnDrop<'a>(&'a Watchdog);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Takes the lock that tells that the run is led; its children do not get it.
fn take_lead(ctx: &Context, dir: &RunDir) -> Result<Leader, Error> {
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
fn take_lock(ctx: &Context, job: &Job, dir: &RunDir, announcer: &Announcer) -> Result<Lock, Error> {
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

/// Returns the first entry of the journal.
fn begun(ctx: &Context, job: &Job, dir: &RunDir) -> Begun {
    Begun {
        version: JOURNAL_VERSION,
        run_id: dir.id().clone(),
        pid: std::process::id(),
        host: ctx.hostname.clone(),
        boot_id: ctx.boot_id.clone(),
        started: Timestamp::now(),
        recipe: job.request.recipe.clone(),
        domain: job.domain.clone(),
        stack: job.domain.stack(),
        deployer: job.deployer.kind(),
    }
}
