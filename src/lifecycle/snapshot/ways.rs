//! The two ways to the files of a volume: in this process, or in a container that mounts it; both write the same.

use std::{
    cell::OnceCell,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Snapshotting, meter::Meter};
use crate::{
    lifecycle::{
        classify::{docker_error, interrupted},
        preflight::make_state,
    },
    model::{
        outcome::Trouble,
        resource::{Resource, ResourceKind},
    },
    sys::{
        tree::{self, Cause, Failure, Tally},
        wait::Deadline,
    },
    tool::docker::{
        volume::Volume,
        volume_container::{
            OwnImage, Undone, VolumeContainer, Work, container_name, mangled, sync_archive,
        },
    },
};

/// How long the work on one volume may take.
const LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

/// Which ways may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ways {
    /// The faster one where it is open.
    Fastest,
    /// A container always.
    Container,
}

/// Works on volumes, each in its way.
pub(super) struct Worker<'a> {
    /// Whose volumes they are.
    of: &'a Snapshotting<'a>,
    /// Which ways may be taken.
    ways: Ways,
    /// The image for containers, made when the first is needed.
    image: OnceCell<OwnImage>,
}

impl<'a> Worker<'a> {
    /// Gets ready; makes nothing yet.
    pub(super) fn new(of: &'a Snapshotting<'a>, ways: Ways) -> Self {
        Self {
            of,
            ways,
            image: OnceCell::new(),
        }
    }

    /// Counts what a volume holds.
    pub(super) fn measure(&self, volume: &Volume) -> Result<Tally, Trouble> {
        match self.folder_of(volume) {
            Some(folder) => self.here(volume, None, |pulse| tree::measure(&folder, pulse)),
            None => self.in_container(volume, Work::Measure, None),
        }
    }

    /// Packs a volume into an archive, which is on the disk afterwards.
    pub(super) fn pack(
        &self,
        volume: &Volume,
        archive: &Path,
        meter: &Meter<'_>,
    ) -> Result<Tally, Trouble> {
        let unwritten = |said: io::Error| super::folder::unmade(archive, &said);
        let Some(folder) = self.folder_of(volume) else {
            let tally = self.in_container(volume, Work::Pack(archive), Some(meter))?;
            let written = sync_archive(archive).map_err(unwritten)?;
            let sum = self.here(volume, None, |pulse| {
                let (sha256, bytes) = tree::digest(written, pulse)?;
                Ok(Tally {
                    bytes,
                    sha256,
                    ..tally.clone()
                })
            })?;
            return if sum == tally {
                Ok(tally)
            } else {
                Err(undone(volume, &mangled(archive)))
            };
        };
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(archive)
            .map_err(unwritten)?;
        self.here(volume, Some(meter), |pulse| {
            let (tally, file) = tree::pack(&folder, file, pulse)?;
            let synced = file.sync_all();
            synced.map_err(|source| tree::Error::Io {
                doing: "bring to the disk",
                path: archive.display().to_string(),
                source,
            })?;
            Ok(tally)
        })
    }

    /// Fills a volume from an archive of so many entries.
    pub(super) fn unpack(
        &self,
        volume: &Volume,
        (archive, entries): (&Path, u64),
        meter: &Meter<'_>,
    ) -> Result<Tally, Trouble> {
        let Some(folder) = self.folder_of(volume) else {
            return self.in_container(volume, Work::Unpack(archive, entries), Some(meter));
        };
        let file = File::open(archive).map_err(|said| super::folder::unmade(archive, &said))?;
        self.here(volume, Some(meter), |pulse| {
            tree::unpack(&folder, file, entries, pulse)
        })
    }

