//! What is known of a run that somebody looks at later: by its report, and by its events where the report is gone.

use jiff::Timestamp;

use super::{
    event::{DiagnosticLevel, Event, Fact, RunFinished},
    outcome::{Outcome, StageResult, Trouble, Verdict},
    plan::Plan,
    report::RunReport,
    run::RunId,
    stage::Stage,
};

/// What is known of a run.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// Its id.
    pub id: Option<RunId>,
    /// The recipe under test.
    pub recipe: Option<String>,
    /// What a person calls the revision under test.
    pub label: Option<String>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// The stages that ended.
    pub stages: Vec<StageResult>,
    /// Why it ended before its stages could.
    pub trouble: Option<Trouble>,
    /// How it ended; nothing while it goes on, or when it crashed.
    pub finished: Option<RunFinished>,
    /// The command that does the failed stage again.
    pub reproduce: Option<String>,
    /// What swarm said of services, each with the number of its event's line.
    pub said: Vec<(usize, String)>,
}

impl Story {
    /// Puts together what a run left; each event has the number of its line.
    pub fn of(report: Option<RunReport>, events: &[(usize, Event)]) -> Self {
        let mut story = Self::default();
        for (line, event) in events {
            story.id.get_or_insert_with(|| event.run_id.clone());
            story.recipe.get_or_insert_with(|| event.recipe.clone());
            story.started.get_or_insert(event.ts);
            story.hear(*line, &event.fact);
        }
        if let Some(report) = report {
            story.adopt(report);
        }
        story
    }

    /// Takes note of one event.
    fn hear(&mut self, line: usize, fact: &Fact) {
        match fact {
            Fact::Plan { recipes } => self.label = recipes.first().map(label),
            Fact::StageProgress { services, .. } => {
                let errors = services.iter().filter_map(|service| service.error.clone());
                for error in errors {
                    // It is said again and again while it lasts.
                    if self.said.iter().all(|(_, known)| *known != error) {
                        self.said.push((line, error));
                    }
                }
            }
            Fact::StageFinished(finished) => {
                if self.reproduce.is_none() {
                    self.reproduce.clone_from(&finished.reproduce);
                }
                self.stages.push(finished.result.clone());
            }
            Fact::RunFinished(finished) => self.finished = Some(finished.clone()),
            Fact::Diagnostic {
                level: DiagnosticLevel::Error,
                trouble,
            } => {
                self.trouble.get_or_insert_with(|| trouble.clone());
            }
            Fact::CanonicalSettled(settled) => {
                if self.trouble.is_none() {
                    self.trouble.clone_from(&settled.trouble);
                }
            }
            Fact::RunStarted(_)
            | Fact::CanonicalProgress { .. }
            | Fact::Waiting { .. }
            | Fact::StageStarted { .. }
            | Fact::StageSlow { .. }
            | Fact::AttemptFailed { .. }
            | Fact::CheckFinished { .. }
            | Fact::ResourceCreated { .. }
            | Fact::ResourceRemoved { .. }
            | Fact::Diagnostic { .. }
            | Fact::CancelBegun { .. }
            | Fact::DependencyProgress { .. }
            | Fact::DependencyReady { .. }
            | Fact::DependencyReleased { .. }
            | Fact::TeardownFinished(_)
            | Fact::Kept(_) => {}
        }
    }

    /// Puts what the report says over what the events told.
    fn adopt(&mut self, report: RunReport) {
        self.id = Some(report.run_id);
        self.started = Some(report.started);
        if let Some(plan) = &report.plan {
            self.recipe = Some(plan.recipe.to_string());
            self.label = Some(label(plan));
        }
        self.stages = report.stages;
        let unsettled = report.canonical.and_then(|settled| settled.trouble);
        self.trouble = report.trouble.or(unsettled);
        // A run that was killed while it wrote its report has told how it ended before.
        self.finished = report.finished.or_else(|| self.finished.take());
    }

