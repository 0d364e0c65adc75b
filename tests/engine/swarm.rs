//! An engine whose swarm cannot be used, or whose node is taken out of it.

use crate::{engine::Engine, moment::Moment, world::World};

/// Asserts that a test ends before it has any effect, as infrastructure that is broken, with the command that mends it.
#[track_caller]
fn refuse(engine: &Engine, hint: &str) {
    let world = World::new(engine, "plain");
    world.test("install").end().exits(103).said(hint);
    world.assert_clean();
}

#[test]
fn a_swarm_that_cannot_be_used_is_broken_before_any_effect() {
    let engine = Engine::without_swarm();
    refuse(&engine, "run `docker swarm init`");
    engine.docker(&[
        "swarm",
        "init",
        "--advertise-addr",
        "127.0.0.1",
        "--autolock",
    ]);
    engine.stop();
    engine.boot();
    refuse(&engine, "run `docker swarm unlock`");
    engine.docker(&["swarm", "leave", "--force"]);
    refuse(&engine, "run `docker swarm init`");
}

#[test]
fn a_node_that_is_drained_during_a_run_costs_no_verdict() {
    let engine = Engine::start();
    let world = World::new(&engine, "plain");
    world.hold_in_custom();
    let run = world.test("install,custom");
    world.wait_for_custom();
    let stopped = Moment::of(&engine, "container", "die");
    let node = engine.docker(&["node", "ls", "--quiet"]);
    engine.docker(&["node", "update", "--availability", "drain", node.trim()]);
    stopped.wait();
    world.let_go(1);
    let ended = run
        .end()
        .exits(103)
        .said("install pass, ")
        .said("custom broken");
    ended.coded("node-unavailable");
    world.assert_clean();
}
