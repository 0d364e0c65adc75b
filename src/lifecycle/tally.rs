//! Makes one result of the tries of a test file.

use std::{collections::BTreeMap, time::Duration};

use super::{
    session::Session,
    tries::{Attempt, Place},
};
use crate::{
    model::{
        outcome::{CaseResult, CheckKind, CheckResult, Outcome, Trouble, millis},
        plan::{Overlay, OverlayRole},
        tries::{self, TryResult},
    },
    tool::test_report::TestReport,
};

/// Makes the result of a file that was tried until it passed.
pub(super) fn until_passed(
    session: &Session<'_>,
    overlay: &Overlay,
    mut all: Vec<(Place, Attempt)>,
) -> CheckResult {
    let blank = blank(overlay, &all);
    let attempts = blank.attempts;
    let last = all.pop();
    let is_skip = |(_, attempt): &(Place, Attempt)| attempt.skipped.is_some();
    // To be skipped at a later try does not mend what failed before.
    let last = match last {
        Some(last) if is_skip(&last) => all.pop().or(Some(last)),
        last => last,
    };
    let (place, last) = last.expect("a file is tried once at least");
    let earlier: Vec<_> = all.into_iter().map(|(_, attempt)| attempt).collect();
    let outcome = match last.outcome() {
        Outcome::Pass if attempts > 1 && session.flaky_fails => Outcome::Fail,
        Outcome::Pass if attempts > 1 => Outcome::Flaky,
        outcome => outcome,
    };
    let flaky = || {
        let path = &overlay.path;
        Trouble::recipe(
            "flaky",
            format!("`{path}` passed at its {attempts}. try only"),
        )
    };
    CheckResult {
        outcome,
        note: last.skipped,
        trouble: last
            .trouble
            .or_else(|| (outcome == Outcome::Fail).then(flaky)),
        log: Some(place.log_path()),
        cases: merged_cases(last.report.cases, &earlier),
        cases_left_out: last.report.left_out,
        ..blank
    }
}

/// Makes the result of a file whose tries were all made, or were cut short.
pub(super) fn whatever_came(
    session: &Session<'_>,
    overlay: &Overlay,
    all: Vec<(Place, Attempt)>,
    cut: Option<Trouble>,
) -> CheckResult {
    let blank = blank(overlay, &all);
    // What came before a try that was cut short shows nothing of those that were not made.
    let cut = cut.or_else(|| {
        let last = all.last().filter(|(_, attempt)| attempt.is_cut());
        last.and_then(|(_, attempt)| attempt.trouble.clone())
    });
    let Judged {
        outcome,
        trouble,
        note,
    } = match cut {
        Some(trouble) => Judged {
            outcome: trouble.outcome(),
            trouble: Some(trouble),
            note: None,
        },
        None => judged(&overlay.path, &all, session.flaky_fails),
    };
    let telling = all.iter().find(|(_, attempt)| attempt.trouble.is_some());
    let log = telling.or(all.last()).map(|(place, _)| place.log_path());
    let reports = all.into_iter().map(|(_, attempt)| attempt.report);
    let (cases, cases_left_out) = tallied_cases(reports.collect());
    let passes = blank.tries.iter().filter(|try_| try_.outcome.is_pass());
    CheckResult {
        outcome,
        note,
        trouble,
        passed: Some(u32::try_from(passes.count()).unwrap_or(u32::MAX)),
        log,
        cases,
        cases_left_out,
        ..blank
    }
}

/// What tries are worth together.
struct Judged {
    /// How the file ended.
    outcome: Outcome,
    /// What went wrong.
    trouble: Option<Trouble>,
    /// What there is to say all the same.
    note: Option<String>,
}

