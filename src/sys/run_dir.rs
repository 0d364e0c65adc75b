//! The directory of a run: events, logs and reports, redacted before they are written, and how long they are kept.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use super::{
    durable, journal,
    lock::Leader,
    process::{self, StepLog},
    random,
    redact::Redactor,
};
use crate::model::{
    event::{Event, EventReader},
    journal::Reading,
    run::RunId,
};

/// The name of the file of events.
const EVENTS: &str = "events.jsonl";
/// How many ids are tried before the registry counts as unusable.
const ID_ATTEMPTS: usize = 64;

/// The directory of one run.
#[derive(Clone)]
pub(crate) struct RunDir {
    /// The run.
    id: RunId,
    /// The entry of the registry: journal and working files, always under the state directory.
    registry: PathBuf,
    /// Where people and programs find the run's records; the same unless it was put elsewhere.
    records: PathBuf,
    /// Masks what is written.
    redactor: Redactor,
}

impl RunDir {
    /// Makes the directory of a new run, its records below another directory when one is given.
    pub(crate) fn create(
        state: &Path,
        elsewhere: Option<&Path>,
        redactor: &Redactor,
    ) -> io::Result<Self> {
        let runs = state.join("runs");
        private_folder(&runs)?;
        let (id, registry) = new_entry(&runs)?;
        let records = match elsewhere {
            None => registry.clone(),
            Some(folder) => {
                let records = folder.join(id.as_str());
                private_folder(&records)?;
                symlink(fs::canonicalize(&records)?, registry.join("records"))?;
                records
            }
        };
        Ok(Self {
            id,
            registry,
            records,
            redactor: redactor.clone(),
        })
    }

    /// Returns the run's id.
    pub(crate) fn id(&self) -> &RunId {
        &self.id
    }

    /// Returns where the journal and the working files are.
    pub(crate) fn registry(&self) -> &Path {
        &self.registry
    }

    /// Returns where the records are.
    pub(crate) fn path(&self) -> &Path {
        &self.records
    }

    /// Points `latest` at this run, whole at every moment.
    pub(crate) fn make_latest(&self) -> io::Result<()> {
        let suffix: [u8; 4] = random::bytes()?;
        let name = format!(".latest-{:08x}", u32::from_le_bytes(suffix));
        let new = self.registry.with_file_name(name);
        symlink(&self.records, &new)?;
        fs::rename(&new, self.registry.with_file_name("latest"))
    }

    /// Removes all that was made of a run that does not begin.
    pub(crate) fn discard(&self) {
        for folder in [&self.records, &self.registry] {
            // A folder that stays has no journal, and so names no app.
            drop(fs::remove_dir_all(folder));
        }
    }

    /// Opens a log, its folder made if need be; the name is relative to the records.
    pub(crate) fn log(&self, name: &str) -> Result<StepLog, process::Error> {
        let path = self.records.join(name);
        if let Some(folder) = path.parent() {
            // The log's own error names the path when this failed.
            drop(private_folder(folder));
        }
        StepLog::create(&path, &self.redactor)
    }

    /// Writes a record, masked, wholly or not at all; the name is relative to the records.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.records.join(name);
        private_folder(path.parent().unwrap_or(&self.records))?;
        durable::write(&path, self.redactor.text(text).as_bytes())
    }

    /// Opens the file that the run's events are written to.
    pub(crate) fn events(&self) -> io::Result<EventFile> {
        let path = self.records.join(EVENTS);
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(path)?;
        Ok(EventFile {
            sheet: Mutex::new(Sheet {
                whole: file.metadata()?.len(),
                file,
                lost: None,
            }),
            redactor: self.redactor.clone(),
        })
    }
}

/// The file of a run's events: one JSON object a line, on its way to the disk when the call returns.
///
/// An event that cannot be written is left out as a whole, and the run goes on.
pub(crate) struct EventFile {
    /// The file.
    sheet: Mutex<Sheet>,
    /// Masks what is written.
    redactor: Redactor,
}

