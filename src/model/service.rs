//! One service of a rendered stack in types; never looks at what is around it.

use std::collections::BTreeMap;

use yaml_serde::Value;

use crate::model::yaml;

/// How many tasks a service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// So many, kept running.
    Replicated(u64),
    /// One on each node, kept running.
    Global,
    /// Tasks that run to their end.
    Job,
}

/// When swarm starts a task again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Whenever it ends; swarm's default.
    #[default]
    Any,
    /// When it ends with an error.
    OnFailure,
    /// Never.
    None,
}

/// Something that a service mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// `volume`, `bind`, `tmpfs` and so on.
    pub kind: String,
    /// The volume's key or the path on the host; none for an anonymous volume or a tmpfs.
    pub source: Option<String>,
    /// The path in the container.
    pub target: String,
    /// Whether the container cannot write to it.
    pub read_only: bool,
}

/// A port that a service publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The port in the container.
    pub target: String,
    /// The port outside, when it is fixed.
    pub published: Option<String>,
    /// Whether it is bound on the node itself and not on the routing mesh.
    pub host_mode: bool,
}

/// One service of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The image, with its tag when it has one.
    pub image: Option<String>,
    /// The labels of the service, from `deploy.labels`.
    pub labels: BTreeMap<String, String>,
    /// The labels of its containers.
    pub container_labels: BTreeMap<String, String>,
    /// The environment; a name without a value has none.
    pub environment: BTreeMap<String, Option<String>>,
    /// Whether a health check is declared and not switched off.
    pub has_healthcheck: bool,
    /// How many tasks it runs.
    pub mode: Mode,
    /// When a task is started again.
    pub restart: Restart,
    /// What it mounts.
    pub mounts: Vec<Mount>,
    /// The secrets it reads, by key.
    pub secrets: Vec<String>,
    /// The configs it reads, by key.
    pub configs: Vec<String>,
    /// The ports it publishes.
    pub ports: Vec<Port>,
    /// The networks it is on, by key; none means `default`.
    pub networks: Vec<String>,
}

impl Service {
    /// Whether a task that ended well counts as done.
    pub fn is_one_shot(&self) -> bool {
        self.mode == Mode::Job || self.restart == Restart::None
    }
}

/// Reads one service.
pub(crate) fn read(value: &Value) -> Service {
    let deploy = value.get("deploy").unwrap_or(&Value::Null);
    Service {
        image: yaml::text(value, "image"),
        labels: labels(deploy.get("labels")),
        container_labels: labels(value.get("labels")),
        environment: yaml::pairs(value.get("environment")),
        has_healthcheck: has_healthcheck(value.get("healthcheck")),
        mode: mode(deploy),
        restart: restart(deploy),
        mounts: yaml::items(value.get("volumes"))
            .filter_map(mount)
            .collect(),
        secrets: yaml::names(value.get("secrets")),
        configs: yaml::names(value.get("configs")),
        ports: yaml::items(value.get("ports")).filter_map(port).collect(),
        networks: yaml::names(value.get("networks")),
    }
}

/// Reads labels; one without a value is empty.
fn labels(value: Option<&Value>) -> BTreeMap<String, String> {
    yaml::pairs(value)
        .into_iter()
        .map(|(key, value)| (key, value.unwrap_or_default()))
        .collect()
}

/// Whether a health check is declared and does something.
fn has_healthcheck(value: Option<&Value>) -> bool {
    let Some(check) = value.filter(|value| value.is_mapping()) else {
        return false;
    };
    let test = check.get("test");
    let first = yaml::items(test).next().or(test).and_then(yaml::scalar);
    !yaml::flag(check, "disable") && first.is_some_and(|first| first != "NONE")
}

/// Reads how many tasks a service runs.
fn mode(deploy: &Value) -> Mode {
    let replicas = yaml::text(deploy, "replicas").and_then(|text| text.parse().ok());
    match yaml::text(deploy, "mode").as_deref() {
        Some("global") => Mode::Global,
        Some("replicated-job" | "global-job") => Mode::Job,
        _ => Mode::Replicated(replicas.unwrap_or(1)),
    }
}

/// Reads when a task is started again.
fn restart(deploy: &Value) -> Restart {
    let policy = deploy.get("restart_policy").unwrap_or(&Value::Null);
    match yaml::text(policy, "condition").as_deref() {
        Some("none") => Restart::None,
        Some("on-failure") => Restart::OnFailure,
        _ => Restart::Any,
    }
}

