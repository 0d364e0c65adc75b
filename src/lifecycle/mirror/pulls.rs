//! Which open pull requests of a mirror are in upstream already.

use std::path::Path;

use super::{Syncing, trouble};
use crate::{
    model::{outcome::Trouble, recipe::CommitSha, source::RemoteUrl},
    tool::{
        forge::Pull,
        git::{RemoteRefs, Wish},
    },
};

/// Where the heads of pull requests are fetched to.
const PULLS: &str = "refs/ccci/pull/";

/// What is known of a mirror's pull requests.
pub(super) struct Known<'a> {
    /// The mirror's default branch.
    pub(super) base: &'a str,
    /// The open ones.
    pub(super) open: &'a [Pull],
    /// What git knows of the mirror.
    pub(super) refs: &'a RemoteRefs,
}

/// Returns those whose head is in upstream's default branch, as it is or by equivalent commits.
///
/// One that wants to change another branch than the default one is no matter of upstream's.
pub(super) fn merged<'a>(
    syncing: &Syncing<'_>,
    copy: &Path,
    (known, upstream): (&Known<'a>, &CommitSha),
) -> Result<Vec<&'a Pull>, Trouble> {
    let of_mirror = |error| trouble::of_mirror(syncing.ends, &error);
    let candidates: Vec<_> = known
        .open
        .iter()
        .filter(|pull| known.is_candidate(pull))
        .collect();
    let wishes: Vec<_> = candidates.iter().map(|pull| wish(pull.number)).collect();
    let (git, token) = (&syncing.git, Some(syncing.ends.token));
    git.fetch_refs(copy, syncing.mirror(), token, &wishes)
        .map_err(of_mirror)?;
    let fetched = git.refs_below(copy, PULLS).map_err(of_mirror)?;
    let mut merged = Vec::new();
    for pull in candidates {
        let head = fetched.get(&pull.number.to_string());
        // One that was pushed to in the meantime is looked at the next time.
        let Some(head) = head.filter(|head| pull.head.as_ref() == Some(head)) else {
            continue;
        };
        if git.is_contained(copy, head, upstream).map_err(of_mirror)? {
            merged.push(pull);
        }
    }
    Ok(merged)
}

impl Known<'_> {
    /// Tells whether upstream may have a pull request, and git and the forge agree on what it proposes.
    fn is_candidate(&self, pull: &Pull) -> bool {
        let head = self.refs.pulls.get(&pull.number);
        pull.base == self.base && head.is_some() && pull.head.as_ref() == head
    }
}

/// Returns what is fetched of a pull request.
fn wish(number: u64) -> Wish {
    Wish {
        from: format!("refs/pull/{number}/head"),
        into: format!("{PULLS}{number}"),
    }
}

/// Writes why a pull request is closed.
pub(super) fn comment(upstream: &RemoteUrl, branch: &str, commit: &CommitSha) -> String {
    format!(
        "Closed, because upstream has it: every commit of this pull request is part of `{branch}` of {upstream} at {commit}, as it is or by a commit with the same changes."
    )
}
