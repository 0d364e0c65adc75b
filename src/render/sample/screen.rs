//! A screen made up for tests, and what is shown on it.

use std::{
    io::{self, Write},
    sync::{Arc, mpsc},
    time::Duration,
};

use crate::render::{
    board::{Capture, Options},
    line::Look,
    lines::View,
    mode::Mode,
    screen::Size,
};

/// A writer that sends what it is given.
pub(in crate::render) struct Wire(pub(in crate::render) mpsc::Sender<String>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.0.send(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns how a screen of this size is written to.
pub(in crate::render) fn options(mode: Mode, size: Size, out: Box<dyn Write + Send>) -> Options {
    let look = Look {
        unicode: true,
        ..Look::default()
    };
    Options {
        mode,
        view: View {
            look,
            tries: 1,
            ..View::default()
        },
        capture: Capture::Yes,
        heartbeat: Some(Duration::from_secs(30)),
        size: Arc::new(move || size),
        out,
    }
}
