//! From a chosen version to a running stack: checks, labels, deployment, convergence, the pin.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::app::App;
use crate::cli_app::ApplyFlags;
use crate::commands;
use crate::compose::Compose;
use crate::docker::NAMESPACE;
use crate::dotenv::EnvFile;
use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::host;
use crate::output;
use crate::recipe::{Chaos, Recipe};
use crate::secret;
use crate::session::Session;

/// What is deployed, and how.
pub(crate) struct Launch<'a> {
    /// The app.
    pub(crate) app: &'a App,
    /// Its recipe, checked out.
    pub(crate) recipe: &'a Recipe,
    /// The version: a tag, a commit or that of chaos.
    pub(crate) version: String,
    /// The state of the tree when it is deployed as it is.
    pub(crate) chaos: Option<Chaos>,
    /// What to check.
    pub(crate) flags: ApplyFlags,
    /// The key of the `.env` with commands to run after success.
    pub(crate) commands: &'static str,
}

/// Deploys; everything that can be refused is refused before anything changes.
pub(crate) fn launch(session: &Session, launch: &Launch<'_>) -> Result<()> {
    let Launch {
        app, recipe, flags, ..
    } = launch;
    let mut compose = Compose::render(app, recipe)?;
    secret::need_all(app, &compose)?;
    warn_about_missing(app, recipe)?;
    compose
        .warnings
        .iter()
        .for_each(|warning| output::warn(warning));
    compose.check_names(&app.stack)?;
    if !flags.no_domain_checks {
        check_domain(app)?;
    }
    output::info(&format!(
        "deploying {} {} as {}",
        recipe.name, launch.version, app.stack
    ));
    session.proceed("proceed?")?;
    let timeout = compose
        .app_label(&app.label("timeout"))
        .and_then(|text| text.parse().ok());
    compose.label_app(&labels(launch))?;
    compose.expose(&exposed(launch))?;
    deploy_stack(app, compose)?;
    if !guesses::PIN_AFTER_CONVERGENCE {
        write_pin(launch)?;
    }
    if !flags.no_converge_checks {
        converge(
            app,
            Duration::from_secs(timeout.unwrap_or(guesses::DEFAULT_TIMEOUT)),
        )?;
    }
    if guesses::PIN_AFTER_CONVERGENCE {
        write_pin(launch)?;
    }
    if !(flags.no_converge_checks && guesses::CONVERGENCE_GATES_COMMANDS) {
        commands::after(app, recipe, launch.commands)?;
    }
    Ok(())
}

/// Hands the stack to docker, without pruning services that are no longer in the file.
///
/// Real abra has the registry resolve digests; where tests run there is none, hence `never`.
fn deploy_stack(app: &App, compose: Compose) -> Result<()> {
    let text = compose.text()?;
    let args = [
        "stack",
        "deploy",
        "--detach=true",
        "--resolve-image",
        "never",
        "-c",
        "-",
    ];
    let args: Vec<&str> = args.into_iter().chain([app.stack.as_str()]).collect();
    app.docker
        .try_run(&args, Some(text.as_bytes()))?
        .ok("unable to deploy")?;
    Ok(())
}

/// Writes what was deployed to the `.env`.
fn write_pin(launch: &Launch<'_>) -> Result<()> {
    let pin = launch
        .chaos
        .as_ref()
        .map_or_else(|| launch.version.clone(), Chaos::pin);
    launch.app.write_pin(&pin)
}

/// Returns the labels that abra sets. The version label stays as the compose file has it.
fn labels(launch: &Launch<'_>) -> BTreeMap<String, String> {
    let app = launch.app;
    let mut labels = BTreeMap::from([
        (app.label(guesses::RECIPE_LABEL), launch.recipe.name.clone()),
        (
            app.label(guesses::CHAOS_LABEL),
            launch.chaos.is_some().to_string(),
        ),
    ]);
    if let Some(chaos) = &launch.chaos {
        labels.insert(app.label("chaos-version"), chaos.version());
    }
    labels
}

/// Returns the variables that the service `app` gets.
fn exposed(launch: &Launch<'_>) -> BTreeMap<String, String> {
    let mut variables = launch.app.variables(launch.recipe);
    for key in ["TYPE", "RECIPE"] {
        if let Some(value) = variables.get_mut(key) {
            *value = format!("{}:{}", launch.app.recipe, launch.version);
        }
    }
    variables
}

/// Warns about variables of the sample that the `.env` lacks.
fn warn_about_missing(app: &App, recipe: &Recipe) -> Result<()> {
    let sample = recipe.directory.join(".env.sample");
    if !sample.is_file() {
        return Ok(());
    }
    for key in EnvFile::read(&sample)?.map().keys() {
        if app.env.get(key).is_none() {
            output::warn(&format!("{key} missing from {}.env", app.name));
        }
    }
    Ok(())
}

/// Compares the address of the domain with that of the server.
fn check_domain(app: &App) -> Result<()> {
    let domain = addresses(&app.name)?;
    // The server `default` is this machine, whose outside address nobody has told us.
    let agrees = app.server == "default"
        || addresses(&app.server)?
            .iter()
            .any(|address| domain.contains(address));
    if agrees {
        Ok(())
    } else {
        Err(Fatal(format!(
            "{} and {} have different addresses",
            app.name, app.server
        )))
    }
}

/// Returns the IPv4 addresses of a host.
fn addresses(host: &str) -> Result<Vec<IpAddr>> {
    let found = (host, 443)
        .to_socket_addrs()
        .map_err(Fatal::during(format!("resolving {host}")))?;
    Ok(found
        .map(|address| address.ip())
        .filter(IpAddr::is_ipv4)
        .collect())
}

/// Waits until all tasks run, in two looks in a row.
///
/// Like abra it asks for running tasks only, so a rollback that the swarm makes later is missed,
/// and one that it made meanwhile passes on the old tasks.
fn converge(app: &App, timeout: Duration) -> Result<()> {
    let deadline = Instant::now() + timeout;
    let mut looks = 0;
    loop {
        looks = if is_converged(app)? { looks + 1 } else { 0 };
        if looks == 2 {
            output::info(&format!("{} has converged", app.name));
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Fatal(format!(
                "deploy failed: {} did not converge within {} seconds",
                app.name,
                timeout.as_secs()
            )));
        }
        host::pause();
    }
}

/// Returns whether each service has its replicas and no task is on its way.
fn is_converged(app: &App) -> Result<bool> {
    let filter = format!("label={NAMESPACE}={}", app.stack);
    let args = [
        "service",
        "ls",
        "--filter",
        &filter,
        "--format",
        "{{.Replicas}}",
    ];
    let replicas = app.docker.run(&args)?;
    if !replicas.lines().all(has_replicas) {
        return Ok(false);
    }
    let format = "{{.DesiredState}} {{.CurrentState}}";
    let tasks = app
        .docker
        .run(&["stack", "ps", &app.stack, "--format", format])?;
    Ok(tasks
        .lines()
        .filter_map(|line| line.split_once(' '))
        .all(|(desired, current)| {
            !matches!(desired, "Running" | "Ready") || current.starts_with("Running")
        }))
}

/// Returns whether text such as `1/1` has enough on its left. An update can have both tasks run.
fn has_replicas(text: &str) -> bool {
    let text = text.split(' ').next().unwrap_or_default();
    let parse = |side: &str| side.parse::<u32>().ok();
    let sides = text
        .split_once('/')
        .map(|(running, wanted)| (parse(running), parse(wanted)));
    matches!(sides, Some((Some(running), Some(wanted))) if running >= wanted)
}
