//! Kills, stops and restarts a Docker engine under the real `ccci`: each test has an engine of its own, never the shared one.

mod engine;
mod moment;
mod world;

mod away;
mod doctor;
mod killed;
mod pool;
mod record;
mod swarm;

#[expect(dead_code, reason = "which verdicts there were matters to others")]
#[path = "../faults/ended.rs"]
mod ended;
#[expect(dead_code, reason = "the examples matter to others")]
#[path = "../swarm/harness/repository.rs"]
mod repository;
