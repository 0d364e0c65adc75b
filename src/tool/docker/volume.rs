//! Volumes: looked at closely, and made again as they were.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

use super::client::{Docker, Error, READ_LIMIT, REMOVE_LIMIT};

/// A volume as its inspection shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Volume {
    /// Its full name.
    pub(crate) name: String,
    /// What makes it.
    pub(crate) driver: String,
    /// The driver's options.
    #[serde(default)]
    options: Option<BTreeMap<String, String>>,
    /// Its labels.
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    /// Where its files are on the engine's host.
    #[serde(default)]
    pub(crate) mountpoint: PathBuf,
    /// When it was made, to the second.
    #[serde(default)]
    created_at: String,
}

impl Volume {
    /// Describes a volume that is to be made.
    pub(crate) fn to_make(
        name: &str,
        driver: &str,
        options: &BTreeMap<String, String>,
        labels: &BTreeMap<String, String>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            driver: driver.to_owned(),
            options: Some(options.clone()),
            labels: Some(labels.clone()),
            mountpoint: PathBuf::new(),
            created_at: String::new(),
        }
    }

    /// Returns the driver's options.
    pub(crate) fn options(&self) -> BTreeMap<String, String> {
        self.options.clone().unwrap_or_default()
    }

    /// Returns its labels.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        self.labels.clone().unwrap_or_default()
    }

    /// Tells whether it is a plain folder of the engine's host.
    pub(crate) fn is_plain(&self) -> bool {
        self.driver == "local" && self.options.as_ref().is_none_or(BTreeMap::is_empty)
    }

    /// Returns when it was made, in seconds since 1970.
    pub(crate) fn born(&self) -> Option<i64> {
        let born: jiff::Timestamp = self.created_at.parse().ok()?;
        Some(born.as_second())
    }
}

impl Docker {
    /// Looks closely at volumes; leaves out those that are not there.
    pub(crate) fn inspect_volumes(&self, names: &[&str]) -> Result<Vec<Volume>, Error> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let args = ["volume", "inspect"].iter().chain(names);
        let output = self.attempt(self.call("inspect volumes", READ_LIMIT, args))?;
        let said = output.stderr_text();
        // Docker prints those it found, and exits 1 for those it did not.
        let mut complaints = said.lines().filter(|line| !line.trim().is_empty());
        if !output.ok()
            && !complaints.all(|line| line.to_ascii_lowercase().contains("no such volume"))
        {
            return Err(Error::Refused {
                doing: "inspect volumes".into(),
                said: super::client::last_words(&output),
            });
        }
        serde_json::from_slice(&output.stdout).map_err(|error| Error::Garbled {
            doing: "inspect volumes".into(),
            said: error.to_string(),
        })
    }

    /// Makes a volume.
    pub(crate) fn create_volume(&self, volume: &Volume) -> Result<(), Error> {
        let pairs = |flag: &str, pairs: BTreeMap<String, String>| {
            let pair = |(key, value)| [flag.to_owned(), format!("{key}={value}")];
            pairs.into_iter().flat_map(pair).collect::<Vec<_>>()
        };
        let args = ["volume", "create", "--driver", &volume.driver].map(str::to_owned);
        let args = args.into_iter().chain(pairs("--opt", volume.options()));
        let args = args.chain(pairs("--label", volume.labels()));
        let args = args.chain([volume.name.clone()]);
        let doing = format!("make volume {}", volume.name);
        self.run(self.call(doing, REMOVE_LIMIT, args)).map(drop)
    }
}

/// Tells whether docker refused to remove a volume only because a container holds it.
pub(crate) fn is_held(error: &Error) -> bool {
    error
        .said()
        .to_ascii_lowercase()
        .contains("volume is in use")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As docker 28.2.2 prints volumes of an engine 20.10.24.
    const PRINTED: &str = r#"[
        {"CreatedAt":"2026-11-30T22:32:23Z","Driver":"local","Labels":null,
         "Mountpoint":"/var/lib/docker/volumes/p/_data","Name":"p","Options":null,"Scope":"local"},
        {"CreatedAt":"2026-11-30T23:32:24+01:00","Driver":"local","Labels":{"a":"b=c"},
         "Mountpoint":"/var/lib/docker/volumes/t/_data","Name":"t",
         "Options":{"device":"tmpfs","type":"tmpfs"},"Scope":"local"}]"#;

    #[test]
    fn a_plain_volume_is_told_from_one_with_options() {
        let volumes: Vec<Volume> = serde_json::from_str(PRINTED).unwrap();
        assert!(volumes[0].is_plain() && !volumes[1].is_plain());
        assert_eq!(volumes[0].born(), Some(1_796_077_943));
        assert_eq!(volumes[1].born(), Some(1_796_077_944));
        assert_eq!(
            (volumes[0].options().len(), volumes[1].options().len()),
            (0, 2)
        );
        assert_eq!(volumes[1].labels()["a"], "b=c");
        let another = Volume {
            driver: "rexray".into(),
            ..volumes[0].clone()
        };
        assert!(!another.is_plain());
    }

    #[test]
    fn a_volume_that_is_held_is_told_from_other_refusals() {
        // As docker 28.2.2 prints it, without its prefix.
        let said = "remove x_data: volume is in use - [9f2b]";
        let refused = |said: &str| Error::Refused {
            doing: "remove volumes".into(),
            said: said.into(),
        };
        assert!(is_held(&refused(said)));
        assert!(!is_held(&refused("get x_data: no such volume")));
    }
}
