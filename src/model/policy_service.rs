//! The compose policy for services; never looks at top-level objects but to find their names.

use yaml_serde::Value;

use crate::model::compose::object;
use crate::model::policy::{Check, Rule};
use crate::model::policy_objects::{is_inert, is_one_of};
use crate::model::service::mount;
use crate::model::yaml;

/// Keys that are refused whatever they say, unless they say nothing.
const REFUSED: [(&str, Rule); 16] = [
    ("cap_add", Rule::CapAdd),
    ("devices", Rule::Devices),
    ("device_cgroup_rules", Rule::Devices),
    ("gpus", Rule::Devices),
    ("privileged", Rule::Privileged),
    ("pid", Rule::Pid),
    ("ipc", Rule::Ipc),
    ("sysctls", Rule::Sysctls),
    ("userns_mode", Rule::Userns),
    ("cgroup", Rule::Cgroup),
    ("cgroup_parent", Rule::Cgroup),
    ("cgroupns_mode", Rule::Cgroup),
    ("credential_spec", Rule::CredentialSpec),
    ("env_file", Rule::EnvFile),
    ("extends", Rule::Extends),
    ("volumes_from", Rule::BindMount),
];

/// Keys that reach nothing outside the container.
const HARMLESS: [&str; 27] = [
    "cap_drop",
    "command",
    "container_name",
    "depends_on",
    "dns",
    "dns_search",
    "domainname",
    "entrypoint",
    "environment",
    "expose",
    "extra_hosts",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "links",
    "mac_address",
    "read_only",
    "restart",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "tmpfs",
    "tty",
    "ulimits",
    "user",
];

/// Keys under `deploy` that need no look of their own.
const DEPLOY: [&str; 9] = [
    "mode",
    "replicas",
    "labels",
    "update_config",
    "rollback_config",
    "resources",
    "restart_policy",
    "placement",
    "endpoint_mode",
];

/// Drivers that write logs on this node and nowhere else.
const LOG_DRIVERS: [&str; 5] = ["", "json-file", "local", "journald", "none"];

/// Labels by which Docker groups objects, and abra finds the backup bot.
const RESERVED_LABELS: [&str; 2] = ["com.docker.", "coop-cloud.backupbot."];

/// Checks one service.
pub(crate) fn check(check: &mut Check<'_>, place: &str, _key: &str, service: &Value) {
    for (key, value) in yaml::entries(Some(service)) {
        let inner = format!("{place}.{key}");
        if let Some((_, rule)) = REFUSED.iter().find(|(name, _)| *name == key) {
            if !is_inert(value) {
                check.add(*rule, &inner, describe(value));
            }
            continue;
        }
        match key.as_str() {
            "volumes" => volumes(check, &inner, value),
            "ports" => ports(check, &inner, value),
            "networks" => networks(check, &inner, value),
            "network_mode" => network_mode(check, &inner, value),
            "security_opt" => security_opt(check, &inner, value),
            "labels" => labels(check, &inner, value),
            "logging" => logging(check, &inner, value),
            "deploy" => deploy(check, &inner, value),
            "secrets" | "configs" => file_references(check, &inner, value),
            "working_dir" => {}
            _ if HARMLESS.contains(&key.as_str()) => {}
            _ => check.unknown(&key, place),
        }
    }
}

/// Says what a key is set to, in short.
fn describe(value: &Value) -> String {
    let list = yaml::names(Some(value)).join(", ");
    let text = yaml::scalar(value).unwrap_or(list);
    let short: String = text.chars().take(60).collect();
    format!("set to `{short}`")
}

/// Checks that a value is a list, or left empty; what is not would go unread.
fn list(check: &mut Check<'_>, place: &str, value: &Value) {
    if !value.is_sequence() && !value.is_null() {
        check.add(Rule::Malformed, place, "not a list");
    }
}

/// Checks that a value is a map, or left empty; what is not would go unread.
fn map(check: &mut Check<'_>, place: &str, value: &Value) {
    if !value.is_mapping() && !value.is_null() {
        check.add(Rule::Malformed, place, "not a map");
    }
}

