//! Sweeps over several recipes: mirrors, one that hangs beside one that is good, parts of all, signals, no room.
#![expect(
    clippy::disallowed_methods,
    reason = "the search path tells where docker is"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    gitea::Gitea,
    harness::{
        Call, Canonical, Deployer, Shelf, World,
        canonical::{forget, forget_all},
        git,
    },
};

/// The releases of the fixture.
const RELEASES: [&str; 2] = ["0.1.0+1.35.0", "0.2.0+1.35.1"];
/// What opens the mirrors.
const TOKEN: &str = "a-secret-of-the-mirrors";
/// What a recipe declares of which a canonical is kept.
const WARM: &str = "warm-canonical = true\n";

/// Begins a sweep of recipes that are fetched by name.
fn sweep<'a>(world: &'a World, url: &str, args: &[&str]) -> Call<'a> {
    let call = world.ccci(&["sweep"]).args(args);
    let call = call.env("CCCI_RECIPE_URL", url);
    call.env("CCCI_ALLOW_HTTP", "true")
}

/// Returns the entries of a sweep by their recipes.
fn entries(document: &Value) -> BTreeMap<String, Value> {
    let list = document["recipes"].as_array().expect("it has recipes");
    let pairs = list.iter().map(|entry| {
        let recipe = entry["recipe"].as_str().expect("it is named");
        (recipe.to_owned(), entry.clone())
    });
    let all: BTreeMap<_, _> = pairs.collect();
    assert_eq!(all.len(), list.len(), "each is there once");
    all
}

/// Returns the fate of each recipe.
fn fates(document: &Value) -> BTreeMap<String, String> {
    let fate = |entry: Value| entry["fate"].as_str().expect("it has a fate").to_owned();
    let all = entries(document).into_iter();
    all.map(|(recipe, entry)| (recipe, fate(entry))).collect()
}

/// Returns the record of the latest sweep.
fn latest(world: &World) -> Value {
    let entries = fs::read_dir(world.path("state/sweeps")).expect("there was a sweep");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let path = paths.max().expect("there was a sweep");
    serde_json::from_slice(&fs::read(path).expect("it can be read")).expect("it is whole")
}

/// Makes a bare repository with this default branch.
fn bare(path: &Path, branch: &str) -> PathBuf {
    fs::create_dir_all(path).expect("it is ours");
    let branch = format!("--initial-branch={branch}");
    git(path, &["init", "--quiet", "--bare", "--template=", &branch]);
    path.to_owned()
}

/// A recipe upstream with its mirror.
struct Mirrored {
    /// The repository upstream.
    theirs: PathBuf,
    /// The mirror.
    ours: PathBuf,
    /// Serves upstream.
    upstream: Gitea,
    /// Serves the mirror.
    forge: Gitea,
}

impl Mirrored {
    /// Publishes a release and gives the mirror two pull requests, of which upstream has one, and a branch of its own.
    fn new(world: &World) -> Self {
        let theirs = bare(&world.path("theirs/mirrors/plain.git"), "master");
        let ours = bare(&world.path("ours/mirrors/plain.git"), "master");
        let push = |to: &Path, refs: &[&str]| {
            let to = to.to_str().expect("it is text");
            git(
                &world.checkout(),
                &[&["push", "--quiet", to], refs].concat(),
            );
        };
        let tag = format!("refs/tags/{}", RELEASES[0]);
        push(&theirs, &["HEAD:refs/heads/master", &tag]);
        git(&world.checkout(), &["checkout", "--quiet", "-b", "topic"]);
        world.commit_all_empty();
        let merged = format!("{tag}^{{commit}}:refs/pull/1/head");
        let refs = ["HEAD:refs/pull/2/head", "HEAD:refs/heads/topic", &merged];
        push(&ours, &refs);
        let forge = Gitea::start(&world.path("ours"), Some(TOKEN));
        forge.open(1, "master");
        forge.open(2, "master");
        Self {
            upstream: Gitea::start(&world.path("theirs"), None),
            theirs,
            ours,
            forge,
        }
    }

