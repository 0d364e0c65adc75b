//! What a server has, by one listing and without any repository here, and the exact refs that it is given.

use std::{collections::BTreeMap, path::Path};

use super::{Error, Git, Tag, failed, garbled, lines, parse_commit, whole};
use crate::{
    model::{
        recipe::{CommitSha, parse_ref},
        source::RemoteUrl,
    },
    sys::{
        process::{Exit, Output},
        redact::Secret,
    },
};

/// Where branches are.
const HEADS: &str = "refs/heads/";
/// Where tags are.
const TAGS: &str = "refs/tags/";
/// Where forges keep the heads of pull requests.
const PULLS: &str = "refs/pull/";

/// What a server has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RemoteRefs {
    /// The default branch and its commit; nothing where the server names none, or one that has no commit yet.
    pub(crate) head: Option<(String, CommitSha)>,
    /// The branches.
    pub(crate) heads: BTreeMap<String, CommitSha>,
    /// The tags by name, an annotated one with the commit that it leads to.
    ///
    /// A listing does not tell a tag of a file from one of a commit.
    pub(crate) tags: Vec<Tag>,
    /// The id that each tag itself has, which is not its commit's where it is annotated.
    pub(crate) tag_ids: BTreeMap<String, CommitSha>,
    /// The heads of pull requests by number.
    pub(crate) pulls: BTreeMap<u64, CommitSha>,
}

/// One ref that a server is given, or is to lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    /// The ref, in full.
    pub(crate) name: String,
    /// The object that it is to have; nothing removes the ref.
    pub(crate) to: Option<CommitSha>,
}

/// A ref that a server refused to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// The ref, in full.
    pub(crate) name: String,
    /// What the server said.
    pub(crate) said: String,
}

impl Git<'_> {
    /// Lists the default branch, the branches and the tags of a server by one call.
    ///
    /// A token is given to git by environment, for this host alone.
    pub(crate) fn remote_refs(
        &self,
        url: &RemoteUrl,
        token: Option<&Secret>,
    ) -> Result<RemoteRefs, Error> {
        // The root is no repository, so that nobody's configuration is read.
        let call = self.call(Path::new("/"), url.protocol.as_str());
        let call = self.with_token(call, url, token);
        let address = url.to_string();
        let args = [
            "ls-remote",
            "--quiet",
            "--symref",
            "--end-of-options",
            &address,
        ];
        let listed = whole(LISTING, call.args(args).run(self.host)?)?;
        parse_refs(&listed)
    }

    /// Makes refs of a server what they are to be, each by its full name, whatever they were, and no other ref.
    ///
    /// Returns those that the server refused; the others are what they are to be.
    pub(crate) fn push(
        &self,
        repository: &Path,
        url: &RemoteUrl,
        token: Option<&Secret>,
        updates: &[Update],
    ) -> Result<Vec<Rejected>, Error> {
        let refspecs = updates.iter().map(refspec);
        let refspecs = refspecs.collect::<Result<Vec<_>, _>>()?;
        if refspecs.is_empty() {
            // Without a refspec git would choose what to push.
            return Ok(Vec::new());
        }
        let call = self.call(repository, url.protocol.as_str());
        let call = self.with_token(call, url, token);
        let push = call.args(PUSH).arg(url.to_string()).args(refspecs);
        let output = push.run(self.host)?;
        judge_push(&output, updates)
    }
}

/// What a listing does, for messages.
const LISTING: &str = "list the server's branches and tags";

/// Options of a push, each with the reason.
const PUSH: [&str; 9] = [
    "push",
    // One line for each ref, in a form that is promised.
    "--porcelain",
    "--quiet",
    // A mirror follows its original, be it backwards.
    "--force",
    // Only what is named.
    "--no-follow-tags",
    "--no-recurse-submodules",
    "--no-signed",
    "--no-verify",
    "--end-of-options",
];

