//! Who reads what a run prints changes neither the run nor its teardown.

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::{ended::Ended, world::World};

#[test]
fn a_reader_that_goes_after_one_line_cuts_no_teardown_short() {
    let world = World::new();
    let mut test = world.test("install");
    test.args(["--message-format", "json"]);
    let mut child = World::start(test);
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut line).unwrap();
    drop(reader);
    assert!(line.starts_with('{'), "{line}");
    world.wait(child).exits(110).said("install pass");
    world.assert_clean_and_usable();
}

#[test]
fn a_full_disk_behind_standard_output_cuts_no_teardown_short() {
    let world = World::new();
    let mut test = world.test("install");
    test.args(["--message-format", "json"]);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    test.stdout(full).stderr(Stdio::piped());
    let child = test.spawn().unwrap();
    world.wait(child).exits(110).said("install pass");
    world.assert_clean_and_usable();
}

#[test]
fn a_terminal_of_no_width_and_no_letters_gets_plain_lines() {
    let world = World::new();
    let mut test = world.test("install");
    test.env("COLUMNS", "0").env("LANG", "C").env_remove("TERM");
    let ended = world.end(test).exits(0).said("install pass");
    assert!(ended.stderr().is_ascii(), "{}", ended.stderr());
    world.assert_clean_and_usable();
}

/// Runs a test whose standard error is closed after its first line.
fn end_without_reader(world: &World, stages: &str) -> Ended {
    let mut child = World::start(world.test(stages));
    let mut line = String::new();
    let mut reader = BufReader::new(child.stderr.take().expect("it is a pipe"));
    reader.read_line(&mut line).expect("a line is printed");
    drop(reader);
    assert!(line.contains(" plain"), "{line}");
    world.wait(child)
}

#[test]
fn a_reader_of_lines_that_goes_cuts_no_teardown_short() {
    let world = World::new();
    end_without_reader(&world, "install")
        .exits(110)
        .said("install pass");
    world.assert_clean_and_usable();
}

#[test]
fn a_verdict_outranks_lines_that_nobody_reads() {
    let world = World::new();
    world.keep_program("test_custom.sh", "#!/bin/sh\nexit 1\n");
    end_without_reader(&world, "install,custom")
        .exits(100)
        .said("install pass, upgrade skip, backup skip, restore skip, custom fail");
    world.assert_clean();
}
