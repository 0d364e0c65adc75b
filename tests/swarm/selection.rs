//! Runs of some tests only, which never look like whole ones.

use ccci::model::{
    outcome::{CheckKind, Outcome, SkipReason},
    stage::Stage,
};

use crate::harness::{Deployer, Judged, World};

/// A file in Python of which one test fails.
const LOGIN: &str = "class TestForm:
    def test_opens(self):
        pass

    def test_user(self):
        assert False


def test_opens_not():
    assert False
";

/// Keeps tests of which only some pass.
fn world() -> World {
    let world = World::of_example("static-site", Deployer::Docker);
    world.keep(
        "recipe.toml",
        "[[check]]\nname = \"front-page\"\npath = \"/\"\ncontains = [\"nowhere\"]\n",
    );
    world.keep("functional/test_login.py", LOGIN);
    world.keep_program("test_install_page.sh", "test -n \"$CCCI_BASE_URL\"\n");
    world.keep_program("test_other.sh", "exit 1\n");
    world.keep_program(
        "install_steps.sh",
        "echo done > \"$CCCI_ARTIFACTS/steps.txt\"\n",
    );
    world
}

/// Returns what was left out of the stages, in words.
fn not_selected(judged: &Judged) -> Vec<String> {
    let stages = judged.records.report.stages.iter();
    let all = stages.flat_map(|stage| stage.not_selected.iter().map(move |one| (stage, one)));
    all.map(|(stage, one)| format!("{} {}", stage.stage, one.name))
        .collect()
}

#[test]
fn a_run_of_some_tests_says_which_were_left_out_and_has_no_level_for_it() {
    let world = world();
    let judged = world
        .test()
        .args(&["--stages", "install,custom"])
        .args(&[
            "--test",
            "*login.py::TestForm::test_opens",
            "--test=page.sh",
        ])
        .run()
        .judged(0)
        .ended(
            "install pass, upgrade skip, backup skip, restore skip, custom pass",
            0,
        );
    assert_eq!(
        not_selected(&judged),
        [
            "install front-page",
            "custom functional/test_login.py (but `TestForm::test_opens`)",
            "custom test_other.sh"
        ]
    );
    let custom = judged.records.stage(Stage::Custom);
    let [login] = custom.checks.as_slice() else {
        panic!("one check expected: {custom:#?}");
    };
    let cases: Vec<_> = login.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(
        (cases.as_slice(), login.outcome),
        (&["TestForm::test_opens"][..], Outcome::Pass)
    );
    let install = &judged.records.stage(Stage::Install).checks;
    let ran = |kind| install.iter().any(|check| check.kind == kind);
    assert!(ran(CheckKind::Hook) && ran(CheckKind::Generic) && ran(CheckKind::Test));
    assert!(!ran(CheckKind::Declared));
    for part in [
        "`--test` leaves out 3 tests; the level ends below stage `install`",
        "custom: 1 test, 2 not selected",
        "level 0 of 5; 3 tests not selected",
    ] {
        assert!(judged.screen.contains(part), "no {part}: {}", judged.screen);
    }
    let summary = &judged.records.summary;
    assert!(summary.contains("; 3 tests not selected."), "{summary}");
    let cases = judged
        .records
        .junit
        .test_suites
        .iter()
        .flat_map(|suite| &suite.test_cases);
    let named = |name: &str| cases.clone().any(|case| case.name.as_str() == name);
    assert!(named("check::front-page") && named("test::test_other.sh"));
}

#[test]
fn the_level_ends_below_the_first_stage_of_which_a_test_was_left_out() {
    let world = World::of_example("static-site", Deployer::Docker);
    world.keep_program("test_install_page.sh", "exit 0\n");
    world.keep_program("test_other.sh", "exit 1\n");
    let judged = world.test().args(&["--test", "install"]).run().judged(0);
    let judged = judged.ended(
        "install pass, upgrade pass, backup pass, restore pass, custom skip",
        4,
    );
    let skip = judged.records.stage(Stage::Custom).skip.as_ref();
    assert!(matches!(skip, Some(SkipReason::NotSelected(_))), "{skip:?}");
    let said = "level 4 of 5; 1 test not selected";
    assert!(judged.screen.contains(said), "{}", judged.screen);
}
