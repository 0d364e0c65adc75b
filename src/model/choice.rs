//! What `--test` chooses of a plan, and what it leaves out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    likeness,
    outcome::{CheckKind, NotSelected, SkipReason},
    pattern::{TestPattern, is_among},
    plan::{Overlay, OverlayOrigin, OverlayRole, Plan},
    stage::Stage,
};

/// A check that `recipe.toml` declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCheck {
    /// Its name.
    pub name: String,
    /// The stages that it belongs to.
    pub stages: Vec<Stage>,
    /// Whether `--test` leaves it out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deselected: bool,
}

/// What one pattern of `--test` is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The pattern.
    pub pattern: String,
    /// The tests and checks that will run because of it.
    pub chosen: Vec<String>,
    /// Those that it is of and that will not run all the same, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub idle: Vec<String>,
    /// The names that may have been meant, where it is of none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meant: Vec<String>,
}

/// The functions of the files that pytest runs, by origin and path.
pub type Functions = BTreeMap<(OverlayOrigin, String), Vec<String>>;

/// Marks the tests and checks that no pattern is of; without a pattern all are chosen.
pub fn choose(
    patterns: &[TestPattern],
    functions: &Functions,
    (overlays, checks): (&mut [Overlay], &mut [PlannedCheck]),
) {
    if patterns.is_empty() {
        return;
    }
    for overlay in overlays {
        if matches!(overlay.role, OverlayRole::Test(_)) {
            let is_whole = patterns.iter().any(|pattern| pattern.is_of(&overlay.path));
            let chosen = patterns
                .iter()
                .filter_map(|p| function(p, overlay, functions));
            let only: Vec<_> = chosen.map(str::to_owned).collect();
            overlay.deselected = !is_whole && only.is_empty();
            overlay.only = if is_whole { Vec::new() } else { only };
        }
    }
    for check in checks {
        check.deselected = !patterns.iter().any(|pattern| pattern.is_of(&check.name));
    }
}

/// Returns what a pattern says of the functions of a file, if there may be such functions in it.
fn function<'a>(
    pattern: &'a TestPattern,
    overlay: &Overlay,
    functions: &Functions,
) -> Option<&'a str> {
    let function = pattern.function_of(&overlay.path)?;
    let known = known(overlay, functions)?;
    is_among(function, known.iter().map(String::as_str)).then_some(function)
}

/// Returns the functions of a file that are known.
fn known<'a>(overlay: &Overlay, functions: &'a Functions) -> Option<&'a Vec<String>> {
    functions.get(&(overlay.origin, overlay.path.clone()))
}

/// Tells what each pattern is of, once it is known which stages run.
pub fn told(plan: &Plan, patterns: &[TestPattern], functions: &Functions) -> Vec<Choice> {
    let choices = patterns.iter().map(|pattern| {
        let mut choice = Choice {
            pattern: pattern.to_string(),
            chosen: Vec::new(),
            idle: Vec::new(),
            meant: Vec::new(),
        };
        for overlay in &plan.overlays {
            note_overlay(&mut choice, plan, (pattern, overlay, functions));
        }
        for check in plan
            .checks
            .iter()
            .filter(|check| pattern.is_of(&check.name))
        {
            match why_idle(plan, &check.stages) {
                None => choice.chosen.push(check.name.clone()),
                Some(why) => choice.idle.push(format!("`{}` ({why})", check.name)),
            }
        }
        if choice.chosen.is_empty() && choice.idle.is_empty() {
            choice.meant = meant(plan, pattern, functions);
        }
        choice
    });
    choices.collect()
}

/// Notes a test that a pattern is of.
fn note_overlay(
    choice: &mut Choice,
    plan: &Plan,
    (pattern, overlay, functions): (&TestPattern, &Overlay, &Functions),
) {
    let OverlayRole::Test(stage) = overlay.role else {
        return;
    };
    let path = &overlay.path;
    let name = match function(pattern, overlay, functions) {
        _ if pattern.is_of(path) => path.clone(),
        Some(function) => format!("{path}::{function}"),
        None => return,
    };
    let refused = overlay.refused.clone();
    match refused.or_else(|| why_idle(plan, &[stage])) {
        None => choice.chosen.push(name),
        Some(why) => choice.idle.push(format!("`{name}` ({why})")),
    }
}

/// Returns why nothing of these stages runs, or nothing when one of them does.
fn why_idle(plan: &Plan, stages: &[Stage]) -> Option<String> {
    let planned = plan
        .stages
        .iter()
        .filter(|planned| stages.contains(&planned.stage));
    let mut why = None;
    for planned in planned {
        let skip = planned.skip.as_ref()?;
        why.get_or_insert_with(|| format!("stage {}: {}", planned.stage, skip.text()));
    }
    why
}

