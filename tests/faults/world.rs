//! A world of its own for one test: home, state, recipe, names on the swarm, and tools that obey orders.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it tests"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    collections::BTreeMap,
    fs,
    hash::{BuildHasher, RandomState},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use ccci::model::report::RunReport;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{ended::Ended, repository::git};

/// How each kind is listed, and what of each object holds its names.
const KINDS: [(&str, &[&str], &str); 6] = [
    ("service", &["service", "ls"], "{{.Name}}"),
    (
        "container",
        &["ps", "--all", "--no-trunc"],
        "{{.ID}} {{.Names}} {{.Label \"com.docker.stack.namespace\"}}",
    ),
    ("network", &["network", "ls"], "{{.Name}}"),
    ("secret", &["secret", "ls"], "{{.Name}}"),
    ("config", &["config", "ls"], "{{.Name}}"),
    ("volume", &["volume", "ls"], "{{.Name}}"),
];

/// A test's own world; dropped, it takes along all that it left.
pub(crate) struct World {
    /// Everything that the test has on disk.
    root: TempDir,
    /// A word in each name that the test has on the swarm, and in nobody else's.
    marker: String,
}

impl World {
    /// Makes a world around a recipe with two releases and a docker that works.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let marker = format!("f{:08x}", RandomState::new().hash_one(0) & 0xffff_ffff);
        let world = Self { root, marker };
        for folder in ["bin", "home", "state", "tmp", "work/plain", "kept/plain"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        world.write_recipe();
        world.put("docker", &json!([]));
        world
    }

    /// Makes a world in which the stand-in of abra deploys, with a docker that obeys as well.
    pub(crate) fn with_abra() -> Self {
        let world = Self::new();
        world.put("abra", &json!([]));
        fs::create_dir(world.path("search")).unwrap();
        // The stand-in takes docker from the search path, which tells a program no more than its name.
        let text = format!(
            "#!/bin/sh\nexec {} \"$@\"\n",
            world.path("bin/docker").display()
        );
        write_program(&world.path("search/docker"), &text);
        world
    }

    /// Puts a tool in the place of the real one.
    pub(crate) fn put(&self, tool: &str, rules: &Value) {
        let link = self.path("bin").join(tool);
        symlink(env!("CARGO_BIN_EXE_ccci-faulty"), link).unwrap();
        self.obey(tool, rules);
    }

    /// Writes the fixture as a repository with a commit and a tag for each release.
    fn write_recipe(&self) {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recipes");
        let checkout = self.path("work/plain");
        git(&checkout, &["init", "--quiet", "--initial-branch=main"]);
        let sample = fs::read_to_string(fixtures.join("common/.env.sample")).unwrap();
        let sample = sample.replace("@RECIPE@", "plain");
        fs::write(checkout.join(".env.sample"), sample).unwrap();
        for release in ["0.1.0+1.35.0", "0.2.0+1.35.1"] {
            let compose = fixtures.join("plain").join(release).join("compose.yml");
            fs::copy(compose, checkout.join("compose.yml")).unwrap();
            git(&checkout, &["add", "--all"]);
            git(&checkout, &["commit", "--quiet", "--message", release]);
            let tag = ["tag", "--annotate", "--message", release, release];
            git(&checkout, &tag);
        }
    }

    /// Returns the word in all names that the world has on the swarm.
    pub(crate) fn marker(&self) -> &str {
        &self.marker
    }

    /// Returns a path of this world.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Lets docker do what rules say to single calls, counted from now on, and else what it does.
    pub(crate) fn docker_obeys(&self, rules: &Value) {
        self.obey("docker", rules);
    }

    /// Lets a tool do what rules say to single calls, counted from now on, and else what it does.
    pub(crate) fn obey(&self, tool: &str, rules: &Value) {
        let real = match tool {
            "abra" => env!("CARGO_BIN_EXE_abra-stand-in").into(),
            _ => real(tool),
        };
        let orders = json!({"real": real, "rules": rules});
        let at = |end: &str| self.path("bin").join(format!("{tool}.{end}"));
        fs::write(at("calls"), "").unwrap();
        fs::write(at("environments"), "").unwrap();
        fs::write(at("json"), orders.to_string()).unwrap();
    }

