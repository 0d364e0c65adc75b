//! Brings the recipe under test into the run's own directory and finds its revisions.

use std::path::Path;

use super::{classify, session::state_trouble};
use crate::{
    model::{
        likeness,
        outcome::{Fault, Trouble},
        plan::Revision,
        recipe::CommitSha,
        run::{RunRequest, Source, Wanted},
    },
    sys::redact::Secret,
    tool::git::{self, Git},
};

/// The recipe as it was fetched.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    /// The head as a person knows it.
    pub(crate) head: Revision,
    /// The commit of the run's own copy that holds the head, uncommitted changes included.
    pub(crate) head_commit: CommitSha,
    /// Every released tag.
    pub(crate) releases: Vec<Revision>,
}

/// Fetches the recipe into a directory.
pub(crate) fn fetch(
    git: &Git<'_>,
    request: &RunRequest,
    token: Option<&Secret>,
    dest: &Path,
) -> Result<Fetched, Trouble> {
    if let Some(parent) = dest.parent() {
        std::fs::create_dir_all(parent).map_err(|error| state_trouble(&error.to_string()))?;
    }
    match &request.source {
        Source::Path(path) => fetch_path(git, request, path, dest),
        Source::Remote { url, .. } => {
            let name = wanted_name(&request.wanted);
            let commit = git
                .fetch_remote(url, name, token, dest)
                .map_err(|error| trouble(&error))?;
            let label = name.unwrap_or("the default branch");
            let fetched = describe(git, dest, label, commit)?;
            Ok(match request.wanted {
                Wanted::Newest => newest(fetched),
                Wanted::Default | Wanted::Ref(_) | Wanted::Version(_) => fetched,
            })
        }
    }
}

/// Checks that what was fetched is the one commit that was asked for, if one was.
pub(crate) fn expect_commit(fetched: &Fetched, request: &RunRequest) -> Result<(), Trouble> {
    let Some(wanted) = &request.commit else {
        return Ok(());
    };
    if fetched.head.commit.as_ref() == Some(wanted) && !fetched.head.uncommitted {
        return Ok(());
    }
    let message = format!(
        "`{}` is no longer at commit {}, which was tested",
        fetched.head.label,
        wanted.short()
    );
    let trouble = Trouble::new(Fault::Config, "tag-moved", message);
    Err(trouble.hint("test the release again"))
}

/// Copies a directory of this machine: a repository with its history, or a plain directory as one commit.
fn fetch_path(
    git: &Git<'_>,
    request: &RunRequest,
    path: &Path,
    dest: &Path,
) -> Result<Fetched, Trouble> {
    let failed = |error: git::Error| trouble(&error);
    if !git.is_repository(path).map_err(failed)? {
        let head_commit = git.import(path, dest).map_err(failed)?;
        let head = Revision {
            label: "plain directory".to_owned(),
            version: None,
            commit: None,
            uncommitted: false,
            lightweight: false,
        };
        return Ok(Fetched {
            head,
            head_commit,
            releases: Vec::new(),
        });
    }
    let checked_out = git.clone_local(path, dest).map_err(failed)?;
    if let Some(name) = wanted_name(&request.wanted) {
        let commit = git.resolve(dest, name).map_err(failed)?;
        return describe(git, dest, name, commit);
    }
    let branch = git.branch(path).map_err(failed)?;
    let label = branch.unwrap_or_else(|| checked_out.short().to_owned());
    let mut fetched = describe(git, dest, &label, checked_out)?;
    if git.changes(path).map_err(failed)?.any() {
        git.checkout(dest, &fetched.head_commit).map_err(failed)?;
        git.copy_worktree(path, dest).map_err(failed)?;
        fetched.head_commit = git.snapshot(dest).map_err(failed)?;
        fetched.head.uncommitted = true;
        // What nobody can check out again is no release.
        fetched.head.version = None;
        fetched.head.label = label;
    }
    Ok(fetched)
}

/// Puts the newest release in the place of the head, where there is one.
fn newest(fetched: Fetched) -> Fetched {
    let found = fetched.releases.last().cloned();
    let found = found.and_then(|head| head.commit.clone().map(|commit| (head, commit)));
    match found {
        Some((head, head_commit)) => Fetched {
            head,
            head_commit,
            ..fetched
        },
        None => fetched,
    }
}

