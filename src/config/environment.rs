//! The environment, read once: what follows from it for ccci, and what children get of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use super::{error::Error, keys::KEYS};
use crate::model::{input, recipe, recipe::RecipeName, stage::Stage};

/// The variables that every child may see.
const FOR_CHILDREN: [&str; 19] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TZ",
    "TMPDIR",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];
/// The variables that ccci gives to tests, and so meets when a test calls it.
const OF_TESTS: [&str; 13] = [
    "CCCI_BASE_URL",
    "CCCI_APP_DOMAIN",
    "CCCI_APP_ENV",
    "CCCI_RECIPE",
    "CCCI_STACK",
    "CCCI_STAGE",
    "CCCI_RUN_ID",
    "CCCI_ARTIFACTS",
    "CCCI_OP_STATE_FILE",
    "CCCI_DEPLOYER",
    "CCCI_INGRESS",
    "CCCI_HOST_HEADER",
    "CCCI_ATTEMPT",
];
/// The variable that leaves out generic checks, also the beginning of one for each stage.
const SKIP_GENERIC: &str = "CCCI_SKIP_GENERIC";
/// The variable that pretends a terminal of so many columns.
const FORCE_TTY: &str = "CCCI_FORCE_TTY";
/// The variables by which CI engines say that they are one, besides `CI`.
const CI_ENGINES: [&str; 5] = [
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "DRONE",
    "BUILDKITE",
    "JENKINS_URL",
];

/// A snapshot of the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(BTreeMap<OsString, OsString>);

/// What the environment says about terminals and whoever watches them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// What it says about colour, before the stream is asked.
    pub(crate) color: ColorWish,
    /// Who watches.
    pub(crate) audience: Audience,
    /// The characters that can be shown.
    pub(crate) charset: Charset,
    /// The width to pretend, with a terminal that is none.
    pub(crate) forced_columns: Option<u16>,
}

/// What the environment says about colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColorWish {
    /// `NO_COLOR` is set.
    Never,
    /// `CLICOLOR_FORCE` or `FORCE_COLOR` is set.
    Always,
    /// `TERM` is missing or `dumb`.
    NotHere,
    /// Nothing: the stream decides.
    Unsaid,
}

/// Who watches the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A person, if there is a terminal.
    Person,
    /// A CI engine's log.
    Ci,
}

/// The characters that can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    /// All of Unicode.
    Utf8,
    /// ASCII alone.
    Ascii,
}

/// What a CI engine asks for by the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CiWords {
    /// The recipe.
    pub(crate) recipe: Option<RecipeName>,
    /// The ref.
    pub(crate) reference: Option<String>,
    /// The pull request.
    pub(crate) pr: Option<u64>,
    /// The source.
    pub(crate) src: Option<String>,
    /// The stages.
    pub(crate) stages: Option<Vec<Stage>>,
}

impl Environment {
    /// Takes the snapshot.
    pub(crate) fn read() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Returns a variable that is set and not empty.
    pub(crate) fn os(&self, name: &str) -> Option<&OsStr> {
        let value = self.0.get(OsStr::new(name))?;
        (!value.is_empty()).then_some(value)
    }

