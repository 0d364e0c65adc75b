//! What docker says about its own work decides nothing: Docker's lists do.

use serde_json::json;

use crate::world::World;

#[test]
fn a_removal_that_is_told_and_not_made_is_a_leak_that_the_janitor_ends() {
    let world = World::new();
    // A working engine never says that it removed what it keeps.
    world.docker_obeys(&json!([{"verb": "volume rm", "skip": true}]));
    let ended = world.end(world.test("install")).exits(104);
    let ended = ended.said("install pass").said("remains");
    assert_eq!(ended.left(), world.objects());
    assert_eq!(ended.left().len(), 1, "{:?}", ended.left());
    world.docker_obeys(&json!([]));
    let said = world.end(world.ccci(&["janitor"])).exits(0);
    said.said("removed");
    world.assert_clean_and_usable();
}

#[test]
fn a_removal_that_is_made_and_told_as_an_error_leaves_nothing() {
    let world = World::new();
    let lie = |verb: &str| json!({"verb": verb, "exit": 1, "stderr": "Error response from daemon: lost the answer\n"});
    // A working engine never fails a removal that it has made.
    world.docker_obeys(&json!([
        lie("service rm"),
        lie("rm --force"),
        lie("volume rm")
    ]));
    let ended = world.end(world.test("install")).exits(0);
    assert_eq!(ended.said("install pass").left(), Vec::<String>::new());
    world.assert_clean_and_usable();
}

/// Lets a deploy fail with these words after it made the app, and asserts the verdict and that nothing is left.
#[track_caller]
fn fails_half_done(said: &str, code: i32, outcome: &str) {
    let world = World::new();
    // What is made before an engine refuses the rest cannot be chosen on a working one.
    world.docker_obeys(&json!([{"verb": "stack deploy", "exit": 1, "stderr": said}]));
    let ended = world.end(world.test("install,upgrade")).exits(code);
    let ended = ended.said(said).said(outcome);
    assert_eq!(ended.left(), Vec::<String>::new());
    world.assert_clean_and_usable();
}

#[test]
fn a_deploy_whose_connection_broke_is_removed_and_nobodys_fault() {
    fails_half_done("read: connection reset by peer", 103, "install broken");
}

#[test]
fn a_deploy_whose_second_half_is_refused_is_removed_and_the_recipes_fault() {
    let said = "rpc error: code = InvalidArgument desc = invalid mount target";
    fails_half_done(said.trim_start_matches("rpc error: "), 100, "install fail");
}

#[test]
fn a_deploy_that_is_told_and_not_made_is_no_fault_of_the_recipe() {
    let world = World::new();
    // A working engine never says that it deployed what it did not make.
    world.docker_obeys(&json!([{"verb": "stack deploy", "skip": true}]));
    let ended = world.end(world.test("install")).exits(103);
    let ended = ended.said("install broken").coded("not-deployed");
    assert_eq!(ended.left(), Vec::<String>::new());
    world.assert_clean_and_usable();
}
