//! Measures a tree without reading its content.

use std::{
    collections::HashSet,
    ffi::OsStr,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
};

use rustix::fs::{AtFlags, FileType, statat};

use super::{
    Error, Pulse, Tally, beat,
    entry::padded,
    open_folder, open_root,
    pack::{check_depth, join, names, open_file},
    sparse,
};

/// About how many bytes the head of an entry takes: its header, and records with theirs.
const HEAD: u64 = 4 * 512;

/// Counts a folder with all that is below it, and says about how long an archive of it will be.
pub(crate) fn measure(root: &Path, pulse: &mut Pulse<'_>) -> Result<Tally, Error> {
    let mut tally = Tally {
        bytes: 1024,
        ..Tally::default()
    };
    let mut seen = HashSet::new();
    let folder = open_root(root)?;
    measure_folder(
        &folder,
        &mut Vec::new(),
        0,
        &mut (&mut tally, &mut seen, pulse),
    )?;
    Ok(tally)
}

/// What was counted, the files of several names that were, and who hears of it.
type Count<'a, 'p> = (
    &'a mut Tally,
    &'a mut HashSet<(u64, u64)>,
    &'a mut Pulse<'p>,
);

/// Counts a folder that is open.
fn measure_folder(
    folder: &OwnedFd,
    path: &mut Vec<u8>,
    depth: usize,
    count: &mut Count<'_, '_>,
) -> Result<(), Error> {
    check_depth(path, depth)?;
    count.0.entries += 1;
    count.0.bytes += HEAD;
    let length = path.len();
    for name in names(folder, path)? {
        join(path, &name);
        beat(count.2, count.0.content)?;
        let look = statat(folder, OsStr::from_bytes(&name), AtFlags::SYMLINK_NOFOLLOW);
        let stat = look.map_err(|said| Error::io("look at", path, said))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            let inner = open_folder(folder, &name).map_err(|said| Error::io("open", path, said))?;
            measure_folder(&inner, path, depth + 1, count)?;
        } else if kind == FileType::Socket {
            count.0.sockets += 1;
        } else {
            count.0.entries += 1;
            count.0.bytes += HEAD;
            let is_first = stat.st_nlink == 1 || count.1.insert((stat.st_dev, stat.st_ino));
            if kind == FileType::RegularFile && is_first {
                let file = || open_file(folder, &name);
                let content =
                    content(&stat, file).map_err(|said| Error::io("measure", path, said))?;
                count.0.content += content;
                count.0.bytes += padded(content);
            }
        }
        path.truncate(length);
    }
    Ok(())
}

/// Returns how much content a file has without its holes; only one that may have some is opened.
fn content(
    stat: &rustix::fs::Stat,
    file: impl Fn() -> rustix::io::Result<OwnedFd>,
) -> rustix::io::Result<u64> {
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    let allocated = u64::try_from(stat.st_blocks)
        .unwrap_or_default()
        .saturating_mul(512);
    if allocated >= size {
        return Ok(size);
    }
    let segments = sparse::find(&file()?, stat)?;
    Ok(segments.map_or(size, |segments| sparse::content(&segments)))
}
