//! What would run and why, stage by stage, for those who asked what there is.

use super::{clean::clean, plan::how_it_comes, results::skip_text, running::revisions};
use crate::model::{
    plan::{GenericChecks, Overlay, OverlayOrigin, OverlayRole, OverlayRunner, Plan, PlannedStage},
    run::Trust,
    stage::Stage,
};

/// How many columns a line has at most.
const COLUMNS: usize = 80;
/// How many the word has that a line begins with.
const WORD: usize = 7;
/// How many a name has at most for what is said of it to stand beside it.
const LONGEST_NAME: usize = 34;
/// The word of what does not run.
const NOT_RUN: &str = "not run";

/// One line of a stage: a word, a name, and what there is to say of it.
type Row = (&'static str, String, String);

/// Returns the list of a recipe.
pub(crate) fn render(plan: &Plan) -> String {
    let trust = match plan.trust {
        Trust::Trusted => "trusted",
        Trust::Untrusted => "untrusted",
    };
    let (deployer, ingress) = (plan.deployer.word(), plan.ingress.word());
    let stages: Vec<_> = plan
        .stages
        .iter()
        .map(|planned| (planned, rows(plan, planned)))
        .collect();
    let all = || stages.iter().flat_map(|(_, rows)| rows);
    let names = all().map(|(_, name, _)| name.chars().count());
    let width = names.filter(|width| *width <= LONGEST_NAME).max();
    let width = width.unwrap_or_default();
    let mut lines = vec![
        clean(&format!("{} {}", plan.recipe, revisions(plan))),
        format!("  {trust}, deployed by {deployer}, ingress {ingress}"),
    ];
    if !plan.requires.is_empty() {
        lines.extend([String::new(), "requires".to_owned()]);
        for one in &plan.requires {
            let about = format!("at {}, {}", one.domain, how_it_comes(one));
            lines.extend(shown(&("app", one.recipe.to_string(), about), width));
        }
    }
    for (planned, rows) in &stages {
        lines.push(String::new());
        lines.push(heading(planned));
        for row in rows {
            lines.extend(shown(row, width));
        }
    }
    let count = |word: &str| all().filter(|(found, ..)| *found == word).count();
    let checks = all()
        .filter(|(word, ..)| ["check", "test"].contains(word))
        .count();
    lines.push(String::new());
    lines.push(format!(
        "tests and checks: {checks} would run, {} would not",
        count(NOT_RUN)
    ));
    lines.into_iter().map(|line| line + "\n").collect()
}

/// Returns the line that a stage begins with.
fn heading(planned: &PlannedStage) -> String {
    match &planned.skip {
        None => planned.stage.to_string(),
        Some(reason) => clean(&format!(
            "{}: skipped, {}",
            planned.stage,
            skip_text(reason)
        )),
    }
}

/// Returns what there is in a stage, in the order in which it would be done.
fn rows(plan: &Plan, planned: &PlannedStage) -> Vec<Row> {
    let stage = planned.stage;
    let runs = planned.skip.is_none();
    let hooks = [OverlayRole::InstallSteps, OverlayRole::Before(stage)];
    let hooks = hooks
        .into_iter()
        .filter(|role| *role != OverlayRole::InstallSteps || stage == Stage::Install);
    let of = |role| {
        let all = plan.overlays.iter();
        all.filter(move |overlay| overlay.role == role)
            .map(move |overlay| overlay_row(overlay, runs))
    };
    let mut rows: Vec<Row> = hooks.flat_map(of).collect();
    // The stage custom has no generic checks.
    if runs && stage != Stage::Custom {
        rows.push(generic_row(planned));
    }
    let checks = plan
        .checks
        .iter()
        .filter(|check| check.stages.contains(&stage));
    rows.extend(checks.map(|check| {
        let name = check.name.clone();
        let about = "recipe.toml";
        match why_not(runs, check.deselected, None) {
            None => ("check", name, about.to_owned()),
            Some(why) => (NOT_RUN, name, format!("{about}: {why}")),
        }
    }));
    rows.extend(of(OverlayRole::Test(stage)));
    rows
}

/// Returns the line of ccci's own checks.
fn generic_row(planned: &PlannedStage) -> Row {
    let name = "generic checks".to_owned();
    match (planned.generic, &planned.left_out_by) {
        (GenericChecks::Made, _) => ("check", name, "ccci's own".to_owned()),
        (GenericChecks::LeftOut, by) => {
            let by = by
                .as_ref()
                .map(|by| format!(" by {by}"))
                .unwrap_or_default();
            (NOT_RUN, name, format!("ccci's own: left out{by}"))
        }
    }
}

/// Returns the line of a test or a hook.
fn overlay_row(overlay: &Overlay, runs: bool) -> Row {
    let origin = match overlay.origin {
        OverlayOrigin::Recipe => "the recipe's own",
        OverlayOrigin::Kept => "kept",
    };
    let runner = match overlay.runner {
        OverlayRunner::Executable => "run by itself",
        OverlayRunner::Pytest => "run by pytest",
        OverlayRunner::Hurl => "run by hurl",
    };
    let word = match overlay.role {
        OverlayRole::Test(_) => "test",
        OverlayRole::InstallSteps
        | OverlayRole::Before(_)
        | OverlayRole::Provide
        | OverlayRole::Withdraw => "hook",
    };
    let name = overlay.path.clone();
    match why_not(runs, overlay.deselected, overlay.refused.as_deref()) {
        Some(why) => (NOT_RUN, name, format!("{origin}: {why}")),
        None if overlay.only.is_empty() => (word, name, format!("{origin}, {runner}")),
        None => {
            let only = overlay.only.join("`, `");
            (word, name, format!("{origin}, {runner}: only `{only}`"))
        }
    }
}

/// Returns why something does not run.
fn why_not(runs: bool, deselected: bool, refused: Option<&str>) -> Option<String> {
    match refused {
        Some(reason) => Some(reason.to_owned()),
        None if deselected => Some("not selected by `--test`".to_owned()),
        None if !runs => Some("its stage is skipped".to_owned()),
        None => None,
    }
}

/// Returns a row as lines: what is said of a name stands beside it, or below one that is too long.
fn shown((word, name, about): &Row, width: usize) -> Vec<String> {
    let (name, about) = (clean(name), clean(about));
    let begin = WORD + width + 6;
    let first = format!("  {word:<WORD$}  {name:<width$}");
    let mut lines = vec![first.trim_end().to_owned()];
    let mut is_beside = name.chars().count() <= width;
    let mut line = String::new();
    for part in about.split(' ').chain([""]) {
        let is_full = begin + line.chars().count() + 1 + part.chars().count() > COLUMNS;
        if !line.is_empty() && (part.is_empty() || is_full) {
            let text = std::mem::take(&mut line);
            if is_beside {
                lines.pop();
                lines.push(format!("{first}  {text}"));
                is_beside = false;
            } else {
                lines.push(format!("{:begin$}{text}", ""));
            }
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(part);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::dependency::{Presence, Requirement},
        render::sample,
    };

    /// Makes a test or a hook.
    fn overlay(path: &str, role: OverlayRole, refused: Option<&str>) -> Overlay {
        let is_python = path.contains(".py");
        Overlay {
            path: path.to_owned(),
            origin: OverlayOrigin::Kept,
            role,
            runner: if is_python {
                OverlayRunner::Pytest
            } else {
                OverlayRunner::Executable
            },
            refused: refused.map(str::to_owned),
            deselected: false,
            only: Vec::new(),
        }
    }

    /// Makes what is said of a required recipe.
    fn required() -> Requirement {
        Requirement {
            recipe: "keycloak".parse().unwrap(),
            domain: "keyc-0a1b2c.ci.example.org".parse().unwrap(),
            presence: Presence::Deployed,
            provide: Some(overlay("ops/provide.sh", OverlayRole::Provide, None)),
            withdraw: Some(overlay("ops/withdraw.sh", OverlayRole::Withdraw, None)),
        }
    }

    #[test]
    fn each_stage_lists_what_runs_in_it_and_why_the_rest_does_not() {
        let mut plan = sample::plan();
        plan.checks[0].deselected = true;
        let mut login = overlay(
            "functional/test_login.py",
            OverlayRole::Test(Stage::Custom),
            None,
        );
        login.only = vec!["opens".to_owned()];
        let mode = "is not executable; run `chmod +x` on it";
        let long = "functional/test_of_a_name_that_is_longer_than_others.sh";
        plan.overlays.extend([
            overlay("install_steps.sh", OverlayRole::InstallSteps, None),
            overlay(
                "ops/pre_upgrade.sh",
                OverlayRole::Before(Stage::Upgrade),
                None,
            ),
            overlay("test_restore.sh", OverlayRole::Test(Stage::Restore), None),
            login,
            overlay("test_mode.sh", OverlayRole::Test(Stage::Custom), Some(mode)),
            overlay(long, OverlayRole::Test(Stage::Custom), None),
        ]);
        plan.requires.push(required());
        let text = render(&plan);
        assert!(
            text.lines().all(|line| line.chars().count() <= COLUMNS),
            "{text}"
        );
        insta::assert_snapshot!(text, @r"
        wordpress 2.14.0+6.8.1 (8888888) from 2.13.1+6.8.0
          untrusted, deployed by docker, ingress proxy

        requires
          app      keycloak                  at keyc-0a1b2c.ci.example.org, deployed for
                                             this run, ops/provide.sh, ops/withdraw.sh

        install
          hook     install_steps.sh          kept, run by itself
          check    generic checks            ccci's own
          not run  front-page                recipe.toml: not selected by `--test`

        upgrade
          hook     ops/pre_upgrade.sh        kept, run by itself
          not run  generic checks            ccci's own: left out by `skip-generic`
          not run  front-page                recipe.toml: not selected by `--test`

        backup
          check    generic checks            ccci's own

        restore: skipped, declared: not ours
          not run  test_restore.sh           kept: its stage is skipped

        custom
          not run  tests/custom.sh           the recipe's own: the pull request is not
                                             approved
          test     functional/test_login.py  kept, run by pytest: only `opens`
          not run  test_mode.sh              kept: is not executable; run `chmod +x` on
                                             it
          test     functional/test_of_a_name_that_is_longer_than_others.sh
                                             kept, run by itself

        tests and checks: 4 would run, 6 would not
        ");
    }

    #[test]
    fn no_text_of_a_recipe_makes_lines_of_its_own() {
        let mut plan = sample::plan();
        let usual = render(&plan).lines().count();
        plan.overlays[0].path = "test_\u{1b}[31m\nx.sh".to_owned();
        let text = render(&plan);
        assert_eq!(text.lines().count(), usual, "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
