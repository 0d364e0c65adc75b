//! A world of its own for one test: home, state, recipe, names on the swarm.
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
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::repository::git;

/// The recipe: a page from a volume; its number is all that a release changes.
const COMPOSE: &str = r#"version: "3.8"
services:
  app:
    image: busybox:1.35.0
    command: ["sh", "-c", "echo well > /data/index.html; exec httpd -f -p 80 -h /data"]
    environment:
      - RELEASE=@RELEASE@
    networks:
      - proxy
    volumes:
      - data:/data
    deploy:
      update_config:
        monitor: 500ms
      labels:
        - "traefik.enable=true"
        - "traefik.http.services.${STACK_NAME}.loadbalancer.server.port=80"
        - "traefik.http.routers.${STACK_NAME}.rule=Host(`${DOMAIN}`)"
        - "coop-cloud.${STACK_NAME}.version=@RELEASE@"
networks:
  proxy:
    external: true
volumes:
  data:
"#;
/// What the recipe's apps are configured by.
const ENV_SAMPLE: &str = "TYPE=tiny\n\nDOMAIN=tiny.example.com\nCOMPOSE_FILE=\"compose.yml\"\n";
/// How each kind is listed, and by which of its columns it is known.
const KINDS: [(&str, &[&str]); 6] = [
    ("service", &["service", "ls", "--format", "{{.Name}}"]),
    (
        "container",
        &[
            "ps",
            "--all",
            "--format",
            "{{.Names}} {{.Label \"com.docker.stack.namespace\"}}",
        ],
    ),
    ("network", &["network", "ls", "--format", "{{.Name}}"]),
    ("secret", &["secret", "ls", "--format", "{{.Name}}"]),
    ("config", &["config", "ls", "--format", "{{.Name}}"]),
    ("volume", &["volume", "ls", "--format", "{{.Name}}"]),
];

/// A test's own world; dropped, it takes along all that it left.
pub(crate) struct World {
    /// Everything that the test has on disk.
    root: TempDir,
    /// A word in each name that the test has on the swarm.
    marker: String,
}

/// How a call ended.
#[must_use = "what a call printed has to be judged"]
pub(crate) struct Ended {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

impl Ended {
    /// Asserts the exit code and returns what people read.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self.stderr
    }
}

impl World {
    /// Makes a world around a recipe with two releases.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let marker = format!("r{:08x}", RandomState::new().hash_one(0) & 0xffff_ffff);
        let world = Self { root, marker };
        for folder in ["home", "state", "tmp", "work/tiny", "kept/tiny"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        let checkout = world.path("work/tiny");
        git(&checkout, &["init", "--quiet", "--initial-branch=main"]);
        fs::write(checkout.join(".env.sample"), ENV_SAMPLE).unwrap();
        for release in ["0.1.0+1.35.0", "0.2.0+1.35.0"] {
            let compose = COMPOSE.replace("@RELEASE@", release);
            fs::write(checkout.join("compose.yml"), compose).unwrap();
            git(&checkout, &["add", "--all"]);
            git(&checkout, &["commit", "--quiet", "--message", release]);
            git(
                &checkout,
                &["tag", "--annotate", "--message", release, release],
            );
        }
        world
    }

    /// Returns a path of this world.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Returns the domain below which this world's apps live.
    pub(crate) fn base_domain(&self) -> String {
        format!("{}.test", self.marker)
    }

    /// Begins a call of `ccci` with nothing of our environment in it but the search path.
    pub(crate) fn ccci(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccci"));
        command.args(args).env_clear();
        command.current_dir(self.path("work")).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        for (name, folder) in [
            ("HOME", "home"),
            ("TMPDIR", "tmp"),
            ("CCCI_STATE_DIR", "state"),
            ("CCCI_TESTS_DIR", "kept"),
        ] {
            command.env(name, self.path(folder));
        }
        command
            .env("LANG", "C.UTF-8")
            .env("CCCI_DEPLOYER", "docker");
        command.env("CCCI_INGRESS", "direct");
        command.env("CCCI_BASE_DOMAIN", self.base_domain());
        command
    }

    /// Begins a test of the recipe's checkout.
    pub(crate) fn test(&self, stages: &str) -> Command {
        self.ccci(&["test", "./tiny", "--stages", stages])
    }

    /// Begins the janitor, or a teardown, of a host that has neither abra nor the recipe.
    pub(crate) fn bare(&self, args: &[&str]) -> Command {
        let mut command = self.ccci(args);
        command.current_dir(self.path("home"));
        command
            .env("CCCI_ABRA", "/nowhere/abra")
            .env_remove("CCCI_DEPLOYER");
        command
    }

