//! Writes the example recipes to `target/examples/` as git repositories with their releases.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::run::{Cmd, cmd};
use crate::{repo, say, source_hash};

/// Goes into each recipe's hash: raise it when the way of writing a repository changes.
const LAYOUT: &str = "1";

/// The file inside `.git` that holds the hash of what a repository was written from.
const STAMP: &str = ".git/written-from";

/// The test program that speaks abra's command line.
const STAND_IN: &str = "abra-stand-in";

/// Brings every example up to date.
pub(crate) fn run(_args: &[String]) -> Result<()> {
    for recipe in recipes()? {
        write_recipe(&recipe)?;
    }
    link_stand_in()
}

/// Returns the repositories that `run` writes, sorted.
pub(crate) fn repositories() -> Result<Vec<PathBuf>> {
    Ok(recipes()?.iter().map(|recipe| written(recipe)).collect())
}

/// Lists the folders of the example recipes, sorted.
fn recipes() -> Result<Vec<PathBuf>> {
    let folder = repo::root().join("examples/recipes");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("failed to list {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.join("newest").is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Returns where the repository of a recipe is written.
fn written(recipe: &Path) -> PathBuf {
    repo::target()
        .join("examples")
        .join(recipe.file_name().unwrap_or_default())
}

/// Writes one repository unless it is there, made from the same sources and clean.
fn write_recipe(recipe: &Path) -> Result<()> {
    let target = written(recipe);
    let name = target
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let hash = source_hash::of_folder(recipe, LAYOUT)?;
    if is_current(&target, &hash)? {
        say::line(&format!("example {name}: up to date"));
        return Ok(());
    }
    let parent = target.parent().expect("examples lie below target");
    fs::create_dir_all(parent)?;
    let work = tempfile::tempdir_in(parent)?;
    let tags = release_tags(recipe)?;
    ensure!(
        !tags.is_empty(),
        "the example `{name}` has no notes in newest/release/"
    );
    git(work.path(), &["init", "--quiet", "--initial-branch=main"])?;
    for (number, tag) in tags.iter().enumerate() {
        lay_out(recipe, &tags, number, work.path())
            .with_context(|| format!("failed to lay out release `{tag}` of `{name}`"))?;
        publish(work.path(), tag, number)?;
    }
    fs::write(work.path().join(STAMP), hash)?;
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    fs::rename(work.keep(), &target)?;
    say::line(&format!("example {name}: written with {}", tags.join(", ")));
    Ok(())
}

/// Tells whether a repository was written from the sources with this hash and nobody changed it since.
fn is_current(target: &Path, hash: &str) -> Result<bool> {
    if fs::read_to_string(target.join(STAMP)).ok().as_deref() != Some(hash) {
        return Ok(false);
    }
    let (ok, out, _) = git_cmd(target, &["status", "--porcelain", "--branch"]).try_read()?;
    Ok(ok && out == "## main\n")
}

/// Returns the releases of a recipe, oldest first: each has its notes in `newest/release/`.
fn release_tags(recipe: &Path) -> Result<Vec<String>> {
    let mut tags: Vec<String> = source_hash::files(&recipe.join("newest/release"))?
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    for tag in &tags {
        ensure!(
            order(tag).is_some(),
            "`release/{tag}` is not named like 1.2.3+4.5"
        );
    }
    tags.sort_by_key(|tag| order(tag));
    Ok(tags)
}

/// Reads the part of a tag before the plus as numbers, by which releases are ordered.
fn order(tag: &str) -> Option<Vec<u64>> {
    let (recipe, app) = tag.split_once('+')?;
    let numbers: Vec<u64> = recipe
        .split('.')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    (numbers.len() == 3 && !app.is_empty()).then_some(numbers)
}

/// Makes the work tree equal to one release: the newest tree without the notes of later releases,
/// under the files that `older/TAG` holds.
fn lay_out(recipe: &Path, tags: &[String], number: usize, work: &Path) -> Result<()> {
    for entry in fs::read_dir(work)? {
        let path = entry?.path();
        if path.ends_with(".git") {
            continue;
        }
        if path.is_dir() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
    }
    copy_tree(&recipe.join("newest"), work)?;
    for later in &tags[number + 1..] {
        fs::remove_file(work.join("release").join(later))?;
    }
    let overlay = recipe.join("older").join(&tags[number]);
    if overlay.is_dir() {
        copy_tree(&overlay, work)?;
    }
    Ok(())
}

/// Copies all files of a folder, execute bits included, over what is there.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for path in source_hash::files(from)? {
        let target = to.join(&path);
        fs::create_dir_all(target.parent().expect("a file lies in a folder"))?;
        fs::copy(from.join(&path), &target)?;
    }
    Ok(())
}

