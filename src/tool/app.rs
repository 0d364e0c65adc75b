//! An app of a run as the deployers see it: its names and its places on this host.

use std::path::PathBuf;

use super::docker::client::Docker;
use crate::model::{
    app::{AppDomain, StackName},
    recipe::RecipeName,
};

/// The server under which a run's app is kept: the local Docker context.
pub(crate) const SERVER: &str = "default";

/// One app of one run.
///
/// Its folder is laid out as abra's root directory is, whichever deployer runs, so that everything else finds checkout
/// and `.env` at the same places.
#[derive(Clone)]
pub(crate) struct App {
    /// The recipe.
    pub(crate) recipe: RecipeName,
    /// The domain.
    pub(crate) domain: AppDomain,
    /// The stack's name.
    pub(crate) stack: StackName,
    /// What abra calls `ABRA_DIR`: a directory of this run alone.
    pub(crate) folder: PathBuf,
    /// Where archives of backups are kept while the run lasts.
    pub(crate) backups: PathBuf,
    /// Docker, called on behalf of this run.
    pub(crate) docker: Docker,
    /// Where git is.
    pub(crate) git: PathBuf,
}

impl App {
    /// Returns the place of the recipe's checkout.
    pub(crate) fn checkout(&self) -> PathBuf {
        self.folder.join("recipes").join(self.recipe.as_str())
    }

    /// Returns the place of the app's `.env`.
    pub(crate) fn env_file(&self) -> PathBuf {
        self.folder
            .join("servers")
            .join(SERVER)
            .join(format!("{}.env", self.domain))
    }
}
