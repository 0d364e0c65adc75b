//! What tests of several files are about.

use super::plan::Revision;

/// Returns a revision at a commit of this digit.
pub(crate) fn revision(label: &str, digit: char) -> Revision {
    Revision {
        label: label.to_owned(),
        version: label.parse().ok(),
        commit: Some(String::from(digit).repeat(40).parse().unwrap()),
        uncommitted: false,
        lightweight: false,
    }
}
