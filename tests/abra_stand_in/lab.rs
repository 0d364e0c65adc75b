//! One app of one tiny recipe with its own `ABRA_DIR`, which removes all its traces when dropped.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it tests"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

/// The older of the recipe's releases.
pub(crate) const OLD: &str = "0.1.0+1.35.0";
/// The newer of the recipe's releases.
pub(crate) const NEW: &str = "0.2.0+1.35.0";

/// How long nothing may turn up before the lab is believed to be empty.
const QUIET: Duration = Duration::from_secs(2);

/// What a call printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// The standard output.
    pub(crate) stdout: String,
    /// The standard error.
    pub(crate) stderr: String,
}

impl Ended {
    /// Asserts success and returns the standard output.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// Asserts the end that abra has for every fatal error, with a text in it.
    #[track_caller]
    pub(crate) fn fatal(&self, text: &str) {
        assert_eq!(self.code, Some(1), "{self:?}");
        let found = self
            .stderr
            .lines()
            .any(|line| line.starts_with("FATA ") && line.contains(text));
        assert!(found, "no FATA line with `{text}`: {self:?}");
    }
}

/// A directory tree of abra with one recipe, and the names of one app.
pub(crate) struct Lab {
    directory: TempDir,
    /// The app's domain.
    pub(crate) domain: String,
    /// The app's stack.
    pub(crate) stack: String,
}

impl Lab {
    /// Makes the tree and the recipe; the name keeps tests apart on the swarm.
    pub(crate) fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let domain = format!("{name}-{}.standin.test", std::process::id());
        let lab = Self {
            directory,
            stack: domain.replace('.', "_"),
            domain,
        };
        std::fs::create_dir_all(lab.path("servers/default")).unwrap();
        std::fs::create_dir_all(lab.recipe()).unwrap();
        lab.git(&["init", "--quiet", "--initial-branch=main"]);
        lab.write("recipes/tiny/entry.conf", "listen\n");
        lab.write("recipes/tiny/abra.sh", include_str!("tiny/abra.sh"));
        lab.write("recipes/tiny/.env.sample", include_str!("tiny/env.sample"));
        for version in [OLD, NEW] {
            let compose = include_str!("tiny/compose.yml").replace("@VERSION@", version);
            lab.write("recipes/tiny/compose.yml", &compose);
            lab.commit(version);
            lab.git(&["tag", "--annotate", version, "--message", version]);
        }
        lab
    }

    /// Runs the stand-in without a terminal.
    pub(crate) fn abra(&self, args: &[&str]) -> Ended {
        run(self.command(args).stdin(Stdio::null()))
    }

    /// Runs the stand-in with git told to find the home of all recipes in a directory.
    pub(crate) fn abra_with_home(&self, home: &Path, args: &[&str]) -> Ended {
        let key = format!("url.{}/.insteadOf", home.display());
        let mut command = self.command(args);
        command
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", key);
        command.env(
            "GIT_CONFIG_VALUE_0",
            "https://git.coopcloud.tech/coop-cloud/",
        );
        run(command.stdin(Stdio::null()))
    }

    /// Runs the stand-in without a terminal, but where tables are printed all the same.
    pub(crate) fn abra_ci(&self, args: &[&str]) -> Ended {
        run(self.command(args).stdin(Stdio::null()).env("ABRA_CI", "1"))
    }

    /// Runs the stand-in with a terminal for its standard input and output.
    pub(crate) fn abra_tty(&self, args: &[&str]) -> Ended {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = PathBuf::from(ptsname(&master, Vec::new()).unwrap().into_string().unwrap());
        let slave = std::fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        let mut command = self.command(args);
        command
            .stdin(slave.try_clone().unwrap())
            .stdout(slave)
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        // Our own ends of the terminal have to go, or its end of file never comes.
        drop(command);
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // A terminal whose other side is closed ends with an error.
            let _ended = std::fs::File::from(master).read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
        });
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code(),
            stdout: reader.join().unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Makes the app with its secrets, all of them.
    pub(crate) fn with_app(self) -> Self {
        self.abra(&[
            "app",
            "new",
            "-n",
            "-S",
            "-D",
            &self.domain,
            "-s",
            "default",
            "tiny",
        ])
        .ok();
        self.abra(&[
            "app",
            "secret",
            "insert",
            "-n",
            &self.domain,
            "given",
            "v1",
            "handed",
        ])
        .ok();
        self
    }

    /// Runs docker; it has to succeed.
    pub(crate) fn docker(args: &[&str]) -> String {
        let ended = run(Command::new("docker").args(args).stdin(Stdio::null()));
        ended.ok().trim_end().to_owned()
    }

    /// Runs git in the recipe; it has to succeed.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=lab", "-c", "user.email=lab@standin.test"]);
        run(command.arg("-C").arg(self.recipe()).args(args))
            .ok()
            .trim_end()
            .to_owned()
    }

    /// Commits all changes of the recipe.
    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Writes a file below `ABRA_DIR`.
    pub(crate) fn write(&self, path: &str, text: &str) {
        std::fs::write(self.path(path), text).unwrap();
    }

    /// Returns a path below `ABRA_DIR`.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// Returns the recipe's tree.
    pub(crate) fn recipe(&self) -> PathBuf {
        self.path("recipes/tiny")
    }

    /// Returns the path of the app's `.env` below `ABRA_DIR`.
    pub(crate) fn env_path(&self) -> String {
        format!("servers/default/{}.env", self.domain)
    }

    /// Returns the app's `.env`.
    pub(crate) fn env(&self) -> String {
        std::fs::read_to_string(self.path(&self.env_path())).unwrap()
    }

    /// Replaces text of the app's `.env`.
    pub(crate) fn edit_env(&self, from: &str, to: &str) {
        let text = self.env();
        assert!(text.contains(from), "no `{from}` in {text}");
        self.write(&self.env_path(), &text.replace(from, to));
    }

    /// Returns a label of the service `app`, by its key below `coop-cloud.<stack>.`.
    pub(crate) fn label(&self, key: &str) -> Option<String> {
        let service = format!("{}_app", self.stack);
        let labels = Self::docker(&[
            "service",
            "inspect",
            &service,
            "--format={{json .Spec.Labels}}",
        ]);
        let labels: serde_json::Value = serde_json::from_str(&labels).unwrap();
        labels[format!("coop-cloud.{}.{key}", self.stack)]
            .as_str()
            .map(str::to_owned)
    }

    /// Runs a shell line in the app's container and returns what it printed.
    pub(crate) fn sh(&self, line: &str) -> String {
        self.abra(&[
            "app",
            "run",
            "-t",
            &self.domain,
            "app",
            "--",
            "sh",
            "-c",
            line,
        ])
        .ok()
    }

    /// Returns the names of the stack's objects of one kind.
    pub(crate) fn objects(&self, kind: &str) -> Vec<String> {
        let filter = format!("label=com.docker.stack.namespace={}", self.stack);
        let ids = Self::docker(&[kind, "ls", "--quiet", "--filter", &filter]);
        ids.lines().map(str::to_owned).collect()
    }

    /// Returns the stack's secrets, which carry no label.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let names = Self::docker(&["secret", "ls", "--format", "{{.Name}}"]);
        let names = names
            .lines()
            .filter(|name| name.starts_with(&format!("{}_", self.stack)));
        names.map(str::to_owned).collect()
    }

    /// Returns a call of the stand-in with nothing of our environment but what it needs.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_abra-stand-in"));
        command
            .args(args)
            .current_dir(self.directory.path())
            .env_remove("ABRA_CI");
        command
            .env_remove("ABRA_STAND_IN_REPOSITORY")
            .env("ABRA_DIR", self.directory.path());
        command
    }
}

