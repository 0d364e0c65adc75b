//! What a recipe declares about its own tests, in `recipe.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use serde::Deserialize;
use toml::Spanned;

use super::{
    error::Error,
    placeholder::Template,
    probe_config::{self, WrittenCheck, WrittenReady, Wrong},
    settings::Limits,
};
use crate::model::{
    check::{Check, Ready, Statuses, UrlPath},
    input::TimeLimit,
    plan::OverlayRunner,
    recipe::{Invalid, RecipeName, RecipeVersion},
    run::IngressKind,
    source::{PlainHttp, Source},
    stage::Stage,
};

/// A file that holds every key, with its comment.
pub(crate) const EXAMPLE: &str = include_str!("recipe_example.toml");

/// Variables of the app's environment that ccci sets itself.
const OURS: [&str; 3] = ["DOMAIN", "LETS_ENCRYPT_ENV", "STACK_NAME"];

/// What a recipe declares.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecipeConfig {
    /// What is asked for when the app has to be reachable.
    pub(crate) health_path: UrlPath,
    /// What counts as reachable.
    pub(crate) health_ok: Statuses,
    /// How long things may take, where it says so.
    pub(crate) timeouts: DeclaredTimeouts,
    /// Whether backup and restore apply; read from the labels when nothing is declared.
    pub(crate) backup_capable: Option<bool>,
    /// The release upgraded from; the newest older one when nothing is declared.
    pub(crate) upgrade_base: Option<RecipeVersion>,
    /// Stages whose generic checks are left out.
    pub(crate) skip_generic: Vec<Stage>,
    /// Stages that are skipped, with their reasons.
    pub(crate) expected_skips: Vec<(Stage, String)>,
    /// Whether the recipe has a canonical.
    pub(crate) warm_canonical: bool,
    /// Where the recipe is fetched from in place of the configured URL.
    ///
    /// It counts in the file that is kept for the recipe alone: nobody may redirect a recipe from within it.
    pub(crate) upstream: Option<String>,
    /// Whether services on nested names move to siblings.
    pub(crate) flatten_domains: bool,
    /// The one way to reach the app; any when nothing is declared.
    pub(crate) ingress: Option<IngressKind>,
    /// What may run test files.
    pub(crate) runners: Vec<OverlayRunner>,
    /// The recipes whose apps have to be there first.
    pub(crate) requires: Vec<RecipeName>,
    /// Variables of the app's environment.
    pub(crate) env: Vec<(String, Template)>,
    /// What is waited for before the stages.
    pub(crate) ready: Vec<Ready>,
    /// What is checked as data.
    pub(crate) checks: Vec<Check>,
}

/// How long things may take, as declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeclaredTimeouts {
    /// A deploy.
    pub(crate) deploy: Option<Duration>,
    /// A request.
    pub(crate) http: Option<Duration>,
    /// A stage.
    pub(crate) stage: Option<Duration>,
}

/// How long things may take, the host's caps applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// A deploy.
    pub(crate) deploy: Duration,
    /// A request.
    pub(crate) http: Duration,
    /// A stage.
    pub(crate) stage: Duration,
}

impl Default for RecipeConfig {
    fn default() -> Self {
        Self {
            health_path: UrlPath::root(),
            health_ok: Statuses::reachable(),
            timeouts: DeclaredTimeouts::default(),
            backup_capable: None,
            upgrade_base: None,
            skip_generic: Vec::new(),
            expected_skips: Vec::new(),
            warm_canonical: false,
            upstream: None,
            flatten_domains: true,
            ingress: None,
            runners: ALL_RUNNERS.to_vec(),
            requires: Vec::new(),
            env: Vec::new(),
            ready: Vec::new(),
            checks: Vec::new(),
        }
    }
}

impl DeclaredTimeouts {
    /// Returns what holds on this host, for a recipe whose label names this deploy timeout.
    pub(crate) fn on(self, limits: &Limits, label: Option<Duration>) -> Timeouts {
        Timeouts {
            deploy: limits.deploy.of(self.deploy.or(label)),
            http: limits.http.of(self.http),
            stage: limits.stage.of(self.stage),
        }
    }
}

