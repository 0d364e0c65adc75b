//! What follows a run that shows that a release is good: a fresh install of it becomes the recipe's canonical.

use std::{path::Path, time::Duration};

use super::{
    attempt::Attempt,
    canonical::{DAMAGED, Shelf},
    runner::{FlakyCounts, Job, LintCounts, Purpose},
};
use crate::{
    model::{
        app::AppDomain,
        canonical::Canonical,
        event::{DiagnosticLevel, Fact},
        level::level,
        outcome::{Fault, Trouble, Verdict},
        promotion::{Candidate, Promotable, gate},
        recipe::{Invalid, RecipeName},
        report::RunReport,
        run::{Keep, RunMode, RunRequest, Wanted},
        stage::Stage,
        tries::Tries,
    },
    sys::context::Context,
};

/// How long a promotion waits for a run that uses the canonical, at least.
const PATIENCE: Duration = Duration::from_secs(600);

impl Attempt<'_> {
    /// Decides, once all stages are over, whether the run is followed by a promotion.
    pub(super) fn decide_promotion(&self) {
        let Purpose::Asked = self.job.purpose else {
            return;
        };
        let (plan, verdict, level) = {
            let report = self.record.report();
            let left = report.teardown.as_ref().map_or(0, |down| down.left.len());
            let verdict = match self.ctx.host.interrupt.signal() {
                Some(_) => Verdict::Cancelled,
                None => Verdict::of(&report.stages, left),
            };
            let level = level(&report.stages);
            (report.plan.clone(), verdict, level)
        };
        let plan = plan.filter(|plan| plan.warm_canonical && plan.mode == RunMode::Cold);
        let Some(plan) = plan else { return };
        let known = match known(&self.ctx.settings.state.dir, &plan.recipe) {
            Err(trouble) => return self.say_not_promoted(&trouble.message),
            Ok(known) => known,
        };
        match gate(&Candidate::of(&plan, (verdict, level), known.as_ref())) {
            Ok(_) => self.record.report().promotes = true,
            Err(refusal) if refusal.is_news() => self.say_not_promoted(&refusal.to_string()),
            Err(_) => {}
        }
    }

    /// Says why what was tested does not become the canonical.
    fn say_not_promoted(&self, reason: &str) {
        let message = format!("not promoted: {reason}");
        self.announcer.say(Fact::Diagnostic {
            level: DiagnosticLevel::Note,
            trouble: Trouble::new(Fault::None, "not-promoted", message),
        });
    }
}

/// Returns the job that promotes what a run has tested, where it is followed by one.
pub(crate) fn follow(ctx: &Context, tested: &Job, report: &RunReport) -> Option<Job> {
    let head = &report.plan.as_ref().filter(|_| report.promotes)?.head;
    let release = Promotable {
        version: head.version.clone()?,
        commit: head.commit.clone()?,
    };
    // The name was found good for the run, and the canonical's is checked as all names are.
    job_of(ctx, tested, &release).ok()
}

/// Makes the job that promotes a release, as another job would test it.
pub(crate) fn job_of(ctx: &Context, like: &Job, release: &Promotable) -> Result<Job, Invalid> {
    let recipe = &like.request.recipe;
    Ok(Job {
        request: RunRequest {
            mode: RunMode::Promote,
            recipe: recipe.clone(),
            source: like.request.source.clone(),
            wanted: Wanted::Version(release.version.to_string()),
            commit: Some(release.commit.clone()),
            pr: None,
            stages: vec![Stage::Install],
        },
        domain: AppDomain::warm(recipe, &ctx.settings.server.base_domain)?,
        tries: Tries::Retried(0),
        patterns: Vec::new(),
        flaky: FlakyCounts::Passed,
        lint: LintCounts::Shown,
        keep: Keep::Never,
        wait: like.wait.max(PATIENCE),
        purpose: Purpose::Asked,
        ..like.clone()
    })
}

/// Returns what is known to be good of a recipe; what is damaged counts as nothing.
pub(crate) fn known(state: &Path, recipe: &RecipeName) -> Result<Option<Canonical>, Trouble> {
    match Shelf::of(state, recipe).read_whole() {
        Err(trouble) if trouble.code == DAMAGED => Ok(None),
        read => read,
    }
}
