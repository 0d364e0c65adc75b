//! The compose policy for volumes, networks, secrets and configs; never looks at services.

use yaml_serde::Value;

use crate::model::compose::object;
use crate::model::policy::{Check, Rule};
use crate::model::yaml;

/// The network that every recipe may join although it is not its own.
const SHARED_NETWORK: &str = "proxy";
/// Options of overlay networks that reach nothing outside.
const NETWORK_OPTIONS: [&str; 2] = ["encrypted", "com.docker.network.driver.mtu"];

/// Checks one volume.
pub(crate) fn check_volume(check: &mut Check<'_>, place: &str, key: &str, value: &Value) {
    let allowed = ["name", "external", "driver", "driver_opts", "labels"];
    for (name, inner) in yaml::entries(Some(value)) {
        if name == "x-cluster-spec" {
            check.add(Rule::VolumeDriver, place, "a cluster volume");
        } else if name == "driver" && !is_one_of(inner, &["", "local"]) {
            let driver = yaml::scalar(inner).unwrap_or_default();
            check.add(Rule::VolumeDriver, place, format!("the driver `{driver}`"));
        } else if name == "driver_opts" && !is_tmpfs(inner) {
            check.add(Rule::VolumeDriver, place, "driver options");
        }
    }
    check.only(value, place, &allowed);
    own(check, place, &full_name(check, key, value));
}

/// Checks one network.
pub(crate) fn check_network(check: &mut Check<'_>, place: &str, key: &str, value: &Value) {
    let name = full_name(check, key, value);
    let is_host = name == "host" || yaml::text(value, "driver").as_deref() == Some("host");
    if is_host {
        check.add(Rule::HostNetwork, place, "the host's own network");
        return;
    }
    let driver = value.get("driver").unwrap_or(&Value::Null);
    if !is_one_of(driver, &["", "overlay"]) {
        let driver = yaml::scalar(driver).unwrap_or_default();
        check.add(Rule::NetworkDriver, place, format!("the driver `{driver}`"));
    }
    for (option, _) in yaml::entries(value.get("driver_opts")) {
        if !NETWORK_OPTIONS.contains(&option.as_str()) {
            let message = format!("the driver option `{option}`");
            check.add(Rule::NetworkDriver, place, message);
        }
    }
    if value.get("ipam").is_some_and(|ipam| !is_inert(ipam)) {
        check.add(Rule::NetworkDriver, place, "addresses of its own");
    }
    let allowed = [
        "name",
        "external",
        "driver",
        "driver_opts",
        "ipam",
        "attachable",
        "internal",
        "labels",
    ];
    check.only(value, place, &allowed);
    if !(name == SHARED_NETWORK && object(value).external) {
        own(check, place, &name);
    }
}

/// Checks one secret or config.
pub(crate) fn check_file_object(check: &mut Check<'_>, place: &str, key: &str, value: &Value) {
    let allowed = ["name", "external", "file", "labels", "template_driver"];
    check.only(value, place, &allowed);
    let template = value.get("template_driver").unwrap_or(&Value::Null);
    if !is_one_of(template, &["", "golang"]) {
        check.unknown("template_driver", place);
    }
    if let Some(file) = yaml::text(value, "file") {
        check.file(&format!("{place}.file"), &file);
    }
    own(check, place, &full_name(check, key, value));
}

/// Returns the full name of an object.
fn full_name(check: &Check<'_>, key: &str, value: &Value) -> String {
    object(value).full_name(check.stack_name, key)
}

/// Notes an object that is not the app's own, whether it is made or has to exist.
///
/// A name that is written out reaches another stack's object even without `external`.
fn own(check: &mut Check<'_>, place: &str, name: &str) {
    if !check.is_own(name) {
        let message = format!("`{name}` is not one of the app");
        check.add(Rule::ExternalObject, place, message);
    }
}

/// Whether volume options make a tmpfs and nothing else.
///
/// Mount flags are listed, since `o: bind` would turn even a tmpfs into a path of the host.
fn is_tmpfs(options: &Value) -> bool {
    let allowed = |(key, value): (String, &Value)| {
        let text = yaml::scalar(value).unwrap_or_default();
        match key.as_str() {
            "type" | "device" => text == "tmpfs",
            "o" => text.split(',').all(is_tmpfs_flag),
            _ => false,
        }
    };
    let complete = options.get("type").is_some() && options.get("device").is_some();
    is_inert(options) || (complete && yaml::entries(Some(options)).all(allowed))
}

/// Whether a mount flag only sizes a tmpfs or confines what is on it.
fn is_tmpfs_flag(flag: &str) -> bool {
    let sizes = ["size", "mode", "uid", "gid", "nr_inodes"];
    match flag.split_once('=') {
        Some((name, _)) => sizes.contains(&name),
        None => ["", "ro", "rw", "noexec", "nosuid", "nodev"].contains(&flag),
    }
}

/// Whether a value is nothing or one of these texts.
pub(crate) fn is_one_of(value: &Value, allowed: &[&str]) -> bool {
    value.is_null() || yaml::scalar(value).is_some_and(|text| allowed.contains(&text.as_str()))
}

