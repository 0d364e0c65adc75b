//! How abra is called: its environment, its terminal, its time limit, what its end means.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    answer::{self, Answer},
    listing,
};
use crate::{
    sys::process::{Cmd, Exit, Output, StepLog},
    tool::{app::App, deployer::Error, docker::client},
};

/// Flags of every call: never ask; use no network, so that the recipe's tree stays as it is.
const ALWAYS: [&str; 2] = ["-n", "-o"];

/// Whether a call has a terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Terminal {
    /// It is called as any program, and given a terminal when it asks for one.
    WhenNeeded,
    /// It is known to need one.
    Always,
}

/// One call on behalf of an app.
pub(super) struct Call<'a> {
    /// The app.
    app: &'a App,
    /// What names the command.
    words: &'static [&'static str],
    /// Its own flags, then what they apply to: abra up to 0.9 reads no flag after the first other word.
    args: Vec<OsString>,
    /// How long it may take.
    limit: Duration,
    /// Whether it has a terminal.
    terminal: Terminal,
    /// Where it runs.
    folder: PathBuf,
    /// Where its output goes.
    log: Option<&'a StepLog>,
    /// Its output is a list of secrets.
    is_secret: bool,
    /// A file that it makes, and that it refuses to make again.
    makes: Option<PathBuf>,
}

impl<'a> Call<'a> {
    /// Begins a call.
    pub(super) fn new(app: &'a App, words: &'static [&'static str], limit: Duration) -> Self {
        Self {
            app,
            words,
            args: Vec::new(),
            limit,
            terminal: Terminal::WhenNeeded,
            // A file `abra.yml` where ccci was started must not move abra's directory (R).
            folder: app.folder.clone(),
            log: None,
            is_secret: false,
            makes: None,
        }
    }

    /// Adds a flag, or after the last flag what it is about.
    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Sends the output to a log too.
    pub(super) fn log(mut self, log: Option<&'a StepLog>) -> Self {
        self.log = log;
        self
    }

    /// Gives the call a terminal from the start: it refuses to work without one, or runs a program that does.
    pub(super) fn on_terminal(mut self) -> Self {
        self.terminal = Terminal::Always;
        self
    }

    /// Runs the call in a folder, for what it writes to the current one.
    pub(super) fn in_folder(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    /// Says that the output is a list of secrets: it reaches no log, and its values are masked from then on.
    pub(super) fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// Names a file that the call makes, so that what a first try leaves of it does not stop the second.
    pub(super) fn makes(mut self, path: PathBuf) -> Self {
        self.makes = Some(path).filter(|path| !path.exists());
        self
    }

    /// Makes the call, which must end well.
    pub(super) fn run(&self, program: &Path) -> Result<Output, Error> {
        let output = self.finish(program)?;
        self.check(program, &output)?;
        Ok(output)
    }

    /// Makes the call to its end, whether abra says that it failed or not.
    pub(super) fn finish(&self, program: &Path) -> Result<Output, Error> {
        let output = self.attempt(program, self.terminal)?;
        let again = self.terminal == Terminal::WhenNeeded && Answer::of(&output).wants_terminal();
        if !again {
            return Ok(output);
        }
        if let Some(path) = self.makes.as_ref().filter(|path| path.exists()) {
            fs::remove_file(path).map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?;
        }
        if let Some(log) = self.log {
            log.note("again, with a terminal");
        }
        self.attempt(program, Terminal::Always)
    }

    /// Makes the call once.
    fn attempt(&self, program: &Path, terminal: Terminal) -> Result<Output, Error> {
        let host = self.app.docker.host();
        let output = self.cmd(program, terminal).run(host)?;
        if self.is_secret {
            // Whatever the end: what was made before a failure is a secret as well.
            for value in listing::secrets(&output.stdout_text()).unwrap_or_default() {
                drop(host.redactor.register(&value));
            }
        }
        match output.exit {
            Exit::TimedOut => Err(client::Error::TimedOut {
                doing: format!("let {} end", self.name()),
                limit: self.limit,
            }
            .into()),
            Exit::Interrupted => Err(client::Error::Interrupted.into()),
            Exit::Success | Exit::Code(_) | Exit::Signal(_) => Ok(output),
        }
    }

    /// Returns the command.
    fn cmd(&self, program: &Path, terminal: Terminal) -> Cmd {
        let mut cmd = Cmd::new(program, self.limit)
            .args(self.words)
            .args(ALWAYS)
            .args(&self.args)
            .dir(&self.folder)
            .env("ABRA_DIR", &self.app.folder)
            // R: tables are then printed without a terminal.
            .env("ABRA_CI", "1")
            .env("TERM", "dumb");
        if terminal == Terminal::Always {
            cmd = cmd.pty();
        }
        if self.is_secret {
            cmd = cmd.secret_output();
        }
        match self.log {
            Some(log) => cmd.log(log),
            None => cmd,
        }
    }

    /// Takes an end that is none of success as an error.
    pub(super) fn check(&self, program: &Path, output: &Output) -> Result<(), Error> {
        let Some(said) = Answer::of(output).failure() else {
            return Ok(());
        };
        let said = self.app.docker.host().redactor.text(&said);
        if let Some((name, generated)) = answer::missing_secret(&said) {
            return Err(Error::SecretMissing { name, generated });
        }
        if answer::is_misunderstanding(&said) {
            return Err(broken(program, &format!("{}: {said}", self.name())));
        }
        Err(Error::Tool {
            doing: self.name(),
            said,
        })
    }

    /// Returns the command in words.
    fn name(&self) -> String {
        format!("`abra {}`", self.words.join(" "))
    }
}

/// Makes the error of an abra, or of a file of its, that is not as it should be, which no recipe is to blame for.
pub(super) fn broken(path: &Path, said: &str) -> Error {
    Error::File {
        path: path.to_owned(),
        source: io::Error::other(said.to_owned()),
    }
}