/// Judges tries that were all made.
fn judged(path: &str, all: &[(Place, Attempt)], flaky_fails: bool) -> Judged {
    let outcome = tries::judge(all.iter().map(|(_, attempt)| attempt.outcome()));
    let count_of = |wanted| all.iter().filter(|(_, a)| a.outcome() == wanted).count();
    let (passed, skipped, count) = (count_of(Outcome::Pass), count_of(Outcome::Skip), all.len());
    let is_telling = |(_, attempt): &&(Place, Attempt)| match outcome {
        Outcome::Broken => attempt.outcome() == Outcome::Broken,
        _ => attempt.outcome().is_failure(),
    };
    let first = all.iter().find(is_telling);
    let first = first.and_then(|(place, attempt)| Some((place, attempt.trouble.clone()?)));
    let said = match skipped {
        0 => format!("{passed} of {count} passed"),
        _ => format!("{passed} of {count} passed, {skipped} skipped"),
    };
    let (outcome, trouble, note) = match (outcome, first) {
        (Outcome::Flaky, Some((place, trouble))) if flaky_fails => {
            let cause = format!("try {}: {}", place.number, trouble.message);
            let message = format!("`{path}` passed {passed} of {count} tries");
            let excerpt = trouble.excerpt;
            let flaky = Trouble::recipe("flaky", message).because(cause);
            (Outcome::Fail, Some(Trouble { excerpt, ..flaky }), None)
        }
        (Outcome::Flaky, Some((place, trouble))) => {
            let (number, log) = (place.number, place.log_path());
            let note = format!("passed {passed} of {count}; try {number} failed first, see {log}");
            (Outcome::Flaky, Some(trouble), Some(note))
        }
        (outcome, Some((_, trouble))) => {
            let message = format!("{}; {said}", trouble.message);
            (outcome, Some(Trouble { message, ..trouble }), None)
        }
        (Outcome::Skip, None) => {
            let why = all.iter().find_map(|(_, attempt)| attempt.skipped.clone());
            (Outcome::Skip, None, why)
        }
        (outcome, None) => (outcome, None, Some(said)),
    };
    Judged {
        outcome,
        trouble,
        note,
    }
}

/// Begins the result of a file with what its tries have in common.
fn blank(overlay: &Overlay, all: &[(Place, Attempt)]) -> CheckResult {
    let result = |(place, attempt): &(Place, Attempt)| TryResult {
        number: place.number,
        outcome: attempt.outcome(),
        duration_ms: millis(attempt.took),
        message: attempt
            .trouble
            .as_ref()
            .map(|trouble| trouble.message.clone()),
        log: place.log_path(),
    };
    let took: Duration = all.iter().map(|(_, attempt)| attempt.took).sum();
    let is_one = all.len() == 1;
    CheckResult {
        kind: match overlay.role {
            OverlayRole::Test(_) => CheckKind::Test,
            OverlayRole::InstallSteps
            | OverlayRole::Before(_)
            | OverlayRole::Provide
            | OverlayRole::Withdraw => CheckKind::Hook,
        },
        name: overlay.path.clone(),
        outcome: Outcome::Pass,
        duration_ms: millis(took),
        note: None,
        trouble: None,
        attempts: u32::try_from(all.len()).unwrap_or(u32::MAX),
        passed: None,
        tries: if is_one {
            Vec::new()
        } else {
            all.iter().map(result).collect()
        },
        log: None,
        cases: Vec::new(),
        cases_left_out: 0,
    }
}

/// Returns the tests of the last try; one that failed in an earlier try and passed in this one is flaky.
fn merged_cases(last: Vec<CaseResult>, earlier: &[Attempt]) -> Vec<CaseResult> {
    let failed_before = |case: &CaseResult| {
        let mut cases = earlier.iter().flat_map(|attempt| &attempt.report.cases);
        cases.any(|before| before.name == case.name && before.outcome.is_failure())
    };
    let judged = last.into_iter().map(|case| CaseResult {
        outcome: match case.outcome {
            Outcome::Pass if failed_before(&case) => Outcome::Flaky,
            outcome => outcome,
        },
        ..case
    });
    judged.collect()
}

