//! A plan as text, for those who asked what would be done.

use super::{clean::clean, results::skip_text, running::revisions};
use crate::model::{
    choice::PlannedCheck,
    dependency::{Presence, Requirement},
    plan::{Overlay, OverlayOrigin, OverlayRole, OverlayRunner, Plan, PlannedStage},
    run::Trust,
};

/// What is said of what `--test` leaves out.
const NOT_SELECTED: &str = "; will not run: not selected by `--test`";

/// Returns the plan, a fact a line.
pub(crate) fn render(plan: &Plan) -> String {
    let trust = match plan.trust {
        Trust::Trusted => "trusted",
        Trust::Untrusted => "untrusted",
    };
    let facts = [
        format!("{} {}", plan.recipe, revisions(plan)),
        format!("  domain    {}", plan.domain),
        format!("  deployer  {}", plan.deployer.word()),
        format!("  ingress   {}", plan.ingress.word()),
        format!("  head      {trust}"),
    ];
    let stages = std::iter::once("stages".to_owned()).chain(plan.stages.iter().map(stage));
    let heading = (!plan.overlays.is_empty()).then(|| "tests and hooks".to_owned());
    let overlays = heading.into_iter().chain(plan.overlays.iter().map(overlay));
    let heading = (!plan.checks.is_empty()).then(|| "declared checks".to_owned());
    let checks = heading.into_iter().chain(plan.checks.iter().map(check));
    let heading = (!plan.requires.is_empty()).then(|| "requires".to_owned());
    let requires = heading
        .into_iter()
        .chain(plan.requires.iter().map(requirement));
    let lines = facts.into_iter().chain(requires).chain(stages);
    let lines = lines.chain(overlays).chain(checks);
    lines.map(|line| clean(&line) + "\n").collect()
}

/// Returns the line of a required recipe.
fn requirement(requirement: &Requirement) -> String {
    let Requirement { recipe, domain, .. } = requirement;
    format!("  {recipe} at {domain} ({})", how_it_comes(requirement))
}

/// Returns how the app of a required recipe comes to be there, and the hooks by which it provides.
pub(super) fn how_it_comes(requirement: &Requirement) -> String {
    let presence = match requirement.presence {
        Presence::Reused => "reused, it runs here",
        Presence::Deployed => "deployed for this run",
    };
    let hooks = requirement.provide.iter().chain(&requirement.withdraw);
    let hooks = hooks.map(|hook| hook.path.as_str());
    let all: Vec<_> = std::iter::once(presence).chain(hooks).collect();
    all.join(", ")
}

/// Returns the line of a stage.
fn stage(planned: &PlannedStage) -> String {
    let what = match (&planned.skip, planned.says_left_out()) {
        (Some(reason), _) => format!("skip: {}", skip_text(reason)),
        (None, None) => "run".to_owned(),
        (None, Some(left_out)) => format!("run, {left_out}"),
    };
    format!("  {:<9} {what}", planned.stage.word())
}

/// Returns the line of a declared check.
fn check(check: &PlannedCheck) -> String {
    let stages: Vec<_> = check.stages.iter().map(|stage| stage.word()).collect();
    let left_out = if check.deselected { NOT_SELECTED } else { "" };
    format!("  {} (after {}){left_out}", check.name, stages.join(", "))
}

/// Returns the line of a test or a hook.
fn overlay(overlay: &Overlay) -> String {
    let origin = match overlay.origin {
        OverlayOrigin::Recipe => "the recipe's",
        OverlayOrigin::Kept => "kept beside ccci",
    };
    let role = match overlay.role {
        OverlayRole::InstallSteps => "before the first deploy".to_owned(),
        OverlayRole::Before(stage) => format!("before {stage}"),
        OverlayRole::Test(stage) => format!("test of {stage}"),
        OverlayRole::Provide => "for apps that require this one".to_owned(),
        OverlayRole::Withdraw => "undoes what was made for such an app".to_owned(),
    };
    let runner = match overlay.runner {
        OverlayRunner::Executable => "",
        OverlayRunner::Pytest => ", by pytest",
        OverlayRunner::Hurl => ", by hurl",
    };
    let refused = match (&overlay.refused, overlay.deselected) {
        (Some(reason), _) => format!("; will not run: {reason}"),
        (None, true) => NOT_SELECTED.to_owned(),
        (None, false) if overlay.only.is_empty() => String::new(),
        (None, false) => format!("; only `{}` of it", overlay.only.join("`, `")),
    };
    format!("  {} ({origin}, {role}{runner}){refused}", overlay.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::event::Fact, render::sample};

    #[test]
    fn a_plan_says_how_each_required_app_comes_to_be_there() {
        let hook = |path: &str, role| Overlay {
            path: path.to_owned(),
            origin: OverlayOrigin::Kept,
            role,
            runner: OverlayRunner::Executable,
            refused: None,
            deselected: false,
            only: Vec::new(),
        };
        let required = Requirement {
            recipe: "keycloak".parse().unwrap(),
            domain: "keyc-0a1b2c.ci.example.org".parse().unwrap(),
            presence: Presence::Deployed,
            provide: Some(hook("ops/provide.sh", OverlayRole::Provide)),
            withdraw: Some(hook("ops/withdraw.sh", OverlayRole::Withdraw)),
        };
        insta::assert_snapshot!(requirement(&required), @"  keycloak at keyc-0a1b2c.ci.example.org (deployed for this run, ops/provide.sh, ops/withdraw.sh)");
        let shown = overlay(&hook("ops/provide.sh", OverlayRole::Provide));
        insta::assert_snapshot!(shown, @"  ops/provide.sh (kept beside ccci, for apps that require this one)");
    }

    #[test]
    fn a_plan_says_what_runs_and_why_the_rest_does_not() {
        let plan = sample::run()
            .into_iter()
            .find_map(|event| match event.fact {
                Fact::Plan { recipes } => recipes.into_iter().next(),
                _ => None,
            });
        insta::assert_snapshot!(render(&plan.unwrap()), @r"
        wordpress 2.14.0+6.8.1 (8888888) from 2.13.1+6.8.0
          domain    word-3fa91c.ci.example.org
          deployer  docker
          ingress   proxy
          head      untrusted
        stages
          install   run
          upgrade   run, generic checks left out by `skip-generic`
          backup    run
          restore   skip: declared: not ours
          custom    run
        tests and hooks
          tests/custom.sh (the recipe's, test of custom); will not run: the pull request is not approved
        declared checks
          front-page (after install, upgrade)
        ");
    }
}
