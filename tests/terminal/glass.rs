//! A terminal of 24 rows and 80 columns that one program controls, and what its screen shows.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it tests"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    fs::File,
    io::{Read, Write},
    num::NonZeroU16,
    os::fd::OwnedFd,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};
use vt100::Parser;

/// What a keyboard sends for Ctrl-C.
pub(crate) const CTRL_C: &str = "\u{3}";
/// Rows of the terminal.
const ROWS: u16 = 24;
/// Columns of the terminal.
const COLUMNS: u16 = 80;
/// How many rows are kept that have left the screen.
const KEPT_ROWS: usize = 1000;
/// How long something may take to appear; only a program that hangs takes so long.
const LIMIT: Duration = Duration::from_secs(300);
/// How often the settings of the terminal are looked at while they are waited for.
const TURN: Duration = Duration::from_millis(10);

/// A program on a terminal of its own.
pub(crate) struct Glass {
    /// The end of the terminal where a person sits.
    master: File,
    /// What the screen shows.
    screen: Arc<Screen>,
    /// The thread that looks at the screen.
    watcher: JoinHandle<()>,
    /// The program.
    child: Child,
    /// The settings of the terminal before the program began.
    settings: String,
}

/// What the screen shows.
struct Screen {
    /// The state of the terminal.
    state: Mutex<State>,
    /// Wakes those who wait for a text.
    changed: Condvar,
}

/// The state of the terminal.
struct State {
    /// The emulator.
    parser: Parser,
    /// Whether no more is to be seen, because the program ended or nobody is to look any more.
    is_over: bool,
}

/// What is left when the program has ended.
pub(crate) struct Last {
    /// How it ended.
    status: ExitStatus,
    /// Every line, those that have left the screen too; a line that did not fit its row is whole again.
    pub(crate) lines: Vec<String>,
    /// The rows of the screen.
    rows: Vec<String>,
    /// The row and the column of the cursor.
    cursor: (u16, u16),
    /// Whether the cursor can be seen.
    is_cursor_shown: bool,
    /// The settings of the terminal before the program began and after it ended.
    settings: [String; 2],
}

impl Glass {
    /// Starts a program whose controlling terminal this is.
    pub(crate) fn run(command: &Command) -> Self {
        Self::start(command, None)
    }

    /// Starts a program whose controlling terminal this is, but whose standard output goes elsewhere.
    pub(crate) fn start(command: &Command, stdout: Option<Stdio>) -> Self {
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
        let settings = settings(&master);
        let slave = ioctl_tiocgptpeer(&master, flags).unwrap();
        let child = on_terminal(command, &slave, stdout);
        let master = File::from(master);
        let screen = Arc::new(Screen::new());
        let (source, seen) = (master.try_clone().unwrap(), Arc::clone(&screen));
        let watcher = thread::spawn(move || seen.watch(source));
        Self {
            master,
            screen,
            watcher,
            child,
            settings,
        }
    }

    /// Waits until the screen shows all of these texts at once.
    #[track_caller]
    pub(crate) fn wait_for(&self, texts: &[&str]) {
        let shows_all = |state: &State| {
            let shown = state.parser.screen().contents();
            texts.iter().all(|text| shown.contains(text))
        };
        let state = self.screen.state.lock().unwrap();
        let waits = |state: &mut State| !state.is_over && !shows_all(state);
        let changed = &self.screen.changed;
        let (state, _) = changed.wait_timeout_while(state, LIMIT, waits).unwrap();
        let shown = state.parser.screen().contents();
        assert!(shows_all(&state), "no {texts:?} on the screen:\n{shown}");
    }

    /// Waits until each key goes to the program as it is, Ctrl-C too.
    #[track_caller]
    pub(crate) fn wait_for_single_keys(&self) {
        let changed = &self.screen.changed;
        let waits = |state: &mut State| !state.is_over;
        for _ in 0..LIMIT.as_millis() / TURN.as_millis() {
            let modes = tcgetattr(&self.master).unwrap().local_modes;
            if !modes.contains(LocalModes::ISIG) {
                return;
            }
            let state = self.screen.state.lock().unwrap();
            drop(changed.wait_timeout_while(state, TURN, waits));
        }
        panic!("the terminal waits for whole lines");
    }

    /// Types.
    pub(crate) fn type_in(&self, keys: &str) {
        (&self.master).write_all(keys.as_bytes()).unwrap();
    }

