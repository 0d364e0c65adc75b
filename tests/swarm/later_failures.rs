//! Recipes that install, and then lose what was entrusted to them.

use ccci::model::{outcome::Outcome, stage::Stage};

use crate::harness::{Deployer, Failure, World};

/// A stage that failed.
fn at<'a>(stage: Stage, code: &'a str, says: &'a [&'a str]) -> Failure<'a> {
    Failure {
        stage,
        outcome: Outcome::Fail,
        code,
        says,
    }
}

/// How the stages end when the upgrade alone fails.
const NOT_UPGRADED: &str = "install pass, upgrade fail, backup skip, restore skip, custom skip";

/// Runs an upgrade that swarm takes back.
fn run_rollback(deployer: Deployer) {
    World::of("rolled-back", deployer)
        .test()
        .run()
        .judged(100)
        .ended(NOT_UPGRADED, 1)
        .failed(&at(Stage::Upgrade, "rolled-back", &["rolled `app` back"]))
        .has_evidence("service-app", "unknown option");
}

#[test]
fn an_upgrade_that_swarm_takes_back_did_not_happen() {
    run_rollback(Deployer::Docker);
}

#[test]
fn an_upgrade_that_swarm_takes_back_did_not_happen_with_abra() {
    run_rollback(Deployer::Abra);
}

#[test]
fn an_app_that_ends_well_is_not_waited_for_to_answer_and_has_no_backup() {
    let world = World::of("ended", Deployer::Docker);
    let judged = world.test().run().judged(100);
    let ended = "install pass, upgrade fail, backup fail, restore skip, custom skip";
    let judged = judged.ended(ended, 1);
    let says = ["`app` has ended, so that nothing answers", "Complete"];
    let judged = judged.failed(&at(Stage::Upgrade, "ended", &says));
    let judged = judged.failed(&at(Stage::Backup, "ended", &says));
    judged.has_evidence("service-app", "serving");
}

#[test]
fn an_upgrade_that_changes_nothing_is_none() {
    World::of("nothing-changed", Deployer::Docker)
        .test()
        .run()
        .judged(100)
        .ended(NOT_UPGRADED, 1)
        .failed(&at(Stage::Upgrade, "nothing-changed", &["version label"]));
}

/// Runs an upgrade that empties a volume.
fn run_volume_lost(deployer: Deployer) {
    World::of("volume-lost", deployer)
        .test()
        .run()
        .judged(100)
        .ended(NOT_UPGRADED, 1)
        .failed(&at(Stage::Upgrade, "canary-lost", &["volume `data`"]));
}

#[test]
fn an_upgrade_that_empties_a_volume_is_found_out() {
    run_volume_lost(Deployer::Docker);
}

#[test]
fn an_upgrade_that_empties_a_volume_is_found_out_with_abra() {
    run_volume_lost(Deployer::Abra);
}

#[test]
fn an_upgrade_that_begins_a_new_database_is_found_out() {
    World::of("database-lost", Deployer::Docker)
        .test()
        .run()
        .judged(100)
        .ended(NOT_UPGRADED, 1)
        .failed(&at(Stage::Upgrade, "canary-lost", &["database of `db`"]));
}

/// Runs a backup whose dump holds nothing.
fn run_dump_empty(deployer: Deployer) {
    World::of("dump-empty", deployer)
        .test()
        .run()
        .judged(100)
        .ended(
            "install pass, upgrade skip, backup fail, restore skip, custom skip",
            2,
        )
        .failed(&at(Stage::Backup, "dump-empty", &["dump.sql"]));
}

#[test]
fn an_empty_dump_is_no_backup() {
    run_dump_empty(Deployer::Docker);
}

#[test]
fn an_empty_dump_is_no_backup_with_abra() {
    run_dump_empty(Deployer::Abra);
}

#[test]
fn a_dump_that_is_not_read_back_is_no_restore() {
    World::of("restore-lost", Deployer::Docker)
        .test()
        .run()
        .judged(100)
        .ended(
            "install pass, upgrade skip, backup pass, restore fail, custom skip",
            3,
        )
        .failed(&at(Stage::Restore, "restore-lost", &["database of `db`"]));
}

#[test]
fn a_base_that_does_not_install_is_a_verdict_of_its_own() {
    let judged = World::of("base-broken", Deployer::Docker)
        .test()
        .run()
        .judged(100)
        .ended(
            "install fail, upgrade skip, backup skip, restore skip, custom skip",
            0,
        )
        .failed(&at(
            Stage::Install,
            "base-not-installable",
            &["0.1.0+1.35.0"],
        ));
    assert_eq!(judged.records.report.installs, 1);
}
