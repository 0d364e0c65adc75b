//! Breaks what the real `ccci` stands on while it works on a real swarm: docker, signals, outputs, files, locks.

mod ended;
mod world;

mod locks;
mod lying_docker;
mod missing_docker;
mod outputs;
mod signals;
mod slow_docker;
mod state;
mod unreadable_docker;
