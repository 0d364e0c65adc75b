//! Where a recipe's repository comes from: parsed into parts, never matched by pattern.

use std::{fmt, path::PathBuf, str::FromStr};

use super::recipe::Invalid;

/// Whether plain HTTP may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

/// Where a repository is.
///
/// ```
/// use ccci::model::source::{PlainHttp, Source};
/// let parse = |text| Source::parse(text, PlainHttp::Refused);
/// assert!(matches!(parse("https://git.example.org/recipes/wiki.git"), Ok(Source::Remote(_))));
/// assert!(matches!(parse("recipes/wiki"), Ok(Source::Forge { .. })));
/// assert!(parse("ext::sh -c id").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// At a URL.
    Remote(RemoteUrl),
    /// In a directory of this machine.
    Local(PathBuf),
    /// By owner and name on the configured forge.
    Forge {
        /// The user or organisation.
        owner: String,
        /// The repository.
        name: String,
    },
}

/// A URL that git may be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteUrl {
    /// How it is reached.
    pub protocol: Protocol,
    /// The user's name, for ssh alone.
    pub user: Option<String>,
    /// The host, in lower case.
    pub host: String,
    /// The port, unless it is the protocol's own.
    pub port: Option<u16>,
    /// The path; it begins with `/`, but not in the short form `user@host:path` of ssh.
    pub path: String,
}

/// How a repository is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP over TLS.
    Https,
    /// Plain HTTP.
    Http,
    /// SSH.
    Ssh,
}

impl Protocol {
    /// Returns the protocol as a URL and as git's list of protocols have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Ssh => "ssh",
        }
    }
}

impl RemoteUrl {
    /// Returns the URL up to its path, for settings that are meant for this host alone.
    pub fn origin(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@"));
        let port = self.port.map(|port| format!(":{port}"));
        format!(
            "{}://{}{}{}",
            self.protocol.as_str(),
            user.unwrap_or_default(),
            self.host,
            port.unwrap_or_default()
        )
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.starts_with('/') {
            return write!(f, "{}{}", self.origin(), self.path);
        }
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}:{}", self.host, self.path)
    }
}

impl Source {
    /// Reads where a repository is.
    pub fn parse(text: &str, plain_http: PlainHttp) -> Result<Self, Invalid> {
        let graphic = text.chars().all(|c| c.is_ascii_graphic());
        if is_local(text) && !text.chars().any(char::is_control) {
            return Ok(Self::Local(PathBuf::from(text)));
        }
        if text.is_empty() || text.starts_with('-') || !graphic {
            return Err(refuse(text, FORM));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return parse_url(text, scheme, rest, plain_http).map(Self::Remote);
        }
        if let Some((before, path)) = text.split_once(':') {
            return parse_short(text, before, path).map(Self::Remote);
        }
        match text.split_once('/') {
            Some((owner, name)) if is_forge_name(owner) && is_forge_name(name) => Ok(Self::Forge {
                owner: owner.to_owned(),
                name: name.strip_suffix(".git").unwrap_or(name).to_owned(),
            }),
            _ => Err(refuse(text, FORM)),
        }
    }
}

/// The name of an owner or a repository on a forge.
///
/// ```
/// use ccci::model::source::ForgeName;
/// assert!("coop-cloud".parse::<ForgeName>().is_ok());
/// assert!("../admin".parse::<ForgeName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgeName(String);

impl ForgeName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ForgeName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if is_forge_name(text) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "1 to 100 letters, digits, `-`, `_` or `.`, not beginning with `-` or `.`, as in `coop-cloud`";
        Err(Invalid::new("name on a forge", text, rule))
    }
}

impl fmt::Display for ForgeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The forms that are accepted.
const FORM: &str = "a URL with `https://` or `ssh://`, `user@host:path`, a directory that begins with `/` or `.`, or an owner and a name on the configured forge, as in `recipes/wiki`";

/// Tells whether a text names a directory.
fn is_local(text: &str) -> bool {
    text == "."
        || text == ".."
        || ["/", "./", "../"]
            .iter()
            .any(|start| text.starts_with(start))
}

/// Builds the error; what could be a password is not repeated.
fn refuse(text: &str, rule: &'static str) -> Invalid {
    Invalid::new("source", &masked(text), rule)
}

/// Returns a text without what stands between `://` and the last `@` before its path.
fn masked(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = text.split_at(start);
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        // A password may hold a `/`, so that the `@` comes later than a path seems to begin.
        None if rest.contains('@') && rest[..end].contains(':') => format!("{scheme}***"),
        Some(at) if rest[..at].contains(':') || start > 0 => format!("{scheme}***{}", &rest[at..]),
        _ => text.to_owned(),
    }
}

