//! The variables that a recipe's `abra.sh` exports, read as text; never executes any of it.

use std::collections::BTreeMap;

use crate::model::env_file::variable;

/// What the `export` lines of an `abra.sh` say.
///
/// ```
/// use ccci::model::abra_sh::exports;
///
/// let found = exports("export CONF_VERSION=v4\nexport NOW=$(date)\n");
/// assert_eq!(found.values, [("CONF_VERSION".to_owned(), "v4".to_owned())]);
/// assert_eq!(found.skipped[0].line, 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exports {
    /// Names and values in the order of the file; a later one of the same name wins.
    pub values: Vec<(String, String)>,
    /// Exports whose value only a shell could tell.
    pub skipped: Vec<Skipped>,
}

/// An export that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The line, counted from 1.
    pub line: usize,
    /// The variable, empty where not even that is plain.
    pub name: String,
}

/// Reads the exports of an `abra.sh`; functions are passed over.
///
/// Only what needs no shell is taken: quotes, and variables exported further up. Command
/// substitutions, globs, conditions and the like are listed as skipped.
pub fn exports(text: &str) -> Exports {
    let mut exports = Exports::default();
    let mut function = false;
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    while !rest.is_empty() {
        let first = rest.lines().next().unwrap_or_default();
        let mut length = rest.find('\n').map_or(rest.len(), |at| at + 1);
        if function {
            function = !first.starts_with('}');
        } else if opens_function(first) {
            function = !first.trim_end().ends_with('}');
        } else if let Some(arguments) = strip_export(first) {
            length = exports.read(&rest[first.len() - arguments.len()..], line)
                + (first.len() - arguments.len());
        } else if strip_export(first.trim_start()).is_some() {
            // Indented outside a function: under a condition or in a loop.
            exports.skip(line, "");
        }
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    exports
}

impl Exports {
    /// Reads the arguments of one `export`, and returns the length up to the next line.
    fn read(&mut self, text: &str, line: usize) -> usize {
        let known: BTreeMap<&str, &str> = self
            .values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let mut words = Words {
            text,
            at: 0,
            known: &known,
        };
        let mut found = Vec::new();
        let mut plain = true;
        while let Some(word) = words.next_word() {
            // An option such as `-n` changes what the other words mean.
            plain &= word.plain && !word.text.starts_with('-');
            found.push(word);
            if !plain {
                break;
            }
        }
        let end = text[words.at..].find('\n');
        let length = end.map_or(text.len(), |at| words.at + at + 1);
        for word in found {
            match word.text.split_once('=') {
                // One odd word makes the meaning of the whole line uncertain.
                Some((name, value)) if plain && is_name(name) => {
                    self.values.push((name.to_owned(), value.to_owned()));
                }
                Some((name, _)) if is_name(name) => self.skip(line, name),
                // `export NAME` alone gives no value.
                None if plain => {}
                Some(_) | None => self.skip(line, ""),
            }
        }
        length
    }

    /// Lists an export that was left out.
    fn skip(&mut self, line: usize, name: &str) {
        let name = name.to_owned();
        self.skipped.push(Skipped { line, name });
    }
}

/// Returns what follows the word `export` at the start of a line.
fn strip_export(line: &str) -> Option<&str> {
    line.strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']))
}

/// Whether a line starts a function: `name() {`, `function name {` and the like.
fn opens_function(line: &str) -> bool {
    if line.starts_with("function ") {
        return true;
    }
    line.split_once("()").is_some_and(|(name, _)| {
        let name = name.trim_end();
        !name.is_empty() && name.chars().all(|c| is_name_char(c) || c == '-')
    })
}

/// Whether a character can stand in a variable's name.
fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a text is a variable's name.
fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(is_name_char)
}

/// One word of a shell line, unquoted.
struct Word {
    /// The text, as far as it was read.
    text: String,
    /// Whether a shell would see the very same text.
    plain: bool,
}

/// Splits the rest of a shell line into words.
struct Words<'a> {
    /// The text after `export`, up to the end of the file.
    text: &'a str,
    /// How far it has been read.
    at: usize,
    /// Variables that were exported further up.
    known: &'a BTreeMap<&'a str, &'a str>,
}

