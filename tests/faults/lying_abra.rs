//! What abra says of its own work decides nothing: a look at the swarm does.
#![expect(clippy::unwrap_used, reason = "what the test cannot do ends it")]

use std::fs;

use serde_json::{Value, json};

use crate::{ended::Ended, world::World};

/// Runs some stages with an abra that obeys a rule; nothing of it may be left.
#[track_caller]
fn ends(rule: &Value, stages: &str, code: i32) -> (World, Ended) {
    let world = World::with_abra();
    // No abra does on demand what these rules do.
    world.obey("abra", &json!([rule]));
    let ended = world.end(world.test(stages)).exits(code);
    assert_eq!(ended.left(), Vec::<String>::new());
    world.assert_clean();
    (world, ended)
}

#[test]
fn a_deploy_that_is_made_and_told_as_an_error_is_judged_by_what_runs() {
    let rule = json!({"verb": "app deploy", "exit": 1, "stderr": "FATA deploy failed\n"});
    let (_, ended) = ends(&rule, "install,upgrade", 0);
    let ended = ended.said("install pass").said("upgrade pass");
    ended.said("every service is there").said("deploy failed");
}

#[test]
fn a_deploy_that_fails_and_makes_nothing_is_nobodys_proven_fault() {
    let rule =
        json!({"verb": "app deploy", "skip": true, "exit": 1, "stderr": "FATA the moon is full\n"});
    let (_, ended) = ends(&rule, "install", 103);
    let ended = ended.said("install broken").coded("tool-refused");
    ended.said("the moon is full");
}

#[test]
fn a_deploy_that_is_told_and_not_made_is_found_out() {
    let rule = json!({"verb": "app deploy", "skip": true});
    let (_, ended) = ends(&rule, "install", 103);
    let ended = ended.said("install broken").coded("not-deployed");
    ended.said("there is no service");
}

#[test]
fn an_upgrade_that_is_told_and_not_made_is_found_out() {
    let rule = json!({"verb": "app deploy", "call": 2, "skip": true});
    let (_, ended) = ends(&rule, "install,upgrade", 103);
    let ended = ended.said("install pass").said("upgrade broken");
    ended
        .coded("not-deployed")
        .said("every service is what it was");
}

/// Runs an install whose time is short, with an abra that does not end in it.
#[track_caller]
fn is_ended(rule: &Value, limit: &str) -> Ended {
    let world = World::with_abra();
    // No abra hangs on demand.
    world.obey("abra", &json!([rule]));
    let mut test = world.test("install");
    test.env("CCCI_STAGE_TIMEOUT", limit);
    let ended = world.end(test).exits(103).said("install broken");
    assert_eq!(ended.left(), Vec::<String>::new());
    world.assert_clean();
    ended
}

#[test]
fn a_call_that_hangs_in_silence_is_ended_with_its_stage() {
    let ended = is_ended(&json!({"verb": "app new", "hang": true}), "5s");
    ended.coded("tool-timeout").said("making the app");
}

#[test]
fn a_deploy_that_never_stops_talking_is_ended_and_removed() {
    is_ended(&json!({"verb": "app deploy", "flood": true}), "15s").coded("tool-timeout");
}

#[test]
fn a_question_that_waits_is_ended_and_told() {
    let rule = json!({"verb": "app new", "before": "? which server (y/N) ", "hang": true});
    let ended = is_ended(&rule, "5s").coded("tool-broken");
    ended.said("asked `? which server (y/N)` and waited");
}

#[test]
fn a_question_that_finds_nobody_is_told_with_the_failure() {
    let rule = json!({
        "verb": "app deploy", "reads": true, "skip": true, "exit": 1,
        "before": "? proceed (y/N) ", "stderr": "FATA EOF\n",
    });
    let (_, ended) = ends(&rule, "install", 103);
    ended.said("EOF, having asked `? proceed (y/N)`");
}

#[test]
fn a_flag_that_is_not_known_is_named_with_the_version_and_nothing_is_made() {
    let rule = json!({
        "verb": "app new", "skip": true, "exit": 1, "stderr": "FATA unknown flag: --domain\n",
    });
    let (world, ended) = ends(&rule, "install", 103);
    let ended = ended.coded("tool-broken").said("unknown flag: --domain");
    ended.said("abra 0.13.0-beta-standin");
    let makes = |call: &Vec<String>| {
        let words: Vec<&str> = call.iter().map(String::as_str).collect();
        matches!(words[..], [_, "create" | "deploy", ..])
    };
    assert!(!world.calls().iter().any(makes), "{:?}", world.calls());
}

#[test]
fn a_version_that_is_none_ends_a_call_before_any_effect() {
    let world = World::with_abra();
    // No abra is without a version.
    let rule = json!({"verb": "--version", "skip": true, "before": "hello\n"});
    world.obey("abra", &json!([rule]));
    let ended = world.end(world.test("install")).exits(103);
    ended.said("did not tell a version");
    assert!(!world.path("state/runs/latest").exists());
    world.assert_clean();
}

