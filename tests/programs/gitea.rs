//! A stand-in of a Gitea over real bare repositories: the part of its API that ccci uses, and git over HTTP by git's own program.
//!
//! A library module for tests, included by its path; it keeps what it was asked and which refs were changed.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// How many pull requests a page has at most, whatever was asked for.
const PAGE: usize = 2;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The method.
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) target: String,
    /// The headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// Returns a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }
}

/// One ref that a push changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    /// The ref, in full.
    pub(crate) name: String,
    /// What it had, if it was there.
    pub(crate) from: Option<String>,
    /// What it has, if it is there.
    pub(crate) to: Option<String>,
}

/// How the API misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// Every page is the first one.
    PageIgnored,
    /// So many requests are put off.
    Busy(u32),
    /// Nothing works.
    Broken,
    /// Pages for people in place of JSON.
    Html,
    /// JSON that is of another API.
    Foreign,
    /// An answer that never ends.
    Drip,
    /// A redirect to the same path of another host.
    Moved,
}

/// Sees a request before it is answered.
pub(crate) type Before = Box<dyn FnMut(&Seen) + Send>;

/// One pull request.
#[derive(Clone, Debug)]
pub(crate) struct Pull {
    /// Whether it is open.
    pub(crate) is_open: bool,
    /// The branch that it wants to change.
    pub(crate) base: String,
    /// What was said about it.
    pub(crate) comments: Vec<String>,
}

/// What a test may look at and change.
pub(crate) struct State {
    /// The token; nothing lets everybody read.
    pub(crate) token: Option<String>,
    /// Whether the token's user may push.
    pub(crate) can_push: bool,
    /// How the API misbehaves.
    pub(crate) quirk: Option<Quirk>,
    /// Where a redirect leads.
    pub(crate) elsewhere: String,
    /// The pull requests by number.
    pub(crate) pulls: BTreeMap<u64, Pull>,
    /// Every request, in order.
    pub(crate) seen: Vec<Seen>,
    /// Every ref that a push changed, in order.
    pub(crate) changed: Vec<Changed>,
    /// Called before each request is answered.
    pub(crate) before: Option<Before>,
}

/// A forge with one owner, `mirrors`, that lives until the test ends.
#[derive(Clone)]
pub(crate) struct Gitea {
    /// Where the repositories are.
    root: PathBuf,
    /// The URL, without a slash at its end.
    pub(crate) url: String,
    /// What a test may look at and change.
    state: Arc<Mutex<State>>,
}

/// What is answered.
struct Answer {
    /// The status.
    status: u16,
    /// Headers besides those that every answer has.
    headers: String,
    /// The body.
    body: Vec<u8>,
}

