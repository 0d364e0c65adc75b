//! A proxy on the network `proxy` with an authority of its own, which ends TLS for one world as Traefik would.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    docker::{self, docker},
    world::World,
};

/// Where caddy keeps the certificate of its authority.
const ROOT: &str = "/data/caddy/pki/authorities/local/root.crt";
/// How long caddy may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy, which is removed when it is dropped.
pub(crate) struct Proxy {
    /// The name of its service and of its config.
    name: String,
    /// Where it listens.
    address: String,
    /// The certificate of its authority.
    ca_file: PathBuf,
}

impl Proxy {
    /// Starts a proxy that passes requests on to the apps of a world.
    ///
    /// A name such as `files-blog-0a1b2c` leads to the service `files` of the app `blog-0a1b2c`.
    pub(crate) fn to_apps(world: &World) -> Self {
        let base = world.base_domain().replace('.', "_");
        let sibling = "@sibling header_regexp sibling Host ^([a-z]+)-([a-z0-9]+-[0-9a-f]{6})[.]";
        let beside =
            format!("reverse_proxy @sibling tasks.{{re.sibling.2}}_{base}_{{re.sibling.1}}:80");
        let own = format!("reverse_proxy tasks.{{labels.2}}_{base}_app:80");
        Self::start(world, &format!("{sibling}\n\t{beside}\n\t{own}"))
    }

    /// Starts a proxy that knows no app, and says so as Traefik does.
    pub(crate) fn without_apps(world: &World) -> Self {
        let answer = "header Content-Type \"text/plain; charset=utf-8\"\n\theader X-Content-Type-Options nosniff\n\theader -Server\n\trespond \"404 page not found\n\" 404";
        Self::start(world, answer)
    }

    /// Returns the address to connect to, whatever the domain.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the path of the authority's certificate.
    pub(crate) fn ca_file(&self) -> &str {
        self.ca_file.to_str().unwrap()
    }

    /// Starts a proxy whose site does this.
    fn start(world: &World, site: &str) -> Self {
        let domain = world.base_domain();
        let config = format!(
            "{{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}}\n*.{domain} {{\n\ttls internal\n\t{site}\n}}\n"
        );
        let name = format!("swarm-test-proxy-{}", &domain[1..9]);
        let file = world.path("Caddyfile");
        fs::write(&file, config).unwrap();
        docker(&["config", "create", &name, file.to_str().unwrap()]);
        let port = free_port();
        let proxy = Self {
            name,
            address: format!("127.0.0.1:{port}"),
            ca_file: world.path("ca.pem"),
        };
        let config = format!("source={},target=/etc/caddy/Caddyfile", proxy.name);
        let publish = format!("mode=host,target=443,published={port}");
        docker(&[
            "service",
            "create",
            "--detach",
            "--quiet",
            "--name",
            &proxy.name,
            "--network=proxy",
            "--endpoint-mode=dnsrr",
            "--no-resolve-image",
            "--config",
            &config,
            "--publish",
            &publish,
            "caddy:2.6.2",
        ]);
        proxy.wait_for_authority();
        proxy
    }

    /// Waits until the authority is made, and copies its certificate.
    fn wait_for_authority(&self) {
        let filter = format!("label=com.docker.swarm.service.name={}", self.name);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let containers = docker(&["ps", "--quiet", "--filter", &filter]);
            let Some(container) = containers.lines().next() else {
                continue;
            };
            let shell = format!("cat {ROOT} 2>/dev/null || true");
            let certificate = docker(&["exec", container, "sh", "-c", &shell]);
            if certificate.contains("END CERTIFICATE") {
                fs::write(&self.ca_file, format!("{certificate}\n")).unwrap();
                return;
            }
        }
        let tasks = docker(&["service", "ps", "--no-trunc", &self.name]);
        panic!("the proxy did not start: {tasks}");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let filter = format!("label=com.docker.swarm.service.name={}", self.name);
        docker::remove(&[format!("service {}", self.name)]);
        let containers = docker(&["ps", "--all", "--quiet", "--filter", &filter]);
        let containers = containers.lines().map(|id| format!("container {id}"));
        docker::remove(&containers.collect::<Vec<_>>());
        docker::remove(&[format!("config {}", self.name)]);
    }
}

/// Returns a port that is free now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
