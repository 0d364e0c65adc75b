//! A docker that cannot be started is named before anything is made.

use std::{fs, os::unix::fs::symlink};

use crate::world::{World, real};

#[test]
fn a_setting_that_names_no_program_is_a_wrong_setting() {
    let world = World::new();
    fs::write(world.path("plain-file"), "#!/bin/sh\n").unwrap();
    for name in ["absent", "plain-file", "home"] {
        let mut test = world.test("install");
        test.env("CCCI_DOCKER", world.path(name));
        let ended = world.end(test).exits(102).said("programs.docker");
        ended.said("CCCI_DOCKER").said(name);
    }
    assert!(!world.path("state/runs/latest").exists());
    world.assert_clean_and_usable();
}

#[test]
fn a_machine_without_docker_gives_no_verdict() {
    let world = World::new();
    fs::create_dir(world.path("search")).unwrap();
    symlink(real("git"), world.path("search/git")).unwrap();
    let mut test = world.test("install");
    test.env_remove("CCCI_DOCKER");
    test.env("PATH", world.path("search"));
    world.end(test).exits(103).said("found no program `docker`");
    world.assert_clean_and_usable();
}
