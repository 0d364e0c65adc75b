//! `recipe lint`: applies the rules to a recipe, and blocks deploys that break an error rule.

use yaml_serde::Value;

use crate::cli::LintArgs;
use crate::dotenv::{self, EnvFile};
use crate::fatal::{Fatal, Result};
use crate::guesses::{self, RULES, Rule};
use crate::output;
use crate::recipe::{self, Recipe};
use crate::secret;
use crate::session::Session;

/// One rule with what it found.
struct Finding {
    /// The rule.
    rule: &'static Rule,
    /// Whether the recipe does as asked.
    satisfied: bool,
}

/// What the rules look at.
struct Subject {
    /// The file `compose.yml`, before interpolation.
    compose: Value,
    /// The sample.
    sample: EnvFile,
    /// The file `README.md`, empty when missing.
    readme: String,
    /// The names that `abra.sh` exports.
    exports: Vec<String>,
    /// Whether the catalogue has the recipe.
    in_catalogue: bool,
    /// Whether the recipe is a repository.
    repository: bool,
    /// Whether all tags are annotated.
    annotated: bool,
}

/// Runs `recipe lint`, which exits with 0 even when error rules fail.
pub(crate) fn show(session: &Session, args: &LintArgs) -> Result<()> {
    let recipe = Recipe::named(session, &args.recipe);
    recipe.need(session)?;
    if guesses::LINT_REFUSES_DIRTY && !args.chaos {
        recipe.need_clean()?;
    }
    let mark = |satisfied: bool| if satisfied { "✅" } else { "❌" }.to_owned();
    let findings = findings(&Subject::read(session, &recipe)?);
    let rows = findings
        .iter()
        .filter(|finding| finding.rule.error || !args.only_errors)
        .map(|finding| {
            vec![
                finding.rule.name.to_owned(),
                finding.rule.text.to_owned(),
                if finding.rule.error { "error" } else { "warn" }.to_owned(),
                mark(finding.satisfied),
                "-".to_owned(),
                finding.rule.fix.to_owned(),
            ]
        });
    let rows: Vec<Vec<String>> = rows.collect();
    output::table(
        &["REF", "RULE", "SEVERITY", "SATISFIED", "SKIPPED", "RESOLVE"],
        &rows,
    )?;
    if findings
        .iter()
        .any(|finding| finding.rule.error && !finding.satisfied)
    {
        output::warn(&format!(
            "critical errors present in {} config",
            recipe.name
        ));
    }
    Ok(())
}

/// Fails when a rule of the severity error does.
pub(crate) fn need_no_errors(session: &Session, recipe: &Recipe) -> Result<()> {
    let findings = findings(&Subject::read(session, recipe)?);
    match findings
        .iter()
        .find(|finding| finding.rule.error && !finding.satisfied)
    {
        None => Ok(()),
        Some(finding) => Err(Fatal(format!(
            "recipe {} does not pass lint rule {}: {}",
            recipe.name, finding.rule.name, finding.rule.text
        ))),
    }
}

/// Splits an image into name and tag; a digest is no tag.
pub(crate) fn image_parts(image: &str) -> (&str, Option<&str>) {
    let name = image.split('@').next().unwrap_or(image);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (name, None),
    }
}

impl Subject {
    /// Reads a recipe's tree.
    fn read(session: &Session, recipe: &Recipe) -> Result<Self> {
        let path = |name: &str| recipe.directory.join(name);
        let unable = |name: &str| Fatal::during(format!("unable to validate recipe: {name}"));
        let sample = EnvFile::read(&path(".env.sample")).map_err(|error| {
            Fatal(format!(
                "unable to validate recipe: .env.sample: {}",
                error.0
            ))
        })?;
        let compose =
            std::fs::read_to_string(path("compose.yml")).map_err(unable("compose.yml"))?;
        let abra_sh = std::fs::read_to_string(path("abra.sh")).unwrap_or_default();
        Ok(Self {
            compose: yaml_serde::from_str(&compose)
                .map_err(Fatal::during("unable to validate recipe: compose.yml"))?,
            sample,
            readme: std::fs::read_to_string(path("README.md")).unwrap_or_default(),
            exports: dotenv::exports(&abra_sh).into_keys().collect(),
            in_catalogue: recipe::catalogue(session).is_ok_and(|all| all.contains(&recipe.name)),
            repository: recipe.is_repository(),
            annotated: recipe.lightweight_tags()?.is_empty(),
        })
    }

