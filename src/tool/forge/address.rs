//! Where a repository on a forge is, for git and for the API, made of checked parts alone.

use std::fmt;

use crate::model::{
    recipe::Invalid,
    source::{ForgeName, PlainHttp, Protocol, RemoteUrl, Source},
};

/// Where one repository on a forge is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The URL for git.
    url: RemoteUrl,
    /// The path of the API, about this repository.
    api_path: String,
    /// Who has it.
    owner: ForgeName,
    /// Its name.
    name: ForgeName,
}

impl Address {
    /// Finds a repository of an owner on the forge at a URL.
    pub(crate) fn new(
        forge: &str,
        (owner, name): (&ForgeName, &ForgeName),
        plain_http: PlainHttp,
    ) -> Result<Self, Invalid> {
        let rule = "the URL of a forge with `https://`, as in `https://git.example.org`";
        let path = format!("/{owner}/{name}.git");
        let text = format!("{}{path}", forge.trim_end_matches('/'));
        match Source::parse(&text, plain_http)? {
            Source::Remote(url) if url.protocol != Protocol::Ssh => {
                // A forge may live below a path of its host.
                let below = url.path.strip_suffix(&path).unwrap_or_default();
                let api_path = format!("{below}/api/v1/repos/{owner}/{name}");
                let (owner, name) = (owner.clone(), name.clone());
                Ok(Self {
                    url,
                    api_path,
                    owner,
                    name,
                })
            }
            Source::Remote(_) | Source::Local(_) | Source::Forge { .. } => {
                Err(Invalid::new("forge", forge, rule))
            }
        }
    }

    /// Returns the URL for git.
    pub(crate) fn url(&self) -> &RemoteUrl {
        &self.url
    }

    /// Returns the path of the API, about this repository.
    pub(super) fn api_path(&self) -> &str {
        &self.api_path
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_found_below_the_path_of_its_forge() {
        let address = |forge: &str| {
            let (owner, name) = ("mirrors".parse().unwrap(), "wiki".parse().unwrap());
            Address::new(forge, (&owner, &name), PlainHttp::Refused)
        };
        let plain = address("https://git.example.org").unwrap();
        assert_eq!(
            plain.url().to_string(),
            "https://git.example.org/mirrors/wiki.git"
        );
        assert_eq!(plain.api_path(), "/api/v1/repos/mirrors/wiki");
        assert_eq!(plain.to_string(), "mirrors/wiki");
        let below = address("https://example.org:8443/forge/").unwrap();
        assert_eq!(below.api_path(), "/forge/api/v1/repos/mirrors/wiki");
        assert_eq!(below.url().port, Some(8443));
        for bad in [
            "http://git.example.org",
            "ssh://git@host",
            "/srv",
            "git",
            "https://me:x@host",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
