//! An app: its `.env`, the names made from it, and the version pinned there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::docker::Docker;
use crate::dotenv::{self, EnvFile};
use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::recipe::Recipe;
use crate::session::Session;

/// One app of one server.
pub(crate) struct App {
    /// Its name, the `.env`'s file name without the ending.
    pub(crate) name: String,
    /// Its server.
    pub(crate) server: String,
    /// Its `.env`.
    pub(crate) file: PathBuf,
    /// What the `.env` says.
    pub(crate) env: EnvFile,
    /// The recipe as the `.env` writes it, without version.
    pub(crate) recipe: String,
    /// The version that the `.env` pins.
    pub(crate) pin: Option<String>,
    /// The name of its stack.
    pub(crate) stack: String,
    /// The docker of its server.
    pub(crate) docker: Docker,
}

impl App {
    /// Finds an app by its name on any server.
    pub(crate) fn find(session: &Session, name: &str) -> Result<Self> {
        for server in servers(session)? {
            let file = session.servers().join(&server).join(format!("{name}.env"));
            if file.is_file() {
                return Self::read(&server, name, file);
            }
        }
        Err(Fatal(format!("cannot find app with name {name}")))
    }

    /// Returns all apps of all servers.
    pub(crate) fn all(session: &Session) -> Result<Vec<Self>> {
        let mut apps = Vec::new();
        for server in servers(session)? {
            for path in entries(&session.servers().join(&server))? {
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                if let Some(name) = name.strip_suffix(".env") {
                    apps.push(Self::read(&server, name, path.clone())?);
                }
            }
        }
        Ok(apps)
    }

    /// Reads the `.env` of an app.
    pub(crate) fn read(server: &str, name: &str, file: PathBuf) -> Result<Self> {
        let env = EnvFile::read(&file)?;
        let written = env.get("TYPE").or_else(|| env.get("RECIPE"));
        let written = written.ok_or_else(|| Fatal(format!("{name}: no TYPE or RECIPE is set")))?;
        let (recipe, pin) = match written.split_once(':') {
            Some((recipe, pin)) => (recipe.to_owned(), Some(pin.to_owned())),
            None => (written.to_owned(), None),
        };
        let stack = env
            .get(guesses::STACK_NAME_KEY)
            .filter(|name| !name.is_empty());
        let stack = stack.map_or_else(|| stack_name(name), str::to_owned);
        Ok(Self {
            name: name.to_owned(),
            server: server.to_owned(),
            docker: Docker::of(server),
            file,
            recipe,
            pin: pin.filter(|pin| !pin.is_empty()),
            stack,
            env,
        })
    }

    /// Returns the app's recipe.
    pub(crate) fn recipe(&self, session: &Session) -> Recipe {
        Recipe::named(session, &self.recipe)
    }

    /// Returns the key of an abra label of this app.
    pub(crate) fn label(&self, key: &str) -> String {
        format!("coop-cloud.{}.{key}", self.stack)
    }

    /// Returns the labels of the service `app`, or nothing when not deployed.
    pub(crate) fn deployed(&self) -> Result<Option<BTreeMap<String, String>>> {
        let services = self.docker.services(Some(&self.stack))?;
        if services.is_empty() {
            return Ok(None);
        }
        let main = format!("{}_app", self.stack);
        let labels = services.into_iter().find(|service| service.name == main);
        Ok(Some(
            labels.map(|service| service.labels).unwrap_or_default(),
        ))
    }

    /// Returns the labels of a deployed app, or fails as abra does.
    pub(crate) fn need_deployed(&self) -> Result<BTreeMap<String, String>> {
        self.deployed()?
            .ok_or_else(|| Fatal(format!("{} is not deployed?", self.name)))
    }

    /// Returns the variables that compose files see: `.env`, `abra.sh` and the stack's name.
    pub(crate) fn variables(&self, recipe: &Recipe) -> BTreeMap<String, String> {
        let abra_sh = std::fs::read_to_string(recipe.directory.join("abra.sh")).unwrap_or_default();
        let exports = dotenv::exports(&abra_sh);
        let (mut lower, upper) = if guesses::ABRA_SH_WINS {
            (self.env.map(), exports)
        } else {
            (exports, self.env.map())
        };
        lower.extend(upper);
        lower.insert("STACK_NAME".to_owned(), self.stack.clone());
        lower
    }

    /// Leaves the recipe's tree at the pinned version, as most commands do unless told otherwise.
    pub(crate) fn follow_pin(&self, session: &Session, chaos: bool) -> Result<Recipe> {
        let recipe = self.recipe(session);
        recipe.need(session)?;
        if chaos || session.flags.offline || session.flags.ignore_env_version {
            return Ok(recipe);
        }
        recipe.need_clean()?;
        if let Some(pin) = &self.pin {
            recipe.check_out(pin)?;
        }
        Ok(recipe)
    }

    /// Writes the version to the line that names the recipe.
    pub(crate) fn write_pin(&self, version: &str) -> Result<()> {
        let text =
            std::fs::read_to_string(&self.file).map_err(Fatal::during("reading the .env"))?;
        let text = pinned(&text, &self.recipe, version);
        std::fs::write(&self.file, text).map_err(Fatal::during("writing the .env"))
    }
}

/// Returns the names of all servers.
pub(crate) fn servers(session: &Session) -> Result<Vec<String>> {
    let paths = entries(&session.servers())?;
    let directories = paths.iter().filter(|path| path.is_dir());
    Ok(directories
        .filter_map(|path| path.file_name()?.to_str())
        .filter(|name| !name.starts_with('.'))
        .map(str::to_owned)
        .collect())
}

/// Returns a `.env` text with the version in its `TYPE` or `RECIPE` line.
pub(crate) fn pinned(text: &str, recipe: &str, version: &str) -> String {
    let lines = text.lines().map(|line| {
        let key = ["TYPE", "RECIPE"].into_iter().find(|key| {
            line.strip_prefix(key)
                .is_some_and(|rest| rest.trim_start().starts_with('='))
        });
        key.map_or_else(
            || line.to_owned(),
            |key| format!("{key}={recipe}:{version}"),
        )
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// Returns the stack name made from a domain.
pub(crate) fn stack_name(domain: &str) -> String {
    domain
        .replace('.', "_")
        .chars()
        .take(guesses::STACK_NAME_LIMIT)
        .collect()
}

/// Returns the paths in a directory, sorted; none when it does not exist.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let failed = || Fatal::during(format!("reading {}", directory.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed())? {
        paths.push(entry.map_err(failed())?.path());
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pin_replaces_the_line_that_names_the_recipe_and_no_other() {
        let text = "# TYPE=x\nTYPE=web:1.0.0+1\nTYPES=a\nDOMAIN=d";
        assert_eq!(
            pinned(text, "web", "2.0.0+1"),
            "# TYPE=x\nTYPE=web:2.0.0+1\nTYPES=a\nDOMAIN=d\n"
        );
    }

    #[test]
    fn a_long_domain_is_cut() {
        let name = stack_name("a-very-long-domain-name.with-many.parts.example.test");
        assert_eq!(name, "a-very-long-domain-name_with-many_parts_examp");
    }
}
