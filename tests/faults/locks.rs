//! One app has one run at a time, whoever else asks and whatever happens to the lock's file.

use std::{
    fs,
    io::{BufRead, BufReader},
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
    let mut patient = world.test("install");
    patient.args(["--wait", "60s"]);
    let mut second = World::start(patient);
    let mut lines = BufReader::new(second.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(&holder)));
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
    for entry in fs::read_dir(world.path("state/locks")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "lock") {
            fs::remove_file(path).unwrap();
        }
    }
    world.end(world.test("install")).exits(105).said("goes on");
    assert_eq!(world.objects(), before);
    world.let_go();
    world.wait(first).exits(0).said("custom pass");
    world.assert_clean_and_usable();
}
