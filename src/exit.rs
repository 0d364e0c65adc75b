//! The exit codes of every command, and what each means.

use crate::model::{outcome::Verdict, report::RunReport};

/// All passed; a flaky pass counts unless `--flaky-result fail`.
pub(crate) const PASSED: u8 = 0;
/// An error that nobody foresaw.
pub(crate) const UNEXPECTED: u8 = 1;
/// The command line or the environment cannot be understood.
pub(crate) const USAGE: u8 = 2;
/// Nothing was selected.
pub(crate) const NOTHING_SELECTED: u8 = 4;
/// Kept for reruns: what was rerun passed, and stages are still outstanding.
pub(crate) const OUTSTANDING: u8 = 5;
/// A recipe failed: a stage failed or ran out of time, the base does not install, or a lint finding was denied.
pub(crate) const FAILED: u8 = 100;
/// A configuration or a recipe cannot be read.
pub(crate) const CONFIGURATION: u8 = 102;
/// Broken: no verdict, a retry is sensible; in `doctor`: something is missing without which nothing can be tested.
pub(crate) const BROKEN: u8 = 103;
/// All passed, and something could not be removed.
pub(crate) const LEAKED: u8 = 104;
/// A lock is held, and the wait for it ran out.
pub(crate) const BUSY: u8 = 105;
/// Refused: a confirmation is needed and cannot be asked for.
pub(crate) const REFUSED: u8 = 106;
/// Standard output or standard error could not be written.
pub(crate) const OUTPUT: u8 = 110;
/// What a signal's number is added to, as shells do.
pub(crate) const SIGNAL_BASE: u8 = 128;

/// Each code with its meaning, in the order of the numbers.
pub(crate) const MEANINGS: [(&str, &str); 13] = [
    ("0", "all passed; flaky counts unless --flaky-result fail"),
    ("1", "an unexpected error"),
    ("2", "usage: the command line or the environment"),
    ("4", "nothing selected, see --no-tests"),
    (
        "5",
        "kept for reruns: rerun passed, stages are still outstanding",
    ),
    (
        "100",
        "a recipe failed, time limit, base and denied lint findings included",
    ),
    ("102", "a configuration or a recipe cannot be read"),
    (
        "103",
        "broken: no verdict, a retry is sensible; doctor: something is missing",
    ),
    ("104", "all passed, and something could not be removed"),
    ("105", "busy: a lock is held and --wait ran out"),
    (
        "106",
        "refused: a confirmation is needed and cannot be asked for",
    ),
    (
        "110",
        "standard output or standard error could not be written",
    ),
    (
        "129, 130, 143",
        "cancelled by HUP, INT or TERM, after teardown",
    ),
];

/// Renders the table that `ccci help exit-codes` prints.
pub(crate) fn table() -> String {
    let lines = MEANINGS.map(|(code, meaning)| format!("{code:>13}  {meaning}\n"));
    let order = "When several apply, the first of these counts: a signal, 100, 103, 104, 5.\n";
    format!(
        "Exit codes of every command:\n\n{}\n{order}",
        lines.concat()
    )
}

/// Returns the code of an invocation that ended with these verdicts, and by this signal's number if any.
///
/// A run that was cancelled without a signal reaching us has no verdict.
pub(crate) fn code(verdicts: &[Verdict], signal: Option<u8>) -> u8 {
    let any = |verdict| verdicts.contains(&verdict);
    match signal {
        Some(number) => SIGNAL_BASE.saturating_add(number),
        None if any(Verdict::Fail) => FAILED,
        None if any(Verdict::Broken) || any(Verdict::Cancelled) => BROKEN,
        None if any(Verdict::Leak) => LEAKED,
        None => PASSED,
    }
}

/// Returns the code of one run, ended by this signal's number if any.
pub(crate) fn of_run(report: &RunReport, signal: Option<u8>) -> u8 {
    let verdict = report
        .finished
        .as_ref()
        .map_or(Verdict::Broken, |finished| finished.verdict);
    match code(&[verdict], signal) {
        FAILED if report.is_unreadable() => CONFIGURATION,
        // What no stage is to blame for, and no teardown, is a fault of ccci itself.
        PASSED if report.trouble.is_some() => UNEXPECTED,
        code => code,
    }
}