impl Gitea {
    /// Starts a forge over the bare repositories below a folder, `mirrors/<name>.git`.
    pub(crate) fn start(root: &Path, token: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("an address is free");
        let address = listener.local_addr().expect("it listens");
        let state = State {
            token: token.map(str::to_owned),
            can_push: true,
            quirk: None,
            elsewhere: String::new(),
            pulls: BTreeMap::new(),
            seen: Vec::new(),
            changed: Vec::new(),
            before: None,
        };
        let forge = Self {
            root: root.to_owned(),
            url: format!("http://{address}"),
            state: Arc::new(Mutex::new(state)),
        };
        let serving = forge.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                thread::spawn(move || serving.serve(stream));
            }
        });
        forge
    }

    /// Returns what a test may look at and change.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a pull request, whose head the repository has as `refs/pull/<number>/head`.
    pub(crate) fn open(&self, number: u64, base: &str) {
        let pull = Pull {
            is_open: true,
            base: base.to_owned(),
            comments: Vec::new(),
        };
        self.state().pulls.insert(number, pull);
    }

    /// Returns all refs of a repository, each with its object.
    pub(crate) fn refs(repository: &Path) -> BTreeMap<String, String> {
        let listed = git(
            repository,
            &["for-each-ref", "--format=%(refname) %(objectname)"],
        );
        let pairs = listed.lines().filter_map(|line| line.split_once(' '));
        pairs
            .map(|(name, id)| (name.to_owned(), id.to_owned()))
            .collect()
    }

    /// Reads one request and answers it.
    fn serve(&self, mut stream: TcpStream) {
        let Some(seen) = read_request(&stream) else {
            return;
        };
        let before = self.state().before.take();
        if let Some(mut before) = before {
            before(&seen);
            self.state().before.get_or_insert(before);
        }
        self.state().seen.push(seen.clone());
        if seen.target.starts_with("/api/") && self.state().quirk == Some(Quirk::Drip) {
            return drip(&mut stream);
        }
        let answer = if seen.target.starts_with("/api/") {
            self.quirk(&seen).unwrap_or_else(|| self.api(&seen))
        } else {
            self.git(&seen)
        };
        let head = format!(
            "HTTP/1.1 {} x\r\nConnection: close\r\nContent-Length: {}\r\n{}\r\n",
            answer.status,
            answer.body.len(),
            answer.headers
        );
        // Whoever asked may be gone already.
        let sent = stream.write_all(head.as_bytes());
        drop(sent.and_then(|()| stream.write_all(&answer.body)));
    }

    /// Answers as the API does when it misbehaves.
    fn quirk(&self, seen: &Seen) -> Option<Answer> {
        let mut state = self.state();
        match state.quirk? {
            Quirk::Busy(0) | Quirk::PageIgnored | Quirk::Drip => None,
            Quirk::Busy(left) => {
                state.quirk = Some(Quirk::Busy(left - 1));
                Some(answer(429, "Retry-After: 0\r\n", ""))
            }
            Quirk::Broken => Some(answer(500, "", "")),
            Quirk::Html => Some(answer(
                200,
                "Content-Type: text/html\r\n",
                "<!DOCTYPE html>",
            )),
            Quirk::Foreign => Some(answer(200, "", r#"{"id": 1, "path": "mirrors/wiki"}"#)),
            Quirk::Moved => {
                let place = format!("Location: {}{}\r\n", state.elsewhere, seen.target);
                Some(answer(307, &place, ""))
            }
        }
    }

    /// Answers as the API does.
    fn api(&self, seen: &Seen) -> Answer {
        let mut state = self.state();
        let expected = state.token.clone().map(|token| format!("token {token}"));
        if expected.is_some_and(|expected| expected != seen.header("authorization")) {
            return answer(
                401,
                "",
                r#"{"message": "invalid username, password or token"}"#,
            );
        }
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        let parts: Vec<_> = path.split('/').skip(4).collect();
        let (Some(owner), Some(name)) = (parts.first(), parts.get(1)) else {
            return answer(404, "", "{}");
        };
        let repository = self.root.join(owner).join(format!("{name}.git"));
        if !repository.is_dir() {
            return answer(404, "", r#"{"message": "not found"}"#);
        }
        let number = |text: &str| text.parse::<u64>().unwrap_or(0);
        match (seen.method.as_str(), &parts[2..]) {
            ("GET", []) => {
                let branch = git(&repository, &["symbolic-ref", "--short", "HEAD"]);
                let permissions = json!({"admin": false, "push": state.can_push, "pull": true});
                yes(
                    &json!({"default_branch": branch, "permissions": permissions, "archived": false}),
                )
            }
            ("GET", ["pulls"]) => {
                let page = match state.quirk {
                    Some(Quirk::PageIgnored) => 1,
                    _ => page_of(query),
                };
                let open = state.pulls.iter().filter(|(_, pull)| pull.is_open);
                let shown = open.skip((page - 1) * PAGE).take(PAGE);
                let shown = shown.map(|(number, pull)| pull_json(&repository, *number, pull));
                yes(&Value::Array(shown.collect()))
            }
            ("GET", ["pulls", text]) => match state.pulls.get(&number(text)) {
                Some(pull) => yes(&pull_json(&repository, number(text), pull)),
                None => answer(404, "", "{}"),
            },
            ("PATCH", ["pulls", text]) => match state.pulls.get_mut(&number(text)) {
                Some(pull) => {
                    let wanted: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
                    pull.is_open = wanted["state"] != "closed";
                    answer(201, "", "{}")
                }
                None => answer(404, "", "{}"),
            },
            ("POST", ["issues", text, "comments"]) => match state.pulls.get_mut(&number(text)) {
                Some(pull) => {
                    let said: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
                    pull.comments
                        .push(said["body"].as_str().unwrap_or_default().to_owned());
                    answer(201, "", "{}")
                }
                None => answer(404, "", "{}"),
            },
            _ => answer(405, "", "{}"),
        }
    }

    /// Answers for git by git's own program, and notes what a push changed.
    fn git(&self, seen: &Seen) -> Answer {
        let token = self.state().token.clone();
        if let Some(token) = token {
            let pair = STANDARD.encode(format!("x-access-token:{token}"));
            if seen.header("authorization") != format!("Basic {pair}") {
                return answer(401, "WWW-Authenticate: Basic realm=\"x\"\r\n", "");
            }
        }
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        let end = path.find(".git/").map_or(path.len(), |at| at + 4);
        let repository = self.root.join(path[..end].trim_start_matches('/'));
        if !repository.is_dir() {
            return answer(404, "", "");
        }
        let is_push = path.ends_with("/git-receive-pack");
        let before = is_push.then(|| Self::refs(&repository));
        let answered = backend(&self.root, seen, (path, query));
        if let Some(before) = before {
            let changed = changes(&before, &Self::refs(&repository));
            self.state().changed.extend(changed);
        }
        answered
    }
}

/// Reads a request; nothing where whoever asked went away.
fn read_request(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut words = head.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let mut seen = Seen {
        method,
        target,
        headers: headers.collect(),
        body: Vec::new(),
    };
    let length = seen.header("content-length").parse().unwrap_or(0);
    seen.body = vec![0; length];
    reader.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

/// Answers byte by byte, for as long as somebody listens.
fn drip(stream: &mut TcpStream) {
    let mut going = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[");
    let (_never, gap) = std::sync::mpsc::channel::<()>();
    while going.is_ok() {
        going = stream.write_all(b" ");
        gap.recv_timeout(std::time::Duration::from_millis(50))
            .expect_err("nobody sends anything");
    }
}

/// Returns the page that a query asks for.
fn page_of(query: &str) -> usize {
    let page = query.split('&').find_map(|pair| pair.strip_prefix("page="));
    page.and_then(|page| page.parse().ok()).unwrap_or(1)
}

/// Writes a pull request as the API does, with far more fields than anybody reads.
fn pull_json(repository: &Path, number: u64, pull: &Pull) -> Value {
    let head = format!("refs/pull/{number}/head");
    json!({
        "id": number + 1000,
        "number": number,
        "title": "a change",
        "state": if pull.is_open { "open" } else { "closed" },
        "merged": false,
        "base": {"label": pull.base, "ref": pull.base, "sha": ""},
        "head": {"label": "change", "ref": "change", "sha": git(repository, &["rev-parse", "--verify", &head])},
    })
}

/// Builds an answer that says yes.
fn yes(body: &Value) -> Answer {
    answer(200, "Content-Type: application/json\r\n", &body.to_string())
}

/// Builds an answer.
fn answer(status: u16, headers: &str, body: &str) -> Answer {
    Answer {
        status,
        headers: headers.to_owned(),
        body: body.as_bytes().to_owned(),
    }
}

/// Returns the refs that are not what they were.
fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Changed> {
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let changed = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name));
    let change = |name: &String| Changed {
        name: name.clone(),
        from: before.get(name).cloned(),
        to: after.get(name).cloned(),
    };
    changed.map(change).collect()
}

/// Prepares git without anybody's configuration.
#[expect(
    clippy::disallowed_methods,
    reason = "a server of the tests is no part of the program, whose gate is for its own children"
)]
fn command() -> Command {
    let mut command = Command::new("git");
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

/// Runs git in a repository and returns what it printed, or nothing where it failed.
fn git(repository: &Path, args: &[&str]) -> String {
    let run = command().arg("-C").arg(repository).args(args).output();
    let output = run.expect("git is there");
    let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() {
        printed
    } else {
        String::new()
    }
}

/// Lets git's own program answer a request of git.
fn backend(root: &Path, seen: &Seen, (path, query): (&str, &str)) -> Answer {
    let mut child = command()
        .args(["-c", "http.receivepack=true", "http-backend"])
        .env(
            "GIT_PROJECT_ROOT",
            fs::canonicalize(root).expect("it is there"),
        )
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "tester")
        .env("REQUEST_METHOD", &seen.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", seen.header("content-type"))
        .env("CONTENT_LENGTH", seen.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", seen.header("content-encoding"))
        .env("GIT_PROTOCOL", seen.header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git is there");
    let mut input = child.stdin.take().expect("it is piped");
    let body = seen.body.clone();
    // It may answer before it has read all.
    let writer = thread::spawn(move || drop(input.write_all(&body)));
    let output = child.wait_with_output().expect("it ends");
    drop(writer.join());
    let all = output.stdout;
    let end = all.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = all.split_at(end.map_or(all.len(), |at| at + 4));
    let head = String::from_utf8_lossy(head);
    let status = head.lines().find_map(|line| line.strip_prefix("Status: "));
    let status = status.and_then(|status| status.split(' ').next()?.parse().ok());
    let kept = head
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("Status: "));
    Answer {
        status: status.unwrap_or(200),
        headers: kept.flat_map(|line| [line, "\r\n"]).collect(),
        body: body.to_owned(),
    }
}