    /// Returns for each rule whether it is satisfied.
    fn satisfied(&self) -> [bool; RULES.len()] {
        let services = self.services();
        let tags = self.tags();
        let version = self.compose.get("version").and_then(Value::as_str);
        let all_have = |key: &str| services.iter().all(|service| service.get(key).is_some());
        let short = |secret: &secret::Secret| secret.name.len() <= guesses::LONG_SECRET;
        [
            version == Some("3.8"),
            all_have("healthcheck"),
            tags.iter().all(Option::is_some),
            tags.iter().flatten().all(|tag| *tag != "latest"),
            tags.iter()
                .flatten()
                .all(|tag| tag.trim_start_matches('v').starts_with(is_digit)),
            self.in_catalogue,
            has_metadata(&self.readme),
            // Without it the recipe cannot be linted at all.
            true,
            self.compose
                .get("services")
                .and_then(|all| all.get("app"))
                .is_some(),
            self.has_traefik(),
            all_have("image"),
            self.has_config_versions(),
            self.repository,
            self.annotated,
            secret::declared(&self.sample).iter().all(short),
        ]
    }

    /// Returns the services.
    fn services(&self) -> Vec<&Value> {
        let services = self.compose.get("services").and_then(Value::as_mapping);
        services
            .into_iter()
            .flatten()
            .map(|(_, service)| service)
            .collect()
    }

    /// Returns the tags of the images of all services that have an image.
    fn tags(&self) -> Vec<Option<&str>> {
        let services = self.services().into_iter();
        let images = services.filter_map(|service| service.get("image").and_then(Value::as_str));
        images.map(|image| image_parts(image).1).collect()
    }

    /// Returns whether a service asks traefik to route it.
    fn has_traefik(&self) -> bool {
        self.services().iter().any(|service| {
            let labels = service
                .get("deploy")
                .and_then(|deploy| deploy.get("labels"));
            match labels {
                Some(Value::Sequence(labels)) => labels
                    .iter()
                    .any(|label| label.as_str() == Some("traefik.enable=true")),
                Some(Value::Mapping(labels)) => labels.get("traefik.enable").is_some_and(|value| {
                    value.as_str() == Some("true") || value.as_bool() == Some(true)
                }),
                _ => false,
            }
        })
    }

    /// Returns whether `abra.sh` sets the version of each config that has one in its name.
    fn has_config_versions(&self) -> bool {
        let configs = self.compose.get("configs").and_then(Value::as_mapping);
        let mut names = configs.into_iter().flatten().filter_map(|(_, config)| {
            let name = config.get("name").and_then(Value::as_str)?;
            name.rsplit_once("${")
                .map(|(_, key)| key.trim_end_matches('}').to_owned())
        });
        names.all(|key| !key.ends_with("_VERSION") || self.exports.contains(&key))
    }
}

/// Applies all rules.
fn findings(subject: &Subject) -> Vec<Finding> {
    let satisfied = subject.satisfied();
    RULES
        .iter()
        .zip(satisfied)
        .map(|(rule, satisfied)| Finding { rule, satisfied })
        .collect()
}

/// Returns whether a README has the block of metadata.
fn has_metadata(readme: &str) -> bool {
    readme.contains("<!-- metadata -->") && readme.contains("<!-- endmetadata -->")
}

/// Returns whether a character is a digit.
fn is_digit(character: char) -> bool {
    character.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_a_registry_is_no_tag() {
        assert_eq!(image_parts("host:5000/name"), ("host:5000/name", None));
        assert_eq!(
            image_parts("host:5000/name:1.2@sha256:00"),
            ("host:5000/name", Some("1.2"))
        );
    }
}
