//! Makes known what must not be shown, before any child starts.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{
    config::{layer::Origin, settings::Settings},
    sys::redact::Redactor,
};

/// The largest file that is read as a secret, in bytes.
const SIZE_LIMIT: u64 = 1 << 20;

/// Makes the configured secrets known to the redactor; returns what a person should hear of it.
pub(crate) fn register(settings: &Settings, redactor: &Redactor) -> Vec<String> {
    let is_default = settings
        .shown
        .iter()
        .any(|shown| shown.key == "secrets.dirs" && shown.origin == Origin::BuiltIn);
    let mut warnings = Vec::new();
    let mut files = Vec::new();
    for dir in &settings.secrets.dirs {
        match files_of(dir) {
            Ok(found) => files.extend(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_default => {}
            Err(error) => warnings.push(unreadable(dir, &error)),
        }
    }
    // The run itself refuses a token that cannot be used, with the reason.
    let token = settings.secrets.git_token_file.iter().cloned();
    for path in files {
        match read(&path) {
            Ok(text) => drop(redactor.register(text.trim())),
            Err(error) => warnings.push(unreadable(&path, &error)),
        }
    }
    for text in token.filter_map(|path| read(&path).ok()) {
        redactor.register(text.trim());
    }
    match redactor.unmaskable() {
        0 => {}
        1 => warnings.push("1 secret is too short to be masked".to_owned()),
        count => warnings.push(format!("{count} secrets are too short to be masked")),
    }
    warnings
}

/// Lists the files of a directory, those behind links too.
fn files_of(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        // A link that leads nowhere is listed, so that its reading says so.
        if !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a secret.
fn read(path: &Path) -> io::Result<String> {
    // Asked before it is opened: opening a named pipe would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    let file = fs::File::open(path)?;
    if file.take(SIZE_LIMIT + 1).read_to_string(&mut text)? as u64 > SIZE_LIMIT {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

/// Says what is not masked, and why.
fn unreadable(path: &Path, error: &io::Error) -> String {
    format!(
        "`{}` holds secrets and is not masked: {error}",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        environment::Environment,
        load::{Machine, Sources, load},
    };

    fn settings(dirs: &str) -> Settings {
        let machine = Machine {
            root: false,
            current_dir: PathBuf::from("/"),
            system_file: PathBuf::from("/no/such/file"),
        };
        let env = Environment::of(&[("HOME", "/no/such/home"), ("CCCI_SECRETS_DIRS", dirs)]);
        let sources = Sources {
            env: &env,
            machine: &machine,
            config_flag: None,
            flags: &[],
            checkouts: &[],
        };
        load(&sources).unwrap()
    }

    #[test]
    fn files_are_masked_and_what_is_not_is_said() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "t0ps3cret-value\n").unwrap();
        fs::write(dir.path().join("b"), "abc").unwrap();
        fs::write(dir.path().join("c"), [0xff, 0xfe]).unwrap();
        std::os::unix::fs::symlink("/no/such/file", dir.path().join("d")).unwrap();
        let redactor = Redactor::default();
        let dirs = format!("{}:/no/such/dir", dir.path().display());
        let warnings = register(&settings(&dirs), &redactor);
        assert_eq!(
            redactor.text("x t0ps3cret-value x").matches("t0ps").count(),
            0
        );
        let parts = [
            "/no/such/dir` holds",
            "/c` holds",
            "/d` holds",
            "1 secret is too short",
        ];
        assert_eq!(warnings.len(), parts.len(), "{warnings:?}");
        for (warning, part) in warnings.iter().zip(parts) {
            assert!(warning.contains(part), "{warning}");
        }
    }
}
