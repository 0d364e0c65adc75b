//! Unpacks an archive of ours into a folder, and refuses whatever ours never hold.
//!
//! The folders on the way to what is being unpacked are held open, and what lies in them is made by name in the
//! innermost one; so an entry can only come to lie in a folder that the archive itself has made.

use std::{
    ffi::OsStr,
    io::Read,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
};

use rustix::{
    fs::{
        AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, chmod, chownat, fchmod,
        fchown, ftruncate, futimens, linkat, makedev, mkdirat, mknodat, openat, symlinkat, syncfs,
        utimensat,
    },
    io::{Errno, pwrite},
};

use super::{
    DEPTH, Error, Pulse, Tally,
    attributes::{Of, path_of},
    beat, empty,
    entry::{self, Entry, Kind},
    open_folder, open_root, shown, sparse,
    stream::{Source, cut},
    wide, within,
};

/// The mode of what is not finished.
const PRIVATE: Mode = Mode::RWXU;

/// A folder that is not finished, as more may come to lie in it.
struct Frame {
    /// What it is to become.
    entry: Entry,
    /// Its last name.
    name: Vec<u8>,
    /// The open folder.
    folder: OwnedFd,
}

/// An archive that is being unpacked.
struct Unpacker<'a, 'p, R> {
    /// The archive.
    source: Source<R>,
    /// What was unpacked so far.
    tally: Tally,
    /// The folders down to the one that is being filled.
    frames: Vec<Frame>,
    /// Hears how far it is.
    pulse: &'a mut Pulse<'p>,
}

/// Unpacks an archive of at most so many entries into a folder, which is emptied first; all of it is on the disk afterwards.
pub(crate) fn unpack(
    root: &Path,
    input: impl Read,
    most: u64,
    pulse: &mut Pulse<'_>,
) -> Result<Tally, Error> {
    let folder = open_root(root)?;
    empty::empty(&folder)?;
    let mut unpacker = Unpacker {
        source: Source::new(input)?,
        tally: Tally::default(),
        frames: Vec::new(),
        pulse,
    };
    let synced = folder
        .try_clone()
        .map_err(|said| Error::io("open", b"", said))?;
    unpacker.root(folder)?;
    while let Some(entry) = entry::read(&mut unpacker.source)? {
        unpacker.count(most)?;
        unpacker.member(entry)?;
    }
    unpacker.leave(0)?;
    syncfs(&synced).map_err(|said| Error::io("write to the disk", b"", said))?;
    let Unpacker { source, tally, .. } = unpacker;
    let (sha256, bytes) = source.finish();
    Ok(Tally {
        bytes,
        sha256,
        ..tally
    })
}

impl<R: Read> Unpacker<'_, '_, R> {
    /// Takes the first entry, which is the folder itself.
    fn root(&mut self, folder: OwnedFd) -> Result<(), Error> {
        let entry = entry::read(&mut self.source)?;
        let entry = entry.filter(|entry| entry.path.is_empty() && entry.kind == Kind::Folder);
        let entry = entry.ok_or_else(|| Error::refused("it does not begin with its folder"))?;
        self.tally.entries = 1;
        self.frames.push(Frame {
            entry,
            name: Vec::new(),
            folder,
        });
        Ok(())
    }

    /// Counts an entry.
    fn count(&mut self, most: u64) -> Result<(), Error> {
        self.tally.entries += 1;
        if self.tally.entries > most {
            return Err(Error::refused(format!("it holds more than {most} entries")));
        }
        beat(self.pulse, self.tally.content)
    }

