//! A rendered stack, as `docker stack config` prints it, in types; never runs Docker.

use std::collections::BTreeMap;

use yaml_serde::{Mapping, Value};

use crate::model::resource::{Resource, ResourceKind};
pub use crate::model::service::{Mode, Mount, Port, Restart, Service};
use crate::model::{service, yaml};

/// Why a text is not a stack, or a stack cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not YAML of the form that compose has.
    #[error("failed to read the compose file: {0}")]
    Malformed(String),
    /// There is no service of that name.
    #[error("no service `{0}` in the compose file")]
    NoService(String),
}

/// A volume, network, secret or config at the top level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object {
    /// The name written in the file, which is the full name.
    pub name: Option<String>,
    /// Whether it has to exist before.
    pub external: bool,
    /// The file that holds its content.
    pub file: Option<String>,
}

impl Object {
    /// Returns the name it has on the swarm.
    pub fn full_name(&self, stack_name: &str, key: &str) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None if self.external => key.to_owned(),
            None => format!("{stack_name}_{key}"),
        }
    }
}

/// Everything a rendered compose file declares.
///
/// ```
/// use ccci::model::compose::Stack;
///
/// let mut stack = Stack::from_text("services:\n  app:\n    image: nginx:1.27.3\n").unwrap();
/// stack.set_deploy_label("app", "coop-cloud.x.chaos", "true").unwrap();
/// assert_eq!(stack.services["app"].labels["coop-cloud.x.chaos"], "true");
/// assert_eq!(stack.names("x")[0].to_string(), "service `x_app`");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// The services by key.
    pub services: BTreeMap<String, Service>,
    /// The volumes by key.
    pub volumes: BTreeMap<String, Object>,
    /// The networks by key.
    pub networks: BTreeMap<String, Object>,
    /// The secrets by key.
    pub secrets: BTreeMap<String, Object>,
    /// The configs by key.
    pub configs: BTreeMap<String, Object>,
    /// The whole file, merge keys applied.
    pub raw: Value,
}

impl Stack {
    /// Reads the text that `docker stack config` prints.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        Self::from_value(yaml::parse(text).map_err(Error::Malformed)?)
    }

    /// Reads a YAML value that is already at hand.
    fn from_value(raw: Value) -> Result<Self, Error> {
        let malformed = |message: String| Err(Error::Malformed(message));
        if !raw.is_mapping() {
            return malformed("the top level is not a map".to_owned());
        }
        for section in ["services", "volumes", "networks", "secrets", "configs"] {
            if raw.get(section).is_some_and(|map| !is_map_or_null(map)) {
                return malformed(format!("`{section}` is not a map"));
            }
            let inner = yaml::entries(raw.get(section)).find(|(_, value)| !is_map_or_null(value));
            if let Some((key, _)) = inner {
                return malformed(format!("`{section}.{key}` is not a map"));
            }
        }
        let services = yaml::entries(raw.get("services"))
            .map(|(key, value)| (key, service::read(value)))
            .collect();
        Ok(Self {
            services,
            volumes: objects(&raw, "volumes"),
            networks: objects(&raw, "networks"),
            secrets: objects(&raw, "secrets"),
            configs: objects(&raw, "configs"),
            raw,
        })
    }

    /// Sets a label of a service, in place of one with the same key.
    pub fn set_deploy_label(&mut self, name: &str, key: &str, value: &str) -> Result<(), Error> {
        let service = self.service_map(name)?;
        let deploy = child(service, "deploy");
        set_pair(child(deploy, "labels"), key, value);
        self.read_again(name);
        Ok(())
    }

    /// Gives a service a variable unless it has one of that name.
    ///
    /// A name without a value is filled in, since it asks for the value from outside.
    pub fn set_env_default(&mut self, name: &str, key: &str, value: &str) -> Result<(), Error> {
        let service = self
            .services
            .get(name)
            .ok_or_else(|| Error::NoService(name.to_owned()))?;
        if matches!(service.environment.get(key), Some(Some(_))) {
            return Ok(());
        }
        set_pair(child(self.service_map(name)?, "environment"), key, value);
        self.read_again(name);
        Ok(())
    }

    /// Removes variables without a value: a deploy would fill them in from its caller's environment.
    pub fn drop_unset_environment(&mut self) {
        let names: Vec<String> = self.services.keys().cloned().collect();
        for name in names {
            let service = self
                .raw
                .get_mut("services")
                .and_then(|all| all.get_mut(name.as_str()));
            let environment = service.and_then(|service| service.get_mut("environment"));
            if let Some(map) = environment.and_then(Value::as_mapping_mut) {
                map.retain(|_, value| !value.is_null());
                self.read_again(&name);
            }
        }
    }

    /// Returns the text for `docker stack deploy`.
    ///
    /// Each `$` is doubled: the file was interpolated once, and a deploy interpolates it again.
    /// It is YAML of the JSON kind with all texts quoted: Docker reads a bare `2001-01-01` as a
    /// time and a bare `1_000` as a number, and passes on something else.
    pub fn render(&self) -> String {
        let mut value = self.raw.clone();
        escape_dollars(&mut value);
        let json = serde_json::to_string_pretty(&value);
        escape_unprintable(&json.expect("keys were checked to be scalars on reading"))
    }

    /// Returns every service, secret, config, network and volume that a deploy makes or expects.
    ///
    /// External objects are left out unless they carry the stack's own prefix.
    pub fn names(&self, stack_name: &str) -> Vec<Resource> {
        let prefix = format!("{stack_name}_");
        let mut names: Vec<Resource> = self
            .services
            .keys()
            .map(|key| Resource::new(ResourceKind::Service, format!("{prefix}{key}")))
            .collect();
        for (kind, objects) in [
            (ResourceKind::Network, &self.networks),
            (ResourceKind::Secret, &self.secrets),
            (ResourceKind::Config, &self.configs),
            (ResourceKind::Volume, &self.volumes),
        ] {
            for (key, object) in objects {
                let name = object.full_name(stack_name, key);
                if !object.external || name.starts_with(&prefix) {
                    names.push(Resource::new(kind, name));
                }
            }
        }
        let on_default = |service: &Service| {
            service.networks.is_empty() || service.networks.iter().any(|key| key == "default")
        };
        if !self.networks.contains_key("default") && self.services.values().any(on_default) {
            let name = format!("{prefix}default");
            names.push(Resource::new(ResourceKind::Network, name));
        }
        names.sort();
        names.dedup();
        names
    }

    /// Returns the map of a service in the raw file.
    fn service_map(&mut self, name: &str) -> Result<&mut Value, Error> {
        let service = self
            .raw
            .get_mut("services")
            .and_then(|services| services.get_mut(name));
        service.ok_or_else(|| Error::NoService(name.to_owned()))
    }

    /// Brings the typed service in line with the raw one.
    fn read_again(&mut self, name: &str) {
        let read = service::read(&self.raw["services"][name]);
        self.services.insert(name.to_owned(), read);
    }
}

