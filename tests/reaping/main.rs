//! Kills the real `ccci` on a real swarm, and asks Docker what the janitor and teardown leave.

mod janitor;
mod killed;
mod teardown;
mod world;
