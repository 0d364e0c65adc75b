//! From `app new` to `app remove`: what is refused, what is written, what is left.

use serde_json::Value;

use crate::lab::{Lab, NEW, OLD, wait_until};

#[test]
fn a_new_app_has_the_domain_and_the_latest_release_in_its_env() {
    let lab = Lab::new("new");
    lab.abra(&[
        "app",
        "new",
        "tiny",
        "-n",
        "--domain",
        &lab.domain,
        "--server=default",
    ])
    .ok();
    assert!(
        lab.env()
            .contains(&format!("TYPE=tiny:{NEW}\nDOMAIN={}\n", lab.domain))
    );
    let again = lab.abra(&[
        "app",
        "new",
        "tiny",
        "-n",
        "-D",
        &lab.domain,
        "-s",
        "default",
    ]);
    again.fatal("already exists");
    assert!(lab.secrets().is_empty());
}

#[test]
fn missing_secrets_are_named_before_anything_changes() {
    let lab = Lab::new("secrets");
    lab.abra(&[
        "app",
        "new",
        "-n",
        "-D",
        &lab.domain,
        "-s",
        "default",
        "tiny",
    ])
    .ok();
    let deploy = ["app", "deploy", "-n", "-D", &lab.domain];
    lab.abra(&deploy).fatal("secret not generated: token");
    let printed = lab
        .abra(&["app", "secret", "generate", "-n", "-m", "-a", &lab.domain])
        .ok();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        printed.as_array().unwrap().len(),
        1,
        "unused and given ones are left out"
    );
    assert_eq!(printed[0]["name"], "token");
    assert_eq!(printed[0]["value"].as_str().unwrap().len(), 43);
    lab.abra(&deploy)
        .fatal("secret not inserted (#generate=false): given");
    assert!(lab.objects("service").is_empty());

    let file = lab.path("given");
    lab.write("given", "handed\n");
    let insert = [
        "app",
        "secret",
        "insert",
        "-n",
        "-f",
        &lab.domain,
        "given",
        "v1",
    ];
    let insert = [&insert[..], &[file.to_str().unwrap()]].concat();
    lab.abra(&insert).ok();
    lab.abra(&insert).fatal("already exists");
    let listed = lab
        .abra(&["app", "secret", "ls", "-n", "-m", &lab.domain])
        .ok();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let created: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["created on server"])
        .collect();
    assert_eq!(created, ["true", "true"]);
    lab.abra(&["app", "secret", "rm", "-n", &lab.domain, "given"])
        .ok();
    assert_eq!(lab.secrets(), [format!("{}_token_v1", lab.stack)]);
}

#[test]
fn a_dirty_tree_is_refused_and_chaos_marks_it() {
    let lab = Lab::new("dirty").with_app();
    lab.git(&["checkout", "--quiet", "main"]);
    lab.write("recipes/tiny/untracked", "");
    let refused = lab.abra(&["app", "deploy", "-n", "-D", &lab.domain]);
    refused.fatal("has locally unstaged changes");
    lab.abra(&["app", "secret", "ls", "-m", &lab.domain])
        .fatal("has locally unstaged changes");
    lab.abra(&["app", "secret", "ls", "-C", "-m", &lab.domain])
        .ok();

    let unanswered = lab.abra(&["app", "deploy", "-C", "-c", "-D", &lab.domain]);
    unanswered.fatal("stopping as requested");
    assert!(lab.objects("service").is_empty());
    lab.abra(&["app", "deploy", "-n", "-C", "-c", "-D", &lab.domain])
        .ok();
    let commit: String = lab.git(&["rev-parse", "HEAD"]).chars().take(8).collect();
    assert_eq!(lab.label("chaos-version"), Some(format!("{commit}+U")));
    assert_eq!(lab.label("chaos").as_deref(), Some("true"));
    assert_eq!(
        lab.label("version").as_deref(),
        Some(NEW),
        "chaos keeps the file's version"
    );
    assert_eq!(
        lab.git(&["rev-parse", "--abbrev-ref", "HEAD"]),
        "main",
        "the tree stays"
    );
    assert!(lab.env().contains(&format!("TYPE=tiny:{commit}\n")));
}

#[test]
fn a_lightweight_tag_blocks_a_deploy_without_chaos() {
    let lab = Lab::new("lightweight").with_app();
    lab.git(&["tag", "0.3.0+1.35.0"]);
    lab.abra(&["app", "deploy", "-n", "-D", &lab.domain])
        .fatal("R014");
    assert!(lab.objects("service").is_empty());
}

