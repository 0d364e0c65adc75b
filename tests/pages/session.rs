//! A terminal that a page's commands are typed into, on a machine that knows the examples and nothing else.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it tests"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::Read,
    num::NonZeroU16,
    os::{
        fd::OwnedFd,
        unix::fs::{PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use rustix::{
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use tempfile::TempDir;
use vt100::Parser;

use crate::{docker, wildcards::run_id};

/// The home directory that pages speak of.
const HOME: &str = "/home/ada";
/// Rows of the terminal: more than any command prints.
const ROWS: u16 = 500;
/// Columns of the terminal: more than any line has, so that none goes on in a second row.
const COLUMNS: u16 = 400;
/// How long a command may take; only one that hangs takes so long.
const LIMIT: Duration = Duration::from_secs(180);

/// A terminal with a home directory of its own; dropped, it takes all that it left on the swarm along.
pub(crate) struct Session {
    /// Everything that it has on disk.
    root: TempDir,
    /// A word that each name that it has on the swarm holds, and nobody else's.
    marker: String,
    /// Where the next command runs.
    directory: PathBuf,
    /// The exit code of the last command.
    code: i32,
    /// Each run that the page names, with the one that it stands for.
    runs: Vec<(String, String)>,
}

impl Session {
    /// Opens one in a copy of what a reader has who cloned this repository and wrote the examples.
    pub(crate) fn open() -> Self {
        let root = tempfile::tempdir().unwrap();
        let marker = format!("t{:08x}", RandomState::new().hash_one(0) & 0xffff_ffff);
        let home = root.path().join("ada");
        let directory = home.join("ccci");
        fs::create_dir_all(home.join(".local/bin")).unwrap();
        fs::create_dir_all(directory.join("target/examples")).unwrap();
        symlink(env!("CARGO_BIN_EXE_ccci"), home.join(".local/bin/ccci")).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_ccci"));
        let built = program.parent().and_then(Path::parent).unwrap();
        let example = built.join("examples/static-site");
        assert!(
            example.join(".git").is_dir(),
            "no {}: run `cargo xtask examples` first",
            example.display()
        );
        copy(&example, &directory.join("target/examples"));
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes-tests");
        copy(&kept, &directory);
        Self {
            root,
            marker,
            directory,
            code: 0,
            runs: Vec::new(),
        }
    }

    /// Writes a file that a page shows; one that names its program can be run.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Types a command, and returns its exit code and the lines that the screen shows.
    pub(crate) fn run(&mut self, command: &str) -> (i32, Vec<String>) {
        let named = self.runs.iter();
        let meant = named.fold(command.to_owned(), |text, (shown, real)| {
            text.replace(shown, real)
        });
        let place = self.root.path().join("directory");
        let script = format!(
            "(exit {})\n{meant}\ncode=$?\npwd > '{}'\nexit $code",
            self.code,
            place.display()
        );
        let (code, screen) = on_terminal(self.shell(&script), command);
        self.code = code;
        self.directory = fs::read_to_string(place).unwrap().trim().into();
        let home = self.home().display().to_string();
        let stack = format!("{}_test", self.marker);
        let named = screen
            .replace(&home, HOME)
            .replace(&format!("{}.test", self.marker), "ccci.localhost")
            .replace(&stack, "ccci_localhost");
        (code, named.lines().map(str::to_owned).collect())
    }

    /// Learns which run a page means by an id that it shows, so that later commands can name it.
    pub(crate) fn learn(&mut self, shown: &[String], printed: &[String]) {
        if let (Some(shown), Some(real)) = (run_id(shown), run_id(printed)) {
            self.runs.push((shown.to_owned(), real.to_owned()));
        }
    }

    /// Returns what it has on the swarm.
    pub(crate) fn left(&self) -> Vec<String> {
        docker::objects(&self.marker)
    }

    /// Returns the home directory.
    fn home(&self) -> PathBuf {
        self.root.path().join("ada")
    }

    /// Prepares a shell that runs a script.
    ///
    /// Where a host has abra, or a proxy, pages show what one without them prints.
    fn shell(&self, script: &str) -> Command {
        let home = self.home();
        let search = std::env::var("PATH").unwrap();
        let mut session = Command::new("setsid");
        session.args(["--ctty", "sh", "-c", script]).env_clear();
        session.current_dir(&self.directory);
        session.env("HOME", &home).env("TERM", "xterm-256color");
        session.env("LANG", "C.UTF-8").env("TZ", "UTC");
        session.env("PATH", format!("{}/.local/bin:{search}", home.display()));
        session.env("CCCI_STATE_DIR", home.join(".local/state/ccci"));
        session.env("CCCI_BASE_DOMAIN", format!("{}.test", self.marker));
        session.env("CCCI_DEPLOYER", "docker");
        session.env("CCCI_INGRESS", "direct");
        session
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        docker::remove(&self.left());
    }
}

/// Copies a file or a folder into a folder.
fn copy(source: &Path, folder: &Path) {
    let mut copy = Command::new("cp");
    let status = copy.arg("--archive").arg(source).arg(folder).status();
    assert!(status.unwrap().success());
}

/// Runs a command on a terminal of its own; returns its exit code and what the screen shows at its end.
fn on_terminal(command: Command, typed: &str) -> (i32, String) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let size = Winsize {
        ws_row: ROWS,
        ws_col: COLUMNS,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&master, size).unwrap();
    let slave = ioctl_tiocgptpeer(&master, flags).unwrap();
    let mut child = start(command, slave);
    let (sender, seen) = channel();
    let reader = File::from(master);
    thread::spawn(move || sender.send(watch(reader)));
    let Ok(screen) = seen.recv_timeout(LIMIT) else {
        child.kill().unwrap();
        panic!("`{typed}` did not end within {LIMIT:?}");
    };
    let status = child.wait().unwrap();
    (status.code().unwrap_or(-1), screen)
}

/// Starts a command on the other end of a terminal, which nothing but the command holds afterwards.
fn start(mut command: Command, slave: OwnedFd) -> Child {
    let stream = || Stdio::from(slave.try_clone().unwrap());
    command.stdin(stream()).stdout(stream()).stderr(stream());
    drop(slave);
    command.spawn().unwrap()
}

/// Shows what is written until nobody can write any more, and returns what the screen shows then.
fn watch(mut source: File) -> String {
    let [rows, columns] = [ROWS, COLUMNS].map(|size| NonZeroU16::new(size).unwrap());
    let mut parser = Parser::new(rows, columns, 0);
    let mut buffer = [0; 4096];
    loop {
        // Linux answers with an error when no process holds the other end any more.
        match source.read(&mut buffer) {
            Ok(0) | Err(_) => return shown_by(&parser),
            Ok(read) => parser.process(&buffer[..read]),
        }
    }
}

/// Returns the lines of a screen.
fn shown_by(parser: &Parser) -> String {
    let rows = parser.screen().rows(0, COLUMNS);
    let rows: Vec<_> = rows.map(|row| row.trim_end().to_owned()).collect();
    rows.join("\n").trim_end().to_owned()
}
