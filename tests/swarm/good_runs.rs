//! Recipes without fault: every stage that applies passes, and the swarm is as it was.

use std::fs;

use ccci::model::{
    outcome::{CheckKind, Outcome, SkipReason},
    recipe::CommitSha,
    stage::Stage,
};

use crate::harness::{Deployer, Judged, World};

/// The releases of the example.
const RELEASES: [&str; 2] = ["1.0.0+1.22.0", "1.1.0+1.22.1"];
/// How the stages end when there is no custom test.
const ALL_BUT_CUSTOM: &str = "install pass, upgrade pass, backup pass, restore pass, custom skip";

/// Asserts that a run deployed the app once and upgraded it to a commit.
#[track_caller]
fn check_upgrade(world: &World, judged: &Judged, head: &str) {
    let report = &judged.records.report;
    assert_eq!(report.installs, 1);
    let created = world.watch.services();
    let distinct: std::collections::BTreeSet<_> = created.iter().collect();
    assert_eq!(created.len(), distinct.len(), "deployed again: {created:?}");
    let commit = world.commit(head);
    let deployed = report.deployed.last().expect("something was deployed");
    assert_eq!(deployed.chaos_version.as_deref(), Some(&commit[..8]));
    let tested = report
        .plan
        .as_ref()
        .and_then(|plan| plan.head.commit.as_ref());
    assert_eq!(tested.map(CommitSha::as_str), Some(commit.as_str()));
}

/// Takes the static site through all stages.
fn run_static_site(deployer: Deployer) {
    let world = World::of_example("static-site", deployer);
    let judged = world.test().run().judged(0).ended(ALL_BUT_CUSTOM, 5);
    check_upgrade(&world, &judged, RELEASES[1]);
    let report = &judged.records.report;
    let versions: Vec<_> = report
        .deployed
        .iter()
        .filter_map(|deployed| deployed.version.as_deref())
        .collect();
    assert_eq!(versions, RELEASES);
    let skip = judged.records.stage(Stage::Custom).skip.as_ref();
    assert!(
        matches!(skip, Some(SkipReason::NotApplicable(_))),
        "{skip:?}"
    );
}

#[test]
fn the_static_site_passes() {
    run_static_site(Deployer::Docker);
}

#[test]
fn the_static_site_passes_with_abra() {
    run_static_site(Deployer::Abra);
}

/// Takes wordpress, with its database, through all stages.
fn run_wordpress(deployer: Deployer) {
    let world = World::of_example("wordpress", deployer);
    world.keep_program("test_page.sh", "test \"$CCCI_STAGE\" = custom\n");
    let passed = "install pass, upgrade pass, backup pass, restore pass, custom pass";
    let judged = world.test().run().judged(0).ended(passed, 5);
    check_upgrade(&world, &judged, "HEAD");
}

#[test]
fn wordpress_passes() {
    run_wordpress(Deployer::Docker);
}

#[test]
fn wordpress_passes_with_abra() {
    run_wordpress(Deployer::Abra);
}

/// The tests and hooks kept for matrix-synapse, each with its stage.
const SYNAPSE_TESTS: [(Stage, CheckKind, &str); 10] = [
    (Stage::Install, CheckKind::Test, "test_install_version.sh"),
    (Stage::Upgrade, CheckKind::Hook, "pre_upgrade.sh"),
    (Stage::Upgrade, CheckKind::Test, "test_upgrade_message.sh"),
    (Stage::Upgrade, CheckKind::Test, "test_upgrade_version.sh"),
    (Stage::Backup, CheckKind::Hook, "pre_backup.sh"),
    (Stage::Restore, CheckKind::Hook, "pre_restore.sh"),
    (Stage::Restore, CheckKind::Test, "test_restore_message.sh"),
    (
        Stage::Custom,
        CheckKind::Test,
        "test_custom_conversation.sh",
    ),
    (Stage::Custom, CheckKind::Test, "test_custom_files.sh"),
    (Stage::Custom, CheckKind::Test, "test_custom_strangers.sh"),
];

/// Takes matrix-synapse through all stages, with the tests that this repository keeps for it.
fn run_synapse(deployer: Deployer) {
    let world = World::of_example("matrix-synapse", deployer);
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes-tests");
    let passed = "install pass, upgrade pass, backup pass, restore pass, custom pass";
    let call = world.test().env("CCCI_TESTS_DIR", kept);
    let judged = call.run().judged(0).ended(passed, 5);
    check_upgrade(&world, &judged, "HEAD");
    for (stage, kind, name) in SYNAPSE_TESTS {
        let checks = &judged.records.stage(stage).checks;
        let mut found = checks.iter().filter(|check| check.kind == kind);
        let result = found.find(|check| check.name.ends_with(name));
        let outcome = result.map(|check| check.outcome);
        assert_eq!(outcome, Some(Outcome::Pass), "{name} in {checks:#?}");
    }
}

#[test]
fn matrix_synapse_passes() {
    run_synapse(Deployer::Docker);
}

#[test]
fn matrix_synapse_passes_with_abra() {
    run_synapse(Deployer::Abra);
}

#[test]
fn two_runs_of_one_recipe_at_different_refs_go_side_by_side() {
    let world = World::of_example("static-site", Deployer::Docker);
    let older = world.test().args(&["--ref", RELEASES[0]]).start();
    let newer = world.test().args(&["--ref", RELEASES[1]]).start();
    let (older, newer) = (older.end(), newer.end());
    let older = older.judged(0).ended(
        "install pass, upgrade skip, backup pass, restore pass, custom skip",
        5,
    );
    let newer = newer.judged(0).ended(ALL_BUT_CUSTOM, 5);
    check_upgrade(&world, &older, RELEASES[0]);
    check_upgrade(&world, &newer, RELEASES[1]);
    let domain = |judged: &Judged| {
        judged
            .records
            .report
            .plan
            .as_ref()
            .map(|plan| plan.domain.clone())
    };
    assert_ne!(domain(&older), domain(&newer));
}

#[test]
fn a_folder_that_is_no_repository_has_nothing_to_upgrade_from() {
    let world = World::of("plain", Deployer::Docker);
    fs::remove_dir_all(world.checkout().join(".git")).expect("the harness made it");
    let judged = world.test().run().judged(0).ended(
        "install pass, upgrade skip, backup pass, restore pass, custom skip",
        5,
    );
    let skip = judged.records.stage(Stage::Upgrade).skip.as_ref();
    assert!(
        matches!(skip, Some(SkipReason::NotApplicable(_))),
        "{skip:?}"
    );
}

#[test]
fn changes_that_no_commit_holds_are_tested_too() {
    let world = World::of("plain", Deployer::Abra);
    let compose = world.checkout().join("compose.yml");
    let text = fs::read_to_string(&compose).expect("the fixture has one");
    fs::write(&compose, text.replace("echo well", "echo changed")).expect("it is ours");
    world.keep("recipe.toml", "[[check]]\nname = \"changed\"\nstages = [\"upgrade\"]\npath = \"/\"\ncontains = [\"changed\"]\n");
    let judged = world.test().run().judged(0).ended(ALL_BUT_CUSTOM, 5);
    let head = judged.records.report.plan.as_ref().map(|plan| &plan.head);
    let head = head.expect("there was a plan");
    assert!(head.uncommitted, "{head:?}");
    let commit = head.commit.as_ref().map(CommitSha::as_str);
    assert_eq!(commit, Some(world.commit("HEAD").as_str()));
    let shown = judged.screen.contains("with uncommitted changes");
    assert!(shown, "{}", judged.screen);
}
