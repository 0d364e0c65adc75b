//! A checksum that is made beside the work, in a thread of its own, over buffers that go round.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle},
};

use rustls::{SupportedCipherSuite, crypto::hash::Context};

use super::{Error, Pulse, beat, stream::Source, wide};

/// The size of a buffer.
pub(super) const CHUNK: usize = 1024 * 1024;

/// How many buffers go round.
const BUFFERS: usize = 4;

/// A buffer, with how much of it counts.
pub(super) type Piece = (Arc<Vec<u8>>, usize);

/// The thread that makes the checksum, and the buffers that are on their way to and from it.
pub(super) struct Digester {
    /// Takes buffers to the thread.
    full: SyncSender<Piece>,
    /// Brings them back.
    free: Receiver<Arc<Vec<u8>>>,
    /// Returns the checksum when no more comes.
    thread: JoinHandle<String>,
    /// How many buffers were made.
    made: usize,
}

impl Digester {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let (full, pieces) = sync_channel::<Piece>(BUFFERS);
        let (back, free) = sync_channel(BUFFERS);
        let thread = Builder::new().name("checksum".to_owned());
        let thread = thread.spawn(move || {
            let mut sum = sha256();
            for (buffer, filled) in pieces {
                sum.update(&buffer[..filled]);
                // At the end nobody needs buffers any more.
                drop(back.try_send(buffer));
            }
            hexadecimal(sum.finish().as_ref())
        })?;
        Ok(Self {
            full,
            free,
            thread,
            made: 0,
        })
    }

    /// Returns an empty buffer; waits for one when all are on their way.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        if self.made < BUFFERS {
            self.made += 1;
            return vec![0; CHUNK];
        }
        let buffer = self.free.recv();
        let buffer = buffer.expect("the thread lasts as long as buffers can be sent to it");
        Arc::try_unwrap(buffer).unwrap_or_else(|_| vec![0; CHUNK])
    }

    /// Adds a buffer to the checksum, meanwhile or later.
    pub(super) fn take(&self, piece: Piece) {
        let sent = self.full.send(piece);
        sent.expect("the thread lasts as long as buffers can be sent to it");
    }

    /// Returns the checksum of all that was added.
    pub(super) fn finish(self) -> String {
        let Self {
            full, free, thread, ..
        } = self;
        drop(full);
        let sum = thread.join();
        drop(free);
        sum.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Begins a SHA-256 by the code that TLS uses: where a processor has no instruction for it, that is twice as fast as `sha2`.
fn sha256() -> Box<dyn Context> {
    match rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256 {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider.start(),
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider.start(),
    }
}

/// Returns the checksum of a stream, with its length.
pub(crate) fn digest(input: impl Read, pulse: &mut Pulse<'_>) -> Result<(String, u64), Error> {
    let mut source = Source::new(input)?;
    loop {
        let length = source.available()?.len();
        if length == 0 {
            return Ok(source.finish());
        }
        source.consume(length);
        beat(pulse, source.taken())?;
    }
}

/// Writes bytes as hexadecimal digits.
fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes any text");
        text
    })
}

/// Tells how long a piece is.
pub(super) fn length((_, filled): &Piece) -> u64 {
    wide(*filled)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_whole_stream() {
        let bytes: Vec<u8> = (0..3 * CHUNK + 17)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        let (sum, length) = digest(bytes.as_slice(), &mut |_| true).unwrap();
        assert_eq!(sum, hexadecimal(&Sha256::digest(&bytes)));
        assert_eq!(length, wide(bytes.len()));
        // The checksum of nothing, as FIPS 180-4's examples give it.
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(&b""[..], &mut |_| true).unwrap().0, nothing);
    }

    #[test]
    fn whoever_listens_can_end_it() {
        let bytes = vec![0; CHUNK];
        let ended = digest(bytes.as_slice(), &mut |_| false);
        assert!(matches!(ended, Err(Error::Interrupted)));
    }
}
