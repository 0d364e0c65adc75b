//! Processes of runs: their journals watched from outside, their trees killed, their marks looked for.
#![expect(
    clippy::disallowed_methods,
    reason = "a file that another process writes is looked at again and again"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a run may take before the test gives up on it.
const LIMIT: Duration = Duration::from_secs(280);
/// How long is waited between two looks.
const TURN: Duration = Duration::from_millis(15);

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victims {
    /// The process of `ccci`; its children live on.
    Alone,
    /// It and all that descends from it.
    Tree,
}

/// What a run is killed after.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark {
    /// So many entries of its journal, before it does anything more.
    Entry(usize),
    /// So many files or folders that it has put on the disk as a whole, before it does anything more.
    File(usize),
    /// So many of its events, of which there are more.
    Event(usize),
    /// The beginning of a stage.
    Stage(&'static str),
    /// It has asked for a call of docker, counted from one; the call goes on.
    Call(usize),
    /// Some time.
    After(Duration),
    /// Nothing.
    Never,
}

/// How a run came to its end.
#[derive(Debug)]
pub(crate) enum End {
    /// It was killed past the mark.
    Killed {
        /// How much more it had written.
        past: usize,
    },
    /// It ended by itself.
    Over {
        /// How.
        status: ExitStatus,
    },
}

impl Mark {
    /// Tells whether a run is past the mark, and by how many events.
    fn passed(self, folder: Option<&Path>, age: Duration) -> Option<usize> {
        match self {
            Self::Event(count) => events(folder?).len().checked_sub(count),
            Self::Stage(stage) => {
                let begins =
                    |event: &Value| event["reason"] == "stage-started" && event["stage"] == stage;
                let events = events(folder?);
                let at = events.iter().position(begins)?;
                Some(events.len() - at - 1)
            }
            Self::After(time) => (age >= time).then_some(0),
            Self::Entry(_) | Self::File(_) | Self::Call(_) | Self::Never => None,
        }
    }
}

/// Returns the events of a run, as far as they are whole.
fn events(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let json = |line| serde_json::from_str(line).unwrap();
    whole.lines().map(json).collect()
}

/// A journal as far as it is whole.
pub(crate) struct Journal {
    /// The run's folder.
    pub(crate) folder: PathBuf,
    /// Its entries.
    pub(crate) entries: Vec<Value>,
}

