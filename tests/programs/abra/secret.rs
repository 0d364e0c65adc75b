//! The secrets of an app: those that its `.env` declares and its compose files refer to.

use serde_json::{Value, json};

use crate::app::App;
use crate::charset;
use crate::cli_app::{GenerateArgs, InsertArgs, SecretLsArgs, SecretRmArgs};
use crate::compose::Compose;
use crate::dotenv::EnvFile;
use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::output;
use crate::session::Session;

/// One declared secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    /// The middle part of its key, in lower case.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// The length of a generated value.
    length: Option<usize>,
    /// The charset of a generated value.
    charset: Option<String>,
    /// Whether it is generated at all.
    pub(crate) generate: bool,
}

impl Secret {
    /// Returns its name on the swarm.
    pub(crate) fn full_name(&self, stack: &str) -> String {
        format!("{stack}_{}_{}", self.name, self.version)
    }

    /// Returns a new value for it.
    fn value(&self) -> Result<String> {
        match (self.length, &self.charset) {
            (None, None) => charset::passphrase(),
            (length, charset) => charset::password(
                length.unwrap_or(guesses::PASSWORD_LENGTH),
                charset.as_deref(),
            ),
        }
    }
}

/// Returns all secrets that a file declares.
pub(crate) fn declared(env: &EnvFile) -> Vec<Secret> {
    let mut secrets: Vec<Secret> = Vec::new();
    for entry in &env.entries {
        let key = entry
            .key
            .strip_prefix("SECRET_")
            .and_then(|key| key.strip_suffix("_VERSION"));
        let Some(name) = key.map(str::to_lowercase) else {
            continue;
        };
        let modifier = |key: &str| {
            let words = entry.comment.split_whitespace();
            words
                .filter_map(|word| word.split_once('='))
                .find(|(name, _)| *name == key)
        };
        secrets.retain(|secret| secret.name != name);
        secrets.push(Secret {
            name,
            version: entry.value.clone(),
            length: modifier("length").and_then(|(_, length)| length.parse().ok()),
            charset: modifier("charset").map(|(_, charset)| charset.to_owned()),
            generate: modifier("generate").is_none_or(|(_, generate)| generate != "false"),
        });
    }
    secrets
}

/// Returns the declared secrets that the compose files refer to.
pub(crate) fn handled(app: &App, declarations: &EnvFile, compose: &Compose) -> Vec<Secret> {
    let names = compose.secrets();
    let mut secrets = declared(declarations);
    secrets.retain(|secret| names.contains(&secret.full_name(&app.stack)));
    secrets
}

/// Fails when a secret of the app is not on its server.
pub(crate) fn need_all(app: &App, compose: &Compose) -> Result<()> {
    let present = app.docker.secrets()?;
    let secrets = handled(app, &app.env, compose);
    let missing = secrets
        .iter()
        .find(|secret| !present.contains(&secret.full_name(&app.stack)));
    match missing {
        None => Ok(()),
        Some(secret) if secret.generate => {
            Err(Fatal(format!("secret not generated: {}", secret.name)))
        }
        Some(secret) => Err(Fatal(format!(
            "secret not inserted (#generate=false): {}",
            secret.name
        ))),
    }
}

/// Generates those of the secrets that do not exist and returns names and values.
pub(crate) fn generate_missing(app: &App, secrets: &[Secret]) -> Result<Vec<[String; 2]>> {
    let present = app.docker.secrets()?;
    let mut generated = Vec::new();
    for secret in secrets.iter().filter(|secret| secret.generate) {
        let full = secret.full_name(&app.stack);
        if present.contains(&full) {
            continue;
        }
        if full.len() > guesses::NAME_LIMIT {
            return Err(Fatal(format!("secret name too long: {full}")));
        }
        let value = secret.value()?;
        app.docker.create_secret(&full, value.as_bytes())?;
        generated.push([secret.name.clone(), value]);
    }
    Ok(generated)
}

