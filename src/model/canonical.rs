//! The record of a recipe's canonical: what is known to be good, and where its data is.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    app::AppDomain,
    checksum::sha256,
    outcome::Trouble,
    recipe::{CommitSha, RecipeName, RecipeVersion},
    resource::{Resource, ResourceKind},
    run::{RunId, RunMode},
};

/// The version of the record's format; a reader refuses a newer one.
pub const CANONICAL_VERSION: u32 = 1;

/// What is known to be good of a recipe: a release that was tested, with the data of a fresh install of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canonical {
    /// The format's version.
    pub format: u32,
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

/// Why a record cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A newer ccci wrote it.
    #[error("it was made by a newer ccci")]
    Newer,
    /// It is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// A record as it is written: with the checksum that tells a damaged one.
#[derive(Serialize, Deserialize)]
struct Sealed {
    /// The record.
    canonical: serde_json::Value,
    /// The checksum of its compact form.
    sha256: String,
}

impl Canonical {
    /// Writes the record.
    pub fn render(&self) -> String {
        let canonical = serde_json::to_value(self).expect("a record has only texts for keys");
        let sha256 = sha256(canonical.to_string().as_bytes());
        let sealed = Sealed { canonical, sha256 };
        serde_json::to_string_pretty(&sealed).expect("a record has only texts for keys") + "\n"
    }

    /// Reads a record.
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        let damaged = |error: serde_json::Error| Unusable::Damaged(error.to_string());
        let sealed: Sealed = serde_json::from_str(text).map_err(damaged)?;
        if sha256(sealed.canonical.to_string().as_bytes()) != sealed.sha256 {
            return Err(Unusable::Damaged("its checksum differs".to_owned()));
        }
        let format = sealed.canonical["format"].as_u64();
        if format.is_some_and(|format| format > u64::from(CANONICAL_VERSION)) {
            return Err(Unusable::Newer);
        }
        let canonical: Self = serde_json::from_value(sealed.canonical).map_err(damaged)?;
        if canonical.known_good.folder.contains(['/', '\0'])
            || canonical.known_good.folder.starts_with('.')
        {
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

    /// A record that is whole.
    pub(crate) fn canonical() -> Canonical {
        Canonical {
            format: CANONICAL_VERSION,
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
        assert_eq!(Canonical::parse(&record.render()), Ok(record.clone()));
        let in_use = Canonical {
            status: Status::InUse {
                run: RunId::from_number(9),
                mode: RunMode::Quick,
            },
            ..record
        };
        assert_eq!(Canonical::parse(&in_use.render()), Ok(in_use));
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_noticed() {
        let text = canonical().render();
        let whole = Canonical::parse(&text).unwrap();
        for place in 0..text.len() {
            assert!(
                Canonical::parse(text.get(..place).unwrap_or_default()).is_err()
                    || place + 1 >= text.len()
            );
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let Ok(flipped) = String::from_utf8(bytes) else {
                    continue;
                };
                // White space between the parts, and the case of a digit of the checksum, carry nothing.
                if let Ok(read) = Canonical::parse(&flipped) {
                    assert_eq!(read, whole, "byte {place}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let mut newer = canonical();
        newer.format = CANONICAL_VERSION + 1;
        assert_eq!(Canonical::parse(&newer.render()), Err(Unusable::Newer));
        let mut elsewhere = canonical();
        elsewhere.known_good.folder = "../x".to_owned();
        let read = Canonical::parse(&elsewhere.render());
        assert!(matches!(read, Err(Unusable::Damaged(_))));
    }
}
