//! Kills the real `ccci` after every entry of its journal, and asks Docker what one call of the janitor leaves.

mod canary;
mod canonical;
mod chance;
mod crowd;
mod janitors;
mod points;
mod processes;
mod promotions;
mod world;

#[path = "../swarm/harness/docker.rs"]
mod docker;
#[path = "../swarm/harness/repository.rs"]
mod repository;
#[expect(dead_code, reason = "which services there were matters to others")]
#[path = "../swarm/harness/watch.rs"]
mod watch;
