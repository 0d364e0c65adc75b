//! The lines of stages and checks that ended.

use super::{
    block,
    level::Weight,
    line::{Line, Tone},
    lines::{View, diagnostic},
    running::{Running, counted},
    times,
};
use crate::model::{
    display::{OutputWhen, StatusLevel},
    event::{DiagnosticLevel, StageFinished},
    outcome::{CheckKind, CheckResult, Outcome, SkipReason},
    stage::Stage,
};

/// The time of what has none.
pub(crate) const NO_TIME: &str = "       ";

/// Returns the word and the colour of an outcome.
pub(crate) const fn outcome_word(outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Pass => ("PASS", Tone::Good),
        Outcome::Flaky => ("FLAKY", Tone::Odd),
        Outcome::Fail => ("FAIL", Tone::Bad),
        Outcome::Timeout => ("TIMEOUT", Tone::Bad),
        Outcome::Skip => ("SKIP", Tone::Warn),
        Outcome::Broken => ("BROKEN", Tone::Odd),
    }
}

/// Returns the line of a check that is worth one of its own.
///
/// A generic check that fails is what its stage's line tells; a test or a declared check is named besides.
pub(crate) fn check_line(
    recipe: &str,
    stage: Stage,
    check: &CheckResult,
    tries: u32,
) -> Option<Line> {
    let level = match (check.kind, check.outcome) {
        (_, Outcome::Flaky) => StatusLevel::Try,
        (
            CheckKind::Generic | CheckKind::Hook,
            Outcome::Fail | Outcome::Timeout | Outcome::Broken,
        )
        | (CheckKind::Lint, Outcome::Pass | Outcome::Skip | Outcome::Broken) => return None,
        (_, Outcome::Fail | Outcome::Timeout | Outcome::Broken) => StatusLevel::Fail,
        (_, Outcome::Skip) => StatusLevel::Skip,
        // Who has a test repeated wants to read how often it passed.
        (_, Outcome::Pass) if check.passed.is_some() => StatusLevel::Pass,
        (_, Outcome::Pass) => StatusLevel::All,
    };
    Some(named_check(
        Weight::Result(level),
        recipe,
        stage,
        (check, tries),
    ))
}

/// Returns the line of a check.
pub(crate) fn named_check(
    weight: Weight,
    recipe: &str,
    stage: Stage,
    (check, tries): (&CheckResult, u32),
) -> Line {
    let (word, tone) = outcome_word(check.outcome);
    let word = match (check.outcome, check.passed) {
        (Outcome::Flaky, Some(passed)) => format!("{word} {passed}/{}", check.attempts),
        (Outcome::Flaky, None) => {
            format!("{word} {}/{}", check.attempts, tries.max(check.attempts))
        }
        _ => word.to_owned(),
    };
    let trouble = check
        .trouble
        .as_ref()
        .map(|trouble| trouble.message.as_str());
    let note = check.note.as_deref();
    let detail = match check.outcome {
        Outcome::Flaky => note.filter(|_| check.passed.is_some()),
        _ => trouble.or(note),
    };
    let detail = detail
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    let time = times::padded(check.duration_ms);
    let text = format!("[{time}] {recipe} {stage}: {}{detail}", check.name);
    Line::status(weight, (&word, tone), text)
}

/// Returns the lines of a stage that ended: its result, its evidence, its lint findings.
pub(crate) fn stage_lines(finished: &StageFinished, run: &Running, view: &View) -> Vec<Line> {
    let place = format!("({}/{}) ", finished.number, finished.count);
    let weight = stage_weight(finished.result.outcome);
    let mut lines = vec![stage_line(weight, &place, (finished, &run.recipe))];
    if block::is_wanted(finished, view, OutputWhen::is_immediate) && !run.cancelled {
        lines.extend(block::evidence(weight, finished, run, view));
    }
    let findings = run.lint.iter();
    lines.extend(
        findings.flat_map(|found| diagnostic(&run.recipe, DiagnosticLevel::Warning, found)),
    );
    lines
}

/// Returns the level at which the line of a stage is shown.
const fn stage_weight(outcome: Outcome) -> Weight {
    match outcome {
        Outcome::Pass | Outcome::Flaky | Outcome::Skip => Weight::Result(StatusLevel::Pass),
        Outcome::Fail | Outcome::Broken => Weight::Result(StatusLevel::Fail),
        Outcome::Timeout => Weight::Vital,
    }
}

/// Returns the line of a stage, with its place or without.
pub(crate) fn stage_line(
    weight: Weight,
    place: &str,
    (finished, recipe): (&StageFinished, &str),
) -> Line {
    let result = &finished.result;
    let time = match result.outcome {
        Outcome::Skip => NO_TIME.to_owned(),
        _ => times::padded(result.duration_ms),
    };
    let detail = stage_detail(finished);
    let detail = detail
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    let text = format!("[{time}] {place}{recipe} {}{detail}", result.stage);
    Line::status(weight, outcome_word(result.outcome), text)
}

