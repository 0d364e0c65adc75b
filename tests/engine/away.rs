//! An engine that goes away for good, or stands still: the run gives it up, and the janitor removes what it left.

use std::time::{Duration, Instant};

use crate::{engine::Engine, moment::Moment, world::World};

/// How long a run may go on whose engine is gone: a minute for the engine, half of one for a last answer in teardown,
/// and as much again for a slow machine.
const LIMIT: Duration = Duration::from_secs(150);

/// Takes the engine away from a run that waits for its app, and asserts that the run gives up without a verdict.
#[track_caller]
fn give_up(engine: &Engine, world: &World<'_>, take_away: fn(&Engine)) {
    let started = Moment::of(engine, "container", "start");
    let run = world.test("install");
    started.wait();
    take_away(engine);
    let begun = Instant::now();
    let ended = run.end().exits(103).said("install broken");
    let took = begun.elapsed();
    assert!(took < LIMIT, "{took:?}\n{}", ended.stderr());
    let left = ended.left();
    let is_left = |kind: &str| left.iter().any(|object| object.starts_with(kind));
    assert!(is_left("service") && is_left("volume"), "{left:?}");
    ended.said("run `ccci teardown ");
    world.assert_no_process();
}

#[test]
fn an_engine_that_never_comes_back_is_given_up_and_its_app_is_reaped_later() {
    let engine = Engine::start();
    let world = World::new(&engine, "held");
    give_up(&engine, &world, Engine::kill);
    engine.boot();
    world.reap();
}

#[test]
fn an_engine_that_stands_still_is_given_up_and_its_app_is_reaped_later() {
    let engine = Engine::start();
    let world = World::new(&engine, "held");
    give_up(&engine, &world, Engine::freeze);
    engine.thaw();
    world.reap();
}

#[test]
fn an_engine_that_stands_still_during_a_test_costs_no_verdict() {
    let engine = Engine::start();
    let world = World::new(&engine, "plain");
    world.hold_in_custom();
    let run = world.test("install,custom");
    world.wait_for_custom();
    engine.freeze();
    let begun = Instant::now();
    world.let_go(1);
    let ended = run
        .end()
        .exits(103)
        .said("install pass, ")
        .said("custom broken");
    let took = begun.elapsed();
    assert!(took < LIMIT, "{took:?}\n{}", ended.stderr());
    ended.said("run `ccci teardown ");
    world.assert_no_process();
    engine.thaw();
    world.reap();
}
