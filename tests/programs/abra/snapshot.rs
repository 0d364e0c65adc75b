//! The snapshots that the stand-in keeps in place of a backup bot: one tar file and one note each.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fatal::{Fatal, Result};
use crate::guesses;

/// One snapshot of one stack.
pub(crate) struct Snapshot {
    /// Eight hex digits.
    pub(crate) id: String,
    /// When it was made.
    pub(crate) time: jiff::Timestamp,
    /// Its tar file.
    pub(crate) archive: PathBuf,
}

/// Saves an archive as the stack's newest snapshot and returns its id.
pub(crate) fn save(repository: &Path, stack: &str, archive: &[u8]) -> Result<String> {
    let failed = || Fatal::during(format!("writing to {}", repository.display()));
    let time = jiff::Timestamp::now();
    let mut hash = Sha256::new();
    hash.update(time.to_string());
    hash.update(stack);
    hash.update(archive);
    let digest = hash.finalize();
    let id = format!(
        "{:08x}",
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
    );
    std::fs::create_dir_all(repository).map_err(failed())?;
    std::fs::write(repository.join(format!("{id}.tar")), archive).map_err(failed())?;
    let note = json!({"id": id, "stack": stack, "time": time.to_string()});
    std::fs::write(repository.join(format!("{id}.json")), note.to_string()).map_err(failed())?;
    Ok(id)
}

/// Returns all snapshots of a stack, oldest first.
pub(crate) fn all(repository: &Path, stack: &str) -> Result<Vec<Snapshot>> {
    if !repository.is_dir() {
        return Ok(Vec::new());
    }
    let failed = || Fatal::during(format!("reading {}", repository.display()));
    let mut snapshots = Vec::new();
    for entry in std::fs::read_dir(repository).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(failed())?;
        let note: Value =
            serde_json::from_str(&text).map_err(Fatal::during("reading a snapshot's note"))?;
        let field = |key: &str| note[key].as_str().unwrap_or_default();
        if field("stack") == stack {
            let time = field("time")
                .parse()
                .map_err(Fatal::during("reading a snapshot's note"))?;
            let archive = path.with_extension("tar");
            snapshots.push(Snapshot {
                id: field("id").to_owned(),
                time,
                archive,
            });
        }
    }
    snapshots.sort_by_key(|snapshot| snapshot.time);
    Ok(snapshots)
}

/// Returns the snapshot of an id, or the newest.
pub(crate) fn find(repository: &Path, stack: &str, id: Option<&str>) -> Result<Snapshot> {
    let mut snapshots = all(repository, stack)?;
    if let Some(id) = id {
        snapshots.retain(|snapshot| snapshot.id == id);
    }
    snapshots
        .pop()
        .ok_or_else(|| Fatal::new(guesses::NO_SNAPSHOTS))
}

/// Copies the entries of an archive whose path the function keeps, under the path it returns.
pub(crate) fn copy(
    from: impl Read,
    to: &mut tar::Builder<Vec<u8>>,
    rename: impl Fn(&Path) -> Option<PathBuf>,
) -> Result<usize> {
    let failed = || Fatal::during("copying an archive");
    let mut copied = 0;
    for entry in tar::Archive::new(from).entries().map_err(failed())? {
        let mut entry = entry.map_err(failed())?;
        let Some(path) = rename(&entry.path().map_err(failed())?) else {
            continue;
        };
        let mut header = entry.header().clone();
        let kind = header.entry_type();
        let link = entry
            .link_name()
            .map_err(failed())?
            .map(std::borrow::Cow::into_owned);
        match link {
            // A hard link names another entry, which moved as well.
            Some(link) if kind.is_hard_link() => {
                let link = rename(&link).unwrap_or(link);
                to.append_link(&mut header, &path, &link)
                    .map_err(failed())?;
            }
            Some(link) => to
                .append_link(&mut header, &path, &link)
                .map_err(failed())?,
            None => to
                .append_data(&mut header, &path, &mut entry)
                .map_err(failed())?,
        }
        copied += 1;
    }
    Ok(copied)
}
