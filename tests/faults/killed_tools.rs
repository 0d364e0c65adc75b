//! What ccci starts is killed, or leaves something running: whose fault that is, and that it does no harm.

use serde_json::json;

use crate::world::World;

/// The number of SIGKILL, which the kernel sends when memory runs out.
const KILL: i32 = 9;
/// The number of SIGSEGV.
const SEGV: i32 = 11;

/// Ends a call of docker by a signal, and asserts that no verdict on the recipe comes of it.
#[track_caller]
fn breaks(verb: &str, signal: i32) {
    let world = World::new();
    // No working docker kills itself.
    world.docker_obeys(&json!([{"verb": verb, "call": 1, "die": signal}]));
    let ended = world.end(world.test("install")).exits(103);
    let ended = ended.said("install broken");
    let ended = ended.said(&format!("signal {signal}"));
    assert_eq!(ended.left(), Vec::<String>::new());
    world.assert_clean_and_usable();
}

#[test]
fn a_docker_that_crashes_in_a_deploy_leaves_no_verdict() {
    breaks("stack deploy", SEGV);
}

#[test]
fn a_docker_that_is_killed_for_its_memory_leaves_no_verdict() {
    breaks("stack config", KILL);
}

#[test]
fn a_test_that_is_killed_fails_and_its_signal_is_named() {
    let world = World::new();
    world.keep_program("test_custom.sh", "#!/bin/sh\nkill -SEGV $$\n");
    let ended = world.end(world.test("install,custom")).exits(100);
    ended.said("custom fail").said("signal 11");
    world.assert_clean();
}

#[test]
fn a_process_that_a_test_left_behind_is_killed_and_named() {
    let world = World::new();
    // It has a session of its own and keeps the output of the test open.
    world.keep_program(
        "test_custom.sh",
        "#!/bin/sh\nsetsid sleep 100000 &\nexit 0\n",
    );
    let ended = world.end(world.test("install,custom")).exits(0);
    let ended = ended
        .said("custom pass")
        .said("killed what was left running: `sleep`");
    assert_eq!(ended.strays(), ["sleep"]);
    world.assert_clean_and_usable();
}