/// Reads a URL with a scheme.
fn parse_url(
    text: &str,
    scheme: &str,
    rest: &str,
    plain_http: PlainHttp,
) -> Result<RemoteUrl, Invalid> {
    let protocol = match scheme.to_ascii_lowercase().as_str() {
        "https" => Protocol::Https,
        "ssh" => Protocol::Ssh,
        "http" if plain_http == PlainHttp::Allowed => Protocol::Http,
        "http" => {
            return Err(refuse(
                text,
                "`https://` in place of `http://`, which anyone on the way can read and change",
            ));
        }
        "file" => {
            return Err(refuse(
                text,
                "the directory itself in place of a `file://` URL, as in `./wiki`",
            ));
        }
        _ => return Err(refuse(text, FORM)),
    };
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let (user, host_port) = match authority.rsplit_once('@') {
        None => (None, authority),
        Some((user, host)) if protocol == Protocol::Ssh && is_user(user) => (Some(user), host),
        Some(_) => {
            let rule = "a URL without user and password; the token of a private source is read from the file that `git-token-file` names";
            return Err(refuse(text, rule));
        }
    };
    let (host, port) = parse_authority(host_port).ok_or_else(|| refuse(text, HOST))?;
    if !path.starts_with('/') || !is_repository_path(&path[1..]) {
        return Err(refuse(text, PATH));
    }
    Ok(RemoteUrl {
        protocol,
        user: user.map(str::to_owned),
        host,
        port,
        path: path.to_owned(),
    })
}

/// Reads the short form of ssh.
fn parse_short(text: &str, before: &str, path: &str) -> Result<RemoteUrl, Invalid> {
    let (user, host) = before.rsplit_once('@').unwrap_or(("", before));
    let user_fits = user.is_empty() || is_user(user);
    // `ext::` and its kind name a program that git would start.
    if !user_fits || user.is_empty() || path.starts_with(':') {
        return Err(refuse(text, FORM));
    }
    if !is_host(host) {
        return Err(refuse(text, HOST));
    }
    let relative = path.strip_prefix('/').unwrap_or(path);
    if !is_repository_path(relative) {
        return Err(refuse(text, PATH));
    }
    Ok(RemoteUrl {
        protocol: Protocol::Ssh,
        user: Some(user.to_owned()),
        host: host.to_ascii_lowercase(),
        port: None,
        path: path.to_owned(),
    })
}

/// The rule of hosts.
const HOST: &str = "a host of letters, digits, `-` and `.`, not beginning with `-`, and a port from 1 to 65535, as in `git.example.org:8443`";

/// The rule of paths.
const PATH: &str = "a path without `.`, `..`, empty and dashed parts, of letters, digits and `-._~+@`, as in `/recipes/wiki.git`";

/// Splits host and port.
fn parse_authority(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        None => (text, None),
        Some((host, port)) => {
            let digits = port.chars().all(|c| c.is_ascii_digit());
            let number = port
                .parse()
                .ok()
                .filter(|number| digits && *number > 0u16)?;
            (host, Some(number))
        }
    };
    is_host(host).then(|| (host.to_ascii_lowercase(), port))
}

/// Tells whether a text may be a host.
fn is_host(text: &str) -> bool {
    let clean = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    clean && !text.is_empty() && text.len() <= 253 && !text.starts_with(['-', '.'])
}

/// Tells whether a text may be a user's name.
fn is_user(text: &str) -> bool {
    let clean = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    clean && !text.is_empty() && !text.starts_with('-')
}

/// Tells whether a text may be the path of a repository, without its first `/`.
fn is_repository_path(text: &str) -> bool {
    let parts = text.strip_suffix('/').unwrap_or(text).split('/');
    text.len() <= 1024 && parts.into_iter().all(is_path_part)
}

/// Tells whether a text may be one part of a path.
fn is_path_part(text: &str) -> bool {
    let clean = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-._~+@".contains(c));
    clean && !text.is_empty() && text != "." && text != ".." && !text.starts_with('-')
}

