//! The tests and hooks that people keep for a recipe.

use std::fs;

use ccci::model::{
    outcome::{CaseResult, CheckKind, Outcome, SkipReason},
    stage::Stage,
};

use crate::harness::{Deployer, Failure, Judged, World, picture};

/// How the stages end when all pass.
const ALL: &str = "install pass, upgrade pass, backup skip, restore skip, custom pass";

/// Returns the outcome of a check of a stage.
#[track_caller]
fn outcome(judged: &Judged, stage: Stage, kind: CheckKind, name: &str) -> Outcome {
    let checks = &judged.records.stage(stage).checks;
    let found = checks
        .iter()
        .find(|check| check.kind == kind && check.name.contains(name));
    found
        .unwrap_or_else(|| panic!("no `{name}` in {checks:#?}"))
        .outcome
}

/// Makes a world whose secret is inserted by a hook.
fn overlaid(deployer: Deployer) -> World {
    let world = World::of("overlaid", deployer);
    let insert =
        "printf open-sesame | docker secret create \"${CCCI_STACK}_token_v1\" - > /dev/null\n";
    world.keep_program("install_steps.sh", insert);
    world
}

/// Runs checks, hooks and tests that all pass.
fn run_passing(deployer: Deployer) {
    let world = overlaid(deployer);
    let config = "[[check]]\nname = \"length\"\npath = \"/\"\ncontains = [\"11\"]\nnot-contains = [\"open-sesame\"]\n";
    world.keep("recipe.toml", config);
    world.keep_program(
        "ops/pre_upgrade.sh",
        "exec ccci exec app -- sh -c 'echo seeded > /data/seed.txt'\n",
    );
    world.keep_program(
        "test_upgrade_seed.sh",
        "set -e\ntest \"$(ccci exec app -- cat /data/seed.txt)\" = seeded\ngrep -q 0.2.0+1.35.1 \"$CCCI_OP_STATE_FILE\"\n",
    );
    world.keep_program(
        "functional/test_environment.sh",
        "env > \"$CCCI_ARTIFACTS/environment.txt\"\necho \"$TMPDIR\" > \"$CCCI_ARTIFACTS/directory.txt\"\ntest -z \"$(ls -A \"$TMPDIR\")\"\n",
    );
    let token = world.path("token");
    fs::write(&token, "a-token-that-no-test-may-see").expect("it is ours");
    let token = token.to_str().expect("it is text");
    let judged = world
        .test()
        .env("CCCI_GIT_TOKEN_FILE", token)
        .env("CCCI_GIT_TOKEN", "a-token-of-the-environment")
        .env("UNRELATED", "stays-outside")
        .run()
        .judged(0)
        .ended(ALL, 5);
    for stage in [Stage::Install, Stage::Upgrade] {
        assert_eq!(
            outcome(&judged, stage, CheckKind::Declared, "length"),
            Outcome::Pass
        );
    }
    assert_eq!(
        outcome(
            &judged,
            Stage::Upgrade,
            CheckKind::Test,
            "test_upgrade_seed.sh"
        ),
        Outcome::Pass
    );
    check_environment(&world, &judged);
}

/// Asserts what a test saw of the environment.
#[track_caller]
fn check_environment(world: &World, judged: &Judged) {
    let artifact = |name: &str| {
        let path = judged.directory.join("artifacts").join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let environment = artifact("environment.txt");
    let value = |name: &str| {
        let mut lines = environment.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name} in {environment}"))
    };
    let domain = value("CCCI_APP_DOMAIN");
    assert!(domain.ends_with(&world.base_domain()), "{domain}");
    assert_eq!(value("CCCI_STACK"), domain.replace('.', "_"));
    assert_eq!(value("CCCI_HOST_HEADER"), domain);
    assert_eq!((value("CCCI"), value("CCCI_STAGE")), ("1", "custom"));
    assert_eq!(value("CCCI_RECIPE"), "overlaid");
    assert_eq!(value("CCCI_INGRESS"), "direct");
    assert_eq!(value("CCCI_RUN_ID"), judged.records.report.run_id.as_str());
    assert!(
        value("CCCI_BASE_URL").starts_with("http://"),
        "{environment}"
    );
    for name in [
        "CCCI_APP_ENV",
        "CCCI_OP_STATE_FILE",
        "CCCI_DEPLOYER",
        "CCCI_ARTIFACTS",
    ] {
        assert_ne!(value(name), "");
    }
    for foreign in [
        "TOKEN",
        "a-token-that-no-test-may-see",
        "a-token-of-the-environment",
        "stays-outside",
    ] {
        assert!(!environment.contains(foreign), "{environment}");
    }
    let directory = artifact("directory.txt");
    let directory = std::path::Path::new(directory.trim());
    assert!(!directory.exists(), "{}", directory.display());
}

