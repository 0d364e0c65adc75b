//! Volumes come back from snapshots byte for byte, in both ways, and what is cut short leaves nothing.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the program that it kills, and asks GNU tar for a second opinion"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what cannot be made ready or asked ends the test"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{FileExt, chown, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Deployer, World, docker};

/// The way through Docker alone.
const CONTAINER: &[&str] = &["--by-container"];
/// The way that is chosen where ccci shares a host with the engine.
const DIRECT: &[&str] = &[];

/// Returns the domain of an app that is not there.
fn domain(world: &World) -> String {
    format!("snap.{}", world.base_domain())
}

/// Makes a volume of that app's stack; returns its name.
fn make_volume(world: &World, name: &str) -> String {
    let stack = domain(world).replace('.', "_");
    let volume = format!("{stack}_{name}");
    let label = format!("com.docker.stack.namespace={stack}");
    docker(&[
        "volume",
        "create",
        "--label",
        &label,
        "--label",
        "note=with blanks, and=signs",
        &volume,
    ]);
    volume
}

/// Returns where the files of a volume are.
fn folder(volume: &str) -> PathBuf {
    docker(&["volume", "inspect", "--format", "{{.Mountpoint}}", volume]).into()
}

/// Makes files of several kinds in a volume.
fn fill(volume: &str) {
    let root = folder(volume);
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/file"), vec![7; 3_000_000]).unwrap();
    fs::hard_link(root.join("a/file"), root.join("same")).unwrap();
    symlink("/etc/passwd", root.join("a/b/link")).unwrap();
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    sparse.write_all_at(b"x", 200 << 20).unwrap();
    chown(root.join("a"), Some(33), Some(1000)).unwrap();
    chown(&root, Some(70), Some(70)).unwrap();
    for (name, kind) in [
        ("pipe", rustix::fs::FileType::Fifo),
        ("null", rustix::fs::FileType::CharacterDevice),
    ] {
        let device = rustix::fs::makedev(1, 3);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.join(name),
            kind,
            rustix::fs::Mode::RWXU,
            device,
        )
        .unwrap();
    }
    rustix::fs::setxattr(
        root.join("a/b"),
        "user.note",
        b"v",
        rustix::fs::XattrFlags::empty(),
    )
    .unwrap();
}

/// Calls ccci's own call; returns what it printed.
fn snapshot(world: &World, way: &[&str], words: &[&str]) -> (Option<i32>, String) {
    let ran = world.ccci(&[&["__snapshot"], way, words].concat()).run();
    (ran.code, ran.stderr)
}

/// Takes a snapshot; returns its archive.
fn take(world: &World, way: &[&str], name: &str, volume: &str) -> Vec<u8> {
    let place = world.path(name);
    let (code, said) = snapshot(
        world,
        way,
        &["take", &domain(world), place.to_str().unwrap(), volume],
    );
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        said.contains("announced container"),
        !way.is_empty(),
        "{said}"
    );
    let short = volume.rsplit('_').next().unwrap();
    fs::read(place.join(format!("{short}.tar"))).unwrap()
}

/// Restores a snapshot.
fn restore(world: &World, way: &[&str], name: &str) {
    let place = world.path(name);
    let (code, said) = snapshot(
        world,
        way,
        &["restore", &domain(world), place.to_str().unwrap()],
    );
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("announced volume"), "{said}");
}

#[test]
fn both_ways_write_the_same_and_bring_it_back() {
    let world = World::of("plain", Deployer::Docker);
    let volume = make_volume(&world, "data");
    fill(&volume);
    let labels = || docker(&["volume", "inspect", "--format", "{{json .Labels}}", &volume]);
    let before = labels();
    let direct = take(&world, DIRECT, "direct", &volume);
    assert!(
        direct.len() < 5_000_000,
        "{} bytes hold the hole",
        direct.len()
    );
    assert!(take(&world, CONTAINER, "container", &volume) == direct);
    for (way, name) in [(DIRECT, "container"), (CONTAINER, "direct")] {
        fs::write(folder(&volume).join("a/file"), "changed").unwrap();
        fs::write(folder(&volume).join("new"), "new").unwrap();
        restore(&world, way, name);
        assert_eq!(labels(), before);
        let again = world.path("again");
        assert!(take(&world, DIRECT, "again", &volume) == direct, "{way:?}");
        fs::remove_dir_all(again).unwrap();
    }
    let listed = Command::new("tar")
        .arg("tf")
        .arg(world.path("direct/data.tar"))
        .output()
        .unwrap();
    assert!(
        listed.status.success() && listed.stderr.is_empty(),
        "{listed:?}"
    );
    assert_eq!(String::from_utf8(listed.stdout).unwrap().lines().count(), 9);
    assert_eq!(world.objects(), [format!("volume {volume}")]);
    docker(&["volume", "rm", &volume]);
}

