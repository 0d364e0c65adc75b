//! A run whose records agree: what the tests say about it beyond that.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use ccci::model::{outcome::Outcome, recipe::CommitSha, stage::Stage};
use serde_json::Value;

use super::{records::Records, screen, world::World};

/// A run whose records agree.
pub(crate) struct Judged {
    /// Its standard error, all lines of a known form.
    pub(crate) screen: String,
    /// Its directory.
    pub(crate) directory: PathBuf,
    /// What it wrote there.
    pub(crate) records: Records,
}

/// What went wrong in a stage.
pub(crate) struct Failure<'a> {
    /// The stage.
    pub(crate) stage: Stage,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// The stable word for it.
    pub(crate) code: &'a str,
    /// What its evidence has to say, each in some line.
    pub(crate) says: &'a [&'a str],
}

impl Judged {
    /// Asserts how the stages ended, as `install pass, upgrade skip`, and the level that follows.
    #[track_caller]
    pub(crate) fn ended(self, outcomes: &str, level: u8) -> Self {
        assert_eq!(self.records.outcomes(), outcomes, "{}", self.screen);
        let finished = self.records.report.finished.as_ref().unwrap();
        assert_eq!(finished.level, level, "{}", self.screen);
        self
    }

    /// Asserts that the app was deployed once, and upgraded to a commit.
    #[track_caller]
    pub(crate) fn upgraded(&self, world: &World, head: &str) {
        let report = &self.records.report;
        assert_eq!(report.installs, 1);
        let created = world.watch.services();
        let distinct: BTreeSet<_> = created.iter().collect();
        assert_eq!(created.len(), distinct.len(), "deployed again: {created:?}");
        let commit = world.commit(head);
        let deployed = report.deployed.last().expect("something was deployed");
        assert_eq!(deployed.chaos_version.as_deref(), Some(&commit[..8]));
        let plan = report.plan.as_ref();
        let tested = plan.and_then(|plan| plan.head.commit.as_ref());
        assert_eq!(tested.map(CommitSha::as_str), Some(commit.as_str()));
    }

    /// Asserts which known problems `ccci explain` names, what tells most first.
    #[track_caller]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test starts the program that it tests"
    )]
    pub(crate) fn explained(self, problems: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccci"));
        let command = command.args(["explain", "--json"]).arg(&self.directory);
        let output = command.env_clear().stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(output.stderr, b"", "nothing is unread");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = document["problems"].as_array().unwrap().iter();
        let found: Vec<_> = found.map(|problem| &problem["id"]).collect();
        assert_eq!(found, problems, "{document:#}");
        self
    }

    /// Asserts what went wrong in a stage: in the records, and within ten lines on the screen.
    #[track_caller]
    pub(crate) fn failed(self, failure: &Failure<'_>) -> Self {
        let result = self.records.stage(failure.stage);
        assert_eq!(result.outcome, failure.outcome, "{}", self.screen);
        let trouble = result.trouble.as_ref().expect("a failed stage says why");
        assert_eq!(trouble.code, failure.code, "{trouble:#?}");
        let stage_line = format!(" {}: {}", failure.stage, trouble.message);
        let block = screen::evidence(&self.screen, &stage_line);
        let shown = block.join("\n");
        assert!(block.len() <= screen::EVIDENCE_LIMIT, "too long:\n{shown}");
        for text in failure.says {
            assert!(
                shown.contains(text),
                "no `{text}` in\n{shown}\n{trouble:#?}"
            );
        }
        self.check_log(failure.stage, &block);
        self
    }

    /// Asserts that the place of the logs is shown, and that there are some which are not empty.
    #[track_caller]
    fn check_log(&self, stage: Stage, block: &[&str]) {
        let path = block.iter().find_map(|line| line.strip_prefix("    log: "));
        let path = Path::new(path.expect("the evidence says where the rest is"));
        assert_eq!(path, self.directory.join(stage.folder()));
        let files =
            std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let sizes = files.map(|file| file.unwrap().metadata().unwrap().len());
        assert!(sizes.sum::<u64>() > 0, "nothing in {}", path.display());
    }

    /// Asserts that the run's directory holds evidence whose file name and content have these parts.
    #[track_caller]
    pub(crate) fn has_evidence(self, name: &str, content: &str) -> Self {
        let mut names = Vec::new();
        for path in files(&self.directory) {
            let shown = path
                .strip_prefix(&self.directory)
                .unwrap()
                .display()
                .to_string();
            let bytes = std::fs::read(&path).unwrap();
            if shown.contains(name) && String::from_utf8_lossy(&bytes).contains(content) {
                return self;
            }
            names.push(shown);
        }
        names.sort();
        panic!("no `{content}` in a file named `{name}`, of {names:#?}");
    }
}

/// Returns all files below a directory.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}
