//! One entry of an archive: its header and PAX records as bytes, and back.

use std::io::Read;

use tar::{EntryType, Header};

use super::{
    Error,
    pax::{self, Record},
    shown,
    stream::{BLOCK, Source},
    wide, within,
};

/// The most bytes that an entry's name may have; the kernel takes none longer, and deep trees longer ones in parts.
const LONGEST_PATH: usize = 64 * 1024;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file; with the size that it has when holes count, if some were left out.
    File(Option<u64>),
    /// A further name of an entry that came before, by its path.
    Link(Vec<u8>),
    /// A symbolic link, with its target.
    Symlink(Vec<u8>),
    /// A character device, by its major and minor number.
    Character(u32, u32),
    /// A block device, by its major and minor number.
    Block(u32, u32),
    /// A folder.
    Folder,
    /// A named pipe.
    Fifo,
}

/// An entry, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its path from the folder that is archived, which is the empty path itself.
    pub(super) path: Vec<u8>,
    /// What it is.
    pub(super) kind: Kind,
    /// Its permissions, the three special bits included.
    pub(super) mode: u32,
    /// Its owner.
    pub(super) uid: u32,
    /// Its group.
    pub(super) gid: u32,
    /// When it was changed, in seconds and nanoseconds.
    pub(super) mtime: (i64, u32),
    /// Its extended attributes, each with its value.
    pub(super) attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// How many bytes of content follow in the archive.
    pub(super) stored: u64,
}

impl Entry {
    /// Returns the entry as it stands in an archive: the records with a header of their own, then the header.
    pub(super) fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut header = Header::new_ustar();
        let mut records = Vec::new();
        self.put_names(&mut header, &mut records);
        header.set_entry_type(self.entry_type());
        header.set_mode(self.mode);
        header.set_uid(self.uid.into());
        header.set_gid(self.gid.into());
        header.set_size(self.stored);
        // Eleven octal digits fit; all else is in the record.
        let (seconds, nanos) = self.mtime;
        let whole = u64::try_from(seconds).ok().filter(|whole| *whole < 1 << 33);
        header.set_mtime(whole.unwrap_or(0));
        if nanos != 0 || whole.is_none() {
            pax::add(&mut records, b"mtime", pax::time(seconds, nanos).as_bytes());
        }
        if let Kind::Character(major, minor) | Kind::Block(major, minor) = self.kind {
            let put = header.set_device_major(major);
            let put = put.and_then(|()| header.set_device_minor(minor));
            put.expect("a ustar header has room for devices");
        }
        for (name, value) in &self.attributes {
            pax::add(&mut records, &pax::attribute_key(name), value);
        }
        header.set_cksum();
        let mut bytes = self.encode_records(&records)?;
        bytes.extend_from_slice(header.as_bytes());
        Ok(bytes)
    }

    /// Puts the names into the header, and into records where they do not fit.
    fn put_names(&self, header: &mut Header, records: &mut Vec<u8>) {
        let mut name = [b"./", self.path.as_slice()].concat();
        if self.kind == Kind::Folder && !self.path.is_empty() {
            name.push(b'/');
        }
        let old = header.as_old_mut();
        if let Kind::File(Some(size)) = self.kind {
            // What knows no holes shall not take the map for content.
            put(&mut old.name, b"./GNUSparseFile.0/file");
            for (key, value) in [("major", "1"), ("minor", "0")] {
                pax::add(
                    records,
                    format!("GNU.sparse.{key}").as_bytes(),
                    value.as_bytes(),
                );
            }
            pax::add(records, b"GNU.sparse.name", &name);
            pax::add(records, b"GNU.sparse.realsize", size.to_string().as_bytes());
        } else if !put(&mut old.name, &name) {
            pax::add(records, b"path", &name);
        }
        let link = match &self.kind {
            Kind::Link(target) => [b"./", target.as_slice()].concat(),
            Kind::Symlink(target) => target.clone(),
            Kind::File(_) | Kind::Character(..) | Kind::Block(..) | Kind::Folder | Kind::Fifo => {
                return;
            }
        };
        if !put(&mut old.linkname, &link) {
            pax::add(records, b"linkpath", &link);
        }
    }

    /// Returns the type as archives write it.
    fn entry_type(&self) -> EntryType {
        match self.kind {
            Kind::File(_) => EntryType::Regular,
            Kind::Link(_) => EntryType::Link,
            Kind::Symlink(_) => EntryType::Symlink,
            Kind::Character(..) => EntryType::Char,
            Kind::Block(..) => EntryType::Block,
            Kind::Folder => EntryType::Directory,
            Kind::Fifo => EntryType::Fifo,
        }
    }

    /// Returns records with a header of their own, or nothing for none.
    fn encode_records(&self, records: &[u8]) -> Result<Vec<u8>, Error> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        if wide(records.len()) > pax::MOST || self.path.len() > LONGEST_PATH {
            return Err(Error::Unfit {
                path: shown(&self.path),
                why: "has too many extended attributes, or too long a name, to be kept",
            });
        }
        let mut header = Header::new_ustar();
        put(&mut header.as_old_mut().name, b"./PaxHeaders/entry");
        header.set_entry_type(EntryType::XHeader);
        header.set_mode(0o644);
        header.set_size(wide(records.len()));
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(records);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        Ok(bytes)
    }
}