/// Returns each single test once, judged by all tries that report it, with what the first failure of it said.
fn tallied_cases(reports: Vec<TestReport>) -> (Vec<CaseResult>, usize) {
    let left_out = reports.iter().map(|report| report.left_out).max();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut tallied: Vec<(CaseResult, Vec<Outcome>)> = Vec::new();
    for case in reports.into_iter().flat_map(|report| report.cases) {
        let place = *places.entry(case.name.clone()).or_insert(tallied.len());
        let outcome = case.outcome;
        match tallied.get_mut(place) {
            None => tallied.push((case, vec![outcome])),
            Some((first, outcomes)) => {
                first.duration_ms += case.duration_ms;
                if outcome.is_failure() && !outcomes.iter().any(|o| o.is_failure()) {
                    first.message = case.message;
                }
                outcomes.push(outcome);
            }
        }
    }
    let cases = tallied.into_iter().map(|(case, outcomes)| CaseResult {
        outcome: tries::judge(outcomes),
        ..case
    });
    (cases.collect(), left_out.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{
        Outcome::{Fail, Flaky, Pass, Skip, Timeout},
        *,
    };
    use crate::{lifecycle::tries::tests::overlay, model::stage::Stage};

    /// Makes a report of tests that ended like this.
    fn report(cases: &[(&str, Outcome)]) -> TestReport {
        let case = |(name, outcome): &(&str, Outcome)| CaseResult {
            name: (*name).to_owned(),
            outcome: *outcome,
            duration_ms: 1,
            message: outcome.is_failure().then(|| format!("{name} is wrong")),
        };
        TestReport {
            cases: cases.iter().map(case).collect(),
            left_out: 0,
        }
    }

    /// Makes the tries of a test that was repeated.
    fn tried(outcomes: &[Outcome]) -> Vec<(Place, Attempt)> {
        let count = u32::try_from(outcomes.len()).unwrap();
        let attempt = |outcome: &Outcome| Attempt {
            trouble: match outcome {
                Fail => Some(Trouble::recipe("test-failed", "`x` failed (exit 1)")),
                Timeout => Some(Trouble::recipe("timeout", "`x` did not end within 2s")),
                Outcome::Broken => Some(Trouble::broken("runner-broken", "no runner")),
                Pass | Flaky | Skip => None,
            },
            skipped: (*outcome == Skip).then(|| "no mail here".to_owned()),
            ..Attempt::default()
        };
        let place = |number| Place::new(Stage::Custom, &overlay(), number, Some(count));
        (1..).map(place).zip(outcomes.iter().map(attempt)).collect()
    }

    /// Returns what is said of tries, a line each.
    fn said(outcomes: &[Outcome], flaky_fails: bool) -> String {
        let judged = judged("x", &tried(outcomes), flaky_fails);
        let trouble = judged.trouble.map(|trouble| {
            let causes = trouble.causes.iter().map(|cause| format!("\n    {cause}"));
            let causes: String = causes.collect();
            format!("\n  {}: {}{causes}", trouble.code, trouble.message)
        });
        let note = judged.note.map(|note| format!(", {note}"));
        let (note, trouble) = (note.unwrap_or_default(), trouble.unwrap_or_default());
        format!("{}{note}{trouble}", judged.outcome.word())
    }

    #[test]
    fn repeated_tries_are_told_with_their_count() {
        let all = [
            said(&[Pass, Pass], false),
            said(&[Pass, Skip, Pass], false),
            said(&[Skip, Skip], false),
            said(&[Pass, Timeout, Fail], false),
            said(&[Pass, Timeout, Fail], true),
            said(&[Fail, Fail], false),
            said(&[Pass, Outcome::Broken], false),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        pass, 2 of 2 passed
        pass, 2 of 3 passed, 1 skipped
        skip, no mail here
        flaky, passed 1 of 3; try 2 failed first, see 05-custom/functional-test_x.sh-try-2.log
          timeout: `x` did not end within 2s
        fail
          flaky: `x` passed 1 of 3 tries
            try 2: `x` did not end within 2s
        fail
          test-failed: `x` failed (exit 1); 0 of 2 passed
        broken
          runner-broken: no runner; 1 of 2 passed
        ");
    }

    #[test]
    fn each_try_is_recorded_where_there_is_more_than_one() {
        assert_eq!(blank(&overlay(), &tried(&[Pass])).tries, []);
        let result = blank(&overlay(), &tried(&[Pass, Fail]));
        assert_eq!(result.attempts, 2);
        let tries: Vec<_> = result.tries.iter().map(|t| (t.number, t.outcome)).collect();
        assert_eq!(tries, [(1, Pass), (2, Fail)]);
        assert_eq!(
            result.tries[1].message.as_deref(),
            Some("`x` failed (exit 1)")
        );
        assert!(result.tries[1].log.ends_with("-try-2.log"), "{result:?}");
    }

    #[test]
    fn a_single_test_that_failed_before_and_passes_now_is_flaky() {
        let earlier = [Attempt {
            report: report(&[("a", Fail), ("b", Pass), ("c", Fail), ("d", Fail)]),
            ..Attempt::default()
        }];
        let last = report(&[("a", Pass), ("b", Pass), ("c", Fail), ("d", Skip)]);
        let merged = merged_cases(last.cases, &earlier);
        let outcomes: Vec<_> = merged.iter().map(|case| case.outcome).collect();
        assert_eq!(outcomes, [Flaky, Pass, Fail, Skip]);
    }

    #[test]
    fn single_tests_of_repeated_tries_are_judged_by_all_of_them() {
        let reports = vec![
            report(&[("a", Pass), ("b", Pass), ("c", Fail)]),
            report(&[("a", Pass), ("b", Fail), ("c", Fail), ("d", Pass)]),
            TestReport::default(),
        ];
        let (cases, left_out) = tallied_cases(reports);
        let line = |case: &CaseResult| {
            let message = case.message.as_deref().unwrap_or("-");
            format!(
                "{} {} {}: {message}",
                case.name,
                case.outcome.word(),
                case.duration_ms
            )
        };
        let lines: Vec<_> = cases.iter().map(line).collect();
        let all = [
            "a pass 2: -",
            "b flaky 2: b is wrong",
            "c fail 2: c is wrong",
            "d pass 1: -",
        ];
        assert_eq!((lines, left_out), (all.map(str::to_owned).to_vec(), 0));
    }
}
