//! Named locks that the kernel frees when the last process that holds them ends; age and process ids decide nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::interrupt::Interrupt;
use super::wait::{Deadline, Waited, wait_until};
use crate::model::run::RunId;

/// How often a lock that is held is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// Why a lock could not be tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A name that is no file name.
    #[error("`{0}` cannot name a lock")]
    Name(String),
    /// The lock file cannot be opened, locked or compared.
    #[error("failed to lock `{}`", .path.display())]
    File {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A lock that is held until this and every copy of its file, in children too, is closed.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The locked file; its closing frees the lock.
    file: Arc<File>,
}

impl Lock {
    /// Takes the lock unless another holds it, and leaves a note about the holder for people.
    pub(crate) fn try_acquire(dir: &Path, name: &str, note: &str) -> Result<Option<Self>, Error> {
        let path = lock_path(dir, name)?;
        let wrap = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        let Some(file) = try_exclusively(&path).map_err(wrap(&path))? else {
            return Ok(None);
        };
        let holder = dir.join(format!("{name}.holder"));
        std::fs::write(&holder, note).map_err(wrap(&holder))?;
        Ok(Some(Self {
            file: Arc::new(file),
        }))
    }

    /// Takes the lock as soon as it is free, until the deadline or a signal comes.
    pub(crate) fn acquire(
        dir: &Path,
        name: &str,
        note: &str,
        until: (Deadline, &Interrupt),
    ) -> Result<Waited<Self>, Error> {
        let (deadline, interrupt) = until;
        wait_until(
            deadline,
            interrupt,
            || Self::try_acquire(dir, name, note),
            |_| RETRY,
        )
    }

    /// Tells whether somebody holds the lock.
    pub(crate) fn is_held(dir: &Path, name: &str) -> Result<bool, Error> {
        let path = lock_path(dir, name)?;
        is_held(&path).map_err(|source| Error::File { path, source })
    }

    /// Returns the locked file, for children to inherit: the lock is then held until they end too.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Returns the note of the last holder, for people only: it may have ended since.
    pub(crate) fn holder(dir: &Path, name: &str) -> Option<String> {
        lock_path(dir, name).ok()?;
        std::fs::read_to_string(dir.join(format!("{name}.holder"))).ok()
    }
}

/// Held by the process that leads a run, or that removes what the run left, and by no child of it.
///
/// An app's lock that is held while nobody leads its run is held by children that outlived their run.
#[derive(Debug)]
pub(crate) struct Leader {
    /// The locked file; its closing frees the lock.
    file: File,
    /// Where it is.
    path: PathBuf,
}

impl Leader {
    /// Takes the lead of a run, unless another has it.
    pub(crate) fn try_take(dir: &Path, run: &RunId) -> Result<Option<Self>, Error> {
        let path = leader_path(dir, run);
        match try_exclusively(&path) {
            Ok(file) => Ok(file.map(|file| Self { file, path })),
            Err(source) => Err(Error::File { path, source }),
        }
    }

    /// Tells whether somebody leads a run.
    pub(crate) fn is_alive(dir: &Path, run: &RunId) -> Result<bool, Error> {
        let path = leader_path(dir, run);
        is_held(&path).map_err(|source| Error::File { path, source })
    }

    /// Lets others know that this is the lead of a removal; it decides nothing but how patient they are.
    pub(crate) fn note_removal(&mut self) {
        // Unwritten, it makes others give up earlier.
        drop(self.file.write_all(REMOVAL));
    }

    /// Tells whether who leads a run, or did so last, is there to remove its app.
    pub(crate) fn is_removal(dir: &Path, run: &RunId) -> bool {
        std::fs::read(leader_path(dir, run)).is_ok_and(|note| note.starts_with(REMOVAL))
    }

    /// Gives up the lead of a run that is over, and its file.
    pub(crate) fn retire(self) {
        // A file that stays is free, which says the same.
        drop(std::fs::remove_file(&self.path));
    }
}

