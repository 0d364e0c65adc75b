//! The journal of a run: lines that are on disk before what they announce is done.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use super::durable::{self, Appender, Damage};
use crate::model::{
    journal::{Entry, History},
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
}