    /// Begins a sweep of it.
    fn sweep<'a>(&self, world: &'a World, args: &[&str]) -> Call<'a> {
        let url = format!("{}/mirrors/{{recipe}}.git", self.upstream.url);
        let call = sweep(world, &url, args).env("CCCI_MIRROR_FORGE", &self.forge.url);
        let call = call.env("CCCI_MIRROR_OWNER", "mirrors");
        call.env("CCCI_MIRROR_TOKEN", TOKEN)
    }

    /// Tells whether the forge was asked for any change.
    fn was_asked_to_change(&self) -> bool {
        let state = self.forge.state();
        let mut seen = state.seen.iter();
        // Git reads by this method as well.
        let reads = |target: &str| target.ends_with("/git-upload-pack");
        seen.any(|seen| seen.method != "GET" && !reads(&seen.target))
    }
}

#[test]
fn a_sweep_makes_the_mirror_equal_before_it_promotes_and_a_dry_one_changes_nothing() {
    let world = World::of("plain", Deployer::Docker);
    world.keep("recipe.toml", WARM);
    let mirrored = Mirrored::new(&world);
    let before = Gitea::refs(&mirrored.ours);
    let ran = mirrored.sweep(&world, &["--dry-run"]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("Would test"), "{}", ran.stderr);
    assert_eq!(Gitea::refs(&mirrored.ours), before);
    assert!(!mirrored.was_asked_to_change());
    for folder in ["warm", "sweeps", "runs"] {
        assert!(!world.path("state").join(folder).exists(), "{folder}");
    }
    assert_eq!(world.objects(), Vec::<String>::new());

    let ran = mirrored.sweep(&world, &[]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.stderr.contains(TOKEN), "{}", ran.stderr);
    let mut wanted = before;
    wanted.extend(Gitea::refs(&mirrored.theirs));
    assert_eq!(Gitea::refs(&mirrored.ours), wanted);
    let pulls = mirrored.forge.state().pulls.clone();
    assert!(!pulls[&1].is_open && pulls[&2].is_open);
    assert_eq!(pulls[&2].comments, Vec::<String>::new());
    let known = Canonical::look(&world, "plain");
    assert_eq!(known.told("version"), RELEASES[0]);
    assert_eq!(fates(&latest(&world))["plain"], "promoted");
    forget(&world, "plain");
}

#[test]
fn one_recipe_that_hangs_and_one_that_is_gone_keep_a_good_one_from_nothing() {
    let world = World::of("plain", Deployer::Docker);
    world.keep("recipe.toml", WARM);
    let shelf = Shelf::open(&world);
    shelf.release(&world, RELEASES[0]);
    // It takes the connection and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("an address is free");
    let port = silent.local_addr().expect("it listens").port();
    let upstream = format!("upstream = \"http://127.0.0.1:{port}/silent.git\"\n");
    world.keep_for("silent", "recipe.toml", &format!("{WARM}{upstream}"));
    world.keep_for("gone", "recipe.toml", WARM);
    let ran = sweep(&world, shelf.url(), &["-j", "4", "--json"]).run();
    assert_eq!(ran.code, Some(103), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).expect("it is one document");
    let wanted = [
        ("gone", "broken"),
        ("plain", "promoted"),
        ("silent", "broken"),
    ];
    let found = fates(&told);
    let found = found
        .iter()
        .map(|(name, fate)| (name.as_str(), fate.as_str()));
    assert_eq!(found.collect::<Vec<_>>(), wanted, "{}", ran.stderr);
    let record = latest(&world);
    assert_eq!(entries(&record), entries(&told));
    assert_eq!(record["finished"], true);
    let known = Canonical::look(&world, "plain");
    let plain = &entries(&told)["plain"];
    assert_eq!(plain["promoted_by"], known.told("run_id"));
    assert_eq!(plain["release"]["commit"], known.told("commit"));
    let (_, summary) = ran.stderr.rsplit_once("Summary").expect("it has an end");
    for recipe in ["gone", "silent"] {
        assert!(summary.contains(&format!(" {recipe}: ")), "{}", ran.stderr);
    }
    assert!(!summary.contains(" plain: "), "{}", ran.stderr);
    drop(silent);
    forget(&world, "plain");
}

