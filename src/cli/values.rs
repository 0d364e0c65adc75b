//! Readers of the values that flags and arguments take.

use std::{num::NonZeroU32, path::PathBuf, str::FromStr};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::model::{
    app::AppDomain,
    display::{ColorWhen, FinalStatusLevel, OutputWhen, Progress, StatusLevel},
    input::{DeployerChoice, IngressChoice},
    recipe::{Invalid, RecipeName},
    run::Keep,
};

/// The words of `--keep`.
pub const KEEP: [(&str, Keep); 3] = [
    ("never", Keep::Never),
    ("failed", Keep::Failed),
    ("always", Keep::Always),
];
/// The words of `--deployer`.
pub const DEPLOYER: [(&str, DeployerChoice); 3] = [
    ("auto", DeployerChoice::Auto),
    ("abra", DeployerChoice::Abra),
    ("docker", DeployerChoice::Docker),
];
/// The words of `--ingress`.
pub const INGRESS: [(&str, IngressChoice); 3] = [
    ("auto", IngressChoice::Auto),
    ("proxy", IngressChoice::Proxy),
    ("direct", IngressChoice::Direct),
];

/// A word of a flag, what it means, and what the help says of it.
pub type Explained<T> = (&'static str, T, &'static str);

/// The words of `--color`.
pub const COLOR: [Explained<ColorWhen>; 3] = [
    (
        "auto",
        ColorWhen::Auto,
        "On a terminal, unless the environment says otherwise",
    ),
    ("always", ColorWhen::Always, "Always"),
    ("never", ColorWhen::Never, "Never"),
];
/// The words of `--progress`.
pub const PROGRESS: [Explained<Progress>; 4] = [
    (
        "auto",
        Progress::Auto,
        "Live on a terminal outside CI, else lines",
    ),
    ("live", Progress::Live, "A live display"),
    ("plain", Progress::Plain, "Lines only"),
    ("none", Progress::None, "Results only"),
];
/// The words of `--status-level`.
pub const STATUS_LEVEL: [Explained<StatusLevel>; 8] = [
    ("none", StatusLevel::None, "None"),
    ("fail", StatusLevel::Fail, "Failed, timed out, broken"),
    (
        "try",
        StatusLevel::Try,
        "Tries that are followed by another",
    ),
    ("slow", StatusLevel::Slow, "Slow ones"),
    ("leak", StatusLevel::Leak, "Leaks"),
    ("pass", StatusLevel::Pass, "Passed ones"),
    ("skip", StatusLevel::Skip, "Skipped ones"),
    ("all", StatusLevel::All, "Everything"),
];
/// The words of `--final-status-level`.
pub const FINAL_STATUS_LEVEL: [Explained<FinalStatusLevel>; 8] = [
    ("none", FinalStatusLevel::None, "None"),
    ("fail", FinalStatusLevel::Fail, "Failed, timed out, broken"),
    ("flaky", FinalStatusLevel::Flaky, "Passed on a later try"),
    ("slow", FinalStatusLevel::Slow, "Slow ones"),
    ("leak", FinalStatusLevel::Leak, "Leaks"),
    ("pass", FinalStatusLevel::Pass, "Passed ones"),
    ("skip", FinalStatusLevel::Skip, "Skipped ones"),
    ("all", FinalStatusLevel::All, "Everything"),
];
/// The words of `--failure-output` and `--success-output`.
pub const OUTPUT_WHEN: [Explained<OutputWhen>; 4] = [
    ("immediate", OutputWhen::Immediate, "When the stage ends"),
    ("final", OutputWhen::Final, "When the run ends"),
    ("immediate-final", OutputWhen::ImmediateFinal, "Both"),
    ("never", OutputWhen::Never, "Not at all"),
];

/// Makes the parser of a flag that takes one of a few words, each explained in the help.
pub fn one_explained<T: Copy + Send + Sync + 'static, const N: usize>(
    words: &'static [Explained<T>; N],
) -> impl TypedValueParser<Value = T> {
    let values = words
        .iter()
        .map(|(word, _, help)| PossibleValue::new(*word).help(*help));
    PossibleValuesParser::new(values).map(|given| {
        let found = words.iter().find(|(word, _, _)| *word == given);
        found.expect("clap accepted the word").1
    })
}

/// Makes the parser of a flag that takes one of a few words.
pub fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    words: &'static [(&'static str, T); N],
) -> impl TypedValueParser<Value = T> {
    let names = words.iter().map(|(word, _)| *word);
    PossibleValuesParser::new(names).map(|given| {
        let found = words.iter().find(|(word, _)| *word == given);
        found.expect("clap accepted the word").1
    })
}

