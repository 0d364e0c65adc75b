//! Where `ccci` runs against the engine of one test: home, state, a recipe, and the engine's own network.
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
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use ccci::model::report::RunReport;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    ended::Ended,
    engine::{Engine, run},
    repository,
};

/// A world; nothing but its own runs uses its engine.
pub(crate) struct World<'a> {
    /// Everything that it has on disk.
    root: TempDir,
    /// The engine.
    engine: &'a Engine,
    /// The recipe's name.
    recipe: String,
    /// What the engine held before the first run.
    before: Vec<String>,
}

/// A call of `ccci` that goes on; dropped before its end, it is killed.
pub(crate) struct Running<'a> {
    /// Where it runs.
    world: &'a World<'a>,
    /// The process, until it is waited for.
    child: Option<Child>,
}

impl<'a> World<'a> {
    /// Makes a world around a fixture.
    pub(crate) fn new(engine: &'a Engine, recipe: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["home", "state", "tmp", "work", "kept"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let checkout = root.path().join("work").join(recipe);
        repository::write(recipe, "registry.invalid", &checkout);
        Self {
            root,
            engine,
            recipe: recipe.to_owned(),
            before: engine.objects(),
        }
    }

    /// Returns a path of this world.
    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Starts a call of `ccci` in the engine's network, with nothing of our environment but the search path.
    pub(crate) fn start(&self, args: &[&str]) -> Running<'_> {
        let mut command = Command::new("nsenter");
        let network = format!("--net={}", self.engine.network().display());
        command.args([&network, env!("CARGO_BIN_EXE_ccci")]);
        command.args(args).env_clear();
        command.current_dir(self.path("work")).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        for (name, path) in [
            ("HOME", "home"),
            ("TMPDIR", "tmp"),
            ("CCCI_STATE_DIR", "state"),
            ("CCCI_TESTS_DIR", "kept"),
        ] {
            command.env(name, self.path(path));
        }
        command.env("LANG", "C.UTF-8");
        command.env("DOCKER_HOST", self.engine.host());
        command.env("CCCI_DEPLOYER", "docker");
        command.env("CCCI_INGRESS", "direct");
        command.env("CCCI_BASE_DOMAIN", "engine.test");
        let child = Some(command.spawn().unwrap());
        Running { world: self, child }
    }

    /// Starts a test of the recipe's work tree.
    pub(crate) fn test(&self, stages: &str) -> Running<'_> {
        let target = format!("./{}", self.recipe);
        self.start(&["test", &target, "--stages", stages])
    }

    /// Lets the custom test say that it is there and wait for a word, with which it ends.
    pub(crate) fn hold_in_custom(&self) {
        for fifo in ["reached", "go"] {
            run(Command::new("mkfifo").arg(self.path(fifo)));
        }
        let (reached, go) = (self.path("reached"), self.path("go"));
        let text = format!(
            "#!/bin/sh\necho up > {}\nread code < {}\nexit $code\n",
            reached.display(),
            go.display()
        );
        let folder = self.path("kept").join(&self.recipe);
        fs::create_dir(&folder).unwrap();
        let path = folder.join("test_hold.sh");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Waits until the custom test is there.
    pub(crate) fn wait_for_custom(&self) {
        assert_eq!(fs::read_to_string(self.path("reached")).unwrap(), "up\n");
    }

    /// Lets the custom test end with a code.
    pub(crate) fn let_go(&self, code: u8) {
        fs::write(self.path("go"), format!("{code}\n")).unwrap();
    }

    /// Asserts that nothing of any run is left: no object, no process, no working folder, no temporary file.
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        assert_eq!(self.engine.objects(), self.before);
        let temporary: Vec<_> = fs::read_dir(self.path("tmp")).unwrap().collect();
        assert!(temporary.is_empty(), "{temporary:?}");
        for run in self.runs() {
            for folder in ["abra", "backups", "work", "scratch"] {
                let left = run.join(folder);
                assert!(!left.exists(), "{} is left", left.display());
            }
        }
        self.assert_no_process();
    }

    /// Returns the folders of all runs.
    fn runs(&self) -> Vec<PathBuf> {
        let runs = fs::read_dir(self.path("state/runs")).into_iter().flatten();
        runs.map(|entry| entry.unwrap().path()).collect()
    }

    /// Asserts that no process of any run is left.
    #[track_caller]
    pub(crate) fn assert_no_process(&self) {
        let mark = |run: &PathBuf| {
            let name = run.file_name().unwrap().to_str().unwrap();
            format!("CCCI_RUN_MARK={name}").into_bytes()
        };
        let marks: Vec<_> = self.runs().iter().map(mark).collect();
        let is_ours = |path: &Path| {
            let environment = fs::read(path.join("environ")).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0);
            variables.any(|one| marks.iter().any(|mark| mark == one))
        };
        let processes = fs::read_dir("/proc")
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let left: Vec<_> = processes.filter(|path| is_ours(path)).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    /// Lets the janitor remove what is left, in one call, and asserts that it did.
    #[track_caller]
    pub(crate) fn reap(&self) {
        self.start(&["janitor"]).end().exits(0);
        self.assert_clean();
    }

    /// Returns the id of the youngest run.
    pub(crate) fn last_run(&self) -> String {
        let latest = fs::read_link(self.path("state/runs/latest")).unwrap();
        latest.file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// Returns the report of the youngest run.
    fn last_report(&self) -> Option<RunReport> {
        let text = fs::read_to_string(self.path("state/runs/latest/report.json")).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }
}

impl Running<'_> {
    /// Waits for its end.
    #[must_use = "what a call printed has to be judged"]
    pub(crate) fn end(mut self) -> Ended {
        let child = self.child.take().expect("it is waited for once");
        Ended::new(child.wait_with_output().unwrap(), self.world.last_report())
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            kill_process(Pid::from_child(child), Signal::KILL).ok();
            child.wait().ok();
        }
    }
}