impl Journal {
    /// Reads the journal in a run's folder.
    fn read(folder: PathBuf) -> Self {
        let text = fs::read_to_string(folder.join("journal.jsonl")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let json = |line: &str| {
            let json = line.splitn(3, ' ').nth(2).unwrap();
            serde_json::from_str(json).unwrap()
        };
        let entries = whole.lines().map(json).collect();
        Self { folder, entries }
    }

    /// Returns the text of a key of the first entry.
    pub(crate) fn begun(&self, key: &str) -> &str {
        let first = self.entries.first().and_then(|entry| entry[key].as_str());
        first.unwrap_or_else(|| panic!("no {key} in {}", self.folder.display()))
    }
}

/// Reads the journals of a state directory that have begun, the latest last.
pub(crate) fn journals(state: &Path) -> Vec<Journal> {
    let Ok(entries) = fs::read_dir(state.join("runs")) else {
        return Vec::new();
    };
    let folders = entries.map(|entry| entry.unwrap().path());
    // A link leads to the latest of them.
    let folders = folders.filter(|path| !path.is_symlink());
    let read = folders.map(Journal::read);
    let mut begun: Vec<_> = read.filter(|journal| !journal.entries.is_empty()).collect();
    begun.sort_by_key(|journal| journal.begun("started").parse::<Timestamp>().unwrap());
    begun
}

/// Lets a run go on until it is past a mark, then kills it.
pub(crate) fn kill_at(ccci: Command, state: &Path, mark: Mark, victims: Victims) -> End {
    match mark {
        Mark::Entry(count) => kill_in_entry(&ccci, state, count, victims),
        Mark::File(count) => kill_in_file(&ccci, state, count, victims),
        Mark::Event(_) | Mark::Stage(_) | Mark::Call(_) | Mark::After(_) | Mark::Never => {
            kill_past(ccci, state, mark, victims)
        }
    }
}

/// Lets the kernel kill a run that writes an entry of its journal: when it asks for the entry to be put on the disk.
///
/// By then the entry is in the file, which outlives the process, and what it announces is not begun.
fn kill_in_entry(ccci: &Command, state: &Path, count: usize, victims: Victims) -> End {
    let status = kill_in_system_call(ccci, "fdatasync", count);
    if status.signal() != Some(Signal::KILL.as_raw()) {
        return End::Over { status };
    }
    let journal = journals(state).pop().expect("a run has a journal");
    if victims == Victims::Tree {
        kill_marked(journal.begun("run_id"));
    }
    let past = journal.entries.len().checked_sub(count);
    End::Killed {
        past: past.expect("it died in that entry"),
    }
}

/// Lets the kernel kill a run that replaces a file: when its bytes are put on the disk, or when its name is.
fn kill_in_file(ccci: &Command, state: &Path, count: usize, victims: Victims) -> End {
    let known = journals(state).len();
    let status = kill_in_system_call(ccci, "fsync", count);
    if status.signal() != Some(Signal::KILL.as_raw()) {
        return End::Over { status };
    }
    // The first file may be one that is written before the journal is.
    let begun = journals(state).into_iter().nth(known);
    if let Some(journal) = begun
        && victims == Victims::Tree
    {
        kill_marked(journal.begun("run_id"));
    }
    End::Killed { past: 0 }
}

/// Lets the kernel kill a call of ccci when one of its threads asks for a system call, counted from one.
fn kill_in_system_call(ccci: &Command, name: &str, count: usize) -> ExitStatus {
    let mut strace = Command::new("strace");
    let inject = format!("--inject={name}:signal=SIGKILL:when={count}");
    let trace = format!("--trace={name}");
    strace.args([
        "-f",
        "-qqq",
        "-b",
        "execve",
        "--seccomp-bpf",
        "-o",
        "/dev/null",
    ]);
    strace.args([&trace, &inject]);
    strace.arg(ccci.get_program()).args(ccci.get_args());
    strace.env_clear().envs(
        ccci.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    strace.current_dir(ccci.get_current_dir().unwrap());
    strace
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    ended(strace.spawn().expect("strace is installed"))
}

/// Waits for the end of a process.
fn ended(mut child: Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if began.elapsed() > LIMIT {
            kill(child, Victims::Tree);
            panic!("a run did not end within {LIMIT:?}");
        }
        thread::sleep(TURN);
    }
}

/// Lets a run go on until it is past an event or a time, then kills it.
fn kill_past(mut ccci: Command, state: &Path, mark: Mark, victims: Victims) -> End {
    let began = Instant::now();
    let mut ccci = ccci.spawn().expect("ccci was built");
    let pid = ccci.id();
    let mut folder = None;
    loop {
        let status = ccci.try_wait().unwrap();
        folder = folder.or_else(|| {
            let ours = |journal: &Journal| journal.entries[0]["pid"] == pid;
            let found = journals(state).into_iter().find(ours);
            found.map(|journal| journal.folder)
        });
        let passed = mark.passed(folder.as_deref(), began.elapsed());
        if let Some(status) = status {
            let was_killed = status.signal() == Some(Signal::KILL.as_raw());
            return if was_killed {
                End::Killed { past: 0 }
            } else {
                End::Over { status }
            };
        }
        if let Some(past) = passed {
            kill(ccci, victims);
            return End::Killed { past };
        }
        if began.elapsed() > LIMIT {
            kill(ccci, Victims::Tree);
            panic!("a run did not end within {LIMIT:?}");
        }
        thread::sleep(TURN);
    }
}

/// Kills what carries a run's mark, until nothing does.
fn kill_marked(run: &str) {
    let mark = format!("CCCI_RUN_MARK={run}");
    loop {
        let pids: Vec<i32> = carriers(&mark).filter_map(|path| pid_of(&path)).collect();
        if pids.is_empty() {
            break;
        }
        for pid in pids {
            send(pid, Signal::KILL);
        }
        thread::sleep(TURN);
    }
}

/// Kills as nothing can be caught.
fn kill(mut ccci: Child, victims: Victims) {
    let root = Pid::from_child(&ccci);
    if victims == Victims::Tree {
        // All are stopped before any is killed, or orphans would leave the tree.
        let mut stopped = BTreeSet::new();
        while let Some(next) = tree(root).into_iter().find(|pid| !stopped.contains(pid)) {
            send(next, Signal::STOP);
            stopped.insert(next);
        }
        for pid in stopped {
            send(pid, Signal::KILL);
        }
    }
    ccci.kill().unwrap();
    ccci.wait().unwrap();
}

/// Sends a signal to a process that may be gone by now.
fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// Returns a process and all that descend from it.
fn tree(root: Pid) -> Vec<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for path in processes() {
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        // The name of the program, in parentheses, may hold anything.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| {
            let word = rest.split_whitespace().nth(1)?;
            word.parse().ok()
        });
        if let (Some(parent), Some(pid)) = (parent, pid_of(&path)) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root.as_raw_nonzero().get()];
    let mut at = 0;
    while let Some(pid) = found.get(at) {
        found.extend(children.remove(pid).unwrap_or_default());
        at += 1;
    }
    found
}

/// Returns the names of living processes that carry a run's mark.
pub(crate) fn marked(run: &str) -> Vec<String> {
    let mark = format!("CCCI_RUN_MARK={run}");
    let name = |path: PathBuf| fs::read_to_string(path.join("comm")).unwrap_or_default();
    carriers(&mark).map(name).collect()
}

/// Returns the folders of the processes that have a variable.
fn carriers(variable: &str) -> impl Iterator<Item = PathBuf> {
    processes().filter(move |path| {
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        let mut words = environment.split(|byte| *byte == 0);
        words.any(|word| word == variable.as_bytes())
    })
}

/// Returns the number of the process that a folder is about.
fn pid_of(folder: &Path) -> Option<i32> {
    folder.file_name()?.to_str()?.parse().ok()
}

/// Returns the folders of all processes.
fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    })
}
