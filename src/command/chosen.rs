//! Whether each pattern of `--test` selects something, found out before anything is deployed.

use std::time::Duration;

use super::{
    batch::Task,
    error::{Error, Kind},
};
use crate::{
    lifecycle::runner::{self, DryRun, Ended, Job},
    model::{choice::Choice, likeness, plan::Plan},
};

/// Plans all runs without making them; nothing when one of them has no plan, which its run will explain.
pub(super) fn plan_all(tasks: &[Task]) -> Option<Vec<Plan>> {
    let plan = |(ctx, job): &Task| {
        let silent = Job {
            dry_run: DryRun::Yes,
            readers: Vec::new(),
            wait: Duration::ZERO,
            ..job.clone()
        };
        match runner::run(ctx, &silent) {
            Ok(Ended::Planned(plan)) => Some(*plan),
            Ok(Ended::Run { .. }) | Err(_) => None,
        }
    };
    tasks.iter().map(plan).collect()
}

/// Returns what is wrong with the first pattern that selects nothing in any of the recipes.
pub(super) fn complaint(plans: &[Plan]) -> Option<Error> {
    let count = plans.first()?.choices.len();
    let of = |place: usize| plans.iter().filter_map(move |plan| plan.choices.get(place));
    let is_void = |place: &usize| of(*place).all(|choice| choice.chosen.is_empty());
    let void = (0..count).find(is_void)?;
    let choices: Vec<_> = of(void).collect();
    let pattern = &choices.first()?.pattern;
    let idle = each(&choices, |choice| &choice.idle);
    let meant = each(&choices, |choice| &choice.meant);
    let error = |message| Error::say(Kind::NothingSelected, message);
    if !idle.is_empty() {
        let idle = idle.join(", ");
        let message = format!("`--test {pattern}` selects only what does not run: {idle}");
        return Some(error(message).hint("select another test, or let these run"));
    }
    let recipes: Vec<_> = plans.iter().map(|plan| plan.recipe.as_str()).collect();
    let message = format!(
        "`--test {pattern}` selects no test of {}",
        likeness::one_of(&recipes)
    );
    let hint = match meant.as_slice() {
        [] => "list the tests with `ccci test --list`".to_owned(),
        names => format!("try {}", likeness::one_of(names)),
    };
    Some(error(message).hint(hint))
}

/// Returns what the choices say in all, each once.
fn each<'a>(choices: &[&'a Choice], part: fn(&Choice) -> &Vec<String>) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for text in choices.iter().flat_map(|choice| part(choice)) {
        if !all.contains(&text.as_str()) {
            all.push(text);
        }
    }
    all
}
