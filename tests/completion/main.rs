//! Completion as people meet it: in the real shells, and in calls as shells make them.

mod bash;
mod calls;
mod fish;
mod world;
mod zsh;

#[expect(dead_code, reason = "signals and the end of a run matter to others")]
#[path = "../terminal/glass.rs"]
mod glass;
