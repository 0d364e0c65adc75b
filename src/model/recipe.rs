//! What names and versions a recipe has.

use std::{borrow::Cow, cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A recipe's name: one path segment of lower-case letters, digits, `-`, `_` and `.`.
///
/// ```
/// use ccci::model::recipe::RecipeName;
/// assert!("custom-html".parse::<RecipeName>().is_ok());
/// assert!("../etc".parse::<RecipeName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecipeName(String);

/// The longest recipe name accepted, in bytes.
const NAME_LIMIT: usize = 64;

/// Why a text is no value of the type that was asked for.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{what} `{input}` is not valid: {rule}")]
pub struct Invalid {
    /// What the text should have been.
    pub what: &'static str,
    /// The text, escaped and cut at 120 characters.
    pub input: String,
    /// The rule, with one valid example.
    pub rule: Cow<'static, str>,
}

impl Invalid {
    /// Builds the error from the text as it was given.
    pub fn new(what: &'static str, input: &str, rule: impl Into<Cow<'static, str>>) -> Self {
        let input = input.chars().flat_map(show_char).take(120).collect();
        let rule = rule.into();
        Self { what, input, rule }
    }
}

/// Returns how one character of outside text is shown in a message: control, format and bidirectional marks escaped.
fn show_char(c: char) -> Vec<char> {
    let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if c.is_control() || hidden {
        c.escape_unicode().collect()
    } else {
        vec![c]
    }
}

impl RecipeName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RecipeName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let fits = text.len() <= NAME_LIMIT && !text.contains("..");
        let clean = text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c));
        if starts && fits && clean {
            return Ok(Self(text.to_owned()));
        }
        let rule = "1 to 64 lower-case letters, digits, `-`, `_` or `.`, beginning with a letter or digit, as in `custom-html`";
        Err(Invalid::new("recipe name", text, rule))
    }
}

impl TryFrom<String> for RecipeName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<RecipeName> for String {
    fn from(name: RecipeName) -> Self {
        name.0
    }
}

impl fmt::Display for RecipeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A release tag `X.Y.Z+<app version>`, ordered by the part before `+` as semver, then by the rest naturally.
///
/// ```
/// use ccci::model::recipe::RecipeVersion;
/// let older: RecipeVersion = "1.0.0+1.9".parse().unwrap();
/// let newer: RecipeVersion = "1.0.0+1.10".parse().unwrap();
/// assert!(older < newer);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecipeVersion {
    /// The tag as written.
    tag: String,
    /// The maintainers' part.
    recipe: semver::Version,
    /// The application's part, without the `+`.
    app: String,
}

impl RecipeVersion {
    /// Returns the tag as written.
    pub fn as_str(&self) -> &str {
        &self.tag
    }

    /// Returns the maintainers' part, before the `+`.
    pub fn recipe_part(&self) -> &semver::Version {
        &self.recipe
    }
}

impl FromStr for RecipeVersion {
    type Err = Invalid;

    fn from_str(tag: &str) -> Result<Self, Invalid> {
        let rule = "`X.Y.Z+<app version>`, as in `1.2.0+6.4.1`";
        let invalid = || Invalid::new("version", tag, rule);
        let (left, app) = tag.split_once('+').ok_or_else(invalid)?;
        let recipe = semver::Version::parse(left).map_err(|_| invalid())?;
        let clean = !app.is_empty()
            && app
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c));
        if !clean {
            return Err(invalid());
        }
        Ok(Self {
            tag: tag.to_owned(),
            recipe,
            app: app.to_owned(),
        })
    }
}

impl Ord for RecipeVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.recipe
            .cmp(&other.recipe)
            .then_with(|| natural_order(&self.app, &other.app))
            .then_with(|| self.tag.cmp(&other.tag))
    }
}

impl PartialOrd for RecipeVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<String> for RecipeVersion {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<RecipeVersion> for String {
    fn from(version: RecipeVersion) -> Self {
        version.tag
    }
}

impl fmt::Display for RecipeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tag)
    }
}

/// Compares two texts run by run: runs of digits as numbers, all else as text.
fn natural_order(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (runs(left).into_iter(), runs(right).into_iter());
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => compare_runs(a, b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Splits a text where digits begin or end.
fn runs(text: &str) -> Vec<&str> {
    let digit = |c: char| c.is_ascii_digit();
    let mut runs = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest
            .find(|c| digit(c) != digit(first))
            .unwrap_or(rest.len());
        let (run, tail) = rest.split_at(end);
        runs.push(run);
        rest = tail;
    }
    runs
}

/// Compares two runs, as numbers of any length when both are digits.
fn compare_runs(left: &str, right: &str) -> Ordering {
    let number = |run: &str| run.starts_with(|c: char| c.is_ascii_digit());
    if !(number(left) && number(right)) {
        return left.cmp(right);
    }
    let (a, b) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// A full git commit id of 40 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitSha(String);

impl CommitSha {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first 8 digits, as abra's chaos version has them.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl FromStr for CommitSha {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let hex = text.len() == 40
            && text
                .chars()
                .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
        if hex {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "commit",
            text,
            "40 lower-case hexadecimal digits",
        ))
    }
}

