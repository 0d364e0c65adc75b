//! The stand-in of abra on the real swarm: each trap that it has to set, seen from outside.

mod backup;
mod deploy;
mod lab;
mod terminal;