/// Returns the name that git is asked for.
fn wanted_name(wanted: &Wanted) -> Option<&str> {
    match wanted {
        Wanted::Default | Wanted::Newest => None,
        Wanted::Ref(name) | Wanted::Version(name) => Some(name),
    }
}

/// Describes a commit, by its release tag when it has one, and lists the releases.
fn describe(
    git: &Git<'_>,
    dest: &Path,
    label: &str,
    commit: CommitSha,
) -> Result<Fetched, Trouble> {
    let tags = git.tags(dest).map_err(|error| trouble(&error))?;
    let mut releases: Vec<Revision> = tags.into_iter().filter_map(release).collect();
    releases.sort_by(|a, b| a.version.cmp(&b.version));
    let asked = releases
        .iter()
        .find(|release| release.label == label && release.commit.as_ref() == Some(&commit));
    let tagged = asked.or_else(|| {
        releases
            .iter()
            .rev()
            .find(|release| release.commit.as_ref() == Some(&commit))
    });
    let head = tagged.cloned().unwrap_or_else(|| Revision {
        label: label.to_owned(),
        version: None,
        commit: Some(commit.clone()),
        uncommitted: false,
        lightweight: false,
    });
    Ok(Fetched {
        head,
        head_commit: commit,
        releases,
    })
}

/// Makes a revision of a tag that is a release.
fn release(tag: git::Tag) -> Option<Revision> {
    let version = tag.name.parse().ok()?;
    let (label, commit) = (tag.name, Some(tag.commit));
    Some(Revision {
        label,
        version: Some(version),
        commit,
        uncommitted: false,
        lightweight: !tag.annotated,
    })
}

/// Explains why the recipe could not be fetched.
pub(super) fn trouble(error: &git::Error) -> Trouble {
    let text = error.to_string();
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    match error {
        git::Error::Process(source) => {
            classify::not_started(Trouble::broken("git-missing", first), source)
        }
        git::Error::Unknown { name, known } => {
            let trouble = Trouble::new(Fault::Config, "ref-unknown", first);
            match meant(name, known) {
                Some(hint) => trouble.hint(hint),
                None => trouble,
            }
        }
        git::Error::Ambiguous { .. } => Trouble::new(Fault::Config, "ref-unknown", first),
        git::Error::Refused(_) => Trouble::new(Fault::Config, "recipe-refused", first),
        git::Error::File { source, .. } => {
            Trouble::broken("recipe-unreadable", first).because(source.to_string())
        }
        git::Error::Failed { exit, .. } if *exit == crate::sys::process::Exit::Interrupted => {
            classify::interrupted()
        }
        git::Error::Failed { .. } => {
            // The first line tells what went wrong, the last one what did not come of it.
            let mut told = rest.lines();
            let ends = [told.next(), told.next_back()];
            let trouble = Trouble::broken("fetch-failed", first);
            ends.into_iter().flatten().fold(trouble, Trouble::because)
        }
    }
}

/// Offers the names that may have been meant: the nearest releases, or what is spelled alike.
fn meant(name: &str, known: &[String]) -> Option<String> {
    let known = known.iter().map(String::as_str);
    if let Ok(version) = name.parse() {
        let near = likeness::around(&version, known);
        let offer = format!("try {}, the nearest releases", likeness::one_of(&near));
        (!near.is_empty()).then_some(offer)
    } else {
        let like = likeness::like(name, known);
        (!like.is_empty()).then(|| format!("try {}", likeness::one_of(&like)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_offered() {
        let known = ["main", "next", "1.0.0+1", "1.2.0+1", "2.0.0+1"].map(str::to_owned);
        let offer = |name: &str| meant(name, &known).unwrap_or_default();
        assert_eq!(
            offer("1.3.0+1"),
            "try `1.2.0+1` or `2.0.0+1`, the nearest releases"
        );
        assert_eq!(offer("mian"), "try `main`");
        assert_eq!(offer("8f3c1d2"), "");
    }
}
