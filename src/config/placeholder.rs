//! Placeholders in the values of `[env]`: `{domain}` and its like stand for what only the run knows.

use serde::Deserialize;

use crate::model::{
    app::AppDomain,
    provided,
    recipe::{Invalid, RecipeName},
};

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Template(Vec<Part>);

/// A part of such a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Itself.
    Text(String),
    /// What the run knows.
    Placeholder(Placeholder),
    /// What a required recipe gives.
    Provided(RecipeName, String),
}

/// What a run knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    /// The app's domain.
    Domain,
    /// Its first label.
    Label,
    /// What follows the label.
    BaseDomain,
    /// The stack's name.
    Stack,
    /// The recipe's name.
    Recipe,
}

/// The words of the placeholders.
const WORDS: [(&str, Placeholder); 5] = [
    ("domain", Placeholder::Domain),
    ("label", Placeholder::Label),
    ("base-domain", Placeholder::BaseDomain),
    ("stack", Placeholder::Stack),
    ("recipe", Placeholder::Recipe),
];

impl Template {
    /// Returns the text with each placeholder replaced; `provided` tells what a required recipe gives.
    pub(crate) fn fill<E>(
        &self,
        domain: &AppDomain,
        recipe: &RecipeName,
        provided: &dyn Fn(&RecipeName, &str) -> Result<String, E>,
    ) -> Result<String, E> {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => Ok(text.clone()),
            Part::Placeholder(Placeholder::Domain) => Ok(domain.to_string()),
            Part::Placeholder(Placeholder::Label) => Ok(domain.label().to_owned()),
            Part::Placeholder(Placeholder::BaseDomain) => Ok(domain.base().to_owned()),
            Part::Placeholder(Placeholder::Stack) => Ok(domain.stack().to_string()),
            Part::Placeholder(Placeholder::Recipe) => Ok(recipe.to_string()),
            Part::Provided(recipe, key) => provided(recipe, key),
        });
        parts.collect()
    }

    /// Lists the recipes that have to be required for it, each with the key that is wanted of it.
    pub(crate) fn providers(&self) -> impl Iterator<Item = (&RecipeName, &str)> {
        self.0.iter().filter_map(|part| match part {
            Part::Provided(recipe, key) => Some((recipe, key.as_str())),
            Part::Text(_) | Part::Placeholder(_) => None,
        })
    }
}

impl TryFrom<String> for Template {
    type Error = Invalid;

    /// Reads a text: a word in braces is a placeholder, one in double braces is that word in braces, and a brace
    /// beside anything else is itself.
    fn try_from(text: String) -> Result<Self, Invalid> {
        if text.contains(['\n', '\r', '\0']) {
            return Err(Invalid::new("value", &text, "one line, without NUL"));
        }
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some(open) = rest.find('{') {
            let (before, braced) = rest.split_at(open);
            push_text(&mut parts, before);
            let (part, length) = read_braced(braced, &text)?;
            match part {
                Part::Text(literal) => push_text(&mut parts, &literal),
                placeholder @ (Part::Placeholder(_) | Part::Provided(..)) => {
                    parts.push(placeholder);
                }
            }
            rest = &braced[length..];
        }
        push_text(&mut parts, rest);
        Ok(Self(parts))
    }
}

/// Adds a text, to the one before it if there is one.
fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(last)) => last.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// Reads what begins with a brace, and returns how much of it was read.
fn read_braced(braced: &str, whole: &str) -> Result<(Part, usize), Invalid> {
    let double = braced.strip_prefix("{{").and_then(word_before_brace);
    if let Some(word) = double.filter(|word| braced[2 + word.len()..].starts_with("}}")) {
        return Ok((Part::Text(format!("{{{word}}}")), word.len() + 4));
    }
    let Some(word) = word_before_brace(&braced[1..]) else {
        return Ok((Part::Text("{".to_owned()), 1));
    };
    let length = word.len() + 2;
    if let Some((recipe, key)) = provided(word) {
        return Ok((Part::Provided(recipe, key.to_owned()), length));
    }
    let found = WORDS.iter().find(|(known, _)| *known == word);
    let rule = "the placeholders `{domain}`, `{label}`, `{base-domain}`, `{stack}` and `{recipe}`, what a required recipe gives, as in `{keycloak.issuer}`, and double braces for any other word, as in `{{name}}`";
    let (_, placeholder) = found.ok_or_else(|| Invalid::new("value", whole, rule))?;
    Ok((Part::Placeholder(*placeholder), length))
}

