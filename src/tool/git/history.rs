//! Where commits stand to each other, in a repository that holds nothing but what was fetched to compare it.

use std::{collections::BTreeMap, path::Path};

use super::{Error, Exit, Git, ended, failed, fetch::FETCH, garbled, lines, parse_commit, whole};
use crate::{
    model::{
        recipe::{CommitSha, parse_ref},
        source::RemoteUrl,
    },
    sys::redact::Secret,
};

/// How a line of changes begins whose equivalent is on the other side.
const EQUIVALENT: &str = "- ";

/// A ref of a server, and the ref of ours that it is fetched into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The server's ref, in full, or all of a place by `*`.
    pub(crate) from: String,
    /// Ours.
    pub(crate) into: String,
}

impl Git<'_> {
    /// Makes a repository without files, to fetch into.
    pub(crate) fn make_repository(&self, dest: &Path) -> Result<(), Error> {
        self.init(dest)
    }

    /// Fetches refs of a server with their history, and nothing else.
    pub(crate) fn fetch_refs(
        &self,
        repository: &Path,
        url: &RemoteUrl,
        token: Option<&Secret>,
        wishes: &[Wish],
    ) -> Result<(), Error> {
        let refspecs = wishes.iter().map(|wish| {
            let plain = wish.from.strip_suffix("/*").unwrap_or(&wish.from);
            parse_ref(plain).map_err(|error| Error::Refused(error.to_string()))?;
            Ok(format!("+{}:{}", wish.from, wish.into))
        });
        let refspecs = refspecs.collect::<Result<Vec<_>, Error>>()?;
        if refspecs.is_empty() {
            // Without a refspec git would choose what to fetch.
            return Ok(());
        }
        let call = self.call(repository, url.protocol.as_str());
        let call = self.with_token(call, url, token);
        let fetch = call
            .args(FETCH)
            .arg("--end-of-options")
            .arg(url.to_string())
            .args(refspecs);
        whole("fetch from the server", fetch.run(self.host)?).map(drop)
    }

    /// Lists the refs below a place, each by the rest of its name, with the object that it has itself.
    pub(crate) fn refs_below(
        &self,
        repository: &Path,
        place: &str,
    ) -> Result<BTreeMap<String, CommitSha>, Error> {
        let what = "list names";
        let args = ["for-each-ref", "--format=%(objectname) %(refname)", place];
        let listed = self.read(repository, what, &args)?;
        let refs = lines(&listed).into_iter().map(|line| {
            let (id, name) = line.split_once(' ').ok_or_else(|| garbled(what, &line))?;
            let name = name
                .strip_prefix(place)
                .ok_or_else(|| garbled(what, &line))?;
            Ok((name.to_owned(), parse_commit(id)?))
        });
        refs.collect()
    }

    /// Tells whether all that a commit brings is in another one's history, as it is or by commits with the same changes.
    ///
    /// A merge has no such equivalent: what it changes by itself would go unseen.
    pub(crate) fn is_contained(
        &self,
        repository: &Path,
        commit: &CommitSha,
        within: &CommitSha,
    ) -> Result<bool, Error> {
        if self.is_ancestor(repository, commit, within)? {
            return Ok(true);
        }
        let range = format!("{within}..{commit}");
        let args = ["rev-list", "--max-count=1", "--min-parents=2", &range];
        if !self.read(repository, "look for merges", &args)?.is_empty() {
            return Ok(false);
        }
        let args = ["cherry", within.as_str(), commit.as_str()];
        let changes = lines(&self.read(repository, "compare changes", &args)?);
        let is_there = |line: &String| line.starts_with(EQUIVALENT);
        Ok(!changes.is_empty() && changes.iter().all(is_there))
    }

    /// Tells whether a commit is in another one's history.
    fn is_ancestor(
        &self,
        repository: &Path,
        commit: &CommitSha,
        of: &CommitSha,
    ) -> Result<bool, Error> {
        let args = ["merge-base", "--is-ancestor", commit.as_str(), of.as_str()];
        let output = self.run(repository, &args)?;
        ended(&output)?;
        match output.exit {
            Exit::Success => Ok(true),
            Exit::Code(1) => Ok(false),
            Exit::Code(_) | Exit::Signal(_) | Exit::TimedOut | Exit::Interrupted => {
                Err(failed("compare commits", &output))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Place, by_hand, commit, git, host, write};

    #[test]
    fn a_change_is_contained_as_it_is_or_by_its_equivalent() {
        let (place, host) = (Place::new(), host());
        let git = git(&host);
        let at = |args: &[&str]| by_hand(&place.recipe, args);
        at(&["checkout", "--quiet", "-b", "change"]);
        write(&place.recipe.join("a"), "a\n");
        commit(&place.recipe, "a");
        write(&place.recipe.join("b"), "b\n");
        let change = commit(&place.recipe, "b");
        at(&["checkout", "--quiet", "main"]);
        write(&place.recipe.join("other"), "x\n");
        let other = commit(&place.recipe, "other");
        let within = |one, all| git.is_contained(&place.recipe, one, all).unwrap();
        assert!(within(&place.first, &other) && within(&other, &other));
        assert!(!within(&change, &other));
        at(&["cherry-pick", "change~1"]);
        let half = at(&["rev-parse", "HEAD"]).parse().unwrap();
        assert!(!within(&change, &half));
        at(&["cherry-pick", "change"]);
        let whole = at(&["rev-parse", "HEAD"]).parse().unwrap();
        assert!(within(&change, &whole));
    }

    #[test]
    fn what_a_merge_adds_by_itself_is_not_contained() {
        let (place, host) = (Place::new(), host());
        let at = |args: &[&str]| by_hand(&place.recipe, args);
        at(&["checkout", "--quiet", "-b", "change"]);
        write(&place.recipe.join("a"), "a\n");
        commit(&place.recipe, "a");
        at(&["checkout", "--quiet", "main"]);
        write(&place.recipe.join("other"), "x\n");
        commit(&place.recipe, "other");
        at(&["cherry-pick", "change"]);
        at(&["checkout", "--quiet", "change"]);
        at(&["merge", "--quiet", "--no-commit", "main~1"]);
        write(&place.recipe.join("smuggled"), "x\n");
        let merged = commit(&place.recipe, "merge");
        let main = at(&["rev-parse", "main"]).parse().unwrap();
        assert!(
            !git(&host)
                .is_contained(&place.recipe, &merged, &main)
                .unwrap()
        );
    }
}
