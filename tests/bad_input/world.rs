//! A world of its own for one test, in which every program that `ccci` may call notes that it was called.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the program that it tests"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// The programs that `ccci` calls, each with the variable that names it.
const PROGRAMS: [(&str, &str); 5] = [
    ("docker", "CCCI_DOCKER"),
    ("git", "CCCI_GIT"),
    ("abra", "CCCI_ABRA"),
    ("pytest", "CCCI_PYTEST"),
    ("hurl", "CCCI_HURL"),
];
/// An engine that answers questions and has nothing on its swarm.
///
/// The real swarm would answer too, but it does not tell who asked for what.
const EMPTY_SWARM: &str = r#"version	{"Client":{"Version":"28.2.2"},"Server":{"Version":"28.2.2"}}
info	{"DockerRootDir":"/","Swarm":{"LocalNodeState":"active","ControlAvailable":true}}
network ls --no-trunc --format json --filter	{"ID":"n1","Name":"proxy","Scope":"swarm"}
network ls	{"ID":NETWORK ID}
service ls	{"ID":ID}
ps	{"ID":CONTAINER ID}
volume ls	{"Name":VOLUME NAME}
secret ls	{"ID":ID}
config ls	{"ID":ID}
"#;
/// What docker makes of the recipe's compose file, on a line as its answers are.
const STACK: &str =
    "stack config\t{\"version\":\"3.8\",\"services\":{\"app\":{\"image\":\"x:1\"}}}\n";

/// A test's own world.
pub(crate) struct World {
    /// Everything that the test has on disk.
    root: TempDir,
    /// Variables beside those that every call gets.
    variables: Vec<(&'static str, OsString)>,
}

/// How many effects a refusal may have had.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Allowed {
    /// None: no program was called, no directory made.
    Nothing,
    /// The recipe and the swarm may have been read.
    Reading,
}

impl World {
    /// Makes a world with a recipe in it, the directory `tiny`.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let variables = Vec::new();
        let world = Self { root, variables };
        for folder in ["bin", "home/.config/ccci", "tmp", "work/tiny"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        for (program, _) in PROGRAMS {
            let scripted = env!("CARGO_BIN_EXE_scripted");
            symlink(scripted, world.path("bin").join(program)).unwrap();
        }
        world.write(
            "work/tiny/compose.yml",
            "services:\n  app:\n    image: x:1\n",
        );
        world.write(
            "work/tiny/.env.sample",
            "TYPE=tiny\nDOMAIN=tiny.example.com\n",
        );
        world
    }

    /// Makes a world whose recipe can be read: with the real git, and an engine that answers questions.
    pub(crate) fn readable() -> Self {
        let world = Self::new();
        fs::remove_file(world.path("bin/git")).unwrap();
        let git = find("git");
        symlink(git, world.path("bin/git")).unwrap();
        world.write("bin/docker.answers", EMPTY_SWARM);
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.git(&["add", "--all"]);
        world.git(&["commit", "--quiet", "--message", "begin"]);
        world
    }

    /// Makes a world whose recipe can be planned: the engine renders it too.
    pub(crate) fn plannable() -> Self {
        let world = Self::readable();
        world.write("bin/docker.answers", format!("{EMPTY_SWARM}{STACK}"));
        world
    }

    /// Sets a variable for all calls that follow.
    pub(crate) fn set(&mut self, name: &'static str, value: impl AsRef<OsStr>) {
        self.variables.push((name, value.as_ref().to_owned()));
    }

    /// Returns a path of this world.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes the person's configuration, with a mode.
    pub(crate) fn configure(&self, text: impl AsRef<[u8]>, mode: u32) {
        let path = self.write("home/.config/ccci/config.toml", text);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Runs git in the recipe with nobody's configuration; it has to succeed.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.path("work/tiny")).args(args);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "x");
            command.env(format!("GIT_{role}_EMAIL"), "x@example.com");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Calls `ccci`.
    pub(crate) fn call(&self, args: &[impl AsRef<OsStr>]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccci"));
        command.args(args).env_clear().stdin(Stdio::null());
        command.current_dir(self.path("work"));
        command.env("LANG", "C.UTF-8").env("PATH", self.path("bin"));
        command.env("HOME", self.path("home"));
        command.env("TMPDIR", self.path("tmp"));
        command.env("CCCI_STATE_DIR", self.path("state"));
        command.env("CCCI_DEPLOYER", "docker");
        command.env("CCCI_INGRESS", "direct");
        for (program, variable) in PROGRAMS {
            command.env(variable, self.path("bin").join(program));
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.output().unwrap()
    }

    /// Returns the calls of other programs, a line each.
    pub(crate) fn calls(&self) -> String {
        fs::read_to_string(self.path("bin/calls")).unwrap_or_default()
    }

    /// Asserts that a call is refused before any effect, and returns what people read.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[impl AsRef<OsStr>], code: i32) -> String {
        self.check(&self.call(args), code, Allowed::Nothing)
    }

    /// Asserts that a call is refused after the recipe was read, and returns what people read.
    #[track_caller]
    pub(crate) fn refused_after_reading(&self, args: &[&str], code: i32) -> String {
        self.check(&self.call(args), code, Allowed::Reading)
    }

    /// Asserts that a call is refused before any effect with one message for programs too, and returns its code and text.
    #[track_caller]
    pub(crate) fn refused_in_json(&self, args: &[&str], code: i32) -> (String, String) {
        let mut output = self.call(args);
        let printed = String::from_utf8(std::mem::take(&mut output.stdout)).unwrap();
        self.check(&output, code, Allowed::Nothing);
        let message: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(printed.lines().count(), 1, "{printed}");
        assert_eq!(message["reason"], "diagnostic", "{printed}");
        let part = |name: &str| message["trouble"][name].as_str().unwrap().to_owned();
        (part("code"), part("message"))
    }

    /// Judges a refusal.
    #[track_caller]
    fn check(&self, output: &Output, code: i32, allowed: Allowed) -> String {
        let said = std::str::from_utf8(&output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(output.stdout, b"", "standard output is for results");
        let errors = said.lines().filter(|line| line.starts_with("error: "));
        assert_eq!(errors.count(), 1, "{said}");
        for word in ["panicked", "internal error", "backtrace", "src/"] {
            assert!(!said.contains(word), "{said}");
        }
        let is_raw = |c: char| c.is_control() && c != '\n';
        assert!(!said.contains(is_raw), "{said:?}");
        let calls = self.calls();
        match allowed {
            Allowed::Nothing => {
                assert_eq!(calls, "");
                assert!(!self.path("state").exists(), "{said}");
            }
            Allowed::Reading => {
                for word in ["FAIL", "BROKEN", "SKIP", "install"] {
                    assert!(!said.contains(word), "a stage is blamed: {said}");
                }
                for folder in ["runs", "tombstones"] {
                    let made = fs::read_dir(self.path("state").join(folder));
                    assert_eq!(made.map_or(0, Iterator::count), 0, "in {folder}: {said}");
                }
                let asked = |line: &str| {
                    let answers = EMPTY_SWARM.lines().chain(STACK.lines());
                    let mut begins = answers.filter_map(|line| line.split_once('\t'));
                    let args = line.strip_prefix("docker ").unwrap();
                    begins.any(|(begin, _)| args.starts_with(begin))
                };
                assert!(calls.lines().all(asked), "{calls}");
            }
        }
        assert_eq!(fs::read_dir(self.path("tmp")).unwrap().count(), 0);
        said.to_owned()
    }
}

/// Finds a program on the path of whoever runs the tests.
fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(program));
    found.find(|path| Path::is_file(path)).unwrap()
}
