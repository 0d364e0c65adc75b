//! The files of a copy: one commit's, or those of a checkout as they are.
//!
//! It changes only repositories that this program made, never the one a person works in.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use super::{Error, Git, fetch::MARK, records};
use crate::model::recipe::CommitSha;

/// The most bytes that the files of a recipe may have.
const SIZE_LIMIT: u64 = 512 * 1024 * 1024;

/// The most files that a recipe may have.
const FILE_LIMIT: usize = 20_000;

impl Git<'_> {
    /// Makes the files of a copy those of one commit, and removes all others.
    pub(crate) fn checkout(&self, copy: &Path, commit: &CommitSha) -> Result<(), Error> {
        self.expect_copy(copy)?;
        let args = ["ls-tree", "-r", "-l", "-z", "--full-tree", commit.as_str()];
        let listed = self.read(copy, "list files", &args)?;
        let mut links = Vec::new();
        let mut budget = Budget::default();
        for record in records(&listed) {
            let entry = parse_entry(record);
            budget.take(entry.size)?;
            if entry.is_link {
                links.push(entry.path);
            }
        }
        let args = [
            "checkout",
            "--quiet",
            "--force",
            "--detach",
            "--no-recurse-submodules",
            commit.as_str(),
        ];
        self.read(copy, "check out a commit", &args)?;
        self.read(copy, "remove other files", &["clean", "-ffdx", "--quiet"])?;
        links.iter().try_for_each(|link| check_link(copy, link))
    }

    /// Makes the files of a copy those of a checkout as it is: changes, removals and new files that are not ignored.
    pub(crate) fn copy_worktree(&self, source: &Path, copy: &Path) -> Result<(), Error> {
        self.expect_copy(copy)?;
        let args = [
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ];
        let listed = self.read(source, "list files", &args)?;
        let paths: BTreeSet<_> = records(&listed)
            .map(|path| PathBuf::from(OsStr::from_bytes(path)))
            .collect();
        remove_files(copy)?;
        let mut budget = Budget::default();
        let mut links = Vec::new();
        for path in paths {
            if copy_file(source, copy, &path, &mut budget)? == Copied::Link {
                links.push(path);
            }
        }
        links.iter().try_for_each(|link| check_link(copy, link))
    }

    /// Commits the files of a copy as they are.
    pub(crate) fn snapshot(&self, copy: &Path) -> Result<CommitSha, Error> {
        self.expect_copy(copy)?;
        self.commit_all(copy)
    }

    /// Commits all files of a repository of ours.
    fn commit_all(&self, copy: &Path) -> Result<CommitSha, Error> {
        self.read(copy, "add files", &["add", "--all", "--force"])?;
        let commit = self
            .call(copy, "none")
            .env("GIT_AUTHOR_NAME", "ccci")
            .env("GIT_AUTHOR_EMAIL", "ccci@localhost")
            .env("GIT_COMMITTER_NAME", "ccci")
            .env("GIT_COMMITTER_EMAIL", "ccci@localhost")
            .args(["commit", "--quiet", "--allow-empty", "--no-verify"])
            .args(["--no-gpg-sign", "--message=Uncommitted changes under test"]);
        super::whole("commit files", commit.run(self.host)?)?;
        self.head(copy)
    }

    /// Makes another commit the one that is checked out, and leaves the files as they are.
    pub(crate) fn move_head(&self, copy: &Path, commit: &CommitSha) -> Result<(), Error> {
        self.expect_copy(copy)?;
        let args = ["update-ref", "--no-deref", "HEAD", commit.as_str()];
        self.read(copy, "move the head", &args).map(drop)
    }

    /// Makes a repository of one commit from a plain directory, which stays as it is; returns the commit.
    pub(crate) fn import(&self, source: &Path, dest: &Path) -> Result<CommitSha, Error> {
        self.init(dest)?;
        copy_directory(source, dest)?;
        let commit = self.commit_all(dest)?;
        let args = ["update-ref", MARK, commit.as_str()];
        self.read(dest, "mark the copy", &args)?;
        Ok(commit)
    }

    /// Refuses a repository that this program did not make.
    fn expect_copy(&self, copy: &Path) -> Result<(), Error> {
        if self.is_repository(copy)? && self.commit_of(copy, MARK)?.is_some() {
            return Ok(());
        }
        let text = format!("`{}` is no copy that ccci made", copy.display());
        Err(Error::Refused(text))
    }
}

/// Copies a directory that is no repository, under the same limits as one.
pub(crate) fn copy_directory(source: &Path, dest: &Path) -> Result<(), Error> {
    let mut budget = Budget::default();
    let mut links = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let failed = |error| Error::File {
            path: folder.clone(),
            source: error,
        };
        for entry in fs::read_dir(source.join(&folder)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = folder.join(entry.file_name());
            if entry.file_type().map_err(failed)?.is_dir() {
                // A tree of nothing but folders is bounded too.
                budget.take(0)?;
                folders.push(path);
            } else if copy_file(source, dest, &path, &mut budget)? == Copied::Link {
                links.push(path);
            }
        }
    }
    links.iter().try_for_each(|link| check_link(dest, link))
}

