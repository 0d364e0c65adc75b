//! Deploys releases of an always-on app, and brings the one before back where a new one is not well.

use std::time::Duration;

use jiff::Timestamp;

use super::{Round, Tagged, find};
use crate::{
    lifecycle::{
        classify, preflight,
        runner::{self, DryRun, Ended, FlakyCounts, Job, LintCounts, Purpose},
    },
    model::{
        always_on::{Deployed, Record, Upgrading, fingerprint},
        outcome::{Fault, Outcome, Trouble, Verdict},
        recipe::RecipeVersion,
        reconciling::Reconciled,
        report::RunReport,
        run::{Keep, RunMode, RunRequest, Wanted},
        stage::Stage,
        tries::Tries,
    },
};

/// How long a run waits for whoever has the app, at least.
const PATIENCE: Duration = Duration::from_secs(600);

impl Round<'_> {
    /// Deploys a release where nothing runs, or over the same release.
    pub(super) fn deploy(&self, record: Record, to: &Tagged) -> Result<Record, Trouble> {
        self.keep(&record)?;
        let last = record.deployed.as_ref();
        if last.is_some_and(|last| last.version != to.version) {
            // Its own release is gone, so that the data may be all that is left of it.
            let volumes = self.volumes()?;
            if !volumes.is_empty() {
                self.undeploy(&volumes)?;
                self.save(&volumes, &to.version)?;
            }
        }
        self.run(to)?;
        self.succeed(record, to)
    }

    /// Takes a newer release; brings the old one back with its data when the new one is not well.
    pub(super) fn upgrade(
        &self,
        record: Record,
        (from, to): (&RecipeVersion, &Tagged),
        tags: &[Tagged],
        told: &mut Reconciled,
    ) -> Result<Record, Trouble> {
        // Whoever takes the way there knows that there is a way back.
        find(tags, from)?;
        self.check_room()?;
        match self.rehearse(to) {
            Err(trouble) if trouble.fault == Fault::Recipe => {
                return self.tell_rollback(record, (&to.version, &in_words(&trouble)), told);
            }
            rehearsed => rehearsed?,
        }
        let upgrading = Upgrading {
            from: from.clone(),
            to: to.version.clone(),
            snapshot: None,
            failed: None,
        };
        let mut record = record.upgrading(upgrading.clone(), Timestamp::now());
        self.keep(&record)?;
        match self.try_new(&mut record, to) {
            Ok(()) => {
                let record = self.succeed(record, to)?;
                self.sweep_snapshots(&record);
                Ok(record)
            }
            Err(trouble) if trouble.fault == Fault::User => Err(trouble),
            Err(trouble) => self.undo(record, &trouble, tags, told),
        }
    }

    /// Saves the data, and deploys the new release.
    fn try_new(&self, record: &mut Record, to: &Tagged) -> Result<(), Trouble> {
        let volumes = self.volumes()?;
        if !volumes.is_empty() {
            self.undeploy(&volumes)?;
            let name = self.save(&volumes, &to.version)?;
            self.amend(record, |upgrading| upgrading.snapshot = Some(name))?;
        }
        self.run(to)
    }

    /// Undoes an upgrade that went wrong; the release is to blame only when it was found not to be well.
    fn undo(
        &self,
        mut record: Record,
        trouble: &Trouble,
        tags: &[Tagged],
        told: &mut Reconciled,
    ) -> Result<Record, Trouble> {
        let is_to_blame = trouble.fault == Fault::Recipe;
        if is_to_blame {
            let why = in_words(trouble);
            self.amend(&mut record, |upgrading| upgrading.failed = Some(why))?;
        }
        let killed = record.upgrading.clone().expect("it was just written");
        let record = self.bring_back(record, &killed, tags, told)?;
        if is_to_blame {
            Ok(record)
        } else {
            Err(trouble.clone())
        }
    }

    /// Brings the release before an upgrade back, with its data.
    pub(super) fn bring_back(
        &self,
        record: Record,
        killed: &Upgrading,
        tags: &[Tagged],
        told: &mut Reconciled,
    ) -> Result<Record, Trouble> {
        let old = find(tags, &killed.from)?;
        if let Some(snapshot) = &killed.snapshot {
            let kept = self.check(snapshot)?;
            self.undeploy(&kept)?;
            self.restore(snapshot)?;
        } else {
            let volumes = self.volumes()?;
            if !volumes.is_empty() {
                self.undeploy(&volumes)?;
            }
        }
        self.run(old)?;
        told.version = Some(old.version.clone());
        let Some(why) = &killed.failed else {
            let deployed = self.deployed(old);
            let record = record.deployed(deployed, Timestamp::now());
            self.keep(&record)?;
            return Ok(record);
        };
        let kept = Record {
            deployed: Some(self.deployed(old)),
            ..record
        };
        let record = self.tell_rollback(kept, (&killed.to, why), told)?;
        self.sweep_snapshots(&record);
        Ok(record)
    }

    /// Takes note of a release that was found well.
    fn succeed(&self, record: Record, to: &Tagged) -> Result<Record, Trouble> {
        let record = record.deployed(self.deployed(to), Timestamp::now());
        self.keep(&record)?;
        Ok(record)
    }

    /// Returns what is remembered of a release that was deployed.
    fn deployed(&self, to: &Tagged) -> Deployed {
        Deployed {
            version: to.version.clone(),
            commit: to.commit.clone(),
            configured: fingerprint(&self.app.environment()),
        }
    }

    /// Changes what the record says of the upgrade that goes on.
    fn amend(
        &self,
        record: &mut Record,
        change: impl FnOnce(&mut Upgrading),
    ) -> Result<(), Trouble> {
        let mut upgrading = record.upgrading.clone().expect("an upgrade goes on");
        change(&mut upgrading);
        *record = record.clone().upgrading(upgrading, Timestamp::now());
        self.keep(record)
    }

    /// Checks that there is room for what a deploy brings.
    fn check_room(&self) -> Result<(), Trouble> {
        let floor = self.ctx.settings.state.disk_floor;
        preflight::check_disk(self.docker_root, floor)?;
        preflight::check_disk(self.state(), floor)
    }

    /// Makes the run that deploys a release over whatever is there and looks whether it is well.
    fn run(&self, to: &Tagged) -> Result<(), Trouble> {
        self.make(&self.job(to))
    }

    /// Finds out, while the old release still runs, whether a new one can be fetched and read at all.
    fn rehearse(&self, to: &Tagged) -> Result<(), Trouble> {
        self.make(&Job {
            dry_run: DryRun::Yes,
            readers: Vec::new(),
            ..self.job(to)
        })
    }

    /// Makes a run.
    fn make(&self, job: &Job) -> Result<(), Trouble> {
        match runner::run(self.ctx, job) {
            Ok(Ended::Run { report, .. }) => judge(&report),
            Ok(Ended::Planned(_)) => Ok(()),
            Err(error) => Err(runner::trouble_of(&error)),
        }
    }

    /// Returns the job that deploys a release.
    fn job(&self, to: &Tagged) -> Job {
        Job {
            request: RunRequest {
                mode: RunMode::Reconcile,
                recipe: self.app.recipe.clone(),
                source: self.like.request.source.clone(),
                wanted: Wanted::Version(to.version.to_string()),
                commit: Some(to.commit.clone()),
                pr: None,
                stages: vec![Stage::Install],
            },
            domain: self.app.domain.clone(),
            tries: Tries::Retried(0),
            patterns: Vec::new(),
            generic_left_out: Vec::new(),
            flaky: FlakyCounts::Passed,
            lint: LintCounts::Shown,
            keep: Keep::Never,
            wait: self.like.wait.max(PATIENCE),
            dry_run: DryRun::No,
            purpose: Purpose::Asked,
            ..self.like.clone()
        }
    }
}

