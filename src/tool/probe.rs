//! HTTP requests to the app under test, by ureq.
//!
//! A status is a value and never an error, and no request leaves the target: a redirect is shown, never followed.

use std::{
    io::Read,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::model::check::HttpCheck;

pub(crate) mod doorway;
mod exchange;
mod judge;
mod transport;

pub(crate) use exchange::{is_proxy_error_page, render_exchange};
pub(crate) use judge::judge;
use transport::Connection;
pub(crate) use transport::Roots;

/// How much of a body is kept.
pub(crate) const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Whether the connection is encrypted.
    pub(crate) scheme: Scheme,
    /// The host of the `Host` header and of the certificate.
    pub(crate) host: String,
    /// The port, unless it is the scheme's own.
    pub(crate) port: Option<u16>,
    /// The address to connect to in place of what the host resolves to.
    pub(crate) connect_to: Option<SocketAddr>,
    /// What `X-Forwarded-Proto` says, where no proxy says it.
    pub(crate) forwarded_proto: Option<Scheme>,
    /// Who may have signed the certificate.
    pub(crate) roots: Roots,
    /// The time limit of one request, its body included.
    pub(crate) limit: Duration,
}

/// Whether a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// It is not.
    Http,
    /// By TLS.
    Https,
}

impl Scheme {
    /// Returns the scheme as a URL has it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Target {
    /// Returns the URL of a path, which begins with `/`.
    pub(crate) fn url(&self, path: &str) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}{path}", self.scheme.as_str(), self.host)
    }
}

/// One request, its body apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET` or another method.
    pub(crate) method: String,
    /// The path with its query, beginning with `/`.
    pub(crate) path: String,
    /// Further headers.
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    /// Builds the request of a check.
    pub(crate) fn of_check(check: &HttpCheck) -> Self {
        Self {
            method: check.method.word().to_owned(),
            path: check.path.as_str().to_owned(),
            headers: check.headers.clone(),
        }
    }

    /// Builds a plain `GET`.
    pub(crate) fn get(path: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
        }
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// The URL asked.
    pub(crate) url: String,
    /// The status.
    pub(crate) status: u16,
    /// The headers in their order, names in lower case, values that are not text made readable.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, cut at [`BODY_LIMIT`].
    pub(crate) body: Vec<u8>,
    /// Whether there is more of the body.
    pub(crate) cut: bool,
    /// How long it took, the body included.
    pub(crate) took: Duration,
    /// The address connected to; the first one, when the host has several.
    pub(crate) address: Option<SocketAddr>,
}

