//! What is there: `app ls`, `app ps`, `server ls`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::app::{self, App};
use crate::cli::ServerLsArgs;
use crate::cli_app::{LsArgs, MachineArgs};
use crate::docker::{Docker, NAMESPACE};
use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::output;
use crate::session::Session;
use crate::version::is_newer;

/// What a server knows of its apps: the labels of the service `app` by stack.
type Deployed = BTreeMap<String, BTreeMap<String, String>>;

/// Runs `app ls`.
pub(crate) fn apps(session: &Session, args: &LsArgs) -> Result<()> {
    let mut servers: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut asked: BTreeMap<String, Deployed> = BTreeMap::new();
    for app in App::all(session)? {
        let named = |filter: &Option<String>, value| filter.as_ref().is_none_or(|f| f == value);
        if !named(&args.server, &app.server) || !named(&args.recipe, &app.recipe) {
            continue;
        }
        let mut entry = json!({
            "server": app.server, "recipe": app.recipe, "appName": app.name,
            "domain": app.env.get("DOMAIN").unwrap_or_default(),
            "status": "", "chaos": "", "chaosVersion": "", "version": "", "upgrade": "",
        });
        if args.status {
            if !asked.contains_key(&app.server) {
                asked.insert(app.server.clone(), ask(&app.docker)?);
            }
            add_status(
                session,
                &app,
                asked[&app.server].get(&app.stack),
                &mut entry,
            )?;
        }
        servers.entry(app.server).or_default().push(entry);
    }
    if args.machine {
        let summaries = servers
            .into_iter()
            .map(|(server, apps)| (server, summary(&apps)));
        output::json(&Value::Object(summaries.collect()));
        return Ok(());
    }
    show(args, servers.values().flatten())
}

/// Prints apps as a table.
fn show<'a>(args: &LsArgs, apps: impl Iterator<Item = &'a Value>) -> Result<()> {
    let mut header = vec!["RECIPE", "DOMAIN", "SERVER"];
    let mut keys = vec!["recipe", "domain", "server"];
    if args.status {
        header.extend(["STATUS", "CHAOS", "VERSION", "UPGRADE"]);
        keys.extend(["status", "chaos", "version", "upgrade"]);
    }
    let rows = apps.map(|app| keys.iter().map(|key| text(&app[*key])).collect());
    output::table(&header, &rows.collect::<Vec<_>>())
}

/// Asks a server for all its stacks.
fn ask(docker: &Docker) -> Result<Deployed> {
    let mut stacks = Deployed::new();
    for service in docker.services(None)? {
        let Some(stack) = service.labels.get(NAMESPACE).cloned() else {
            continue;
        };
        let main = service.name == format!("{stack}_app");
        let labels = stacks.entry(stack).or_default();
        if main {
            *labels = service.labels;
        }
    }
    Ok(stacks)
}

/// Fills the fields that only the server knows.
fn add_status(
    session: &Session,
    app: &App,
    labels: Option<&BTreeMap<String, String>>,
    entry: &mut Value,
) -> Result<()> {
    let label = |key: &str| {
        let found = labels.and_then(|labels| labels.get(&app.label(key)));
        found.map_or("unknown", String::as_str)
    };
    let version = label("version");
    entry["status"] = json!(if labels.is_some() {
        "deployed"
    } else {
        "unknown"
    });
    entry["chaos"] = json!(label(guesses::CHAOS_LABEL));
    entry["chaosVersion"] = json!(label("chaos-version"));
    entry["version"] = json!(version);
    entry["upgrade"] = json!(upgrade(session, app, version)?);
    Ok(())
}

/// Returns the newer releases, newest first. The recipe's tree may move on the way.
fn upgrade(session: &Session, app: &App, version: &str) -> Result<String> {
    let recipe = app.recipe(session);
    if version == "unknown" || !recipe.directory.is_dir() {
        return Ok("unknown".to_owned());
    }
    if guesses::LIST_CHECKS_OUT && !session.flags.offline && !recipe.dirty()? {
        // A pin that is gone is no reason to fail a list.
        app.pin.as_ref().and_then(|pin| recipe.check_out(pin).ok());
    }
    let mut newer = recipe.versions()?;
    newer.retain(|tag| is_newer(tag, version));
    newer.reverse();
    Ok(if newer.is_empty() {
        "latest".to_owned()
    } else {
        newer.join("\n")
    })
}

/// Returns the object of one server.
fn summary(apps: &[Value]) -> Value {
    let count = |fits: &dyn Fn(&Value) -> bool| apps.iter().filter(|app| fits(app)).count();
    let known = |value: &Value| value != "unknown" && value != "";
    json!({
        "appCount": apps.len(),
        "versionCount": count(&|app| known(&app["version"])),
        "unversionedCount": count(&|app| app["version"] == "unknown"),
        "latestCount": count(&|app| app["upgrade"] == "latest"),
        "upgradeCount": count(&|app| known(&app["upgrade"]) && app["upgrade"] != "latest"),
        "apps": apps,
    })
}

/// Runs `app ps`.
pub(crate) fn containers(session: &Session, args: &MachineArgs) -> Result<()> {
    let app = App::find(session, &args.domain)?;
    let labels = app.need_deployed()?;
    let label = |key: &str| labels.get(&app.label(key)).cloned().unwrap_or_default();
    let filter = format!("label={NAMESPACE}={}", app.stack);
    let lines = app
        .docker
        .run(&["ps", "--filter", &filter, "--format", "{{json .}}"])?;
    let mut services = Map::new();
    for line in lines.lines() {
        let container: Value =
            serde_json::from_str(line).map_err(Fatal::during("reading docker's containers"))?;
        let name = text(&container["Names"]);
        let full = name.split('.').next().unwrap_or_default();
        let service = full
            .strip_prefix(&format!("{}_", app.stack))
            .unwrap_or(full)
            .to_owned();
        let entry = json!({
            "service": service, "chaos": label(guesses::CHAOS_LABEL),
            "created": text(&container["CreatedAt"]), "image": text(&container["Image"]),
            "ports": text(&container["Ports"]), "state": text(&container["State"]),
            "status": text(&container["Status"]), "version": label("version"),
        });
        services.insert(service, entry);
    }
    if args.machine {
        output::json(&Value::Object(services));
        return Ok(());
    }
    let keys = ["service", "status", "image", "version", "chaos"];
    let rows = services
        .values()
        .map(|entry| keys.iter().map(|key| text(&entry[*key])).collect());
    output::table(
        &["SERVICE", "STATUS", "IMAGE", "VERSION", "CHAOS"],
        &rows.collect::<Vec<_>>(),
    )
}

/// Runs `server ls`.
pub(crate) fn servers(session: &Session, args: &ServerLsArgs) -> Result<()> {
    let rows = app::servers(session)?.into_iter().map(|name| {
        let host = if name == "default" {
            guesses::LOCAL_HOST.to_owned()
        } else {
            name.clone()
        };
        vec![name, host]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if args.machine {
        output::json(
            &rows
                .iter()
                .map(|row| json!({"name": row[0], "host": row[1]}))
                .collect(),
        );
        return Ok(());
    }
    output::table(&["NAME", "HOST"], &rows)
}

/// Returns the text of a JSON string, else nothing.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
