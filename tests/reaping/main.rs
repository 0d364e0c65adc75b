//! Kills the real `ccci` on a real swarm, and asks Docker what the janitor and teardown leave.

mod janitor;
mod killed;
mod teardown;
mod world;

#[expect(dead_code, reason = "whole repositories matter to others")]
#[path = "../swarm/harness/repository.rs"]
mod repository;
