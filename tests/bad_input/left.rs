//! Run directories that are damaged, or that somebody wrote who wants more than to be explained.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    process::Output,
};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::world::World;

/// The directory of the run.
const RUN: &str = "state/runs/k7m2q";

/// Makes a world with a run in it whose app logged this.
fn left(log: impl AsRef<[u8]>) -> World {
    let world = World::new();
    fs::create_dir_all(world.path(&format!("{RUN}/01-install"))).unwrap();
    world.write(&format!("{RUN}/01-install/service-app.log"), log);
    world
}

/// Asserts that a call succeeded without calling any program, and returns what it printed and said.
#[track_caller]
fn told(world: &World, output: Output) -> (String, String) {
    let [printed, said] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(world.calls(), "");
    for text in [&printed, &said] {
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n'),
            "{text:?}"
        );
    }
    (printed, said)
}

#[test]
fn a_run_directory_full_of_traps_is_explained_without_harm() {
    let mut log =
        b"\x1b[31mexec /app: \x1b[0mexec format error \xff\xe2\x80\xae\x1b]0;title\x07\n".to_vec();
    log.extend(b"no suitable node (".repeat(60_000));
    let world = left(log);
    symlink("/etc/passwd", world.path(&format!("{RUN}/report.json"))).unwrap();
    symlink("/etc", world.path(&format!("{RUN}/02-upgrade"))).unwrap();
    fs::create_dir(world.path(&format!("{RUN}/01-install/tasks.txt"))).unwrap();
    let pipe = world.path(&format!("{RUN}/events.jsonl"));
    mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let (printed, said) = told(&world, world.call(&["explain", "k7m2q"]));
    assert!(
        printed.contains("1. exec-format: cause, a matter of the recipe\n"),
        "{printed}"
    );
    assert!(
        printed.contains("   | exec /app: exec format error \u{fffd}\n"),
        "{printed}"
    );
    for name in [
        "report.json",
        "events.jsonl",
        "02-upgrade",
        "01-install/tasks.txt",
    ] {
        let warning = format!("warning: `{name}` was not read as a whole: it is");
        assert!(said.contains(&warning), "{said}");
    }
    let (printed, _) = told(&world, world.call(&["explain", "k7m2q", "--json"]));
    let document: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(document["problems"][0]["id"], "exec-format");
    assert_eq!(document["problems"][0]["evidence"]["line"], 1);
    assert_eq!(document["unread"].as_array().unwrap().len(), 4);
}

#[test]
fn a_secret_in_the_evidence_is_masked_once_more() {
    let mut world =
        left("FATAL:  password authentication failed for user \"hunter2-\u{1b}[1mhunter2\"\n");
    fs::create_dir(world.path("secrets")).unwrap();
    let secret = world.write("secrets/user", "hunter2-hunter2");
    fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).unwrap();
    world.write(&format!("{RUN}/events.jsonl"), "half a l");
    world.set("CCCI_SECRETS_DIRS", world.path("secrets"));
    for args in [&["explain"][..], &["explain", "--json"]] {
        let (printed, _) = told(&world, world.call(args));
        assert!(printed.contains("postgres-password-wrong"), "{printed}");
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}

#[test]
fn a_run_that_nobody_knows_is_refused() {
    let world = World::new();
    let said = world.refused(&["explain"], 2);
    assert!(said.contains("there is no run in "), "{said}");
    let said = world.refused(&["explain", "k7m2q\u{1b}[2J"], 2);
    assert!(said.contains("no control characters"), "{said}");
    let said = world.refused(&["explain", "./nosuch"], 2);
    assert!(said.contains("`./nosuch` is no run directory"), "{said}");
    let (code, message) = world.refused_in_json(&["explain", "wordpres", "--json"], 2);
    assert_eq!(code, "usage");
    assert!(message.contains("no run or recipe `wordpres`"), "{message}");
}
