//! How a stage, a check or a run ended, and whose fault it was.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

pub use super::skip::{NotSelected, SkipReason};
use super::{stage::Stage, tries::TryResult};

/// How a stage or a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it should.
    Pass,
    /// It failed on its first try and passed on a later one.
    Flaky,
    /// The recipe did not do what it should.
    Fail,
    /// The recipe did not do it in time.
    Timeout,
    /// It was not run, for a reason that is stated.
    Skip,
    /// Nothing could be decided.
    Broken,
}

impl Outcome {
    /// Returns the outcome's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Flaky => "flaky",
            Self::Fail => "fail",
            Self::Timeout => "timeout",
            Self::Skip => "skip",
            Self::Broken => "broken",
        }
    }

    /// Tells whether the recipe did what it should, at the latest on a later try.
    pub const fn is_pass(self) -> bool {
        matches!(self, Self::Pass | Self::Flaky)
    }

    /// Tells whether the recipe is at fault.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Fail | Self::Timeout)
    }
}

/// Who is at fault for what did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The recipe, by positive evidence.
    Recipe,
    /// Infrastructure: no verdict, a retry is sensible.
    Broken,
    /// A configuration or a recipe that cannot be read.
    Config,
    /// The person who stopped the run.
    User,
    /// Nobody.
    None,
}

/// What went wrong, in the words a person reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Who is at fault.
    pub fault: Fault,
    /// A stable word in kebab case, as `not-converged`.
    pub code: String,
    /// One line: lower case, no full stop, the object in backticks.
    pub message: String,
    /// The chain of causes, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// One imperative sentence that can be obeyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The lines that show it, with where they are from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Excerpt>,
}

/// The last lines of a log, shown on failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// Where the lines are from, as `03-backup/hook.log`.
    pub title: String,
    /// How many lines there were in all.
    pub total: usize,
    /// The last few of them.
    pub lines: Vec<String>,
}

impl Trouble {
    /// Makes a trouble that is the recipe's fault.
    pub fn recipe(code: &str, message: impl Into<String>) -> Self {
        Self::new(Fault::Recipe, code, message)
    }

    /// Makes a trouble that leaves no verdict.
    pub fn broken(code: &str, message: impl Into<String>) -> Self {
        Self::new(Fault::Broken, code, message)
    }

    /// Makes a trouble of any fault.
    pub fn new(fault: Fault, code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            fault,
            code: code.to_owned(),
            message,
            causes: Vec::new(),
            hint: None,
            excerpt: None,
        }
    }

    /// Adds a cause at the far end of the chain.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Sets the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the excerpt from the whole of a log, keeping its last `keep` lines that are not blank.
    #[must_use]
    pub fn excerpt(mut self, title: impl Into<String>, text: &str, keep: usize) -> Self {
        let lines: Vec<_> = text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        if !lines.is_empty() {
            let first = lines.len().saturating_sub(keep);
            let shown = lines[first..]
                .iter()
                .map(|line| (*line).to_owned())
                .collect();
            self.excerpt = Some(Excerpt {
                title: title.into(),
                total: lines.len(),
                lines: shown,
            });
        }
        self
    }

    /// Returns the outcome that this trouble gives a stage.
    pub fn outcome(&self) -> Outcome {
        match (self.fault, self.code.as_str()) {
            (Fault::Recipe, "timeout" | "not-converged") => Outcome::Timeout,
            (Fault::Recipe | Fault::Config, _) => Outcome::Fail,
            (Fault::Broken | Fault::User | Fault::None, _) => Outcome::Broken,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What kind of check a result belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// One that ccci makes of every recipe.
    Generic,
    /// One declared in `recipe.toml`.
    Declared,
    /// A test file.
    Test,
    /// A hook file.
    Hook,
    /// A finding about the recipe's text.
    Lint,
}

/// How one check of a stage ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check's kind.
    pub kind: CheckKind,
    /// The check's name, as `converged` or `test_custom_login.py`.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What it found in one line, when it passed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// How many tries it took.
    pub attempts: u32,
    /// How many of its tries passed, where all of them were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<u32>,
    /// Each of its tries, where there was more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<TryResult>,
    /// Its log, relative to the run directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The single tests of its file, where the runner reports them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseResult>,
    /// How many more single tests there were than are kept here.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cases_left_out: usize,
}