    /// Returns the program's process id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends the program a signal.
    pub(crate) fn send(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for the end of the program, and for all that it wrote.
    pub(crate) fn end(mut self) -> Last {
        let status = self.child.wait().unwrap();
        self.watcher.join().unwrap();
        let mut state = self.screen.state.lock().unwrap();
        let after = settings(&self.master);
        Last::of(&mut state.parser, status, [self.settings, after])
    }

    /// Closes the terminal, as a window that is closed or a connection that is lost; returns the program.
    pub(crate) fn hang_up(self) -> Child {
        // The watcher lets go with the next thing that the program draws.
        self.screen.state.lock().unwrap().is_over = true;
        self.watcher.join().unwrap();
        self.child
    }
}

impl Screen {
    /// Makes a screen that shows nothing.
    fn new() -> Self {
        let [rows, columns] = [ROWS, COLUMNS].map(|size| NonZeroU16::new(size).unwrap());
        let state = State {
            parser: Parser::new(rows, columns, KEPT_ROWS),
            is_over: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Shows what is written, until nobody can write any more or nobody is to look.
    fn watch(&self, mut source: File) {
        let mut buffer = [0; 4096];
        loop {
            // Linux answers with an error when no process holds the other end any more.
            let read = source.read(&mut buffer).unwrap_or(0);
            let mut state = self.state.lock().unwrap();
            state.is_over |= read == 0;
            state.parser.process(&buffer[..read]);
            self.changed.notify_all();
            if state.is_over {
                return;
            }
        }
    }
}

impl Last {
    /// Takes what is left.
    fn of(parser: &mut Parser, status: ExitStatus, settings: [String; 2]) -> Self {
        let screen = parser.screen_mut();
        let rows: Vec<String> = screen.rows(0, COLUMNS).collect();
        let cursor = screen.cursor_position();
        let is_cursor_shown = !screen.hide_cursor();
        let gone = screen.scrollback_len();
        let mut all = Vec::new();
        for offset in (1..=gone).rev() {
            screen.set_scrollback(offset);
            all.extend(screen.rows(0, COLUMNS).next());
        }
        all.extend(rows.iter().cloned());
        Self {
            status,
            lines: whole(&all),
            rows,
            cursor,
            is_cursor_shown,
            settings,
        }
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        let told = self.lines.join("\n");
        assert_eq!(self.status.code(), Some(code), "{:?}\n{told}", self.status);
        assert!(!told.contains("panicked"), "{told}");
        self
    }

    /// Asserts that some line holds this text.
    #[track_caller]
    pub(crate) fn said(self, text: &str) -> Self {
        let is_said = self.lines.iter().any(|line| line.contains(text));
        assert!(is_said, "no `{text}` in\n{}", self.lines.join("\n"));
        self
    }

    /// Asserts that the terminal is as it was found: a person goes on below the last line, and sees the cursor.
    #[track_caller]
    pub(crate) fn gives_terminal_back(self) -> Self {
        self.gives_terminal_back_after("")
    }

    /// Asserts the same of a program that was ended while the terminal showed a key, as `^C`.
    #[track_caller]
    pub(crate) fn gives_terminal_back_after(self, key: &str) -> Self {
        let shown = self.rows.join("\n");
        let (row, column) = self.cursor;
        let (above, below) = self.rows.split_at(usize::from(row));
        assert_eq!(usize::from(column), key.len(), "amid a line:\n{shown}");
        assert!(self.is_cursor_shown, "the cursor is hidden");
        assert_eq!(below.concat().trim(), key, "below the cursor:\n{shown}");
        let last = above.last().map(|row| row.trim());
        assert!(last.is_some_and(|row| !row.is_empty()), "{shown}");
        let region = self.lines.iter().find(|line| line.contains(" Testing ["));
        assert_eq!(region, None, "{}", self.lines.join("\n"));
        assert_eq!(self.settings[0], self.settings[1]);
        self
    }

    /// Returns the lines that hold a text.
    pub(crate) fn lines_with(&self, text: &str) -> Vec<&str> {
        let lines = self.lines.iter().map(String::as_str);
        lines.filter(|line| line.contains(text)).collect()
    }
}

/// Puts lines together that did not fit their row, and takes off what is blank at the end.
fn whole(rows: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    for row in rows {
        let text = row.trim_end();
        // A status line begins with blanks, what goes on from the row above does not.
        match lines
            .last_mut()
            .filter(|_| goes_on && !text.starts_with("  "))
        {
            Some(line) => line.push_str(text),
            None => lines.push(text.to_owned()),
        }
        goes_on = text.chars().count() == usize::from(COLUMNS);
    }
    while lines.pop_if(|line| line.is_empty()).is_some() {}
    lines
}

/// Starts a program in a session of its own, whose terminal this is.
fn on_terminal(command: &Command, slave: &OwnedFd, stdout: Option<Stdio>) -> Child {
    let mut session = Command::new("setsid");
    session.arg("--ctty").arg(command.get_program());
    session.args(command.get_args()).env_clear();
    let set = command.get_envs();
    session.envs(set.filter_map(|(name, value)| Some((name, value?))));
    session.env("TERM", "xterm-256color");
    if let Some(folder) = command.get_current_dir() {
        session.current_dir(folder);
    }
    let on_slave = || Stdio::from(slave.try_clone().unwrap());
    session.stdin(on_slave()).stderr(on_slave());
    session.stdout(stdout.unwrap_or_else(on_slave));
    session.spawn().unwrap()
}

/// Returns the settings of a terminal, to be compared.
fn settings(master: &impl std::os::fd::AsFd) -> String {
    format!("{:?}", tcgetattr(master).unwrap())
}
