//! How an app is named on the swarm, and whether a name is one of ours.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    checksum::sha256,
    recipe::{Invalid, RecipeName},
};

/// The longest domain name, in bytes (RFC 1035).
const DOMAIN_LIMIT: usize = 253;
/// The longest label of a domain name, in bytes (RFC 1035).
const LABEL_LIMIT: usize = 63;
/// How many letters or digits of the recipe's name a run's label begins with.
const STEM_LENGTH: usize = 4;
/// How many hexadecimal digits of the digest a run's label ends with.
const DIGEST_LENGTH: usize = 6;
/// What the label of canonicals and always-on apps begins with.
const WARM_PREFIX: &str = "warm-";

/// The domain under which an app answers.
///
/// ```
/// use ccci::model::app::AppDomain;
/// let domain: AppDomain = "word-3fa91c.ci.example.org".parse().unwrap();
/// assert_eq!(domain.stack().as_str(), "word-3fa91c_ci_example_org");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppDomain(String);

/// What tells apart the runs of one recipe: each pair gets an app domain of its own.
#[derive(Clone, Copy, Debug)]
pub struct RunKey<'a> {
    /// The recipe under test.
    pub recipe: &'a RecipeName,
    /// The pull request's number, or nothing.
    pub pr: Option<u64>,
    /// The ref as it was asked for, or the version, or the path of a checkout.
    pub reference: &'a str,
}

impl AppDomain {
    /// Returns the domain of a cold run: `<stem>-<digest>.<base domain>`.
    pub fn for_run(key: RunKey<'_>, base: &Self) -> Result<Self, Invalid> {
        let pr = key.pr.map(|number| number.to_string()).unwrap_or_default();
        let hex = sha256(format!("{}|{pr}|{}", key.recipe, key.reference).as_bytes());
        let letters = key
            .recipe
            .as_str()
            .chars()
            .filter(char::is_ascii_alphanumeric);
        let mut stem: String = letters.take(STEM_LENGTH).collect();
        // A recipe named `warm...` must not look like a canonical.
        if WARM_PREFIX.trim_end_matches('-') == stem {
            stem.pop();
        }
        format!("{stem}-{}.{base}", &hex[..DIGEST_LENGTH]).parse()
    }

    /// Returns the domain of a recipe's always-on app: `warm-<recipe>.<base domain>`.
    pub fn warm(recipe: &RecipeName, base: &Self) -> Result<Self, Invalid> {
        format!("{WARM_PREFIX}{recipe}.{base}").parse()
    }

    /// Returns the domain as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of the app's stack: the domain with each `.` replaced by `_`.
    pub fn stack(&self) -> StackName {
        StackName(self.0.replace('.', "_"))
    }

    /// Returns the first label of the domain.
    pub fn label(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// Returns what follows the first label.
    pub fn base(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, base)| base)
    }

    /// Tells whether this is the domain of a canonical or an always-on app.
    pub fn is_warm(&self) -> bool {
        self.label().starts_with(WARM_PREFIX)
    }

    /// Tells whether the name follows the scheme of cold runs; that alone does not make it ours.
    pub fn follows_run_scheme(&self) -> bool {
        !self.is_warm() && follows_run_scheme(self.label())
    }

    /// Returns the domain one label below a base domain whose stack has this name.
    pub fn of_stack(stack: &str, base: &Self) -> Option<Self> {
        let label = stack
            .strip_suffix(base.stack().as_str())?
            .strip_suffix('_')?;
        format!("{label}.{base}").parse().ok()
    }

    /// Returns the domain of the cold run below a base domain whose stack a name begins with, as the name of a secret does.
    pub fn of_run_object(name: &str, base: &Self) -> Option<Self> {
        let (label, rest) = name.split_once('_')?;
        let after = rest.strip_prefix(base.stack().as_str())?;
        let domain: Self = format!("{label}.{base}").parse().ok()?;
        (after.starts_with('_') && domain.follows_run_scheme()).then_some(domain)
    }

    /// Returns a sibling host under the same base domain, for a service that wants a nested name.
    pub fn sibling(&self, name: &str) -> Result<Self, Invalid> {
        format!("{name}-{}.{}", self.label(), self.base()).parse()
    }
}

