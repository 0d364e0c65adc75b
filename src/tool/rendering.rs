//! A checkout and an `.env` become the rendered stack that a deployer hands to the swarm.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{
    app::App,
    docker::{
        client::{self, Docker},
        stack::Sources,
    },
};
use crate::model::{
    abra_sh,
    app::StackName,
    compose::Stack,
    env_file::{self, EnvFile},
    policy,
    secret_spec::{self, SecretSpec},
};

/// The compose file of a recipe that names no other.
const DEFAULT_COMPOSE: &str = "compose.yml";
/// The largest text file of a recipe that is read.
const LARGEST_FILE: u64 = 1 << 20;

/// A recipe's stack with everything that a deploy needs to know of it.
pub(crate) struct Rendered {
    /// The merged and interpolated compose file.
    pub(crate) stack: Stack,
    /// The variables that it was interpolated with.
    pub(crate) variables: BTreeMap<String, String>,
    /// The secrets that the stack uses and the `.env` declares.
    pub(crate) secrets: Vec<SecretSpec>,
}

/// Why a recipe's files do not make a stack.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// A file is missing that the recipe names or must have.
    #[error("file `{0}` is missing in the recipe")]
    Missing(String),
    /// A file is no text of the form that it should have.
    #[error("failed to read `{file}`: {said}")]
    Malformed {
        /// The file, from the checkout's root.
        file: String,
        /// What is wrong with it.
        said: String,
    },
    /// Docker cannot make a stack of the compose files.
    #[error("the compose files do not make a stack: {0}")]
    Refused(String),
    /// A file reaches outside of the recipe or asks for more than a recipe may.
    #[error("`{file}` is refused: {said}")]
    Forbidden {
        /// The file.
        file: String,
        /// The rule.
        said: String,
    },
    /// Docker could not be asked.
    #[error(transparent)]
    Docker(client::Error),
    /// A file could not be read.
    #[error("could not read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Renders the app's stack from its checkout and its `.env`.
pub(crate) fn render(app: &App) -> Result<Rendered, Error> {
    let path = app.env_file();
    let text = fs::read_to_string(&path).map_err(|source| Error::Read { path, source })?;
    let env = parse_env(&text, ".env")?;
    render_with(&app.docker, &app.checkout(), &app.stack, &env)
}

/// Renders a stack from a checkout and the variables of an `.env`.
pub(crate) fn render_with(
    docker: &Docker,
    checkout: &Path,
    stack: &StackName,
    env: &EnvFile,
) -> Result<Rendered, Error> {
    let variables = variables(checkout, stack, env)?;
    let files = compose_files(checkout, &variables)?;
    let pairs: Vec<(String, String)> = variables
        .clone()
        .into_iter()
        .filter(|(key, _)| is_harmless(key))
        .collect();
    let sources = Sources {
        folder: checkout,
        files: &files,
        variables: &pairs,
    };
    let text = docker.render_stack(&sources).map_err(|error| match error {
        client::Error::Refused { said, .. } => Error::Refused(said),
        other => Error::Docker(other),
    })?;
    let rendered = Stack::from_text(&text).map_err(|error| Error::Refused(error.to_string()))?;
    let specs = secret_spec::secret_specs(env).map_err(|error| Error::Malformed {
        file: ".env".into(),
        said: error.to_string(),
    })?;
    let secrets = secret_spec::used(&specs, stack.as_str(), &rendered);
    Ok(Rendered {
        stack: rendered,
        variables,
        secrets,
    })
}

/// Reads a text file of a checkout, which must lie inside it and be of a sane size.
pub(crate) fn read_file(checkout: &Path, name: &str) -> Result<String, Error> {
    let path = checkout.join(name);
    let read = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing(name.to_owned()),
        _ => Error::Read {
            path: path.clone(),
            source,
        },
    };
    let real = path.canonicalize().map_err(read)?;
    let root = checkout.canonicalize().map_err(read)?;
    let forbidden = |said: &str| Error::Forbidden {
        file: name.to_owned(),
        said: said.to_owned(),
    };
    if !real.starts_with(&root) {
        return Err(forbidden("it lies outside of the recipe"));
    }
    if fs::metadata(&real).map_err(read)?.len() > LARGEST_FILE {
        return Err(forbidden("it is larger than 1 MiB"));
    }
    let bytes = fs::read(&real).map_err(read)?;
    let malformed = |_| Error::Malformed {
        file: name.to_owned(),
        said: "it is not UTF-8 text".to_owned(),
    };
    String::from_utf8(bytes).map_err(malformed)
}

/// Parses an `.env` or its sample.
pub(crate) fn parse_env(text: &str, file: &str) -> Result<EnvFile, Error> {
    let malformed = |error: env_file::Error| Error::Malformed {
        file: file.to_owned(),
        said: error.to_string(),
    };
    EnvFile::parse(text).map_err(malformed)
}

/// Gathers the variables: the `.env`, over it what `abra.sh` exports, over that the stack's name.
fn variables(
    checkout: &Path,
    stack: &StackName,
    env: &EnvFile,
) -> Result<BTreeMap<String, String>, Error> {
    let mut variables: BTreeMap<String, String> = env
        .iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    match read_file(checkout, "abra.sh") {
        Ok(text) => variables.extend(abra_sh::exports(&text).values),
        Err(Error::Missing(_)) => {}
        Err(error) => return Err(error),
    }
    variables.insert("STACK_NAME".to_owned(), stack.to_string());
    Ok(variables)
}

/// Lists the compose files, each checked before any tool sees it.
fn compose_files(
    checkout: &Path,
    variables: &BTreeMap<String, String>,
) -> Result<Vec<PathBuf>, Error> {
    let listed = variables
        .get("COMPOSE_FILE")
        .map_or(DEFAULT_COMPOSE, String::as_str);
    let names = listed.split(':').filter(|name| !name.is_empty());
    let mut files = Vec::new();
    for name in names {
        let text = read_file(checkout, name)?;
        if let Some(violation) = policy::check_raw(text.as_bytes()).into_iter().next() {
            return Err(Error::Forbidden {
                file: name.to_owned(),
                said: violation.to_string(),
            });
        }
        files.push(checkout.join(name));
    }
    Ok(files)
}

/// Tells whether a variable of a recipe may be set for the docker client, whose own behaviour some change.
fn is_harmless(key: &str) -> bool {
    const OWN: [&str; 5] = ["PATH", "HOME", "GODEBUG", "SSL_CERT_FILE", "SSL_CERT_DIR"];
    const FAMILIES: [&str; 4] = ["DOCKER_", "LD_", "XDG_", "BUILDKIT_"];
    !OWN.contains(&key) && !FAMILIES.iter().any(|family| key.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_cannot_steer_the_docker_client() {
        for key in ["PATH", "DOCKER_HOST", "LD_PRELOAD", "DOCKER_CONFIG"] {
            assert!(!is_harmless(key), "{key}");
        }
        assert!(is_harmless("DOMAIN") && is_harmless("PATH_PREFIX"));
    }

    #[test]
    fn a_link_out_of_the_recipe_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("abra.sh")).unwrap();
        assert!(matches!(
            read_file(folder.path(), "abra.sh"),
            Err(Error::Forbidden { .. })
        ));
        assert!(matches!(
            read_file(folder.path(), "compose.yml"),
            Err(Error::Missing(_))
        ));
    }
}
