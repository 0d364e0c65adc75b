//! `[[check]]` and `[[ready]]` of a `recipe.toml`: what was written becomes what is asked.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::model::{
    check::{Check, HttpCheck, Method, Probe, Ready, ReadyProbe, Statuses, TcpCheck, Tls, UrlPath},
    input::TimeLimit,
    stage::Stage,
};

/// The stages of a check that names none.
const DEFAULT_STAGES: [Stage; 3] = [Stage::Install, Stage::Upgrade, Stage::Restore];

/// A `[[check]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenCheck {
    /// `name`.
    name: String,
    /// `stages`.
    stages: Option<Vec<Stage>>,
    /// `path`.
    path: Option<UrlPath>,
    /// `method`.
    method: Option<Method>,
    /// `headers`.
    headers: Option<BTreeMap<String, String>>,
    /// `status`.
    status: Option<Statuses>,
    /// `title`.
    title: Option<String>,
    /// `contains`.
    contains: Option<Vec<String>>,
    /// `not-contains`.
    not_contains: Option<Vec<String>>,
    /// `json`.
    json: Option<BTreeMap<String, serde_json::Value>>,
    /// `redirect`.
    redirect: Option<String>,
    /// `max-time`.
    max_time: Option<TimeLimit>,
    /// `port`.
    port: Option<u16>,
    /// `tls`.
    tls: Option<bool>,
    /// `service`.
    service: Option<String>,
}

/// A `[[ready]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WrittenReady {
    /// `name`.
    name: String,
    /// `command`.
    command: Option<Vec<String>>,
    /// `service`.
    service: Option<String>,
    /// `timeout`.
    timeout: Option<TimeLimit>,
    /// `path`.
    path: Option<UrlPath>,
    /// `status`.
    status: Option<Statuses>,
    /// `port`.
    port: Option<u16>,
    /// `tls`.
    tls: Option<bool>,
}

/// What is wrong with a declaration: the key, and the rule.
pub(super) type Wrong = (&'static str, &'static str);

/// Makes a check.
pub(super) fn check(written: WrittenCheck) -> Result<Check, Wrong> {
    let name = name(&written.name)?;
    let mut stages = match &written.stages {
        None => DEFAULT_STAGES.to_vec(),
        Some(stages) if stages.is_empty() => return Err(("stages", "names at least one stage")),
        Some(stages) => stages.clone(),
    };
    stages.sort_unstable();
    stages.dedup();
    let probe = match (&written.path, written.port) {
        (Some(_), None) => http(written)?,
        (None, Some(port)) => tcp(&written, port)?,
        (Some(_), Some(_)) => return Err(("port", "is not given beside `path`")),
        (None, None) => return Err(("path", "is given, or else `port`")),
    };
    Ok(Check {
        name,
        stages,
        probe,
    })
}

/// Makes the request of a check.
fn http(written: WrittenCheck) -> Result<Probe, Wrong> {
    let of_tcp = [
        ("tls", written.tls.is_some()),
        ("service", written.service.is_some()),
    ];
    refuse(&of_tcp, "belongs to a check with `port`")?;
    let default = match &written.redirect {
        Some(_) => Statuses::redirect(),
        None => Statuses::success(),
    };
    let json = written.json.unwrap_or_default();
    let contains = written.contains.unwrap_or_default();
    let not_contains = written.not_contains.unwrap_or_default();
    let texts = [
        ("title", written.title.iter().collect()),
        ("redirect", written.redirect.iter().collect()),
        ("contains", contains.iter().collect::<Vec<_>>()),
        ("not-contains", not_contains.iter().collect()),
    ];
    for (key, texts) in texts {
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err((key, "is no empty text"));
        }
    }
    if json
        .keys()
        .any(|pointer| !(pointer.is_empty() || pointer.starts_with('/')))
    {
        return Err((
            "json",
            "has JSON pointers for keys, which begin with `/`, as in `/status`",
        ));
    }
    Ok(Probe::Http(HttpCheck {
        path: written.path.unwrap_or_else(UrlPath::root),
        method: written.method.unwrap_or(Method::Get),
        headers: headers(written.headers.unwrap_or_default())?,
        status: written.status.unwrap_or(default),
        title: written.title,
        contains,
        not_contains,
        json: json.into_iter().collect(),
        redirect: written.redirect,
        max_time: written.max_time.map(|TimeLimit(limit)| limit),
    }))
}

