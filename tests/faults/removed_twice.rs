//! Two who remove one app at once: one waits, and what is gone already is no error.
#![expect(clippy::unwrap_used, reason = "what the test cannot do ends it")]

use std::fs;

use serde_json::json;

use crate::world::World;

/// Leaves an app whose run was killed, and returns that run.
fn dead_run(world: &World) -> String {
    world.hold_in_custom();
    let mut run = World::start(world.test("install,custom"));
    world.wait_for_custom();
    run.kill().unwrap();
    run.wait().unwrap();
    let mut runs = world.runs();
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

#[test]
fn a_janitor_and_a_teardown_of_one_app_remove_it_once() {
    let world = World::new();
    let run = dead_run(&world);
    // Both have looked before one of them removes anything, which nobody can tell of working programs.
    world.docker_obeys(&json!([{"verb": "service ls", "together": 2}]));
    let teardown = World::start(world.ccci(&["teardown", &run]));
    let janitor = World::start(world.ccci(&["janitor"]));
    let ended = [teardown, janitor].map(|child| world.wait(child).exits(0));
    // Whoever came second found nothing left, or that the other was at it.
    let removed = ended.iter().filter(|one| one.stderr().contains(" removed"));
    assert_eq!(removed.count(), 1);
    world.assert_clean_and_usable();
}

#[test]
fn a_teardown_waits_for_a_janitor_that_is_at_it() {
    let world = World::new();
    let run = dead_run(&world);
    world.make_pipes(["removing", "go-on", "looking"]);
    let (removing, go_on) = (world.path("removing"), world.path("go-on"));
    // A working engine does not hold a removal until another program is there.
    world.docker_obeys(&json!([{"verb": "service rm", "tells": removing, "until": go_on}]));
    let janitor = World::start(world.ccci(&["janitor"]));
    fs::read(removing).unwrap();
    let looking = world.path("looking");
    world.docker_obeys(&json!([{"verb": "service ls", "call": 1, "tells": looking}]));
    let teardown = World::start(world.ccci(&["teardown", &run]));
    fs::read(looking).unwrap();
    fs::write(go_on, "on\n").unwrap();
    world.wait(janitor).exits(0).said("removed");
    world.wait(teardown).exits(0).said("nothing to remove");
    world.assert_clean_and_usable();
}