    /// Unpacks what is not the folder itself.
    fn member(&mut self, entry: Entry) -> Result<(), Error> {
        if entry.path.is_empty() {
            return Err(Error::refused("its folder stands in it twice"));
        }
        let mut parts: Vec<&[u8]> = entry.path.split(|byte| *byte == b'/').collect();
        let name = parts.pop().unwrap_or_default().to_vec();
        self.enter(&parts, &entry.path)?;
        let parent = self
            .frames
            .last()
            .expect("the first frame is left at the very end");
        let made = match &entry.kind {
            Kind::Folder => make_folder(&parent.folder, &name).map(Some),
            Kind::File(_) => make_file(&parent.folder, &name).map(Some),
            Kind::Link(target) => {
                let root = &self
                    .frames
                    .first()
                    .expect("it is there, as the last is")
                    .folder;
                make_link(root, target, &parent.folder, &name).map(|()| None)
            }
            Kind::Symlink(target) => {
                make_symlink(&parent.folder, &name, target, &entry).map(|()| None)
            }
            Kind::Character(..) | Kind::Block(..) | Kind::Fifo => {
                make_special(&parent.folder, &name, &entry).map(|()| None)
            }
        };
        let made = made.map_err(|said| not_made(&entry, said))?;
        match (made, &entry.kind) {
            (Some(folder), Kind::Folder) => self.push(entry, name, folder),
            (Some(file), _) => self.fill(&file, &entry),
            (None, _) => Ok(()),
        }
    }

    /// Goes to the folder of an entry, which has to be one of those that are not finished.
    fn enter(&mut self, parts: &[&[u8]], path: &[u8]) -> Result<(), Error> {
        self.leave(parts.len() + 1)?;
        let names = self
            .frames
            .iter()
            .skip(1)
            .map(|frame| frame.name.as_slice());
        if names.eq(parts.iter().copied()) {
            return Ok(());
        }
        Err(Error::refused(format!(
            "`{}` does not come after its folder",
            shown(path)
        )))
    }

    /// Finishes folders until so many are left.
    fn leave(&mut self, depth: usize) -> Result<(), Error> {
        while self.frames.len() > depth {
            let frame = self.frames.pop().expect("there are more than none");
            finish(&frame.folder, &frame.entry)?;
        }
        Ok(())
    }

    /// Goes into a folder that was made.
    fn push(&mut self, entry: Entry, name: Vec<u8>, folder: OwnedFd) -> Result<(), Error> {
        if self.frames.len() > DEPTH {
            return Err(Error::refused("its folders lie too deep"));
        }
        self.frames.push(Frame {
            entry,
            name,
            folder,
        });
        Ok(())
    }

    /// Writes the content of a file.
    fn fill(&mut self, file: &OwnedFd, entry: &Entry) -> Result<(), Error> {
        let Kind::File(real_size) = entry.kind else {
            unreachable!("only files are filled");
        };
        if let Some(size) = real_size {
            let (segments, map) = sparse::read(&mut self.source, size)?;
            if map + sparse::content(&segments) != entry.stored {
                return Err(Error::refused("the map of a file is odd"));
            }
            let cut = ftruncate(file, size);
            cut.map_err(|said| Error::io("make room for", &entry.path, said))?;
            for (begin, length) in segments {
                self.content(file, entry, begin, length)?;
            }
        } else {
            self.content(file, entry, 0, entry.stored)?;
        }
        self.source.skip_padding(entry.stored)?;
        finish(file, entry)
    }

    /// Writes one piece of the content of a file.
    fn content(
        &mut self,
        file: &OwnedFd,
        entry: &Entry,
        begin: u64,
        length: u64,
    ) -> Result<(), Error> {
        let mut done = 0;
        while done < length {
            let available = self.source.available()?;
            if available.is_empty() {
                return Err(cut());
            }
            let wanted = within(available.len(), length - done);
            let count = match pwrite(file, &available[..wanted], begin + done) {
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                Err(said) => return Err(Error::io("write", &entry.path, said)),
            };
            self.source.consume(count);
            done += wide(count);
            self.tally.content += wide(count);
            beat(self.pulse, self.tally.content)?;
        }
        Ok(())
    }
}

/// Makes a folder that was not there.
fn make_folder(parent: &OwnedFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    mkdirat(parent, OsStr::from_bytes(name), PRIVATE)?;
    open_folder(parent, name)
}

/// Makes a file that was not there.
fn make_file(parent: &OwnedFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, OsStr::from_bytes(name), flags, PRIVATE)
}

