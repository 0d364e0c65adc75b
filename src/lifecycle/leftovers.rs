//! What earlier runs of the same app left when they were killed: objects of the swarm and working folders.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    attempt::Attempt,
    ending::{self, resources},
    reap,
    runner::DryRun,
    session::{docker_trouble, state_trouble},
    teardown::Belongings,
    withdrawal,
};
use crate::{
    model::{
        event::{DiagnosticLevel, Fact},
        journal::{Entry, History, Reading},
        outcome::{Fault, Trouble},
    },
    sys::{
        journal::{self, Journal},
        lock::Leader,
        run_dir,
    },
    tool::app::App,
};

/// The entry of a run that did not end well, with what its journal says.
pub(super) type DeadRun = (PathBuf, History);

impl Attempt<'_> {
    /// Takes the inventory, and removes what an earlier dead run of the same app left.
    pub(super) fn clear_leftovers(&self, app: &App, dead: &[DeadRun]) -> Result<(), Trouble> {
        let names = dead.iter().flat_map(|(_, history)| history.open.clone());
        let belongings = Belongings {
            stack: app.stack.clone(),
            known: names.collect(),
            kept: self.warm.kept_at_start(),
        };
        let mut objects = app
            .docker
            .list_objects()
            .map_err(|error| docker_trouble(&error))?;
        let is_there = objects.iter().any(|object| belongings.own(object));
        if is_there && self.job.dry_run == DryRun::No && !self.stays() {
            self.announcer.say(Fact::Waiting {
                what: "removal of what an earlier run left".to_owned(),
            });
            let removed = self.remove(app, &belongings, Duration::ZERO);
            if let Some(left) = removed.left.first() {
                let message = "what an earlier run left cannot be removed";
                return Err(Trouble::broken("leftovers", message).because(left.to_string()));
            }
            objects = app
                .docker
                .list_objects()
                .map_err(|error| docker_trouble(&error))?;
        }
        if self.job.dry_run == DryRun::No {
            self.recover(app)?;
            for (entry, history) in dead {
                self.withdraw_old(entry, history)?;
                self.close(entry);
            }
            if reap::reap_own(self, &objects) {
                objects = app
                    .docker
                    .list_objects()
                    .map_err(|error| docker_trouble(&error))?;
            }
        }
        if self.stays() {
            // What is the app's own is no stranger's, whatever its name.
            objects.retain(|object| !belongings.own(object));
        }
        self.record.report().before = resources(objects);
        Ok(())
    }

    /// Undoes what other apps made for a dead run: this one asks them for the same names.
    fn withdraw_old(&self, entry: &Path, history: &History) -> Result<(), Trouble> {
        let failed = withdrawal::withdraw_old(self.ctx, entry, history);
        match failed.into_iter().next() {
            None => Ok(()),
            Some(trouble) => {
                let message = "what another app made for an earlier run cannot be undone";
                let causes = std::iter::once(trouble.message).chain(trouble.causes);
                let outer = Trouble::broken("leftovers", message);
                Err(causes.fold(outer, Trouble::because))
            }
        }
    }

    /// Finds the runs of this app that did not end well; the app's lock says that they are dead.
    ///
    /// What a newer ccci may know to be kept is not to be removed for a run of this one.
    pub(super) fn dead_runs(&self, app: &App) -> Result<Vec<DeadRun>, Trouble> {
        let runs = run_dir::list(&self.ctx.settings.state.dir).unwrap_or_default();
        let others = runs.into_iter().filter(|(id, _)| id != self.dir.id());
        let mut dead = Vec::new();
        for (_, entry) in others {
            let Ok(Some(examined)) = journal::examine(&entry) else {
                continue;
            };
            if examined.domain.as_ref() != Some(&app.domain) {
                continue;
            }
            if examined.reading == Reading::Newer {
                return Err(newer(&entry));
            }
            if !examined.history.clean {
                dead.push((entry, examined.history));
            }
        }
        Ok(dead)
    }

    /// Closes a dead run whose app is gone: its working folders go, and its records may.
    fn close(&self, entry: &Path) {
        let mut errors = ending::remove_folders(entry);
        if errors.is_empty() {
            let journal = Journal::open(entry);
            let closed =
                journal.and_then(|journal| journal.write(&Entry::Closed { left: Vec::new() }));
            errors.extend(closed.err().map(|error| error.to_string()));
            self.forget_leader(entry);
        }
        // What stays is found again by the next run of this app.
        for error in errors {
            self.announcer.say(Fact::Diagnostic {
                level: DiagnosticLevel::Warning,
                trouble: state_trouble(&error),
            });
        }
    }

    /// Removes the file of the lock by which a run that is over was led.
    fn forget_leader(&self, entry: &Path) {
        let name = entry.file_name().and_then(|name| name.to_str());
        let Some(run) = name.and_then(|name| name.parse().ok()) else {
            return;
        };
        let locks = self.ctx.settings.state.dir.join("locks");
        // A file that stays is free, which says the same.
        if let Ok(Some(leader)) = Leader::try_take(&locks, &run) {
            leader.retire();
        }
    }
}

/// Says that a journal is not ours to understand, nor is what it tells of ours to remove.
fn newer(entry: &Path) -> Trouble {
    let message = format!("`{}` was made by a newer ccci", entry.display());
    Trouble::new(Fault::Config, "state-newer", message)
        .hint("remove its app with the ccci that made it")
}
