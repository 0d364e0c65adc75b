//! Questions that a person is asked before something is changed.

use crate::{
    glass::{CTRL_C, Glass},
    world::World,
};

/// What is asked about a state directory that is not there.
const QUESTION: [&str; 2] = ["/later: the first run makes it", "/later`? [y/N]"];

/// Begins to mend a host whose state directory is not there.
fn mend(world: &World) -> Glass {
    let mut doctor = world.ccci(&["doctor", "--fix"]);
    doctor.env("CCCI_STATE_DIR", world.path("later"));
    doctor.env("TERM", "xterm");
    let glass = Glass::run(&doctor);
    glass.wait_for(&QUESTION);
    glass
}

#[test]
fn a_host_is_changed_only_after_a_yes() {
    let world = World::new();
    for (key, is_made) in [("n", false), ("y", true)] {
        let glass = mend(&world);
        glass.wait_for_single_keys();
        glass.type_in(key);
        let last = glass.end().exits(0).said("Ready to test recipes: ");
        last.gives_terminal_back();
        assert_eq!(world.path("later").exists(), is_made);
    }
}

#[test]
fn a_question_that_is_interrupted_changes_nothing() {
    let world = World::new();
    let glass = mend(&world);
    glass.type_in(CTRL_C);
    let last = glass.end().exits(130);
    assert!(last.lines.iter().any(|line| line.contains("interrupted")));
    assert!(!world.path("later").exists());
}