/// Runs `app secret generate`.
pub(crate) fn generate(session: &Session, args: &GenerateArgs) -> Result<()> {
    let app = App::find(session, &args.app.domain)?;
    let recipe = app.follow_pin(session, args.app.chaos)?;
    let mut secrets = handled(&app, &app.env, &Compose::render(&app, &recipe)?);
    match (&args.name, &args.version) {
        (Some(name), Some(version)) => {
            secrets.retain(|secret| secret.name == *name);
            let secret = secrets
                .first_mut()
                .ok_or_else(|| Fatal(format!("{name} is no secret of {}", app.name)))?;
            secret.version.clone_from(version);
        }
        _ if args.all => {}
        _ => {
            return Err(Fatal::new(
                "missing arguments <secret> and <version>, or --all",
            ));
        }
    }
    let generated = generate_missing(&app, &secrets)?;
    if args.machine {
        let keys = guesses::SECRET_GENERATE_KEYS;
        let objects: Value = generated
            .iter()
            .map(|[name, value]| json!({keys[0]: name, keys[1]: value}))
            .collect();
        output::json(&objects);
        return Ok(());
    }
    if generated.is_empty() {
        output::warn("no secrets to generate");
        return Ok(());
    }
    output::table(&["NAME", "VALUE"], &rows(&generated))?;
    output::warn("generated secrets are shown only once");
    Ok(())
}

/// Runs `app secret insert`.
pub(crate) fn insert(session: &Session, args: &InsertArgs) -> Result<()> {
    let app = App::find(session, &args.app.domain)?;
    app.follow_pin(session, args.app.chaos)?;
    let mut value = if args.file {
        std::fs::read(&args.value).map_err(Fatal::during(format!("reading {}", args.value)))?
    } else {
        args.value.clone().into_bytes()
    };
    if args.trim {
        value = value.trim_ascii().to_vec();
    }
    let full = format!("{}_{}_{}", app.stack, args.name, args.version);
    app.docker.create_secret(&full, &value)?;
    output::info(&format!("{full} stored on {}", app.server));
    Ok(())
}

/// Runs `app secret ls`.
pub(crate) fn list(session: &Session, args: &SecretLsArgs) -> Result<()> {
    let app = App::find(session, &args.app.domain)?;
    let recipe = app.follow_pin(session, args.app.chaos)?;
    let present = app.docker.secrets()?;
    let rows: Vec<Vec<String>> = handled(&app, &app.env, &Compose::render(&app, &recipe)?)
        .into_iter()
        .map(|secret| {
            let full = secret.full_name(&app.stack);
            let created = present.contains(&full).to_string();
            vec![secret.name, secret.version, full, created]
        })
        .collect();
    let keys = guesses::SECRET_LIST_KEYS;
    if args.machine {
        let objects = rows.iter().map(|row| {
            let pairs = keys
                .iter()
                .zip(row)
                .map(|(key, cell)| ((*key).to_owned(), json!(cell)));
            Value::Object(pairs.collect())
        });
        output::json(&objects.collect());
        return Ok(());
    }
    output::table(&keys, &rows)
}

/// Runs `app secret rm`.
pub(crate) fn remove(session: &Session, args: &SecretRmArgs) -> Result<()> {
    let app = App::find(session, &args.app.domain)?;
    app.follow_pin(session, args.app.chaos)?;
    if args.name.is_none() && !args.all {
        return Err(Fatal::new("missing argument <secret>, or --all"));
    }
    session.proceed("remove secrets?")?;
    let present = app.docker.secrets()?;
    let mut removed = 0;
    for secret in declared(&app.env) {
        let full = secret.full_name(&app.stack);
        let wanted = args.name.as_ref().is_none_or(|name| *name == secret.name);
        if wanted && present.contains(&full) {
            app.docker.run(&["secret", "rm", &full])?;
            output::info(&format!("removed {full}"));
            removed += 1;
        }
    }
    if removed == 0 {
        Err(Fatal::new("no secrets to remove"))
    } else {
        Ok(())
    }
}

/// Returns the rows of a table of names and values.
pub(crate) fn rows(pairs: &[[String; 2]]) -> Vec<Vec<String>> {
    pairs.iter().map(|pair| pair.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_stand_in_the_trailing_comment() {
        let env = EnvFile::parse(
            "SECRET_DB_PASSWORD_VERSION=v2 # length=43 charset=hex\n\
             # SECRET_OFF_VERSION=v1\nSECRET_KEY_VERSION=v1 # generate=false\n",
        )
        .unwrap();
        let secrets = declared(&env);
        assert_eq!(secrets.len(), 2);
        assert_eq!(secrets[0].full_name("a_b"), "a_b_db_password_v2");
        assert_eq!(secrets[0].value().unwrap().len(), 43);
        assert!(secrets[0].generate);
        assert!(!secrets[1].generate);
    }
}
