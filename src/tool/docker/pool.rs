//! The network that apps share, looked at closely: of what kind it is, and which of its addresses are taken.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use serde::Deserialize;

use super::client::{Docker, Error, READ_LIMIT};

/// A network with its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    /// What makes it, as `overlay`.
    pub(crate) driver: String,
    /// Whether containers outside the swarm's services may join it.
    pub(crate) is_attachable: bool,
    /// The ranges that its addresses are from, as `10.0.1.0/24`.
    pub(crate) subnets: Vec<String>,
    /// The addresses that are known to be taken, the gateways among them.
    pub(crate) taken: BTreeSet<IpAddr>,
}

/// A network as its inspection shows it, what other nodes told of it included.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    /// What makes it.
    driver: String,
    /// Whether others may join it.
    attachable: bool,
    /// Its ranges.
    #[serde(rename = "IPAM")]
    ipam: Ipam,
    /// Who is on it at this node; nothing where this node has no part in it.
    #[serde(default)]
    containers: Option<BTreeMap<String, Joined>>,
    /// Who is on it at all nodes that were heard of.
    #[serde(default)]
    services: Option<BTreeMap<String, Balanced>>,
}

/// The ranges of a network.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ipam {
    /// Each of them.
    #[serde(default)]
    config: Option<Vec<Range>>,
}

/// One range.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Range {
    /// The range.
    #[serde(default)]
    subnet: String,
    /// The address of the network itself.
    #[serde(default)]
    gateway: String,
}

/// A container, or what balances the traffic of the node.
#[derive(Deserialize)]
struct Joined {
    /// Its address, with the length of the range.
    #[serde(default, rename = "IPv4Address")]
    address: String,
}

/// A service on the network.
#[derive(Deserialize)]
struct Balanced {
    /// Its own address, or nothing.
    #[serde(default, rename = "VIP")]
    address: String,
    /// Its tasks.
    #[serde(default, rename = "Tasks")]
    tasks: Option<Vec<Balance>>,
}

/// A task on the network.
#[derive(Deserialize)]
struct Balance {
    /// Its address.
    #[serde(default, rename = "EndpointIP")]
    address: String,
}

impl Docker {
    /// Looks closely at a network; returns nothing when there is none of this name.
    pub(crate) fn shared_network(&self, name: &str) -> Result<Option<Shared>, Error> {
        let args = ["network", "inspect", "--verbose", name];
        let call = self.call(format!("inspect network {name}"), READ_LIMIT, args);
        match self.json::<Vec<Inspected>>(call) {
            Ok(found) => Ok(found.into_iter().next().map(Inspected::into_shared)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Shared {
    /// Adds addresses that are taken, each with or without the length of its range.
    pub(crate) fn take<'a>(&mut self, addresses: impl IntoIterator<Item = &'a str>) {
        self.taken.extend(addresses.into_iter().filter_map(address));
    }

    /// Returns how many addresses there are; nothing where that is beyond counting or not said.
    pub(crate) fn size(&self) -> Option<u64> {
        let sizes = self.subnets.iter().map(|subnet| size(subnet));
        sizes.sum::<Option<u64>>().filter(|size| *size > 0)
    }
}

impl Inspected {
    /// Puts together what was said.
    fn into_shared(self) -> Shared {
        let ranges = self.ipam.config.unwrap_or_default();
        let (services, containers) = (
            self.services.unwrap_or_default(),
            self.containers.unwrap_or_default(),
        );
        let tasks = services.values().flat_map(|service| &service.tasks);
        let tasks = tasks.flatten().map(|task| &task.address);
        let own = services.values().map(|service| &service.address);
        let containers = containers.values().map(|one| &one.address);
        let gateways = ranges.iter().map(|range| &range.gateway);
        let all = tasks.chain(own).chain(containers).chain(gateways);
        let taken = all.filter_map(|text| address(text)).collect();
        Shared {
            driver: self.driver,
            is_attachable: self.attachable,
            taken,
            subnets: ranges.into_iter().map(|range| range.subnet).collect(),
        }
    }
}

/// Reads an address, with or without the length of its range.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// Returns how many addresses a range has for others than the network itself.
fn size(subnet: &str) -> Option<u64> {
    let (first, length) = subnet.split_once('/')?;
    let bits = match first.parse().ok()? {
        IpAddr::V4(_) => 32u32,
        IpAddr::V6(_) => 128,
    };
    let host = bits.checked_sub(length.parse().ok()?)?;
    // Its first address and its last are nobody's.
    2u64.checked_pow(host)?.checked_sub(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_counted_once() {
        // The parts that matter of what docker 28.2.2 prints.
        let text = r#"[{"Name":"proxy","Scope":"swarm","Driver":"overlay","Attachable":true,
            "IPAM":{"Config":[{"Subnet":"10.0.1.0/24","Gateway":"10.0.1.1"}]},
            "Containers":{
              "069f":{"Name":"a_web.1.x","IPv4Address":"10.0.1.52/24","IPv6Address":""},
              "lb-proxy":{"Name":"proxy-endpoint","IPv4Address":"10.0.1.50/24"}},
            "Services":{"a_web":{"VIP":"10.0.1.51","Ports":[],
              "Tasks":[{"Name":"a_web.1.x","EndpointIP":"10.0.1.52"},
                       {"Name":"a_web.2.y","EndpointIP":"10.0.1.60"}]},
              "b_web":{"VIP":"\u003cnil\u003e","Tasks":[]}}}]"#;
        let found: Vec<Inspected> = serde_json::from_str(text).unwrap();
        let mut shared = found.into_iter().next().unwrap().into_shared();
        assert_eq!((shared.taken.len(), shared.size()), (5, Some(254)));
        shared.take(["10.0.1.51/24", "10.0.1.70/24"]);
        assert_eq!(shared.taken.len(), 6);
        assert!(shared.is_attachable);
    }

    #[test]
    fn a_network_that_nobody_is_on_has_its_gateway_alone() {
        // As docker 28.2.2 prints it where the node has no part in the network.
        let text = r#"{"Name":"proxy","Driver":"overlay","Attachable":false,"Containers":null,
            "IPAM":{"Config":[{"Subnet":"10.0.1.0/24","Gateway":"10.0.1.1"}]}}"#;
        let found: Inspected = serde_json::from_str(text).unwrap();
        assert_eq!(found.into_shared().taken.len(), 1);
    }

    #[test]
    fn ranges_have_sizes() {
        assert_eq!(size("10.0.0.0/8"), Some(16_777_214));
        assert_eq!(size("10.77.0.0/28"), Some(14));
        assert_eq!(size("10.0.0.0/31"), Some(0));
        for odd in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/32", "fd00::/64"] {
            assert_eq!(size(odd), None, "{odd}");
        }
    }
}
