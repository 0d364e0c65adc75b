//! Makes outside text harmless on a terminal: one line, without control sequences or marks that turn text around.

/// The longest line of child output that is shown, in bytes.
const LINE_LIMIT: usize = 4096;
/// The sequence that ends every colour.
const RESET: &str = "\u{1b}[0m";

/// Whether a line's own colours stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    /// They stay, and are reset at the line's end.
    Kept,
    /// They go with all other sequences.
    Removed,
}

/// Returns text as one line in which nothing can move the cursor, change colours or reorder letters.
pub(crate) fn clean(text: &str) -> String {
    scrub(text, Colours::Removed)
}

/// Returns a line of child output: cleaned, cut at 4 KiB, its colours kept on request.
pub(crate) fn clean_output(line: &str, colours: Colours) -> String {
    let mut end = line.len().min(LINE_LIMIT);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let mut text = scrub(&line[..end], colours);
    if text.contains('\u{1b}') {
        text.push_str(RESET);
    }
    text
}

/// Drops control sequences and hidden marks; what breaks lines becomes a blank.
fn scrub(text: &str, colours: Colours) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if c == '\u{1b}' {
            let length = sequence_length(rest);
            if colours == Colours::Kept && is_colour(&rest[..length]) {
                kept.push_str(&rest[..length]);
            }
            length
        } else {
            match c {
                '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                    kept.push(' ');
                }
                _ if c.is_control() || is_hidden(c) => {}
                _ => kept.push(c),
            }
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    kept.truncate(kept.trim_end().len());
    kept
}

/// Returns how long the escape sequence at the start of a text is; one that never ends counts as its first byte alone.
fn sequence_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.get(1) {
        Some(b'[') => {
            let parameters = bytes[2..]
                .iter()
                .take_while(|byte| (0x20..0x40).contains(*byte));
            let end = 2 + parameters.count();
            match bytes.get(end) {
                Some(0x40..=0x7e) => end + 1,
                _ => 1,
            }
        }
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let bell = text.find('\u{7}').map(|at| at + 1);
            let terminator = text.find("\u{1b}\\").map(|at| at + 2);
            [bell, terminator].into_iter().flatten().min().unwrap_or(1)
        }
        Some(0x30..=0x7e) => 2,
        _ => 1,
    }
}

/// Tells whether a sequence does nothing but set colours.
fn is_colour(sequence: &str) -> bool {
    let parameters = sequence
        .strip_prefix("\u{1b}[")
        .and_then(|rest| rest.strip_suffix('m'));
    parameters.is_some_and(|text| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b';')
    })
}

/// Tells whether a character is invisible or turns the direction of text.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_go_and_text_stays() {
        assert_eq!(clean("a\u{1b}[31mb\u{1b}[0mc"), "abc");
        assert_eq!(clean("a\u{1b}]0;title\u{7}b"), "ab");
        assert_eq!(
            clean("a\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\b"),
            "alinkb"
        );
        assert_eq!(clean("a\u{1b}cb"), "ab");
        assert_eq!(clean("one\r\ntwo\tthree\n"), "one  two three");
        assert_eq!(clean("a\u{202e}b\u{200b}c\u{9b}31m"), "abc31m");
    }

    #[test]
    fn a_sequence_that_never_ends_hides_nothing() {
        assert_eq!(clean("a\u{1b}]0;the rest is text"), "a]0;the rest is text");
        assert_eq!(clean("a\u{1b}[12"), "a[12");
        assert_eq!(clean("a\u{1b}"), "a");
    }

    #[test]
    fn colours_of_a_child_stay_on_request_and_end_with_the_line() {
        let line = "\u{1b}[31mred\u{1b}[2J";
        assert_eq!(clean_output(line, Colours::Kept), "\u{1b}[31mred\u{1b}[0m");
        assert_eq!(clean_output(line, Colours::Removed), "red");
        assert_eq!(clean_output("plain", Colours::Kept), "plain");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = clean_output(&"ä".repeat(3000), Colours::Removed);
        assert_eq!(line.len(), LINE_LIMIT);
        assert!(
            clean_output(&format!("x{}", "ä".repeat(3000)), Colours::Removed).len() < LINE_LIMIT
        );
    }

    #[test]
    fn no_byte_at_any_place_survives_as_a_control() {
        for byte in 0..=255u8 {
            for place in 0..4 {
                let mut bytes = b"abc".to_vec();
                bytes.insert(place, byte);
                let cleaned = clean(&String::from_utf8_lossy(&bytes));
                assert!(!cleaned.chars().any(char::is_control), "{byte} at {place}");
            }
            let latin = clean(&char::from(byte).to_string());
            assert!(
                !latin.chars().any(char::is_control),
                "{byte} as a character"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_unprintable_remains(text in "[\\x00-\\x7f\\u{80}-\\u{9f}\\u{200b}-\\u{2069}]{0,40}") {
            let cleaned = clean(&text);
            prop_assert!(!cleaned.chars().any(|c| c.is_control() || is_hidden(c)));
        }
    }
}
