//! Where a recipe is fetched from when nobody but its name says so, or a source that somebody gave.

use std::path::PathBuf;

use thiserror::Error;

use crate::{
    config::settings::Settings,
    model::{
        recipe::{Invalid, RecipeName},
        run::Trust,
        source::{self, PlainHttp, RemoteUrl},
    },
};

/// Why there is no place to fetch a recipe from.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The source cannot be read.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The setting for the forge gives no URL.
    #[error("`recipes.forge` gives `{0}`, which is no URL")]
    NoUrl(String),
    /// The source is on this machine.
    #[error("`{}` is a directory, and no URL", .0.display())]
    Directory(PathBuf),
}

/// Returns where a recipe is fetched from.
pub(crate) fn url_of(
    recipe: &RecipeName,
    src: Option<&str>,
    settings: &Settings,
) -> Result<RemoteUrl, Error> {
    let plain_http = if settings.recipes.allow_http {
        PlainHttp::Allowed
    } else {
        PlainHttp::Refused
    };
    let configured = settings.recipes.url_of(recipe);
    let text = src.unwrap_or(&configured);
    match source::Source::parse(text, plain_http)? {
        source::Source::Remote(url) => Ok(url),
        source::Source::Forge { owner, name } => {
            let forge = settings.recipes.forge.trim_end_matches('/');
            let url = format!("{forge}/{owner}/{name}.git");
            match source::Source::parse(&url, plain_http)? {
                source::Source::Remote(url) => Ok(url),
                source::Source::Forge { .. } | source::Source::Local(_) => Err(Error::NoUrl(url)),
            }
        }
        source::Source::Local(path) => Err(Error::Directory(path)),
    }
}

/// Returns the trust in a release that comes from the configured place: tests are kept here for what is enrolled.
pub(crate) fn trust_in_release(recipe: &RecipeName, settings: &Settings) -> Trust {
    let folder = settings.recipes.tests_dir.as_ref();
    if folder.is_some_and(|folder| folder.join(recipe.as_str()).is_dir()) {
        Trust::Trusted
    } else {
        Trust::Untrusted
    }
}
