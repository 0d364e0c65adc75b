//! Enrolls recipes with the real `ccci`, and lists where they stand, without deploying anything.

mod enrolled;
mod listed;
mod world;

#[expect(dead_code, reason = "copies of examples matter to others")]
#[path = "../swarm/harness/repository.rs"]
mod repository;
