//! Copies of a repository: from this machine or from a server, into a directory of our own.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Error, Git, SAFE_DIRECTORY, garbled, lines, parse_commit, whole};
use crate::{
    model::{
        recipe::{CommitSha, parse_ref},
        source::{Protocol, RemoteUrl},
    },
    sys::{process::Cmd, redact::Secret},
};

/// The ref that marks a repository as a copy of ours, and keeps the commit it was made for.
pub(super) const MARK: &str = "refs/ccci/head";

/// Options of a fetch, each with the reason.
pub(super) const FETCH: [&str; 6] = [
    "fetch",
    "--quiet",
    // Tags are asked for by name, not by what they lead to.
    "--no-tags",
    "--no-recurse-submodules",
    // A process in the background would outlive the run.
    "--no-auto-maintenance",
    "--no-write-fetch-head",
];

/// Takes all tags.
const ALL_TAGS: &str = "+refs/tags/*:refs/tags/*";

/// What a name means to a server.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// This commit.
    Commit(CommitSha),
    /// A commit that begins so; the history says which.
    Beginning(String),
}

impl Git<'_> {
    /// Copies all branches and tags of a repository of this machine, and returns the commit that is checked out there.
    ///
    /// Objects are copied and not linked, so the copy stays whole whatever happens to the original.
    pub(crate) fn clone_local(&self, source: &Path, dest: &Path) -> Result<CommitSha, Error> {
        // A path that begins with `/` is never read as a URL or as an option.
        let source = source.canonicalize().map_err(|error| Error::File {
            path: source.to_owned(),
            source: error,
        })?;
        let head = self.head(&source)?;
        self.init(dest)?;
        let mark = format!("+HEAD:{MARK}");
        let everything = [
            "+refs/heads/*:refs/heads/*",
            "+refs/remotes/*:refs/remotes/*",
        ];
        let fetch = self
            .call(dest, "file")
            .args(FETCH)
            .arg(format!("--upload-pack={}", self.other_end()))
            // The checkout of a CI server has only the last commits.
            .args(["--update-shallow", "--end-of-options"])
            .arg(&source)
            .args(everything)
            .args([ALL_TAGS, &mark]);
        whole("copy the repository", fetch.run(self.host)?)?;
        self.expect_mark(dest, &head)
    }

    /// Fetches one commit with its history, and all tags, from a server; returns the commit.
    ///
    /// The name is a branch, a tag, a full ref, the beginning of a commit, or nothing for the server's default branch.
    /// A token is given to git by environment, for this host alone.
    pub(crate) fn fetch_remote(
        &self,
        url: &RemoteUrl,
        name: Option<&str>,
        token: Option<&Secret>,
        dest: &Path,
    ) -> Result<CommitSha, Error> {
        let name = name.map(parse_ref).transpose();
        let name = name.map_err(|error| Error::Refused(error.to_string()))?;
        self.init(dest)?;
        let remote = |args: &[&str]| {
            let call = self.call(dest, url.protocol.as_str());
            self.with_token(call, url, token).args(args)
        };
        let address = url.to_string();
        let list = remote(&["ls-remote", "--quiet", "--end-of-options", &address]);
        let listed = whole("list the server's branches and tags", list.run(self.host)?)?;
        let refs = parse_listing(&listed)?;
        let wanted = choose(&refs, name.as_deref())?;
        let refspec = match &wanted {
            Wanted::Commit(commit) => format!("+{commit}:{MARK}"),
            Wanted::Beginning(_) => "+refs/heads/*:refs/remotes/origin/*".to_owned(),
        };
        let fetch = remote(&FETCH).args(["--end-of-options", &address, ALL_TAGS, &refspec]);
        let output = fetch.run(self.host)?;
        if output.stderr_text().contains("not our ref") {
            // The branch was moved or removed since it was listed, or the commit never was there.
            return Err(unknown(&refs, name.as_deref().unwrap_or("HEAD")));
        }
        whole("fetch the commit", output)?;
        match wanted {
            Wanted::Commit(commit) => self.expect_mark(dest, &commit),
            Wanted::Beginning(hex) => {
                let commit = self.resolve(dest, &hex)?;
                let args = ["update-ref", MARK, commit.as_str()];
                self.read(dest, "mark the copy", &args)?;
                Ok(commit)
            }
        }
    }

    /// Returns the command of a local copy's other end, which takes no setting from this one.
    fn other_end(&self) -> String {
        let program = self.program.display().to_string().replace('\'', r"'\''");
        format!("'{program}' -c '{SAFE_DIRECTORY}' upload-pack")
    }

    /// Makes an empty repository without hooks, on a branch that nobody has.
    pub(super) fn init(&self, dest: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(dest).map_err(|source| Error::File {
            path: dest.to_owned(),
            source,
        })?;
        let args = ["init", "--quiet", "--template=", "--initial-branch=ccci"];
        self.read(dest, "make a repository", &args).map(drop)
    }

    /// Checks that the commit that was asked for is the one that came.
    fn expect_mark(&self, dest: &Path, wanted: &CommitSha) -> Result<CommitSha, Error> {
        match self.commit_of(dest, MARK)? {
            Some(commit) if commit == *wanted => Ok(commit),
            _ => Err(garbled("fetch the commit", &format!("no commit {wanted}"))),
        }
    }

    /// Gives git the token for one host, where no other process and no file sees it.
    pub(super) fn with_token(&self, call: Cmd, url: &RemoteUrl, token: Option<&Secret>) -> Cmd {
        let Some(token) = token.filter(|_| url.protocol != Protocol::Ssh) else {
            return call;
        };
        // Forges take a token as the password of any user.
        let pair = STANDARD.encode(format!("x-access-token:{}", token.expose()));
        let header = self.host.redactor.register(&pair);
        call.env("GIT_CONFIG_COUNT", "2")
            .env(
                "GIT_CONFIG_KEY_0",
                format!("http.{}/.extraHeader", url.origin()),
            )
            .env(
                "GIT_CONFIG_VALUE_0",
                format!("Authorization: Basic {}", header.expose()),
            )
            // A redirect could lead the token elsewhere.
            .env("GIT_CONFIG_KEY_1", "http.followRedirects")
            .env("GIT_CONFIG_VALUE_1", "false")
    }
}

