//! What the janitor spares, and why.

use crate::world::{World, docker, end};

#[test]
fn a_kept_app_is_spared_until_it_expires() {
    let world = World::new();
    let mut keep = world.test("install");
    keep.args(["--keep", "always"]);
    end(keep).exits(0);
    let kept = world.objects();
    assert!(!kept.is_empty());
    let said = end(world.bare(&["janitor", "--max-age", "1ms"])).exits(0);
    assert!(said.contains(": kept until "), "{said}");
    assert_eq!(world.objects(), kept);
    let mut brief = world.test("install");
    brief.args(["--keep", "always"]).env("CCCI_KEEP_FOR", "1ms");
    end(brief).exits(0);
    assert!(!world.objects().is_empty());
    let said = end(world.bare(&["janitor"])).exits(0);
    assert!(said.contains("kept until "), "{said}");
    world.assert_clean();
}

#[test]
fn a_name_is_not_enough_unless_the_base_domain_is_ours() {
    let world = World::new();
    let labels = ["tiny-0a1b2c", "traefik", "warm-0a1b2c"];
    let [_, foreign, warm] = labels.map(|label| world.volume_of(label));
    let all = world.objects();
    let said = end(world.bare(&["janitor", "--max-age", "1ms"])).exits(0);
    for reason in [
        "no record of it here",
        "a warm app",
        "not named as a run's app",
    ] {
        assert!(said.contains(reason), "{said}");
    }
    assert_eq!(world.objects(), all);
    let claimed = |args: &[&str]| {
        let mut janitor = world.bare(args);
        janitor.env("CCCI_BASE_DOMAIN_IS_OURS", "true");
        end(janitor)
    };
    let said = claimed(&["janitor"]).exits(0);
    assert!(said.contains("too young"), "{said}");
    let said = claimed(&["janitor", "--max-age", "1ms", "--dry-run"]).exits(0);
    assert!(said.contains("would remove 1 object"), "{said}");
    assert_eq!(world.objects(), all);
    let ended = claimed(&["janitor", "--max-age", "1ms", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    ended.exits(0);
    let verdicts = document["apps"].as_array().expect("it lists the apps");
    let verdicts: Vec<_> = verdicts.iter().map(|app| app["verdict"].clone()).collect();
    assert_eq!(verdicts, ["reap", "spare", "spare"]);
    assert_eq!(document["apps"][0]["teardown"]["removed"]["volume"], 1);
    assert_eq!(document["apps"][0]["gone"], true);
    let left = [&foreign, &warm].map(|name| format!("volume {name}"));
    assert_eq!(world.objects(), left);
    docker(&["volume", "rm", &foreign, &warm]);
}

#[test]
fn the_number_of_docker_calls_does_not_grow_with_the_number_of_apps() {
    let world = World::new();
    let (program, calls) = world.counting_docker();
    let count = |apps: std::ops::Range<u32>| {
        let volumes: Vec<_> = apps
            .map(|number| world.volume_of(&format!("tiny-{number:06x}")))
            .collect();
        let mut janitor = world.bare(&["janitor", "--dry-run"]);
        janitor
            .env("CCCI_BASE_DOMAIN_IS_OURS", "true")
            .env("CCCI_DOCKER", &program);
        let said = end(janitor).exits(0);
        assert_eq!(said.lines().count(), volumes.len(), "{said}");
        docker(
            &[
                &["volume", "rm"],
                &volumes.iter().map(String::as_str).collect::<Vec<_>>()[..],
            ]
            .concat(),
        );
        let made = std::fs::read_to_string(&calls).expect("docker was called");
        std::fs::remove_file(&calls).expect("it was there");
        made.lines().count()
    };
    // A list of each kind, an inspection of services for their labels where there are any, one of volumes for their age.
    for apps in [1, 20] {
        let made = count(0..apps);
        assert!(made <= 8, "{made} calls for {apps} apps");
    }
}

#[test]
fn a_volume_that_somebody_else_holds_is_named_and_decides_the_exit_code() {
    let world = World::new();
    let volume = world.volume_of("tiny-0a1b2c");
    let holder = format!("{}-holder", world.base_domain());
    let mount = format!("{volume}:/held");
    let image = ["busybox:1.35.0", "sleep", "600"];
    let run = ["run", "--detach", "--name", &holder, "--volume", &mount];
    docker(&[&run[..], &image].concat());
    let mut janitor = world.bare(&["janitor", "--max-age", "1ms"]);
    janitor.env("CCCI_BASE_DOMAIN_IS_OURS", "true");
    janitor.env("CCCI_TEARDOWN_TIMEOUT", "3s");
    let said = end(janitor).exits(104);
    assert!(
        said.contains(&format!("volume `{volume}` remains")),
        "{said}"
    );
    docker(&["rm", "--force", &holder]);
    docker(&["volume", "rm", &volume]);
}

#[test]
fn a_journal_that_tells_nothing_is_set_aside_and_one_of_a_newer_ccci_is_not() {
    let world = World::new();
    let newer = r#"{"entry":"begun","version":99}"#;
    let sum = "30e4d4e2";
    for (run, text) in [
        ("aaaaa", "garbage".to_owned()),
        ("bbbbb", format!("{} {sum} {newer}\n", newer.len())),
    ] {
        let folder = world.path("state/runs").join(run);
        std::fs::create_dir_all(&folder).expect("the state is ours");
        std::fs::write(folder.join("journal.jsonl"), text).expect("the state is ours");
    }
    let said = end(world.bare(&["janitor"])).exits(0);
    assert!(said.contains("run `aaaaa` is left alone"), "{said}");
    assert!(
        said.contains("run `bbbbb` is left alone: its journal was made by a newer ccci"),
        "{said}"
    );
    let aside = world.path("state/runs/aaaaa/journal.jsonl.damaged");
    assert_eq!(
        std::fs::read_to_string(aside).ok().as_deref(),
        Some("garbage")
    );
    assert!(world.path("state/runs/bbbbb/journal.jsonl").exists());
}
