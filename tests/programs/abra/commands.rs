//! What runs in or beside an app: `app run`, `app check`, and the functions of `abra.sh`.

use crate::app::App;
use crate::cli_app::{ChaosArgs, RunArgs};
use crate::dotenv::EnvFile;
use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::host;
use crate::output;
use crate::recipe::Recipe;
use crate::session::Session;

/// Where `abra.sh` lies in a container while one of its functions runs.
const SCRIPT: &str = "/tmp/abra.sh";

/// Runs `app run`.
pub(crate) fn run(session: &Session, args: &RunArgs) -> Result<()> {
    let app = App::find(session, &args.domain)?;
    let container = container(&app, &args.service)?;
    let mut exec = vec!["exec", "--interactive"];
    if !args.no_tty {
        if guesses::RUN_NEEDS_TERMINAL {
            output::need_terminal()?;
        }
        if host::stdin_is_terminal() {
            exec.push("--tty");
        }
    }
    exec.extend(args.user.iter().flat_map(|user| ["--user", user.as_str()]));
    exec.push(&container);
    exec.extend(args.command.iter().map(String::as_str));
    if app.docker.attach(&exec)? {
        Ok(())
    } else {
        Err(Fatal::new("command failed"))
    }
}

/// Runs `app check`. Missing variables show in the table and leave the exit status alone.
pub(crate) fn check(session: &Session, args: &ChaosArgs) -> Result<()> {
    let app = App::find(session, &args.domain)?;
    let recipe = app.follow_pin(session, args.chaos)?;
    let sample = EnvFile::read(&recipe.directory.join(".env.sample"))?;
    let keys = sample.map();
    let rows = keys.keys().map(|key| {
        let mark = if app.env.get(key).is_some() {
            "✅"
        } else {
            "❌"
        };
        vec![key.clone(), mark.to_owned()]
    });
    output::table(&["VARIABLE", "PRESENT"], &rows.collect::<Vec<_>>())
}

/// Runs the functions that a key of the `.env` names: `service func args|service func`.
pub(crate) fn after(app: &App, recipe: &Recipe, key: &str) -> Result<()> {
    let value = app.env.get(key).unwrap_or_default();
    for call in value
        .split('|')
        .map(str::trim)
        .filter(|call| !call.is_empty())
    {
        let (service, function) = call
            .split_once(' ')
            .ok_or_else(|| Fatal(format!("{key}: no function is named in `{call}`")))?;
        call_function(app, recipe, service, function)?;
    }
    Ok(())
}

/// Runs what is to run after an undeploy, when it is anything.
pub(crate) fn after_undeploy(session: &Session, app: &App) -> Result<()> {
    after(app, &app.recipe(session), guesses::POST_UNDEPLOY)
}

/// Returns the running container of a service of the app.
pub(crate) fn container(app: &App, service: &str) -> Result<String> {
    let found = app.docker.container(&format!("{}_{service}", app.stack))?;
    found.ok_or_else(|| Fatal(format!("no running container of {service} of {}", app.name)))
}

/// Runs one function of `abra.sh` in a service's container.
fn call_function(app: &App, recipe: &Recipe, service: &str, function: &str) -> Result<()> {
    let container = container(app, service)?;
    let source = recipe.directory.join("abra.sh");
    let target = format!("{container}:{SCRIPT}");
    app.docker
        .run(&["cp", &source.to_string_lossy(), &target])?;
    let variables = format!(
        "APP_NAME='{}' STACK_NAME='{}' TARGET='{service}'",
        app.name, app.stack
    );
    let script = format!("{variables}; . {SCRIPT}; {function}");
    let shell = "if command -v bash >/dev/null; then exec bash -c \"$1\"; fi; exec sh -c \"$1\"";
    let args = ["exec", &container, "sh", "-c", shell, "sh", &script];
    let ended = app
        .docker
        .try_run(&args, None)?
        .ok(&format!("running {function} in {service}"))?;
    output::info(&format!("ran {function} in {service}: {}", ended.text()));
    Ok(())
}
