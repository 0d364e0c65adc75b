//! Where text goes: the terminal on standard error, messages for programs on standard output.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;
use signal_hook::{consts::SIGUSR1, iterator::Signals};

use super::{
    error::{Error, Kind},
    host::Call,
};
use crate::{
    cli::{
        Global,
        test_args::{Heartbeat, MessageFormat, Reporting, TestArgs},
    },
    config::environment::{self, Audience, Charset, ColorWish},
    model::{
        display::ColorWhen,
        event::{DiagnosticLevel, EVENT_VERSION, Event, EventReader, Fact},
        outcome::Trouble,
    },
    render::{
        block,
        board::{Capture, Options},
        clean::clean,
        level::{Levels, Verbosity, Weight},
        line::{Line, Look, Tone},
        lines::View,
        mode::{self, Surroundings},
        screen::Size,
        terminal::Terminal,
    },
    sys::{interrupt::Interrupt, redact::Redactor, wait},
};

/// How long a signal is waited for at a time.
const LONG: Duration = Duration::from_secs(3600);
/// The rows of a terminal that is only pretended.
const PRETENDED_ROWS: u16 = 24;

/// Who reads standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// A person.
    Human,
    /// A program that expects JSON.
    Json,
}

impl Voice {
    /// Returns who reads the output of a test.
    pub(crate) const fn of(args: &TestArgs) -> Self {
        Self::of_reporting(&args.reporting)
    }

    /// Returns who reads the output of a command that reports as a test does.
    pub(crate) const fn of_reporting(reporting: &Reporting) -> Self {
        match reporting.message_format {
            MessageFormat::Human => Self::Human,
            MessageFormat::Json => Self::Json,
        }
    }
}

impl Voice {
    /// Returns who reads the output of a command that prints one document when asked for JSON.
    pub(crate) const fn of_json(json: bool) -> Self {
        if json { Self::Json } else { Self::Human }
    }
}

/// Says that a stream cannot be written.
pub(crate) fn output_error(stream: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |error| {
        let error = anyhow::Error::new(error);
        Error::new(
            Kind::Output,
            error.context(format!("failed to write to {stream}")),
        )
    }
}

/// Prints what was asked for on standard output.
pub(crate) fn print(text: &[u8]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text).and_then(|()| out.flush());
    written.map_err(output_error("standard output"))
}

/// Prints why a command ended: for people, and for programs where they read.
pub(crate) fn print_error(call: &Call, voice: Voice, error: &Error) -> io::Result<()> {
    let trouble = error.trouble();
    if voice == Voice::Json {
        print_diagnostic(&trouble)?;
    }
    if verbosity(&call.global) == Verbosity::Silent {
        return Ok(());
    }
    let look = look(call);
    let mut text = trouble.message.lines();
    let first = text.next().unwrap_or_default();
    let head = Line::message(Weight::Vital, ("error", Tone::Bad), first);
    // What a parser shows, with a mark below a column, must keep its columns.
    let rest = text.map(|line| format!("    {}", clean(line)));
    let causes = block::causes(Weight::Vital, &trouble);
    let lines = std::iter::once(head.paint(&look))
        .chain(rest)
        .chain(causes.iter().map(|line| line.paint(&look)));
    let text: String = lines.map(|line| line + "\n").collect();
    io::stderr().lock().write_all(text.as_bytes())
}

/// Prints an error for programs, as one whole message.
pub(crate) fn print_diagnostic(trouble: &Trouble) -> io::Result<()> {
    let mut line = serde_json::to_string(&Message::new(Fact::Diagnostic {
        level: DiagnosticLevel::Error,
        trouble: trouble.clone(),
    }))?;
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush())
}

/// Prints lines for people on standard error, as far as they are wanted.
pub(crate) fn say(call: &Call, lines: &[Line]) -> Result<(), Error> {
    let levels = Levels {
        verbosity: verbosity(&call.global),
        ..Levels::default()
    };
    let look = look(call);
    let shown = lines.iter().filter(|line| levels.show(line.weight));
    let text: String = shown.map(|line| line.paint(&look) + "\n").collect();
    let written = io::stderr().lock().write_all(text.as_bytes());
    written.map_err(output_error("standard error"))
}

/// Prints lines that were asked for on standard output, as far as they are wanted.
pub(crate) fn answer(call: &Call, lines: &[Line]) -> Result<(), Error> {
    let levels = Levels {
        verbosity: verbosity(&call.global),
        ..Levels::default()
    };
    let look = page(call).0;
    let shown = lines.iter().filter(|line| levels.show(line.weight));
    let text: String = shown.map(|line| line.paint(&look) + "\n").collect();
    print(text.as_bytes())
}

