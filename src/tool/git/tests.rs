//! Real repositories, plain and hostile ones, in temporary directories.

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
};

use tempfile::TempDir;

use super::read::Changes;
use super::*;
use crate::{
    model::source::{PlainHttp, RemoteUrl, Source},
    sys::{interrupt::Interrupt, redact::Redactor},
};

mod hostile;
mod server;

/// The time limit of a call.
const LIMIT: Duration = Duration::from_secs(30);

/// Returns what children get here.
pub(super) fn host() -> Host {
    Host {
        redactor: Redactor::default(),
        interrupt: Interrupt::never(),
        base_env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
        inherit: None,
        echo: None,
    }
}

/// Returns git as the program has it.
pub(super) fn git(host: &Host) -> Git<'_> {
    Git::new(host, Path::new("git"), LIMIT)
}

/// Runs git as a person would, and returns what it printed.
pub(super) fn by_hand(dir: &Path, args: &[&str]) -> String {
    let output = Cmd::new("git", LIMIT)
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=x", "-c", "user.email=x@y"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .run(&host())
        .unwrap();
    assert!(output.ok(), "{args:?}: {}", output.tail(20));
    output.stdout_text().trim().to_owned()
}

/// Writes a file with its directories.
pub(super) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Writes a program that leaves a trace.
fn write_canary(path: &Path, trace: &Path) {
    write(
        path,
        &format!("#!/bin/sh\necho ran >> '{}'\ncat\n", trace.display()),
    );
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Adds all and commits, and returns the commit.
pub(super) fn commit(repository: &Path, message: &str) -> CommitSha {
    by_hand(repository, &["add", "--all"]);
    by_hand(repository, &["commit", "--quiet", "--message", message]);
    by_hand(repository, &["rev-parse", "HEAD"]).parse().unwrap()
}

/// A place for repositories, with one recipe in `recipe`.
pub(super) struct Place {
    /// Removed in the end.
    root: TempDir,
    /// The recipe.
    pub(super) recipe: PathBuf,
    /// Its first commit.
    pub(super) first: CommitSha,
}

impl Place {
    /// Makes a recipe with one commit on `main`.
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let recipe = root.path().join("recipe");
        write(&recipe.join("compose.yml"), "services: {}\n");
        write(&recipe.join(".gitignore"), "*.log\n");
        by_hand(&recipe, &["init", "--quiet", "--initial-branch=main"]);
        let first = commit(&recipe, "first");
        Self {
            root,
            recipe,
            first,
        }
    }

    /// Returns a path in the place.
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

/// Reads a URL of a test's server.
fn url(text: &str) -> RemoteUrl {
    match Source::parse(text, PlainHttp::Allowed) {
        Ok(Source::Remote(url)) => url,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_repository_is_the_directory_itself_and_none_above_it() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    let inner = place.recipe.join("tests");
    fs::create_dir(&inner).unwrap();
    assert!(git.is_repository(&place.recipe).unwrap());
    assert!(!git.is_repository(&inner).unwrap());
    assert!(!git.is_repository(place.root.path()).unwrap());
    assert!(!git.is_repository(&place.path("missing")).unwrap());
    assert_eq!(git.head(&place.recipe).unwrap(), place.first);
    assert_eq!(git.branch(&place.recipe).unwrap().as_deref(), Some("main"));
    by_hand(&place.recipe, &["checkout", "--quiet", "--detach"]);
    assert_eq!(git.branch(&place.recipe).unwrap(), None);
}

#[test]
fn changes_and_new_files_are_counted_and_ignored_ones_are_not() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    assert!(!git.changes(&place.recipe).unwrap().any());
    write(&place.recipe.join("compose.yml"), "services: {a: {}}\n");
    write(&place.recipe.join("new/a"), "");
    write(&place.recipe.join("new/b\n?? c"), "");
    write(&place.recipe.join("x.log"), "");
    let expected = Changes {
        changed: 1,
        untracked: 2,
    };
    assert_eq!(git.changes(&place.recipe).unwrap(), expected);
}

#[test]
fn tags_tell_whether_they_carry_a_message() {
    let (place, host) = (Place::new(), host());
    by_hand(&place.recipe, &["tag", "1.0.0+1"]);
    by_hand(
        &place.recipe,
        &["tag", "--annotate", "1.1.0+1", "--message", "m"],
    );
    let tree = by_hand(&place.recipe, &["rev-parse", "HEAD^{tree}"]);
    by_hand(&place.recipe, &["tag", "of-a-tree", &tree]);
    let tag = |name: &str, annotated| Tag {
        name: name.to_owned(),
        commit: place.first.clone(),
        annotated,
    };
    let tags = git(&host).tags(&place.recipe).unwrap();
    assert_eq!(tags, [tag("1.0.0+1", false), tag("1.1.0+1", true)]);
}

#[test]
fn a_file_is_read_as_a_commit_has_it_and_nothing_but_a_plain_file_is() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    let notes = "release/1.0.0+1";
    write(&place.recipe.join(notes), "first\n");
    write(&place.recipe.join("release/a *[x]\tb"), "odd\n");
    write(&place.recipe.join("release/empty"), "");
    symlink("1.0.0+1", place.recipe.join("release/link")).unwrap();
    let then = commit(&place.recipe, "notes");
    write(&place.recipe.join(notes), "changed\n");
    let now = commit(&place.recipe, "other notes");
    write(&place.recipe.join(notes), "not committed\n");
    let file = |commit: &CommitSha, path: &str| git.file_at(&place.recipe, commit, path, 10);
    let found = |commit: &CommitSha, path: &str| file(commit, path).unwrap();
    assert_eq!(found(&then, notes).unwrap(), b"first\n");
    assert_eq!(found(&now, notes).unwrap(), b"changed\n");
    assert_eq!(found(&now, "release/a *[x]\tb").unwrap(), b"odd\n");
    assert_eq!(found(&now, "release/empty").unwrap(), b"");
    for path in [
        "release",
        "release/link",
        "release/none",
        "release/*",
        "../recipe/compose.yml",
    ] {
        let found = file(&now, path);
        assert!(!matches!(found, Ok(Some(_))), "{path}: {found:?}");
    }
    assert_eq!(found(&place.first, notes), None);
    write(&place.recipe.join(notes), "12345678901");
    let long = commit(&place.recipe, "long notes");
    let error = file(&long, notes).unwrap_err();
    let said = "refused: `release/1.0.0+1` has 11 bytes, more than 10";
    assert_eq!(error.to_string(), said);
}

