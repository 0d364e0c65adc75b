//! Signals end a run after teardown, and a second one names what teardown had to leave.

use serde_json::{Value, json};

use crate::world::World;

/// The number of SIGHUP.
const HUP: i32 = 1;
/// The number of SIGINT.
const INT: i32 = 2;
/// The number of SIGTERM.
const TERM: i32 = 15;

/// Signals a run amid a deploy, and asserts how it ended and that nothing is left.
#[track_caller]
fn ends(rule: &Value, stages: &str, code: i32, told: &str) {
    let world = World::new();
    world.docker_obeys(&json!([rule]));
    let ended = world.end(world.test(stages)).exits(code);
    let ended = ended.said(told).coded("interrupted");
    assert_eq!(ended.left(), Vec::<String>::new());
    world.assert_clean_and_usable();
}

#[test]
fn a_supervisor_that_stops_a_run_in_its_install_gets_its_teardown() {
    // No event of a swarm tells that a deploy has begun and made nothing yet.
    let rule = json!({"verb": "stack deploy", "call": 1, "signals": [TERM]});
    ends(&rule, "install", 143, "install broken");
}

#[test]
fn a_terminal_that_closes_in_an_upgrade_gets_its_teardown() {
    // No event of a swarm tells that an upgrade has begun and changed nothing yet.
    let rule = json!({"verb": "stack deploy", "call": 2, "signals": [HUP]});
    ends(&rule, "install,upgrade", 129, "upgrade broken");
}

#[test]
fn a_second_interrupt_ends_all_children_and_names_what_is_left() {
    let world = World::new();
    // A removal of a working engine cannot be held until a signal has come.
    world.docker_obeys(&json!([
        {"verb": "stack ps", "call": 1, "signals": [INT]},
        {"verb": "service rm", "signals": [INT], "hang": true},
    ]));
    let ended = world.end(world.test("install")).exits(130);
    world.assert_no_process();
    let said = ended.stderr();
    let line = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("Run "));
    let run = line
        .and_then(|line| line.split(' ').next())
        .expect("the run is named");
    assert!(
        said.contains(&format!("run `ccci teardown {run}`")),
        "{said}"
    );
    assert!(said.contains("remains"), "{said}");
    world.docker_obeys(&json!([]));
    world.end(world.ccci(&["janitor"])).exits(0).said("removed");
    world.assert_clean();
}
