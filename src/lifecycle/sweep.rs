//! One recipe of a sweep, from its mirror to its canonical; whatever goes wrong with it is its own.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{
    fetch, mirror, origin, preflight,
    promotion::{self, job_of},
    runner::{self, Ended, Job},
};
use crate::{
    model::{
        app::{AppDomain, RunKey},
        canonical::Canonical,
        outcome::{Fault, Outcome, Trouble, Verdict, millis},
        promotion::{Candidate, Promotable, gate},
        recipe::{RecipeName, RecipeVersion},
        report::RunReport,
        run::{RunMode, RunRequest, Source, Wanted},
        stage::Stage,
        sweep::{Decision, Entry, Fate, Idle, Release, decide},
    },
    sys::context::Context,
    tool::git::Git,
};

/// How long a server may take to list its branches and tags.
const LIST_LIMIT: Duration = Duration::from_secs(60);

/// What all recipes of a sweep have in common.
pub(crate) struct Round<'a> {
    /// Settings and the machine.
    pub(crate) ctx: &'a Context,
    /// Where the engine keeps its data.
    pub(crate) docker_root: &'a Path,
    /// Whether nothing is done.
    pub(crate) is_dry: bool,
}

impl Round<'_> {
    /// Does all that a sweep does with a recipe; `like` is a job for it, of which commit and app are still open.
    pub(crate) fn sweep(&self, like: &Job) -> Entry {
        let begun = Instant::now();
        let mut entry = Entry::new(like.request.recipe.clone());
        if self.ctx.host.interrupt.is_set() {
            return entry;
        }
        if let Err(trouble) = self.go(like, &mut entry) {
            entry.blame(&trouble);
        }
        entry.duration_ms = millis(begun.elapsed());
        entry
    }

    /// Does it, and takes note of what came of it.
    fn go(&self, like: &Job, entry: &mut Entry) -> Result<(), Trouble> {
        self.mirror(entry);
        let recipe = entry.recipe.clone();
        let newest = self.newest(&recipe)?;
        entry.release.clone_from(&newest);
        let known = promotion::known(&self.ctx.settings.state.dir, &recipe)?;
        let release = match decide(newest, known.as_ref()) {
            Decision::Skip(idle) => {
                entry.skip(idle, known.as_ref());
                return Ok(());
            }
            Decision::Test(release) => release,
        };
        if self.is_dry {
            entry.reason = Some(plan(known.as_ref()));
            return Ok(());
        }
        self.check_room()?;
        let job = tested(self.ctx, like, &release)?;
        self.test(&job, &release, entry);
        Ok(())
    }

    /// Checks that there is room for a run.
    fn check_room(&self) -> Result<(), Trouble> {
        let floor = self.ctx.settings.state.disk_floor;
        preflight::check_disk(self.docker_root, floor)?;
        preflight::check_disk(&self.ctx.settings.state.dir, floor)
    }

    /// Makes the recipe's mirror equal, where there are mirrors; the recipe is tested all the same when that fails.
    fn mirror(&self, entry: &mut Entry) {
        if self.ctx.settings.mirror.is_none() {
            return;
        }
        let work = self.ctx.settings.state.dir.join("mirrors");
        let synced = if self.is_dry {
            mirror::plan(self.ctx, &entry.recipe, &work)
        } else {
            mirror::sync(self.ctx, &entry.recipe, &work)
        };
        match synced {
            Ok(synced) => entry.mirror = Some(synced.to_string()),
            Err(trouble) => {
                let causes = std::iter::once(trouble.message).chain(trouble.causes);
                entry.mirror_trouble = Some(causes.collect::<Vec<_>>().join(": "));
            }
        }
    }

    /// Asks for the newest release of a recipe, by the names of its tags alone.
    fn newest(&self, recipe: &RecipeName) -> Result<Option<Release>, Trouble> {
        let url = origin::url_of(recipe, None, &self.ctx.settings);
        let url = url.map_err(|error| {
            let message = format!("`{recipe}` has no source");
            Trouble::new(Fault::Config, "no-source", message).because(error.to_string())
        })?;
        let git = Git::new(&self.ctx.host, &self.ctx.git, LIST_LIMIT);
        let refs = git.remote_refs(&url, self.ctx.git_token.as_ref());
        let refs = refs.map_err(|error| fetch::trouble(&error))?;
        let releases = refs.tags.into_iter().filter_map(|tag| {
            let version: RecipeVersion = tag.name.parse().ok()?;
            Some(Release {
                version,
                commit: tag.commit,
            })
        });
        Ok(releases.max_by(|a, b| a.version.cmp(&b.version)))
    }

    /// Tests a release, promotes it when it is good, and looks in the record whether that was done.
    fn test(&self, job: &Job, release: &Release, entry: &mut Entry) {
        let report = match runner::run(self.ctx, job) {
            Ok(Ended::Run { report, .. }) => report,
            Ok(Ended::Planned(_)) => unreachable!("a sweep that does nothing makes no run"),
            Err(error) => {
                entry.exit_code = (job.error_code)(&error);
                return entry.blame(&runner::trouble_of(&error));
            }
        };
        entry.judge(&report);
        if !report.promotes {
            if entry.fate == Fate::Passed {
                entry.reason = self.refusal(&report);
            }
            return;
        }
        if let Err(trouble) = self.promote(job, release, entry) {
            entry.not_promoted(&trouble);
        }
    }

    /// Promotes a release that passed.
    fn promote(&self, job: &Job, release: &Release, entry: &mut Entry) -> Result<(), Trouble> {
        // The test itself may have used up what there was.
        self.check_room()?;
        let promotable = Promotable {
            version: release.version.clone(),
            commit: release.commit.clone(),
        };
        let next = job_of(self.ctx, job, &promotable)
            .map_err(|invalid| Trouble::new(Fault::Config, "name-too-long", invalid.to_string()))?;
        match runner::run(self.ctx, &next) {
            Ok(Ended::Run { report, .. }) if self.is_written(entry, release, &report) => {
                entry.fate = Fate::Promoted;
                entry.promoted_by = Some(report.run_id);
                Ok(())
            }
            Ok(Ended::Run { report, .. }) => {
                let finished = report.finished.as_ref();
                entry.exit_code = finished.map_or(entry.exit_code, |finished| finished.exit_code);
                Err(why_not_promoted(&report))
            }
            Ok(Ended::Planned(_)) => unreachable!("a promotion is made"),
            Err(error) => {
                entry.exit_code = (job.error_code)(&error);
                Err(runner::trouble_of(&error))
            }
        }
    }

    /// Tells whether the record says that a run promoted a release.
    fn is_written(&self, entry: &Entry, release: &Release, report: &RunReport) -> bool {
        let known = promotion::known(&self.ctx.settings.state.dir, &entry.recipe);
        known.is_ok_and(|known| {
            known.is_some_and(|known| {
                known.run_id == report.run_id
                    && known.version == release.version
                    && known.commit == release.commit
            })
        })
    }

    /// Says why a run that passed is not followed by a promotion.
    fn refusal(&self, report: &RunReport) -> Option<String> {
        let plan = report.plan.as_ref()?;
        let end = report.finished.as_ref()?;
        let known = promotion::known(&self.ctx.settings.state.dir, &plan.recipe).ok()?;
        let candidate = Candidate::of(plan, (end.verdict, end.level), known.as_ref());
        let refusal = gate(&candidate).err()?;
        Some(format!("not promoted: {refusal}"))
    }
}

