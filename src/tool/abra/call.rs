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
    ///
    /// Offline, abra should leave the recipe's tree alone; that it did is checked, since it does check out the version
    /// that the `.env` pins where it sees fit, and the next deploy would then be of that one.
    pub(super) fn finish(&self, program: &Path) -> Result<Output, Error> {
        let checkout = self.app.checkout();
        let before = head(&checkout)?;
        let output = self.with_terminal_if_needed(program)?;
        if Answer::of(&output).failure().is_none() && head(&checkout)? != before {
            let said = format!("{} checked out another commit", self.name());
            return Err(broken(&checkout, &said));
        }
        Ok(output)
    }

    /// Makes the call, again with a terminal when it fails for want of one.
    fn with_terminal_if_needed(&self, program: &Path) -> Result<Output, Error> {
        let output = self.attempt(program, self.terminal)?;
        if self.terminal == Terminal::Always || !Answer::of(&output).wants_terminal() {
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
        let error = match output.exit {
            Exit::Success | Exit::Code(_) => return Ok(output),
            Exit::Signal(_) => return Err(broken(program, &output.exit.to_string())),
            Exit::TimedOut => client::Error::TimedOut {
                doing: format!("let {} end", self.name()),
                limit: self.limit,
            },
            Exit::Interrupted => client::Error::Interrupted,
        };
        let is_late = host.interrupt.signal().is_none();
        match Answer::of(&output).question().filter(|_| is_late) {
            Some(question) => {
                let question = host.redactor.text(&question);
                let said = format!("{} asked `{question}` and waited", self.name());
                Err(broken(program, &said))
            }
            None => Err(error.into()),
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
    Error::Broken {
        path: path.to_owned(),
        said: said.to_owned(),
    }
}

/// Returns what a checkout's `HEAD` says.
fn head(checkout: &Path) -> Result<String, Error> {
    let git = checkout.join(".git");
    let read = || -> io::Result<String> {
        if git.is_dir() {
            return fs::read_to_string(git.join("HEAD"));
        }
        // A work tree beside its repository has a file there that names the place.
        let link = fs::read_to_string(&git)?;
        let place = link.trim().strip_prefix("gitdir:").unwrap_or_default();
        fs::read_to_string(checkout.join(place.trim()).join("HEAD"))
    };
    read().map_err(|source| Error::File {
        path: git.clone(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sys::{interrupt::Interrupt, process::Host, redact::Redactor},
        tool::docker::client::Docker,
    };

    /// Stands for abra: the shell takes the first word of a call as the script to run.
    const SHELL: &str = "/bin/sh";
    const LIMIT: Duration = Duration::from_secs(20);

    fn app_with(folder: &Path, script: &str) -> App {
        let host = Host {
            redactor: Redactor::default(),
            interrupt: Interrupt::never(),
            base_env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            inherit: None,
            echo: None,
        };
        let domain: crate::model::app::AppDomain = "a.test".parse().unwrap();
        let app = App {
            recipe: "tiny".parse().unwrap(),
            stack: domain.stack(),
            domain,
            folder: folder.to_owned(),
            backups: folder.join("backups"),
            docker: Docker::new(Path::new("docker"), &host),
            git: "git".into(),
        };
        fs::create_dir_all(app.checkout().join(".git")).unwrap();
        fs::write(app.checkout().join(".git/HEAD"), "0a1b\n").unwrap();
        fs::write(folder.join("app"), script).unwrap();
        app
    }

    fn call(app: &App) -> Call<'_> {
        Call::new(app, &["app", "verb"], LIMIT)
    }

    #[test]
    fn flags_stand_before_the_other_words_and_the_environment_is_abras() {
        let folder = tempfile::tempdir().unwrap();
        let app = app_with(folder.path(), "echo $* $ABRA_DIR $ABRA_CI $TERM; pwd; cat");
        let output = call(&app).arg("-C").arg("a.test").run(Path::new(SHELL));
        let place = folder.path().display();
        assert_eq!(
            output.unwrap().stdout_text(),
            format!("verb -n -o -C a.test {place} 1 dumb\n{place}\n")
        );
    }

    #[test]
    fn a_call_that_wants_a_terminal_gets_one_after_its_traces_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let script = "test -e made && echo FATA exists >&2 && exit 1\n\
            touch made\n\
            test -t 0 || { echo FATA inappropriate ioctl for device >&2; exit 1; }\n\
            echo once\n";
        let app = app_with(folder.path(), script);
        let made = folder.path().join("made");
        let output = call(&app).makes(made).run(Path::new(SHELL)).unwrap();
        assert_eq!(output.stdout_text(), "once\n");
    }

    #[test]
    fn a_fatal_line_is_an_error_and_a_missing_secret_one_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let fails = |script: &str| {
            let app = app_with(folder.path(), script);
            call(&app).run(Path::new(SHELL)).unwrap_err()
        };
        let error = fails("echo FATA deploy failed >&2");
        assert_eq!(error.to_string(), "`abra app verb` failed: deploy failed");
        let error = fails("echo FATA secret not generated: key >&2; exit 1");
        assert!(matches!(
            error,
            Error::SecretMissing {
                generated: true,
                ..
            }
        ));
        let error = fails("echo FATA unknown flag: --x >&2; exit 1");
        assert!(matches!(error, Error::Broken { .. }));
        let error = fails("echo FATA boom >&2; kill -SEGV $$");
        assert!(matches!(error, Error::Broken { said, .. } if said == "ended by signal 11"));
    }

    #[test]
    fn a_value_made_before_a_failure_is_masked_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let script = r#"echo '[{"name":"key","value":"hunter2hunter2"}]'
            echo FATA could not store hunter2hunter2 >&2; exit 1"#;
        let app = app_with(folder.path(), script);
        let error = call(&app).secret().run(Path::new(SHELL)).unwrap_err();
        assert!(error.to_string().contains("could not store"));
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_call_that_moves_the_checkout_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let app = app_with(folder.path(), "echo 2c3d > recipes/tiny/.git/HEAD");
        let error = call(&app).run(Path::new(SHELL)).unwrap_err();
        assert!(matches!(error, Error::Broken { path, .. } if path == app.checkout()));
    }

    #[test]
    fn the_head_of_a_plain_and_of_a_linked_checkout_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        fs::create_dir_all(plain.join(".git/worktrees/linked")).unwrap();
        fs::write(plain.join(".git/HEAD"), "0a1b\n").unwrap();
        assert_eq!(head(&plain).unwrap(), "0a1b\n");
        let linked = folder.path().join("linked");
        fs::create_dir(&linked).unwrap();
        fs::write(plain.join(".git/worktrees/linked/HEAD"), "2c3d\n").unwrap();
        fs::write(
            linked.join(".git"),
            "gitdir: ../plain/.git/worktrees/linked\n",
        )
        .unwrap();
        assert_eq!(head(&linked).unwrap(), "2c3d\n");
        assert!(head(folder.path()).is_err());
    }
}
