//! Whole stacks: render their compose files, deploy them, make their secrets; and the engine itself.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::{
    client::{Docker, Error, READ_LIMIT, last_words},
    inventory::STACK_LABEL,
};
use crate::{
    model::app::StackName,
    sys::{
        process::{Cmd, StepLog},
        redact::Secret,
    },
};

/// The oldest client that prints a merged compose file (`docker stack config`).
pub(crate) const OLDEST_CLIENT: u64 = 25;

/// Compose files with the variables that they are interpolated with.
pub(crate) struct Sources<'a> {
    /// The checkout in which relative paths are looked up.
    pub(crate) folder: &'a Path,
    /// The files, in the order they are merged.
    pub(crate) files: &'a [PathBuf],
    /// The variables.
    pub(crate) variables: &'a [(String, String)],
}

/// A stack about to be deployed.
pub(crate) struct Deployment<'a> {
    /// The stack's name.
    pub(crate) stack: &'a StackName,
    /// The rendered compose file.
    pub(crate) compose: &'a str,
    /// How long the command may take; waiting for the tasks is not part of it.
    pub(crate) limit: Duration,
    /// Where its output goes.
    pub(crate) log: &'a StepLog,
}

/// The versions of client and engine.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Versions {
    /// The client's.
    pub(crate) client: Version,
    /// The engine's, or nothing when it does not answer.
    pub(crate) server: Option<Version>,
    /// What the client said when the engine did not answer.
    #[serde(skip)]
    pub(crate) complaint: Option<String>,
}

/// The version of one side.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Version {
    /// As `28.2.2`.
    pub(crate) version: String,
}

/// What the engine says of its swarm.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Engine {
    /// The name of its machine.
    #[serde(default)]
    pub(crate) name: String,
    /// Where it keeps its data.
    pub(crate) docker_root_dir: String,
    /// The swarm.
    pub(crate) swarm: Swarm,
}

/// What the engine says of its swarm.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Swarm {
    /// `active`, `inactive`, `locked` and so on.
    pub(crate) local_node_state: String,
    /// Whether this node may change the swarm.
    pub(crate) control_available: bool,
}

impl Versions {
    /// Returns the first number of the client's version.
    pub(crate) fn client_major(&self) -> Option<u64> {
        self.client.version.split('.').next()?.parse().ok()
    }
}

impl Docker {
    /// Returns the versions of client and engine.
    pub(crate) fn versions(&self) -> Result<Versions, Error> {
        let call = self.call(
            "ask for versions",
            READ_LIMIT,
            ["version", "--format", "json"],
        );
        let output = self.attempt(call)?;
        if !output.ok() && output.stdout.is_empty() {
            return Err(Error::Refused {
                doing: "say its version".into(),
                said: last_words(&output),
            });
        }
        let garbled = |error: serde_json::Error| Error::Garbled {
            doing: "version".into(),
            said: error.to_string(),
        };
        let versions: Versions = serde_json::from_slice(&output.stdout).map_err(garbled)?;
        let complaint = versions.server.is_none().then(|| last_words(&output));
        Ok(Versions {
            complaint,
            ..versions
        })
    }

    /// Returns what the engine says of itself.
    pub(crate) fn engine(&self) -> Result<Engine, Error> {
        self.json(self.call("reach the engine", READ_LIMIT, ["info", "--format", "json"]))
    }

    /// Returns whether this node may run tasks: `active`, `pause` or `drain`.
    pub(crate) fn availability(&self) -> Result<String, Error> {
        let args = [
            "node",
            "inspect",
            "--format",
            "{{.Spec.Availability}}",
            "self",
        ];
        let output = self.run(self.call("inspect this node", READ_LIMIT, args))?;
        Ok(output.stdout_text().trim().to_owned())
    }

    /// Merges and interpolates compose files, with no variable but those given.
    pub(crate) fn render_stack(&self, sources: &Sources<'_>) -> Result<String, Error> {
        let mut args: Vec<OsString> = vec!["stack".into(), "config".into()];
        for file in sources.files {
            args.push("--compose-file".into());
            args.push(file.into());
        }
        let call = self.call("read the compose files", READ_LIMIT, args);
        let set = |cmd: Cmd, (key, value): &(String, String)| cmd.env(key, value);
        let call = call.with(|cmd| sources.variables.iter().fold(cmd.dir(sources.folder), set));
        Ok(self.run(call.with(Cmd::secret_output))?.stdout_text())
    }

    /// Hands a rendered compose file to the swarm; returns when its new state is recorded.
    pub(crate) fn deploy_stack(&self, deployment: &Deployment<'_>) -> Result<(), Error> {
        let stack = deployment.stack.as_str();
        // Images were fetched before; asking the registry again would cost time and its rate limit.
        let args = [
            "stack",
            "deploy",
            "--detach=true",
            "--resolve-image",
            "never",
            "--compose-file",
            "-",
            stack,
        ];
        let call = self.call(format!("deploy stack {stack}"), deployment.limit, args);
        let compose = deployment.compose.as_bytes().to_vec();
        self.run(call.with(|cmd| cmd.stdin_bytes(compose).log(deployment.log)))
            .map(drop)
    }

    /// Makes a secret of a stack; its value goes by stdin.
    pub(crate) fn create_secret(
        &self,
        stack: &StackName,
        name: &str,
        value: &Secret,
    ) -> Result<(), Error> {
        let label = format!("{STACK_LABEL}={stack}");
        let args = ["secret", "create", "--label", label.as_str(), name, "-"];
        let call = self.call(format!("create secret {name}"), READ_LIMIT, args);
        self.run(call.with(|cmd| cmd.stdin_bytes(value.expose().as_bytes().to_vec())))
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_without_an_engine_too() {
        let text = r#"{"Client":{"Version":"28.2.2","Os":"linux"},"Server":null}"#;
        let versions: Versions = serde_json::from_str(text).unwrap();
        assert_eq!((versions.client_major(), versions.server), (Some(28), None));
    }
}
