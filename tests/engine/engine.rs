//! A Docker engine of one test: a second dockerd in namespaces of its own, which end all that it started.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it needs"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    cell::{Cell, RefCell},
    fs,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::SystemTime,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The images of the fixtures.
const IMAGES: [&str; 2] = ["busybox:1.35.0", "busybox:1.35.1"];
/// How many seconds the engine may take to obey before the test gives up on it.
const PATIENCE: &str = "120";
/// Where the kernel shows control groups.
const CGROUPS: &str = "/sys/fs/cgroup";
/// What each kind of object is listed by.
const KINDS: [(&str, &[&str]); 6] = [
    ("service", &["service", "ls", "--format", "{{.Name}}"]),
    ("container", &["ps", "--all", "--format", "{{.Names}}"]),
    ("network", &["network", "ls", "--format", "{{.Name}}"]),
    ("secret", &["secret", "ls", "--format", "{{.Name}}"]),
    ("config", &["config", "ls", "--format", "{{.Name}}"]),
    ("volume", &["volume", "ls", "--format", "{{.Name}}"]),
];

/// An engine; dropped, it takes along every process, mount and namespace of it, and asserts that it did.
pub(crate) struct Engine {
    /// Everything that it has on disk.
    root: TempDir,
    /// The control group of its containers.
    cgroup: String,
    /// The program that made the namespaces; it ends when the last process in them has ended.
    outside: Child,
    /// The first process inside, which takes all others along; its number outside.
    first: Pid,
    /// The network namespace, as the kernel numbers it.
    namespace: u64,
    /// When it was started last.
    booted: Cell<SystemTime>,
    /// A shell inside: what it is told, and what it answers.
    shell: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Engine {
    /// Starts an engine with a swarm of its own and the network `proxy`.
    pub(crate) fn start() -> Self {
        let engine = Self::without_swarm();
        engine.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);
        engine.make_proxy(&[]);
        engine
    }

    /// Starts an engine with the images of the fixtures and without a swarm.
    pub(crate) fn without_swarm() -> Self {
        let root = tempfile::tempdir().unwrap();
        let name = RandomState::new().hash_one(0) & 0xffff_ffff;
        let errors = fs::File::create(root.path().join("shell.log")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--net", "--pid", "--mount", "--fork", "--mount-proc", "sh"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut outside = command.stderr(errors).spawn().unwrap();
        let shell = (
            outside.stdin.take().unwrap(),
            BufReader::new(outside.stdout.take().unwrap()),
        );
        let mut engine = Self {
            root,
            cgroup: format!("ccci-engine-{name:08x}"),
            first: Pid::from_child(&outside),
            outside,
            namespace: 0,
            booted: Cell::new(SystemTime::now()),
            shell: RefCell::new(shell),
        };
        engine.tell("ip link set lo up");
        engine.find_first();
        engine.boot();
        engine.load_images();
        engine
    }

    /// Finds the first process of the namespaces, and the number of that of the network.
    fn find_first(&mut self) {
        let outside = self.outside.id();
        let children = format!("/proc/{outside}/task/{outside}/children");
        let children = fs::read_to_string(children).unwrap();
        self.first = Pid::from_raw(children.trim().parse().unwrap()).unwrap();
        self.namespace = fs::metadata(self.network()).unwrap().ino();
        let ours = fs::metadata("/proc/self/ns/net").unwrap().ino();
        assert_ne!(
            self.namespace, ours,
            "the engine has no namespace of its own"
        );
    }

    /// Returns the file of the network namespace.
    pub(crate) fn network(&self) -> PathBuf {
        let first = self.first.as_raw_nonzero();
        format!("/proc/{first}/ns/net").into()
    }

    /// Returns a path of this engine.
    fn path(&self, path: &str) -> String {
        let path = self.root.path().join(path);
        path.into_os_string().into_string().unwrap()
    }

    /// Returns when it was started last.
    pub(crate) fn booted(&self) -> SystemTime {
        self.booted.get()
    }

    /// Returns where clients find the engine.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.path("sock"))
    }

    /// Lets the shell inside run a line, and returns what that printed.
    fn tell(&self, line: &str) -> String {
        let (stdin, stdout) = &mut *self.shell.borrow_mut();
        writeln!(stdin, "{line}\necho \"; $?\"").unwrap();
        let mut said = String::new();
        loop {
            let mut answer = String::new();
            let length = stdout.read_line(&mut answer).unwrap();
            assert_ne!(length, 0, "the shell ended at `{line}`");
            match answer.strip_prefix("; ") {
                Some(code) => {
                    assert_eq!(code.trim(), "0", "`{line}` said {said}\n{}", self.log());
                    return said;
                }
                None => said.push_str(&answer),
            }
        }
    }

    /// Starts dockerd and waits until it answers; after a kill the first start may end by itself.
    pub(crate) fn boot(&self) {
        self.booted.set(SystemTime::now());
        fs::write(self.path("daemon.json"), "{}").unwrap();
        let driver = shared(&["info", "--format", "{{.Driver}}"]);
        let (cgroup, log, host) = (&self.cgroup, self.path("log"), self.host());
        let flags = format!(
            "--config-file {} --data-root {} --exec-root {} --pidfile {} --host {host} \
             --storage-driver {driver} --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent /{cgroup}",
            self.path("daemon.json"),
            self.path("data"),
            self.path("exec"),
            self.path("pid"),
        );
        let answers = format!("docker --host {host} info >/dev/null 2>&1");
        self.tell(&format!(
            "for try in 1 2 3; do TMPDIR={} dockerd {flags} >> {log} 2>&1 & pid=$!\n\
             while kill -0 $pid && ! {answers}; do sleep 0.1; done; kill -0 $pid && break; done",
            self.path(""),
        ));
    }