impl TryFrom<String> for CommitSha {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<CommitSha> for String {
    fn from(sha: CommitSha) -> Self {
        sha.0
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks that a text can be given to git as the name of a ref.
///
/// The rules are those of `git check-ref-format`, and no leading `-`, so that no option gets through.
pub fn parse_ref(text: &str) -> Result<String, Invalid> {
    let bad_start = text.is_empty() || text.starts_with(['-', '/', '.']);
    #[expect(
        clippy::case_sensitive_file_extension_comparisons,
        reason = "git refuses `.lock` in this spelling alone"
    )]
    let bad_end = text.ends_with(['/', '.']) || text.ends_with(".lock");
    let bad_part = ["..", "@{", "//", "/."]
        .iter()
        .any(|part| text.contains(part));
    let bad_char = text
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c));
    let bad_hex = text.len() == 41 && text.chars().all(|c| c.is_ascii_hexdigit());
    if bad_start || bad_end || bad_part || bad_char || bad_hex || text == "@" || text.len() > 255 {
        let rule = "a branch, tag or commit as git accepts it, not beginning with `-`, as in `main` or `8f3c1d2`";
        return Err(Invalid::new("ref", text, rule));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_one_plain_path_segment() {
        for bad in [
            "",
            "..",
            "a/b",
            "/etc",
            "-rf",
            "Upper",
            "a\nb",
            "wörd",
            "a\u{200b}",
            "*",
            "$(id)",
            "a..b",
        ] {
            assert!(bad.parse::<RecipeName>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(65).parse::<RecipeName>().is_err());
        for good in ["custom-html", "n8n", "lasuite-docs", "a_b.c"] {
            assert_eq!(good.parse::<RecipeName>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn an_error_escapes_what_cannot_be_seen() {
        let error = "a\u{1b}[31m\u{202e}b".parse::<RecipeName>().unwrap_err();
        assert!(error.to_string().contains("\\u{1b}") && error.to_string().contains("\\u{202e}"));
    }

    #[test]
    fn versions_are_ordered_by_the_left_part_then_naturally() {
        let mut tags = [
            "2.0.0+1.0",
            "1.0.0+1.10",
            "1.0.0+1.9",
            "0.9.0+2.0",
            "1.0.0+1.9-slim",
        ]
        .map(|tag| tag.parse::<RecipeVersion>().unwrap());
        tags.sort();
        let sorted: Vec<_> = tags.iter().map(RecipeVersion::as_str).collect();
        assert_eq!(
            sorted,
            [
                "0.9.0+2.0",
                "1.0.0+1.9",
                "1.0.0+1.9-slim",
                "1.0.0+1.10",
                "2.0.0+1.0"
            ]
        );
    }

    #[test]
    fn a_version_needs_both_parts() {
        for bad in ["1.0.0", "1.0+1", "v1.0.0+1", "1.0.0+", "1.0.0+a b", ""] {
            assert!(bad.parse::<RecipeVersion>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_ref_never_looks_like_an_option() {
        for bad in [
            "",
            "--upload-pack=x",
            "-x",
            "a..b",
            "refs/heads/",
            "a b",
            "a:b",
            "x.lock",
        ] {
            assert!(parse_ref(bad).is_err(), "{bad:?}");
        }
        assert!(parse_ref(&"a".repeat(41)).is_err());
        for good in ["main", "feature/x", "1.0.0+2", "8f3c1d2", "$(id)"] {
            assert_eq!(parse_ref(good).unwrap(), good);
        }
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_one_path_segment(text in "\\PC{0,70}") {
            if let Ok(name) = text.parse::<RecipeName>() {
                let path = std::path::Path::new(name.as_str());
                prop_assert_eq!(path.components().count(), 1);
                prop_assert!(matches!(path.components().next(), Some(std::path::Component::Normal(_))));
            }
        }

        #[test]
        fn the_order_of_versions_is_total(a in "[0-9]{1,3}(\\.[0-9a]{1,4}){0,2}", b in "[0-9]{1,3}(\\.[0-9a]{1,4}){0,2}") {
            prop_assert_eq!(natural_order(&a, &b), natural_order(&b, &a).reverse());
        }
    }
}
