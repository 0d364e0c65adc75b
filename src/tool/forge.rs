//! A forge that speaks the API of Gitea: one of its repositories and that repository's pull requests, by HTTP.
//!
//! It decides nothing about a pull request, and its token goes to the forge's own host alone: no redirect is followed.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    model::{
        recipe::{CommitSha, parse_ref},
        source::Protocol,
    },
    sys::{
        interrupt::Interrupt,
        redact::Secret,
        wait::{self, Deadline},
    },
    tool::probe::{self, Probe, Request, Response, Roots, Scheme, Target},
};

mod address;
mod error;

pub(crate) use address::Address;
pub(crate) use error::Error;

/// How many pull requests are asked for at once.
const PAGE: usize = 50;
/// How many times more of them are asked for.
const PAGES: usize = 50;
/// How often a request is sent that the forge puts off.
const TRIES: u32 = 5;
/// How long one request is put off in all.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it is put off when the forge names no time.
const PAUSE: Duration = Duration::from_secs(5);
/// How long it is put off at least.
const LEAST_PAUSE: Duration = Duration::from_millis(200);

/// One repository on a forge, with what it takes to talk about it.
pub(crate) struct Forge<'a> {
    /// Sends requests to the forge's host.
    probe: Probe,
    /// The repository.
    address: Address,
    /// How the forge is spoken to.
    access: Access<'a>,
}

/// How a forge is spoken to.
pub(crate) struct Access<'a> {
    /// What opens it.
    pub(crate) token: &'a Secret,
    /// Who may have signed its certificate.
    pub(crate) roots: Roots,
    /// The time limit of one request.
    pub(crate) limit: Duration,
    /// When all requests have to be answered.
    pub(crate) deadline: Deadline,
    /// What ends a wait.
    pub(crate) interrupt: &'a Interrupt,
}

/// What a forge says of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// The default branch.
    pub(crate) default_branch: String,
    /// Whether the token's user may push.
    pub(crate) can_push: bool,
    /// Whether nobody may: it is archived, or the forge itself pulls it from elsewhere.
    pub(crate) is_frozen: bool,
}

/// One pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pull {
    /// Its number.
    pub(crate) number: u64,
    /// Whether it is open.
    pub(crate) is_open: bool,
    /// The branch that it wants to change.
    pub(crate) base: String,
    /// The commit that it proposes; nothing where the forge does not know it any more.
    pub(crate) head: Option<CommitSha>,
}

impl<'a> Forge<'a> {
    /// Prepares requests about one repository; nothing is sent yet.
    pub(crate) fn new(address: Address, access: Access<'a>) -> Self {
        let url = address.url();
        let scheme = match url.protocol {
            Protocol::Http => Scheme::Http,
            Protocol::Https | Protocol::Ssh => Scheme::Https,
        };
        let probe = Probe::new(Target {
            scheme,
            host: url.host.clone(),
            port: url.port,
            connect_to: None,
            forwarded_proto: None,
            roots: access.roots.clone(),
            limit: access.limit,
        });
        Self {
            probe,
            address,
            access,
        }
    }

    /// Returns what the forge says of the repository.
    pub(crate) fn about(&self) -> Result<About, Error> {
        let what = "describe the repository";
        let written: WrittenRepository = self.read(what, "")?;
        let permissions = written.permissions.unwrap_or_default();
        Ok(About {
            default_branch: branch(what, &written.default_branch)?,
            can_push: permissions.push || permissions.admin,
            is_frozen: written.archived || written.mirror,
        })
    }