/// Reads a server's list of refs; an annotated tag stands for its commit.
fn parse_listing(listed: &[u8]) -> Result<Vec<(String, CommitSha)>, Error> {
    let mut refs: Vec<(String, CommitSha)> = Vec::new();
    for line in lines(listed) {
        let Some((id, name)) = line.split_once('\t') else {
            return Err(garbled("list the server's branches and tags", &line));
        };
        let commit = parse_commit(id)?;
        let peeled = name.strip_suffix("^{}");
        refs.retain(|(known, _)| Some(known.as_str()) != peeled);
        refs.push((peeled.unwrap_or(name).to_owned(), commit));
    }
    Ok(refs)
}

/// Decides what a name means among a server's refs.
fn choose(refs: &[(String, CommitSha)], name: Option<&str>) -> Result<Wanted, Error> {
    let find = |full: &str| refs.iter().find(|(known, _)| known == full);
    let Some(name) = name else {
        let head = find("HEAD").ok_or_else(|| unknown(refs, "HEAD"))?;
        return Ok(Wanted::Commit(head.1.clone()));
    };
    let fits = if name == "HEAD" || name.starts_with("refs/") {
        vec![find(name)]
    } else {
        vec![
            find(&format!("refs/heads/{name}")),
            find(&format!("refs/tags/{name}")),
        ]
    };
    let fits: Vec<_> = fits.into_iter().flatten().collect();
    match fits[..] {
        [(_, commit)] => return Ok(Wanted::Commit(commit.clone())),
        [] => {}
        [..] => {
            return Err(Error::Ambiguous {
                name: name.to_owned(),
                candidates: fits.into_iter().map(|(full, _)| full.clone()).collect(),
            });
        }
    }
    if let Ok(commit) = name.parse() {
        return Ok(Wanted::Commit(commit));
    }
    let hex = name.chars().all(|c| c.is_ascii_hexdigit());
    if hex && (4..40).contains(&name.len()) {
        return Ok(Wanted::Beginning(name.to_owned()));
    }
    Err(unknown(refs, name))
}

/// Says that a server has no such name, and which ones it has.
fn unknown(refs: &[(String, CommitSha)], name: &str) -> Error {
    let short = |full: &str| {
        let place = ["refs/heads/", "refs/tags/"];
        let mut found = place.iter().filter_map(|place| full.strip_prefix(place));
        found.next().map(str::to_owned)
    };
    Error::Unknown {
        name: name.to_owned(),
        known: refs.iter().filter_map(|(full, _)| short(full)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A listing as git 2.47 prints it.
    const LISTING: &str = "\
1111111111111111111111111111111111111111\tHEAD
1111111111111111111111111111111111111111\trefs/heads/main
2222222222222222222222222222222222222222\trefs/heads/both
3333333333333333333333333333333333333333\trefs/pull/7/head
4444444444444444444444444444444444444444\trefs/tags/1.0.0+1
5555555555555555555555555555555555555555\trefs/tags/1.0.0+1^{}
6666666666666666666666666666666666666666\trefs/tags/both
";

    /// Chooses among the sample.
    fn chosen(name: Option<&str>) -> String {
        match choose(&parse_listing(LISTING.as_bytes()).unwrap(), name) {
            Ok(Wanted::Commit(commit)) => commit.as_str()[..3].to_owned(),
            Ok(Wanted::Beginning(hex)) => format!("{hex}..."),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_name_means_one_commit_of_the_server() {
        for (name, expected) in [
            (None, "111"),
            (Some("main"), "111"),
            (Some("refs/pull/7/head"), "333"),
            (Some("1.0.0+1"), "555"),
            (Some("refs/tags/both"), "666"),
            (
                Some("both"),
                "`both` is ambiguous; write one of these in full: refs/heads/both, refs/tags/both",
            ),
            (Some("abcd123"), "abcd123..."),
            (Some("7777777777777777777777777777777777777777"), "777"),
            (Some("missing"), "found no branch, tag or commit `missing`"),
            (
                Some("refs/heads/x"),
                "found no branch, tag or commit `refs/heads/x`",
            ),
        ] {
            assert_eq!(chosen(name), expected);
        }
    }
}
