//! The settings as a file writes them: everything optional, nothing unknown.

use std::path::PathBuf;

use serde::Deserialize;

use super::always_on::WrittenApp;
use crate::model::{
    app::AppDomain,
    input::{Address, ByteSize, DeployerChoice, IngressChoice, TimeLimit},
    recipe::Invalid,
    run::Keep,
    source::ForgeName,
};

/// One file, or all layers merged.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Written {
    /// Where apps are deployed.
    pub(super) server: Server,
    /// What ccci keeps.
    pub(super) state: State,
    /// What it runs.
    pub(super) programs: Programs,
    /// What it must not show.
    pub(super) secrets: Secrets,
    /// Where recipes and their tests are.
    pub(super) recipes: Recipes,
    /// Where mirrors of recipes are.
    pub(super) mirror: Mirror,
    /// How a run ends.
    pub(super) run: Run,
    /// What the janitor spares.
    pub(super) janitor: Janitor,
    /// Whom ccci tells what needs a person.
    pub(super) alerts: Alerts,
    /// How long and how much.
    pub(super) limits: Limits,
    /// The apps that the server itself needs.
    pub(super) always_on: Vec<WrittenApp>,
}

/// `[server]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Server {
    /// `base-domain`.
    pub(super) base_domain: Option<AppDomain>,
    /// `base-domain-is-ours`.
    pub(super) base_domain_is_ours: Option<bool>,
    /// `deployer`.
    pub(super) deployer: Option<DeployerChoice>,
    /// `ingress`.
    pub(super) ingress: Option<IngressChoice>,
    /// `resolve-to`.
    pub(super) resolve_to: Option<ResolveTo>,
    /// `ca-file`.
    pub(super) ca_file: Option<PathBuf>,
}

/// `[state]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct State {
    /// `dir`.
    pub(super) dir: Option<PathBuf>,
    /// `disk-floor`.
    pub(super) disk_floor: Option<ByteSize>,
    /// `keep-runs`.
    pub(super) keep_runs: Option<u32>,
    /// `keep-size`.
    pub(super) keep_size: Option<ByteSize>,
    /// `keep-age`.
    pub(super) keep_age: Option<TimeLimit>,
}

/// `[programs]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Programs {
    /// `abra`.
    pub(super) abra: Option<Program>,
    /// `docker`.
    pub(super) docker: Option<Program>,
    /// `git`.
    pub(super) git: Option<Program>,
    /// `pytest`.
    pub(super) pytest: Option<Program>,
    /// `hurl`.
    pub(super) hurl: Option<Program>,
    /// `chromium`.
    pub(super) chromium: Option<Program>,
}

/// `[secrets]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Secrets {
    /// `dirs`.
    pub(super) dirs: Option<Vec<PathBuf>>,
    /// `git-token-file`.
    pub(super) git_token_file: Option<PathBuf>,
}

/// `[recipes]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Recipes {
    /// `url`.
    pub(super) url: Option<RecipeUrl>,
    /// `forge`.
    pub(super) forge: Option<ForgeUrl>,
    /// `allow-http`.
    pub(super) allow_http: Option<bool>,
    /// `tests-dir`.
    pub(super) tests_dir: Option<PathBuf>,
}

/// `[mirror]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Mirror {
    /// `forge`.
    pub(super) forge: Option<MirrorForge>,
    /// `owner`.
    pub(super) owner: Option<Owner>,
    /// `token-file`.
    pub(super) token_file: Option<PathBuf>,
}

/// `[run]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Run {
    /// `keep`.
    pub(super) keep: Option<Keep>,
    /// `keep-for`.
    pub(super) keep_for: Option<TimeLimit>,
    /// `teardown-timeout`.
    pub(super) teardown_timeout: Option<TimeLimit>,
}

/// `[janitor]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Janitor {
    /// `max-age`.
    pub(super) max_age: Option<TimeLimit>,
}

/// `[alerts]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Alerts {
    /// `dir`.
    pub(super) dir: Option<PathBuf>,
    /// `command`.
    pub(super) command: Option<Argv>,
}

/// `[limits]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Limits {
    /// `jobs`.
    pub(super) jobs: Option<Jobs>,
    /// `retries`.
    pub(super) retries: Option<Retries>,
    /// `run-timeout`.
    pub(super) run_timeout: Option<TimeLimit>,
    /// `stage-timeout`.
    pub(super) stage_timeout: Option<TimeLimit>,
    /// `stage-timeout-max`.
    pub(super) stage_timeout_max: Option<TimeLimit>,
    /// `deploy-timeout`.
    pub(super) deploy_timeout: Option<TimeLimit>,
    /// `deploy-timeout-max`.
    pub(super) deploy_timeout_max: Option<TimeLimit>,
    /// `http-timeout`.
    pub(super) http_timeout: Option<TimeLimit>,
    /// `http-timeout-max`.
    pub(super) http_timeout_max: Option<TimeLimit>,
    /// `hook-timeout`.
    pub(super) hook_timeout: Option<TimeLimit>,
    /// `test-timeout`.
    pub(super) test_timeout: Option<TimeLimit>,
    /// `pull-timeout`.
    pub(super) pull_timeout: Option<TimeLimit>,
    /// `slow`.
    pub(super) slow: Option<TimeLimit>,
}

/// An address, or nothing when the text is empty.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct ResolveTo(pub(super) Option<Address>);

impl TryFrom<String> for ResolveTo {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        match text.as_str() {
            "" => Ok(Self(None)),
            _ => text.parse().map(|address| Self(Some(address))),
        }
    }
}

/// A URL in which `{recipe}` stands for the recipe's name.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RecipeUrl(pub(super) String);

