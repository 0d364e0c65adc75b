//! How docker is called, and how a call can end.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::sys::process::{self, Cmd, Exit, Host, Output};

/// Stands for what docker did not say.
pub(crate) const SILENT: &str = "it did not say why";
/// How long a call that only reads may take: docker has no limit of its own.
pub(crate) const READ_LIMIT: Duration = Duration::from_secs(30);
/// How long the removal of one kind of object may take.
pub(crate) const REMOVE_LIMIT: Duration = Duration::from_secs(60);
/// The longest limit of a call that the engine answers by itself; longer ones wait for a registry or a container.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// How long the engine may be silent before nobody waits for it any more: a restart takes half a minute.
pub(crate) const ENGINE_PATIENCE: Duration = Duration::from_secs(60);

/// The docker program, called on behalf of one run.
#[derive(Clone)]
pub(crate) struct Docker {
    /// Where the program is.
    program: PathBuf,
    /// What its children share: environment, redactor, interrupt.
    host: Host,
    /// Since when the engine has not answered; clones share it.
    silent_since: Arc<Mutex<Option<Instant>>>,
}

/// Why docker did not do what it was asked.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The program could not be started.
    #[error("could not run docker")]
    Start(#[from] process::Error),
    /// It ended with a code that is not zero, and said why.
    #[error("docker could not {doing}: {said}")]
    Refused {
        /// What was asked, as `remove volume x`.
        doing: String,
        /// The last line it said.
        said: String,
    },
    /// It ran into the time limit of the call.
    #[error("docker did not {doing} within {limit:?}")]
    TimedOut {
        /// What was asked.
        doing: String,
        /// The limit.
        limit: Duration,
    },
    /// A command in a container was still at work when its time was over, and was ended there.
    #[error("docker did not {doing} to its end in time, and ended it")]
    Overran {
        /// What was asked.
        doing: String,
    },
    /// A signal ended the run.
    #[error("interrupted")]
    Interrupted,
    /// A signal that ccci did not send ended docker, as the kernel does when memory runs out.
    #[error("docker was ended by signal {signal} and did not {doing}")]
    Killed {
        /// What was asked.
        doing: String,
        /// The signal's number.
        signal: i32,
    },
    /// It answered something that cannot be read.
    #[error("docker answered `{doing}` with something unreadable: {said}")]
    Garbled {
        /// What was asked.
        doing: String,
        /// What was wrong.
        said: String,
    },
}

impl Error {
    /// Returns what docker said, or the empty text.
    pub(crate) fn said(&self) -> &str {
        match self {
            Self::Refused { said, .. } | Self::Garbled { said, .. } => said,
            Self::Start(_)
            | Self::TimedOut { .. }
            | Self::Overran { .. }
            | Self::Interrupted
            | Self::Killed { .. } => "",
        }
    }

    /// Tells whether the object that was asked for is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        let said = self.said().to_ascii_lowercase();
        ["no such", "not found", "nothing found in stack"]
            .iter()
            .any(|word| said.contains(word))
    }
}

/// One call of docker: what it does in words, and how long it may take.
pub(crate) struct Call {
    /// The call in words, as `list volumes`.
    doing: String,
    /// The command.
    cmd: Cmd,
    /// The limit.
    limit: Duration,
}

impl Docker {
    /// Makes a caller of the docker program at a path.
    pub(crate) fn new(program: &Path, host: &Host) -> Self {
        Self {
            program: program.to_owned(),
            host: host.clone(),
            silent_since: Arc::default(),
        }
    }

    /// Returns what this caller's children share.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the same program called on behalf of something else.
    pub(crate) fn with_host(&self, host: &Host) -> Self {
        Self {
            host: host.clone(),
            ..self.clone()
        }
    }

    /// Tells whether the engine did not answer the last call.
    pub(crate) fn is_silent(&self) -> bool {
        self.silence().is_some()
    }

    /// Tells whether the engine has not answered for so long that waiting for it makes no sense.
    pub(crate) fn is_given_up(&self) -> bool {
        self.silence()
            .is_some_and(|since| since.elapsed() >= ENGINE_PATIENCE)
    }