#[test]
fn hooks_checks_and_tests_that_people_keep_are_run() {
    run_passing(Deployer::Docker);
}

#[test]
fn hooks_checks_and_tests_that_people_keep_are_run_with_abra() {
    run_passing(Deployer::Abra);
}

#[test]
fn a_test_in_python_has_fixtures_for_the_app_and_the_operation() {
    let world = World::of("plain", Deployer::Docker);
    let test = "def test_page(base_url, app_domain, http, op, artifacts, run_in):
    assert base_url.startswith('http://')
    written = run_in('app', 'sh', '-c', 'cat > /data/python.txt && hostname', input=app_domain)
    assert written.strip()
    assert http.get('/python.txt').text == app_domain
    assert http.get('/nowhere', status=404).status == 404
    (artifacts / 'op.txt').write_text(op['to'])
";
    world.keep("test_upgrade_page.py", test);
    let call = world.test().args(&["--stages", "install,upgrade"]);
    let ended = "install pass, upgrade pass, backup skip, restore skip, custom skip";
    let judged = call.run().judged(0).ended(ended, 2);
    let name = "test_upgrade_page.py";
    let passed = outcome(&judged, Stage::Upgrade, CheckKind::Test, name);
    assert_eq!(passed, Outcome::Pass);
    judged.has_evidence("artifacts/op.txt", "0.2.0+1.35.1");
}

