//! The records of a run, read as any other program would.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{fs, path::Path};

use ccci::model::{event::Event, outcome::StageResult, report::RunReport, stage::Stage};

/// What a run wrote.
pub(crate) struct Records {
    /// `report.json`.
    pub(crate) report: RunReport,
    /// `events.jsonl`.
    pub(crate) events: Vec<Event>,
    /// `junit.xml`.
    pub(crate) junit: quick_junit::Report,
    /// `summary.md`.
    pub(crate) summary: String,
}

impl Records {
    /// Reads the records in a run's directory.
    pub(crate) fn read(directory: &Path) -> Self {
        let text = |name: &str| {
            let path = directory.join(name);
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let events = text("events.jsonl");
        let events = events
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        Self {
            report: serde_json::from_str(&text("report.json")).unwrap(),
            events: events.collect(),
            junit: quick_junit::Report::deserialize_from_str(&text("junit.xml")).unwrap(),
            summary: text("summary.md"),
        }
    }

    /// Returns the result of a stage.
    #[track_caller]
    pub(crate) fn stage(&self, stage: Stage) -> &StageResult {
        let mut stages = self.report.stages.iter();
        let found = stages.find(|result| result.stage == stage);
        found.unwrap_or_else(|| panic!("no result of {stage}"))
    }

    /// Returns how the stages ended, as `install pass, upgrade skip`.
    pub(crate) fn outcomes(&self) -> String {
        let word = |result: &StageResult| format!("{} {}", result.stage, result.outcome.word());
        let words: Vec<_> = self.report.stages.iter().map(word).collect();
        words.join(", ")
    }
}
