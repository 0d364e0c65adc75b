//! Keeps the records of always-on apps on the disk, one below the state directory for each domain.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::{
    model::{always_on::Record, app::AppDomain, outcome::Trouble, sealed::Unusable},
    sys::{durable, run_dir::private_folder},
};

/// The name of the file.
const FILE: &str = "app.json";
/// The name of the file that holds the app's `.env`.
const ENV: &str = "app.env";
/// The name of the file that tells which failure was alerted of.
const FAILURE: &str = "failure";

/// Returns the folder of an app, below the state directory.
pub(crate) fn folder(state: &Path, domain: &AppDomain) -> PathBuf {
    state.join("always-on").join(domain.as_str())
}

/// Reads the record of an app; nothing where there is none.
pub(crate) fn recall(state: &Path, domain: &AppDomain) -> Result<Option<Record>, Trouble> {
    let path = folder(state, domain).join(FILE);
    let message = format!("the record `{}` cannot be used", path.display());
    let text = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Trouble::broken("record-unreadable", message).because(error.to_string()));
        }
        Ok(text) => text,
    };
    Record::parse(&text, domain).map(Some).map_err(|error| {
        let hint = match error {
            Unusable::Damaged(_) => format!(
                "look at the app, then move `{}` away: what runs is then taken as it is",
                path.display()
            ),
            Unusable::Newer => "run the ccci that wrote it, or a newer one".to_owned(),
        };
        let code = match error {
            Unusable::Damaged(_) => "record-damaged",
            Unusable::Newer => "record-newer",
        };
        Trouble::broken(code, message)
            .because(error.to_string())
            .hint(hint)
    })
}

/// Writes the record of an app; after a crash it is wholly the old or wholly the new one.
pub(crate) fn keep(state: &Path, record: &Record) -> Result<(), Trouble> {
    let folder = folder(state, &record.domain);
    let path = folder.join(FILE);
    let text = record.render();
    let written = private_folder(&folder).and_then(|()| durable::write(&path, text.as_bytes()));
    written.map_err(|error| {
        let message = format!("failed to write the record `{}`", path.display());
        Trouble::broken("record-unwritten", message).because(error.to_string())
    })
}

/// Reads the `.env` that an app was deployed with; nothing where it never was.
pub(super) fn env(state: &Path, domain: &AppDomain) -> Result<Option<String>, Trouble> {
    let path = folder(state, domain).join(ENV);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let message = format!("failed to read `{}`", path.display());
            Err(Trouble::broken("env-unreadable", message).because(error.to_string()))
        }
    }
}

/// Keeps the `.env` that an app was deployed with.
pub(super) fn keep_env(state: &Path, domain: &AppDomain, text: &[u8]) -> io::Result<()> {
    let folder = folder(state, domain);
    private_folder(&folder)?;
    durable::write(&folder.join(ENV), text)
}

/// Takes note of the failure that an alert tells of, or that there is none; tells whether it is another than before.
pub(super) fn note_failure(state: &Path, domain: &AppDomain, failure: Option<&str>) -> bool {
    let path = folder(state, domain).join(FAILURE);
    let before = fs::read_to_string(&path).ok();
    if before.as_deref() == failure {
        return false;
    }
    // Where it cannot be noted, people are told once more.
    drop(match failure {
        Some(failure) => private_folder(&folder(state, domain))
            .and_then(|()| durable::write(&path, failure.as_bytes())),
        None => fs::remove_file(&path),
    });
    failure.is_some()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::sealed;

    fn record() -> Record {
        let domain = "warm-drone.ci.example.org".parse().unwrap();
        Record::new("drone".parse().unwrap(), domain, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_is_kept_is_recalled_and_nothing_is_nothing() {
        let state = tempfile::tempdir().unwrap();
        let domain = record().domain;
        assert_eq!(recall(state.path(), &domain).unwrap(), None);
        keep(state.path(), &record()).unwrap();
        let path = state
            .path()
            .join("always-on/warm-drone.ci.example.org/app.json");
        assert!(path.is_file());
        assert_eq!(recall(state.path(), &domain).unwrap(), Some(record()));
        let later = record().recovered(Timestamp::from_second(9).unwrap());
        keep(state.path(), &later).unwrap();
        assert_eq!(recall(state.path(), &domain).unwrap(), Some(later));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_is_news_until_it_was_noted_and_again_after_it_was_over() {
        let state = tempfile::tempdir().unwrap();
        let note = |failure| note_failure(state.path(), &record().domain, failure);
        assert!(!note(None));
        assert!(note(Some("not-converged")));
        assert!(!note(Some("not-converged")));
        assert!(note(Some("no-source")));
        assert!(!note(None));
        assert!(note(Some("no-source")));
    }

    #[test]
    fn the_env_of_an_app_is_kept_where_its_owner_alone_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (state, domain) = (tempfile::tempdir().unwrap(), record().domain);
        assert_eq!(env(state.path(), &domain).unwrap(), None);
        keep_env(state.path(), &domain, b"TYPE=drone\n").unwrap();
        let kept = env(state.path(), &domain).unwrap();
        assert_eq!(kept.as_deref(), Some("TYPE=drone\n"));
        let path = folder(state.path(), &domain).join(ENV);
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn what_cannot_be_used_is_named_and_left_as_it_is() {
        let state = tempfile::tempdir().unwrap();
        let domain = record().domain;
        let path = folder(state.path(), &domain).join(FILE);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        for (text, code, cause) in [
            (
                record().render().replace("drone", "dronf"),
                "record-damaged",
                "it is damaged: ",
            ),
            (String::new(), "record-damaged", "it is damaged: "),
            (
                sealed::seal(99, &record()),
                "record-newer",
                "it was made by a newer ccci",
            ),
        ] {
            fs::write(&path, &text).unwrap();
            let trouble = recall(state.path(), &domain).unwrap_err();
            assert_eq!(trouble.code, code);
            assert!(trouble.message.contains(&path.display().to_string()));
            assert!(trouble.causes[0].starts_with(cause), "{:?}", trouble.causes);
            assert!(trouble.hint.is_some());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let trouble = recall(state.path(), &domain).unwrap_err();
        assert_eq!(trouble.code, "record-unreadable");
        assert_eq!(
            keep(state.path(), &record()).unwrap_err().code,
            "record-unwritten"
        );
    }
}
