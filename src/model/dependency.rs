//! Which other recipes a run requires, how their apps are there, and what came of each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    app::AppDomain,
    event::Kept,
    outcome::{Outcome, Trouble},
    plan::Overlay,
    recipe::RecipeName,
    run::RunId,
};

/// The variable by which hooks of a provider know the name under which they make things.
pub const PROVIDE_NAME: &str = "CCCI_PROVIDE_NAME";

/// How the app of a required recipe comes to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It always runs here, and is used as it is.
    Reused,
    /// It is deployed for this run alone.
    Deployed,
}

impl Presence {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reused => "reused",
            Self::Deployed => "deployed",
        }
    }
}

/// A recipe that a run requires, as it is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// The recipe.
    pub recipe: RecipeName,
    /// The domain of its app.
    pub domain: AppDomain,
    /// How that app comes to be there.
    pub presence: Presence,
    /// The hook that makes what the dependent needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provide: Option<Overlay>,
    /// The hook that undoes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdraw: Option<Overlay>,
}

/// What came of a recipe that a run requires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The recipe.
    pub recipe: RecipeName,
    /// The domain of its app.
    pub domain: AppDomain,
    /// How that app came to be there.
    pub presence: Presence,
    /// The version of it that was found, or deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The run that deployed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// Whether it was there, with all that it was to give.
    pub outcome: Outcome,
    /// How long it took until then, in milliseconds.
    pub duration_ms: u64,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// What of it could not be undone or removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// How it is kept, together with the app that requires it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

impl Dependency {
    /// Begins the record of a requirement, of which nothing is known yet.
    pub fn of(requirement: &Requirement) -> Self {
        Self {
            recipe: requirement.recipe.clone(),
            domain: requirement.domain.clone(),
            presence: requirement.presence,
            version: None,
            run_id: None,
            outcome: Outcome::Broken,
            duration_ms: 0,
            trouble: None,
            left: Vec::new(),
            kept: None,
        }
    }

    /// Returns the recipe with the version, as a line of a run shows it.
    pub fn title(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.recipe),
            None => self.recipe.to_string(),
        }
    }
}

/// All that is needed to undo what an app made for another, however the run ended that asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provision {
    /// The recipe of the app that provides.
    pub provider: RecipeName,
    /// Its domain.
    pub domain: AppDomain,
    /// The folder of the tests kept for that recipe.
    pub root: String,
    /// The hook that undoes it, from there.
    pub withdraw: String,
    /// What the hook sees of both apps; no secret is among it.
    pub env: BTreeMap<String, String>,
}

impl Provision {
    /// Says what is left at the provider while it is not undone.
    pub fn left(&self) -> String {
        let name = self.env.get(PROVIDE_NAME).map_or("?", String::as_str);
        format!("what `{}` made as `{name}`", self.provider)
    }
}

/// Returns the name under which a provider makes things for a dependent, and nobody else.
pub fn provide_name(dependent: &RecipeName, domain: &AppDomain) -> String {
    let digits = domain.label().rsplit('-').next().unwrap_or_default();
    format!("{dependent}-{digits}")
}

/// Finds a recipe that requires itself, by way of others; returns the chain.
///
/// `requires` tells what is known of a recipe, which may be nothing.
pub fn find_cycle(
    above: &[RecipeName],
    recipe: &RecipeName,
    requires: &dyn Fn(&RecipeName) -> Vec<RecipeName>,
) -> Option<Vec<RecipeName>> {
    let mut chain = above.to_vec();
    chain.push(recipe.clone());
    if above.contains(recipe) {
        return Some(chain);
    }
    let mut required = requires(recipe).into_iter();
    required.find_map(|required| find_cycle(&chain, &required, requires))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RecipeName {
        text.parse().unwrap()
    }

    #[test]
    fn a_recipe_that_requires_itself_by_way_of_others_is_found() {
        let edges = |pairs: &'static [(&str, &str)]| {
            move |recipe: &RecipeName| -> Vec<RecipeName> {
                let of = pairs.iter().filter(|(from, _)| *from == recipe.as_str());
                of.map(|(_, to)| name(to)).collect()
            }
        };
        let cycle = |pairs, above: &[&str]| {
            let above: Vec<_> = above.iter().map(|text| name(text)).collect();
            let chain = find_cycle(&above, &name("a"), &edges(pairs))?;
            Some(chain.iter().map(RecipeName::to_string).collect::<Vec<_>>())
        };
        let found = |names: &[&str]| Some(names.iter().map(|&text| text.to_owned()).collect());
        assert_eq!(cycle(&[("a", "b"), ("b", "c")], &[]), None);
        assert_eq!(cycle(&[("a", "b"), ("a", "c"), ("b", "c")], &[]), None);
        assert_eq!(cycle(&[("a", "a")], &[]), found(&["a", "a"]));
        let round = &[("a", "x"), ("a", "b"), ("b", "c"), ("c", "b")];
        assert_eq!(cycle(round, &[]), found(&["a", "b", "c", "b"]));
        assert_eq!(cycle(&[("a", "r")], &["r"]), found(&["r", "a", "r"]));
    }

    #[test]
    fn what_is_made_for_an_app_carries_the_digits_of_its_domain() {
        let domain = "dron-0a1b2c.ci.example.org".parse().unwrap();
        assert_eq!(provide_name(&name("drone"), &domain), "drone-0a1b2c");
    }
}
