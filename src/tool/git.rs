//! git: reads repositories, copies them, and takes one commit out of them.
//!
//! It starts no hook, no filter, no monitor and no submodule, reads no configuration of user or system, and gives no outside word where git expects an option.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    model::recipe::{CommitSha, parse_ref},
    sys::process::{self, Cmd, Exit, Host, Output},
};

mod fetch;
mod history;
pub(crate) mod names;
mod read;
mod remote;
mod worktree;

pub(crate) use history::Wish;
pub(crate) use read::Tag;
pub(crate) use remote::{Rejected, RemoteRefs, Update};
pub(crate) use worktree::copy_directory;

/// Runs git.
pub(crate) struct Git<'a> {
    /// What all children have in common.
    host: &'a Host,
    /// The program.
    program: PathBuf,
    /// The time limit of one call.
    limit: Duration,
}

/// Why git did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It could not be run.
    #[error("failed to run git")]
    Process(#[from] process::Error),
    /// It ended otherwise than well.
    #[error("git failed to {what} ({exit})\n{tail}")]
    Failed {
        /// What it was doing.
        what: String,
        /// How it ended.
        exit: Exit,
        /// The end of what it printed.
        tail: String,
    },
    /// The repository has no such branch, tag or commit.
    #[error("found no branch, tag or commit `{name}`")]
    Unknown {
        /// The name.
        name: String,
        /// The branches and tags that it has.
        known: Vec<String>,
    },
    /// A name fits several.
    #[error("`{name}` is ambiguous; write one of these in full: {}", .candidates.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// What it fits.
        candidates: Vec<String>,
    },
    /// The content, or a name, is not accepted.
    #[error("refused: {0}")]
    Refused(String),
    /// A file could not be read, written or removed.
    #[error("failed to read or write `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Permits repositories of another user: what they could do by their own configuration is off.
const SAFE_DIRECTORY: &str = "safe.directory=*";

/// Settings of every call, each with the reason.
const SETTINGS: [&str; 13] = [
    SAFE_DIRECTORY,
    // A repository's own hooks are a stranger's programs.
    "core.hooksPath=/dev/null",
    // So is its file-system monitor, which a status would start.
    "core.fsmonitor=false",
    // A bare repository hidden in a work tree would bring a configuration of its own.
    "safe.bareRepository=explicit",
    // The one transport that is a command line.
    "protocol.ext.allow=never",
    // A submodule is another repository, at a URL that nobody checked.
    "submodule.recurse=false",
    // Both leave a process behind that outlives the run.
    "gc.auto=0",
    "maintenance.auto=false",
    // The defaults of these two lie in the user's home.
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    // An empty value ends the list of helpers, which are programs.
    "credential.helper=",
    // Files come as they were committed.
    "core.autocrlf=false",
    // Nobody reads the advice.
    "advice.detachedHead=false",
];

/// Variables of every call, each with the reason.
const VARIABLES: [(&str, &str); 9] = [
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    // Nobody answers a question.
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS", ""),
    // A missing object is never fetched from wherever the repository says.
    ("GIT_NO_LAZY_FETCH", "1"),
    // Attributes come from the empty tree: none names a filter.
    (
        "GIT_ATTR_SOURCE",
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    ),
    // A connection that is kept open would outlive the run; a question would wait for ever.
    (
        "GIT_SSH_COMMAND",
        "ssh -oBatchMode=yes -oControlMaster=no -oControlPath=none",
    ),
];

/// How long the id of a commit is in a repository by SHA-256.
const SHA256_LENGTH: usize = 64;

impl<'a> Git<'a> {
    /// Prepares calls of git.
    pub(crate) fn new(host: &'a Host, program: &Path, limit: Duration) -> Self {
        Self {
            host,
            program: program.to_owned(),
            limit,
        }
    }

    /// Builds a call in a repository, which is the directory itself and none above it.
    fn call(&self, repository: &Path, protocols: &str) -> Cmd {
        // A status would else write the index of a repository that is only read, and globs in a path select more than it names.
        let fixed = ["--no-pager", "--no-optional-locks", "--literal-pathspecs"];
        let mut cmd = Cmd::new(&self.program, self.limit)
            .args(fixed)
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .arg("-C")
            .arg(repository)
            .env("GIT_ALLOW_PROTOCOL", protocols);
        for (key, value) in VARIABLES {
            cmd = cmd.env(key, value);
        }
        let whole = repository.canonicalize();
        if let Some(above) = whole.as_deref().ok().and_then(Path::parent) {
            cmd = cmd.env("GIT_CEILING_DIRECTORIES", above);
        }
        cmd
    }

    /// Runs a command in a repository, without any transport.
    fn run(&self, repository: &Path, args: &[&str]) -> Result<Output, Error> {
        Ok(self.call(repository, "none").args(args).run(self.host)?)
    }

    /// Runs a command that has to succeed, and returns what it printed.
    fn read(&self, repository: &Path, what: &str, args: &[&str]) -> Result<Vec<u8>, Error> {
        whole(what, self.run(repository, args)?)
    }

    /// Returns git's version.
    pub(crate) fn version(&self) -> Result<String, Error> {
        let told = self.read(Path::new("/"), "tell its version", &["version"])?;
        let told = String::from_utf8_lossy(&told);
        let version = told.trim().strip_prefix("git version ");
        // Some builds add words of their own after the number.
        let number = version.and_then(|version| version.split_whitespace().next());
        let number = number.map(str::to_owned);
        number.ok_or_else(|| garbled("tell its version", told.trim()))
    }

