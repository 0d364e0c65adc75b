//! What a provider gives to a dependent, as its hook prints it; never shows a value in a message.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

use super::recipe::RecipeName;

/// The most that a hook may print, in bytes.
pub const SIZE_LIMIT: usize = 64 * 1024;
/// The shortest secret that can be masked, in bytes.
pub const SECRET_FLOOR: usize = 8;
/// What every provider gives without a hook.
pub const ALWAYS_GIVEN: [&str; 2] = ["domain", "url"];
/// The form that a hook has to print.
const FORM: &str = r#"one JSON object, as in `{"values": {"issuer": "..."}, "secrets": {"client-secret": "..."}}`"#;

/// What a provider gives: texts that anybody may see, and secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// The texts, by key.
    pub values: BTreeMap<String, String>,
    /// The secrets, by key.
    pub secrets: BTreeMap<String, String>,
}

/// Which rule the output of a hook breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns every text that the output of a hook may mean as a secret, whether it follows the rules or not.
///
/// They are masked before anything is said about the output.
pub fn possible_secrets(output: &[u8]) -> Vec<String> {
    let read: Value = serde_json::from_slice(output).unwrap_or_default();
    let mut found = Vec::new();
    collect(read.get("secrets").unwrap_or(&Value::Null), &mut found);
    found
}

