//! The data canary: plants data in an app's volumes and databases, changes it, reads it back.

use std::time::Duration;

use super::classify;
use crate::{
    model::{
        backup::{BackupPlan, Rule},
        compose::Stack,
        outcome::Trouble,
    },
    sys::wait::{Deadline, Waited, wait_until},
    tool::{
        app::App,
        docker::{
            client::Error,
            container::{Container, Exec},
        },
    },
};

/// The file that is planted in the root of each volume.
pub(crate) const FILE_NAME: &str = ".ccci-canary";
/// The table that is planted in each database.
pub(crate) const TABLE: &str = "ccci_canary";
/// How long one statement may take.
const SQL_LIMIT: Duration = Duration::from_secs(30);
/// How long a database may refuse connections after its service has converged.
const DATABASE_PATIENCE: Duration = Duration::from_secs(60);

/// A place where data can be planted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// A volume, by its short name.
    Volume {
        /// The short name.
        name: String,
        /// What of it is backed up.
        backup: Coverage,
    },
    /// A database, by the short name of its service.
    Database {
        /// The service's short name.
        service: String,
        /// What speaks SQL there.
        engine: Engine,
        /// Whether a backup brings its rows back.
        backup: Coverage,
    },
}

/// Whether a backup holds what is planted at a spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// It does, so restore must bring it back.
    Covered,
    /// The labels leave it out.
    LeftOut,
}

/// The database engines that are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MariaDB or MySQL.
    Mariadb,
}

impl Spot {
    /// Returns what a person calls the spot.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Volume { name, .. } => format!("volume `{name}`"),
            Self::Database { service, .. } => format!("database of `{service}`"),
        }
    }

    /// Tells whether restore must bring back what is planted here.
    pub(crate) fn is_backed_up(&self) -> bool {
        match self {
            Self::Volume { backup, .. } | Self::Database { backup, .. } => {
                *backup == Coverage::Covered
            }
        }
    }
}

/// Finds every spot of an app that runs.
pub(crate) fn list_spots(app: &App, stack: &Stack, plan: &BackupPlan) -> Result<Vec<Spot>, Error> {
    let containers = app.docker.running_containers(app.stack.as_str())?;
    let mut spots = Vec::new();
    for (key, object) in &stack.volumes {
        let full = object.full_name(app.stack.as_str(), key);
        let Some(name) = app.stack.short(&full) else {
            continue;
        };
        if mounted(&containers, &full).is_some() {
            let whole = plan
                .volumes
                .iter()
                .any(|volume| volume.volume == full && volume.rule == Rule::Whole);
            let backup = if whole {
                Coverage::Covered
            } else {
                Coverage::LeftOut
            };
            spots.push(Spot::Volume {
                name: name.to_owned(),
                backup,
            });
        }
    }
    for container in &containers {
        let service = container
            .service()
            .and_then(|service| app.stack.short(service));
        if let (Some(service), Some(engine)) = (service, engine(container)) {
            let backup = database_coverage(plan, service);
            spots.push(Spot::Database {
                service: service.to_owned(),
                engine,
                backup,
            });
        }
    }
    spots.dedup();
    Ok(spots)
}

/// Plants a token at every spot, in place of an earlier one.
pub(crate) fn plant(app: &App, spots: &[Spot], token: &str) -> Result<(), Trouble> {
    let containers = app
        .docker
        .running_containers(app.stack.as_str())
        .map_err(|error| classify::docker_error(&error))?;
    for spot in spots {
        let planted = match spot {
            Spot::Volume { name, .. } => {
                plant_file(app, &containers, &app.stack.object(name), token)
            }
            Spot::Database {
                service, engine, ..
            } => plant_row(
                app,
                &containers,
                &Table {
                    service,
                    engine: *engine,
                },
                token,
            ),
        };
        planted.map_err(|trouble| {
            trouble.because(format!(
                "the canary could not be planted in {}",
                spot.title()
            ))
        })?;
    }
    Ok(())
}

/// Reads the token back from a spot; nothing when there is none.
pub(crate) fn read(app: &App, spot: &Spot) -> Result<Option<String>, Trouble> {
    let containers = app
        .docker
        .running_containers(app.stack.as_str())
        .map_err(|error| classify::docker_error(&error))?;
    match spot {
        Spot::Volume { name, .. } => read_file(app, &containers, &app.stack.object(name)),
        Spot::Database {
            service, engine, ..
        } => read_row(
            app,
            &containers,
            &Table {
                service,
                engine: *engine,
            },
        ),
    }
}

/// A canary's table in the database of a service.
struct Table<'a> {
    /// The service's short name.
    service: &'a str,
    /// Its engine.
    engine: Engine,
}

