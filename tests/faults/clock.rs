//! A clock that is wrong, or jumps: locks decide what is alive, and what lies in the future is left alone.
#![expect(clippy::unwrap_used, reason = "what the test cannot do ends it")]

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command},
};

use serde_json::Value;

use crate::world::World;

/// A clock that is a day ahead.
const AHEAD: &str = "+1d";
/// Clocks that are behind: by a day, and by all the years since they were invented.
const BEHIND: [&str; 2] = ["-1d", "@1970-01-02 00:00:00"];

/// Gives a call a clock that its children do not see.
fn with_clock(call: &mut Command, clock: &str) {
    call.env("FAKETIME", clock);
    call.env("LD_PRELOAD", library());
    // What is waited for is measured by a clock that nobody can set.
    call.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    call.env("NO_FAKE_STAT", "1");
}

/// Finds the library that tells a wrong time.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap();
    let paths = folders.map(|folder| folder.unwrap().path());
    let mut found = paths.map(|path| path.join("faketime/libfaketimeMT.so.1"));
    let found = found.find(|path| path.exists());
    found.expect("Debian's package `faketime` is installed")
}

/// Asserts that a janitor with this clock removes nothing of what belongs to the world, and says why.
#[track_caller]
fn spares(world: &World, clock: &str, reasons: &[&str]) {
    let before = world.objects();
    assert!(!before.is_empty());
    let mut janitor = world.ccci(&["janitor", "--max-age", "1h"]);
    janitor.env("CCCI_BASE_DOMAIN_IS_OURS", "true");
    with_clock(&mut janitor, clock);
    let mut ended = world.end(janitor).exits(0);
    for reason in reasons {
        ended = ended.said(reason);
    }
    assert_eq!(world.objects(), before, "{clock}");
}

/// Begins a run that is held while its app is up.
fn held(world: &World) -> Child {
    world.hold_in_custom();
    let run = World::start(world.test("install,custom"));
    world.wait_for_custom();
    run
}

#[test]
fn a_janitor_whose_clock_is_wrong_reaps_no_living_run() {
    let world = World::new();
    let run = held(&world);
    for clock in [AHEAD].into_iter().chain(BEHIND) {
        spares(&world, clock, &[]);
    }
    world.let_go();
    world.wait(run).exits(0).said("custom pass");
    world.assert_clean_and_usable();
}

#[test]
fn a_janitor_whose_clock_is_behind_spares_what_lies_in_its_future() {
    let world = World::new();
    let mut keep = world.test("install");
    keep.args(["--keep", "always"]);
    world.end(keep).exits(0);
    let volume = world.foreign_volume("tiny-0a1b2c");
    for clock in BEHIND {
        spares(&world, clock, &["kept until", "made in the future"]);
    }
    let mut janitor = world.ccci(&["janitor", "--max-age", "1ms"]);
    janitor.env("CCCI_BASE_DOMAIN_IS_OURS", "true");
    world
        .end(janitor)
        .exits(0)
        .said(&format!("tiny-0a1b2c.{}", world.marker()));
    let left = world.objects();
    assert!(!left.is_empty() && !left.contains(&format!("volume {volume}")));
    let all = ["teardown", "--all-runs", "--yes"];
    world.end(world.ccci(&all)).exits(0);
    world.assert_clean();
}

#[test]
fn a_run_passes_while_the_clock_jumps_to_and_fro() {
    let world = World::new();
    let clock = world.path("clock");
    fs::write(&clock, AHEAD).unwrap();
    let set = |time: &str| format!("echo '{time}' > {}", clock.display());
    world.custom_test("install_steps.sh", &set(BEHIND[0]));
    world.custom_test("ops/pre_upgrade.sh", &set(BEHIND[1]));
    world.custom_test("test_clock.sh", &set(AHEAD));
    let mut test = world.test("install,upgrade,custom");
    with_clock(&mut test, AHEAD);
    test.env_remove("FAKETIME");
    test.env("FAKETIME_TIMESTAMP_FILE", &clock);
    test.env("FAKETIME_NO_CACHE", "1");
    let ended = world.end(test).exits(0);
    ended.said("install pass, upgrade pass").said("custom pass");
    let events = fs::read_to_string(world.path("state/runs/latest/events.jsonl")).unwrap();
    let times = events.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["ts"].as_str().unwrap().to_owned()
    });
    assert!(!times.is_sorted(), "the clock did not jump: {events}");
    world.assert_clean_and_usable();
}
