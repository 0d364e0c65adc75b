//! What somebody else may have written has no power over the host.

use std::fs;

use ccci::model::{plan::OverlayOrigin, run::Trust, stage::Stage};

use crate::harness::{Call, Deployer, Judged, World, publish};

/// How the stages end when the app is well and no custom test is run.
const UNTESTED: &str = "install pass, upgrade skip, backup skip, restore skip, custom skip";

/// Begins a run of a recipe that is fetched.
fn fetched<'a>(world: &'a World, recipe: &str, url: &str) -> Call<'a> {
    let args = ["test", recipe, "--src", url, "--stages", "install,custom"];
    world.ccci(&args).env("CCCI_ALLOW_HTTP", "true")
}

/// Makes a world whose recipe brings a test of its own.
fn with_own_test() -> World {
    let world = World::of("plain", Deployer::Docker);
    let tests = world.checkout().join("tests");
    fs::create_dir(&tests).expect("the fixture has none");
    let marker = world.path("own-test-ran");
    let text = format!("touch {}\n", marker.display());
    World::write_program(&tests.join("test_own.sh"), &text);
    world.commit_all();
    world
}

/// Asserts how the recipe's own test was planned.
#[track_caller]
fn check_own_test(judged: &Judged, is_refused: bool) {
    let plan = judged
        .records
        .report
        .plan
        .as_ref()
        .expect("there was a plan");
    assert_eq!(plan.trust, Trust::Untrusted);
    let own: Vec<_> = plan.overlays.iter().collect();
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!(own[0].origin, OverlayOrigin::Recipe);
    assert_eq!(own[0].refused.is_some(), is_refused, "{own:?}");
}

#[test]
fn a_fetched_recipe_that_reaches_for_the_host_is_refused() {
    let world = World::of("reaches-out", Deployer::Docker);
    let url = publish(&world);
    let screen = fetched(&world, "reaches-out", &url).run().refused(102);
    assert!(
        screen.contains("the compose policy refuses this recipe"),
        "{screen}"
    );
    assert!(screen.contains("/var/run/docker.sock"), "{screen}");
}

#[test]
fn tests_that_a_fetched_recipe_brings_are_shown_and_not_run() {
    let world = with_own_test();
    let url = publish(&world);
    let judged = fetched(&world, "plain", &url)
        .run()
        .judged(0)
        .ended(UNTESTED, 1);
    check_own_test(&judged, true);
    assert!(
        judged.screen.contains("test_own.sh` will not run"),
        "{}",
        judged.screen
    );
    assert!(!world.path("own-test-ran").exists());
    assert!(judged.records.stage(Stage::Custom).checks.is_empty());
}

#[test]
fn tests_that_an_approved_recipe_brings_are_run() {
    let world = with_own_test();
    let url = publish(&world);
    fs::write(
        world.path("kept/repo-local-approved.txt"),
        "# ours\nplain\n",
    )
    .expect("it is ours");
    let ended = "install pass, upgrade skip, backup skip, restore skip, custom pass";
    let judged = fetched(&world, "plain", &url)
        .run()
        .judged(0)
        .ended(ended, 1);
    check_own_test(&judged, false);
    assert!(world.path("own-test-ran").exists());
}
