//! A git that hangs, dies or prints what it never prints gives no verdict, and nothing is deployed.

use serde_json::{Value, json};

use crate::{ended::Ended, world::World};

/// Runs a test whose git obeys a rule, and asserts that it ended before it made anything.
#[track_caller]
fn ends(world: &World, rule: &Value) -> Ended {
    // A working git does none of this on demand.
    world.obey("git", &json!([rule]));
    let mut test = world.test("install");
    test.env("CCCI_PULL_TIMEOUT", "3s");
    let ended = world.end(test).exits(103);
    let deploys = |call: &Vec<String>| call.starts_with(&["stack".into(), "deploy".into()]);
    assert!(!world.calls().iter().any(deploys), "{rule}");
    world.assert_clean();
    ended
}

/// Makes a world with a git that obeys.
fn world() -> World {
    let world = World::new();
    world.put("git", &json!([]));
    world
}

#[test]
fn a_git_that_hangs_is_ended_at_its_limit() {
    let world = world();
    ends(&world, &json!({"has": "fetch", "hang": true})).coded("fetch-failed");
    let version = ends(&world, &json!({"has": "version", "hang": true}));
    version.said("tell its version");
}

#[test]
fn a_git_that_is_killed_gives_no_verdict() {
    let world = world();
    for has in ["fetch", "--verify", "for-each-ref", "status"] {
        ends(&world, &json!({"has": has, "dies": true})).coded("fetch-failed");
    }
}

#[test]
fn what_no_git_prints_gives_no_verdict() {
    let world = world();
    for has in ["--verify", "for-each-ref"] {
        for told in ["<html>\n", "HEAD\n"] {
            let rule = json!({"has": has, "skip": true, "before": told});
            ends(&world, &rule).coded("fetch-failed").said("it gave");
        }
        ends(&world, &json!({"has": has, "cut": 20})).coded("fetch-failed");
    }
    let rule = json!({"has": "fetch", "skip": true});
    ends(&world, &rule).coded("fetch-failed");
    let rule = json!({"has": "version", "skip": true, "before": "hello\n"});
    ends(&world, &rule).said("tell its version");
}
