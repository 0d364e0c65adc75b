//! Runs a test file as often as was asked for, each try with a place of its own for what it has to say.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    classify,
    overlay::{self, Overlays},
    session::{Session, out_of_time},
    tally::{until_passed, whatever_came},
};
use crate::{
    model::{
        event::Fact,
        outcome::{CheckResult, Outcome, Trouble},
        plan::{Overlay, OverlayRole},
        stage::Stage,
        tries::Tries,
    },
    tool::test_report::TestReport,
};

/// One try of a file: what came of it.
#[derive(Default)]
pub(super) struct Attempt {
    /// What went wrong.
    pub(super) trouble: Option<Trouble>,
    /// Why nothing was tested.
    pub(super) skipped: Option<String>,
    /// Its single tests.
    pub(super) report: TestReport,
    /// How long it took.
    pub(super) took: Duration,
}

impl Attempt {
    /// Returns how it ended.
    pub(super) fn outcome(&self) -> Outcome {
        match (&self.trouble, &self.skipped) {
            (Some(trouble), _) => trouble.outcome(),
            (None, Some(_)) => Outcome::Skip,
            (None, None) => Outcome::Pass,
        }
    }

    /// Tells whether it was cut short.
    pub(super) fn is_cut(&self) -> bool {
        let code = self.trouble.as_ref().map(|trouble| trouble.code.as_str());
        code == Some("interrupted")
    }
}

/// Where one try of a file leaves what it has to say.
pub(super) struct Place {
    /// Which try it is, from 1.
    pub(super) number: u32,
    /// How many are made, where all of them were asked for.
    count: Option<u32>,
    /// The folder of its stage.
    folder: String,
    /// The name of its log.
    pub(super) log: String,
    /// Where its artifacts go, from the run directory.
    pub(super) artifacts: PathBuf,
}

impl Place {
    /// Names the place of a try. Tries that were all asked for get logs and artifacts of their own.
    pub(super) fn new(stage: Stage, overlay: &Overlay, number: u32, count: Option<u32>) -> Self {
        let name = overlay.path.replace('/', "-");
        let artifacts = Path::new("artifacts");
        let (log, artifacts) = match count {
            None => (name, artifacts.to_owned()),
            Some(count) => {
                let width = count.to_string().len();
                let own = format!("{name}-try-{number:0width$}");
                let folder = artifacts.join(&own);
                (own, folder)
            }
        };
        Self {
            number,
            count,
            folder: stage.folder(),
            log,
            artifacts,
        }
    }

    /// Returns the path of its log, from the run directory.
    pub(super) fn log_path(&self) -> String {
        format!("{}/{}.log", self.folder, self.log)
    }

    /// Returns which try of how many it is, for people.
    pub(super) fn of_how_many(&self) -> String {
        let count = self
            .count
            .map(|count| format!(", try {} of {count}", self.number));
        count.unwrap_or_default()
    }

    /// Removes the artifacts of a try that had nothing to show.
    fn clear(&self, session: &Session<'_>, outcome: Outcome) -> io::Result<()> {
        let folder = session.dir.path().join(&self.artifacts);
        if outcome.is_pass() || outcome == Outcome::Skip {
            fs::remove_dir_all(folder)
        } else {
            // What is not empty stays.
            fs::remove_dir(folder)
        }
    }
}

/// Runs a hook once, and a test as often as was asked for.
pub(super) fn run(
    session: &Session<'_>,
    stage: Stage,
    overlays: &Overlays<'_>,
    overlay: &Overlay,
) -> CheckResult {
    let is_test = matches!(overlay.role, OverlayRole::Test(_));
    match session.tries {
        Tries::Repeated(count) if is_test => repeated(session, stage, overlays, overlay, count),
        Tries::Retried(retries) if is_test && stage == Stage::Custom => {
            retried(session, stage, overlays, overlay, retries)
        }
        Tries::Retried(_) | Tries::Repeated(_) => retried(session, stage, overlays, overlay, 0),
    }
}

/// Tries a file again after each failure.
fn retried(
    session: &Session<'_>,
    stage: Stage,
    overlays: &Overlays<'_>,
    overlay: &Overlay,
    retries: u32,
) -> CheckResult {
    let mut all = Vec::new();
    for number in 1..=retries + 1 {
        let place = Place::new(stage, overlay, number, None);
        let attempt = overlay::attempt(session, stage, overlays, overlay, &place);
        let again = attempt.outcome().is_failure() && number <= retries;
        if again {
            announce(session, stage, overlay, (number, &attempt));
        }
        all.push((place, attempt));
        if !again {
            break;
        }
    }
    until_passed(session, overlay, all)
}

/// Runs a file again and again, whatever comes of it, until its stage has no time left.
fn repeated(
    session: &Session<'_>,
    stage: Stage,
    overlays: &Overlays<'_>,
    overlay: &Overlay,
    count: u32,
) -> CheckResult {
    let mut all: Vec<(Place, Attempt)> = Vec::new();
    let mut cut = None;
    for number in 1..=count {
        if session.is_interrupted() {
            cut = Some(classify::interrupted());
            break;
        }
        if number > 1 && session.left().is_zero() {
            let done = number - 1;
            let path = &overlay.path;
            let message =
                format!("`{path}` was run {done} of {count} times when its stage's time was over");
            cut = Some(out_of_time(message));
            break;
        }
        let place = Place::new(stage, overlay, number, Some(count));
        let attempt = overlay::attempt(session, stage, overlays, overlay, &place);
        let is_cut = attempt.is_cut();
        // Artifacts that cannot be removed do no harm.
        drop(place.clear(session, attempt.outcome()));
        if attempt.outcome().is_failure() && number < count {
            announce(session, stage, overlay, (number, &attempt));
        }
        all.push((place, attempt));
        if is_cut {
            break;
        }
    }
    whatever_came(session, overlay, all, cut)
}

/// Announces a try that failed and is followed by another.
fn announce(
    session: &Session<'_>,
    stage: Stage,
    overlay: &Overlay,
    (number, attempt): (u32, &Attempt),
) {
    let trouble = attempt.trouble.clone();
    session.announcer.say(Fact::AttemptFailed {
        stage,
        name: overlay.path.clone(),
        attempt: number,
        trouble: trouble.expect("what failed has a trouble"),
    });
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::plan::{OverlayOrigin, OverlayRunner};

    /// Makes a test.
    pub(in crate::lifecycle) fn overlay() -> Overlay {
        Overlay {
            path: "functional/test_x.sh".to_owned(),
            origin: OverlayOrigin::Kept,
            role: OverlayRole::Test(Stage::Custom),
            runner: OverlayRunner::Executable,
            refused: None,
            deselected: false,
            only: Vec::new(),
        }
    }

    #[test]
    fn each_repeated_try_has_a_log_and_artifacts_of_its_own() {
        let place = Place::new(Stage::Custom, &overlay(), 7, Some(100));
        assert_eq!(
            place.log_path(),
            "05-custom/functional-test_x.sh-try-007.log"
        );
        assert_eq!(
            place.artifacts,
            Path::new("artifacts/functional-test_x.sh-try-007")
        );
        assert_eq!(place.of_how_many(), ", try 7 of 100");
        let place = Place::new(Stage::Custom, &overlay(), 2, None);
        assert_eq!(place.log_path(), "05-custom/functional-test_x.sh.log");
        assert_eq!(place.artifacts, Path::new("artifacts"));
        assert_eq!(place.of_how_many(), "");
    }
}