    /// Returns a variable that is set and not empty, as text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        let Some(value) = self.os(name) else {
            return Ok(None);
        };
        let text = value
            .to_str()
            .ok_or_else(|| usage(name, "it is not UTF-8"))?;
        Ok(Some(text))
    }

    /// Returns a variable that is set and not empty, as a path.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.os(name).map(PathBuf::from)
    }

    /// Returns what children see of the environment.
    pub(crate) fn for_children(&self) -> Vec<(OsString, OsString)> {
        let names = FOR_CHILDREN.iter();
        let pairs = names.filter_map(|name| self.0.get_key_value(OsStr::new(name)));
        pairs
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Refuses variables of ccci's that are empty or no text, and returns those that mean nothing, for one warning.
    ///
    /// The variables of flags have to be given: the command line knows them, the configuration does not.
    pub(crate) fn check(&self, of_flags: &BTreeSet<String>) -> Result<Vec<String>, Error> {
        let mut unknown = Vec::new();
        for (name, value) in &self.0 {
            let shown = name.to_string_lossy();
            if !shown.starts_with("CCCI_") {
                continue;
            }
            if !is_known(&shown) && !of_flags.contains(shown.as_ref()) {
                unknown.push(shown.escape_debug().to_string());
            } else if value.is_empty() {
                return Err(usage(&shown, "it is empty; unset it or give it a value"));
            } else if value.to_str().is_none() {
                return Err(usage(&shown, "it is not UTF-8"));
            }
        }
        Ok(unknown)
    }

    /// Tells whether the variables of the flags for it ask for JSON.
    pub(crate) fn asks_for_json(&self) -> bool {
        let is = |name, wanted: &[&str]| {
            let value = self.os(name).and_then(OsStr::to_str);
            value.is_some_and(|value| wanted.contains(&value.to_lowercase().as_str()))
        };
        is("CCCI_MESSAGE_FORMAT", &["json"])
            || is("CCCI_JSON", &["y", "yes", "t", "true", "on", "1"])
    }

    /// Returns what the environment says about terminals.
    pub(crate) fn terminal(&self) -> Terminal {
        let set = |name| self.os(name).is_some();
        let forced = |name| self.os(name).is_some_and(|value| value != "0");
        let dumb = self.os("TERM").is_none_or(|term| term == "dumb");
        let color = if set("NO_COLOR") {
            ColorWish::Never
        } else if forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") {
            ColorWish::Always
        } else if dumb {
            ColorWish::NotHere
        } else {
            ColorWish::Unsaid
        };
        let columns = self.os(FORCE_TTY).and_then(OsStr::to_str);
        Terminal {
            color,
            audience: self.audience(),
            charset: self.charset(),
            forced_columns: columns.and_then(|columns| columns.parse().ok()),
        }
    }

    /// Tells whether a CI engine started us.
    fn audience(&self) -> Audience {
        let says_so = self.os("CI").is_some_and(|ci| ci != "0" && ci != "false");
        if says_so || CI_ENGINES.iter().any(|name| self.os(name).is_some()) {
            Audience::Ci
        } else {
            Audience::Person
        }
    }

    /// Tells what the locale can show; the first of the three variables that is set decides.
    fn charset(&self) -> Charset {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"];
        let locale = names.into_iter().find_map(|name| self.os(name));
        let locale = locale.unwrap_or_default().to_string_lossy().to_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") {
            Charset::Utf8
        } else {
            Charset::Ascii
        }
    }

    /// Returns the stages whose generic checks the environment leaves out, each with the variable that does.
    pub(crate) fn skip_generic(&self) -> Result<Vec<(Stage, String)>, Error> {
        let stages = match self.text(SKIP_GENERIC)? {
            None => Vec::new(),
            Some("all") => Stage::ALL.to_vec(),
            Some(list) => input::parse_stages(list)
                .map_err(|error| usage(SKIP_GENERIC, &error.to_string()))?,
        };
        let by = |stage| (stage, format!("`{SKIP_GENERIC}`"));
        let mut left_out: Vec<_> = stages.into_iter().map(by).collect();
        for stage in Stage::ALL {
            let name = skip_generic_of(stage);
            match self.text(&name)? {
                Some("1" | "true") => left_out.push((stage, format!("`{name}`"))),
                None | Some("0" | "false") => {}
                Some(_) => return Err(usage(&name, "it has to be 1 or 0")),
            }
        }
        // The sort is stable: of two variables the one for all stages is named.
        left_out.sort_by_key(|(stage, _)| *stage);
        left_out.dedup_by_key(|(stage, _)| *stage);
        Ok(left_out)
    }

    /// Returns what a CI engine asks for: each by its variable of ccci's, else by its bare name.
    ///
    /// A CI engine passes parameters that nobody gave as empty texts, so an empty bare name counts as missing.
    pub(crate) fn ci_words(&self) -> Result<CiWords, Error> {
        Ok(CiWords {
            recipe: self.ci_word("RECIPE", str::parse)?,
            reference: self.ci_word("REF", recipe::parse_ref)?,
            pr: self.ci_word("PR", input::parse_pr)?,
            src: self.ci_word("SRC", |text| Ok(text.to_owned()))?,
            stages: self.ci_word("STAGES", input::parse_stages)?,
        })
    }

    /// Reads one word of a CI engine.
    fn ci_word<T>(
        &self,
        bare: &str,
        read: impl Fn(&str) -> Result<T, recipe::Invalid>,
    ) -> Result<Option<T>, Error> {
        let ours = format!("CCCI_{bare}");
        let name = if self.os(&ours).is_some() {
            &ours
        } else {
            bare
        };
        let text = self.text(name)?;
        let value = text.map(read).transpose();
        value.map_err(|error| usage(name, &error.to_string()))
    }
}

