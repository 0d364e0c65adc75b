//! What takes away: `app undeploy`, `app remove`, `app volume`.

use crate::app::App;
use crate::cli_app::{DomainArgs, RemoveArgs, VolumeCommand, VolumeRmArgs};
use crate::commands;
use crate::docker::NAMESPACE;
use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::host;
use crate::output;
use crate::secret;
use crate::session::Session;

/// Runs `app undeploy`, which returns while containers are still dying. Volumes and secrets stay.
pub(crate) fn undeploy(session: &Session, args: &DomainArgs) -> Result<()> {
    let app = App::find(session, &args.domain)?;
    app.need_deployed()?;
    session.proceed("undeploy?")?;
    app.docker.run(&["stack", "rm", &app.stack])?;
    output::info(&format!("{} is undeployed", app.name));
    commands::after_undeploy(session, &app)
}

/// Runs `app remove`: secrets, volumes and the `.env`.
pub(crate) fn remove(session: &Session, args: &RemoveArgs) -> Result<()> {
    let app = App::find(session, &args.domain)?;
    if !args.force {
        session.proceed("remove all data?")?;
    }
    if app.deployed()?.is_some() {
        return Err(Fatal(format!("{} {}", app.name, guesses::STILL_DEPLOYED)));
    }
    let present = app.docker.secrets()?;
    for secret in secret::declared(&app.env) {
        let full = secret.full_name(&app.stack);
        if present.contains(&full) {
            app.docker.run(&["secret", "rm", &full])?;
        }
    }
    for volume in stack_volumes(&app)? {
        remove_volume(&app, &volume)?;
    }
    std::fs::remove_file(&app.file).map_err(Fatal::during("removing the .env"))?;
    output::info(&format!("{} is removed", app.name));
    Ok(())
}

/// Runs `app volume`.
pub(crate) fn volumes(session: &Session, command: &VolumeCommand) -> Result<()> {
    match command {
        VolumeCommand::Ls(args) => {
            let app = App::find(session, &args.domain)?;
            let rows = stack_volumes(&app)?
                .into_iter()
                .map(|name| vec![name, app.server.clone()]);
            output::table(&["NAME", "SERVER"], &rows.collect::<Vec<_>>())
        }
        VolumeCommand::Rm(args) => remove_volumes(session, args),
    }
}

/// Runs `app volume rm`.
fn remove_volumes(session: &Session, args: &VolumeRmArgs) -> Result<()> {
    let app = App::find(session, &args.domain)?;
    if app.deployed()?.is_some() {
        return Err(Fatal(format!("{} {}", app.name, guesses::STILL_DEPLOYED)));
    }
    let mut names = stack_volumes(&app)?;
    if let Some(volume) = &args.volume {
        names.retain(|name| *name == format!("{}_{volume}", app.stack));
    }
    if names.is_empty() {
        return Err(Fatal::new("no volumes to remove"));
    }
    if !args.force {
        session.proceed("remove volumes?")?;
    }
    names.iter().try_for_each(|name| remove_volume(&app, name))
}

/// Returns the full names of the volumes that belong to the app's stack.
fn stack_volumes(app: &App) -> Result<Vec<String>> {
    let filter = format!("label={NAMESPACE}={}", app.stack);
    let names = app
        .docker
        .run(&["volume", "ls", "--quiet", "--filter", &filter])?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// Removes a volume, again and again while a dying container holds it.
fn remove_volume(app: &App, name: &str) -> Result<()> {
    for _ in 1..guesses::VOLUME_REMOVE_TRIES {
        if app.docker.try_run(&["volume", "rm", name], None)?.success {
            return Ok(());
        }
        host::pause();
    }
    app.docker.run(&["volume", "rm", name]).map(drop)
}
