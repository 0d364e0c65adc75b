//! The end of a run: teardown or keeping, the last inventory, the verdict, the report.

use std::{collections::BTreeSet, path::Path, time::Duration};

use jiff::Timestamp;

use super::{
    announce::Output,
    attempt::{Attempt, internal_error},
    canonical::Shelf,
    classify::in_one_line,
    runner::{DryRun, Purpose},
    session::state_trouble,
    teardown::{self, Belongings, Removal},
};
use crate::{
    model::{
        app::StackName,
        event::{DiagnosticLevel, Fact, Kept, RunFinished, TeardownFinished},
        journal::Entry,
        outcome::{Verdict, millis},
        resource::{Resource, ResourceKind},
        run::Keep,
    },
    sys::{interrupt::Interrupt, journal, process::Host, run_dir, tombstones},
    tool::{
        app::App,
        docker::{
            client::{self, Docker},
            inventory::Object,
        },
    },
};

/// What a run keeps in its entry of the registry while it goes on.
const WORKING_FOLDERS: [&str; 4] = ["abra", "backups", "work", "scratch"];

impl Attempt<'_> {
    /// Tears down or keeps the app, then finishes the report.
    pub(super) fn end(&self, app: &App) {
        self.end_strays();
        let kept_until = match &self.job.purpose {
            Purpose::Asked => self.asked_until(),
            Purpose::Required(hold) => self.hold(hold, app),
        };
        let is_deployed = self
            .record
            .report()
            .stages
            .iter()
            .any(|stage| stage.checks.iter().any(|check| check.name == "deployed"));
        let is_over = self.ctx.host.interrupt.is_set();
        match kept_until.filter(|_| is_deployed && !is_over) {
            Some(until) => self.keep(app, until),
            None => self.tear_down(app),
        }
        self.finish();
    }

    /// Returns until when the app is to be kept, if that was asked for.
    fn asked_until(&self) -> Option<Timestamp> {
        let passed = Verdict::of(&self.record.report().stages, 0) == Verdict::Pass;
        let keeps = match self.job.keep {
            Keep::Never => false,
            Keep::Failed => !passed,
            Keep::Always => true,
        };
        let keep_for = jiff::SignedDuration::try_from(self.ctx.settings.run.keep_for);
        let keep_for = keep_for.unwrap_or(jiff::SignedDuration::from_hours(2));
        keeps.then(|| Timestamp::now() + keep_for)
    }

    /// Removes the app and proves that nothing is left.
    fn tear_down(&self, app: &App) {
        let mut finished = match self.job.dry_run {
            DryRun::No if self.warm.is_open() => self.remove_all(app),
            // Nothing was made, and what is there may be a kept app of the same name, or a canonical.
            DryRun::No | DryRun::Yes | DryRun::Listing => TeardownFinished::default(),
        };
        self.withdraw_all();
        finished.errors.extend(self.keep_env(app));
        let mut failed = remove_folders(self.dir.registry());
        // Last of all, and only then: whoever finds this run before it is closed does the rest.
        if failed.is_empty() {
            let left = finished.left.clone();
            let closed = self.journal.write(&Entry::Closed { left });
            failed.extend(
                closed
                    .err()
                    .map(|error| format!("could not write the journal: {error}")),
            );
        }
        finished.errors.extend(failed);
        self.record.report().teardown = Some(finished.clone());
        self.announcer.say(Fact::TeardownFinished(finished));
        self.release(None);
    }

    /// Removes every object of the app, and takes the last inventory.
    fn remove_all(&self, app: &App) -> TeardownFinished {
        let known = self.announced();
        let parting = self.parting(app);
        let belongings = Belongings {
            stack: app.stack.clone(),
            known,
            kept: parting.kept.clone(),
        };
        let mut finished = self.remove(app, &belongings, parting.grace);
        self.settle(app, parting, &mut finished);
        let shielded = self.shielded(app);
        // An engine that was given up is not waited for once more.
        let listed = (!shielded.is_given_up()).then(|| shielded.list_objects());
        match listed {
            Some(Ok(objects)) => {
                let after = resources(objects.clone());
                let before = self.record.report().before.clone();
                let stacks = self.stacks_of_runs();
                finished.vanished = vanished(&before, &after, &belongings, &stacks);
                self.record.report().after = after;
            }
            // Who gives teardown up gets no last look either.
            Some(Err(client::Error::Interrupted)) | None => {}
            Some(Err(error)) => finished.errors.push(in_one_line(&error)),
        }
        finished
    }

    /// Returns the names that the journal has announced.
    pub(super) fn announced(&self) -> BTreeSet<Resource> {
        journal::read(self.dir.registry())
            .map(|(history, _)| history.open)
            .unwrap_or_default()
    }

    /// Lists the stacks of all runs and canonicals that are known here: what is theirs may come and go beside this run.
    fn stacks_of_runs(&self) -> Vec<StackName> {
        let state = &self.ctx.settings.state.dir;
        let recipes = Shelf::recipes(state).unwrap_or_default().into_iter();
        let known = recipes.filter_map(|recipe| Shelf::of(state, &recipe).read().ok()?);
        let always_on = self.ctx.settings.always_on.iter();
        let always_on = always_on.map(|app| app.domain.stack());
        let warm: Vec<_> = known
            .map(|known| known.domain.stack())
            .chain(always_on)
            .collect();
        let runs = run_dir::list(state).unwrap_or_default();
        let histories = runs
            .into_iter()
            .filter_map(|(_, entry)| Some(journal::read(&entry).ok()?.0));
        histories
            .filter_map(|history| Some(history.begun?.stack))
            .chain(warm)
            .collect()
    }

    /// Removes what belongs to the app; the first signal does not cut it short.
    pub(super) fn remove(
        &self,
        app: &App,
        belongings: &Belongings,
        grace: Duration,
    ) -> TeardownFinished {
        let docker = self.shielded(app);
        let announce = |resource: &Resource| {
            self.announcer.say(Fact::ResourceRemoved {
                resource: resource.clone(),
            });
        };
        let limit = self.ctx.settings.run.teardown_timeout;
        let mut finished = teardown::remove_app(&Removal {
            belongings,
            docker: &docker,
            limit,
            grace,
            on_removed: &announce,
        });
        // An app of which nothing was ever made leaves nothing that could turn up late.
        if !belongings.known.is_empty() || !finished.removed.is_empty() {
            let noted = tombstones::add(&self.ctx.settings.state.dir, &app.domain);
            let failed = noted.err();
            finished
                .errors
                .extend(failed.map(|error| format!("could not note the removal: {error}")));
        }
        finished
    }

    /// Returns docker, called so that only a second signal interrupts it.
    pub(super) fn shielded(&self, app: &App) -> Docker {
        let interrupt: Interrupt = self.ctx.host.interrupt.shielded();
        app.docker.with_host(&Host {
            interrupt,
            ..self.ctx.host.clone()
        })
    }

    /// Keeps the app until it expires.
    fn keep(&self, app: &App, until: Timestamp) {
        if let Err(error) = self.journal.write(&Entry::Kept { until }) {
            self.announcer.say(Fact::Diagnostic {
                level: DiagnosticLevel::Warning,
                trouble: state_trouble(&error.to_string()),
            });
            self.tear_down(app);
            return;
        }
        let (service, url) = {
            let report = self.record.report();
            let deployed = report.deployed.last();
            let url = deployed.and_then(|deployed| deployed.url.clone());
            let mut names = deployed
                .into_iter()
                .flat_map(|deployed| deployed.images.keys());
            let first = names.clone().next().cloned();
            let app = names.find(|name| *name == "app").cloned();
            let service = app.or(first).unwrap_or_else(|| "app".to_owned());
            (service, url)
        };
        let kept = Kept {
            url: url.unwrap_or_else(|| format!("https://{}", app.domain)),
            until,
            shell: format!("CCCI_RUN_ID={} ccci exec {service} -- sh", self.dir.id()),
            remove: format!("ccci teardown {}", self.dir.id()),
        };
        self.record.report().kept = Some(kept.clone());
        self.announcer.say(Fact::Kept(kept));
        self.release(Some(until));
    }

    /// Counts, judges and writes everything for the last time.
    fn finish(&self) {
        self.decide_promotion();
        let signal = self.ctx.host.interrupt.signal();
        let path = self.dir.path().join("report.json");
        let finished = {
            let mut report = self.record.report();
            if self.announcer.output() == Output::Panicked {
                report.trouble.get_or_insert_with(internal_error);
            }
            let teardown = report.teardown.as_ref();
            let dependencies = report.dependencies.iter();
            let left = teardown.map_or(0, |teardown| teardown.left.len())
                + dependencies.map(|one| one.left.len()).sum::<usize>();
            let mut finished = RunFinished::count(&report.stages);
            finished.verdict = match signal {
                Some(_) => Verdict::Cancelled,
                None => Verdict::of(&report.stages, left),
            };
            let failed = report.canonical.as_ref();
            if failed.is_some_and(|settled| settled.trouble.is_some())
                && finished.verdict == Verdict::Pass
            {
                // The recipe is not to blame, and what was asked for did not happen.
                finished.verdict = Verdict::Broken;
            }
            finished.leaked = left;
            finished.duration_ms = millis(self.begun.elapsed());
            finished.report = path.display().to_string();
            report.finished = Some(finished.clone());
            let number = signal.and_then(|signal| u8::try_from(signal.number()).ok());
            finished.exit_code = (self.job.exit_code)(&report, number);
            report.finished = Some(finished.clone());
            finished
        };
        for error in self.record.write(self.dir) {
            self.announcer.say(Fact::Diagnostic {
                level: DiagnosticLevel::Error,
                trouble: state_trouble(&error),
            });
        }
        self.announcer.say(Fact::RunFinished(finished));
    }
}