#[test]
fn the_parts_of_a_sweep_hold_each_recipe_once_and_nothing_enrolled_is_no_sweep() {
    let world = World::of("plain", Deployer::Docker);
    let shelf = Shelf::open(&world);
    let ran = sweep(&world, shelf.url(), &[]).run();
    let said = ran.refused(4);
    assert!(said.contains("none has a canonical"), "{said}");
    let names = ["blog", "chat", "mail", "plain", "shop", "wiki"];
    for name in names {
        // None of them was ever released.
        if name != "plain" {
            shelf.publish_as(name);
        }
        world.keep_for(name, "recipe.toml", WARM);
    }
    let part = |part: &str| {
        let ran = sweep(
            &world,
            shelf.url(),
            &["--json", "-j", "4", "--partition", part],
        )
        .run();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let told: Value = serde_json::from_str(&ran.stdout).expect("it is one document");
        assert!(
            fates(&told).values().all(|fate| fate == "skipped"),
            "{told}"
        );
        assert!(
            entries(&told)
                .values()
                .all(|entry| entry["code"] == "never-released")
        );
        entries(&told).into_keys().collect::<BTreeSet<_>>()
    };
    let (one, two) = (part("1/2"), part("2/2"));
    assert!(!one.is_empty() && !two.is_empty());
    assert!(one.is_disjoint(&two));
    let both: BTreeSet<_> = one.union(&two).map(String::as_str).collect();
    assert_eq!(both, BTreeSet::from(names));
    assert_eq!(part("1/1").len(), names.len());
    // What one of them declares cannot be read.
    world.keep_for("mail", "recipe.toml", "warm-canonical = tru");
    let ran = sweep(&world, shelf.url(), &["--json"]).run();
    assert_eq!(ran.code, Some(102), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("kept/mail/recipe.toml"),
        "{}",
        ran.stderr
    );
    let told: Value = serde_json::from_str(&ran.stdout).expect("it is one document");
    let (broken, others): (Vec<_>, Vec<_>) = fates(&told)
        .into_iter()
        .partition(|(recipe, _)| recipe == "mail");
    assert_eq!(broken, [("mail".to_owned(), "broken".to_owned())]);
    assert_eq!(others.len(), names.len() - 1);
    assert!(others.iter().all(|(_, fate)| fate == "skipped"), "{told}");
}

/// Lets ccci be signalled before the first removal of a service of its canonical.
fn signalled<'a>(world: &'a World, call: Call<'a>, signal: i32) -> Call<'a> {
    let folder = world.path("signals");
    fs::create_dir_all(&folder).expect("it is ours");
    let link = folder.join("docker");
    symlink(env!("CARGO_BIN_EXE_ccci-faulty"), &link).expect("it is ours");
    let rule = json!({"verb": "service rm", "call": 1, "signals": [signal]});
    let search = std::env::var_os("PATH").expect("there is a search path");
    let mut paths = std::env::split_paths(&search).map(|folder| folder.join("docker"));
    let real = paths.find(|path| path.is_file()).expect("docker is there");
    let orders = json!({"real": real, "rules": [rule]});
    fs::write(link.with_extension("json"), orders.to_string()).expect("it is ours");
    fs::write(link.with_extension("calls"), "").expect("it is ours");
    call.env("CCCI_DOCKER", link.to_str().expect("it is text"))
}

