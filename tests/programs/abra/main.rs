//! A stand-in of abra for tests: speaks its command line, keeps its directories, drives the real swarm.
//!
//! Written from a description of abra's behaviour alone. It is never part of a release build.

mod app;
mod apply;
mod backup;
mod charset;
mod cli;
mod cli_app;
mod commands;
mod compose;
mod deploy;
mod docker;
mod dotenv;
mod fatal;
mod guesses;
mod host;
mod lint;
mod list;
mod new;
mod output;
mod recipe;
mod removal;
mod secret;
mod session;
mod snapshot;
mod version;

use std::process::ExitCode;

use clap::Parser;
use cli::{Command, RecipeCommand, ServerCommand};
use cli_app::{AppCommand, BackupCommand, SecretCommand};
use fatal::Result;
use session::Session;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            output::fatal(error.to_string().trim_end());
            return ExitCode::from(guesses::USAGE_EXIT);
        }
        Err(error) => {
            output::line(error.to_string().trim_end());
            return ExitCode::SUCCESS;
        }
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::fatal(&error.0);
            ExitCode::FAILURE
        }
    }
}

/// Runs one call.
fn run(cli: cli::Cli) -> Result<()> {
    let session = Session::open(cli.flags)?;
    match cli.command {
        Command::App(command) => run_app(&session, command),
        Command::Recipe(RecipeCommand::Fetch(args)) => recipe::fetch(&session, &args),
        Command::Recipe(RecipeCommand::Lint(args)) => lint::show(&session, &args),
        Command::Recipe(RecipeCommand::Versions(args)) => version::show(&session, &args),
        Command::Server(ServerCommand::Ls(args)) => list::servers(&session, &args),
    }
}

/// Runs one call about an app.
fn run_app(session: &Session, command: AppCommand) -> Result<()> {
    match command {
        AppCommand::New(args) => new::create(session, &args),
        AppCommand::Deploy(args) => deploy::deploy(session, &args),
        AppCommand::Upgrade(args) => deploy::step(session, &args, deploy::Direction::Up),
        AppCommand::Rollback(args) => deploy::step(session, &args, deploy::Direction::Down),
        AppCommand::Undeploy(args) => removal::undeploy(session, &args),
        AppCommand::Remove(args) => removal::remove(session, &args),
        AppCommand::Ls(args) => list::apps(session, &args),
        AppCommand::Ps(args) => list::containers(session, &args),
        AppCommand::Run(args) => commands::run(session, &args),
        AppCommand::Check(args) => commands::check(session, &args),
        AppCommand::Secret(SecretCommand::Generate(args)) => secret::generate(session, &args),
        AppCommand::Secret(SecretCommand::Insert(args)) => secret::insert(session, &args),
        AppCommand::Secret(SecretCommand::Ls(args)) => secret::list(session, &args),
        AppCommand::Secret(SecretCommand::Rm(args)) => secret::remove(session, &args),
        AppCommand::Volume(command) => removal::volumes(session, &command),
        AppCommand::Backup(BackupCommand::Create(args)) => backup::create(session, &args),
        AppCommand::Backup(BackupCommand::Snapshots(args)) => backup::snapshots(session, &args),
        AppCommand::Backup(BackupCommand::List(args)) => backup::files(session, &args),
        AppCommand::Backup(BackupCommand::Download(args)) => backup::download(session, &args),
        AppCommand::Restore(args) => backup::restore(session, &args),
    }
}