/// What a recipe's files may still have.
struct Budget {
    /// Bytes.
    size: u64,
    /// Files.
    files: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            size: SIZE_LIMIT,
            files: FILE_LIMIT,
        }
    }
}

impl Budget {
    /// Counts one file.
    fn take(&mut self, size: u64) -> Result<(), Error> {
        let files = self.files.checked_sub(1);
        let refused = |what: String| Error::Refused(format!("a recipe has at most {what}"));
        self.files = files.ok_or_else(|| refused(format!("{FILE_LIMIT} files")))?;
        let size = self.size.checked_sub(size);
        self.size = size.ok_or_else(|| refused(format!("{} MiB", SIZE_LIMIT >> 20)))?;
        Ok(())
    }
}

/// One file of a commit.
struct Entry {
    /// Where it is.
    path: PathBuf,
    /// How large it is.
    size: u64,
    /// Whether it is a symbolic link.
    is_link: bool,
}

/// Reads one record of a tree: mode, kind, id, size, then the path after a tab.
fn parse_entry(record: &[u8]) -> Entry {
    let tab = record.iter().position(|byte| *byte == b'\t');
    let (entry, path) = record.split_at(tab.unwrap_or(record.len()));
    let entry = String::from_utf8_lossy(entry);
    let size = entry.split_whitespace().nth(3);
    Entry {
        path: PathBuf::from(OsStr::from_bytes(path.get(1..).unwrap_or_default())),
        // A submodule has no size and brings no file.
        size: size.and_then(|size| size.parse().ok()).unwrap_or(0),
        is_link: entry.starts_with("120000"),
    }
}

/// What was done with one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copied {
    /// A file was copied.
    File,
    /// A link was copied.
    Link,
    /// There is nothing to copy: it was removed, or is no file.
    Nothing,
}

/// Copies one file or link.
fn copy_file(
    source: &Path,
    copy: &Path,
    path: &Path,
    budget: &mut Budget,
) -> Result<Copied, Error> {
    let from = source.join(path);
    let failed = |error| Error::File {
        path: path.to_owned(),
        source: error,
    };
    // A directory that became a link hides its files: for git they are removed.
    let hidden = path
        .ancestors()
        .skip(1)
        .any(|above| source.join(above).is_symlink() && !above.as_os_str().is_empty());
    let found = match fs::symlink_metadata(&from) {
        Ok(found) if !hidden => found,
        Ok(_) => return Ok(Copied::Nothing),
        Err(error) if is_absent(&error) => return Ok(Copied::Nothing),
        Err(error) => return Err(failed(error)),
    };
    if !found.is_file() && !found.is_symlink() {
        return Ok(Copied::Nothing);
    }
    budget.take(found.len())?;
    let to = copy.join(path);
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    if found.is_symlink() {
        let target = fs::read_link(&from).map_err(failed)?;
        std::os::unix::fs::symlink(target, &to).map_err(failed)?;
        return Ok(Copied::Link);
    }
    fs::copy(&from, &to).map_err(failed)?;
    Ok(Copied::File)
}

/// Tells whether an error says that a file is not there.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Removes all of a copy but its repository.
fn remove_files(copy: &Path) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { path, source }
    };
    for entry in fs::read_dir(copy).map_err(failed(copy))? {
        let entry = entry.map_err(failed(copy))?;
        let path = entry.path();
        if entry.file_name() == ".git" {
            continue;
        }
        let kind = entry.file_type().map_err(failed(&path))?;
        let removed = if kind.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(failed(&path))?;
    }
    Ok(())
}

/// Refuses a link that leads out of a directory.
fn check_link(root: &Path, link: &Path) -> Result<(), Error> {
    let path = root.join(link);
    let outside = || {
        let shown = link.display().to_string();
        Error::Refused(format!(
            "the link `{}` leads out of the recipe",
            shown.escape_debug()
        ))
    };
    let Ok(target) = fs::read_link(&path) else {
        return Ok(());
    };
    let inside = match (path.canonicalize(), root.canonicalize()) {
        (Ok(end), Ok(root)) => end.starts_with(&root),
        // Where it leads is not there yet, so its words decide.
        (Err(_), _) | (_, Err(_)) => stays_inside(link, &target),
    };
    if inside { Ok(()) } else { Err(outside()) }
}

/// Tells whether a link that leads to nothing can only lead inside: it goes up before it goes down, and not too far.
fn stays_inside(link: &Path, target: &Path) -> bool {
    let mut depth = link.components().count().saturating_sub(1);
    let mut down = false;
    for part in target.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(_) => down = true,
            Component::ParentDir if depth > 0 && !down => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}