impl CheckResult {
    /// Returns the single tests of the file, without one that stands for the whole of it.
    pub fn functions(&self) -> impl Iterator<Item = &CaseResult> {
        self.cases.iter().filter(|case| case.name != self.name)
    }
}

/// How a single test of a file ended, as its runner reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseResult {
    /// Its name within the file, as `TestForm::test_opens`; the file's own where the whole file is one test.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Why it did not pass, in one line of its runner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Tells whether a count is none.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// How one stage ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageResult {
    /// The stage.
    pub stage: Stage,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<SkipReason>,
    /// The first thing that went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Its checks, in the order they ended.
    pub checks: Vec<CheckResult>,
    /// The tests and checks that `--test` left out of it: with any, the level ends below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_selected: Vec<NotSelected>,
    /// Its logs, relative to the run directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

impl StageResult {
    /// Makes the result of a stage that was not run.
    pub fn skipped(stage: Stage, reason: SkipReason) -> Self {
        Self {
            stage,
            outcome: Outcome::Skip,
            skip: Some(reason),
            trouble: None,
            duration_ms: 0,
            checks: Vec::new(),
            not_selected: Vec::new(),
            log: None,
        }
    }

    /// Judges a stage by its checks: the first broken or failed one decides, a flaky one colours a pass.
    ///
    /// A stage in which every check was skipped has shown nothing: it is skipped too, and nobody declared that.
    pub fn judged(stage: Stage, checks: Vec<CheckResult>, took: Duration) -> Self {
        let worst = |wanted: fn(Outcome) -> bool| checks.iter().find(|check| wanted(check.outcome));
        let decisive =
            worst(Outcome::is_failure).or_else(|| worst(|outcome| outcome == Outcome::Broken));
        let flaky = checks.iter().any(|check| check.outcome == Outcome::Flaky);
        let is_skip = |check: &CheckResult| check.outcome == Outcome::Skip;
        let idle = checks.first().filter(|_| checks.iter().all(is_skip));
        let skip = idle.map(|check| {
            let note = check.note.as_deref().unwrap_or("no reason is stated");
            SkipReason::Undeclared(format!("`{}`: {note}", check.name))
        });
        let (outcome, trouble) = match decisive {
            Some(check) => (check.outcome, check.trouble.clone()),
            None if flaky => (Outcome::Flaky, None),
            None if skip.is_some() => (Outcome::Skip, None),
            None => (Outcome::Pass, None),
        };
        let log = Some(stage.folder());
        Self {
            stage,
            outcome,
            skip,
            trouble,
            duration_ms: millis(took),
            checks,
            not_selected: Vec::new(),
            log,
        }
    }
}

/// Returns a duration in whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How a whole run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every stage passed or was skipped for a reason that climbs.
    Pass,
    /// The recipe is at fault.
    Fail,
    /// Nothing could be decided.
    Broken,
    /// All passed, and something was left behind.
    Leak,
    /// A signal ended the run.
    Cancelled,
}

impl Verdict {
    /// Judges a run by its stages and by how many objects were left.
    pub fn of(stages: &[StageResult], left: usize) -> Self {
        let any = |wanted: fn(Outcome) -> bool| stages.iter().any(|stage| wanted(stage.outcome));
        if any(Outcome::is_failure) {
            Self::Fail
        } else if any(|outcome| outcome == Outcome::Broken) || !any(Outcome::is_pass) {
            Self::Broken
        } else if left > 0 {
            Self::Leak
        } else {
            Self::Pass
        }
    }

