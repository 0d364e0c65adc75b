//! Runs without a verdict: the registry or the swarm is at fault, so a retry is sensible.

use ccci::model::{outcome::Outcome, stage::Stage};

use crate::harness::{Deployer, Failure, Registry, World};

/// How the stages end when an image cannot be fetched.
const NO_VERDICT: &str = "install broken, upgrade skip, backup skip, restore skip, custom skip";

/// An install without a verdict.
fn install<'a>(code: &'a str, says: &'a [&'a str]) -> Failure<'a> {
    Failure {
        stage: Stage::Install,
        outcome: Outcome::Broken,
        code,
        says,
    }
}

#[test]
fn a_rate_limit_of_the_registry_is_nobodys_fault() {
    let registry = Registry::start();
    World::with_registry("rate-limit", Deployer::Docker, registry.address())
        .test()
        .run()
        .judged(103)
        .ended(NO_VERDICT, 0)
        .failed(&install("registry-rate-limit", &["rate limit"]))
        .explained(&["registry-rate-limit"]);
}

#[test]
fn a_registry_that_never_answers_is_nobodys_fault() {
    let registry = Registry::start();
    World::with_registry("registry-stall", Deployer::Docker, registry.address())
        .test()
        .env("CCCI_PULL_TIMEOUT", "2s")
        .run()
        .judged(103)
        .ended(NO_VERDICT, 0)
        .failed(&install("docker-timeout", &["pull image"]))
        .explained(&["docker-too-slow"]);
}

#[test]
fn an_app_that_no_node_can_run_is_nobodys_fault() {
    World::of("unplaceable", Deployer::Docker)
        .test()
        .run()
        .judged(103)
        .ended(NO_VERDICT, 0)
        .failed(&install(
            "no-node",
            &["this node cannot run `app`", "no suitable node"],
        ))
        .explained(&["swarm-placement"]);
}