/// Gives the recipe three secrets.
fn with_secrets(world: &World) {
    let sample = world.path("work/plain/.env.sample");
    let mut text = fs::read_to_string(&sample).unwrap();
    let (mut used, mut made) = (String::new(), String::new());
    for name in ["one", "two", "three"] {
        let version = format!("SECRET_{}_VERSION", name.to_uppercase());
        let external = "external: true\n    name: ${STACK_NAME}";
        text.extend([&version, "=v1 # length=20\n"]);
        used.extend(["      - ", name, "\n"]);
        made.extend([
            "  ", name, ":\n    ", external, "_", name, "_${", &version, "}\n",
        ]);
    }
    fs::write(sample, text).unwrap();
    world.edit_compose(
        "    deploy:\n",
        &format!("    secrets:\n{used}    deploy:\n"),
    );
    world.edit_compose("\nvolumes:\n", &format!("\nsecrets:\n{made}volumes:\n"));
}

#[test]
fn a_generator_that_is_killed_between_two_secrets_leaves_none() {
    let world = World::with_abra();
    with_secrets(&world);
    // Nobody can tell when a working abra has made one secret of three.
    world
        .docker_obeys(&json!([{"verb": "secret create", "call": 2, "signals": [9], "skip": true}]));
    let ended = world.end(world.test("install")).exits(103);
    let ended = ended.said("install broken").said("ended by signal 9");
    assert_eq!(ended.left(), Vec::<String>::new());
    let made = |call: &&Vec<String>| call[..2] == ["secret", "create"];
    assert_eq!(world.calls().iter().filter(made).count(), 2);
    world.assert_clean();
}

/// Runs an install whose generated secrets are told in some other way.
#[track_caller]
fn secrets_told_as(told: &str, code: i32) -> (World, Ended) {
    let world = World::with_abra();
    with_secrets(&world);
    // What versions of abra print is not known, and the one that is there prints one form.
    let rule = json!({"verb": "app secret generate", "before": told, "cut": told.len()});
    world.obey("abra", &json!([rule]));
    let ended = world.end(world.test("install")).exits(code);
    assert_eq!(ended.left(), Vec::<String>::new());
    world.assert_clean();
    (world, ended)
}

#[test]
fn a_list_of_secrets_with_other_keys_is_read_and_masked() {
    let told =
        r#"[{"Secret_Name":"one","PASSWORD":"hunter2hunter2","new":true},{"Secret_Name":"two"}]"#;
    let (_, ended) = secrets_told_as(told, 0);
    ended.said("install pass");
}

#[test]
fn a_list_of_secrets_that_is_cut_ends_the_run_and_shows_none_of_them() {
    let told = r#"[{"name":"one","value":"hunter2hunter2"},{"name":"two","val"#;
    let (world, ended) = secrets_told_as(told, 103);
    let ended = ended.coded("tool-broken").said("cannot be read");
    assert!(!ended.stderr().contains("hunter2"));
    let mut folders = vec![world.path("state")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read(&path).unwrap();
                let shown = String::from_utf8_lossy(&text).contains("hunter2");
                assert!(!shown, "{}", path.display());
            }
        }
    }
}

#[test]
fn abra_is_told_no_folder_but_the_runs_own() {
    let world = World::with_abra();
    let servers = world.path("home/.abra/servers/default");
    fs::create_dir_all(&servers).unwrap();
    fs::write(servers.join("theirs.env"), "TYPE=theirs\n").unwrap();
    let ended = world.end(world.test("install,upgrade,backup,restore"));
    let ended = ended.exits(0).said("restore pass");
    let own = world.path("state/runs");
    let environments = world.environments("abra");
    // Its version is asked before there is a run.
    let of_runs = environments
        .iter()
        .filter(|one| one.contains_key("ABRA_DIR"));
    let folders: Vec<_> = of_runs.map(|one| one["ABRA_DIR"].as_str()).collect();
    assert_eq!(folders.len() + 1, environments.len());
    assert!(
        folders
            .iter()
            .all(|folder| folder.starts_with(own.to_str().unwrap()))
    );
    let entries: Vec<_> = fs::read_dir(&servers).unwrap().collect();
    assert_eq!(entries.len(), 1);
    let text = fs::read_to_string(servers.join("theirs.env")).unwrap();
    assert_eq!(text, "TYPE=theirs\n");
    let versions = ended.versions();
    assert_eq!(versions["abra"], "0.13.0-beta-standin");
    for program in ["docker", "git"] {
        assert!(versions[program].starts_with(|first: char| first.is_ascii_digit()));
    }
    world.assert_clean();
}

#[test]
fn a_backup_that_is_told_and_not_made_is_no_verdict() {
    let rule = json!({"verb": "app backup create", "skip": true});
    let (_, ended) = ends(&rule, "install,backup", 103);
    let ended = ended.said("backup broken").coded("tool-broken");
    ended.said("`app backup create` ended well, and then");
}

#[test]
fn a_restore_that_is_told_and_not_made_is_found_by_the_data() {
    let rule = json!({"verb": "app restore", "skip": true});
    let (_, ended) = ends(&rule, "install,backup,restore", 100);
    ended.said("restore fail").coded("restore-lost");
}
