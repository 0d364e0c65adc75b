//! What `ccci doctor` says of a machine that is short of something, and of settings that cannot be used.
#![expect(clippy::unwrap_used, reason = "what the test cannot do ends it")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use crate::{
    machine::Disk,
    world::{World, real},
};

/// Tells what is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn a_full_disk_is_named_with_its_figures_and_nothing_is_written() {
    let world = World::new();
    let disk = Disk {
        folder: "state",
        options: "size=1m,mode=700",
        then: "",
    };
    let ended = world.end(world.on_disk(&disk, &world.ccci(&["doctor"])));
    ended
        .exits(103)
        .printed("FAIL state disk 1 MiB are free on the disk of")
        .printed("a run needs 2.0 GiB")
        .printed("hint: make room, or lower `state.disk-floor`")
        .printed("Not ready to test recipes: state disk fails;");
    assert_eq!(names(&world.path("saved")), [""; 0]);
}

#[test]
fn a_disk_without_an_inode_is_named() {
    let world = World::new();
    let disk = Disk {
        folder: "state",
        options: "size=1m,nr_inodes=1,mode=700",
        then: "",
    };
    let mut doctor = world.ccci(&["doctor"]);
    doctor.env("CCCI_DISK_FLOOR", "1B");
    let ended = world.end(world.on_disk(&disk, &doctor));
    ended
        .exits(103)
        .printed("FAIL state disk   no more file can be made on the disk of")
        .printed("the file system has no inode left");
}

#[test]
fn what_tests_need_is_a_note_until_a_test_that_is_kept_needs_it() {
    let world = World::new();
    fs::create_dir(world.path("few")).unwrap();
    symlink(real("git"), world.path("few/git")).unwrap();
    let doctor = || {
        let mut doctor = world.ccci(&["doctor"]);
        doctor.env("PATH", world.path("few"));
        doctor
    };
    let ended = world.end(doctor()).exits(0);
    ended
        .printed("NOTE pytest       found no program `pytest`; no test kept here needs it")
        .printed("hint: install pytest, or set `programs.pytest` to where it is")
        .printed("UNKNOWN browser not checked: pytest is needed")
        .printed("NOTE hurl         found no program `hurl`; no test kept here needs it");
    for test in ["test_page.py", "test_page.hurl"] {
        world.keep_program(test, "");
    }
    let ended = world.end(doctor()).exits(0);
    ended
        .printed("WARNING pytest       found no program `pytest`; tests of plain need it")
        .printed("WARNING hurl         found no program `hurl`; tests of plain need it")
        .printed("Ready to test recipes: ");
}

#[test]
fn a_machine_without_docker_and_git_lacks_these_and_nothing_else() {
    let world = World::new();
    let mut doctor = world.ccci(&["doctor"]);
    doctor
        .env_remove("CCCI_DOCKER")
        .env("PATH", world.path("tmp"));
    let ended = world.end(doctor).exits(103);
    ended
        .printed("FAIL docker       found no program `docker`")
        .printed("UNKNOWN engine, swarm, network, addresses, engine disk, ingress and leftovers not checked: docker is needed")
        .printed("FAIL git          found no program `git`")
        .printed("Not ready to test recipes: docker and git fail;");
}

#[test]
fn a_setting_that_cannot_be_used_is_told_from_a_machine_that_lacks_something() {
    let world = World::new();
    fs::set_permissions(world.path("state"), fs::Permissions::from_mode(0o777)).unwrap();
    let ended = world.end(world.ccci(&["doctor"])).exits(102);
    let ended = ended.printed("FAIL state        everybody can write to the state directory");
    ended.printed("hint: run `chmod o-w");
    fs::set_permissions(world.path("state"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir(world.path("secrets")).unwrap();
    for (name, text, mode) in [
        ("short", "abc", 0o600),
        ("open", "t0ps3cret-value", 0o644),
        ("good", "an0ther-s3cret", 0o600),
    ] {
        let path = world.path("secrets").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut doctor = world.ccci(&["doctor"]);
    doctor.env("CCCI_SECRETS_DIRS", world.path("secrets"));
    doctor.env("CCCI_KEPE", "always");
    let ended = world.end(doctor).exits(102);
    ended
        .printed("/secrets/short`")
        .printed("is too short to be masked")
        .printed("/secrets/open`")
        .printed("others can use it, its mode is 644")
        .printed_no("/secrets/good")
        .printed("WARNING variables    `CCCI_KEPE` means nothing to ccci")
        .printed("hint: set `CCCI_KEEP`, or unset it");
}

#[test]
fn the_state_directory_is_made_for_its_owner_alone() {
    let world = World::new();
    let state = world.path("later/state");
    let doctor = |args: &[&str]| {
        let mut doctor = world.ccci(args);
        doctor.env("CCCI_STATE_DIR", &state);
        world.end(doctor)
    };
    let ended = doctor(&["doctor"]).exits(0);
    ended.printed("NOTE state");
    assert!(!world.path("later").exists());
    let ended = doctor(&["doctor", "--fix", "--yes"]).exits(0);
    ended
        .said("Fixed by `install -d -m 700 ")
        .printed("OK state");
    let mode = fs::metadata(&state).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
