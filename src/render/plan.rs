//! A plan as text, for those who asked what would be done.

use super::{clean::clean, results::skip_text, running::revisions};
use crate::model::{
    plan::{GenericChecks, Overlay, OverlayOrigin, OverlayRole, OverlayRunner, Plan, PlannedStage},
    run::Trust,
};

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
        "stages".to_owned(),
    ];
    let stages = plan.stages.iter().map(stage);
    let heading = (!plan.overlays.is_empty()).then(|| "tests and hooks".to_owned());
    let overlays = heading.into_iter().chain(plan.overlays.iter().map(overlay));
    let lines = facts.into_iter().chain(stages).chain(overlays);
    lines.map(|line| clean(&line) + "\n").collect()
}

/// Returns the line of a stage.
fn stage(planned: &PlannedStage) -> String {
    let what = match (&planned.skip, planned.generic) {
        (Some(reason), _) => format!("skip: {}", skip_text(reason)),
        (None, GenericChecks::Made) => "run".to_owned(),
        (None, GenericChecks::LeftOut) => "run, generic checks left out".to_owned(),
    };
    format!("  {:<9} {what}", planned.stage.word())
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
    };
    let runner = match overlay.runner {
        OverlayRunner::Executable => "",
        OverlayRunner::Pytest => ", by pytest",
        OverlayRunner::Hurl => ", by hurl",
    };
    let refused = overlay.refused.iter();
    let refused = refused.map(|reason| format!("; will not run: {reason}"));
    format!(
        "  {} ({origin}, {role}{runner}){}",
        overlay.path,
        refused.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::event::Fact, render::sample};

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
          upgrade   run, generic checks left out
          backup    run
          restore   skip: declared: not ours
          custom    run
        tests and hooks
          tests/custom.sh (the recipe's, test of custom); will not run: the pull request is not approved
        ");
    }
}
