//! What is still in use is waited for, or named with who holds it, and never cut off by force.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::{World, docker};

#[test]
fn a_network_that_a_foreign_container_is_on_is_a_leak_that_names_it() {
    let world = World::new();
    world.edit_compose("      - proxy\n", "      - proxy\n      - own\n");
    let own = "networks:\n  own:\n    driver: overlay\n    attachable: true\n";
    world.edit_compose("\nnetworks:\n", &format!("\n{own}"));
    let holder = format!("{}-holder", world.marker());
    world.keep_program(
        "test_hold.sh",
        &format!("#!/bin/sh\nexec docker run --detach --name {holder} --network ${{CCCI_STACK}}_own busybox:1.35.0 sleep 600\n"),
    );
    let mut test = world.test("install,custom");
    test.env("CCCI_TEARDOWN_TIMEOUT", "5s");
    let ended = world.end(test).exits(104).said("custom pass");
    let left = ended.left();
    assert!(
        matches!(&left[..], [network] if network.ends_with("_own")),
        "{left:?}"
    );
    ended.said(&format!(
        "container `{holder}` uses {}",
        left[0].replacen("network ", "network `", 1)
    ));
    // It still runs, and still is on the network.
    let format = "{{.State.Running}} {{len .NetworkSettings.Networks}}";
    assert_eq!(
        docker(&["inspect", "--format", format, &holder]),
        "true 1\n"
    );
    docker(&["rm", "--force", &holder]);
    world.end(world.ccci(&["janitor"])).exits(0).said("removed");
    world.assert_clean();
}

#[test]
fn a_network_that_is_listed_and_not_found_is_looked_for_again() {
    let world = World::new();
    let own = "\nnetworks:\n  own:\n    driver: overlay\n";
    world.edit_compose("\nnetworks:\n", own);
    world.edit_compose("      - proxy\n", "      - proxy\n      - own\n");
    let lost = json!({
        "verb": "network rm", "skip": true, "exit": 1,
        "stderr": "Error response from daemon: network own not found\n",
    });
    // An engine loses a network that it lists for a moment only, and not on demand.
    let mut once = lost.clone();
    once["call"] = json!(1);
    world.docker_obeys(&json!([once]));
    let ended = world.end(world.test("install")).exits(0);
    assert_eq!(ended.left(), Vec::<String>::new());
    world.assert_clean();
    world.docker_obeys(&json!([lost]));
    let mut test = world.test("install");
    test.env("CCCI_TEARDOWN_TIMEOUT", "3s");
    let ended = world.end(test).exits(104);
    assert_eq!(ended.left(), world.objects());
    world.docker_obeys(&json!([]));
    world.end(world.ccci(&["janitor"])).exits(0).said("removed");
    world.assert_clean();
}

#[test]
fn a_service_that_will_not_stop_keeps_no_secret_and_no_config() {
    let world = World::new();
    let patience = Duration::from_secs(600);
    world.edit_compose(
        "stop_grace_period: 1s",
        &format!("stop_grace_period: {}s", patience.as_secs()),
    );
    world.edit_compose("sh\", \"-c\", \"", "sh\", \"-c\", \"trap '' TERM; ");
    world.edit_compose("exec httpd", "httpd");
    let held = "    secrets: [held]\n    configs: [held]\n    deploy:\n";
    world.edit_compose("    deploy:\n", held);
    let made = "\nsecrets:\n  held:\n    file: .env.sample\nconfigs:\n  held:\n    file: .env.sample\nvolumes:\n";
    world.edit_compose("\nvolumes:\n", made);
    let begun = Instant::now();
    let ended = world
        .end(world.test("install"))
        .exits(0)
        .said("install pass");
    assert!(begun.elapsed() < patience, "the service was waited for");
    for kind in ["secret", "config"] {
        assert_eq!(ended.removed(kind), 1, "{kind}");
    }
    world.assert_clean_and_usable();
}

#[test]
fn a_hook_whose_client_is_killed_is_ended_in_its_container() {
    let world = World::new();
    let hook = "echo half > /data/dump; echo begun; sleep 611; echo whole > /data/dump";
    let label = format!("        - \"backupbot.backup.pre-hook={hook}\"\n");
    let first = "        - \"backupbot.backup=true\"\n";
    world.edit_compose(first, &format!("{first}{label}"));
    world.keep_program(
        "test_processes.sh",
        "#!/bin/sh\nids=$(docker ps --quiet --filter label=com.docker.stack.namespace=$CCCI_STACK)\n\
            test -n \"$ids\" || exit 1\nfor id in $ids; do\n\
            docker top $id | grep 'sleep 611' && exit 1\ndone\nexit 0\n",
    );
    // No working client dies at a moment of our choice.
    world.docker_obeys(&json!([{"verb": "exec", "has": "sleep 611", "dies": true}]));
    let ended = world
        .end(world.test("install,backup,restore,custom"))
        .exits(103);
    // What the hook had written when it was ended is no backup, so there is nothing to restore.
    let ended = ended.said("backup broken").said("restore skip");
    ended.said("custom pass");
    world.assert_clean();
}

#[test]
fn a_hook_that_outlives_its_stage_is_ended_and_the_recipes_fault() {
    let world = World::new();
    let first = "        - \"backupbot.backup=true\"\n";
    let label = "        - \"backupbot.backup.pre-hook=sleep 613\"\n";
    world.edit_compose(first, &format!("{first}{label}"));
    let mut test = world.test("install,backup");
    test.env("CCCI_STAGE_TIMEOUT", "30s");
    let ended = world.end(test).exits(100).said("backup fail");
    ended.coded("hook-failed").said("did not end in time");
    world.assert_clean();
}
