//! What is known of a run while it goes on, gathered from its events.

use std::{collections::VecDeque, time::Duration};

use super::sizes;
use crate::model::{
    canonical::Deed,
    event::{Event, Fact, RunStarted, ServiceState, StageFinished, TeardownFinished},
    outcome::{CheckKind, CheckResult, Outcome, Trouble, millis},
    plan::{Plan, Revision},
    run::RunMode,
    stage::Stage,
};

/// How many lines of child output are kept for a status.
const TAIL_LENGTH: usize = 20;

/// The stage that runs.
#[derive(Clone, Debug)]
pub(crate) struct StageNow {
    /// The stage.
    pub(crate) stage: Stage,
    /// Its place, from 1.
    pub(crate) number: usize,
    /// How many there are.
    pub(crate) count: usize,
    /// When it began, on the reader's clock.
    pub(crate) since: Duration,
    /// What goes on.
    pub(crate) doing: String,
    /// When the limit of what goes on is reached, on the reader's clock.
    pub(crate) until: Option<Duration>,
}

impl StageNow {
    /// Returns the milliseconds that are left, when there is a limit.
    pub(crate) fn left_ms(&self, at: Duration) -> Option<u64> {
        self.until.map(|until| millis(until.saturating_sub(at)))
    }
}

/// A run that goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    /// The recipe.
    pub(crate) recipe: String,
    /// The run's id.
    pub(crate) id: String,
    /// The run directory.
    pub(crate) log_dir: String,
    /// What the run began with, until it is shown: a run that cannot begin shows why alone.
    pub(crate) introduction: Option<RunStarted>,
    /// When it began, on the reader's clock.
    pub(crate) since: Duration,
    /// What it starts from.
    pub(crate) mode: RunMode,
    /// How many stages were planned to run.
    pub(crate) planned: usize,
    /// The stage that runs.
    pub(crate) stage: Option<StageNow>,
    /// The services as they were seen last.
    pub(crate) services: Vec<ServiceState>,
    /// What goes on between stages, and since when.
    pub(crate) between: Option<(String, Duration)>,
    /// The stages that ended.
    pub(crate) ended: Vec<StageFinished>,
    /// The stages that were slow, with their lower bound in milliseconds.
    pub(crate) slow: Vec<(Stage, u64)>,
    /// The checks that ended, with their stage.
    pub(crate) checks: Vec<(Stage, CheckResult)>,
    /// Lint findings of the running stage that are not denied.
    pub(crate) lint: Vec<Trouble>,
    /// The grave trouble that belongs to no stage.
    pub(crate) trouble: Option<Trouble>,
    /// What it should have done to the canonical, and could not.
    pub(crate) unsettled: Option<Deed>,
    /// How teardown ended.
    pub(crate) teardown: Option<TeardownFinished>,
    /// Whether a signal ends it.
    pub(crate) cancelled: bool,
    /// Whether it is over.
    pub(crate) over: bool,
    /// The last lines of its children.
    pub(crate) tail: VecDeque<String>,
}

impl Running {
    /// Makes the state of a run of which this is the first event.
    pub(crate) fn new(event: &Event, at: Duration) -> Self {
        Self {
            recipe: event.recipe.clone(),
            id: event.run_id.to_string(),
            since: at,
            between: Some(("starting".to_owned(), at)),
            ..Self::default()
        }
    }

    /// Takes note of an event that came at this time.
    pub(crate) fn note(&mut self, event: &Event, at: Duration) {
        if introduces(&event.fact) {
            self.introduction = None;
        }
        match &event.fact {
            Fact::RunStarted(started) => {
                self.log_dir.clone_from(&started.log_dir);
                self.introduction = Some(started.clone());
            }
            Fact::Plan { recipes } => {
                let runs = |plan: &Plan| plan.stages.iter().filter(|s| s.skip.is_none()).count();
                self.planned = recipes.iter().map(runs).sum();
                self.mode = recipes.first().map_or(self.mode, |plan| plan.mode);
            }
            Fact::Waiting { what } => self.between = Some((format!("waiting for {what}"), at)),
            Fact::CanonicalProgress { doing, done, total } => {
                let share = sizes::share(*done, *total);
                self.between = Some((format!("{doing}: {share}"), at));
            }
            Fact::DependencyProgress { required, doing } => {
                self.between = Some((format!("waiting for {required}: {doing}"), at));
            }
            Fact::StageStarted { .. } | Fact::StageProgress { .. } | Fact::StageSlow { .. } => {
                self.note_stage(&event.fact, at);
            }
            Fact::CheckFinished { stage, check } => self.note_check(*stage, check),
            Fact::StageFinished(finished) => self.note_end(finished, at),
            Fact::ResourceRemoved { resource } if self.stage.is_none() => {
                self.between = Some((format!("teardown: removed {resource}"), at));
            }
            Fact::Diagnostic { level, trouble } => {
                if *level == crate::model::event::DiagnosticLevel::Error {
                    self.trouble = Some(trouble.clone());
                }
            }
            Fact::CancelBegun { .. } => {
                self.cancelled = true;
                if let Some(stage) = self.stage.take() {
                    self.between = Some((format!("ending {}", stage.stage), at));
                }
            }
            Fact::CanonicalSettled(settled) => {
                self.unsettled = settled.trouble.is_some().then_some(settled.deed);
            }
            Fact::TeardownFinished(teardown) => self.teardown = Some(teardown.clone()),
            Fact::RunFinished(_) => {
                self.over = true;
                self.tail.clear();
                self.stage = None;
                self.between = None;
            }
            Fact::AttemptFailed { .. }
            | Fact::DependencyReady { .. }
            | Fact::DependencyReleased { .. }
            | Fact::ResourceCreated { .. }
            | Fact::ResourceRemoved { .. }
            | Fact::Kept(_) => {}
        }
    }

