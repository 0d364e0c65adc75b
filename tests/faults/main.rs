//! Breaks what the real `ccci` stands on while it works on a real swarm: docker, signals, outputs, files, locks.

mod ended;
mod machine;
mod world;

mod clock;
mod delays;
mod doctor;
mod full_disk;
mod held_objects;
mod killed_tools;
mod limits;
mod locks;
mod lying_abra;
mod lying_docker;
mod lying_git;
mod missing_docker;
mod outputs;
mod recipes;
mod removed_twice;
mod signals;
mod state;
mod unreadable_docker;

#[expect(dead_code, reason = "whole repositories matter to others")]
#[path = "../swarm/harness/repository.rs"]
mod repository;
