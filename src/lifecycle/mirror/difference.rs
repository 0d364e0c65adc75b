//! In what a mirror differs from upstream, as exact changes of its refs.

use std::collections::BTreeMap;

use super::Synced;
use crate::{
    model::recipe::CommitSha,
    tool::git::{RemoteRefs, Update},
};

/// Tags by name, each with its own id.
pub(super) type Tags = BTreeMap<String, CommitSha>;

/// What has to change for a mirror to be equal to upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// The refs that have to change: removals first, since a name may be in the way of one below it.
    updates: Vec<Update>,
}

/// Where branches are.
const HEADS: &str = "refs/heads/";
/// Where tags are.
const TAGS: &str = "refs/tags/";

impl Difference {
    /// Compares the mirror with upstream's default branch, whatever its name there, and its tags.
    pub(super) fn new(
        branch: &str,
        (commit, tags): (&CommitSha, &Tags),
        mirror: &RemoteRefs,
    ) -> Self {
        let update = |name, to| Update { name, to };
        let gone = mirror
            .tag_ids
            .keys()
            .filter(|name| !tags.contains_key(*name));
        let gone = gone.map(|name| update(format!("{TAGS}{name}"), None));
        let moved = (mirror.heads.get(branch) != Some(commit))
            .then(|| update(format!("{HEADS}{branch}"), Some(commit.clone())));
        let changed = tags
            .iter()
            .filter(|(name, id)| mirror.tag_ids.get(*name) != Some(id));
        let changed = changed.map(|(name, id)| update(format!("{TAGS}{name}"), Some(id.clone())));
        Self {
            updates: gone.chain(moved).chain(changed).collect(),
        }
    }

    /// Tells whether the mirror is equal to upstream.
    pub(super) fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    /// Returns the refs that have to change.
    pub(super) fn updates(&self) -> &[Update] {
        &self.updates
    }

    /// Tells what was done, of so many open pull requests with those that were closed.
    pub(super) fn synced(&self, branch: &str, closed: &[u64], open: usize) -> Synced {
        let tags = |is_set: bool| {
            let those = self
                .updates
                .iter()
                .filter(|update| update.to.is_some() == is_set);
            let names = those.filter_map(|update| update.name.strip_prefix(TAGS));
            names.map(str::to_owned).collect()
        };
        Synced {
            branch: branch.to_owned(),
            branch_moved: self
                .updates
                .iter()
                .any(|update| update.name.starts_with(HEADS)),
            tags_set: tags(true),
            tags_removed: tags(false),
            closed: closed.to_owned(),
            left_open: open - closed.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> CommitSha {
        String::from(digit).repeat(40).parse().unwrap()
    }

    fn named(pairs: &[(&str, char)]) -> Tags {
        let pairs = pairs
            .iter()
            .map(|(name, digit)| ((*name).to_owned(), id(*digit)));
        pairs.collect()
    }

    #[test]
    fn only_what_differs_is_changed_and_other_branches_never() {
        let mirror = RemoteRefs {
            heads: named(&[("main", '1'), ("fix", '2')]),
            tag_ids: named(&[("gone", '3'), ("moved", '4'), ("same", '5')]),
            ..RemoteRefs::default()
        };
        let tags = named(&[("moved", '6'), ("new", '7'), ("same", '5')]);
        let found = Difference::new("main", (&id('8'), &tags), &mirror);
        let names: Vec<_> = found.updates().iter().map(|update| &*update.name).collect();
        let expected = [
            "refs/tags/gone",
            "refs/heads/main",
            "refs/tags/moved",
            "refs/tags/new",
        ];
        assert_eq!(names, expected);
        let synced = found.synced("main", &[4], 3);
        assert_eq!((synced.branch_moved, synced.left_open), (true, 2));
        assert_eq!(synced.tags_set, ["moved", "new"]);
        assert_eq!(synced.tags_removed, ["gone"]);
    }

    #[test]
    fn an_equal_mirror_needs_nothing() {
        let mirror = RemoteRefs {
            heads: named(&[("main", '1'), ("fix", '2')]),
            tag_ids: named(&[("same", '5')]),
            ..RemoteRefs::default()
        };
        let found = Difference::new("main", (&id('1'), &named(&[("same", '5')])), &mirror);
        assert!(found.is_empty() && !found.synced("main", &[], 0).branch_moved);
    }
}