    /// Takes note of what a stage does.
    fn note_stage(&mut self, fact: &Fact, at: Duration) {
        match fact {
            Fact::StageStarted {
                stage,
                number,
                count,
            } => {
                self.between = None;
                self.services.clear();
                self.stage = Some(StageNow {
                    stage: *stage,
                    number: *number,
                    count: *count,
                    since: at,
                    doing: String::new(),
                    until: None,
                });
            }
            Fact::StageProgress {
                doing,
                services,
                left_ms,
                ..
            } => {
                self.services.clone_from(services);
                if let Some(stage) = &mut self.stage {
                    stage.doing.clone_from(doing);
                    stage.until = Some(at.saturating_add(Duration::from_millis(*left_ms)));
                }
            }
            Fact::StageSlow {
                stage, at_least_ms, ..
            } => {
                self.slow.retain(|(slow, _)| slow != stage);
                self.slow.push((*stage, *at_least_ms));
            }
            _ => {}
        }
    }

    /// Takes note of a check.
    fn note_check(&mut self, stage: Stage, check: &CheckResult) {
        if check.kind == CheckKind::Lint && !check.outcome.is_failure() {
            self.lint.extend(check.trouble.clone());
        }
        self.checks.push((stage, check.clone()));
    }

    /// Takes note of a stage's end.
    fn note_end(&mut self, finished: &StageFinished, at: Duration) {
        self.ended.push(finished.clone());
        self.lint.clear();
        self.stage = None;
        let what = if self.is_through() || self.cancelled {
            "teardown"
        } else {
            "between stages"
        };
        self.between = Some((what.to_owned(), at));
    }

    /// Tells whether every stage has ended, be it that it was never begun.
    pub(crate) fn is_through(&self) -> bool {
        self.ended.len() >= Stage::ALL.len()
    }

    /// Keeps a line of child output.
    pub(crate) fn keep_line(&mut self, line: String) {
        if self.tail.len() == TAIL_LENGTH {
            self.tail.pop_front();
        }
        self.tail.push_back(line);
    }

    /// Returns how many stages ran to their end.
    pub(crate) fn done(&self) -> usize {
        self.ended.iter().filter(|stage| ran(stage)).count()
    }

    /// Counts the stages that ended with an outcome of this kind.
    pub(crate) fn count(&self, wanted: fn(Outcome) -> bool) -> usize {
        let outcomes = self.ended.iter().map(|stage| stage.result.outcome);
        outcomes.filter(|outcome| wanted(*outcome)).count()
    }
}

/// Tells whether a fact comes of a run that has begun, and not of what it waits for before.
pub(crate) const fn introduces(fact: &Fact) -> bool {
    !matches!(
        fact,
        Fact::RunStarted(_)
            | Fact::Waiting { .. }
            | Fact::CancelBegun { .. }
            | Fact::RunFinished(_)
    )
}

/// Tells whether a stage ran.
fn ran(stage: &StageFinished) -> bool {
    stage.result.outcome != Outcome::Skip
}

/// Returns the services as a list, as `app 0/1 starting, db 1/1 running`.
pub(crate) fn services_text(services: &[ServiceState], gap: &str) -> String {
    let shown: Vec<_> = services.iter().map(service_text).collect();
    shown.join(gap)
}

/// Returns one service, with its task's error when it has one.
fn service_text(service: &ServiceState) -> String {
    let ServiceState {
        name,
        running,
        wanted,
        state,
        error,
    } = service;
    let error = error.as_ref().map(|error| format!(" ({error})"));
    format!(
        "{name} {running}/{wanted} {state}{}",
        error.unwrap_or_default()
    )
}

/// Returns a count with its noun, as `1 volume` or `3 volumes`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Returns what a run starts from, as `2.14.0+6.8.1 (8f3c1d2) from 2.13.1+6.8.0`.
pub(crate) fn revisions(plan: &Plan) -> String {
    let from = |base: &Revision| format!(" from {}", base.label);
    let base = plan.base.as_ref().map(from).unwrap_or_default();
    format!("{}{base}", plan.head.title())
}
