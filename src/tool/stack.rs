//! The built-in deployer: reads the recipe format and drives docker alone, leaving what abra would leave.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
    time::Duration,
};

use super::{
    app::App,
    archive,
    deployer::{Deployer, Error, Held, Snapshot, Wanted},
    docker::stack::Deployment,
    git::{self, Git},
    rendering::{self, Rendered},
};
use crate::{
    model::{
        app_env::{AppEnv, NestedDomains},
        compose::Stack,
        resource::ResourceKind,
        run::DeployerKind,
        secret_spec::{Charset, SecretSpec},
    },
    sys::{durable, process::StepLog, random},
};

/// How long `docker stack deploy` may take to hand over the specification.
const DEPLOY_LIMIT: Duration = Duration::from_secs(120);
/// How long reading the checkout may take.
const GIT_LIMIT: Duration = Duration::from_secs(60);
/// The service that carries the app's labels and gets the `.env`'s variables.
const MAIN_SERVICE: &str = "app";
/// How long a generated secret is whose line states no length.
const DEFAULT_SECRET_LENGTH: usize = 32;

/// Docker alone.
pub(crate) struct StackDeployer {
    /// The client's version.
    version: String,
}

impl StackDeployer {
    /// Makes the deployer of a client's version.
    pub(crate) fn new(version: String) -> Self {
        Self { version }
    }
}

