//! `JUnit` XML from a report, for CI systems that read it.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::results::skip_text;
use crate::model::{
    dependency::Dependency,
    event::TeardownFinished,
    outcome::{CaseResult, CheckKind, CheckResult, NotSelected, Outcome, StageResult, Trouble},
    plan::PlannedStage,
    report::RunReport,
    tries::TryResult,
};

/// Returns the report as `JUnit` XML: one suite, one case per stage, per check, and per single test of a file.
pub(crate) fn render(report: &RunReport) -> String {
    render_all(std::slice::from_ref(report))
}

/// Returns reports as one document, each a suite of its own.
pub(crate) fn render_all(reports: &[RunReport]) -> String {
    let mut whole = Report::new("ccci");
    let times = reports.iter().filter_map(time);
    if reports.iter().any(|report| report.finished.is_some()) {
        whole.set_time(times.sum::<Duration>());
    }
    whole.add_test_suites(reports.iter().map(suite));
    let xml = whole
        .to_string()
        .expect("text is written to memory, which does not fail");
    // These two are characters to Rust, and none to XML.
    xml.replace(['\u{fffe}', '\u{ffff}'], "")
}

/// Returns how long a run took that is over.
fn time(report: &RunReport) -> Option<Duration> {
    let finished = report.finished.as_ref()?;
    Some(Duration::from_millis(finished.duration_ms))
}

/// Returns the suite of one run.
fn suite(report: &RunReport) -> TestSuite {
    let recipe = recipe(report);
    let mut suite = TestSuite::new(suite_name(report));
    for (name, value) in properties(report) {
        suite.add_property((name.as_str(), value.as_str()));
    }
    for stage in &report.stages {
        suite.add_test_case(stage_case(recipe, stage));
        for check in &stage.checks {
            suite.add_test_case(check_case(recipe, stage, check));
            let functions = check.functions();
            suite.add_test_cases(
                functions.map(|function| function_case(recipe, stage, check, function)),
            );
        }
    }
    for stage in &report.stages {
        let left_out = stage.not_selected.iter();
        suite.add_test_cases(left_out.map(|one| not_selected_case(recipe, stage, one)));
    }
    let planned = report.plan.iter().flat_map(|plan| &plan.stages);
    let ended = |planned: &&PlannedStage| report.stages.iter().any(|s| s.stage == planned.stage);
    let left_out = planned.filter(ended);
    suite.add_test_cases(left_out.filter_map(|planned| left_out_case(recipe, planned)));
    let leak = report
        .teardown
        .as_ref()
        .filter(|teardown| !teardown.left.is_empty());
    suite.add_test_cases(leak.map(|teardown| leak_case(recipe, teardown)));
    let left = report
        .dependencies
        .iter()
        .filter(|one| !one.left.is_empty());
    suite.add_test_cases(left.map(|dependency| left_case(recipe, dependency)));
    let without_stage = report.trouble.as_ref();
    suite.add_test_cases(without_stage.map(|trouble| run_case(recipe, trouble)));
    if let Some(took) = time(report) {
        suite.set_time(took);
    }
    suite
}

/// Returns the recipe's name, or a mark when the run ended before it was known.
fn recipe(report: &RunReport) -> &str {
    report
        .plan
        .as_ref()
        .map_or("unknown", |plan| plan.recipe.as_str())
}

/// Returns the suite's name, as `wordpress@2.14.0+6.8.1`.
fn suite_name(report: &RunReport) -> String {
    let label = report
        .plan
        .as_ref()
        .map(|plan| format!("@{}", plan.head.label));
    format!("{}{}", recipe(report), label.unwrap_or_default())
}