/// Makes the connection of a check.
fn tcp(written: &WrittenCheck, port: u16) -> Result<Probe, Wrong> {
    let of_http = [
        ("method", written.method.is_some()),
        ("headers", written.headers.is_some()),
        ("status", written.status.is_some()),
        ("title", written.title.is_some()),
        ("contains", written.contains.is_some()),
        ("not-contains", written.not_contains.is_some()),
        ("json", written.json.is_some()),
        ("redirect", written.redirect.is_some()),
    ];
    refuse(&of_http, "belongs to a check with `path`")?;
    let max_time = written.max_time.map(|TimeLimit(limit)| limit);
    connection(port, written.tls, written.service.as_deref(), max_time)
}

/// Makes a connection.
fn connection(
    port: u16,
    tls: Option<bool>,
    service: Option<&str>,
    max_time: Option<Duration>,
) -> Result<Probe, Wrong> {
    if port == 0 {
        return Err(("port", "lies between 1 and 65535"));
    }
    let tls = if tls == Some(true) { Tls::Yes } else { Tls::No };
    let service = service.map(service_name).transpose()?;
    Ok(Probe::Tcp(TcpCheck {
        service,
        port,
        tls,
        max_time,
    }))
}

/// Makes a condition.
pub(super) fn ready(written: WrittenReady) -> Result<Ready, Wrong> {
    let name = name(&written.name)?;
    let timeout = written.timeout.map(|TimeLimit(limit)| limit);
    let given = [
        written.path.is_some(),
        written.port.is_some(),
        written.command.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err((
            "path",
            "or `port` or `command` is given, and one of them alone",
        ));
    }
    if written.path.is_none() {
        refuse(
            &[("status", written.status.is_some())],
            "belongs to a condition with `path`",
        )?;
    }
    if written.port.is_none() {
        refuse(
            &[("tls", written.tls.is_some())],
            "belongs to a condition with `port`",
        )?;
    }
    let probe = match (written.path, written.port, written.command) {
        (Some(path), ..) => {
            let needless = [("service", written.service.is_some())];
            refuse(&needless, "belongs to a condition with `port` or `command`")?;
            ReadyProbe::Probe(Probe::Http(page(path, written.status)))
        }
        (None, Some(port), _) => {
            let service = written.service.as_deref();
            ReadyProbe::Probe(connection(port, written.tls, service, None)?)
        }
        (None, None, argv) => command(written.service.as_deref(), argv.unwrap_or_default())?,
    };
    Ok(Ready {
        name,
        probe,
        timeout,
    })
}

/// Makes the command of a condition.
fn command(service: Option<&str>, argv: Vec<String>) -> Result<ReadyProbe, Wrong> {
    let service = service_name(service.ok_or(("service", "is given beside `command`"))?)?;
    let named = argv.first().is_some_and(|program| !program.is_empty());
    if !named || argv.iter().any(|word| word.contains('\0')) {
        return Err((
            "command",
            "is a program and its arguments, as in `[\"pg_isready\"]`",
        ));
    }
    Ok(ReadyProbe::Command { service, argv })
}

/// Makes a plain request for a page.
fn page(path: UrlPath, status: Option<Statuses>) -> HttpCheck {
    HttpCheck {
        path,
        method: Method::Get,
        headers: Vec::new(),
        status: status.unwrap_or_else(Statuses::success),
        title: None,
        contains: Vec::new(),
        not_contains: Vec::new(),
        json: Vec::new(),
        redirect: None,
        max_time: None,
    }
}

/// Refuses the first of these keys that is given.
fn refuse(keys: &[(&'static str, bool)], rule: &'static str) -> Result<(), Wrong> {
    match keys.iter().find(|(_, given)| *given) {
        Some((key, _)) => Err((key, rule)),
        None => Ok(()),
    }
}

/// Checks a name, which reports and log files carry.
fn name(text: &str) -> Result<String, Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && text.len() <= 64 && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err((
        "name",
        "is 1 to 64 letters, digits, `-`, `_` or `.`, as in `home-page`",
    ))
}

/// Checks the short name of a service.
fn service_name(text: &str) -> Result<String, Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && text.len() <= 63 && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err((
        "service",
        "is a service's name in the compose file, as in `db`",
    ))
}

/// Checks the headers of a request.
fn headers(headers: BTreeMap<String, String>) -> Result<Vec<(String, String)>, Wrong> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    for (name, value) in &headers {
        if name.is_empty() || !name.chars().all(token) {
            return Err((
                "headers",
                "has names of letters, digits and hyphens, as in `accept`",
            ));
        }
        if name.eq_ignore_ascii_case("host") {
            return Err((
                "headers",
                "does not name the host, which is always the app's",
            ));
        }
        if value.chars().any(|c| c != '\t' && c.is_control()) {
            return Err(("headers", "has values of one line"));
        }
    }
    Ok(headers.into_iter().collect())
}