/// Commits the work tree and tags it, as `abra recipe release` leaves a release.
fn publish(work: &Path, tag: &str, number: usize) -> Result<()> {
    let message = format!("chore: publish {tag} release");
    let date = format!("2026-01-{:02}T12:00:00+00:00", number + 1);
    for args in [
        &["add", "--all"][..],
        &["commit", "--quiet", "--message", &message],
        &["tag", "--annotate", "--message", &message, tag],
    ] {
        git_cmd(work, args)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .read()?;
    }
    Ok(())
}

/// Runs git for its effect.
fn git(directory: &Path, args: &[&str]) -> Result<()> {
    git_cmd(directory, args).read().map(drop)
}

/// Prepares a call of git that depends on nobody's configuration, so commits come out the same everywhere.
fn git_cmd(directory: &Path, args: &[&str]) -> Cmd {
    let mut call = cmd("git", args)
        .dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    for role in ["AUTHOR", "COMMITTER"] {
        call = call
            .env(&format!("GIT_{role}_NAME"), "Example Maintainer")
            .env(&format!("GIT_{role}_EMAIL"), "maintainer@example.com");
    }
    call
}

/// Makes `target/examples/bin/abra` lead to the stand-in, and builds the stand-in where the crate has it.
fn link_stand_in() -> Result<()> {
    let bin = repo::target().join("examples/bin");
    fs::create_dir_all(&bin)?;
    let link = bin.join("abra");
    // Relative, so that the link stays right when the repository moves.
    let program = Path::new("../../debug").join(STAND_IN);
    if fs::read_link(&link).ok().as_ref() != Some(&program) {
        if link.is_symlink() {
            fs::remove_file(&link)?;
        }
        symlink(&program, &link).with_context(|| format!("failed to link {}", link.display()))?;
    }
    if has_bin(
        &fs::read_to_string(repo::root().join("Cargo.toml"))?,
        STAND_IN,
    ) {
        cmd(
            "cargo",
            &[
                "build",
                "--quiet",
                "--features",
                "test-programs",
                "--bin",
                STAND_IN,
            ],
        )
        .show()?;
    }
    Ok(())
}

/// Tells whether a manifest declares a program of that name.
fn has_bin(manifest: &str, name: &str) -> bool {
    let wanted = format!("name = \"{name}\"");
    let mut in_bin = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_bin = line == "[[bin]]";
        }
        if in_bin && line == wanted {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_ordered_by_numbers_not_by_letters() {
        let mut tags = ["1.10.0+1", "1.9.0+2", "0.1.0+9-alpine"];
        tags.sort_by_key(|tag| order(tag));
        assert_eq!(tags, ["0.1.0+9-alpine", "1.9.0+2", "1.10.0+1"]);
        assert!(
            ["next", "1.0+1", "1.0.0", "1.0.0+", "1.0.x+1"]
                .iter()
                .all(|t| order(t).is_none())
        );
    }

    #[test]
    fn each_release_of_each_example_carries_its_own_version_label() {
        for recipe in recipes().unwrap() {
            let tags = release_tags(&recipe).unwrap();
            assert!(
                tags.len() >= 2,
                "{}: an upgrade needs two releases",
                recipe.display()
            );
            for (number, tag) in tags.iter().enumerate() {
                let work = tempfile::tempdir().unwrap();
                lay_out(&recipe, &tags, number, work.path()).unwrap();
                let compose = fs::read_to_string(work.path().join("compose.yml")).unwrap();
                let label = ["=", ": \""].map(|sign| format!("STACK_NAME}}.version{sign}{tag}\""));
                assert!(
                    label.iter().any(|text| compose.contains(text)),
                    "{tag}: {compose}"
                );
                let notes: Vec<_> = source_hash::files(&work.path().join("release")).unwrap();
                assert_eq!(
                    notes.len(),
                    number + 1,
                    "{tag} holds the notes up to its own"
                );
            }
        }
    }

    #[test]
    fn a_program_counts_only_where_a_bin_section_names_it() {
        let manifest = "[[bin]]\nname = \"ccci\"\n\n[dependencies]\nname = \"abra-stand-in\"\n";
        assert!(has_bin(manifest, "ccci"));
        assert!(!has_bin(manifest, "abra-stand-in"));
    }
}
