//! Mends what ccci can mend without harm; who calls it has asked before.

use super::{
    explain,
    preflight::{self, PROXY_NETWORK},
};
use crate::{
    model::{diagnosis::Fix, outcome::Trouble},
    sys::context::Context,
    tool::docker::{
        client::{Docker, Error},
        setup::{INIT, SHARE},
    },
};

/// Returns what is done, as a person would type it.
pub(crate) fn command(ctx: &Context, fix: Fix) -> String {
    match fix {
        Fix::State => {
            let dir = ctx.settings.state.dir.display();
            format!("install -d -m 700 {dir}")
        }
        Fix::Swarm => format!("docker {}", INIT.join(" ")),
        Fix::Network => format!("docker {} {PROXY_NETWORK}", SHARE.join(" ")),
    }
}

/// Mends one thing.
pub(crate) fn mend(ctx: &Context, fix: Fix) -> Result<(), Trouble> {
    let settings = &ctx.settings;
    if fix == Fix::State {
        return preflight::make_state(&settings.state.dir);
    }
    let program = preflight::find_program(settings, "docker", &settings.programs.docker)?;
    let docker = Docker::new(&program, &ctx.host);
    match fix {
        Fix::State => Ok(()),
        Fix::Swarm => docker.init_swarm().map_err(|error| no_swarm(&error)),
        Fix::Network => docker
            .share_network(PROXY_NETWORK)
            .map_err(|error| explain(&error)),
    }
}

/// Explains why there is no swarm: only a person knows by which of several addresses other nodes would join.
fn no_swarm(error: &Error) -> Trouble {
    let trouble = explain(error);
    if error.said().contains("--advertise-addr") {
        return trouble.hint(
            "run `docker swarm init --advertise-addr ADDRESS` with one of these addresses; \
             127.0.0.1 does where no other node will ever join",
        );
    }
    trouble
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_does_not_choose_among_addresses_and_neither_does_ccci() {
        // As docker 20.10.24 says it.
        let error = Error::Refused {
            doing: "make a swarm".to_owned(),
            said: "could not choose an IP address to advertise since this system has multiple addresses on different interfaces (10.0.2.15 on eth0 and 192.168.56.4 on eth1) - specify one with --advertise-addr".to_owned(),
        };
        let trouble = no_swarm(&error);
        assert!(trouble.message.contains("192.168.56.4"));
        assert!(trouble.hint.unwrap().contains("--advertise-addr ADDRESS"));
    }
}