#[test]
fn compose_files_that_are_missing_and_names_that_are_too_long_are_refused() {
    let lab = Lab::new("refused").with_app();
    let deploy = ["app", "deploy", "-n", "-C", "-D", &lab.domain];
    lab.edit_env("\"compose.yml\"", "\"compose.yml:compose.gone.yml\"");
    lab.abra(&deploy).fatal("compose.gone.yml");
    lab.edit_env(":compose.gone.yml", ":compose.long.yml");
    let long = "a-service-with-a-name-that-no-swarm-takes-together-with-its-stack";
    let overlay = format!("version: \"3.8\"\nservices:\n  {long}:\n    image: busybox:1.35.0\n");
    lab.write("recipes/tiny/compose.long.yml", &overlay);
    lab.abra(&deploy).fatal("name too long");
    assert!(lab.objects("service").is_empty());
}

#[test]
fn a_deploy_that_does_not_converge_fails_after_the_spec_is_applied() {
    let lab = Lab::new("timeout").with_app();
    lab.write(&lab.env_path(), &format!("{}TIMEOUT=1\n", lab.env()));
    let compose = std::fs::read_to_string(lab.recipe().join("compose.yml")).unwrap();
    let broken = compose.replace("\"httpd\", \"-f\"", "\"false\"");
    lab.write("recipes/tiny/compose.yml", &broken);
    lab.abra(&["app", "deploy", "-n", "-C", "-D", &lab.domain])
        .fatal("deploy failed");
    assert_eq!(lab.objects("service").len(), 1);
}

#[test]
fn the_version_is_the_one_asked_for_then_the_pin_then_the_latest_then_head() {
    let lab = Lab::new("order").with_app();
    let deploy = |arguments: &[&str]| {
        let fixed = ["app", "deploy", "-n", "-c", "-f", "-D", &lab.domain];
        lab.abra(&[&fixed[..], arguments].concat()).ok();
        lab.env().lines().nth(1).unwrap_or_default().to_owned()
    };
    lab.edit_env(&format!("TYPE=tiny:{NEW}"), &format!("TYPE=tiny:{OLD}"));
    assert_eq!(deploy(&[]), format!("TYPE=tiny:{OLD}"));
    assert_eq!(deploy(&["-i"]), format!("TYPE=tiny:{NEW}"));
    let commit = lab.git(&["rev-parse", &format!("{OLD}^{{commit}}")]);
    assert_eq!(deploy(&[&commit]), format!("TYPE=tiny:{commit}"));
    assert_eq!(lab.label("version").as_deref(), Some(OLD));
    lab.git(&["tag", "--delete", OLD, NEW]);
    assert_eq!(deploy(&["-i"]), format!("TYPE=tiny:{}", &commit[..8]));
    lab.abra(&["app", "deploy", "-n", "-f", "-D", &lab.domain, "9.9.9+9"])
        .fatal("9.9.9+9");
}

#[test]
fn a_rollback_that_the_swarm_makes_after_convergence_is_missed() {
    let lab = Lab::new("swarmback").with_app();
    let compose = std::fs::read_to_string(lab.recipe().join("compose.yml")).unwrap();
    let update = "    deploy:\n      update_config:\n        failure_action: rollback\n        \
                  order: start-first\n        monitor: 20s\n";
    let compose = compose.replace("    deploy:\n", update);
    lab.write("recipes/tiny/compose.yml", &compose);
    let deploy = ["app", "deploy", "-n", "-C", "-D", &lab.domain];
    lab.abra(&deploy).ok();
    lab.commit("update rules");
    let serving = "[\"httpd\", \"-f\", \"-p\", \"80\", \"-h\", \"/data\"]";
    let dying = compose.replace(serving, "[\"sh\", \"-c\", \"sleep 8; false\"]");
    assert_ne!(dying, compose);
    lab.write("recipes/tiny/compose.yml", &dying);
    lab.commit("dies while the swarm still watches");
    lab.abra(&deploy).ok();
    let commit: String = lab.git(&["rev-parse", "HEAD"]).chars().take(8).collect();
    assert!(lab.env().contains(&format!("TYPE=tiny:{commit}\n")));
    assert_eq!(lab.label("chaos-version").as_ref(), Some(&commit));
    let reverted = wait_until(|| lab.label("chaos-version").as_ref() != Some(&commit));
    assert!(reverted, "the labels go back with the tasks");
}

