//! Fills in the values of `[env]`: at first with a stand-in for what required apps give, later with what they gave.

use std::{collections::BTreeMap, convert::Infallible};

use super::{
    fetch::Fetched,
    prepare::{Prepared, base_side},
    side::Renderer,
};
use crate::{
    config::recipe_config::RecipeConfig,
    model::{
        app::AppDomain,
        dependency::Requirement,
        outcome::{Fault, Trouble},
        provided::{Given, Unfilled},
        recipe::RecipeName,
    },
    sys::context::Context,
    tool::{app::App, git::Git},
};

/// What stands for a value that no app has given yet: it passes as a name, as a number and as a port.
const STAND_IN: &str = "1";

/// Returns the values as far as they are known before any required app is there.
pub(super) fn declared(
    config: &RecipeConfig,
    app: &App,
    requires: &[Requirement],
) -> BTreeMap<String, String> {
    let provided = |recipe: &RecipeName, key: &str| {
        let known = always_given(requires, recipe, key);
        Ok::<_, Infallible>(known.unwrap_or_else(|| STAND_IN.to_owned()))
    };
    match fill(config, app, &provided) {
        Ok(declared) => declared,
        Err(never) => match never {},
    }
}

/// Renders a recipe anew with what the required apps gave.
pub(super) fn refill(
    ctx: &Context,
    app: &App,
    fetched: &Fetched,
    prepared: Prepared,
    given: &BTreeMap<RecipeName, Given>,
) -> Result<Prepared, Trouble> {
    let config = &prepared.config;
    let mut templates = config.env.iter();
    if !templates.any(|(_, template)| template.providers().next().is_some()) {
        return Ok(prepared);
    }
    let provided = |recipe: &RecipeName, key: &str| {
        if let Some(known) = always_given(&prepared.plan.requires, recipe, key) {
            return Ok(known);
        }
        let nothing = Given::default();
        let given = given.get(recipe).unwrap_or(&nothing);
        given.value(recipe, key).map(str::to_owned)
    };
    let declared = fill(config, app, &provided).map_err(|unfilled| explain(&unfilled))?;
    let git = Git::new(app.docker.host(), &app.git, ctx.settings.limits.pull);
    let renderer = Renderer {
        git: &git,
        app,
        config,
        declared: &declared,
        guard: &prepared.guard,
        env: prepared.inherited.env.as_deref(),
    };
    let head = renderer.side(fetched.head.clone(), fetched.head_commit.clone())?;
    let base = base_side(&renderer, &prepared.plan);
    if base.is_none() {
        head.check_out(&git, app)?;
    }
    Ok(Prepared {
        head,
        base,
        declared,
        ..prepared
    })
}

/// Fills in every value.
fn fill<E>(
    config: &RecipeConfig,
    app: &App,
    provided: &dyn Fn(&RecipeName, &str) -> Result<String, E>,
) -> Result<BTreeMap<String, String>, E> {
    let filled = config.env.iter().map(|(name, template)| {
        let value = template.fill(&app.domain, &app.recipe, provided)?;
        Ok((name.clone(), value))
    });
    filled.collect()
}

/// Returns what every required app gives without a hook.
fn always_given(requires: &[Requirement], recipe: &RecipeName, key: &str) -> Option<String> {
    let mut found = requires.iter().filter(|one| one.recipe == *recipe);
    let domain: &AppDomain = &found.next()?.domain;
    match key {
        "domain" => Some(domain.to_string()),
        "url" => Some(format!("https://{domain}")),
        _ => None,
    }
}

/// Explains a value that cannot be filled in.
fn explain(unfilled: &Unfilled) -> Trouble {
    let trouble = Trouble::new(Fault::Config, "not-provided", unfilled.to_string());
    match unfilled {
        Unfilled::Absent { recipe, .. } => trouble.hint(format!(
            "let `ops/provide` of `{recipe}` print it among `values`"
        )),
        Unfilled::Secret { .. } => trouble.hint(
            "insert it as a secret of the app in `install_steps`, from `$CCCI_PROVIDED_FILE`",
        ),
    }
}