/// Reads a mount in the long form, or in the short one: `[source:]target[:options]`.
pub(crate) fn mount(value: &Value) -> Option<Mount> {
    if value.is_mapping() {
        return Some(Mount {
            kind: yaml::text(value, "type").unwrap_or_else(|| "volume".to_owned()),
            source: yaml::text(value, "source").or_else(|| yaml::text(value, "src")),
            target: yaml::text(value, "target").or_else(|| yaml::text(value, "destination"))?,
            read_only: yaml::flag(value, "read_only"),
        });
    }
    let text = yaml::scalar(value)?;
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, options, ..] => (Some(source), target, options),
        [] => return None,
    };
    let is_path = |source: &str| source.starts_with(['.', '~']) || source.contains(['/', '\\']);
    let kind = if source.is_some_and(is_path) {
        "bind"
    } else {
        "volume"
    };
    Some(Mount {
        kind: kind.to_owned(),
        source: source.map(str::to_owned),
        target: target.to_owned(),
        read_only: options.split(',').any(|option| option == "ro"),
    })
}

/// Reads a port in the long form, or in the short one: `[published:]target[/protocol]`.
fn port(value: &Value) -> Option<Port> {
    if value.is_mapping() {
        return Some(Port {
            target: yaml::text(value, "target")?,
            published: yaml::text(value, "published"),
            host_mode: yaml::text(value, "mode").as_deref() == Some("host"),
        });
    }
    let text = yaml::scalar(value)?;
    let text = text.split('/').next().unwrap_or_default();
    let (published, target) = match text.rsplit_once(':') {
        Some((published, target)) => (Some(published.to_owned()), target),
        None => (None, text),
    };
    Some(Port {
        target: target.to_owned(),
        published,
        host_mode: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::compose::Stack;

    /// What `docker stack config` of client 28.2 printed for a recipe of two services and a job.
    const RENDERED: &str = include_str!("../../tests/fixtures/compose/rendered.yml");

    #[test]
    fn a_rendered_recipe_is_read_whole() {
        let stack = Stack::from_text(RENDERED).unwrap();
        let app = &stack.services["app"];
        assert_eq!(app.image.as_deref(), Some("nginx:1.27.3"));
        assert_eq!(
            app.labels["coop-cloud.cust-a1b2c3_ci_example_org.timeout"],
            "300"
        );
        assert_eq!(app.container_labels["backupbot.backup"], "x");
        assert_eq!(app.environment["PRICE"].as_deref(), Some("$5"));
        assert!(app.has_healthcheck);
        assert_eq!(app.mode, Mode::Replicated(1));
        assert_eq!(app.secrets, ["db_password", "api_key"]);
        assert_eq!(app.configs, ["nginx_conf"]);
        assert_eq!(app.networks, ["internal", "proxy"]);
        let mounts: Vec<_> = app
            .mounts
            .iter()
            .map(|mount| {
                (
                    mount.source.as_deref(),
                    mount.target.as_str(),
                    mount.read_only,
                )
            })
            .collect();
        assert_eq!(
            mounts,
            [
                (Some("data"), "/usr/share/nginx/html", false),
                (None, "/run/x", false),
                (Some("data"), "/ro", true)
            ]
        );
        assert_eq!(app.mounts[1].kind, "tmpfs");
        let ports: Vec<_> = app
            .ports
            .iter()
            .map(|port| (port.target.as_str(), port.host_mode))
            .collect();
        assert_eq!(ports, [("80", false), ("53", true)]);
        assert!(!stack.services["db"].has_healthcheck);
        assert_eq!(stack.services["db"].restart, Restart::OnFailure);
        assert!(stack.services["job"].is_one_shot());
        assert!(!app.is_one_shot());
    }

    #[test]
    fn short_forms_of_mounts_and_ports_are_read_too() {
        let read = |text: &str| mount(&Value::from(text)).unwrap();
        assert_eq!(read("data:/x:ro").kind, "volume");
        assert!(read("data:/x:ro").read_only);
        assert_eq!(read("/anon").source, None);
        for bind in ["/:/host", "./a:/a", "~/a:/a", "a/b:/a"] {
            assert_eq!(read(bind).kind, "bind", "{bind}");
        }
        let read = |text: &str| port(&Value::from(text)).unwrap();
        assert_eq!(read("127.0.0.1:8080:80/udp").target, "80");
        assert_eq!(read("80").published, None);
    }
}
