//! Decides how the app of each required recipe comes to be there, and finds the hooks by which it provides.

use super::{origin, provider};
use crate::{
    config::recipe_config::{self, RecipeConfig},
    model::{
        app::{AppDomain, RunKey},
        dependency::{Presence, Requirement, find_cycle},
        outcome::{Fault, Trouble},
        plan::{Overlay, OverlayOrigin, OverlayRole},
        recipe::RecipeName,
    },
    sys::context::Context,
    tool::{app::App, overlay_files},
};

/// The word for a recipe that requires itself.
pub(super) const CYCLE: &str = "requires-cycle";

/// Decides about each recipe that a recipe requires.
pub(super) fn decide(
    ctx: &Context,
    app: &App,
    config: &RecipeConfig,
) -> Result<Vec<Requirement>, Trouble> {
    let required = config.requires.iter();
    required
        .map(|recipe| decide_one(ctx, app, recipe))
        .collect()
}

/// Refuses a recipe that requires itself, as far as the files that are kept here tell; `chain` is what led to it.
pub(super) fn check_chain(
    ctx: &Context,
    recipe: &RecipeName,
    chain: &[RecipeName],
    config: &RecipeConfig,
) -> Result<(), Trouble> {
    let requires = |other: &RecipeName| {
        if other == recipe {
            return config.requires.clone();
        }
        // One that cannot be read is told of where it is used.
        let folder = ctx.settings.recipes.tests_dir.as_ref();
        let path = folder.map(|folder| folder.join(other.as_str()).join("recipe.toml"));
        let read = path.and_then(|path| recipe_config::read(&path).ok().flatten());
        read.map(|read| read.requires).unwrap_or_default()
    };
    let Some(cycle) = find_cycle(chain, recipe, &requires) else {
        return Ok(());
    };
    let names: Vec<_> = cycle.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("a recipe requires itself: {}", names.join(" requires "));
    Err(Trouble::new(Fault::Config, CYCLE, message)
        .hint("take one of them out of `requires` in its `recipe.toml`"))
}

/// Decides about one recipe.
fn decide_one(ctx: &Context, app: &App, recipe: &RecipeName) -> Result<Requirement, Trouble> {
    let base = &ctx.settings.server.base_domain;
    let warm = AppDomain::warm(recipe, base).ok();
    let runs = match &warm {
        Some(domain) => provider::find_running(&app.docker, &domain.stack())?.is_some(),
        None => false,
    };
    let (presence, domain) = match warm.filter(|_| runs) {
        Some(domain) => (Presence::Reused, domain),
        None => (Presence::Deployed, own_domain(app, recipe, base)?),
    };
    if presence == Presence::Deployed {
        let url = origin::url_of(recipe, None, &ctx.settings);
        url.map_err(|error| {
            let message = format!("required recipe `{recipe}` has no place to be fetched from");
            Trouble::new(Fault::Config, "no-source", message).because(error.to_string())
        })?;
    }
    let (provide, withdraw) = hooks(ctx, recipe)?;
    Ok(Requirement {
        recipe: recipe.clone(),
        domain,
        presence,
        provide,
        withdraw,
    })
}

/// Returns the domain of an app that is deployed for one other app alone.
fn own_domain(app: &App, recipe: &RecipeName, base: &AppDomain) -> Result<AppDomain, Trouble> {
    let reference = format!("for:{}", app.domain);
    let key = RunKey {
        recipe,
        pr: None,
        reference: &reference,
    };
    AppDomain::for_run(key, base)
        .map_err(|error| Trouble::new(Fault::Config, "name-too-long", error.to_string()))
}

/// Finds the hooks by which a recipe provides, among the tests kept for it and nowhere else.
fn hooks(
    ctx: &Context,
    recipe: &RecipeName,
) -> Result<(Option<Overlay>, Option<Overlay>), Trouble> {
    let Some(folder) = &ctx.settings.recipes.tests_dir else {
        return Ok((None, None));
    };
    let found = overlay_files::list(&folder.join(recipe.as_str()), OverlayOrigin::Kept);
    let found = found
        .map_err(|error| Trouble::new(Fault::Config, "tests-unreadable", error.to_string()))?;
    let provide = the_one(recipe, &found, OverlayRole::Provide)?;
    let withdraw = the_one(recipe, &found, OverlayRole::Withdraw)?;
    if let (Some(provide), None) = (&provide, &withdraw) {
        let message = format!(
            "`{}` of required recipe `{recipe}` has no `ops/withdraw.sh` beside it, by which it is undone",
            provide.path
        );
        return Err(Trouble::new(Fault::Config, "hook-unusable", message));
    }
    Ok((provide, withdraw))
}

/// Returns the hook of a role, of which there may be one.
fn the_one(
    recipe: &RecipeName,
    found: &[Overlay],
    role: OverlayRole,
) -> Result<Option<Overlay>, Trouble> {
    let unusable = |what: String| {
        let message = format!("{what} of required recipe `{recipe}` cannot be used");
        Trouble::new(Fault::Config, "hook-unusable", message)
    };
    let all: Vec<_> = found.iter().filter(|one| one.role == role).collect();
    match all.as_slice() {
        [] => Ok(None),
        [one] => match &one.refused {
            Some(reason) => Err(unusable(format!("`{}`", one.path)).because(reason)),
            None => Ok(Some((*one).clone())),
        },
        [first, second, ..] => {
            let both = format!("`{}` and `{}`", first.path, second.path);
            Err(unusable(both).because("there may be one of them"))
        }
    }
}

/// Returns the version of an always-on app that is reused.
pub(super) fn version_of(app: &App, requirement: &Requirement) -> Result<Option<String>, Trouble> {
    let found = provider::find_running(&app.docker, &requirement.domain.stack())?;
    found.map(|found| found.version).ok_or_else(|| {
        let message = format!("`{}` stopped running meanwhile", requirement.domain);
        Trouble::broken("required-app", message)
    })
}
