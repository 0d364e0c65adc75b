//! The one place where text for people is written: lines of all runs, and the live region below them.

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use crate::model::{
    event::{Event, EventReader},
    stage::Stage,
};

use super::{
    clean::{Colours, clean, clean_output},
    level::{Verbosity, Weight},
    line::Line,
    lines::{View, heartbeat, lines},
    live,
    mode::Mode,
    running::Running,
    screen::{AskSize, Out, Region},
};

/// How long a run goes on before the live region is drawn.
const FIRST_FRAME: Duration = Duration::from_millis(500);
/// The time from one frame to the next.
const FRAME_TIME: Duration = Duration::from_millis(250);
/// Shows the cursor, whoever hid it.
const SHOW_CURSOR: &str = "\u{1b}[?25h";

/// Whether child output is shown as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capture {
    /// It goes to its log; with `-v` it is shown with a prefix.
    Yes,
    /// It passes through without a prefix.
    No,
}

/// All that a terminal has to know.
pub(crate) struct Options {
    /// How progress is shown.
    pub(crate) mode: Mode,
    /// How lines look and which are shown.
    pub(crate) view: View,
    /// Whether child output passes through.
    pub(crate) capture: Capture,
    /// After how long without a line a plain run says that it is alive; nothing for never.
    pub(crate) heartbeat: Option<Duration>,
    /// How large the terminal is; asked before each frame.
    pub(crate) size: AskSize,
    /// Where text goes.
    pub(crate) out: Box<dyn Write + Send>,
}

/// The sink of all text for people; several runs share one.
pub(crate) struct Terminal {
    /// What the ticker sees too.
    shared: Arc<Shared>,
    /// The thread that draws frames or writes heartbeats.
    ticker: Mutex<Option<JoinHandle<()>>>,
}

/// What the terminal's threads share.
struct Shared {
    /// What is known and shown.
    board: Mutex<Board>,
    /// Wakes the ticker.
    wake: Condvar,
    /// The start of the terminal's clock.
    began: Instant,
}

impl Shared {
    /// Locks the board; one who panicked with it leaves nothing half done that matters to text.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws frames or writes heartbeats until the board is closed.
    fn tick(&self) {
        let mut board = self.board();
        while !board.closed {
            let wait = board.next_tick(self.began.elapsed());
            board = self
                .wake
                .wait_timeout(board, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if !board.closed && board.tick(self.began.elapsed()).is_err() {
                // Whoever writes the next line meets the same error and reports it.
                return;
            }
        }
    }
}

impl Terminal {
    /// Makes a terminal, and starts its clock.
    ///
    /// # Errors
    /// Fails when no thread can be started.
    pub(crate) fn new(options: Options) -> io::Result<Self> {
        let board = Board::new(options);
        let ticks = board.ticks();
        let shared = Arc::new(Shared {
            board: Mutex::new(board),
            wake: Condvar::new(),
            began: Instant::now(),
        });
        let ticker = if ticks {
            let shared = Arc::clone(&shared);
            let thread = Builder::new().name("progress".to_owned());
            Some(thread.spawn(move || shared.tick())?)
        } else {
            None
        };
        Ok(Self {
            shared,
            ticker: Mutex::new(ticker),
        })
    }

    /// Says that work before a run goes on, as a clone or a lock that is waited for.
    pub(crate) fn waiting(&self, recipe: &str, what: &str) -> io::Result<()> {
        let at = self.shared.began.elapsed();
        self.shared.board().waiting(recipe, what, at)
    }

    /// Writes lines that belong to no run.
    pub(crate) fn say(&self, lines: &[Line]) -> io::Result<()> {
        let at = self.shared.began.elapsed();
        self.shared.board().print(lines, at)
    }

    /// Takes a line of a child or the command that starts it: kept for a status, shown with `-v`.
    pub(crate) fn echo(&self, recipe: &str, stage: Option<Stage>, line: &str) -> io::Result<()> {
        let at = self.shared.began.elapsed();
        self.shared.board().echo((recipe, stage), line, at)
    }

    /// Returns what goes on, in several lines.
    pub(crate) fn status(&self) -> String {
        let at = self.shared.began.elapsed();
        live::status(&self.shared.board().runs, at)
    }

    /// Takes the live region off the screen and shows the cursor; whatever is said later is written plainly.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let result = self.shared.board().close();
        self.shared.wake.notify_all();
        let mut ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = ticker.take() {
            // A ticker that panicked has nothing left to say.
            drop(thread.join());
        }
        result
    }
}

impl EventReader for Terminal {
    fn read(&self, event: &Event) -> io::Result<()> {
        let mut board = self.shared.board();
        board.read(event, self.shared.began.elapsed())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nobody is left to tell of an error.
        drop(self.finish());
    }
}

/// What is known and shown; the time is always given, so that tests need no clock.
struct Board {
    /// How progress is shown.
    mode: Mode,
    /// How lines look and which are shown.
    view: View,
    /// Whether child output passes through.
    capture: Capture,
    /// After how long without a line a heartbeat is written.
    heartbeat: Option<Duration>,
    /// Where text goes.
    out: Out,
    /// The live region.
    region: Region,
    /// All runs, those that are over too.
    runs: Vec<Running>,
    /// When the last line was written.
    last_line: Duration,
    /// Whether no frame and no heartbeat may follow.
    closed: bool,
}

impl Board {
    /// Makes an empty board.
    fn new(options: Options) -> Self {
        let out = Out::new(options.out);
        Self {
            mode: options.mode,
            view: options.view,
            capture: options.capture,
            heartbeat: options.heartbeat,
            region: Region::new(out.clone(), options.size),
            out,
            runs: Vec::new(),
            last_line: Duration::ZERO,
            closed: false,
        }
    }

