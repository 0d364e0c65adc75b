//! The names of branches and tags, read from a repository's own files: git is not started, and nothing is fetched.
//!
//! That is quick and harmless, and enough for what is only offered: no name here has been checked.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::sys::run_files;

/// How much is read of the file that holds most names, in bytes.
const PACKED_LIMIT: u64 = 4 << 20;
/// How many names of one kind are read at most, each of those that lie in files of their own.
const LOOSE_LIMIT: usize = 2000;
/// How deep folders of names are.
const DEPTH: usize = 6;

/// The names of a repository, each kind sorted and each name once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// Branches of the repository and of `origin`.
    pub(crate) branches: Vec<String>,
    /// Tags.
    pub(crate) tags: Vec<String>,
}

/// Reads the names of the repository whose work tree this is; none where it is no work tree.
pub(crate) fn list(work_tree: &Path) -> Names {
    let Some(folder) = common_folder(work_tree) else {
        return Names::default();
    };
    let packed = run_files::beginning_within(&folder.join("packed-refs"), PACKED_LIMIT);
    let of = |kind: &str| {
        let lines = packed.lines().filter_map(|line| line.split_once(' '));
        let names = lines.filter_map(|(_, name)| name.strip_prefix(kind));
        let mut found: Vec<_> = names.map(str::to_owned).collect();
        let mut loose = Vec::new();
        walk(&folder.join(kind), "", DEPTH, &mut loose);
        found.append(&mut loose);
        found
    };
    let mut branches = of("refs/heads/");
    let remote = of("refs/remotes/origin/").into_iter();
    branches.extend(remote.filter(|name| name != "HEAD"));
    Names {
        branches: sorted(branches),
        tags: sorted(of("refs/tags/")),
    }
}

/// Returns names in their order, each once.
fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

/// Returns the folder that holds the names: work trees of one repository share it.
fn common_folder(work_tree: &Path) -> Option<PathBuf> {
    let own = work_tree.join(".git");
    if own.is_dir() {
        return Some(own);
    }
    let text = run_files::beginning(&own);
    let folder = work_tree.join(text.strip_prefix("gitdir:")?.trim());
    match run_files::beginning(&folder.join("commondir")).trim() {
        "" => Some(folder),
        common => Some(folder.join(common)),
    }
}

/// Collects the names of files below a folder; links are not followed.
fn walk(folder: &Path, before: &str, depth: usize, found: &mut Vec<String>) {
    let entries = fs::read_dir(folder).into_iter().flatten();
    for entry in entries.filter_map(Result::ok) {
        let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else {
            continue;
        };
        if found.len() >= LOOSE_LIMIT {
            return;
        }
        let name = format!("{before}{name}");
        if kind.is_file() {
            found.push(name);
        } else if kind.is_dir() && depth > 0 {
            walk(&entry.path(), &format!("{name}/"), depth - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes files below a folder.
    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn names_are_read_where_git_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        let packed = "# pack-refs with: peeled fully-peeled sorted \n\
            1111 refs/heads/main\n2222 refs/remotes/origin/next\n3333 refs/tags/1.0.0+6.4\n^4444\n";
        write(
            folder.path(),
            &[
                (".git/packed-refs", packed),
                (".git/refs/heads/main", "1111\n"),
                (".git/refs/heads/fix/login", "1111\n"),
                (
                    ".git/refs/remotes/origin/HEAD",
                    "ref: refs/remotes/origin/main\n",
                ),
                (".git/refs/tags/1.1.0+6.5", "5555\n"),
                ("tree/.git", "gitdir: ../.git/worktrees/tree\n"),
                (".git/worktrees/tree/commondir", "../..\n"),
            ],
        );
        let names = list(folder.path());
        assert_eq!(names.branches, ["fix/login", "main", "next"]);
        assert_eq!(names.tags, ["1.0.0+6.4", "1.1.0+6.5"]);
        assert_eq!(list(&folder.path().join("tree")), names);
    }

    #[test]
    fn what_is_no_repository_has_no_names() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(list(folder.path()), Names::default());
        write(folder.path(), &[(".git", "nonsense")]);
        assert_eq!(list(folder.path()), Names::default());
    }

    #[test]
    fn links_lead_to_no_names() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            &[("elsewhere/x", ""), (".git/refs/tags/1.0.0+1", "")],
        );
        let tags = folder.path().join(".git/refs/tags");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), tags.join("out")).unwrap();
        assert_eq!(list(folder.path()).tags, ["1.0.0+1"]);
    }
}
