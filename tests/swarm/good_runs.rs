//! Recipes without fault: every stage that applies passes, and the swarm is as it was.

use std::fs;

use ccci::model::{
    outcome::{Outcome, SkipReason},
    recipe::CommitSha,
    stage::Stage,
};

use crate::harness::{Deployer, Judged, World};

/// The releases of the example.
const RELEASES: [&str; 2] = ["1.0.0+1.22.0", "1.1.0+1.22.1"];
/// How the stages end when there is no custom test.
const ALL_BUT_CUSTOM: &str = "install pass, upgrade pass, backup pass, restore pass, custom skip";

/// Takes the static site through all stages.
fn run_static_site(deployer: Deployer) {
    let world = World::of_example("static-site", deployer);
    let judged = world.test().run().judged(0).ended(ALL_BUT_CUSTOM, 5);
    judged.upgraded(&world, RELEASES[1]);
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
    judged.upgraded(&world, "HEAD");
}

#[test]
fn wordpress_passes() {
    run_wordpress(Deployer::Docker);
}

#[test]
fn wordpress_passes_with_abra() {
    run_wordpress(Deployer::Abra);
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
    older.upgraded(&world, RELEASES[0]);
    newer.upgraded(&world, RELEASES[1]);
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
fn an_app_that_ends_its_tls_itself_is_tested_but_for_its_pages() {
    let world = World::of("passed-through", Deployer::Docker);
    let ended = "install pass, upgrade skip, backup pass, restore pass, custom skip";
    let judged = world.test().run().judged(0).ended(ended, 5);
    for stage in [Stage::Install, Stage::Restore] {
        let checks = &judged.records.stage(stage).checks;
        let find = |name: &str| checks.iter().find(|check| check.name == name);
        let converged = find("converged").map(|check| check.outcome);
        assert_eq!(converged, Some(Outcome::Pass), "{checks:#?}");
        let reachable = find("reachable").expect("it is told of");
        let why = "the proxy passes TLS through to the app";
        assert_eq!(reachable.outcome, Outcome::Skip);
        assert_eq!(reachable.note.as_deref(), Some(why));
    }
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
