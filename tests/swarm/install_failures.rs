//! Recipes that do not install: each ends early, says why, and leaves nothing.

use ccci::model::{outcome::Outcome, stage::Stage};

use crate::harness::{Deployer, Failure, Registry, World};

/// How the stages end when the app does not install.
const NOT_INSTALLED: &str = "install fail, upgrade skip, backup skip, restore skip, custom skip";

/// A failed install.
fn install<'a>(code: &'a str, says: &'a [&'a str]) -> Failure<'a> {
    Failure {
        stage: Stage::Install,
        outcome: Outcome::Fail,
        code,
        says,
    }
}

#[test]
fn an_image_that_does_not_exist_is_the_recipes_fault() {
    let registry = Registry::start();
    let world = World::with_registry("image-missing", Deployer::Docker, registry.address());
    let image = format!("`{}/nosuch:1`", registry.address());
    world
        .test()
        .run()
        .judged(100)
        .ended(NOT_INSTALLED, 0)
        .failed(&install("image-missing", &[&image, "does not exist"]))
        .explained(&["image-missing"]);
}

/// Runs an app that ends as soon as it starts.
fn run_restart_loop(deployer: Deployer) {
    World::of("restart-loop", deployer)
        .test()
        .run()
        .judged(100)
        .ended(NOT_INSTALLED, 0)
        .failed(&install(
            "restart-loop",
            &["`app` is in a restart loop", "exit (3)"],
        ))
        .has_evidence("service-app", "no database")
        .has_evidence("tasks.txt", "exit (3)")
        .has_evidence("compose.yml", "busybox:1.35.0")
        .has_evidence("host.txt", "MiB free")
        .explained(&["restart-loop"]);
}

#[test]
fn an_app_that_ends_at_once_is_told_from_one_that_is_slow() {
    run_restart_loop(Deployer::Docker);
}

#[test]
fn an_app_that_ends_at_once_is_told_from_one_that_is_slow_with_abra() {
    run_restart_loop(Deployer::Abra);
}

#[test]
fn an_app_whose_health_check_never_passes_is_not_waited_for_to_the_end() {
    World::of("unhealthy", Deployer::Docker)
        .test()
        .run()
        .judged(100)
        .ended(NOT_INSTALLED, 0)
        .failed(&install(
            "unhealthy",
            &["health check of `app` never passes"],
        ))
        .explained(&["health-never-passes"]);
}

#[test]
fn an_app_that_answers_with_an_error_page_is_not_reachable() {
    World::of("error-page", Deployer::Docker)
        .test()
        .run()
        .judged(100)
        .ended(NOT_INSTALLED, 0)
        .failed(&install("not-reachable", &["404"]))
        .has_evidence("http-exchange", "404")
        .explained(&["app-answers-with-error"]);
}

/// Runs an app whose secret nobody inserts.
fn run_secret_missing(deployer: Deployer) {
    World::of("secret-missing", deployer)
        .test()
        .run()
        .judged(100)
        .ended(NOT_INSTALLED, 0)
        .failed(&install(
            "secret-not-inserted",
            &["`token`", "install_steps"],
        ))
        .explained(&["secret-to-insert"]);
}

#[test]
fn a_secret_that_nobody_inserted_is_named() {
    run_secret_missing(Deployer::Docker);
}

#[test]
fn a_secret_that_nobody_inserted_is_named_with_abra() {
    run_secret_missing(Deployer::Abra);
}
