//! Recipes whose tests are kept in this repository: all of them pass, and each is told by its name.

use ccci::model::{outcome::CheckKind, stage::Stage};

use crate::harness::{Deployer, Judged, Proxy, World};

/// How the stages end when all pass.
const PASSED: &str = "install pass, upgrade pass, backup pass, restore pass, custom pass";

/// Returns what people kept for a recipe, with its end, as `upgrade ops/pre_upgrade.sh pass`.
fn kept(judged: &Judged) -> Vec<String> {
    let told = |stage: Stage| {
        let checks = judged.records.stage(stage).checks.iter();
        let written = checks.filter(|check| check.kind != CheckKind::Generic);
        written.map(move |check| format!("{stage} {} {}", check.name, check.outcome.word()))
    };
    Stage::ALL.into_iter().flat_map(told).collect()
}

/// Takes a recipe through all stages with the tests that are kept for it, which are these.
#[track_caller]
fn run(world: &World, wanted: &[&str]) {
    run_through(world, &[], wanted);
}

/// Does the same by a way in of its own.
#[track_caller]
fn run_through(world: &World, way_in: &[&str], wanted: &[&str]) {
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes-tests");
    let call = world.test().args(way_in).env("CCCI_TESTS_DIR", tests);
    let judged = call.run().judged(0).ended(PASSED, 5);
    judged.upgraded(world, "HEAD");
    assert_eq!(kept(&judged), wanted);
}

/// What is kept for custom-html.
const CUSTOM_HTML: [&str; 9] = [
    "install missing-page pass",
    "upgrade ops/pre_upgrade.sh pass",
    "upgrade missing-page pass",
    "upgrade test_upgrade_page.sh pass",
    "backup ops/pre_backup.sh pass",
    "restore ops/pre_restore.sh pass",
    "restore missing-page pass",
    "restore test_restore_page.sh pass",
    "custom test_custom_page.sh pass",
];

#[test]
fn custom_html_passes() {
    run(&World::of("custom-html", Deployer::Docker), &CUSTOM_HTML);
}

#[test]
fn custom_html_passes_through_a_proxy_that_dns_does_not_know() {
    let world = World::of("custom-html", Deployer::Docker);
    let proxy = Proxy::to_apps(&world);
    let resolve = ["--ingress", "proxy", "--resolve-to", proxy.address()];
    let trust = ["--ca-file", proxy.ca_file()];
    run_through(&world, &[&resolve[..], &trust].concat(), &CUSTOM_HTML);
}

/// What is kept for custom-html-tiny.
const CUSTOM_HTML_TINY: [&str; 10] = [
    "install missing-page pass",
    "install test_install_page.sh pass",
    "upgrade ops/pre_upgrade.sh pass",
    "upgrade missing-page pass",
    "upgrade test_upgrade_page.sh pass",
    "backup ops/pre_backup.sh pass",
    "restore ops/pre_restore.sh pass",
    "restore missing-page pass",
    "restore test_restore_page.sh pass",
    "custom test_custom_page.sh pass",
];

#[test]
fn custom_html_tiny_passes() {
    let world = World::of("custom-html-tiny", Deployer::Docker);
    run(&world, &CUSTOM_HTML_TINY);
}

/// What is kept for mumble.
const MUMBLE: [&str; 9] = [
    "install voice-port pass",
    "upgrade ops/pre_upgrade.sh pass",
    "upgrade voice-port pass",
    "upgrade test_upgrade_identity.sh pass",
    "backup ops/pre_backup.sh pass",
    "restore ops/pre_restore.sh pass",
    "restore voice-port pass",
    "restore test_restore_identity.sh pass",
    "custom test_custom_greeting.sh pass",
];

#[test]
fn mumble_passes() {
    run(&World::of("mumble", Deployer::Docker), &MUMBLE);
}

#[test]
fn mumble_passes_with_abra() {
    run(&World::of("mumble", Deployer::Abra), &MUMBLE);
}

/// What is kept for matrix-synapse.
const SYNAPSE: [&str; 22] = [
    "install versions pass",
    "install unknown-request pass",
    "install where-clients-go pass",
    "install closed-administration pass",
    "install test_install_version.sh pass",
    "upgrade ops/pre_upgrade.sh pass",
    "upgrade versions pass",
    "upgrade unknown-request pass",
    "upgrade where-clients-go pass",
    "upgrade closed-administration pass",
    "upgrade test_upgrade_message.sh pass",
    "upgrade test_upgrade_version.sh pass",
    "backup ops/pre_backup.sh pass",
    "restore ops/pre_restore.sh pass",
    "restore versions pass",
    "restore unknown-request pass",
    "restore where-clients-go pass",
    "restore closed-administration pass",
    "restore test_restore_message.sh pass",
    "custom test_custom_conversation.sh pass",
    "custom test_custom_files.sh pass",
    "custom test_custom_strangers.sh pass",
];

#[test]
fn matrix_synapse_passes() {
    let world = World::of_example("matrix-synapse", Deployer::Docker);
    run(&world, &SYNAPSE);
}

#[test]
fn matrix_synapse_passes_with_abra() {
    let world = World::of_example("matrix-synapse", Deployer::Abra);
    run(&world, &SYNAPSE);
}
