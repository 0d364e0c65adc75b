//! Files that survive a crash: replaced as a whole, or appended to record by record.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FallocateFlags, RenameFlags, fallocate, renameat_with};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

/// Room kept on the disk for records to come, so that a full disk cannot stop a teardown.
const RESERVE: u64 = 64 * 1024;

/// What the name of a file begins with that is not yet in its place; a crash leaves it there.
pub(crate) const UNFINISHED: &str = ".new-";

/// Replaces a file by one with these bytes, readable by its owner alone; after a crash it is wholly old or wholly new.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = directory_of(path);
    let mut file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(directory)?.sync_all()
}

/// Makes a folder with these files, each with its name, its bytes and its mode; after a crash it is whole or not there.
///
/// What is there already, be it an empty folder, is an error and stays as it is.
pub(crate) fn create_folder(path: &Path, files: &[(&str, &[u8], u32)]) -> io::Result<()> {
    let parent = directory_of(path);
    std::fs::create_dir_all(parent)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let suffix: [u8; 4] = super::random::bytes()?;
    let new = parent.join(format!(".{name}.{:08x}", u32::from_le_bytes(suffix)));
    std::fs::create_dir(&new)?;
    let moved = fill(&new, files).and_then(|()| {
        renameat_with(CWD, &new, CWD, path, RenameFlags::NOREPLACE)?;
        File::open(parent)?.sync_all()
    });
    if moved.is_err() {
        // What stays is hidden, and no recipe's name begins with a dot.
        drop(std::fs::remove_dir_all(&new));
    }
    moved
}

/// Writes files into a folder; they are on the disk when this returns.
fn fill(folder: &Path, files: &[(&str, &[u8], u32)]) -> io::Result<()> {
    for (name, bytes, mode) in files {
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(*mode);
        let mut file = options.open(folder.join(name))?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
    File::open(folder)?.sync_all()
}

/// Returns the directory that holds a file.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// What a reader could not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Every byte belongs to a whole record.
    None,
    /// The bytes from here on are no whole records, as after a crash amid a write.
    Tail {
        /// Where the valid records end.
        valid: usize,
        /// How many bytes follow.
        lost: usize,
    },
}

/// Reads the records up to the first damaged one; changes nothing, so the file may be in use.
pub(crate) fn read(path: &Path) -> io::Result<(Vec<String>, Damage)> {
    Ok(parse(&std::fs::read(path)?))
}

/// An append-only file of records, each with its length and checksum.
pub(crate) struct Appender {
    /// Opened for appending.
    file: File,
    /// Where the valid records end.
    valid: u64,
}

impl Appender {
    /// Opens or makes the file; a damaged tail is first moved to `PATH.damaged`.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let is_new = !path.try_exists()?;
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(path)?;
        if is_new {
            File::open(directory_of(path))?.sync_all()?;
        }
        let bytes = std::fs::read(path)?;
        let valid = match parse(&bytes).1 {
            Damage::None => bytes.len(),
            Damage::Tail { valid, .. } => {
                write(&damaged_path(path), &bytes[valid..])?;
                file.set_len(to_u64(valid))?;
                file.sync_all()?;
                valid
            }
        };
        reserve(&file, to_u64(valid))?;
        Ok(Self {
            file,
            valid: to_u64(valid),
        })
    }

    /// Appends one line of text; it is on the disk when this returns.
    pub(crate) fn append(&mut self, record: &str) -> io::Result<()> {
        if record.contains('\n') {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "a record is one line",
            ));
        }
        let line = format!("{} {} {record}\n", record.len(), checksum(record));
        let written = self
            .file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a record would hide all that follow it.
            self.file.set_len(self.valid)?;
            return Err(error);
        }
        self.valid += to_u64(line.len());
        Ok(())
    }
}

/// Returns the file that takes a damaged tail.
pub(crate) fn damaged_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    PathBuf::from(name)
}

