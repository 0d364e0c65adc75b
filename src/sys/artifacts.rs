//! The files that tests leave for people: masked like all that children print, and nothing but files.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::redact::Redactor;

/// How far the clock that files are stamped by may be behind.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// Masks what was written below a folder since some time, and returns a line on each file that did not stay as it was.
///
/// Links, devices and the like are removed: whoever looks at the files must not be led elsewhere. So is what cannot be
/// masked.
pub(crate) fn mask(
    folder: &Path,
    redactor: &Redactor,
    since: SystemTime,
) -> io::Result<Vec<String>> {
    match fs::symlink_metadata(folder) {
        Ok(kind) if kind.is_dir() => {}
        Ok(_) => {
            // What it leads to is not ours to change.
            fs::remove_file(folder)?;
            return Ok(vec![
                "removed the folder of artifacts: it was none".to_owned(),
            ]);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let since = since.checked_sub(CLOCK_STEP).unwrap_or(UNIX_EPOCH);
    let mut notes = Vec::new();
    let mut folders = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(place) = folders.get(next).cloned() {
        next += 1;
        for entry in fs::read_dir(&place)? {
            let path = entry?.path();
            let kind = fs::symlink_metadata(&path)?;
            if kind.is_dir() {
                folders.push(path);
            } else if !kind.is_file() {
                fs::remove_file(&path)?;
                notes.push(format!("removed `{}`: it is no file", named(folder, &path)));
            } else if changed(&kind) >= since {
                notes.extend(mask_file(folder, &path, redactor)?);
                rename(&path, redactor)?;
            }
        }
    }
    // What lies deepest comes first, or its path would no longer be right.
    for place in folders[1..].iter().rev() {
        rename(place, redactor)?;
    }
    Ok(notes)
}

/// Returns when a file was changed last, by a stamp that programs cannot set.
fn changed(meta: &fs::Metadata) -> SystemTime {
    let seconds = u64::try_from(meta.ctime()).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Returns the path of a file as the folder has it.
fn named(folder: &Path, path: &Path) -> String {
    let path = path.strip_prefix(folder).unwrap_or(path);
    path.to_string_lossy().escape_debug().to_string()
}

/// Puts a masked copy in the place of a file that holds a secret.
///
/// Never writes into the file itself, which may have a second name elsewhere.
fn mask_file(folder: &Path, path: &Path, redactor: &Redactor) -> io::Result<Option<String>> {
    if !redactor.knows_any() {
        return Ok(None);
    }
    match masked_copy(path, redactor) {
        Ok(None) => Ok(None),
        Ok(Some(copy)) => {
            copy.persist(path)?;
            Ok(Some(format!(
                "masked a secret in `{}`",
                named(folder, path)
            )))
        }
        Err(error) => {
            fs::remove_file(path)?;
            let name = named(folder, path);
            Ok(Some(format!(
                "removed `{name}`: it could not be masked: {error}"
            )))
        }
    }
}

/// Returns a copy without secrets, or nothing when the file has none.
fn masked_copy(path: &Path, redactor: &Redactor) -> io::Result<Option<NamedTempFile>> {
    let mut copy = NamedTempFile::new_in(path.parent().unwrap_or(path))?;
    let mut masked = redactor.writer(copy.as_file_mut());
    io::copy(&mut open(path)?, &mut masked)?;
    masked.finish()?;
    let is_same = is_same(open(path)?, copy.reopen()?)?;
    Ok((!is_same).then_some(copy))
}

/// Opens a file; a link that took its place is an error.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Tells whether two files hold the same.
fn is_same(one: File, other: File) -> io::Result<bool> {
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let mut one = io::BufReader::new(one).bytes();
    let mut other = io::BufReader::new(other).bytes();
    loop {
        match (one.next().transpose()?, other.next().transpose()?) {
            (None, None) => return Ok(true),
            (a, b) if a != b => return Ok(false),
            _ => {}
        }
    }
}

/// Gives a file or folder another name when its name holds a secret.
fn rename(path: &Path, redactor: &Redactor) -> io::Result<()> {
    let Some(name) = path.file_name() else {
        return Ok(());
    };
    let name = name.to_string_lossy();
    let masked = redactor.text(&name);
    if masked == name || !path.exists() {
        return Ok(());
    }
    fs::rename(path, free(path, &masked))
}

/// Returns a path beside another that nothing has yet.
fn free(path: &Path, name: &str) -> PathBuf {
    let mut number = 1;
    let mut found = path.with_file_name(name);
    while found.symlink_metadata().is_ok() {
        number += 1;
        found = path.with_file_name(format!("{name}-{number}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// The secret.
    const VALUE: &str = "hunter2-hunter2";

    /// Makes a folder, and a redactor that knows the secret.
    fn place() -> (tempfile::TempDir, Redactor) {
        let redactor = Redactor::default();
        redactor.register(VALUE);
        (tempfile::tempdir().unwrap(), redactor)
    }

    /// Lists all paths below a folder.
    fn names(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(place) = folders.pop() {
            for entry in fs::read_dir(place).unwrap() {
                let path = entry.unwrap().path();
                found.push(named(folder, &path));
                folders.extend(path.is_dir().then_some(path));
            }
        }
        found.sort();
        found
    }

    #[test]
    fn what_holds_a_secret_is_masked_and_the_rest_stays_as_it_is() {
        let (root, redactor) = place();
        let path = |name: &str| root.path().join(name);
        let long = "x".repeat(100_000);
        fs::create_dir(path("deep")).unwrap();
        fs::write(path("deep/log.txt"), format!("{long}{VALUE}\n")).unwrap();
        fs::write(
            path("picture.png"),
            [b"\x89PNG\0", VALUE.as_bytes()].concat(),
        )
        .unwrap();
        fs::write(path("plain.txt"), &long).unwrap();
        let before = fs::metadata(path("plain.txt")).unwrap().ino();
        let mut notes = mask(root.path(), &redactor, SystemTime::now()).unwrap();
        notes.sort();
        assert_eq!(
            notes,
            [
                "masked a secret in `deep/log.txt`",
                "masked a secret in `picture.png`"
            ]
        );
        assert_eq!(
            fs::read_to_string(path("deep/log.txt")).unwrap(),
            format!("{long}[secret]\n")
        );
        assert_eq!(fs::read(path("picture.png")).unwrap(), b"\x89PNG\0[secret]");
        assert_eq!(fs::metadata(path("plain.txt")).unwrap().ino(), before);
    }

    #[test]
    fn names_are_masked_and_none_is_lost() {
        let (root, redactor) = place();
        let folder = root.path().join(format!("of-{VALUE}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(format!("{VALUE}.txt")), "a").unwrap();
        fs::write(folder.join("[secret].txt"), "b").unwrap();
        mask(root.path(), &redactor, SystemTime::now()).unwrap();
        let expected = [
            "of-[secret]",
            "of-[secret]/[secret].txt",
            "of-[secret]/[secret].txt-2",
        ];
        assert_eq!(names(root.path()), expected);
    }

    #[test]
    fn a_file_with_a_second_name_elsewhere_is_changed_here_alone() {
        let (root, redactor) = place();
        let elsewhere = tempfile::tempdir().unwrap();
        let token = elsewhere.path().join("token");
        fs::write(&token, VALUE).unwrap();
        fs::hard_link(&token, root.path().join("mine")).unwrap();
        symlink(&token, root.path().join("link")).unwrap();
        symlink(elsewhere.path(), root.path().join("folder")).unwrap();
        let notes = mask(root.path(), &redactor, SystemTime::now()).unwrap();
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert_eq!(fs::read_to_string(&token).unwrap(), VALUE);
        assert_eq!(names(root.path()), ["mine"]);
        assert_eq!(
            fs::read_to_string(root.path().join("mine")).unwrap(),
            "[secret]"
        );
    }

    #[test]
    fn a_folder_that_leads_elsewhere_or_is_gone_is_not_followed() {
        let (root, redactor) = place();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("theirs"), VALUE).unwrap();
        let folder = root.path().join("artifacts");
        let now = SystemTime::now();
        assert_eq!(mask(&folder, &redactor, now).unwrap(), Vec::<String>::new());
        symlink(elsewhere.path(), &folder).unwrap();
        assert_eq!(mask(&folder, &redactor, now).unwrap().len(), 1);
        assert!(folder.symlink_metadata().is_err());
        assert_eq!(
            fs::read_to_string(elsewhere.path().join("theirs")).unwrap(),
            VALUE
        );
    }

    #[test]
    fn what_was_there_before_is_not_looked_at_again() {
        let (root, redactor) = place();
        fs::write(root.path().join("old"), VALUE).unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        assert_eq!(
            mask(root.path(), &redactor, later).unwrap(),
            Vec::<String>::new()
        );
        assert_eq!(fs::read_to_string(root.path().join("old")).unwrap(), VALUE);
    }
}
