//! One run while it goes on: what its stages share.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    announce::Announcer, classify, ground, record::Record, side::Guard, watchdog::Watchdog,
};
use crate::{
    config::recipe_config::RecipeConfig,
    model::{
        event::{Fact, ServiceState},
        outcome::{CheckKind, CheckResult, Outcome, Trouble, millis},
        plan::Plan,
        resource::Resource,
        run::DeployerKind,
        stage::Stage,
        tries::Tries,
    },
    sys::{
        context::Context,
        journal::Journal,
        process::{self, LineStream, StepLog},
        run_dir::RunDir,
        wait::Deadline,
    },
    tool::{
        app::App,
        deployer::{self, Deployer},
        docker::client,
    },
};

/// How often progress of a stage is announced at most.
const PROGRESS_PAUSE: Duration = Duration::from_secs(1);
/// The checks in which nothing of the recipe is at work: what takes too long there is no fault of it.
const TOOLS_ALONE: [&str; 3] = ["created", "deployed", "redeployed"];
/// How long after a stage's time what goes on is ended: what watches that time itself says more.
const OVERTIME: Duration = Duration::from_secs(5);

/// What all stages of a run share.
pub(crate) struct Session<'a> {
    /// Settings and the machine.
    pub(crate) ctx: &'a Context,
    /// The run directory.
    pub(crate) dir: &'a RunDir,
    /// Where facts are announced.
    pub(crate) announcer: &'a Announcer,
    /// The journal.
    pub(crate) journal: &'a Journal,
    /// The report.
    pub(crate) record: &'a Record,
    /// Watches for signals and slow stages.
    pub(crate) watchdog: &'a Watchdog,
    /// The app.
    pub(crate) app: App,
    /// What happens to the app's containers, for as long as the engine is there.
    pub(crate) events: &'a LineStream,
    /// Whether this node ran tasks when the stages began.
    pub(crate) availability: String,
    /// What deploys it.
    pub(crate) deployer: &'a dyn Deployer,
    /// What was decided.
    pub(crate) plan: Plan,
    /// Whether the compose policy is checked.
    pub(crate) guard: Guard,
    /// What `recipe.toml` declares.
    pub(crate) config: RecipeConfig,
    /// How often a test file is run.
    pub(crate) tries: Tries,
    /// Whether a test that passes on a later try counts as failed.
    pub(crate) flaky_fails: bool,
    /// When the whole run has to be over.
    pub(crate) deadline: Deadline,
    /// When the stage that runs has to be over.
    pub(crate) stage_deadline: Mutex<Deadline>,
    /// When progress was announced last, and what it was.
    pub(crate) progress: Mutex<Option<(Instant, String)>>,
    /// The names that the journal knows.
    pub(crate) announced: Mutex<BTreeSet<Resource>>,
}

/// The checks of one stage while it runs.
pub(crate) struct StageRun<'a> {
    /// The run.
    pub(crate) session: &'a Session<'a>,
    /// The stage.
    pub(crate) stage: Stage,
    /// The checks that ended.
    pub(crate) checks: Vec<CheckResult>,
}

/// A check's name and kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckName<'a> {
    /// The kind.
    pub(crate) kind: CheckKind,
    /// The name.
    pub(crate) name: &'a str,
}

/// How a check ended well: with a remark, or without being made.
pub(crate) enum Remark {
    /// It passed.
    Passed,
    /// It passed, and this was found.
    Note(String),
    /// It was not made, for this reason.
    NotMade(String),
}

impl Session<'_> {
    /// Announces what goes on in a stage, at most once a second unless it is new.
    pub(crate) fn progress(
        &self,
        stage: Stage,
        doing: &str,
        services: &[ServiceState],
        left: Duration,
    ) {
        let key = format!("{doing}{services:?}");
        let mut last = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = match &*last {
            Some((when, known)) => when.elapsed() >= PROGRESS_PAUSE && *known != key,
            None => true,
        };
        if is_due {
            *last = Some((Instant::now(), key));
            let services = services.to_vec();
            let left_ms = millis(left);
            self.announcer.say(Fact::StageProgress {
                stage,
                doing: doing.to_owned(),
                services,
                left_ms,
            });
        }
        self.watchdog.doing(doing);
    }

    /// Opens a log of a stage.
    pub(crate) fn log(&self, stage: Stage, name: &str) -> Result<StepLog, Trouble> {
        let log = self.dir.log(&format!("{}/{name}.log", stage.folder()));
        log.map_err(|error: process::Error| state_trouble(&error.to_string()))
    }

    /// Returns how long something may take that has a limit of its own and must end with its stage.
    pub(crate) fn limit(&self, own: Duration) -> Deadline {
        Deadline::after(own).min(self.stage_deadline())
    }

    /// Returns how long the stage that runs may still take.
    pub(crate) fn left(&self) -> Duration {
        self.stage_deadline().left()
    }

    /// Returns when the stage that runs has to be over.
    fn stage_deadline(&self) -> Deadline {
        *self
            .stage_deadline
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the time of a stage: waits end with it, and what still goes on a moment later is ended.
    pub(crate) fn begin_stage(&self) {
        let timeouts = self.config.timeouts.on(&self.ctx.settings.limits, None);
        let deadline = Deadline::after(timeouts.stage).min(self.deadline);
        *self
            .stage_deadline
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = deadline;
        let last = Deadline::after(deadline.left() + OVERTIME);
        self.app.docker.host().interrupt.set_limit(Some(last));
    }

    /// Ends the time of a stage, so that evidence can still be gathered.
    pub(crate) fn end_stage(&self) {
        self.app.docker.host().interrupt.set_limit(None);
    }

    /// Explains why the deployer did not do its work.
    ///
    /// One that is still at it when its stage is over has shown nothing against the recipe.
    pub(crate) fn deployer_trouble(&self, doing: &str, error: &deployer::Error) -> Trouble {
        let kind = self.deployer.kind();
        let is_cut = match error {
            deployer::Error::Docker(client::Error::Interrupted) => {
                !self.ctx.host.interrupt.is_set()
            }
            deployer::Error::Docker(client::Error::TimedOut { .. }) => kind == DeployerKind::Abra,
            _ => false,
        };
        let trouble = if is_cut {
            let message = format!("{doing} did not end in time, and {} was ended", kind.word());
            Trouble::broken("tool-timeout", message)
        } else {
            classify::deployer_error(doing, error)
        };
        match error {
            deployer::Error::Broken { .. } => trouble.because(format!(
                "this is {} {}",
                kind.word(),
                self.deployer.version()
            )),
            _ => trouble,
        }
    }

    /// Tells whether a signal ended the run, or the stage's time did.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.app.docker.host().interrupt.is_set()
    }
}

