//! Configuration files that cannot be used, or that nobody should trust.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use crate::world::World;

/// Commands that read the configuration.
const COMMANDS: [&[&str]; 5] = [
    &["test", "tiny"],
    &["teardown", "a.example.org"],
    &["janitor"],
    &["exec", "app", "--", "ls"],
    &["config"],
];

/// Asserts that each command refuses the configuration and says all of this.
#[track_caller]
fn refuses(world: &World, parts: &[&str]) {
    for command in COMMANDS {
        let said = world.refused(command, 102);
        assert!(said.contains("config.toml`"), "{said}");
        for part in parts {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[test]
fn a_file_that_does_not_parse_is_refused_at_its_line_and_column() {
    let world = World::new();
    world.configure("[limits\n", 0o644);
    refuses(&world, &["line 1, column 8", "expected `]`"]);
    world.configure("[limits]\njosb = 2\n", 0o644);
    refuses(
        &world,
        &["line 2, column 1", "`josb`", "expected one of `jobs`"],
    );
    world.configure("[limit]\n", 0o644);
    refuses(&world, &["line 1", "`limit`", "`limits`"]);
    world.configure("[limits]\njobs = \"two\"\n", 0o644);
    refuses(&world, &["line 2, column 8", "\"two\"", "expected i64"]);
    world.configure(b"[limits]\n# \xff\n", 0o644);
    refuses(&world, &["it is not UTF-8"]);
    world.configure(format!("x = {}", "[".repeat(100_000)), 0o644);
    refuses(&world, &["line 1"]);
}

#[test]
fn a_file_that_everybody_can_write_is_refused_with_the_remedy() {
    let world = World::new();
    world.configure("", 0o666);
    refuses(&world, &["everybody can write to it", "run `chmod o-w "]);
}

#[test]
fn a_file_of_100_megabytes_is_not_read() {
    let world = World::new();
    let path = world.path("home/.config/ccci/config.toml");
    fs::File::create(path).unwrap().set_len(100 << 20).unwrap();
    refuses(&world, &["larger than 1 MiB"]);
}

#[test]
fn a_directory_and_a_device_are_no_files() {
    let world = World::new();
    let path = world.path("home/.config/ccci/config.toml");
    fs::create_dir(&path).unwrap();
    refuses(&world, &["it is no regular file"]);
    fs::remove_dir(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    refuses(&world, &["it is no regular file"]);
}

#[test]
fn a_file_that_was_named_has_to_be_there() {
    let world = World::new();
    let said = world.refused(&["test", "tiny", "--config", "none.toml"], 102);
    assert!(
        said.contains("none.toml`") && said.contains("No such file"),
        "{said}"
    );
    let said = world.refused(&["test", "tiny", "--config", "tiny"], 102);
    assert!(said.contains("it is no regular file"), "{said}");
    world.refused(&["test", "tiny", "--config="], 2);
}

#[test]
fn a_file_of_the_tree_under_test_sets_nothing_of_the_host() {
    let mut world = World::new();
    world.write("work/compose.yml", "services: {}\n");
    world.write("work/.env.sample", "TYPE=tiny\n");
    world.write("work/ccci.toml", "[programs]\ngit = \"./evil\"\n");
    world.set("CI", "true");
    let said = world.refused(&["test"], 102);
    assert!(said.contains("`programs.git` cannot be set"), "{said}");
    assert!(said.contains("--config"), "{said}");
    world.write("work/ccci.toml", "[limits]\njobs = 64\n");
    let said = world.refused(&["test"], 102);
    assert!(said.contains("must not raise a limit"), "{said}");
}

#[test]
fn a_program_that_a_setting_names_has_to_be_one() {
    let mut world = World::new();
    world.set("CCCI_DOCKER", "/dev/null");
    let said = world.call(&["test", "tiny"]);
    assert_eq!(said.status.code(), Some(102), "{said:?}");
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(
        said.contains("CCCI_DOCKER") && said.contains("/dev/null"),
        "{said}"
    );
    assert_eq!(world.calls(), "");
}

#[test]
fn a_state_directory_that_cannot_be_one_is_refused() {
    let mut world = World::new();
    let file = world.write("file", "");
    world.set("CCCI_STATE_DIR", file);
    let said = world.refused(&["test", "tiny"], 102);
    assert!(
        said.contains("the state directory") && said.contains("file`"),
        "{said}"
    );
    assert!(said.contains("set `state.dir`"), "{said}");
}

#[test]
fn a_file_of_secrets_that_others_can_read_is_refused_with_the_remedy() {
    let mut world = World::new();
    world.set("CCCI_SECRETS_DIRS", world.path("home"));
    let key = world.write("home/key", "t0ps3cret-t0ps3cret");
    let mode = |mode: u32| fs::Permissions::from_mode(mode);
    for bad in [0o604, 0o640 | 0o002] {
        fs::set_permissions(&key, mode(bad)).expect("it is ours");
        let said = world.refused(&["test", "tiny"], 102);
        assert!(said.contains("home/key` holds secrets"), "{said}");
        assert!(said.contains("run `chmod o= "), "{said}");
        assert!(!said.contains("t0ps3cret"), "{said}");
    }
    fs::set_permissions(&key, mode(0o640)).expect("it is ours");
    assert_eq!(world.call(&["test", "tiny"]).status.code(), Some(103));
}