/// Says what would be done.
fn plan(known: Option<&Canonical>) -> String {
    match known {
        Some(known) => format!("would be tested, {} is known to be good", known.version),
        None => "would be tested, nothing is known to be good".to_owned(),
    }
}

/// Makes the job that tests a release.
fn tested(ctx: &Context, like: &Job, release: &Release) -> Result<Job, Trouble> {
    let recipe = &like.request.recipe;
    let key = RunKey {
        recipe,
        pr: None,
        reference: release.version.as_str(),
    };
    let domain = AppDomain::for_run(key, &ctx.settings.server.base_domain);
    let domain =
        domain.map_err(|error| Trouble::new(Fault::Config, "name-too-long", error.to_string()))?;
    let url = origin::url_of(recipe, None, &ctx.settings).map_err(|error| {
        let message = format!("`{recipe}` has no source");
        Trouble::new(Fault::Config, "no-source", message).because(error.to_string())
    })?;
    let trust = origin::trust_in_release(recipe, &ctx.settings);
    Ok(Job {
        request: RunRequest {
            mode: RunMode::Cold,
            recipe: recipe.clone(),
            source: Source::Remote { url, trust },
            wanted: Wanted::Version(release.version.to_string()),
            commit: Some(release.commit.clone()),
            pr: None,
            stages: Stage::ALL.to_vec(),
        },
        domain,
        ..like.clone()
    })
}

