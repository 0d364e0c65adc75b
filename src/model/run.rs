//! What is asked of a run, and how a run is called.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    recipe::{CommitSha, Invalid, RecipeName},
    source::RemoteUrl,
    stage::Stage,
};

/// The letters and digits of a run id: none that look alike.
const ID_ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
/// How many of them an id has.
const ID_LENGTH: usize = 5;

/// A run's id: five characters without look-alikes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// Makes an id from a number, of which the lowest 25 bits count.
    pub fn from_number(number: u64) -> Self {
        let digit = |place: usize| {
            let index = (number >> (5 * place)) & 31;
            char::from(ID_ALPHABET[usize::try_from(index).expect("31 fits any usize")])
        };
        Self((0..ID_LENGTH).map(digit).collect())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() == ID_LENGTH && text.bytes().all(|byte| ID_ALPHABET.contains(&byte)) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "run id",
            text,
            "five of the letters and digits without l, o, 0 and 1, as in `k7m2q`",
        ))
    }
}

impl TryFrom<String> for RunId {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the recipe under test comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory of this machine, uncommitted changes included.
    Path(PathBuf),
    /// A git repository, by the URL given or the configured template.
    Remote {
        /// What git is to fetch from.
        url: RemoteUrl,
        /// Whether somebody else than a maintainer may have written the head.
        trust: Trust,
    },
}

/// Whether what the head holds was written by someone who may run code on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// A local path, or a released tag of an enrolled recipe.
    Trusted,
    /// Anything else.
    Untrusted,
}

/// Which commit of the source is the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What is checked out, with uncommitted changes; of a remote, its default branch.
    Default,
    /// A branch, tag or commit.
    Ref(String),
    /// A released version.
    Version(String),
    /// The newest release; the default branch where there is none.
    Newest,
}

/// What a run starts from, and what becomes of its app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunMode {
    /// From nothing; the app is removed.
    #[default]
    Cold,
    /// From the data of the recipe's canonical, which is put back afterwards.
    Quick,
    /// From nothing, at a tested release; the app becomes the recipe's canonical.
    Promote,
    /// Over whatever is there of an always-on app, which stays.
    Reconcile,
}

impl RunMode {
    /// Returns the mode's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Quick => "quick",
            Self::Promote => "promote",
            Self::Reconcile => "reconcile",
        }
    }

    /// Tells whether the app is deployed and no more, so that the run says nothing of its recipe's level.
    pub const fn only_installs(self) -> bool {
        matches!(self, Self::Promote | Self::Reconcile)
    }

    /// Tells whether the app is the recipe's canonical.
    pub const fn is_warm(self) -> bool {
        matches!(self, Self::Quick | Self::Promote)
    }
}

/// One run that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRequest {
    /// What it starts from.
    pub mode: RunMode,
    /// The recipe's name.
    pub recipe: RecipeName,
    /// Where it comes from.
    pub source: Source,
    /// Which commit is tested.
    pub wanted: Wanted,
    /// The one commit that it may be; any when nothing is said.
    pub commit: Option<CommitSha>,
    /// The pull request's number.
    pub pr: Option<u64>,
    /// The stages asked for, in order.
    pub stages: Vec<Stage>,
}

/// When an app is kept after its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Never.
    Never,
    /// When the run did not pass.
    Failed,
    /// Always.
    Always,
}

/// What deploys the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployerKind {
    /// The real abra.
    Abra,
    /// Docker alone, built in.
    Docker,
}

impl DeployerKind {
    /// Returns the deployer's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Abra => "abra",
            Self::Docker => "docker",
        }
    }
}

/// How the app is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IngressKind {
    /// Through the proxy on the `proxy` network, over HTTPS.
    Proxy,
    /// At the task's own address on this host, over HTTP.
    Direct,
}

impl IngressKind {
    /// Returns the way's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Direct => "direct",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_made_from_a_number_is_read_back() {
        for number in [0, 1, 31, 32, 0x1ff_ffff, u64::MAX] {
            let id = RunId::from_number(number);
            assert_eq!(id.as_str().parse(), Ok(id.clone()));
        }
        assert_ne!(RunId::from_number(1), RunId::from_number(32));
    }

    #[test]
    fn look_alikes_are_no_id() {
        for bad in ["k7m2", "k7m2l", "K7M2Q", "k7m20", "../..", ""] {
            assert!(bad.parse::<RunId>().is_err(), "{bad:?}");
        }
    }
}
