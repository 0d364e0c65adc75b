//! What a run announces while it goes on, and the trait of those who read it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    canonical::Settled,
    dependency::Dependency,
    outcome::{CheckResult, Fault, Outcome, StageResult, Trouble, Verdict},
    plan::Plan,
    recipe::RecipeName,
    resource::Resource,
    run::RunId,
    stage::Stage,
};

/// The version of the event format; within one only additions are made.
pub const EVENT_VERSION: u32 = 1;

/// One line of `events.jsonl` and of `--message-format json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
    /// The format's version.
    pub v: u32,
    /// The run.
    pub run_id: RunId,
    /// The place of this event in its run, from 0.
    pub seq: u64,
    /// When, in UTC.
    pub ts: Timestamp,
    /// Milliseconds since the run began.
    pub elapsed_ms: u64,
    /// The recipe under test.
    pub recipe: String,
}

/// What a run can announce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Fact {
    /// The run has an id and a directory.
    RunStarted(RunStarted),
    /// It is decided what will be done.
    Plan {
        /// One plan per recipe; a run has one.
        recipes: Vec<Plan>,
    },
    /// Work that precedes the first stage goes on, or a lock is waited for.
    Waiting {
        /// What is waited for, as `image nginx:1.22.1`.
        what: String,
    },
    /// Something changed at the app of a required recipe that is being deployed.
    DependencyProgress {
        /// The recipe.
        required: RecipeName,
        /// What goes on, as `install: waiting for services`.
        doing: String,
    },
    /// The app of a required recipe is there with all that it is to give, or it is said why not.
    DependencyReady {
        /// What is known of it.
        dependency: Dependency,
    },
    /// What the app of a required recipe made is undone, and the app is gone if it was deployed for this run.
    DependencyReleased {
        /// What is known of it.
        dependency: Dependency,
    },
    /// A stage begins.
    StageStarted {
        /// The stage.
        stage: Stage,
        /// Its place among those that run, from 1.
        number: usize,
        /// How many run.
        count: usize,
    },
    /// Something changed during a stage.
    StageProgress {
        /// The stage.
        stage: Stage,
        /// What goes on, as `GET / 502, try 19`.
        doing: String,
        /// The state of each service.
        services: Vec<ServiceState>,
        /// Milliseconds until the limit of what goes on.
        left_ms: u64,
    },
    /// A stage is over its warning time.
    StageSlow {
        /// The stage.
        stage: Stage,
        /// Its lower bound so far, in milliseconds.
        at_least_ms: u64,
        /// What goes on.
        doing: String,
    },
    /// A try of a check failed, and another follows.
    AttemptFailed {
        /// The stage.
        stage: Stage,
        /// The check.
        name: String,
        /// Which try it was, from 1.
        attempt: u32,
        /// What went wrong.
        trouble: Trouble,
    },
    /// A check ended.
    CheckFinished {
        /// The stage.
        stage: Stage,
        /// Its result.
        check: CheckResult,
    },
    /// A stage ended or was skipped.
    StageFinished(StageFinished),
    /// An object was made on the swarm.
    ResourceCreated {
        /// The object.
        resource: Resource,
    },
    /// An object of the swarm was removed.
    ResourceRemoved {
        /// The object.
        resource: Resource,
    },
    /// Something a person should know that belongs to no stage.
    Diagnostic {
        /// How grave it is.
        level: DiagnosticLevel,
        /// What it is.
        trouble: Trouble,
    },
    /// A signal ends the run.
    CancelBegun {
        /// The signal's word, as `interrupt`.
        signal: String,
    },
    /// Data of a canonical is being saved or put back.
    CanonicalProgress {
        /// What goes on, as `saving volume data`.
        doing: String,
        /// How many bytes are done.
        done: u64,
        /// How many there are.
        total: u64,
    },
    /// The canonical was promoted or put back, or it is said why not.
    CanonicalSettled(Settled),
    /// The app was removed, or it is said what is left.
    TeardownFinished(TeardownFinished),
    /// The app is kept.
    Kept(Kept),
    /// The run is over: a stream without this line means a crash.
    RunFinished(RunFinished),
}

/// The first fact of a run, but for what it waits for before it may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The command line.
    pub argv: Vec<String>,
    /// The run directory.
    pub log_dir: String,
    /// The version of ccci.
    pub ccci: String,
    /// The app's domain.
    pub domain: String,
    /// The deployer's word and version, as `docker 28.2.2`.
    pub deployer: String,
    /// The ingress's word.
    pub ingress: String,
}

