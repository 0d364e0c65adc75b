//! Starts a child with an environment, a process group and pipes of our own, and the threads that serve it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Signal, getpid, set_child_subreaper};

use super::capture::{Captured, Sinks, Tail, drain};
use super::group::Group;
use super::supervise::{Event, Running, WAITING_EVENTS};
use super::{Cmd, Error, Exit, Host, Lines, Stdin, Stdout};
use crate::sys::pty;
use crate::sys::wait::Deadline;

/// Held while a child starts: in that moment a lock may be open for inheritance, and only that child may have it.
static GATE: Mutex<()> = Mutex::new(());

/// Makes orphans of our children our own children, so that they can be waited for.
static SUBREAPER: Once = Once::new();

/// The ends of a child's streams that stay with us.
struct Ours {
    /// Its output, unless that is a file.
    stdout: Option<Box<dyn Read + Send>>,
    /// Its errors.
    stderr: PipeReader,
    /// What it is to read.
    stdin: Option<(PipeWriter, Vec<u8>)>,
}

/// The ends of a child's streams that it gets.
struct Theirs {
    /// Nothing when absent.
    stdin: Option<OwnedFd>,
    /// A pipe, a terminal or a file.
    stdout: OwnedFd,
    /// A pipe.
    stderr: OwnedFd,
}

/// Starts the program.
pub(super) fn start(mut cmd: Cmd, host: &Host, lines: Lines) -> Result<Running, Error> {
    check_dir(&cmd)?;
    let stdin = std::mem::replace(&mut cmd.stdin, Stdin::Null);
    let (ours, theirs) = streams(stdin, &cmd)?;
    let begin = Instant::now();
    let handle = spawn(&cmd, host, theirs).map_err(|source| start_error(&cmd, source))?;
    let pid = handle.pids().first().copied();
    let group = pid
        .and_then(Group::of)
        .expect("a started child has a process id");
    let (sender, events) = sync_channel(WAITING_EVENTS);
    let sinks = Sinks {
        redactor: (!cmd.is_secret).then(|| host.redactor.clone()),
        log: cmd.log.clone(),
        tail: Tail::default(),
        lines: (lines == Lines::Send).then(|| sender.clone()),
        abandoned: Arc::new(AtomicBool::new(false)),
    };
    let running = Running {
        group,
        open_streams: 1 + usize::from(ours.stdout.is_some()),
        events,
        sender,
        stdout: Captured::default(),
        stderr: Captured::default(),
        sinks: sinks.clone(),
        interrupt: host.interrupt.clone(),
        begin,
        deadline: Deadline::after(cmd.limit),
        grace: cmd.grace,
    };
    serve(&running, handle, ours, sinks).map_err(|source| {
        group.send(Signal::KILL);
        Error::Start {
            program: cmd.program,
            source,
        }
    })?;
    Ok(running)
}

/// Refuses a directory that is none, which the system would report as a missing program.
fn check_dir(cmd: &Cmd) -> Result<(), Error> {
    let Some(dir) = cmd.dir.as_ref().filter(|dir| !dir.is_dir()) else {
        return Ok(());
    };
    let source = io::Error::from(ErrorKind::NotADirectory);
    Err(Error::File {
        path: dir.clone(),
        source,
    })
}

/// Tells a missing program from one that the system refuses to start.
fn start_error(cmd: &Cmd, source: io::Error) -> Error {
    let program = cmd.program.clone();
    match source.kind() {
        ErrorKind::NotFound => Error::NotFound { program },
        _ => Error::Start { program, source },
    }
}

/// Opens both ends of the three streams.
fn streams(stdin: Stdin, cmd: &Cmd) -> Result<(Ours, Theirs), Error> {
    let failed = |source: io::Error| Error::Start {
        program: cmd.program.clone(),
        source,
    };
    let (mut our_input, mut their_input) = (None, None);
    match stdin {
        Stdin::Null => {}
        Stdin::Bytes(bytes) => {
            let (reader, writer) = io::pipe().map_err(failed)?;
            our_input = Some((writer, bytes));
            their_input = Some(OwnedFd::from(reader));
        }
        Stdin::File(path) => their_input = Some(open(&path, FileUse::Read)?.into()),
    }
    let (our_output, their_output): (Option<Box<dyn Read + Send>>, OwnedFd) = match &cmd.stdout {
        Stdout::Pipe => {
            let (reader, writer) = io::pipe().map_err(failed)?;
            (Some(Box::new(reader)), writer.into())
        }
        Stdout::Pty => {
            let pty = pty::open().map_err(failed)?;
            if their_input.is_none() {
                their_input = Some(pty.slave.try_clone().map_err(failed)?);
            }
            (Some(Box::new(pty.master)), pty.slave)
        }
        Stdout::File(path) => (None, open(path, FileUse::Replace)?.into()),
    };
    let (stderr, their_stderr) = io::pipe().map_err(failed)?;
    let ours = Ours {
        stdout: our_output,
        stderr,
        stdin: our_input,
    };
    let theirs = Theirs {
        stdin: their_input,
        stdout: their_output,
        stderr: their_stderr.into(),
    };
    Ok((ours, theirs))
}

