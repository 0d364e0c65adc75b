//! Recipes that were just enrolled: what was written passes as it stands, beside the generic checks.

use ccci::model::{
    outcome::{CheckKind, Outcome},
    stage::Stage,
};

use crate::harness::{Deployer, World};

/// Enrolls the recipe of a world without a question, and takes it through all stages.
fn enroll_and_run(world: &World, passed: &str) {
    let target = format!(
        "./{}",
        world.checkout().file_name().expect("it has one").display()
    );
    let enrolled = world.ccci(&["enroll", &target]).run();
    assert_eq!(enrolled.code, Some(0), "{}", enrolled.stderr);
    let judged = world.test().run().judged(0).ended(passed, 5);
    let of_custom = &judged.records.stage(Stage::Custom).checks;
    let mut tests = of_custom
        .iter()
        .filter(|check| check.kind == CheckKind::Test);
    let test = tests.next().expect("there is a test in Python");
    assert_eq!(
        (test.name.as_str(), test.outcome),
        ("test_custom_first.py", Outcome::Pass)
    );
    for stage in [Stage::Install, Stage::Upgrade] {
        let checks = &judged.records.stage(stage).checks;
        let mut declared = checks
            .iter()
            .filter(|check| check.kind == CheckKind::Declared);
        let outcome = declared.next().map(|check| check.outcome);
        assert_eq!(outcome, Some(Outcome::Pass), "{stage}: {checks:#?}");
    }
}

/// Every stage passes.
const ALL: &str = "install pass, upgrade pass, backup pass, restore pass, custom pass";
/// The same of a recipe without backups.
const NO_BACKUP: &str = "install pass, upgrade pass, backup skip, restore skip, custom pass";

#[test]
fn the_static_site_passes_once_enrolled() {
    enroll_and_run(&World::of_example("static-site", Deployer::Docker), ALL);
}

#[test]
fn wordpress_passes_once_enrolled() {
    enroll_and_run(&World::of_example("wordpress", Deployer::Docker), ALL);
}

#[test]
fn a_secret_that_nobody_generates_is_there_once_enrolled() {
    enroll_and_run(&World::of("overlaid", Deployer::Docker), NO_BACKUP);
}

#[test]
fn a_secret_that_nobody_generates_is_there_with_abra_too() {
    enroll_and_run(&World::of("overlaid", Deployer::Abra), NO_BACKUP);
}
