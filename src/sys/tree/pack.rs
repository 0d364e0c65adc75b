//! Packs a tree: folders before what is in them, names in the order of their bytes, so that equal trees give equal archives.

use std::{
    collections::HashMap,
    ffi::OsStr,
    io::Write,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
};

use rustix::{
    fs::{
        AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, major, minor, openat, readlinkat, statat,
    },
    io::{Errno, pread},
};

use super::{
    DEPTH, Error, Pulse, Tally,
    attributes::{Attribute, Of},
    beat,
    entry::{Entry, Kind},
    open_folder, open_root, shown,
    sparse::{self, Segment},
    stream::Sink,
    wide, within,
};

/// A tree that is being packed.
struct Packer<'a, 'p, W> {
    /// The archive.
    sink: Sink<W>,
    /// What was packed so far.
    tally: Tally,
    /// The first path of each file that has several names, by its device and number.
    links: HashMap<(u64, u64), Vec<u8>>,
    /// Hears how far it is.
    pulse: &'a mut Pulse<'p>,
}

/// Packs a folder with all that is below it.
pub(crate) fn pack<W: Write>(
    root: &Path,
    out: W,
    pulse: &mut Pulse<'_>,
) -> Result<(Tally, W), Error> {
    let folder = open_root(root)?;
    let mut packer = Packer {
        sink: Sink::new(out)?,
        tally: Tally::default(),
        links: HashMap::new(),
        pulse,
    };
    packer.folder(&folder, &mut Vec::new(), 0)?;
    let Packer { sink, tally, .. } = packer;
    let (sha256, bytes, out) = sink.finish()?;
    let tally = Tally {
        bytes,
        sha256,
        ..tally
    };
    Ok((tally, out))
}

impl<W: Write> Packer<'_, '_, W> {
    /// Packs a folder that is open, and what is in it.
    fn folder(&mut self, folder: &OwnedFd, path: &mut Vec<u8>, depth: usize) -> Result<(), Error> {
        let before = fstat(folder).map_err(|said| Error::io("look at", path, said))?;
        self.put(path, &before, Kind::Folder, &Of::Open(folder))?;
        check_depth(path, depth)?;
        let length = path.len();
        for name in names(folder, path)? {
            join(path, &name);
            self.member(folder, &name, path, depth)?;
            path.truncate(length);
        }
        let after = fstat(folder).map_err(|said| Error::io("look at", path, said))?;
        check_still(path, &before, &after)
    }

    /// Packs something that lies in an open folder.
    fn member(
        &mut self,
        folder: &OwnedFd,
        name: &[u8],
        path: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), Error> {
        let failed = |said: Errno| Error::io("look at", path, said);
        let stat =
            statat(folder, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            let inner = open_folder(folder, name).map_err(|said| Error::io("open", path, said))?;
            return self.folder(&inner, path, depth + 1);
        }
        if kind == FileType::Socket {
            self.tally.sockets += 1;
            return Ok(());
        }
        if stat.st_nlink > 1 {
            let key = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.links.get(&key) {
                let link = Kind::Link(first.clone());
                return self.put_bare(path, &stat, link, Vec::new());
            }
            self.links.insert(key, path.clone());
        }
        match kind {
            FileType::RegularFile => self.file(folder, name, path, &stat),
            FileType::Symlink => {
                let target =
                    readlinkat(folder, OsStr::from_bytes(name), Vec::new()).map_err(failed)?;
                self.put_bare(path, &stat, Kind::Symlink(target.into_bytes()), Vec::new())
            }
            FileType::Fifo => self.special(folder, name, path, (&stat, Kind::Fifo)),
            FileType::CharacterDevice => {
                let device = Kind::Character(major(stat.st_rdev), minor(stat.st_rdev));
                self.special(folder, name, path, (&stat, device))
            }
            FileType::BlockDevice => {
                let device = Kind::Block(major(stat.st_rdev), minor(stat.st_rdev));
                self.special(folder, name, path, (&stat, device))
            }
            FileType::Directory | FileType::Socket | FileType::Unknown => {
                Err(unfit(path, "is of no known kind"))
            }
        }
    }

