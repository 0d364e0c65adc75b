//! How a call of `ccci` ended, and what its records say of it.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{collections::BTreeMap, process::Output};

use ccci::model::{plan::Plan, report::RunReport};

/// How a call ended.
pub(crate) struct Ended {
    /// Its exit code.
    code: Option<i32>,
    /// Its standard output.
    stdout: String,
    /// Its standard error.
    stderr: String,
    /// The report of the youngest run.
    report: Option<RunReport>,
}

impl Ended {
    /// Takes what a process left.
    pub(crate) fn new(output: Output, report: Option<RunReport>) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            report,
        }
    }

    /// Asserts the exit code, and that nothing panicked.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        let told = format!("{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.code, Some(code), "{told}");
        assert!(!told.contains("panicked"), "{told}");
        self
    }

    /// Asserts that the call passed or had no verdict, and that nothing panicked.
    #[track_caller]
    pub(crate) fn passes_or_is_broken(self) -> Self {
        let code = if self.code == Some(103) { 103 } else { 0 };
        self.exits(code)
    }

    /// Asserts a part of what people read of a call that has no verdict.
    #[track_caller]
    pub(crate) fn said_if_broken(self, text: &str) -> Self {
        match self.code {
            Some(103) => self.said(text),
            _ => self,
        }
    }

    /// Asserts a part of what people read, or how a stage ended, as `install pass`.
    #[track_caller]
    pub(crate) fn said(self, text: &str) -> Self {
        let told = self.outcomes();
        let is_said = self.stderr.contains(text) || told.contains(text);
        assert!(is_said, "no `{text}` in\n{told}\n{}", self.stderr);
        self
    }

    /// Asserts a part of what was asked for, on standard output, wherever its lines are broken.
    #[track_caller]
    pub(crate) fn printed(self, text: &str) -> Self {
        let is_there = in_one_line(&self.stdout).contains(&in_one_line(text));
        assert!(is_there, "no `{text}` in\n{}", self.stdout);
        self
    }

    /// Asserts that something is no part of what was asked for.
    #[track_caller]
    pub(crate) fn printed_no(self, text: &str) -> Self {
        let is_there = in_one_line(&self.stdout).contains(&in_one_line(text));
        assert!(!is_there, "`{text}` in\n{}", self.stdout);
        self
    }

    /// Asserts that the stable word of what went wrong in some stage, or before all of them, is this.
    #[track_caller]
    pub(crate) fn coded(self, code: &str) -> Self {
        let report = self.report.as_ref().expect("the run has a report");
        let stages = report.stages.iter().filter_map(|one| one.trouble.as_ref());
        let mut codes = stages.chain(&report.trouble).map(|trouble| &trouble.code);
        assert!(codes.any(|one| one == code), "{report:#?}");
        self
    }

    /// Returns what the report says was left, as `volume x`.
    pub(crate) fn left(&self) -> Vec<String> {
        let report = self.report.as_ref().expect("the run has a report");
        let left = report.teardown.iter().flat_map(|teardown| &teardown.left);
        left.map(|object| format!("{} {}", object.kind.word(), object.name))
            .collect()
    }

    /// Returns the reasons of all messages for programs, in their order.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let read = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let reasons = self.stdout.lines().map(read);
        let reasons = reasons.map(|message| message["reason"].as_str().map(str::to_owned));
        reasons.map(Option::unwrap).collect()
    }

    /// Returns the names of processes that were left running and killed.
    pub(crate) fn strays(&self) -> &[String] {
        &self.report.as_ref().expect("the run has a report").strays
    }

    /// Returns the plan of the run.
    pub(crate) fn plan(&self) -> Plan {
        let report = self.report.as_ref().expect("the run has a report");
        report.plan.clone().expect("the run had a plan")
    }

    /// Returns how many objects of a kind the report says were removed.
    pub(crate) fn removed(&self, kind: &str) -> usize {
        let report = self.report.as_ref().expect("the run has a report");
        let teardown = report.teardown.as_ref().expect("teardown ended");
        teardown.removed.get(kind).copied().unwrap_or_default()
    }

    /// Returns the versions of the programs that the report names.
    pub(crate) fn versions(&self) -> &BTreeMap<String, String> {
        let report = self.report.as_ref().expect("the run has a report");
        &report.programs
    }

    /// Returns standard error.
    pub(crate) fn stderr(&self) -> &str {
        &self.stderr
    }

    /// Returns how the stages ended, as `install pass, upgrade skip`.
    fn outcomes(&self) -> String {
        let stages = self.report.iter().flat_map(|report| &report.stages);
        let words = stages.map(|stage| format!("{} {}", stage.stage, stage.outcome.word()));
        words.collect::<Vec<_>>().join(", ")
    }
}

/// Puts the words of a text into one line, one blank apart.
fn in_one_line(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ")
}