/// A test in a browser that wants another title than the page has, which is red above and green below.
const WRONG_TITLE: &str = r#"HTML = """
<title>Hello</title>
<body style="margin: 0; background: #00ff00">
<h1 style="margin: 0; padding: 99px 0; text-align: center; background: #ff0000">Welcome</h1>
<img src="missing.png" alt="">
<script>
console.log('drawn');
console.error('the engine is cold');
undefinedFunction();
</script>
"""


def test_title(page, run_in):
    run_in('app', 'sh', '-c', 'cat > /data/index.html', input=HTML)
    page.goto('/')
    assert page.title() == 'Goodbye'
"#;

#[test]
fn a_test_in_a_browser_that_fails_leaves_what_was_seen() {
    let world = World::of("plain", Deployer::Docker);
    world.keep("playwright/test_title.py", WRONG_TITLE);
    let call = world.test().args(&["--stages", "install,custom"]);
    let judged = call.run().judged(100);
    let ended = "install pass, upgrade skip, backup skip, restore skip, custom fail";
    let judged = judged.ended(ended, 1).failed(&Failure {
        stage: Stage::Custom,
        outcome: Outcome::Fail,
        code: "test-failed",
        says: &["playwright/test_title.py", "- Goodbye", "+ Hello"],
    });
    let artifacts = judged.directory.join("artifacts");
    let name = "playwright-test_title.py-test_title";
    let console = fs::read_to_string(artifacts.join(format!("{name}.console.txt")));
    let console = console.expect("it is there");
    let plan = judged.records.report.plan.as_ref();
    let domain = &plan.expect("there was a plan").domain;
    let opened = format!("page http://{domain}/");
    for line in [
        opened.as_str(),
        "console log: drawn",
        "console error: the engine is cold",
        "error: undefinedFunction is not defined",
    ] {
        assert!(console.lines().any(|found| found == line), "{console}");
    }
    let refused =
        "console error: Failed to load resource: the server responded with a status of 404";
    assert!(console.contains(refused), "{console}");
    // Points that no word of the page is near to.
    let picture = artifacts.join(format!("{name}.png"));
    let shown = picture::colours(&picture, &["0,0", "1279,199", "0,300", "1279,719"]);
    assert_eq!(shown, "1280x720 ff0000 ff0000 00ff00 00ff00");
}

#[test]
fn a_browser_that_is_needed_and_missing_is_said_before_anything_is_deployed() {
    let world = World::of("plain", Deployer::Docker);
    world.keep("playwright/test_title.py", WRONG_TITLE);
    let call = world.test().env("CCCI_CHROMIUM", "no-such-browser");
    let judged = call.run().judged(103);
    for text in [
        "playwright/test_title.py` needs a browser",
        "`no-such-browser` was not found",
    ] {
        assert!(judged.screen.contains(text), "{}", judged.screen);
    }
    assert_eq!(world.watch.services(), Vec::<String>::new());
}

#[test]
fn a_declared_check_that_fails_fails_its_stage() {
    let world = World::of("plain", Deployer::Docker);
    let config = "[[check]]\nname = \"greeting\"\nstages = [\"install\"]\npath = \"/\"\ncontains = [\"good morning\"]\n";
    world.keep("recipe.toml", config);
    let judged = world
        .test()
        .args(&["--stages", "install"])
        .run()
        .judged(100);
    let judged = judged.ended(
        "install fail, upgrade skip, backup skip, restore skip, custom skip",
        0,
    );
    assert_eq!(
        outcome(&judged, Stage::Install, CheckKind::Declared, "greeting"),
        Outcome::Fail
    );
    assert_eq!(
        outcome(&judged, Stage::Install, CheckKind::Generic, "reachable"),
        Outcome::Pass
    );
    let shown = judged.screen.contains("good morning");
    assert!(shown, "{}", judged.screen);
}

/// Runs one custom test against a recipe that is well.
fn run_custom(program: &str, args: &[&str]) -> (World, Judged) {
    let world = World::of("plain", Deployer::Docker);
    world.keep_program("test_custom.sh", program);
    let call = world
        .test()
        .args(&["--stages", "install,custom"])
        .args(args);
    let ran = call.env("CCCI_TEST_TIMEOUT", "2s").run();
    let exit = ran.code.expect("it ended by itself");
    let judged = ran.judged(exit);
    (world, judged)
}

#[test]
fn a_test_that_fails_shows_its_last_lines() {
    let (_world, judged) = run_custom("echo 'the door is shut' >&2\nexit 3\n", &[]);
    judged
        .ended(
            "install pass, upgrade skip, backup skip, restore skip, custom fail",
            1,
        )
        .failed(&Failure {
            stage: Stage::Custom,
            outcome: Outcome::Fail,
            code: "test-failed",
            says: &["test_custom.sh", "the door is shut"],
        });
}

#[test]
fn a_test_that_hangs_is_ended_with_all_its_children() {
    let (_world, judged) = run_custom("echo waiting\nsleep 4711 &\nwait\n", &[]);
    judged
        .ended(
            "install pass, upgrade skip, backup skip, restore skip, custom timeout",
            1,
        )
        .failed(&Failure {
            stage: Stage::Custom,
            outcome: Outcome::Timeout,
            code: "timeout",
            says: &["`test_custom.sh` did not end within 2s", "waiting"],
        });
    for process in fs::read_dir("/proc").expect("there is one").flatten() {
        let Ok(line) = fs::read(process.path().join("cmdline")) else {
            continue;
        };
        assert_ne!(line, b"sleep\x004711\x00", "a child of the test lives on");
    }
}

#[test]
fn a_test_that_passes_on_a_later_try_is_flaky() {
    let program =
        "test -e \"$CCCI_ARTIFACTS/tried\" && exit 0\ntouch \"$CCCI_ARTIFACTS/tried\"\nexit 1\n";
    let (_world, judged) = run_custom(program, &["--retries", "1"]);
    let judged = judged.ended(
        "install pass, upgrade skip, backup skip, restore skip, custom flaky",
        1,
    );
    let finished = judged.records.report.finished.as_ref().expect("it ended");
    assert_eq!((finished.exit_code, finished.flaky), (0, 1));
    assert!(judged.screen.contains("TRY 1 FAIL"), "{}", judged.screen);
    assert!(judged.screen.contains("FLAKY 2/2"), "{}", judged.screen);
}

/// Runs test files in Python against a recipe that is well.
fn run_python(files: &[(&str, &str)]) -> (World, Judged) {
    let world = World::of("plain", Deployer::Docker);
    for (name, text) in files {
        world.keep(name, text);
    }
    let ran = world.test().args(&["--stages", "install,custom"]).run();
    let exit = ran.code.expect("it ended by itself");
    let judged = ran.judged(exit);
    (world, judged)
}

/// A file in Python of which every kind of end comes out.
const LOGIN: &str = "import pytest

class TestForm:
    def test_opens(self):
        pass

    def test_user(self):
        assert 'guest' == 'admin'

@pytest.mark.skip(reason='needs mail')
def test_mail():
    pass
";
/// A file in Python that has nothing to test here.
const MAIL: &str = "import pytest

@pytest.mark.skip(reason='needs mail')
def test_mail():
    pass
";

#[test]
fn each_function_of_a_file_in_python_has_its_result() {
    let (_world, judged) = run_python(&[("test_login.py", LOGIN), ("test_mail.py", MAIL)]);
    let ended = "install pass, upgrade skip, backup skip, restore skip, custom fail";
    let judged = judged.ended(ended, 1).failed(&Failure {
        stage: Stage::Custom,
        outcome: Outcome::Fail,
        code: "test-failed",
        says: &["`test_login.py` failed (exit code 1): `TestForm::test_user`"],
    });
    let checks = &judged.records.stage(Stage::Custom).checks;
    let [login, mail] = checks.as_slice() else {
        panic!("two checks expected: {checks:#?}");
    };
    let told = |case: &CaseResult| {
        let message = case.message.as_deref().unwrap_or("-");
        format!("{} {}: {message}", case.outcome.word(), case.name)
    };
    assert_eq!(
        login.cases.iter().map(told).collect::<Vec<_>>(),
        [
            "pass TestForm::test_opens: -",
            "fail TestForm::test_user: AssertionError: assert 'guest' == 'admin'",
            "skip test_mail: needs mail",
        ]
    );
    let why = "all its tests were skipped: needs mail";
    assert_eq!(
        (mail.outcome, mail.note.as_deref()),
        (Outcome::Skip, Some(why))
    );
    let cases = judged.records.junit.test_suites.iter();
    let cases = cases.flat_map(|suite| &suite.test_cases);
    let named: Vec<_> = cases
        .filter(|case| case.name.as_str().starts_with("test::"))
        .map(|case| case.name.as_str())
        .collect();
    assert_eq!(
        named,
        [
            "test::test_login.py",
            "test::test_login.py::TestForm::test_opens",
            "test::test_login.py::TestForm::test_user",
            "test::test_login.py::test_mail",
            "test::test_mail.py",
            "test::test_mail.py::test_mail",
        ]
    );
    let listed = "- `test_login.py::TestForm::test_user` (fail): `AssertionError";
    let summary = &judged.records.summary;
    assert!(summary.contains(listed), "{summary}");
}

#[test]
fn a_stage_of_which_every_test_was_skipped_is_no_pass() {
    let (_world, judged) = run_python(&[("test_mail.py", MAIL)]);
    let ended = "install pass, upgrade skip, backup skip, restore skip, custom skip";
    let judged = judged.ended(ended, 1);
    let skip = judged.records.stage(Stage::Custom).skip.as_ref();
    let why = "`test_mail.py`: all its tests were skipped: needs mail";
    assert_eq!(skip, Some(&SkipReason::Undeclared(why.to_owned())));
    assert!(judged.screen.contains(why), "{}", judged.screen);
    let finished = judged.records.report.finished.as_ref().expect("it ended");
    assert_eq!(finished.exit_code, 0);
}

/// A file of hurl whose second request is answered otherwise than it says.
const WRONG_STATUS: &str = "GET {{base_url}}/
Host: {{host_header}}
HTTP 200
[Asserts]
body contains \"well\"

GET {{base_url}}/nowhere
Host: {{host_header}}
HTTP 200
";

#[test]
fn files_of_hurl_are_run_and_say_what_was_found() {
    let world = World::of("plain", Deployer::Docker);
    let (right, _) = WRONG_STATUS
        .split_once("\n\n")
        .expect("there are two requests");
    world.keep("functional/test_page.hurl", right);
    world.keep("functional/test_wrong.hurl", WRONG_STATUS);
    world.keep("functional/test_unread.hurl", "GET\n");
    let call = world.test().args(&["--stages", "install,custom"]);
    let ended = "install pass, upgrade skip, backup skip, restore skip, custom fail";
    let judged = call.run().judged(100).ended(ended, 1);
    let checks = &judged.records.stage(Stage::Custom).checks;
    let told = checks.iter().flat_map(|check| &check.cases).map(|case| {
        let message = case.message.as_deref().unwrap_or("-");
        format!("{} {}: {message}", case.outcome.word(), case.name)
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "pass functional/test_page.hurl: -",
            "fail functional/test_wrong.hurl: Assert status code: actual value is <404>",
        ]
    );
    let outcomes: Vec<_> = checks.iter().map(|check| check.outcome).collect();
    assert_eq!(outcomes, [Outcome::Pass, Outcome::Fail, Outcome::Fail]);
    judged.has_evidence("functional-test_unread.hurl.log", "Parsing");
}
