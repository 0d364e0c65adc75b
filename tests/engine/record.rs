//! The record of a container that died with the engine.

use crate::{engine::Engine, moment::Moment, world::World};

/// Lists the records of containers that have ended and that hold a volume.
const DEAD: [&str; 6] = [
    "ps",
    "--all",
    "--quiet",
    "--filter=status=exited",
    "--filter=volume=/data",
    "--no-trunc",
];

#[test]
fn the_record_of_a_dead_container_goes_and_so_does_the_volume_that_it_holds() {
    let engine = Engine::start();
    let world = World::new(&engine, "plain");
    let args = ["test", "./plain", "--stages", "install", "--keep", "always"];
    world.start(&args).end().exits(0).said("install pass");
    engine.kill();
    engine.boot();
    Moment::since_boot(&engine, "container", "start").wait();
    let dead = engine.docker(&DEAD);
    assert!(
        !dead.is_empty(),
        "no record of a dead container holds the volume"
    );
    let kept = world.last_run();
    world.start(&["teardown", &kept, "--yes"]).end().exits(0);
    world.assert_clean();
}
