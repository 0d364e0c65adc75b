//! The gate for child processes: the only place of xtask where one starts.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::repo;

/// What cargo tells xtask of xtask itself. A build script that watches them, as ring's does, would take a build from
/// here for another than one from a shell, and each would build everything above it again.
const ABOUT_XTASK: [&str; 6] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// A child process to start, in the root of the repository unless told otherwise.
pub(crate) struct Cmd(Command);

/// Prepares a call of `program`.
#[expect(clippy::disallowed_methods, reason = "the gate for child processes")]
pub(crate) fn cmd<S: AsRef<OsStr>>(program: S, args: &[&str]) -> Cmd {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(repo::root())
        .stdin(Stdio::null());
    for name in ABOUT_XTASK {
        command.env_remove(name);
    }
    Cmd(command)
}

/// Waits a moment between two looks at something that has no event to wait for.
#[expect(clippy::disallowed_methods, reason = "the only wait of xtask")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

impl Cmd {
    /// Adds one argument.
    pub(crate) fn arg<S: AsRef<OsStr>>(mut self, arg: S) -> Self {
        self.0.arg(arg);
        self
    }

    /// Adds several arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: &[S]) -> Self {
        self.0.args(args);
        self
    }

    /// Adds a variable to the child's environment.
    pub(crate) fn env<S: AsRef<OsStr>>(mut self, name: &str, value: S) -> Self {
        self.0.env(name, value);
        self
    }

    /// Starts the child in `directory`.
    pub(crate) fn dir(mut self, directory: &Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    /// Renders the call as one would type it.
    fn shown(&self) -> String {
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        words
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs it on this terminal; anything but success is an error.
    pub(crate) fn show(mut self) -> Result<()> {
        let status = self
            .0
            .status()
            .with_context(|| format!("failed to start `{}`", self.shown()));
        let status = status?;
        ensure!(status.success(), "`{}` ended with {status}", self.shown());
        Ok(())
    }

    /// Runs it unseen and returns what it printed; anything but success is an error.
    pub(crate) fn read(self) -> Result<String> {
        let shown = self.shown();
        let (success, out, err) = self.try_read()?;
        ensure!(success, "`{shown}` failed: {}", err.trim());
        Ok(out)
    }

    /// Runs it unseen and returns whether it succeeded, its output and its errors.
    pub(crate) fn try_read(mut self) -> Result<(bool, String, String)> {
        let shown = self.shown();
        let output = self
            .0
            .output()
            .with_context(|| format!("failed to start `{shown}`"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        ))
    }

    /// Runs it with both streams appended to the file `log`, each line of stdout also given to `on_line`.
    pub(crate) fn log(mut self, log: &Path, mut on_line: impl FnMut(&str)) -> Result<()> {
        let shown = self.shown();
        let mut file = File::options().create(true).append(true).open(log)?;
        writeln!(file, "$ {shown}")?;
        self.0.stdout(Stdio::piped()).stderr(file.try_clone()?);
        let mut child = self
            .0
            .spawn()
            .with_context(|| format!("failed to start `{shown}`"))?;
        let stdout = child.stdout.take().expect("stdout was set to a pipe");
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            writeln!(file, "{line}")?;
            on_line(&line);
        }
        let status = child.wait()?;
        if !status.success() {
            bail!(
                "`{shown}` ended with {status}\n{}\n  log: {}",
                last_lines(log, 15)?,
                log.display()
            );
        }
        Ok(())
    }

    /// Starts it detached, in a process group of its own, with both streams in the file `log`.
    pub(crate) fn detach(mut self, log: &Path) -> Result<Child> {
        let file = File::create(log)?;
        self.0
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0);
        self.0
            .spawn()
            .with_context(|| format!("failed to start `{}`", self.shown()))
    }
}

/// Returns the end of a log, indented.
pub(crate) fn last_lines(log: &Path, count: usize) -> Result<String> {
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(count)..];
    Ok(tail
        .iter()
        .map(|line| format!("  | {line}"))
        .collect::<Vec<_>>()
        .join("\n"))
}
