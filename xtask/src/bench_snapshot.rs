//! Measures snapshots of a volume of 1 GiB against GNU tar on the same folder.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::bench_table::{Goal, Line, median};
use crate::run::cmd;
use crate::{repo, say};

/// The domain of the app whose volume it is.
const DOMAIN: &str = "snapshot-bench.test";
/// The volume.
const VOLUME: &str = "snapshot-bench_test_data";
/// The volume that tar fills, beside the other, as not every place on a disk is as fast.
const TAR_VOLUME: &str = "snapshot-bench_test_tar";
/// What the volumes are called in which files wait for the end.
const ASIDE: &str = "snapshot-bench_test_aside";
/// How many large files there are, and how large each is.
const LARGE: (usize, usize) = (6, 128 << 20);
/// How many small files there are, and how large each is.
const SMALL: (usize, usize) = (16 << 10, 16 << 10);
/// The most times as long as tar that is allowed: at least 0.9 times its speed.
const MOST: f64 = 1.0 / 0.9;

/// What all rounds stand on; dropped, it takes the volumes along.
struct Ground {
    /// The program.
    ccci: PathBuf,
    /// Where archives and the state go: the disk of the repository.
    work: TempDir,
    /// How many volumes' files were set aside.
    aside: Cell<usize>,
}

impl Drop for Ground {
    fn drop(&mut self) {
        // They were made by this task alone, and are no trouble where they never came to be.
        let aside = (0..self.aside.get()).map(|number| format!("{ASIDE}-{number}"));
        let all = [VOLUME, TAR_VOLUME]
            .map(str::to_owned)
            .into_iter()
            .chain(aside);
        let remove = cmd("docker", &["volume", "rm", "--force"]);
        drop(
            all.fold(remove, |remove, volume| remove.arg(&volume))
                .try_read(),
        );
    }
}

/// Measures both directions, by turns with tar.
pub(crate) fn measure(ccci: &Path, count: usize) -> Result<Vec<Line>> {
    let ground = Ground {
        ccci: ccci.to_owned(),
        work: TempDir::new_in(repo::target())?,
        aside: Cell::new(0),
    };
    let folder = make_volume(VOLUME)?;
    fill(&folder).context("the volume's folder must be on this host, and ours to write")?;
    let [mut taken, mut packed, mut restored, mut unpacked] = [const { Vec::new() }; 4];
    for round in 1..=count {
        let tar = ground.tar()?;
        let take = ground.take()?;
        // Whoever comes second finds the disk busier.
        let (untar, restore) = if round % 2 == 1 {
            (ground.untar()?, ground.restore()?)
        } else {
            let restore = ground.restore()?;
            (ground.untar()?, restore)
        };
        say::line(&format!(
            "round {round} of {count}: take {take:.2} s, tar {tar:.2} s; restore {restore:.2} s, untar {untar:.2} s"
        ));
        packed.push(tar);
        taken.push(take);
        unpacked.push(untar);
        restored.push(restore);
    }
    let line = |what, measured: &[f64], against, reference: &[f64]| Line {
        what,
        measured: median(measured),
        reference: median(reference),
        against,
        goal: Goal::Ratio {
            most: MOST,
            unit: "s",
        },
    };
    Ok(vec![
        line("take a snapshot", &taken, "tar c, sync", &packed),
        line("restore it", &restored, "tar x, sync", &unpacked),
    ])
}

/// Makes a volume and returns where its files are.
fn make_volume(name: &str) -> Result<PathBuf> {
    cmd("docker", &["volume", "create", name]).read()?;
    mountpoint(name)
}

/// Returns where the files of a volume are.
fn mountpoint(name: &str) -> Result<PathBuf> {
    let args = ["volume", "inspect", "--format", "{{.Mountpoint}}", name];
    Ok(cmd("docker", &args).read()?.trim().into())
}

/// Fills a folder with 1 GiB: a few large files, and many small ones.
fn fill(folder: &Path) -> Result<()> {
    // Numbers that no disk finds shorter, by the generator of Lehmer.
    let mut state = 1u64;
    let mut write = |path: PathBuf, size: usize| -> Result<()> {
        let mut bytes = Vec::with_capacity(size);
        while bytes.len() < size {
            state = state.wrapping_mul(0xda94_2042_e4dd_58b5);
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        Ok(File::create(path)?.write_all(&bytes)?)
    };
    for number in 0..LARGE.0 {
        write(folder.join(format!("large-{number}")), LARGE.1)?;
    }
    for number in 0..SMALL.0 {
        let inner = folder.join(format!("small-{}", number / 256));
        fs::create_dir_all(&inner)?;
        write(inner.join(number.to_string()), SMALL.1)?;
    }
    Ok(())
}

impl Ground {
    /// Returns the path of something in the folder of all rounds, which is not there.
    fn fresh(&self, name: &str) -> Result<String> {
        let path = self.work.path().join(name);
        cmd("rm", &["--recursive", "--force"]).arg(&path).read()?;
        cmd("sync", &[]).read()?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Removes a volume, and keeps its files in another until the end: where many files were removed, ext4 takes longer
    /// to make new ones for some minutes, as it looks for inodes that are not only just free (`recently_deleted` in its
    /// `ialloc.c`).
    fn set_aside(&self, volume: &str) -> Result<()> {
        let other = format!("{ASIDE}-{}", self.aside.get());
        self.aside.set(self.aside.get() + 1);
        fs::rename(mountpoint(volume)?, make_volume(&other)?.join("files"))?;
        cmd("docker", &["volume", "rm", volume]).read()?;
        cmd("sync", &[]).read()?;
        Ok(())
    }

    /// Measures tar as it writes an archive and brings it to the disk.
    fn tar(&self) -> Result<f64> {
        let archive = self.fresh("data.tar")?;
        let folder = mountpoint(VOLUME)?;
        time(|| {
            let tar = cmd("tar", &["--create", "--file", &archive, "--directory"]);
            tar.arg(&folder).arg(".").read()?;
            cmd("sync", &[&archive]).read()
        })
    }

    /// Measures tar as it reads its archive, all files brought to the disk.
    fn untar(&self) -> Result<f64> {
        let archive = self.work.path().join("data.tar");
        let folder = make_volume(TAR_VOLUME)?;
        let took = time(|| {
            let tar = cmd("tar", &["--extract", "--file"]);
            tar.arg(&archive).arg("--directory").arg(&folder).read()?;
            cmd("sync", &["--file-system"]).arg(&folder).read()
        })?;
        self.set_aside(TAR_VOLUME)?;
        Ok(took)
    }

    /// Measures a snapshot that is taken.
    fn take(&self) -> Result<f64> {
        let place = self.fresh("snapshot")?;
        time(|| self.call(&["take", DOMAIN, &place, VOLUME]))
    }

    /// Measures a snapshot that is restored; the volume is gone before, as what tar fills is empty.
    fn restore(&self) -> Result<f64> {
        let place = self.work.path().join("snapshot");
        self.set_aside(VOLUME)?;
        time(|| self.call(&["restore", DOMAIN, &place.to_string_lossy()]))
    }

    /// Calls ccci in a way that no other program does.
    fn call(&self, words: &[&str]) -> Result<String> {
        let state = self.work.path().join("state");
        fs::create_dir_all(&state)?;
        let call = cmd(&self.ccci, &["__snapshot"]).args(words);
        call.env("CCCI_STATE_DIR", state.as_path()).read()
    }
}

/// Returns how many seconds something takes.
fn time(work: impl FnOnce() -> Result<String>) -> Result<f64> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed().as_secs_f64())
}
