//! What `[[check]]` and `[[ready]]` of a `recipe.toml` declare.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de};

use super::{recipe::Invalid, stage::Stage};

/// The longest path of a request accepted, in bytes.
const PATH_LIMIT: usize = 2048;

/// A check as data, made after the operation of each of its stages.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its name, unique in the recipe.
    pub name: String,
    /// The stages it belongs to, in order.
    pub stages: Vec<Stage>,
    /// What is asked, and what has to come back.
    pub probe: Probe,
}

/// A condition that is waited for before the stages begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// Its name, unique among the conditions.
    pub name: String,
    /// What is asked, and what has to come back.
    pub probe: ReadyProbe,
    /// How long it is waited for; the deploy's time limit when nothing is declared.
    pub timeout: Option<Duration>,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// An HTTP request to the app.
    Http(HttpCheck),
    /// A connection to one of the app's services.
    Tcp(TcpCheck),
}

/// What a condition asks.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadyProbe {
    /// The same as a check.
    Probe(Probe),
    /// A command in a service, which has to exit with 0.
    Command {
        /// The service's short name.
        service: String,
        /// The program and its arguments, never given to a shell.
        argv: Vec<String>,
    },
}

/// One HTTP request and what its answer has to be.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpCheck {
    /// The path that is asked for.
    pub path: UrlPath,
    /// The method.
    pub method: Method,
    /// Headers sent in addition.
    pub headers: Vec<(String, String)>,
    /// The statuses accepted.
    pub status: Statuses,
    /// A text that the page's title has to hold.
    pub title: Option<String>,
    /// Texts that the body has to hold.
    pub contains: Vec<String>,
    /// Texts that the body must not hold.
    pub not_contains: Vec<String>,
    /// JSON pointers into the body, and the value that each has to have.
    pub json: Vec<(String, serde_json::Value)>,
    /// What the `location` header has to be.
    pub redirect: Option<String>,
    /// How long the answer may take; the request's time limit when nothing is declared.
    pub max_time: Option<Duration>,
}

/// One connection and what it has to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpCheck {
    /// The service's short name; the service that serves the app's pages when nothing is declared.
    pub service: Option<String>,
    /// The port.
    pub port: u16,
    /// Whether a TLS handshake has to succeed.
    pub tls: Tls,
    /// How long it may take; the request's time limit when nothing is declared.
    pub max_time: Option<Duration>,
}

/// Whether a connection speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the headers alone.
    Head,
    /// Asks what is allowed.
    Options,
    /// Sends.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// Returns the method as a request carries it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// The path of a request to the app: it begins with `/` and names no host.
///
/// ```
/// use ccci::model::check::UrlPath;
/// assert!("/api/health?full=1".parse::<UrlPath>().is_ok());
/// assert!("//elsewhere.org/".parse::<UrlPath>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct UrlPath(String);

impl UrlPath {
    /// Returns the root.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UrlPath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let local = text.starts_with('/') && !text.starts_with("//");
        let clean = text.bytes().all(|byte| byte.is_ascii_graphic());
        if local && clean && !text.contains(['\\', '#']) && text.len() <= PATH_LIMIT {
            return Ok(Self(text.to_owned()));
        }
        let rule = "a path of printable ASCII that begins with one `/`, without host, blank, line break, `#` or backslash, as in `/api/health`";
        Err(Invalid::new("path", text, rule))
    }
}

impl TryFrom<String> for UrlPath {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl fmt::Display for UrlPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The statuses that are accepted: single ones and ranges, each from 100 to 599.
///
/// ```
/// use ccci::model::check::Statuses;
/// let ok: Statuses = "200-399, 401".parse().unwrap();
/// assert!(ok.accept(302) && ok.accept(401) && !ok.accept(404));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(Vec<(u16, u16)>);

impl Statuses {
    /// Returns what counts as reachable where nothing is declared: 200 to 399, 401 and 403.
    pub fn reachable() -> Self {
        Self(vec![(200, 399), (401, 401), (403, 403)])
    }

