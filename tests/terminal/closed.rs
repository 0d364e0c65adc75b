//! The terminal goes, or whoever started the run loses patience.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the shell that a terminal belongs to"
)]

use std::{fs, process::Command};

use ccci::model::stage::Stage;
use rustix::process::{Pid, Signal, kill_process};

use crate::{glass::Glass, held, once::assert_cancelled, world::World};

#[test]
fn a_terminal_that_closes_cuts_no_teardown_short() {
    let world = World::new();
    world.hold_in_custom();
    let glass = Glass::run(&world.test("install,custom"));
    world.wait_for_custom();
    held::hold_docker_too(&world, "service rm");
    let mut program = glass.hang_up();
    held::wait_for_docker(&world, 1);
    // A shell and the kernel may each send one.
    kill_process(Pid::from_child(&program), Signal::HUP).unwrap();
    held::let_docker_go(&world);
    let status = program.wait().unwrap();
    assert_eq!(status.code(), Some(129), "{status:?}");
    let report = world.last_report().expect("the run has a report");
    assert_cancelled(&report, Stage::Custom, 129);
    world.assert_clean();
}

#[test]
fn a_closed_window_with_a_shell_in_it_gets_its_teardown() {
    let world = World::new();
    world.hold_in_custom();
    let test = world.test("install,custom");
    let mut shell = Command::new("bash");
    shell.args(["--norc", "--noprofile", "-i"]).env_clear();
    let set = test.get_envs();
    shell.envs(set.filter_map(|(name, value)| Some((name, value?))));
    shell.env("HISTFILE", "/dev/null").env("PS1", "ready: ");
    shell.current_dir(test.get_current_dir().unwrap());
    let over = world.path("over");
    assert!(
        Command::new("mkfifo")
            .arg(&over)
            .status()
            .unwrap()
            .success()
    );
    let glass = Glass::run(&shell);
    glass.wait_for(&["ready: "]);
    let program = test.get_program().to_str().unwrap();
    let args: Vec<_> = test.get_args().map(|arg| arg.to_str().unwrap()).collect();
    let over_name = over.display();
    glass.type_in(&format!("{program} {} > {over_name}\n", args.join(" ")));
    // Standard output is closed with the end of the run.
    let reader = std::thread::spawn(move || fs::read(over).unwrap());
    world.wait_for_custom();
    glass.hang_up().wait().unwrap();
    reader.join().unwrap();
    let report = world.last_report().expect("the run has a report");
    assert_cancelled(&report, Stage::Custom, 129);
    world.assert_clean();
}

#[test]
fn what_a_ci_engine_sends_leaves_what_the_next_run_removes() {
    let world = World::new();
    held::hold_docker(&world, "service rm");
    let glass = Glass::run(&world.test("install"));
    held::wait_for_docker(&world, 1);
    glass.send(Signal::INT);
    glass.wait_for(&["Cancelling ["]);
    glass.send(Signal::TERM);
    glass.send(Signal::KILL);
    drop(glass.end());
    assert_ne!(world.objects(), Vec::<String>::new());
    world.docker_obeys(&serde_json::json!([]));
    world
        .end(world.test("install"))
        .exits(0)
        .said("install pass");
    world.assert_clean();
}

#[test]
fn what_a_kill_without_warning_leaves_the_next_run_removes() {
    let world = World::new();
    world.hold_in_custom();
    let glass = Glass::run(&world.test("install,custom"));
    world.wait_for_custom();
    glass.send(Signal::KILL);
    drop(glass.end());
    assert_ne!(world.objects(), Vec::<String>::new());
    fs::remove_file(world.path("kept/plain/test_hold.sh")).unwrap();
    world
        .end(world.test("install"))
        .exits(0)
        .said("install pass");
    world.assert_clean();
}
