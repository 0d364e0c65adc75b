//! Processes that left the group of the child that started them: found by the run's mark, killed, and named.

use std::{collections::BTreeSet, convert::Infallible, time::Duration};

use super::attempt::Attempt;
use crate::{
    model::{
        event::{DiagnosticLevel, Fact},
        outcome::Trouble,
        run::RunId,
    },
    sys::{
        interrupt::Interrupt,
        process::stray::find_strays,
        wait::{Deadline, wait_until},
    },
};

/// How long processes may take to go once they are killed.
pub(super) const STRAY_LIMIT: Duration = Duration::from_secs(10);
/// The pause between two looks.
const TURN: Duration = Duration::from_millis(50);

impl Attempt<'_> {
    /// Ends what the children of this run left running: it would hold the app's lock, and may change the app.
    pub(super) fn end_strays(&self) {
        // What a run leaves is ended however urgently it is to end.
        let until = (Deadline::after(STRAY_LIMIT), &Interrupt::never());
        let names = end_strays(self.dir.id(), until);
        if names.is_empty() {
            return;
        }
        self.record.report().strays.extend(names.iter().cloned());
        let list: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("killed what was left running: {}", list.join(", "));
        let trouble = Trouble::broken("stray-process", message)
            .hint("let each test end or wait for what it starts");
        let level = DiagnosticLevel::Warning;
        self.announcer.say(Fact::Diagnostic { level, trouble });
    }
}

/// Kills the processes of a run until none is left or it took too long; returns the names of all that were found.
pub(super) fn end_strays(
    run: &RunId,
    (deadline, interrupt): (Deadline, &Interrupt),
) -> BTreeSet<String> {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let mut names = BTreeSet::new();
    let probe = || {
        let mut strays = find_strays(run.as_str());
        strays.retain(|stray| stray.pid != own);
        for stray in &strays {
            stray.kill(run.as_str());
            names.insert(stray.name.clone());
        }
        Ok::<_, Infallible>(strays.is_empty().then_some(()))
    };
    // Whoever stays keeps the app's lock, which tells the next one.
    let _ = wait_until(deadline, interrupt, probe, |_| TURN);
    names
}
