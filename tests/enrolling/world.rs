//! A directory of its own for one test, with recipes, tests that are kept, and records of runs.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the program that it tests"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A test's own world.
pub(crate) struct World {
    /// Everything that the test has on disk.
    root: TempDir,
}

/// What one call left.
#[derive(Debug)]
pub(crate) struct Called {
    /// The exit code.
    pub(crate) code: i32,
    /// What was printed for programs.
    pub(crate) stdout: String,
    /// What was printed for people.
    pub(crate) stderr: String,
}

impl World {
    /// Makes a world with nothing in it.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["home", "tmp", "here", "state"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        Self { root }
    }

    /// Returns a path of this world.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Writes a file with its folders.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a recipe `here/<recipe>/` that is no repository.
    pub(crate) fn write_recipe(&self, recipe: &str, compose: &str, sample: &str) {
        let head =
            format!("TYPE={recipe}\nDOMAIN={recipe}.example.com\nLETS_ENCRYPT_ENV=production\n");
        self.write(&format!("here/{recipe}/compose.yml"), compose);
        self.write(&format!("here/{recipe}/.env.sample"), &(head + sample));
    }

    /// Puts something in the place of pytest that can be found and is never run.
    pub(crate) fn have_pytest(&self) {
        self.write("bin/pytest", "#!/bin/sh\nexit 1\n");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path("bin/pytest"), mode).unwrap();
    }

    /// Returns the names of what a folder holds, sorted; none where there is no such folder.
    pub(crate) fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
            .into_iter()
            .map(|name| name.into_string().unwrap())
            .collect()
    }

    /// Runs a program of the system on a file, which has to succeed.
    pub(crate) fn check_with(&self, program: &str, args: &[&str], path: &str) {
        let output = Command::new(program)
            .args(args)
            .arg(self.path(path))
            .output()
            .unwrap();
        assert!(output.status.success(), "{path}: {output:?}");
    }

    /// Makes a call of `ccci` in `here/`, to be changed further.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccci"));
        command.args(args).env_clear();
        command.current_dir(self.path("here"));
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.path("home"));
        command.env("TMPDIR", self.path("tmp"));
        command.env("LANG", "C.UTF-8");
        command.env("CCCI_STATE_DIR", self.path("state"));
        command.env("CCCI_PYTEST", self.path("bin/pytest"));
        command.env("CCCI_DEPLOYER", "docker");
        command.env("CCCI_INGRESS", "direct");
        command
    }

    /// Makes a call of a shell in the place of `ccci`, with a line that somebody typed.
    pub(crate) fn shell(&self, line: &str) -> Command {
        let ccci = self.command(&[]);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", line])
            .env_clear()
            .current_dir(self.path("here"));
        let set = ccci
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        shell.envs(set);
        shell
    }

    /// Runs `ccci` to its end, without a terminal.
    pub(crate) fn ccci(&self, args: &[&str]) -> Called {
        self.call(&mut self.command(args))
    }

    /// Runs a call to its end, without a terminal; this world's path is shown as `$ROOT`.
    pub(crate) fn call(&self, command: &mut Command) -> Called {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(shown(self.root.path()), "$ROOT")
        };
        let called = Called {
            code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!called.stderr.contains("panicked"), "{called:?}");
        called
    }
}

/// Returns a path as text.
fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}
