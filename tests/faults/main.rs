//! Breaks what the real `ccci` stands on while it works on a real swarm: docker, signals, outputs, files, locks.

mod ended;
mod world;

mod delays;
mod locks;
mod lying_docker;
mod missing_docker;
mod outputs;
mod signals;
mod state;
mod unreadable_docker;
