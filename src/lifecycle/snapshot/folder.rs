//! The folder of a new snapshot: it has its name only when it is whole and on the disk.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::{
    model::{
        outcome::Trouble,
        snapshot::{MANIFEST, Manifest},
    },
    sys::{durable, random},
};

/// A folder that is being filled; dropped before it is finished, it is gone.
pub(super) struct NewFolder {
    /// Where it is for now.
    path: PathBuf,
    /// Where it will be.
    dest: PathBuf,
}

impl NewFolder {
    /// Makes the folder beside its later place, without what a killed ccci left there.
    pub(super) fn make(dest: &Path) -> Result<Self, Trouble> {
        let failed = |said: io::Error| unmade(dest, &said);
        if fs::symlink_metadata(dest).is_ok() {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        let parent = parent(dest);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(failed)?;
        let name = dest
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        remove_halves(parent, &name).map_err(failed)?;
        let suffix = random::text(b"0123456789abcdef", 8).map_err(failed)?;
        let path = parent.join(format!(".{name}.{suffix}"));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(failed)?;
        Ok(Self {
            path,
            dest: dest.to_owned(),
        })
    }

    /// Returns where it is for now.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the manifest and gives the folder its name.
    pub(super) fn finish(self, manifest: &Manifest) -> Result<(), Trouble> {
        let text = manifest.to_text();
        // It brings the folder to the disk as well, with all archives that it names.
        let written = durable::write(&self.path.join(MANIFEST), text.as_bytes());
        let moved = written.and_then(|()| {
            renameat_with(CWD, &self.path, CWD, &self.dest, RenameFlags::NOREPLACE)?;
            File::open(parent(&self.dest))?.sync_all()
        });
        moved.map_err(|said| unmade(&self.dest, &said))
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        // Finished, it has another name, and nothing is there.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Removes what was left beside a snapshot by those who were killed while they took it.
fn remove_halves(parent: &Path, name: &str) -> io::Result<()> {
    let prefix = format!(".{name}.");
    for found in fs::read_dir(parent)? {
        let found = found?;
        let is_half = found.file_name().to_str().is_some_and(|other| {
            let suffix = other.strip_prefix(&prefix);
            suffix.is_some_and(|suffix| {
                suffix.len() == 8 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
        });
        if is_half {
            fs::remove_dir_all(found.path())?;
        }
    }
    Ok(())
}

/// Returns the folder in which a path lies.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Makes the trouble of a snapshot that could not be written.
pub(super) fn unmade(dest: &Path, said: &io::Error) -> Trouble {
    let message = format!("failed to make the snapshot `{}`", dest.display());
    let code = match said.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk-full",
        _ => "snapshot-unwritten",
    };
    Trouble::broken(code, message).because(said.to_string())
}