/// Reads the next entry, or nothing at the archive's end.
pub(super) fn read(source: &mut Source<impl Read>) -> Result<Option<Entry>, Error> {
    let Some(header) = read_header(source)? else {
        return read_end(source).map(|()| None);
    };
    if header.entry_type() != EntryType::XHeader {
        return decode(&header, &[]).map(Some);
    }
    let size = field(header.entry_size())?;
    if size > pax::MOST {
        return Err(Error::refused("the records of an entry are too long"));
    }
    let mut records = vec![0; within(usize::MAX, size)];
    source.exact(&mut records)?;
    source.skip_padding(size)?;
    match read_header(source)? {
        Some(header) => decode(&header, &pax::parse(&records)?).map(Some),
        None => Err(Error::refused("records stand there without an entry")),
    }
}

/// Reads a header whose checksum is right; nothing for a block of zeros.
fn read_header(source: &mut Source<impl Read>) -> Result<Option<Header>, Error> {
    let mut block = [0; 512];
    source.exact(&mut block)?;
    if block == [0; 512] {
        return Ok(None);
    }
    let header = Header::from_byte_slice(&block).clone();
    let sum: u32 = block[..148]
        .iter()
        .chain(&block[156..])
        .map(|byte| u32::from(*byte))
        .sum();
    // The checksum counts its own field as blanks.
    if field(header.cksum())? != sum + 8 * u32::from(b' ') || header.as_ustar().is_none() {
        return Err(Error::refused("a header is none"));
    }
    Ok(Some(header))
}

/// Reads the second block of zeros, after which nothing may follow.
fn read_end(source: &mut Source<impl Read>) -> Result<(), Error> {
    let mut block = [0; 512];
    source.exact(&mut block)?;
    if block != [0; 512] || !source.available()?.is_empty() {
        return Err(Error::refused("something follows its end"));
    }
    Ok(())
}

