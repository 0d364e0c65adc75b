//! Which version is deployed: `app deploy`, `app upgrade`, `app rollback`.

use crate::app::App;
use crate::apply::{Launch, launch};
use crate::cli_app::{DeployArgs, StepArgs};
use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::lint;
use crate::output;
use crate::recipe::{Chaos, Recipe};
use crate::session::Session;
use crate::version::is_newer;

/// Where a step goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To a newer version.
    Up,
    /// To an older version.
    Down,
}

/// Runs `app deploy`.
pub(crate) fn deploy(session: &Session, args: &DeployArgs) -> Result<()> {
    let app = App::find(session, &args.domain)?;
    let recipe = app.recipe(session);
    recipe.need(session)?;
    if !args.chaos && !args.apply.force && app.deployed()?.is_some() {
        return Err(Fatal(format!("{} {}", app.name, guesses::ALREADY_DEPLOYED)));
    }
    let (version, chaos) = if args.chaos {
        if args.version.is_some() {
            return Err(Fatal::new(guesses::VERSION_AND_CHAOS));
        }
        let chaos = recipe.chaos()?;
        let version = chaos.version();
        session.debug(
            "deploy.rs",
            &format!("version: taking chaos version: {version}"),
        );
        (version, Some(chaos))
    } else {
        recipe.need_clean()?;
        recipe.update(session)?;
        let version = choose(session, &app, &recipe, args.version.as_deref())?;
        recipe.check_out(&version)?;
        lint::need_no_errors(session, &recipe)?;
        (version, None)
    };
    let flags = args.apply;
    let commands = guesses::POST_DEPLOY;
    launch(
        session,
        &Launch {
            app: &app,
            recipe: &recipe,
            version,
            chaos,
            flags,
            commands,
        },
    )
}

/// Runs `app upgrade` or `app rollback`.
pub(crate) fn step(session: &Session, args: &StepArgs, direction: Direction) -> Result<()> {
    let app = App::find(session, &args.domain)?;
    let labels = app.need_deployed()?;
    let recipe = app.recipe(session);
    recipe.need(session)?;
    recipe.need_clean()?;
    recipe.update(session)?;
    let current = labels
        .get(&app.label("version"))
        .map_or("unknown", String::as_str);
    let version = target(&recipe, current, args.version.as_deref(), direction)?;
    if direction == Direction::Up {
        show_notes(&recipe, current, &version)?;
    }
    recipe.check_out(&version)?;
    lint::need_no_errors(session, &recipe)?;
    let flags = args.apply;
    let (chaos, commands): (Option<Chaos>, _) = (None, guesses::POST_UPGRADE);
    launch(
        session,
        &Launch {
            app: &app,
            recipe: &recipe,
            version,
            chaos,
            flags,
            commands,
        },
    )
}

/// Returns the version to deploy without chaos: the one asked for, the pin, the latest, HEAD.
fn choose(session: &Session, app: &App, recipe: &Recipe, asked: Option<&str>) -> Result<String> {
    let pin = app
        .pin
        .as_deref()
        .filter(|_| !session.flags.ignore_env_version);
    if let Some(version) = asked.or(pin) {
        return Ok(version.to_owned());
    }
    match recipe.versions()?.pop() {
        Some(latest) => Ok(latest),
        None => Ok(recipe.chaos()?.version()),
    }
}

/// Returns the release to step to.
fn target(
    recipe: &Recipe,
    current: &str,
    asked: Option<&str>,
    direction: Direction,
) -> Result<String> {
    let fits = |version: &str| match direction {
        Direction::Up => is_newer(version, current),
        Direction::Down => is_newer(current, version),
    };
    let versions = recipe.versions()?;
    let found = match asked {
        Some(asked) => versions
            .into_iter()
            .find(|version| version == asked && fits(version)),
        None => versions.into_iter().rfind(|version| fits(version)),
    };
    let word = if direction == Direction::Up {
        "upgrade"
    } else {
        "rollback"
    };
    found.ok_or_else(|| {
        Fatal(format!(
            "no available {word} from {current} of {}",
            recipe.name
        ))
    })
}

/// Prints the release notes after the current version up to the next.
fn show_notes(recipe: &Recipe, current: &str, next: &str) -> Result<()> {
    for version in recipe.versions()? {
        let within = is_newer(&version, current) && !is_newer(&version, next);
        let path = format!("release/{version}");
        if let Some(notes) = recipe.file_at(next, &path)?.filter(|_| within) {
            output::info(&format!("release notes of {version}: {notes}"));
        }
    }
    Ok(())
}
