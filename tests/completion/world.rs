//! A home directory with kept tests, checkouts of abra, runs, and folders of people who mean no good.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it tests"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// The root of this repository.
pub(crate) const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// Folders of a checkout that a shell must not be given as they are.
const HOSTILE: [&str; 7] = [
    "zeal$(touch pwned)",
    "zeal`touch pwned`",
    "zeal;touch pwned",
    "zeal\ntouch pwned",
    "zeal\u{1b}[2J",
    "zeal*",
    "--zeal",
];

/// The home directory.
pub(crate) struct World {
    /// All of it.
    root: TempDir,
}

impl World {
    /// Makes one.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let world = Self { root };
        for folder in ["bin", "work/zealous", "state"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_ccci"), world.path("bin/ccci")).unwrap();
        for name in HOSTILE {
            fs::create_dir_all(world.path("work").join(name)).unwrap();
        }
        let tests = [
            (
                "wordpress/functional/test_login.py",
                "def test_opens():\n    pass\n",
            ),
            ("nextcloud/recipe.toml", ""),
            ("n8n/recipe.toml", ""),
        ];
        for (path, text) in tests {
            world.write(&format!("recipes-tests/{path}"), text);
        }
        for tag in ["1.9.0+6.4", "1.10.0+6.5"] {
            let path = format!(".abra/recipes/wordpress/.git/refs/tags/{tag}");
            world.write(&path, "");
        }
        world.write(".abra/recipes/gitea/compose.yml", "");
        let catalogue = r#"{"n8n": {}, "mattermost": {}, "wordpress": {}}"#;
        world.write(".abra/catalogue/recipes.json", catalogue);
        world.run("k7m2q", "wordpress");
        world
    }

    /// Returns a path in it.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes what is looked at of a run.
    pub(crate) fn run(&self, id: &str, recipe: &str) {
        let event = format!("{{\"recipe\":\"{recipe}\",\"ts\":\"2026-01-01T00:00:00Z\"}}\n");
        self.write(&format!("state/runs/{id}/events.jsonl"), &event);
    }

    /// Prepares a program in it; it knows of nothing else.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.root.path())
            .env("LC_ALL", "C.UTF-8")
            .env("CCCI_TESTS_DIR", self.path("recipes-tests"))
            .env("CCCI_STATE_DIR", self.path("state"))
            .current_dir(self.path("work"));
        command
    }

    /// Asks as fish does, the last word being completed; returns the words that are offered.
    pub(crate) fn offered(&self, words: &[&str]) -> Vec<String> {
        let mut ccci = self.command("ccci");
        ccci.env("COMPLETE", "fish")
            .args(["--", "ccci"])
            .args(words);
        let output = ccci.output().unwrap();
        assert_silent(&output);
        let text = String::from_utf8(output.stdout).unwrap();
        let word = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        text.lines().map(word).collect()
    }
}

/// Asserts that a call succeeded and said nothing that a person would see.
#[track_caller]
pub(crate) fn assert_silent(output: &Output) {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{}", output.status);
}

/// Returns the path of a shell's program.
#[track_caller]
pub(crate) fn shell(name: &str) -> String {
    let path = format!("/usr/bin/{name}");
    let is_there = Path::new(&path).exists();
    assert!(
        is_there,
        "{path} is missing; `cargo xtask test` installs it"
    );
    path
}

/// Returns a script of this repository, as a package installs it.
pub(crate) fn packaged(name: &str) -> String {
    fs::read_to_string(Path::new(REPOSITORY).join("completions").join(name)).unwrap()
}