#[test]
fn a_sweep_or_a_promotion_that_is_interrupted_ends_in_time_and_puts_the_canonical_back() {
    let world = World::of("plain", Deployer::Docker);
    world.keep("recipe.toml", WARM);
    let shelf = Shelf::open(&world);
    shelf.release(&world, RELEASES[0]);
    let ran = sweep(&world, shelf.url(), &[]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let before = Canonical::look(&world, "plain");
    shelf.release(&world, RELEASES[1]);
    let call = sweep(&world, shelf.url(), &[]);
    let ran = signalled(&world, call, 2).run();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    let record = latest(&world);
    assert_eq!(record["finished"], false);
    assert_eq!(Canonical::look(&world, "plain"), before);

    let again = ["promote", "plain", "--yes"];
    let again = world.ccci(&again).env("CCCI_RECIPE_URL", shelf.url());
    let again = again.env("CCCI_ALLOW_HTTP", "true");
    fs::remove_dir_all(world.path("signals")).expect("it is ours");
    // It is signalled when what was installed is to be undeployed and kept.
    let ran = signalled(&world, again, 15).run();
    assert_eq!(ran.code, Some(143), "{}", ran.stderr);
    assert_eq!(Canonical::look(&world, "plain"), before);
    forget(&world, "plain");
}

#[test]
fn a_sweep_without_room_begins_nothing() {
    let world = World::of("plain", Deployer::Docker);
    world.keep("recipe.toml", WARM);
    let shelf = Shelf::open(&world);
    shelf.release(&world, RELEASES[0]);
    let ran = sweep(&world, shelf.url(), &[]);
    let said = ran.env("CCCI_DISK_FLOOR", "900TB").run().refused(103);
    assert!(said.contains("free on the disk"), "{said}");
    for folder in ["warm", "sweeps", "runs"] {
        assert!(!world.path("state").join(folder).exists(), "{folder}");
    }
}

/// A disk for the state of a world, of 48 MiB.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Puts it in place.
    fn of(world: &World) -> Self {
        let folder = world.path("state");
        fs::create_dir_all(&folder).expect("it is ours");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=48m,mode=0700", "none"]);
        let mounted = mount.arg(&folder).status().expect("mount is there");
        assert!(mounted.success(), "only root can mount a disk");
        Self(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        drop(unmounted);
    }
}

#[test]
fn a_disk_that_fills_up_amid_a_sweep_costs_no_canonical_and_leaves_nothing() {
    const RECIPES: [&str; 2] = ["plain", "other"];
    let world = World::of("plain", Deployer::Docker);
    let disk = SmallDisk::of(&world);
    let shelf = Shelf::open(&world);
    shelf.release(&world, RELEASES[0]);
    shelf.publish_as("other");
    for recipe in RECIPES {
        world.keep_for(recipe, "recipe.toml", WARM);
    }
    let call = |jobs| {
        let call = sweep(&world, shelf.url(), &["--json", "-j", jobs]);
        call.env("CCCI_DISK_FLOOR", "4MiB").run()
    };
    let ran = call("2");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let look = || RECIPES.map(|recipe| Canonical::look(&world, recipe));
    let before = look();

    // Whichever comes first, its test leaves no byte to anyone.
    let fill = "#!/bin/sh\n! cat /dev/zero > \"$CCCI_ARTIFACTS/all\"\n";
    for recipe in RECIPES {
        shelf.release_of(&world, recipe, RELEASES[1]);
        world.keep_program_for(recipe, "test_custom_fill.sh", fill);
    }
    let ran = call("1");
    assert_eq!(ran.code, Some(103), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).expect("it is one document");
    let all = entries(&told);
    let fates = all.values().filter_map(|entry| entry["fate"].as_str());
    let mut found: Vec<_> = fates.collect();
    found.sort_unstable();
    assert_eq!(found, ["broken", "passed"], "{}", ran.stderr);
    for entry in all.values() {
        let found = (&entry["code"], &entry["exit_code"]);
        assert_eq!(found, (&json!("disk-full"), &json!(103)), "{}", ran.stderr);
    }
    assert!(ran.stderr.contains("disk-full: 1 recipe"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("not promoted: 0 MiB are free"),
        "{}",
        ran.stderr
    );
    assert_eq!(look(), before);

    // With room there again, all is made up for.
    let run = all.values().find_map(|entry| entry["run_id"].as_str());
    let run = world.path("state/runs").join(run.expect("one ran"));
    fs::remove_file(run.join("artifacts/all")).expect("it is what took the room");
    for recipe in RECIPES {
        let test = world.path("kept").join(recipe).join("test_custom_fill.sh");
        fs::remove_file(test).expect("it is ours");
    }
    let ran = call("2");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for (recipe, before) in RECIPES.into_iter().zip(before) {
        let now = Canonical::look(&world, recipe);
        assert_eq!(now.told("version"), RELEASES[1]);
        assert_ne!(now.record, before.record);
    }
    forget_all(&world, &RECIPES);
    drop(disk);
}