/// Every runner.
const ALL_RUNNERS: [OverlayRunner; 3] = [
    OverlayRunner::Executable,
    OverlayRunner::Pytest,
    OverlayRunner::Hurl,
];

/// The file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    /// `health-path`.
    health_path: Option<UrlPath>,
    /// `health-ok`.
    health_ok: Option<Statuses>,
    /// `deploy-timeout`.
    deploy_timeout: Option<TimeLimit>,
    /// `http-timeout`.
    http_timeout: Option<TimeLimit>,
    /// `stage-timeout`.
    stage_timeout: Option<TimeLimit>,
    /// `backup-capable`.
    backup_capable: Option<bool>,
    /// `upgrade-base`.
    upgrade_base: Option<RecipeVersion>,
    /// `skip-generic`.
    skip_generic: Option<StagesOrAll>,
    /// `expected-skips`.
    #[serde(default)]
    expected_skips: BTreeMap<Stage, Reason>,
    /// `warm-canonical`.
    warm_canonical: Option<bool>,
    /// `upstream`.
    upstream: Option<Upstream>,
    /// `flatten-domains`.
    flatten_domains: Option<bool>,
    /// `ingress`.
    ingress: Option<IngressKind>,
    /// `runners`.
    runners: Option<Vec<OverlayRunner>>,
    /// `requires`.
    requires: Option<Requires>,
    /// `[env]`.
    #[serde(default)]
    env: BTreeMap<VariableName, Spanned<Template>>,
    /// `[[ready]]`.
    #[serde(default)]
    ready: Vec<Spanned<WrittenReady>>,
    /// `[[check]]`.
    #[serde(default)]
    check: Vec<Spanned<WrittenCheck>>,
}

/// Parses the text of a `recipe.toml`; its path is for messages alone.
pub(crate) fn parse(text: &str, path: &Path) -> Result<RecipeConfig, Error> {
    parse_text(text).map_err(|message| Error::Invalid {
        path: path.to_owned(),
        message,
    })
}

/// Reads a `recipe.toml`, or nothing where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<RecipeConfig>, Error> {
    let text = super::file::read_unlinked(path)?;
    text.map(|text| parse(&text, path)).transpose()
}

/// Parses the text.
fn parse_text(text: &str) -> Result<RecipeConfig, String> {
    let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
    let ready = each(text, "ready", written.ready, probe_config::ready)?;
    let checks = each(text, "check", written.check, probe_config::check)?;
    unique("ready", ready.iter().map(|ready| ready.name.as_str()))?;
    unique("check", checks.iter().map(|check| check.name.as_str()))?;
    let default = RecipeConfig::default();
    let limit = |limit: Option<TimeLimit>| limit.map(|TimeLimit(limit)| limit);
    let skips = written.expected_skips.into_iter();
    let requires = written.requires.map(|Requires(names)| names);
    let requires = requires.unwrap_or_default();
    let env = environment(text, written.env, &requires)?;
    let skip_generic = written.skip_generic.map(|StagesOrAll(stages)| stages);
    Ok(RecipeConfig {
        health_path: written.health_path.unwrap_or(default.health_path),
        health_ok: written.health_ok.unwrap_or(default.health_ok),
        timeouts: DeclaredTimeouts {
            deploy: limit(written.deploy_timeout),
            http: limit(written.http_timeout),
            stage: limit(written.stage_timeout),
        },
        backup_capable: written.backup_capable,
        upgrade_base: written.upgrade_base,
        skip_generic: skip_generic.unwrap_or_default(),
        expected_skips: skips
            .map(|(stage, Reason(reason))| (stage, reason))
            .collect(),
        warm_canonical: written.warm_canonical.unwrap_or(default.warm_canonical),
        upstream: written.upstream.map(|Upstream(upstream)| upstream),
        flatten_domains: written.flatten_domains.unwrap_or(default.flatten_domains),
        ingress: written.ingress,
        runners: written.runners.unwrap_or(default.runners),
        requires,
        env,
        ready,
        checks,
    })
}