    /// Lists the open pull requests, oldest first.
    pub(crate) fn open_pulls(&self) -> Result<Vec<Pull>, Error> {
        let mut pulls = Vec::<Pull>::new();
        for page in 1..=PAGES {
            let path = format!("/pulls?state=open&sort=oldest&limit={PAGE}&page={page}");
            let written: Vec<WrittenPull> = self.read("list open pull requests", &path)?;
            let before = pulls.len();
            for pull in written.into_iter().map(Pull::from) {
                if !pulls.iter().any(|known| known.number == pull.number) {
                    pulls.push(pull);
                }
            }
            // A forge may give less than was asked for, or the same page for ever: only what is new goes on.
            if pulls.len() == before {
                break;
            }
        }
        pulls.retain(|pull| pull.is_open);
        Ok(pulls)
    }

    /// Returns one pull request as it is now.
    pub(crate) fn pull(&self, number: u64) -> Result<Pull, Error> {
        let what = format!("describe pull request {number}");
        let written: WrittenPull = self.read(&what, &format!("/pulls/{number}"))?;
        Ok(Pull::from(written))
    }

    /// Writes a comment on a pull request.
    pub(crate) fn comment(&self, number: u64, text: &str) -> Result<(), Error> {
        let what = format!("comment on pull request {number}");
        let path = format!("/issues/{number}/comments");
        self.write(&what, "POST", (&path, &json!({ "body": text })))
    }

    /// Closes a pull request.
    pub(crate) fn close(&self, number: u64) -> Result<(), Error> {
        let what = format!("close pull request {number}");
        let path = format!("/pulls/{number}");
        self.write(&what, "PATCH", (&path, &json!({ "state": "closed" })))
    }

    /// Asks for something, by its path below the repository, and reads what is answered.
    fn read<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<T, Error> {
        let response = self.exchange(what, &self.request("GET", path), None)?;
        serde_json::from_slice(&response.body).map_err(|error| Error::Garbled {
            what: what.to_owned(),
            said: error.to_string(),
        })
    }

    /// Sends something, to a path below the repository; what is answered does not matter.
    fn write(
        &self,
        what: &str,
        method: &str,
        (path, body): (&str, &serde_json::Value),
    ) -> Result<(), Error> {
        let mut request = self.request(method, path);
        let kind = ("Content-Type".to_owned(), "application/json".to_owned());
        request.headers.push(kind);
        let body = body.to_string();
        self.exchange(what, &request, Some(body.as_bytes()))
            .map(drop)
    }

