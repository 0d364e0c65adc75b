//! The `.env` of an app or its sample: quotes, comments, and names expanded while reading.

use std::collections::BTreeMap;
use std::path::Path;

use crate::fatal::{Fatal, Result};

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name before the equals sign.
    pub(crate) key: String,
    /// The value without quotes.
    pub(crate) value: String,
    /// The trailing comment, where secrets have their modifiers.
    pub(crate) comment: String,
}

/// All assignments of a file, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct EnvFile {
    /// The assignments; a later one of the same key wins.
    pub(crate) entries: Vec<Entry>,
}

impl EnvFile {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(Fatal::during(format!("reading {}", path.display())))?;
        Self::parse(&text)
            .map_err(|line| Fatal(format!("{}: not an assignment: {line}", path.display())))
    }

    /// Parses the text of a file; the error is the line that is no assignment.
    pub(crate) fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut file = Self::default();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, rest) = line.split_once('=').ok_or_else(|| line.to_owned())?;
            let key = key.trim();
            if key.is_empty() || !key.chars().all(is_name) {
                return Err(line.to_owned());
            }
            let (value, comment) = file
                .value(rest.trim_start())
                .ok_or_else(|| line.to_owned())?;
            file.entries.push(Entry {
                key: key.to_owned(),
                value,
                comment,
            });
        }
        Ok(file)
    }

    /// Returns the value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.key == key)
            .map(|entry| entry.value.as_str())
    }

    /// Returns all keys with the values that win.
    pub(crate) fn map(&self) -> BTreeMap<String, String> {
        self.entries
            .iter()
            .map(|entry| (entry.key.clone(), entry.value.clone()))
            .collect()
    }

    /// Splits what follows an equals sign into value and comment; none when a quote stays open.
    fn value(&self, rest: &str) -> Option<(String, String)> {
        let quote = rest
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\''));
        let (value, tail) = match quote {
            Some(quote) => rest[1..].split_once(quote)?,
            None => match rest.find(" #").or_else(|| rest.find("\t#")) {
                Some(at) => (rest[..at].trim_end(), &rest[at..]),
                None if rest.starts_with('#') => ("", rest),
                None => (rest, ""),
            },
        };
        let value = if quote == Some('\'') {
            value.to_owned()
        } else {
            self.expand(value)
        };
        Some((
            value,
            tail.trim_start().trim_start_matches('#').trim().to_owned(),
        ))
    }

    /// Replaces `$NAME` and `${NAME}` by what was read so far.
    fn expand(&self, text: &str) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            result.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let braced = rest
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'));
            if let Some((name, after)) = braced {
                result.push_str(self.get(name).unwrap_or_default());
                rest = after;
            } else {
                let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                result.push_str(if name.is_empty() {
                    "$"
                } else {
                    self.get(name).unwrap_or_default()
                });
                rest = after;
            }
        }
        result.push_str(rest);
        result
    }
}

/// Reads the `export NAME=value` lines of an `abra.sh` as text.
pub(crate) fn exports(abra_sh: &str) -> BTreeMap<String, String> {
    let lines = abra_sh
        .lines()
        .filter_map(|line| line.trim().strip_prefix("export "));
    // A line is parsed on its own, so that one that only a shell understands hides no other.
    lines
        .filter_map(|line| EnvFile::parse(line).ok())
        .flat_map(|file| file.entries)
        .map(|entry| (entry.key, entry.value))
        .collect()
}

/// Returns whether a character may stand in a name.
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_comments_and_expansion_are_read_in_order() {
        let file = EnvFile::parse(
            "# a comment\nA=plain # why\nB=\"two words\" # length=43 charset=hex\nC='$A'\nEMPTY=\n\
             COMPOSE_FILE=compose.yml\nCOMPOSE_FILE=\"$COMPOSE_FILE:compose.${A}.yml\"\n",
        )
        .unwrap();
        assert_eq!(file.get("A"), Some("plain"));
        assert_eq!(file.get("B"), Some("two words"));
        assert_eq!(file.get("C"), Some("$A"));
        assert_eq!(file.get("EMPTY"), Some(""));
        assert_eq!(
            file.get("COMPOSE_FILE"),
            Some("compose.yml:compose.plain.yml")
        );
        assert_eq!(file.entries[1].comment, "length=43 charset=hex");
    }

    #[test]
    fn a_line_without_an_equals_sign_is_named() {
        assert_eq!(EnvFile::parse("A=1\nnonsense\n").unwrap_err(), "nonsense");
    }

    #[test]
    fn exports_are_text_and_are_not_executed() {
        let read = exports("export A_VERSION=v2\n  export B=\"$(id)\"\nC=3\nf() {\n}\n");
        assert_eq!(read["A_VERSION"], "v2");
        assert_eq!(read["B"], "$(id)");
        assert!(!read.contains_key("C"));
    }
}