/// Returns the variables; what one wants of a recipe that is not required is wrong at its line.
fn environment(
    text: &str,
    written: BTreeMap<VariableName, Spanned<Template>>,
    requires: &[RecipeName],
) -> Result<Vec<(String, Template)>, String> {
    let variables = written.into_iter().map(|(VariableName(name), template)| {
        let line = line_of(text, template.span().start);
        let template = template.into_inner();
        let mut providers = template.providers();
        if let Some((recipe, key)) = providers.find(|(recipe, _)| !requires.contains(recipe)) {
            return Err(format!(
                "line {line}: `env.{name}` wants `{{{recipe}.{key}}}`, and `requires` does not name `{recipe}`; name it there, or write double braces for a text in braces"
            ));
        }
        drop(providers);
        Ok((name, template))
    });
    variables.collect()
}

/// Returns the number of the line that a place of a text is in.
fn line_of(text: &str, start: usize) -> usize {
    let before = &text[..start];
    let line = before.lines().count() + usize::from(before.ends_with('\n'));
    line.max(1)
}

/// Makes each of a list, and names the line and the key of what is wrong.
fn each<W, T>(
    text: &str,
    list: &str,
    written: Vec<Spanned<W>>,
    make: impl Fn(W) -> Result<T, Wrong>,
) -> Result<Vec<T>, String> {
    let items = (1..).zip(written).map(|(number, item): (usize, _)| {
        let line = line_of(text, item.span().start);
        make(item.into_inner())
            .map_err(|(key, rule)| format!("line {line}: `{list}[{number}].{key}` {rule}"))
    });
    items.collect()
}

/// Refuses a name that is there twice.
fn unique<'a>(list: &str, names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut known = BTreeSet::new();
    for name in names {
        if !known.insert(name) {
            return Err(format!(
                "`{list}.name` `{name}` is there twice; give each a name of its own"
            ));
        }
    }
    Ok(())
}

/// Stages, or the word for all of them.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<String>")]
struct StagesOrAll(Vec<Stage>);

impl TryFrom<Vec<String>> for StagesOrAll {
    type Error = Invalid;

    fn try_from(words: Vec<String>) -> Result<Self, Invalid> {
        if words == ["all"] {
            return Ok(Self(Stage::ALL.to_vec()));
        }
        let stages = words.iter().map(|word| {
            let rule = "one of install, upgrade, backup, restore, custom, or `all` alone";
            word.parse().map_err(|_| Invalid::new("stage", word, rule))
        });
        stages.collect::<Result<_, _>>().map(Self)
    }
}

/// Recipes that are required, each once.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Vec<RecipeName>")]
struct Requires(Vec<RecipeName>);

impl TryFrom<Vec<RecipeName>> for Requires {
    type Error = Invalid;

    fn try_from(names: Vec<RecipeName>) -> Result<Self, Invalid> {
        let mut known = BTreeSet::new();
        match names.iter().find(|name| !known.insert(*name)) {
            Some(twice) => {
                let rule = "each recipe once, as in `[\"keycloak\", \"gitea\"]`";
                Err(Invalid::new("required recipe", twice.as_str(), rule))
            }
            None => Ok(Self(names)),
        }
    }
}

/// A source on a server.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Upstream(String);

impl TryFrom<String> for Upstream {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        // Whether plain HTTP may be used is the host's to say, where the recipe is fetched.
        match Source::parse(&text, PlainHttp::Allowed)? {
            Source::Remote(_) | Source::Forge { .. } => Ok(Self(text)),
            Source::Local(_) => {
                let rule =
                    "a URL, or an owner and a name on the configured forge, as in `recipes/wiki`";
                Err(Invalid::new("upstream", &text, rule))
            }
        }
    }
}

/// Why something is skipped.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Reason(String);

impl TryFrom<String> for Reason {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.contains(char::is_control) {
            let rule = "one line that says why, as in `upstream cannot restore attachments`";
            return Err(Invalid::new("reason", &text, rule));
        }
        Ok(Self(trimmed.to_owned()))
    }
}

