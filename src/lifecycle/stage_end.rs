//! How the end of a stage is recorded and announced, also of one that was never reached.

use super::attempt::Attempt;
use crate::{
    model::{
        event::{Fact, StageFinished},
        outcome::{Outcome, SkipReason, StageResult, Trouble},
        plan::PlannedStage,
        run::{Source, Wanted},
        stage::Stage,
    },
    sys::process::quote::quote,
};

impl Attempt<'_> {
    /// Records and announces the end of a stage.
    pub(super) fn finish_stage(&self, mut result: StageResult) {
        let plan = self.record.report().plan.clone();
        let left_out = plan.map(|plan| plan.not_selected(result.stage));
        result.not_selected = left_out.unwrap_or_default();
        let number = usize::from(result.stage.place());
        let failed = result.outcome.is_failure() || result.outcome == Outcome::Broken;
        let reproduce = failed.then(|| self.reproduce());
        self.record.report().stages.push(result.clone());
        self.announcer.say(Fact::StageFinished(StageFinished {
            result,
            number,
            count: Stage::ALL.len(),
            reproduce,
        }));
        // What cannot be written now is tried again at the end, where it counts.
        drop(self.record.write(self.dir));
    }

    /// Returns why a stage will not be run, from the plan or from what came before it.
    pub(super) fn reason_to_skip(&self, planned: &PlannedStage) -> Option<SkipReason> {
        if self.ctx.host.interrupt.is_set() {
            return Some(SkipReason::Undeclared("interrupted".to_owned()));
        }
        if planned.skip.is_some() {
            return planned.skip.clone();
        }
        let report = self.record.report();
        let failed = |stage: Stage| {
            let mut results = report.stages.iter();
            results.any(|result| result.stage == stage && !result.outcome.is_pass())
        };
        let blocked_by =
            [Stage::Install, Stage::Backup]
                .into_iter()
                .find(|earlier| match earlier {
                    Stage::Install => planned.stage != Stage::Install && failed(Stage::Install),
                    _ => planned.stage == Stage::Restore && failed(Stage::Backup),
                });
        let was_skipped = |stage: Stage| {
            let mut results = report.stages.iter();
            results.any(|result| result.stage == stage && result.outcome == Outcome::Skip)
        };
        blocked_by.map(|earlier| {
            let what = if was_skipped(earlier) {
                "was skipped"
            } else {
                "did not pass"
            };
            SkipReason::Earlier(format!("{earlier} {what}"))
        })
    }

    /// Returns the command that makes this run again and keeps the app.
    fn reproduce(&self) -> String {
        let request = &self.job.request;
        let what = match &request.source {
            Source::Path(path) => path.display().to_string(),
            Source::Remote { .. } => request.recipe.to_string(),
        };
        let commit = self
            .record
            .report()
            .plan
            .as_ref()
            .and_then(|plan| plan.head.commit.clone());
        let reference = match (&request.wanted, commit) {
            (Wanted::Default, _) if matches!(request.source, Source::Path(_)) => String::new(),
            (_, Some(commit)) => format!(" --ref {}", commit.short()),
            (Wanted::Ref(name) | Wanted::Version(name), None) => format!(" --ref {name}"),
            (Wanted::Default | Wanted::Newest, None) => String::new(),
        };
        let patterns = self.job.patterns.iter();
        let patterns = patterns.map(|pattern| format!(" --test {}", quote(&pattern.to_string())));
        format!(
            "ccci test {what}{reference}{} --deployer {} --keep failed",
            patterns.collect::<String>(),
            self.job.deployer.kind().word()
        )
    }

    /// Ends a run that could not get as far as its stages.
    pub(super) fn fail_early(&self, trouble: Trouble) {
        self.record.report().trouble = Some(trouble.clone());
        let done = self.record.report().stages.len();
        let mut missing = Stage::ALL.into_iter().skip(done);
        let Some(stage) = missing.next() else { return };
        let folder = stage.folder();
        let log = self.dir.path().join(&folder).is_dir().then_some(folder);
        self.finish_stage(StageResult {
            outcome: trouble.outcome(),
            trouble: Some(trouble),
            log,
            ..StageResult::judged(stage, Vec::new(), self.begun.elapsed())
        });
        let reason = if self.ctx.host.interrupt.is_set() {
            "interrupted".to_owned()
        } else {
            format!("{stage} did not pass")
        };
        for stage in missing {
            let reason = SkipReason::Earlier(reason.clone());
            self.finish_stage(StageResult::skipped(stage, reason));
        }
    }
}
