//! What is asked of docker, on the engine of one server.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fatal::{Fatal, Result};
use crate::host::{self, Call, Ended};

/// The label by which docker knows the members of a stack.
pub(crate) const NAMESPACE: &str = "com.docker.stack.namespace";

/// The docker of one server.
pub(crate) struct Docker {
    /// The context to use; none for the server `default`.
    context: Option<String>,
}

/// One service as the swarm has it.
pub(crate) struct Service {
    /// Its full name.
    pub(crate) name: String,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// The full names of the volumes that it mounts.
    pub(crate) volumes: Vec<String>,
    /// Its image.
    pub(crate) image: String,
}

impl Docker {
    /// Returns the docker of a server.
    pub(crate) fn of(server: &str) -> Self {
        Self {
            context: (server != "default").then(|| server.to_owned()),
        }
    }

    /// Runs a docker command, whatever its end.
    pub(crate) fn try_run(&self, args: &[&str], input: Option<&[u8]>) -> Result<Ended> {
        host::run(Call {
            program: "docker",
            args: &self.args(args),
            input,
            ..Call::default()
        })
    }

    /// Runs a docker command that has to succeed and returns what it printed.
    pub(crate) fn run(&self, args: &[&str]) -> Result<String> {
        Ok(self
            .try_run(args, None)?
            .ok(&format!("docker {}", args[0]))?
            .text())
    }

    /// Runs a docker command on our own streams and returns whether it succeeded.
    pub(crate) fn attach(&self, args: &[&str]) -> Result<bool> {
        host::attach(Call {
            program: "docker",
            args: &self.args(args),
            ..Call::default()
        })
    }

    /// Returns the services of a stack, or of all stacks.
    pub(crate) fn services(&self, stack: Option<&str>) -> Result<Vec<Service>> {
        let filter = stack.map_or_else(
            || NAMESPACE.to_owned(),
            |stack| format!("{NAMESPACE}={stack}"),
        );
        let ids = self.run(&[
            "service",
            "ls",
            "--quiet",
            "--filter",
            &format!("label={filter}"),
        ])?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut args = vec!["service", "inspect"];
        args.extend(ids.lines());
        // A service can go between the two calls; docker then still prints the others.
        let found = self.try_run(&args, None)?;
        let values: Vec<Value> = serde_json::from_slice(&found.stdout)
            .map_err(Fatal::during("reading docker's services"))?;
        Ok(values.iter().map(Service::read).collect())
    }

    /// Returns the running container of a service.
    pub(crate) fn container(&self, service: &str) -> Result<Option<String>> {
        let label = format!("label=com.docker.swarm.service.name={service}");
        let ids = [
            "ps",
            "--quiet",
            "--filter",
            &label,
            "--filter",
            "status=running",
        ];
        Ok(self.run(&ids)?.lines().next().map(str::to_owned))
    }

    /// Returns the names of all secrets.
    pub(crate) fn secrets(&self) -> Result<Vec<String>> {
        let names = self.run(&["secret", "ls", "--format", "{{.Name}}"])?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Creates a secret. Its value never stands on a command line.
    pub(crate) fn create_secret(&self, name: &str, value: &[u8]) -> Result<()> {
        self.try_run(&["secret", "create", name, "-"], Some(value))?
            .ok("creating secret")?;
        Ok(())
    }

    /// Puts the context before the arguments.
    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        let context = self
            .context
            .iter()
            .flat_map(|context| ["--context", context.as_str()]);
        context.chain(args.iter().copied()).collect()
    }
}

impl Service {
    /// Reads one element of `docker service inspect`.
    fn read(value: &Value) -> Self {
        let spec = &value["Spec"];
        let container = &spec["TaskTemplate"]["ContainerSpec"];
        let labels = spec["Labels"].as_object().into_iter().flatten();
        let mounts = container["Mounts"].as_array().into_iter().flatten();
        Self {
            name: text(&spec["Name"]),
            labels: labels
                .map(|(key, value)| (key.clone(), text(value)))
                .collect(),
            volumes: mounts
                .filter(|mount| mount["Type"] == "volume")
                .map(|mount| text(&mount["Source"]))
                .filter(|source| !source.is_empty())
                .collect(),
            image: text(&container["Image"]),
        }
    }
}

/// Returns the text of a JSON string, else nothing.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