    /// Tells whether anything happens by itself.
    fn ticks(&self) -> bool {
        let silent = self.view.levels.verbosity == Verbosity::Silent;
        match self.mode {
            Mode::Live => !silent,
            Mode::Plain => self.heartbeat.is_some() && self.shows(Weight::Progress),
            Mode::Results => false,
        }
    }

    /// Tells whether a line of this weight is shown.
    fn shows(&self, weight: Weight) -> bool {
        let of_mode = weight != Weight::Progress || self.mode == Mode::Plain;
        of_mode && self.view.levels.show(weight)
    }

    /// Returns how long nothing happens by itself.
    fn next_tick(&self, at: Duration) -> Duration {
        match (self.mode, self.heartbeat) {
            (Mode::Plain | Mode::Results, Some(period)) => {
                self.last_line.saturating_add(period).saturating_sub(at)
            }
            (Mode::Live | Mode::Plain | Mode::Results, _) => FRAME_TIME,
        }
    }

    /// Draws a frame or writes a heartbeat, when one is due.
    fn tick(&mut self, at: Duration) -> io::Result<()> {
        match (self.mode, self.heartbeat) {
            (Mode::Live, _) => {
                self.draw(at);
                Ok(())
            }
            (Mode::Plain, Some(period)) if at.saturating_sub(self.last_line) >= period => {
                let active = self.runs.iter().filter(|run| !run.over);
                let lines: Vec<_> = active.map(|run| heartbeat(run, at, &self.view)).collect();
                self.last_line = at;
                self.print(&lines, at)
            }
            (Mode::Plain | Mode::Results, _) => Ok(()),
        }
    }

    /// Draws the live region, once a run has gone on for a while.
    fn draw(&mut self, at: Duration) {
        let mut active = self.runs.iter().filter(|run| !run.over);
        if active.any(|run| at.saturating_sub(run.since) >= FIRST_FRAME) {
            let frame = live::frame(&self.runs, at, self.region.size(), &self.view.look);
            self.region.draw(&frame);
        }
    }

    /// Takes note of an event and shows its lines.
    fn read(&mut self, event: &Event, at: Duration) -> io::Result<()> {
        let place = self.place_of(event, at);
        self.view.many = self.runs.iter().filter(|run| !run.over).count() > 1;
        let shown = lines(event, &self.runs[place], &self.view);
        self.runs[place].note(event, at);
        if self.runs.iter().all(|run| run.over) {
            self.region.hide()?;
        }
        self.print(&shown, at)
    }

    /// Returns the place of an event's run, made when this is its first event.
    fn place_of(&mut self, event: &Event, at: Duration) -> usize {
        let id = event.run_id.as_str();
        if let Some(place) = self.runs.iter().position(|run| run.id == id) {
            return place;
        }
        let early = |run: &Running| run.id.is_empty() && run.recipe == event.recipe;
        if let Some(place) = self.runs.iter().position(early) {
            id.clone_into(&mut self.runs[place].id);
            return place;
        }
        self.runs.push(Running::new(event, at));
        self.runs.len() - 1
    }

    /// Says that work before a run goes on.
    fn waiting(&mut self, recipe: &str, what: &str, at: Duration) -> io::Result<()> {
        let early = |run: &&mut Running| !run.over && run.recipe == recipe;
        let between = Some((format!("waiting for {what}"), at));
        match self.runs.iter_mut().find(early) {
            Some(run) => run.between = between,
            None => self.runs.push(Running {
                recipe: recipe.to_owned(),
                since: at,
                between,
                ..Running::default()
            }),
        }
        let line = super::lines::waiting(recipe, what);
        self.print(&[line], at)
    }

    /// Keeps a line of a child, and shows it when that was asked for.
    fn echo(
        &mut self,
        (recipe, stage): (&str, Option<Stage>),
        line: &str,
        at: Duration,
    ) -> io::Result<()> {
        let mut active = self.runs.iter_mut().filter(|run| !run.over);
        if let Some(run) = active.find(|run| run.recipe == recipe) {
            run.keep_line(clean_output(line, Colours::Removed));
        }
        let colours = if self.view.look.colour {
            Colours::Kept
        } else {
            Colours::Removed
        };
        let text = clean_output(line, colours);
        let place = stage.map(|stage| format!("/{stage}")).unwrap_or_default();
        if self.capture == Capture::No {
            self.write(&text, at)
        } else if self.view.levels.verbosity >= Verbosity::Verbose {
            self.write(&format!("{}{place} | {text}", clean(recipe)), at)
        } else {
            Ok(())
        }
    }

    /// Writes those of the lines that are to be shown, as one block.
    fn print(&mut self, lines: &[Line], at: Duration) -> io::Result<()> {
        let shown = lines.iter().filter(|line| self.shows(line.weight));
        let painted: Vec<_> = shown.map(|line| line.paint(&self.view.look)).collect();
        if painted.is_empty() {
            return Ok(());
        }
        self.write(&painted.join("\n"), at)
    }

    /// Writes text above the region, or plainly when there is none.
    fn write(&mut self, text: &str, at: Duration) -> io::Result<()> {
        self.last_line = at;
        if self.region.is_shown() {
            self.region.print(text)
        } else {
            self.out.write(format!("{text}\n").as_bytes())
        }
    }

    /// Takes the region away for good and shows the cursor.
    fn close(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.closed, true) || self.mode != Mode::Live {
            return Ok(());
        }
        let hidden = self.region.hide();
        self.out.write(SHOW_CURSOR.as_bytes())?;
        hidden
    }
}
