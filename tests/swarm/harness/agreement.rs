//! Whether exit code, `report.json`, `junit.xml`, `events.jsonl` and `summary.md` tell the same story.

use ccci::model::{
    event::Fact,
    level::level,
    outcome::{Outcome, StageResult, Verdict},
};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus};

use super::records::Records;

/// Asserts that they do.
#[track_caller]
pub(crate) fn check(records: &Records, exit: i32) {
    let report = &records.report;
    let finished = report.finished.as_ref().expect("the report is finished");
    assert_eq!(i32::from(finished.exit_code), exit);
    assert_eq!(finished.level, level(&report.stages));
    let exits: &[i32] = match finished.verdict {
        Verdict::Pass => &[0],
        Verdict::Fail => &[100, 102],
        Verdict::Broken => &[103],
        Verdict::Leak => &[104],
        Verdict::Cancelled => &[129, 130, 143],
    };
    assert!(exits.contains(&exit), "{:?} and {exit}", finished.verdict);
    events(records);
    for result in &report.stages {
        let case = case(records, result);
        assert_eq!(told(&case.status), expected(result.outcome), "{case:?}");
    }
    for result in &report.stages {
        let (stage, word) = (result.stage.word(), result.outcome.word());
        let named = |line: &str| line.contains(stage) && line.to_lowercase().contains(word);
        let summary = &records.summary;
        assert!(summary.lines().any(named), "{stage} {word}: {summary}");
    }
}

/// Asserts that the events are whole and end as the report says.
fn events(records: &Records) {
    let (report, events) = (&records.report, &records.events);
    for (number, event) in (0_u64..).zip(events) {
        assert_eq!(event.seq, number);
        assert_eq!(event.run_id, report.run_id);
    }
    let Some(Fact::RunFinished(last)) = events.last().map(|event| &event.fact) else {
        panic!("the events do not end with the end of the run");
    };
    assert_eq!(Some(last), report.finished.as_ref());
    let told = events.iter().filter_map(|event| match &event.fact {
        Fact::StageFinished(finished) => Some(finished.result.clone()),
        _ => None,
    });
    let told: Vec<StageResult> = told.collect();
    assert_eq!(told, report.stages);
}

/// Returns the test case of a stage.
fn case<'a>(records: &'a Records, result: &StageResult) -> &'a TestCase {
    let mut cases = records.junit.test_suites.iter().flat_map(|s| &s.test_cases);
    let found = cases.find(|case| case.name.as_str() == result.stage.word());
    found.unwrap_or_else(|| panic!("no test case of {}", result.stage))
}

/// Returns what the test report says of a case.
fn told(status: &TestCaseStatus) -> &'static str {
    match status {
        TestCaseStatus::Success { flaky_runs, .. } if flaky_runs.is_empty() => "success",
        TestCaseStatus::Success { .. } => "flaky",
        TestCaseStatus::NonSuccess { kind, .. } => match kind {
            NonSuccessKind::Failure => "failure",
            NonSuccessKind::Error => "error",
        },
        TestCaseStatus::Skipped { .. } => "skipped",
    }
}

/// Returns what the test report has to say of an outcome.
fn expected(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "success",
        Outcome::Flaky => "flaky",
        Outcome::Fail | Outcome::Timeout => "failure",
        Outcome::Skip => "skipped",
        Outcome::Broken => "error",
    }
}
