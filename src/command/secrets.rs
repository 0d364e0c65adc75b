//! Makes known what must not be shown, before any child starts.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{error::Error, host::Call};
use crate::{
    config::{
        environment::{GIT_TOKEN, MIRROR_TOKEN},
        layer::Origin,
        settings::Settings,
    },
    model::{
        diagnosis::{Check, Finding, State},
        outcome::{Fault, Trouble},
    },
    sys::redact::{self, Redactor, Secret},
};

/// One of the tokens that ccci itself uses, and where it may be.
struct Place<'a> {
    /// The variable that may hold it.
    variable: &'static str,
    /// The file that may hold it, where the variable does not.
    file: Option<&'a Path>,
    /// The check that looks at it.
    check: Check,
}

impl<'a> Place<'a> {
    /// Returns where the token for private repositories may be.
    fn of_git(settings: &'a Settings) -> Self {
        Self {
            variable: GIT_TOKEN,
            file: settings.secrets.git_token_file.as_deref(),
            check: Check::GitToken,
        }
    }

    /// Returns where the token for mirrors may be.
    fn of_mirrors(settings: &'a Settings) -> Self {
        Self {
            variable: MIRROR_TOKEN,
            file: settings.mirror_token_file.as_deref(),
            check: Check::MirrorToken,
        }
    }
}

/// The largest file that is read as a secret, in bytes.
const SIZE_LIMIT: u64 = 1 << 20;
/// The permission bits that let others than the owner and the group do anything.
const FOR_OTHERS: u32 = 0o007;
/// The permission bits that let anybody but the owner do anything.
const FOR_GROUP_AND_OTHERS: u32 = 0o077;

/// Makes the configured secrets known to the redactor; returns what a person should hear of it.
///
/// In a directory that a setting names, what others can use is refused.
/// The built-in one belongs to engines, which let everybody in a container read.
pub(crate) fn register(settings: &Settings, redactor: &Redactor) -> Result<Vec<String>, Error> {
    let is_default = are_built_in(settings);
    let (files, mut warnings) = files_to_mask(settings);
    for path in files {
        if !is_default {
            check_private(&path)?;
        }
        match read(&path) {
            Ok(text) => drop(redactor.register(text.trim())),
            Err(error) => warnings.push(unreadable(&path, &error)),
        }
    }
    match redactor.unmaskable() {
        0 => {}
        1 => warnings.push("1 secret is too short to be masked".to_owned()),
        count => warnings.push(format!("{count} secrets are too short to be masked")),
    }
    Ok(warnings)
}

/// Makes the configured secrets known to the redactor, and says of each whether that can be relied upon.
pub(crate) fn examine(call: &Call, settings: &Settings, redactor: &Redactor) -> Vec<Finding> {
    let is_default = are_built_in(settings);
    let (files, warnings) = files_to_mask(settings);
    let warning = |text| Finding::new(Check::Secrets, State::Warning, text);
    let mut findings: Vec<_> = warnings.into_iter().map(warning).collect();
    let mut masked = 0;
    for path in files {
        let text = read(&path);
        // Masked it is in any case.
        let is_short = text.as_ref().is_ok_and(|text| {
            redactor.register(text.trim());
            redact::is_short(text)
        });
        match (check_private(&path), text) {
            (Err(error), _) if !is_default => {
                findings.push(Finding::fail(Check::Secrets, &error.trouble()));
            }
            (_, Err(error)) => findings.push(warning(unreadable(&path, &error))),
            (_, Ok(_)) if is_short => findings.push(too_short(&path)),
            (_, Ok(_)) => masked += 1,
        }
    }
    if masked > 0 && findings.is_empty() {
        let files = if masked == 1 { "file" } else { "files" };
        let found = format!("{masked} {files} masked");
        findings.push(Finding::ok(Check::Secrets, found));
    }
    let places = [Place::of_git(settings), Place::of_mirrors(settings)];
    let of_token = |place: &Place<'_>| examine_token(call, place, redactor);
    findings.extend(places.iter().filter_map(of_token));
    findings
}

/// Says of a token whether it can be used.
fn examine_token(call: &Call, place: &Place<'_>, redactor: &Redactor) -> Option<Finding> {
    let shown = match place.file {
        _ if call.env().os(place.variable).is_some() => format!("`{}`", place.variable),
        Some(path) => path.display().to_string(),
        None => return None,
    };
    Some(match token(call, place, redactor, true) {
        Ok(Some(token)) if redact::is_short(token.expose()) => {
            let message = format!("the token in {shown} is too short to be masked");
            let trouble = Trouble::new(Fault::Config, "secret-short", message);
            Finding::fail(place.check, &trouble.hint("make a longer one"))
        }
        Ok(_) => Finding::ok(place.check, shown),
        Err(error) => Finding::fail(place.check, &error.trouble()),
    })
}

/// Says that a secret would be shown.
fn too_short(path: &Path) -> Finding {
    let message = format!("`{}` is too short to be masked", path.display());
    let trouble = Trouble::new(Fault::Config, "secret-short", message);
    let trouble = trouble.hint("make it 8 characters long at least, or take the file away");
    Finding::fail(Check::Secrets, &trouble)
}

/// Tells whether no setting names the directories.
fn are_built_in(settings: &Settings) -> bool {
    let mut shown = settings.shown.iter();
    shown.any(|shown| shown.key == "secrets.dirs" && shown.origin == Origin::BuiltIn)
}

