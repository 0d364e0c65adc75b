//! The records of sweeps on this host: the last one is what the next is compared with.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::session::state_trouble;
use crate::{
    model::{
        outcome::Trouble,
        sweep::{SWEEP_VERSION, SweepReport},
    },
    sys::durable,
};

/// How many records are kept.
const KEPT: usize = 50;
/// What a record's name ends with.
const ENDING: &str = ".json";

/// The record of a sweep that goes on.
pub(crate) struct Ledger {
    /// Its file.
    path: PathBuf,
}

impl Ledger {
    /// Begins the record of a sweep, named by its time.
    pub(crate) fn begin(state: &Path, report: &SweepReport) -> Result<Self, Trouble> {
        let folder = folder(state);
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder);
        made.map_err(|error| state_trouble(&error.to_string()))?;
        let time = report.started.strftime("%Y%m%dT%H%M%S%3f");
        let pid = std::process::id();
        let ledger = Self {
            path: folder.join(format!("{time}-{pid}{ENDING}")),
        };
        ledger.write(report)?;
        Ok(ledger)
    }

    /// Writes the record anew.
    pub(crate) fn write(&self, report: &SweepReport) -> Result<(), Trouble> {
        let text = serde_json::to_string_pretty(report).expect("a report has only texts for keys");
        let written = durable::write(&self.path, text.as_bytes());
        written.map_err(|error| state_trouble(&error.to_string()))
    }

    /// Removes the oldest records, beyond those that are kept.
    pub(crate) fn prune(&self) {
        let Some(folder) = self.path.parent() else {
            return;
        };
        let names = list(folder).unwrap_or_default();
        // One that stays is tried again by the next sweep.
        for path in names.iter().rev().skip(KEPT) {
            drop(fs::remove_file(path));
        }
    }
}

/// Reads the last sweep that came to its end; nothing where there is none that can be read.
pub(crate) fn last(state: &Path) -> Option<SweepReport> {
    let paths = list(&folder(state)).ok()?;
    paths.iter().rev().find_map(|path| {
        let report: SweepReport = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        (report.finished && report.version <= SWEEP_VERSION).then_some(report)
    })
}

/// Lists the records, oldest first.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let is_record = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(ENDING) && !name.starts_with('.')
    };
    let mut paths: Vec<_> = paths?.into_iter().filter(is_record).collect();
    paths.sort();
    Ok(paths)
}

/// Returns the folder of the records.
fn folder(state: &Path) -> PathBuf {
    state.join("sweeps")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sweep_that_ended_is_found_past_damaged_and_unfinished_ones() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(last(state.path()), None);
        let mut report = SweepReport::begin("h", "2026-11-20T10:00:00Z".parse().unwrap());
        let ledger = Ledger::begin(state.path(), &report).unwrap();
        assert_eq!(last(state.path()), None);
        report.finished = true;
        ledger.write(&report).unwrap();
        assert_eq!(last(state.path()), Some(report.clone()));
        fs::write(folder(state.path()).join("20990101T000000000-1.json"), "{").unwrap();
        assert_eq!(last(state.path()), Some(report));
    }

    #[test]
    fn old_records_go() {
        let state = tempfile::tempdir().unwrap();
        let mut report = SweepReport::begin("h", "2026-11-20T10:00:00Z".parse().unwrap());
        report.finished = true;
        for _ in 0..KEPT + 3 {
            report.started += jiff::SignedDuration::from_secs(60);
            Ledger::begin(state.path(), &report).unwrap().prune();
        }
        assert_eq!(list(&folder(state.path())).unwrap().len(), KEPT);
        assert_eq!(last(state.path()).unwrap().started, report.started);
    }
}