/// Finds a container that can write to a volume, and where it mounts it.
fn mounted<'a>(containers: &'a [Container], volume: &str) -> Option<(&'a Container, &'a str)> {
    containers.iter().find_map(|container| {
        let mount = container
            .mounts
            .iter()
            .find(|mount| mount.name == volume && mount.writable)?;
        Some((container, mount.destination.as_str()))
    })
}

/// Writes the canary file into a volume.
fn plant_file(
    app: &App,
    containers: &[Container],
    volume: &str,
    token: &str,
) -> Result<(), Trouble> {
    let (container, folder) = mounted(containers, volume).ok_or_else(|| not_running(volume))?;
    let copied = app.docker.copy_in(&container.id, folder, archive_of(token));
    copied.map_err(|error| classify::docker_error(&error))
}

/// Reads the canary file of a volume.
fn read_file(app: &App, containers: &[Container], volume: &str) -> Result<Option<String>, Trouble> {
    let (container, folder) = mounted(containers, volume).ok_or_else(|| not_running(volume))?;
    let path = format!("{}/{FILE_NAME}", folder.trim_end_matches('/'));
    let copied = app
        .docker
        .copy_out(&container.id, &path)
        .map_err(|error| classify::docker_error(&error))?;
    Ok(copied.and_then(|archive| content_of(&archive)))
}

/// Packs a token as the archive that is unpacked in a volume.
fn archive_of(token: &str) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(u64::try_from(token.len()).expect("a token is short"));
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append_data(&mut header, FILE_NAME, token.as_bytes())
        .expect("writing to memory does not fail");
    builder
        .into_inner()
        .expect("writing to memory does not fail")
}

/// Returns the text of the first file of an archive.
fn content_of(archive: &[u8]) -> Option<String> {
    let mut tar = tar::Archive::new(archive);
    let mut entry = tar.entries().ok()?.next()?.ok()?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut entry, &mut text).ok()?;
    Some(text.trim().to_owned())
}

/// Writes the canary row.
fn plant_row(
    app: &App,
    containers: &[Container],
    table: &Table<'_>,
    token: &str,
) -> Result<(), Trouble> {
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS {TABLE} (token VARCHAR(64) NOT NULL);\nDELETE FROM {TABLE};\nINSERT INTO {TABLE} VALUES ('{token}');\n"
    );
    run_sql(app, containers, table, &sql).map(drop)
}

