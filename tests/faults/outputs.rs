//! Who reads what a run prints changes neither the run nor its teardown.

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::world::World;

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
