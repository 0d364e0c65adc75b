//! A usable Docker engine: a client new enough, a daemon that answers, a swarm, the network `proxy`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::run::{cmd, last_lines, pause};
use crate::{packages, repo, say};

/// The oldest client with `docker stack config`, which ccci reads recipes with.
const OLDEST_CLIENT: u32 = 25;

/// How long a daemon that we started may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(90);

/// The network that a proxy shares with the apps it routes to.
const PROXY: &str = "proxy";

/// Makes sure of an engine, starting one where that is possible.
pub(crate) fn run(_args: &[String]) -> Result<()> {
    if !packages::is_installed("docker")? || !answers()? {
        start()?;
    }
    check_client()?;
    ensure_swarm()?;
    ensure_network()
}

/// Tells whether a daemon answers.
fn answers() -> Result<bool> {
    let (ok, out, _) = cmd("docker", &["info", "--format", "{{.ServerVersion}}"]).try_read()?;
    Ok(ok && !out.trim().is_empty())
}

/// Installs the engine where it is missing and starts its daemon.
fn start() -> Result<()> {
    if !packages::can_install()? {
        bail!(
            "no Docker engine answers\n  hint: install Docker and start it, or let this user reach it \
             (`docker info` must work)"
        );
    }
    if !packages::is_installed("dockerd")? {
        packages::install(&["docker.io", "iptables", "fuse-overlayfs"])?;
    }
    let log = repo::lab().join("dockerd.log");
    std::fs::create_dir_all(repo::lab())?;
    say::line("starting dockerd");
    let mut daemon = cmd("dockerd", &[]).detach(&log)?;
    let begin = Instant::now();
    while begin.elapsed() < START_LIMIT {
        if answers()? {
            say::line(&format!(
                "dockerd is up after {}",
                say::seconds(begin.elapsed())
            ));
            return Ok(());
        }
        if daemon.try_wait()?.is_some() {
            break;
        }
        pause(Duration::from_millis(200));
    }
    let tail = last_lines(&log, 15)?;
    let took = say::seconds(begin.elapsed());
    bail!(
        "dockerd does not answer after {took}\n{tail}\n  log: {}",
        log.display()
    )
}

/// Refuses a client without `docker stack config`.
fn check_client() -> Result<()> {
    let text = cmd("docker", &["version", "--format", "{{.Client.Version}}"]).read()?;
    let version = text.trim();
    let major = major_version(version)
        .with_context(|| format!("failed to read the client's version `{version}`"))?;
    ensure!(
        major >= OLDEST_CLIENT,
        "the docker client is {version}, ccci needs {OLDEST_CLIENT} or newer for `docker stack config`\n  \
         hint: put a newer `docker` program first on PATH; the engine itself may stay as it is"
    );
    Ok(())
}

/// Reads the first number of a version such as `28.2.2` or `20.10.24+dfsg1`.
fn major_version(text: &str) -> Option<u32> {
    text.split('.').next()?.parse().ok()
}

/// Makes this engine a swarm of one unless it is in a swarm already.
fn ensure_swarm() -> Result<()> {
    let format = "{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}";
    let state = cmd("docker", &["info", "--format", format]).read()?;
    match state.trim() {
        "active true" => Ok(()),
        "active false" => bail!("this engine is a worker of a swarm, a manager is needed"),
        "inactive false" => {
            cmd(
                "docker",
                &["swarm", "init", "--advertise-addr", "127.0.0.1"],
            )
            .read()?;
            say::line("swarm made");
            Ok(())
        }
        other => bail!("the swarm of this engine is in the state `{other}`"),
    }
}

/// Makes the network that recipes call `proxy`.
fn ensure_network() -> Result<()> {
    let args = [
        "network",
        "ls",
        "--filter",
        "scope=swarm",
        "--format",
        "{{.Name}}",
    ];
    let names = cmd("docker", &args).read()?;
    if names.lines().any(|name| name == PROXY) {
        return Ok(());
    }
    let args = [
        "network",
        "create",
        "--driver",
        "overlay",
        "--attachable",
        PROXY,
    ];
    cmd("docker", &args).read()?;
    say::line(&format!("network `{PROXY}` made"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_packagings_have_a_first_number() {
        assert_eq!(major_version("28.2.2"), Some(28));
        assert_eq!(major_version("20.10.24+dfsg1"), Some(20));
        assert_eq!(major_version("dev"), None);
    }
}