    /// Builds a request about a path below the repository.
    fn request(&self, method: &str, path: &str) -> Request {
        let token = format!("token {}", self.access.token.expose());
        let headers = [("Accept", "application/json"), ("Authorization", &token)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Request {
            method: method.to_owned(),
            path: format!("{}{path}", self.address.api_path()),
            headers: headers.into(),
        }
    }

    /// Sends a request, again where the forge puts it off, and returns an answer that says yes.
    fn exchange(
        &self,
        what: &str,
        request: &Request,
        body: Option<&[u8]>,
    ) -> Result<Response, Error> {
        let patience = Deadline::after(PATIENCE).min(self.access.deadline);
        let mut tries = 0;
        loop {
            let response = self.send(what, request, body)?;
            if response.status != 429 {
                return error::judge(what, response);
            }
            tries += 1;
            let pause = put_off(&response);
            let is_hopeless = tries == TRIES || pause >= patience.left();
            if is_hopeless || !wait::pause(pause, self.access.interrupt) {
                let what = what.to_owned();
                return Err(Error::Limited { what, pause });
            }
        }
    }

    /// Sends a request once, if there is time left.
    fn send(&self, what: &str, request: &Request, body: Option<&[u8]>) -> Result<Response, Error> {
        let unanswered = |source| Error::Unanswered {
            what: what.to_owned(),
            source,
        };
        if self.access.deadline.is_over() {
            return Err(unanswered(probe::Error::TimedOut {
                host: self.address.url().host.clone(),
                limit: self.access.limit,
            }));
        }
        self.probe.send(request, body).map_err(unanswered)
    }
}

/// Returns how long a forge wants a request to be put off; a date in place of seconds is not understood.
fn put_off(response: &Response) -> Duration {
    let seconds = response.header("retry-after");
    let seconds = seconds.and_then(|seconds| seconds.trim().parse().ok());
    seconds.map_or(PAUSE, Duration::from_secs).max(LEAST_PAUSE)
}

/// Checks the name of a branch.
fn branch(what: &str, name: &str) -> Result<String, Error> {
    parse_ref(name).map_err(|error| Error::Garbled {
        what: what.to_owned(),
        said: error.to_string(),
    })
}

/// A repository as the forge writes it.
#[derive(Deserialize)]
struct WrittenRepository {
    /// The default branch.
    default_branch: String,
    /// What the token's user may do.
    permissions: Option<WrittenPermissions>,
    /// Whether it is archived.
    #[serde(default)]
    archived: bool,
    /// Whether the forge pulls it from elsewhere.
    #[serde(default)]
    mirror: bool,
}

/// What somebody may do, as the forge writes it.
#[derive(Default, Deserialize)]
struct WrittenPermissions {
    /// Everything.
    #[serde(default)]
    admin: bool,
    /// Push.
    #[serde(default)]
    push: bool,
}

/// A pull request as the forge writes it.
#[derive(Deserialize)]
struct WrittenPull {
    /// Its number.
    number: u64,
    /// `open` or `closed`.
    state: String,
    /// What it wants to change.
    base: WrittenEnd,
    /// What it proposes.
    head: WrittenEnd,
}

/// One end of a pull request as the forge writes it.
#[derive(Deserialize)]
struct WrittenEnd {
    /// The branch.
    #[serde(rename = "ref", default)]
    name: String,
    /// The commit.
    #[serde(default)]
    sha: String,
}

impl From<WrittenPull> for Pull {
    fn from(written: WrittenPull) -> Self {
        Self {
            number: written.number,
            is_open: written.state == "open",
            base: written.base.name,
            head: written.head.sha.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds the answer of a forge that puts requests off.
    fn busy(after: Option<&str>) -> Response {
        let headers = after.map(|after| ("retry-after".to_owned(), after.to_owned()));
        Response {
            url: String::new(),
            status: 429,
            headers: headers.into_iter().collect(),
            body: Vec::new(),
            cut: false,
            took: Duration::ZERO,
            address: None,
        }
    }

    #[test]
    fn a_request_is_put_off_as_the_forge_says_and_never_not_at_all() {
        assert_eq!(put_off(&busy(Some("7"))), Duration::from_secs(7));
        assert_eq!(put_off(&busy(Some("0"))), LEAST_PAUSE);
        for unreadable in [None, Some("-1"), Some("Wed, 21 Oct 2026 07:28:00 GMT")] {
            assert_eq!(put_off(&busy(unreadable)), PAUSE);
        }
        let endless = Duration::from_secs(u64::MAX);
        assert_eq!(put_off(&busy(Some("18446744073709551615"))), endless);
    }

    #[test]
    fn what_the_forge_writes_is_read_as_far_as_it_matters() {
        let read = |text: &str| Pull::from(serde_json::from_str::<WrittenPull>(text).unwrap());
        let id = "1".repeat(40);
        let text = format!(
            r#"{{"number": 7, "state": "open", "base": {{"ref": "main", "sha": "x"}}, "head": {{"sha": "{id}", "repo": null}}, "more": [1]}}"#
        );
        let expected = Pull {
            number: 7,
            is_open: true,
            base: "main".to_owned(),
            head: id.parse().ok(),
        };
        assert_eq!(read(&text), expected);
        // The fork and its branch may be gone.
        let gone = text.replace(&id, "");
        assert_eq!(read(&gone).head, None);
    }

    #[test]
    fn a_branch_that_git_would_misread_is_no_branch() {
        assert_eq!(branch("x", "next/stable").unwrap(), "next/stable");
        for bad in ["", "--all", "a:b", "*", "a b"] {
            assert!(
                matches!(branch("x", bad), Err(Error::Garbled { .. })),
                "{bad}"
            );
        }
    }
}