/// Reserves room after the records where the file system can do so.
fn reserve(file: &File, from: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::KEEP_SIZE, from, RESERVE) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the records before the first damage.
fn parse(bytes: &[u8]) -> (Vec<String>, Damage) {
    let mut records = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let Some((record, length)) = parse_record(&bytes[at..]) else {
            return (
                records,
                Damage::Tail {
                    valid: at,
                    lost: bytes.len() - at,
                },
            );
        };
        records.push(record.to_owned());
        at += length;
    }
    (records, Damage::None)
}

/// Returns the record at the begin of the bytes with the length of its line, when it is whole.
fn parse_record(bytes: &[u8]) -> Option<(&str, usize)> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    let (length, rest) = line.split_once(' ')?;
    let (sum, record) = rest.split_once(' ')?;
    let is_whole = length == record.len().to_string() && sum == checksum(record);
    is_whole.then_some((record, end + 1))
}

/// Returns eight hexadecimal digits that change with the text.
fn checksum(record: &str) -> String {
    let digest = Sha256::digest(record.as_bytes());
    format!(
        "{:02x}{:02x}{:02x}{:02x}",
        digest[0], digest[1], digest[2], digest[3]
    )
}

/// Widens a length.
fn to_u64(length: usize) -> u64 {
    u64::try_from(length).expect("no supported machine has lengths beyond 64 bits")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const RECORDS: [&str; 4] = [r#"{"made":"a"}"#, "", "ü with blanks", r#"{"gone":"a"}"#];

    fn line_ends(bytes: &[u8]) -> usize {
        bytes.split(|&byte| byte == b'\n').count() - 1
    }

    fn filled(directory: &tempfile::TempDir) -> PathBuf {
        let path = directory.path().join("journal");
        let mut appender = Appender::open(&path).unwrap();
        for record in RECORDS {
            appender.append(record).unwrap();
        }
        path
    }

    #[test]
    fn a_written_file_is_replaced_whole_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("record");
        write(&path, b"a longer old text").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(write(&directory.path().join("absent/record"), b"x").is_err());
    }

    #[test]
    fn records_come_back_also_after_opening_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = filled(&directory);
        Appender::open(&path).unwrap().append("more").unwrap();
        let (records, damage) = read(&path).unwrap();
        assert_eq!(records[..4], RECORDS);
        assert_eq!(records[4], "more");
        assert_eq!(damage, Damage::None);
        assert!(!damaged_path(&path).exists());
    }

    #[test]
    fn a_record_of_two_lines_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let mut appender = Appender::open(&directory.path().join("journal")).unwrap();
        assert_eq!(
            appender.append("a\nb").unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    }

    #[test]
    fn a_file_cut_at_any_byte_gives_the_records_before_the_cut() {
        let directory = tempfile::tempdir().unwrap();
        let bytes = std::fs::read(filled(&directory)).unwrap();
        for cut in 0..bytes.len() {
            let (records, damage) = parse(&bytes[..cut]);
            assert_eq!(records, RECORDS[..records.len()]);
            let whole = line_ends(&bytes[..cut]);
            assert_eq!(records.len(), whole);
            let at_border = cut == 0 || bytes[cut - 1] == b'\n';
            assert_eq!(damage == Damage::None, at_border, "cut at {cut}");
        }
    }

    #[test]
    fn any_flipped_bit_ends_the_records_there() {
        let directory = tempfile::tempdir().unwrap();
        let bytes = std::fs::read(filled(&directory)).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let (records, damage) = parse(&flipped);
            assert_eq!(records, RECORDS[..records.len()], "bit {bit}");
            let before = line_ends(&bytes[..bit / 8]);
            assert_eq!(records.len(), before, "bit {bit}");
            assert_ne!(damage, Damage::None);
        }
    }

    #[test]
    fn a_damaged_tail_is_set_aside_before_the_next_record() {
        let directory = tempfile::tempdir().unwrap();
        let path = filled(&directory);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"12 0000").unwrap();
        assert!(matches!(
            read(&path).unwrap().1,
            Damage::Tail { lost: 7, .. }
        ));
        Appender::open(&path).unwrap().append("after").unwrap();
        let (records, damage) = read(&path).unwrap();
        assert_eq!((records.len(), damage), (5, Damage::None));
        assert_eq!(std::fs::read(damaged_path(&path)).unwrap(), b"12 0000");
    }
}
