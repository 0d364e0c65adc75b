//! What `ccci doctor` says of an engine that cannot be used yet, and what it makes of it.

use std::time::{Duration, Instant};

use crate::{engine::Engine, world::World};

/// How long a look at a host may take: what it allows itself, and what starting and ending take on a slow machine.
const LIMIT: Duration = Duration::from_secs(20);
/// A network of 16 addresses; its first and last are nobody's.
const SMALL: [&str; 2] = ["--subnet", "10.77.0.0/28"];

/// Asserts that the swarm is as it was before.
#[track_caller]
fn assert_swarm(engine: &Engine, state: &str) {
    let found = engine.docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]);
    assert_eq!(found.trim(), state);
}

#[test]
fn an_engine_that_is_stopped_is_named_once_with_its_remedy() {
    let engine = Engine::without_swarm();
    let world = World::new(&engine, "plain");
    engine.stop();
    let ended = world.start(&["doctor"]).end().exits(103);
    let ended = ended
        .printed("FAIL engine       the docker daemon does not answer")
        .printed("hint: run `sudo systemctl start docker`")
        .printed(
            "UNKNOWN swarm, network, addresses, engine disk, ingress and leftovers not checked: \
             the engine is needed",
        )
        .printed("Not ready to test recipes: engine fails;");
    ended.printed_no("docker swarm init");
    engine.boot();
}

#[test]
fn an_engine_that_stands_still_is_told_in_time() {
    let engine = Engine::start();
    let world = World::new(&engine, "plain");
    engine.freeze();
    let begun = Instant::now();
    let ended = world.start(&["doctor"]).end();
    let took = begun.elapsed();
    engine.thaw();
    assert!(took < LIMIT, "{took:?}");
    ended
        .exits(103)
        .printed("FAIL engine       the docker daemon did not answer within 10s")
        .printed("OK git");
}

#[test]
fn a_host_without_a_swarm_is_made_one_that_tests_recipes() {
    let engine = Engine::without_swarm();
    engine.add_address("one", "10.9.1.2/24");
    let world = World::new(&engine, "plain");
    let ended = world.start(&["doctor"]).end().exits(103);
    let ended = ended
        .printed("FAIL swarm        there is no swarm here: it is inactive")
        .printed("hint: run `docker swarm init`")
        .printed("UNKNOWN network, addresses, ingress and leftovers not checked: a swarm is needed")
        .printed("hint: run `ccci doctor --fix`, which makes a swarm");
    ended.printed_no("FAIL network");
    let refused = world.start(&["doctor", "--fix"]).end().exits(106);
    refused
        .said("there is no swarm here")
        .said("answer with `--yes`");
    assert_swarm(&engine, "inactive");
    let mended = world.start(&["doctor", "--fix", "--yes"]).end().exits(0);
    mended
        .said("Fixed by `docker swarm init`")
        .said("Fixed by `docker network create --driver overlay --attachable proxy`")
        .printed("OK swarm        active, and this node manages it")
        .printed("OK network      `proxy`: overlay, attachable, ")
        .printed("OK leftovers    none")
        .printed("Ready to test recipes: ");
    assert_swarm(&engine, "active");
    let again = world.start(&["doctor", "--fix", "--no-input"]).end();
    again.exits(0).printed("Ready to test recipes: ");
    let run = world.test("install").end();
    run.exits(0).said("install pass");
}

#[test]
fn a_host_with_several_addresses_is_left_to_a_person() {
    let engine = Engine::without_swarm();
    engine.add_address("one", "10.9.1.2/24");
    engine.add_address("two", "10.9.2.2/24");
    let world = World::new(&engine, "plain");
    let ended = world.start(&["doctor", "--fix", "--yes"]).end().exits(103);
    ended
        .said("10.9.1.2")
        .said("10.9.2.2")
        .said("docker swarm init --advertise-addr ADDRESS")
        .printed("FAIL swarm");
    assert_swarm(&engine, "inactive");
}

#[test]
fn a_network_that_is_missing_is_made_and_one_that_is_full_is_named() {
    let engine = Engine::start();
    engine.docker(&["network", "rm", "proxy"]);
    let world = World::new(&engine, "plain");
    let ended = world.start(&["doctor", "--json"]).end().exits(103);
    ended
        .printed(r#""ready": false"#)
        .printed(r#""found": "there is no network `proxy` on the swarm""#)
        .printed(r#""command": "docker network create --driver overlay --attachable proxy""#);
    let mended = world.start(&["doctor", "--fix", "--yes", "--json"]).end();
    mended
        .exits(0)
        .printed(r#""fix": "network""#)
        .printed(r#""ready": true"#);
    engine.docker(&["network", "rm", "proxy"]);
    engine.make_proxy(&SMALL);
    // Each of two services has an address for itself and one for each of its five tasks.
    for name in ["one", "two"] {
        let made = [
            "service",
            "create",
            "--quiet",
            "--no-resolve-image",
            "--name",
        ];
        let kind = [name, "--network", "proxy", "--replicas", "5"];
        let runs = ["busybox:1.35.0", "sleep", "3600"];
        engine.docker(&[&made[..], &kind, &runs].concat());
    }
    // The gateway and the node itself have the two that are left.
    let ended = world.start(&["doctor"]).end().exits(103);
    ended
        .printed("FAIL addresses    14 of 14 are taken, 0 are free")
        .printed("docker network create --driver overlay --attachable --subnet");
}