/// The token for private git repositories; its value is masked, and no child but git gets it.
pub(crate) const GIT_TOKEN: &str = "CCCI_GIT_TOKEN";

/// The token for the mirrors of recipes; its value is masked, and no child but git gets it.
pub(crate) const MIRROR_TOKEN: &str = "CCCI_MIRROR_TOKEN";

/// Returns the variable that leaves out a stage's generic checks.
fn skip_generic_of(stage: Stage) -> String {
    format!("{SKIP_GENERIC}_{}", stage.word().to_uppercase())
}

/// Tells whether a variable means something to ccci, flags apart.
fn is_known(name: &str) -> bool {
    name == SKIP_GENERIC
        || name == FORCE_TTY
        || name == GIT_TOKEN
        || name == MIRROR_TOKEN
        || OF_TESTS.contains(&name)
        || KEYS.iter().any(|key| key.variable == name)
        || Stage::ALL
            .iter()
            .any(|stage| skip_generic_of(*stage) == name)
}

/// Says what is wrong with a variable.
fn usage(name: &str, message: &str) -> Error {
    Error::Usage {
        origin: format!("variable `{}`", name.escape_debug()),
        message: message.to_owned(),
    }
}

#[cfg(test)]
impl Environment {
    /// Makes an environment from pairs.
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs.iter().copied();
        Self(
            pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn children_see_the_allow_list_and_no_token() {
        let env = Environment::of(&[
            ("PATH", "/bin"),
            ("CCCI_VERSION", "1.0.0+1"),
            ("GITEA_TOKEN", "t0ps3cret"),
            (GIT_TOKEN, "t0ps3cret"),
            (MIRROR_TOKEN, "t0ps3cret"),
            ("no_proxy", ""),
            ("LD_PRELOAD", "x.so"),
        ]);
        let names: Vec<_> = env
            .for_children()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["PATH", "no_proxy"]);
    }

    #[test]
    fn an_unknown_variable_is_named_and_an_empty_one_refused() {
        let of_flags = BTreeSet::from(["CCCI_JUNIT".to_owned()]);
        let env = Environment::of(&[
            ("CCCI_KEPE", "always"),
            ("CCCI_JUNIT", "x.xml"),
            ("CCCI_SKIP_GENERIC_UPGRADE", "1"),
            ("CCCI_TIMEOUT", "1h"),
            ("OTHER", ""),
        ]);
        assert_eq!(env.check(&of_flags).unwrap(), ["CCCI_KEPE"]);
        let env = Environment::of(&[("CCCI_REF", "")]);
        let error = env
            .check(&BTreeSet::from(["CCCI_REF".to_owned()]))
            .unwrap_err();
        assert!(error.is_usage());
        insta::assert_snapshot!(error, @"variable `CCCI_REF`: it is empty; unset it or give it a value");
    }

    #[test]
    fn a_variable_that_is_no_text_is_refused() {
        let bad = OsString::from_vec(vec![0xff]);
        let env = Environment(BTreeMap::from([("CCCI_KEEP".into(), bad)]));
        let error = env.check(&BTreeSet::new()).unwrap_err();
        assert_eq!(error.to_string(), "variable `CCCI_KEEP`: it is not UTF-8");
    }

    #[test]
    fn json_is_asked_for_by_the_variables_of_its_flags() {
        let asks = |pair| Environment::of(&[pair]).asks_for_json();
        assert!(asks(("CCCI_MESSAGE_FORMAT", "json")) && asks(("CCCI_JSON", "True")));
        assert!(!asks(("CCCI_MESSAGE_FORMAT", "human")) && !asks(("CCCI_JSON", "0")));
    }