/// Tells whether a text may be an owner or a repository on a forge.
fn is_forge_name(text: &str) -> bool {
    let clean = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    clean && !text.is_empty() && text.len() <= 100 && !text.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn good_sources_are_read_and_given_on_unchanged() {
        for text in [
            "https://git.example.org/recipes/wiki.git",
            "https://git.example.org:8443/a/b/c",
            "ssh://git@git.example.org:2222/recipes/wiki",
            "ssh://git.example.org/~me/wiki",
            "git@git.example.org:recipes/wiki.git",
        ] {
            let Ok(Source::Remote(url)) = Source::parse(text, PlainHttp::Refused) else {
                panic!("{text}");
            };
            assert_eq!(url.to_string(), text);
        }
        let rooted = Source::parse("git@host:/srv/wiki", PlainHttp::Refused).unwrap();
        assert!(
            matches!(rooted, Source::Remote(url) if url.to_string() == "ssh://git@host/srv/wiki")
        );
        let upper = Source::parse("HTTPS://Git.Example.Org/a/b", PlainHttp::Refused).unwrap();
        let Source::Remote(url) = upper else {
            panic!("{upper:?}");
        };
        assert_eq!(url.to_string(), "https://git.example.org/a/b");
        assert_eq!(url.origin(), "https://git.example.org");
    }

    #[test]
    fn a_directory_and_a_forge_name_are_told_apart() {
        let parse = |text| Source::parse(text, PlainHttp::Refused).unwrap();
        for text in [
            "/srv/recipes/wiki",
            "./wiki",
            "../wiki",
            ".",
            "..",
            "/with blank",
        ] {
            assert_eq!(parse(text), Source::Local(PathBuf::from(text)));
        }
        let forge = Source::Forge {
            owner: "recipes".to_owned(),
            name: "wiki".to_owned(),
        };
        assert_eq!(
            (parse("recipes/wiki"), parse("recipes/wiki.git")),
            (forge.clone(), forge)
        );
    }

    #[test]
    fn plain_http_has_to_be_allowed() {
        let url = "http://localhost:3000/a/b";
        assert!(Source::parse(url, PlainHttp::Refused).is_err());
        assert!(matches!(
            Source::parse(url, PlainHttp::Allowed),
            Ok(Source::Remote(RemoteUrl {
                port: Some(3000),
                ..
            }))
        ));
    }

    /// Texts that try to be an option, a program, another protocol, or to leave their place.
    const HOSTILE: &[&str] = &[
        "",
        " ",
        "-x",
        "--upload-pack=x",
        "--upload-pack=touch x",
        "ext::sh -c x",
        "ext::sh",
        "EXT::sh%20-c",
        "Ext::https://a/b",
        "fd::3",
        "transport::address",
        "x@ext::y",
        "file:///etc",
        "FILE:///etc",
        "file://localhost/etc",
        "git://host/a/b",
        "ftp://host/a/b",
        "rsync://host/a/b",
        "http+unix://x/a",
        "://host/a",
        "https://",
        "https:///a/b",
        "https://host",
        "https://host/",
        "https:host/a",
        "ssh://-oProxyCommand=x/y",
        "ssh://-oProxyCommand=x@host/y",
        "ssh://git@-oProxyCommand=x/y",
        "-oProxyCommand=x:y",
        "git@-oProxyCommand=x:y",
        "-git@host:y",
        "git@host:-x",
        "git@host:a/-x",
        "git@host:",
        "git@host:../x",
        "git@host:a b",
        "git@host:$(id)",
        "git@host:`id`",
        "git@host:a;id",
        "host:path",
        "C:\\recipes",
        "https://host/../..",
        "https://host/a/../b",
        "https://host/a/./b",
        "https://host/a//b",
        "https://host/%2e%2e/b",
        "https://host/a?b",
        "https://host/a#b",
        "https://host/a\\b",
        "https://host/a b",
        "https://host/a\nb",
        "https://host/a\0b",
        "https://host:99999/a",
        "https://host:0/a",
        "https://host:/a",
        "https://host:-1/a",
        "https://host:+1/a",
        "https://host:8443x/a",
        "https://[::1]/a",
        "https://ho_st/a",
        "https://.host/a",
        "https://hö.example/a",
        "https://host\u{202e}/a",
        "a",
        "a/b/c",
        "a/..",
        "../\u{7}",
        "~/wiki",
        "a/b c",
        "a/-b",
        ".a/b",
    ];

    #[test]
    fn hostile_sources_are_refused() {
        for text in HOSTILE {
            assert!(Source::parse(text, PlainHttp::Refused).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_masked_and_its_place_named() {
        for text in [
            "https://me:s3cret@host/a/b",
            "https://s3cret@host/a/b",
            "https://me:s3cret/x@host/a/b",
            "ssh://git:s3cret@host/a",
            "https://me:s3cret@-host:99999/",
            "me:s3cret@host/a",
        ] {
            let error = Source::parse(text, PlainHttp::Refused).unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        let error = Source::parse("https://me:s3cret@host/a/b", PlainHttp::Refused).unwrap_err();
        assert_eq!(error.input, "https://***@host/a/b");
        assert!(error.to_string().contains("git-token-file"));
    }

    proptest! {
        #[test]
        fn an_accepted_url_is_no_option_and_keeps_its_host(text in "[-a-z:/@.~%\\\\ ]{0,24}") {
            if let Ok(Source::Remote(url)) = Source::parse(&text, PlainHttp::Allowed) {
                prop_assert!(!url.to_string().starts_with('-'));
                prop_assert!(!url.host.starts_with('-') && !url.path.contains(".."));
                prop_assert_eq!(Source::parse(&url.to_string(), PlainHttp::Allowed).unwrap(), Source::Remote(url));
            }
        }
    }
}
