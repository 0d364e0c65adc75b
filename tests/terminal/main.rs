//! Runs the real `ccci` on a real terminal and a real swarm, and sends it what people and supervisors send.

mod after_pause;
mod asked;
mod closed;
mod enrolled;
mod given_up;
mod glass;
mod held;
mod once;
mod recipe;
mod redacted;
mod two;

#[expect(dead_code, reason = "what a screen said is asked of the screen")]
#[path = "../faults/ended.rs"]
mod ended;
#[expect(dead_code, reason = "what lies and locks need matters to others")]
#[path = "../faults/world.rs"]
mod world;

#[expect(dead_code, reason = "whole repositories matter to others")]
#[path = "../swarm/harness/repository.rs"]
mod repository;
