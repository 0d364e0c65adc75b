//! Few descriptors, few processes, small files: a run says what it lacks, and leaves nothing.

#![expect(clippy::unwrap_used, reason = "what the test cannot do ends it")]

use std::{fs, os::unix::fs::MetadataExt};

use crate::{
    machine::wrapped,
    world::{World, real},
};

/// Runs a test within limits, and asserts that it passes or says what is short, and that nothing is left.
#[track_caller]
fn runs_within(limits: &[String], told: &str) {
    let world = World::new();
    for limit in limits {
        let mut test = world.test("install");
        // What stands in for docker notes its calls in a file, which has to grow.
        test.env("CCCI_DOCKER", real("docker"));
        let ended = world.end(wrapped(&["prlimit", limit], &test));
        ended.passes_or_is_broken().said_if_broken(told);
        world.assert_clean();
    }
    world.assert_clean_and_usable();
}

#[test]
fn few_descriptors_are_enough_or_named() {
    let limits = [16, 24, 32, 36, 40].map(|count| format!("--nofile={count}"));
    runs_within(&limits, "Too many open files");
}

#[test]
fn files_that_may_not_grow_are_enough_or_named() {
    let limits = [512, 2048, 4096, 16_384].map(|bytes| format!("--fsize={bytes}"));
    runs_within(&limits, "File too large");
}

#[test]
fn few_processes_are_enough_or_named() {
    for count in [4, 16, 32] {
        let world = World::new();
        let mut test = world.test("install");
        test.env("CCCI_DOCKER", real("docker"));
        let ended = world.end(wrapped(&few_processes(&world, count), &test));
        let ended = ended.passes_or_is_broken();
        ended.said_if_broken("Resource temporarily unavailable");
        world.assert_clean();
    }
}

/// Returns the wrapper of a call whose user may have so few processes and threads.
///
/// The limit counts those of a user, and does not bind root: the call gets a user of its own.
fn few_processes(world: &World, count: u32) -> Vec<String> {
    let limit = format!("--nproc={count}");
    if !rustix::process::geteuid().is_root() {
        let words = ["unshare", "--user", "--map-root-user", "prlimit", &limit];
        return words.map(str::to_owned).to_vec();
    }
    let program = world.path("bin/ccci");
    fs::copy(env!("CARGO_BIN_EXE_ccci"), &program).unwrap();
    let socket = fs::metadata("/var/run/docker.sock").unwrap();
    let user = 200_000 + u32::from_str_radix(&world.marker()[4..], 16).unwrap();
    world.belongs_to(user);
    let (user, group) = (
        format!("--reuid={user}"),
        format!("--regid={}", socket.gid()),
    );
    // What is built may lie where no other user gets at it.
    let instead = "shift; exec \"$0\" \"$@\"";
    let words = [
        "setpriv",
        &user,
        &group,
        "--clear-groups",
        "prlimit",
        &limit,
    ];
    let words = words.into_iter().chain(["sh", "-c", instead]);
    let program = program.to_str().unwrap();
    words.chain([program]).map(str::to_owned).collect()
}