/// The name of a variable that a recipe may set.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct VariableName(String);

impl TryFrom<String> for VariableName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        variable_name(text, &OURS).map(Self)
    }
}

/// Checks the name of a variable, which must not be one of those that ccci sets itself.
pub(super) fn variable_name(text: String, ours: &[&str]) -> Result<String, Invalid> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if ours.contains(&text.as_str()) {
        let rule = "a variable that ccci does not set itself, as in `ADMIN_EMAIL`";
        return Err(Invalid::new("variable", &text, rule));
    }
    if starts && text.chars().all(plain) {
        return Ok(text);
    }
    let rule = "letters, digits and `_`, not beginning with a digit, as in `ADMIN_EMAIL`";
    Err(Invalid::new("variable", &text, rule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{
            reference::{Entry, accepted, declarations},
            settings::Limit,
        },
        model::check::{Probe, ReadyProbe, Tls},
    };

    fn refusal(text: &str) -> String {
        parse_text(text).unwrap_err()
    }

    #[test]
    fn an_empty_file_declares_the_defaults() {
        assert_eq!(parse_text("").unwrap(), RecipeConfig::default());
    }

    #[test]
    fn the_example_holds_every_key_that_is_accepted() {
        parse_text(EXAMPLE).unwrap();
        let names = |text: &str| accepted(&toml::from_str::<Written>(text).unwrap_err());
        let sections = ["env", "ready", "check"];
        let mut keys: BTreeSet<_> = names("no-such-key = 1").into_iter().collect();
        for section in sections {
            assert!(keys.remove(section), "{section}");
        }
        for section in ["ready", "check"] {
            let found = names(&format!("[[{section}]]\nno-such-key = 1"));
            keys.extend(found.into_iter().map(|name| format!("{section}.{name}")));
        }
        keys.extend(["env.APP_URL", "env.OIDC_ISSUER"].map(str::to_owned));
        let shown: BTreeSet<_> = declarations().iter().map(Entry::path).collect();
        assert_eq!(shown, keys);
    }

    #[test]
    fn the_example_means_what_its_comments_say() {
        let config = parse_text(EXAMPLE).unwrap();
        let ready: Vec<_> = config.ready.iter().map(|ready| &ready.probe).collect();
        assert!(
            matches!(ready[0], ReadyProbe::Command { service, argv } if service == "db" && argv.len() == 3)
        );
        assert!(
            matches!(ready[1], ReadyProbe::Probe(Probe::Http(http)) if http.status.accept(200))
        );
        assert!(matches!(ready[2], ReadyProbe::Probe(Probe::Tcp(tcp)) if tcp.tls == Tls::No));
        assert_eq!(config.checks[0].stages, [Stage::Install, Stage::Upgrade]);
        let Probe::Http(http) = &config.checks[0].probe else {
            panic!("no request")
        };
        assert_eq!(http.json[0], ("/items/0".to_owned(), serde_json::json!(3)));
        assert_eq!(
            config.checks[1].stages,
            [Stage::Install, Stage::Upgrade, Stage::Restore]
        );
        assert_eq!(config.expected_skips.len(), 1);
    }

    #[test]
    fn what_belongs_to_the_host_is_unknown() {
        for key in ["base-domain", "programs", "mirror", "always-on"] {
            assert!(
                refusal(&format!("{key} = 1")).contains("unknown field"),
                "{key}"
            );
        }
        insta::assert_snapshot!(refusal("health-pth = \"/\"\n"), @r#"
TOML parse error at line 1, column 1
  |
1 | health-pth = "/"
  | ^^^^^^^^^^
unknown field `health-pth`, expected one of `health-path`, `health-ok`, `deploy-timeout`, `http-timeout`, `stage-timeout`, `backup-capable`, `upgrade-base`, `skip-generic`, `expected-skips`, `warm-canonical`, `upstream`, `flatten-domains`, `ingress`, `runners`, `requires`, `env`, `ready`, `check`
"#);
    }

    #[test]
    fn a_recipe_is_required_once_and_gives_only_to_those_that_require_it() {
        let config = parse_text("requires = [\"db\", \"keycloak\"]\n[env]\nA = \"{db.host}\"\n");
        let config = config.unwrap();
        let names: Vec<_> = config.requires.iter().map(RecipeName::as_str).collect();
        assert_eq!(names, ["db", "keycloak"]);
        insta::assert_snapshot!(refusal("requires = [\"db\", \"db\"]"), @r#"
TOML parse error at line 1, column 12
  |
1 | requires = ["db", "db"]
  |            ^^^^^^^^^^^^
required recipe `db` is not valid: each recipe once, as in `["keycloak", "gitea"]`
"#);
        insta::assert_snapshot!(refusal("requires = [\"db\"]\n\n[env]\nA = \"{db.host}\"\nB = \"{sso.issuer}\"\n"), @"line 5: `env.B` wants `{sso.issuer}`, and `requires` does not name `sso`; name it there, or write double braces for a text in braces");
        assert!(refusal("requires = [\"../x\"]").contains("is not valid"));
    }

    #[test]
    fn a_check_is_a_request_or_a_connection() {
        insta::assert_snapshot!(refusal("\n[[check]]\nname = \"a\"\n"), @"line 2: `check[1].path` is given, or else `port`");
        insta::assert_snapshot!(refusal("[[check]]\nname = \"a\"\npath = \"/\"\n\n[[check]]\nname = \"b\"\nport = 25\ntitle = \"x\"\n"), @"line 5: `check[2].title` belongs to a check with `path`");
        let check = |body: &str| refusal(&format!("[[check]]\nname = \"a\"\n{body}"));
        assert!(check("path = \"/\"\nport = 1").contains("`check[1].port`"));
        assert!(
            check("path = \"/\"\ntls = true")
                .contains("`check[1].tls` belongs to a check with `port`")
        );
        assert!(check("port = 0").contains("between 1 and 65535"));
        assert!(check("path = \"/\"\nstages = []").contains("at least one stage"));
        assert!(check("path = \"/\"\ncontains = [\"\"]").contains("no empty text"));
        assert!(check("path = \"/\"\njson = { status = 1 }").contains("JSON pointers"));
        assert!(check("path = \"/\"\nheaders = { Host = \"evil\" }").contains("always the app's"));
        assert!(check("path = \"/\"\nheaders = { a = \"b\\r\\nc: d\" }").contains("one line"));
    }

    #[test]
    fn a_path_or_a_status_that_is_none_is_refused_at_its_line() {
        insta::assert_snapshot!(refusal("[[check]]\nname = \"a\"\npath = \"https://evil.org/\"\n"), @r#"
TOML parse error at line 3, column 8
  |
3 | path = "https://evil.org/"
  |        ^^^^^^^^^^^^^^^^^^^
path `https://evil.org/` is not valid: a path of printable ASCII that begins with one `/`, without host, blank, line break, `#` or backslash, as in `/api/health`
"#);
        insta::assert_snapshot!(refusal("[[check]]\nname = \"a\"\npath = \"/\"\nstatus = 99\n"), @r"
TOML parse error at line 4, column 10
  |
4 | status = 99
  |          ^^
status `99` is not valid: a status from 100 to 599, or a range of them, as in `401` or `200-399`
");
        assert!(refusal("health-path = \"/a\\nb\"").contains("line 1"));
        assert!(refusal("health-ok = [\"200-600\"]").contains("from 100 to 599"));
    }

    #[test]
    fn names_are_unique_and_plain() {
        let twice = "[[check]]\nname = \"a\"\npath = \"/\"\n".repeat(2);
        assert!(refusal(&twice).contains("`check.name` `a` is there twice"));
        for bad in ["", "../a", "a b", "<script>"] {
            let text = format!("[[check]]\nname = \"{bad}\"\npath = \"/\"\n");
            assert!(refusal(&text).contains("as in `home-page`"), "{bad}");
        }
    }

    #[test]
    fn a_condition_is_one_thing() {
        let ready = |body: &str| refusal(&format!("[[ready]]\nname = \"a\"\n{body}"));
        assert!(ready("").contains("one of them alone"));
        assert!(ready("path = \"/\"\nport = 1").contains("one of them alone"));
        assert!(ready("command = [\"true\"]").contains("`ready[1].service` is given beside"));
        assert!(ready("command = []\nservice = \"db\"").contains("a program and its arguments"));
        assert!(ready("path = \"/\"\nservice = \"db\"").contains("`ready[1].service` belongs"));
        assert!(ready("port = 25\nstatus = 200").contains("`ready[1].status` belongs"));
    }

    #[test]
    fn what_ccci_sets_itself_is_not_for_the_recipe() {
        for name in OURS {
            assert!(refusal(&format!("[env]\n{name} = \"x\"")).contains("does not set itself"));
        }
        assert!(refusal("[env]\n\"A B\" = \"x\"").contains("as in `ADMIN_EMAIL`"));
        assert!(refusal("[env]\nA = \"{domian}\"").contains("`{domain}`"));
    }

    #[test]
    fn an_upstream_is_on_a_server_and_a_canonical_is_asked_for() {
        let config = parse_text("warm-canonical = true\nupstream = \"recipes/wiki\"").unwrap();
        assert!(config.warm_canonical);
        assert_eq!(config.upstream.as_deref(), Some("recipes/wiki"));
        let url = "https://git.example.org/recipes/wiki.git";
        let config = parse_text(&format!("upstream = \"{url}\"")).unwrap();
        assert_eq!(config.upstream.as_deref(), Some(url));
        assert!(!config.warm_canonical);
        for bad in [
            "/srv/wiki",
            "./wiki",
            "ext::sh -c id",
            "--upload-pack=x",
            "",
        ] {
            assert!(
                refusal(&format!("upstream = \"{bad}\"")).contains("line 1"),
                "{bad}"
            );
        }
        let secret = refusal("upstream = \"https://me:t0ps3cret@host/a\"");
        assert!(secret.contains("without user and password"), "{secret}");
    }

    #[test]
    fn skips_name_a_stage_and_a_reason() {
        let config =
            parse_text("skip-generic = [\"all\"]\n[expected-skips]\nbackup = \" why \"").unwrap();
        assert_eq!(config.skip_generic, Stage::ALL);
        assert_eq!(config.expected_skips, [(Stage::Backup, "why".to_owned())]);
        assert!(refusal("expected-skips = { backup = \"\" }").contains("says why"));
        assert!(refusal("expected-skips = { deploy = \"x\" }").contains("unknown variant"));
        assert!(refusal("skip-generic = [\"all\", \"backup\"]").contains("`all` alone"));
    }

    #[test]
    fn the_host_caps_what_a_recipe_asks_for() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let limit = |default, max| Limit {
            default: minutes(default),
            max: minutes(max),
        };
        let limits = Limits {
            jobs: 1,
            retries: 0,
            run: minutes(120),
            stage: limit(30, 60),
            deploy: limit(10, 20),
            http: limit(1, 5),
            hook: minutes(1),
            test: minutes(1),
            pull: minutes(1),
            slow: minutes(1),
        };
        let declared = parse_text("deploy-timeout = \"15m\"\nstage-timeout = \"5h\"")
            .unwrap()
            .timeouts;
        let timeouts = declared.on(&limits, Some(minutes(12)));
        assert_eq!(
            (timeouts.deploy, timeouts.stage, timeouts.http),
            (minutes(15), minutes(60), minutes(1))
        );
        let labelled = DeclaredTimeouts::default().on(&limits, Some(minutes(12)));
        assert_eq!(labelled.deploy, minutes(12));
        assert_eq!(
            DeclaredTimeouts::default()
                .on(&limits, Some(minutes(99)))
                .deploy,
            minutes(20)
        );
        assert_eq!(
            DeclaredTimeouts::default().on(&limits, None).deploy,
            minutes(10)
        );
    }
}