impl Deployer for StackDeployer {
    fn kind(&self) -> DeployerKind {
        DeployerKind::Docker
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn create(&self, app: &App, log: &StepLog) -> Result<(), Error> {
        let sample = rendering::read_file(&app.checkout(), ".env.sample")?;
        let declared = BTreeMap::new();
        let maker = AppEnv {
            recipe: &app.recipe,
            domain: &app.domain,
            declared: &declared,
            nested: NestedDomains::Keep,
        };
        let malformed = |error: crate::model::env_file::Error| rendering::Error::Malformed {
            file: ".env.sample".into(),
            said: error.to_string(),
        };
        let env = maker.from_sample(&sample).map_err(malformed)?;
        log.note(&format!(
            "made {} from .env.sample",
            app.env_file().display()
        ));
        write_env(app, &env.render())
    }

    fn generate_secrets(&self, app: &App, log: &StepLog) -> Result<(), Error> {
        let rendered = rendering::render(app)?;
        let present = secret_names(app)?;
        for spec in rendered.secrets.iter().filter(|spec| spec.generate) {
            let name = spec.full_name(app.stack.as_str());
            if !present.contains(&name) {
                let value = generate(spec).map_err(|source| Error::File {
                    path: "/dev/urandom".into(),
                    source,
                })?;
                let value = app.docker.host().redactor.register(&value);
                app.docker.create_secret(&app.stack, &name, &value)?;
                log.note(&format!("generated secret {name}"));
            }
        }
        Ok(())
    }

    fn deploy(&self, app: &App, log: &StepLog) -> Result<(), Error> {
        let mut rendered = rendering::render(app)?;
        check_secrets(app, &rendered)?;
        mark(app, &mut rendered)?;
        let compose = rendered.stack.render();
        let deployment = Deployment {
            stack: &app.stack,
            compose: &compose,
            limit: DEPLOY_LIMIT,
            log,
        };
        Ok(app.docker.deploy_stack(&deployment)?)
    }

    fn backup(&self, app: &App, log: &StepLog) -> Result<Snapshot, Error> {
        let rendered = rendering::render(app)?;
        archive::create(app, &rendered.stack, log)
    }

    fn look_into(
        &self,
        app: &App,
        snapshot: &Snapshot,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Held>, Error> {
        archive::look_into(app, snapshot, wanted)
    }

    fn restore(&self, app: &App, snapshot: &Snapshot, log: &StepLog) -> Result<(), Error> {
        let rendered = rendering::render(app)?;
        archive::restore(app, &rendered.stack, snapshot, log)
    }
}

/// Writes the app's `.env`, whole or not at all.
pub(crate) fn write_env(app: &App, text: &str) -> Result<(), Error> {
    let path = app.env_file();
    let folder = path.parent().unwrap_or(Path::new("/"));
    let written = fs::create_dir_all(folder).and_then(|()| durable::write(&path, text.as_bytes()));
    written.map_err(|source| Error::File { path, source })
}

/// Returns the names of the secrets that the swarm holds.
fn secret_names(app: &App) -> Result<BTreeSet<String>, Error> {
    let secrets = app.docker.list_kind(ResourceKind::Secret)?;
    Ok(secrets
        .into_iter()
        .map(|object| object.resource.name)
        .collect())
}

/// Checks that each secret is there, as abra does before it changes anything.
fn check_secrets(app: &App, rendered: &Rendered) -> Result<(), Error> {
    if rendered.secrets.is_empty() {
        return Ok(());
    }
    let present = secret_names(app)?;
    let missing = rendered
        .secrets
        .iter()
        .find(|spec| !present.contains(&spec.full_name(app.stack.as_str())));
    match missing {
        Some(spec) => Err(Error::SecretMissing {
            name: spec.name.clone(),
            generated: spec.generate,
        }),
        None => Ok(()),
    }
}

/// Puts abra's labels on the main service and shows it the `.env`'s variables.
fn mark(app: &App, rendered: &mut Rendered) -> Result<(), Error> {
    let stack: &mut Stack = &mut rendered.stack;
    if !stack.services.contains_key(MAIN_SERVICE) {
        let said = format!("there is no service `{MAIN_SERVICE}`");
        return Err(rendering::Error::Refused(said).into());
    }
    let refused =
        |error: crate::model::compose::Error| rendering::Error::Refused(error.to_string());
    let chaos = chaos_version(app)?;
    let label = |key: &str| format!("coop-cloud.{}.{key}", app.stack);
    stack
        .set_deploy_label(MAIN_SERVICE, &label("recipe"), app.recipe.as_str())
        .map_err(refused)?;
    stack
        .set_deploy_label(MAIN_SERVICE, &label("chaos"), "true")
        .map_err(refused)?;
    stack
        .set_deploy_label(MAIN_SERVICE, &label("chaos-version"), &chaos)
        .map_err(refused)?;
    for (key, value) in &rendered.variables {
        stack
            .set_env_default(MAIN_SERVICE, key, value)
            .map_err(refused)?;
    }
    // A name without a value would take it from the docker client's own environment.
    stack.drop_unset_environment();
    Ok(())
}

/// Returns what abra calls the chaos version: 8 digits of the commit, `+U` when there are changes beside it.
fn chaos_version(app: &App) -> Result<String, Error> {
    let doing = "reading the checkout's commit";
    let tool = |error: git::Error| Error::Tool {
        doing: doing.into(),
        said: error.to_string(),
    };
    let git = Git::new(app.docker.host(), &app.git, GIT_LIMIT);
    let head = git.head(&app.checkout()).map_err(tool)?;
    let changes = git.changes(&app.checkout()).map_err(tool)?;
    Ok(format!(
        "{}{}",
        head.short(),
        if changes.any() { "+U" } else { "" }
    ))
}

/// Draws the value of a secret.
fn generate(spec: &SecretSpec) -> io::Result<String> {
    const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let special = [ALNUM, b"!@#$%^&*_-+="].concat();
    let safe_special = [ALNUM, b"_-.+="].concat();
    let alphabet: &[u8] = match spec.charset {
        Charset::Default | Charset::Alnum => ALNUM,
        Charset::Special => &special,
        Charset::SafeSpecial => &safe_special,
        Charset::Hex => b"0123456789abcdef",
    };
    random::text(alphabet, spec.length.unwrap_or(DEFAULT_SECRET_LENGTH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(length: Option<usize>, charset: Charset) -> SecretSpec {
        SecretSpec {
            name: "a".into(),
            version: "v1".into(),
            length,
            charset,
            generate: true,
        }
    }

    #[test]
    fn a_secret_has_the_length_and_charset_that_its_line_states() {
        let value = generate(&spec(Some(43), Charset::Hex)).unwrap();
        assert_eq!(value.len(), 43);
        assert!(
            value
                .chars()
                .all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
        );
        let value = generate(&spec(None, Charset::Default)).unwrap();
        assert!(value.len() >= 16 && value.chars().all(|c| c.is_ascii_alphanumeric()));
    }
}