impl Entry {
    /// Takes note that nothing is to be done.
    fn skip(&mut self, idle: Idle, known: Option<&Canonical>) {
        self.fate = Fate::Skipped;
        self.code = Some(idle.word().to_owned());
        self.reason = known.map(|known| format!("{} is known to be good", known.version));
    }

    /// Takes note that something went wrong before or instead of a verdict.
    fn blame(&mut self, trouble: &Trouble) {
        self.fate = match trouble.fault {
            Fault::User => Fate::NotReached,
            Fault::Recipe | Fault::Broken | Fault::Config | Fault::None => Fate::Broken,
        };
        self.code = Some(trouble.code.clone());
        let causes = std::iter::once(&trouble.message).chain(&trouble.causes);
        let causes: Vec<_> = causes.map(String::as_str).collect();
        self.reason = Some(causes.join(": "));
    }

    /// Takes note of how the test ended.
    fn judge(&mut self, report: &RunReport) {
        self.run_id = Some(report.run_id.clone());
        let finished = report.finished.as_ref();
        self.level = finished.map(|finished| finished.level);
        self.exit_code = finished.map_or(self.exit_code, |finished| finished.exit_code);
        self.fate = match finished.map_or(Verdict::Broken, |finished| finished.verdict) {
            Verdict::Pass => Fate::Passed,
            Verdict::Fail => Fate::Failed,
            Verdict::Broken => Fate::Broken,
            Verdict::Leak => Fate::Leaked,
            Verdict::Cancelled => Fate::NotReached,
        };
        self.explain(report);
    }

    /// Takes note of what of a run went wrong first.
    fn explain(&mut self, report: &RunReport) {
        if let Some(trouble) = first_trouble(report) {
            self.code = Some(trouble.code);
            self.reason = Some(trouble.message);
        }
    }

    /// Takes note that the promotion failed although the test had passed.
    fn not_promoted(&mut self, trouble: &Trouble) {
        // Who ends a sweep knows why nothing was promoted.
        self.code = (trouble.fault != Fault::User).then(|| trouble.code.clone());
        self.reason = Some(format!("not promoted: {}", trouble.message));
    }
}

/// Returns what of a run went wrong first, with the stage where it was one.
fn first_trouble(report: &RunReport) -> Option<Trouble> {
    let bad = |outcome: Outcome| outcome.is_failure() || outcome == Outcome::Broken;
    let stage = report.stages.iter().find(|stage| bad(stage.outcome));
    let own = stage.and_then(|stage| Some((stage.stage, stage.trouble.as_ref()?)));
    match own {
        Some((stage, trouble)) => Some(Trouble {
            message: format!("{stage}: {}", trouble.message),
            ..trouble.clone()
        }),
        None => report.trouble.clone(),
    }
}

/// Returns why a promotion that came to its end wrote no record.
fn why_not_promoted(report: &RunReport) -> Trouble {
    let settled = report.canonical.as_ref();
    let own = settled.and_then(|settled| settled.trouble.clone());
    own.or_else(|| first_trouble(report)).unwrap_or_else(|| {
        let message = format!("run {} wrote no record", report.run_id);
        Trouble::broken("not-promoted", message)
    })
}