/// Returns what went wrong, with its causes.
pub(super) fn in_words(trouble: &Trouble) -> String {
    let causes = std::iter::once(&trouble.message).chain(&trouble.causes);
    causes.cloned().collect::<Vec<_>>().join(": ")
}

/// Tells why a run did not pass; the recipe is blamed only for what the run blames it for.
fn judge(report: &RunReport) -> Result<(), Trouble> {
    let verdict = report.finished.as_ref().map(|finished| finished.verdict);
    let blame = match verdict {
        Some(Verdict::Pass | Verdict::Leak) => return Ok(()),
        Some(Verdict::Cancelled) => return Err(classify::interrupted()),
        Some(Verdict::Fail) => Fault::Recipe,
        Some(Verdict::Broken) | None => Fault::Broken,
    };
    let bad = |outcome: Outcome| outcome.is_failure() || outcome == Outcome::Broken;
    let stage = report.stages.iter().find(|stage| bad(stage.outcome));
    let told = stage.and_then(|stage| stage.trouble.clone());
    let told = told.or_else(|| report.trouble.clone());
    let trouble = told.unwrap_or_else(|| Trouble::broken("not-well", "the run did not pass"));
    let fault = match trouble.fault {
        Fault::Config => Fault::Config,
        Fault::Recipe | Fault::Broken | Fault::User | Fault::None => blame,
    };
    Err(Trouble { fault, ..trouble })
}
