//! Layers of settings: each one's values with their origin, merged key by key.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::{Table, Value};

use super::{
    environment::Environment,
    error::Error,
    keys::{self, ALWAYS_ON, KEYS, Key, Kind, Reach},
    written::Written,
};
use crate::model::input::{TypedFlag, parse_duration};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The defaults.
    BuiltIn,
    /// A file.
    File(PathBuf),
    /// A variable.
    Environment(&'static str),
    /// A flag, by its long name.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment: {name}"),
            Self::Flag(name) => write!(f, "flag: --{name}"),
        }
    }
}

/// One value and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Which setting.
    pub(super) key: &'static Key,
    /// Its value.
    pub(super) value: Value,
    /// Where it came from.
    pub(super) origin: Origin,
}

/// The values of one layer.
pub(super) type Layer = Vec<Entry>;

/// Parses the text of a file into a layer.
pub(super) fn parse(text: &str, origin: &Origin) -> Result<Layer, String> {
    // Read once for the types, which gives errors with line and column, and once for the values.
    toml::from_str::<Written>(text).map_err(|error| error.to_string())?;
    let table: Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let sections = table.iter().filter_map(|(section, values)| {
        let values = values.as_table()?;
        Some(values.iter().map(move |pair| (section, pair)))
    });
    let entries = sections.flatten().map(|(section, (name, value))| Entry {
        key: keys::find(section, name)
            .expect("the list of settings has every key that is accepted"),
        value: value.clone(),
        origin: origin.clone(),
    });
    let tables = table.get(ALWAYS_ON.section).map(|value| Entry {
        key: &ALWAYS_ON,
        value: value.clone(),
        origin: origin.clone(),
    });
    Ok(entries.chain(tables).collect())
}

/// Makes the layer of the environment.
pub(super) fn from_environment(env: &Environment) -> Result<Layer, Error> {
    let mut layer = Layer::new();
    for key in &KEYS {
        if let Some(text) = env.text(key.variable)? {
            let origin = Origin::Environment(key.variable);
            layer.push(entry(key, text, origin)?);
        }
    }
    Ok(layer)
}

/// Makes the layer of the flags: those that no setting shares its variable with are none of ours.
pub(super) fn from_flags(flags: &[TypedFlag]) -> Result<Layer, Error> {
    let settings = flags.iter().filter_map(|flag| {
        let key = KEYS.iter().find(|key| key.variable == flag.variable)?;
        Some((key, flag))
    });
    let entries =
        settings.map(|(key, flag)| entry(key, &flag.text, Origin::Flag(flag.long.clone())));
    entries.collect()
}

/// Reads the text of one value.
fn entry(key: &'static Key, text: &str, origin: Origin) -> Result<Entry, Error> {
    let usage = |message: String| Error::Usage {
        origin: match &origin {
            Origin::Flag(name) => format!("flag `--{name}`"),
            _ => format!("variable `{}`", key.variable),
        },
        message,
    };
    let value = match key.kind {
        Kind::Text => Value::String(text.to_owned()),
        Kind::Number => text
            .parse()
            .map(Value::Integer)
            .map_err(|_| usage(format!("`{}` is no whole number", text.escape_debug())))?,
        Kind::Switch => match text {
            "true" | "1" => Value::Boolean(true),
            "false" | "0" => Value::Boolean(false),
            _ => return Err(usage("it has to be true or false".to_owned())),
        },
        Kind::List => Value::Array(text.split(':').map(Value::from).collect()),
        Kind::Words => Value::Array(text.split_whitespace().map(Value::from).collect()),
        Kind::Tables => return Err(usage("only a file sets it".to_owned())),
    };
    let alone = BTreeMap::from([(
        key.path(),
        Entry {
            key,
            value,
            origin: origin.clone(),
        },
    )]);
    Written::deserialize(table(&alone)).map_err(|error| usage(error.message().to_owned()))?;
    let value = alone.into_values().next().expect("one was put in").value;
    Ok(Entry { key, value, origin })
}

/// Makes the table of merged values.
pub(super) fn table(merged: &BTreeMap<String, Entry>) -> Table {
    let mut table = Table::new();
    for entry in merged.values() {
        if entry.key.kind == Kind::Tables {
            table.insert(entry.key.section.to_owned(), entry.value.clone());
            continue;
        }
        let section = table
            .entry(entry.key.section)
            .or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(section) = section {
            section.insert(entry.key.name.to_owned(), entry.value.clone());
        }
    }
    table
}

/// Puts a layer over what is there.
pub(super) fn merge(merged: &mut BTreeMap<String, Entry>, layer: Layer) {
    for entry in layer {
        merged.insert(entry.key.path(), entry);
    }
}