    /// Returns since when the engine has not answered.
    fn silence(&self) -> Option<Instant> {
        *self
            .silent_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call.
    pub(super) fn call<I, A>(&self, doing: impl Into<String>, limit: Duration, args: I) -> Call
    where
        I: IntoIterator<Item = A>,
        A: AsRef<std::ffi::OsStr>,
    {
        let cmd = args
            .into_iter()
            .fold(Cmd::new(&self.program, limit), |cmd, arg| {
                cmd.arg(arg.as_ref())
            });
        Call {
            doing: doing.into(),
            cmd,
            limit,
        }
    }

    /// Makes a call and returns its output, whatever the program's exit code.
    pub(super) fn attempt(&self, call: Call) -> Result<Output, Error> {
        let Call { doing, cmd, limit } = call;
        let begun = Instant::now();
        let output = cmd.run(&self.host)?;
        self.listen(begun, limit, &output);
        match output.exit {
            Exit::TimedOut => Err(Error::TimedOut { doing, limit }),
            Exit::Interrupted => Err(Error::Interrupted),
            Exit::Signal(signal) => Err(Error::Killed { doing, signal }),
            Exit::Success | Exit::Code(_) => Ok(output),
        }
    }

    /// Takes note of whether the engine answered a call.
    fn listen(&self, begun: Instant, limit: Duration, output: &Output) {
        let is_silent = match output.exit {
            Exit::Interrupted => return,
            Exit::TimedOut if limit > ANSWER_LIMIT => return,
            Exit::TimedOut => true,
            Exit::Success | Exit::Code(_) | Exit::Signal(_) => lost_engine(output).is_some(),
        };
        let mut since = self
            .silent_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *since = is_silent.then(|| since.unwrap_or(begun));
    }

    /// Makes a call that must end well.
    pub(super) fn run(&self, call: Call) -> Result<Output, Error> {
        let doing = call.doing.clone();
        let output = self.attempt(call)?;
        if output.ok() {
            return Ok(output);
        }
        let said = last_words(&output);
        Err(Error::Refused { doing, said })
    }

    /// Makes a call that must not end badly; what it printed until its limit counts.
    pub(super) fn run_for_a_while(&self, call: Call) -> Result<Output, Error> {
        let output = call.cmd.run(&self.host)?;
        match output.exit {
            Exit::Success | Exit::TimedOut => Ok(output),
            Exit::Interrupted => Err(Error::Interrupted),
            Exit::Code(_) | Exit::Signal(_) => Err(Error::Refused {
                doing: call.doing,
                said: last_words(&output),
            }),
        }
    }

    /// Makes a call that prints one JSON document.
    pub(super) fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        let doing = call.doing.clone();
        let output = self.run(call)?;
        serde_json::from_slice(&output.stdout).map_err(|error| Error::Garbled {
            doing,
            said: error.to_string(),
        })
    }

    /// Makes a call that prints one JSON document a line.
    pub(super) fn json_lines<T: DeserializeOwned>(&self, call: Call) -> Result<Vec<T>, Error> {
        let doing = call.doing.clone();
        let output = self.run(call)?;
        parse_lines(&output.stdout).map_err(|said| Error::Garbled { doing, said })
    }

    /// Makes a call that prints a list as `columns` has it asked for: a heading, then one JSON document a line.
    pub(super) fn list<T: DeserializeOwned>(&self, call: Call) -> Result<Vec<T>, Error> {
        let doing = call.doing.clone();
        let output = self.run(call)?;
        parse_list(&output.stdout).map_err(|said| Error::Garbled { doing, said })
    }
}

impl Call {
    /// Changes the command before it is run.
    pub(super) fn with(mut self, change: impl FnOnce(Cmd) -> Cmd) -> Self {
        self.cmd = change(self.cmd);
        self
    }

    /// Gives up the command, for a child that runs long.
    pub(super) fn into_cmd(self) -> Cmd {
        self.cmd
    }
}

/// Returns the format of a list with some columns, named with blanks between them: one JSON document a line, below a heading.
///
/// The heading is the same document with the columns' titles for values. It stands above an empty list as well, so that
/// an answer that was lost is never read as "no objects".
pub(super) fn columns(names: &str) -> String {
    let names = names.split(' ');
    let fields = names.map(|name| format!("\"{name}\":{{{{json .{name}}}}}"));
    format!("table {{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// Parses a heading and one JSON document for each line below it.
fn parse_list<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, String> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (heading, rest) = bytes.split_at(end.unwrap_or_default());
    // Titles stand there without quotes, so that a heading is no document itself.
    let is_heading = heading.starts_with(b"{\"")
        && heading.ends_with(b"}")
        && serde_json::from_slice::<serde::de::IgnoredAny>(heading).is_err();
    if is_heading {
        parse_lines(rest)
    } else {
        Err("the list has no heading".to_owned())
    }
}

/// Parses one JSON document a line; a line that is none is an error, never "no objects".
fn parse_lines<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| serde_json::from_str(line).map_err(|error| error.to_string()))
        .collect()
}