/// What a child does with a file.
#[derive(Clone, Copy)]
enum FileUse {
    /// It must exist.
    Read,
    /// It is made, or emptied.
    Replace,
}

/// Opens a file that a child reads or writes.
fn open(path: &Path, how: FileUse) -> Result<File, Error> {
    let mut options = std::fs::OpenOptions::new();
    match how {
        FileUse::Read => options.read(true),
        FileUse::Replace => options.write(true).create(true).truncate(true).mode(0o600),
    };
    options.open(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

/// Starts the child in a group of its own; our copies of its ends are closed on return.
fn spawn(cmd: &Cmd, host: &Host, theirs: Theirs) -> io::Result<duct::Handle> {
    SUBREAPER.call_once(|| {
        // Without it orphans go to the first process of the system, and are still killed.
        let _ = set_child_subreaper(Some(getpid()));
    });
    // A `PathBuf` would make duct look for a bare name in the current directory.
    let program = cmd.program.clone().into_os_string();
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the gate that starts children"
    )]
    let mut expression = duct::cmd(program, &cmd.args)
        .unchecked()
        .full_env(environment(cmd, host))
        .stdout_file(theirs.stdout)
        .stderr_file(theirs.stderr)
        .before_spawn(|command| {
            command.process_group(0);
            Ok(())
        });
    expression = match theirs.stdin {
        Some(input) => expression.stdin_file(input),
        None => expression.stdin_null(),
    };
    if let Some(dir) = &cmd.dir {
        expression = expression.dir(dir);
    }
    let start = || match &cmd.fence {
        Some(fence) => fence.within(|| expression.start()),
        None => expression.start(),
    };
    let _alone = GATE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(lock) = &host.inherit else {
        return start();
    };
    fcntl_setfd(lock, FdFlags::empty())?;
    let started = start();
    fcntl_setfd(lock, FdFlags::CLOEXEC)?;
    started
}

/// Returns the whole environment of the child.
fn environment(cmd: &Cmd, host: &Host) -> BTreeMap<OsString, OsString> {
    let mut variables: BTreeMap<_, _> = host.base_env.iter().cloned().collect();
    // Messages that we parse must not depend on who runs ccci.
    variables.insert("LC_ALL".into(), "C.UTF-8".into());
    variables.extend(cmd.env.iter().cloned());
    variables
}

/// Starts the threads that wait for the child, read its streams and write its input.
fn serve(running: &Running, handle: duct::Handle, ours: Ours, sinks: Sinks) -> io::Result<()> {
    let sender = running.sender.clone();
    spawn_thread("wait", move || {
        let exit = handle
            .wait()
            .map_or(Exit::LOST, |output| Exit::of(output.status));
        // The supervisor may have given up.
        let _ = sender.send(Event::Exited(exit));
    })?;
    if let Some(source) = ours.stdout {
        read(
            source,
            running.stdout.clone(),
            sinks.clone(),
            running.sender.clone(),
        )?;
    }
    read(
        ours.stderr,
        running.stderr.clone(),
        sinks,
        running.sender.clone(),
    )?;
    if let Some((mut pipe, bytes)) = ours.stdin {
        // A child need not read what it is given.
        spawn_thread("stdin", move || drop(pipe.write_all(&bytes)))?;
    }
    Ok(())
}

/// Starts the thread that reads one stream.
fn read(
    source: impl Read + Send + 'static,
    captured: Captured,
    sinks: Sinks,
    sender: SyncSender<Event>,
) -> io::Result<()> {
    spawn_thread("output", move || {
        drain(source, &captured, sinks);
        // The supervisor may have given up.
        let _ = sender.send(Event::Closed);
    })
}

/// Starts a thread, or says why the system has none left.
fn spawn_thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
}
