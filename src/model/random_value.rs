//! How a value for a secret can be made for a test: a kind and a size, never a value.

use std::{fmt, str::FromStr};

use super::{
    recipe::Invalid,
    secret_spec::{Charset, SecretSpec},
};

/// The length of a secret whose line asks for none, in characters.
const LENGTH: usize = 32;
/// The longest value that is made, in characters.
const LONGEST: usize = 4096;
/// The sizes of an RSA key, in bits.
const KEY_SIZES: std::ops::RangeInclusive<usize> = 2048..=8192;

/// What a value consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Letters and digits.
    Alnum,
    /// Lower-case hexadecimal digits.
    Hex,
    /// Random bytes, in base64.
    Base64,
    /// An RSA key in PEM.
    Rsa,
}

/// The kinds and their words.
const KINDS: [(&str, Kind); 4] = [
    ("alnum", Kind::Alnum),
    ("hex", Kind::Hex),
    ("base64", Kind::Base64),
    ("rsa", Kind::Rsa),
];

/// How a value is made: as `hex:64`, which means 64 random hexadecimal digits.
///
/// ```
/// use ccci::model::random_value::RandomValue;
///
/// let value: RandomValue = "hex:64".parse().unwrap();
/// assert_eq!(value.to_string(), "hex:64");
/// assert!("hex:0".parse::<RandomValue>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomValue {
    /// What it consists of.
    pub kind: Kind,
    /// How many characters, bytes before base64, or bits of a key.
    pub size: usize,
}

impl RandomValue {
    /// Returns what the line of a secret in `.env.sample` asks for.
    pub fn of_spec(spec: &SecretSpec) -> Self {
        let kind = match spec.charset {
            Charset::Hex => Kind::Hex,
            // Punctuation is more than any value has to hold.
            Charset::Default | Charset::Alnum | Charset::Special | Charset::SafeSpecial => {
                Kind::Alnum
            }
        };
        let size = spec.length.unwrap_or(LENGTH).min(LONGEST);
        Self { kind, size }
    }

    /// Returns the shell command that prints such a value, by programs that every system has; a key needs openssl.
    pub fn command(&self) -> String {
        let size = self.size;
        match self.kind {
            Kind::Alnum => format!("LC_ALL=C tr -dc 'A-Za-z0-9' < /dev/urandom | head -c {size}"),
            Kind::Hex => format!("LC_ALL=C tr -dc '0-9a-f' < /dev/urandom | head -c {size}"),
            Kind::Base64 => format!("head -c {size} /dev/urandom | base64 | tr -d '\\n'"),
            Kind::Rsa => format!("openssl genrsa {size} 2>/dev/null"),
        }
    }

    /// Returns in words what such a value is.
    pub fn describe(&self) -> String {
        let size = self.size;
        match self.kind {
            Kind::Alnum => format!("{size} random letters and digits"),
            Kind::Hex => format!("{size} random hexadecimal digits"),
            Kind::Base64 => format!("{size} random bytes in base64"),
            Kind::Rsa => format!("an RSA key of {size} bits"),
        }
    }
}

impl fmt::Display for RandomValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, _) = KINDS
            .into_iter()
            .find(|(_, kind)| *kind == self.kind)
            .expect("every kind has a word");
        write!(f, "{word}:{}", self.size)
    }
}

impl FromStr for RandomValue {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let rule = "`alnum:N`, `hex:N`, `base64:N` with 1 to 4096, or `rsa:N` with 2048 to 8192, as in `hex:64`";
        let invalid = || Invalid::new("kind of value", text, rule);
        let (word, size) = text.split_once(':').ok_or_else(invalid)?;
        let found = KINDS.into_iter().find(|(known, _)| *known == word);
        let (_, kind) = found.ok_or_else(invalid)?;
        let size: usize = size.parse().map_err(|_| invalid())?;
        let fits = match kind {
            Kind::Rsa => KEY_SIZES.contains(&size),
            Kind::Alnum | Kind::Hex | Kind::Base64 => (1..=LONGEST).contains(&size),
        };
        fits.then_some(Self { kind, size }).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_secret_says_what_its_value_is() {
        let spec = |length, charset| SecretSpec {
            name: "key".to_owned(),
            version: "v1".to_owned(),
            length,
            charset,
            generate: false,
        };
        let made = |length, charset| RandomValue::of_spec(&spec(length, charset)).to_string();
        assert_eq!(made(Some(64), Charset::Hex), "hex:64");
        assert_eq!(made(None, Charset::Default), "alnum:32");
        assert_eq!(made(Some(43), Charset::Special), "alnum:43");
    }

    #[test]
    fn sizes_have_bounds_and_kinds_are_known() {
        for good in ["alnum:1", "hex:4096", "base64:32", "rsa:2048"] {
            assert_eq!(good.parse::<RandomValue>().unwrap().to_string(), good);
        }
        for bad in [
            "", "hex", "hex:", "hex:-1", "hex:4097", "rsa:12", "word:8", "hex:8;id",
        ] {
            assert!(bad.parse::<RandomValue>().is_err(), "{bad}");
        }
    }
}