    /// Lets the custom test say that it is there and wait for a word.
    pub(crate) fn hold_in_custom(&self) {
        for fifo in ["reached", "go"] {
            run(Command::new("mkfifo").arg(self.path(fifo)));
        }
        let (reached, go) = (self.path("reached"), self.path("go"));
        let text = format!(
            "#!/bin/sh\necho up > {}\nread word < {}\n",
            reached.display(),
            go.display()
        );
        let path = self.path("kept/tiny/test_hold.sh");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Lets a container that is not of the app hold its volume before the custom test says that it is there.
    pub(crate) fn hold_volume_in_custom(&self) -> String {
        let holder = format!("{}-holder", self.marker);
        let path = self.path("kept/tiny/test_hold.sh");
        let text = fs::read_to_string(&path).unwrap();
        let hold = format!(
            "#!/bin/sh\ndocker run --detach --name {holder} --volume ${{CCCI_STACK}}_data:/held busybox:1.35.0 sleep 600\n"
        );
        fs::write(&path, text.replace("#!/bin/sh\n", &hold)).unwrap();
        holder
    }

    /// Waits until the custom test is there.
    pub(crate) fn wait_for_custom(&self) {
        assert_eq!(fs::read_to_string(self.path("reached")).unwrap(), "up\n");
    }

    /// Lets the custom test end.
    pub(crate) fn let_go(&self) {
        fs::write(self.path("go"), "on\n").unwrap();
    }

    /// Waits until nobody holds the lock of the world's only app.
    pub(crate) fn wait_for_free_lock(&self) {
        let entries = fs::read_dir(self.path("state/locks")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut locks = paths.filter(|path| path.extension().is_some_and(|end| end == "lock"));
        run(Command::new("flock").arg(locks.next().unwrap()).arg("true"));
    }

    /// Makes a volume of an app below the base domain, and returns its name.
    pub(crate) fn volume_of(&self, label: &str) -> String {
        let stack = format!("{label}_{}", self.base_domain().replace('.', "_"));
        let mark = format!("com.docker.stack.namespace={stack}");
        let name = format!("{stack}_data");
        docker(&["volume", "create", "--label", &mark, &name]);
        name
    }

    /// Puts a program between `ccci` and docker that counts the calls; returns it and its list.
    pub(crate) fn counting_docker(&self) -> (PathBuf, PathBuf) {
        let (program, calls) = (self.path("docker"), self.path("calls"));
        let text = format!(
            "#!/bin/sh\necho \"$*\" >> {}\nexec docker \"$@\"\n",
            calls.display()
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        (program, calls)
    }

    /// Returns every object on the swarm that belongs to this world, as `volume x`.
    pub(crate) fn objects(&self) -> Vec<String> {
        let of_kind = |(kind, list): &(&str, &[&str])| {
            let listed = docker(list);
            let ours = listed.lines().filter(|line| line.contains(&self.marker));
            let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
            ours.map(|line| format!("{kind} {}", name(line)))
                .collect::<Vec<_>>()
        };
        KINDS.iter().flat_map(of_kind).collect()
    }

    /// Returns the ids of all runs.
    pub(crate) fn runs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("state/runs")) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.len() == 5).collect()
    }

    /// Asserts that nothing of a killed run is left: no object, no process, no working folder, no lock of its leader.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.objects(), Vec::<String>::new());
        for run in self.runs() {
            assert_eq!(marked(&run), Vec::<String>::new());
            let entry = self.path("state/runs").join(&run);
            for folder in ["abra", "backups", "work", "scratch"] {
                assert!(!entry.join(folder).exists(), "{folder} of {run} is left");
            }
            let leader = self.path("state/locks").join(format!("{run}.leader"));
            assert!(!leader.exists(), "{}", leader.display());
        }
    }

    /// Begins to listen for what the engine does to services of this world.
    pub(crate) fn events(&self) -> Events {
        let since = docker(&["info", "--format", "{{.SystemTime}}"]);
        let mut command = Command::new("docker");
        command.args(["events", "--filter=type=service", "--since", since.trim()]);
        command.args(["--format", "{{.Action}} {{.Actor.Attributes.name}}"]);
        let mut program = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(program.stdout.take().unwrap());
        Events {
            program,
            lines,
            marker: self.marker.clone(),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let left = self.objects();
        for (kind, _) in KINDS {
            let names = left
                .iter()
                .filter_map(|object| object.strip_prefix(kind)?.strip_prefix(' '));
            for name in names {
                // What goes by itself in the meantime is gone as well.
                let args: &[&str] = match kind {
                    "container" => &["rm", "--force", name],
                    _ => &[kind, "rm", name],
                };
                drop(Command::new("docker").args(args).output());
            }
        }
        if !std::thread::panicking() {
            assert_eq!(left, Vec::<String>::new(), "left behind on the swarm");
        }
    }
}

/// What the engine does to services.
pub(crate) struct Events {
    /// The program that tells.
    program: Child,
    /// Its lines.
    lines: BufReader<ChildStdout>,
    /// The word in the names of this world.
    marker: String,
}

impl Events {
    /// Waits until a service of this world has been created or updated.
    pub(crate) fn wait_for(&mut self, action: &str) {
        let mut line = String::new();
        while !(line.starts_with(action) && line.contains(&self.marker)) {
            line.clear();
            assert!(
                self.lines.read_line(&mut line).unwrap() > 0,
                "no `{action}`"
            );
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}

/// Runs `ccci` to its end.
pub(crate) fn end(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Starts `ccci` with nobody who reads what it prints.
pub(crate) fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Starts `ccci` and keeps what it prints.
pub(crate) fn start_heard(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Interrupts a `ccci` as a person does.
pub(crate) fn interrupt(ccci: &Child) {
    kill_process(Pid::from_child(ccci), Signal::INT).unwrap();
}

/// Kills a `ccci` as nothing can be caught.
pub(crate) fn kill(mut ccci: Child) {
    ccci.kill().unwrap();
    ccci.wait().unwrap();
}

/// Runs docker; it has to succeed.
pub(crate) fn docker(args: &[&str]) -> String {
    run(Command::new("docker").args(args))
}

/// Returns the names of living processes that carry a run's mark.
pub(crate) fn marked(run: &str) -> Vec<String> {
    let mark = format!("CCCI_RUN_MARK={run}");
    let entries = fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let carries = |path: &PathBuf| {
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|one| one == mark.as_bytes())
    };
    let name = |path: PathBuf| fs::read_to_string(path.join("comm")).unwrap_or_default();
    entries.filter(carries).map(name).collect()
}

/// Runs a program; it has to succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
