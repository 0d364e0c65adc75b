//! What is on the swarm: every object, with the stack that it says it belongs to.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::client::{Call, Docker, Error, READ_LIMIT, columns};
use crate::{
    model::resource::{Resource, ResourceKind},
    sys::beside::{Beside, beside},
};

/// The label by which docker marks what belongs to a stack.
pub(crate) const STACK_LABEL: &str = "com.docker.stack.namespace";

/// One object of the swarm or of this node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    /// Its kind and whole name.
    pub(crate) resource: Resource,
    /// What docker removes it by; a volume has none but its name.
    pub(crate) id: String,
    /// The stack that its label names.
    pub(crate) stack: Option<String>,
}

/// One line of any of docker's lists.
#[derive(Deserialize)]
struct Line {
    /// The id, which volumes lack.
    #[serde(default, rename = "ID")]
    id: String,
    /// The name, which containers lack.
    #[serde(default, rename = "Name")]
    name: String,
    /// A container's names, comma separated.
    #[serde(default, rename = "Names")]
    names: String,
    /// Labels as `key=value`, comma separated.
    #[serde(default, rename = "Labels")]
    labels: String,
}

/// What service inspection gives of a service's labels.
#[derive(Deserialize)]
struct Inspected {
    /// The id.
    #[serde(rename = "ID")]
    id: String,
    /// What it should be.
    #[serde(rename = "Spec")]
    spec: InspectedSpec,
}

/// The part of a service's specification that an inventory needs.
#[derive(Deserialize)]
struct InspectedSpec {
    /// The whole name.
    #[serde(rename = "Name")]
    name: String,
    /// The labels.
    #[serde(default, rename = "Labels")]
    labels: BTreeMap<String, String>,
}

impl Docker {
    /// Lists every object of every kind, in a constant number of calls made side by side.
    pub(crate) fn list_objects(&self) -> Result<Vec<Object>, Error> {
        let lists: Vec<Result<Vec<Object>, Error>> = std::thread::scope(|scope| {
            let spawned = ResourceKind::ALL.map(|kind| beside(scope, move || self.list_kind(kind)));
            spawned.into_iter().map(Beside::join).collect()
        });
        let mut objects = Vec::new();
        for list in lists {
            objects.extend(list?);
        }
        objects.sort();
        Ok(objects)
    }

    /// Lists every object of one kind.
    pub(crate) fn list_kind(&self, kind: ResourceKind) -> Result<Vec<Object>, Error> {
        match kind {
            ResourceKind::Service => self.list_services(),
            ResourceKind::Container
            | ResourceKind::Network
            | ResourceKind::Secret
            | ResourceKind::Config
            | ResourceKind::Volume => {
                let lines: Vec<Line> = self.list(self.list_call(kind))?;
                Ok(lines
                    .into_iter()
                    .map(|line| line.into_object(kind))
                    .collect())
            }
        }
    }

    /// Builds the call that lists one kind.
    fn list_call(&self, kind: ResourceKind) -> Call {
        let (args, names): (&[&str], _) = match kind {
            ResourceKind::Service => (&["service", "ls"], "ID"),
            // Dead containers hold volumes too, so all of them are listed.
            ResourceKind::Container => (&["ps", "--all", "--no-trunc"], "ID Names Labels"),
            ResourceKind::Network => (&["network", "ls", "--no-trunc"], "ID Name Labels"),
            ResourceKind::Secret => (&["secret", "ls"], "ID Name Labels"),
            ResourceKind::Config => (&["config", "ls"], "ID Name Labels"),
            ResourceKind::Volume => (&["volume", "ls"], "Name Labels"),
        };
        let format = columns(names);
        let args = args.iter().copied().chain(["--format", &format]);
        self.call(format!("list {kind}s"), READ_LIMIT, args)
    }

    /// Lists the services by inspection, since their list shows no labels.
    fn list_services(&self) -> Result<Vec<Object>, Error> {
        let services: Vec<Inspected> = self.inspect_services(&self.service_ids()?)?;
        let object = |service: Inspected| Object {
            resource: Resource::new(ResourceKind::Service, service.spec.name),
            id: service.id,
            stack: service.spec.labels.get(STACK_LABEL).cloned(),
        };
        Ok(services.into_iter().map(object).collect())
    }

    /// Lists the ids of all services.
    pub(super) fn service_ids(&self) -> Result<Vec<String>, Error> {
        let lines: Vec<Line> = self.list(self.list_call(ResourceKind::Service))?;
        Ok(lines.into_iter().map(|line| line.id).collect())
    }

    /// Inspects services, leaving out those that vanished since they were listed.
    pub(super) fn inspect_services<T: serde::de::DeserializeOwned>(
        &self,
        ids: &[String],
    ) -> Result<Vec<T>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let args = ["service", "inspect"].into_iter();
        let args = args.chain(ids.iter().map(String::as_str));
        let output = self.attempt(self.call("inspect services", READ_LIMIT, args))?;
        // Docker prints those it found and exits 1 for those it did not.
        let missing = output
            .stderr_text()
            .to_ascii_lowercase()
            .contains("no such service");
        if !output.ok() && !missing {
            let said = output.tail(1);
            return Err(Error::Refused {
                doing: "inspect services".into(),
                said,
            });
        }
        let garbled = |error: serde_json::Error| Error::Garbled {
            doing: "inspect services".into(),
            said: error.to_string(),
        };
        serde_json::from_slice(&output.stdout).map_err(garbled)
    }
}

impl Line {
    /// Turns a line into an object of the kind that was listed.
    fn into_object(self, kind: ResourceKind) -> Object {
        let name = if kind == ResourceKind::Container {
            self.names
        } else {
            self.name
        };
        let id = if kind == ResourceKind::Volume {
            name.clone()
        } else {
            self.id
        };
        let stack = label(&self.labels, STACK_LABEL);
        Object {
            resource: Resource::new(kind, name),
            id,
            stack,
        }
    }
}

/// Finds a label in docker's comma separated list; stack names hold no comma.
fn label(list: &str, key: &str) -> Option<String> {
    list.split(',')
        .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_found_by_its_whole_key() {
        let list = "com.docker.stack.namespace.x=no,a=b=c,com.docker.stack.namespace=st";
        assert_eq!(label(list, STACK_LABEL).as_deref(), Some("st"));
        assert_eq!(label(list, "a").as_deref(), Some("b=c"));
        assert_eq!(label(list, "com"), None);
    }

    #[test]
    fn a_line_of_each_kind_becomes_an_object() {
        // As docker 28.2.2 prints them.
        let volume = r#"{"Driver":"local","Labels":"com.docker.stack.namespace=st","Name":"st_data","Scope":"local"}"#;
        let object = serde_json::from_str::<Line>(volume)
            .unwrap()
            .into_object(ResourceKind::Volume);
        assert_eq!(
            (object.id.as_str(), object.stack.as_deref()),
            ("st_data", Some("st"))
        );
        let container =
            r#"{"ID":"bab6","Labels":"com.docker.swarm.task=","Names":"st_app.1.897k"}"#;
        let object = serde_json::from_str::<Line>(container)
            .unwrap()
            .into_object(ResourceKind::Container);
        assert_eq!(
            (object.resource.name.as_str(), object.stack),
            ("st_app.1.897k", None)
        );
    }
}