/// The file with what is known of it.
struct Sheet {
    /// Opened for appending.
    file: File,
    /// Where its whole lines end.
    whole: u64,
    /// How many lines could not be written, and why the last of them.
    lost: Option<(usize, io::Error)>,
}

impl EventFile {
    /// Says what is missing in the file, if anything is.
    pub(crate) fn lost(&self) -> Option<String> {
        let sheet = self.sheet.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, error) = sheet.lost.as_ref()?;
        Some(format!(
            "could not write {count} lines of `{EVENTS}`: {error}"
        ))
    }
}

impl EventReader for EventFile {
    fn read(&self, event: &Event) -> io::Result<()> {
        let line = serde_json::to_string(event).map_err(io::Error::other)?;
        let line = format!("{}\n", self.redactor.text(&line));
        let mut sheet = self.sheet.lock().unwrap_or_else(PoisonError::into_inner);
        match sheet.file.write_all(line.as_bytes()) {
            Ok(()) => sheet.whole += line.len() as u64,
            Err(error) => {
                // Half a line would spoil the next one.
                sheet.file.set_len(sheet.whole)?;
                let before = sheet.lost.as_ref().map_or(0, |(count, _)| *count);
                sheet.lost = Some((before + 1, error));
            }
        }
        Ok(())
    }
}