    /// Returns what a declared check accepts where it says nothing: 200 to 299.
    pub fn success() -> Self {
        Self(vec![(200, 299)])
    }

    /// Returns what a check of a redirect accepts where it says nothing: 300 to 399.
    pub fn redirect() -> Self {
        Self(vec![(300, 399)])
    }

    /// Tells whether a status is among them.
    pub fn accept(&self, status: u16) -> bool {
        self.0
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&status))
    }
}

impl FromStr for Statuses {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts = text.split(',').map(str::trim);
        parts.map(parse_range).collect::<Result<_, _>>().map(Self)
    }
}

/// Reads one status or one range of them.
fn parse_range(text: &str) -> Result<(u16, u16), Invalid> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        let plain = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| plain);
        number.filter(|status| (100..=599).contains(status))
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => {
            let rule = "a status from 100 to 599, or a range of them, as in `401` or `200-399`";
            Err(Invalid::new("status", text, rule))
        }
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatusVisitor)
    }
}

/// Reads a status given as a number, as a text or as a list of both.
struct StatusVisitor;

impl<'de> de::Visitor<'de> for StatusVisitor {
    type Value = Statuses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status, a range as in \"200-399\", or a list of them")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Statuses, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Statuses, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Statuses, A::Error> {
        let mut ranges = Vec::new();
        while let Some(Statuses(more)) = list.next_element()? {
            ranges.extend(more);
        }
        if ranges.is_empty() {
            return Err(de::Error::custom("a list of statuses names at least one"));
        }
        Ok(Statuses(ranges))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_names_no_host_and_breaks_no_line() {
        for bad in [
            "",
            "health",
            "//evil.org/",
            "https://evil.org/",
            "/a b",
            "/a\r\nHost: evil",
            "/a#b",
            "/\\evil",
            "/ü",
        ] {
            let error = bad.parse::<UrlPath>().unwrap_err().to_string();
            assert!(error.contains("begins with one `/`"), "{bad:?}: {error}");
        }
        assert!(format!("/{}", "a".repeat(2048)).parse::<UrlPath>().is_err());
        assert_eq!(
            "/a?b=c%20d".parse::<UrlPath>().unwrap().as_str(),
            "/a?b=c%20d"
        );
    }

    #[test]
    fn a_status_lies_between_100_and_599() {
        for bad in [
            "99",
            "600",
            "",
            "200-",
            "399-200",
            "+200",
            "2e2",
            "200-399-400",
            "0200",
        ] {
            assert!(bad.parse::<Statuses>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "200 ,301-302".parse::<Statuses>().unwrap().to_string(),
            "200, 301-302"
        );
    }

    #[test]
    fn statuses_are_a_number_a_text_or_a_list() {
        let read = |json: &str| serde_json::from_str::<Statuses>(json);
        assert_eq!(read("\"204\"").unwrap().to_string(), "204");
        assert_eq!(
            read("[\"200-299\", \"401\"]").unwrap().to_string(),
            "200-299, 401"
        );
        assert!(read("[]").is_err());
        let table: toml::Table = toml::from_str("status = [204, \"300-310\"]").unwrap();
        let statuses: Statuses = table["status"].clone().try_into().unwrap();
        assert!(statuses.accept(204) && statuses.accept(305));
    }

    #[test]
    fn what_is_reachable_takes_a_login_page_and_no_missing_page() {
        let reachable = Statuses::reachable();
        assert!(
            [200, 302, 399, 401, 403]
                .iter()
                .all(|s| reachable.accept(*s))
        );
        assert!(
            [199, 400, 404, 500, 502]
                .iter()
                .all(|s| !reachable.accept(*s))
        );
    }

    proptest! {
        #[test]
        fn statuses_are_read_back_as_written(a in 100u16..600, b in 100u16..600) {
            let text = format!("{}-{}", a.min(b), a.max(b));
            let statuses: Statuses = text.parse().unwrap();
            prop_assert_eq!(statuses.to_string().parse::<Statuses>().unwrap(), statuses);
        }
    }
}
