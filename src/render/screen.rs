//! The terminal that the live region is drawn on: cursor moves as bytes, one write a frame.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// The fewest columns a frame is laid out for; a character may be two columns wide.
const LEAST_COLUMNS: u16 = 10;

/// A terminal's rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Rows.
    pub(crate) rows: u16,
    /// Columns.
    pub(crate) columns: u16,
}

impl Size {
    /// Returns the size with room for something: a terminal that knows none counts as 24 by 80.
    fn sane(self) -> Self {
        let columns = if self.columns == 0 { 80 } else { self.columns };
        Self {
            rows: if self.rows == 0 { 24 } else { self.rows },
            columns: columns.max(LEAST_COLUMNS),
        }
    }
}

/// Asks for the size of the terminal, which may change at any time.
pub(crate) type AskSize = Arc<dyn Fn() -> Size + Send + Sync>;

/// Where text goes, shared by lines and frames.
#[derive(Clone)]
pub(crate) struct Out(Arc<Mutex<Box<dyn Write + Send>>>);

impl Out {
    /// Shares a writer.
    pub(crate) fn new(out: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Mutex::new(out)))
    }

    /// Writes all of a text at once.
    pub(crate) fn write(&self, text: &[u8]) -> io::Result<()> {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(text)?;
        out.flush()
    }
}

/// What indicatif draws on.
struct Screen {
    /// Where the bytes go.
    out: Out,
    /// How large it is.
    size: AskSize,
    /// The bytes of the frame so far.
    frame: Mutex<Vec<u8>>,
}

impl Screen {
    /// Adds to the frame.
    fn add(&self, text: &str) {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        frame.extend_from_slice(text.as_bytes());
    }

    /// Adds a move of the cursor by some places.
    fn shift(&self, places: usize, letter: char) {
        if places > 0 {
            self.add(&format!("\u{1b}[{places}{letter}"));
        }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        (self.size)().sane().columns
    }

    fn height(&self) -> u16 {
        (self.size)().sane().rows
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.shift(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.shift(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.shift(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.shift(n, 'D');
        Ok(())
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.add(s);
        self.add("\n");
        Ok(())
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.add(s);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        // The terminal shows `^C` where the cursor is; at the end of a full line that would push the region up.
        frame.push(b'\r');
        self.out.write(&std::mem::take(&mut *frame))
    }
}

/// The live region at the foot of the screen.
pub(crate) struct Region {
    /// What draws lines above the region.
    multi: MultiProgress,
    /// The region itself, while it is shown.
    bar: Option<ProgressBar>,
    /// How large the screen is.
    size: AskSize,
}

impl Region {
    /// Makes a region that is not shown yet.
    pub(crate) fn new(out: Out, size: AskSize) -> Self {
        let screen = Screen {
            out,
            size: Arc::clone(&size),
            frame: Mutex::default(),
        };
        let target = ProgressDrawTarget::term_like(Box::new(screen));
        Self {
            multi: MultiProgress::with_draw_target(target),
            bar: None,
            size,
        }
    }

    /// Returns how large the screen is.
    pub(crate) fn size(&self) -> Size {
        (self.size)().sane()
    }

    /// Tells whether the region is shown.
    pub(crate) const fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Draws these lines as the region.
    pub(crate) fn draw(&mut self, lines: &[String]) {
        let multi = &self.multi;
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            let style = ProgressStyle::with_template("{msg}").expect("the template is constant");
            multi.add(bar.with_style(style))
        });
        bar.set_message(lines.join("\n"));
    }

    /// Writes lines above the region.
    pub(crate) fn print(&self, text: &str) -> io::Result<()> {
        self.multi.println(text)
    }

    /// Takes the region off the screen.
    pub(crate) fn hide(&mut self) -> io::Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            self.multi.remove(&bar);
            self.multi.clear()?;
        }
        Ok(())
    }
}
