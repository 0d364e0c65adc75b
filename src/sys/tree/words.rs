//! What a program that works on a tree in another place says of it: lines on its standard error.

use serde::{Deserialize, Serialize};

use super::{Error, Tally};

/// What such a line begins with; others are from somebody else.
const PREFIX: &str = "ccci-volume ";

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Word {
    /// So many bytes of content are done.
    Progress(u64),
    /// All is done.
    Done(Tally),
    /// It could not be done.
    Failed(Failure),
}

/// Why the work failed, in words that travel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// Who has to do something about it.
    pub(crate) cause: Cause,
    /// What happened, the nearest cause first.
    pub(crate) said: Vec<String>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// The archive is not what it was.
    Damage,
    /// A disk is full.
    FullDisk,
    /// Somebody asked to stop.
    Interrupt,
    /// The system refused something, or the tree cannot be kept.
    Other,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let cause = match error {
            Error::Refused(_) => Cause::Damage,
            Error::Interrupted => Cause::Interrupt,
            Error::Io { .. } if error.is_full_disk() => Cause::FullDisk,
            Error::Io { .. } | Error::Unfit { .. } => Cause::Other,
        };
        let mut said = Vec::new();
        let mut next: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = next {
            said.push(error.to_string());
            next = error.source();
        }
        Self { cause, said }
    }
}

impl Word {
    /// Returns the line that says it.
    pub(crate) fn line(&self) -> String {
        let json = serde_json::to_string(self).expect("numbers and texts can be written");
        format!("{PREFIX}{json}\n")
    }

    /// Reads a line; nothing when it is from somebody else.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line.strip_prefix(PREFIX)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_line_and_read_back() {
        let error = Error::Io {
            doing: "write",
            path: "a\nb".into(),
            source: std::io::Error::from(std::io::ErrorKind::StorageFull),
        };
        let failure = Failure::from(&error);
        assert_eq!((failure.cause, failure.said.len()), (Cause::FullDisk, 2));
        for word in [
            Word::Progress(7),
            Word::Done(Tally::default()),
            Word::Failed(failure),
        ] {
            let line = word.line();
            assert_eq!(line.lines().count(), 1);
            assert_eq!(Word::parse(line.trim_end()), Some(word));
        }
        for other in ["", "exec format error", "ccci-volume x", "{}"] {
            assert_eq!(Word::parse(other), None);
        }
    }
}
