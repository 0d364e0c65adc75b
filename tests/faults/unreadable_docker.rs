//! An answer of docker that cannot be read is named, and never read as "no objects".

use serde_json::{Value, json};

use crate::world::{World, docker};

/// Runs a test whose first lists are spoilt, and asserts that it ended before it made anything.
#[track_caller]
fn ends_before_any_effect(rule: &Value, named: &str) {
    let world = World::new();
    world.docker_obeys(&json!([rule]));
    let ended = world.end(world.test("install")).exits(103);
    ended.said(named).said("unreadable");
    let deploys = |call: &Vec<String>| call.starts_with(&["stack".into(), "deploy".into()]);
    assert!(!world.calls().iter().any(deploys), "{:?}", world.calls());
    world.assert_clean_and_usable();
}

#[test]
fn a_warning_among_the_volumes_ends_a_run_before_any_effect() {
    // No setting of an engine prints warnings among the lines of a list.
    let rule = json!({"verb": "volume ls", "before": "WARNING: the plugin is slow\n"});
    ends_before_any_effect(&rule, "list volumes");
}

#[test]
fn a_list_cut_short_ends_a_run_before_any_effect() {
    // A connection that is cut at a byte of our choice cannot be had of a working engine.
    let rule = json!({"verb": "network ls", "cut": 40});
    ends_before_any_effect(&rule, "network");
}

#[test]
fn garbage_among_the_containers_ends_a_run_before_any_effect() {
    // A working engine prints JSON.
    let rule = json!({"verb": "ps", "skip": true, "before": "<html>\u{7}</html>\n"});
    ends_before_any_effect(&rule, "list containers");
}

#[test]
fn a_list_that_is_lost_is_never_read_as_no_objects() {
    let world = World::new();
    let service = format!("{}-theirs", world.marker());
    docker(&[
        "service",
        "create",
        "--detach",
        "--replicas=0",
        "--quiet",
        "--name",
        &service,
        "busybox:1.35.0",
        "sleep",
        "600",
    ]);
    let lists = [
        "service ls",
        "service inspect",
        "ps",
        "volume ls",
        "secret ls",
        "config ls",
    ];
    let lists = lists.map(|verb| json!({"verb": verb}));
    // The network that all apps share is looked for by a list of its own.
    let networks = json!({"verb": "network ls", "has": "Labels"});
    for rule in lists.into_iter().chain([networks]) {
        for cut in [0, 3] {
            let mut rule = rule.clone();
            rule["cut"] = json!(cut);
            // A connection that loses its answer cannot be had of a working engine.
            world.docker_obeys(&json!([rule]));
            let ended = world.end(world.test("install")).exits(103);
            ended.coded("docker-garbled").said("unreadable");
            let deploys = |call: &Vec<String>| call.starts_with(&["stack".into(), "deploy".into()]);
            assert!(!world.calls().iter().any(deploys), "{rule}");
        }
    }
    docker(&["service", "rm", &service]);
    world.assert_clean_and_usable();
}

#[test]
fn volumes_that_are_never_listed_are_told_as_left() {
    let world = World::new();
    world.hold_in_custom();
    let mut test = world.test("install,custom");
    test.env("CCCI_TEARDOWN_TIMEOUT", "3s");
    let child = World::start(test);
    world.wait_for_custom();
    // A working engine lists each volume that it has.
    world.docker_obeys(&json!([{"verb": "volume ls", "cut": 0}]));
    world.let_go();
    let ended = world.wait(child).exits(104).said("list volumes");
    let is_volume = |object: &&String| object.starts_with("volume ");
    let objects = world.objects();
    let volume = objects
        .iter()
        .find(is_volume)
        .expect("nobody removes what nobody sees");
    assert!(ended.left().contains(volume), "{:?}", ended.left());
    world.docker_obeys(&json!([]));
    world.end(world.ccci(&["janitor"])).exits(0).said("removed");
    world.assert_clean_and_usable();
}

#[test]
fn tasks_that_cannot_be_read_are_no_verdict_on_the_recipe() {
    let world = World::new();
    // A working engine prints whole JSON.
    world.docker_obeys(&json!([{"verb": "stack ps", "cut": 40}]));
    let mut test = world.test("install");
    test.env("CCCI_DEPLOY_TIMEOUT_MAX", "10s");
    let ended = world.end(test).exits(103);
    ended.said("install broken").said("list tasks");
    world.assert_clean_and_usable();
}

#[test]
fn services_that_cannot_be_read_are_told_as_left_and_go_with_the_janitor() {
    let world = World::new();
    world.hold_in_custom();
    let mut test = world.test("install,custom");
    test.env("CCCI_TEARDOWN_TIMEOUT", "3s");
    let child = World::start(test);
    world.wait_for_custom();
    // A working engine never answers an inspection with nothing.
    world.docker_obeys(&json!([{"verb": "service inspect", "skip": true}]));
    world.let_go();
    let ended = world.wait(child).exits(104);
    let left = ended.left();
    // A task's container has a name of swarm's choice, which nobody can announce.
    let named = |object: &String| left.contains(object) || object.starts_with("container ");
    let objects = world.objects();
    assert!(
        !objects.is_empty() && objects.iter().all(named),
        "{objects:?} {left:?}"
    );
    ended.said("inspect services");
    world.docker_obeys(&json!([]));
    world.end(world.ccci(&["janitor"])).exits(0).said("removed");
    world.assert_clean_and_usable();
}

#[test]
fn volumes_that_are_not_listed_once_are_found_by_the_second_look() {
    let world = World::new();
    world.hold_in_custom();
    let child = World::start(world.test("install,custom"));
    world.wait_for_custom();
    // A working engine lists each volume that it has.
    world.docker_obeys(&json!([{"verb": "volume ls", "call": 1, "skip": true}]));
    world.let_go();
    let ended = world.wait(child).exits(0);
    assert_eq!(ended.said("custom pass").left(), Vec::<String>::new());
    world.assert_clean_and_usable();
}
