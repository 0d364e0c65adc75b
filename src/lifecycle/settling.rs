//! What a run does to the canonical at its end: puts it back, or lets its own app take its place.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    attempt::Attempt,
    canonical::Fresh,
    classify,
    session::{docker_trouble, state_trouble},
    snapshot::Snapshotting,
    teardown::Belongings,
};
use crate::{
    model::{
        canonical::{Canonical, Deed, KnownGood, Settled, Status},
        checksum::sha256,
        event::{Fact, TeardownFinished},
        outcome::{Fault, Trouble, millis},
        resource::{Resource, ResourceKind},
        run::RunMode,
        stage::Stage,
    },
    tool::{app::App, docker::client::Docker},
};

/// How long the programs of an app may take to end whose data is kept.
const GRACE: Duration = Duration::from_secs(60);

/// How a run parts with its app.
pub(super) struct Parting {
    /// What stays of the app.
    pub(super) kept: BTreeSet<Resource>,
    /// How long its programs may take to end by themselves.
    pub(super) grace: Duration,
    /// What is done to the canonical then.
    deed: Option<Deed>,
    /// Why the app cannot be promoted although it is good.
    failed: Option<Trouble>,
}

impl Attempt<'_> {
    /// Decides how the run parts with its app.
    pub(super) fn parting(&self, app: &App) -> Parting {
        let known = self.warm.kept_at_start();
        let promotes = self.job.request.mode == RunMode::Promote && self.is_good();
        match promotes.then(|| self.data_of(app)) {
            Some(Ok(made)) => Parting {
                kept: made.into_iter().chain(known).collect(),
                grace: GRACE,
                deed: Some(Deed::Promote),
                failed: None,
            },
            // In a cold run nothing is known to be good, and nothing stays.
            other => Parting {
                kept: known,
                grace: Duration::ZERO,
                deed: self.warm.is_in_use().then_some(Deed::PutBack),
                failed: other.and_then(Result::err),
            },
        }
    }

    /// Tells whether what was installed can be promoted.
    pub(super) fn is_good(&self) -> bool {
        let report = self.record.report();
        let mut stages = report.stages.iter();
        let install = stages.find(|result| result.stage == Stage::Install);
        let passed = install.is_some_and(|result| result.outcome.is_pass());
        passed && report.trouble.is_none() && !self.ctx.host.interrupt.is_set()
    }

    /// Lists the volumes and the secrets that the app has now.
    fn data_of(&self, app: &App) -> Result<BTreeSet<Resource>, Trouble> {
        let objects = self.shielded(app).list_objects();
        let objects = objects.map_err(|error| docker_trouble(&error))?;
        let announced = self.announced();
        let all = Belongings::all_of(app.stack.clone(), announced);
        let is_data = |resource: &Resource| {
            matches!(resource.kind, ResourceKind::Volume | ResourceKind::Secret)
                && !self.warm.from_files.borrow().contains(resource)
        };
        let own = objects.into_iter().filter(|object| all.own(object));
        let own = own.map(|object| object.resource);
        Ok(own.filter(is_data).collect())
    }

    /// Does to the canonical what the run is to do at its end, once the app is undeployed.
    pub(super) fn settle(&self, app: &App, parting: Parting, finished: &mut TeardownFinished) {
        let Parting {
            kept, deed, failed, ..
        } = parting;
        let Some(deed) = deed.or(failed.as_ref().map(|_| Deed::Promote)) else {
            return;
        };
        let begun = Instant::now();
        let done = match deed {
            _ if !finished.left.is_empty() => {
                let message = "the app could not be undeployed";
                Err(Trouble::broken("leftovers", message).because(finished.left[0].to_string()))
            }
            Deed::PutBack => self.put_back(app),
            Deed::Promote if failed.is_some() => Ok(()),
            Deed::Promote => self.promote(app, &kept).map_err(|trouble| {
                let undone = self.undo(app, finished);
                // What was known to be good is put back, and the promotion failed all the same.
                match undone {
                    Ok(()) => trouble,
                    Err(other) => trouble.because(other.message),
                }
            }),
        };
        let known = self.warm.known.borrow();
        let settled = Settled {
            deed,
            known_good: known.as_ref().map(Canonical::title),
            volumes: known.as_ref().map_or(0, |known| known.volumes.len()),
            bytes: known.as_ref().map_or(0, |known| known.known_good.bytes),
            duration_ms: millis(begun.elapsed()),
            trouble: failed.or(done.err()),
        };
        self.record.report().canonical = Some(settled.clone());
        self.announcer.say(Fact::CanonicalSettled(settled));
    }

    /// Makes the app the canonical: its data is saved, then the record is replaced, then what was good before goes.
    fn promote(&self, app: &App, kept: &BTreeSet<Resource>) -> Result<(), Trouble> {
        let old = self.warm.known.borrow().clone();
        let old_secrets: BTreeSet<String> =
            old.iter().flat_map(|old| old.secrets.clone()).collect();
        let names = |kind| {
            let of_kind = kept.iter().filter(move |one| one.kind == kind);
            of_kind.map(|one| one.name.clone())
        };
        let volumes: BTreeSet<String> = names(ResourceKind::Volume).collect();
        let secrets = names(ResourceKind::Secret);
        let secrets = secrets.filter(|name| !old_secrets.contains(name)).collect();
        let shelf = self.shelf();
        let fresh = shelf.fresh()?;
        let made = self.save(app, &fresh, (volumes, secrets));
        let made = made.and_then(|canonical| shelf.write(&canonical).map(|()| canonical));
        let canonical = made.inspect_err(|_| {
            shelf.prune(old.as_ref());
        })?;
        self.warm.known.replace(Some(canonical.clone()));
        // From here on nothing can be lost: what cannot be removed now is removed by the next run.
        let mut failed = shelf.prune(Some(&canonical));
        let old_secrets: Vec<String> = old_secrets.into_iter().collect();
        let removed = self.shielded(app).remove_secrets(&old_secrets);
        failed.extend(removed.err().map(|error| classify::in_one_line(&error)));
        for error in failed {
            self.warn(state_trouble(&error));
        }
        Ok(())
    }

    /// Saves the data of the app in a folder; returns the record that makes it known to be good.
    fn save(
        &self,
        app: &App,
        fresh: &Fresh,
        (volumes, secrets): (BTreeSet<String>, BTreeSet<String>),
    ) -> Result<Canonical, Trouble> {
        let env = fs::read_to_string(app.env_file());
        let env = env.map_err(|error| state_trouble(&error.to_string()))?;
        fresh.write_env(&env)?;
        let plan = self.record.report().plan.clone();
        let head = plan.map(|plan| plan.head);
        let (Some(version), Some(commit)) =
            head.map_or((None, None), |head| (head.version, head.commit))
        else {
            let message = "what was installed is no release";
            return Err(Trouble::new(Fault::Config, "not-released", message));
        };
        let list: Vec<String> = volumes.iter().cloned().collect();
        let manifest = self.with_snapshots(app, &app.docker, |snapshots| {
            snapshots.take(&list, &fresh.snapshot())
        })?;
        Ok(Canonical {
            recipe: app.recipe.clone(),
            domain: app.domain.clone(),
            version,
            commit,
            run_id: self.dir.id().clone(),
            promoted: Timestamp::now(),
            known_good: KnownGood {
                folder: fresh.name.clone(),
                manifest_sha256: fresh.manifest_sha256()?,
                env_sha256: sha256(env.as_bytes()),
                bytes: manifest.bytes(),
            },
            secrets,
            volumes,
            status: Status::Idle,
        })
    }

    /// Removes what a promotion that failed has made, and puts back what is known to be good.
    fn undo(&self, app: &App, finished: &mut TeardownFinished) -> Result<(), Trouble> {
        let belongings = Belongings {
            kept: self.warm.kept_at_start(),
            ..Belongings::all_of(app.stack.clone(), self.announced())
        };
        let again = self.remove(app, &belongings, Duration::ZERO);
        finished.left.extend(again.left);
        finished.errors.extend(again.errors);
        if self.warm.is_in_use() && finished.left.is_empty() {
            return self.put_back(app);
        }
        Ok(())
    }

    /// Puts the volumes back to what the snapshot holds, and lets the record say so.
    pub(super) fn put_back(&self, app: &App) -> Result<(), Trouble> {
        // The first signal ends the run, and not this.
        self.restore(app, &self.shielded(app))?;
        let known = self.warm.known.borrow().clone();
        let known = known.map(|known| Canonical {
            status: Status::Idle,
            ..known
        });
        if let Some(known) = &known {
            self.shelf().write(known)?;
        }
        self.warm.known.replace(known);
        Ok(())
    }

    /// Makes the volumes anew from the snapshot.
    pub(super) fn restore(&self, app: &App, docker: &Docker) -> Result<(), Trouble> {
        let known = self.warm.known.borrow().clone();
        let Some(known) = known else { return Ok(()) };
        let shelf = self.shelf();
        shelf.check(&known)?;
        let from = shelf.snapshot(&known);
        self.with_snapshots(app, docker, |snapshots| snapshots.restore(&from))?;
        Ok(())
    }

    /// Saves or restores data, whose progress is announced and whose objects are in the journal before they are made.
    fn with_snapshots<T>(
        &self,
        app: &App,
        docker: &Docker,
        work: impl FnOnce(&Snapshotting<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        work(&Snapshotting {
            ctx: self.ctx,
            docker,
            stack: &app.stack,
            on_progress: &|progress| {
                self.announcer.say(Fact::CanonicalProgress {
                    doing: progress.words.clone(),
                    done: progress.done,
                    total: progress.all,
                });
            },
            announce: &|resource| {
                let written = self.journal.making(std::slice::from_ref(resource));
                written.map_err(|error| state_trouble(&error.to_string()))
            },
        })
    }
}
