//! Waits for a moment in a run, which an engine tells of.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it needs"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::engine::Engine;

/// How long a moment may take to come before the test gives up on it.
const LIMIT: Duration = Duration::from_secs(240);

/// A moment that is watched for.
pub(crate) struct Moment {
    /// The client that listens.
    client: Child,
    /// Brings what the engine told.
    told: Receiver<String>,
}

impl Moment {
    /// Begins to watch for an event from now on, as `container` and `start`.
    pub(crate) fn of(engine: &Engine, kind: &str, event: &str) -> Self {
        Self::since(SystemTime::now(), engine, (kind, event))
    }

    /// Looks for an event since the engine was started.
    pub(crate) fn since_boot(engine: &Engine, kind: &str, event: &str) -> Self {
        Self::since(engine.booted(), engine, (kind, event))
    }

    /// Begins to watch for an event, those since a time included.
    fn since(time: SystemTime, engine: &Engine, (kind, event): (&str, &str)) -> Self {
        let time = time.duration_since(UNIX_EPOCH).unwrap();
        let since = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
        let mut command = Command::new("docker");
        command.args(["--host", &engine.host(), "events", "--since", &since]);
        let filters = [format!("type={kind}"), format!("event={event}")];
        command.args(filters.iter().flat_map(|filter| ["--filter", filter]));
        command.args(["--format", "{{.Actor.ID}}"]);
        let mut client = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
        let (sender, told) = channel();
        std::thread::spawn(move || lines.next().map(|line| sender.send(line.unwrap())));
        Self { client, told }
    }

    /// Waits until it has come; returns the id of what it came to.
    pub(crate) fn wait(self) -> String {
        self.told.recv_timeout(LIMIT).expect("the moment comes")
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        self.client.kill().unwrap();
        self.client.wait().unwrap();
    }
}
