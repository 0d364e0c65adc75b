//! The list of all settings: each one's key, the variable that sets it, and who may set it.

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Its section in the file.
    pub(crate) section: &'static str,
    /// Its name in the section.
    pub(crate) name: &'static str,
    /// The variable that sets it.
    pub(crate) variable: &'static str,
    /// How its text is read.
    pub(crate) kind: Kind,
    /// What it reaches.
    pub(crate) reach: Reach,
}

/// How a setting is written in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A list of strings; in a variable separated by colons.
    List,
    /// A command with its arguments; in a variable separated by blanks.
    Words,
    /// Tables under one name, which no variable sets.
    Tables,
}

/// What a setting reaches, and so where it may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The host: never set from the work tree under test.
    Host,
    /// The run alone: may be lowered from the work tree under test.
    Limit,
}

impl Key {
    /// Returns the setting's full name, as `limits.run-timeout`.
    pub(crate) fn path(&self) -> String {
        if self.name.is_empty() {
            return self.section.to_owned();
        }
        format!("{}.{}", self.section, self.name)
    }
}

/// Makes the entry of a text that reaches the host.
const fn host(section: &'static str, name: &'static str, variable: &'static str) -> Key {
    Key {
        section,
        name,
        variable,
        kind: Kind::Text,
        reach: Reach::Host,
    }
}

/// Makes the entry of a limit.
const fn limit(name: &'static str, variable: &'static str) -> Key {
    let reach = Reach::Limit;
    Key {
        reach,
        ..host("limits", name, variable)
    }
}

/// Changes how an entry is written.
const fn as_kind(key: Key, kind: Kind) -> Key {
    Key { kind, ..key }
}

/// All settings that have a default, in the order of `defaults.toml`.
pub(crate) const KEYS: [Key; 45] = [
    host("server", "base-domain", "CCCI_BASE_DOMAIN"),
    as_kind(
        host("server", "base-domain-is-ours", "CCCI_BASE_DOMAIN_IS_OURS"),
        Kind::Switch,
    ),
    host("server", "deployer", "CCCI_DEPLOYER"),
    host("server", "ingress", "CCCI_INGRESS"),
    host("server", "resolve-to", "CCCI_RESOLVE_TO"),
    host("server", "ca-file", "CCCI_CA_FILE"),
    host("state", "dir", "CCCI_STATE_DIR"),
    host("state", "disk-floor", "CCCI_DISK_FLOOR"),
    as_kind(host("state", "keep-runs", "CCCI_KEEP_RUNS"), Kind::Number),
    host("state", "keep-size", "CCCI_KEEP_SIZE"),
    host("state", "keep-age", "CCCI_KEEP_AGE"),
    host("programs", "abra", "CCCI_ABRA"),
    host("programs", "docker", "CCCI_DOCKER"),
    host("programs", "git", "CCCI_GIT"),
    host("programs", "pytest", "CCCI_PYTEST"),
    host("programs", "hurl", "CCCI_HURL"),
    host("programs", "chromium", "CCCI_CHROMIUM"),
    as_kind(host("secrets", "dirs", "CCCI_SECRETS_DIRS"), Kind::List),
    host("secrets", "git-token-file", "CCCI_GIT_TOKEN_FILE"),
    host("recipes", "url", "CCCI_RECIPE_URL"),
    host("recipes", "forge", "CCCI_FORGE"),
    as_kind(
        host("recipes", "allow-http", "CCCI_ALLOW_HTTP"),
        Kind::Switch,
    ),
    host("recipes", "tests-dir", "CCCI_TESTS_DIR"),
    host("mirror", "forge", "CCCI_MIRROR_FORGE"),
    host("mirror", "owner", "CCCI_MIRROR_OWNER"),
    host("mirror", "token-file", "CCCI_MIRROR_TOKEN_FILE"),
    host("run", "keep", "CCCI_KEEP"),
    host("run", "keep-for", "CCCI_KEEP_FOR"),
    host("run", "teardown-timeout", "CCCI_TEARDOWN_TIMEOUT"),
    host("janitor", "max-age", "CCCI_JANITOR_MAX_AGE"),
    host("alerts", "dir", "CCCI_ALERTS_DIR"),
    as_kind(
        host("alerts", "command", "CCCI_ALERTS_COMMAND"),
        Kind::Words,
    ),
    as_kind(limit("jobs", "CCCI_JOBS"), Kind::Number),
    as_kind(limit("retries", "CCCI_RETRIES"), Kind::Number),
    limit("run-timeout", "CCCI_TIMEOUT"),
    limit("stage-timeout", "CCCI_STAGE_TIMEOUT"),
    limit("stage-timeout-max", "CCCI_STAGE_TIMEOUT_MAX"),
    limit("deploy-timeout", "CCCI_DEPLOY_TIMEOUT"),
    limit("deploy-timeout-max", "CCCI_DEPLOY_TIMEOUT_MAX"),
    limit("http-timeout", "CCCI_HTTP_TIMEOUT"),
    limit("http-timeout-max", "CCCI_HTTP_TIMEOUT_MAX"),
    limit("hook-timeout", "CCCI_HOOK_TIMEOUT"),
    limit("test-timeout", "CCCI_TEST_TIMEOUT"),
    limit("pull-timeout", "CCCI_PULL_TIMEOUT"),
    limit("slow", "CCCI_SLOW"),
];

/// The apps that the server itself needs: a list of tables, and so none of the settings with a default.
pub(crate) static ALWAYS_ON: Key = as_kind(host("always-on", "", ""), Kind::Tables);

/// Finds a setting by its section and name.
pub(crate) fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter()
        .find(|key| key.section == section && key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        reference::{Entry, entries},
        settings::DEFAULTS,
    };

    #[test]
    fn the_list_follows_the_defaults() {
        let listed: Vec<_> = KEYS.iter().map(Key::path).collect();
        let written: Vec<_> = entries(DEFAULTS).iter().map(Entry::path).collect();
        assert_eq!(listed, written);
    }

    #[test]
    fn no_variable_sets_two_things() {
        let mut variables: Vec<_> = KEYS.iter().map(|key| key.variable).collect();
        variables.sort_unstable();
        let all = variables.len();
        variables.dedup();
        assert_eq!(variables.len(), all);
    }
}