    /// Changes every text that came from outside.
    pub fn change_texts(&mut self, change: &dyn Fn(&str) -> String) {
        let checks = |stage: &mut StageResult| {
            let checks = stage.checks.iter_mut();
            let troubles = checks.filter_map(|check| check.trouble.as_mut());
            for trouble in stage.trouble.iter_mut().chain(troubles) {
                change_trouble(trouble, change);
            }
        };
        self.stages.iter_mut().for_each(checks);
        if let Some(trouble) = &mut self.trouble {
            change_trouble(trouble, change);
        }
        let said = self.said.iter_mut().map(|(_, text)| text);
        let others = [&mut self.recipe, &mut self.label, &mut self.reproduce];
        for text in said.chain(others.into_iter().flatten()) {
            *text = change(text);
        }
    }

    /// Returns the first stage that did not pass.
    pub fn failed(&self) -> Option<&StageResult> {
        let failed = |stage: &&StageResult| did_not_pass(stage);
        self.stages.iter().find(failed)
    }

    /// Returns the stages that did not pass.
    pub fn all_failed(&self) -> impl Iterator<Item = Stage> {
        let failed = self.stages.iter().filter(|stage| did_not_pass(stage));
        failed.map(|stage| stage.stage)
    }

    /// Returns how the run ended.
    pub fn verdict(&self) -> Option<Verdict> {
        self.finished.as_ref().map(|finished| finished.verdict)
    }

    /// Returns what decided that the run did not pass.
    pub fn decisive(&self) -> Option<&Trouble> {
        let of_stage = self.failed().and_then(|stage| stage.trouble.as_ref());
        of_stage.or(self.trouble.as_ref())
    }