/// Returns what there is to say of a stage in a few words.
fn stage_detail(finished: &StageFinished) -> Option<String> {
    let result = &finished.result;
    if let Some(reason) = &result.skip {
        return Some(skip_text(reason));
    }
    if let Some(trouble) = &result.trouble {
        return Some(trouble.message.clone());
    }
    let count = |kind| result.checks.iter().filter(|c| c.kind == kind).count();
    let kinds = [(CheckKind::Test, "test"), (CheckKind::Declared, "check")];
    let counts = kinds.map(|(kind, noun)| (count(kind), noun));
    let shown: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| counted(*count, noun))
        .collect();
    let left_out = Some(result.not_selected.len()).filter(|count| *count > 0);
    let left_out = left_out.map(|count| format!("{count} not selected"));
    let shown: Vec<_> = shown.into_iter().chain(left_out).collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// Returns why something was skipped.
pub(crate) fn skip_text(reason: &SkipReason) -> String {
    match reason {
        SkipReason::Declared(text) => format!("declared: {text}"),
        SkipReason::NotApplicable(text) => format!("not applicable: {text}"),
        SkipReason::NotSelected(text)
        | SkipReason::Earlier(text)
        | SkipReason::Undeclared(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{line::Look, sample};

    #[test]
    fn each_outcome_of_a_stage_has_its_line() {
        let outcomes = [
            Outcome::Pass,
            Outcome::Flaky,
            Outcome::Fail,
            Outcome::Timeout,
            Outcome::Skip,
            Outcome::Broken,
        ];
        let line = |outcome| {
            let finished = sample::ended(Stage::Backup, outcome, vec![]);
            stage_line(Weight::Vital, "(3/5) ", (&finished, "n8n")).paint(&Look::default())
        };
        insta::assert_snapshot!(outcomes.map(line).join("\n"), @r"
           PASS [ 1m 49s] (3/5) n8n backup
          FLAKY [ 1m 49s] (3/5) n8n backup
           FAIL [ 1m 49s] (3/5) n8n backup: dump of `db` is empty
        TIMEOUT [ 1m 49s] (3/5) n8n backup: dump of `db` is empty
           SKIP [       ] (3/5) n8n backup: backup failed
         BROKEN [ 1m 49s] (3/5) n8n backup: dump of `db` is empty
        ");
    }

    #[test]
    fn each_kind_of_skip_carries_its_reason() {
        let reasons = [
            SkipReason::Declared("a".into()),
            SkipReason::NotApplicable("b".into()),
            SkipReason::Earlier("c".into()),
            SkipReason::Undeclared("d".into()),
        ];
        assert_eq!(
            reasons.map(|reason| skip_text(&reason)),
            ["declared: a", "not applicable: b", "c", "d"]
        );
    }

    #[test]
    fn a_test_that_was_repeated_says_how_often_it_passed() {
        let line = |outcome, passed, note: &str| {
            let check = CheckResult {
                attempts: 10,
                passed: Some(passed),
                note: Some(note.to_owned()),
                ..sample::check(CheckKind::Test, "test_x.sh", outcome)
            };
            let line = check_line("n8n", Stage::Custom, &check, 1).unwrap();
            assert_ne!(line.weight, Weight::Result(StatusLevel::All));
            line.paint(&Look::default())
        };
        let flaky = "passed 7 of 10; try 2 failed first, see 05-custom/test_x.sh-try-02.log";
        let lines = [
            line(Outcome::Pass, 10, "10 of 10 passed"),
            line(Outcome::Flaky, 7, flaky),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
              PASS [    14s] n8n custom: test_x.sh: 10 of 10 passed
        FLAKY 7/10 [    14s] n8n custom: test_x.sh: passed 7 of 10; try 2 failed first, see 05-custom/test_x.sh-try-02.log
        ");
    }

    #[test]
    fn each_kind_of_check_has_its_line() {
        let kinds = [
            (CheckKind::Test, Outcome::Fail),
            (CheckKind::Declared, Outcome::Broken),
            (CheckKind::Lint, Outcome::Fail),
            (CheckKind::Test, Outcome::Flaky),
            (CheckKind::Generic, Outcome::Pass),
            (CheckKind::Hook, Outcome::Skip),
        ];
        let line = |(kind, outcome)| {
            check_line("n8n", Stage::Custom, &sample::check(kind, "x", outcome), 1)
                .unwrap()
                .paint(&Look::default())
        };
        insta::assert_snapshot!(kinds.map(line).join("\n"), @r"
             FAIL [    14s] n8n custom: x: dump of `db` is empty
           BROKEN [    14s] n8n custom: x: dump of `db` is empty
             FAIL [    14s] n8n custom: x: dump of `db` is empty
        FLAKY 2/2 [    14s] n8n custom: x
             PASS [    14s] n8n custom: x: as it should be
             SKIP [    14s] n8n custom: x: as it should be
        ");
        for (kind, outcome) in [
            (CheckKind::Generic, Outcome::Fail),
            (CheckKind::Hook, Outcome::Broken),
            (CheckKind::Lint, Outcome::Pass),
        ] {
            assert_eq!(
                check_line("n8n", Stage::Custom, &sample::check(kind, "x", outcome), 1),
                None
            );
        }
    }
}
