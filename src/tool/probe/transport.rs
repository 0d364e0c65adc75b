//! How ureq connects: to which address, trusting whom.
//!
//! It decides nothing about what is answered.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ureq::{
    Agent, Body,
    http::{Request, Response, Uri},
    tls::{Certificate, PemItem, RootCerts, TlsConfig},
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport},
    },
};

use super::Target;

/// How rustls begins, in an error that is none of its own to programs, when it refuses a certificate.
pub(super) const UNTRUSTED: &str = "invalid peer certificate: ";

/// Who may have signed a certificate.
#[derive(Clone, Debug)]
pub(crate) enum Roots {
    /// Whoever the system trusts.
    System,
    /// These authorities, and whoever the system trusts.
    Also(Vec<Certificate<'static>>),
}

/// Why a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootsError {
    /// It cannot be read.
    #[error("failed to read the certificates in `{path}`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It holds no certificate.
    #[error("`{0}` holds no certificate in PEM form")]
    Empty(PathBuf),
}

impl Roots {
    /// Reads the authorities of a PEM file.
    pub(crate) fn read(path: &Path) -> Result<Self, RootsError> {
        let unreadable = |source| RootsError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let pem = std::fs::read(path).map_err(unreadable)?;
        let certificates: Vec<_> = ureq::tls::parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() {
            return Err(RootsError::Empty(path.to_owned()));
        }
        Ok(Self::Also(certificates))
    }
}

/// ureq set up for one target.
#[derive(Debug)]
pub(super) struct Connection {
    /// What sends requests, one for each who may vouch for the target; it keeps what it knows about TLS, and no connection.
    agents: Vec<Agent>,
    /// The address last resolved.
    seen: Arc<Mutex<Option<SocketAddr>>>,
}

impl Connection {
    /// Sets up ureq for a target.
    pub(super) fn new(target: &Target) -> Self {
        let names = Names::new(target);
        let seen = Arc::clone(&names.seen);
        let agents = trusted(&target.roots).into_iter().map(|roots| {
            let config = config(target, roots);
            Agent::with_parts(config, DefaultConnector::default(), names.clone())
        });
        let agents = agents.collect();
        Self { agents, seen }
    }

    /// Sends a request to a target that somebody vouches for.
    pub(super) fn run(
        &self,
        request: &Request<()>,
        body: Option<&[u8]>,
    ) -> Result<Response<Body>, ureq::Error> {
        first_trusted(&self.agents, |agent| match body {
            Some(body) => agent.run(request.clone().map(|()| body)),
            None => agent.run(request.clone()),
        })
    }

    /// Returns the address last connected to.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns who may vouch for a target, each to be asked by itself: ureq asks either the system or a list.
fn trusted(roots: &Roots) -> Vec<RootCerts> {
    match roots {
        Roots::System => vec![RootCerts::PlatformVerifier],
        Roots::Also(certificates) => vec![
            RootCerts::new_with_certs(certificates),
            RootCerts::PlatformVerifier,
        ],
    }
}

/// Makes a connection with each who may vouch for the target until somebody does; before that nothing is sent.
fn first_trusted<A, T>(
    all: &[A],
    connect: impl Fn(&A) -> Result<T, ureq::Error>,
) -> Result<T, ureq::Error> {
    let mut refusal = None;
    for one in all {
        match connect(one) {
            Err(error) if is_untrusted(&error) => {
                refusal.get_or_insert(error);
            }
            ended => return ended,
        }
    }
    Err(refusal.unwrap_or(ureq::Error::ConnectionFailed))
}

/// Tells whether an error says that nobody vouches for a certificate.
fn is_untrusted(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Rustls(_) => true,
        ureq::Error::Io(error) => error.to_string().starts_with(UNTRUSTED),
        _ => false,
    }
}

/// Returns ureq's configuration for a target.
fn config(target: &Target, roots: RootCerts) -> ureq::config::Config {
    Agent::config_builder()
        .timeout_global(Some(target.limit))
        .http_status_as_error(false)
        .max_redirects(0)
        .allow_non_standard_methods(true)
        // A proxy of the environment would be asked for what lives on this host.
        .proxy(None)
        // An idle connection would outlive the task it leads to and hide that it was replaced.
        .max_idle_connections(0)
        .user_agent(concat!("ccci/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build()
}

/// Finds the address of a host, or gives the one that was set.
#[derive(Clone, Debug)]
struct Names {
    /// The address that was set.
    connect_to: Option<SocketAddr>,
    /// The address last given.
    seen: Arc<Mutex<Option<SocketAddr>>>,
}

impl Names {
    /// Prepares the resolver of a target.
    fn new(target: &Target) -> Self {
        Self {
            connect_to: target.connect_to,
            seen: Arc::default(),
        }
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = if let Some(address) = self.connect_to {
            let mut addresses = self.empty();
            addresses.push(address);
            addresses
        } else {
            let found = DefaultResolver::default().resolve(uri, config, timeout);
            found.map_err(|error| match error {
                // The system's resolver has no error kind of its own for an unknown name.
                ureq::Error::Io(_) => ureq::Error::HostNotFound,
                other => other,
            })?
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = addresses.first().copied();
        Ok(addresses)
    }
}

/// Connects as ureq does, then stops before anything is sent.
#[derive(Debug)]
struct ConnectOnly {
    /// What connects.
    inner: DefaultConnector,
    /// Whether it did.
    connected: Arc<AtomicBool>,
}

impl Connector for ConnectOnly {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let transport = self.inner.connect(details, chained)?;
        self.connected.store(transport.is_some(), Ordering::SeqCst);
        Err(ureq::Error::ConnectionFailed)
    }
}

/// Connects to a target, TLS included when it asks for it, and sends nothing.
pub(super) fn handshake(target: &Target) -> Result<(), ureq::Error> {
    first_trusted(&trusted(&target.roots), |roots| {
        let connected = Arc::new(AtomicBool::new(false));
        let connector = ConnectOnly {
            inner: DefaultConnector::default(),
            connected: Arc::clone(&connected),
        };
        let config = config(target, roots.clone());
        let agent = Agent::with_parts(config, connector, Names::new(target));
        match agent.get(target.url("/")).call() {
            Err(_) if connected.load(Ordering::SeqCst) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    })
}
