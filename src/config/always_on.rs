//! `[[always-on]]` of the settings: the apps that the server itself needs, as they were written and as they are meant.

use std::{collections::BTreeMap, convert::Infallible, path::Path, time::Duration};

use serde::Deserialize;

use super::{
    placeholder::Template,
    recipe_config::variable_name,
    settings::{Recipes, Server},
};
use crate::model::{
    app::AppDomain,
    check::UrlPath,
    input::TimeLimit,
    recipe::{Invalid, RecipeName, RecipeVersion},
    source::{PlainHttp, Protocol, Source},
};

/// A file that holds every key, with its comment.
pub(super) const EXAMPLE: &str = include_str!("always_on_example.toml");

/// Variables of the environment that follow from the app's domain.
const OURS: [&str; 2] = ["DOMAIN", "STACK_NAME"];

/// An app that the server itself needs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AlwaysOnApp {
    /// Its recipe.
    pub(crate) recipe: RecipeName,
    /// Its domain.
    pub(crate) domain: AppDomain,
    /// Where its recipe is fetched from, when it is not where all recipes are.
    pub(crate) source: Option<Source>,
    /// The release up to which a person did the manual work.
    pub(crate) approve: Option<RecipeVersion>,
    /// Variables of its environment.
    env: BTreeMap<String, Template>,
    /// What is asked for to learn whether it is well.
    pub(crate) health_path: UrlPath,
    /// How long it may take to be well, when something is declared.
    pub(crate) timeout: Option<Duration>,
}

impl AlwaysOnApp {
    /// Returns the variables of its environment as a recipe would declare them.
    pub(crate) fn declared(&self) -> Vec<(String, Template)> {
        let env = self.env.iter();
        env.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Returns the variables of its environment, placeholders filled in.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let provided = |_: &RecipeName, _: &str| Ok(String::new());
        let fill = |template: &Template| -> Result<String, Infallible> {
            template.fill(&self.domain, &self.recipe, &provided)
        };
        let filled = self.env.iter().map(|(name, template)| {
            let Ok(value) = fill(template);
            (name.clone(), value)
        });
        filled.collect()
    }
}

/// An `[[always-on]]` as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenApp {
    /// `recipe`.
    recipe: RecipeName,
    /// `domain`.
    domain: Option<StandingDomain>,
    /// `source`.
    source: Option<RecipeSource>,
    /// `approve`.
    approve: Option<RecipeVersion>,
    /// `env`.
    #[serde(default)]
    env: BTreeMap<Variable, PlainTemplate>,
    /// `health-path`.
    health_path: Option<UrlPath>,
    /// `timeout`.
    timeout: Option<TimeLimit>,
}

/// Makes the apps; what is wrong with one is told by its number.
pub(super) fn resolve(
    written: Vec<WrittenApp>,
    server: &Server,
    (recipes, current_dir): (&Recipes, &Path),
) -> Result<Vec<AlwaysOnApp>, String> {
    let mut apps: Vec<AlwaysOnApp> = Vec::new();
    for (number, written) in (1..).zip(written) {
        let app = app(written, server, (recipes, current_dir));
        let app = app.map_err(|(key, error)| format!("`always-on[{number}].{key}`: {error}"))?;
        let same = |known: &AlwaysOnApp| known.domain == app.domain;
        if let Some(other) = apps.iter().position(same) {
            return Err(format!(
                "`always-on[{}]` and `always-on[{number}]` both have the domain `{}`; give one of them another by `domain`",
                other + 1,
                app.domain
            ));
        }
        apps.push(app);
    }
    Ok(apps)
}

/// Makes one app, or says which of its keys is wrong.
fn app(
    written: WrittenApp,
    server: &Server,
    (recipes, current_dir): (&Recipes, &Path),
) -> Result<AlwaysOnApp, (&'static str, Invalid)> {
    let domain = match written.domain {
        Some(StandingDomain(domain)) => domain,
        None => AppDomain::warm(&written.recipe, &server.base_domain)
            .map_err(|error| ("domain", error))?,
    };
    let source = written.source.map(|RecipeSource(source)| match source {
        Source::Remote(url) if url.protocol == Protocol::Http && !recipes.allow_http => {
            let rule = "`https://` in place of `http://`, as long as `recipes.allow-http` is false";
            Err(("source", Invalid::new("source", &url.to_string(), rule)))
        }
        Source::Local(path) => Ok(Source::Local(current_dir.join(path))),
        Source::Remote(_) | Source::Forge { .. } => Ok(source),
    });
    let env = written.env.into_iter();
    Ok(AlwaysOnApp {
        recipe: written.recipe,
        domain,
        source: source.transpose()?,
        approve: written.approve,
        env: env
            .map(|(Variable(name), PlainTemplate(value))| (name, value))
            .collect(),
        health_path: written.health_path.unwrap_or_else(UrlPath::root),
        timeout: written.timeout.map(|TimeLimit(limit)| limit),
    })
}

/// A domain that is not named as the app of a run, which the janitor would take for one.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct StandingDomain(AppDomain);

impl TryFrom<String> for StandingDomain {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let domain: AppDomain = text.parse()?;
        if domain.follows_run_scheme() {
            let rule = "a domain whose first label does not look as that of a run's app, as in `sso.example.org`";
            return Err(Invalid::new("domain", &text, rule));
        }
        Ok(Self(domain))
    }
}

/// Where a recipe is fetched from.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct RecipeSource(Source);

impl TryFrom<String> for RecipeSource {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        // Whether plain HTTP is allowed, another setting says.
        Source::parse(&text, PlainHttp::Allowed).map(Self)
    }
}

/// The name of a variable that the configuration may set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Variable(String);

impl TryFrom<String> for Variable {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        variable_name(text, &OURS).map(Self)
    }
}

/// A value that waits for no other recipe.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct PlainTemplate(Template);

impl TryFrom<String> for PlainTemplate {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let template = Template::try_from(text.clone())?;
        if template.providers().next().is_some() {
            let rule = "a value without what another recipe gives, or with double braces for a text in braces, as in `{{name.word}}`";
            return Err(Invalid::new("value", &text, rule));
        }
        Ok(Self(template))
    }
}

#[cfg(test)]
mod tests;
