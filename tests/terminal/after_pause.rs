//! A run that is stopped and continued, and one that is asked how it goes.
#![expect(
    clippy::disallowed_methods,
    reason = "a pause that a limit must not count has to last longer than the limit"
)]

use std::{thread, time::Duration};

use rustix::process::{Signal, WaitOptions, waitpid};

use crate::{glass::Glass, recipe, world::World};

/// How long a stage may take; a slow machine needs a part of it.
const LIMIT: u64 = 30;

#[test]
fn a_pause_longer_than_the_limit_costs_the_app_nothing() {
    let world = World::new();
    recipe::hold_convergence(&world, "plain");
    recipe::give_seconds(&world, LIMIT);
    let mut test = world.test("install");
    test.env("CCCI_STAGE_TIMEOUT", format!("{LIMIT}s"));
    let glass = Glass::run(&test);
    glass.wait_for(&["     install [", "services app 0/1 starting"]);
    glass.send(Signal::STOP);
    let stopped = waitpid(Some(glass.pid()), WaitOptions::UNTRACED).unwrap();
    assert!(stopped.is_some_and(|(_, status)| status.stopped()));
    thread::sleep(Duration::from_secs(LIMIT + 1));
    glass.send(Signal::CONT);
    glass.send(Signal::USR1);
    glass.wait_for(&["plain install (1/5) [", "  services: app 0/1 starting"]);
    recipe::let_converge(&world);
    let last = glass.end().exits(0).gives_terminal_back().said("PASS [");
    let asked = last.lines_with("plain install (1/5) [");
    assert!(
        asked[0].contains("waiting for services, gives up in "),
        "{asked:?}"
    );
    world.assert_clean();
}

/// Returns the state of a process, as the kernel's letter.
fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in parentheses, may hold anything.
    stat.rsplit_once(')')?.1.trim().chars().next()
}

#[test]
fn the_stop_key_stops_a_test_too_and_both_go_on() {
    let world = World::new();
    world.hold_in_custom();
    let pid_file = world.path("pid");
    let text = format!("#!/bin/sh\necho $$ > {}\n", pid_file.display());
    let held = std::fs::read_to_string(world.path("kept/plain/test_hold.sh"));
    let held = held
        .expect("the test is there")
        .replacen("#!/bin/sh\n", &text, 1);
    world.keep_program("test_hold.sh", &held);
    let glass = Glass::run(&world.test("install,custom"));
    world.wait_for_custom();
    let test: i32 = std::fs::read_to_string(pid_file)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .expect("the test wrote its number");
    glass.wait_for(&["      custom ["]);
    glass.type_in("\u{1a}");
    let stopped = waitpid(Some(glass.pid()), WaitOptions::UNTRACED).unwrap();
    assert!(stopped.is_some_and(|(_, status)| status.stopped()));
    assert_eq!(state(test), Some('T'));
    glass.send(Signal::CONT);
    // It goes on to its end, which a process that stands still never reaches.
    world.let_go();
    let last = glass.end().exits(0).gives_terminal_back();
    last.said("(5/5) plain custom");
    world.assert_clean();
}