/// What stands in the file of a leader that removes an app.
const REMOVAL: &[u8] = b"removal\n";

/// Removes the files of runs that nobody leads any more and that are over.
///
/// A run that is killed at its very end leaves such a file; one that is about to be led makes it anew.
pub(crate) fn retire_idle(dir: &Path, is_over: &dyn Fn(&RunId) -> bool) -> io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let name = entry?.file_name();
        let run = name.to_str().and_then(|name| name.strip_suffix(".leader"));
        let Some(run) = run.and_then(|run| run.parse::<RunId>().ok()) else {
            continue;
        };
        if is_over(&run)
            && let Ok(Some(leader)) = Leader::try_take(dir, &run)
        {
            leader.retire();
        }
    }
    Ok(())
}

/// Returns the file that the leader of a run holds; no app's lock has this name, as they end in `.lock`.
fn leader_path(dir: &Path, run: &RunId) -> PathBuf {
    dir.join(format!("{run}.leader"))
}

/// Makes and locks a file unless another holds it.
fn try_exclusively(path: &Path) -> io::Result<Option<File>> {
    loop {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(source),
        }
        // A file that was replaced between opening and locking guards nothing.
        if is_at(&file, path)? {
            return Ok(Some(file));
        }
    }
}

/// Tells whether somebody holds a lock file for himself; those who only ask do not hinder each other.
fn is_held(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(source),
    }
}

/// Returns the lock file of a name.
fn lock_path(dir: &Path, name: &str) -> Result<PathBuf, Error> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(Error::Name(name.to_owned()));
    }
    Ok(dir.join(format!("{name}.lock")))
}

