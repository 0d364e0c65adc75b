//! The data canary in databases: a row in a table of its own, written and read by the engine's own client.

use std::time::Duration;

use super::{canary::not_running, classify};
use crate::{
    model::outcome::Trouble,
    sys::wait::{Deadline, Waited, wait_until},
    tool::{
        app::App,
        docker::{container::Container, exec::Exec},
    },
};

/// The table that is planted in each database.
pub(crate) const TABLE: &str = "ccci_canary";
/// How long one statement may take.
const SQL_LIMIT: Duration = Duration::from_secs(30);
/// How long a database may refuse connections after its service has converged.
const DATABASE_PATIENCE: Duration = Duration::from_secs(60);

/// The database engines that are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MariaDB or MySQL.
    Mariadb,
}

/// A canary's table in the database of a service.
pub(super) struct Table<'a> {
    /// The service's short name.
    pub(super) service: &'a str,
    /// Its engine.
    pub(super) engine: Engine,
}

/// Writes the canary row.
pub(super) fn plant_row(
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
pub(super) fn read_row(
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

impl Engine {
    /// Returns what people call the engine.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mariadb => "MariaDB or MySQL",
        }
    }

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
pub(super) fn engine(container: &Container) -> Option<Engine> {
    engine_of(&container.config.image, |name| container.env(name))
}

/// Recognises the engine of a service by its image and by what its environment holds.
pub(super) fn engine_of<'a>(
    image: &str,
    value: impl Fn(&str) -> Option<&'a str>,
) -> Option<Engine> {
    let image = image.split('@').next().unwrap_or_default();
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
            .any(|name| value(name).is_some_and(|value| !value.is_empty()))
    };
    if is(&["postgres", "postgis", "pgvector", "timescale"]) || value("PGDATA").is_some() {
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns a database's container, with a volume at `/data`.
    pub(crate) fn container(image: &str, env: &[&str]) -> Container {
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
}