/// A fact that belongs to no run, as a line of JSON.
#[derive(Serialize)]
pub(crate) struct Message {
    /// What happened.
    #[serde(flatten)]
    fact: Fact,
    /// The format's version.
    v: u32,
    /// When, in UTC.
    ts: Timestamp,
}

impl Message {
    /// Makes a message of now.
    pub(crate) fn new(fact: Fact) -> Self {
        Self {
            fact,
            v: EVENT_VERSION,
            ts: Timestamp::now(),
        }
    }
}

/// Writes each event as one line of JSON on standard output, flushed at once.
pub(crate) struct JsonLines {
    /// Masks what is written.
    pub(crate) redactor: Redactor,
}

impl EventReader for JsonLines {
    fn read(&self, event: &Event) -> io::Result<()> {
        let line = self.redactor.text(&serde_json::to_string(event)?) + "\n";
        let mut out = io::stdout().lock();
        out.write_all(line.as_bytes())?;
        out.flush()
    }
}

/// Opens the terminal of a test; returns also what to warn of.
pub(crate) fn open(
    call: &Call,
    reporting: &Reporting,
    tries: u32,
) -> io::Result<(Arc<Terminal>, Option<&'static str>)> {
    let env = call.env().terminal();
    let is_dumb = call.env().os("TERM").is_none_or(|term| term == "dumb");
    let is_terminal = env.forced_columns.is_some() || (io::stderr().is_terminal() && !is_dumb);
    let around = Surroundings {
        terminal: is_terminal,
        ci: env.audience == Audience::Ci,
        no_capture: reporting.no_capture,
    };
    let choice = mode::choose(call.global.progress, around);
    let levels = Levels {
        verbosity: verbosity(&call.global),
        status: reporting.status_level,
        final_status: reporting.final_status_level,
        failure_output: reporting.failure_output,
        success_output: reporting.success_output,
    };
    let terminal = Terminal::new(Options {
        mode: choice.mode,
        view: View {
            look: look(call),
            levels,
            tries,
            many: false,
        },
        capture: if reporting.no_capture {
            Capture::No
        } else {
            Capture::Yes
        },
        heartbeat: match reporting.heartbeat {
            Heartbeat::Off => None,
            Heartbeat::Every(period) => Some(period),
        },
        size: Arc::new(move || size(env.forced_columns)),
        out: Box::new(io::stderr()),
    })?;
    Ok((Arc::new(terminal), choice.warning))
}

/// Answers USR1 with what goes on, for as long as the terminal is there.
pub(crate) fn answer_status(terminal: &Arc<Terminal>) -> io::Result<()> {
    let mut signals = Signals::new([SIGUSR1])?;
    let terminal: Weak<Terminal> = Arc::downgrade(terminal);
    let thread = thread::Builder::new().name("status".to_owned());
    thread.spawn(move || {
        for _ in signals.forever() {
            let Some(terminal) = terminal.upgrade() else {
                return;
            };
            let status = terminal.status();
            // A stream that is lost is reported by whoever writes the next result.
            drop(status.lines().try_for_each(|line| terminal.command(line)));
        }
    })?;
    Ok(())
}

/// Gives the screen back at the second signal, because the third ends the program wherever it stands.
pub(crate) fn yield_to_second_signal(
    terminal: &Arc<Terminal>,
    interrupt: &Interrupt,
) -> io::Result<()> {
    let (terminal, second) = (Arc::downgrade(terminal), interrupt.shielded());
    let thread = thread::Builder::new().name("giving-up".to_owned());
    thread.spawn(move || {
        while wait::pause(LONG, &second) {}
        let Some(terminal) = terminal.upgrade() else {
            return;
        };
        let text = "second signal: teardown is given up; a third ends ccci at once";
        let line = Line::status(Weight::Vital, ("Cancelling", Tone::Info), text);
        // A stream that is lost is reported by whoever writes the next result.
        drop(terminal.finish().and_then(|()| terminal.say(&[line])));
    })?;
    Ok(())
}

/// Gives the screen back for as long as the stop key of the terminal holds the program.
pub(crate) fn leave_when_stopped(
    terminal: &Arc<Terminal>,
    interrupt: &Interrupt,
) -> io::Result<()> {
    let terminal = Arc::downgrade(terminal);
    interrupt.follow_stops(move |stop| match terminal.upgrade() {
        Some(terminal) => terminal.leave(stop),
        None => stop(),
    })
}

