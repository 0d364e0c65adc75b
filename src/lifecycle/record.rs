//! Keeps a run's report and writes it, as JSON, JUnit and Markdown, whenever it has grown.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use crate::{
    model::report::{REPORT_VERSION, RunReport},
    sys::{
        context::Context,
        run_dir::{EventFile, RunDir},
    },
};

/// Turns a report into the text of one file.
pub(crate) type Render = fn(&RunReport) -> String;

/// The report of a run that goes on.
pub(crate) struct Record {
    /// What is known so far.
    report: Mutex<RunReport>,
    /// Files made from the report beside `report.json`, by name.
    renders: &'static [(&'static str, Render)],
    /// The file of its events.
    events: Arc<EventFile>,
}

impl Record {
    /// Begins the record of a run.
    pub(crate) fn begin(
        ctx: &Context,
        dir: &RunDir,
        renders: &'static [(&'static str, Render)],
        events: Arc<EventFile>,
    ) -> Self {
        let report = RunReport {
            canonical: None,
            promotes: false,
            version: REPORT_VERSION,
            run_id: dir.id().clone(),
            argv: ctx.argv.clone(),
            pid: std::process::id(),
            host: ctx.hostname.clone(),
            started: Timestamp::now(),
            updated: Timestamp::now(),
            programs: BTreeMap::from([("ccci".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
            plan: None,
            installs: 0,
            dependencies: Vec::new(),
            deployed: Vec::new(),
            stages: Vec::new(),
            trouble: None,
            strays: Vec::new(),
            lint: Vec::new(),
            teardown: None,
            kept: None,
            before: Vec::new(),
            after: Vec::new(),
            finished: None,
        };
        Self {
            report: Mutex::new(report),
            renders,
            events,
        }
    }

    /// Gives access to the report.
    pub(crate) fn report(&self) -> MutexGuard<'_, RunReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes every file anew; returns what could not be written, events included.
    pub(crate) fn write(&self, dir: &RunDir) -> Vec<String> {
        let report = {
            let mut report = self.report();
            report.updated = Timestamp::now();
            report.clone()
        };
        let json = serde_json::to_string_pretty(&report).expect("a report has string keys only");
        let others = self
            .renders
            .iter()
            .map(|(name, render)| (*name, render(&report)));
        let files = std::iter::once(("report.json", json)).chain(others);
        let failed = files.filter_map(|(name, text)| {
            let error = dir.write(name, &text).err()?;
            Some(format!("could not write `{name}`: {error}"))
        });
        failed.chain(self.events.lost()).collect()
    }
}