/// Gathers all texts of a value.
fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(items) => items.values().for_each(|item| collect(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Reads what a hook printed.
pub fn parse(output: &[u8]) -> Result<Given, Broken> {
    if output.len() > SIZE_LIMIT {
        return broken(format!("it printed more than {} KiB", SIZE_LIMIT / 1024));
    }
    // What the reader of JSON would say may quote a secret.
    let Ok(Value::Object(mut whole)) = serde_json::from_slice(output) else {
        return broken(format!("it has to print {FORM}"));
    };
    let mut take = |part: &str| match whole.remove(part) {
        None => Ok(Map::new()),
        Some(Value::Object(items)) => Ok(items),
        Some(_) => broken(format!("`{part}` has to be an object: {FORM}")),
    };
    let (values, secrets) = (take("values")?, take("secrets")?);
    if !whole.is_empty() {
        return broken(format!("it printed something else than {FORM}"));
    }
    let values = texts("values", values)?;
    let secrets = texts("secrets", secrets)?;
    if let Some(key) = values.keys().find(|key| secrets.contains_key(*key)) {
        return broken(format!("`{key}` is both a value and a secret"));
    }
    if let Some((key, _)) = values.iter().find(|(_, text)| text.contains(['\n', '\r'])) {
        return broken(format!("value `{key}` has to be one line"));
    }
    let mut secret = secrets.iter();
    if let Some((key, _)) = secret.find(|(_, text)| text.trim().len() < SECRET_FLOOR) {
        return broken(format!(
            "secret `{key}` has less than {SECRET_FLOOR} bytes, which cannot be masked"
        ));
    }
    Ok(Given { values, secrets })
}

/// Reads the texts of one part.
fn texts(part: &str, items: Map<String, Value>) -> Result<BTreeMap<String, String>, Broken> {
    let mut texts = BTreeMap::new();
    for (key, value) in items {
        if !is_key(&key) {
            return broken(format!(
                "a key of `{part}` is none: lower-case letters, digits, `-` and `_`, beginning with a letter, as in `client-id`"
            ));
        }
        if ALWAYS_GIVEN.contains(&key.as_str()) {
            return broken(format!(
                "`{key}` of `{part}` is a key that ccci sets itself"
            ));
        }
        match value {
            Value::String(text) if !text.contains('\0') => drop(texts.insert(key, text)),
            _ => return broken(format!("`{key}` of `{part}` has to be a text without NUL")),
        }
    }
    Ok(texts)
}

/// Tells whether a text can be the key of what is given.
pub fn is_key(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(plain)
}

/// Says which rule is broken.
fn broken<T>(rule: String) -> Result<T, Broken> {
    Err(Broken(rule))
}

/// Why a placeholder cannot be filled in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    /// It is not among what was given.
    #[error("`{{{recipe}.{key}}}` is not what `{recipe}` gives, which is {given}")]
    Absent {
        /// The provider.
        recipe: RecipeName,
        /// The key.
        key: String,
        /// What it gives, in a few words.
        given: String,
    },
    /// It is a secret.
    #[error("`{{{recipe}.{key}}}` is a secret, which no environment may hold")]
    Secret {
        /// The provider.
        recipe: RecipeName,
        /// The key.
        key: String,
    },
}

impl Given {
    /// Returns the value of a key.
    pub fn value(&self, recipe: &RecipeName, key: &str) -> Result<&str, Unfilled> {
        let (recipe, key) = (recipe.clone(), key.to_owned());
        if self.secrets.contains_key(&key) {
            return Err(Unfilled::Secret { recipe, key });
        }
        self.values.get(&key).map(String::as_str).ok_or_else(|| {
            let known = ALWAYS_GIVEN.into_iter();
            let known = known.chain(self.values.keys().map(String::as_str));
            let known: Vec<_> = known.map(|key| format!("`{key}`")).collect();
            let given = known.join(", ");
            Unfilled::Absent { recipe, key, given }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> String {
        parse(text.as_bytes()).err().expect("it is refused").0
    }

    #[test]
    fn values_and_secrets_are_read_and_either_may_be_missing() {
        let text =
            r#"{"values": {"issuer": "https://x"}, "secrets": {"client-secret": "open-sesame"}}"#;
        let given = parse(text.as_bytes()).ok().unwrap();
        assert_eq!(given.values["issuer"], "https://x");
        assert_eq!(given.secrets["client-secret"], "open-sesame");
        assert!(parse(b"{}").ok() == Some(Given::default()));
        assert!(parse(b" {\"values\": {}}\n").is_ok());
    }

    #[test]
    fn what_breaks_a_rule_is_named_by_its_key_and_never_shown() {
        insta::assert_snapshot!(rule("hunter2-hunter2"), @r#"it has to print one JSON object, as in `{"values": {"issuer": "..."}, "secrets": {"client-secret": "..."}}`"#);
        insta::assert_snapshot!(rule(r#"{"values": {"a": 1}}"#), @"`a` of `values` has to be a text without NUL");
        insta::assert_snapshot!(rule(r#"{"values": {"url": "x"}}"#), @"`url` of `values` is a key that ccci sets itself");
        insta::assert_snapshot!(rule(r#"{"secrets": {"a": "short"}}"#), @"secret `a` has less than 8 bytes, which cannot be masked");
        insta::assert_snapshot!(rule(r#"{"values": {"a": "x"}, "secrets": {"a": "hunter2-hunter2"}}"#), @"`a` is both a value and a secret");
        insta::assert_snapshot!(rule(r#"{"values": {"a": "x\ny"}}"#), @"value `a` has to be one line");
        for other in [
            r#"{"values": []}"#,
            r#"{"secret": {"a": "hunter2-hunter2"}}"#,
            r#"{"secrets": {"hunter2 hunter2": "hunter2-hunter2"}}"#,
            r#"{"secrets": {"a": {"b": "hunter2-hunter2"}}}"#,
            r#"[{"secrets": {"a": "hunter2-hunter2"}}]"#,
            r#"{"values": {}} {"values": {}}"#,
            "",
        ] {
            assert!(!rule(other).contains("hunter2"), "{other}");
        }
        let long = format!(r#"{{"values": {{"a": "{}"}}}}"#, "x".repeat(SIZE_LIMIT));
        assert_eq!(rule(&long), "it printed more than 64 KiB");
    }

    #[test]
    fn secrets_are_found_in_output_that_is_refused_too() {
        let found = |text: &str| possible_secrets(text.as_bytes());
        let nested = r#"{"secrets": {"a": ["one-secret", {"b": "another-one"}], "c": 1}, "x": 1}"#;
        assert_eq!(found(nested), ["one-secret", "another-one"]);
        assert_eq!(found("rubbish"), Vec::<String>::new());
    }

    #[test]
    fn a_key_that_is_not_given_is_told_from_a_secret() {
        let text = r#"{"values": {"id": "x", "issuer": "y"}, "secrets": {"key": "open-sesame"}}"#;
        let given = parse(text.as_bytes()).ok().unwrap();
        let recipe = "keycloak".parse().unwrap();
        let refused = |key| given.value(&recipe, key).unwrap_err().to_string();
        assert_eq!(given.value(&recipe, "id"), Ok("x"));
        insta::assert_snapshot!(refused("isuer"), @"`{keycloak.isuer}` is not what `keycloak` gives, which is `domain`, `url`, `id`, `issuer`");
        insta::assert_snapshot!(refused("key"), @"`{keycloak.key}` is a secret, which no environment may hold");
    }
}
