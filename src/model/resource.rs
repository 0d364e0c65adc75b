//! The kinds of objects an app has on the swarm.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of object on the swarm, in the order in which an app's objects are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// A swarm service.
    Service,
    /// A container of this node.
    Container,
    /// A network.
    Network,
    /// A swarm secret.
    Secret,
    /// A swarm config.
    Config,
    /// A volume of this node.
    Volume,
}

impl ResourceKind {
    /// All kinds, in the order of removal.
    pub const ALL: [Self; 6] = [
        Self::Service,
        Self::Container,
        Self::Network,
        Self::Secret,
        Self::Config,
        Self::Volume,
    ];

    /// Returns the kind's word, which is docker's too.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Container => "container",
            Self::Network => "network",
            Self::Secret => "secret",
            Self::Config => "config",
            Self::Volume => "volume",
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One object, by kind and whole name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resource {
    /// The object's kind.
    pub kind: ResourceKind,
    /// The object's whole name.
    pub name: String,
}

impl Resource {
    /// Makes a resource of a kind and a name.
    pub fn new(kind: ResourceKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)
    }
}
