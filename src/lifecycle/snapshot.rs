//! Snapshots of the volumes of an app that is undeployed: taken, read, checked, put back.

mod folder;
mod meter;
mod ways;

use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

use folder::NewFolder;
use jiff::Timestamp;
use meter::Meter;
pub(crate) use meter::Progress;
pub(crate) use ways::Ways;
use ways::{Worker, failed};

use super::{classify::docker_error, preflight};
use crate::{
    model::{
        app::StackName,
        outcome::Trouble,
        resource::{Resource, ResourceKind},
        snapshot::{MANIFEST, Manifest, VERSION, VolumeArchive, archive_name, can_hold},
    },
    sys::{
        context::Context,
        process::Host,
        tree,
        wait::{Deadline, Waited, wait_until},
    },
    tool::docker::{
        client::Docker,
        volume::{Volume, is_held},
    },
};

/// How long a volume may be held by a container that is about to go.
const HELD: Duration = Duration::from_secs(60);

/// The longest manifest that is read.
const LONGEST_MANIFEST: u64 = 16 * 1024 * 1024;

/// What snapshots of an app are made with.
pub(crate) struct Snapshotting<'a> {
    /// Settings and what children share.
    pub(crate) ctx: &'a Context,
    /// Docker.
    pub(crate) docker: &'a Docker,
    /// The app's stack, of which nothing may run.
    pub(crate) stack: &'a StackName,
    /// Hears what goes on, at most a few times a second.
    pub(crate) on_progress: &'a (dyn Fn(&Progress) + Sync),
    /// Announces an object before it is made.
    pub(crate) announce: &'a (dyn Fn(&Resource) -> Result<(), Trouble> + Sync),
}

