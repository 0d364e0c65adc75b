//! The record of a run that other programs read: `report.json`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    canonical::Settled,
    dependency::Dependency,
    event::{Kept, RunFinished, TeardownFinished},
    outcome::{Fault, StageResult, Trouble},
    plan::Plan,
    resource::Resource,
    run::RunId,
};

/// The version of the report's format; a reader refuses a newer one.
pub const REPORT_VERSION: u32 = 1;

/// All that is known of one run.
///
/// ```
/// use ccci::model::report::RunReport;
/// assert!(serde_json::from_str::<RunReport>("{}").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// The format's version.
    pub version: u32,
    /// The run.
    pub run_id: RunId,
    /// The command line.
    pub argv: Vec<String>,
    /// The process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// When the run began.
    pub started: Timestamp,
    /// When this report was written last.
    pub updated: Timestamp,
    /// Versions of the programs used, by name.
    pub programs: BTreeMap<String, String>,
    /// What was decided.
    pub plan: Option<Plan>,
    /// How many times the app was installed: 1 in a cold run.
    pub installs: u32,
    /// What came of the recipes that it requires.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// What each deploy left on the app's service.
    pub deployed: Vec<Deployed>,
    /// The stages so far.
    pub stages: Vec<StageResult>,
    /// Why the run ended before its stages could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// Processes that outlived what started them and were killed, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strays: Vec<String>,
    /// Findings about the recipe's text.
    pub lint: Vec<Trouble>,
    /// What the run did to the canonical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical: Option<Settled>,
    /// Whether the run is followed by a promotion of what it tested.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub promotes: bool,
    /// How teardown ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<TeardownFinished>,
    /// How the app is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// Every object of the swarm before the run.
    pub before: Vec<Resource>,
    /// Every object of the swarm after it.
    pub after: Vec<Resource>,
    /// How the run ended; nothing while it goes on, or when it crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<RunFinished>,
}

impl RunReport {
    /// Tells whether the run failed because a configuration or the recipe could not be read.
    pub fn is_unreadable(&self) -> bool {
        let mut troubles = self
            .stages
            .iter()
            .filter_map(|stage| stage.trouble.as_ref());
        troubles.any(|trouble| trouble.fault == Fault::Config)
    }
}

/// What was found on the swarm once a deploy had settled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// What a person calls the revision.
    pub label: String,
    /// The version label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The chaos label's commit, with `+U` when there were uncommitted changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chaos_version: Option<String>,
    /// Each service's image, with its digest where the swarm knows one.
    pub images: BTreeMap<String, String>,
    /// Each image's local id.
    pub image_ids: BTreeMap<String, String>,
    /// Where it was seen to answer: without a proxy, the address of the task, which wants the domain as its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
