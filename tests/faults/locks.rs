//! One app has one run at a time, whoever else asks and whatever happens to the lock's file.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
};

use crate::world::World;

#[test]
fn a_second_run_names_the_holder_or_waits_for_it() {
    let world = World::new();
    world.hold_in_custom();
    let first = World::start(world.test("install,custom"));
    world.wait_for_custom();
    let holder = format!("process {}", first.id());
    world.end(world.test("install")).exits(105).said(&holder);
    let mut told = world.test("install");
    told.args(["--message-format", "json"]);
    let told = world.end(told).exits(105).reasons();
    assert_eq!(told, ["run-started", "run-finished", "diagnostic"]);
    let mut patient = world.test("install");
    patient.args(["--wait", "60s"]);
    let mut second = World::start(patient);
    let mut lines = BufReader::new(second.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(&holder)));
    let mut third = world.test("install");
    third.args(["--wait", "1s"]);
    world.end(third).exits(105).said(&holder);
    world.let_go();
    world.wait(first).exits(0);
    assert!(lines.all(|line| line.is_ok()));
    world.wait(second).exits(0).said("install pass");
    world.assert_clean();
}

#[test]
fn a_lock_file_that_is_deleted_gives_no_second_run_the_app() {
    let world = World::new();
    world.hold_in_custom();
    let first = World::start(world.test("install,custom"));
    world.wait_for_custom();
    let before = world.objects();
    for path in lock_files(&world) {
        fs::remove_file(path).unwrap();
    }
    world.end(world.test("install")).exits(105).said("goes on");
    assert_eq!(world.objects(), before);
    world.let_go();
    world.wait(first).exits(0).said("custom pass");
    world.assert_clean_and_usable();
}

#[test]
fn a_note_that_names_a_living_process_holds_no_lock() {
    let world = World::new();
    world.end(world.test("install")).exits(0);
    let note = format!("run aaaaa of process {} on here", std::process::id());
    let locks = lock_files(&world);
    assert_eq!(locks.len(), 1);
    fs::write(&locks[0], note).unwrap();
    world.end(world.test("install")).exits(0);
    world.assert_clean();
}

/// Returns the files of all locks on apps.
fn lock_files(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.path("state/locks")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|end| end == "lock");
    paths.filter(is_lock).collect()
}
