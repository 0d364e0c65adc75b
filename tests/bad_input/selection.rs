//! Patterns of tests that select nothing: refused before anything is deployed.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::fs;

use crate::world::World;

/// Makes a world in which tests are kept for the recipe.
fn world() -> World {
    let mut world = World::plannable();
    let kept = world.path("tests/tiny");
    fs::create_dir_all(kept.join("functional")).unwrap();
    let login =
        "def test_opens():\n    pass\n\nclass TestForm:\n    def test_user(self):\n        pass\n";
    world.write("tests/tiny/functional/test_login.py", login);
    world.write("tests/tiny/test_mode.sh", "#!/bin/sh\n");
    world.write(
        "tests/tiny/recipe.toml",
        "[[check]]\nname = \"front-page\"\npath = \"/\"\n",
    );
    world.set("CCCI_TESTS_DIR", world.path("tests"));
    world
}

#[test]
fn a_pattern_of_nothing_is_told_what_may_have_been_meant() {
    let world = world();
    for (pattern, hint) in [
        ("test_lgin", "hint: try `test_login`"),
        ("fornt-page", "hint: try `front-page`"),
        (
            "login.py::test_open_",
            "hint: try `functional/test_login.py::test_opens`",
        ),
        (
            "nothing like it",
            "hint: list the tests with `ccci test --list`",
        ),
        (
            "conftest.py",
            "hint: list the tests with `ccci test --list`",
        ),
    ] {
        let said = world.refused_after_reading(&["test", "./tiny", "--test", pattern], 4);
        let error = format!("error: `--test {pattern}` selects no test of `tiny`");
        assert!(said.contains(&error) && said.contains(hint), "{said}");
    }
}

#[test]
fn one_pattern_of_nothing_beside_a_good_one_is_refused_too() {
    let world = world();
    let words = ["test", "./tiny", "--test=login,test_lgin", "--test=front*"];
    let said = world.refused_after_reading(&words, 4);
    assert!(said.contains("`--test test_lgin`"), "{said}");
    let output = world.call(&["test", "./tiny", "--test=login,test_lgin", "--dry-run"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), &*output.stdout),
        (Some(4), &b""[..]),
        "{said}"
    );
}

#[test]
fn a_pattern_of_what_does_not_run_is_told_why() {
    let world = world();
    let said = world.refused_after_reading(&["test", "./tiny", "--test", "mode"], 4);
    let why =
        "selects only what does not run: `test_mode.sh` (is not executable; run `chmod +x` on it)";
    assert!(said.contains(why), "{said}");
    let words = ["test", "./tiny", "--test", "login", "--stages", "backup"];
    let said = world.refused_after_reading(&words, 4);
    let why = "`functional/test_login.py` (stage custom: not asked for)";
    assert!(said.contains(why), "{said}");
}

#[test]
fn whoever_allows_that_nothing_is_selected_hears_of_it_or_not() {
    let world = world();
    for (action, warned) in [("warn", true), ("pass", false)] {
        let output = world.call(&["test", "./tiny", "--test", "nothing", "--no-tests", action]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*output.stdout),
            (Some(0), &b""[..]),
            "{said}"
        );
        let warning = "warning: `--test nothing` selects no test of `tiny`";
        assert_eq!(said.contains(warning), warned, "{said}");
        assert!(!world.calls().contains("stack deploy"));
    }
}

#[test]
fn the_plan_shows_what_is_left_out() {
    let world = world();
    let words = ["test", "./tiny", "--test", "login.py::opens", "--dry-run"];
    let output = world.call(&words);
    let plan = String::from_utf8_lossy(&output.stdout);
    for line in [
        "  functional/test_login.py (kept beside ccci, test of custom, by pytest); only `opens` of it\n",
        "  front-page (after install, upgrade, restore); will not run: not selected by `--test`\n",
    ] {
        assert!(plan.contains(line), "no {line}: {plan}");
    }
}

#[test]
fn the_list_says_stage_by_stage_what_runs_and_what_does_not() {
    let mut world = world();
    world.set("CCCI_SKIP_GENERIC", "install");
    world.set("CCCI_PYTEST", "/no/py");
    let words = ["test", "./tiny", "--list", "--stages", "install,custom"];
    let output = world.call(&words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let list = String::from_utf8(output.stdout).unwrap();
    assert!(
        list.lines().all(|line| line.chars().count() <= 80),
        "{list}"
    );
    let (_, stages) = list.split_once("\n\n").unwrap();
    insta::assert_snapshot!(stages, @r"
    install
      not run  generic checks            ccci's own: left out by `CCCI_SKIP_GENERIC`
      check    front-page                recipe.toml

    upgrade: skipped, not asked for
      not run  front-page                recipe.toml: its stage is skipped

    backup: skipped, not asked for

    restore: skipped, not asked for
      not run  front-page                recipe.toml: its stage is skipped

    custom
      not run  functional/test_login.py  kept: needs `/no/py`, which was not found
      not run  test_mode.sh              kept: is not executable; run `chmod +x` on
                                         it

    tests and checks: 1 would run, 5 would not
    ");
    assert!(!world.calls().contains("stack deploy"));
}

#[test]
fn the_list_for_programs_is_the_plan_with_all_that_people_read() {
    let mut world = world();
    world.set("CCCI_SKIP_GENERIC_INSTALL", "1");
    let words = [
        "test",
        "./tiny",
        "--list",
        "--test=front",
        "--message-format=json",
    ];
    let output = world.call(&words);
    let line = String::from_utf8(output.stdout).unwrap();
    let message: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (line.lines().count(), &message["reason"]),
        (1, &"plan".into())
    );
    let plan = &message["recipes"][0];
    assert_eq!(
        plan["stages"][0]["left_out_by"],
        "`CCCI_SKIP_GENERIC_INSTALL`"
    );
    assert_eq!(plan["checks"][0]["name"], "front-page");
    assert_eq!(plan["checks"][0]["deselected"], serde_json::Value::Null);
    assert_eq!(plan["choices"][0]["chosen"][0], "front-page");
    let overlays = plan["overlays"].as_array().unwrap();
    let login = overlays
        .iter()
        .find(|one| one["path"] == "functional/test_login.py")
        .unwrap();
    assert_eq!(
        (&login["deselected"], &login["origin"]),
        (&true.into(), &"kept".into())
    );
    assert_eq!(plan["stages"][4]["skip"]["kind"], "not-selected");
}