/// Writes one update as git reads it; a name in which git would see a pattern is refused.
fn refspec(update: &Update) -> Result<String, Error> {
    let name = checked(&update.name)?;
    if !name.starts_with(HEADS) && !name.starts_with(TAGS) {
        let said = format!("`{}` is neither a branch nor a tag", name.escape_debug());
        return Err(Error::Refused(said));
    }
    let to = update.to.as_ref().map(CommitSha::as_str);
    Ok(format!("{}:{name}", to.unwrap_or_default()))
}

/// Checks the name of a ref that a server told.
fn checked(name: &str) -> Result<String, Error> {
    parse_ref(name).map_err(|error| Error::Refused(error.to_string()))
}

/// Reads what became of each ref; one that git says nothing of means that nothing is known at all.
fn judge_push(output: &Output, updates: &[Update]) -> Result<Vec<Rejected>, Error> {
    let what = "push to the server";
    if !matches!(output.exit, Exit::Success | Exit::Code(1)) || output.truncated {
        return Err(failed(what, output));
    }
    let mut told: BTreeMap<String, Option<String>> = BTreeMap::new();
    for line in lines(&output.stdout) {
        if let Some((name, refusal)) = parse_pushed(&line) {
            told.insert(name, refusal);
        }
    }
    let all_told = updates
        .iter()
        .all(|update| told.contains_key(&update.name) || output.ok());
    if !all_told {
        return Err(failed(what, output));
    }
    let refused = told.into_iter().filter_map(|(name, refusal)| {
        let said = refusal?;
        Some(Rejected { name, said })
    });
    let refused: Vec<_> = refused.collect();
    if refused.is_empty() && !output.ok() {
        return Err(failed(what, output));
    }
    Ok(refused)
}

/// Reads one line about a ref: what it is, and why it was refused, if it was.
fn parse_pushed(line: &str) -> Option<(String, Option<String>)> {
    let mut parts = line.splitn(3, '\t');
    let (flag, refs, summary) = (parts.next()?, parts.next()?, parts.next()?);
    let (_, name) = refs.split_once(':')?;
    let is_refused = flag == "!";
    Some((name.to_owned(), is_refused.then(|| summary.to_owned())))
}

/// Reads a listing with the branch that `HEAD` stands for.
fn parse_refs(listed: &[u8]) -> Result<RemoteRefs, Error> {
    let mut refs = RemoteRefs::default();
    let mut default = None;
    let mut peeled = BTreeMap::new();
    for line in lines(listed) {
        let (left, name) = line
            .split_once('\t')
            .ok_or_else(|| garbled(LISTING, &line))?;
        if let Some(target) = left.strip_prefix("ref: ") {
            if name == "HEAD" {
                default = target.strip_prefix(HEADS).map(str::to_owned);
            }
        } else if let Some(branch) = name.strip_prefix(HEADS) {
            checked(name)?;
            refs.heads.insert(branch.to_owned(), parse_commit(left)?);
        } else if let Some(tag) = name.strip_prefix(TAGS) {
            let place = match tag.strip_suffix("^{}") {
                Some(tag) => peeled.insert(tag.to_owned(), parse_commit(left)?),
                None => refs
                    .tag_ids
                    .insert(checked(name)?[TAGS.len()..].to_owned(), parse_commit(left)?),
            };
            drop(place);
        } else if let Some(number) = number_of_pull(name) {
            refs.pulls.insert(number, parse_commit(left)?);
        }
    }
    let tag = |(name, id): (&String, &CommitSha)| Tag {
        name: name.clone(),
        commit: peeled.get(name).unwrap_or(id).clone(),
        annotated: peeled.contains_key(name),
    };
    refs.tags = refs.tag_ids.iter().map(tag).collect();
    let commit = |branch: String| {
        refs.heads
            .get(&branch)
            .cloned()
            .map(|commit| (branch, commit))
    };
    refs.head = default.and_then(commit);
    Ok(refs)
}