#[test]
fn a_name_is_resolved_to_one_commit_or_refused() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    let resolve = |name: &str| git.resolve(&place.recipe, name);
    by_hand(&place.recipe, &["branch", "both"]);
    by_hand(&place.recipe, &["tag", "both"]);
    by_hand(
        &place.recipe,
        &["update-ref", "refs/remotes/origin/theirs", "HEAD"],
    );
    for name in [
        "main",
        "HEAD",
        "refs/tags/both",
        "theirs",
        place.first.as_str(),
        place.first.short(),
    ] {
        assert_eq!(resolve(name).unwrap(), place.first, "{name}");
    }
    let Err(Error::Ambiguous { candidates, .. }) = resolve("both") else {
        panic!("a branch and a tag");
    };
    assert_eq!(candidates, ["refs/heads/both", "refs/tags/both"]);
    let tree = by_hand(&place.recipe, &["rev-parse", "HEAD^{tree}"]);
    for name in [
        "missing",
        "abcdef0",
        tree.as_str(),
        "refs/heads/none",
        "--all",
    ] {
        let refused = matches!(
            resolve(name),
            Err(Error::Unknown { .. } | Error::Refused(_))
        );
        assert!(refused, "{name}");
    }
}

#[test]
fn the_beginning_of_several_commits_lists_them() {
    let (place, host) = (Place::new(), host());
    let mut first_digits = std::collections::HashMap::new();
    // Dates and content are fixed, so the ids are too: among 1,500 some share four digits.
    let tree = by_hand(&place.recipe, &["rev-parse", "HEAD^{tree}"]);
    let mut script = Vec::new();
    for number in 0..1500 {
        let stamp = 1_700_000_000 + number;
        let head = "commit refs/heads/many\ncommitter x <x@y>";
        let tail = format!("data 1\nx\nM 040000 {tree} \n");
        writeln!(script, "{head} {stamp} +0000\n{tail}").unwrap();
    }
    let import = Cmd::new("git", LIMIT).arg("-C").arg(&place.recipe);
    let import = import.args(["fast-import", "--quiet"]).stdin_bytes(script);
    assert!(import.run(&host).unwrap().ok());
    let ids = by_hand(&place.recipe, &["rev-list", "many"]);
    let shared = ids.lines().find_map(|id| {
        let earlier = first_digits.insert(id[..4].to_owned(), id.to_owned())?;
        Some((id[..4].to_owned(), earlier, id.to_owned()))
    });
    let (begin, one, other) = shared.expect("1,500 ids of which no two share four digits");
    let Err(Error::Ambiguous { candidates, .. }) = git(&host).resolve(&place.recipe, &begin) else {
        panic!("{begin}");
    };
    assert!(candidates.contains(&one) && candidates.contains(&other));
}