/// Checks that mounts are volumes that the file declares, or memory.
fn volumes(check: &mut Check<'_>, place: &str, value: &Value) {
    list(check, place, value);
    for (at, item) in yaml::items(Some(value)).enumerate() {
        let place = format!("{place}[{at}]");
        let Some(mount) = mount(item) else {
            check.add(Rule::Malformed, &place, "a mount without a target");
            continue;
        };
        let source = mount.source.as_deref().unwrap_or_default();
        let is_path = source.contains(['/', '\\']) || source.starts_with(['.', '~']);
        if !matches!(mount.kind.as_str(), "volume" | "tmpfs") || is_path {
            let message = format!("a mount of the kind `{}` from `{source}`", mount.kind);
            check.add(Rule::BindMount, &place, message);
        } else if mount.kind == "volume" && !source.is_empty() {
            let volumes = check.raw.get("volumes");
            if volumes.and_then(|volumes| volumes.get(source)).is_none() {
                let message = format!("the volume `{source}` is not declared");
                check.add(Rule::ExternalObject, &place, message);
            }
        }
        let allowed = ["type", "source", "target", "read_only", "volume", "tmpfs"];
        check.only(item, &place, &allowed);
        let options = item.get("volume").unwrap_or(&Value::Null);
        check.only(options, &place, &["nocopy", "subpath"]);
    }
}

/// Checks that no port is bound on the node itself.
fn ports(check: &mut Check<'_>, place: &str, value: &Value) {
    list(check, place, value);
    for (at, item) in yaml::items(Some(value)).enumerate() {
        let place = format!("{place}[{at}]");
        let mode = item.get("mode").unwrap_or(&Value::Null);
        if !is_one_of(mode, &["", "ingress"]) {
            check.add(Rule::HostPorts, &place, "a port in host mode");
        }
        let allowed = ["target", "published", "protocol", "mode"];
        check.only(item, &place, &allowed);
    }
}

/// Checks how a service joins its networks.
fn networks(check: &mut Check<'_>, place: &str, value: &Value) {
    for name in yaml::names(Some(value)) {
        let declared = check.raw.get("networks").and_then(|all| all.get(&name));
        if declared.is_none() && name != "default" {
            let rule = if name == "host" {
                Rule::HostNetwork
            } else {
                Rule::ExternalObject
            };
            check.add(rule, place, format!("the network `{name}` is not declared"));
        }
        let Some(options) = value.get(&name).filter(|options| !is_inert(options)) else {
            continue;
        };
        let shared = declared.is_some_and(|network| object(network).external);
        for (key, value) in yaml::entries(Some(options)) {
            match key.as_str() {
                _ if is_inert(value) => {}
                // A name on a shared network can be the one that another app is found by.
                "aliases" if shared => {
                    let message = format!("names on the shared network `{name}`");
                    check.add(Rule::ExternalObject, place, message);
                }
                "aliases" => {}
                _ => {
                    let message = format!("the option `{key}` of the network `{name}`");
                    check.add(Rule::NetworkDriver, place, message);
                }
            }
        }
    }
}

/// Checks the mode of a service's network, which overlay networks have no need of.
fn network_mode(check: &mut Check<'_>, place: &str, value: &Value) {
    if !is_inert(value) {
        check.add(Rule::HostNetwork, place, describe(value));
    }
}

/// Checks that security options only confine further.
fn security_opt(check: &mut Check<'_>, place: &str, value: &Value) {
    let hardening = [
        "no-new-privileges",
        "no-new-privileges:true",
        "no-new-privileges=true",
    ];
    let fits = |item: &Value| is_one_of(item, &hardening) && !item.is_null();
    let list = value.as_sequence();
    if !is_inert(value) && !list.is_some_and(|list| list.iter().all(fits)) {
        check.add(Rule::SecurityOpt, place, describe(value));
    }
}

/// Checks that no label makes a service something that it is not.
fn labels(check: &mut Check<'_>, place: &str, value: &Value) {
    for (key, _) in yaml::pairs(Some(value)) {
        let lower = key.to_ascii_lowercase();
        if RESERVED_LABELS.iter().any(|start| lower.starts_with(start)) {
            check.add(Rule::ReservedLabel, place, format!("the label `{key}`"));
        }
    }
}

/// Checks that logs stay on the node.
fn logging(check: &mut Check<'_>, place: &str, value: &Value) {
    map(check, place, value);
    check.only(value, place, &["driver", "options"]);
    let driver = value.get("driver").unwrap_or(&Value::Null);
    if !is_one_of(driver, &LOG_DRIVERS) {
        let driver = yaml::scalar(driver).unwrap_or_default();
        check.add(Rule::LogDriver, place, format!("the driver `{driver}`"));
    }
}