/// Tells whether a label looks as a cold run's does: a stem, a hyphen, six hexadecimal digits.
fn follows_run_scheme(label: &str) -> bool {
    let Some((stem, digest)) = label.split_once('-') else {
        return false;
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    (1..=STEM_LENGTH).contains(&stem.len())
        && stem.chars().all(plain)
        && digest.len() == DIGEST_LENGTH
        && digest.chars().all(hex)
}

impl FromStr for AppDomain {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let good_label = |label: &str| {
            let plain = label
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            (1..=LABEL_LIMIT).contains(&label.len())
                && plain
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() <= DOMAIN_LIMIT && text.split('.').all(good_label) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "labels of 1 to 63 lower-case letters, digits or inner hyphens, 253 bytes in all, as in `ci.example.org`";
        let longest = text.split('.').map(str::len).max().unwrap_or_default();
        let length = if longest > LABEL_LIMIT {
            format!("; its longest label has {longest} bytes")
        } else if text.len() > DOMAIN_LIMIT {
            format!("; it has {} bytes", text.len())
        } else {
            String::new()
        };
        Err(Invalid::new("domain", text, format!("{rule}{length}")))
    }
}

impl TryFrom<String> for AppDomain {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<AppDomain> for String {
    fn from(domain: AppDomain) -> Self {
        domain.0
    }
}

impl fmt::Display for AppDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an app's stack on the swarm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StackName(String);

impl StackName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the full name of one of the stack's objects.
    pub fn object(&self, name: &str) -> String {
        format!("{}_{name}", self.0)
    }

    /// Returns the short name of an object of this stack, or nothing when it belongs to another.
    pub fn short<'a>(&self, full: &'a str) -> Option<&'a str> {
        full.strip_prefix(self.0.as_str())?.strip_prefix('_')
    }
}

impl fmt::Display for StackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(recipe: &str, reference: &str) -> AppDomain {
        let recipe = recipe.parse().unwrap();
        let key = RunKey {
            recipe: &recipe,
            pr: None,
            reference,
        };
        AppDomain::for_run(key, &"ci.example.org".parse().unwrap()).unwrap()
    }

    #[test]
    fn a_runs_label_is_a_stem_and_six_digits() {
        // The digits are those that coreutils' sha256sum gives for `wordpress||main`.
        assert_eq!(
            domain("wordpress", "main").as_str(),
            "word-451a4f.ci.example.org"
        );
        assert!(domain("n8n", "main").as_str().starts_with("n8n-"));
        assert!(domain("wordpress", "main").follows_run_scheme());
    }

    #[test]
    fn different_refs_get_different_domains() {
        assert_ne!(domain("wordpress", "a"), domain("wordpress", "b"));
    }

    #[test]
    fn a_warm_app_is_never_taken_for_a_run() {
        let warm: AppDomain = "warm-abcdef.ci.example.org".parse().unwrap();
        assert!(warm.is_warm() && !warm.follows_run_scheme());
        assert!(!domain("warmth", "main").is_warm());
    }

    #[test]
    fn a_name_on_the_swarm_leads_back_to_its_domain() {
        let base: AppDomain = "ci.example.org".parse().unwrap();
        let shown = |found: Option<AppDomain>| found.map(|domain| domain.to_string());
        let of_stack = |name| shown(AppDomain::of_stack(name, &base));
        let of_object = |name| shown(AppDomain::of_run_object(name, &base));
        let run = Some("word-3fa91c.ci.example.org".to_owned());
        assert_eq!(of_stack("word-3fa91c_ci_example_org"), run);
        assert!(of_stack("warm-n8n_ci_example_org").is_some());
        for other in [
            "word-3fa91c_ci_example_org_x",
            "a_word-3fa91c_ci_example_org",
            "_ci_example_org",
            "ci_example_org",
        ] {
            assert_eq!(of_stack(other), None, "{other}");
        }
        assert_eq!(of_object("word-3fa91c_ci_example_org_key_v1"), run);
        for other in [
            "word-3fa91c_ci_example_org",
            "word-3fa91_ci_example_org_key",
            "word-3fa91c0_ci_example_org_key",
            "word-3fa91c_ci_example_orgs_key",
            "warm-3fa91c_ci_example_org_key",
        ] {
            assert_eq!(of_object(other), None, "{other}");
        }
    }

    #[test]
    fn a_stacks_objects_are_compared_whole() {
        let stack = "a-12.example.org".parse::<AppDomain>().unwrap().stack();
        assert_eq!(stack.short("a-12_example_org_data"), Some("data"));
        assert_eq!(stack.short("a-12_example_orgs_data"), None);
        assert_eq!(stack.short("a-123_example_org_data"), None);
    }

    #[test]
    fn a_domain_keeps_to_its_limits() {
        for bad in ["", "a..b", "-a.org", "a_b.org", "A.org", "a.org."] {
            assert!(bad.parse::<AppDomain>().is_err(), "{bad:?}");
        }
        let refusal = |bad: &str| bad.parse::<AppDomain>().unwrap_err().to_string();
        let wide = refusal(&format!("{}.org", "a".repeat(64)));
        assert!(wide.ends_with("; its longest label has 64 bytes"), "{wide}");
        let long = refusal(&vec!["abcdefgh"; 29].join("."));
        assert!(long.ends_with("; it has 260 bytes"), "{long}");
    }
}
