//! The engine's own story of one world: its containers, and the volumes that they mounted, unnamed ones too.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it needs"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    cell::RefCell,
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::Value;

use super::docker::docker;

/// How long the engine may take to tell what it has done.
const PATIENCE: Duration = Duration::from_secs(30);

/// A subscription to the engine's events.
pub(crate) struct Watch {
    /// The program that prints them.
    program: Child,
    /// Its lines.
    lines: Receiver<String>,
    /// What marks the world's names.
    marker: String,
    /// What was learned.
    seen: RefCell<Seen>,
}

/// What the events told.
#[derive(Default)]
struct Seen {
    /// The world's containers, by id.
    containers: BTreeSet<String>,
    /// Each mount, as volume and container.
    mounts: BTreeSet<(String, String)>,
    /// The services that were created, one entry for each time.
    services: Vec<String>,
}

impl Watch {
    /// Begins to listen, and returns once events come in.
    pub(crate) fn begin(marker: &str) -> Self {
        let mut command = Command::new("docker");
        command.args(["events", "--format", "{{json .}}"]);
        for kind in ["container", "volume", "service"] {
            command.arg(format!("--filter=type={kind}"));
        }
        // What happened before the program listens is told as well.
        let since = docker(&["info", "--format", "{{.SystemTime}}"]);
        command.arg(format!("--since={since}"));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(Stdio::null());
        let mut program = command.spawn().unwrap();
        let output = BufReader::new(program.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let marker = marker.to_owned();
        let seen = RefCell::default();
        Self {
            program,
            lines,
            marker,
            seen,
        }
    }

    /// Returns every volume that a container of this world has mounted so far.
    pub(crate) fn volumes(&self) -> BTreeSet<String> {
        self.catch_up();
        let seen = self.seen.borrow();
        let ours = |(_, container): &&(String, String)| seen.containers.contains(container);
        let volumes = seen.mounts.iter().filter(ours);
        volumes.map(|(volume, _)| volume.clone()).collect()
    }

    /// Returns the services that were created so far, one entry for each time.
    pub(crate) fn services(&self) -> Vec<String> {
        self.catch_up();
        self.seen.borrow().services.clone()
    }

    /// Reads all events up to one that is made here.
    fn catch_up(&self) {
        let end = format!("{}-end", self.marker);
        docker(&["volume", "create", &end]);
        docker(&["volume", "rm", &end]);
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.expect("the engine tells its events");
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["Action"] == "destroy" && event["Actor"]["ID"] == end.as_str() {
                return;
            }
            self.seen.borrow_mut().note(&event, &self.marker);
        }
    }
}

impl Seen {
    /// Takes note of one event.
    fn note(&mut self, event: &Value, marker: &str) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (id, attributes) = (text(&event["Actor"]["ID"]), &event["Actor"]["Attributes"]);
        let name = text(&attributes["name"]);
        match (
            text(&event["Type"]).as_str(),
            text(&event["Action"]).as_str(),
        ) {
            ("container", "create") => {
                let stack = text(&attributes["com.docker.stack.namespace"]);
                if name.contains(marker) || stack.contains(marker) {
                    self.containers.insert(id);
                }
            }
            ("volume", "mount") => {
                self.mounts.insert((id, text(&attributes["container"])));
            }
            ("service", "create") if name.contains(marker) => self.services.push(name),
            _ => {}
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It listens until it is told to go.
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}