/// Checks what swarm is told about a service.
fn deploy(check: &mut Check<'_>, place: &str, value: &Value) {
    map(check, place, value);
    check.only(value, place, &DEPLOY);
    labels(
        check,
        &format!("{place}.labels"),
        value.get("labels").unwrap_or(&Value::Null),
    );
    let resources = value.get("resources");
    for (kind, limits) in yaml::entries(resources) {
        let place = format!("{place}.resources.{kind}");
        for (key, value) in yaml::entries(Some(limits)) {
            match key.as_str() {
                "cpus" | "memory" | "pids" => {}
                "devices" | "generic_resources" => {
                    check.add(Rule::Devices, &place, describe(value));
                }
                _ => check.unknown(&key, &place),
            }
        }
    }
}

/// Checks the references to secrets and configs.
fn file_references(check: &mut Check<'_>, place: &str, value: &Value) {
    for (at, item) in yaml::items(Some(value)).enumerate() {
        let allowed = ["source", "target", "uid", "gid", "mode"];
        check.only(item, &format!("{place}[{at}]"), &allowed);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::model::policy::{self, Rule};

    /// Returns the rules that a service of this body breaks.
    fn broken(body: &str) -> Vec<Rule> {
        let text = format!(
            "services: {{app: {{image: 'x:1', {body}}}}}\nvolumes: {{v: }}\n\
             networks: {{mine: , proxy: {{external: true}}}}\n"
        );
        let raw = yaml_serde::from_str(&text).unwrap();
        let found = policy::check(&raw, "x", Path::new("/c"), &[]);
        found.iter().map(|found| found.rule).collect()
    }

    #[test]
    fn mounts_of_anything_but_volumes_and_memory_are_refused() {
        for (body, rule) in [
            ("volumes: ['/:/host']", Rule::BindMount),
            ("volumes: ['./a:/a:ro']", Rule::BindMount),
            ("volumes: ['~/a:/a']", Rule::BindMount),
            ("volumes: ['a/../../b:/a']", Rule::BindMount),
            (
                "volumes: [{type: bind, source: /, target: /host}]",
                Rule::BindMount,
            ),
            (
                "volumes: [{type: npipe, source: x, target: /y}]",
                Rule::BindMount,
            ),
            (
                "volumes: [{type: cluster, source: v, target: /y}]",
                Rule::BindMount,
            ),
            (
                "volumes: [{type: volume, source: /etc, target: /y}]",
                Rule::BindMount,
            ),
            ("volumes_from: [other]", Rule::BindMount),
            ("volumes: ['other:/x']", Rule::ExternalObject),
            (
                "volumes: [{type: volume, source: other, target: /x}]",
                Rule::ExternalObject,
            ),
            (
                "volumes: [{type: volume, source: v, target: /x, new: 1}]",
                Rule::UnknownKey,
            ),
            (
                "volumes: [{type: volume, source: v, target: /x, volume: {new: 1}}]",
                Rule::UnknownKey,
            ),
            ("volumes: {a: /x}", Rule::Malformed),
            ("volumes: '/:/host'", Rule::Malformed),
            ("volumes: [{type: volume}]", Rule::Malformed),
        ] {
            assert_eq!(broken(body), [rule], "{body}");
        }
    }

    #[test]
    fn other_networks_and_ports_of_the_node_are_refused() {
        for (body, rule) in [
            ("network_mode: host", Rule::HostNetwork),
            ("networks: [host]", Rule::HostNetwork),
            ("networks: {host: {}}", Rule::HostNetwork),
            ("networks: [theirs]", Rule::ExternalObject),
            ("networks: {theirs: }", Rule::ExternalObject),
            (
                "networks: {proxy: {aliases: [traefik]}}",
                Rule::ExternalObject,
            ),
            (
                "networks: {mine: {ipv4_address: 10.0.0.2}}",
                Rule::NetworkDriver,
            ),
            ("ports: {mode: host}", Rule::Malformed),
            (
                "ports: [{target: 80, published: 80, mode: host}]",
                Rule::HostPorts,
            ),
        ] {
            assert_eq!(broken(body), [rule], "{body}");
        }
    }

    #[test]
    fn powers_over_the_kernel_are_refused() {
        for (body, rule) in [
            ("cap_add: [SYS_ADMIN]", Rule::CapAdd),
            ("devices: ['/dev/kmsg:/dev/kmsg']", Rule::Devices),
            (
                "devices: [{source: /dev/kmsg, target: /dev/kmsg}]",
                Rule::Devices,
            ),
            (
                "deploy: {resources: {reservations: {devices: [{count: 1}]}}}",
                Rule::Devices,
            ),
            (
                "deploy: {resources: {limits: {generic_resources: [{a: 1}]}}}",
                Rule::Devices,
            ),
            ("privileged: true", Rule::Privileged),
            ("privileged: 'true'", Rule::Privileged),
            ("pid: host", Rule::Pid),
            ("ipc: host", Rule::Ipc),
            ("ipc: shareable", Rule::Ipc),
            ("security_opt: ['seccomp:unconfined']", Rule::SecurityOpt),
            (
                "security_opt: ['no-new-privileges:true', 'apparmor=x']",
                Rule::SecurityOpt,
            ),
            ("security_opt: 'label:disable'", Rule::SecurityOpt),
            ("sysctls: ['net.core.somaxconn=1']", Rule::Sysctls),
            ("sysctls: {net.core.somaxconn: 1}", Rule::Sysctls),
            ("userns_mode: host", Rule::Userns),
            ("cgroup_parent: /", Rule::Cgroup),
            ("cgroupns_mode: host", Rule::Cgroup),
        ] {
            assert_eq!(broken(body), [rule], "{body}");
        }
    }

    #[test]
    fn files_logs_labels_and_unknown_keys_are_refused() {
        for (body, rule) in [
            ("credential_spec: {file: x.json}", Rule::CredentialSpec),
            ("credential_spec: {config: x}", Rule::CredentialSpec),
            (
                "logging: {driver: syslog, options: {syslog-address: 'unix:///x'}}",
                Rule::LogDriver,
            ),
            ("env_file: /proc/self/environ", Rule::EnvFile),
            ("env_file: [.env]", Rule::EnvFile),
            ("extends: other", Rule::Extends),
            ("extends: {file: other.yml, service: app}", Rule::Extends),
            (
                "deploy: {labels: ['com.docker.stack.namespace=y']}",
                Rule::ReservedLabel,
            ),
            (
                "deploy: {labels: {coop-cloud.backupbot.enabled: 'true'}}",
                Rule::ReservedLabel,
            ),
            (
                "labels: {com.docker.stack.namespace: y}",
                Rule::ReservedLabel,
            ),
            ("deploy: [labels]", Rule::Malformed),
            ("logging: syslog", Rule::Malformed),
            ("build: .", Rule::UnknownKey),
            ("runtime: nvidia", Rule::UnknownKey),
            ("deploy: {new: 1}", Rule::UnknownKey),
            ("secrets: [{source: a, new: 1}]", Rule::UnknownKey),
            ("Privileged: true", Rule::UnknownKey),
        ] {
            assert_eq!(broken(body), [rule], "{body}");
        }
    }

    #[test]
    fn what_stays_in_the_container_is_allowed() {
        for body in [
            "volumes: ['v:/x', '/anon', 'v:/y:ro']",
            "volumes: [{type: volume, source: v, target: /x, volume: {nocopy: true}}]",
            "volumes: [{type: tmpfs, target: /x, tmpfs: {size: 1000}}]",
            "tmpfs: /run",
            "networks: [mine, proxy]",
            "networks: {mine: {aliases: [db]}, proxy: }",
            "ports: ['80:80', 443]",
            "ports: [{target: 80, published: 80, protocol: tcp, mode: ingress}]",
            "privileged: false, cap_add: [], pid: ''",
            "security_opt: ['no-new-privileges:true']",
            "ulimits: {nofile: {soft: 1, hard: 2}}, cap_drop: [ALL], init: true, x-note: {a: 1}",
            "logging: {driver: json-file, options: {max-size: 1m}}",
            "deploy: {placement: {constraints: ['node.role == manager']}, labels: [a=b]}",
            "deploy: {resources: {limits: {cpus: '1', memory: 1g, pids: 10}}}",
            "secrets: [a, {source: b, target: c, uid: '0', gid: '0', mode: 256}]",
        ] {
            assert_eq!(broken(body), [], "{body}");
        }
    }
}