/// Returns the resources of an inventory.
pub(super) fn resources(objects: Vec<Object>) -> Vec<Resource> {
    objects.into_iter().map(|object| object.resource).collect()
}

/// Removes the working folders of a run, which may hold data of its app; returns what went wrong.
pub(super) fn remove_folders(entry: &Path) -> Vec<String> {
    let folders = WORKING_FOLDERS.iter().map(|name| entry.join(name));
    let failed = folders.filter_map(|folder| {
        let error = std::fs::remove_dir_all(&folder).err()?;
        let is_absent = error.kind() == std::io::ErrorKind::NotFound;
        (!is_absent).then(|| format!("could not remove `{}`: {error}", folder.display()))
    });
    failed.collect()
}

/// Lists what was there before, was not the app's and is gone.
///
/// Containers come and go by themselves, and so does all that belongs to other runs.
fn vanished(
    before: &[Resource],
    after: &[Resource],
    belongings: &Belongings,
    stacks: &[StackName],
) -> Vec<Resource> {
    let after: BTreeSet<&Resource> = after.iter().collect();
    let mut all = stacks.to_vec();
    all.push(belongings.stack.clone());
    let is_ours = |resource: &&Resource| {
        belongings.known.contains(*resource)
            || all
                .iter()
                .any(|stack| stack.short(&resource.name).is_some())
    };
    let lasting = before
        .iter()
        .filter(|resource| resource.kind != ResourceKind::Container);
    lasting
        .filter(|resource| !after.contains(resource) && !is_ours(resource))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::AppDomain;

    #[test]
    fn working_folders_go_and_records_stay() {
        let entry = tempfile::tempdir().unwrap();
        let at = |name: &str| entry.path().join(name);
        std::fs::create_dir_all(at("backups/1")).unwrap();
        std::fs::write(at("backups/1/data@.tar"), "x").unwrap();
        std::fs::write(at("report.json"), "{}").unwrap();
        assert_eq!(remove_folders(entry.path()), Vec::<String>::new());
        assert!(!at("backups").exists() && at("report.json").exists());
        std::fs::write(at("work"), "no folder").unwrap();
        assert_eq!(remove_folders(entry.path()).len(), 1);
    }

    #[test]
    fn what_vanished_was_there_and_belonged_to_no_run() {
        let stack = |domain: &str| domain.parse::<AppDomain>().unwrap().stack();
        let belongings = Belongings::all_of(stack("a-12.x.org"), BTreeSet::new());
        let volume = |name: &str| Resource::new(ResourceKind::Volume, name);
        let before = ["a-12_x_org_d", "b-34_x_org_d", "theirs", "stays"].map(volume);
        let gone = vanished(
            &before,
            &[volume("stays")],
            &belongings,
            &[stack("b-34.x.org")],
        );
        assert_eq!(gone, [volume("theirs")]);
    }
}
