//! The calls that ccci makes of itself, and that nobody types: work on one mounted volume, and snapshots for tests and benchmarks.
//!
//! They stand in no help and may change with any version.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    error::{Error, Kind},
    host::Call,
    janitor,
};
use crate::{
    cli, exit,
    lifecycle::snapshot::{Progress, Snapshotting, Ways, verify},
    model::app::AppDomain,
    sys::{
        interrupt,
        tree::{self, Failure, Tally, Word},
    },
    tool::docker::{client::Docker, volume_container::CALL},
};

/// The word by which tests and benchmarks ask for snapshots.
const SNAPSHOT: &str = "__snapshot";

/// How often progress is told.
const PERIOD: Duration = Duration::from_millis(200);

/// Answers a call of ccci by itself; nothing when the command line is somebody else's.
pub(crate) fn answer(argv: &[OsString]) -> Option<u8> {
    let words: Vec<&str> = argv
        .iter()
        .skip(1)
        .map_while(|word| word.to_str())
        .collect();
    match words.as_slice() {
        [CALL, rest @ ..] => Some(work_here(rest)),
        [SNAPSHOT, rest @ ..] => Some(snapshot(rest)),
        _ => None,
    }
}

/// Works on a volume that is mounted here, and says on standard error how that went.
fn work_here(words: &[&str]) -> u8 {
    // The first process of a container is ended by no signal that it does not ask for.
    let ended = match interrupt::end_at_once() {
        Ok(()) => work(words),
        Err(source) => Err(tree::Error::Io {
            doing: "take over",
            path: "the signals".into(),
            source,
        }),
    };
    let (word, code) = match ended {
        Ok(Some(tally)) => (Word::Done(tally), exit::PASSED),
        Ok(None) => return exit::USAGE,
        Err(error) => (Word::Failed(Failure::from(&error)), exit::BROKEN),
    };
    say(&word);
    code
}

/// Does what is asked; nothing when that cannot be understood.
fn work(words: &[&str]) -> Result<Option<Tally>, tree::Error> {
    let mut told = Instant::now();
    let mut pulse = |done| {
        if told.elapsed() >= PERIOD {
            told = Instant::now();
            say(&Word::Progress(done));
        }
        true
    };
    let stream = |opened: io::Result<std::os::fd::OwnedFd>| {
        opened.map(File::from).map_err(|source| tree::Error::Io {
            doing: "open",
            path: "the archive".into(),
            source,
        })
    };
    let tally = match words {
        ["measure", root] => tree::measure(Path::new(root), &mut pulse)?,
        ["pack", root] => {
            let out = stream(io::stdout().as_fd().try_clone_to_owned())?;
            tree::pack(Path::new(root), out, &mut pulse)?.0
        }
        ["unpack", root, most] => {
            let Ok(most) = most.parse() else {
                return Ok(None);
            };
            let input = stream(io::stdin().as_fd().try_clone_to_owned())?;
            tree::unpack(Path::new(root), input, most, &mut pulse)?
        }
        _ => return Ok(None),
    };
    Ok(Some(tally))
}

/// Says something to the ccci that made this call.
fn say(word: &Word) {
    // One that is gone hears nothing, and the archive breaks off as well.
    drop(io::stderr().write_all(word.line().as_bytes()));
}

/// Takes or restores a snapshot, or checks one, and prints the manifest.
fn snapshot(words: &[&str]) -> u8 {
    match try_snapshot(words) {
        Ok(text) => io::stdout()
            .write_all(text.as_bytes())
            .map_or(exit::OUTPUT, |()| exit::PASSED),
        Err(error) => {
            let trouble = error.trouble();
            let text = format!(
                "{}: {}: {}\n",
                trouble.code,
                trouble.message,
                trouble.causes.join(": ")
            );
            io::stderr()
                .write_all(text.as_bytes())
                .map_or(exit::OUTPUT, |()| error.code())
        }
    }
}

/// Does what a test or a benchmark asks for.
fn try_snapshot(words: &[&str]) -> Result<String, Error> {
    let usage = || Error::say(Kind::Usage, "this call is internal");
    let (ways, words) = match words {
        ["--by-container", rest @ ..] => (Ways::Container, rest),
        rest => (Ways::Fastest, rest),
    };
    if let ["verify", from] = words {
        return Ok(verify(Path::new(from))?.to_text());
    }
    let [verb, domain, place, volumes @ ..] = words else {
        return Err(usage());
    };
    let (cli, typed) =
        cli::parse(["ccci", "config"].map(OsString::from).to_vec()).map_err(|_| usage())?;
    let ctx = janitor::context(&Call::new(cli.global, typed, Vec::new()))?;
    let domain: AppDomain = domain.parse().map_err(|_| usage())?;
    let docker = Docker::new(&ctx.docker, &ctx.host);
    let snapshotting = Snapshotting {
        ctx: &ctx,
        docker: &docker,
        stack: &domain.stack(),
        on_progress: &|progress| {
            let Progress { words, done, all } = progress;
            drop(writeln!(io::stderr(), "{words} {done} {all}"));
        },
        announce: &|resource| {
            drop(writeln!(io::stderr(), "announced {resource}"));
            Ok(())
        },
    };
    let volumes: Vec<String> = volumes.iter().map(|name| (*name).to_owned()).collect();
    let place = Path::new(place);
    let manifest = match (*verb, ways) {
        ("take", Ways::Fastest) => snapshotting.take(&volumes, place),
        ("take", Ways::Container) => snapshotting.take_by(ways, &volumes, place),
        ("restore", Ways::Fastest) => snapshotting.restore(place),
        ("restore", Ways::Container) => snapshotting.restore_by(ways, place),
        _ => return Err(usage()),
    };
    Ok(manifest?.to_text())
}
