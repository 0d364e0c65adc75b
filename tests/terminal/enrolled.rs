//! A recipe that nobody has seen before is enrolled at a terminal, and tested; a person may also leave.

use std::{fs, process::Command};

use ccci::model::outcome::Verdict;

use crate::{
    glass::{CTRL_C, Glass, Last},
    recipe,
    world::World,
};

/// What a keyboard sends for Enter.
const ENTER: &str = "\r";

/// Makes a world with a recipe of which nothing is known, and which wants a secret that it cannot generate.
fn unknown() -> World {
    let world = World::new();
    recipe::add_other(&world);
    recipe::want_secret(&world, "other");
    world
}

/// Begins a call whose tests are kept in a folder that is not there yet.
fn call(world: &World, args: &[&str]) -> Command {
    let mut call = world.ccci(args);
    let pytest = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lab/python/bin/pytest");
    call.env("CCCI_TESTS_DIR", world.path("mine"));
    call.env("CCCI_PYTEST", pytest);
    call
}

/// Returns what the screen showed, without the place where all of it was.
fn shown(world: &World, last: &Last) -> String {
    let root = world.path("").display().to_string();
    let lines = last.lines.iter().map(|line| line.replace(&root, "/"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Waits for a question, and until the program reads the answer key by key: before that the terminal itself would show it.
#[track_caller]
fn answer(glass: &Glass, question: &[&str], keys: &str) {
    glass.wait_for(question);
    glass.wait_for_single_keys();
    glass.type_in(keys);
}

#[test]
fn a_person_enrolls_a_recipe_and_tests_it() {
    let world = unknown();
    let glass = Glass::run(&call(&world, &["enroll", "./other"]));
    answer(
        &glass,
        &["Path that tells that the app is well [/]:"],
        "x\r",
    );
    // What cannot be is refused at once, and asked for again.
    answer(&glass, &["begins with one `/`"], "\u{7f}/\r");
    answer(&glass, &["Text that it shows"], "well\r");
    answer(
        &glass,
        &["Value of the secret `token`, at random [hex:40]:"],
        ENTER,
    );
    answer(&glass, &["Write ", "/mine/other/?"], ENTER);
    let last = glass.end().exits(0).gives_terminal_back();
    insta::assert_snapshot!(shown(&world, &last), @r"
     Reading other in /work/other
       Found pages of `app` at port 80
       Found path `/`: nothing names another
       Found backup of data
       Found upgrade from 0.3.0+1.35.1
Path that tells that the app is well: /
Text that it shows (none: any answer will do): well
Value of the secret `token`, at random: hex:40
Write /mine/other/? yes
       Wrote /mine/other/recipe.toml
       Wrote /mine/other/install_steps.sh
       Wrote /mine/other/test_custom_first.py
       Wrote /mine/other/PARITY.md
        Next ccci test ./other
       Again ccci enroll ./other --health-path / --contains well --secret token=hex:40 --example pytest --no-input
");
    let test = Glass::run(&call(&world, &["test", "./other"]));
    let last = test.end().exits(0).gives_terminal_back();
    let last = last.said("5 stages: 5 passed; level 5 of 5");
    assert_eq!(
        last.lines_with("other custom: 1 test").len(),
        1,
        "{:#?}",
        last.lines
    );
    let report = world.last_report().expect("it was run");
    assert_eq!(report.finished.map(|end| end.verdict), Some(Verdict::Pass));
    let list = Glass::run(&call(&world, &["list"]));
    list.end()
        .exits(0)
        .gives_terminal_back()
        .said("other   5, just now");
    world.assert_clean();
}

#[test]
fn who_leaves_at_a_question_leaves_nothing_behind() {
    let world = unknown();
    let glass = Glass::run(&call(&world, &["enroll", "./other"]));
    answer(&glass, &["Path that tells"], "/half");
    glass.wait_for(&["/half"]);
    glass.wait_for_single_keys();
    glass.type_in(CTRL_C);
    let last = glass.end().exits(130).gives_terminal_back();
    let last = last.said("error: interrupted");
    assert!(last.lines_with("Wrote").is_empty(), "{:#?}", last.lines);
    assert!(!world.path("mine").exists());
}

#[test]
fn who_does_not_agree_gets_nothing() {
    let world = unknown();
    let glass = Glass::run(&call(&world, &["enroll", "./other", "--contains", "well"]));
    answer(&glass, &["Path that tells"], ENTER);
    answer(&glass, &["Value of the secret"], ENTER);
    answer(&glass, &["Write "], "n");
    let last = glass.end().exits(106).gives_terminal_back();
    let last = last.said("error: nothing was written");
    assert!(last.lines_with("Text that it shows").is_empty());
    assert!(!world.path("mine").exists());
}

#[test]
fn a_terminal_in_ci_is_asked_nothing() {
    let world = unknown();
    let mut enroll = call(&world, &["enroll", "./other"]);
    enroll.env("CI", "true");
    let last = Glass::run(&enroll).end().exits(0).gives_terminal_back();
    assert!(
        last.lines_with("Path that tells").is_empty(),
        "{:#?}",
        last.lines
    );
    let written = fs::read_dir(world.path("mine/other")).expect("it was written");
    assert_eq!(written.count(), 4);
}
