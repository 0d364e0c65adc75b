//! Finds tests and hooks by their names, and refuses what cannot or must not run.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use crate::model::{
    choice::Functions,
    pattern,
    plan::{Overlay, OverlayOrigin, OverlayRole, OverlayRunner},
    stage::Stage,
};

/// Why the tests of a recipe could not be listed.
#[derive(Debug, thiserror::Error)]
#[error("failed to read `{}`", .path.display())]
pub(crate) struct Error {
    /// The directory.
    path: PathBuf,
    /// What the system said.
    source: io::Error,
}

/// A folder that tests are looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Folder {
    /// The root.
    Root,
    /// `ops/`.
    Operations,
    /// `functional/` and `playwright/`.
    Custom,
}

/// The folders and their names.
const FOLDERS: [(Folder, &str); 4] = [
    (Folder::Root, ""),
    (Folder::Operations, "ops"),
    (Folder::Custom, "functional"),
    (Folder::Custom, "playwright"),
];

/// Lists the tests and hooks under a root, those that are refused included, by role and then by path.
///
/// A root that is not there has none.
pub(crate) fn list(root: &Path, origin: OverlayOrigin) -> Result<Vec<Overlay>, Error> {
    let mut found = Vec::new();
    for (folder, name) in FOLDERS {
        let failed = |source| Error {
            path: root.join(name),
            source,
        };
        let entries = match fs::read_dir(root.join(name)) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => continue,
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let file = entry.map_err(failed)?.file_name();
            found.extend(read_overlay(
                root,
                folder,
                &Path::new(name).join(file),
                origin,
            ));
        }
    }
    found.sort_by(|a, b| (a.role, &a.path).cmp(&(b.role, &b.path)));
    Ok(found)
}

/// Tells whether an error says that a folder is not there.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Reads one file as a test or a hook, if its name says that it is one.
fn read_overlay(
    root: &Path,
    folder: Folder,
    path: &Path,
    origin: OverlayOrigin,
) -> Option<Overlay> {
    let name = path.file_name()?.to_string_lossy();
    let role = role(folder, &name)?;
    let full = root.join(path);
    if full.is_dir() {
        return None;
    }
    let extension = path.extension().and_then(OsStr::to_str);
    let runner = match extension {
        // What pytest says itself would be mixed with what is to be given.
        Some("py") if is_for_others(&role) => OverlayRunner::Executable,
        Some("py") => OverlayRunner::Pytest,
        Some("hurl") => OverlayRunner::Hurl,
        _ => OverlayRunner::Executable,
    };
    // Data beside the tests, as `test_page.json`, is none of them.
    let is_script = match extension {
        None | Some("sh") => true,
        Some("py") => is_for_others(&role),
        Some(_) => false,
    };
    let program = is_script || is_executable(&full);
    if runner == OverlayRunner::Executable && !program && full.is_file() {
        return None;
    }
    let refused = match &role {
        Ok(role) => refusal(root, path, *role, runner),
        Err(reason) => Some(reason.clone()),
    };
    Some(Overlay {
        path: shown(path),
        origin,
        role: role.unwrap_or(OverlayRole::Before(Stage::Install)),
        runner,
        refused,
        deselected: false,
        only: Vec::new(),
    })
}

/// Tells whether a file serves apps that require this one.
fn is_for_others(role: &Result<OverlayRole, String>) -> bool {
    matches!(role, Ok(OverlayRole::Provide | OverlayRole::Withdraw))
}