/// Makes an entry of a header and its records.
fn decode(header: &Header, records: &[Record<'_>]) -> Result<Entry, Error> {
    let given = Given::of(records)?;
    let old = header.as_old();
    let name = given.name.unwrap_or_else(|| text(&old.name));
    let link = given.link.unwrap_or_else(|| text(&old.linkname));
    let kind = match header.entry_type() {
        EntryType::Regular => Kind::File(given.real_size),
        EntryType::Link => Kind::Link(path(link, false)?),
        EntryType::Symlink => Kind::Symlink(link.to_vec()),
        EntryType::Char => device(header).map(|(major, minor)| Kind::Character(major, minor))?,
        EntryType::Block => device(header).map(|(major, minor)| Kind::Block(major, minor))?,
        EntryType::Directory => Kind::Folder,
        EntryType::Fifo => Kind::Fifo,
        other => {
            let code = char::from(other.as_byte());
            return Err(Error::refused(format!("an entry is of the kind {code:?}")));
        }
    };
    let stored = field(header.entry_size())?;
    let is_file = matches!(kind, Kind::File(_));
    if (stored > 0 || given.real_size.is_some()) && !is_file {
        return Err(Error::refused("an entry that is no file has content"));
    }
    let number = |said: std::io::Result<u64>| {
        let number = u32::try_from(field(said)?);
        number.map_err(|_| Error::refused("an owner is out of range"))
    };
    let plain = (i64::try_from(field(header.mtime())?).unwrap_or(i64::MAX), 0);
    Ok(Entry {
        path: path(name, kind == Kind::Folder)?,
        kind,
        mode: field(header.mode())? & 0o7777,
        uid: number(header.uid())?,
        gid: number(header.gid())?,
        mtime: given.mtime.unwrap_or(plain),
        attributes: given.attributes,
        stored,
    })
}

/// What records say of an entry.
#[derive(Default)]
struct Given<'a> {
    /// Its name.
    name: Option<&'a [u8]>,
    /// Its target.
    link: Option<&'a [u8]>,
    /// When it was changed.
    mtime: Option<(i64, u32)>,
    /// The size that it has when holes count.
    real_size: Option<u64>,
    /// Its extended attributes.
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<'a> Given<'a> {
    /// Takes the records that ccci writes, and refuses all others.
    fn of(records: &[Record<'a>]) -> Result<Self, Error> {
        let mut given = Self::default();
        for (key, value) in records {
            let odd = || Error::refused(format!("a record `{}` is odd", shown(key)));
            match *key {
                b"path" | b"GNU.sparse.name" => given.name = Some(value),
                b"linkpath" => given.link = Some(value),
                b"mtime" => given.mtime = Some(pax::parse_time(value).ok_or_else(odd)?),
                b"GNU.sparse.realsize" => {
                    given.real_size = Some(pax::number(value).ok_or_else(odd)?);
                }
                b"GNU.sparse.major" if *value == b"1" => {}
                b"GNU.sparse.minor" if *value == b"0" => {}
                key => {
                    let name = key
                        .strip_prefix(pax::ATTRIBUTE.as_bytes())
                        .ok_or_else(odd)?;
                    given
                        .attributes
                        .push((pax::attribute_name(name), value.to_vec()));
                }
            }
        }
        Ok(given)
    }
}

/// Reads a device's numbers.
fn device(header: &Header) -> Result<(u32, u32), Error> {
    let number = |said: std::io::Result<Option<u32>>| {
        field(said)?.ok_or_else(|| Error::refused("a device has no number"))
    };
    Ok((
        number(header.device_major())?,
        number(header.device_minor())?,
    ))
}

/// Checks a name, and returns it as a path without its begin and end.
fn path(name: &[u8], is_folder: bool) -> Result<Vec<u8>, Error> {
    let odd = || Error::refused(format!("it holds the name `{}`", shown(name)));
    let path = name.strip_prefix(b"./").ok_or_else(odd)?;
    let path = match path.strip_suffix(b"/") {
        Some(path) if is_folder => path,
        Some(_) | None => path,
    };
    if path.is_empty() && is_folder && name == b"./" {
        return Ok(Vec::new());
    }
    let is_plain =
        |part: &[u8]| !part.is_empty() && part != b"." && part != b".." && !part.contains(&0);
    if path.len() > LONGEST_PATH || !path.split(|byte| *byte == b'/').all(is_plain) {
        return Err(odd());
    }
    Ok(path.to_vec())
}

/// Returns what a field holds up to its first zero.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Puts a text into a field with a zero at its end; tells whether it fits.
fn put(field: &mut [u8], text: &[u8]) -> bool {
    let count = text.len().min(field.len() - 1);
    field[..count].copy_from_slice(&text[..count]);
    count == text.len()
}

/// Takes a number from a header.
fn field<T>(said: std::io::Result<T>) -> Result<T, Error> {
    said.map_err(|_| Error::refused("a number in a header is odd"))
}

/// Returns how many blocks follow content of this length, in bytes with their padding.
pub(super) fn padded(size: u64) -> u64 {
    size.div_ceil(BLOCK).saturating_mul(BLOCK)
}