impl Snapshotting<'_> {
    /// Takes a snapshot of volumes, given by their full names, into a folder that is not there yet.
    pub(crate) fn take(&self, volumes: &[String], dest: &Path) -> Result<Manifest, Trouble> {
        self.take_by(Ways::Fastest, volumes, dest)
    }

    /// Puts volumes back as they were; what is damaged is found before anything is removed where its size shows it.
    pub(crate) fn restore(&self, from: &Path) -> Result<Manifest, Trouble> {
        self.restore_by(Ways::Fastest, from)
    }

    /// Takes a snapshot in one of the ways there are.
    pub(crate) fn take_by(
        &self,
        ways: Ways,
        volumes: &[String],
        dest: &Path,
    ) -> Result<Manifest, Trouble> {
        let mut names: Vec<&str> = volumes.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let folder = NewFolder::make(dest)?;
        let worker = Worker::new(self, ways);
        let volumes = self.look_at(&names)?;
        let mut needed = 0u64;
        let mut content = Vec::new();
        for volume in &volumes {
            let measured = worker.measure(volume)?;
            needed = needed.saturating_add(measured.bytes);
            content.push(measured.content);
        }
        self.check_room(dest, needed)?;
        let mut meter = Meter::new(self.on_progress, content.iter().sum());
        let mut archives = Vec::new();
        for (volume, content) in volumes.iter().zip(content) {
            meter.begin(format!("pack volume `{}`", volume.name));
            archives.push(self.pack(&worker, volume, folder.path(), &meter)?);
            meter.end(content);
        }
        let manifest = Manifest {
            version: VERSION,
            stack: self.stack.as_str().to_owned(),
            taken: Timestamp::now(),
            volumes: archives,
        };
        folder.finish(&manifest)?;
        Ok(manifest)
    }

    /// Packs one volume into a folder.
    fn pack(
        &self,
        worker: &Worker<'_>,
        volume: &Volume,
        folder: &Path,
        meter: &Meter<'_>,
    ) -> Result<VolumeArchive, Trouble> {
        let archive = archive_name(&volume.name, self.stack.as_str());
        let tally = worker.pack(volume, &folder.join(&archive), meter)?;
        Ok(VolumeArchive {
            name: volume.name.clone(),
            driver: volume.driver.clone(),
            options: volume.options(),
            labels: volume.labels(),
            archive,
            bytes: tally.bytes,
            content: tally.content,
            entries: tally.entries,
            sockets: tally.sockets,
            sha256: tally.sha256,
        })
    }

    /// Puts volumes back in one of the ways there are.
    pub(crate) fn restore_by(&self, ways: Ways, from: &Path) -> Result<Manifest, Trouble> {
        let manifest = read(from)?;
        let other = manifest.check_stack(self.stack);
        other.map_err(|error| damaged(from, error.to_string()))?;
        let worker = Worker::new(self, ways);
        let content = manifest.volumes.iter().map(|volume| volume.content);
        let mut meter = Meter::new(self.on_progress, content.sum());
        for volume in &manifest.volumes {
            meter.begin(format!("restore volume `{}`", volume.name));
            self.restore_volume(&worker, volume, from, &meter)?;
            meter.end(volume.content);
        }
        Ok(manifest)
    }

    /// Makes one volume anew and fills it.
    fn restore_volume(
        &self,
        worker: &Worker<'_>,
        volume: &VolumeArchive,
        from: &Path,
        meter: &Meter<'_>,
    ) -> Result<(), Trouble> {
        remove(self.docker, &volume.name)?;
        (self.announce)(&Resource::new(ResourceKind::Volume, &volume.name))?;
        let wanted = Volume::to_make(
            &volume.name,
            &volume.driver,
            &volume.options,
            &volume.labels,
        );
        let made = self.docker.create_volume(&wanted);
        made.map_err(|error| docker_error(&error))?;
        let filled = self.fill(worker, volume, from, meter);
        if filled.is_err() {
            // Half of its files must not pass for all of them, also where a signal ended the work.
            let host = Host {
                interrupt: self.docker.host().interrupt.shielded(),
                ..self.docker.host().clone()
            };
            drop(remove(&self.docker.with_host(&host), &volume.name));
        }
        filled
    }

    /// Fills a volume that was made anew.
    fn fill(
        &self,
        worker: &Worker<'_>,
        volume: &VolumeArchive,
        from: &Path,
        meter: &Meter<'_>,
    ) -> Result<(), Trouble> {
        let looked = self.look_at(&[volume.name.as_str()])?;
        let made = looked.first().expect("it was looked for and found");
        let archive = from.join(&volume.archive);
        let tally = worker.unpack(made, (&archive, volume.entries), meter)?;
        let is_whole = tally.sha256 == volume.sha256
            && tally.entries == volume.entries
            && tally.bytes == volume.bytes;
        if !is_whole {
            return Err(damaged(
                from,
                format!("the checksum of `{}` is another", volume.archive),
            ));
        }
        Ok(())
    }

    /// Looks closely at volumes, all of which have to be there and to be the app's.
    fn look_at(&self, names: &[&str]) -> Result<Vec<Volume>, Trouble> {
        let mut volumes = self
            .docker
            .inspect_volumes(names)
            .map_err(|error| docker_error(&error))?;
        volumes.sort_by(|one, other| one.name.cmp(&other.name));
        for name in names {
            if !can_hold(name, self.stack) {
                let message = format!(
                    "volume `{name}` is not named after stack `{}`",
                    self.stack.as_str()
                );
                return Err(Trouble::broken("volume-foreign", message));
            }
            if !volumes.iter().any(|volume| volume.name == *name) {
                return Err(Trouble::broken(
                    "volume-missing",
                    format!("there is no volume `{name}`"),
                ));
            }
        }
        Ok(volumes)
    }

    /// Checks that archives of so many bytes leave enough of the disk free.
    fn check_room(&self, dest: &Path, needed: u64) -> Result<(), Trouble> {
        let parent = folder::parent(dest);
        let Some(room) = preflight::Room::at(parent) else {
            return Ok(());
        };
        let floor = self.ctx.settings.state.disk_floor;
        if room.free >= needed.saturating_add(floor) {
            return Ok(());
        }
        let size = preflight::size;
        let message = format!(
            "{} are free on the disk of `{}`, and the snapshot needs {} beside the {} that stay free",
            size(room.free),
            parent.display(),
            size(needed),
            size(floor),
        );
        Err(Trouble::broken("disk-full", message).hint("make room, or lower `state.disk-floor`"))
    }
}