    /// Works on a volume in this process, until a signal or the limit ends it.
    fn here(
        &self,
        volume: &Volume,
        meter: Option<&Meter<'_>>,
        work: impl FnOnce(&mut tree::Pulse<'_>) -> Result<Tally, tree::Error>,
    ) -> Result<Tally, Trouble> {
        // Where docker is shielded from the first signal, the work that it is asked for is too.
        let interrupt = &self.of.docker.host().interrupt;
        let deadline = Deadline::after(LIMIT);
        let mut pulse = |done| {
            if let Some(meter) = meter {
                meter.show(done);
            }
            !interrupt.is_set() && !deadline.is_over()
        };
        let ended = work(&mut pulse);
        ended.map_err(|error| match error {
            tree::Error::Interrupted if !interrupt.is_set() => {
                let message = format!(
                    "the snapshot of volume `{}` took longer than {LIMIT:?}",
                    volume.name
                );
                Trouble::broken("snapshot-timeout", message)
            }
            error => failed(&volume.name, &Failure::from(&error)),
        })
    }

    /// Works on a volume in a container of its own.
    fn in_container(
        &self,
        volume: &Volume,
        work: Work<'_>,
        meter: Option<&Meter<'_>>,
    ) -> Result<Tally, Trouble> {
        let docker = self.of.docker;
        let image = self.image()?;
        let name = container_name().map_err(|said| {
            Trouble::broken(
                "snapshot-unwritten",
                "failed to find a name for a container",
            )
            .because(said.to_string())
        })?;
        (self.of.announce)(&Resource::new(ResourceKind::Container, &name))?;
        let container = VolumeContainer {
            name: &name,
            stack: self.of.stack.as_str(),
            volume: &volume.name,
            work,
            limit: LIMIT,
        };
        let mut show = |done| {
            if let Some(meter) = meter {
                meter.show(done);
            }
        };
        let ended = docker.work_on_volume(image, &container, self.scratch(), &mut show);
        ended.map_err(|error| undone(volume, &error))
    }

    /// Returns the image for containers.
    fn image(&self) -> Result<&OwnImage, Trouble> {
        if let Some(image) = self.image.get() {
            return Ok(image);
        }
        make_state(self.scratch())?;
        let image = self.of.docker.ensure_own_image(self.scratch());
        let image = image.map_err(|error| docker_error(&error))?;
        Ok(self.image.get_or_init(|| image))
    }

    /// Returns where files may lie for a while.
    fn scratch(&self) -> &Path {
        &self.of.ctx.settings.state.dir
    }

    /// Returns where the files of a volume are, if this process can reach them.
    fn folder_of(&self, volume: &Volume) -> Option<PathBuf> {
        let is_open =
            self.ways == Ways::Fastest && volume.is_plain() && rustix::process::geteuid().is_root();
        is_open.then(|| reachable(volume))?
    }
}

/// Returns a plain volume's folder, when it is certain to be on this host and not only called alike.
///
/// What the engine calls a volume's birth is the time, in whole seconds, when the state of a folder changed last: of
/// that with its files up to engine 20.10, of the one above it later (moby, `volume/local`). Another host that has
/// folders of the same names made and changed them at other times.
fn reachable(volume: &Volume) -> Option<PathBuf> {
    let folder = &volume.mountpoint;
    let above = folder.is_absolute().then(|| folder.parent())??;
    let look = |path: &Path| fs::symlink_metadata(path).ok().filter(fs::Metadata::is_dir);
    let times = [look(folder)?.ctime(), look(above)?.ctime()];
    let is_same = volume.born().is_some_and(|born| times.contains(&born));
    is_same.then(|| folder.clone())
}

/// Makes the trouble of work in a container that was not done.
fn undone(volume: &Volume, error: &Undone) -> Trouble {
    match error {
        Undone::Docker(error) => docker_error(error),
        Undone::Failed(failure) => failed(&volume.name, failure),
    }
}

/// Makes the trouble of work that failed.
pub(super) fn failed(volume: &str, failure: &Failure) -> Trouble {
    let message = format!("failed to work on volume `{volume}`");
    let trouble = match failure.cause {
        Cause::Damage => Trouble::broken(
            "snapshot-damaged",
            format!("the snapshot of volume `{volume}` cannot be used"),
        ),
        Cause::FullDisk => Trouble::broken("disk-full", message).hint("make room on the disk"),
        Cause::Interrupt => return interrupted(),
        Cause::Other => Trouble::broken("snapshot-failed", message),
    };
    failure.said.iter().cloned().fold(trouble, Trouble::because)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_only_called_alike_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("_data");
        fs::create_dir(&folder).unwrap();
        // Both folders were made just now, maybe in different seconds.
        let born = fs::metadata(root.path()).unwrap().ctime();
        let volume = |born: i64, folder: &Path| -> Volume {
            let born = jiff::Timestamp::from_second(born).unwrap().to_string();
            serde_json::from_value(serde_json::json!({
                "Name": "v", "Driver": "local", "CreatedAt": born, "Mountpoint": folder,
            }))
            .unwrap()
        };
        assert_eq!(reachable(&volume(born, &folder)), Some(folder.clone()));
        assert_eq!(reachable(&volume(born - 100, &folder)), None);
        assert_eq!(reachable(&volume(born, &root.path().join("absent"))), None);
        assert_eq!(reachable(&volume(born, Path::new("_data"))), None);
        assert_eq!(reachable(&volume(born, Path::new(""))), None);
    }

    #[test]
    fn damage_a_full_disk_and_a_signal_have_codes_of_their_own() {
        let code = |cause| {
            failed(
                "v",
                &Failure {
                    cause,
                    said: vec!["a".into()],
                },
            )
            .code
        };
        let codes = [
            Cause::Damage,
            Cause::FullDisk,
            Cause::Interrupt,
            Cause::Other,
        ]
        .map(code);
        assert_eq!(
            codes,
            [
                "snapshot-damaged",
                "disk-full",
                "interrupted",
                "snapshot-failed"
            ]
        );
    }
}
