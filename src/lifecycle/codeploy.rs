//! Deploys the app of a required recipe beside the run that requires it: a run of its own, which is held until it is let go.

use std::{
    path::Path,
    sync::Arc,
    thread::{Builder, JoinHandle},
};

use jiff::Timestamp;

use super::{
    attempt::{Attempt, internal_error},
    hold::{Came, Hold, LetGo, Up},
    origin,
    requirements::CYCLE,
    runner::{self, DryRun, Ended, FlakyCounts, Job, LintCounts, Purpose},
};
use crate::{
    model::{
        dependency::Requirement,
        event::EventReader,
        outcome::{Fault, Outcome, Trouble, Verdict},
        report::RunReport,
        run::{Keep, RunMode, RunRequest, Source, Wanted},
        stage::Stage,
        tries::Tries,
    },
    sys::{
        context::Context,
        process::{Host, stray::MARKER},
    },
    tool::app::App,
};

/// The run of a required recipe; dropped, it is let go and waited for.
pub(super) struct Cold {
    /// What is said between both runs.
    hold: Arc<Hold>,
    /// The run; nothing once it was waited for.
    thread: Option<JoinHandle<()>>,
    /// What is required.
    requirement: Requirement,
}

impl Cold {
    /// Waits until the app is there; explains why it never will be.
    pub(super) fn wait(
        &mut self,
        attempt: &Attempt<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Up, Came> {
        let thread = self.thread.as_ref();
        let is_over = || thread.is_none_or(JoinHandle::is_finished);
        let interrupt = &attempt.ctx.host.interrupt;
        match self.hold.wait(interrupt, &is_over, progress) {
            Came::Up(up) => Ok(*up),
            other => Err(other),
        }
    }

    /// Says what becomes of the app.
    pub(super) fn let_go(&self, order: LetGo) {
        self.hold.let_go(order);
    }

    /// Tells whether the end of the run was waited for.
    pub(super) fn is_joined(&self) -> bool {
        self.thread.is_none()
    }

    /// Waits for the end of the run; returns its report, or what went wrong with the run itself.
    pub(super) fn join(&mut self) -> (Result<Box<RunReport>, Trouble>, Option<String>) {
        let panicked = match self.thread.take() {
            Some(thread) => thread.join().is_err(),
            None => false,
        };
        let (ended, reproduce) = self.hold.take_end();
        let result = match ended {
            Some(Ok(Ended::Run { report, .. })) => Ok(report),
            Some(Err(error)) => Err(runner::trouble_of(&error)),
            Some(Ok(Ended::Planned(_))) | None => {
                debug_assert!(panicked, "a run that was made has an end");
                Err(internal_error())
            }
        };
        (result, reproduce)
    }

    /// Explains why the app never came up, from the end of its run.
    pub(super) fn failure(&self, result: &Result<Box<RunReport>, Trouble>, again: &str) -> Trouble {
        let recipe = &self.requirement.recipe;
        let message = format!("required recipe `{recipe}` did not come up");
        let outer = Trouble::broken("required-app", message);
        let report = match result {
            Ok(report) => report,
            Err(trouble) if trouble.code == CYCLE => return trouble.clone(),
            Err(trouble) => {
                let causes = std::iter::once(&trouble.message).chain(&trouble.causes);
                return causes.fold(outer, Trouble::because);
            }
        };
        let stage = report.stages.first();
        let own = stage.and_then(|stage| stage.trouble.as_ref());
        let own = own.or(report.trouble.as_ref());
        if let Some(trouble) = own.filter(|one| one.code == CYCLE || one.fault == Fault::User) {
            return trouble.clone();
        }
        let checks = stage.into_iter().flat_map(|stage| &stage.checks);
        let mut failed =
            checks.filter(|check| check.outcome.is_failure() || check.outcome == Outcome::Broken);
        let check = failed.next().map(|check| format!("`{}`: ", check.name));
        let check = check.unwrap_or_default();
        let causes = own.into_iter().flat_map(|own| {
            let first = format!("{check}{}", own.message);
            std::iter::once(first).chain(own.causes.clone())
        });
        let outer = causes.fold(outer, Trouble::because);
        let finished = report.finished.as_ref();
        let folder = finished.and_then(|finished| Path::new(&finished.report).parent());
        let records = folder.map(|folder| format!("its records: {}", folder.display()));
        let outer = records.into_iter().fold(outer, Trouble::because);
        outer.hint(format!("run `{again}`"))
    }
}

impl Drop for Cold {
    fn drop(&mut self) {
        self.hold.let_go(LetGo::Remove);
        if let Some(thread) = self.thread.take() {
            // How it ended is in its own records.
            drop(thread.join());
        }
    }
}

impl Attempt<'_> {
    /// Begins the run that deploys the app of a required recipe.
    pub(super) fn deploy_required(&self, requirement: &Requirement) -> Result<Cold, Trouble> {
        let mut chain = self.job.purpose.chain().to_vec();
        chain.push(self.job.request.recipe.clone());
        let hold = Arc::new(Hold::new(chain));
        let job = self.required_job(requirement, &hold)?;
        let ctx = self.context_of(requirement);
        let theirs = Arc::clone(&hold);
        let name = format!("required {}", requirement.recipe);
        let thread = Builder::new().name(name);
        let thread = thread.spawn(move || theirs.end(runner::run(&ctx, &job)));
        let thread = thread.map_err(|error| {
            let message = format!("found no thread to deploy `{}` in", requirement.recipe);
            Trouble::broken("required-app", message).because(error.to_string())
        })?;
        Ok(Cold {
            hold,
            thread: Some(thread),
            requirement: requirement.clone(),
        })
    }