/// Returns what is known of the run besides its outcomes.
fn properties(report: &RunReport) -> Vec<(String, String)> {
    let mut all = vec![
        ("run-id".to_owned(), report.run_id.to_string()),
        ("server".to_owned(), report.host.clone()),
    ];
    if let Some(plan) = &report.plan {
        let commit = plan.head.commit.as_ref();
        all.extend(commit.map(|commit| ("commit".to_owned(), commit.as_str().to_owned())));
        all.push(("domain".to_owned(), plan.domain.to_string()));
    }
    let dependencies = report.dependencies.iter();
    all.extend(dependencies.map(|one| {
        let version = one.version.as_deref().unwrap_or("unknown");
        let value = format!("{version} {} {}", one.presence.word(), one.domain);
        (format!("requires.{}", one.recipe), value)
    }));
    let programs = report.programs.iter();
    all.extend(programs.map(|(name, version)| (format!("version.{name}"), version.clone())));
    if let Some(deployed) = report.deployed.last() {
        let images = deployed.images.iter();
        all.extend(images.map(|(service, image)| (format!("image.{service}"), image.clone())));
    }
    let finished = report.finished.as_ref();
    all.extend(finished.map(|finished| ("report".to_owned(), finished.report.clone())));
    all
}

/// Returns the case of a stage.
fn stage_case(recipe: &str, stage: &StageResult) -> TestCase {
    let status = match (&stage.skip, &stage.trouble) {
        (Some(reason), _) => skipped(&skip_text(reason)),
        (None, trouble) => status(stage.outcome, trouble.as_ref()),
    };
    let mut case = case(recipe, stage.stage.word(), status);
    case.set_time(Duration::from_millis(stage.duration_ms));
    if let (Outcome::Flaky, TestCaseStatus::Success { flaky_runs }) =
        (stage.outcome, &mut case.status)
    {
        let flaky = stage
            .checks
            .iter()
            .filter(|check| check.outcome == Outcome::Flaky);
        flaky_runs.extend(flaky.map(|check| rerun(check.trouble.as_ref(), &check.name)));
    }
    attach(
        &mut case,
        (stage.outcome, stage.trouble.as_ref(), stage.log.as_deref()),
    );
    case
}

/// Returns the name of a check's case, which begins with its kind.
fn check_name(check: &CheckResult) -> String {
    format!("{}::{}", kind_word(check.kind), check.name)
}

/// Returns the word of a kind of check.
const fn kind_word(kind: CheckKind) -> &'static str {
    match kind {
        CheckKind::Generic => "generic",
        CheckKind::Declared => "check",
        CheckKind::Test => "test",
        CheckKind::Hook => "hook",
        CheckKind::Lint => "lint",
    }
}

/// Returns the case of a test that `--test` left out.
fn not_selected_case(recipe: &str, stage: &StageResult, one: &NotSelected) -> TestCase {
    let name = format!("{}::{}", kind_word(one.kind), one.name);
    let mut case = case(recipe, &name, skipped("not selected by `--test`"));
    case.add_property(("stage", stage.stage.word()));
    case
}

/// Returns the case of a stage's generic checks where they were left out.
fn left_out_case(recipe: &str, planned: &PlannedStage) -> Option<TestCase> {
    let name = format!("generic::all of {}", planned.stage);
    let mut case = case(recipe, &name, skipped(&planned.says_left_out()?));
    case.add_property(("stage", planned.stage.word()));
    Some(case)
}

/// Returns the case of a single test of a file, as `test::test_custom_login.py::test_name`.
fn function_case(
    recipe: &str,
    stage: &StageResult,
    check: &CheckResult,
    function: &CaseResult,
) -> TestCase {
    let message = function.message.as_deref();
    let trouble = Trouble::recipe("test-failed", message.unwrap_or("the runner says no more"));
    let mut status = match function.outcome {
        Outcome::Skip => skipped(message.unwrap_or("skipped")),
        outcome => status(outcome, Some(&trouble)),
    };
    if function.outcome == Outcome::Flaky {
        status.add_rerun(rerun(None, "an earlier try failed"));
    }
    let name = format!("{}::{}", check_name(check), function.name);
    let mut case = case(recipe, &name, status);
    case.set_time(Duration::from_millis(function.duration_ms));
    case.add_property(("stage", stage.stage.word()));
    case
}

