//! No room, or no right to write: nothing is torn, teardown works, and what was not recorded is said.
#![expect(clippy::unwrap_used, reason = "what the test cannot do ends it")]

use std::fs;

use ccci::model::report::RunReport;
use serde_json::Value;

use crate::{ended::Ended, machine::Disk, world::World};

/// Runs a test whose state directory is on a disk of this size.
fn run(world: &World, size: &str) -> Ended {
    let mut test = world.test("install,custom");
    // The floor would refuse so small a disk, as it should.
    test.env("CCCI_DISK_FLOOR", "1B");
    let disk = Disk {
        folder: "state",
        options: &format!("size={size},mode=700"),
        then: "",
    };
    world.end(world.on_disk(&disk, &test))
}

/// Asserts that what was recorded of the run is whole, as far as it goes, and that its journal is closed.
#[track_caller]
fn assert_whole(world: &World) {
    for run in world.saved_runs() {
        let read = |name: &str| {
            let path = world.path("saved/runs").join(&run).join(name);
            fs::read_to_string(path).ok()
        };
        let journal = read("journal.jsonl").unwrap();
        let last = journal.lines().last().unwrap();
        assert!(last.contains(r#""entry":"closed","left":[]"#), "{journal}");
        for line in read("events.jsonl").iter().flat_map(|text| text.lines()) {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
        }
        if let Some(report) = read("report.json") {
            serde_json::from_str::<RunReport>(&report).unwrap();
        }
    }
}

/// Lets a program of the recipe's tests fill the disk, and asserts what follows.
#[track_caller]
fn fills(program: &str) {
    let world = World::new();
    let fill = world.path("state/fill");
    let text = format!("cat /dev/zero 2>/dev/null > {}\ntrue", fill.display());
    world.custom_test(program, &text);
    let ended = run(&world, "2m").passes_or_is_broken();
    ended.said("could not").said("No space left");
    assert_eq!(world.saved_runs().len(), 1);
    assert_whole(&world);
    world.assert_clean();
    fs::remove_file(world.path("kept/plain").join(program)).unwrap();
    world.assert_clean_and_usable();
}

#[test]
fn a_disk_that_fills_up_before_the_deploy_stops_no_teardown() {
    fills("install_steps.sh");
}

#[test]
fn a_disk_that_fills_up_after_the_deploy_stops_no_teardown() {
    fills("test_fill.sh");
}

#[test]
fn a_disk_without_room_is_broken_before_any_effect() {
    let world = World::new();
    for size in ["4k", "64k", "96k", "112k"] {
        run(&world, size).exits(103).said("No space left");
        assert_whole(&world);
        let made = |call: &Vec<String>| call.starts_with(&["stack".into(), "deploy".into()]);
        assert!(!world.calls().iter().any(made));
        fs::remove_dir_all(world.path("saved")).unwrap();
    }
    world.assert_clean_and_usable();
}

#[test]
fn a_state_directory_on_a_disk_that_is_read_only_is_refused_by_name() {
    let world = World::new();
    let disk = Disk {
        folder: "state",
        options: "size=2m,mode=700",
        then: "ro",
    };
    let ended = world.end(world.on_disk(&disk, &world.test("install")));
    let ended = ended
        .exits(102)
        .said("/state`")
        .said("Read-only file system");
    ended.said("set `state.dir`");
    assert_eq!(world.calls(), Vec::<Vec<String>>::new());
    world.assert_clean_and_usable();
}

#[test]
fn a_temporary_directory_is_not_needed() {
    let world = World::new();
    world.custom_test("test_scratch.sh", "echo x > \"$(mktemp)\"");
    for then in ["", "ro"] {
        let disk = Disk {
            folder: "tmp",
            options: "size=4k,nr_inodes=1",
            then,
        };
        let ended = world.end(world.on_disk(&disk, &world.test("install,custom")));
        ended.exits(0).said("install pass").said("custom pass");
        world.assert_clean();
    }
}