/// Returns the line that says what went wrong: the last one that is neither blank nor advice.
///
/// A client that crashed says it first, and then lists all that it was doing.
pub(super) fn last_words(output: &Output) -> String {
    let text = output.stderr_text();
    let is_crash = |line: &&str| {
        let begins = ["runtime: ", "runtime/cgo: ", "fatal error: ", "panic: "];
        begins.iter().any(|begin| line.starts_with(begin))
    };
    if let Some(line) = text.lines().find(is_crash) {
        return line.to_owned();
    }
    let advice = |line: &&str| {
        let line = line.trim();
        line.is_empty()
            || line.starts_with("See '")
            || line.starts_with("Run '")
            || line.starts_with("Usage:")
    };
    let line = text
        .lines()
        .rev()
        .find(|line| !advice(line))
        .unwrap_or(SILENT);
    let line = line
        .trim()
        .trim_start_matches("Error response from daemon: ");
    line.trim_start_matches("rpc error: ").to_owned()
}

/// Returns the client's own words when it could not reach the engine, which it says with exit code 1.
pub(super) fn lost_engine(output: &Output) -> Option<String> {
    if output.ok() {
        return None;
    }
    let text = output.stderr_text();
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| {
        line.starts_with("Cannot connect to the Docker daemon")
            || line.starts_with("error during connect:")
    });
    line.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{interrupt::Interrupt, redact::Redactor};

    #[test]
    fn garbage_is_never_read_as_no_objects() {
        assert!(parse_lines::<serde_json::Value>(b"WARNING: something\n").is_err());
        assert!(parse_lines::<serde_json::Value>(b"{\"a\":1}\n{\"a\":").is_err());
        assert_eq!(parse_lines::<serde_json::Value>(b"\n").unwrap().len(), 0);
    }

    #[test]
    fn a_list_without_its_heading_is_not_taken_for_an_empty_one() {
        // As docker 28.2.2 prints it.
        let heading = "{\"ID\":NETWORK ID,\"Name\":NAME}\n";
        let row = "{\"ID\":\"a\",\"Name\":\"b\"}\n";
        let count =
            |text: &str| parse_list::<serde_json::Value>(text.as_bytes()).map(|all| all.len());
        assert_eq!(count(heading), Ok(0));
        assert_eq!(count(&format!("{heading}{row}{row}")), Ok(2));
        for lost in ["", "\n", row, &heading[..9], "WARNING: slow\n"] {
            assert!(count(lost).is_err(), "{lost}");
        }
        assert!(count(&format!("WARNING: slow\n{heading}{row}")).is_err());
        assert!(count(&format!("{heading}{}", &row[..5])).is_err());
        assert_eq!(
            columns("ID Name"),
            r#"table {"ID":{{json .ID}},"Name":{{json .Name}}}"#
        );
    }

    #[test]
    fn an_engine_is_silent_from_the_first_call_without_an_answer_to_the_next_with_one() {
        let host = Host {
            redactor: Redactor::default(),
            interrupt: Interrupt::never(),
            base_env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            inherit: None,
            echo: None,
        };
        let docker = Docker::new(Path::new("sh"), &host);
        let short = Duration::from_millis(10);
        let ask = |docker: &Docker, limit, script| {
            drop(docker.attempt(docker.call("ask", limit, ["-c", script])));
            docker.silence()
        };
        let lost = "echo Cannot connect to the Docker daemon at x. >&2; exit 1";
        let since = ask(&docker, READ_LIMIT, lost);
        assert!(since.is_some() && docker.is_silent() && !docker.is_given_up());
        assert_eq!(ask(&docker.with_host(&host), short, "exec sleep 60"), since);
        assert_eq!(ask(&docker, READ_LIMIT, "echo no >&2; exit 1"), None);
        assert!(ask(&docker, short, "exec sleep 60").is_some());
    }

    #[test]
    fn an_object_that_is_gone_is_told_from_other_refusals() {
        let refused = |said: &str| Error::Refused {
            doing: "x".into(),
            said: said.into(),
        };
        assert!(refused("Error: No such volume: x").is_not_found());
        assert!(refused("network x not found").is_not_found());
        assert!(!refused("volume is in use").is_not_found());
    }
}
