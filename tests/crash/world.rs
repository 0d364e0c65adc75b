//! Where runs are killed: a base domain of its own, and below it work trees and state directories.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it tests, with the search path alone"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::RwLock,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{docker, processes, processes::Journal, repository};

/// Which deployer a run uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deployer {
    /// Docker alone.
    Docker,
    /// The stand-in of abra.
    Abra,
}

/// Held by the one for itself and by the others together: a crowd of runs leaves no processor to anybody.
pub(crate) static TURNS: RwLock<()> = RwLock::new(());

/// A world; dropped, it takes along all that it left on the swarm.
pub(crate) struct World {
    /// Everything that it has on disk.
    root: TempDir,
    /// A word that is part of each name that it has on the swarm.
    pub(crate) marker: String,
}

/// A work tree of a recipe, and where the state of its runs is.
#[derive(Clone)]
pub(crate) struct Site {
    /// The work tree, as an argument.
    pub(crate) target: String,
    /// The state directory.
    pub(crate) state: PathBuf,
}

impl World {
    /// Makes a world whose custom stage has a test for these recipes.
    pub(crate) fn new(recipes: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let marker = format!("k{:08x}", RandomState::new().hash_one(0) & 0xffff_ffff);
        let world = Self { root, marker };
        for folder in ["home", "tmp", "work", "bin"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_abra-stand-in"), world.path("bin/abra")).unwrap();
        for recipe in recipes {
            let folder = world.path("kept").join(recipe);
            fs::create_dir_all(&folder).unwrap();
            let test = folder.join("test_custom_nothing.sh");
            fs::write(&test, "#!/bin/sh\nexit 0\n").unwrap();
            fs::set_permissions(&test, fs::Permissions::from_mode(0o755)).unwrap();
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

    /// Makes a work tree of an example, with a state of its own.
    pub(crate) fn example(&self, example: &str, name: &str) -> Site {
        let site = self.site(example, name, &format!("state-{name}"));
        repository::copy_example(example, &self.path("work").join(&site.target));
        site
    }

    /// Makes a work tree of a fixture, with the state that all of them share.
    pub(crate) fn fixture(&self, fixture: &str, name: &str) -> Site {
        let site = self.site(fixture, name, "state");
        let checkout = self.path("work").join(&site.target);
        repository::write(fixture, "registry.invalid", &checkout);
        site
    }

    /// Makes the folders of a site: each work tree has a path, and so a domain, of its own.
    fn site(&self, recipe: &str, name: &str, state: &str) -> Site {
        fs::create_dir(self.path("work").join(name)).unwrap();
        let state = self.path(state);
        fs::create_dir_all(&state).unwrap();
        Site {
            target: format!("./{name}/{recipe}"),
            state,
        }
    }

    /// Begins a call of `ccci test` with nobody who reads what it prints.
    pub(crate) fn test(&self, site: &Site, deployer: Deployer) -> Command {
        self.begin(site, deployer, &["test", &site.target])
    }

    /// Begins a call about a site with nobody who reads what it prints.
    pub(crate) fn begin(&self, site: &Site, deployer: Deployer, args: &[&str]) -> Command {
        let mut command = self.ccci(&site.state);
        command.args(args);
        command.env(
            "CCCI_DEPLOYER",
            match deployer {
                Deployer::Docker => "docker",
                Deployer::Abra => "abra",
            },
        );
        command.env("CCCI_ABRA", self.path("bin/abra"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Begins a call of `ccci test` that is killed once it has asked for a call of docker, by its number.
    pub(crate) fn doomed_test(&self, site: &Site, deployer: Deployer, call: usize) -> Command {
        let mut test = self.test(site, deployer);
        Self::doom(&mut test, site, call);
        test
    }

    /// Lets a call be killed once it has asked for a call of docker, by its number.
    pub(crate) fn doom(command: &mut Command, site: &Site, call: usize) {
        let rule = json!({"call": call, "signals": [9]});
        command.env("CCCI_DOCKER", deadly(&site.state, &[rule]));
    }

    /// Writes a file among the tests kept for a recipe.
    pub(crate) fn keep(&self, recipe: &str, path: &str, text: &str, mode: u32) {
        let path = self.path("kept").join(recipe).join(path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Lets the janitor look after a state directory; returns its exit code and what it said.
    pub(crate) fn reap(&self, state: &Path) -> (Option<i32>, String) {
        self.call(state, &["janitor"])
    }

    /// Makes a call that needs docker alone; returns its exit code and what it said.
    pub(crate) fn call(&self, state: &Path, args: &[&str]) -> (Option<i32>, String) {
        let mut command = self.ccci(state);
        command.args(args).env("CCCI_ABRA", "/nowhere/abra");
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    }

    /// Begins a call of the janitor with a docker that kills it once it has asked for one of these calls.
    pub(crate) fn doomed_janitor(&self, state: &Path, verbs: &[&str]) -> Command {
        let mut janitor = self.ccci(state);
        janitor.arg("janitor").env("CCCI_ABRA", "/nowhere/abra");
        janitor.stdout(Stdio::null()).stderr(Stdio::null());
        let rule = |verb: &&str| json!({"verb": verb, "call": 1, "signals": [9]});
        let rules: Vec<_> = verbs.iter().map(rule).collect();
        janitor.env("CCCI_DOCKER", deadly(state, &rules));
        janitor
    }

    /// Begins a call of `ccci` with nothing of our environment in it but the search path.
    fn ccci(&self, state: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccci"));
        command.env_clear().stdin(Stdio::null());
        command.current_dir(self.path("work"));
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.path("home"));
        command.env("TMPDIR", self.path("tmp"));
        command.env("CCCI_TESTS_DIR", self.path("kept"));
        command.env("CCCI_STATE_DIR", state);
        command.env("LANG", "C.UTF-8");
        command.env("CCCI_INGRESS", "direct");
        command.env("CCCI_BASE_DOMAIN", self.base_domain());
        command
    }
}

/// Returns where docker is.
fn docker_on_path() -> PathBuf {
    let search = std::env::var_os("PATH").unwrap();
    let mut paths = std::env::split_paths(&search).map(|folder| folder.join("docker"));
    paths.find(|path| path.is_file()).unwrap()
}

/// Makes a docker that does what rules say, beside a state directory.
fn deadly(state: &Path, rules: &[Value]) -> PathBuf {
    let folder = state.with_extension("bin");
    fs::create_dir_all(&folder).unwrap();
    let link = folder.join("docker");
    if !link.is_symlink() {
        symlink(env!("CARGO_BIN_EXE_ccci-faulty"), &link).unwrap();
    }
    let orders = json!({"real": docker_on_path(), "rules": rules});
    fs::write(link.with_extension("json"), orders.to_string()).unwrap();
    fs::write(link.with_extension("calls"), "").unwrap();
    link
}

/// Returns all that is left of the runs of a state directory: objects by name, processes, working folders, leads.
pub(crate) fn left(state: &Path) -> Vec<String> {
    let of_run = |journal: Journal| {
        let (run, domain) = (journal.begun("run_id"), journal.begun("domain"));
        let mut left = docker::objects(&domain.replace('.', "_"));
        let living = processes::marked(run).into_iter();
        left.extend(living.map(|name| format!("process {name} of {run}")));
        let folders = ["abra", "backups", "work", "scratch"];
        let paths = folders.map(|name| journal.folder.join(name)).into_iter();
        let there = paths.filter(|path| path.exists());
        left.extend(there.map(|path| path.display().to_string()));
        left
    };
    let journals = processes::journals(state).into_iter();
    let mut left: Vec<_> = journals.flat_map(of_run).collect();
    let locks = fs::read_dir(state.join("locks")).into_iter().flatten();
    let paths = locks.map(|entry| entry.unwrap().path());
    let leads = paths.filter(|path| path.extension().is_some_and(|ending| ending == "leader"));
    left.extend(leads.map(|path| path.display().to_string()));
    left
}

impl Drop for World {
    fn drop(&mut self) {
        let left = docker::objects(&self.marker);
        docker::remove(&left);
        if !std::thread::panicking() {
            assert_eq!(left, Vec::<String>::new(), "left behind on the swarm");
        }
    }
}
