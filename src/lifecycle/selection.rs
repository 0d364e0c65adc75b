//! What `--test` selects of the tests that were found and of the checks that are declared.

use super::overlay::TestRoots;
use crate::{
    config::recipe_config::RecipeConfig,
    model::{
        choice::{self, Functions, PlannedCheck},
        pattern::TestPattern,
        plan::{Overlay, OverlayOrigin},
    },
    tool::overlay_files,
};

/// The tests and hooks that were found, and the checks that are declared.
pub(super) struct Tests {
    /// The tests and hooks.
    pub(super) overlays: Vec<Overlay>,
    /// The checks.
    pub(super) checks: Vec<PlannedCheck>,
}

/// Marks what no pattern is of; returns the functions that were found in files too, where patterns need them.
pub(super) fn select(
    patterns: &[TestPattern],
    roots: &TestRoots,
    (overlays, config): (Vec<Overlay>, &RecipeConfig),
) -> (Tests, Functions) {
    let mut tests = Tests {
        overlays,
        checks: declared(config),
    };
    if patterns.is_empty() {
        return (tests, Functions::new());
    }
    let places = [
        (&roots.recipe, OverlayOrigin::Recipe),
        (&roots.kept, OverlayOrigin::Kept),
    ];
    let found = places
        .into_iter()
        .flat_map(|(root, origin)| overlay_files::list_functions(root, &tests.overlays, origin));
    let functions = found.collect();
    let marked = (&mut tests.overlays[..], &mut tests.checks[..]);
    choice::choose(patterns, &functions, marked);
    (tests, functions)
}

/// Lists the checks that `recipe.toml` declares.
fn declared(config: &RecipeConfig) -> Vec<PlannedCheck> {
    let checks = config.checks.iter().map(|check| PlannedCheck {
        name: check.name.clone(),
        stages: check.stages.clone(),
        deselected: false,
    });
    checks.collect()
}
