//! What a recipe or its checkout does to a run, and what a newer ccci left behind.
#![expect(clippy::unwrap_used, reason = "what the test cannot do ends it")]

use std::{fmt::Write, fs, path::PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::world::World;

#[test]
fn a_checkout_that_is_edited_in_a_run_is_tested_as_it_was() {
    let world = World::new();
    world.edit(|text| text.replace("echo well", "echo at-the-start"));
    let (compose, seen) = (world.path("work/plain/compose.yml"), world.path("seen"));
    let spoil = format!("echo 'services: [' > {}", compose.display());
    world.custom_test("ops/pre_upgrade.sh", &spoil);
    let ask = "docker service inspect --format '{{.Spec.TaskTemplate.ContainerSpec.Args}}'";
    let look = format!("{ask} \"${{CCCI_STACK}}_app\" > {}", seen.display());
    world.custom_test("test_look.sh", &look);
    let ended = world.end(world.test("install,upgrade,custom")).exits(0);
    let ended = ended.said("install pass, upgrade pass").said("custom pass");
    let head = ended.plan().head;
    assert!(head.uncommitted, "{head:?}");
    assert!(fs::read_to_string(&seen).unwrap().contains("at-the-start"));
    assert!(
        fs::read_to_string(&compose)
            .unwrap()
            .contains("services: [")
    );
    world.assert_clean();
}

#[test]
fn a_service_that_the_swarm_refuses_fails_and_the_rest_is_removed() {
    let world = World::new();
    world.edit(|text| {
        let refused = "  refused:\n    image: busybox:1.35.0\n    deploy:\n      resources:\n        limits:\n          cpus: \"0.00001\"\n";
        text.replace("networks:\n  proxy:\n    external", &format!("{refused}networks:\n  inner:\n  proxy:\n    external"))
            .replace("    networks:\n      - proxy", "    networks:\n      - proxy\n      - inner")
    });
    let ended = world.end(world.test("install")).exits(100);
    ended.said("install fail").said("invalid cpu value");
    let made = world.calls();
    assert!(
        made.iter()
            .any(|call| call.starts_with(&["stack".into(), "deploy".into()]))
    );
    world.assert_clean();
}

#[test]
fn an_app_that_logs_without_end_floods_no_record() {
    let world = World::new();
    let flood = "head -c 20000000 /dev/zero | tr '\\\\0' x | fold -w 1000; exit 1";
    world.edit(|text| text.replace("exec httpd -f -p 80 -h /data", flood));
    let ended = world.end(world.test("install")).exits(100);
    let ended = ended.said("install fail");
    assert!(ended.stderr().len() < 64 << 10, "{}", ended.stderr().len());
    let size = |name: &str| {
        let path = world.path("state/runs/latest").join(name);
        fs::metadata(path).unwrap().len()
    };
    assert!(size("report.json") < 1 << 20);
    let log = size("01-install/service-app.log");
    assert!((1000..64 << 20).contains(&log), "{log} bytes");
    world.assert_clean();
}

#[test]
fn a_disk_below_the_floor_is_broken_before_any_effect() {
    let world = World::new();
    let mut test = world.test("install");
    test.env("CCCI_DISK_FLOOR", "9000000TB");
    world.end(test).exits(103).said("free");
    let made = |call: &Vec<String>| call.starts_with(&["stack".into(), "deploy".into()]);
    assert!(!world.calls().iter().any(made));
    world.assert_clean_and_usable();
}

#[test]
fn what_a_newer_ccci_made_is_left_alone_by_every_command() {
    let world = World::new();
    let mut keep = world.test("install");
    keep.args(["--keep", "always"]);
    let domain = world.end(keep).exits(0).plan().domain.to_string();
    let journal = journal(&world);
    let ours = fs::read_to_string(&journal).unwrap();
    let newer = raised(&ours);
    fs::write(&journal, &newer).unwrap();
    let (objects, records) = (
        world.objects(),
        fs::read_dir(world.path("state/runs")).unwrap().count(),
    );
    let refused = world.end(world.test("install")).exits(102);
    refused.said("was made by a newer ccci");
    let refused = world
        .end(world.ccci(&["teardown", &domain, "--yes"]))
        .exits(102);
    refused.said("made by a newer ccci");
    let spared = world.end(world.ccci(&["janitor", "--max-age", "1ms"]));
    spared.exits(0).said("made by a newer ccci");
    assert_eq!(world.objects(), objects);
    assert_eq!(
        fs::read_dir(world.path("state/runs")).unwrap().count(),
        records
    );
    assert_eq!(fs::read_to_string(&journal).unwrap(), newer);
    fs::write(&journal, ours).unwrap();
    world
        .end(world.ccci(&["teardown", &domain, "--yes"]))
        .exits(0);
    world.assert_clean();
    world.docker_obeys(&json!([]));
}

/// Returns the journal of the world's one run.
fn journal(world: &World) -> PathBuf {
    let latest = fs::canonicalize(world.path("state/runs/latest")).unwrap();
    latest.join("journal.jsonl")
}

/// Writes a journal as one of the next version of the format.
fn raised(journal: &str) -> String {
    let (first, rest) = journal.split_once('\n').unwrap();
    let record = first.splitn(3, ' ').nth(2).unwrap();
    let record = record.replace(r#""version":2,"#, r#""version":3,"#);
    let digest = Sha256::digest(&record);
    let mut sum = String::new();
    for byte in &digest[..4] {
        write!(sum, "{byte:02x}").unwrap();
    }
    format!("{} {sum} {record}\n{rest}", record.len())
}
