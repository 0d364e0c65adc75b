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
    claim::{take_lead, take_lock},
    classify,
    hold::Hold,
    providing::Providers,
    record::{Record, Render},
    warm::Warm,
    watchdog::Watchdog,
};
use crate::{
    model::{
        app::AppDomain,
        event::{EventReader, Fact, RunFinished, RunStarted},
        journal::{Begun, Entry, JOURNAL_VERSION},
        outcome::{Trouble, Verdict},
        pattern::TestPattern,
        recipe::RecipeName,
        report::RunReport,
        run::{IngressKind, Keep, RunRequest},
        stage::Stage,
        tries::Tries,
    },
    sys::{
        context::Context,
        interrupt::Signal,
        journal::Journal,
        lock::Lock,
        process::{Host, stray::MARKER},
        run_dir::{EventFile, RunDir},
        wait::Deadline,
    },
    tool::deployer::Deployer,
};

/// One run to be made.
#[derive(Clone)]
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
    /// How often a test file is run.
    pub(crate) tries: Tries,
    /// How a test counts that passes on a later try.
    pub(crate) flaky: FlakyCounts,
    /// Whether findings about the recipe's text are failures.
    pub(crate) lint: LintCounts,
    /// What chooses among the tests; all run when there is none.
    pub(crate) patterns: Vec<TestPattern>,
    /// Stages whose generic checks are left out, with what leaves them out.
    pub(crate) generic_left_out: Vec<(Stage, String)>,
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
    /// What the process would exit with for this run alone, when it could not begin.
    pub(crate) error_code: fn(&Error) -> u8,
    /// Files made from the report, by name.
    pub(crate) renders: &'static [(&'static str, Render)],
    /// What it is made for.
    pub(crate) purpose: Purpose,
}

/// What a run is made for.
#[derive(Clone)]
pub(crate) enum Purpose {
    /// Somebody asked for it.
    Asked,
    /// Another run requires its app.
    Required(Arc<Hold>),
}

impl Purpose {
    /// Returns the recipes that led to the run.
    pub(super) fn chain(&self) -> &[RecipeName] {
        match self {
            Self::Asked => &[],
            Self::Required(hold) => &hold.chain,
        }
    }
}

/// Whether a run ends with its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DryRun {
    /// It does, and nothing is deployed.
    Yes,
    /// It does as well, and what its tests lack is told of each of them.
    Listing,
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

/// Turns what kept a run from its begin into what people read.
pub(super) fn trouble_of(error: &Error) -> Trouble {
    match error {
        Error::Refused(trouble) => (**trouble).clone(),
        Error::Interrupted => classify::interrupted(),
        Error::Busy { .. } => Trouble::broken("busy", classify::in_one_line(error)),
        Error::State { .. } => Trouble::broken("state-unwritable", classify::in_one_line(error)),
    }
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
    if job.dry_run != DryRun::No {
        return make(ctx, job, dir, (&announcer, events));
    }
    announcer.say(Fact::RunStarted(start(ctx, job, dir)));
    let ended = make(ctx, job, dir, (&announcer, events));
    if let Err(error) = &ended {
        // Who reads the facts of a run that was announced reads its end too.
        announcer.say(Fact::RunFinished(not_begun(ctx, job, error)));
    }
    ended
}

/// Makes a run that was announced, once it has its app.
fn make(
    ctx: &Context,
    job: &Job,
    dir: &RunDir,
    (announcer, events): (&Announcer, Arc<EventFile>),
) -> Result<Ended, Error> {
    let unusable = |source| unusable(ctx, source);
    let lock = take_lock(ctx, job, dir, announcer)?;
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
        announcer,
        begun: Instant::now(),
        deadline: Deadline::after(job.timeout),
        journal: &journal,
        record: &record,
        watchdog: &watchdog,
        providers: Providers::default(),
        warm: Warm::default(),
    };
    let made = thread::scope(|scope| {
        // Where the system has no thread left, the run goes on unwatched.
        let watch = || watchdog.watch(announcer);
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

/// Returns what is announced of a run first of all.
fn start(ctx: &Context, job: &Job, dir: &RunDir) -> RunStarted {
    let deployer = format!("{} {}", job.deployer.kind().word(), job.deployer.version());
    RunStarted {
        argv: ctx.argv.clone(),
        log_dir: dir.path().display().to_string(),
        ccci: env!("CARGO_PKG_VERSION").to_owned(),
        domain: job.domain.to_string(),
        deployer: deployer.trim_end().to_owned(),
        ingress: job.ingress.word().to_owned(),
    }
}

/// Returns the end of a run that could not begin: it has no stages and no report.
fn not_begun(ctx: &Context, job: &Job, error: &Error) -> RunFinished {
    let signal = ctx.host.interrupt.signal();
    let exit_code = signal.map_or_else(|| (job.error_code)(error), Signal::exit_code);
    RunFinished {
        verdict: match signal {
            Some(_) => Verdict::Cancelled,
            None => Verdict::Broken,
        },
        exit_code,
        ..RunFinished::count(&[])
    }
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
