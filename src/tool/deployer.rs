//! What deploys an app: the trait of the two that ship.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

use super::{abra::AbraDeployer, app::App, docker::client, rendering, stack::StackDeployer};
use crate::{
    model::run::DeployerKind,
    sys::process::{self, Host, StepLog},
};

/// Deploys, backs up and restores an app; each method returns when the tool has done its part.
///
/// Waiting until the app runs, and removing it, are the lifecycle's work and the same for both.
pub(crate) trait Deployer: Send + Sync {
    /// Returns which of the two it is.
    fn kind(&self) -> DeployerKind;

    /// Returns the tool's version.
    fn version(&self) -> &str;

    /// Makes the app's `.env` from the sample in its checkout.
    fn create(&self, app: &App, log: &StepLog) -> Result<(), Error>;

    /// Makes the secrets that the `.env` declares, that the stack uses and that may be generated.
    fn generate_secrets(&self, app: &App, log: &StepLog) -> Result<(), Error>;

    /// Deploys what the checkout holds, in place when the app runs already.
    fn deploy(&self, app: &App, log: &StepLog) -> Result<(), Error>;

    /// Makes a backup.
    fn backup(&self, app: &App, log: &StepLog) -> Result<Snapshot, Error>;

    /// Looks for a path in a backup; returns nothing when it is not there.
    fn look_into(
        &self,
        app: &App,
        snapshot: &Snapshot,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Held>, Error>;

    /// Restores a backup into the running app.
    fn restore(&self, app: &App, snapshot: &Snapshot, log: &StepLog) -> Result<(), Error>;
}

/// Makes the deployer: abra at a path, or docker alone with the version of its client.
pub(crate) fn make(
    abra: Option<&Path>,
    docker_version: &str,
    host: &Host,
) -> Result<Arc<dyn Deployer>, Error> {
    Ok(match abra {
        Some(program) => Arc::new(AbraDeployer::new(program, host)?),
        None => Arc::new(StackDeployer::new(docker_version.to_owned())),
    })
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// What the tool calls it.
    pub(crate) id: String,
}

/// Something that a backup should hold.
pub(crate) struct Wanted<'a> {
    /// The volume's short name.
    pub(crate) volume: &'a str,
    /// The path from the volume's root.
    pub(crate) path: &'a str,
    /// A text that it should contain.
    pub(crate) token: &'a str,
}

/// What a backup holds at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// How many bytes.
    pub(crate) size: u64,
    /// Whether the token is among them, in a compressed file too.
    pub(crate) has_token: bool,
}

/// Why a deployer did not do its work.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The recipe cannot be deployed as it is.
    #[error(transparent)]
    Recipe(#[from] rendering::Error),
    /// A secret is missing that the recipe needs.
    #[error("secret not {}: `{name}`", if *.generated { "generated" } else { "inserted" })]
    SecretMissing {
        /// Its name in the recipe.
        name: String,
        /// Whether it may be generated.
        generated: bool,
    },
    /// The tool refused or failed.
    #[error("{doing} failed: {said}")]
    Tool {
        /// What it was doing.
        doing: String,
        /// What it said.
        said: String,
    },
    /// A hook of the recipe failed.
    #[error("{0}")]
    Hook(String),
    /// The tool did something that nobody asked of it, or did not understand what it was asked.
    #[error("`{}` is not as it should be", .path.display())]
    Broken {
        /// The tool, or the file of its that is not as it should be.
        path: PathBuf,
        /// What was wrong.
        said: String,
    },
    /// Docker refused or failed.
    #[error(transparent)]
    Docker(#[from] client::Error),
    /// The tool could not be run.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// A file of the app could not be read or written.
    #[error("could not use `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
