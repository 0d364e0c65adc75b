//! The compose files of an app as docker merges and interpolates them, and what abra adds to them.

use std::collections::BTreeMap;

use yaml_serde::{Mapping, Value};

use crate::app::App;
use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::host::{self, Call};
use crate::recipe::Recipe;

/// The rendered compose file of an app.
pub(crate) struct Compose {
    /// The whole document.
    document: Value,
    /// What docker had to say about it.
    pub(crate) warnings: Vec<String>,
}

impl Compose {
    /// Renders the compose files that `COMPOSE_FILE` names.
    pub(crate) fn render(app: &App, recipe: &Recipe) -> Result<Self> {
        let variables = app.variables(recipe);
        let files = variables
            .get("COMPOSE_FILE")
            .filter(|files| !files.is_empty());
        let files = files.map_or("compose.yml", String::as_str);
        let mut args = vec!["stack", "config"];
        for file in files.split(':').filter(|file| !file.is_empty()) {
            if !recipe.directory.join(file).is_file() {
                return Err(Fatal(format!(
                    "{}: compose file {file} does not exist",
                    recipe.name
                )));
            }
            args.extend(["--compose-file", file]);
        }
        let mut environment: Vec<(String, String)> = variables.clone().into_iter().collect();
        // Docker itself is found and configured by these two; nothing else of ours gets in.
        for name in ["PATH", "HOME"] {
            if let Some(value) = host::variable(name).filter(|_| !variables.contains_key(name)) {
                environment.push((name.to_owned(), value));
            }
        }
        let call = Call {
            program: "docker",
            args: &args,
            directory: Some(&recipe.directory),
            environment: Some(&environment),
            input: None,
        };
        let rendered = host::run(call)?.ok(&format!("{}: compose files", recipe.name))?;
        let document = yaml_serde::from_slice(&rendered.stdout)
            .map_err(Fatal::during("reading the rendered compose file"))?;
        let warnings = rendered.stderr.lines().map(str::to_owned).collect();
        Ok(Self { document, warnings })
    }

    /// Returns the full names of the secrets that the files refer to.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.full_names("secrets")
    }

    /// Fails when a name is longer than the swarm takes.
    pub(crate) fn check_names(&self, stack: &str) -> Result<()> {
        let services = self.section("services");
        let services = services.filter_map(|(name, _)| Some(format!("{stack}_{}", name.as_str()?)));
        let named = self
            .full_names("secrets")
            .into_iter()
            .chain(self.full_names("configs"));
        match services
            .chain(named)
            .find(|name| name.len() > guesses::NAME_LIMIT)
        {
            None => Ok(()),
            Some(name) => Err(Fatal(format!(
                "name too long: {name} has {} characters, {} are allowed",
                name.len(),
                guesses::NAME_LIMIT
            ))),
        }
    }

    /// Returns a label of the service `app`.
    pub(crate) fn app_label(&self, key: &str) -> Option<String> {
        let value = self
            .document
            .get("services")?
            .get("app")?
            .get("deploy")?
            .get("labels")?;
        value.get(key)?.as_str().map(str::to_owned)
    }

    /// Sets labels of the service `app`.
    pub(crate) fn label_app(&mut self, labels: &BTreeMap<String, String>) -> Result<()> {
        let deploy = entry(self.app_service()?, "deploy")?;
        let target = entry(deploy, "labels")?;
        for (key, value) in labels {
            target.insert(Value::from(key.as_str()), Value::from(value.as_str()));
        }
        Ok(())
    }

    /// Puts variables into the service `app` where it does not define them.
    pub(crate) fn expose(&mut self, variables: &BTreeMap<String, String>) -> Result<()> {
        let target = entry(self.app_service()?, "environment")?;
        for (key, value) in variables {
            if !target.contains_key(key.as_str()) {
                target.insert(Value::from(key.as_str()), Value::from(value.as_str()));
            }
        }
        Ok(())
    }

    /// Returns the text to deploy. Dollars are escaped, because a deploy interpolates once more.
    pub(crate) fn text(mut self) -> Result<String> {
        drop_unset(&mut self.document);
        escape(&mut self.document);
        yaml_serde::to_string(&self.document).map_err(Fatal::during("writing the compose file"))
    }

    /// Returns the entries of a top-level section.
    fn section(&self, name: &str) -> impl Iterator<Item = (&Value, &Value)> {
        self.document
            .get(name)
            .and_then(Value::as_mapping)
            .into_iter()
            .flatten()
    }

    /// Returns the names that the objects of a section have on the swarm.
    fn full_names(&self, section: &str) -> Vec<String> {
        let named = self.section(section).filter_map(|(key, value)| {
            value
                .get("name")
                .and_then(Value::as_str)
                .or_else(|| key.as_str())
                .map(str::to_owned)
        });
        named.collect()
    }

    /// Returns the service `app`.
    fn app_service(&mut self) -> Result<&mut Mapping> {
        let service = self
            .document
            .get_mut("services")
            .and_then(|all| all.get_mut("app"));
        service
            .and_then(Value::as_mapping_mut)
            .ok_or_else(|| Fatal::new("the recipe has no service named app"))
    }
}

/// Returns a mapping below another, made when it is missing.
fn entry<'a>(parent: &'a mut Mapping, key: &str) -> Result<&'a mut Mapping> {
    if !parent.get(key).is_some_and(Value::is_mapping) {
        parent.insert(Value::from(key), Value::Mapping(Mapping::new()));
    }
    parent
        .get_mut(key)
        .and_then(Value::as_mapping_mut)
        .ok_or_else(|| Fatal(format!("{key} is no mapping")))
}

/// Removes environment entries without a value, which a deploy would take from our environment.
fn drop_unset(document: &mut Value) {
    let services = document.get_mut("services").and_then(Value::as_mapping_mut);
    for (_, service) in services.into_iter().flatten() {
        if let Some(Value::Mapping(environment)) = service.get_mut("environment") {
            environment.retain(|_, value| !value.is_null());
        }
    }
}

/// Doubles each dollar of all text values.
fn escape(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('$', "$$"),
        Value::Sequence(values) => values.iter_mut().for_each(escape),
        Value::Mapping(entries) => entries.iter_mut().for_each(|(_, value)| escape(value)),
        Value::Tagged(tagged) => escape(&mut tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