    /// Packs a device or a named pipe, which is never opened.
    fn special(
        &mut self,
        folder: &OwnedFd,
        name: &[u8],
        path: &[u8],
        (stat, kind): (&Stat, Kind),
    ) -> Result<(), Error> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let named = openat(folder, OsStr::from_bytes(name), flags, Mode::empty());
        let named = named.map_err(|said| Error::io("open", path, said))?;
        self.put(path, stat, kind, &Of::Named(&named))
    }

    /// Packs a file with its content.
    fn file(
        &mut self,
        folder: &OwnedFd,
        name: &[u8],
        path: &[u8],
        seen: &Stat,
    ) -> Result<(), Error> {
        let file = open_file(folder, name).map_err(|said| Error::io("open", path, said))?;
        let look = || fstat(&file).map_err(|said| Error::io("look at", path, said));
        let before = look()?;
        check_still(path, seen, &before)?;
        let size = u64::try_from(before.st_size).unwrap_or_default();
        let segments = sparse::find(&file, &before)
            .map_err(|said| Error::io("find the holes of", path, said))?;
        let attributes = Of::Open(&file).read();
        let attributes = attributes.map_err(|said| Error::io("read attributes of", path, said))?;
        let mut entry = entry(path, &before, Kind::File(None), attributes);
        if let Some(segments) = segments {
            let map = sparse::encode(&segments);
            entry.kind = Kind::File(Some(size));
            entry.stored = wide(map.len()) + sparse::content(&segments);
            self.head(&entry)?;
            self.sink.add(&map)?;
            self.content(&file, path, &segments)?;
        } else {
            entry.stored = size;
            self.head(&entry)?;
            self.content(&file, path, &[(0, size)])?;
        }
        self.sink.pad(entry.stored)?;
        check_still(path, &before, &look()?)
    }

    /// Packs pieces of a file's content.
    fn content(&mut self, file: &OwnedFd, path: &[u8], segments: &[Segment]) -> Result<(), Error> {
        for &(begin, length) in segments {
            let mut done = 0;
            while done < length {
                let room = self.sink.room()?;
                let wanted = within(room.len(), length - done);
                let count = match pread(file, &mut room[..wanted], begin + done) {
                    Ok(0) => return Err(changed(path)),
                    Ok(count) => count,
                    Err(Errno::INTR) => continue,
                    Err(said) => return Err(Error::io("read", path, said)),
                };
                self.sink.filled(count);
                done += wide(count);
                self.tally.content += wide(count);
                beat(self.pulse, self.tally.content)?;
            }
        }
        Ok(())
    }

    /// Packs what has attributes and no content.
    fn put(&mut self, path: &[u8], stat: &Stat, kind: Kind, of: &Of<'_>) -> Result<(), Error> {
        let attributes = of.read();
        let attributes = attributes.map_err(|said| Error::io("read attributes of", path, said))?;
        self.put_bare(path, stat, kind, attributes)
    }

    /// Packs what has no content.
    fn put_bare(
        &mut self,
        path: &[u8],
        stat: &Stat,
        kind: Kind,
        attributes: Vec<Attribute>,
    ) -> Result<(), Error> {
        self.head(&entry(path, stat, kind, attributes))
    }

    /// Packs an entry without its content.
    fn head(&mut self, entry: &Entry) -> Result<(), Error> {
        beat(self.pulse, self.tally.content)?;
        self.tally.entries += 1;
        self.sink.add(&entry.encode()?)
    }
}

/// Makes an entry of what the system says.
fn entry(path: &[u8], stat: &Stat, kind: Kind, attributes: Vec<Attribute>) -> Entry {
    Entry {
        path: path.to_vec(),
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: mtime(stat),
        attributes,
        stored: 0,
    }
}

/// Returns when something was changed last.
#[expect(
    clippy::useless_conversion,
    reason = "the nanoseconds have another type on another processor"
)]
fn mtime(stat: &Stat) -> (i64, u32) {
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or_default();
    (i64::from(stat.st_mtime), nanos)
}

/// Opens a file to read it, without marking it as read where that can be helped.
pub(super) fn open_file(folder: &OwnedFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    // It may have become a named pipe meanwhile, which must not hold us up.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let name = OsStr::from_bytes(name);
    match openat(folder, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(folder, name, flags, Mode::empty()),
        opened => opened,
    }
}

/// Returns the names in a folder in the order of their bytes.
pub(super) fn names(folder: &OwnedFd, path: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let failed = |said: Errno| Error::io("list", path, said);
    let mut names = Vec::new();
    for listed in Dir::read_from(folder).map_err(failed)? {
        let name = listed.map_err(failed)?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Adds a name to a path.
pub(super) fn join(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

/// Refuses a folder that lies too deep.
pub(super) fn check_depth(path: &[u8], depth: usize) -> Result<(), Error> {
    if depth > DEPTH {
        return Err(unfit(path, "lies too deep to be kept"));
    }
    Ok(())
}

/// Refuses what is not as it was.
fn check_still(path: &[u8], before: &Stat, after: &Stat) -> Result<(), Error> {
    let of = |stat: &Stat| {
        let times = (stat.st_ctime, stat.st_ctime_nsec, mtime(stat));
        (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mode, times)
    };
    if of(before) == of(after) {
        Ok(())
    } else {
        Err(changed(path))
    }
}

/// Makes the error of what was changed amid the work.
fn changed(path: &[u8]) -> Error {
    unfit(path, "changed while it was read")
}

/// Makes the error of what cannot be kept.
fn unfit(path: &[u8], why: &'static str) -> Error {
    Error::Unfit {
        path: shown(path),
        why,
    }
}
