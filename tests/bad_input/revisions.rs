//! What is known to be bad only once a run has begun to read: commits that cannot be found, tokens of no use.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::world::World;

/// Times of two commits, otherwise alike, whose ids share their first seven digits.
const ALIKE: [u32; 2] = [1_700_001_837, 1_700_009_991];
/// What the two ids begin with.
const SHARED: &str = "137d1da";
/// The tree without a file, which git knows in every repository.
const NO_FILE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

#[test]
fn the_beginning_of_several_commits_lists_them() {
    let world = World::readable();
    let ids = ALIKE.map(|time| {
        let who = format!("x <x@y> {time} +0000");
        let text = format!("tree {NO_FILE}\nauthor {who}\ncommitter {who}\n\nx\n");
        let file = world.write("commit", text);
        world.git(&["hash-object", "-t", "tree", "-w", "/dev/null"]);
        let file = file.to_str().expect("temporary directories are text");
        world.git(&["hash-object", "-t", "commit", "-w", file])
    });
    for (name, id) in ["one", "two"].iter().zip(&ids) {
        world.git(&["branch", name, id]);
    }
    let said = world.refused_after_reading(&["test", "./tiny", "--ref", SHARED], 102);
    for id in &ids {
        assert!(said.contains(&id[..12]), "{said}");
    }
}

#[test]
fn a_name_of_both_a_branch_and_a_tag_is_asked_for_in_full() {
    let world = World::readable();
    world.git(&["tag", "both"]);
    world.git(&["branch", "both"]);
    let said = world.refused_after_reading(&["test", "./tiny", "--ref", "both"], 102);
    for full in ["refs/heads/both", "refs/tags/both"] {
        assert!(said.contains(full), "{said}");
    }
}

#[test]
fn a_release_that_does_not_exist_is_refused_with_the_nearest() {
    let world = World::readable();
    for release in ["0.9.0+6.3.0", "1.2.0+6.4.1", "1.10.0+6.5.0"] {
        world.git(&["tag", "--annotate", "--message", "x", release]);
    }
    let args = ["test", "./tiny", "--version", "1.3.0+6.4.1"];
    let said = world.refused_after_reading(&args, 102);
    assert!(said.contains("1.3.0+6.4.1"), "{said}");
    assert!(said.contains("`1.2.0+6.4.1` or `1.10.0+6.5.0`"), "{said}");
    let said = world.refused_after_reading(&["test", "./tiny", "--ref", "mian"], 102);
    assert!(
        said.contains("`mian`") && said.contains("try `main`"),
        "{said}"
    );
}

#[test]
fn a_run_that_is_refused_leaves_nothing_to_reap() {
    let world = World::readable();
    world.refused_after_reading(&["test", "./tiny", "--ref", "nosuch"], 102);
    world.refused_after_reading(&["test", "./tiny", "--ref", "nosuch", "--dry-run"], 102);
    let janitor = world.call(&["janitor", "--json"]);
    assert_eq!(janitor.status.code(), Some(0), "{janitor:?}");
}

#[test]
fn a_token_for_mirrors_of_no_use_is_found_by_a_look_at_the_host_and_not_shown() {
    let mut world = World::new();
    let token = world.path("token");
    world.write("token", "t0ps3cret-t0ps3cret");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o640)).expect("it is ours");
    world.set("CCCI_MIRROR_TOKEN_FILE", &token);
    let look = |world: &World| {
        let output = world.call(&["doctor"]);
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(
            !out.contains("t0ps3cret") && !err.contains("t0ps3cret"),
            "{out}{err}"
        );
        let words: Vec<_> = out.split_whitespace().collect();
        words.join(" ")
    };
    let said = look(&world);
    let expected = [
        "FAIL forge token",
        "others can use it, its mode is 640",
        "chmod 600",
    ];
    assert!(expected.iter().all(|part| said.contains(part)), "{said}");
    world.set("CCCI_MIRROR_TOKEN", "t0ps3cret t0ps3cret");
    let said = look(&world);
    assert!(
        said.contains("`CCCI_MIRROR_TOKEN` cannot be used"),
        "{said}"
    );
    assert!(said.contains("it holds 19 characters"), "{said}");
}

#[test]
fn a_token_of_no_use_is_refused_and_not_shown() {
    let mut world = World::new();
    let token = world.path("token");
    world.set("CCCI_GIT_TOKEN_FILE", &token);
    let args = ["test", "tiny", "--src", "https://localhost:1/tiny.git"];
    let refused = || world.refused(&args, 102);
    let write = |text: &str, mode: u32| {
        world.write("token", text);
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(&token, mode).expect("it is ours");
    };
    for (bad, length) in [
        ("", "0"),
        ("t0ps3cret t0ps3cret", "19"),
        ("t0ps3cret\nt0ps3cret\n", "19"),
    ] {
        write(bad, 0o600);
        let said = refused();
        assert!(
            said.contains("/token`") && said.contains(&format!("it holds {length} characters")),
            "{said}"
        );
        assert!(!said.contains("t0ps3cret"), "{said}");
    }
    write("t0ps3cret-t0ps3cret", 0o644);
    let said = refused();
    assert!(
        said.contains("others can use it") && said.contains("run `chmod 600 "),
        "{said}"
    );
    fs::remove_file(&token).expect("it was written");
    let said = refused();
    assert!(said.contains("/token`"), "{said}");
}
