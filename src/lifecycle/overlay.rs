//! Runs the tests and hooks that people wrote, with what they may see of the run.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Instant, SystemTime},
};

use super::{
    classify::not_started,
    declared,
    overlay_env::environment,
    overlay_fence::fence,
    reach::Entrance,
    session::{CheckName, Remark, Session, StageRun, state_trouble},
    tries::{self, Attempt, Place},
};
use crate::{
    model::{
        outcome::{CheckKind, Trouble},
        plan::{Overlay, OverlayOrigin, OverlayRole},
        stage::Stage,
    },
    sys::{artifacts, process::is_shortage},
    tool::{
        runner::{self, Runners, TestEnd, TestFile, TestRun},
        test_report::TestReport,
    },
};

/// How many lines of a test's output are shown when it fails.
const SHOWN_LINES: usize = 5;
/// How many of the tests that failed in a file are named.
const NAMED_CASES: usize = 3;

/// Where the tests of each origin are on this host.
#[derive(Clone, Debug)]
pub(crate) struct TestRoots {
    /// The recipe's own, copied aside.
    pub(crate) recipe: PathBuf,
    /// Those kept beside ccci.
    pub(crate) kept: PathBuf,
}

impl TestRoots {
    /// Returns the root of an overlay.
    fn of(&self, overlay: &Overlay) -> &Path {
        match overlay.origin {
            OverlayOrigin::Recipe => &self.recipe,
            OverlayOrigin::Kept => &self.kept,
        }
    }
}

/// What tests are told of an operation: read by them from a JSON file.
pub(crate) type OpState = BTreeMap<&'static str, serde_json::Value>;

/// What running overlays needs beside the session.
pub(crate) struct Overlays<'a> {
    /// Where the tests are.
    pub(crate) roots: &'a TestRoots,
    /// How the app is reached.
    pub(crate) entrance: Entrance,
    /// What tests are told of the stage's operation.
    pub(crate) op_state: OpState,
}

/// Runs the hooks of a role, such as what comes before a stage's operation; the first that fails ends them.
pub(crate) fn run_hooks(
    run: &mut StageRun<'_>,
    overlays: &Overlays<'_>,
    role: OverlayRole,
) -> bool {
    for overlay in selected(run.session, role) {
        let check = tries::run(run.session, run.stage, overlays, &overlay);
        if !run.finish(check) {
            return false;
        }
    }
    true
}

/// Makes the declared checks and runs the test files of a stage.
pub(crate) fn run_tests(run: &mut StageRun<'_>, overlays: &Overlays<'_>) {
    let session = run.session;
    let stage = run.stage;
    for check in session
        .config
        .checks
        .iter()
        .filter(|check| check.stages.contains(&stage) && session.plan.makes_check(&check.name))
    {
        let name = CheckName {
            kind: CheckKind::Declared,
            name: &check.name,
        };
        run.check(name, || {
            session.progress(stage, &format!("check {}", check.name), &[], session.left());
            declared::make(session, stage, &overlays.entrance, &check.probe).map(Remark::Note)
        });
    }
    for overlay in selected(session, OverlayRole::Test(stage)) {
        if session.is_interrupted() {
            return;
        }
        run.finish(tries::run(session, stage, overlays, &overlay));
    }
}

/// Picks the overlays of a role that are to be run, the recipe's own first.
fn selected(session: &Session<'_>, role: OverlayRole) -> Vec<Overlay> {
    let wanted = session
        .plan
        .overlays
        .iter()
        .filter(|overlay| overlay.role == role && overlay.is_selected());
    let mut wanted: Vec<Overlay> = wanted.cloned().collect();
    wanted.sort_by(|a, b| (a.origin, &a.path).cmp(&(b.origin, &b.path)));
    wanted
}

/// Runs a file once.
pub(super) fn attempt(
    session: &Session<'_>,
    stage: Stage,
    overlays: &Overlays<'_>,
    overlay: &Overlay,
    place: &Place,
) -> Attempt {
    let begun = Instant::now();
    let result = run_file(session, stage, overlays, overlay, place);
    let took = begun.elapsed();
    match result {
        Ok(run) => Attempt {
            trouble: trouble_of(session, overlay, &run, place),
            skipped: run.report.skipped().filter(|_| run.end == TestEnd::Skipped),
            report: run.report,
            took,
        },
        Err(trouble) => Attempt {
            trouble: Some(trouble),
            took,
            ..Attempt::default()
        },
    }
}

