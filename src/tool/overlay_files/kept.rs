//! The tests that are kept beside ccci: each folder can be read, found and run.

use std::time::Duration;

use super::*;
use crate::{
    config::recipe_config,
    sys::{
        interrupt::Interrupt,
        process::{Cmd, Host},
        redact::Redactor,
    },
};

/// The files that say what is verified, in each folder.
const PARITY: &str = "PARITY.md";

/// Returns the folders of `recipes-tests/`, one a recipe.
fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes-tests");
    let entries = fs::read_dir(&root).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let folders: Vec<_> = paths.filter(|path| path.is_dir()).collect();
    assert!(!folders.is_empty(), "`{}` has no folder", root.display());
    folders
}

/// Returns all files under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Returns what is wrong by what a program prints about it.
fn complaint(program: &str, args: &[&OsStr]) -> Option<String> {
    let host = Host {
        redactor: Redactor::default(),
        interrupt: Interrupt::never(),
        base_env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
        inherit: None,
        echo: None,
    };
    let cmd = Cmd::new(program, Duration::from_secs(60)).args(args);
    let output = cmd.run(&host).unwrap();
    (!output.ok()).then(|| output.tail(20))
}

#[test]
fn every_recipe_toml_that_is_kept_is_accepted() {
    for folder in folders() {
        let path = folder.join("recipe.toml");
        let found = recipe_config::read(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(found.is_some(), "`{}` is missing", path.display());
    }
}

#[test]
fn every_test_that_is_kept_is_found_for_its_stage_and_can_run() {
    for folder in folders() {
        let found = list(&folder, OverlayOrigin::Kept).unwrap();
        for overlay in &found {
            let reason = overlay.refused.as_ref();
            assert_eq!(reason, None, "{}: {}", folder.display(), overlay.path);
            if let Some(named) = overlay.path.strip_prefix("test_") {
                let stage = Stage::ALL
                    .into_iter()
                    .find(|stage| named.starts_with(&format!("{stage}_")));
                let stage = stage.unwrap_or_else(|| {
                    panic!("{}: {} names no stage", folder.display(), overlay.path)
                });
                assert_eq!(overlay.role, OverlayRole::Test(stage));
            }
        }
        let known: Vec<_> = found.iter().map(|one| folder.join(&one.path)).collect();
        for path in files(&folder) {
            let stray = is_executable(&path) && !known.contains(&path);
            assert!(!stray, "`{}` is run by nobody", path.display());
        }
    }
}

#[test]
fn every_script_that_is_kept_can_be_parsed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes-tests");
    // Compiles in memory, so that no file is left.
    let compile = "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')";
    for path in files(&root) {
        let said = match path.extension().and_then(OsStr::to_str) {
            Some("sh") => complaint("sh", &["-n".as_ref(), path.as_ref()]),
            Some("py") => complaint("python3", &["-c".as_ref(), compile.as_ref(), path.as_ref()]),
            _ => None,
        };
        assert_eq!(said, None, "`{}`", path.display());
    }
}

#[test]
fn every_folder_says_of_each_test_what_it_verifies() {
    for folder in folders() {
        let path = folder.join(PARITY);
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
        let found = list(&folder, OverlayOrigin::Kept).unwrap();
        let names = found.iter().map(|overlay| overlay.path.as_str());
        for name in names.chain(["recipe.toml"]) {
            let named = text.contains(&format!("`{name}`"));
            assert!(named, "`{}` does not name `{name}`", path.display());
        }
        // What it names in the form of a test is there.
        let quoted = text.split('`').skip(1).step_by(2);
        let scripts = quoted.filter(|word| {
            let ends = [".sh", ".py", ".hurl", ".toml"];
            ends.iter().any(|end| word.ends_with(end)) && !word.contains(' ')
        });
        for name in scripts {
            let there = folder.join(name).is_file();
            assert!(
                there,
                "`{}` names `{name}`, which is not there",
                path.display()
            );
        }
    }
}