/// Makes the line that says what is waited for before any run.
pub(crate) fn waiting(what: &str) -> Line {
    Line::status(Weight::Info, ("Waiting", Tone::Info), what)
}

/// Makes a warning that belongs to no run.
pub(crate) fn warning(text: &str) -> Line {
    Line::message(Weight::Info, ("warning", Tone::Warn), text)
}

/// Returns how loud ccci is.
fn verbosity(global: &Global) -> Verbosity {
    match (global.quiet, global.verbose) {
        (0, 0) => Verbosity::Normal,
        (0, _) => Verbosity::Verbose,
        (1, _) => Verbosity::Quiet,
        _ => Verbosity::Silent,
    }
}

/// Returns how what is printed on standard output looks, and how many columns it has where it is a terminal.
pub(crate) fn page(call: &Call) -> (Look, Option<usize>) {
    let forced = call.env().terminal().forced_columns;
    let terminal = forced.is_some() || io::stdout().is_terminal();
    let asked = rustix::termios::tcgetwinsize(io::stdout());
    let asked = asked.ok().map(|size| size.ws_col);
    // A terminal that does not know its size says that it has no columns.
    let columns = forced.or(asked.filter(|columns| terminal && *columns > 0));
    (styled(call, terminal), columns.map(usize::from))
}

/// Returns how lines on standard error look.
fn look(call: &Call) -> Look {
    let forced = call.env().terminal().forced_columns;
    styled(call, forced.is_some() || io::stderr().is_terminal())
}

/// Returns how text on a stream looks, given whether it is a terminal.
fn styled(call: &Call, terminal: bool) -> Look {
    let env = call.env().terminal();
    let home = call.env().path("HOME");
    let colour = wants_colour(call.global.color, env, terminal);
    // The crate that styles would otherwise ask the environment by rules of its own.
    console::set_colors_enabled_stderr(colour);
    console::set_colors_enabled(colour);
    Look {
        colour,
        unicode: env.charset == Charset::Utf8,
        home: home.map(|home| home.display().to_string()),
    }
}

/// Decides about colour: the flag, then the environment, then the stream.
fn wants_colour(flag: ColorWhen, env: environment::Terminal, terminal: bool) -> bool {
    match (flag, env.color) {
        (ColorWhen::Always, _) | (ColorWhen::Auto, ColorWish::Always) => true,
        (ColorWhen::Never, _) | (ColorWhen::Auto, ColorWish::Never | ColorWish::NotHere) => false,
        (ColorWhen::Auto, ColorWish::Unsaid) => terminal,
    }
}

/// Returns how large the terminal is.
fn size(forced_columns: Option<u16>) -> Size {
    let asked = rustix::termios::tcgetwinsize(io::stderr());
    match (forced_columns, asked) {
        (Some(columns), _) => Size {
            rows: PRETENDED_ROWS,
            columns,
        },
        (None, Ok(size)) => Size {
            rows: size.ws_row,
            columns: size.ws_col,
        },
        (None, Err(_)) => Size {
            rows: 0,
            columns: 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Environment;

    #[test]
    fn the_flag_outranks_the_environment_and_that_the_stream() {
        let decide = |flag, pairs: &[(&str, &str)], terminal| {
            wants_colour(flag, Environment::of(pairs).terminal(), terminal)
        };
        let term = ("TERM", "xterm");
        assert!(decide(ColorWhen::Always, &[("NO_COLOR", "1")], false));
        assert!(!decide(ColorWhen::Never, &[("FORCE_COLOR", "1")], true));
        assert!(decide(ColorWhen::Auto, &[("FORCE_COLOR", "1")], false));
        assert!(!decide(ColorWhen::Auto, &[term, ("NO_COLOR", "1")], true));
        assert!(decide(ColorWhen::Auto, &[term], true));
        assert!(!decide(ColorWhen::Auto, &[term], false));
        assert!(!decide(ColorWhen::Auto, &[("TERM", "dumb")], true));
    }

    #[test]
    fn an_error_that_belongs_to_no_run_is_a_diagnostic() {
        let trouble = Error::say(Kind::Usage, "x").hint("y").trouble();
        let message = Message::new(Fact::Diagnostic {
            level: DiagnosticLevel::Error,
            trouble,
        });
        let value = serde_json::to_value(&message).unwrap();
        assert_eq!(value["reason"], "diagnostic");
        assert_eq!(value["v"], EVENT_VERSION);
        assert_eq!(value["trouble"]["code"], "usage");
    }
}