/// Whether a value can hold keys, or is left empty.
fn is_map_or_null(value: &Value) -> bool {
    value.is_mapping() || value.is_null()
}

/// Returns a map's child under a key, made as a map where there is none.
fn child<'a>(parent: &'a mut Value, key: &str) -> &'a mut Value {
    if !parent.is_mapping() {
        *parent = Value::Mapping(Mapping::new());
    }
    let map = parent.as_mapping_mut().expect("it was made a map above");
    map.entry(Value::from(key))
        .or_insert_with(|| Value::Mapping(Mapping::new()))
}

/// Sets a key in a map, or in a list of `key=value`.
fn set_pair(value: &mut Value, key: &str, text: &str) {
    if let Value::Sequence(list) = value {
        let other = |item: &Value| {
            let item = yaml::scalar(item).unwrap_or_default();
            item.split_once('=').map_or(item.as_str(), |(key, _)| key) != key
        };
        list.retain(other);
        list.push(Value::from(format!("{key}={text}")));
    } else {
        *child(value, key) = Value::from(text);
    }
}

/// Doubles each `$` in the values, not in the keys, which are never interpolated.
fn escape_dollars(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('$', "$$"),
        Value::Sequence(list) => list.iter_mut().for_each(escape_dollars),
        Value::Mapping(map) => map.values_mut().for_each(escape_dollars),
        Value::Tagged(tagged) => escape_dollars(&mut tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Escapes what JSON may hold as it is and YAML may not; in JSON it stands in texts alone.
fn escape_unprintable(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                let code = format!("\\u{:04x}", u32::from(c));
                text.push_str(&code);
            }
            _ => text.push(c),
        }
    }
    text.push('\n');
    text
}

/// Reads the objects of a section.
fn objects(raw: &Value, section: &str) -> BTreeMap<String, Object> {
    yaml::entries(raw.get(section))
        .map(|(key, value)| (key, object(value)))
        .collect()
}

