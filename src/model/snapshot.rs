//! What a snapshot of an app's volumes holds: its manifest, read with suspicion; never touches a volume.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::app::StackName;

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;
/// The name of the manifest's file.
pub const MANIFEST: &str = "manifest.json";
/// What the name of an archive ends with.
const SUFFIX: &str = ".tar";
/// How many entries one archive may have.
const MOST_ENTRIES: u64 = 20_000_000;
/// The longest name of an archive that file systems take.
const LONGEST: usize = 255;

/// What a snapshot holds.
///
/// ```
/// use ccci::model::snapshot::Manifest;
///
/// let text = r#"{"version":1,"stack":"a_example_org","taken":"2026-11-20T10:00:00Z","volumes":[]}"#;
/// assert!(Manifest::parse(text).unwrap().volumes.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format.
    pub version: u32,
    /// The stack whose volumes these are.
    pub stack: String,
    /// When it was taken.
    pub taken: Timestamp,
    /// Each volume, in the order of their names.
    pub volumes: Vec<VolumeArchive>,
}

/// A volume of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeArchive {
    /// Its full name.
    pub name: String,
    /// What makes it, as `local`.
    pub driver: String,
    /// The driver's options.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The name of its archive, beside the manifest.
    pub archive: String,
    /// How long the archive is.
    pub bytes: u64,
    /// How many bytes its files hold, without their holes.
    pub content: u64,
    /// How many entries the archive has, the volume's own folder included.
    pub entries: u64,
    /// How many sockets were left out.
    #[serde(default)]
    pub sockets: u64,
    /// The archive's checksum in hexadecimal digits.
    pub sha256: String,
}

/// Why a manifest cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no manifest.
    #[error("the manifest cannot be read: {0}")]
    Unreadable(String),
    /// It was written by another ccci.
    #[error("the snapshot has format {0}, and this ccci reads format {VERSION}")]
    Version(u64),
    /// It is of another app.
    #[error("the snapshot is of stack `{found}`, not of `{wanted}`")]
    OtherStack {
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// Something in it is odd.
    #[error("the manifest holds {what} `{value}`")]
    Odd {
        /// What it is.
        what: &'static str,
        /// As it stands there.
        value: String,
    },
}

/// The part of a manifest that every version has.
#[derive(Deserialize)]
struct Versioned {
    /// The version.
    version: u64,
}

impl Manifest {
    /// Parses a manifest, and refuses one that could lead somewhere else than it should.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let unreadable = |error: serde_json::Error| Error::Unreadable(error.to_string());
        let versioned: Versioned = serde_json::from_str(text).map_err(unreadable)?;
        if versioned.version != u64::from(VERSION) {
            return Err(Error::Version(versioned.version));
        }
        let manifest: Self = serde_json::from_str(text).map_err(unreadable)?;
        let (mut names, mut archives) = (BTreeSet::new(), BTreeSet::new());
        for volume in &manifest.volumes {
            volume.check(&manifest.stack)?;
            if !names.insert(&volume.name) {
                return Err(odd("twice the volume", &volume.name));
            }
            if !archives.insert(&volume.archive) {
                return Err(odd("twice the archive", &volume.archive));
            }
        }
        Ok(manifest)
    }

    /// Checks that these are the volumes of a stack.
    pub fn check_stack(&self, stack: &StackName) -> Result<(), Error> {
        if self.stack == stack.as_str() {
            return Ok(());
        }
        Err(Error::OtherStack {
            found: self.stack.clone(),
            wanted: stack.as_str().to_owned(),
        })
    }

    /// Returns the manifest as it is written.
    pub fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("texts, numbers and maps can be written") + "\n"
    }

    /// Returns how many bytes all archives have.
    pub fn bytes(&self) -> u64 {
        let bytes = self.volumes.iter().map(|volume| volume.bytes);
        bytes.fold(0, u64::saturating_add)
    }

    /// Returns how many sockets were left out in all.
    pub fn sockets(&self) -> u64 {
        let sockets = self.volumes.iter().map(|volume| volume.sockets);
        sockets.fold(0, u64::saturating_add)
    }
}

impl VolumeArchive {
    /// Checks what is used as a name of something.
    fn check(&self, stack: &str) -> Result<(), Error> {
        if !is_volume_name(&self.name) || !is_of_stack(&self.name, stack) {
            return Err(odd("the volume", &self.name));
        }
        if self.archive != archive_name(&self.name, stack) {
            return Err(odd("the archive", &self.archive));
        }
        let is_digest =
            self.sha256.len() == 64 && self.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_digest {
            return Err(odd("the checksum", &self.sha256));
        }
        if self.entries > MOST_ENTRIES {
            return Err(odd("the number of entries", &self.entries.to_string()));
        }
        if self.driver.is_empty() || self.driver.starts_with('-') {
            return Err(odd("the driver", &self.driver));
        }
        Ok(())
    }
}