#[test]
fn what_is_deployed_is_written_shown_and_not_deployed_again() {
    let lab = Lab::new("life").with_app();
    lab.write(
        &lab.env_path(),
        &format!("{}POST_DEPLOY_CMDS=\"app mark first\"\n", lab.env()),
    );
    lab.abra(&["-n", "app", "deploy", &lab.domain, "-D", OLD])
        .ok();
    assert!(lab.env().contains(&format!("TYPE=tiny:{OLD}\n")));
    assert_eq!(lab.git(&["describe", "--tags"]), OLD);
    assert_eq!(lab.label("version").as_deref(), Some(OLD));
    assert_eq!(lab.label("recipe").as_deref(), Some("tiny"));
    assert_eq!(lab.label("chaos").as_deref(), Some("false"));
    assert_eq!(lab.label("chaos-version"), None);
    assert_eq!(
        lab.sh("cat /data/marked.txt"),
        format!("first of {}\n", lab.stack)
    );
    let seen = lab.sh("echo $TYPE $DOMAIN $PRICE $ENTRY_VERSION; cat /run/secrets/given");
    assert_eq!(seen, format!("tiny:{OLD} {} $5 v1\nhanded", lab.domain));
    lab.abra(&["app", "deploy", "-n", "-D", &lab.domain])
        .fatal("is already deployed");

    let listed = lab
        .abra(&["app", "ls", "-n", "-o", "-S", "-m", "-s", "default"])
        .ok();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let app = &listed["default"]["apps"][0];
    assert_eq!(
        (&app["status"], &app["version"]),
        (&"deployed".into(), &OLD.into())
    );
    assert_eq!(
        (&app["chaos"], &app["upgrade"]),
        (&"false".into(), &NEW.into())
    );
    assert_eq!(listed["default"]["upgradeCount"], 1);
    let shown = lab.abra(&["app", "ps", "-n", "-m", &lab.domain]).ok();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["app"]["state"], "running");
}

#[test]
fn upgrade_and_rollback_move_the_pin_and_removal_takes_what_undeploy_leaves() {
    let lab = Lab::new("steps").with_app();
    lab.write(
        &lab.env_path(),
        &format!("{}POST_DEPLOY_CMDS=\"app mark no\"\n", lab.env()),
    );
    lab.abra(&["app", "deploy", "-n", "-c", "-D", &lab.domain, OLD])
        .ok();
    lab.abra(&["app", "rollback", "-n", "-D", &lab.domain])
        .fatal("no available rollback");
    lab.git(&["checkout", "--quiet", "main"]);
    lab.abra(&["app", "upgrade", "-n", "-D", &lab.domain]).ok();
    assert!(lab.env().contains(&format!("TYPE=tiny:{NEW}\n")));
    assert_eq!(
        lab.sh("ls /data"),
        "",
        "without the wait no command ran after the deploy"
    );
    lab.abra(&["app", "rollback", "-n", "-D", "-c", &lab.domain, OLD])
        .ok();
    assert_eq!(lab.git(&["describe", "--tags"]), OLD);

    lab.git(&["checkout", "--quiet", "main"]);
    lab.abra(&["app", "secret", "ls", "-o", "-m", &lab.domain])
        .ok();
    assert_eq!(
        lab.git(&["describe", "--tags"]),
        NEW,
        "offline leaves the tree"
    );
    lab.abra(&["app", "secret", "ls", "-m", &lab.domain]).ok();
    assert_eq!(
        lab.git(&["describe", "--tags"]),
        OLD,
        "a list moves the tree to the pin"
    );

    lab.abra(&["app", "remove", "-n", &lab.domain])
        .fatal("still deployed");
    lab.abra(&["app", "undeploy", "-n", &lab.domain]).ok();
    lab.abra(&["app", "undeploy", "-n", &lab.domain])
        .fatal("is not deployed?");
    assert_eq!(lab.secrets().len(), 2, "secrets stay");
    let volumes = lab
        .abra_ci(&["app", "volume", "ls", "-n", &lab.domain])
        .ok();
    assert!(
        volumes.contains(&format!("{}_data ", lab.stack)),
        "volumes stay: {volumes}"
    );
    lab.abra(&["app", "volume", "rm", "-n", "-f", &lab.domain, "skipped"])
        .ok();
    assert_eq!(lab.objects("volume").len(), 1);
    lab.abra(&["app", "remove", "-n", &lab.domain]).ok();
    assert!(lab.objects("volume").is_empty());
    assert!(lab.secrets().is_empty());
    assert!(!lab.path(&lab.env_path()).exists());
}
