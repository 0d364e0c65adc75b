//! Names of apps that were removed here a short while ago, so that a volume that is born late is known as ours.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use super::durable;
use crate::model::app::AppDomain;

/// How long a name is kept.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// Notes that an app was removed; one file for each app, so that processes never share one.
pub(crate) fn add(state: &Path, domain: &AppDomain) -> io::Result<()> {
    let folder = folder(state);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    durable::write(
        &folder.join(domain.as_str()),
        Timestamp::now().to_string().as_bytes(),
    )
}

/// Returns the apps that were removed within the last day, and forgets the others.
pub(crate) fn read(state: &Path) -> io::Result<Vec<AppDomain>> {
    let entries = match fs::read_dir(folder(state)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut fresh = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(domain) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Another process may have forgotten it since it was listed.
        let written: Option<Timestamp> = fs::read_to_string(entry.path())
            .ok()
            .and_then(|text| text.parse().ok());
        let age = written.map(|written| Timestamp::now().duration_since(written));
        if age.is_some_and(|age| age < LIFE) {
            fresh.push(domain);
        } else {
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(fresh)
}

/// Returns the folder of the names.
fn folder(state: &Path) -> PathBuf {
    state.join("tombstones")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_for_a_day() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(read(state.path()).unwrap(), []);
        let (fresh, old): (AppDomain, AppDomain) = (
            "a-1.example.org".parse().unwrap(),
            "b-1.example.org".parse().unwrap(),
        );
        add(state.path(), &fresh).unwrap();
        add(state.path(), &old).unwrap();
        let long_ago = Timestamp::now() - LIFE - SignedDuration::from_secs(1);
        let path = folder(state.path()).join(old.as_str());
        fs::write(&path, long_ago.to_string()).unwrap();
        assert_eq!(read(state.path()).unwrap(), [fresh]);
        assert!(!path.exists());
    }
}
