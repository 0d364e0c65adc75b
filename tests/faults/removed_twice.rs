//! Two who remove one app at once: one waits, and what is gone already is no error.

use serde_json::json;

use crate::world::World;

#[test]
fn a_janitor_and_a_teardown_of_one_app_remove_it_once() {
    let world = World::new();
    world.hold_in_custom();
    let mut run = World::start(world.test("install,custom"));
    world.wait_for_custom();
    run.kill().expect("the run is ours to kill");
    run.wait().expect("a killed run ends");
    let runs = world.runs();
    assert_eq!(runs.len(), 1);
    // Both have looked before one of them removes anything.
    world.docker_obeys(&json!([{"verb": "service ls", "together": 2}]));
    let teardown = World::start(world.ccci(&["teardown", &runs[0]]));
    let janitor = World::start(world.ccci(&["janitor"]));
    let ended = [teardown, janitor].map(|child| world.wait(child).exits(0));
    // Whoever came second found nothing left, or that the other was at it.
    let removed = ended.iter().filter(|one| one.stderr().contains(" removed"));
    assert_eq!(removed.count(), 1);
    world.assert_clean_and_usable();
}