/// Returns names that a pattern may have been meant for which is of none.
fn meant(plan: &Plan, pattern: &TestPattern, functions: &Functions) -> Vec<String> {
    let tests = plan.overlays.iter();
    let tests = tests.filter(|overlay| matches!(overlay.role, OverlayRole::Test(_)));
    let of_functions = tests.clone().flat_map(|overlay| {
        let wanted = pattern.function_of(&overlay.path);
        let known = known(overlay, functions);
        // A pattern without a file may have been meant for functions.
        let text = pattern.to_string();
        let is_one = known.is_some_and(|known| is_among(&text, known.iter().map(String::as_str)));
        if wanted.is_none() && is_one {
            return vec![format!("{}::{text}", overlay.path)];
        }
        let known = known.zip(wanted);
        let near = known.map(|(known, wanted)| {
            let names = known.iter().filter(|name| !name.ends_with("::*"));
            likeness::like(wanted, names.map(String::as_str))
        });
        let near = near.unwrap_or_default().into_iter();
        near.map(|name| format!("{}::{name}", overlay.path))
            .collect()
    });
    let near: Vec<_> = of_functions.collect();
    if !near.is_empty() {
        return near;
    }
    let names = tests.map(|overlay| overlay.path.as_str());
    let names = names.chain(plan.checks.iter().map(|check| check.name.as_str()));
    let near = pattern.meant(names);
    near.into_iter().map(str::to_owned).collect()
}

/// Names what is left out of a test: all of it, or its functions but those that are selected.
fn rest_of(overlay: &Overlay) -> String {
    let path = &overlay.path;
    if overlay.only.is_empty() {
        path.clone()
    } else {
        format!("{path} (but `{}`)", overlay.only.join("`, `"))
    }
}

impl Overlay {
    /// Tells whether it may run, and was not left out.
    pub fn is_selected(&self) -> bool {
        self.refused.is_none() && !self.deselected
    }
}

impl Plan {
    /// Returns the tests and checks of a stage that would run if `--test` did not leave them out.
    pub fn not_selected(&self, stage: Stage) -> Vec<NotSelected> {
        let planned = self.stages.iter().find(|planned| planned.stage == stage);
        let runs = planned
            .is_some_and(|planned| matches!(planned.skip, None | Some(SkipReason::NotSelected(_))));
        if !runs {
            return Vec::new();
        }
        let checks = self.checks.iter();
        let checks = checks.filter(|check| check.deselected && check.stages.contains(&stage));
        let checks = checks.map(|check| (CheckKind::Declared, check.name.clone()));
        let tests = self.overlays.iter().filter(|overlay| {
            let is_of_stage = overlay.role == OverlayRole::Test(stage);
            let is_whole = !overlay.deselected && overlay.only.is_empty();
            is_of_stage && !is_whole && overlay.refused.is_none()
        });
        let tests = tests.map(|overlay| (CheckKind::Test, rest_of(overlay)));
        let all = checks.chain(tests);
        all.map(|(kind, name)| NotSelected { kind, name }).collect()
    }

