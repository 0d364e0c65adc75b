//! How a child ended, with what it printed.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With status zero.
    Success,
    /// With another status.
    Code(i32),
    /// By a signal that ccci did not send.
    Signal(i32),
    /// By ccci, when its time was over; what it did is unknown.
    TimedOut,
    /// By ccci, when it was asked to end; what it did is unknown.
    Interrupted,
}

impl Exit {
    /// Of a child whose status the system lost; it is no success.
    pub(super) const LOST: Self = Self::Code(-1);

    /// Returns how a child ended by itself.
    pub(super) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(0), _) => Self::Success,
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::LOST,
        }
    }

    /// Returns whether the program says that all went well.
    pub(crate) fn ok(self) -> bool {
        self == Self::Success
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => formatter.write_str("success"),
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal(number) => write!(formatter, "ended by signal {number}"),
            Self::TimedOut => formatter.write_str("timed out"),
            Self::Interrupted => formatter.write_str("interrupted"),
        }
    }
}

/// What is known of a child that has ended; secrets are masked, unless the output itself is one.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// How it ended.
    pub(crate) exit: Exit,
    /// Its standard output.
    pub(crate) stdout: Vec<u8>,
    /// Its standard error.
    pub(crate) stderr: Vec<u8>,
    /// More was printed than is kept in the two fields above.
    pub(crate) truncated: bool,
    /// A process that the child left behind holds its output open and is out of reach.
    pub(crate) has_stray: bool,
    /// The time from start to end.
    pub(crate) duration: Duration,
    /// The last lines of both streams, in the order in which they came.
    pub(super) last_lines: Vec<String>,
}

impl Output {
    /// Returns the output of a child that was not started, because ccci is to end.
    pub(super) fn not_started() -> Self {
        Self {
            exit: Exit::Interrupted,
            stdout: Vec::new(),
            stderr: Vec::new(),
            truncated: false,
            has_stray: false,
            duration: Duration::ZERO,
            last_lines: Vec::new(),
        }
    }

    /// Returns whether the program says that all went well.
    pub(crate) fn ok(&self) -> bool {
        self.exit.ok()
    }

    /// Returns the standard output as text.
    pub(crate) fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Returns the standard error as text.
    pub(crate) fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Returns the last lines of both streams, in the order in which they came; at most 100 are known.
    pub(crate) fn tail(&self, lines: usize) -> String {
        let from = self.last_lines.len().saturating_sub(lines);
        self.last_lines[from..].join("\n")
    }
}
