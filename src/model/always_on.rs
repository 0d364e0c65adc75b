//! What is remembered of an always-on app between two looks at it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    app::AppDomain,
    checksum,
    recipe::{CommitSha, RecipeName, RecipeVersion},
    sealed::{self, Unusable},
};

/// The version of the record's format.
const VERSION: u32 = 1;

/// The record of one always-on app.
///
/// A hold and a rollback can stand beside each other: a release was rolled back, and a newer one is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its recipe.
    pub recipe: RecipeName,
    /// Its domain.
    pub domain: AppDomain,
    /// What was deployed last and found well; nothing before the first deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Deployed>,
    /// An upgrade that was begun and has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrading: Option<Upgrading>,
    /// The release that waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// The release that was not well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<RolledBack>,
    /// Since when it is so.
    pub since: Timestamp,
}

/// What was deployed, and by which configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployed {
    /// The release.
    pub version: RecipeVersion,
    /// The commit that its tag named.
    pub commit: CommitSha,
    /// What `fingerprint` gives of the configuration.
    pub configured: String,
}

/// An upgrade that goes on, or that was killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upgrading {
    /// The release that ran.
    pub from: RecipeVersion,
    /// The release that shall run.
    pub to: RecipeVersion,
    /// What its data is restored from; nothing as long as the data is as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// What is wrong with the new release, once that is known: from then on the upgrade is being undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// A release that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The release.
    pub version: RecipeVersion,
    /// Why it waits.
    pub why: String,
}

/// A release that was not well, so that the one before it runs again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolledBack {
    /// The release.
    pub version: RecipeVersion,
    /// What was wrong with it.
    pub why: String,
    /// What was approved when it was rolled back: the same approval does not try it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<RecipeVersion>,
}

impl Record {
    /// Returns the record of an app that nothing is known of.
    pub fn new(recipe: RecipeName, domain: AppDomain, now: Timestamp) -> Self {
        Self {
            recipe,
            domain,
            deployed: None,
            upgrading: None,
            held: None,
            rolled_back: None,
            since: now,
        }
    }

    /// Returns the word of its state.
    ///
    /// ```
    /// use ccci::model::always_on::Record;
    /// let (recipe, domain) = ("drone".parse().unwrap(), "ci.example.org".parse().unwrap());
    /// assert_eq!(Record::new(recipe, domain, jiff::Timestamp::UNIX_EPOCH).word(), "idle");
    /// ```
    pub const fn word(&self) -> &'static str {
        match self {
            Self {
                upgrading: Some(_), ..
            } => "upgrading",
            Self { held: Some(_), .. } => "held",
            Self {
                rolled_back: Some(_),
                ..
            } => "rolled-back",
            Self { .. } => "idle",
        }
    }

    /// Returns the record once a deploy was found well: it ends an upgrade, and a rollback that it left behind.
    #[must_use]
    pub fn deployed(mut self, deployed: Deployed, now: Timestamp) -> Self {
        let is_behind = |version: &RecipeVersion| *version <= deployed.version;
        self.rolled_back = self.rolled_back.filter(|back| !is_behind(&back.version));
        self.held = self.held.filter(|held| !is_behind(&held.version));
        self.upgrading = None;
        self.deployed = Some(deployed);
        self.since = now;
        self
    }

    /// Returns the record of an upgrade that is about to begin, or that has taken its snapshot.
    #[must_use]
    pub fn upgrading(mut self, upgrading: Upgrading, now: Timestamp) -> Self {
        self.upgrading = Some(upgrading);
        self.since = now;
        self
    }

    /// Returns the record once a killed upgrade was undone, which says nothing of its release.
    #[must_use]
    pub fn recovered(mut self, now: Timestamp) -> Self {
        self.upgrading = None;
        self.since = now;
        self
    }

    /// Returns the record once a release was rolled back: the newest such release is remembered.
    #[must_use]
    pub fn rolled_back(mut self, back: RolledBack, now: Timestamp) -> Self {
        self.upgrading = None;
        let kept = self.rolled_back.filter(|kept| kept.version > back.version);
        self.rolled_back = Some(kept.unwrap_or(back));
        self.since = now;
        self
    }

    /// Returns the record with what waits for a person, or that nothing does.
    #[must_use]
    pub fn held(mut self, held: Option<Held>, now: Timestamp) -> Self {
        if self.held != held {
            self.held = held;
            self.since = now;
        }
        self
    }

    /// Returns the text of the file.
    pub fn render(&self) -> String {
        sealed::seal(VERSION, self)
    }

    /// Reads the file of an app, which must be that very app's.
    pub fn parse(text: &[u8], domain: &AppDomain) -> Result<Self, Unusable> {
        let record: Self = sealed::open(VERSION, text)?;
        if record.domain == *domain {
            return Ok(record);
        }
        let said = format!("it is the record of `{}`", record.domain);
        Err(Unusable::Damaged(said))
    }
}