    /// Returns the one commit that a branch, a tag or the beginning of a commit names.
    pub(crate) fn resolve(&self, repository: &Path, name: &str) -> Result<CommitSha, Error> {
        let name = parse_ref(name).map_err(|error| Error::Refused(error.to_string()))?;
        if name == "HEAD" || name.starts_with("refs/") {
            let found = self.commit_of(repository, &name)?;
            return found.ok_or_else(|| self.unknown(repository, name));
        }
        let full = [format!("refs/heads/{name}"), format!("refs/tags/{name}")];
        let mut found = Vec::new();
        for full in full {
            if let Some(commit) = self.commit_of(repository, &full)? {
                found.push((full, commit));
            }
        }
        match &found[..] {
            [] => {}
            [(_, commit)] => return Ok(commit.clone()),
            [..] => {
                let candidates = found.into_iter().map(|(full, _)| full).collect();
                return Err(Error::Ambiguous { name, candidates });
            }
        }
        let remote = format!("refs/remotes/origin/{name}");
        if let Some(commit) = self.commit_of(repository, &remote)? {
            return Ok(commit);
        }
        self.resolve_commit(repository, name)
    }

    /// Returns the commit whose id begins so.
    fn resolve_commit(&self, repository: &Path, name: String) -> Result<CommitSha, Error> {
        let hex = name.chars().all(|c| c.is_ascii_hexdigit());
        if !hex || !(4..=40).contains(&name.len()) {
            return Err(self.unknown(repository, name));
        }
        let option = format!("--disambiguate={}", name.to_ascii_lowercase());
        let listed = self.read(repository, "find a commit", &["rev-parse", &option])?;
        let mut commits = Vec::new();
        for id in lines(&listed) {
            if self.kind(repository, &id)?.as_deref() == Some("commit") {
                commits.push(id);
            }
        }
        match &commits[..] {
            [] => Err(self.unknown(repository, name)),
            [commit] => parse_commit(commit),
            [..] => Err(Error::Ambiguous {
                name,
                candidates: commits,
            }),
        }
    }

    /// Says that there is no such name, and which ones there are.
    fn unknown(&self, repository: &Path, name: String) -> Error {
        let places = ["refs/heads", "refs/remotes/origin", "refs/tags"];
        let args = [
            &["for-each-ref", "--format=%(refname:lstrip=2)"][..],
            &places,
        ]
        .concat();
        // The list is a help only: without it the answer is the same.
        let listed = self.read(repository, "list names", &args);
        let listed = listed.map(|listed| lines(&listed)).unwrap_or_default();
        let known = listed
            .iter()
            .map(|name| name.strip_prefix("origin/").unwrap_or(name));
        let known = known.map(str::to_owned).collect();
        Error::Unknown { name, known }
    }

    /// Returns the kind of an object, which is named by its id.
    fn kind(&self, repository: &Path, id: &str) -> Result<Option<String>, Error> {
        let output = self.run(repository, &["cat-file", "-t", "--end-of-options", id])?;
        ended(&output)?;
        Ok(output.ok().then(|| output.stdout_text().trim().to_owned()))
    }

    /// Returns the commit of `HEAD` or of a ref that is written in full.
    fn commit_of(&self, repository: &Path, full: &str) -> Result<Option<CommitSha>, Error> {
        let wanted = format!("{full}^{{commit}}");
        let args = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &wanted,
        ];
        let output = self.run(repository, &args)?;
        ended(&output)?;
        let id = output.stdout_text();
        output.ok().then(|| parse_commit(id.trim())).transpose()
    }
}

/// Reads a commit's id as git prints it.
fn parse_commit(id: &str) -> Result<CommitSha, Error> {
    id.parse().map_err(|_| {
        if id.len() == SHA256_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let said = format!("`{id}` is no commit of a repository by SHA-1");
            return Error::Refused(said);
        }
        garbled("tell a commit", id)
    })
}

/// Fails when git was ended before it was done.
fn ended(output: &Output) -> Result<(), Error> {
    match output.exit {
        Exit::Success | Exit::Code(_) => Ok(()),
        Exit::Signal(_) | Exit::TimedOut | Exit::Interrupted => Err(failed("finish", output)),
    }
}

/// Returns what a call that has to succeed printed, all of it.
fn whole(what: &str, output: Output) -> Result<Vec<u8>, Error> {
    if !output.ok() {
        return Err(failed(what, &output));
    }
    if output.truncated {
        return Err(Error::Refused(format!("git printed too much to {what}")));
    }
    Ok(output.stdout)
}

/// Builds the error of a call that did not succeed.
fn failed(what: &str, output: &Output) -> Error {
    Error::Failed {
        what: what.to_owned(),
        exit: output.exit,
        tail: output.tail(10),
    }
}

/// Builds the error of a call that ended well and gave what git never gives.
fn garbled(what: &str, given: &str) -> Error {
    Error::Failed {
        what: what.to_owned(),
        exit: Exit::Success,
        tail: format!("it gave `{}`", given.escape_debug()),
    }
}

/// Splits output into lines.
fn lines(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().map(str::to_owned).collect()
}

/// Splits output at its NUL bytes.
fn records(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty())
}

#[cfg(test)]
mod tests;
