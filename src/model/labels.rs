//! What the labels of a service say to Traefik and to abra; never asks either.

use std::{collections::BTreeMap, time::Duration};

use crate::model::compose::{Service, Stack};

/// The service that Traefik sends requests to, and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The key of the service in the compose file.
    pub service: String,
    /// The port in its container.
    pub port: u16,
    /// Whether the container itself speaks TLS to Traefik.
    pub https: bool,
}

/// Returns every port of a stack that Traefik routes HTTP to, the service `app` first.
///
/// ```
/// use ccci::model::{compose::Stack, labels};
///
/// let stack = Stack::from_text(
///     "services:\n  app:\n    deploy:\n      labels:\n        - traefik.enable=true\n        \
///      - traefik.http.services.x.loadbalancer.server.port=80\n",
/// ).unwrap();
/// assert_eq!(labels::routes(&stack)[0].port, 80);
/// ```
pub fn routes(stack: &Stack) -> Vec<Route> {
    let mut routes: Vec<Route> = stack
        .services
        .iter()
        .flat_map(|(key, service)| routes_of(key, &service.labels))
        .collect();
    routes.sort_by_key(|route| route.service != "app");
    routes
}

/// Returns the ports of one service that Traefik routes HTTP to, by its labels.
pub fn routes_of(key: &str, labels: &BTreeMap<String, String>) -> Vec<Route> {
    if !enables(labels) {
        return Vec::new();
    }
    let of = |name: &str, leaf: &str| {
        let wanted = format!("traefik.http.services.{name}.loadbalancer.server.{leaf}");
        let mut labels = traefik(labels);
        labels.find_map(|(key, value)| (key == wanted).then_some(value))
    };
    traefik(labels)
        .filter_map(|(label, value)| {
            let name = label.strip_prefix("traefik.http.services.")?;
            let name = name.strip_suffix(".loadbalancer.server.port")?;
            let scheme = of(name, "scheme").unwrap_or_default();
            Some(Route {
                service: key.to_owned(),
                port: value.trim().parse().ok().filter(|port| *port != 0)?,
                https: scheme.eq_ignore_ascii_case("https"),
            })
        })
        .collect()
}

/// Returns the host names in the rules of a service's routers, in the order of the labels.
pub fn hosts(service: &Service) -> Vec<String> {
    let mut hosts = Vec::new();
    for (label, rule) in traefik(&service.labels) {
        if is_router_rule(&label) {
            for host in hosts_of_rule(rule) {
                if !hosts.contains(&host) {
                    hosts.push(host);
                }
            }
        }
    }
    hosts
}

/// Whether Traefik hands the TLS of a service through, so that the app ends it itself.
pub fn passes_tls_through(service: &Service) -> bool {
    traefik(&service.labels).any(|(label, value)| {
        label.starts_with("traefik.tcp.routers.")
            && label.ends_with(".tls.passthrough")
            && value.eq_ignore_ascii_case("true")
    })
}

/// Whether a service asks Traefik to route it.
pub fn is_enabled(service: &Service) -> bool {
    enables(&service.labels)
}

/// Whether labels ask Traefik for a route.
fn enables(labels: &BTreeMap<String, String>) -> bool {
    traefik(labels).any(|(label, value)| label == "traefik.enable" && value != "false")
}

/// Goes through the Traefik labels, whose keys know no upper case.
fn traefik(labels: &BTreeMap<String, String>) -> impl Iterator<Item = (String, &str)> {
    labels
        .iter()
        .map(|(key, value)| (key.to_ascii_lowercase(), value.as_str()))
        .filter(|(key, _)| key.starts_with("traefik."))
}

/// Whether a label is the rule of a router of either protocol.
fn is_router_rule(label: &str) -> bool {
    let http = label.strip_prefix("traefik.http.routers.");
    let router = http.or_else(|| label.strip_prefix("traefik.tcp.routers."));
    router.is_some_and(|router| router.rsplit('.').next() == Some("rule"))
}

/// Reads the arguments of each `Host(...)` and `HostSNI(...)` in a rule.
fn hosts_of_rule(rule: &str) -> Vec<String> {
    let mut hosts = Vec::new();
    let mut rest = rule;
    while let Some(open) = rest.find('(') {
        let (before, arguments) = (&rest[..open], &rest[open + 1..]);
        rest = arguments;
        let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
        if !matches!(name, Some("Host" | "HostSNI")) {
            continue;
        }
        let close = arguments.find(')').unwrap_or(arguments.len());
        rest = &arguments[close..];
        let quoted = arguments[..close].split(',').map(str::trim);
        let named = quoted.map(|host| host.trim_matches(['`', '"', '\'']));
        hosts.extend(
            named
                .filter(|host| !host.is_empty() && *host != "*")
                .map(str::to_ascii_lowercase),
        );
    }
    hosts
}