/// Reads the canary row.
fn read_row(
    app: &App,
    containers: &[Container],
    table: &Table<'_>,
) -> Result<Option<String>, Trouble> {
    match run_sql(
        app,
        containers,
        table,
        &format!("SELECT token FROM {TABLE};\n"),
    ) {
        Ok(text) => Ok(text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .map(str::to_owned)),
        Err(trouble) if trouble.code == NO_TABLE => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// The code of a statement about a table that is not there.
const NO_TABLE: &str = "canary-table-missing";

/// Runs statements in a database, waiting while it does not accept connections yet.
fn run_sql(
    app: &App,
    containers: &[Container],
    table: &Table<'_>,
    sql: &str,
) -> Result<String, Trouble> {
    let service = app.stack.object(table.service);
    let container = containers
        .iter()
        .find(|container| container.service() == Some(service.as_str()));
    let container = container.ok_or_else(|| not_running(table.service))?;
    let shell = ["sh", "-c", table.engine.client()];
    let run = Exec {
        command: &shell,
        input: Some(sql.as_bytes()),
        limit: SQL_LIMIT,
        log: None,
    };
    let mut said = String::new();
    let attempt =
        || -> Result<Option<Result<String, Trouble>>, Trouble> {
            let output = app
                .docker
                .exec(&container.id, &run)
                .map_err(|error| classify::docker_error(&error))?;
            if output.ok() {
                return Ok(Some(Ok(output.stdout_text())));
            }
            said = output.tail(1);
            let missing = said.contains("does not exist") || said.contains("doesn't exist");
            let named = said.contains(TABLE);
            Ok((missing && named)
                .then(|| Err(Trouble::recipe(NO_TABLE, "the canary's table is gone"))))
        };
    let pause = |_| Duration::from_millis(300);
    let waited = wait_until(
        Deadline::after(DATABASE_PATIENCE),
        &app.docker.host().interrupt,
        attempt,
        pause,
    )?;
    match waited {
        Waited::Done(result) => result,
        Waited::Interrupted => Err(classify::interrupted()),
        Waited::TimedOut => {
            let message = format!(
                "database of `{}` does not accept ccci's statements",
                table.service
            );
            Err(Trouble::recipe("database-unreachable", message).because(said))
        }
    }
}

/// Returns the trouble of a spot without a running container on this node.
fn not_running(what: &str) -> Trouble {
    Trouble::broken(
        "no-container",
        format!("no container with `{what}` runs on this node"),
    )
}

impl Engine {
    /// Returns the shell text that runs SQL from stdin in the engine's official image, with the password it was given.
    ///
    /// The password goes by environment and never by argument. Variables as the images' own documentation names them.
    const fn client(self) -> &'static str {
        match self {
            Self::Postgres => {
                r#"value() { eval "v=\${$1:-}; f=\${$1_FILE:-}"; if [ -n "$v" ]; then printf %s "$v"; elif [ -n "$f" ]; then cat "$f"; fi; }
user=$(value POSTGRES_USER); user=${user:-postgres}
base=$(value POSTGRES_DB); base=${base:-$user}
PGPASSWORD=$(value POSTGRES_PASSWORD); export PGPASSWORD
exec psql -v ON_ERROR_STOP=1 -qtA -U "$user" -d "$base""#
            }
            Self::Mariadb => {
                r#"value() { for n in "MARIADB_$1" "MYSQL_$1"; do eval "v=\${$n:-}; f=\${${n}_FILE:-}"; if [ -n "$v" ]; then printf %s "$v"; return; elif [ -n "$f" ]; then cat "$f"; return; fi; done; }
user=root; MYSQL_PWD=$(value ROOT_PASSWORD)
if [ -z "$MYSQL_PWD" ]; then user=$(value USER); MYSQL_PWD=$(value PASSWORD); fi
base=$(value DATABASE); export MYSQL_PWD
client=mariadb; command -v mariadb >/dev/null 2>&1 || client=mysql
exec "$client" --batch --skip-column-names -u "$user" "$base""#
            }
        }
    }
}

/// Recognises a database by its image's name, or by what such images set in their environment.
fn engine(container: &Container) -> Option<Engine> {
    let image = container.config.image.split('@').next().unwrap_or_default();
    let name = image
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .split(':')
        .next()
        .unwrap_or_default();
    let is = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let has_database = |names: &[&str]| {
        names
            .iter()
            .any(|name| container.env(name).is_some_and(|value| !value.is_empty()))
    };
    if is(&["postgres", "postgis", "pgvector", "timescale"]) || container.env("PGDATA").is_some() {
        return Some(Engine::Postgres);
    }
    let mariadb = is(&["mariadb", "mysql"]) || has_database(&["MARIADB_VERSION", "MYSQL_MAJOR"]);
    let named = has_database(&[
        "MARIADB_DATABASE",
        "MYSQL_DATABASE",
        "MARIADB_DATABASE_FILE",
        "MYSQL_DATABASE_FILE",
    ]);
    (mariadb && named).then_some(Engine::Mariadb)
}

/// Tells whether a backup brings a database's rows back: only hooks can, files copied under a running server cannot.
fn database_coverage(plan: &BackupPlan, service: &str) -> Coverage {
    let restores = |hooks: &crate::model::backup::ServiceBackup| {
        hooks.service == service
            && (hooks.restore_post_hook.is_some() || hooks.restore_pre_hook.is_some())
    };
    if plan.services.iter().any(restores) {
        Coverage::Covered
    } else {
        Coverage::LeftOut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(image: &str, env: &[&str]) -> Container {
        let text = serde_json::json!({
            "Id": "c", "State": {"Running": true, "ExitCode": 0, "OOMKilled": false, "Health": null},
            "Mounts": [{"Type": "volume", "Name": "x_data", "Destination": "/data", "RW": true}],
            "Config": {"Image": image, "Env": env, "Labels": {"com.docker.swarm.service.name": "x_db"}},
            "NetworkSettings": {"SandboxID": "abc"},
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn databases_are_recognised_by_image_or_environment() {
        assert_eq!(
            engine(&container("postgres:15", &[])),
            Some(Engine::Postgres)
        );
        assert_eq!(
            engine(&container("ghcr.io/x/pgvector:1", &[])),
            Some(Engine::Postgres)
        );
        assert_eq!(
            engine(&container(
                "r:5000/mariadb:10.11@sha256:1",
                &["MARIADB_DATABASE=a"]
            )),
            Some(Engine::Mariadb)
        );
        assert_eq!(
            engine(&container(
                "linuxserver/db",
                &["MYSQL_MAJOR=8", "MYSQL_DATABASE=a"]
            )),
            Some(Engine::Mariadb)
        );
        assert_eq!(
            engine(&container("wordpress:6", &["MYSQL_DATABASE=a"])),
            None
        );
        assert_eq!(engine(&container("nginx:1", &[])), None);
    }

    #[test]
    fn a_packed_token_is_unpacked() {
        assert_eq!(
            content_of(&archive_of("token-1")).as_deref(),
            Some("token-1")
        );
        assert_eq!(content_of(b"garbage"), None);
    }

    #[test]
    fn a_volume_that_nobody_can_write_to_is_no_spot() {
        let containers = [container("nginx:1", &[])];
        assert!(mounted(&containers, "x_data").is_some());
        assert!(mounted(&containers, "x_dat").is_none());
    }
}
