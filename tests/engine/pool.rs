//! A network `proxy` with few addresses.

use crate::{engine::Engine, world::World};

/// A network of 16 addresses, four of which are nobody's: its first and last, the gateway, and the node's own.
const SMALL: [&str; 2] = ["--subnet", "10.77.0.0/28"];
/// How many tasks get an address on it.
const FREE: &str = "12";
/// How many runs go side by side; each needs two addresses.
const LANES: usize = 4;
/// How often; with `docker stack rm` the twelfth run in all would get no address any more.
const ROUNDS: usize = 4;

/// Starts an engine whose network `proxy` is small.
fn start() -> Engine {
    let engine = Engine::start();
    engine.docker(&["network", "rm", "proxy"]);
    engine.make_proxy(&SMALL);
    engine
}

/// Takes every address that is free, and waits until all of them are taken.
fn fill(engine: &Engine) {
    let args = [
        "service",
        "create",
        "--quiet",
        "--no-resolve-image",
        "--name",
        "filler",
    ];
    let on_proxy = ["--network", "proxy", "--endpoint-mode", "dnsrr"];
    let tasks = ["--replicas", FREE, "busybox:1.35.0", "sleep", "3600"];
    engine.docker(&[&args[..], &on_proxy, &tasks].concat());
}

#[test]
fn runs_in_a_row_lose_no_address_of_the_network_that_apps_share() {
    let engine = start();
    let worlds: [World<'_>; LANES] = std::array::from_fn(|_| World::new(&engine, "plain"));
    for _ in 0..ROUNDS {
        let runs = worlds.each_ref().map(|world| world.test("install"));
        for run in runs {
            run.end().exits(0).said("install pass");
        }
        worlds.iter().for_each(World::assert_clean);
    }
    fill(&engine);
}

#[test]
fn a_network_without_an_address_left_is_named_at_once() {
    let engine = start();
    fill(&engine);
    let world = World::new(&engine, "plain");
    let ended = world
        .test("install")
        .end()
        .exits(103)
        .said("install broken");
    ended
        .coded("no-address")
        .said("no address is left on `proxy`");
    world.assert_clean();
}
