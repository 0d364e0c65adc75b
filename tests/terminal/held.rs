//! Calls of docker that wait until a test lets them go, and the reports of all runs.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::fs;

use ccci::model::report::RunReport;
use serde_json::json;

use crate::world::World;

/// Lets calls of docker that begin with these words say that they are there and wait for a word.
pub(crate) fn hold_docker(world: &World, verb: &str) {
    world.make_pipes(["reached", "go"]);
    hold_docker_too(world, verb);
}

/// Does the same where a custom test waits at the same fifos first.
pub(crate) fn hold_docker_too(world: &World, verb: &str) {
    let [reached, go] = ["reached", "go"].map(|fifo| world.path(fifo));
    // A working engine cannot be held in the middle of a call.
    world.docker_obeys(&json!([{"verb": verb, "tells": reached, "until": go}]));
}

/// Waits until so many calls are there.
pub(crate) fn wait_for_docker(world: &World, count: usize) {
    let mut seen = 0;
    while seen < count {
        let words = fs::read_to_string(world.path("reached")).unwrap();
        seen += words.lines().count();
    }
}

/// Lets the call go on that is there, and all that follow.
pub(crate) fn let_docker_go(world: &World) {
    world.docker_obeys(&json!([]));
    fs::write(world.path("go"), "on\n").unwrap();
}

/// Returns the reports of all runs.
pub(crate) fn reports(world: &World) -> Vec<RunReport> {
    let runs = fs::read_dir(world.path("state/runs")).unwrap();
    let runs = runs.map(|entry| entry.unwrap().path());
    let of_runs = runs.filter(|path| !path.is_symlink());
    let read = |path: std::path::PathBuf| {
        let text = fs::read_to_string(path.join("report.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    of_runs.map(read).collect()
}
