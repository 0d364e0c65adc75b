//! A world of its own for one test: home, state, recipe, names on the swarm.
#![expect(
    clippy::disallowed_methods,
    reason = "the search path is all that a test takes over from its environment"
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
};

use tempfile::TempDir;

use super::{call::Call, docker, repository, watch::Watch};

/// The pytest that `cargo xtask python` sets up.
const PYTEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lab/python/bin/pytest");

/// The hurl that `cargo xtask hurl` builds.
const HURL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lab/hurl/bin/hurl");

/// Which deployer a test uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deployer {
    /// Docker alone.
    Docker,
    /// The stand-in of abra.
    Abra,
}

/// A test's own world; dropped, it takes all that it left on the swarm along.
pub(crate) struct World {
    /// Everything that the test has on disk.
    root: TempDir,
    /// A word that is part of each name that the test has on the swarm, and of nobody else's.
    marker: String,
    /// The recipe's name.
    recipe: String,
    /// What deploys it.
    deployer: Deployer,
    /// What the engine tells about this world.
    pub(crate) watch: Watch,
}

impl World {
    /// Makes a world around a fixture recipe, its history included.
    pub(crate) fn of(fixture: &str, deployer: Deployer) -> Self {
        Self::with_registry(fixture, deployer, "registry.invalid")
    }

    /// Makes a world around a fixture recipe whose images come from a registry.
    pub(crate) fn with_registry(fixture: &str, deployer: Deployer, registry: &str) -> Self {
        let world = Self::empty(fixture, deployer);
        repository::write(fixture, registry, &world.checkout());
        world
    }

    /// Makes a world around one of the examples.
    pub(crate) fn of_example(example: &str, deployer: Deployer) -> Self {
        let world = Self::empty(example, deployer);
        repository::copy_example(example, &world.checkout());
        world
    }

    /// Makes a world with nothing in it.
    fn empty(recipe: &str, deployer: Deployer) -> Self {
        let root = tempfile::tempdir().unwrap();
        let marker = format!("t{:08x}", RandomState::new().hash_one(recipe) & 0xffff_ffff);
        for folder in ["bin", "home", "state", "tmp", "work", "kept"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let stand_in = env!("CARGO_BIN_EXE_abra-stand-in");
        symlink(stand_in, root.path().join("bin/abra")).unwrap();
        let ours = env!("CARGO_BIN_EXE_ccci");
        symlink(ours, root.path().join("bin/ccci")).unwrap();
        let watch = Watch::begin(&marker);
        Self {
            root,
            marker,
            recipe: recipe.to_owned(),
            deployer,
            watch,
        }
    }

    /// Returns a path of this world.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Returns the recipe's work tree.
    pub(crate) fn checkout(&self) -> PathBuf {
        self.path("work").join(&self.recipe)
    }

    /// Returns the domain below which this world's apps live.
    pub(crate) fn base_domain(&self) -> String {
        format!("{}.test", self.marker)
    }

    /// Returns the recipe's name.
    pub(crate) fn recipe(&self) -> &str {
        &self.recipe
    }

    /// Commits all changes of the recipe as a release.
    pub(crate) fn release(&self, tag: &str) {
        self.commit_all();
        let message = format!("chore: publish {tag} release");
        let args = ["tag", "--annotate", "--message", &message, tag];
        repository::git(&self.checkout(), &args);
    }

    /// Returns what each name of this world holds.
    pub(crate) fn marker(&self) -> &str {
        &self.marker
    }

    /// Returns the commit that a revision of the recipe stands for.
    pub(crate) fn commit(&self, revision: &str) -> String {
        let wanted = format!("{revision}^{{commit}}");
        repository::git(&self.checkout(), &["rev-parse", &wanted])
    }

    /// Writes a file among the tests kept for the recipe.
    pub(crate) fn keep(&self, path: &str, text: &str) {
        write(
            &self.path("kept").join(&self.recipe).join(path),
            text,
            0o644,
        );
    }

    /// Writes a program among the tests kept for the recipe.
    pub(crate) fn keep_program(&self, path: &str, text: &str) {
        Self::write_program(&self.path("kept").join(&self.recipe).join(path), text);
    }

    /// Writes a program anywhere.
    pub(crate) fn write_program(path: &Path, text: &str) {
        write(path, &format!("#!/bin/sh\n{text}"), 0o755);
    }

    /// Writes a file among the tests kept for another recipe.
    pub(crate) fn keep_for(&self, recipe: &str, path: &str, text: &str) {
        write(&self.path("kept").join(recipe).join(path), text, 0o644);
    }

    /// Writes a program among the tests kept for another recipe.
    pub(crate) fn keep_program_for(&self, recipe: &str, path: &str, text: &str) {
        Self::write_program(&self.path("kept").join(recipe).join(path), text);
    }

    /// Makes a second work tree of the recipe, which gives its app another domain; returns it as an argument.
    pub(crate) fn second_checkout(&self) -> String {
        repository::write(
            &self.recipe,
            "registry.invalid",
            &self.path("work/second").join(&self.recipe),
        );
        format!("./second/{}", self.recipe)
    }

    /// Commits all changes of the recipe.
    pub(crate) fn commit_all(&self) {
        let checkout = self.checkout();
        repository::git(&checkout, &["add", "--all"]);
        repository::git(&checkout, &["commit", "--quiet", "--message", "change"]);
    }

    /// Makes a commit without changes, so that the head has no tag.
    pub(crate) fn commit_all_empty(&self) {
        let args = ["commit", "--quiet", "--allow-empty", "--message", "nothing"];
        repository::git(&self.checkout(), &args);
    }

    /// Begins a call of `ccci test` on the recipe's work tree.
    pub(crate) fn test(&self) -> Call<'_> {
        let target = format!("./{}", self.recipe);
        self.ccci(&["test", &target])
    }

    /// Begins a call of `ccci` in the folder that holds the recipe.
    pub(crate) fn ccci(&self, args: &[&str]) -> Call<'_> {
        let deployer = match self.deployer {
            Deployer::Docker => "docker",
            Deployer::Abra => "abra",
        };
        let path = |path: &str| self.path(path).into_os_string().into_string().unwrap();
        let call = Call::new(self, args)
            .env("HOME", &path("home"))
            .env("TMPDIR", &path("tmp"))
            .env("LANG", "C.UTF-8")
            .env("CCCI_STATE_DIR", &path("state"))
            .env("CCCI_TESTS_DIR", &path("kept"))
            .env("CCCI_ABRA", &path("bin/abra"))
            .env("CCCI_PYTEST", PYTEST)
            .env("CCCI_HURL", HURL)
            .env("CCCI_DEPLOYER", deployer)
            .env("CCCI_INGRESS", "direct")
            .env("CCCI_BASE_DOMAIN", &self.base_domain());
        let search = std::env::var("PATH").unwrap();
        call.env("PATH", &format!("{}:{search}", path("bin")))
    }

    /// Returns every object on the swarm that belongs to this world, as `volume x`.
    pub(crate) fn objects(&self) -> Vec<String> {
        let mut found = docker::objects(&self.marker);
        let anonymous = docker::existing_volumes(&self.watch.volumes());
        found.extend(anonymous.iter().map(|name| format!("volume {name}")));
        found.sort();
        found.dedup();
        found
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let left = self.objects();
        docker::remove(&left);
        // A test that fails already must not abort all others on top.
        if !std::thread::panicking() {
            assert_eq!(left, Vec::<String>::new(), "left behind on the swarm");
        }
    }
}

/// Writes a file with its folders and its mode.
fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
