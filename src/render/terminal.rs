//! The one place where text for people is written: lines of all runs, and the live region below them.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{Builder, JoinHandle},
    time::Instant,
};

use super::{
    board::{Board, Options},
    clean::clean,
    line::Line,
    live,
};
use crate::model::{
    event::{Event, EventReader},
    stage::Stage,
};

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

    /// Writes lines that belong to no run.
    pub(crate) fn say(&self, lines: &[Line]) -> io::Result<()> {
        let at = self.shared.began.elapsed();
        self.shared.board().print(lines, at)
    }

    /// Writes a command for the CI that reads this stream, in one line.
    pub(crate) fn command(&self, text: &str) -> io::Result<()> {
        let at = self.shared.began.elapsed();
        self.shared.board().write(&clean(text), at)
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

    /// Leaves the screen to somebody else while something is done; the live region comes back by itself.
    pub(crate) fn leave(&self, act: &dyn Fn()) {
        let mut board = self.shared.board();
        // A stream that is lost is reported by whoever writes the next line.
        drop(board.hide());
        act();
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

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;
    use crate::{
        model::event::Fact,
        render::{
            board::SHOW_CURSOR,
            mode::Mode,
            sample::{self, Wire, options},
            screen::Size,
        },
    };

    /// Makes the event of a run that waits.
    fn waiting() -> Event {
        let what = "the lock".to_owned();
        sample::event_of("n8n", 1, Fact::Waiting { what })
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_cursor_is_shown_again_once() {
        let (send, lines) = mpsc::channel();
        let size = Size {
            rows: 24,
            columns: 80,
        };
        let terminal = Terminal::new(options(Mode::Live, size, Box::new(Wire(send)))).unwrap();
        terminal.finish().unwrap();
        drop(terminal);
        assert_eq!(lines.into_iter().collect::<Vec<_>>(), [SHOW_CURSOR]);
    }

    #[test]
    fn a_heartbeat_comes_when_nothing_else_does_before_the_first_stage_too() {
        let (send, lines) = mpsc::channel();
        let size = Size {
            rows: 24,
            columns: 80,
        };
        let mut options = options(Mode::Plain, size, Box::new(Wire(send)));
        options.heartbeat = Some(Duration::from_millis(1));
        let terminal = Terminal::new(options).unwrap();
        terminal.read(&waiting()).unwrap();
        let limit = seconds(60);
        assert_eq!(
            lines.recv_timeout(limit).unwrap(),
            "     Waiting n8n: the lock\n"
        );
        let beat = lines.recv_timeout(limit).unwrap();
        assert_eq!(beat, "             0s: waiting for the lock\n");
    }

    #[test]
    fn the_live_region_draws_itself_and_goes_at_the_end() {
        let (send, lines) = mpsc::channel();
        let size = Size {
            rows: 24,
            columns: 80,
        };
        let terminal = Terminal::new(options(Mode::Live, size, Box::new(Wire(send)))).unwrap();
        terminal.read(&waiting()).unwrap();
        let frame = loop {
            let text = lines.recv_timeout(seconds(60)).unwrap();
            if text.contains("Testing") {
                break text;
            }
        };
        assert!(frame.contains("] waiting for the lock"), "{frame:?}");
        terminal.finish().unwrap();
        drop(terminal);
        let rest: Vec<_> = lines.into_iter().collect();
        assert_eq!(rest.last().map(String::as_str), Some(SHOW_CURSOR));
        assert!(
            rest.iter().any(|text| text.contains("\u{1b}[2K")),
            "{rest:?}"
        );
    }

    #[test]
    fn two_runs_at_once_never_mix_their_blocks() {
        let (send, lines) = mpsc::channel();
        let size = Size {
            rows: 24,
            columns: 80,
        };
        let terminal = Terminal::new(options(Mode::Plain, size, Box::new(Wire(send)))).unwrap();
        std::thread::scope(|scope| {
            for (number, recipe) in (1..).zip(["n8n", "wordpress"]) {
                let terminal = &terminal;
                scope.spawn(move || {
                    for _ in 0..200 {
                        let kept = Fact::Kept(sample::kept());
                        terminal
                            .read(&sample::event_of(recipe, number, kept))
                            .unwrap();
                    }
                });
            }
        });
        drop(terminal);
        let text: String = lines.into_iter().collect();
        let words: Vec<_> = text
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(words.len(), 1200);
        assert!(
            words
                .chunks(3)
                .all(|block| block == ["Kept", "shell:", "remove:"])
        );
    }
}
