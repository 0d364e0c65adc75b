//! Tables of always-on apps, right and wrong ones, as a file has them.

use super::*;
use crate::config::{
    environment::Environment,
    error::Error,
    layer::{self, Origin},
    load::{Machine, Sources, load},
    reference::{Entry, accepted, always_on_keys},
    settings::Settings,
};

/// A configuration of the whole host, beside a work tree.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("work")).unwrap();
        Self { dir }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn load(&self) -> Result<Settings, Error> {
        let root = self.dir.path();
        let home = root.display().to_string();
        load(&Sources {
            env: &Environment::of(&[("HOME", &home), ("CCCI_BASE_DOMAIN", "ci.example.org")]),
            machine: &Machine {
                root: false,
                current_dir: root.join("work"),
                system_file: root.join("system.toml"),
            },
            config_flag: None,
            flags: &[],
            checkouts: &[],
        })
    }
}

/// Loads the settings of a host with this configuration.
fn settings(text: &str) -> Result<Settings, Error> {
    let world = World::new();
    world.write("system.toml", text);
    world.load()
}

fn apps(text: &str) -> Vec<AlwaysOnApp> {
    settings(text).unwrap().always_on
}

fn refusal(text: &str) -> String {
    let error = settings(text).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("system.toml"), "{text}");
    text
}

#[test]
fn the_example_holds_every_key_that_is_accepted() {
    let apps = apps(EXAMPLE);
    assert_eq!(apps[0].domain.as_str(), "sso.example.org");
    assert_eq!(apps[0].timeout, Some(Duration::from_secs(900)));
    let unknown = format!("{EXAMPLE}no-such-key = 1\n");
    let error = toml::from_str::<crate::config::written::Written>(&unknown).unwrap_err();
    let accepted: Vec<_> = accepted(&error)
        .iter()
        .map(|name| format!("always-on.{name}"))
        .collect();
    let shown: Vec<_> = always_on_keys().iter().map(Entry::path).collect();
    assert_eq!(shown, accepted);
}

#[test]
fn a_recipe_alone_is_enough_and_gives_the_warm_domain() {
    let apps = apps("[[always-on]]\nrecipe = \"traefik\"\n[[always-on]]\nrecipe = \"drone\"\n");
    let domains: Vec<_> = apps.iter().map(|app| app.domain.as_str()).collect();
    assert_eq!(
        domains,
        ["warm-traefik.ci.example.org", "warm-drone.ci.example.org"]
    );
    assert!(apps[0].domain.is_warm() && apps[0].source.is_none() && apps[0].approve.is_none());
    assert_eq!(apps[0].health_path, UrlPath::root());
    assert!(apps[0].environment().is_empty());
}

#[test]
fn placeholders_stand_for_what_the_app_is() {
    let env = "env = { A = \"https://{domain}/{recipe}\", B = \"{stack}\", LETS_ENCRYPT_ENV = \"production\" }";
    let apps = apps(&format!("[[always-on]]\nrecipe = \"drone\"\n{env}\n"));
    let environment: Vec<_> = apps[0].environment().into_iter().collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        environment,
        [
            pair("A", "https://warm-drone.ci.example.org/drone"),
            pair("B", "warm-drone_ci_example_org"),
            pair("LETS_ENCRYPT_ENV", "production"),
        ]
    );
}

#[test]
fn a_wrong_key_is_told_with_its_line_and_the_accepted_ones() {
    for (line, parts) in [
        (
            "recipie = \"x\"",
            ["unknown field `recipie`", "`health-path`", "`approve`"],
        ),
        ("domain = \"a_b.org\"", ["domain `a_b.org`", "", ""]),
        (
            "domain = \"word-3fa91c.ci.example.org\"",
            ["does not look as that of a run's app", "", ""],
        ),
        (
            "approve = \"2.0\"",
            ["version `2.0`", "as in `1.2.0+6.4.1`", ""],
        ),
        ("source = \"ext::sh -c id\"", ["source `", "", ""]),
        (
            "env = { DOMAIN = \"x\" }",
            ["variable `DOMAIN`", "does not set itself", ""],
        ),
        (
            "env = { A = \"{keycloak.issuer}\" }",
            ["`{keycloak.issuer}`", "another recipe", ""],
        ),
        (
            "env = { A = \"{domian}\" }",
            ["`{domian}`", "`{domain}`", ""],
        ),
        ("health-path = \"health\"", ["`health`", "", ""]),
        ("timeout = \"0s\"", ["duration `0s`", "", ""]),
    ] {
        let error = refusal(&format!("[[always-on]]\nrecipe = \"drone\"\n{line}\n"));
        assert!(error.contains("line 3"), "{line}: {error}");
        for part in parts {
            assert!(error.contains(part), "{line}: {part}: {error}");
        }
    }
    let error = refusal("[[always-on]]\ndomain = \"a.example.org\"\n");
    assert!(error.contains("missing field `recipe`"), "{error}");
    assert!(refusal("[always-on]\nrecipe = \"x\"\n").contains("expected a sequence"));
}

