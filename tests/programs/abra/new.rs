//! `app new`: the sample becomes the `.env` of an app.

use crate::app::{self, App};
use crate::cli_app::NewArgs;
use crate::compose::Compose;
use crate::dotenv::EnvFile;
use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::output;
use crate::recipe::Recipe;
use crate::secret;
use crate::session::Session;

/// Runs `app new`.
pub(crate) fn create(session: &Session, args: &NewArgs) -> Result<()> {
    let recipe = Recipe::named(session, &args.recipe);
    recipe.need(session)?;
    let pin = choose(session, &recipe, args)?;
    let domain = args
        .domain
        .as_deref()
        .ok_or_else(|| Fatal::new("no domain specified"))?;
    let server = server(session, args)?;
    let file = session
        .servers()
        .join(&server)
        .join(format!("{domain}.env"));
    if file.exists() {
        return Err(Fatal(format!("{} already exists", file.display())));
    }
    let sample = recipe.directory.join(".env.sample");
    let text = std::fs::read_to_string(&sample)
        .map_err(Fatal::during(format!("reading {}", sample.display())))?;
    let mut text = text.replace(
        &format!("{}{}", recipe.name, guesses::SAMPLE_DOMAIN),
        domain,
    );
    if let Some(pin) = pin {
        text = app::pinned(&text, &args.recipe, &pin);
    }
    std::fs::write(&file, text).map_err(Fatal::during(format!("writing {}", file.display())))?;
    output::info(&format!("created {domain} on {server}"));
    if args.secrets {
        let app = App::read(&server, domain, file)?;
        generate(&app, &recipe, &EnvFile::read(&sample)?)?;
    }
    Ok(())
}

/// Checks the version out, unless chaos, and returns what to pin.
fn choose(session: &Session, recipe: &Recipe, args: &NewArgs) -> Result<Option<String>> {
    if args.chaos {
        return Ok(guesses::NEW_PINS_CHAOS.then_some(recipe.chaos()?.pin()));
    }
    recipe.need_clean()?;
    recipe.update(session)?;
    let version = match &args.version {
        Some(version) => Some(version.clone()),
        None => recipe.versions()?.pop(),
    };
    if let Some(version) = &version {
        recipe.check_out(version)?;
    }
    Ok(version)
}

/// Returns the server asked for, or the only one.
fn server(session: &Session, args: &NewArgs) -> Result<String> {
    let mut servers = app::servers(session)?;
    match &args.server {
        Some(server) if servers.contains(server) => Ok(server.clone()),
        Some(server) => Err(Fatal(format!("no server {server}"))),
        None if servers.len() == 1 => Ok(servers.remove(0)),
        None => Err(Fatal::new("no server specified")),
    }
}

/// Generates the secrets with the sample's modifiers and shows them once.
fn generate(app: &App, recipe: &Recipe, sample: &EnvFile) -> Result<()> {
    let secrets = secret::handled(app, sample, &Compose::render(app, recipe)?);
    let generated = secret::generate_missing(app, &secrets)?;
    if generated.is_empty() {
        return Ok(());
    }
    if guesses::NEW_SECRETS_NEED_TERMINAL {
        output::need_table_terminal()?;
    }
    for [name, value] in generated {
        output::line(&format!("{name} {value}"));
    }
    output::warn("generated secrets are shown only once");
    Ok(())
}
