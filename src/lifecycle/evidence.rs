//! Gathers, before teardown, what shows why a stage did not pass.

use std::fmt::Write;

use super::session::Session;
use crate::{
    model::{
        compose::Stack,
        outcome::{Outcome, StageResult, Trouble},
        stage::Stage,
    },
    sys::beside::beside,
    tool::docker::service::{Task, TaskState},
};

/// How many lines of each service's log are kept.
const LOG_LINES: usize = 2000;
/// How many lines of a service's log are shown on screen.
const SHOWN_LINES: usize = 5;

/// Gathers everything at hand about an app in trouble; what cannot be had is left out, and said in its place.
///
/// Returns the trouble with an excerpt of the log that most likely tells why.
pub(crate) fn gather(
    session: &Session<'_>,
    stage: Stage,
    rendered: Option<&Stack>,
    trouble: Trouble,
) -> Trouble {
    let docker = &session.app.docker;
    // An engine that did not answer just now is not asked for one thing after the other.
    let tasks = if docker.is_silent() {
        Vec::new()
    } else {
        docker.tasks(&session.app.stack).unwrap_or_default()
    };
    let asked = rendered.filter(|_| !docker.is_silent());
    let services: Vec<String> = asked
        .map(|stack| stack.services.keys().cloned().collect())
        .unwrap_or_default();
    let logs = std::thread::scope(|scope| {
        let writing = beside(scope, || write_state(session, stage, rendered, &tasks));
        let logs = service_logs(session, stage, &services);
        writing.join();
        logs
    });
    if trouble.excerpt.is_some() {
        return trouble;
    }
    let own = operation_log(session, stage);
    let suspect = suspect(&trouble, &tasks, session);
    let log = suspect.and_then(|service| logs.iter().find(|(name, _)| *name == service));
    let of_service = log.map(|(service, text)| (format!("service-{service}.log"), text.clone()));
    // What a hook printed tells more of a backup than what the app did meanwhile.
    match own.or(of_service) {
        Some((name, text)) => {
            trouble.excerpt(format!("{}/{name}", stage.folder()), &text, SHOWN_LINES)
        }
        None => trouble,
    }
}

/// Returns the log of a stage's own operation, where that is a backup or a restore.
fn operation_log(session: &Session<'_>, stage: Stage) -> Option<(String, String)> {
    let name = match stage {
        Stage::Backup => "backup.log",
        Stage::Restore => "restore.log",
        Stage::Install | Stage::Upgrade | Stage::Custom => return None,
    };
    let path = session.dir.path().join(stage.folder()).join(name);
    let text = std::fs::read_to_string(path).ok()?;
    Some((name.to_owned(), text))
}

/// Tells whether a stage's end calls for evidence.
pub(crate) fn is_called_for(result: &StageResult) -> bool {
    let interrupted = result
        .trouble
        .as_ref()
        .is_some_and(|trouble| trouble.code == "interrupted");
    matches!(
        result.outcome,
        Outcome::Fail | Outcome::Timeout | Outcome::Broken
    ) && !interrupted
}

/// Returns the service whose log most likely tells why: one that the trouble names, else one whose task failed last.
fn suspect(trouble: &Trouble, tasks: &[Task], session: &Session<'_>) -> Option<String> {
    let short = |task: &Task| session.app.stack.short(&task.service).map(str::to_owned);
    let text = std::iter::once(&trouble.message)
        .chain(&trouble.causes)
        .fold(String::new(), |all, line| all + line);
    let named = tasks
        .iter()
        .filter_map(short)
        .find(|name| text.contains(&format!("`{name}`")));
    let failed = tasks.iter().find(|task| task.state == TaskState::Failed);
    named
        .or_else(|| failed.and_then(short))
        .or_else(|| tasks.first().and_then(short))
}

/// Writes the log of each service; returns their texts.
fn service_logs(session: &Session<'_>, stage: Stage, services: &[String]) -> Vec<(String, String)> {
    let read = |service: &String| {
        let text = session
            .app
            .docker
            .service_logs(&session.app.stack.object(service), LOG_LINES);
        let text = text.unwrap_or_else(|error| format!("{error}\n"));
        let text = session.ctx.host.redactor.text(&text);
        // A log that cannot be written must not hide the others.
        drop(
            session
                .dir
                .write(&format!("{}/service-{service}.log", stage.folder()), &text),
        );
        (service.clone(), without_timestamps(&text))
    };
    services.iter().map(read).collect()
}

/// Drops docker's timestamps, which a person on a screen does not need.
fn without_timestamps(text: &str) -> String {
    let is_stamp = |word: &str| word.len() > 20 && word.ends_with('Z') && word.starts_with("20");
    let line = |line: &str| match line.split_once(' ') {
        Some((stamp, rest)) if is_stamp(stamp) => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Writes tasks, health, images, the compose file, disk and memory.
fn write_state(session: &Session<'_>, stage: Stage, rendered: Option<&Stack>, tasks: &[Task]) {
    let write = |name: &str, text: &str| {
        drop(
            session
                .dir
                .write(&format!("{}/{name}", stage.folder()), text),
        );
    };
    write("tasks.txt", &render_tasks(tasks));
    write("health.txt", &render_health(session));
    write("host.txt", &render_host());
    if let Some(stack) = rendered {
        write("compose.yml", &stack.render());
    }
}

/// Renders the history of tasks, newest first in each slot.
fn render_tasks(tasks: &[Task]) -> String {
    let mut text = String::new();
    for task in tasks {
        let Task {
            service,
            slot,
            since,
            desired,
            image,
            error,
            id,
            ..
        } = task;
        writeln!(
            text,
            "{service}.{slot} {id} {image}\n    {since} (should be {desired}) {error}"
        )
        .expect("a text grows");
    }
    text
}

/// Renders the state and the last health probes of each container of the app.
fn render_health(session: &Session<'_>) -> String {
    let docker = &session.app.docker;
    if docker.is_silent() {
        return "the docker daemon does not answer\n".to_owned();
    }
    let mut text = String::new();
    let containers = docker.running_containers(session.app.stack.as_str());
    for container in containers.unwrap_or_default() {
        let name = container.service().unwrap_or("?").to_owned();
        let state = &container.state;
        writeln!(
            text,
            "{name} {}: exit code {}, out of memory {}",
            container.config.image, state.exit_code, state.oom_killed
        )
        .expect("a text grows");
        for probe in state
            .health
            .iter()
            .flat_map(|health| health.log.iter().flatten())
        {
            writeln!(
                text,
                "    exit {}: {}",
                probe.exit_code,
                probe.output.trim()
            )
            .expect("a text grows");
        }
    }
    text
}

/// Renders free memory and the load of this host.
fn render_host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let memory = memory.lines().take(5).collect::<Vec<_>>().join("\n");
    let free = |path: &str| match rustix::fs::statvfs(path) {
        Ok(disk) => format!(
            "{} MiB free on {path}",
            disk.f_bavail * disk.f_frsize / (1 << 20)
        ),
        Err(error) => format!("{path}: {error}"),
    };
    format!(
        "{memory}\nload {}{}\n",
        read("/proc/loadavg"),
        free("/var/lib/docker")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_timestamps_are_dropped_and_nothing_else() {
        let text = "2026-11-20T09:43:54.027693753Z hello world\nplain line\n";
        assert_eq!(without_timestamps(text), "hello world\nplain line");
    }
}