    /// Returns the lines that tell what ccci found: each trouble by its code and message, and its causes.
    pub fn report_lines(&self) -> Vec<String> {
        let stages = self.stages.iter().filter(|stage| did_not_pass(stage));
        let of_checks = |stage: &StageResult| {
            let checks = stage.checks.iter().filter(|check| !check.outcome.is_pass());
            let troubles = checks.filter_map(|check| check.trouble.clone());
            stage
                .trouble
                .clone()
                .into_iter()
                .chain(troubles)
                .collect::<Vec<_>>()
        };
        let troubles = stages.flat_map(of_checks).chain(self.trouble.clone());
        let mut lines = Vec::new();
        for trouble in troubles {
            let head = format!("{}: {}", trouble.code, trouble.message);
            for line in std::iter::once(head).chain(trouble.causes) {
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        lines
    }
}

/// Changes every text of a trouble.
fn change_trouble(trouble: &mut Trouble, change: &dyn Fn(&str) -> String) {
    let Trouble {
        message,
        causes,
        hint,
        excerpt,
        ..
    } = trouble;
    let quoted = excerpt.iter_mut().flat_map(|excerpt| {
        let title = std::iter::once(&mut excerpt.title);
        title.chain(&mut excerpt.lines)
    });
    for text in std::iter::once(message)
        .chain(causes)
        .chain(hint)
        .chain(quoted)
    {
        *text = change(text);
    }
}

/// Returns what a person calls the revision under test.
fn label(plan: &Plan) -> String {
    plan.head.label.clone()
}

/// Tells whether a stage was run and did not pass.
fn did_not_pass(stage: &StageResult) -> bool {
    match stage.outcome {
        Outcome::Fail | Outcome::Timeout | Outcome::Broken => true,
        Outcome::Pass | Outcome::Flaky | Outcome::Skip => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        event::{EVENT_VERSION, ServiceState, StageFinished},
        outcome::{CheckKind, CheckResult},
        report::REPORT_VERSION,
    };

    /// Makes events of one run, a second between each and the next.
    fn events(facts: Vec<Fact>) -> Vec<(usize, Event)> {
        let event = |(number, fact): (usize, Fact)| {
            let event = Event {
                fact,
                v: EVENT_VERSION,
                run_id: RunId::from_number(7),
                seq: number as u64,
                ts: format!("2026-01-02T15:04:{number:02}Z").parse().unwrap(),
                elapsed_ms: 0,
                recipe: "n8n".into(),
            };
            (number + 1, event)
        };
        facts.into_iter().enumerate().map(event).collect()
    }

    fn failed_install() -> StageResult {
        let trouble = Trouble::recipe("restart-loop", "`app` ended").because("exit (3)");
        StageResult {
            stage: Stage::Install,
            outcome: Outcome::Fail,
            skip: None,
            trouble: Some(trouble.clone()),
            duration_ms: 0,
            checks: vec![CheckResult {
                kind: CheckKind::Generic,
                name: "converged".into(),
                outcome: Outcome::Fail,
                duration_ms: 0,
                note: None,
                trouble: Some(trouble),
                attempts: 1,
                passed: None,
                tries: Vec::new(),
                log: None,
                cases: Vec::new(),
                cases_left_out: 0,
            }],
            log: None,
            not_selected: Vec::new(),
        }
    }

    fn progress(error: &str) -> Fact {
        Fact::StageProgress {
            stage: Stage::Install,
            doing: String::new(),
            services: vec![ServiceState {
                name: "app".into(),
                running: 0,
                wanted: 1,
                state: "pending".into(),
                error: Some(error.into()),
            }],
            left_ms: 0,
        }
    }

    fn finished(stage: StageResult) -> Fact {
        Fact::StageFinished(StageFinished {
            result: stage,
            number: 1,
            count: 5,
            reproduce: Some("ccci test n8n".into()),
        })
    }

    #[test]
    fn events_alone_tell_what_happened() {
        let heard = events(vec![
            Fact::Waiting {
                what: "lock".into(),
            },
            progress("no suitable node"),
            progress("no suitable node"),
            finished(failed_install()),
        ]);
        let story = Story::of(None, &heard);
        assert_eq!(story.recipe.as_deref(), Some("n8n"));
        assert_eq!(story.said, [(2, "no suitable node".to_owned())]);
        assert_eq!(story.failed().unwrap().stage, Stage::Install);
        assert_eq!(story.reproduce.as_deref(), Some("ccci test n8n"));
        assert_eq!(story.verdict(), None);
        let wanted = ["restart-loop: `app` ended", "exit (3)"];
        assert_eq!(story.report_lines(), wanted);
    }

    #[test]
    fn every_text_from_outside_can_be_changed() {
        let mut stage = failed_install();
        let trouble = stage.trouble.take().unwrap();
        let log = "secret one\nsecret two\n";
        stage.trouble = Some(trouble.hint("a secret").excerpt("x.log", log, 9));
        let heard = events(vec![progress("a secret"), finished(stage)]);
        let mut story = Story::of(None, &heard);
        story.trouble = Some(Trouble::broken("x", "a secret").because("a secret"));
        story.reproduce = Some("secret".into());
        story.change_texts(&|text| text.replace("secret", "***"));
        assert!(!format!("{story:?}").contains("secret"), "{story:?}");
        assert!(format!("{story:?}").contains("*** two"), "{story:?}");
    }

    #[test]
    fn the_report_outranks_the_events_and_takes_nothing_away() {
        let counted = RunFinished::count(&[failed_install()]);
        let heard = events(vec![finished(failed_install()), Fact::RunFinished(counted)]);
        let report = RunReport {
            canonical: None,
            promotes: false,
            version: REPORT_VERSION,
            run_id: RunId::from_number(8),
            argv: Vec::new(),
            pid: 1,
            host: String::new(),
            started: "2026-01-01T00:00:00Z".parse().unwrap(),
            updated: "2026-01-01T00:00:00Z".parse().unwrap(),
            programs: std::collections::BTreeMap::new(),
            plan: None,
            installs: 0,
            dependencies: Vec::new(),
            deployed: Vec::new(),
            stages: Vec::new(),
            trouble: Some(Trouble::broken("no-swarm", "there is no swarm")),
            strays: Vec::new(),
            lint: Vec::new(),
            teardown: None,
            kept: None,
            before: Vec::new(),
            after: Vec::new(),
            finished: None,
        };
        let story = Story::of(Some(report), &heard);
        assert_eq!(story.id, Some(RunId::from_number(8)));
        assert_eq!(story.verdict(), Some(Verdict::Fail));
        assert_eq!(story.decisive().unwrap().code, "no-swarm");
        assert_eq!(story.report_lines(), ["no-swarm: there is no swarm"]);
    }
}