/// The codes of single runs, the gravest first; one that is not listed says that nobody foresaw it.
const BY_GRAVITY: [u8; 8] = [
    FAILED,
    CONFIGURATION,
    BROKEN,
    BUSY,
    LEAKED,
    OUTPUT,
    OUTSTANDING,
    NOTHING_SELECTED,
];

/// Returns the code of an invocation whose runs ended with these, and that this signal's number ended if any.
pub(crate) fn gravest(codes: &[u8], signal: Option<u8>) -> u8 {
    let of_runs = || BY_GRAVITY.into_iter().find(|code| codes.contains(code));
    match signal {
        Some(number) => SIGNAL_BASE.saturating_add(number),
        None if codes.iter().all(|code| *code == PASSED) => PASSED,
        None => of_runs().unwrap_or(UNEXPECTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{event::RunFinished, outcome::Trouble};

    #[test]
    fn the_gravest_verdict_decides_and_a_signal_outranks_all() {
        use Verdict::{Broken, Cancelled, Fail, Leak, Pass};
        assert_eq!(code(&[], None), 0);
        assert_eq!(code(&[Pass, Pass], None), 0);
        assert_eq!(code(&[Pass, Leak], None), 104);
        assert_eq!(code(&[Leak, Broken, Pass], None), 103);
        assert_eq!(code(&[Leak, Cancelled], None), 103);
        assert_eq!(code(&[Broken, Leak, Fail], None), 100);
        assert_eq!(code(&[Fail, Pass], Some(2)), 130);
        assert_eq!(code(&[Pass], Some(15)), 143);
        assert_eq!(code(&[Pass], Some(1)), 129);
    }

    #[test]
    fn a_pass_in_which_ccci_itself_went_wrong_is_an_unexpected_error() {
        let mut report: RunReport = serde_json::from_value(serde_json::json!({
            "version": 1, "run_id": "k7m2q", "argv": [], "pid": 1, "host": "h",
            "started": "2026-11-20T10:00:00Z", "updated": "2026-11-20T10:00:00Z",
            "programs": {}, "installs": 1, "deployed": [], "stages": [], "lint": [],
            "before": [], "after": [],
        }))
        .unwrap();
        let mut finished = RunFinished::count(&[]);
        finished.verdict = Verdict::Pass;
        report.finished = Some(finished);
        assert_eq!(of_run(&report, None), PASSED);
        report.trouble = Some(Trouble::broken("internal-error", "ccci itself went wrong"));
        assert_eq!(of_run(&report, None), UNEXPECTED);
        assert_eq!(of_run(&report, Some(2)), 130);
    }

    #[test]
    fn of_several_runs_the_gravest_decides() {
        assert_eq!(gravest(&[], None), 0);
        assert_eq!(gravest(&[0, 104, 103], None), 103);
        assert_eq!(gravest(&[105, 102, 100], None), 100);
        assert_eq!(gravest(&[105, 104], None), 105);
        assert_eq!(gravest(&[0, 110], None), 110);
        assert_eq!(gravest(&[0, 7], None), 1);
        assert_eq!(gravest(&[100], Some(15)), 143);
    }

    #[test]
    fn the_table_names_each_constant_once() {
        let constants = [
            PASSED,
            UNEXPECTED,
            USAGE,
            NOTHING_SELECTED,
            OUTSTANDING,
            FAILED,
            CONFIGURATION,
            BROKEN,
            LEAKED,
            BUSY,
            REFUSED,
            OUTPUT,
        ];
        let listed = MEANINGS.map(|(code, _)| code);
        assert_eq!(listed[..12], constants.map(|code| code.to_string()));
        assert_eq!(listed[12], "129, 130, 143");
    }

    #[test]
    fn the_table_is_what_people_read() {
        insta::assert_snapshot!(table(), @r"
Exit codes of every command:

            0  all passed; flaky counts unless --flaky-result fail
            1  an unexpected error
            2  usage: the command line or the environment
            4  nothing selected, see --no-tests
            5  kept for reruns: rerun passed, stages are still outstanding
          100  a recipe failed, time limit, base and denied lint findings included
          102  a configuration or a recipe cannot be read
          103  broken: no verdict, a retry is sensible; doctor: something is missing
          104  all passed, and something could not be removed
          105  busy: a lock is held and --wait ran out
          106  refused: a confirmation is needed and cannot be asked for
          110  standard output or standard error could not be written
129, 130, 143  cancelled by HUP, INT or TERM, after teardown

When several apply, the first of these counts: a signal, 100, 103, 104, 5.
");
    }
}