/// Prepares what a file sees, and runs it.
fn run_file(
    session: &Session<'_>,
    stage: Stage,
    overlays: &Overlays<'_>,
    overlay: &Overlay,
    place: &Place,
) -> Result<TestRun, Trouble> {
    let limits = &session.ctx.settings.limits;
    let own = if matches!(overlay.role, OverlayRole::Test(_)) {
        limits.test
    } else {
        limits.hook
    };
    let limit = session.limit(own).left();
    let doing = format!("run {}{}", overlay.path, place.of_how_many());
    session.progress(stage, &doing, &[], limit);
    let log = session.log(stage, &place.log)?;
    let env = environment(session, stage, overlays, place)?;
    let scratch = session.dir.registry().join("scratch");
    std::fs::create_dir_all(&scratch).map_err(|error| state_trouble(&error.to_string()))?;
    let programs = &session.ctx.settings.programs;
    let runners = Runners {
        pytest: programs.pytest.clone(),
        hurl: programs.hurl.clone(),
    };
    let file = TestFile {
        root: overlays.roots.of(overlay),
        path: &overlay.path,
        role: overlay.role,
        runner: overlay.runner,
        only: &overlay.only,
        env: &env,
        scratch: &scratch,
        limit,
        fence: fence(session, stage, overlays, overlay),
    };
    let host = session.app.docker.host();
    let begun = SystemTime::now();
    let ran = runner::run(host, &runners, &file, &log);
    let folder = session.dir.path().join("artifacts");
    let masked = artifacts::mask(&folder, &host.redactor, begun);
    for note in masked.map_err(|error| state_trouble(&error.to_string()))? {
        log.note(&note);
    }
    ran.map_err(|error| not_run(&error))
}

/// Explains a file that could not be run: the machine is at fault where it gave neither log nor directory.
fn not_run(error: &runner::Error) -> Trouble {
    use crate::sys::process::Error as Cause;
    match error {
        runner::Error::Scratch { source, .. } => state_trouble(&source.to_string()),
        runner::Error::Process { source, .. } => match source {
            Cause::Log { source, .. } | Cause::File { source, .. } => {
                state_trouble(&source.to_string())
            }
            Cause::Start { source: said, .. } if is_shortage(said) => {
                not_started(Trouble::broken("test-not-run", error.to_string()), source)
            }
            Cause::NotFound { .. } | Cause::Start { .. } => {
                Trouble::recipe("test-not-run", error.to_string()).because(source.to_string())
            }
        },
    }
}

/// Returns what went wrong with a file that ran.
fn trouble_of(
    session: &Session<'_>,
    overlay: &Overlay,
    run: &TestRun,
    place: &Place,
) -> Option<Trouble> {
    let path = &overlay.path;
    let trouble = match run.end {
        TestEnd::Passed | TestEnd::Skipped => return None,
        TestEnd::Interrupted => return Some(super::classify::interrupted()),
        TestEnd::Failed => {
            let which = failed_cases(path, &run.report);
            Trouble::recipe(
                "test-failed",
                format!("`{path}` failed ({}){which}", run.exit),
            )
        }
        TestEnd::NoTests if overlay.only.is_empty() => {
            Trouble::recipe("no-tests", format!("`{path}` holds no test"))
        }
        TestEnd::NoTests => {
            let only = overlay.only.join("`, `");
            Trouble::recipe("no-tests", format!("`{path}` holds no test of `{only}`"))
        }
        TestEnd::TimedOut => {
            let seconds = run.duration.as_secs();
            Trouble::recipe("timeout", format!("`{path}` did not end within {seconds}s"))
        }
        TestEnd::RunnerBroken => Trouble::broken(
            "runner-broken",
            format!("the runner of `{path}` did not work ({})", run.exit),
        ),
    };
    let shown = session.ctx.host.redactor.text(&run.output_tail);
    Some(trouble.excerpt(place.log_path(), &shown, SHOWN_LINES))
}

/// Names the first tests of a file that failed, as an addition to its message.
fn failed_cases(path: &str, report: &TestReport) -> String {
    let failed = report
        .cases
        .iter()
        .filter(|case| case.outcome.is_failure() && case.name != path);
    let names: Vec<_> = failed.map(|case| format!("`{}`", case.name)).collect();
    match names.len() {
        0 => String::new(),
        1..=NAMED_CASES => format!(": {}", names.join(", ")),
        count => {
            let others = count - NAMED_CASES;
            format!(": {} and {others} more", names[..NAMED_CASES].join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::{CaseResult, Outcome};

    /// Makes a report of tests that ended like this.
    fn report(cases: &[(&str, Outcome)]) -> TestReport {
        let case = |(name, outcome): &(&str, Outcome)| CaseResult {
            name: (*name).to_owned(),
            outcome: *outcome,
            duration_ms: 1,
            message: None,
        };
        TestReport {
            cases: cases.iter().map(case).collect(),
            left_out: 0,
        }
    }

    #[test]
    fn the_first_tests_that_failed_are_named_and_the_others_counted() {
        use Outcome::{Fail, Pass, Skip};
        let named = |cases: &[(&str, Outcome)]| failed_cases("test_x.py", &report(cases));
        assert_eq!(named(&[]), "");
        assert_eq!(named(&[("test_x.py", Fail), ("a", Pass), ("b", Skip)]), "");
        let mut all = vec![("a", Fail), ("p", Pass), ("b", Fail), ("c", Fail)];
        assert_eq!(named(&all), ": `a`, `b`, `c`");
        all.extend([("d", Fail), ("e", Fail)]);
        assert_eq!(named(&all), ": `a`, `b`, `c` and 2 more");
    }
}
