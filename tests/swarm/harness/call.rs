//! One call of `ccci` with nothing of our environment in it.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the program that it tests"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use super::{ran::Ran, world::World};

/// How long a call may take before the test gives up on it.
const LIMIT: Duration = Duration::from_secs(240);

/// A call that is being put together.
pub(crate) struct Call<'a> {
    /// Where it runs.
    world: &'a World,
    /// What is called.
    command: Command,
}

/// A call that goes on.
pub(crate) struct Running<'a> {
    /// Where it runs.
    world: &'a World,
    /// The process.
    pid: Pid,
    /// Brings what it printed and how it ended.
    output: Receiver<Output>,
}

impl<'a> Call<'a> {
    /// Begins a call.
    pub(crate) fn new(world: &'a World, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccci"));
        command.args(args).env_clear();
        command.current_dir(world.path("work"));
        Self { world, command }
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running<'a> {
        self.command.stdin(Stdio::null());
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child: Child = self.command.spawn().unwrap();
        let pid = Pid::from_child(&child);
        let (sender, output) = channel();
        std::thread::spawn(move || sender.send(child.wait_with_output().unwrap()));
        let world = self.world;
        Running { world, pid, output }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ran<'a> {
        self.start().end()
    }
}

impl<'a> Running<'a> {
    /// Waits for its end.
    pub(crate) fn end(self) -> Ran<'a> {
        match self.output.recv_timeout(LIMIT) {
            Ok(output) => Ran::new(self.world, output),
            Err(RecvTimeoutError::Timeout) => {
                kill_process(self.pid, Signal::KILL).unwrap();
                let output = self.output.recv().unwrap();
                panic!("killed after {LIMIT:?}: {output:?}");
            }
            Err(RecvTimeoutError::Disconnected) => panic!("its thread is gone"),
        }
    }
}
