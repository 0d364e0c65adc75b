//! Runs the hooks of an app that others require: what such a hook prints to be given is a secret until it is read.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::Path,
    time::Duration,
};

use tempfile::TempDir;

use super::runner::Error;
use crate::sys::process::{Cmd, Host, Output, StepLog};

/// A hook with what it gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProviderHook<'a> {
    /// The folder of its tests, in which it runs.
    pub(crate) root: &'a Path,
    /// Where it is, from there.
    pub(crate) path: &'a str,
    /// What it sees of both apps.
    pub(crate) env: &'a [(OsString, OsString)],
    /// Where its temporary directory is made.
    pub(crate) scratch: &'a Path,
    /// The time it may take.
    pub(crate) limit: Duration,
}

impl ProviderHook<'_> {
    /// Runs it for what it prints, which is shown and logged nowhere.
    pub(crate) fn ask(&self, host: &Host) -> Result<Output, Error> {
        self.run(host, Cmd::secret_output)
    }

    /// Runs it for what it does.
    pub(crate) fn tell(&self, host: &Host, log: Option<&StepLog>) -> Result<Output, Error> {
        self.run(host, |cmd| match log {
            Some(log) => cmd.log(log),
            None => cmd,
        })
    }

    /// Runs it in a temporary directory of its own, which is its home too.
    fn run(&self, host: &Host, set: impl FnOnce(Cmd) -> Cmd) -> Result<Output, Error> {
        let unwritable = |source| Error::Scratch {
            path: self.scratch.to_owned(),
            source,
        };
        let scratch = directory(self.scratch).map_err(unwritable)?;
        let own: [(&OsStr, &OsStr); 2] =
            ["HOME", "TMPDIR"].map(|name| (OsStr::new(name), scratch.path().as_os_str()));
        let given = self.env.iter();
        let given = given.map(|(key, value)| (key.as_os_str(), value.as_os_str()));
        let cmd = Cmd::new(self.root.join(self.path), self.limit).dir(self.root);
        let cmd = own
            .into_iter()
            .chain(given)
            .fold(cmd, |cmd, (key, value)| cmd.env(key, value));
        set(cmd).run(host).map_err(|source| Error::Process {
            path: self.path.to_owned(),
            source,
        })
    }
}

/// Makes a temporary directory below a folder, and that folder if need be.
fn directory(parent: &Path) -> io::Result<TempDir> {
    std::fs::create_dir_all(parent)?;
    tempfile::Builder::new().prefix("hook-").tempdir_in(parent)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::sys::{
        interrupt::Interrupt,
        process::{Exit, script::write_script},
        redact::Redactor,
    };

    /// Runs a hook of these lines, with a log.
    fn run(lines: &str, ask: bool) -> (Output, String) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("hook.sh");
        write_script(&path, lines);
        let host = Host {
            redactor: Redactor::default(),
            interrupt: Interrupt::never(),
            base_env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            inherit: None,
            echo: None,
        };
        let scratch = root.path().join("scratch");
        let hook = ProviderHook {
            root: root.path(),
            path: "hook.sh",
            env: &[("NAME".into(), "shop-0a1b2c".into())],
            scratch: &scratch,
            limit: Duration::from_secs(20),
        };
        let log = StepLog::create(&root.path().join("log"), &host.redactor).unwrap();
        let output = if ask {
            hook.ask(&host)
        } else {
            hook.tell(&host, Some(&log))
        };
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
        let log = fs::read_to_string(root.path().join("log")).unwrap();
        (output.unwrap(), log)
    }

    #[test]
    fn what_a_hook_prints_to_be_given_is_returned_and_logged_nowhere() {
        let (output, log) = run("printf '%s %s' \"$NAME\" \"$(pwd)\"; echo oops >&2", true);
        let text = output.stdout_text();
        assert!(text.starts_with("shop-0a1b2c /"), "{text}");
        assert_eq!(
            (output.stderr_text().as_str(), output.tail(9).as_str()),
            ("oops\n", "")
        );
        assert_eq!(log, "");
    }

    #[test]
    fn what_a_hook_does_is_logged_and_its_end_is_returned() {
        let (output, log) = run(
            "echo undone; test -d \"$TMPDIR\" -a \"$HOME\" = \"$TMPDIR\" && exit 3",
            false,
        );
        assert_eq!(output.exit, Exit::Code(3));
        assert!(log.contains("undone"), "{log}");
    }
}
