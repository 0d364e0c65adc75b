//! A state directory that cannot be used is named before anything is made.
#![expect(clippy::unwrap_used, reason = "what the test cannot do ends it")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use crate::world::World;

/// Asserts that a run refuses a state directory, names it, and makes nothing.
#[track_caller]
fn refuses(world: &World, state: &Path) {
    let mut test = world.test("install");
    test.env("CCCI_STATE_DIR", state);
    let shown = state.file_name().unwrap().to_str().unwrap();
    world.end(test).exits(102).said(shown);
    let made = |call: &Vec<String>| call.starts_with(&["stack".into(), "deploy".into()]);
    assert!(!world.calls().iter().any(made));
    world.assert_clean();
}

#[test]
fn a_state_directory_that_is_a_file_is_refused() {
    let world = World::new();
    fs::write(world.path("a-file"), "").unwrap();
    refuses(&world, &world.path("a-file"));
}

#[test]
fn a_state_directory_where_nothing_can_be_made_is_refused() {
    // Where even root may make nothing: a test has no right to mount.
    refuses(&World::new(), Path::new("/proc/ccci-state"));
}

#[test]
fn a_state_directory_that_leads_to_itself_is_refused() {
    let world = World::new();
    symlink(world.path("loop"), world.path("loop")).unwrap();
    refuses(&world, &world.path("loop"));
}

#[test]
fn a_state_directory_that_everybody_may_write_is_refused() {
    let world = World::new();
    let open = world.path("open-to-all");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    refuses(&world, &open);
    assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
}
