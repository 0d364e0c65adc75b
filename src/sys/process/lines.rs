//! Cuts a stream into lines that are safe to show: no control sequences, no endless line.

/// The longest line; the rest of a longer one is dropped.
const LONGEST: usize = 4 * 1024;

/// Where in a control sequence the stream is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In ordinary text.
    Text,
    /// Right after the escape character.
    Escape,
    /// In a sequence that a letter ends.
    Csi,
    /// In a sequence of one more character.
    One,
    /// In a string that a bell or an escape ends.
    Osc,
}

/// Collects bytes until a line is whole.
pub(super) struct LineSplitter {
    /// The line so far.
    line: Vec<u8>,
    /// The place in a control sequence.
    place: Place,
    /// The last character was a carriage return.
    after_return: bool,
}

impl LineSplitter {
    /// Begins a stream.
    pub(super) fn new() -> Self {
        Self {
            line: Vec::new(),
            place: Place::Text,
            after_return: false,
        }
    }

    /// Takes bytes, and hands on each line that they complete.
    pub(super) fn push(&mut self, bytes: &[u8], on_line: &mut dyn FnMut(String)) {
        for &byte in bytes {
            if byte == b'\n' {
                self.place = Place::Text;
                self.after_return = false;
                on_line(self.take());
            } else if self.place != Place::Text || byte == 0x1b {
                self.place = next_place(self.place, byte);
            } else {
                self.text(byte);
            }
        }
    }

    /// Ends the stream, and hands on a last line without a line end.
    pub(super) fn finish(&mut self, on_line: &mut dyn FnMut(String)) {
        if !self.line.is_empty() {
            on_line(self.take());
        }
    }

    /// Adds a byte of text; after a carriage return a line begins anew, as on a terminal.
    fn text(&mut self, byte: u8) {
        if byte == b'\r' {
            self.after_return = true;
            return;
        }
        if std::mem::take(&mut self.after_return) {
            self.line.clear();
        }
        let is_shown = byte == b'\t' || !byte.is_ascii_control();
        if is_shown && self.line.len() < LONGEST {
            self.line.push(byte);
        }
    }

    /// Returns the line, with bytes that are no text replaced.
    fn take(&mut self) -> String {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        // Control characters beyond ASCII steer some terminals too.
        text.chars()
            .filter(|c| *c == '\t' || !c.is_control())
            .collect()
    }
}

/// Returns whole lines without control characters; where a line was written over, each state of it has a line.
pub(super) fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut place = Place::Text;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == b'\n' {
            place = Place::Text;
            plain.push(byte);
        } else if place != Place::Text || byte == 0x1b {
            place = next_place(place, byte);
        } else if byte == b'\r' {
            let is_line_end = bytes.get(at + 1) == Some(&b'\n');
            plain.extend((!is_line_end).then_some(b'\n'));
        } else if byte == b'\t' || !byte.is_ascii_control() {
            plain.push(byte);
        }
    }
    plain
}

/// Returns the place after one more byte of a control sequence.
fn next_place(place: Place, byte: u8) -> Place {
    match (place, byte) {
        (_, 0x1b) => Place::Escape,
        (Place::Escape, b']' | b'P' | b'X' | b'^' | b'_') => Place::Osc,
        (Place::Escape, b' '..=b'/') => Place::One,
        (Place::Escape, b'[') | (Place::Csi, 0x20..=0x3f) => Place::Csi,
        (Place::Osc, byte) if byte != 0x07 => Place::Osc,
        (Place::Text | Place::Escape | Place::Csi | Place::One | Place::Osc, _) => Place::Text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<String> {
        let mut found = Vec::new();
        let mut splitter = LineSplitter::new();
        for part in parts {
            splitter.push(part, &mut |line| found.push(line));
        }
        splitter.finish(&mut |line| found.push(line));
        found
    }

    #[test]
    fn control_sequences_are_dropped() {
        let text = b"\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x1b\\ a\x08b\x1b(B\tc\n";
        assert_eq!(lines(&[text]), ["red link ab\tc"]);
    }

    #[test]
    fn a_carriage_return_begins_the_line_anew() {
        assert_eq!(lines(&[b"10%\r50%\r100%\r\nnext\r\n"]), ["100%", "next"]);
    }

    #[test]
    fn a_long_line_is_cut_and_a_last_line_needs_no_end() {
        let long = vec![b'x'; 10_000];
        let found = lines(&[&long, b"\n\nlast"]);
        assert_eq!(found[0].len(), LONGEST);
        assert_eq!(found[1..], ["", "last"]);
    }

    #[test]
    fn plain_lines_keep_all_that_is_text() {
        let text = b"a\x1b[1mb\x1b[0mc\r\n10%\r20%\n\tx\x08\x1b]0;title\x07y\n";
        assert_eq!(plain(text), b"abc\n10%\n20%\n\txy\n");
    }

    proptest! {
        #[test]
        fn any_bytes_give_safe_lines_wherever_they_are_split(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            split in any::<prop::sample::Index>(),
        ) {
            let (before, after) = bytes.split_at(split.index(bytes.len() + 1));
            let whole = lines(&[&bytes]);
            prop_assert!(whole.iter().all(|line| line.chars().all(|c| c == '\t' || !c.is_control())));
            prop_assert_eq!(lines(&[before, after]), whole);
        }
    }
}