    /// Makes the job of that run.
    fn required_job(&self, requirement: &Requirement, hold: &Arc<Hold>) -> Result<Job, Trouble> {
        let settings = &self.ctx.settings;
        let url = origin::url_of(&requirement.recipe, None, settings);
        let url = url.map_err(|error| {
            let message = format!("`{}` has no source", requirement.recipe);
            Trouble::new(Fault::Config, "no-source", message).because(error.to_string())
        })?;
        let trust = origin::trust_in_release(&requirement.recipe, settings);
        Ok(Job {
            request: RunRequest {
                mode: RunMode::Cold,
                recipe: requirement.recipe.clone(),
                source: Source::Remote { url, trust },
                wanted: Wanted::Newest,
                commit: None,
                pr: None,
                stages: vec![Stage::Install],
            },
            domain: requirement.domain.clone(),
            deployer: Arc::clone(&self.job.deployer),
            versions: self.job.versions.clone(),
            ingress: self.job.ingress,
            tries: Tries::Retried(0),
            patterns: Vec::new(),
            flaky: FlakyCounts::Passed,
            lint: LintCounts::Shown,
            generic_left_out: Vec::new(),
            keep: Keep::Never,
            wait: self.job.wait,
            timeout: self.deadline.left(),
            slow: self.job.slow,
            log_dir: self.job.log_dir.clone(),
            readers: vec![Arc::clone(hold) as Arc<dyn EventReader>],
            dry_run: DryRun::No,
            exit_code: self.job.exit_code,
            error_code: self.job.error_code,
            renders: self.job.renders,
            purpose: Purpose::Required(Arc::clone(hold)),
        })
    }

    /// Returns what that run acts with: its children carry neither the mark nor the lock of this one.
    fn context_of(&self, requirement: &Requirement) -> Context {
        let mut host = Host {
            inherit: None,
            ..self.ctx.host.clone()
        };
        host.base_env.retain(|(key, _)| key != MARKER);
        let recipe = requirement.recipe.clone();
        host.echo = host.echo.map(|echo| {
            let named = move |line: &str| echo(&format!("{recipe}: {line}"));
            Arc::new(named) as _
        });
        Context {
            host,
            ..self.ctx.clone()
        }
    }

    /// Lets whoever requires this app use it, if it came up; returns until when it is kept after that.
    pub(super) fn hold(&self, hold: &Hold, app: &App) -> Option<Timestamp> {
        let up = {
            let report = self.record.report();
            if Verdict::of(&report.stages, 0) != Verdict::Pass {
                return None;
            }
            let plan = report.plan.as_ref()?;
            let deployed = report.deployed.last();
            let version = deployed.and_then(|deployed| deployed.version.clone());
            Up {
                run_id: self.dir.id().clone(),
                version: version.or_else(|| Some(plan.head.label.clone())),
                env_file: app.env_file(),
                ingress: plan.ingress,
            }
        };
        match hold.offer(up, &self.ctx.host.interrupt) {
            LetGo::Remove => None,
            LetGo::Keep(until) => Some(until),
        }
    }
}