/// Whether a value asks for nothing: null, false or empty.
pub(crate) fn is_inert(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::String(text) => text.is_empty(),
        Value::Sequence(list) => list.is_empty(),
        Value::Mapping(map) => map.is_empty(),
        Value::Number(_) | Value::Tagged(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::model::policy::{Rule, check};

    /// Returns the rules that top-level objects break in the stack `a_b`.
    fn broken(text: &str) -> Vec<Rule> {
        let raw = yaml_serde::from_str(text).unwrap();
        let found = check(&raw, "a_b", Path::new("/srv/checkout"), &[]);
        found.iter().map(|found| found.rule).collect()
    }

    #[test]
    fn volumes_with_drivers_or_devices_are_refused() {
        for volume in [
            "{driver: local, driver_opts: {type: none, o: bind, device: /}}",
            "{driver_opts: {type: nfs, device: ':/x'}}",
            "{driver_opts: {type: tmpfs, device: /dev/sda}}",
            "{driver_opts: {type: tmpfs, device: tmpfs, o: 'size=1m,bind'}}",
            "{driver_opts: {type: tmpfs, device: tmpfs, mountpoint: /}}",
            "{driver_opts: {type: tmpfs}}",
            "{driver: rexray}",
            "{x-cluster-spec: {}}",
        ] {
            let text = format!("volumes: {{v: {volume}}}");
            assert_eq!(broken(&text), [Rule::VolumeDriver], "{volume}");
        }
        for volume in [
            "",
            "{}",
            "{driver: local}",
            "{driver_opts: {type: tmpfs, device: tmpfs, o: 'size=1m,noexec'}}",
        ] {
            assert_eq!(broken(&format!("volumes: {{v: {volume}}}")), [], "{volume}");
        }
    }

    #[test]
    fn networks_other_than_overlay_are_refused() {
        for (network, rule) in [
            ("{external: true, name: host}", Rule::HostNetwork),
            ("{external: {name: host}}", Rule::HostNetwork),
            ("{driver: host}", Rule::HostNetwork),
            ("{driver: macvlan}", Rule::NetworkDriver),
            ("{driver: bridge}", Rule::NetworkDriver),
            ("{driver_opts: {parent: eth0}}", Rule::NetworkDriver),
            (
                "{ipam: {config: [{subnet: 10.0.0.0/8}]}}",
                Rule::NetworkDriver,
            ),
            (
                "{external: true, name: docker_gwbridge}",
                Rule::ExternalObject,
            ),
        ] {
            assert_eq!(
                broken(&format!("networks: {{n: {network}}}")),
                [rule],
                "{network}"
            );
        }
        let text = "networks: {n: {driver: overlay, internal: true, attachable: true, \
                    driver_opts: {encrypted: ''}}}";
        assert_eq!(broken(text), []);
    }

    #[test]
    fn only_the_network_proxy_is_shared() {
        assert_eq!(broken("networks: {proxy: {external: true}}"), []);
        assert_eq!(broken("networks: {p: {external: true, name: proxy}}"), []);
        let made = "networks: {p: {name: proxy}}";
        assert_eq!(broken(made), [Rule::ExternalObject]);
        for section in ["volumes", "secrets", "configs"] {
            let text = format!("{section}: {{proxy: {{external: true}}}}");
            assert_eq!(broken(&text), [Rule::ExternalObject], "{section}");
        }
    }

    #[test]
    fn names_of_other_stacks_are_refused_whether_external_or_not() {
        for section in ["volumes", "networks", "secrets", "configs"] {
            for name in [
                "a",
                "a_",
                "a_b",
                "a_b_",
                "a_bc_data",
                "a-b_data",
                "other_data",
                "A_b_x",
            ] {
                for external in ["", ", external: true"] {
                    let text = format!("{section}: {{k: {{name: {name}{external}}}}}");
                    assert_eq!(broken(&text), [Rule::ExternalObject], "{text}");
                }
            }
            let text = format!("{section}: {{k: {{name: a_b_data, external: true}}}}");
            assert_eq!(broken(&text), [], "{text}");
            let older = format!("{section}: {{k: {{external: {{name: other_data}}}}}}");
            assert_eq!(broken(&older), [Rule::ExternalObject], "{older}");
        }
    }

    #[test]
    fn files_are_those_of_the_recipe_alone() {
        for section in ["secrets", "configs"] {
            for file in [
                "/etc/passwd",
                "../x",
                "/srv/checkout/../x",
                "/srv/checkout-2/x",
                "/srv/checkout",
                "/srv/checkout/.git/config",
                "a/../../x",
                "/../../..",
                ".",
            ] {
                let text = format!("{section}: {{k: {{file: {file}}}}}");
                assert_eq!(broken(&text), [Rule::FileOutside], "{text}");
            }
            for file in [
                "./a.conf",
                "/srv/checkout/d/a.conf",
                "d/../a.conf",
                ".gitignore",
            ] {
                let text = format!("{section}: {{k: {{file: {file}}}}}");
                assert_eq!(broken(&text), [], "{text}");
            }
        }
    }

    #[test]
    fn unknown_keys_of_objects_are_refused() {
        for text in [
            "secrets: {k: {environment: HOME}}",
            "configs: {k: {content: x}}",
            "secrets: {k: {driver: vault}}",
            "configs: {k: {template_driver: other}}",
            "volumes: {k: {new: 1}}",
            "networks: {k: {new: 1}}",
        ] {
            assert_eq!(broken(text), [Rule::UnknownKey], "{text}");
        }
        assert_eq!(
            broken("configs: {k: {template_driver: golang, file: a}}"),
            []
        );
    }
}
