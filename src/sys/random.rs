//! Random bytes of the kernel.

use std::{fs::File, io, io::Read};

/// Returns random bytes that are good enough for passwords.
pub(crate) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Returns a text of so many characters, each drawn evenly from an alphabet of at most 256.
pub(crate) fn text(alphabet: &[u8], length: usize) -> io::Result<String> {
    // Bytes at or over the largest multiple of the alphabet's size would favour its first characters.
    let fair = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let drawn = bytes::<64>()?.map(usize::from);
        let picked = drawn.into_iter().filter(|byte| *byte < fair);
        text.extend(
            picked
                .take(length - text.len())
                .map(|byte| char::from(alphabet[byte % alphabet.len()])),
        );
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_its_length_and_only_its_alphabet() {
        let text = text(b"abc", 1000).unwrap();
        assert_eq!(text.len(), 1000);
        for letter in ['a', 'b', 'c'] {
            assert!(text.contains(letter));
        }
        assert!(text.chars().all(|c| "abc".contains(c)));
    }

    #[test]
    fn two_draws_differ() {
        assert_ne!(bytes::<16>().unwrap(), bytes::<16>().unwrap());
    }
}