    /// Brings the images over from the shared engine.
    fn load_images(&self) {
        let mut save = Command::new("docker");
        let mut save = save
            .arg("save")
            .args(IMAGES)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut load = Command::new("docker");
        load.args(["--host", &self.host(), "load"]);
        run(load.stdin(save.stdout.take().unwrap()));
        assert!(save.wait().unwrap().success());
    }

    /// Makes the network that apps share, with further flags.
    pub(crate) fn make_proxy(&self, flags: &[&str]) {
        let create = ["network", "create", "--driver", "overlay", "--attachable"];
        let args: Vec<&str> = create.iter().chain(flags).copied().collect();
        self.docker(&[&args[..], &["proxy"]].concat());
    }

    /// Gives the machine of the engine one more interface with an address, as `one` and `10.9.1.2/24`.
    pub(crate) fn add_address(&self, interface: &str, address: &str) {
        self.tell(&format!(
            "ip link add {interface} type veth peer name {interface}-end &&\n\
             ip address add {address} dev {interface} &&\n\
             ip link set {interface} up && ip link set {interface}-end up"
        ));
    }

    /// Kills dockerd as a crash would; the kernel ends containerd with it, for which the next start would wait.
    pub(crate) fn kill(&self) {
        let containerd = self.path("exec/containerd/containerd.pid");
        self.tell(&format!(
            "kill -KILL $pid; wait $pid; while kill -0 $(cat {containerd}); do sleep 0.1; done"
        ));
    }

    /// Ends dockerd as an administrator would.
    pub(crate) fn stop(&self) {
        self.tell("kill -TERM $pid; wait $pid; true");
    }

    /// Lets dockerd stand still: it accepts and never answers.
    pub(crate) fn freeze(&self) {
        self.tell("kill -STOP $pid");
    }

    /// Lets dockerd go on.
    pub(crate) fn thaw(&self) {
        self.tell("kill -CONT $pid");
    }

    /// Asks the engine from outside; it has to obey, in a time in which it always can.
    pub(crate) fn docker(&self, args: &[&str]) -> String {
        let mut command = Command::new("timeout");
        command.args([PATIENCE, "docker", "--host", &self.host()]);
        run(command.args(args))
    }

    /// Returns every object, as `volume x`; without a swarm there are none of its kinds.
    pub(crate) fn objects(&self) -> Vec<String> {
        let of_kind = |(kind, list): &(&str, &[&str])| {
            let listed = self.docker(list);
            let named = listed.lines().map(|name| format!("{kind} {name}"));
            named.collect::<Vec<_>>()
        };
        let managed = self.docker(&["info", "--format", "{{.Swarm.ControlAvailable}}"]);
        let kinds = KINDS.iter().filter(|(kind, _)| {
            managed.trim() == "true" || !["service", "secret", "config"].contains(kind)
        });
        let mut objects: Vec<_> = kinds.flat_map(of_kind).collect();
        // Swarm makes it for itself, with the first container that needs it.
        objects.retain(|object| object != "network docker_gwbridge");
        objects.sort();
        objects
    }

    /// Returns the end of what dockerd said.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Returns what is left of the engine: processes in its namespace, mounts, control groups.
    fn left(&self) -> Vec<String> {
        let processes = fs::read_dir("/proc")
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let is_inside = |path: &PathBuf| {
            let namespace = fs::metadata(path.join("ns/net"));
            namespace.is_ok_and(|namespace| namespace.ino() == self.namespace)
        };
        let name = |path: PathBuf| fs::read_to_string(path.join("comm")).unwrap_or_default();
        let mut left: Vec<_> = processes.filter(is_inside).map(name).collect();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let root = self.path("");
        left.extend(
            mounts
                .lines()
                .filter(|line| line.contains(&root))
                .map(str::to_owned),
        );
        left.extend(
            self.groups()
                .iter()
                .map(|group| group.display().to_string()),
        );
        left
    }

    /// Returns the folders of its control group.
    fn groups(&self) -> Vec<PathBuf> {
        let hierarchies = fs::read_dir(CGROUPS)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let all = hierarchies.chain([CGROUPS.into()]);
        let groups = all.map(|hierarchy| hierarchy.join(&self.cgroup));
        groups.filter(|group| group.is_dir()).collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The kernel ends all others with the first, and lets nobody wait for it before they are gone.
        kill_process(self.first, Signal::KILL).ok();
        let ended = self.outside.wait();
        for group in self.groups() {
            remove_group(&group);
        }
        if !std::thread::panicking() {
            ended.unwrap();
            assert_eq!(
                self.left(),
                Vec::<String>::new(),
                "left behind of an engine"
            );
        }
    }
}

/// Removes a control group without processes, those below it first.
fn remove_group(group: &Path) {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    let folders = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    folders.for_each(|folder| remove_group(&folder));
    // What stays is found by who asks what is left.
    fs::remove_dir(group).ok();
}

/// Asks the shared engine, which is not changed.
fn shared(args: &[&str]) -> String {
    run(Command::new("docker").args(args)).trim().to_owned()
}

/// Runs a program; it has to succeed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
