//! An engine that is killed and started again in the middle of a run.

use crate::{ended::Ended, engine::Engine, moment::Moment, world::World};

/// Asserts that a run whose engine was killed has found out the truth or nothing, and that all of it can be removed.
#[track_caller]
fn assert_no_false_verdict(world: &World<'_>, ended: Ended) {
    let passed = !ended.stderr().contains("BROKEN");
    if ended.left().is_empty() {
        ended.exits(if passed { 0 } else { 103 });
        world.assert_clean();
    } else {
        let ended = ended.exits(if passed { 104 } else { 103 });
        ended.said("run `ccci teardown ");
        world.reap();
    }
}

#[test]
fn an_engine_that_is_killed_while_an_app_is_waited_for_costs_no_verdict() {
    let engine = Engine::start();
    let world = World::new(&engine, "held");
    let started = Moment::of(&engine, "container", "start");
    let run = world.test("install");
    started.wait();
    engine.kill();
    engine.boot();
    let again = Moment::since_boot(&engine, "container", "start").wait();
    engine.docker(&["exec", &again, "touch", "/data/go"]);
    assert_no_false_verdict(&world, run.end());
}

#[test]
fn an_engine_that_is_killed_during_a_test_costs_no_verdict() {
    let engine = Engine::start();
    let world = World::new(&engine, "plain");
    world.hold_in_custom();
    for (code, stages) in [(0, "custom pass"), (1, "custom broken")] {
        let run = world.test("install,custom");
        world.wait_for_custom();
        engine.kill();
        engine.boot();
        world.let_go(code);
        let ended = run.end().said(stages);
        assert_no_false_verdict(&world, ended);
    }
}

#[test]
fn an_engine_that_is_killed_during_a_deploy_costs_no_verdict() {
    let engine = Engine::start();
    let world = World::new(&engine, "plain");
    let made = Moment::of(&engine, "service", "create");
    let run = world.test("install");
    made.wait();
    engine.kill();
    engine.boot();
    assert_no_false_verdict(&world, run.end());
}

#[test]
fn an_engine_that_is_killed_during_teardown_delays_it_only() {
    let engine = Engine::start();
    let world = World::new(&engine, "plain");
    for (kind, event) in [("service", "remove"), ("volume", "destroy")] {
        let removed = Moment::of(&engine, kind, event);
        let run = world.test("install");
        removed.wait();
        engine.kill();
        engine.boot();
        let ended = run.end().said("install pass");
        assert_no_false_verdict(&world, ended);
    }
}
