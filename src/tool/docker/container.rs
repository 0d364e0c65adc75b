//! Containers of this node: copy to and from them, find their address, remove them.

use std::{net::IpAddr, path::Path, time::Duration};

use serde::Deserialize;

use super::client::{Docker, Error, READ_LIMIT, REMOVE_LIMIT, columns};
use crate::sys::process::Cmd;

/// The network over which the host reaches a task's container.
const GATEWAY_NETWORK: &str = "docker_gwbridge";

/// A container of a task, as inspection shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    /// The id.
    pub(crate) id: String,
    /// Its state.
    pub(crate) state: State,
    /// What is mounted in it.
    #[serde(default)]
    pub(crate) mounts: Vec<Mount>,
    /// Its configuration.
    pub(crate) config: Config,
    /// Its networks.
    network_settings: NetworkSettings,
}

/// The state of a container.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct State {
    /// The code it ended with.
    pub(crate) exit_code: i64,
    /// Whether the kernel ended it for want of memory.
    #[serde(rename = "OOMKilled")]
    pub(crate) oom_killed: bool,
    /// Its health, where it is checked.
    pub(crate) health: Option<Health>,
}

/// What the health check of a container said.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Health {
    /// The last probes, oldest first.
    #[serde(default)]
    pub(crate) log: Option<Vec<HealthProbe>>,
}

/// One probe of a health check.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HealthProbe {
    /// The code it ended with.
    pub(crate) exit_code: i64,
    /// What it printed.
    pub(crate) output: String,
}

/// Something mounted in a container.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Mount {
    /// The volume's name.
    #[serde(default)]
    pub(crate) name: String,
    /// Where it is in the container.
    pub(crate) destination: String,
    /// Whether the container may write to it.
    #[serde(rename = "RW")]
    pub(crate) writable: bool,
}

/// The configuration of a container.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    /// Its environment, as `NAME=value`.
    #[serde(default)]
    pub(crate) env: Option<Vec<String>>,
    /// The image as it was asked for.
    pub(crate) image: String,
    /// Its labels.
    #[serde(default)]
    pub(crate) labels: Option<std::collections::BTreeMap<String, String>>,
}

/// The networks of a container.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    /// The id of its network sandbox.
    #[serde(rename = "SandboxID")]
    sandbox_id: String,
}

/// A line of the list of containers.
#[derive(Deserialize)]
struct Line {
    /// The id.
    #[serde(rename = "ID")]
    id: String,
}

/// A network as inspection shows it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    /// The endpoints on this node.
    #[serde(default)]
    containers: std::collections::BTreeMap<String, Endpoint>,
}

/// One endpoint of a network.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    /// The endpoint's name.
    name: String,
    /// Its address with the prefix length.
    #[serde(rename = "IPv4Address")]
    address: String,
}

impl Container {
    /// Returns the value of a variable of the container's environment.
    pub(crate) fn env(&self, name: &str) -> Option<&str> {
        let entries = self.config.env.as_deref().unwrap_or_default();
        entries
            .iter()
            .find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
    }

    /// Returns the whole name of the service whose task this is.
    pub(crate) fn service(&self) -> Option<&str> {
        self.config
            .labels
            .as_ref()?
            .get("com.docker.swarm.service.name")
            .map(String::as_str)
    }
}

impl Docker {
    /// Inspects the running containers of a stack on this node.
    pub(crate) fn running_containers(&self, stack: &str) -> Result<Vec<Container>, Error> {
        let filter = format!("label={}={stack}", super::inventory::STACK_LABEL);
        let format = columns("ID");
        let args = ["ps", "--no-trunc", "--filter", &filter, "--format", &format];
        let lines: Vec<Line> = self.list(self.call("list containers", READ_LIMIT, args))?;
        let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        self.inspect_containers(&ids)
    }

    /// Tells whether a container of a stack runs on this node.
    pub(crate) fn is_running(&self, stack: &str) -> Result<bool, Error> {
        let filter = format!("label={}={stack}", super::inventory::STACK_LABEL);
        let format = columns("ID");
        let args = ["ps", "--no-trunc", "--filter", &filter, "--format", &format];
        let lines: Vec<Line> = self.list(self.call("list containers", READ_LIMIT, args))?;
        Ok(!lines.is_empty())
    }