/// Makes a folder that its owner alone can enter, and those above it.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes the entry of a new run in the registry; making the folder is what makes the id unique.
fn new_entry(runs: &Path) -> io::Result<(RunId, PathBuf)> {
    for _ in 0..ID_ATTEMPTS {
        let id = RunId::from_number(u64::from_le_bytes(random::bytes()?));
        let entry = runs.join(id.as_str());
        match DirBuilder::new().mode(0o700).create(&entry) {
            Ok(()) => return Ok((id, entry)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no free run id"))
}

/// How much of the past is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    /// How many runs.
    pub(crate) runs: usize,
    /// How many bytes.
    pub(crate) size: u64,
    /// How long.
    pub(crate) age: Duration,
}

/// Lists the ids of the registry with their entries, newest first.
pub(crate) fn list(state: &Path) -> io::Result<Vec<(RunId, PathBuf)>> {
    let entries = match fs::read_dir(state.join("runs")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<RunId>().ok())
        else {
            continue;
        };
        let changed = entry.metadata()?.modified()?;
        found.push((changed, id, entry.path()));
    }
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    Ok(found.into_iter().map(|(_, id, path)| (id, path)).collect())
}

/// Removes old runs that are over and left nothing; a run whose journal is not closed stays.
pub(crate) fn prune(state: &Path, retention: &Retention) -> io::Result<()> {
    let mut size = 0;
    for (place, (id, entry)) in list(state)?.into_iter().enumerate() {
        let (bytes, changed) = measure(&entry)?;
        size += bytes;
        let age = SystemTime::now()
            .duration_since(changed)
            .unwrap_or_default();
        let is_old = age > retention.age;
        let too_many = place >= retention.runs || size > retention.size || is_old;
        if too_many && is_over(state, &id, &entry, is_old) {
            fs::remove_dir_all(&entry)?;
        }
    }
    Ok(())
}

/// Tells whether a run is over and left nothing that somebody may still have to remove.
fn is_over(state: &Path, id: &RunId, entry: &Path, is_old: bool) -> bool {
    if Leader::is_alive(&state.join("locks"), id).unwrap_or(true) {
        return false;
    }
    // One that was killed before it made anything, or one that is about to begin.
    let is_nothing = || is_old && !journal::was_set_aside(entry);
    match journal::examine(entry) {
        Ok(Some(found)) => found.reading == Reading::Whole && found.history.clean,
        Ok(None) => is_nothing(),
        Err(error) => error.kind() == io::ErrorKind::NotFound && is_nothing(),
    }
}

/// Returns the size of a folder and when its youngest file was changed.
fn measure(folder: &Path) -> io::Result<(u64, SystemTime)> {
    let mut size = 0;
    let mut changed = fs::metadata(folder)?.modified()?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        if meta.is_dir() {
            let (bytes, when) = measure(&entry.path())?;
            size += bytes;
            changed = changed.max(when);
        } else {
            size += meta.len();
            changed = changed.max(meta.modified()?);
        }
    }
    Ok((size, changed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            journal::Entry,
            resource::{Resource, ResourceKind},
        },
        sys::journal::Journal,
    };

    const KEEP_NONE: Retention = Retention {
        runs: 0,
        size: 0,
        age: Duration::ZERO,
    };

    #[test]
    fn what_is_written_is_masked_and_private() {
        use std::os::unix::fs::MetadataExt;
        let state = tempfile::tempdir().unwrap();
        let redactor = Redactor::default();
        redactor.register("hunter2-hunter2");
        let dir = RunDir::create(state.path(), None, &redactor).unwrap();
        dir.write("a/report.json", "{\"x\":\"hunter2-hunter2\"}")
            .unwrap();
        let path = dir.path().join("a/report.json");
        assert!(!fs::read_to_string(&path).unwrap().contains("hunter2"));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn latest_leads_to_the_run_that_was_made_it_and_one_that_is_discarded_leaves_nothing() {
        let (state, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let make =
            || RunDir::create(state.path(), Some(logs.path()), &Redactor::default()).unwrap();
        let latest = || fs::canonicalize(state.path().join("runs/latest")).ok();
        let (first, second) = (make(), make());
        assert_eq!(latest(), None);
        for dir in [&first, &second] {
            dir.make_latest().unwrap();
            assert_eq!(latest(), Some(fs::canonicalize(dir.path()).unwrap()));
        }
        first.discard();
        assert!(!first.path().exists() && !first.registry().exists());
        assert!(second.path().exists() && second.registry().exists());
    }

    #[test]
    fn records_can_be_elsewhere_and_the_journal_never() {
        let (state, logs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let dir = RunDir::create(state.path(), Some(logs.path()), &Redactor::default()).unwrap();
        assert!(dir.path().starts_with(logs.path()) && dir.registry().starts_with(state.path()));
        assert_eq!(list(state.path()).unwrap().len(), 1);
    }

    #[test]
    fn only_a_run_that_left_nothing_is_pruned() {
        let state = tempfile::tempdir().unwrap();
        let make = || RunDir::create(state.path(), None, &Redactor::default()).unwrap();
        let write = |dir: &RunDir, entry: Entry| {
            let journal = Journal::open(dir.registry()).unwrap();
            journal.write(&entry).unwrap();
        };
        let closed = |left| Entry::Closed { left };
        let resource = Resource::new(ResourceKind::Volume, "v");
        let [clean, leaky, unfinished, led] = [make(), make(), make(), make()];
        write(&clean, closed(Vec::new()));
        write(&leaky, closed(vec![resource.clone()]));
        write(&unfinished, Entry::Making { resource });
        write(&led, closed(Vec::new()));
        let locks = state.path().join("locks");
        fs::create_dir(&locks).unwrap();
        let _leader = Leader::try_take(&locks, led.id()).unwrap().unwrap();
        prune(state.path(), &KEEP_NONE).unwrap();
        assert!(!clean.registry().exists());
        for dir in [leaky, unfinished, led] {
            assert!(dir.registry().exists());
        }
    }

    #[test]
    fn a_folder_without_a_journal_goes_by_its_age_alone() {
        let state = tempfile::tempdir().unwrap();
        let make = || RunDir::create(state.path(), None, &Redactor::default()).unwrap();
        let (empty, aside) = (make(), make());
        fs::write(aside.registry().join("journal.jsonl.damaged"), "").unwrap();
        let young = Retention {
            age: Duration::MAX,
            ..KEEP_NONE
        };
        prune(state.path(), &young).unwrap();
        assert!(empty.registry().exists());
        prune(state.path(), &KEEP_NONE).unwrap();
        assert!(!empty.registry().exists() && aside.registry().exists());
    }
}