#[test]
fn what_only_all_settings_together_show_is_told_by_number() {
    let two = "[[always-on]]\nrecipe = \"drone\"\n[[always-on]]\nrecipe = \"drone\"\n";
    let error = refusal(two);
    let told = "`always-on[1]` and `always-on[2]` both have the domain `warm-drone.ci.example.org`; give one of them another by `domain`";
    assert!(error.ends_with(told), "{error}");
    assert_eq!(
        apps(&format!("{two}domain = \"other.example.org\"\n")).len(),
        2
    );
    let error = refusal("[[always-on]]\nrecipe = \"a_b\"\n");
    assert!(
        error.contains("`always-on[1].domain`: domain `warm-a_b."),
        "{error}"
    );
    let plain = "[[always-on]]\nrecipe = \"drone\"\nsource = \"http://git.example.org/drone\"\n";
    let error = refusal(plain);
    assert!(error.contains("`always-on[1].source`") && error.contains("recipes.allow-http"));
    assert_eq!(
        apps(&format!("{plain}[recipes]\nallow-http = true\n")).len(),
        1
    );
}

#[test]
fn a_directory_starts_at_the_current_one() {
    let apps = apps("[[always-on]]\nrecipe = \"drone\"\nsource = \"./drone\"\n");
    let Some(Source::Local(path)) = &apps[0].source else {
        panic!("no directory")
    };
    assert!(path.is_absolute() && path.ends_with("drone"), "{path:?}");
}

#[test]
fn the_tables_of_a_file_replace_those_below_it() {
    let world = World::new();
    world.write(
        "system.toml",
        "[[always-on]]\nrecipe = \"drone\"\n[[always-on]]\nrecipe = \"traefik\"\n",
    );
    let shown = |world: &World| {
        let settings = world.load().unwrap();
        let shown = settings.shown.into_iter();
        let shown = shown.filter(|shown| shown.key.starts_with("always-on"));
        let root = world.dir.path().display().to_string();
        let line = |shown: crate::config::settings::Shown| {
            let origin = shown.origin.to_string().replace(&root, "$ROOT");
            format!("{} = {}  # {origin}", shown.key, shown.value)
        };
        shown.map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        shown(&world),
        [
            "always-on[1] = { recipe = \"drone\" }  # $ROOT/system.toml",
            "always-on[2] = { recipe = \"traefik\" }  # $ROOT/system.toml",
        ]
    );
    world.write("work/ccci.toml", "[[always-on]]\nrecipe = \"keycloak\"\n");
    assert_eq!(
        shown(&world),
        ["always-on[1] = { recipe = \"keycloak\" }  # $ROOT/work/ccci.toml"]
    );
    world.write("work/ccci.toml", "always-on = []\n");
    assert_eq!(shown(&world), ["always-on = []  # $ROOT/work/ccci.toml"]);
    let none = settings("").unwrap().shown.pop().unwrap();
    assert_eq!(
        (none.key.as_str(), none.origin),
        ("always-on", Origin::BuiltIn)
    );
}

#[test]
fn the_tree_under_test_declares_no_app_of_the_server() {
    let world = World::new();
    world.write("work/compose.yml", "");
    for text in ["[[always-on]]\nrecipe = \"drone\"\n", "always-on = []\n"] {
        world.write("work/ccci.toml", text);
        let error = world.load().unwrap_err();
        assert!(
            matches!(&error, Error::OutOfReach { key, .. } if key == "always-on"),
            "{error}"
        );
    }
}

#[test]
fn a_command_for_alerts_is_a_list_in_a_file_and_words_in_a_variable() {
    let settings = settings("[alerts]\ncommand = [\"mail\", \"-s\", \"two words\"]\ndir = \"a\"\n");
    let settings = settings.unwrap();
    assert_eq!(settings.alerts.command, ["mail", "-s", "two words"]);
    assert!(settings.alerts.dir.is_absolute() && settings.alerts.dir.ends_with("work/a"));
    let env = Environment::of(&[("CCCI_ALERTS_COMMAND", "curl https://x.org -T")]);
    let layer = layer::from_environment(&env).unwrap();
    assert_eq!(
        layer[0].value.to_string(),
        r#"["curl", "https://x.org", "-T"]"#
    );
}
