//! Reads configuration files, and refuses those that nobody should trust.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use super::error::Error;

/// The largest file read, in bytes.
const SIZE_LIMIT: u64 = 1 << 20;
/// The permission bit that lets everybody write.
const WRITABLE_BY_ALL: u32 = 0o002;

/// Reads a file that has to be there.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    // Asked before it is opened: opening a named pipe would wait for a writer.
    check(path, &fs::metadata(path).map_err(unreadable)?)?;
    let mut text = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    let read = file.take(SIZE_LIMIT + 1).read_to_end(&mut text);
    if read.map_err(unreadable)? as u64 > SIZE_LIMIT {
        return Err(too_large(path));
    }
    String::from_utf8(text).map_err(|_| Error::Invalid {
        path: path.to_owned(),
        message: "it is not UTF-8".to_owned(),
    })
}

/// Reads a file that may be missing.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, Error> {
    match read(path) {
        Err(Error::Unreadable { source, .. }) if is_missing(&source) => Ok(None),
        other => other.map(Some),
    }
}

/// Reads a file that may be missing and must not be a link.
///
/// An error shows the line it is about, and a link made by somebody else could point at a secret.
pub(crate) fn read_unlinked(path: &Path) -> Result<Option<String>, Error> {
    if path.is_symlink() {
        return Err(Error::Refused {
            path: path.to_owned(),
            reason: "it is a symbolic link",
            hint: "put a regular file in its place".to_owned(),
        });
    }
    read_if_there(path)
}

/// Tells whether there is no such file, be it that a parent is no directory.
fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Refuses what is no plain file, is too large, or can be changed by everybody.
fn check(path: &Path, metadata: &fs::Metadata) -> Result<(), Error> {
    if !metadata.is_file() {
        return Err(Error::Refused {
            path: path.to_owned(),
            reason: "it is no regular file",
            hint: "name a file".to_owned(),
        });
    }
    if metadata.permissions().mode() & WRITABLE_BY_ALL != 0 {
        return Err(Error::Refused {
            path: path.to_owned(),
            reason: "everybody can write to it",
            hint: format!("run `chmod o-w {}`", path.display()),
        });
    }
    if metadata.len() > SIZE_LIMIT {
        return Err(too_large(path));
    }
    Ok(())
}

/// Says that a file is too large.
fn too_large(path: &Path) -> Error {
    Error::Refused {
        path: path.to_owned(),
        reason: "it is larger than 1 MiB",
        hint: "name a configuration file".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> (String, String) {
        let error = read(path).unwrap_err();
        (error.to_string(), error.hint().unwrap_or_default())
    }

    #[test]
    fn a_file_that_everybody_can_write_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ccci.toml");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let (message, hint) = refusal(&path);
        assert!(message.ends_with("everybody can write to it"), "{message}");
        assert_eq!(hint, format!("run `chmod o-w {}`", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        assert_eq!(read(&path).unwrap(), "");
    }

    #[test]
    fn a_directory_a_device_and_a_huge_file_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(refusal(dir.path()).0.ends_with("no regular file"));
        assert!(
            refusal(Path::new("/dev/null"))
                .0
                .ends_with("no regular file")
        );
        let path = dir.path().join("huge");
        fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
        assert!(refusal(&path).0.ends_with("larger than 1 MiB"));
    }

    #[test]
    fn a_missing_file_is_an_error_only_where_it_was_asked_for() {
        let path = Path::new("/no/such/ccci.toml");
        assert!(read_if_there(path).unwrap().is_none());
        assert_eq!(refusal(path).0, "failed to read `/no/such/ccci.toml`");
    }

    #[test]
    fn a_link_is_not_followed_where_somebody_else_may_have_made_it() {
        let dir = tempfile::tempdir().unwrap();
        let (secret, link) = (dir.path().join("secret"), dir.path().join("recipe.toml"));
        fs::write(&secret, "t0ps3cret").unwrap();
        std::os::unix::fs::symlink(&secret, &link).unwrap();
        let error = read_unlinked(&link).unwrap_err().to_string();
        assert!(error.ends_with("it is a symbolic link"), "{error}");
        assert_eq!(read_unlinked(&secret).unwrap().unwrap(), "t0ps3cret");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ccci.toml");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(refusal(&path).0.ends_with("it is not UTF-8"));
    }
}