/// Tells what a file is for by its name, or why its name is wrong; nothing when it is no test and no hook.
fn role(folder: Folder, name: &str) -> Option<Result<OverlayRole, String>> {
    let stem = name.split('.').next().unwrap_or(name);
    match folder {
        Folder::Operations if stem == "provide" => Some(Ok(OverlayRole::Provide)),
        Folder::Operations if stem == "withdraw" => Some(Ok(OverlayRole::Withdraw)),
        Folder::Operations => {
            let word = stem.strip_prefix("pre_")?;
            let stage = Stage::ALL.into_iter().find(|stage| stage.word() == word);
            let stages = Stage::ALL.map(Stage::word).join(", ");
            let unknown = || format!("names no stage; the stages are {stages}");
            Some(stage.map(OverlayRole::Before).ok_or_else(unknown))
        }
        Folder::Root if stem == "install_steps" => Some(Ok(OverlayRole::InstallSteps)),
        Folder::Root => {
            let rest = name.strip_prefix("test_")?;
            let named = Stage::ALL
                .into_iter()
                .find(|stage| rest.starts_with(stage.word()));
            Some(Ok(OverlayRole::Test(named.unwrap_or(Stage::Custom))))
        }
        Folder::Custom => {
            let is_test = name.starts_with("test_");
            is_test.then_some(Ok(OverlayRole::Test(Stage::Custom)))
        }
    }
}

/// Returns why a file must not or cannot run.
fn refusal(root: &Path, path: &Path, role: OverlayRole, runner: OverlayRunner) -> Option<String> {
    let full = root.join(path);
    if shown(path).as_bytes() != path.as_os_str().as_bytes() {
        return Some("its name holds bytes that cannot be shown".to_owned());
    }
    let (Ok(end), Ok(root)) = (full.canonicalize(), root.canonicalize()) else {
        return Some("is a link to nothing".to_owned());
    };
    if !end.starts_with(&root) {
        return Some("is a link out of the tests".to_owned());
    }
    if !end.is_file() {
        return Some("is no file".to_owned());
    }
    match runner {
        OverlayRunner::Pytest => None,
        OverlayRunner::Hurl if matches!(role, OverlayRole::Test(_)) => None,
        OverlayRunner::Hurl => Some("a hook is a `.sh` or a `.py` file".to_owned()),
        OverlayRunner::Executable if !is_executable(&full) => {
            Some("is not executable; run `chmod +x` on it".to_owned())
        }
        OverlayRunner::Executable => bad_first_line(&full),
    }
}

/// Returns what is wrong with the first line of an executable.
fn bad_first_line(path: &Path) -> Option<String> {
    let mut begin = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(256).read_to_end(&mut begin));
    if let Err(error) = read {
        return Some(format!("cannot be read: {error}"));
    }
    if begin.starts_with(b"\x7fELF") {
        return None;
    }
    let Some(line) = begin.strip_prefix(b"#!") else {
        return Some("has no first line that names its interpreter, as in `#!/bin/sh`".to_owned());
    };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    // A carriage return belongs to the name, as it does for the system.
    let name = line.trim_matches([' ', '\t']);
    let name = name.split([' ', '\t']).next().unwrap_or_default();
    let there = Path::new(name).is_file();
    (!there).then(|| {
        format!(
            "its first line names `{}`, which is not there",
            name.escape_debug()
        )
    })
}

/// Lists the functions of the files among these that pytest runs, those that cannot be read with none.
pub(crate) fn list_functions(
    root: &Path,
    overlays: &[Overlay],
    origin: OverlayOrigin,
) -> Functions {
    let tests = overlays.iter().filter(|overlay| {
        overlay.origin == origin
            && overlay.runner == OverlayRunner::Pytest
            && overlay.refused.is_none()
    });
    let read = tests.map(|overlay| {
        let text = fs::read(root.join(&overlay.path)).unwrap_or_default();
        let names = pattern::functions(&String::from_utf8_lossy(&text));
        ((origin, overlay.path.clone()), names)
    });
    read.collect()
}

/// Tells whether somebody may execute a file.
fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Returns a path as text, with what cannot be shown escaped.
fn shown(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        text.push_str(&chunk.invalid().escape_ascii().to_string());
    }
    text
}