impl TryFrom<String> for RecipeUrl {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let once = text.matches("{recipe}").count() == 1;
        let clean = !text.contains(|c: char| c.is_control() || c.is_whitespace());
        if once && clean && text.contains("://") {
            return Ok(Self(text));
        }
        let rule = "a URL that holds `{recipe}` once, as in `https://git.example.org/recipes/{recipe}.git`";
        Err(Invalid::new("recipe URL", &text, rule))
    }
}

/// A forge's URL, without a slash at its end.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct ForgeUrl(pub(super) String);

impl TryFrom<String> for ForgeUrl {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]".contains(c);
        if host.is_some_and(|host| !host.is_empty() && host.chars().all(plain)) {
            return Ok(Self(text.trim_end_matches('/').to_owned()));
        }
        let rule = "the URL of a forge, as in `https://git.example.org`";
        Err(Invalid::new("forge", &text, rule))
    }
}

/// A forge's URL, or nothing when the text is empty.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct MirrorForge(pub(super) Option<String>);

impl TryFrom<String> for MirrorForge {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        ForgeUrl::try_from(text).map(|ForgeUrl(url)| Self(Some(url)))
    }
}

/// An organisation or user of a forge, or nothing when the text is empty.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Owner(pub(super) Option<ForgeName>);

impl TryFrom<String> for Owner {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        match text.as_str() {
            "" => Ok(Self(None)),
            _ => text.parse().map(|owner| Self(Some(owner))),
        }
    }
}

/// A program's name or path.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Program(pub(super) PathBuf);

impl TryFrom<String> for Program {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        if text.is_empty() || text.contains(char::is_control) {
            let rule = "a program's name or path, as in `docker` or `/usr/bin/docker`";
            return Err(Invalid::new("program", &text, rule));
        }
        Ok(Self(text.into()))
    }
}

/// A program with its arguments, or nothing.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(super) struct Argv(pub(super) Vec<String>);

impl TryFrom<Vec<String>> for Argv {
    type Error = Invalid;

    fn try_from(words: Vec<String>) -> Result<Self, Invalid> {
        let named = words.first().is_none_or(|program| !program.is_empty());
        if named && !words.iter().any(|word| word.contains(char::is_control)) {
            return Ok(Self(words));
        }
        let rule = "a program and its arguments, as in `[\"mail-alert\", \"--to\", \"ops\"]`";
        Err(Invalid::new("command", &words.join(" "), rule))
    }
}

/// How many recipes run side by side.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Jobs(pub(super) u8);

impl TryFrom<i64> for Jobs {
    type Error = Invalid;

    fn try_from(number: i64) -> Result<Self, Invalid> {
        let fits = u8::try_from(number)
            .ok()
            .filter(|jobs| (1..=64).contains(jobs));
        let invalid = || Invalid::new("number of jobs", &number.to_string(), "from 1 to 64");
        fits.map(Self).ok_or_else(invalid)
    }
}

/// How often a failed test is tried again.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Retries(pub(super) u8);

impl TryFrom<i64> for Retries {
    type Error = Invalid;

    fn try_from(number: i64) -> Result<Self, Invalid> {
        let fits = u8::try_from(number).ok().filter(|retries| *retries <= 10);
        let invalid = || Invalid::new("number of retries", &number.to_string(), "from 0 to 10");
        fits.map(Self).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{keys::KEYS, reference::accepted};

    #[test]
    fn every_key_of_each_section_is_in_the_list_of_settings() {
        let mut sections = accepted(&toml::from_str::<Written>("no-such-key = 1").unwrap_err());
        // The one that is no table: its keys are compared with an example.
        assert_eq!(sections.pop().as_deref(), Some("always-on"));
        let mut found = Vec::new();
        for section in sections {
            let text = format!("[{section}]\nno-such-key = 1");
            let names = accepted(&toml::from_str::<Written>(&text).unwrap_err());
            found.extend(names.into_iter().map(|name| format!("{section}.{name}")));
        }
        let listed: Vec<_> = KEYS.iter().map(crate::config::keys::Key::path).collect();
        assert_eq!(found, listed);
    }

    #[test]
    fn a_value_out_of_range_is_refused_at_its_line() {
        for (text, rule) in [
            ("[limits]\njobs = 0", "from 1 to 64"),
            ("[limits]\njobs = 65", "from 1 to 64"),
            ("[limits]\nretries = -1", "from 0 to 10"),
            ("[limits]\nslow = \"5 bananas\"", "as in `90s`"),
            ("[state]\nkeep-size = \"lots\"", "as in `2 GiB`"),
            ("[server]\nresolve-to = \"example.org\"", "an IP address"),
            (
                "[server]\nbase-domain = \"a_b.org\"",
                "as in `ci.example.org`",
            ),
            (
                "[recipes]\nurl = \"https://git.example.org\"",
                "holds `{recipe}` once",
            ),
            ("[recipes]\nforge = \"ext::sh\"", "the URL of a forge"),
            ("[mirror]\nforge = \"mirrors\"", "the URL of a forge"),
            ("[mirror]\nowner = \"../admin\"", "as in `coop-cloud`"),
            ("[programs]\ngit = \"\"", "a program's name or path"),
            (
                "[alerts]\ncommand = [\"\", \"x\"]",
                "a program and its arguments",
            ),
            ("[alerts]\ncommand = \"mail ops\"", "expected a sequence"),
            (
                "[run]\nkeep = \"allways\"",
                "expected one of `never`, `failed`, `always`",
            ),
        ] {
            let error = toml::from_str::<Written>(text).unwrap_err().to_string();
            assert!(error.contains("line 2") && error.contains(rule), "{error}");
        }
    }
}