impl<'a> StageRun<'a> {
    /// Begins the checks of a stage.
    pub(crate) fn new(session: &'a Session<'a>, stage: Stage) -> Self {
        Self {
            session,
            stage,
            checks: Vec::new(),
        }
    }

    /// Makes a check and takes note of how it ended; tells whether it did not go wrong.
    pub(crate) fn check(
        &mut self,
        check: CheckName<'_>,
        make: impl FnOnce() -> Result<Remark, Trouble>,
    ) -> bool {
        let begun = Instant::now();
        let result = make();
        let (outcome, note, trouble) = match result {
            Ok(Remark::Passed) => (Outcome::Pass, None, None),
            Ok(Remark::Note(note)) => (Outcome::Pass, Some(note), None),
            Ok(Remark::NotMade(reason)) => (Outcome::Skip, Some(reason), None),
            Err(trouble) => (trouble.outcome(), None, Some(trouble)),
        };
        self.finish(CheckResult {
            kind: check.kind,
            name: check.name.to_owned(),
            outcome,
            duration_ms: millis(begun.elapsed()),
            note,
            trouble,
            attempts: 1,
            passed: None,
            tries: Vec::new(),
            log: None,
            cases: Vec::new(),
            cases_left_out: 0,
        })
    }

    /// Makes one of ccci's own checks.
    pub(crate) fn generic(
        &mut self,
        name: &str,
        make: impl FnOnce() -> Result<Remark, Trouble>,
    ) -> bool {
        self.check(
            CheckName {
                kind: CheckKind::Generic,
                name,
            },
            make,
        )
    }

    /// Takes note of a check that ended; tells whether it did not go wrong.
    pub(crate) fn finish(&mut self, mut check: CheckResult) -> bool {
        let is_cut = |trouble: &Trouble| trouble.code == "interrupted";
        if check.trouble.as_ref().is_some_and(is_cut) && !self.session.ctx.host.interrupt.is_set() {
            let message = format!("`{}` was ended with the time of its stage", check.name);
            let trouble = if TOOLS_ALONE.contains(&check.name.as_str()) {
                Trouble::broken("tool-timeout", message)
            } else {
                out_of_time(message)
            };
            check.outcome = trouble.outcome();
            check.trouble = Some(trouble);
        }
        ground::excuse(self.session, &mut check);
        if check.outcome == Outcome::Broken {
            // Where the file shows nothing against the recipe, none of its tests does.
            let failed = check.cases.iter_mut();
            let failed = failed.filter(|case| case.outcome.is_failure());
            failed.for_each(|case| case.outcome = Outcome::Broken);
        }
        let is_fine = check.outcome.is_pass() || check.outcome == Outcome::Skip;
        self.session.announcer.say(Fact::CheckFinished {
            stage: self.stage,
            check: check.clone(),
        });
        self.checks.push(check);
        is_fine
    }

    /// Tells whether nothing went wrong so far.
    pub(crate) fn is_fine(&self) -> bool {
        self.checks
            .iter()
            .all(|check| check.outcome.is_pass() || check.outcome == Outcome::Skip)
    }
}

/// Returns the trouble of what did not end in time.
pub(crate) fn out_of_time(message: impl Into<String>) -> Trouble {
    Trouble::recipe("timeout", message)
        .hint("set a longer `stage-timeout` in `recipe.toml`, or `run-timeout` in `ccci.toml`")
}

/// Returns the trouble of a state directory that cannot be used.
pub(crate) fn state_trouble(said: &str) -> Trouble {
    let full = said.to_ascii_lowercase().contains("no space left");
    let code = if full {
        "disk-full"
    } else {
        "state-unwritable"
    };
    Trouble::broken(code, "the run directory cannot be written").because(said)
}

/// Explains an error of docker; a short way for what stages do often.
pub(crate) fn docker_trouble(error: &client::Error) -> Trouble {
    classify::docker_error(error)
}