impl Response {
    /// Returns the first header of a name, given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Returns where a redirect leads, as it was sent.
    pub(crate) fn location(&self) -> Option<&str> {
        let redirect = matches!(self.status, 301 | 302 | 303 | 307 | 308);
        self.header("location").filter(|_| redirect)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nothing listens there, or no way leads there.
    #[error("failed to connect to `{host}`: {cause}")]
    Refused {
        /// The host asked.
        host: String,
        /// What the system said.
        cause: String,
    },
    /// No whole answer in time.
    #[error("no whole answer from `{host}` within {limit:?}")]
    TimedOut {
        /// The host asked.
        host: String,
        /// The limit.
        limit: Duration,
    },
    /// The name has no address.
    #[error("`{0}` has no address")]
    Dns(String),
    /// The certificate is not one that is trusted for the host.
    #[error("the certificate of `{host}` is not valid: {cause}")]
    Certificate {
        /// The host asked.
        host: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The connection ended before the answer did.
    #[error("`{0}` closed the connection before its answer was whole")]
    Reset(String),
    /// What was sent or answered is not HTTP.
    #[error("failed to speak HTTP with `{host}`: {cause}")]
    Protocol {
        /// The host asked.
        host: String,
        /// What is wrong.
        cause: String,
    },
}

/// Asks one target.
#[derive(Debug)]
pub(crate) struct Probe {
    /// Where requests go.
    target: Target,
    /// ureq set up for the target.
    connection: Connection,
}

impl Probe {
    /// Sets up requests to a target; nothing is sent yet.
    pub(crate) fn new(target: Target) -> Self {
        let connection = Connection::new(&target);
        Self { target, connection }
    }

    /// Returns where requests go.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Sends one request and reads its answer, whatever its status; redirects are not followed.
    pub(crate) fn request(&self, request: &Request) -> Result<Response, Error> {
        self.send(request, None)
    }

    /// Sends one request with a body, or without one, and reads its answer as [`Self::request`] does.
    pub(crate) fn send(&self, request: &Request, body: Option<&[u8]>) -> Result<Response, Error> {
        let started = Instant::now();
        let prepared = self.prepare(request)?;
        let url = prepared.uri().to_string();
        let answer = self.connection.run(&prepared, body);
        let answer = answer.map_err(|error| self.classify(error))?;
        let (parts, body) = answer.into_parts();
        let headers = parts.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let headers = headers.collect();
        let mut kept = Vec::new();
        let most = u64::try_from(BODY_LIMIT).unwrap_or(u64::MAX);
        let read = body
            .into_reader()
            .take(most.saturating_add(1))
            .read_to_end(&mut kept);
        read.map_err(|error| self.classify(error.into()))?;
        let cut = kept.len() > BODY_LIMIT;
        kept.truncate(BODY_LIMIT);
        Ok(Response {
            url,
            status: parts.status.as_u16(),
            headers,
            body: kept,
            cut,
            took: started.elapsed(),
            address: self.connection.address(),
        })
    }

    /// Connects, with the TLS handshake when the target asks for it, and sends nothing.
    pub(crate) fn connect(&self) -> Result<Duration, Error> {
        let started = Instant::now();
        let done = transport::handshake(&self.target);
        done.map_err(|error| self.classify(error))?;
        Ok(started.elapsed())
    }

    /// Builds ureq's request.
    fn prepare(&self, request: &Request) -> Result<ureq::http::Request<()>, Error> {
        let url = self.target.url(&request.path);
        let mut builder = ureq::http::Request::builder().method(request.method.as_str());
        if let Some(scheme) = self.target.forwarded_proto {
            builder = builder.header("X-Forwarded-Proto", scheme.as_str());
        }
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        // A path such as `@other.example/` would make the target's name a user name.
        if !request.path.starts_with('/') {
            return Err(self.protocol(&format!("`{}` is no path", request.path)));
        }
        let prepared = builder.uri(&url).body(());
        let prepared = prepared.map_err(|error| self.protocol(&error))?;
        Ok(prepared)
    }

    /// Tells what an error of ureq means.
    fn classify(&self, error: ureq::Error) -> Error {
        let host = self.target.host.clone();
        let cause = error.to_string();
        match error {
            ureq::Error::Timeout(_) => Error::TimedOut {
                host,
                limit: self.target.limit,
            },
            ureq::Error::HostNotFound => Error::Dns(host),
            ureq::Error::Io(error) => self.classify_io(&error),
            ureq::Error::Rustls(error) => Error::Certificate {
                host,
                cause: error.to_string(),
            },
            _ => Error::Protocol { host, cause },
        }
    }

    /// Tells what an error of the connection means.
    fn classify_io(&self, error: &std::io::Error) -> Error {
        use std::io::ErrorKind as Kind;
        let host = self.target.host.clone();
        let cause = error.to_string();
        match error.kind() {
            Kind::ConnectionRefused
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::AddrNotAvailable => Error::Refused { host, cause },
            Kind::TimedOut | Kind::WouldBlock => Error::TimedOut {
                host,
                limit: self.target.limit,
            },
            Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::NotConnected
            | Kind::UnexpectedEof => Error::Reset(host),
            // rustls hands its errors through as invalid data, told apart by their first words alone.
            Kind::InvalidData => match cause.strip_prefix(transport::UNTRUSTED) {
                Some(wrong) => Error::Certificate {
                    host,
                    cause: wrong.to_owned(),
                },
                None => Error::Protocol { host, cause },
            },
            _ => Error::Protocol { host, cause },
        }
    }

    /// Builds the error of a request that cannot be sent.
    fn protocol(&self, cause: &dyn std::fmt::Display) -> Error {
        Error::Protocol {
            host: self.target.host.clone(),
            cause: cause.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
