//! Signals to a whole process group, until none of its processes is left.

use rustix::process::{
    Pid, Signal, WaitOptions, kill_process_group, test_kill_process_group, waitpgid,
};

/// The process group of one child, which is its leader.
#[derive(Clone, Copy)]
pub(super) struct Group(Pid);

impl Group {
    /// Returns the group that a child leads.
    pub(super) fn of(pid: u32) -> Option<Self> {
        i32::try_from(pid).ok().and_then(Pid::from_raw).map(Self)
    }

    /// Sends a signal to every process of the group.
    pub(super) fn send(self, signal: Signal) {
        // The only expected error says that the group is empty, which is what signals are for.
        let _ = kill_process_group(self.0, signal);
    }

    /// Returns whether no process is left; call it only after the leader was waited for.
    pub(super) fn is_empty(self) -> bool {
        // Orphans of the group become our children, because ccci is their subreaper.
        while let Ok(Some(_)) = waitpgid(self.0, WaitOptions::NOHANG) {}
        test_kill_process_group(self.0).is_err()
    }
}