    #[test]
    fn colour_follows_the_first_that_says_anything() {
        let color = |pairs: &[(&str, &str)]| Environment::of(pairs).terminal().color;
        let term = ("TERM", "xterm");
        assert_eq!(
            color(&[term, ("NO_COLOR", "1"), ("FORCE_COLOR", "1")]),
            ColorWish::Never
        );
        assert_eq!(color(&[term, ("NO_COLOR", "")]), ColorWish::Unsaid);
        assert_eq!(color(&[("CLICOLOR_FORCE", "1")]), ColorWish::Always);
        assert_eq!(color(&[term, ("CLICOLOR_FORCE", "0")]), ColorWish::Unsaid);
        assert_eq!(color(&[("TERM", "dumb")]), ColorWish::NotHere);
        assert_eq!(color(&[]), ColorWish::NotHere);
    }

    #[test]
    fn a_ci_engine_is_recognised() {
        let audience = |pairs: &[(&str, &str)]| Environment::of(pairs).terminal().audience;
        assert_eq!(audience(&[("CI", "woodpecker")]), Audience::Ci);
        assert_eq!(audience(&[("DRONE", "true")]), Audience::Ci);
        assert_eq!(audience(&[("CI", "false")]), Audience::Person);
        assert_eq!(audience(&[("CI", "")]), Audience::Person);
    }

    #[test]
    fn the_first_locale_variable_decides() {
        let charset = |pairs: &[(&str, &str)]| Environment::of(pairs).terminal().charset;
        assert_eq!(charset(&[("LANG", "de_DE.UTF-8")]), Charset::Utf8);
        assert_eq!(
            charset(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]),
            Charset::Ascii
        );
        assert_eq!(charset(&[]), Charset::Ascii);
    }

    #[test]
    fn generic_checks_are_left_out_by_list_or_by_stage() {
        let skipped = |pairs: &[(&str, &str)]| Environment::of(pairs).skip_generic();
        assert_eq!(skipped(&[]).unwrap(), []);
        let all = Stage::ALL.map(|stage| (stage, "`CCCI_SKIP_GENERIC`".to_owned()));
        assert_eq!(skipped(&[(SKIP_GENERIC, "all")]).unwrap(), all);
        let pairs = [
            (SKIP_GENERIC, "restore"),
            ("CCCI_SKIP_GENERIC_RESTORE", "1"),
            ("CCCI_SKIP_GENERIC_UPGRADE", "1"),
        ];
        let two = [
            (Stage::Upgrade, "`CCCI_SKIP_GENERIC_UPGRADE`".to_owned()),
            (Stage::Restore, "`CCCI_SKIP_GENERIC`".to_owned()),
        ];
        assert_eq!(skipped(&pairs).unwrap(), two);
        assert!(skipped(&[(SKIP_GENERIC, "deploy")]).unwrap_err().is_usage());
        assert!(skipped(&[("CCCI_SKIP_GENERIC_BACKUP", "maybe")]).is_err());
    }

    #[test]
    fn our_own_variable_outranks_the_bare_one() {
        let env = Environment::of(&[
            ("RECIPE", "other"),
            ("CCCI_RECIPE", "custom-html"),
            ("REF", ""),
            ("PR", "12"),
            ("STAGES", "install,upgrade"),
        ]);
        let words = env.ci_words().unwrap();
        assert_eq!(words.recipe, Some("custom-html".parse().unwrap()));
        assert_eq!(
            (words.reference, words.pr, words.src),
            (None, Some(12), None)
        );
        assert_eq!(words.stages, Some(vec![Stage::Install, Stage::Upgrade]));
    }

    #[test]
    fn a_bad_word_names_the_variable_it_came_from() {
        for (name, value) in [
            ("RECIPE", "../etc"),
            ("CCCI_REF", "--upload-pack=x"),
            ("PR", "0"),
        ] {
            let error = Environment::of(&[(name, value)]).ci_words().unwrap_err();
            assert!(error.is_usage());
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("variable `{name}`: ")),
                "{error}"
            );
        }
    }
}
