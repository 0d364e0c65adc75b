//! The record of a recipe's canonical: what is known to be good, and where its data is.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    app::AppDomain,
    outcome::Trouble,
    recipe::{CommitSha, RecipeName, RecipeVersion},
    resource::{Resource, ResourceKind},
    run::{RunId, RunMode},
    sealed::{Unusable, open, seal},
};

/// The version of the record's format; a reader refuses a newer one.
pub const CANONICAL_VERSION: u32 = 1;

/// What is known to be good of a recipe: a release that was tested, with the data of a fresh install of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canonical {
    /// The recipe.
    pub recipe: RecipeName,
    /// The domain of its app.
    pub domain: AppDomain,
    /// The release that was tested.
    pub version: RecipeVersion,
    /// The commit that its tag points to.
    pub commit: CommitSha,
    /// The run that promoted it.
    pub run_id: RunId,
    /// When it was promoted.
    pub promoted: Timestamp,
    /// Where its data is kept.
    pub known_good: KnownGood,
    /// The whole names of the secrets that its data was made with; they stay on the swarm.
    pub secrets: BTreeSet<String>,
    /// The whole names of its volumes; they stay on the swarm.
    pub volumes: BTreeSet<String>,
    /// What goes on with the app.
    pub status: Status,
}

/// The folder with the last good snapshot, and what tells that it is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownGood {
    /// The folder's name.
    pub folder: String,
    /// The checksum of the snapshot's manifest, which holds those of the data.
    pub manifest_sha256: String,
    /// The checksum of the app's `.env`.
    pub env_sha256: String,
    /// How many bytes the snapshot has.
    pub bytes: u64,
}

/// What goes on with a canonical's app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Status {
    /// Nothing: it is undeployed, and its volumes hold what the snapshot does.
    Idle,
    /// A run uses it, and its volumes may hold anything.
    InUse {
        /// The run.
        run: RunId,
        /// What kind of run it is.
        mode: RunMode,
    },
}

/// What a run did to the canonical at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// What it was to do.
    pub deed: Deed,
    /// What is known to be good now, as people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_good: Option<String>,
    /// How many volumes it has.
    pub volumes: usize,
    /// How many bytes its snapshot has.
    pub bytes: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// What a run is to do to the canonical at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Its app becomes the canonical.
    Promote,
    /// The canonical becomes what it was.
    PutBack,
}

impl Canonical {
    /// Writes the record.
    pub fn render(&self) -> String {
        seal(CANONICAL_VERSION, self)
    }

    /// Reads a record.
    pub fn parse(text: &[u8]) -> Result<Self, Unusable> {
        let canonical: Self = open(CANONICAL_VERSION, text)?;
        let folder = &canonical.known_good.folder;
        if folder.contains(['/', '\0']) || folder.starts_with('.') {
            return Err(Unusable::Damaged("its folder is no name".to_owned()));
        }
        Ok(canonical)
    }

    /// Returns what stays on the swarm while its app is undeployed.
    pub fn kept(&self) -> BTreeSet<Resource> {
        let volumes = self.volumes.iter();
        let volumes = volumes.map(|name| Resource::new(ResourceKind::Volume, name));
        volumes.chain(self.kept_secrets()).collect()
    }

    /// Returns the secrets that its data was made with.
    pub fn kept_secrets(&self) -> impl Iterator<Item = Resource> {
        let secrets = self.secrets.iter();
        secrets.map(|name| Resource::new(ResourceKind::Secret, name))
    }

    /// Returns what people call it, as `1.1.0+1.22.1 (76f6e60)`.
    pub fn title(&self) -> String {
        format!("{} ({})", self.version, &self.commit.as_str()[..7])
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::checksum::sha256;

    /// A record that is whole.
    pub(crate) fn canonical() -> Canonical {
        Canonical {
            recipe: "n8n".parse().unwrap(),
            domain: "warm-n8n.ci.example.org".parse().unwrap(),
            version: "1.1.0+2.0".parse().unwrap(),
            commit: "8".repeat(40).parse().unwrap(),
            run_id: RunId::from_number(7),
            promoted: "2026-11-20T10:00:00Z".parse().unwrap(),
            known_good: KnownGood {
                folder: "known-good-0a1b2c3d".to_owned(),
                manifest_sha256: sha256(b"a"),
                env_sha256: sha256(b"b"),
                bytes: 10_240,
            },
            secrets: ["warm-n8n_ci_example_org_key_v1".to_owned()].into(),
            volumes: ["warm-n8n_ci_example_org_data".to_owned()].into(),
            status: Status::Idle,
        }
    }

    #[test]
    fn a_record_is_read_back_as_it_was_written() {
        let record = canonical();
        assert_eq!(
            Canonical::parse(record.render().as_bytes()),
            Ok(record.clone())
        );
        let in_use = Canonical {
            status: Status::InUse {
                run: RunId::from_number(9),
                mode: RunMode::Quick,
            },
            ..record
        };
        assert_eq!(Canonical::parse(in_use.render().as_bytes()), Ok(in_use));
    }

    #[test]
    fn a_folder_that_leads_elsewhere_is_damage() {
        for folder in ["../x", "a/b", ".hidden"] {
            let mut elsewhere = canonical();
            elsewhere.known_good.folder = folder.to_owned();
            let read = Canonical::parse(elsewhere.render().as_bytes());
            assert!(matches!(read, Err(Unusable::Damaged(_))), "{folder}");
        }
    }
}
