//! Recipes as git repositories: of a fixture, with a history made here, or a copy of an example.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it needs"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder of a fixture that becomes the last commit, without a tag.
const HEAD: &str = "head";

/// Writes a fixture as a repository: a commit for each of its folders, a tag for each release.
pub(crate) fn write(fixture: &str, registry: &str, checkout: &Path) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recipes");
    let mut revisions: Vec<PathBuf> = list(&fixtures.join(fixture));
    // `0` sorts before `h`, so releases come in order and the head comes last.
    revisions.sort();
    assert!(!revisions.is_empty(), "fixture `{fixture}` has no release");
    fs::create_dir_all(checkout).unwrap();
    git(checkout, &["init", "--quiet", "--initial-branch=main"]);
    let fill = |text: &str| {
        text.replace("@RECIPE@", fixture)
            .replace("@REGISTRY@", registry)
    };
    lay(&fixtures.join("common"), checkout, &fill);
    for revision in revisions {
        lay(&revision, checkout, &fill);
        let name = revision.file_name().unwrap().to_str().unwrap();
        let message = format!("chore: publish {name} release");
        git(checkout, &["add", "--all"]);
        git(checkout, &["commit", "--quiet", "--message", &message]);
        if name != HEAD {
            git(
                checkout,
                &["tag", "--annotate", "--message", &message, name],
            );
        }
    }
}

/// Copies the repository of an example.
pub(crate) fn copy_example(example: &str, checkout: &Path) {
    let programs = Path::new(env!("CARGO_BIN_EXE_ccci")).parent().unwrap();
    let source = programs.parent().unwrap().join("examples").join(example);
    assert!(
        source.join(".git").is_dir(),
        "no {}: run `cargo xtask examples` first",
        source.display()
    );
    let mut copy = Command::new("cp");
    let status = copy.arg("--archive").arg(source).arg(checkout).status();
    assert!(status.unwrap().success());
}

/// Runs git in a work tree with nobody's configuration; it has to succeed.
pub(crate) fn git(directory: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args(args);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Fixture Maintainer");
        command.env(format!("GIT_{role}_EMAIL"), "maintainer@example.com");
        command.env(format!("GIT_{role}_DATE"), "2026-01-02T03:04:05+00:00");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Lays the files of one folder over a work tree.
fn lay(folder: &Path, checkout: &Path, fill: &impl Fn(&str) -> String) {
    for path in list(folder) {
        let target = checkout.join(path.file_name().unwrap());
        fs::write(target, fill(&fs::read_to_string(&path).unwrap())).unwrap();
    }
}

/// Returns what a folder holds.
fn list(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}
