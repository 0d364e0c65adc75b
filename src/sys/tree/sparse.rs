//! Where a file has content and where it has holes, as the file system tells it and as archives write it.

use std::{io::Read, os::fd::OwnedFd};

use rustix::{
    fs::{SeekFrom, Stat, seek},
    io::Errno,
};

use super::{Error, pax, stream::Source, within};

/// The most pieces of content that the map of a file has; with more of them its holes are written out.
const MOST: usize = 1 << 20;

/// A piece of content: where it begins, and how long it is.
pub(super) type Segment = (u64, u64);

/// Finds the pieces of content of a file; nothing where it has no holes worth leaving out.
pub(super) fn find(file: &OwnedFd, stat: &Stat) -> rustix::io::Result<Option<Vec<Segment>>> {
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    let allocated = u64::try_from(stat.st_blocks)
        .unwrap_or_default()
        .saturating_mul(512);
    if allocated >= size {
        return Ok(None);
    }
    let mut segments = Vec::new();
    let mut at = 0;
    while at < size {
        let begin = match seek(file, SeekFrom::Data(at)) {
            Ok(begin) => begin,
            Err(Errno::NXIO) => break,
            // A file system that cannot tell has no holes for us.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(None),
            Err(error) => return Err(error),
        };
        let end = seek(file, SeekFrom::Hole(begin))?.min(size);
        if begin >= end {
            break;
        }
        segments.push((begin, end - begin));
        at = end;
        if segments.len() >= MOST {
            return Ok(None);
        }
    }
    if segments == [(0, size)] {
        return Ok(None);
    }
    // Without a piece at its end the file would come back too short in GNU tar.
    if at < size {
        segments.push((size, 0));
    }
    Ok(Some(segments))
}

/// Writes the map as it stands before the content, up to a whole block.
pub(super) fn encode(segments: &[Segment]) -> Vec<u8> {
    let mut map = format!("{}\n", segments.len()).into_bytes();
    for (begin, length) in segments {
        map.extend_from_slice(format!("{begin}\n{length}\n").as_bytes());
    }
    map.resize(map.len().next_multiple_of(512), 0);
    map
}

/// Returns how many bytes of content some pieces have.
pub(super) fn content(segments: &[Segment]) -> u64 {
    segments.iter().map(|(_, length)| length).sum()
}

/// Reads a map; the pieces are in order, apart from each other, and within the file's size.
pub(super) fn read(
    source: &mut Source<impl Read>,
    size: u64,
) -> Result<(Vec<Segment>, u64), Error> {
    let begun = source.taken();
    let mut lines = Lines::new(source);
    let count = within(usize::MAX, lines.number()?);
    if count > MOST + 1 {
        return Err(Error::refused("the map of a file is too long"));
    }
    let mut segments = Vec::new();
    let mut at = 0;
    for _ in 0..count {
        let (begin, length) = (lines.number()?, lines.number()?);
        let end = begin
            .checked_add(length)
            .filter(|end| begin >= at && *end <= size);
        at = end.ok_or_else(|| Error::refused("the map of a file is odd"))?;
        segments.push((begin, length));
    }
    Ok((segments, source.taken() - begun))
}

/// The lines of a map, which fills whole blocks.
struct Lines<'a, R> {
    /// The archive.
    source: &'a mut Source<R>,
    /// The block that is being read.
    block: [u8; 512],
    /// Up to where it was read.
    at: usize,
}

impl<'a, R: Read> Lines<'a, R> {
    /// Begins to read.
    fn new(source: &'a mut Source<R>) -> Self {
        Self {
            source,
            block: [0; 512],
            at: 512,
        }
    }

    /// Reads a line, which is a number.
    fn number(&mut self) -> Result<u64, Error> {
        let mut digits = Vec::new();
        loop {
            if self.at == 512 {
                self.source.exact(&mut self.block)?;
                self.at = 0;
            }
            let byte = self.block[self.at];
            self.at += 1;
            if byte == b'\n' {
                let number = pax::number(&digits);
                return number.ok_or_else(|| Error::refused("the map of a file is odd"));
            }
            digits.push(byte);
            if digits.len() > 20 {
                return Err(Error::refused("the map of a file is odd"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a map from bytes.
    fn read_from(bytes: &[u8], size: u64) -> Result<(Vec<Segment>, u64), Error> {
        read(&mut Source::new(bytes)?, size)
    }

    #[test]
    fn a_map_of_several_blocks_comes_back() {
        let segments: Vec<Segment> = (0..100).map(|at| (at * 1_000_000, 4096)).collect();
        let map = encode(&segments);
        assert!(map.len() > 512 && map.len().is_multiple_of(512));
        let (read, length) = read_from(&map, 100_000_000).unwrap();
        assert_eq!((read, length), (segments, super::super::wide(map.len())));
    }

    #[test]
    fn odd_maps_are_refused() {
        let padded = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(512, 0);
            bytes
        };
        assert!(read_from(&padded("1\n0\n5\n"), 5).is_ok());
        for odd in [
            "1\n0\n6\n",
            "2\n0\n3\n2\n1\n",
            "1\n-1\n2\n",
            "9999999999\n",
            "1\n18446744073709551615\n1\n",
            "1\n",
            "",
            "111111111111111111111",
        ] {
            assert!(read_from(&padded(odd), 5).is_err(), "{odd:?}");
        }
        assert!(read_from(b"1\n0\n", 5).is_err());
    }
}
