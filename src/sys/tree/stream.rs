//! The two ends of an archive, each with its checksum: one that is written, one that is read.

use std::{
    io::{Read, Write},
    sync::Arc,
};

use super::{
    Error,
    digester::{CHUNK, Digester, length},
    wide,
};

/// The size of a block of an archive.
pub(super) const BLOCK: u64 = 512;

/// An archive that is written.
pub(super) struct Sink<W> {
    /// Where it goes.
    out: W,
    /// Makes the checksum.
    digester: Digester,
    /// What was not written yet.
    buffer: Vec<u8>,
    /// How much of the buffer counts.
    filled: usize,
    /// How many bytes were written.
    written: u64,
}

impl<W: Write> Sink<W> {
    /// Begins an archive.
    pub(super) fn new(out: W) -> Result<Self, Error> {
        let mut digester = start()?;
        let buffer = digester.buffer();
        Ok(Self {
            out,
            digester,
            buffer,
            filled: 0,
            written: 0,
        })
    }

    /// Returns room for what comes next, at least a byte.
    pub(super) fn room(&mut self) -> Result<&mut [u8], Error> {
        if self.filled == CHUNK {
            self.flush()?;
        }
        Ok(&mut self.buffer[self.filled..])
    }

    /// Counts what was put into the room.
    pub(super) fn filled(&mut self, count: usize) {
        self.filled += count;
    }

    /// Adds bytes.
    pub(super) fn add(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let room = self.room()?;
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            self.filled(count);
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Fills the last block of something of this length.
    pub(super) fn pad(&mut self, size: u64) -> Result<(), Error> {
        self.add(&[0; 512][..padding(size)])
    }

    /// Ends the archive; returns its checksum, its length and where it went.
    pub(super) fn finish(mut self) -> Result<(String, u64, W), Error> {
        self.add(&[0; 1024])?;
        self.flush()?;
        let flushed = self.out.flush();
        flushed.map_err(|said| Error::io("write", b"the archive", said))?;
        Ok((self.digester.finish(), self.written, self.out))
    }

    /// Writes the buffer.
    fn flush(&mut self) -> Result<(), Error> {
        let next = if self.filled == CHUNK {
            self.digester.buffer()
        } else {
            Vec::new()
        };
        let full = Arc::new(std::mem::replace(&mut self.buffer, next));
        let piece = (Arc::clone(&full), self.filled);
        self.written += length(&piece);
        self.digester.take(piece);
        let wrote = self.out.write_all(&full[..self.filled]);
        self.filled = 0;
        wrote.map_err(|said| Error::io("write", b"the archive", said))
    }
}

/// An archive that is read.
pub(super) struct Source<R> {
    /// Where it comes from.
    input: R,
    /// Makes the checksum.
    digester: Digester,
    /// What was read last.
    buffer: Arc<Vec<u8>>,
    /// Up to where it was taken.
    at: usize,
    /// How much of the buffer counts.
    filled: usize,
    /// How many bytes were taken in all.
    taken: u64,
}

impl<R: Read> Source<R> {
    /// Begins to read an archive.
    pub(super) fn new(input: R) -> Result<Self, Error> {
        Ok(Self {
            input,
            digester: start()?,
            buffer: Arc::default(),
            at: 0,
            filled: 0,
            taken: 0,
        })
    }

    /// Returns what comes next, nothing at the end.
    pub(super) fn available(&mut self) -> Result<&[u8], Error> {
        if self.at == self.filled {
            self.fill()?;
        }
        Ok(&self.buffer[self.at..self.filled])
    }

    /// Takes what comes next.
    pub(super) fn consume(&mut self, count: usize) {
        self.at += count;
        self.taken += wide(count);
    }

    /// Returns how many bytes were taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes exactly so many bytes.
    pub(super) fn exact(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let mut done = 0;
        while done < bytes.len() {
            let available = self.available()?;
            if available.is_empty() {
                return Err(cut());
            }
            let count = available.len().min(bytes.len() - done);
            bytes[done..done + count].copy_from_slice(&available[..count]);
            self.consume(count);
            done += count;
        }
        Ok(())
    }

    /// Takes the padding after something of this length, which has to be zeros.
    pub(super) fn skip_padding(&mut self, size: u64) -> Result<(), Error> {
        let mut bytes = [0; 512];
        let bytes = &mut bytes[..padding(size)];
        self.exact(bytes)?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Err(Error::refused("something stands between two entries"));
        }
        Ok(())
    }

    /// Returns the checksum and the length of what was read.
    pub(super) fn finish(self) -> (String, u64) {
        (self.digester.finish(), self.taken)
    }

    /// Reads the next buffer.
    fn fill(&mut self) -> Result<(), Error> {
        // Given back before the next is asked for, as buffers are few.
        self.buffer = Arc::default();
        self.at = 0;
        self.filled = 0;
        let mut buffer = self.digester.buffer();
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(said) if said.kind() == std::io::ErrorKind::Interrupted => {}
                Err(said) => return Err(Error::io("read", b"the archive", said)),
            }
        }
        self.filled = filled;
        self.buffer = Arc::new(buffer);
        self.digester.take((Arc::clone(&self.buffer), filled));
        Ok(())
    }
}

/// Makes the error of an archive that is not whole.
pub(super) fn cut() -> Error {
    Error::refused("it ends too early")
}

/// Starts the thread of the checksum.
fn start() -> Result<Digester, Error> {
    Digester::start().map_err(|said| Error::io("start a thread for", b"the checksum", said))
}

/// Returns how many zeros follow something of this length.
fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK).expect("a block is small");
    (512 - over) % 512
}
