//! Networks that apps share: whether one is there, and whether something on it answers on a port.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::client::{Docker, Error, READ_LIMIT};

/// A network in docker's list.
#[derive(Deserialize)]
struct Network {
    /// The id.
    #[serde(rename = "ID")]
    id: String,
    /// The name.
    #[serde(rename = "Name")]
    name: String,
}

/// What begins the key of an endpoint that is no container.
const BALANCER: &str = "lb-";

/// A network as inspection shows it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Joined {
    /// Who is on it, by the container's id.
    #[serde(default)]
    containers: BTreeMap<String, Endpoint>,
}

/// One who is on a network.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    /// The container's name.
    name: String,
}

/// A service, as far as its ports and networks go.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Publisher {
    /// What it should be.
    spec: PublisherSpec,
    /// What it has.
    #[serde(default)]
    endpoint: ServiceEndpoint,
}

/// What a service has for its ports and addresses.
#[derive(Default, Deserialize)]
struct ServiceEndpoint {
    /// Its own addresses.
    #[serde(default, rename = "VirtualIPs")]
    addresses: Option<Vec<OwnAddress>>,
}

/// An address that a service has whatever its tasks do.
#[derive(Deserialize)]
struct OwnAddress {
    /// The network's id.
    #[serde(rename = "NetworkID")]
    network: String,
    /// The address with the length of its network, as `10.0.1.4/24`.
    #[serde(default, rename = "Addr")]
    address: String,
}

/// What all services say of the networks that they are on.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// The ids of the networks on which some service publishes the port that was asked for.
    pub(crate) publishing: Vec<String>,
    /// The addresses that services have whatever their tasks do, each with its network's id.
    pub(crate) addresses: Vec<(String, String)>,
}

/// What a service should be.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublisherSpec {
    /// How its tasks are made.
    task_template: TaskTemplate,
    /// How it is reached from outside.
    #[serde(default)]
    endpoint_spec: EndpointSpec,
}

/// How tasks are made.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskTemplate {
    /// The networks that they join.
    #[serde(default)]
    networks: Option<Vec<Attachment>>,
}

/// One network that a service joins.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment {
    /// The network's id.
    target: String,
}

/// How a service is reached from outside.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EndpointSpec {
    /// The ports that it publishes.
    #[serde(default)]
    ports: Option<Vec<Published>>,
}

/// One port.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Published {
    /// The port on the node; 0 until swarm has chosen one.
    #[serde(default)]
    published_port: u32,
}

impl Docker {
    /// Returns the id of the swarm's network of a name, or nothing when there is none.
    pub(crate) fn swarm_network(&self, name: &str) -> Result<Option<String>, Error> {
        // Docker's filter takes parts of names too, and engines differ in whether it reads patterns.
        let filter = format!("name={name}");
        let args = ["network", "ls", "--no-trunc", "--format", "json"];
        let filters = ["--filter", "scope=swarm", "--filter", &filter];
        let args = args.iter().chain(&filters);
        let call = self.call(format!("look for network {name}"), READ_LIMIT, args);
        let networks: Vec<Network> = self.json_lines(call)?;
        let found = networks.into_iter().find(|network| network.name == name);
        Ok(found.map(|network| network.id))
    }

    /// Returns the names of the containers of this node that are on a network.
    pub(crate) fn network_users(&self, network: &str) -> Result<Vec<String>, Error> {
        let args = ["network", "inspect", network];
        let call = self.call(format!("inspect network {network}"), READ_LIMIT, args);
        let networks: Vec<Joined> = self.json(call)?;
        let endpoints = networks.into_iter().flat_map(|network| network.containers);
        // The engine's own balancer has an endpoint too.
        let containers = endpoints.filter(|(id, _)| !id.starts_with(BALANCER));
        Ok(containers.map(|(_, endpoint)| endpoint.name).collect())
    }

    /// Returns the ids of the networks on which some service publishes a port of the nodes.
    pub(crate) fn networks_publishing(&self, port: u32) -> Result<Vec<String>, Error> {
        Ok(self.traffic(port)?.publishing)
    }

    /// Returns what all services say of their networks, and on which of these some service publishes a port of the nodes.
    pub(crate) fn traffic(&self, port: u32) -> Result<Traffic, Error> {
        let services: Vec<Publisher> = self.inspect_services(&self.service_ids()?)?;
        Ok(traffic(services, port))
    }
}

/// Puts together what services say.
fn traffic(services: Vec<Publisher>, port: u32) -> Traffic {
    let own = services
        .iter()
        .filter_map(|service| service.endpoint.addresses.as_ref());
    let addresses = own
        .flatten()
        .map(|own| (own.network.clone(), own.address.clone()));
    Traffic {
        addresses: addresses.collect(),
        publishing: networks_of(services, port),
    }
}

/// Returns the networks of the services that publish a port.
fn networks_of(services: Vec<Publisher>, port: u32) -> Vec<String> {
    let publishes = |service: &Publisher| {
        let mut ports = service.spec.endpoint_spec.ports.iter().flatten();
        ports.any(|published| published.published_port == port)
    };
    let publishing = services.into_iter().filter(publishes);
    let networks = publishing.filter_map(|service| service.spec.task_template.networks);
    networks.flatten().map(|network| network.target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_port_names_the_networks_behind_it() {
        // The parts of `docker service inspect` that matter, as docker 28.2.2 prints them.
        let text = r#"[
            {"Spec":{"TaskTemplate":{"Networks":[{"Target":"aaa"}]},"EndpointSpec":{"Mode":"vip",
              "Ports":[{"Protocol":"tcp","TargetPort":443,"PublishedPort":443,"PublishMode":"host"}]}},
              "Endpoint":{"VirtualIPs":[{"NetworkID":"aaa","Addr":"10.0.1.4/24"}]}},
            {"Spec":{"TaskTemplate":{"Networks":[{"Target":"bbb"}]},"EndpointSpec":{"Mode":"vip"}}},
            {"Spec":{"TaskTemplate":{},"EndpointSpec":{"Ports":[{"TargetPort":443}]}}}
        ]"#;
        let read = || serde_json::from_str::<Vec<Publisher>>(text).unwrap();
        assert_eq!(networks_of(read(), 443), ["aaa"]);
        assert_eq!(networks_of(read(), 80), [""; 0]);
        let own = ("aaa".to_owned(), "10.0.1.4/24".to_owned());
        assert_eq!(traffic(read(), 443).addresses, [own]);
    }
}