#[test]
fn an_empty_volume_and_none_at_all_are_snapshots_too() {
    let world = World::of("plain", Deployer::Docker);
    let volume = make_volume(&world, "empty");
    assert!(take(&world, CONTAINER, "one", &volume) == take(&world, DIRECT, "two", &volume));
    docker(&["volume", "rm", &volume]);
    restore(&world, DIRECT, "one");
    assert_eq!(fs::read_dir(folder(&volume)).unwrap().count(), 0);
    let place = world.path("none");
    let words = ["take", &domain(&world), place.to_str().unwrap()];
    assert_eq!(snapshot(&world, DIRECT, &words).0, Some(0));
    let words = ["restore", &domain(&world), place.to_str().unwrap()];
    assert_eq!(snapshot(&world, DIRECT, &words).0, Some(0));
    docker(&["volume", "rm", &volume]);
}

#[test]
fn what_is_damaged_is_refused_and_no_half_of_it_stays() {
    let world = World::of("plain", Deployer::Docker);
    let volume = make_volume(&world, "data");
    fill(&volume);
    take(&world, DIRECT, "one", &volume);
    let archive = world.path("one/data.tar");
    let place = world.path("one");
    let words = ["restore", &domain(&world), place.to_str().unwrap()];
    let good = fs::read(&archive).unwrap();
    fs::write(&archive, &good[..good.len() - 512]).unwrap();
    let (code, said) = snapshot(&world, DIRECT, &words);
    assert!(
        code == Some(103) && said.contains("snapshot-damaged"),
        "{said}"
    );
    assert!(
        folder(&volume).join("same").exists(),
        "a wrong length is found before anything is removed"
    );
    let mut flipped = good.clone();
    let content = flipped
        .windows(4)
        .position(|bytes| bytes == [7; 4])
        .unwrap();
    flipped[content] ^= 1;
    fs::write(&archive, &flipped).unwrap();
    for way in [DIRECT, CONTAINER] {
        let (code, said) = snapshot(&world, way, &words);
        assert!(
            code == Some(103) && said.contains("snapshot-damaged"),
            "{said}"
        );
        assert_eq!(world.objects(), Vec::<String>::new());
    }
    let other = ["restore", "other.example.org", place.to_str().unwrap()];
    fs::write(&archive, &good).unwrap();
    let (code, said) = snapshot(&world, DIRECT, &other);
    assert!(code == Some(103) && said.contains("is of stack"), "{said}");
}

/// Starts to take a snapshot in a container, and returns once the copy has begun.
fn start_to_take(world: &World, place: &Path, volume: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ccci"));
    command.args(["__snapshot", "--by-container", "take", &domain(world)]);
    command.arg(place).arg(volume);
    command.env("CCCI_STATE_DIR", world.path("state"));
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut told = lines
        .map_while(Result::ok)
        .filter(|line| line.starts_with("pack volume"));
    // The first tells that it is about to begin, the second how far it is.
    assert!(told.nth(1).is_some(), "nothing was copied");
    // Nobody reads what else it has to say.
    std::thread::spawn(move || told.count());
    child
}

#[test]
fn a_snapshot_that_is_cut_short_is_none() {
    let world = World::of("plain", Deployer::Docker);
    let volume = make_volume(&world, "data");
    let block: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    let large = fs::File::create(folder(&volume).join("large")).unwrap();
    for at in 0..400 {
        large.write_all_at(&block, at << 20).unwrap();
    }
    let place = world.path("one");
    let mut child = start_to_take(&world, &place, &volume);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(!place.exists());
    let halves = || {
        fs::read_dir(world.path(""))
            .unwrap()
            .filter(|found| {
                found
                    .as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with(".one.")
            })
            .count()
    };
    assert_eq!(halves(), 0);
    assert_eq!(
        world.objects(),
        [format!("volume {volume}")],
        "its container is gone"
    );
    let mut child = start_to_take(&world, &place, &volume);
    child.kill().unwrap();
    child.wait().unwrap();
    let label = format!(
        "label=com.docker.stack.namespace={}",
        domain(&world).replace('.', "_")
    );
    let container = docker(&["ps", "--all", "--quiet", "--filter", &label]);
    docker(&["rm", "--force", &container]);
    assert_eq!(world.objects(), [format!("volume {volume}")]);
    assert!(!place.exists() && halves() == 1);
    take(&world, DIRECT, "one", &volume);
    assert_eq!(halves(), 0, "the next one removes it");
    docker(&["volume", "rm", &volume]);
}