/// Returns the number of the pull request whose head a ref is.
fn number_of_pull(name: &str) -> Option<u64> {
    let number = name.strip_prefix(PULLS)?.strip_suffix("/head")?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listing as git 2.47 prints it, of a server that keeps heads of pull requests.
    const LISTED: &str = "\
ref: refs/heads/trunk\tHEAD
1111111111111111111111111111111111111111\tHEAD
2222222222222222222222222222222222222222\trefs/heads/main
1111111111111111111111111111111111111111\trefs/heads/trunk
3333333333333333333333333333333333333333\trefs/pull/7/head
4444444444444444444444444444444444444444\trefs/tags/1.0.0+1
5555555555555555555555555555555555555555\trefs/tags/1.1.0+2
1111111111111111111111111111111111111111\trefs/tags/1.1.0+2^{}
";

    fn id(digit: char) -> CommitSha {
        String::from(digit).repeat(40).parse().unwrap()
    }

    #[test]
    fn the_default_branch_is_the_one_that_the_server_names() {
        let refs = parse_refs(LISTED.as_bytes()).unwrap();
        assert_eq!(refs.head, Some(("trunk".to_owned(), id('1'))));
        assert_eq!(refs.heads.len(), 2);
        assert_eq!(refs.pulls, BTreeMap::from([(7, id('3'))]));
    }

    #[test]
    fn an_annotated_tag_has_an_id_of_its_own_beside_its_commit() {
        let refs = parse_refs(LISTED.as_bytes()).unwrap();
        let tag = |name: &str, commit, annotated| Tag {
            name: name.to_owned(),
            commit,
            annotated,
        };
        let expected = [
            tag("1.0.0+1", id('4'), false),
            tag("1.1.0+2", id('1'), true),
        ];
        assert_eq!(refs.tags, expected);
        assert_eq!(refs.tag_ids["1.1.0+2"], id('5'));
    }

    #[test]
    fn a_server_without_commits_has_no_default_branch() {
        assert_eq!(parse_refs(b"").unwrap(), RemoteRefs::default());
        let unborn = parse_refs(b"ref: refs/heads/main\tHEAD\n").unwrap();
        assert_eq!(unborn.head, None);
        let detached = format!("{}\tHEAD\n", id('1'));
        assert_eq!(parse_refs(detached.as_bytes()).unwrap().head, None);
    }

    #[test]
    fn names_that_git_never_gives_are_refused() {
        for name in [
            "refs/tags/*",
            "refs/heads/a:b",
            "refs/heads/a b",
            "refs/tags/",
        ] {
            let listed = format!("{}\t{name}\n", id('1'));
            let refused = parse_refs(listed.as_bytes());
            assert!(matches!(refused, Err(Error::Refused(_))), "{name}");
        }
        assert!(parse_refs(b"<html>\n").is_err());
    }

    #[test]
    fn an_update_names_one_branch_or_tag_in_full() {
        let of = |name: &str, to| {
            refspec(&Update {
                name: name.to_owned(),
                to,
            })
        };
        assert_eq!(
            of("refs/heads/main", Some(id('1'))).unwrap(),
            format!("{}:refs/heads/main", id('1'))
        );
        assert_eq!(of("refs/tags/1.0.0+1", None).unwrap(), ":refs/tags/1.0.0+1");
        for name in [
            "main",
            "refs/tags/*",
            "refs/heads/a:refs/heads/b",
            "refs/pull/1/head",
            "--all",
        ] {
            assert!(matches!(of(name, None), Err(Error::Refused(_))), "{name}");
        }
    }

    #[test]
    fn a_line_of_a_push_says_what_became_of_its_ref() {
        let read = |line: &str| parse_pushed(line).unwrap();
        assert_eq!(
            read("+\t1111:refs/heads/main\t1...2 (forced update)"),
            ("refs/heads/main".to_owned(), None)
        );
        assert_eq!(
            read("!\t:refs/tags/1\t[remote rejected] (protected)"),
            (
                "refs/tags/1".to_owned(),
                Some("[remote rejected] (protected)".to_owned())
            )
        );
        assert_eq!(parse_pushed("Done"), None);
        assert_eq!(parse_pushed("To https://git.example.org/a/b.git"), None);
    }
}