#[test]
fn a_copy_has_every_ref_and_the_files_of_one_commit() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    by_hand(
        &place.recipe,
        &["tag", "--annotate", "1.0.0+1", "--message", "m"],
    );
    write(&place.recipe.join("new.yml"), "x");
    fs::remove_file(place.recipe.join("compose.yml")).unwrap();
    let second = commit(&place.recipe, "second");
    let copy = place.path("copy");
    assert_eq!(git.clone_local(&place.recipe, &copy).unwrap(), second);
    assert_eq!(git.tags(&copy).unwrap(), git.tags(&place.recipe).unwrap());
    git.checkout(&copy, &second).unwrap();
    assert!(copy.join("new.yml").exists() && !copy.join("compose.yml").exists());
    write(&copy.join("left.log"), "");
    git.checkout(&copy, &place.first).unwrap();
    assert!(copy.join("compose.yml").exists());
    assert!(!copy.join("new.yml").exists() && !copy.join("left.log").exists());
    assert_eq!(git.head(&copy).unwrap(), place.first);
    assert!(fs::read_dir(copy.join(".git/hooks")).is_err());
}

#[test]
fn uncommitted_changes_are_copied_and_removals_too() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    write(&place.recipe.join("gone"), "x");
    write(&place.recipe.join("folder/file"), "x");
    commit(&place.recipe, "second");
    let copy = place.path("copy");
    let head = git.clone_local(&place.recipe, &copy).unwrap();
    git.checkout(&copy, &head).unwrap();
    fs::remove_file(place.recipe.join("gone")).unwrap();
    fs::remove_dir_all(place.recipe.join("folder")).unwrap();
    symlink("compose.yml", place.recipe.join("folder")).unwrap();
    write(&place.recipe.join("compose.yml"), "changed");
    write(&place.recipe.join("new/entry.sh"), "new");
    fs::set_permissions(
        place.recipe.join("new/entry.sh"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    write(&place.recipe.join("secret.log"), "ignored");
    git.copy_worktree(&place.recipe, &copy).unwrap();
    assert_eq!(
        fs::read_to_string(copy.join("compose.yml")).unwrap(),
        "changed"
    );
    assert_eq!(
        fs::read_link(copy.join("folder")).unwrap(),
        Path::new("compose.yml")
    );
    let mode = fs::metadata(copy.join("new/entry.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
    assert!(!copy.join("gone").exists() && !copy.join("secret.log").exists());
    assert_eq!(
        git.changes(&copy).unwrap(),
        git.changes(&place.recipe).unwrap()
    );
    let snapshot = git.snapshot(&copy).unwrap();
    assert!(snapshot != head && !git.changes(&copy).unwrap().any());
}

#[test]
fn a_directory_that_is_no_copy_of_ours_is_never_changed() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    write(&place.recipe.join("precious"), "x");
    assert!(matches!(
        git.checkout(&place.recipe, &place.first),
        Err(Error::Refused(_))
    ));
    assert!(matches!(
        git.copy_worktree(&place.recipe, &place.recipe),
        Err(Error::Refused(_))
    ));
    assert!(matches!(
        git.snapshot(&place.recipe),
        Err(Error::Refused(_))
    ));
    assert!(place.recipe.join("precious").exists());
}

#[test]
fn a_repository_of_another_kind_has_nothing_to_copy() {
    let (place, host) = (Place::new(), host());
    let empty = place.path("empty");
    fs::create_dir(&empty).unwrap();
    by_hand(&empty, &["init", "--quiet"]);
    let error = git(&host)
        .clone_local(&empty, &place.path("copy"))
        .unwrap_err();
    assert!(matches!(error, Error::Unknown { .. }), "{error}");
}

#[test]
fn a_repository_of_another_user_is_read_and_copied() {
    let (place, mut host) = (Place::new(), host());
    let other = ("GIT_TEST_ASSUME_DIFFERENT_OWNER".into(), "1".into());
    host.base_env.push(other);
    let git = git(&host);
    assert!(git.is_repository(&place.recipe).unwrap());
    let copy = place.path("copy");
    let head = git.clone_local(&place.recipe, &copy).unwrap();
    git.checkout(&copy, &head).unwrap();
    assert!(!git.changes(&copy).unwrap().any());
}

#[test]
fn a_shallow_checkout_and_a_linked_one_are_copied() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    write(&place.recipe.join("new"), "x");
    let second = commit(&place.recipe, "second");
    let url = format!("file://{}", place.recipe.display());
    by_hand(
        place.root.path(),
        &["clone", "--quiet", "--depth=1", &url, "shallow"],
    );
    let linked = [
        "worktree",
        "add",
        "--quiet",
        "--detach",
        "../linked",
        "HEAD~1",
    ];
    by_hand(&place.recipe, &linked);
    for (name, head) in [("shallow", &second), ("linked", &place.first)] {
        let copy = place.path(&format!("copy-of-{name}"));
        assert_eq!(&git.clone_local(&place.path(name), &copy).unwrap(), head);
        git.checkout(&copy, head).unwrap();
        assert_eq!(copy.join("new").exists(), name == "shallow");
    }
}

#[test]
fn a_directory_without_a_repository_is_copied_as_it_is() {
    let place = Place::new();
    let source = place.path("plain");
    write(&source.join("compose.yml"), "x");
    write(&source.join("deep/er/file"), "y");
    symlink("deep/er/file", source.join("link")).unwrap();
    let dest = place.path("dest");
    copy_directory(&source, &dest).unwrap();
    assert_eq!(fs::read_to_string(dest.join("link")).unwrap(), "y");
    symlink("/etc/passwd", source.join("out")).unwrap();
    let refused = copy_directory(&source, &place.path("other"));
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
}

#[test]
fn a_recipe_with_too_many_files_is_refused() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    let mut script = Vec::new();
    let head = "commit refs/heads/many\ncommitter x <x@y> 1700000000 +0000\ndata 1\nx";
    writeln!(script, "{head}").unwrap();
    for number in 0..=20_000 {
        writeln!(script, "M 100644 inline f{number}\ndata 0\n").unwrap();
    }
    let import = Cmd::new("git", LIMIT).arg("-C").arg(&place.recipe);
    let import = import.args(["fast-import", "--quiet"]).stdin_bytes(script);
    assert!(import.run(&host).unwrap().ok());
    let copy = place.path("copy");
    git.clone_local(&place.recipe, &copy).unwrap();
    let many = git.resolve(&copy, "many").unwrap();
    let error = git.checkout(&copy, &many).unwrap_err();
    assert_eq!(
        error.to_string(),
        "refused: a recipe has at most 20000 files"
    );
}

#[test]
fn a_plain_directory_becomes_a_copy_of_one_commit_that_can_be_checked_out() {
    let (place, host) = (Place::new(), host());
    let git = git(&host);
    let (source, dest) = (place.path("plain"), place.path("imported"));
    write(&source.join("compose.yml"), "services: {}\n");
    let commit = git.import(&source, &dest).unwrap();
    write(&dest.join("stray"), "x");
    git.checkout(&dest, &commit).unwrap();
    assert!(dest.join("compose.yml").exists() && !dest.join("stray").exists());
    assert!(!source.join(".git").exists());
}