/// Reads a word as a recipe and the key of what it gives; both may have digits.
fn provided(word: &str) -> Option<(RecipeName, &str)> {
    let (recipe, key) = word.rsplit_once('.')?;
    Some((recipe.parse().ok()?, key))
}

/// Returns the word that is followed by a closing brace: one of lower-case letters, or what a recipe gives.
fn word_before_brace(text: &str) -> Option<&str> {
    let (word, _) = text.split_once('}')?;
    let plain = word
        .chars()
        .all(|c| c.is_ascii_lowercase() || "-_".contains(c));
    let is_provided = provided(word).is_some_and(|(_, key)| provided::is_key(key));
    ((plain && !word.is_empty()) || is_provided).then_some(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fill(text: &str) -> String {
        let template = Template::try_from(text.to_owned()).unwrap();
        let domain = "gite-0a1b2c.ci.example.org".parse().unwrap();
        let provided = |recipe: &RecipeName, key: &str| Ok::<_, ()>(format!("<{recipe}|{key}>"));
        let filled = template.fill(&domain, &"gitea".parse().unwrap(), &provided);
        filled.unwrap()
    }

    #[test]
    fn what_a_required_recipe_gives_is_asked_for_by_recipe_and_key() {
        assert_eq!(fill("{keycloak.issuer}/x"), "<keycloak|issuer>/x");
        assert_eq!(fill("{db2.x.client-id2}"), "<db2.x|client-id2>");
        assert_eq!(fill("{{keycloak.issuer}}"), "{keycloak.issuer}");
        for text in [
            "{.issuer}",
            "{keycloak.}",
            "{keycloak.2}",
            "{Keycloak.issuer}",
            "{a.b c}",
        ] {
            assert_eq!(fill(text), text);
        }
        let template = Template::try_from("{domain}{a.b}{c.d}".to_owned()).unwrap();
        let providers = template
            .providers()
            .map(|(recipe, key)| format!("{recipe} {key}"));
        let providers: Vec<_> = providers.collect();
        assert_eq!(providers, ["a b", "c d"]);
    }

    #[test]
    fn each_placeholder_is_what_the_run_knows() {
        assert_eq!(
            fill("https://{domain}/{recipe}?{label}@{base-domain}:{stack}"),
            "https://gite-0a1b2c.ci.example.org/gitea?gite-0a1b2c@ci.example.org:gite-0a1b2c_ci_example_org"
        );
    }

    #[test]
    fn an_unknown_placeholder_is_refused_with_the_known_ones() {
        let error = Template::try_from("x{domian}".to_owned()).unwrap_err();
        insta::assert_snapshot!(error, @"value `x{domian}` is not valid: the placeholders `{domain}`, `{label}`, `{base-domain}`, `{stack}` and `{recipe}`, what a required recipe gives, as in `{keycloak.issuer}`, and double braces for any other word, as in `{{name}}`");
        assert!(Template::try_from("a\nb".to_owned()).is_err());
    }

    #[test]
    fn other_braces_are_themselves() {
        for text in [
            "{\"a\":{\"b\":1}}",
            "{",
            "{}",
            "a}b",
            "${VARIABLE}",
            "{ domain }",
            "{{",
        ] {
            assert_eq!(fill(text), text);
        }
        assert_eq!(fill("{{name}} {recipe}}"), "{name} gitea}");
    }

    proptest! {
        #[test]
        fn a_text_without_braces_is_itself(text in "[^{\\n\\r\\x00]{0,40}") {
            prop_assert_eq!(fill(&text), text);
        }
    }
}