/// What is to be tested: a recipe by name, or a checkout by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A recipe's name.
    Recipe(RecipeName),
    /// A directory.
    Path(PathBuf),
}

/// Reads a target; a path holds a `/`, or is `.` or `..`.
///
/// The rest has to be a recipe's name, which never holds a `/`.
pub fn parse_target(text: &str) -> Result<Target, Invalid> {
    let path = matches!(text, "." | "..") || (text.contains('/') && !text.starts_with('-'));
    if path && !text.contains(char::is_control) {
        return Ok(Target::Path(PathBuf::from(text)));
    }
    let rule = "the name of a recipe, 1 to 64 lower-case letters, digits, `-`, `_` or `.`, as in `custom-html`, or the path of a checkout, as in `./custom-html`";
    let name = text.parse().map(Target::Recipe);
    name.map_err(|_| Invalid::new("recipe", text, rule))
}

/// An app as an operator names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppName {
    /// By its domain.
    Domain(AppDomain),
    /// By the beginning of its run's id.
    Run(String),
}

impl FromStr for AppName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let id_like = |c: char| matches!(c, '2'..='9' | 'a'..='z') && c != 'l' && c != 'o';
        if (1..=5).contains(&text.len()) && text.chars().all(id_like) {
            return Ok(Self::Run(text.to_owned()));
        }
        if text.contains('.') {
            return text.parse().map(Self::Domain);
        }
        let rule = "the domain of an app, as in `word-3fa91c.ci.example.org`, or the beginning of a run's id, as in `k7m2q`";
        Err(Invalid::new("app", text, rule))
    }
}

/// After how many failures a run of several recipes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxFail {
    /// How many recipes may fail.
    pub count: NonZeroU32,
    /// What happens to those that are running then.
    pub running: Running,
}

/// What happens to running recipes when enough have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// They run to their end.
    Finish,
    /// They are torn down at once.
    Cancel,
}

impl FromStr for MaxFail {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (count, running) = match text.strip_suffix(":immediate") {
            Some(count) => (count, Running::Cancel),
            None => (text, Running::Finish),
        };
        let rule = "a number over zero, as in `1`, or one with `:immediate`, as in `1:immediate`";
        let count = count
            .parse()
            .map_err(|_| Invalid::new("limit", text, rule))?;
        Ok(Self { count, running })
    }
}

/// Reads a text that must not be empty, such as a URL.
pub fn parse_text(text: &str) -> Result<String, Invalid> {
    let bad = text.trim().is_empty() || text.contains(char::is_control);
    if bad {
        return Err(Invalid::new(
            "value",
            text,
            "at least one character, and no control characters",
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_name_or_plainly_a_path() {
        let recipe = |text: &str| matches!(parse_target(text), Ok(Target::Recipe(_)));
        let path = |text: &str| matches!(parse_target(text), Ok(Target::Path(_)));
        assert!(recipe("custom-html") && recipe("n8n"));
        assert!(
            path(".") && path("..") && path("/srv/x") && path("./a") && path("../a") && path("a/b")
        );
        let long = "x".repeat(65);
        for bad in [
            "",
            "-rf",
            "-rf/x",
            "Upper",
            &long,
            "a\nb",
            "a\0b",
            "wörd",
            "a\u{200b}",
            "\u{202e}a",
            "*",
            "$(id)",
            "`id`",
            "./a\nb",
            "...",
        ] {
            let error = parse_target(bad).unwrap_err().to_string();
            assert!(error.contains("as in `custom-html`"), "{bad:?}: {error}");
            assert!(!error.contains(char::is_control), "{bad:?}: {error}");
        }
    }

    #[test]
    fn an_app_is_a_domain_or_a_run() {
        assert_eq!("k7".parse(), Ok(AppName::Run("k7".into())));
        assert!(matches!(
            "a-1.ci.example.org".parse(),
            Ok(AppName::Domain(_))
        ));
        for bad in ["", "*", "k7m2l", "toolong", "a_b.org", "-a.org", "a..b"] {
            assert!(bad.parse::<AppName>().is_err(), "{bad:?}");
        }
        assert!(vec!["abcdefgh"; 29].join(".").parse::<AppName>().is_err());
        assert!(
            format!("{}.org", "a".repeat(64))
                .parse::<AppName>()
                .is_err()
        );
    }

    #[test]
    fn a_limit_of_failures_is_over_zero() {
        let limit: MaxFail = "2:immediate".parse().unwrap();
        assert_eq!((limit.count.get(), limit.running), (2, Running::Cancel));
        for bad in ["0", "-1", "", ":immediate", "1:later"] {
            assert!(bad.parse::<MaxFail>().is_err(), "{bad:?}");
        }
    }
}
