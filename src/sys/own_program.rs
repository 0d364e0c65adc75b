//! The running program with all that it needs to run elsewhere: its own file, its libraries, its loader.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// Where the kernel keeps the running program's own file, be it replaced meanwhile.
const SELF: &str = "/proc/self/exe";

/// The files that make the running program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnProgram {
    /// The program itself, by the path that it was started from.
    program: PathBuf,
    /// What starts it, where it needs libraries.
    loader: Option<PathBuf>,
    /// The libraries that it uses.
    libraries: Vec<PathBuf>,
}

impl OwnProgram {
    /// Finds the files of the running program.
    pub(crate) fn find() -> io::Result<Self> {
        let program = fs::read_link(SELF)?;
        let maps = fs::read("/proc/self/maps")?;
        Ok(Self::of(program, &maps))
    }

    /// Makes it of what the kernel says.
    fn of(program: PathBuf, maps: &[u8]) -> Self {
        // A program that was replaced while it runs is shown with a word behind its name.
        let program = match program.as_os_str().as_bytes().strip_suffix(b" (deleted)") {
            Some(name) => PathBuf::from(std::ffi::OsStr::from_bytes(name)),
            None => program,
        };
        let mapped: BTreeSet<PathBuf> = maps
            .split(|byte| *byte == b'\n')
            .filter_map(mapped)
            .collect();
        let is_library = |path: &&PathBuf| **path != program && name(path).contains(".so");
        let (loaders, libraries) = mapped
            .iter()
            .filter(is_library)
            .cloned()
            .partition(|path: &PathBuf| is_loader(path));
        let loaders: Vec<PathBuf> = loaders;
        Self {
            program,
            loader: loaders.into_iter().next(),
            libraries,
        }
    }

    /// Returns the words that start the program in a place that has nothing but its files.
    pub(crate) fn command(&self) -> Vec<String> {
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        let Some(loader) = &self.loader else {
            return vec![shown(&self.program)];
        };
        let folders: BTreeSet<String> = self
            .libraries
            .iter()
            .filter_map(|path| path.parent())
            .map(shown)
            .collect();
        let folders: Vec<String> = folders.into_iter().collect();
        let mut words = vec![shown(loader)];
        if !folders.is_empty() {
            words.extend(["--library-path".to_owned(), folders.join(":")]);
        }
        words.push(shown(&self.program));
        words
    }

    /// Returns the files, each with the path that it is to have elsewhere.
    fn files(&self) -> impl Iterator<Item = (&Path, &Path)> {
        let others = self.loader.iter().chain(&self.libraries);
        let others = others.map(|path| (path.as_path(), path.as_path()));
        [(Path::new(SELF), self.program.as_path())]
            .into_iter()
            .chain(others)
    }

    /// Returns a text that stands for the content of all files.
    pub(crate) fn digest(&self) -> io::Result<String> {
        let mut sum = Sha256::new();
        for (from, to) in self.files() {
            let mut file = File::open(from)?;
            sum.update(to.as_os_str().as_bytes());
            sum.update(format!("\0{}\0", file.metadata()?.len()));
            let mut buffer = vec![0; 1 << 20];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    count => sum.update(&buffer[..count]),
                }
            }
        }
        let digits = sum
            .finalize()
            .iter()
            .take(6)
            .fold(String::new(), |mut text, byte| {
                use std::fmt::Write;
                write!(text, "{byte:02x}").expect("a string takes any text");
                text
            });
        Ok(digits)
    }

    /// Writes all files as an archive that is the root of a file system.
    pub(crate) fn write_archive(&self, out: impl Write) -> io::Result<()> {
        let mut archive = tar::Builder::new(out);
        for (from, to) in self.files() {
            let mut file = File::open(from)?;
            let mut header = tar::Header::new_gnu();
            header.set_size(file.metadata()?.len());
            header.set_mode(0o755);
            header.set_entry_type(tar::EntryType::Regular);
            let to = to.strip_prefix("/").unwrap_or(to);
            archive.append_data(&mut header, to, &mut file)?;
        }
        archive.into_inner()?.flush()
    }
}

/// Returns the file of a line of the kernel's list, if it is mapped to be run.
fn mapped(line: &[u8]) -> Option<PathBuf> {
    let line = std::str::from_utf8(line).ok()?;
    // Address, permissions, offset, device, number; then the path, which may hold blanks.
    let mut rest = line;
    let mut fields = [""; 5];
    for field in &mut fields {
        (*field, rest) = rest.trim_start().split_once(' ')?;
    }
    let path = rest.trim_start();
    let runs = fields[1].contains('x') && path.starts_with('/');
    runs.then(|| PathBuf::from(path))
}

/// Returns the last name of a path.
fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Tells whether a file is a loader of shared libraries.
fn is_loader(path: &Path) -> bool {
    name(path).starts_with("ld-")
        || name(path).starts_with("ld.so")
        || name(path).starts_with("ld64.so")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.18 shows them.
    const MAPS: &str = "\
55d0c0a00000-55d0c0b00000 r-xp 00010000 fe:00 811 /opt/my ccci/ccci
7f0000000000-7f0000001000 r--p 00000000 fe:00 812                        /usr/lib/x86_64-linux-gnu/libc.so.6
7f0000001000-7f0000002000 r-xp 00001000 fe:00 812                        /usr/lib/x86_64-linux-gnu/libc.so.6
7f0000003000-7f0000004000 r-xp 00000000 fe:00 813                        /lib64/libgcc_s.so.1
7f0000005000-7f0000006000 r-xp 00000000 fe:00 814                        /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
7f0000007000-7f0000008000 r--p 00000000 fe:00 815                        /usr/lib/locale/locale-archive
7fff00000000-7fff00001000 r-xp 00000000 00:00 0                          [vdso]
7fff00002000-7fff00003000 rw-p 00000000 00:00 0 
";

    #[test]
    fn a_program_with_libraries_is_started_by_its_loader() {
        let own = OwnProgram::of("/opt/my ccci/ccci (deleted)".into(), MAPS.as_bytes());
        let wanted = [
            "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            "--library-path",
            "/lib64:/usr/lib/x86_64-linux-gnu",
            "/opt/my ccci/ccci",
        ];
        assert_eq!(own.command(), wanted);
        assert_eq!(own.files().count(), 4);
    }

    #[test]
    fn a_program_without_libraries_is_started_itself() {
        let own = OwnProgram::of("/bin/ccci".into(), b"55d0-55d1 r-xp 0 fe:00 8 /bin/ccci\n");
        assert_eq!(own.command(), ["/bin/ccci"]);
        assert_eq!(own.files().count(), 1);
    }

    #[test]
    fn the_files_of_this_very_program_are_found_and_archived() {
        let own = OwnProgram::find().unwrap();
        assert_eq!(own.digest().unwrap(), own.digest().unwrap());
        let mut archive = Vec::new();
        own.write_archive(&mut archive).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let names: Vec<PathBuf> = archive
            .entries()
            .unwrap()
            .map(|entry| Path::new("/").join(entry.unwrap().path().unwrap()))
            .collect();
        assert_eq!(names[0], std::env::current_exe().unwrap());
        assert!(names.iter().all(|name| name.is_file()), "{names:?}");
    }
}