impl Words<'_> {
    /// Reads the next word; none at the end of the line.
    fn next_word(&mut self) -> Option<Word> {
        self.skip_blanks();
        if matches!(self.peek(), None | Some('\n' | '#')) {
            return None;
        }
        let mut word = Word {
            text: String::new(),
            plain: true,
        };
        while word.plain {
            match self.peek() {
                None | Some(' ' | '\t' | '\r' | '\n') => break,
                Some('\'') => self.single(&mut word),
                Some('"') => self.double(&mut word),
                Some('\\') => self.escape(&mut word),
                Some('$') => self.variable(&mut word),
                Some(c) if "`~*?[]{}()<>|&;!".contains(c) => word.plain = false,
                Some(c) => self.take(&mut word, c),
            }
        }
        Some(word)
    }

    /// Returns the next character.
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// Takes a character over as it is.
    fn take(&mut self, word: &mut Word, c: char) {
        word.text.push(c);
        self.at += c.len_utf8();
    }

    /// Skips blanks, and line ends that are escaped.
    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            if rest.starts_with([' ', '\t', '\r']) {
                self.at += 1;
            } else if rest.starts_with("\\\n") {
                self.at += 2;
            } else {
                return;
            }
        }
    }

    /// Reads a text in single quotes.
    fn single(&mut self, word: &mut Word) {
        let inner = &self.text[self.at + 1..];
        match inner.find('\'') {
            Some(end) => {
                word.text.push_str(&inner[..end]);
                self.at += end + 2;
            }
            None => word.plain = false,
        }
    }

    /// Reads a text in double quotes.
    fn double(&mut self, word: &mut Word) {
        let start = self.at;
        self.at += 1;
        while word.plain {
            match self.peek() {
                Some('"') => {
                    self.at += 1;
                    return;
                }
                Some('\\') => self.escape_quoted(word),
                Some('$') => self.variable(word),
                Some('`') | None => word.plain = false,
                Some(c) => self.take(word, c),
            }
        }
        // What follows an odd text is looked at from its own line on.
        self.at = start;
    }

    /// Reads a backslash outside quotes.
    fn escape(&mut self, word: &mut Word) {
        self.at += 1;
        match self.peek() {
            Some('\n') => self.at += 1,
            Some(c) => self.take(word, c),
            None => word.text.push('\\'),
        }
    }

    /// Reads a backslash in double quotes, where it escapes only a few characters.
    fn escape_quoted(&mut self, word: &mut Word) {
        self.at += 1;
        match self.peek() {
            Some('\n') => self.at += 1,
            Some(c @ ('$' | '`' | '"' | '\\')) => self.take(word, c),
            Some(_) | None => word.text.push('\\'),
        }
    }

    /// Reads a `$`, which is plain only before the name of a variable that is known.
    fn variable(&mut self, word: &mut Word) {
        let rest = &self.text[self.at..];
        let known = variable(rest).and_then(|(name, length)| Some((self.known.get(name)?, length)));
        match known {
            Some((value, length)) if word.text.len() + value.len() <= 64 * 1024 => {
                word.text.push_str(value);
                self.at += length;
            }
            _ => word.plain = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the values as `NAME=value` and the skipped ones as `line:NAME`.
    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let found = exports(text);
        let values = found.values.iter().map(|(k, v)| format!("{k}={v}"));
        let skipped = found
            .skipped
            .iter()
            .map(|s| format!("{}:{}", s.line, s.name));
        (values.collect(), skipped.collect())
    }

    #[test]
    fn a_recipes_script_gives_its_config_versions_and_no_more() {
        let (values, skipped) = read(concat!(
            "#!/bin/bash\n\nexport NGINX_CONF_VERSION=v4\nexport PG_BACKUP_VERSION=\"v1\" # raised\n",
            "PLAIN=1\n\nfunction backup {\n  export INNER=1\nexport INNER2=1\n}\n\n",
            "one_line() { export X=1; }\n\nadmin() {\n  if true; then\n    export Y=1\n  fi\n}\n",
            "export LAST='it is'\"'\"'s' SECOND=a\\ b\nexport ONLY_NAME",
        ));
        assert_eq!(
            values,
            [
                "NGINX_CONF_VERSION=v4",
                "PG_BACKUP_VERSION=v1",
                "LAST=it is's",
                "SECOND=a b"
            ]
        );
        assert!(skipped.is_empty(), "{skipped:?}");
    }

    #[test]
    fn what_only_a_shell_can_tell_is_skipped_with_its_line() {
        let (values, skipped) = read(concat!(
            "export A=$(id)\nexport B=`id`\nexport C=\"$(id)\"\nexport D=$UNKNOWN\n",
            "export E=ok\nexport F=${E:-x}\nexport G=$E-2\nexport H=a;id\n",
            "if x; then\n  export I=1\nfi\nexport J=*\nexport K=~\nexport L='open\nexport M=1\nexport -n N\n",
        ));
        assert_eq!(values, ["E=ok", "G=ok-2", "M=1"]);
        assert_eq!(
            skipped,
            [
                "1:A", "2:B", "3:C", "4:D", "6:F", "8:H", "10:", "12:J", "13:K", "14:L", "16:"
            ]
        );
    }

    #[test]
    fn quotes_and_escapes_reach_over_lines() {
        let (values, skipped) = read("export A=\"one\ntwo\" \\\n  B=3\r\nexport C=$(x)\n");
        assert_eq!(values, ["A=one\ntwo", "B=3"]);
        assert_eq!(skipped, ["4:C"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            let _ = exports(&text);
        }

        #[test]
        fn text_of_shell_characters_is_read(text in "(export |[AB=$'\"\\\\`(){} \n#;])*") {
            for (name, _) in exports(&text).values {
                prop_assert!(is_name(&name));
            }
        }

        #[test]
        fn a_value_in_single_quotes_is_itself(value in "[^']{0,30}") {
            let found = exports(&format!("export A='{value}'\nexport B=1\n"));
            prop_assert_eq!(&found.values[0].1, &value);
            prop_assert_eq!(found.values.len(), 2);
        }
    }
}