#[cfg(test)]
mod kept;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Writes an executable.
    fn program(root: &Path, path: &str, text: &str) {
        let full = root.join(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(&full, text).unwrap();
        fs::set_permissions(&full, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Lists as lines of path, role and runner or refusal.
    fn listed(root: &Path) -> Vec<String> {
        let found = list(root, OverlayOrigin::Kept).unwrap();
        let line = |overlay: &Overlay| {
            let end = overlay.refused.clone();
            let end = end.unwrap_or_else(|| format!("{:?}", overlay.runner));
            format!("{} {:?} {end}", overlay.path, overlay.role)
        };
        found.iter().map(line).collect()
    }

    #[test]
    fn names_say_what_a_file_is_for() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for path in [
            "install_steps.sh",
            "ops/pre_upgrade.sh",
            "test_install.sh",
            "test_install_login.sh",
            "test_search",
            "functional/test_install.sh",
            "ops/pre_lunch.sh",
            "conftest.sh",
            "ops/notes",
            "ops/provide.sh",
        ] {
            program(root, path, "#!/bin/sh\n");
        }
        fs::create_dir(root.join("test_folder")).unwrap();
        fs::create_dir(root.join("playwright")).unwrap();
        for path in [
            "ops/pre_backup.py",
            "ops/withdraw.py",
            "ops/provide.json",
            "test_upgrade.hurl",
            "playwright/test_page.py",
            "test_data.json",
            "recipe.toml",
        ] {
            fs::write(root.join(path), "").unwrap();
        }
        assert_eq!(
            listed(root),
            [
                "install_steps.sh InstallSteps Executable",
                "ops/pre_lunch.sh Before(Install) names no stage; the stages are install, upgrade, backup, restore, custom",
                "ops/pre_upgrade.sh Before(Upgrade) Executable",
                "ops/pre_backup.py Before(Backup) Pytest",
                "test_install.sh Test(Install) Executable",
                "test_install_login.sh Test(Install) Executable",
                "test_upgrade.hurl Test(Upgrade) Hurl",
                "functional/test_install.sh Test(Custom) Executable",
                "playwright/test_page.py Test(Custom) Pytest",
                "test_search Test(Custom) Executable",
                "ops/provide.sh Provide Executable",
                "ops/withdraw.py Withdraw is not executable; run `chmod +x` on it",
            ]
        );
        assert_eq!(listed(&root.join("missing")), [""; 0]);
    }

    #[test]
    fn what_cannot_run_is_named_with_the_reason() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("tests");
        program(&place.path().join("outside"), "program", "#!/bin/sh\n");
        program(&root, "test_a.sh", "echo no first line\n");
        program(&root, "test_b.sh", "#!/bin/sh\r\necho\r\n");
        fs::write(root.join("test_c.sh"), "#!/bin/sh\n").unwrap();
        symlink("../outside/program", root.join("test_d.sh")).unwrap();
        symlink("nowhere", root.join("test_e.sh")).unwrap();
        symlink("../outside", root.join("functional")).unwrap();
        fs::write(root.join("install_steps.hurl"), "").unwrap();
        program(&root, "test_f\n.sh", "#!/bin/sh\n");
        program(&place.path().join("outside"), "test_g", "#!/bin/sh\n");
        symlink("test_h", root.join("test_h")).unwrap();
        fs::write(root.join(OsStr::from_bytes(b"test_i\xff.py")), "").unwrap();
        program(&root, "test_j", "#! /bin/sh -e\n");
        assert_eq!(
            listed(&root),
            [
                "install_steps.hurl InstallSteps a hook is a `.sh` or a `.py` file",
                "functional/test_g Test(Custom) is a link out of the tests",
                "test_a.sh Test(Custom) has no first line that names its interpreter, as in `#!/bin/sh`",
                "test_b.sh Test(Custom) its first line names `/bin/sh\\r`, which is not there",
                "test_c.sh Test(Custom) is not executable; run `chmod +x` on it",
                "test_d.sh Test(Custom) is a link out of the tests",
                "test_e.sh Test(Custom) is a link to nothing",
                "test_f\\n.sh Test(Custom) its name holds bytes that cannot be shown",
                "test_h Test(Custom) is a link to nothing",
                "test_i\\xff.py Test(Custom) its name holds bytes that cannot be shown",
                "test_j Test(Custom) Executable",
            ]
        );
    }
}
