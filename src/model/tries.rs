//! How often a test file is run over one deployed app, and what its tries are worth together.

use serde::{Deserialize, Serialize};

use super::outcome::Outcome;

/// How often a test file is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// Again after a failure, so often at most, and in the stage custom alone.
    Retried(u32),
    /// So often in all, whatever comes of each.
    Repeated(u32),
}

/// How one try of a test file ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TryResult {
    /// Which try it was, from 1.
    pub number: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Why it did not pass, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its log, relative to the run directory.
    pub log: String,
}

/// Judges tries that were all made, whatever came of each.
///
/// A try that was skipped shows nothing either way. One without a verdict leaves all of them without, unless another
/// one failed.
///
/// ```
/// use ccci::model::{outcome::Outcome, tries::judge};
/// assert_eq!(judge([Outcome::Pass, Outcome::Fail]), Outcome::Flaky);
/// assert_eq!(judge([Outcome::Pass, Outcome::Pass]), Outcome::Pass);
/// ```
pub fn judge(tries: impl IntoIterator<Item = Outcome>) -> Outcome {
    let tries: Vec<_> = tries.into_iter().collect();
    let first = |wanted: fn(Outcome) -> bool| tries.iter().copied().find(|try_| wanted(*try_));
    let passed = first(Outcome::is_pass);
    match (first(Outcome::is_failure), passed) {
        (Some(_), Some(_)) => Outcome::Flaky,
        (Some(failure), None) => failure,
        (None, _) if tries.contains(&Outcome::Broken) => Outcome::Broken,
        (None, Some(_)) => Outcome::Pass,
        (None, None) => Outcome::Skip,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Outcome::{Broken, Fail, Flaky, Pass, Skip, Timeout},
        *,
    };

    #[test]
    fn passed_and_failed_tries_together_are_flaky_whatever_their_order() {
        for tries in [
            vec![Pass, Fail],
            vec![Fail, Pass],
            vec![Pass, Pass, Timeout, Pass],
            vec![Fail, Broken, Pass],
            vec![Skip, Fail, Pass],
        ] {
            assert_eq!(judge(tries.clone()), Flaky, "{tries:?}");
        }
    }

    #[test]
    fn tries_that_all_failed_are_what_the_first_one_was() {
        assert_eq!(judge([Timeout, Fail]), Timeout);
        assert_eq!(judge([Fail, Timeout, Broken]), Fail);
        assert_eq!(judge([Skip, Fail]), Fail);
    }

    #[test]
    fn without_a_failure_a_broken_try_leaves_no_verdict() {
        assert_eq!(judge([Pass, Broken, Pass]), Broken);
        assert_eq!(judge([Broken]), Broken);
    }

    #[test]
    fn skipped_tries_show_nothing() {
        assert_eq!(judge([Skip, Pass, Skip]), Pass);
        assert_eq!(judge([Skip, Skip]), Skip);
        assert_eq!(judge([]), Skip);
    }
}