/// Reads one volume, network, secret or config.
pub(crate) fn object(value: &Value) -> Object {
    // The older form `external: {name: x}` is still accepted by Docker.
    let external = value.get("external");
    let older = external.and_then(|external| yaml::text(external, "name"));
    Object {
        name: yaml::text(value, "name").or(older),
        external: external.is_some_and(Value::is_mapping) || yaml::flag(value, "external"),
        file: yaml::text(value, "file"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `docker stack config` of client 28.2 printed for a recipe of two services and a job.
    const RENDERED: &str = include_str!("../../tests/fixtures/compose/rendered.yml");
    /// The stack name it was rendered with.
    const STACK_NAME: &str = "cust-a1b2c3_ci_example_org";

    #[test]
    fn names_hold_what_is_ours_and_nothing_else() {
        let stack = Stack::from_text(RENDERED).unwrap();
        let names: Vec<_> = stack
            .names(STACK_NAME)
            .iter()
            .map(|name| name.to_string().replace(STACK_NAME, "S"))
            .collect();
        assert_eq!(
            names,
            [
                "service `S_app`",
                "service `S_db`",
                "service `S_job`",
                "network `S_default`",
                "network `S_internal`",
                "secret `S_api_key_v2`",
                "secret `S_db_password_v1`",
                "config `S_nginx_conf_v1`",
                "volume `S_data`",
                "volume `S_db`",
            ]
        );
    }

    #[test]
    fn labels_and_variables_are_added_in_either_form() {
        let text = concat!(
            "services:\n  a:\n    image: x:1\n",
            "    environment: [KEEP=1, FILL]\n    deploy:\n      labels: [k=old, z=1]\n",
            "  b:\n",
        );
        let mut stack = Stack::from_text(text).unwrap();
        for service in ["a", "b"] {
            stack.set_deploy_label(service, "k", "new").unwrap();
            stack.set_env_default(service, "KEEP", "2").unwrap();
            stack.set_env_default(service, "FILL", "3").unwrap();
        }
        let again = Stack::from_text(&stack.render()).unwrap();
        assert_eq!(again.services, stack.services);
        let a = &again.services["a"];
        assert_eq!((a.labels["k"].as_str(), a.labels.len()), ("new", 2));
        assert_eq!(a.environment["KEEP"].as_deref(), Some("1"));
        assert_eq!(a.environment["FILL"].as_deref(), Some("3"));
        let b = &again.services["b"];
        assert_eq!(b.environment["KEEP"].as_deref(), Some("2"));
        assert_eq!(
            stack.set_deploy_label("c", "k", "v"),
            Err(Error::NoService("c".to_owned()))
        );
    }

    #[test]
    fn a_rendered_dollar_survives_the_second_interpolation() {
        let stack = Stack::from_text(RENDERED).unwrap();
        let text = stack.render();
        assert!(text.contains("\"PRICE\": \"$$5\""), "{text}");
        assert!(text.contains("\"version\": \"3.8\""), "{text}");
    }

    #[test]
    fn texts_that_docker_would_take_for_something_else_stay_texts() {
        let mut stack = Stack::from_text("services:\n  app:\n    image: x:1\n").unwrap();
        for (at, odd) in ["2001-01-01", "1_000", "yes", "~", "\u{7f}\u{feff}"]
            .iter()
            .enumerate()
        {
            stack
                .set_env_default("app", &format!("K{at}"), odd)
                .unwrap();
        }
        let text = stack.render();
        assert!(text.contains("\"K0\": \"2001-01-01\""), "{text}");
        assert!(text.contains("\"K1\": \"1_000\""), "{text}");
        assert!(text.contains("\"K4\": \"\\u007f\\ufeff\""), "{text}");
        assert_eq!(Stack::from_text(&text).unwrap().services, stack.services);
    }

    #[test]
    fn what_is_not_a_compose_file_is_refused() {
        for wrong in [
            "",
            "- a",
            "services: [a]",
            "services:\n  app: 5\n",
            "a: [",
            "\ta: 1",
        ] {
            assert!(
                matches!(Stack::from_text(wrong), Err(Error::Malformed(_))),
                "{wrong:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = Stack::from_text(&text);
        }

        #[test]
        fn text_that_looks_like_compose_can_be_changed_and_read_again(
            image in "[a-z:\"'{}\\[\\]&* 0-9$\n-]{0,20}",
            env in "[A-Z=\\[\\]{}, :$!~0-9]{0,20}",
            value in any::<String>(),
        ) {
            let text = format!(
                "services:\n  app:\n    image: {image}\n    environment: {env}\n"
            );
            if let Ok(mut stack) = Stack::from_text(&text)
                && stack.services.contains_key("app")
            {
                stack.set_deploy_label("app", "key", &value).unwrap();
                prop_assert_eq!(&stack.services["app"].labels["key"], &value);
                let again = Stack::from_text(&stack.render()).unwrap();
                let label = again.services["app"].labels["key"].replace("$$", "$");
                prop_assert_eq!(label, value);
            }
        }
    }
}