/// Returns the case of a check, named by its kind.
fn check_case(recipe: &str, stage: &StageResult, check: &CheckResult) -> TestCase {
    let mut status = match check.outcome {
        Outcome::Skip => skipped(check.note.as_deref().unwrap_or("skipped")),
        outcome => status(outcome, check.trouble.as_ref()),
    };
    status.add_reruns(other_tries(check));
    let mut case = case(recipe, &check_name(check), status);
    case.set_time(Duration::from_millis(check.duration_ms));
    case.add_property(("stage", stage.stage.word()));
    attach(
        &mut case,
        (check.outcome, check.trouble.as_ref(), check.log.as_deref()),
    );
    case
}

/// Returns the tries of a check that failed, but for the one that its case itself tells of.
fn other_tries(check: &CheckResult) -> Vec<TestRerun> {
    let failed = check.tries.iter().filter(|try_| {
        let outcome = try_.outcome;
        outcome.is_failure() || outcome == Outcome::Broken
    });
    let told = check.trouble.as_ref();
    let told = told.filter(|trouble| !check.outcome.is_pass() && trouble.code != "flaky");
    let told = match (told, check.passed) {
        (None, _) => None,
        (Some(_), Some(_)) => failed.clone().next(),
        (Some(_), None) => failed.clone().next_back(),
    };
    let others = failed.filter(|try_| told.is_none_or(|told| told.number != try_.number));
    let rerun = |try_: &TryResult| {
        let message = try_.message.as_deref().unwrap_or("failed");
        let mut rerun = TestRerun::new(NonSuccessKind::Failure);
        rerun
            .set_type(try_.outcome.word())
            .set_message(format!("try {}: {message}", try_.number));
        rerun
    };
    others.map(rerun).collect()
}

/// Returns the case that says what is left.
fn leak_case(recipe: &str, teardown: &TeardownFinished) -> TestCase {
    let left: Vec<_> = teardown.left.iter().map(ToString::to_string).collect();
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("leak");
    status.set_message(format!("left behind: {}", left.join(", ")));
    let mut case = case(recipe, "teardown", status);
    case.set_time(Duration::from_millis(teardown.duration_ms));
    if !teardown.errors.is_empty() {
        case.set_system_out(teardown.errors.join("\n"));
    }
    case
}

/// Returns the case that says what is left of a required app, or of what it made.
fn left_case(recipe: &str, dependency: &Dependency) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("leak");
    status.set_message(format!("left behind: {}", dependency.left.join(", ")));
    let mut case = case(recipe, &format!("requires::{}", dependency.recipe), status);
    if let Some(trouble) = &dependency.trouble {
        case.set_system_out(described(trouble));
    }
    case
}

/// Returns the case of a trouble that belongs to no stage, so that it does not go unseen.
fn run_case(recipe: &str, trouble: &Trouble) -> TestCase {
    let outcome = trouble.outcome();
    let mut case = case(recipe, "run", status(outcome, Some(trouble)));
    attach(&mut case, (outcome, Some(trouble), None));
    case
}

/// Makes a case of a recipe.
fn case(recipe: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(recipe);
    case
}

/// Returns the status of something that ran.
fn status(outcome: Outcome, trouble: Option<&Trouble>) -> TestCaseStatus {
    let kind = match outcome {
        Outcome::Pass | Outcome::Flaky => return TestCaseStatus::success(),
        Outcome::Skip => return skipped("skipped"),
        Outcome::Fail | Outcome::Timeout => NonSuccessKind::Failure,
        Outcome::Broken => NonSuccessKind::Error,
    };
    let mut status = TestCaseStatus::non_success(kind);
    match trouble {
        Some(trouble) => status
            .set_type(&trouble.code)
            .set_message(&trouble.message)
            .set_description(described(trouble)),
        None => status.set_type(outcome.word()),
    };
    status
}

