//! The journal of a run: lines that are on disk before what they announce is done.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

use super::durable::{self, Appender, Damage};
use crate::model::{
    app::AppDomain,
    journal::{Entry, History, JOURNAL_VERSION, Reading},
    resource::Resource,
};

/// The name of the file in the run directory.
pub(crate) const FILE_NAME: &str = "journal.jsonl";

/// A run's open journal.
#[derive(Clone)]
pub(crate) struct Journal {
    /// The file.
    appender: Arc<Mutex<Appender>>,
}

impl Journal {
    /// Opens the journal of a run directory.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let appender = Appender::open(&folder.join(FILE_NAME))?;
        Ok(Self {
            appender: Arc::new(Mutex::new(appender)),
        })
    }

    /// Writes one entry; once this returns it survives the end of this process and of the machine.
    pub(crate) fn write(&self, entry: &Entry) -> io::Result<()> {
        let line = serde_json::to_string(entry).map_err(io::Error::other)?;
        self.appender
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(&line)
    }

    /// Announces objects that may come into being from now on.
    pub(crate) fn making(&self, resources: &[Resource]) -> io::Result<()> {
        resources.iter().try_for_each(|resource| {
            self.write(&Entry::Making {
                resource: resource.clone(),
            })
        })
    }
}

/// Reads the journal of a run directory as far as it is whole.
///
/// An entry that cannot be understood ends the reading like a damaged one: nothing is guessed.
pub(crate) fn read(folder: &Path) -> io::Result<(History, Damage)> {
    let (lines, damage) = durable::read(&folder.join(FILE_NAME))?;
    let entries = lines
        .iter()
        .map_while(|line| serde_json::from_str::<Entry>(line).ok());
    Ok((History::replay(entries), damage))
}

/// What a journal says to somebody who was not there.
pub(crate) struct Examined {
    /// What its whole lines say.
    pub(crate) history: History,
    /// The app that it is about, also when a newer ccci wrote it.
    pub(crate) domain: Option<AppDomain>,
    /// How far it can be relied upon.
    pub(crate) reading: Reading,
}

/// Reads the journal of a run directory and says how far it can be relied upon; nothing while it is empty.
pub(crate) fn examine(folder: &Path) -> io::Result<Option<Examined>> {
    let (lines, damage) = durable::read(&folder.join(FILE_NAME))?;
    if lines.is_empty() && damage == Damage::None {
        return Ok(None);
    }
    let first = lines
        .first()
        .and_then(|line| serde_json::from_str(line).ok());
    let first: Value = first.unwrap_or_default();
    let entries: Vec<Entry> = lines
        .iter()
        .map_while(|line| serde_json::from_str(line).ok())
        .collect();
    let is_newer = first["version"]
        .as_u64()
        .is_some_and(|version| version > u64::from(JOURNAL_VERSION));
    let reading = if is_newer {
        Reading::Newer
    } else if damage == Damage::None && entries.len() == lines.len() {
        Reading::Whole
    } else {
        Reading::Damaged
    };
    Ok(Some(Examined {
        history: History::replay(entries),
        domain: first["domain"].as_str().and_then(|text| text.parse().ok()),
        reading,
    }))
}

/// Moves a journal aside that tells nothing, for people to look at; returns where it is now.
pub(crate) fn set_aside(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join(FILE_NAME);
    let aside = durable::damaged_path(&path);
    std::fs::rename(path, &aside)?;
    Ok(aside)
}

/// Tells whether a journal was moved aside here.
pub(crate) fn was_set_aside(folder: &Path) -> bool {
    durable::damaged_path(&folder.join(FILE_NAME)).exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::resource::ResourceKind;

    #[test]
    fn what_is_announced_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        let secret = Resource::new(ResourceKind::Secret, "x_y_v1");
        journal.making(std::slice::from_ref(&secret)).unwrap();
        let (history, _) = read(folder.path()).unwrap();
        assert!(history.open.contains(&secret));
    }

    /// Writes lines as a journal has them, and examines it.
    fn examined(lines: &[&str], more: &str) -> Option<Examined> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let mut appender = Appender::open(&path).unwrap();
        for line in lines {
            appender.append(line).unwrap();
        }
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str(more);
        std::fs::write(&path, text).unwrap();
        examine(folder.path()).unwrap()
    }

    #[test]
    fn a_journal_says_how_far_it_can_be_relied_upon() {
        let making = r#"{"entry":"making","resource":{"kind":"volume","name":"v"}}"#;
        let newer = r#"{"entry":"begun","version":3,"domain":"a-1.example.org"}"#;
        let older = r#"{"entry":"begun","version":1,"run_id":"k7m2q","pid":1,"host":"h","boot_id":"b","started":"2026-11-20T10:00:00Z","recipe":"a","domain":"a-1.example.org","stack":"a-1_example_org","deployer":"docker"}"#;
        assert_eq!(
            examined(&[older, making], "").unwrap().reading,
            Reading::Whole
        );
        assert!(examined(&[], "").is_none());
        let whole = examined(&[making], "").unwrap();
        assert_eq!(whole.reading, Reading::Whole);
        let torn = examined(&[making], "63 0bad").unwrap();
        assert_eq!(
            (torn.reading, torn.history.open.len()),
            (Reading::Damaged, 1)
        );
        let strange = examined(&[making, r#"{"entry":"strange"}"#], "").unwrap();
        assert_eq!(strange.reading, Reading::Damaged);
        let newer = examined(&[newer, making], "").unwrap();
        assert_eq!(newer.reading, Reading::Newer);
        assert_eq!(newer.domain, "a-1.example.org".parse().ok());
    }

    #[test]
    fn a_journal_that_tells_nothing_is_kept_for_people() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), "garbage").unwrap();
        let aside = set_aside(folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(aside).unwrap(), "garbage");
        let gone = examine(folder.path()).err().unwrap();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}