impl Lab {
    /// Removes all that is listed of the lab's stack; tells whether nothing was.
    fn clear(&self) -> bool {
        let filter = format!("label=com.docker.stack.namespace={}", self.stack);
        let containers = Self::docker(&["ps", "--all", "--quiet", "--filter", &filter]);
        let containers: Vec<String> = containers.lines().map(str::to_owned).collect();
        let services = self.objects("service");
        remove(&["service", "rm"], &services);
        remove(&["rm", "--force", "--volumes"], &containers);
        let rest = self.left();
        for kind in ["network", "config", "volume"] {
            remove(&[kind, "rm"], &self.objects(kind));
        }
        remove(&["secret", "rm"], &self.secrets());
        services.is_empty() && containers.is_empty() && rest.is_empty()
    }

    /// Lists what lasts of the lab's stack.
    fn left(&self) -> Vec<String> {
        let kinds = ["network", "config", "volume"].into_iter();
        let objects = kinds.flat_map(|kind| self.objects(kind));
        objects.chain(self.secrets()).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // A task that is starting while its service is removed makes its volume a moment later.
        let mut quiet = None;
        wait_until(|| {
            if !self.clear() {
                quiet = None;
                return false;
            }
            quiet.get_or_insert_with(Instant::now).elapsed() > QUIET
        });
        // A test that fails already must not abort all others on top.
        if !std::thread::panicking() {
            assert_eq!(
                self.left(),
                Vec::<String>::new(),
                "left behind by {}",
                self.stack
            );
        }
    }
}

/// Asks again until it is so, for 30 seconds at most, and returns whether it came to be so.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match is_so() {
            true => return true,
            false if Instant::now() > deadline => return false,
            false => {}
        }
    }
}

/// Removes objects; what goes on its own in the meantime is gone as well.
fn remove(verb: &[&str], names: &[String]) {
    if !names.is_empty() {
        run(Command::new("docker").args(verb).args(names));
    }
}

/// Runs a command to its end.
fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Returns the paths in a gzipped tar file, with the content of each.
pub(crate) fn unpack(path: &Path) -> Vec<(String, String)> {
    let file = flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap());
    let mut archive = tar::Archive::new(file);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (entry.path().unwrap().display().to_string(), text)
    });
    entries.collect()
}