    /// Returns the verdict's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Broken => "broken",
            Self::Leak => "leak",
            Self::Cancelled => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outcome: Outcome) -> CheckResult {
        let trouble = (!outcome.is_pass()).then(|| Trouble::recipe("x", outcome.word()));
        let name = outcome.word().to_owned();
        CheckResult {
            kind: CheckKind::Generic,
            name,
            outcome,
            duration_ms: 1,
            note: None,
            trouble,
            attempts: 1,
            passed: None,
            tries: Vec::new(),
            log: None,
            cases: Vec::new(),
            cases_left_out: 0,
        }
    }

    fn stage(outcomes: &[Outcome]) -> StageResult {
        let checks = outcomes.iter().copied().map(check).collect();
        StageResult::judged(Stage::Install, checks, Duration::from_secs(1))
    }

    #[test]
    fn a_failure_outranks_what_is_broken() {
        let result = stage(&[Outcome::Pass, Outcome::Broken, Outcome::Fail]);
        assert_eq!(result.outcome, Outcome::Fail);
        assert_eq!(result.trouble.unwrap().message, "fail");
    }

    #[test]
    fn a_flaky_check_makes_a_flaky_stage() {
        assert_eq!(
            stage(&[Outcome::Pass, Outcome::Flaky]).outcome,
            Outcome::Flaky
        );
    }

    #[test]
    fn a_stage_whose_checks_were_all_skipped_is_skipped_and_caps_the_level() {
        let mut skipped = check(Outcome::Skip);
        skipped.note = Some("needs mail".into());
        let result = StageResult::judged(Stage::Custom, vec![skipped.clone()], Duration::ZERO);
        assert_eq!((result.outcome, result.trouble), (Outcome::Skip, None));
        let reason = result.skip.unwrap();
        assert_eq!(reason.text(), "`skip`: needs mail");
        assert!(!reason.climbs());
        let mixed = vec![skipped, check(Outcome::Pass)];
        let result = StageResult::judged(Stage::Custom, mixed, Duration::ZERO);
        assert_eq!((result.outcome, result.skip), (Outcome::Pass, None));
    }

    #[test]
    fn a_check_without_single_tests_reads_and_writes_as_before() {
        let text = serde_json::to_string(&check(Outcome::Pass)).unwrap();
        assert!(!text.contains("cases"), "{text}");
        let read: CheckResult = serde_json::from_str(&text).unwrap();
        assert_eq!(read, check(Outcome::Pass));
    }

    #[test]
    fn a_run_in_which_nothing_passed_is_no_pass() {
        let skipped = StageResult::skipped(Stage::Install, SkipReason::Declared("why".into()));
        assert_eq!(Verdict::of(&[skipped], 0), Verdict::Broken);
        assert_eq!(Verdict::of(&[], 0), Verdict::Broken);
    }

    #[test]
    fn residue_turns_a_pass_into_a_leak_and_nothing_else() {
        assert_eq!(Verdict::of(&[stage(&[Outcome::Pass])], 1), Verdict::Leak);
        assert_eq!(Verdict::of(&[stage(&[Outcome::Fail])], 1), Verdict::Fail);
        assert_eq!(
            Verdict::of(&[stage(&[Outcome::Broken])], 1),
            Verdict::Broken
        );
        assert_eq!(Verdict::of(&[stage(&[Outcome::Pass])], 0), Verdict::Pass);
    }

    #[test]
    fn an_excerpt_keeps_the_last_lines_and_counts_all() {
        let trouble = Trouble::recipe("x", "y").excerpt("log", "a\n\nb\nc\n", 2);
        let excerpt = trouble.excerpt.unwrap();
        assert_eq!(
            (excerpt.total, excerpt.lines),
            (3, vec!["b".to_owned(), "c".to_owned()])
        );
    }
}
