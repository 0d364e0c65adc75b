//! Where a recipe is fetched from when nobody but its name says so, or a source that somebody gave.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::{
    config::{self, always_on::AlwaysOnApp, recipe_config, settings::Settings},
    model::{
        recipe::{Invalid, RecipeName},
        run::{Source, Trust},
        source::{self, PlainHttp, RemoteUrl},
    },
};

/// Why there is no place to fetch a recipe from.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The source cannot be read.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The file kept for the recipe cannot be read, so that nobody knows where the recipe comes from.
    #[error(transparent)]
    Kept(#[from] config::error::Error),
    /// The `upstream` in that file cannot be used on this host.
    #[error("`upstream` in `{}` cannot be used: {source}", .path.display())]
    Upstream {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Invalid,
    },
    /// The setting for the forge gives no URL.
    #[error("`recipes.forge` gives `{0}`, which is no URL")]
    NoUrl(String),
    /// The source is on this machine.
    #[error("`{}` is a directory, and no URL", .0.display())]
    Directory(PathBuf),
}

/// Returns where a recipe is fetched from: the source that was given, else the `upstream` in the file that is kept for it, else the configured place.
///
/// A `recipe.toml` inside the recipe is not asked: whoever may change a recipe must not say where it comes from.
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
    if let Some(src) = src {
        return parse(src, plain_http, settings);
    }
    let kept = settings.recipes.tests_dir.as_ref();
    let kept = kept.map(|folder| folder.join(recipe.as_str()).join("recipe.toml"));
    let upstream = kept.as_deref().map(upstream_in).transpose()?.flatten();
    match (upstream, kept) {
        (Some(upstream), Some(path)) => {
            parse(&upstream, plain_http, settings).map_err(|error| match error {
                Error::Invalid(source) => Error::Upstream { path, source },
                Error::Kept(_) | Error::Upstream { .. } | Error::NoUrl(_) | Error::Directory(_) => {
                    error
                }
            })
        }
        (None | Some(_), None) | (None, Some(_)) => {
            parse(&settings.recipes.url_of(recipe), plain_http, settings)
        }
    }
}

/// Reads the upstream in the file that is kept for a recipe.
fn upstream_in(path: &Path) -> Result<Option<String>, Error> {
    let config = recipe_config::read(path)?;
    Ok(config.and_then(|config| config.upstream))
}

/// Reads a source that is on a server.
fn parse(text: &str, plain_http: PlainHttp, settings: &Settings) -> Result<RemoteUrl, Error> {
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

/// Returns where the recipe of an always-on app is: whoever configured it trusts its releases.
pub(crate) fn of_always_on(app: &AlwaysOnApp, settings: &Settings) -> Result<Source, Error> {
    let text = match &app.source {
        Some(source::Source::Local(path)) => return Ok(Source::Path(path.clone())),
        Some(source::Source::Remote(url)) => Some(url.to_string()),
        Some(source::Source::Forge { owner, name }) => Some(format!("{owner}/{name}")),
        None => None,
    };
    Ok(Source::Remote {
        url: url_of(&app.recipe, text.as_deref(), settings)?,
        trust: Trust::Trusted,
    })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::sample;

    /// Returns settings with a folder of kept tests.
    fn settings(kept: &Path) -> Settings {
        sample::settings(&[("CCCI_TESTS_DIR", &kept.display().to_string())])
    }

    #[test]
    fn what_is_kept_for_a_recipe_names_its_upstream_and_a_given_source_outranks_it() {
        let kept = tempfile::tempdir().unwrap();
        let recipe: RecipeName = "wiki".parse().unwrap();
        let settings = settings(kept.path());
        let url = |src| url_of(&recipe, src, &settings).map(|url| url.to_string());
        let configured = "https://git.coopcloud.tech/coop-cloud/wiki.git";
        assert_eq!(url(None).unwrap(), configured);
        fs::create_dir(kept.path().join("wiki")).unwrap();
        let file = kept.path().join("wiki/recipe.toml");
        fs::write(&file, "warm-canonical = true\n").unwrap();
        assert_eq!(url(None).unwrap(), configured);
        fs::write(&file, "upstream = \"https://git.example.org/a/b.git\"\n").unwrap();
        assert_eq!(url(None).unwrap(), "https://git.example.org/a/b.git");
        let given = url(Some("me/wiki")).unwrap();
        assert_eq!(given, "https://git.coopcloud.tech/me/wiki.git");
    }

    #[test]
    fn a_recipe_does_not_name_its_own_upstream() {
        let kept = tempfile::tempdir().unwrap();
        let own = kept.path().join("wiki/tests");
        fs::create_dir_all(&own).unwrap();
        let text = "upstream = \"https://evil.example/a/b.git\"\n";
        fs::write(own.join("recipe.toml"), text).unwrap();
        let url = url_of(&"wiki".parse().unwrap(), None, &settings(kept.path()));
        let url = url.unwrap().to_string();
        assert_eq!(url, "https://git.coopcloud.tech/coop-cloud/wiki.git");
    }

    #[test]
    fn a_file_that_cannot_be_read_does_not_send_anybody_to_the_configured_place() {
        let kept = tempfile::tempdir().unwrap();
        fs::create_dir(kept.path().join("wiki")).unwrap();
        let settings = settings(kept.path());
        let file = kept.path().join("wiki/recipe.toml");
        let recipe = "wiki".parse().unwrap();
        fs::write(&file, "upstrem = 1\n").unwrap();
        let error = url_of(&recipe, None, &settings).unwrap_err();
        assert!(matches!(error, Error::Kept(_)), "{error}");
        fs::write(&file, "upstream = \"http://git.example.org/a/b\"\n").unwrap();
        let error = url_of(&recipe, None, &settings).unwrap_err();
        assert!(matches!(error, Error::Upstream { .. }), "{error}");
        let said = error.to_string();
        assert!(
            said.contains("wiki/recipe.toml") && said.contains("`https://`"),
            "{said}"
        );
    }
}