/// Returns whether the path still leads to the open file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::sys::interrupt::Signal;

    fn take(dir: &Path) -> Option<Lock> {
        Lock::try_acquire(dir, "app.example", "run k7m2q").unwrap()
    }

    /// Starts a process that holds the lock until its input ends.
    fn holder(dir: &Path) -> Child {
        #[expect(clippy::disallowed_methods, reason = "a process that is none of ours")]
        let mut command = Command::new("flock");
        command
            .arg(dir.join("app.example.lock"))
            .args(["-c", "echo held; read line"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("flock exists");
        let mut word = [0; 5];
        io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut word).unwrap();
        assert_eq!(&word, b"held\n");
        child
    }

    #[test]
    fn a_lock_has_one_holder_and_is_free_when_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let lock = take(directory.path()).unwrap();
        assert!(take(directory.path()).is_none());
        assert_eq!(
            Lock::holder(directory.path(), "app.example").unwrap(),
            "run k7m2q"
        );
        drop(lock);
        assert!(take(directory.path()).is_some());
        assert_eq!(Lock::holder(directory.path(), "other.example"), None);
    }

    #[test]
    fn a_lock_is_held_while_a_copy_of_its_file_is_open() {
        let directory = tempfile::tempdir().unwrap();
        let lock = take(directory.path()).unwrap();
        let copy = lock.file();
        drop(lock);
        assert!(take(directory.path()).is_none());
        drop(copy);
        assert!(take(directory.path()).is_some());
    }

    #[test]
    fn another_process_holds_the_lock_until_it_is_killed() {
        let directory = tempfile::tempdir().unwrap();
        let mut child = holder(directory.path());
        assert!(take(directory.path()).is_none());
        let brief = Deadline::after(Duration::from_millis(20));
        let never = Interrupt::never();
        let waited = Lock::acquire(directory.path(), "app.example", "", (brief, &never)).unwrap();
        assert!(matches!(waited, Waited::TimedOut));
        drop(child.stdin.take());
        let long = Deadline::after(Duration::from_secs(60));
        let waited = Lock::acquire(directory.path(), "app.example", "", (long, &never)).unwrap();
        assert!(matches!(waited, Waited::Done(_)));
        child.wait().unwrap();
    }

    #[test]
    fn a_signal_ends_the_wait_for_a_lock() {
        let directory = tempfile::tempdir().unwrap();
        let _lock = take(directory.path()).unwrap();
        let interrupt = Interrupt::never();
        interrupt.raise(Signal::Int);
        let long = Deadline::after(Duration::from_secs(60));
        let waited = Lock::acquire(directory.path(), "app.example", "", (long, &interrupt));
        assert!(matches!(waited.unwrap(), Waited::Interrupted));
    }

    #[test]
    fn a_lock_on_a_replaced_file_guards_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.example.lock");
        let old = File::create(&path).unwrap();
        assert!(is_at(&old, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&old, &path).unwrap());
        std::fs::write(&path, "").unwrap();
        assert!(!is_at(&old, &path).unwrap());
    }

    #[test]
    fn asking_whether_a_lock_is_held_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let held = || Lock::is_held(directory.path(), "app.example").unwrap();
        assert!(!held());
        assert!(
            std::fs::read_dir(directory.path())
                .unwrap()
                .next()
                .is_none()
        );
        let lock = take(directory.path()).unwrap();
        assert!(held());
        drop(lock);
        assert!(!held());
        take(directory.path()).unwrap();
    }

    #[test]
    fn a_run_has_one_leader_and_its_children_are_none() {
        let directory = tempfile::tempdir().unwrap();
        let run: RunId = "k7m2q".parse().unwrap();
        let take = || Leader::try_take(directory.path(), &run).unwrap();
        let is_alive = || Leader::is_alive(directory.path(), &run).unwrap();
        assert!(!is_alive());
        let leader = take().unwrap();
        assert!(is_alive() && take().is_none());
        let mut child = holder(directory.path());
        drop(leader);
        // A child that another test is just starting has a copy of the file until it becomes its program.
        let is_free = || Ok::<_, Error>((!is_alive()).then_some(()));
        let (long, never) = (Deadline::after(Duration::from_secs(60)), Interrupt::never());
        let waited = wait_until(long, &never, is_free, |_| RETRY);
        assert!(matches!(waited.unwrap(), Waited::Done(())));
        drop(child.stdin.take());
        child.wait().unwrap();
        take().unwrap().retire();
        assert!(!directory.path().join("k7m2q.leader").exists());
    }

    #[test]
    fn only_free_files_of_runs_that_are_over_are_retired() {
        let directory = tempfile::tempdir().unwrap();
        let [over, open, led] = ["k7m2q", "k7m2r", "k7m2s"].map(|id| id.parse::<RunId>().unwrap());
        let take = |run: &RunId| Leader::try_take(directory.path(), run).unwrap().unwrap();
        drop((take(&over), take(&open)));
        let _led = take(&led);
        std::fs::write(directory.path().join("app.example.lock"), "").unwrap();
        retire_idle(directory.path(), &|run| *run != open).unwrap();
        let there = |name: &str| directory.path().join(name).exists();
        assert!(!there("k7m2q.leader"));
        assert!(there("k7m2r.leader") && there("k7m2s.leader") && there("app.example.lock"));
        retire_idle(&directory.path().join("missing"), &|_| true).unwrap();
    }

    #[test]
    fn threads_take_turns() {
        let directory = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut taken = 0;
                    while taken < 25 {
                        let Some(lock) = take(directory.path()) else {
                            std::thread::yield_now();
                            continue;
                        };
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(lock);
                        taken += 1;
                    }
                });
            }
        });
    }

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        for name in ["", ".", "..", "../x", "a/b", "a\0b", ".hidden"] {
            assert!(matches!(
                Lock::try_acquire(Path::new("/tmp"), name, ""),
                Err(Error::Name(_))
            ));
        }
    }

    #[test]
    fn a_missing_directory_is_an_error_that_names_the_file() {
        let error = Lock::try_acquire(Path::new("/nowhere"), "a", "").unwrap_err();
        assert_eq!(error.to_string(), "failed to lock `/nowhere/a.lock`");
    }
}
