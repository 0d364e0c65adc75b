//! What a run left in its directory: read within bounds, and never through a link.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use rustix::fs::{Mode, OFlags};

/// How much of one file is read, in bytes.
const FILE_LIMIT: u64 = 4 << 20;
/// How much of all files of a run is read, in bytes.
const TOTAL_LIMIT: u64 = 32 << 20;
/// How many files of one folder are looked at.
const FOLDER_LIMIT: usize = 200;

/// One file that was read.
pub(crate) struct ReadFile {
    /// Its name, relative to the run directory.
    pub(crate) name: String,
    /// What it holds; of a large one, the end.
    pub(crate) text: String,
    /// Whether its beginning was left out.
    pub(crate) is_cut: bool,
}

/// Reads the files of one run directory.
pub(crate) struct RunFiles<'a> {
    /// The directory.
    dir: &'a Path,
    /// How many more bytes may be read.
    left: u64,
    /// What could not be read, and why.
    unread: Vec<(String, String)>,
}

impl<'a> RunFiles<'a> {
    /// Begins to read a directory.
    pub(crate) fn of(dir: &'a Path) -> Self {
        Self {
            dir,
            left: TOTAL_LIMIT,
            unread: Vec::new(),
        }
    }

    /// Reads one file; one that is not there is nothing, one that cannot be read is noted.
    pub(crate) fn read(&mut self, name: &str) -> Option<ReadFile> {
        let limit = FILE_LIMIT.min(self.left);
        match read(&self.dir.join(name), limit) {
            Ok((bytes, is_cut)) => {
                self.left -= bytes.len() as u64;
                if is_cut {
                    self.note(name, "it is large, and only its end was read");
                }
                Some(ReadFile {
                    name: name.to_owned(),
                    text: String::from_utf8_lossy(&bytes).into_owned(),
                    is_cut,
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.note(name, error.to_string());
                None
            }
        }
    }

    /// Returns the names of the files in a folder, sorted; the folder may be missing and must not be a link.
    pub(crate) fn names(&mut self, folder: &str) -> Vec<String> {
        let path = self.dir.join(folder);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => {
                self.note(folder, "it is no folder");
                return Vec::new();
            }
            Err(_) => return Vec::new(),
        }
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => {
                self.note(folder, error.to_string());
                return Vec::new();
            }
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> = names.collect();
        names.sort();
        if names.len() > FOLDER_LIMIT {
            let more = names.len() - FOLDER_LIMIT;
            names.truncate(FOLDER_LIMIT);
            self.note(folder, format!("it holds {more} files more than are read"));
        }
        names
    }

    /// Notes that something could not be read, and why.
    pub(crate) fn note(&mut self, name: &str, reason: impl Into<String>) {
        self.unread.push((name.to_owned(), reason.into()));
    }

    /// Returns what could not be read, and why.
    pub(crate) fn unread(self) -> Vec<(String, String)> {
        self.unread
    }
}

/// Returns the beginning of a file, as far as one read goes; the empty text where there is none.
pub(crate) fn beginning(path: &Path) -> String {
    /// How long it is at most.
    const LENGTH: u64 = 64 << 10;
    beginning_within(path, LENGTH)
}

/// Returns the beginning of a file, this many bytes at most; the empty text where there is none.
pub(crate) fn beginning_within(path: &Path, limit: u64) -> String {
    let read = || {
        let mut bytes = Vec::new();
        open(path)?.take(limit).read_to_end(&mut bytes)?;
        io::Result::Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the whole lines that a file ends with, this many bytes at most; the empty text where there is none.
pub(crate) fn ending_within(path: &Path, limit: u64) -> String {
    let (bytes, _) = read(path, limit).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads the end of a file, and tells whether it has a beginning before that.
fn read(path: &Path, limit: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut file = open(path)?;
    let size = file.metadata()?.len();
    let is_cut = size > limit;
    if is_cut {
        file.seek(SeekFrom::Start(size - limit))?;
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    if is_cut {
        // The first line is half a one.
        let whole = bytes.iter().position(|byte| *byte == b'\n');
        bytes.drain(..whole.map_or(bytes.len(), |at| at + 1));
    }
    Ok((bytes, is_cut))
}

/// Opens a regular file: no link, and no pipe that would keep its reader waiting.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP) => return Err(io::Error::other("it is a link")),
        Err(error) => return Err(error.into()),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_pipes_and_folders_are_not_read_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("good.log"), "one\ntwo\n").unwrap();
        symlink("/etc/passwd", at("link.log")).unwrap();
        symlink("/etc", at("linked")).unwrap();
        fs::create_dir(at("folder.log")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe.log"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        let mut files = RunFiles::of(dir.path());
        assert_eq!(files.read("good.log").unwrap().text, "one\ntwo\n");
        assert!(files.read("missing.log").is_none());
        for name in ["link.log", "folder.log", "pipe.log"] {
            assert!(files.read(name).is_none(), "{name}");
        }
        assert_eq!(files.names("linked"), [""; 0]);
        assert_eq!(files.names("missing"), [""; 0]);
        let unread = files.unread();
        let names: Vec<_> = unread.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["link.log", "folder.log", "pipe.log", "linked"]);
        assert_eq!(beginning(&at("link.log")), "");
        assert_eq!(beginning(&at("good.log")), "one\ntwo\n");
    }

    #[test]
    fn of_a_large_file_whole_lines_of_its_end_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large.log");
        fs::write(&path, "first\nsecond\nthird\n").unwrap();
        assert_eq!(read(&path, 9).unwrap(), (b"third\n".to_vec(), true));
        assert_eq!(read(&path, 3).unwrap(), (Vec::new(), true));
        assert!(!read(&path, 19).unwrap().1);
    }

    #[test]
    fn what_is_no_text_is_read_all_the_same_and_the_whole_has_a_bound() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), [0xff, 0xfe, b'\n']).unwrap();
        let mut files = RunFiles::of(dir.path());
        files.left = 4;
        assert_eq!(files.read("a").unwrap().text, "\u{fffd}\u{fffd}\n");
        let second = files.read("a").unwrap();
        assert!(second.is_cut && second.text.is_empty());
        assert_eq!(files.unread().len(), 1);
    }
}
