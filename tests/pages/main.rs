//! What documents and examples show is run or read by the program that they are about.

#[expect(dead_code, reason = "what other tests ask of docker")]
#[path = "../swarm/harness/docker.rs"]
mod docker;

mod calls;
mod ci;
mod page;
mod pages;
mod session;
mod shown;
mod wildcards;