/// A service's tasks, as it is shown while waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// The service's short name.
    pub name: String,
    /// Tasks that run and are healthy.
    pub running: u64,
    /// Tasks that should.
    pub wanted: u64,
    /// The state of its newest task.
    pub state: String,
    /// That task's error, cut to one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a stage ended, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageFinished {
    /// The result.
    #[serde(flatten)]
    pub result: StageResult,
    /// Its place, from 1.
    pub number: usize,
    /// How many there are.
    pub count: usize,
    /// The command that does it again, when it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduce: Option<String>,
}

impl StageFinished {
    /// Returns who is at fault.
    pub fn fault(&self) -> Fault {
        self.result
            .trouble
            .as_ref()
            .map_or(Fault::None, |trouble| trouble.fault)
    }
}

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiagnosticLevel {
    /// Worth knowing.
    Note,
    /// Worth mending.
    Warning,
    /// It decided the verdict.
    Error,
}

/// How teardown ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeardownFinished {
    /// How many objects of each kind were removed, by the kind's word.
    pub removed: BTreeMap<String, usize>,
    /// What could not be removed.
    pub left: Vec<Resource>,
    /// What was not ours, was there before and is gone now.
    pub vanished: Vec<Resource>,
    /// What went wrong.
    pub errors: Vec<String>,
    /// Errors on the way to an end at which nothing was left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overcome: Vec<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// A kept app: how to get at it and how to get rid of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The app's address.
    pub url: String,
    /// When the janitor may remove it.
    pub until: Timestamp,
    /// The command that opens a shell in it.
    pub shell: String,
    /// The command that removes it.
    pub remove: String,
}

/// The last fact of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFinished {
    /// The verdict.
    pub verdict: Verdict,
    /// The exit code that it gives.
    pub exit_code: u8,
    /// The level, 0 to 5.
    pub level: u8,
    /// Stages that passed, flaky ones included.
    pub passed: usize,
    /// Stages that failed or timed out.
    pub failed: usize,
    /// Stages that were skipped.
    pub skipped: usize,
    /// Stages that passed on a later try.
    pub flaky: usize,
    /// Stages without a verdict.
    pub broken: usize,
    /// Tests and declared checks that `--test` left out of the stages that ran.
    #[serde(default)]
    pub not_selected: usize,
    /// Objects left behind, and what other apps made for it that is still there.
    pub leaked: usize,
    /// How long the run took, in milliseconds.
    pub duration_ms: u64,
    /// Where the report is.
    pub report: String,
}

impl RunFinished {
    /// Counts the stages of a run.
    pub fn count(stages: &[StageResult]) -> Self {
        let count = |wanted: fn(Outcome) -> bool| {
            stages.iter().filter(|stage| wanted(stage.outcome)).count()
        };
        // A check that was left out of several stages is one.
        let left_out = stages.iter().flat_map(|stage| &stage.not_selected);
        Self {
            verdict: Verdict::of(stages, 0),
            exit_code: 0,
            level: super::level::level(stages),
            passed: count(Outcome::is_pass),
            failed: count(Outcome::is_failure),
            skipped: count(|outcome| outcome == Outcome::Skip),
            flaky: count(|outcome| outcome == Outcome::Flaky),
            broken: count(|outcome| outcome == Outcome::Broken),
            not_selected: left_out.collect::<BTreeSet<_>>().len(),
            leaked: 0,
            duration_ms: 0,
            report: String::new(),
        }
    }
}

/// A reader of events: the terminal and the run directory are the two that ship.
pub trait EventReader: Send + Sync {
    /// Takes note of one event.
    ///
    /// # Errors
    /// Returns what went wrong with the sink; the run goes on, and ends with the code for lost output.
    fn read(&self, event: &Event) -> std::io::Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::dependency::{Presence, Requirement};

    #[test]
    fn an_event_is_one_flat_object_with_its_reason_first() {
        let event = Event {
            fact: Fact::Waiting {
                what: "lock".into(),
            },
            v: EVENT_VERSION,
            run_id: RunId::from_number(7),
            seq: 3,
            ts: "2026-01-02T03:04:05Z".parse().unwrap(),
            elapsed_ms: 12,
            recipe: "n8n".into(),
        };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            text,
            r#"{"reason":"waiting","what":"lock","v":1,"run_id":"92222","seq":3,"ts":"2026-01-02T03:04:05Z","elapsed_ms":12,"recipe":"n8n"}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        let requirement = Requirement {
            recipe: "keycloak".parse().unwrap(),
            domain: "warm-keycloak.ci.example.org".parse().unwrap(),
            presence: Presence::Reused,
            provide: None,
            withdraw: None,
        };
        let dependency = Dependency::of(&requirement);
        let ready = Event {
            fact: Fact::DependencyReady { dependency },
            ..event
        };
        let text = serde_json::to_string(&ready).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), ready);
    }
}