    /// Returns the environments of a tool's calls since it got its orders.
    pub(crate) fn environments(&self, tool: &str) -> Vec<BTreeMap<String, String>> {
        let path = self.path("bin").join(format!("{tool}.environments"));
        let text = fs::read_to_string(path).unwrap();
        let all = text.lines().map(|line| serde_json::from_str(line).unwrap());
        all.collect()
    }

    /// Changes the work tree's compose file, and commits nothing.
    pub(crate) fn edit_compose(&self, from: &str, to: &str) {
        let path = self.path("work/plain/compose.yml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "no `{from}` in {text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// Returns the calls of docker since it got its orders, each as its words.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(self.path("bin/docker.calls")).unwrap();
        let calls = text.lines().map(|line| serde_json::from_str(line).unwrap());
        calls.collect()
    }

    /// Begins a call of `ccci` with nothing of our environment in it but the search path.
    pub(crate) fn ccci(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccci"));
        command.args(args).env_clear();
        command.current_dir(self.path("work")).stdin(Stdio::null());
        let search = std::env::var_os("PATH").unwrap();
        let folders = std::env::split_paths(&search);
        let folders = std::iter::once(self.path("search")).chain(folders);
        command.env("PATH", std::env::join_paths(folders).unwrap());
        for (tool, name) in [("abra", "CCCI_ABRA"), ("git", "CCCI_GIT")] {
            let link = self.path("bin").join(tool);
            if link.exists() {
                command.env(name, link);
            }
        }
        for (name, path) in [
            ("HOME", "home"),
            ("TMPDIR", "tmp"),
            ("CCCI_STATE_DIR", "state"),
            ("CCCI_TESTS_DIR", "kept"),
            ("CCCI_DOCKER", "bin/docker"),
        ] {
            command.env(name, self.path(path));
        }
        command.env("LANG", "C.UTF-8");
        let has_abra = self.path("bin/abra").exists();
        let deployer = if has_abra { "abra" } else { "docker" };
        command.env("CCCI_DEPLOYER", deployer);
        command.env("CCCI_INGRESS", "direct");
        command.env("CCCI_BASE_DOMAIN", format!("{}.test", self.marker));
        command
    }

    /// Begins a test of the recipe's work tree.
    pub(crate) fn test(&self, stages: &str) -> Command {
        self.ccci(&["test", "./plain", "--stages", stages])
    }

    /// Runs a call to its end.
    #[must_use = "what a call printed has to be judged"]
    pub(crate) fn end(&self, mut command: Command) -> Ended {
        let output = command.output().unwrap();
        Ended::new(output, self.last_report())
    }

    /// Starts a call whose output nobody reads before its end.
    pub(crate) fn start(mut command: Command) -> Child {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Waits for the end of a call that was started.
    #[must_use = "what a call printed has to be judged"]
    pub(crate) fn wait(&self, child: Child) -> Ended {
        Ended::new(child.wait_with_output().unwrap(), self.last_report())
    }

    /// Returns the report of the youngest run.
    pub(crate) fn last_report(&self) -> Option<RunReport> {
        let path = self.path("state/runs/latest/report.json");
        let text = fs::read_to_string(path).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    /// Lets the custom test say that it is there and wait for a word.
    pub(crate) fn hold_in_custom(&self) {
        self.make_pipes(["reached", "go"]);
        let (reached, go) = (self.path("reached"), self.path("go"));
        let text = format!(
            "#!/bin/sh\necho up > {}\nread word < {}\n",
            reached.display(),
            go.display()
        );
        self.keep_program("test_hold.sh", &text);
    }

    /// Makes pipes by which others are waited for.
    pub(crate) fn make_pipes<const N: usize>(&self, names: [&str; N]) {
        for name in names {
            run(Command::new("mkfifo").arg(self.path(name)));
        }
    }

    /// Keeps a test or a hook for the recipe.
    pub(crate) fn keep_program(&self, name: &str, text: &str) {
        write_program(&self.path("kept/plain").join(name), text);
    }

    /// Waits until the custom test is there.
    pub(crate) fn wait_for_custom(&self) {
        assert_eq!(fs::read_to_string(self.path("reached")).unwrap(), "up\n");
    }

    /// Lets the custom test end, and takes it away.
    pub(crate) fn let_go(&self) {
        fs::write(self.path("go"), "on\n").unwrap();
        fs::remove_file(self.path("kept/plain/test_hold.sh")).unwrap();
    }

    /// Returns every object on the swarm that belongs to this world, as `volume x`, asked of the real docker.
    pub(crate) fn objects(&self) -> Vec<String> {
        let of_kind = |(kind, list, format): &(&str, &[&str], &str)| {
            let listed = run(Command::new("docker")
                .args(*list)
                .args(["--format", format]));
            let ours = listed.lines().filter(|line| line.contains(&self.marker));
            let first = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
            ours.map(|line| format!("{kind} {}", first(line)))
                .collect::<Vec<_>>()
        };
        KINDS.iter().flat_map(of_kind).collect()
    }

    /// Asserts that no process of any run is left.
    #[track_caller]
    pub(crate) fn assert_no_process(&self) {
        for run in self.runs() {
            assert_eq!(marked(&run), Vec::<String>::new());
        }
    }

    /// Returns the ids of all runs.
    pub(crate) fn runs(&self) -> Vec<String> {
        let runs = fs::read_dir(self.path("state/runs")).into_iter().flatten();
        let names = runs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "latest").collect()
    }

    /// Asserts that nothing of any run is left: no object, no process, no working folder, no temporary file.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.objects(), Vec::<String>::new());
        self.assert_no_process();
        let temporary: Vec<_> = fs::read_dir(self.path("tmp")).unwrap().collect();
        assert!(temporary.is_empty(), "{temporary:?}");
        for run in self.runs() {
            for folder in ["abra", "backups", "work", "scratch"] {
                let left = self.path("state/runs").join(&run).join(folder);
                assert!(!left.exists(), "{} is left", left.display());
            }
        }
    }

    /// Asserts that nothing is left, and that the same test passes once docker works again.
    #[track_caller]
    pub(crate) fn assert_clean_and_usable(&self) {
        self.assert_clean();
        self.docker_obeys(&json!([]));
        self.end(self.test("install")).exits(0).said("install pass");
        self.assert_clean();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let left = self.objects();
        for object in &left {
            let (kind, name) = object.split_once(' ').unwrap();
            let args: &[&str] = match kind {
                "container" => &["rm", "--force", "--volumes", name],
                _ => &[kind, "rm", name],
            };
            // What goes by itself in the meantime is gone as well.
            drop(Command::new("docker").args(args).output());
        }
        if !std::thread::panicking() {
            assert_eq!(left, Vec::<String>::new(), "left behind on the swarm");
        }
    }
}

/// Returns where a program is on the search path.
pub(crate) fn real(program: &str) -> PathBuf {
    let search = std::env::var_os("PATH").unwrap();
    let mut paths = std::env::split_paths(&search).map(|folder| folder.join(program));
    paths.find(|path| path.is_file()).unwrap()
}

/// Returns the names of living processes that carry a run's mark.
fn marked(run: &str) -> Vec<String> {
    let mark = format!("CCCI_RUN_MARK={run}");
    let entries = fs::read_dir("/proc").unwrap();
    let carries = |path: &PathBuf| {
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|one| one == mark.as_bytes())
    };
    let paths = entries.map(|entry| entry.unwrap().path()).filter(carries);
    let name = |path: PathBuf| fs::read_to_string(path.join("comm")).unwrap_or_default();
    paths.map(name).collect()
}

/// Writes a file that can be run.
fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the real docker; it has to succeed.
pub(crate) fn docker(args: &[&str]) -> String {
    run(Command::new("docker").args(args))
}

/// Runs a program; it has to succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
