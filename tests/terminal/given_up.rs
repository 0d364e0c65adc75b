//! Who insists gets an end: a second signal gives teardown up and names what is left, a third ends at once.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    io::{self, Write},
    process::Stdio,
};

use rustix::{
    fs::{OFlags, fcntl_setfl},
    process::Signal,
};

use crate::{
    glass::{CTRL_C, Glass, Last},
    held,
    world::World,
};

/// Returns the commands that were printed to remove what is left, each as its words after `ccci`.
pub(crate) fn commands(last: &Last) -> Vec<Vec<&str>> {
    let hints = last.lines.iter();
    let hints = hints.filter_map(|line| line.trim().strip_prefix("hint: run `ccci "));
    let words = |hint: &'_ str| hint.trim_end_matches('`').len();
    hints
        .map(|hint| hint[..words(hint)].split(' ').collect())
        .collect()
}

/// Asserts that every object which is left is named on the screen.
#[track_caller]
pub(crate) fn assert_named(world: &World, last: &Last) {
    let left = world.objects();
    assert!(!left.is_empty(), "there is nothing to name");
    for object in left
        .iter()
        .filter(|object| !object.starts_with("container "))
    {
        let (kind, name) = object.split_once(' ').unwrap();
        let text = format!(": {kind} `{name}` remains");
        assert_eq!(last.lines_with(&text).len(), 1, "{object}");
    }
}

#[test]
fn a_second_interrupt_names_what_is_left_and_the_command_that_removes_it() {
    let world = World::new();
    held::hold_docker(&world, "service rm");
    let glass = Glass::run(&world.test("install"));
    held::wait_for_docker(&world, 1);
    glass.type_in(CTRL_C);
    glass.wait_for(&["Cancelling [", "Ctrl-C again abandons it"]);
    glass.type_in(CTRL_C);
    let last = glass.end().exits(130).gives_terminal_back();
    world.assert_no_process();
    let last = last.said("second signal: teardown is given up");
    let last = last.said("was cancelled and left ");
    assert_named(&world, &last);
    let commands = commands(&last);
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert!(last.lines.last().unwrap().contains("hint: run `ccci "));
    world.docker_obeys(&serde_json::json!([]));
    world.end(world.ccci(&commands[0])).exits(0).said("removed");
    world.assert_clean();
}

#[test]
fn a_third_interrupt_ends_a_stuck_program_and_leaves_the_screen_in_order() {
    let world = World::new();
    // Standard output that takes nothing and is not closed: whoever writes to it waits for ever.
    let (_reader, writer) = io::pipe().unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    while (&writer).write(&[b'\n'; 4096]).is_ok() {}
    fcntl_setfl(&writer, OFlags::empty()).unwrap();
    let mut test = world.test("install");
    test.args(["--message-format", "json"]);
    let glass = Glass::start(&test, Some(Stdio::from(writer)));
    glass.wait_for(&["     Testing ["]);
    // Two different ones, since two of the same that come at once are one.
    glass.type_in(CTRL_C);
    glass.send(Signal::TERM);
    glass.wait_for(&["second signal: teardown is given up"]);
    glass.type_in(CTRL_C);
    glass.end().exits(130).gives_terminal_back_after("^C");
    world.end(world.ccci(&["janitor"])).exits(0).said("");
    world.assert_clean();
}
