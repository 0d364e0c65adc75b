//! Kinds and names of the objects that an app leaves on a swarm; never asks the swarm itself.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of object on the swarm, in the order in which a teardown meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResourceKind {
    /// A swarm service.
    Service,
    /// A container of a task, or one left by a task.
    Container,
    /// A network, overlay as a rule.
    Network,
    /// A swarm secret.
    Secret,
    /// A swarm config.
    Config,
    /// A volume of the engine.
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

    /// Returns the longest name in bytes that ccci lets an object of this kind have.
    ///
    /// The engine refuses secrets and configs over 64 and services over 63. The others are held to
    /// 64, so that every name of a recipe obeys one limit.
    pub fn longest_name(self) -> usize {
        match self {
            Self::Service => 63,
            Self::Container | Self::Network | Self::Secret | Self::Config | Self::Volume => 64,
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One object on the swarm, by kind and full name.
///
/// ```
/// use ccci::model::resource::{Resource, ResourceKind};
///
/// let volume = Resource::new(ResourceKind::Volume, "cust-a1b2c3_ci_example_org_data");
/// assert_eq!(volume.to_string(), "volume `cust-a1b2c3_ci_example_org_data`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// Its full name on the swarm.
    pub name: String,
}

impl Resource {
    /// Makes a resource of a kind and a full name.
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

/// Returns those resources whose name is longer than their kind may have.
pub fn too_long(resources: &[Resource]) -> Vec<&Resource> {
    resources
        .iter()
        .filter(|resource| resource.name.len() > resource.kind.longest_name())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_in_kebab_case_and_shown_alike() {
        let volume = Resource::new(ResourceKind::Volume, "v");
        let json = serde_json::to_string(&volume).unwrap();
        assert_eq!(json, r#"{"kind":"volume","name":"v"}"#);
        assert_eq!(serde_json::from_str::<Resource>(&json).unwrap(), volume);
        assert_eq!(ResourceKind::Config.to_string(), "config");
    }

    #[test]
    fn a_name_is_too_long_only_beyond_its_kinds_limit() {
        let at = |kind, length| Resource::new(kind, "x".repeat(length));
        let resources = [
            at(ResourceKind::Service, 63),
            at(ResourceKind::Service, 64),
            at(ResourceKind::Secret, 64),
            at(ResourceKind::Secret, 65),
            at(ResourceKind::Volume, 65),
        ];
        let found: Vec<_> = too_long(&resources)
            .into_iter()
            .map(|found| (found.kind, found.name.len()))
            .collect();
        assert_eq!(
            found,
            [
                (ResourceKind::Service, 64),
                (ResourceKind::Secret, 65),
                (ResourceKind::Volume, 65)
            ]
        );
    }
}
