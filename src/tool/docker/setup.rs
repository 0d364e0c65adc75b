//! What a host needs of docker once: a swarm, and the network that apps share.

use super::client::{Docker, Error, READ_LIMIT};
use crate::sys::process::Cmd;

/// The words that make a swarm of this node.
pub(crate) const INIT: [&str; 2] = ["swarm", "init"];
/// The words that make a network that apps can share; its name follows.
pub(crate) const SHARE: [&str; 5] = ["network", "create", "--driver", "overlay", "--attachable"];

impl Docker {
    /// Makes a swarm of this node, with the address that docker chooses; where there are several it refuses to.
    pub(crate) fn init_swarm(&self) -> Result<(), Error> {
        // It prints the word by which other nodes join, which is a secret.
        let call = self.call("make a swarm", READ_LIMIT, INIT);
        self.run(call.with(Cmd::secret_output)).map(drop)
    }

    /// Makes a network that apps can share.
    pub(crate) fn share_network(&self, name: &str) -> Result<(), Error> {
        let args = SHARE.iter().copied().chain([name]);
        let call = self.call(format!("make network {name}"), READ_LIMIT, args);
        self.run(call).map(drop)
    }
}
