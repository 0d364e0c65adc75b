//! A call that ended: what it printed, how it ended, what it left.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    path::{Path, PathBuf},
    process::Output,
};

use super::{agreement, judged::Judged, records::Records, screen, world::World};

/// A call that ended, to be judged by one of its methods.
#[must_use = "what a call printed and left has to be judged"]
pub(crate) struct Ran<'a> {
    /// Where it ran.
    world: &'a World,
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

impl<'a> Ran<'a> {
    /// Takes what a process left.
    pub(crate) fn new(world: &'a World, output: Output) -> Self {
        Self {
            world,
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts a run that has records, all of which agree, and that left nothing.
    #[track_caller]
    pub(crate) fn judged(self, exit: i32) -> Judged {
        let left = self.world.objects();
        assert!(left.is_empty(), "left behind: {left:?}\n{}", self.stderr);
        let judged = self.judged_with_leaks(exit);
        let report = &judged.records.report;
        let stack = report.plan.as_ref().map(|plan| plan.domain.stack());
        let is_ours = |name: &str| {
            stack
                .as_ref()
                .is_some_and(|stack| stack.short(name).is_some())
        };
        let mut after = report.after.iter();
        assert_eq!(after.find(|object| is_ours(&object.name)), None);
        judged
    }

    /// Asserts a run that has records, all of which agree, whatever it left on the swarm.
    #[track_caller]
    pub(crate) fn judged_with_leaks(self, exit: i32) -> Judged {
        assert_eq!(self.code, Some(exit), "{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "standard output is for machines");
        screen::check_grammar(&self.stderr);
        self.check_temporary_files();
        let directory = self.run_directory().expect("the screen names the records");
        let records = Records::read(&directory);
        check_vanished(&records, self.world.marker());
        agreement::check(&records, exit);
        Judged {
            screen: self.stderr,
            directory,
            records,
        }
    }

    /// Asserts a refusal before anything was deployed, and returns what was said.
    #[track_caller]
    pub(crate) fn refused(self, exit: i32) -> String {
        assert_eq!(self.code, Some(exit), "{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "standard output is for machines");
        screen::check_grammar(&self.stderr);
        self.check_temporary_files();
        let deployed = self.world.watch.services();
        assert!(deployed.is_empty(), "deployed: {deployed:?}");
        assert_eq!(self.world.objects(), Vec::<String>::new());
        self.stderr
    }

    /// Asserts that no temporary file is left.
    fn check_temporary_files(&self) {
        let left: Vec<_> = std::fs::read_dir(self.world.path("tmp")).unwrap().collect();
        assert!(left.is_empty(), "temporary files: {left:?}");
    }

    /// Returns the directory that the screen names.
    fn run_directory(&self) -> Option<PathBuf> {
        let mut lines = self.stderr.lines().map(str::trim);
        let path = lines.find_map(|line| line.strip_prefix("Logs "))?;
        let home = self.world.path("home");
        Some(match path.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => Path::new(path).to_owned(),
        })
    }
}

/// Asserts that the comings and goings of another run of the same state directory are no news.
#[track_caller]
fn check_vanished(records: &Records, marker: &str) {
    let teardown = records.report.teardown.as_ref();
    let mut vanished = teardown.iter().flat_map(|teardown| &teardown.vanished);
    assert_eq!(vanished.find(|gone| gone.name.contains(marker)), None);
}