    /// Tells whether a declared check is to be made.
    pub fn makes_check(&self, name: &str) -> bool {
        let mut checks = self.checks.iter();
        !checks.any(|check| check.name == name && check.deselected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        plan::{GenericChecks, OverlayRunner, PlannedStage, Revision},
        run::{DeployerKind, IngressKind, RunMode, Trust},
    };

    /// Makes a test of a stage.
    fn test(path: &str, stage: Stage) -> Overlay {
        let is_python = path.contains(".py");
        Overlay {
            path: path.to_owned(),
            origin: OverlayOrigin::Kept,
            role: OverlayRole::Test(stage),
            runner: if is_python {
                OverlayRunner::Pytest
            } else {
                OverlayRunner::Executable
            },
            refused: path.contains("bad").then(|| "is not executable".to_owned()),
            deselected: false,
            only: Vec::new(),
        }
    }

    /// Makes a plan in which the stage backup is skipped, and chooses of it.
    fn chosen(patterns: &[&str]) -> (Plan, Vec<Choice>) {
        let hook = Overlay {
            role: OverlayRole::Before(Stage::Upgrade),
            ..test("ops/pre_upgrade.sh", Stage::Upgrade)
        };
        let mut overlays = vec![
            hook,
            test("test_install.sh", Stage::Install),
            test("test_backup.sh", Stage::Backup),
            test("test_bad.sh", Stage::Custom),
            test("functional/test_login.py", Stage::Custom),
        ];
        let mut checks = vec![PlannedCheck {
            name: "front-page".to_owned(),
            stages: vec![Stage::Install, Stage::Upgrade],
            deselected: false,
        }];
        let file = (OverlayOrigin::Kept, "functional/test_login.py".to_owned());
        let names = ["test_opens", "TestForm::*", "TestForm::test_user"];
        let functions = Functions::from([(file, names.map(str::to_owned).into())]);
        let patterns: Vec<TestPattern> = patterns.iter().map(|p| p.parse().unwrap()).collect();
        choose(&patterns, &functions, (&mut overlays, &mut checks));
        let skipped = || SkipReason::NotApplicable("no backup labels".to_owned());
        let stages = Stage::ALL.map(|stage| PlannedStage {
            stage,
            skip: (stage == Stage::Backup).then(skipped),
            generic: GenericChecks::Made,
            left_out_by: None,
        });
        let head = Revision {
            label: "main".to_owned(),
            version: None,
            commit: None,
            uncommitted: false,
            lightweight: false,
        };
        let mut plan = Plan {
            mode: RunMode::Cold,
            pr: None,
            warm_canonical: false,
            recipe: "n8n".parse().unwrap(),
            domain: "n8n-3fa91c.ci.example.org".parse().unwrap(),
            head,
            base: None,
            trust: Trust::Trusted,
            exceptions: Vec::new(),
            deployer: DeployerKind::Docker,
            ingress: IngressKind::Direct,
            stages: stages.into(),
            overlays,
            checks,
            choices: Vec::new(),
            requires: Vec::new(),
        };
        plan.choices = told(&plan, &patterns, &functions);
        let choices = plan.choices.clone();
        (plan, choices)
    }

    /// Returns what is left out of each stage.
    fn left_out(plan: &Plan) -> Vec<String> {
        let of = |stage| {
            let all = plan.not_selected(stage).into_iter();
            all.map(move |one| format!("{stage} {}", one.name))
        };
        Stage::ALL.into_iter().flat_map(of).collect()
    }

    #[test]
    fn without_a_pattern_all_is_chosen() {
        let (plan, choices) = chosen(&[]);
        assert!(choices.is_empty());
        assert_eq!(left_out(&plan), [""; 0]);
        assert!(plan.makes_check("front-page"));
    }

    #[test]
    fn what_no_pattern_is_of_is_left_out_where_it_would_run() {
        let (plan, choices) = chosen(&["login"]);
        assert_eq!(
            left_out(&plan),
            [
                "install front-page",
                "install test_install.sh",
                "upgrade front-page"
            ]
        );
        assert!(!plan.makes_check("front-page"));
        assert_eq!(choices[0].chosen, ["functional/test_login.py"]);
        let hook = &plan.overlays[0];
        assert!(hook.is_selected(), "a hook belongs to its stage");
    }

    #[test]
    fn functions_are_chosen_of_a_file_that_nothing_chooses_as_a_whole() {
        let (plan, choices) = chosen(&["login.py::opens", "*.py::TestForm::*"]);
        let file = plan.overlays.last().unwrap();
        assert_eq!(file.only, ["opens", "TestForm::*"]);
        assert_eq!(choices[0].chosen, ["functional/test_login.py::opens"]);
        let rest = "custom functional/test_login.py (but `opens`, `TestForm::*`)";
        assert!(left_out(&plan).iter().any(|one| one == rest));
        let (plan, _) = chosen(&["login.py::opens", "login"]);
        assert_eq!(plan.overlays.last().unwrap().only, [""; 0]);
    }

    #[test]
    fn a_pattern_says_of_what_it_is_that_does_not_run() {
        let (_, choices) = chosen(&["test_ba*"]);
        assert!(choices[0].chosen.is_empty());
        assert_eq!(
            choices[0].idle,
            [
                "`test_backup.sh` (stage backup: no backup labels)",
                "`test_bad.sh` (is not executable)"
            ]
        );
    }

    #[test]
    fn a_pattern_of_nothing_says_what_may_have_been_meant() {
        let meant = |pattern| chosen(&[pattern]).1.remove(0).meant;
        assert_eq!(meant("test_lgin"), ["test_login"]);
        assert_eq!(meant("frontpage"), ["front-page"]);
        assert_eq!(
            meant("login.py::test_open_"),
            ["functional/test_login.py::test_opens"]
        );
        assert_eq!(meant("opens"), ["functional/test_login.py::opens"]);
        assert_eq!(meant("pre_upgrade"), [""; 0]);
    }
}