/// Removes a volume, be it gone already; waits while a container that is about to go holds it.
fn remove(docker: &Docker, name: &str) -> Result<(), Trouble> {
    let names = [name.to_owned()];
    let mut said = None;
    let probe = || match docker.remove_volumes(&names) {
        Ok(()) => Ok(Some(())),
        Err(error) if is_held(&error) => {
            said = Some(error.to_string());
            Ok(None)
        }
        Err(error) => Err(docker_error(&error)),
    };
    let pause = |tries: u32| Duration::from_millis(50 * u64::from(tries.min(20)));
    match wait_until(
        Deadline::after(HELD),
        &docker.host().interrupt,
        probe,
        pause,
    )? {
        Waited::Done(()) => Ok(()),
        Waited::Interrupted => Err(super::classify::interrupted()),
        Waited::TimedOut => {
            let message = format!("volume `{name}` is still in use after {} s", HELD.as_secs());
            let trouble = Trouble::broken("volume-busy", message).hint("undeploy the app first");
            Err(said.into_iter().fold(trouble, Trouble::because))
        }
    }
}

/// Reads the manifest of a snapshot and checks that its archives are as long as they were; reads no archive.
pub(crate) fn read(from: &Path) -> Result<Manifest, Trouble> {
    let path = from.join(MANIFEST);
    let failed = |said: std::io::Error| {
        damaged(from, format!("failed to read `{}`: {said}", path.display()))
    };
    let length = fs::metadata(&path).map_err(failed)?.len();
    if length > LONGEST_MANIFEST {
        return Err(damaged(from, format!("the manifest has {length} bytes")));
    }
    let text = fs::read_to_string(&path).map_err(failed)?;
    let manifest = Manifest::parse(&text).map_err(|error| damaged(from, error.to_string()))?;
    for volume in &manifest.volumes {
        let found = fs::symlink_metadata(from.join(&volume.archive));
        let found = found.map_err(|said| {
            damaged(from, format!("failed to read `{}`: {said}", volume.archive))
        })?;
        if !found.is_file() || found.len() != volume.bytes {
            let why = format!(
                "`{}` has {} bytes in place of {}",
                volume.archive,
                found.len(),
                volume.bytes
            );
            return Err(damaged(from, why));
        }
    }
    Ok(manifest)
}

/// Reads a snapshot whole and compares the checksum of every archive.
pub(crate) fn verify(from: &Path) -> Result<Manifest, Trouble> {
    let manifest = read(from)?;
    for volume in &manifest.volumes {
        let opened = File::open(from.join(&volume.archive));
        let opened = opened.map_err(|said| {
            damaged(from, format!("failed to read `{}`: {said}", volume.archive))
        })?;
        let digest = tree::digest(opened, &mut |_| true);
        let (sum, _) = digest.map_err(|error| failed(&volume.name, &(&error).into()))?;
        if sum != volume.sha256 {
            return Err(damaged(
                from,
                format!("the checksum of `{}` is another", volume.archive),
            ));
        }
    }
    Ok(manifest)
}

/// Makes the trouble of a snapshot that cannot be used.
fn damaged(from: &Path, why: impl Into<String>) -> Trouble {
    let message = format!("the snapshot `{}` cannot be used", from.display());
    Trouble::broken("snapshot-damaged", message).because(why)
}

#[cfg(test)]
mod tests;
