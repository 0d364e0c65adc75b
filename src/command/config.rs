//! `ccci config`: every setting with where it came from.

use serde_json::{Map, Value, json};

use super::{
    error::{Error, Kind},
    host::Call,
    view,
};
use crate::{
    cli::ConfigArgs,
    config::{
        keys::{ALWAYS_ON, KEYS, Key},
        settings::Shown,
    },
    exit,
    model::likeness,
};

/// Prints the settings.
pub(crate) fn run(call: &Call, args: &ConfigArgs) -> Result<u8, Error> {
    let settings = call.settings(&[])?;
    let shown = chosen(&settings.shown, &args.keys)?;
    let text = if args.json {
        document(&shown)
    } else {
        shown.iter().map(|shown| line(shown)).collect()
    };
    view::print(text.as_bytes())?;
    Ok(exit::PASSED)
}

/// Returns the settings that were asked for, by name or by section; all when none was.
fn chosen<'a>(all: &'a [Shown], keys: &[String]) -> Result<Vec<&'a Shown>, Error> {
    let fits = |shown: &Shown, key: &str| {
        shown.key == key
            || shown
                .key
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    for key in keys {
        if !all.iter().any(|shown| fits(shown, key)) {
            return Err(unknown(key));
        }
    }
    let wanted = |shown: &&Shown| keys.is_empty() || keys.iter().any(|key| fits(shown, key));
    Ok(all.iter().filter(wanted).collect())
}

/// Says that there is no such setting, and which ones are like it.
fn unknown(key: &str) -> Error {
    let wanted = key.rsplit('.').next().unwrap_or_default();
    let known = KEYS.iter().chain([&ALWAYS_ON]);
    let paths: Vec<_> = known.map(Key::path).collect();
    let holds = KEYS.iter().find(|known| {
        known.name == wanted || known.name.contains(wanted) || wanted.contains(known.name)
    });
    let like = likeness::like(key, paths.iter().map(String::as_str));
    let like = match like[..] {
        [] => holds.map(|known| format!("`{}`", known.path())),
        [..] => Some(likeness::one_of(&like)),
    };
    let error = Error::say(
        Kind::Usage,
        format!("there is no setting `{}`", key.escape_debug()),
    );
    match like {
        Some(like) => error.hint(format!("try {like}")),
        None => error.hint("run `ccci config` for the names of all"),
    }
}

/// Returns one setting as TOML, with where it came from.
fn line(shown: &Shown) -> String {
    format!("{} = {}  # {}\n", shown.key, shown.value, shown.origin)
}

/// Returns the settings as one JSON document.
fn document(shown: &[&Shown]) -> String {
    let entries = shown.iter().map(|shown| {
        let entry = json!({"value": value(&shown.value), "origin": shown.origin.to_string()});
        (shown.key.clone(), entry)
    });
    let document = Value::Object(entries.collect::<Map<_, _>>());
    format!("{document:#}\n")
}

/// Returns a TOML value as JSON.
fn value(text: &str) -> Value {
    let table: toml::Table =
        toml::from_str(&format!("v = {text}")).expect("a setting is shown as TOML");
    serde_json::to_value(&table["v"]).expect("a setting holds no number that JSON lacks")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layer::Origin;

    fn all() -> Vec<Shown> {
        let shown = |key: &str, value: &str, origin| Shown {
            key: key.to_owned(),
            value: value.to_owned(),
            origin,
        };
        vec![
            shown("limits.retries", "2", Origin::Flag("retries".to_owned())),
            shown("secrets.dirs", "[\"/run/secrets\"]", Origin::BuiltIn),
            shown(
                "always-on[1]",
                "{ recipe = \"traefik\" }",
                Origin::File("/etc/ccci/config.toml".into()),
            ),
        ]
    }

    #[test]
    fn a_setting_is_shown_with_its_origin() {
        let all = all();
        let lines: String = chosen(&all, &[]).unwrap().into_iter().map(line).collect();
        insta::assert_snapshot!(lines, @r#"
        limits.retries = 2  # flag: --retries
        secrets.dirs = ["/run/secrets"]  # built-in
        always-on[1] = { recipe = "traefik" }  # /etc/ccci/config.toml
        "#);
    }

    #[test]
    fn a_name_or_a_section_chooses() {
        let all = all();
        let keys = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
            let chosen = chosen(&all, &words).unwrap();
            chosen
                .iter()
                .map(|shown| shown.key.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&["limits"]), ["limits.retries"]);
        assert_eq!(keys(&["secrets.dirs"]), ["secrets.dirs"]);
        assert_eq!(keys(&["always-on"]), ["always-on[1]"]);
        assert_eq!(keys(&["secrets", "limits.retries"]).len(), 2);
    }

    #[test]
    fn an_unknown_name_gets_a_suggestion() {
        let error = chosen(&all(), &["limit.retries".to_owned()]).unwrap_err();
        assert_eq!(error.code(), 2);
        assert_eq!(error.hint.as_deref(), Some("try `limits.retries`"));
        let error = chosen(&all(), &["limits.josb".to_owned()]).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("try `limits.jobs`"));
        let error = chosen(&all(), &["alwayson".to_owned()]).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("try `always-on`"));
        assert!(chosen(&all(), &["limit".to_owned()]).is_err());
    }

    #[test]
    fn values_keep_their_types_in_json() {
        let all = all();
        let text = document(&all.iter().collect::<Vec<_>>());
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["limits.retries"]["value"], 2);
        assert_eq!(read["secrets.dirs"]["value"][0], "/run/secrets");
        assert_eq!(read["limits.retries"]["origin"], "flag: --retries");
        assert_eq!(read["always-on[1]"]["value"]["recipe"], "traefik");
    }
}