/// Refuses what a file in the work tree under test must not set: all but limits that it lowers.
pub(super) fn check_reach(
    layer: &Layer,
    below: &BTreeMap<String, Entry>,
    path: &Path,
) -> Result<(), Error> {
    for entry in layer {
        let refused = |reason| Error::OutOfReach {
            path: path.to_owned(),
            key: entry.key.path(),
            reason,
        };
        if entry.key.reach == Reach::Host {
            return Err(refused(
                "the file belongs to the work tree under test, and may only lower limits",
            ));
        }
        let lower = below.get(&entry.key.path());
        if lower.is_some_and(|lower| amount(&entry.value) > amount(&lower.value)) {
            return Err(refused(
                "the file belongs to the work tree under test, and must not raise a limit",
            ));
        }
    }
    Ok(())
}

/// Returns a limit as a number that can be compared with another of the same setting.
fn amount(value: &Value) -> Option<u128> {
    match value {
        Value::Integer(number) => u128::try_from(*number).ok(),
        Value::String(text) => parse_duration(text).ok().map(|limit| limit.as_nanos()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> BTreeMap<String, Entry> {
        let mut merged = BTreeMap::new();
        merge(
            &mut merged,
            parse(super::super::settings::DEFAULTS, &Origin::BuiltIn).unwrap(),
        );
        merged
    }

    fn reach(text: &str) -> Result<(), Error> {
        let path = Path::new("./ccci.toml");
        let layer = parse(text, &Origin::File(path.to_owned())).unwrap();
        check_reach(&layer, &defaults(), path)
    }

    #[test]
    fn the_tree_under_test_sets_nothing_of_the_host() {
        for key in KEYS.iter().filter(|key| key.reach == Reach::Host) {
            let default = &defaults()[&key.path()].value;
            let error = reach(&format!("[{}]\n{} = {default}", key.section, key.name)).unwrap_err();
            assert!(
                error.to_string().contains(&format!("`{}`", key.path())),
                "{error}"
            );
            assert!(error.hint().unwrap().contains("--config") && !error.is_usage());
        }
    }

    #[test]
    fn the_tree_under_test_lowers_limits_and_raises_none() {
        reach("[limits]\nrun-timeout = \"10m\"\nslow = \"3m\"").unwrap();
        let raised = reach("[limits]\nrun-timeout = \"10m\"\njobs = 2").unwrap_err();
        insta::assert_snapshot!(raised, @"`limits.jobs` cannot be set in `./ccci.toml`: the file belongs to the work tree under test, and must not raise a limit");
        assert!(reach("[limits]\ndeploy-timeout-max = \"90m\"").is_err());
    }

    #[test]
    fn what_reaches_the_host_is_no_limit() {
        for key in &KEYS {
            assert_eq!(
                key.reach == Reach::Limit,
                key.section == "limits",
                "{}",
                key.path()
            );
        }
    }

    #[test]
    fn a_file_error_has_line_and_accepted_names() {
        let error = |text| parse(text, &Origin::BuiltIn).unwrap_err();
        insta::assert_snapshot!(error("[server]\nbase-domian = \"x\"\n"), @r#"
TOML parse error at line 2, column 1
  |
2 | base-domian = "x"
  | ^^^^^^^^^^^
unknown field `base-domian`, expected one of `base-domain`, `base-domain-is-ours`, `deployer`, `ingress`, `resolve-to`, `ca-file`
"#);
        insta::assert_snapshot!(error("[serve]\n"), @r"
TOML parse error at line 1, column 2
  |
1 | [serve]
  |  ^^^^^
unknown field `serve`, expected one of `server`, `state`, `programs`, `secrets`, `recipes`, `mirror`, `run`, `janitor`, `alerts`, `limits`, `always-on`
");
        insta::assert_snapshot!(error("[limits]\njobs = \"two\"\n"), @r#"
TOML parse error at line 2, column 8
  |
2 | jobs = "two"
  |        ^^^^^
invalid type: string "two", expected i64
"#);
        insta::assert_snapshot!(error("[limits\n"), @r"
TOML parse error at line 1, column 8
  |
1 | [limits
  |        ^
unclosed table, expected `]`
");
        assert!(error("limits = 3").contains("invalid type"));
        assert!(error(&"[".repeat(100_000)).contains("line 1"));
    }

    #[test]
    fn a_variable_is_checked_as_a_file_is() {
        let layer = |name, value| from_environment(&Environment::of(&[(name, value)]));
        for (name, value) in [
            ("CCCI_JOBS", "0"),
            ("CCCI_JOBS", "many"),
            ("CCCI_ALLOW_HTTP", "perhaps"),
            ("CCCI_TIMEOUT", "0"),
            ("CCCI_KEEP", "allways"),
            ("CCCI_BASE_DOMAIN", "-a.org"),
        ] {
            let error = layer(name, value).unwrap_err();
            assert!(error.is_usage());
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("variable `{name}`: ")),
                "{error}"
            );
        }
        let dirs = layer("CCCI_SECRETS_DIRS", "/a:/b").unwrap();
        assert_eq!(dirs[0].value.to_string(), r#"["/a", "/b"]"#);
    }
}