/// Returns a digest of what was configured, which a change of any name or value changes.
pub fn fingerprint(environment: &BTreeMap<String, String>) -> String {
    let mut digest = Sha256::new();
    for text in environment.iter().flat_map(|(name, value)| [name, value]) {
        // The length keeps two texts from running into one another.
        digest.update(text.len().to_le_bytes());
        digest.update(text.as_bytes());
    }
    checksum::hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(tag: &str) -> RecipeVersion {
        tag.parse().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn fresh() -> Record {
        let domain = "warm-keycloak.ci.example.org".parse().unwrap();
        Record::new("keycloak".parse().unwrap(), domain, at(0))
    }

    fn deploy(tag: &str) -> Deployed {
        Deployed {
            version: version(tag),
            commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
            configured: fingerprint(&BTreeMap::new()),
        }
    }

    fn back(tag: &str) -> RolledBack {
        RolledBack {
            version: version(tag),
            why: "`app` never became healthy".to_owned(),
            approved: None,
        }
    }

    fn hold(tag: &str) -> Held {
        Held {
            version: version(tag),
            why: "a major release".to_owned(),
        }
    }

    fn full() -> Record {
        let upgrading = Upgrading {
            from: version("1.4.0+26.0"),
            to: version("1.5.0+26.1"),
            snapshot: Some("snapshot".to_owned()),
            failed: None,
        };
        fresh()
            .deployed(deploy("1.4.0+26.0"), at(1))
            .rolled_back(back("1.4.1+26.0"), at(2))
            .held(Some(hold("2.0.0+27.0")), at(3))
            .upgrading(upgrading, at(4))
    }

    #[test]
    fn every_record_comes_back_as_it_was() {
        for record in [fresh(), fresh().deployed(deploy("1.0.0+1"), at(1)), full()] {
            let text = record.render();
            let read = Record::parse(text.as_bytes(), &record.domain);
            assert_eq!(read.unwrap(), record);
        }
    }

    #[test]
    fn the_form_of_the_file_is_the_one_that_older_files_have() {
        insta::assert_snapshot!(full().render(), @r#"
        {
          "v": 1,
          "record": {
            "recipe": "keycloak",
            "domain": "warm-keycloak.ci.example.org",
            "deployed": {
              "version": "1.4.0+26.0",
              "commit": "0123456789abcdef0123456789abcdef01234567",
              "configured": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            },
            "upgrading": {
              "from": "1.4.0+26.0",
              "to": "1.5.0+26.1",
              "snapshot": "snapshot"
            },
            "held": {
              "version": "2.0.0+27.0",
              "why": "a major release"
            },
            "rolled_back": {
              "version": "1.4.1+26.0",
              "why": "`app` never became healthy"
            },
            "since": "1970-01-01T00:00:04Z"
          },
          "sha256": "ad58bd6343afeb7145465526181e675da7988fbab1ce582598c81325c7a9d03e"
        }
        "#);
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let (record, text) = (full(), full().render());
        for bit in 0..(text.len() - 1) * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = Record::parse(&bytes, &record.domain).unwrap_err();
            assert!(matches!(error, Unusable::Damaged(_)), "bit {bit}: {error}");
        }
    }

    #[test]
    fn the_record_of_another_app_and_of_a_newer_ccci_are_refused() {
        let text = full().render();
        let other = "warm-drone.ci.example.org".parse().unwrap();
        let error = Record::parse(text.as_bytes(), &other).unwrap_err();
        let said = "it is damaged: it is the record of `warm-keycloak.ci.example.org`";
        assert_eq!(error.to_string(), said);
        let newer = sealed::seal(VERSION + 1, &full());
        let error = Record::parse(newer.as_bytes(), &full().domain).unwrap_err();
        assert_eq!(error, Unusable::Newer);
    }

    #[test]
    fn the_word_is_that_of_what_matters_most() {
        let rolled = fresh().rolled_back(back("1.5.0+1"), at(1));
        assert_eq!((fresh().word(), rolled.word()), ("idle", "rolled-back"));
        assert_eq!(rolled.held(Some(hold("2.0.0+1")), at(2)).word(), "held");
        assert_eq!(full().word(), "upgrading");
        assert_eq!(full().recovered(at(5)).word(), "held");
    }

    #[test]
    fn a_newer_release_that_is_well_ends_holds_and_rollbacks_below_it() {
        let record = full().deployed(deploy("1.5.0+26.1"), at(5));
        assert_eq!((&record.rolled_back, &record.upgrading), (&None, &None));
        assert_eq!(record.held, Some(hold("2.0.0+27.0")));
        let record = record.deployed(deploy("2.0.0+27.0"), at(6));
        assert_eq!((record.held, record.since), (None, at(6)));
        let kept = full().deployed(deploy("1.4.0+26.0"), at(5));
        assert_eq!(kept.rolled_back, Some(back("1.4.1+26.0")));
    }

    #[test]
    fn an_older_rollback_never_hides_a_newer_one() {
        let record = fresh().rolled_back(back("1.5.0+1"), at(1));
        let record = record.rolled_back(back("1.4.1+1"), at(2));
        assert_eq!(record.rolled_back, Some(back("1.5.0+1")));
    }

    #[test]
    fn the_time_of_a_hold_is_that_of_its_first_sight() {
        let record = fresh().held(Some(hold("2.0.0+1")), at(1));
        assert_eq!(
            record.clone().held(Some(hold("2.0.0+1")), at(2)).since,
            at(1)
        );
        assert_eq!(record.held(None, at(2)).since, at(2));
    }

    #[test]
    fn every_change_of_the_configuration_changes_its_fingerprint() {
        let print = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().copied();
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            fingerprint(&pairs.collect())
        };
        let all = [
            print(&[]),
            print(&[("A", "")]),
            print(&[("A", "B")]),
            print(&[("A", "b")]),
            print(&[("AB", "")]),
            print(&[("A", ""), ("B", "")]),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(
            print(&[("A", "1"), ("B", "2")]),
            print(&[("B", "2"), ("A", "1")])
        );
    }
}