/// Tells whether a volume can be kept in a snapshot of a stack: its name is the stack's, and short enough for a file.
pub fn can_hold(volume: &str, stack: &StackName) -> bool {
    is_volume_name(volume)
        && is_of_stack(volume, stack.as_str())
        && archive_name(volume, stack.as_str()).len() <= LONGEST
}

/// Returns the name of a volume's archive: its name without the stack's.
pub fn archive_name(volume: &str, stack: &str) -> String {
    let short = volume
        .strip_prefix(stack)
        .and_then(|rest| rest.strip_prefix('_'));
    format!("{}{SUFFIX}", short.unwrap_or(volume))
}

/// Tells whether docker takes a name for that of a volume.
fn is_volume_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_plain)
}

/// Tells whether a volume is named after a stack.
fn is_of_stack(volume: &str, stack: &str) -> bool {
    let short = volume
        .strip_prefix(stack)
        .and_then(|rest| rest.strip_prefix('_'));
    short.is_some_and(|short| !short.is_empty() && !short.starts_with('.'))
}

/// Makes the error of something odd.
fn odd(what: &'static str, value: &str) -> Error {
    Error::Odd {
        what,
        value: value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A manifest of one volume, as it was first written.
    fn sample() -> Value {
        json!({
            "version": 1,
            "stack": "a_example_org",
            "taken": "2026-11-20T10:00:00Z",
            "volumes": [{
                "name": "a_example_org_data",
                "driver": "local",
                "options": {"type": "tmpfs"},
                "labels": {"com.docker.stack.namespace": "a_example_org"},
                "archive": "data.tar",
                "bytes": 10240,
                "content": 3,
                "entries": 2,
                "sockets": 1,
                "sha256": "0".repeat(64),
            }],
        })
    }

    /// Parses the sample with one thing changed.
    fn with(change: impl Fn(&mut Value)) -> Result<Manifest, Error> {
        let mut sample = sample();
        change(&mut sample);
        Manifest::parse(&sample.to_string())
    }

    #[test]
    fn the_first_format_is_read_and_written_back() {
        let manifest = with(|_| {}).unwrap();
        assert_eq!(Manifest::parse(&manifest.to_text()), Ok(manifest.clone()));
        assert_eq!((manifest.bytes(), manifest.sockets()), (10240, 1));
        assert_eq!(serde_json::to_value(&manifest).unwrap(), sample());
    }

    #[test]
    fn another_version_is_named_whatever_else_it_holds() {
        for version in [0, 2, 1 << 40] {
            let text = format!(r#"{{"version":{version},"volumes":7}}"#);
            assert_eq!(Manifest::parse(&text), Err(Error::Version(version)));
        }
        for odd in ["", "{}", "[]", r#"{"version":"1"}"#, r#"{"version":1}"#] {
            assert!(
                matches!(Manifest::parse(odd), Err(Error::Unreadable(_))),
                "{odd}"
            );
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [
            "../x",
            "data",
            "b_example_org_data",
            "a_example_org_",
            "a_example_org_a/b",
            "a_example_org_..",
            "-a_example_org_x",
            "",
        ] {
            let refused = with(|sample| {
                sample["volumes"][0]["name"] = name.into();
                sample["volumes"][0]["archive"] = archive_name(name, "a_example_org").into();
            });
            assert_eq!(refused, Err(odd("the volume", name)), "{name}");
        }
        for archive in [
            "../data.tar",
            "/data.tar",
            "data",
            "other.tar",
            ".data.tar",
            "x/data.tar",
            "",
        ] {
            let refused = with(|sample| sample["volumes"][0]["archive"] = archive.into());
            assert_eq!(refused, Err(odd("the archive", archive)), "{archive}");
        }
        for (key, value) in [
            ("sha256", json!("0")),
            ("sha256", json!("g".repeat(64))),
            ("entries", json!(1u64 << 40)),
            ("driver", json!("--x")),
            ("driver", json!("")),
        ] {
            let refused = with(|sample| sample["volumes"][0][key] = value.clone());
            assert!(matches!(refused, Err(Error::Odd { .. })), "{key} {value}");
        }
        let twice = with(|sample| {
            let volume = sample["volumes"][0].clone();
            sample["volumes"].as_array_mut().unwrap().push(volume);
        });
        assert_eq!(twice, Err(odd("twice the volume", "a_example_org_data")));
    }

    #[test]
    fn a_snapshot_is_of_one_stack() {
        let manifest = with(|_| {}).unwrap();
        let stack = |domain: &str| {
            domain
                .parse::<crate::model::app::AppDomain>()
                .unwrap()
                .stack()
        };
        assert_eq!(manifest.check_stack(&stack("a.example.org")), Ok(()));
        let error = manifest.check_stack(&stack("b.example.org")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the snapshot is of stack `a_example_org`, not of `b_example_org`"
        );
        assert!(can_hold("a_example_org_x", &stack("a.example.org")));
        assert!(!can_hold("a_example_org_.x", &stack("a.example.org")));
        assert!(!can_hold(
            &format!("a_example_org_{}", "x".repeat(252)),
            &stack("a.example.org")
        ));
    }
}
