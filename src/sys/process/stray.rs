//! Finds processes of a run that left their process group, by the marker in their environment.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// The variable that every child of a run carries, with the run's id as its value.
pub(crate) const MARKER: &str = "CCCI_RUN_MARK";

/// A process that carries a run's marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stray {
    /// Its process id.
    pub(crate) pid: i32,
    /// Its name, as the kernel keeps it.
    pub(crate) name: String,
}

impl Stray {
    /// Kills the process, if it still is the one that was found.
    pub(crate) fn kill(&self, run: &str) {
        // The id may belong to another process by now; its environment tells.
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| carries(self.pid, run)) {
            // It may have ended in between, which is what is wanted.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Returns the living processes that carry the marker of a run, as far as we may look.
pub(crate) fn find_strays(run: &str) -> Vec<Stray> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&pid| carries(pid, run))
        .map(|pid| Stray {
            pid,
            name: name_of(pid),
        })
        .collect()
}

/// Returns whether the environment of a process holds the marker of a run.
fn carries(pid: i32, run: &str) -> bool {
    let wanted = format!("{MARKER}={run}");
    // A process that ended, or belongs to another user, has no environment to read.
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment
        .split(|&byte| byte == 0)
        .any(|variable| variable == wanted.as_bytes())
}

/// Returns the name of a process, empty when it has ended.
fn name_of(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}