/// Lists the files to mask; says which directories cannot be read.
fn files_to_mask(settings: &Settings) -> (Vec<PathBuf>, Vec<String>) {
    let is_default = are_built_in(settings);
    let mut warnings = Vec::new();
    let mut files = Vec::new();
    for dir in &settings.secrets.dirs {
        match files_of(dir) {
            Ok(found) => files.extend(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_default => {}
            Err(error) => warnings.push(unreadable(dir, &error)),
        }
    }
    (files, warnings)
}

/// Refuses a file of secrets that others than its owner and group can use.
fn check_private(path: &Path) -> Result<(), Error> {
    // What cannot be looked at cannot be read either, which is said where it is read.
    match mode(path) {
        Ok(mode) if mode & FOR_OTHERS != 0 => {
            let message = format!("`{}` holds secrets and cannot be used", path.display());
            let trouble = Trouble::new(Fault::Config, "secret-readable", message)
                .because(format!("others can use it, its mode is {mode:o}"))
                .hint(format!("run `chmod o= {}`", path.display()));
            Err(trouble.into())
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Finds the token for private repositories, in the environment or else in its file, and makes sure that it is masked.
///
/// One that cannot be used is an error where a recipe has to be fetched; masked it is in any case, and the one for mirrors too.
pub(crate) fn git_token(
    call: &Call,
    settings: &Settings,
    redactor: &Redactor,
    is_needed: bool,
) -> Result<Option<Secret>, Error> {
    drop(mirror_token(call, settings, redactor, false)?);
    token(call, &Place::of_git(settings), redactor, is_needed)
}

/// Finds the token for mirrors as the one for private repositories is found.
pub(crate) fn mirror_token(
    call: &Call,
    settings: &Settings,
    redactor: &Redactor,
    is_needed: bool,
) -> Result<Option<Secret>, Error> {
    token(call, &Place::of_mirrors(settings), redactor, is_needed)
}

/// Finds a token and makes sure that it is masked.
fn token(
    call: &Call,
    place: &Place<'_>,
    redactor: &Redactor,
    is_needed: bool,
) -> Result<Option<Secret>, Error> {
    let found = match (call.env().text(place.variable)?, place.file) {
        (Some(token), _) => {
            let secret = redactor.register(token);
            let what = format!("the token in `{}`", place.variable);
            usable(token, &what).map(|()| secret)
        }
        (None, Some(path)) => token_of(path, redactor),
        (None, None) => return Ok(None),
    };
    match found {
        Ok(token) => Ok(Some(token)),
        Err(_) if !is_needed => Ok(None),
        Err(trouble) => Err(trouble.into()),
    }
}

/// Reads the token from its file, which nobody but its owner may use.
fn token_of(path: &Path, redactor: &Redactor) -> Result<Secret, Trouble> {
    let what = format!("token file `{}`", path.display());
    let text = read(path).map_err(|error| unusable(&what, error.to_string()))?;
    let secret = redactor.register(text.trim_end_matches('\n'));
    let mode = mode(path).map_err(|error| unusable(&what, error.to_string()))?;
    if mode & FOR_GROUP_AND_OTHERS != 0 {
        let said = format!("others can use it, its mode is {mode:o}");
        return Err(unusable(&what, said).hint(format!("run `chmod 600 {}`", path.display())));
    }
    usable(secret.expose(), &what).map(|()| secret)
}

/// Checks that a token is one word; its length is shown, never its value.
fn usable(token: &str, what: &str) -> Result<(), Trouble> {
    if token.is_empty() || token.contains(char::is_whitespace) {
        let count = token.chars().count();
        let said = format!("it holds {count} characters, some of them blanks, or none");
        return Err(unusable(what, said));
    }
    Ok(())
}

/// Returns the trouble of a token that cannot be used.
fn unusable(what: &str, said: String) -> Trouble {
    let message = format!("{what} cannot be used");
    Trouble::new(Fault::Config, "token-unusable", message).because(said)
}

/// Returns who may do what with a file.
fn mode(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
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
    use crate::config::sample;

    fn settings(dirs: &str) -> Settings {
        sample::settings(&[("CCCI_SECRETS_DIRS", dirs)])
    }

    #[test]
    fn files_are_masked_and_what_is_not_is_said() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "t0ps3cret-value\n").unwrap();
        fs::write(dir.path().join("b"), "abc").unwrap();
        fs::write(dir.path().join("c"), [0xff, 0xfe]).unwrap();
        std::os::unix::fs::symlink("/no/such/file", dir.path().join("d")).unwrap();
        for name in ["a", "b", "c"] {
            fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o640)).unwrap();
        }
        let redactor = Redactor::default();
        let dirs = format!("{}:/no/such/dir", dir.path().display());
        let warnings = register(&settings(&dirs), &redactor).unwrap();
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

    #[test]
    fn what_others_can_use_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "t0ps3cret-value").unwrap();
        let dirs = settings(&dir.path().display().to_string());
        for (mode, accepted) in [(0o600, true), (0o640, true), (0o644, false), (0o602, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let registered = register(&dirs, &Redactor::default());
            assert_eq!(registered.is_ok(), accepted, "{mode:o}");
            let Err(error) = registered else { continue };
            assert_eq!(error.code(), 102);
            let hint = format!("run `chmod o= {}`", path.display());
            assert_eq!(error.hint, Some(hint));
        }
    }
}
