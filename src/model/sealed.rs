//! A record as JSON with the version of its format and a checksum, so that what was damaged is never taken for a record.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;

use super::checksum::sha256;

/// Why a text is no record that can be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Unusable {
    /// It is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It is whole, and of a format that is not known here.
    #[error("it was made by a newer ccci")]
    Newer,
}

/// The text, around the record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    /// The version of the record's format.
    v: u32,
    /// The record.
    record: Value,
    /// The checksum of version and record.
    sha256: String,
}

/// Returns the text of a record.
pub fn seal(version: u32, record: &impl Serialize) -> String {
    let record = serde_json::to_value(record).expect("a record has names for keys");
    let envelope = Envelope {
        v: version,
        sha256: checksum(version, &record),
        record,
    };
    let text = serde_json::to_string_pretty(&envelope).expect("a record has names for keys");
    text + "\n"
}

/// Reads a record of a format no newer than this version.
pub fn open<T: DeserializeOwned>(version: u32, text: &[u8]) -> Result<T, Unusable> {
    let damaged = |error: serde_json::Error| Unusable::Damaged(error.to_string());
    let envelope: Envelope = serde_json::from_slice(text).map_err(damaged)?;
    // The checksum comes first: a version that a flipped bit made says nothing of who wrote it.
    if envelope.sha256 != checksum(envelope.v, &envelope.record) {
        let said = "its checksum is not that of its content";
        return Err(Unusable::Damaged(said.to_owned()));
    }
    if envelope.v > version {
        return Err(Unusable::Newer);
    }
    serde_json::from_value(envelope.record).map_err(damaged)
}

/// Returns the checksum of a record and its version.
fn checksum(version: u32, record: &Value) -> String {
    sha256(format!("{version} {record}").as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Record = BTreeMap<String, String>;

    fn record() -> Record {
        let pairs = [("name", "träefik"), ("why", "line\none \"two\"")];
        pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let text = seal(2, &record());
        assert_eq!(open::<Record>(2, text.as_bytes()).unwrap(), record());
        assert_eq!(open::<Record>(3, text.as_bytes()).unwrap(), record());
    }

    #[test]
    fn any_flipped_bit_is_damage() {
        let text = seal(2, &record());
        // The line end is no part of the document.
        for bit in 0..(text.len() - 1) * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = open::<Record>(2, &bytes).unwrap_err();
            assert!(matches!(error, Unusable::Damaged(_)), "bit {bit}: {error}");
        }
    }

    #[test]
    fn any_cut_text_is_damage() {
        let text = seal(2, &record());
        for cut in 0..text.len() - 1 {
            let error = open::<Record>(2, &text.as_bytes()[..cut]).unwrap_err();
            assert!(matches!(error, Unusable::Damaged(_)), "cut {cut}: {error}");
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let text = seal(3, &"another form");
        let error = open::<Record>(2, text.as_bytes()).unwrap_err();
        assert_eq!(error, Unusable::Newer);
        assert_eq!(error.to_string(), "it was made by a newer ccci");
        let forged = text.replace("\"v\": 3", "\"v\": 4");
        let error = open::<Record>(2, forged.as_bytes()).unwrap_err();
        assert!(matches!(error, Unusable::Damaged(_)));
    }
}
