//! A slow docker changes no verdict, and one that never answers is given up at the limit of the call.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::World;

#[test]
fn a_second_more_for_every_call_changes_no_verdict() {
    let world = World::new();
    // The slowness of a working engine cannot be set.
    world.docker_obeys(&json!([{"delay_ms": 1000}]));
    let ended = world.end(world.test("install")).exits(0);
    ended.said("install pass");
    world.assert_clean_and_usable();
}

#[test]
fn a_call_that_never_returns_is_ended_at_its_limit_and_named() {
    let world = World::new();
    // A working engine answers.
    world.docker_obeys(&json!([{"verb": "volume ls", "call": 1, "hang": true}]));
    let begun = Instant::now();
    let ended = world.end(world.test("install")).exits(103);
    // The limit of a read, the grace of a program that is ended, and what else a run takes.
    assert!(begun.elapsed() < Duration::from_secs(30 + 10 + 30));
    ended
        .said("list volumes")
        .said("30s")
        .coded("docker-timeout");
    world.assert_clean_and_usable();
}
