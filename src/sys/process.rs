//! The only place where a child process starts: environment, time limit, process group, log, redaction.
//!
//! A child that fails is a value here; what its exit means is decided by its caller.

mod capture;
pub(crate) mod fence;
mod group;
mod line_stream;
mod lines;
mod output;
pub(crate) mod quote;
mod replace;
#[cfg(test)]
pub(crate) mod script;
mod start;
mod step_log;
pub(crate) mod stray;
mod supervise;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fence::Fence;
pub(crate) use line_stream::LineStream;
pub(crate) use output::{Exit, Output};
pub(crate) use replace::replace;
use rustix::io::Errno;
pub(crate) use step_log::StepLog;
use supervise::Running;

use super::interrupt::Interrupt;
use super::redact::Redactor;

/// How long a child may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

/// Shows a command line to people.
type Echo = Arc<dyn Fn(&str) + Send + Sync>;

/// What all children of a run have in common.
#[derive(Clone)]
pub(crate) struct Host {
    /// Masks secrets in all that children print.
    pub(crate) redactor: Redactor,
    /// Ends children when ccci is asked to end.
    pub(crate) interrupt: Interrupt,
    /// The environment that children get, the allow list applied; a run adds `stray::MARKER`.
    pub(crate) base_env: Vec<(OsString, OsString)>,
    /// A lock that stays held while a child lives.
    pub(crate) inherit: Option<Arc<File>>,
    /// Gets each command line, quoted and masked.
    pub(crate) echo: Option<Echo>,
}

/// Why ccci could not run a program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such program.
    #[error("found no program `{}`", .program.display())]
    NotFound {
        /// As it was given.
        program: PathBuf,
    },
    /// The system refused to start it.
    #[error("failed to start `{}`", .program.display())]
    Start {
        /// As it was given.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that the program reads or writes cannot be opened.
    #[error("failed to open `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log of a step cannot be made.
    #[error("failed to make the log `{}`", .path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Tells whether the system is short of something, so that no program at all could be started.
pub(crate) fn is_shortage(said: &io::Error) -> bool {
    let all = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
    all.iter()
        .any(|one| said.raw_os_error() == Some(one.raw_os_error()))
}

/// Where a child's input comes from.
enum Stdin {
    /// Nothing to read.
    Null,
    /// These bytes.
    Bytes(Vec<u8>),
    /// This file.
    File(PathBuf),
}

/// What a child's standard output is.
enum Stdout {
    /// A pipe that we read.
    Pipe,
    /// A terminal that we read.
    Pty,
    /// A file, past the redactor: for archives.
    File(PathBuf),
}

/// One call of a program, with the time it may take.
pub(crate) struct Cmd {
    /// A path, or a name to be found on the child's `PATH`.
    program: PathBuf,
    /// One element for each argument; no shell sees them.
    args: Vec<OsString>,
    /// Added to the environment of the host.
    env: Vec<(OsString, OsString)>,
    /// The working directory.
    dir: Option<PathBuf>,
    /// The input.
    stdin: Stdin,
    /// The kind of output.
    stdout: Stdout,
    /// Takes the command, the output and the exit.
    log: Option<StepLog>,
    /// The output is a secret: it is returned as it is, and goes nowhere else.
    is_secret: bool,
    /// The time that the child may take.
    limit: Duration,
    /// The time that it may take to end when asked to.
    grace: Duration,
    /// What keeps it from files that are none of its business.
    fence: Option<Fence>,
}

impl Cmd {
    /// Describes a call of a program that is ended when it takes longer than `limit`.
    pub(crate) fn new(program: impl Into<PathBuf>, limit: Duration) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            dir: None,
            stdin: Stdin::Null,
            stdout: Stdout::Pipe,
            log: None,
            is_secret: false,
            limit,
            grace: GRACE,
            fence: None,
        }
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds a variable to the environment, or replaces it.
    pub(crate) fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets the working directory.
    pub(crate) fn dir(mut self, path: impl AsRef<Path>) -> Self {
        self.dir = Some(path.as_ref().to_owned());
        self
    }

    /// Gives the child these bytes to read.
    pub(crate) fn stdin_bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Stdin::Bytes(bytes.into());
        self
    }

    /// Gives the child a file to read.
    pub(crate) fn stdin_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.stdin = Stdin::File(path.into());
        self
    }

    /// Sends the output straight into a file, past redactor and log: for archives, which it would damage.
    pub(crate) fn stdout_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.stdout = Stdout::File(path.into());
        self
    }

    /// Writes the command, its output and its exit into a log.
    pub(crate) fn log(mut self, log: &StepLog) -> Self {
        self.log = Some(log.clone());
        self
    }

    /// Lets the output be a terminal, and the input too when none is given.
    pub(crate) fn pty(mut self) -> Self {
        self.stdout = Stdout::Pty;
        self
    }

    /// Keeps the output out of log, lines and tail, and returns it unmasked: it is a secret.
    pub(crate) fn secret_output(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// Puts the child behind a fence, as far as the kernel keeps one.
    pub(crate) fn fence(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }

    /// Sets how long the child may take to end when asked to.
    #[cfg(test)]
    pub(crate) fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Runs the program to its end.
    pub(crate) fn run(self, host: &Host) -> Result<Output, Error> {
        match self.begin(host, Lines::Drop)? {
            Some(running) => Ok(running.supervise(&mut |_| {})),
            None => Ok(Output::not_started()),
        }
    }

    /// Runs the program to its end, and hands on each line of both streams as it comes.
    pub(crate) fn stream(
        self,
        host: &Host,
        on_line: &mut dyn FnMut(&str),
    ) -> Result<Output, Error> {
        match self.begin(host, Lines::Send)? {
            Some(running) => Ok(running.supervise(on_line)),
            None => Ok(Output::not_started()),
        }
    }

    /// Starts a program that goes on beside the caller, until it ends or the stream of its lines is dropped.
    pub(crate) fn spawn_lines(self, host: &Host) -> Result<LineStream, Error> {
        let program = self.program.clone();
        match self.begin(host, Lines::Send)? {
            Some(running) => {
                LineStream::new(running).map_err(|source| Error::Start { program, source })
            }
            None => Ok(LineStream::ended()),
        }
    }

    /// Announces and starts the program; nothing starts once ccci was asked to end.
    fn begin(self, host: &Host, lines: Lines) -> Result<Option<Running>, Error> {
        if host.interrupt.is_set() {
            return Ok(None);
        }
        let command = host
            .redactor
            .text(&quote::command_line(&self.program, &self.args));
        if let Some(echo) = &host.echo {
            echo(&command);
        }
        if let Some(log) = &self.log {
            log.note(&command);
        }
        let log = self.log.clone();
        let started = start::start(self, host, lines);
        if let (Some(log), Err(error)) = (log, &started) {
            log.note(&format!("not started: {error}"));
        }
        started.map(Some)
    }
}

/// Whether somebody reads lines as they come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// Each line is sent on.
    Send,
    /// Lines are only kept for the tail.
    Drop,
}

#[cfg(test)]
mod tests;
