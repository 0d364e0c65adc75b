//! What is done to an always-on app besides deploying it: it is undeployed, and its data is saved and put back.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use jiff::Timestamp;

use super::Round;
use crate::{
    lifecycle::{
        always_on,
        orphan::lock_trouble,
        session::docker_trouble,
        snapshot::{self, Snapshotting},
        teardown::{self, Belongings, Removal},
    },
    model::{
        always_on::Record,
        outcome::Trouble,
        recipe::RecipeVersion,
        resource::{Resource, ResourceKind},
    },
    sys::{
        lock::Lock,
        process::Host,
        wait::{Deadline, Waited},
    },
    tool::docker::client::Docker,
};

/// How long the programs of the app may take to end.
const GRACE: Duration = Duration::from_secs(60);
/// How long whoever has the app may take.
const LOCK_LIMIT: Duration = Duration::from_secs(60);
/// How the name of a snapshot's folder begins.
const SNAPSHOT: &str = "before-";

impl Round<'_> {
    /// Lists the volumes of the app by their whole names.
    pub(super) fn volumes(&self) -> Result<Vec<String>, Trouble> {
        let own = self.objects(ResourceKind::Volume)?;
        Ok(own.into_iter().map(|resource| resource.name).collect())
    }

    /// Lists what the app has of one kind.
    fn objects(&self, kind: ResourceKind) -> Result<Vec<Resource>, Trouble> {
        let objects = self.docker().list_kind(kind);
        let objects = objects.map_err(|error| docker_trouble(&error))?;
        let stack = self.app.domain.stack();
        let own = |label: Option<&str>| label == Some(stack.as_str());
        let own = objects
            .into_iter()
            .filter(|object| own(object.stack.as_deref()));
        Ok(own.map(|object| object.resource).collect())
    }

    /// Undeploys the app; its secrets stay, and those of its volumes that are named.
    pub(super) fn undeploy(&self, volumes: &[String]) -> Result<(), Trouble> {
        let _lock = self.claim()?;
        let mut kept: BTreeSet<Resource> =
            self.objects(ResourceKind::Secret)?.into_iter().collect();
        let volumes = volumes.iter();
        kept.extend(volumes.map(|name| Resource::new(ResourceKind::Volume, name)));
        let finished = teardown::remove_app(&Removal {
            belongings: &Belongings {
                kept,
                ..Belongings::all_of(self.app.domain.stack(), BTreeSet::new())
            },
            docker: &self.docker(),
            limit: self.ctx.settings.run.teardown_timeout,
            grace: GRACE,
            on_removed: &|_| {},
        });
        let Some(left) = finished.left.first() else {
            return Ok(());
        };
        let message = format!("app `{}` could not be undeployed", self.app.domain);
        let trouble = Trouble::broken("leftovers", message).because(left.to_string());
        Err(finished.errors.into_iter().fold(trouble, Trouble::because))
    }

    /// Saves the data of the app, of which nothing runs, and returns the name of the snapshot.
    pub(super) fn save(&self, volumes: &[String], to: &RecipeVersion) -> Result<String, Trouble> {
        let _lock = self.claim()?;
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
        let name = format!("{SNAPSHOT}{to}-{time}");
        let dest = self.snapshot(&name);
        self.with_snapshots(|snapshots| snapshots.take(volumes, &dest))?;
        Ok(name)
    }

    /// Checks a snapshot whole, and returns the volumes that it holds.
    pub(super) fn check(&self, name: &str) -> Result<Vec<String>, Trouble> {
        let manifest = snapshot::verify(&self.snapshot(name))?;
        let volumes = manifest.volumes.into_iter();
        Ok(volumes.map(|volume| volume.name).collect())
    }

    /// Puts the data of the app back, of which nothing runs.
    pub(super) fn restore(&self, name: &str) -> Result<(), Trouble> {
        let _lock = self.claim()?;
        let from = self.snapshot(name);
        self.with_snapshots(|snapshots| snapshots.restore(&from).map(drop))
    }

    /// Removes the snapshots that no upgrade needs any more; one that stays is tried again by the next call.
    pub(super) fn sweep_snapshots(&self, record: &Record) {
        let upgrading = record.upgrading.as_ref();
        let needed = upgrading.and_then(|upgrading| upgrading.snapshot.as_deref());
        let folder = always_on::folder(self.state(), &self.app.domain);
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(SNAPSHOT) && Some(name) != needed {
                drop(fs::remove_dir_all(entry.path()));
            }
        }
    }

    /// Returns the folder of a snapshot.
    fn snapshot(&self, name: &str) -> PathBuf {
        always_on::folder(self.state(), &self.app.domain).join(name)
    }

    /// Saves or restores data.
    fn with_snapshots<T>(
        &self,
        work: impl FnOnce(&Snapshotting<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        work(&Snapshotting {
            ctx: self.ctx,
            docker: &self.docker(),
            stack: &self.app.domain.stack(),
            on_progress: &|_| {},
            // The record says that an upgrade goes on, and what is made has the app's own names.
            announce: &|_| Ok(()),
        })
    }

    /// Returns docker, called so that only a second signal interrupts it: half an undeployed app helps nobody.
    fn docker(&self) -> Docker {
        let host = Host {
            interrupt: self.ctx.host.interrupt.shielded(),
            ..self.ctx.host.clone()
        };
        Docker::new(&self.ctx.docker, &host)
    }

    /// Takes the lock of the app, which runs and removals of it take too.
    fn claim(&self) -> Result<Lock, Trouble> {
        let locks = self.state().join("locks");
        let until = (Deadline::after(LOCK_LIMIT), &self.ctx.host.interrupt);
        let name = self.app.domain.as_str();
        let lock = Lock::acquire(&locks, name, &self.note(), until);
        match lock.map_err(|error| lock_trouble(&error))? {
            Waited::Done(lock) => Ok(lock),
            Waited::Interrupted => Err(crate::lifecycle::classify::interrupted()),
            Waited::TimedOut => {
                let holder = Lock::holder(&locks, name).unwrap_or_default();
                Err(Trouble::broken(
                    "busy",
                    format!("app `{name}` is busy: {holder}"),
                ))
            }
        }
    }
}