/// Returns a trouble with its causes and its hint, a line each.
fn described(trouble: &Trouble) -> String {
    let causes = trouble
        .causes
        .iter()
        .map(|cause| format!("caused by: {cause}"));
    let hint = trouble.hint.iter().map(|hint| format!("hint: {hint}"));
    let lines: Vec<_> = std::iter::once(trouble.message.clone())
        .chain(causes)
        .chain(hint)
        .collect();
    lines.join("\n")
}

/// Returns the status of what was not run.
fn skipped(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(reason);
    status
}

/// Returns an earlier try that failed.
fn rerun(trouble: Option<&Trouble>, fallback: &str) -> TestRerun {
    let mut rerun = TestRerun::new(NonSuccessKind::Failure);
    match trouble {
        Some(trouble) => rerun.set_type(&trouble.code).set_message(&trouble.message),
        None => rerun.set_type("flaky").set_message(fallback),
    };
    rerun
}

/// Attaches the log's path, and where it did not pass the lines that show why.
fn attach(case: &mut TestCase, (outcome, trouble, log): (Outcome, Option<&Trouble>, Option<&str>)) {
    if let Some(log) = log {
        case.add_property(("log", log));
    }
    let excerpt = trouble.and_then(|trouble| trouble.excerpt.as_ref());
    if let (false, Some(excerpt)) = (outcome.is_pass(), excerpt) {
        case.set_system_out(excerpt.lines.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use quick_junit::Report;

    use super::*;
    use crate::render::sample;
    use crate::{model::dependency::Presence, render::dependencies::tests::dependency};

    #[test]
    fn failures_skips_flaky_checks_and_leaks_have_their_elements() {
        let mut report = sample::report();
        report.stages.drain(..2);
        report.stages[2].checks.truncate(1);
        report.stages[0].trouble.as_mut().unwrap().causes.clear();
        report.stages[0].checks.clear();
        let xml = render(&report);
        let (_, cases) = xml.split_once("</properties>\n").unwrap();
        insta::assert_snapshot!(cases, @r#"
                <testcase name="backup" classname="wordpress" time="109.000">
                    <properties>
                        <property name="log" value="03-backup"/>
                    </properties>
                    <failure message="dump of `db` is empty" type="dump-empty">dump of `db` is empty
        hint: keep secret `db_root_password` at the version the base has</failure>
                    <system-out>mariadb-dump: Got error: 1045: Access denied
            PASS [ 1m 49s] (5/5) wordpress custom</system-out>
                </testcase>
                <testcase name="restore" classname="wordpress" time="0.000">
                    <skipped message="backup failed"/>
                </testcase>
                <testcase name="custom" classname="wordpress" time="109.000">
                    <properties>
                        <property name="log" value="05-custom"/>
                    </properties>
                    <flakyFailure message="test_custom_login.py" type="flaky">
                    </flakyFailure>
                </testcase>
                <testcase name="test::test_custom_login.py" classname="wordpress" time="14.000">
                    <properties>
                        <property name="stage" value="custom"/>
                        <property name="log" value="05-custom/x.log"/>
                    </properties>
                    <flakyFailure message="try 1: dump of `db` is empty" type="fail">
                    </flakyFailure>
                </testcase>
                <testcase name="teardown" classname="wordpress" time="22.000">
                    <error message="left behind: volume `word-3fa91c_ci_example_org_db-data`" type="leak"/>
                </testcase>
            </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn the_suite_says_what_was_tested_where_and_with_what() {
        let xml = render(&sample::report());
        let (head, _) = xml.split_once("</properties>").unwrap();
        insta::assert_snapshot!(head, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="ccci" tests="11" skipped="2" failures="2" errors="1" time="598.000">
            <testsuite name="wordpress@2.14.0+6.8.1" tests="11" skipped="2" errors="1" failures="2" time="598.000">
                <properties>
                    <property name="run-id" value="92222"/>
                    <property name="server" value="ci.example.org"/>
                    <property name="commit" value="8888888888888888888888888888888888888888"/>
                    <property name="domain" value="word-3fa91c.ci.example.org"/>
                    <property name="version.docker" value="28.2.2"/>
                    <property name="image.app" value="wordpress:6.8.1@sha256:abc"/>
                    <property name="report" value="/home/ada/.local/state/ccci/runs/92222/report.json"/>
        "#);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let read = Report::deserialize_from_str(&render(&sample::report())).unwrap();
        let [suite] = read.test_suites.as_slice() else {
            panic!("one suite expected");
        };
        assert_eq!(suite.name.as_str(), "wordpress@2.14.0+6.8.1");
        let names: Vec<_> = suite
            .test_cases
            .iter()
            .map(|case| case.name.as_str())
            .collect();
        assert!(names.contains(&"test::test_custom_login.py") && names.contains(&"teardown"));
        assert_eq!((read.tests, read.failures, read.errors), (11, 2, 1));
    }

    #[test]
    fn a_required_recipe_is_a_property_and_what_is_left_of_it_a_case() {
        let mut report = sample::report();
        let mut dependency = dependency(Presence::Reused);
        report.dependencies = vec![dependency.clone()];
        let before = render(&report);
        let property = r#"<property name="requires.keycloak" value="10.0.1+26.1 reused keyc-0a1b2c.ci.example.org"/>"#;
        assert!(before.contains(property), "{before}");
        assert!(!before.contains("requires::keycloak"), "{before}");
        dependency.left = vec!["what `keycloak` made as `wordpress-3fa91c`".to_owned()];
        report.dependencies = vec![dependency];
        let after = render(&report);
        let case = r#"<testcase name="requires::keycloak" classname="wordpress">"#;
        assert!(after.contains(case), "{after}");
        assert!(
            after.contains("left behind: what `keycloak` made"),
            "{after}"
        );
    }

    #[test]
    fn several_runs_are_one_document() {
        let reports = [sample::report(), sample::report()];
        let read = Report::deserialize_from_str(&render_all(&reports)).unwrap();
        assert_eq!((read.test_suites.len(), read.tests), (2, 22));
        assert_eq!(read.time, Some(Duration::from_secs(2 * 598)));
    }

    #[test]
    fn a_check_that_failed_in_every_try_names_the_earlier_ones() {
        let mut report = sample::report();
        let all = [1, 2, 3].map(|number| sample::attempt(number, Outcome::Fail));
        report.stages[2].checks[0].tries = all.into();
        let xml = render(&report);
        assert_eq!(xml.matches("<rerunFailure").count(), 2, "{xml}");
        assert!(!xml.contains("<rerunFailure message=\"try 3"), "{xml}");
        report.stages[2].checks[0].passed = Some(0);
        let xml = render(&report);
        assert_eq!(xml.matches("<rerunFailure").count(), 2, "{xml}");
        assert!(!xml.contains("<rerunFailure message=\"try 1"), "{xml}");
    }

    #[test]
    fn a_test_that_is_flaky_and_counts_as_failed_names_all_tries_that_failed() {
        let mut report = sample::report();
        let check = &mut report.stages[2].checks[0];
        check.trouble = Some(Trouble::recipe("flaky", "`x` passed 1 of 3 tries"));
        let ends = [(1, Outcome::Pass), (2, Outcome::Fail), (3, Outcome::Fail)];
        check.tries = ends.map(|(n, end)| sample::attempt(n, end)).into();
        let xml = render(&report);
        assert_eq!(xml.matches("<rerunFailure").count(), 2, "{xml}");
    }

    #[test]
    fn a_test_that_was_not_selected_is_skipped_and_never_missing() {
        let mut report = sample::report();
        let (kind, name) = (CheckKind::Declared, "front-page".to_owned());
        report.stages[0]
            .not_selected
            .push(NotSelected { kind, name });
        let xml = render(&report);
        let (_, case) = xml
            .split_once(r#"<testcase name="check::front-page""#)
            .unwrap();
        let (case, _) = case.split_once("</testcase>").unwrap();
        assert!(
            case.contains(r#"<skipped message="not selected by `--test`"/>"#),
            "{case}"
        );
    }

    #[test]
    fn generic_checks_that_were_left_out_are_skipped_and_never_missing() {
        let xml = render(&sample::report());
        let name = r#"<testcase name="generic::all of upgrade" classname="wordpress">"#;
        let (_, case) = xml.split_once(name).unwrap();
        let (case, _) = case.split_once("</testcase>").unwrap();
        let skipped = r#"<skipped message="generic checks left out by `skip-generic`"/>"#;
        assert!(case.contains(skipped), "{case}");
        assert_eq!(xml.matches("generic::all of").count(), 1, "{xml}");
    }

    #[test]
    fn each_single_test_of_a_file_has_a_case() {
        let mut report = sample::report();
        report.stages.drain(..4);
        report.stages[0].checks.truncate(1);
        report.stages[0].checks[0].cases = vec![
            sample::function(
                "test_custom_login.py",
                Outcome::Fail,
                Some("the file as a whole"),
            ),
            sample::function("TestForm::test_opens", Outcome::Pass, None),
            sample::function("test_user", Outcome::Fail, Some("assert 'a' == \"b\"")),
            sample::function("test_mail", Outcome::Skip, Some("needs mail")),
            sample::function("test_slow", Outcome::Flaky, None),
            sample::function("test_engine", Outcome::Broken, Some("gone")),
        ];
        let xml = render(&report);
        let (_, cases) = xml
            .split_once(r#"<testcase name="test::test_custom_login.py::"#)
            .unwrap();
        let (cases, _) = cases.split_once(r#"<testcase name="teardown""#).unwrap();
        let property = r#"<property name="stage" value="custom"/>"#;
        assert_eq!(cases.matches(property).count(), 5);
        let lines = cases.lines().map(str::trim);
        let shown = lines.filter(|line| !line.contains("propert") && *line != "</testcase>");
        insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @r#"
        TestForm::test_opens" classname="wordpress" time="1.500">
        <testcase name="test::test_custom_login.py::test_user" classname="wordpress" time="1.500">
        <failure message="assert &apos;a&apos; == &quot;b&quot;" type="test-failed">assert &apos;a&apos; == &quot;b&quot;</failure>
        <testcase name="test::test_custom_login.py::test_mail" classname="wordpress" time="1.500">
        <skipped message="needs mail"/>
        <testcase name="test::test_custom_login.py::test_slow" classname="wordpress" time="1.500">
        <flakyFailure message="an earlier try failed" type="flaky">
        </flakyFailure>
        <testcase name="test::test_custom_login.py::test_engine" classname="wordpress" time="1.500">
        <error message="gone" type="test-failed">gone</error>
        "#);
    }

    #[test]
    fn a_run_that_never_began_has_a_case_of_its_own() {
        let mut report = sample::report();
        report.plan = None;
        report.stages.clear();
        report.trouble = Some(Trouble::broken("registry-rate-limit", "rate limit"));
        let read = Report::deserialize_from_str(&render(&report)).unwrap();
        assert_eq!(read.errors, 2);
    }

    #[test]
    fn no_byte_of_a_message_breaks_the_document() {
        let odd = ["\u{fffe}", "]]>", "<![CDATA[", "&", "\"", "\u{1b}[31m"];
        let bytes = (0..=255u8).map(|byte| String::from_utf8_lossy(&[byte]).into_owned());
        for text in bytes.chain(odd.map(ToOwned::to_owned)) {
            let mut report = sample::report();
            let mut trouble = Trouble::recipe("x", format!("a{text}b")).because(&text);
            trouble = trouble.excerpt("log", &format!("a{text}b"), 5);
            report.stages[2].trouble = Some(trouble);
            report.stages[2].checks[0].name = format!("a{text}b");
            let xml = render(&report);
            let forbidden =
                |c: char| c.is_control() && c != '\n' && c != '\r' && c != '\t' && c < '\u{7f}';
            assert!(
                !xml.contains(forbidden) && !xml.contains('\u{fffe}'),
                "{text:?}"
            );
            let read = Report::deserialize_from_str(&xml);
            assert_eq!(read.unwrap().tests, 11, "{text:?}");
        }
    }
}