/// Gives something that was unpacked a further name; it is looked for without following any link.
fn make_link(
    root: &OwnedFd,
    target: &[u8],
    parent: &OwnedFd,
    name: &[u8],
) -> rustix::io::Result<()> {
    let mut parts: Vec<&[u8]> = target.split(|byte| *byte == b'/').collect();
    let last = parts.pop().unwrap_or_default();
    let mut folder = open_folder(root, b".")?;
    for part in parts {
        folder = open_folder(&folder, part)?;
    }
    linkat(
        &folder,
        OsStr::from_bytes(last),
        parent,
        OsStr::from_bytes(name),
        AtFlags::empty(),
    )
}

/// Makes a symbolic link and finishes it; nothing else is known of links.
fn make_symlink(
    parent: &OwnedFd,
    name: &[u8],
    target: &[u8],
    entry: &Entry,
) -> rustix::io::Result<()> {
    let name = OsStr::from_bytes(name);
    symlinkat(OsStr::from_bytes(target), parent, name)?;
    let (user, group) = owner(entry);
    chownat(parent, name, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
    utimensat(parent, name, &times(entry), AtFlags::SYMLINK_NOFOLLOW)
}

/// Makes a device or a named pipe and finishes it, without ever opening it.
fn make_special(parent: &OwnedFd, name: &[u8], entry: &Entry) -> rustix::io::Result<()> {
    let (kind, device) = match entry.kind {
        Kind::Character(major, minor) => (FileType::CharacterDevice, makedev(major, minor)),
        Kind::Block(major, minor) => (FileType::BlockDevice, makedev(major, minor)),
        Kind::File(_) | Kind::Link(_) | Kind::Symlink(_) | Kind::Folder | Kind::Fifo => {
            (FileType::Fifo, 0)
        }
    };
    let path = OsStr::from_bytes(name);
    mknodat(parent, path, kind, PRIVATE, device)?;
    let (user, group) = owner(entry);
    chownat(parent, path, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let named = openat(parent, path, flags, Mode::empty())?;
    let of = Of::Named(&named);
    entry
        .attributes
        .iter()
        .try_for_each(|attribute| of.set(attribute))?;
    chmod(path_of(&named), Mode::from_raw_mode(entry.mode))?;
    utimensat(parent, path, &times(entry), AtFlags::SYMLINK_NOFOLLOW)
}

/// Gives an open file or folder its owner, attributes, mode and time, in an order in which none undoes another.
fn finish(open: &OwnedFd, entry: &Entry) -> Result<(), Error> {
    let (user, group) = owner(entry);
    // A change of the owner takes capabilities and special bits away, and so comes first; the time comes last.
    let finished = fchown(open, user, group)
        .and_then(|()| {
            let mut attributes = entry.attributes.iter();
            attributes.try_for_each(|attribute| Of::Open(open).set(attribute))
        })
        .and_then(|()| fchmod(open, Mode::from_raw_mode(entry.mode)))
        .and_then(|()| futimens(open, &times(entry)));
    finished.map_err(|said| Error::io("set owner, mode, time and attributes of", &entry.path, said))
}

/// Returns whose an entry is.
fn owner(entry: &Entry) -> (Option<Uid>, Option<Gid>) {
    (
        Some(Uid::from_raw(entry.uid)),
        Some(Gid::from_raw(entry.gid)),
    )
}

/// Returns the times of an entry; when it was read last is not kept.
fn times(entry: &Entry) -> Timestamps {
    let (seconds, nanos) = entry.mtime;
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanos.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// Tells an archive that is odd from a system that refuses something.
fn not_made(entry: &Entry, said: Errno) -> Error {
    let path = shown(&entry.path);
    match said {
        Errno::EXIST => Error::refused(format!("it holds `{path}` twice")),
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::PERM
            if matches!(entry.kind, Kind::Link(_)) =>
        {
            Error::refused(format!("`{path}` is another name of nothing"))
        }
        said => Error::io("make", &entry.path, said),
    }
}
