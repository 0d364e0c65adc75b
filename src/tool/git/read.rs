//! What a repository holds: its branches, tags and changes.

use std::path::Path;

use super::{Error, Git, ended, garbled, lines, parse_commit, records};
use crate::model::recipe::CommitSha;

/// The mode by which a tree names a symbolic link.
const SYMBOLIC_LINK: &str = "120000";

/// A tag that names a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Its name.
    pub(crate) name: String,
    /// The commit.
    pub(crate) commit: CommitSha,
    /// Whether it carries a message of its own.
    pub(crate) annotated: bool,
}

/// What a checkout holds that no commit does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Files of the commit that were changed or removed, or that are about to be added.
    pub(crate) changed: usize,
    /// Files that git neither knows nor ignores.
    pub(crate) untracked: usize,
}

impl Changes {
    /// Tells whether there is any.
    pub(crate) fn any(self) -> bool {
        self != Self::default()
    }
}

impl Git<'_> {
    /// Tells whether a directory is the top of a work tree.
    pub(crate) fn is_repository(&self, path: &Path) -> Result<bool, Error> {
        if !path.is_dir() {
            return Ok(false);
        }
        let output = self.run(
            path,
            &["rev-parse", "--show-prefix", "--is-inside-work-tree"],
        )?;
        ended(&output)?;
        // The empty first line says that no directory lies between the top and here.
        Ok(output.ok() && output.stdout_text() == "\ntrue\n")
    }

    /// Returns the commit that is checked out.
    pub(crate) fn head(&self, repository: &Path) -> Result<CommitSha, Error> {
        let head = self.commit_of(repository, "HEAD")?;
        head.ok_or_else(|| self.unknown(repository, "HEAD".to_owned()))
    }

    /// Returns the branch that is checked out, or nothing where a commit is.
    pub(crate) fn branch(&self, repository: &Path) -> Result<Option<String>, Error> {
        let output = self.run(repository, &["symbolic-ref", "--quiet", "HEAD"])?;
        ended(&output)?;
        let full = output.stdout_text();
        Ok(full
            .trim_end()
            .strip_prefix("refs/heads/")
            .map(str::to_owned))
    }

    /// Counts what a checkout holds that no commit does.
    pub(crate) fn changes(&self, repository: &Path) -> Result<Changes, Error> {
        let args = [
            "status",
            "--porcelain=v1",
            "-z",
            "--untracked-files=all",
            "--ignore-submodules=all",
            "--no-renames",
        ];
        let listed = self.read(repository, "list changes", &args)?;
        let mut changes = Changes::default();
        for record in records(&listed) {
            if record.starts_with(b"??") {
                changes.untracked += 1;
            } else {
                changes.changed += 1;
            }
        }
        Ok(changes)
    }

    /// Lists the tags that name commits.
    pub(crate) fn tags(&self, repository: &Path) -> Result<Vec<Tag>, Error> {
        let format =
            "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)";
        let listed = self.read(
            repository,
            "list tags",
            &["for-each-ref", format, "refs/tags"],
        )?;
        let tags = lines(&listed);
        tags.iter().filter_map(|line| parse_tag(line)).collect()
    }

    /// Returns the content of a file as a commit has it; nothing where it has no plain file of that name.
    ///
    /// A larger one than `limit` bytes is refused before it is read.
    pub(crate) fn file_at(
        &self,
        repository: &Path,
        commit: &CommitSha,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, Error> {
        let what = format!("find `{path}`");
        let args = [
            "ls-tree",
            "-z",
            "--full-tree",
            "--long",
            commit.as_str(),
            "--",
            path,
        ];
        let listed = self.read(repository, &what, &args)?;
        let Some(record) = records(&listed).next() else {
            return Ok(None);
        };
        let record = String::from_utf8_lossy(record);
        let (entry, found) = record
            .split_once('\t')
            .ok_or_else(|| garbled(&what, &record))?;
        let words: Vec<_> = entry.split_whitespace().collect();
        let [mode, "blob", id, size] = words[..] else {
            return Ok(None);
        };
        // A link would have to be followed, which nobody needs for a text.
        if mode == SYMBOLIC_LINK || found != path {
            return Ok(None);
        }
        let size: usize = size.parse().map_err(|_| garbled(&what, &record))?;
        if size > limit {
            let said = format!("`{path}` has {size} bytes, more than {limit}");
            return Err(Error::Refused(said));
        }
        let args = ["cat-file", "blob", id];
        self.read(repository, &format!("read `{path}`"), &args)
            .map(Some)
    }
}

/// Reads one line of the list of tags; a tag of something else than a commit is none.
fn parse_tag(line: &str) -> Option<Result<Tag, Error>> {
    let words: Vec<&str> = line.splitn(5, ' ').collect();
    let name = words
        .last()
        .and_then(|name| name.strip_prefix("refs/tags/"));
    let ([kind, id, peeled_kind, peeled_id, _], Some(name)) = (&words[..], name) else {
        return Some(Err(garbled("list tags", line)));
    };
    let annotated = *kind == "tag";
    let (kind, id) = if annotated {
        (peeled_kind, peeled_id)
    } else {
        (kind, id)
    };
    (*kind == "commit").then(|| {
        Ok(Tag {
            name: name.to_owned(),
            commit: parse_commit(id)?,
            annotated,
        })
    })
}