    /// Inspects containers, leaving out those that vanished meanwhile.
    pub(crate) fn inspect_containers(&self, ids: &[&str]) -> Result<Vec<Container>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let args = ["container", "inspect"].iter().chain(ids);
        let output = self.attempt(self.call("inspect containers", READ_LIMIT, args))?;
        let garbled = |error: serde_json::Error| Error::Garbled {
            doing: "inspect containers".into(),
            said: error.to_string(),
        };
        serde_json::from_slice(&output.stdout).map_err(garbled)
    }

    /// Returns the address at which this host reaches a container without any proxy.
    pub(crate) fn gateway_address(&self, container: &Container) -> Result<Option<IpAddr>, Error> {
        let sandbox = container
            .network_settings
            .sandbox_id
            .get(..12)
            .unwrap_or_default();
        if sandbox.is_empty() {
            return Ok(None);
        }
        let args = ["network", "inspect", GATEWAY_NETWORK];
        let networks: Vec<Network> =
            self.json(self.call("inspect the gateway network", READ_LIMIT, args))?;
        let wanted = format!("gateway_{sandbox}");
        let endpoints = networks
            .iter()
            .flat_map(|network| network.containers.values());
        let mut found = endpoints.filter(|endpoint| endpoint.name == wanted);
        Ok(found.find_map(|endpoint| endpoint.address.split('/').next()?.parse().ok()))
    }

    /// Unpacks a tar archive into a folder of a container.
    pub(crate) fn copy_in(
        &self,
        container: &str,
        folder: &str,
        archive: Vec<u8>,
    ) -> Result<(), Error> {
        let to = format!("{container}:{folder}");
        let call = self.call(
            format!("copy to {to}"),
            REMOVE_LIMIT,
            ["cp", "-", to.as_str()],
        );
        self.run(call.with(|cmd| cmd.stdin_bytes(archive)))
            .map(drop)
    }

    /// Unpacks a tar archive, which may be large, into a folder of a container.
    pub(crate) fn copy_file_in(
        &self,
        container: &str,
        folder: &str,
        copy: &FileCopy<'_>,
    ) -> Result<(), Error> {
        let to = format!("{container}:{folder}");
        let call = self.call(
            format!("copy to {to}"),
            copy.limit,
            ["cp", "-", to.as_str()],
        );
        self.run(call.with(|cmd| cmd.stdin_file(copy.archive.to_owned())))
            .map(drop)
    }

    /// Writes a path of a container to a tar archive, which may be large.
    pub(crate) fn copy_file_out(
        &self,
        container: &str,
        path: &str,
        copy: &FileCopy<'_>,
    ) -> Result<(), Error> {
        let from = format!("{container}:{path}");
        let call = self.call(
            format!("copy from {from}"),
            copy.limit,
            ["cp", from.as_str(), "-"],
        );
        self.run(call.with(|cmd| cmd.stdout_file(copy.archive.to_owned())))
            .map(drop)
    }

    /// Returns a small path of a container as a tar archive, or nothing when it is not there.
    pub(crate) fn copy_out(&self, container: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let from = format!("{container}:{path}");
        let call = self.call(
            format!("copy from {from}"),
            REMOVE_LIMIT,
            ["cp", from.as_str(), "-"],
        );
        match self.run(call.with(Cmd::secret_output)) {
            Ok(output) => Ok(Some(output.stdout)),
            Err(error) if is_missing_path(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Kills and removes containers at once, their unnamed volumes too; those that are gone already are no error.
    pub(crate) fn remove_containers(&self, ids: &[String]) -> Result<(), Error> {
        self.remove("containers", &["rm", "--force", "--volumes"], ids)
    }

    /// Removes volumes; those that are gone already are no error.
    pub(crate) fn remove_volumes(&self, names: &[String]) -> Result<(), Error> {
        self.remove("volumes", &["volume", "rm"], names)
    }

    /// Removes networks; those that are gone already are no error.
    pub(crate) fn remove_networks(&self, ids: &[String]) -> Result<(), Error> {
        self.remove("networks", &["network", "rm"], ids)
    }

    /// Removes secrets; those that are gone already are no error.
    pub(crate) fn remove_secrets(&self, ids: &[String]) -> Result<(), Error> {
        self.remove("secrets", &["secret", "rm"], ids)
    }

    /// Removes configs; those that are gone already are no error.
    pub(crate) fn remove_configs(&self, ids: &[String]) -> Result<(), Error> {
        self.remove("configs", &["config", "rm"], ids)
    }

    /// Removes objects of one kind in one call; each line of complaint but "gone already" is an error.
    pub(super) fn remove(&self, what: &str, verb: &[&str], ids: &[String]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let args = verb.iter().copied().chain(ids.iter().map(String::as_str));
        let output = self.attempt(self.call(format!("remove {what}"), REMOVE_LIMIT, args))?;
        if output.ok() {
            return Ok(());
        }
        let text = output.stderr_text();
        let refused = |said: &str| Error::Refused {
            doing: format!("remove {what}"),
            said: said.to_owned(),
        };
        let mut complaints = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(refused);
        match complaints.rfind(|error| !error.is_not_found() && !is_removal_under_way(error)) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// An archive that is copied to or from a container.
pub(crate) struct FileCopy<'a> {
    /// The archive's path on this host.
    pub(crate) archive: &'a Path,
    /// How long it may take.
    pub(crate) limit: Duration,
}

/// Tells whether a copy failed because the path is not in the container.
pub(crate) fn is_missing_path(error: &Error) -> bool {
    let said = error.said().to_ascii_lowercase();
    said.contains("could not find the file") || said.contains("no such file or directory")
}

/// Tells whether docker refused only because somebody is removing the object already.
fn is_removal_under_way(error: &Error) -> bool {
    error
        .said()
        .to_ascii_lowercase()
        .contains("is already in progress")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_path_is_told_from_a_missing_container() {
        let refused = |said: &str| Error::Refused {
            doing: "x".into(),
            said: said.into(),
        };
        assert!(is_missing_path(&refused(
            "Could not find the file /x in container abc"
        )));
        assert!(!is_missing_path(&refused("No such container:path: abc:/x")));
    }
}