/// What abra wrote on a stack under `coop-cloud.<stack>.`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppLabels {
    /// The version of the compose file, kept in chaos mode.
    pub version: Option<String>,
    /// Whether the app was deployed from a checkout as it was.
    pub chaos: bool,
    /// The commit it was deployed from: 8 hex digits, and `+U` when the tree was dirty.
    pub chaos_version: Option<String>,
    /// The recipe's name.
    pub recipe: Option<String>,
    /// How long the recipe lets a deploy take.
    pub timeout: Option<Duration>,
}

/// Reads what abra wrote, from the labels of one service or of several joined.
pub fn app_labels<'a>(
    labels: impl IntoIterator<Item = (&'a String, &'a String)>,
    stack_name: &str,
) -> AppLabels {
    let prefix = format!("coop-cloud.{stack_name}.");
    let mut read = AppLabels::default();
    for (key, value) in labels {
        let text = || Some(value.clone()).filter(|value| !value.is_empty());
        match key.strip_prefix(&prefix) {
            Some("version") => read.version = text(),
            Some("chaos") => read.chaos = value == "true",
            Some("chaos-version") => read.chaos_version = text(),
            Some("recipe") => read.recipe = text(),
            Some("timeout") => read.timeout = value.trim().parse().ok().map(Duration::from_secs),
            _ => {}
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a stack of one service `web` with these labels.
    fn stack(labels: &[(&str, &str)]) -> Stack {
        let mut stack = Stack::from_text("services:\n  web:\n    image: x:1\n").unwrap();
        for (key, value) in labels {
            stack.set_deploy_label("web", key, value).unwrap();
        }
        stack
    }

    #[test]
    fn a_route_is_a_service_and_its_port() {
        let rendered = include_str!("../../tests/fixtures/compose/rendered.yml");
        let routes = routes(&Stack::from_text(rendered).unwrap());
        assert_eq!(
            routes,
            [Route {
                service: "app".to_owned(),
                port: 80,
                https: false
            }]
        );
    }

    #[test]
    fn a_service_that_is_not_enabled_or_has_no_port_gives_no_route() {
        let port = "traefik.http.services.x.loadBalancer.server.port";
        assert_eq!(routes(&stack(&[(port, "80")])), []);
        assert_eq!(
            routes(&stack(&[("traefik.enable", "false"), (port, "80")])),
            []
        );
        for wrong in ["", "0", "http", "65536"] {
            assert_eq!(
                routes(&stack(&[("traefik.enable", "true"), (port, wrong)])),
                []
            );
        }
        let scheme = "traefik.http.services.x.loadbalancer.server.scheme";
        let labels = [
            ("traefik.enable", "true"),
            (port, "8443"),
            (scheme, "https"),
        ];
        assert!(routes(&stack(&labels))[0].https);
    }

    #[test]
    fn hosts_are_read_out_of_every_form_of_rule() {
        let stack = stack(&[
            (
                "traefik.http.routers.a.rule",
                "Host(`a.example.org`, `www.A.example.org`) || Host(\"b.example.org\")",
            ),
            (
                "traefik.http.routers.b.rule",
                "(Host(`c.example.org`) && PathPrefix(`/Host(x)`)) || HostRegexp(`.*`)",
            ),
            (
                "traefik.tcp.routers.c.rule",
                "HostSNI(`*`) || HostSNI(`d.example.org`)",
            ),
            ("traefik.http.middlewares.d.rule", "Host(`e.example.org`)"),
        ]);
        assert_eq!(
            hosts(&stack.services["web"])[..4],
            [
                "a.example.org",
                "www.a.example.org",
                "b.example.org",
                "c.example.org"
            ]
        );
        assert!(!hosts(&stack.services["web"]).contains(&"e.example.org".to_owned()));
        assert!(hosts(&stack.services["web"]).contains(&"d.example.org".to_owned()));
    }

    #[test]
    fn pass_through_is_a_label_of_a_tcp_router() {
        let label = "traefik.tcp.routers.pds.tls.passthrough";
        assert!(passes_tls_through(
            &stack(&[(label, "true")]).services["web"]
        ));
        assert!(!passes_tls_through(
            &stack(&[(label, "false")]).services["web"]
        ));
    }

    #[test]
    fn the_labels_of_another_stack_are_not_ours() {
        let stack = stack(&[
            ("coop-cloud.x.version", "1.0.0+2"),
            ("coop-cloud.x.chaos", "true"),
            ("coop-cloud.x.chaos-version", "0123abcd+U"),
            ("coop-cloud.x.timeout", "300"),
            ("coop-cloud.x_y.recipe", "other"),
        ]);
        let read = app_labels(&stack.services["web"].labels, "x");
        assert_eq!(
            read,
            AppLabels {
                version: Some("1.0.0+2".to_owned()),
                chaos: true,
                chaos_version: Some("0123abcd+U".to_owned()),
                recipe: None,
                timeout: Some(Duration::from_secs(300)),
            }
        );
    }
}
