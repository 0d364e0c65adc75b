//! The one gate to the machine: child processes, the environment, terminals and the pause between two looks.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::fatal::{Fatal, Result};

/// One call of another program.
#[derive(Clone, Copy, Default)]
pub(crate) struct Call<'a> {
    /// The program's name, looked up on `PATH`.
    pub(crate) program: &'a str,
    /// Its arguments.
    pub(crate) args: &'a [&'a str],
    /// The directory it runs in, else ours.
    pub(crate) directory: Option<&'a Path>,
    /// Its whole environment, else ours.
    pub(crate) environment: Option<&'a [(String, String)]>,
    /// What it reads, else nothing.
    pub(crate) input: Option<&'a [u8]>,
}

/// How a call ended.
pub(crate) struct Ended {
    /// Whether it exited with 0.
    pub(crate) success: bool,
    /// All of its standard output.
    pub(crate) stdout: Vec<u8>,
    /// All of its standard error, trimmed.
    pub(crate) stderr: String,
}

impl Ended {
    /// Returns the standard output as text without the last newline.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }

    /// Returns the standard output, or a fatal error with what the program said.
    pub(crate) fn ok(self, what: &str) -> Result<Self> {
        if self.success {
            Ok(self)
        } else {
            Err(Fatal(format!("{what}: {}", self.stderr)))
        }
    }
}

/// Runs a call to its end and gathers both streams.
pub(crate) fn run(call: Call<'_>) -> Result<Ended> {
    let mut command = command(call);
    command.stdin(if call.input.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = || Fatal::during(format!("running {}", call.program));
    let mut child = command.spawn().map_err(failed())?;
    let stdin = child.stdin.take();
    // A thread feeds the child, because it may answer before it has read everything.
    let output = std::thread::scope(|scope| {
        if let (Some(mut stdin), Some(input)) = (stdin, call.input) {
            // A child that ends early breaks the pipe; its exit status tells the reason.
            scope.spawn(move || stdin.write_all(input).ok());
        }
        child.wait_with_output()
    })
    .map_err(failed())?;
    Ok(Ended {
        success: output.status.success(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Runs a call with our own three streams and returns whether it succeeded.
pub(crate) fn attach(call: Call<'_>) -> Result<bool> {
    let status = command(call)
        .status()
        .map_err(Fatal::during(format!("running {}", call.program)))?;
    Ok(status.success())
}

/// Returns a variable of the environment, empty ones taken as unset.
#[expect(
    clippy::disallowed_methods,
    reason = "the stand-in's only reader of the environment"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Waits for half a second before the next look at the swarm.
#[expect(clippy::disallowed_methods, reason = "the stand-in's only pause")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(500));
}

/// Returns whether the standard input is a terminal.
pub(crate) fn stdin_is_terminal() -> bool {
    rustix::termios::isatty(std::io::stdin())
}

/// Returns whether the standard output is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    rustix::termios::isatty(std::io::stdout())
}

/// Returns the command of a call, its streams not yet set.
#[expect(
    clippy::disallowed_methods,
    reason = "the stand-in's only starter of children"
)]
fn command(call: Call<'_>) -> Command {
    let mut command = Command::new(call.program);
    command.args(call.args.iter().map(OsStr::new));
    if let Some(directory) = call.directory {
        command.current_dir(directory);
    }
    if let Some(environment) = call.environment {
        command
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)));
    }
    command
}
