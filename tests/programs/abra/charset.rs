//! Random values for secrets.

use std::io::Read;

use crate::fatal::{Fatal, Result};
use crate::guesses;

/// Letters that words of a passphrase alternate between.
const SOUNDS: [&[u8]; 2] = [b"bdfgklmnprst", b"aeiou"];

/// Returns a password of a length from a named charset.
pub(crate) fn password(length: usize, charset: Option<&str>) -> Result<String> {
    let default = guesses::CHARSET_DEFAULT;
    let characters = match charset {
        Some("hex") => "0123456789abcdef".to_owned(),
        Some("special") => format!("{default}{}", guesses::CHARSET_SPECIAL),
        Some("safespecial") => format!("{default}{}", guesses::CHARSET_SAFE_SPECIAL),
        _ => default.to_owned(),
    };
    pick(length, |_| characters.as_bytes())
}

/// Returns a passphrase of made-up words.
pub(crate) fn passphrase() -> Result<String> {
    let words: Result<Vec<String>> = (0..guesses::PASSPHRASE_WORDS)
        .map(|_| pick(6, |at| SOUNDS[at % SOUNDS.len()]))
        .collect();
    Ok(words?.join("-"))
}

/// Returns text whose characters are picked evenly from the choice for each place.
fn pick<'a>(length: usize, choice: impl Fn(usize) -> &'a [u8]) -> Result<String> {
    let mut random =
        std::fs::File::open("/dev/urandom").map_err(Fatal::during("opening /dev/urandom"))?;
    let mut text = String::new();
    let mut byte = [0];
    while text.len() < length {
        random
            .read_exact(&mut byte)
            .map_err(Fatal::during("reading /dev/urandom"))?;
        let characters = choice(text.len());
        let index = usize::from(byte[0]);
        // The rest of the range would favour the first characters.
        if index < 256 - 256 % characters.len() {
            text.push(char::from(characters[index % characters.len()]));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_its_length_and_charset() {
        let hex = password(43, Some("hex")).unwrap();
        assert_eq!(hex.len(), 43);
        assert!(hex.chars().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(hex, password(43, Some("hex")).unwrap());
    }

    #[test]
    fn a_passphrase_has_its_words() {
        assert_eq!(
            passphrase().unwrap().split('-').count(),
            guesses::PASSPHRASE_WORDS
        );
    }
}
