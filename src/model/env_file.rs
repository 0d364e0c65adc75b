//! The `.env` and `.env.sample` dialect as text; never reads the process environment.

use std::collections::BTreeMap;

/// Longest line, and longest expanded value, in bytes.
const LONGEST: usize = 64 * 1024;
/// All expanded values together, in bytes; stops lines that double each other.
const LARGEST: usize = 4 * 1024 * 1024;

/// Why a text is not an `.env` file, or an assignment does not fit into one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Error {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// One `KEY=value # comment` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The line, counted from 1.
    pub line: usize,
    /// The variable.
    pub key: String,
    /// Its value, unquoted and expanded.
    pub value: String,
    /// The text after the trailing `#`, trimmed; where secrets carry their modifiers.
    pub comment: Option<String>,
}

/// The lines of an `.env` file and what they assign.
///
/// ```
/// use ccci::model::env_file::EnvFile;
///
/// let mut env = EnvFile::parse("COMPOSE_FILE=compose.yml\nCOMPOSE_FILE=\"$COMPOSE_FILE:x.yml\"").unwrap();
/// assert_eq!(env.get("COMPOSE_FILE"), Some("compose.yml:x.yml"));
/// env.set("LETS_ENCRYPT_ENV", "").unwrap();
/// assert!(env.render().ends_with("x.yml\"\nLETS_ENCRYPT_ENV=\n"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvFile {
    /// Each line with its own line ending; only the last may lack one.
    lines: Vec<String>,
    /// Every assignment in the order of the file.
    assignments: Vec<Assignment>,
    /// For each key its last assignment, which is the one that counts.
    effective: BTreeMap<String, usize>,
}

impl EnvFile {
    /// Reads a text; a byte order mark at its start is dropped, CRLF line ends are kept.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut file = Self {
            lines: text.split_inclusive('\n').map(str::to_owned).collect(),
            ..Self::default()
        };
        let mut total = 0;
        for (index, text) in text.split_inclusive('\n').enumerate() {
            let line = index + 1;
            let fail = |message| Error { line, message };
            let Some(found) = file.read_line(text).map_err(fail)? else {
                continue;
            };
            total += found.value.len();
            if found.value.len() > LONGEST || total > LARGEST {
                let message = format!("the value of `{}` grows too long", found.key);
                return Err(fail(message));
            }
            let at = file.assignments.len();
            file.effective.insert(found.key.clone(), at);
            file.assignments.push(Assignment { line, ..found });
        }
        Ok(file)
    }

    /// Returns the value that counts for a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.assignment(key).map(|found| found.value.as_str())
    }

    /// Returns the assignment that counts for a key, its comment included.
    pub fn assignment(&self, key: &str) -> Option<&Assignment> {
        self.effective.get(key).map(|at| &self.assignments[*at])
    }

    /// Goes through the assignments that count, in the order of the file.
    pub fn assignments(&self) -> impl Iterator<Item = &Assignment> {
        let counts = |(at, found): &(usize, &Assignment)| self.effective[&found.key] == *at;
        let all = self.assignments.iter().enumerate();
        all.filter(counts).map(|(_, found)| found)
    }

    /// Goes through keys and values that count, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.assignments()
            .map(|found| (found.key.as_str(), found.value.as_str()))
    }

    /// Gives a key a value: in place of its last assignment, or on a new line at the end.
    ///
    /// The trailing comment of an edited line stays. A last line without a line end gets one first,
    /// or the new line would be glued to it.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let mut lines = self.lines.clone();
        let line = self
            .assignment(key)
            .map_or(lines.len() + 1, |found| found.line);
        let fail = |message| Error { line, message };
        check_key(key).map_err(fail)?;
        if value.contains('\0') {
            return Err(fail(format!("the value of `{key}` holds a NUL byte")));
        }
        let text = format!("{key}={}", quote(value));
        if let Some(found) = self.assignment(key) {
            let old = &mut lines[line - 1];
            let comment = found.comment.as_deref();
            let comment = comment.map_or(String::new(), |comment| format!(" # {comment}"));
            *old = format!("{text}{comment}{}", line_end(old));
        } else {
            let crlf = lines.first().is_some_and(|first| first.ends_with("\r\n"));
            let end = if crlf { "\r\n" } else { "\n" };
            if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
                last.push_str(end);
            }
            lines.push(format!("{text}{end}"));
        }
        *self = Self::parse(&lines.concat())?;
        Ok(())
    }

    /// Removes every assignment of a key and returns the value that counted.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let removed = self.get(key)?.to_owned();
        let gone: Vec<usize> = self
            .assignments
            .iter()
            .filter(|found| found.key == key)
            .map(|found| found.line - 1)
            .collect();
        let lines = self.lines.iter().enumerate();
        let kept: String = lines
            .filter(|(at, _)| !gone.contains(at))
            .map(|(_, line)| line.as_str())
            .collect();
        *self = Self::parse(&kept).expect("lines that were read once are read again, and shrink");
        Some(removed)
    }

    /// Returns the text of the file.
    pub fn render(&self) -> String {
        self.lines.concat()
    }

    /// Reads one line, with the values so far; none when it is blank or a comment.
    fn read_line(&self, text: &str) -> Result<Option<Assignment>, String> {
        if text.len() > LONGEST {
            return Err("the line is over 64 KiB long".to_owned());
        }
        if text.contains('\0') {
            return Err("the line holds a NUL byte".to_owned());
        }
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let text = text
            .strip_prefix("export ")
            .map_or(text, str::trim_ascii_start);
        let Some((key, rest)) = text.split_once('=') else {
            return Err(format!("`{}` has no `=`", shorten(text)));
        };
        check_key(key)?;
        let (value, rest) = self.read_value(rest)?;
        let rest = rest.trim();
        let comment = match rest.strip_prefix('#') {
            Some(comment) => Some(comment.trim().to_owned()),
            None if rest.is_empty() => None,
            None => {
                return Err(format!(
                    "text after the closing quote of `{}`",
                    shorten(key)
                ));
            }
        };
        Ok(Some(Assignment {
            line: 0,
            key: key.to_owned(),
            value,
            comment,
        }))
    }

    /// Reads a value off the start of a text, and returns what follows it.
    fn read_value<'a>(&self, text: &'a str) -> Result<(String, &'a str), String> {
        let text = text.trim_start();
        if let Some(inner) = text.strip_prefix('\'') {
            let (value, rest) = inner
                .split_once('\'')
                .ok_or("the single quote is never closed")?;
            return Ok((value.to_owned(), rest));
        }
        if let Some(inner) = text.strip_prefix('"') {
            let end = closing_quote(inner).ok_or("the double quote is never closed")?;
            return Ok((self.expand(&inner[..end], true), &inner[end + 1..]));
        }
        let end = comment_start(text);
        Ok((self.expand(text[..end].trim_end(), false), &text[end..]))
    }

    /// Replaces `$NAME` and `${NAME}` by the values so far, unknown names by nothing.
    fn expand(&self, text: &str, quoted: bool) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '\\']) {
            expanded.push_str(&rest[..at]);
            rest = &rest[at..];
            let (piece, length) = if let Some(after) = rest.strip_prefix('\\') {
                unescape(after, quoted)
            } else if let Some((name, length)) = variable(rest) {
                (self.get(name).unwrap_or_default().to_owned(), length)
            } else {
                ("$".to_owned(), 1)
            };
            expanded.push_str(&piece);
            rest = &rest[length..];
            if expanded.len() > LARGEST {
                // The caller refuses a value of this length.
                return expanded;
            }
        }
        expanded + rest
    }
}

/// Checks the form of a variable's name.
fn check_key(key: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if key.contains(char::is_whitespace) {
        return Err(format!("blank in the key `{}`", shorten(key)));
    }
    if key.is_empty() || !key.chars().all(fits) {
        return Err(format!("`{}` is not a variable name", shorten(key)));
    }
    Ok(())
}

/// Cuts a text so that a message can quote it.
fn shorten(text: &str) -> String {
    text.chars()
        .take(60)
        .flat_map(char::escape_debug)
        .collect::<String>()
}

/// Returns the line end of a line, empty at the end of a file that has none.
fn line_end(line: &str) -> &'static str {
    match (line.ends_with("\r\n"), line.ends_with('\n')) {
        (true, _) => "\r\n",
        (false, true) => "\n",
        (false, false) => "",
    }
}

/// Finds the double quote that ends a value.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// Finds where the comment of an unquoted value starts: a `#` at its start or after a blank.
fn comment_start(text: &str) -> usize {
    let mut blank = true;
    for (at, c) in text.char_indices() {
        if c == '#' && blank {
            return at;
        }
        blank = c.is_whitespace();
    }
    text.len()
}

/// Reads what follows a backslash: the text it stands for, and how long both are together.
fn unescape(rest: &str, quoted: bool) -> (String, usize) {
    let (text, length) = match (rest.chars().next(), quoted) {
        (Some('$'), _) => ("$", 2),
        (Some('n'), true) => ("\n", 2),
        (Some('r'), true) => ("\r", 2),
        (Some('"'), true) => ("\"", 2),
        (Some('\\'), true) => ("\\", 2),
        _ => ("\\", 1),
    };
    (text.to_owned(), length)
}

/// Reads `$NAME` or `${NAME}` at the start of a text: the name, and how long the whole is.
pub(crate) fn variable(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix('$')?;
    let braced = rest.strip_prefix('{');
    let from = braced.unwrap_or(rest);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = from.find(|c| !is_name(c)).unwrap_or(from.len());
    let name = &from[..end];
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match braced {
        None => Some((name, end + 1)),
        Some(_) => from[end..].starts_with('}').then_some((name, end + 3)),
    }
}

/// Writes a value so that reading it gives the same text again.
fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.,:/@+%=".contains(c);
    if value.chars().all(plain) {
        value.to_owned()
    } else if !value.contains(['\'', '\n', '\r']) {
        format!("'{value}'")
    } else {
        let mut quoted = String::from("\"");
        for c in value.chars() {
            match c {
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '"' | '\\' | '$' => quoted.extend(['\\', c]),
                _ => quoted.push(c),
            }
        }
        quoted + "\""
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parses a text that is known to be right.
    fn parse(text: &str) -> EnvFile {
        EnvFile::parse(text).unwrap()
    }

    #[test]
    fn a_sample_of_a_recipe_is_read_as_an_operator_means_it() {
        let env = parse(concat!(
            "TYPE=custom-html:1.0.0+1.27.3\n\n# the domain\n",
            "DOMAIN=custom-html.example.com\n",
            "## Domain aliases\n#EXTRA_DOMAINS=', `www.custom-html.example.com`'\n",
            "LETS_ENCRYPT_ENV=production\n",
            "COMPOSE_FILE=\"compose.yml\"\n",
            "COMPOSE_FILE=\"$COMPOSE_FILE:compose.mariadb.yml\"\n",
            "SECRET_JWT_VERSION=v1 # length=43 charset=hex\n",
            "GREETING='say $HOME # twice' # not expanded\n",
            "URL=https://${DOMAIN}/#top # a comment\nEMPTY=\nBARE=# all comment\n",
        ));
        assert_eq!(env.get("TYPE"), Some("custom-html:1.0.0+1.27.3"));
        assert_eq!(
            env.get("COMPOSE_FILE"),
            Some("compose.yml:compose.mariadb.yml")
        );
        assert_eq!(env.get("EXTRA_DOMAINS"), None);
        assert_eq!(env.get("GREETING"), Some("say $HOME # twice"));
        assert_eq!(env.get("URL"), Some("https://custom-html.example.com/#top"));
        assert_eq!(env.get("EMPTY"), Some(""));
        assert_eq!(env.get("BARE"), Some(""));
        let jwt = env.assignment("SECRET_JWT_VERSION").unwrap();
        assert_eq!(jwt.comment.as_deref(), Some("length=43 charset=hex"));
        let order: Vec<_> = env.iter().map(|(key, _)| key).take(3).collect();
        assert_eq!(order, ["TYPE", "DOMAIN", "LETS_ENCRYPT_ENV"]);
        assert_eq!(env.iter().count(), 9);
    }

    #[test]
    fn an_appended_line_is_never_glued_to_a_last_line_without_end() {
        let mut env = parse("A=1\n# no line end");
        env.set("B", "2").unwrap();
        assert_eq!(env.render(), "A=1\n# no line end\nB=2\n");
        let mut env = parse("A=1\r\nB=2");
        env.set("C", "a b").unwrap();
        assert_eq!(env.render(), "A=1\r\nB=2\r\nC='a b'\r\n");
    }

    #[test]
    fn an_edit_stays_in_its_line_and_keeps_the_comment() {
        let mut env = parse("A=1\r\nA=\"2\" # length=5\r\nB=$A\r\n");
        env.set("A", "it's $5").unwrap();
        assert_eq!(
            env.render(),
            "A=1\r\nA=\"it's \\$5\" # length=5\r\nB=$A\r\n"
        );
        assert_eq!(env.get("B"), Some("it's $5"));
        assert_eq!(env.remove("A").as_deref(), Some("it's $5"));
        assert_eq!(env.render(), "B=$A\r\n");
        assert_eq!(env.get("B"), Some(""));
        assert_eq!(env.remove("A"), None);
    }

    #[test]
    fn byte_order_mark_and_export_are_tolerated() {
        let env = parse("\u{feff}TYPE=x\r\nexport A=b\r\n");
        assert_eq!(env.get("TYPE"), Some("x"));
        assert_eq!(env.get("A"), Some("b"));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_with_its_line() {
        let long = format!("A=1\nB={}\n", "x".repeat(LONGEST));
        let cases = [
            ("A=1\nB=\"open\n", 2, "the double quote is never closed"),
            ("B='open # \n", 1, "the single quote is never closed"),
            ("A=1\n\nMY KEY=1\n", 3, "blank in the key `MY KEY`"),
            ("A =1\n", 1, "blank in the key `A `"),
            ("=1\n", 1, "`` is not a variable name"),
            ("JUST_A_NAME\n", 1, "`JUST_A_NAME` has no `=`"),
            ("A='b'c\n", 1, "text after the closing quote of `A`"),
            (long.as_str(), 2, "the line is over 64 KiB long"),
            ("A=\0\n", 1, "the line holds a NUL byte"),
        ];
        for (text, line, message) in cases {
            let error = EnvFile::parse(text).unwrap_err();
            assert_eq!((error.line, error.message.as_str()), (line, message));
        }
        assert_eq!(
            parse("A=1").set("B C", "1").unwrap_err().to_string(),
            "line 2: blank in the key `B C`"
        );
    }

    #[test]
    fn values_that_double_themselves_are_refused() {
        let text = format!("A=0123456789abcdef\n{}", "A=$A$A\n".repeat(60));
        let error = EnvFile::parse(&text).unwrap_err();
        assert_eq!(error.message, "the value of `A` grows too long");
        let wide: String = (0..200)
            .map(|n| format!("K{n}=$A\n"))
            .fold(String::new(), |all, line| all + &line);
        let text = format!("A={}\n{wide}", "x".repeat(60_000));
        assert!(EnvFile::parse(&text).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            if let Ok(env) = EnvFile::parse(&text) {
                prop_assert_eq!(EnvFile::parse(&env.render()).unwrap(), env);
            }
        }

        #[test]
        fn text_of_the_dialects_own_characters_is_read_or_refused(
            text in "[A-C='\"#$\\\\{} \\r\\n]{0,80}"
        ) {
            if let Ok(env) = EnvFile::parse(&text) {
                prop_assert_eq!(EnvFile::parse(&env.render()).unwrap(), env);
            }
        }

        #[test]
        fn what_was_set_is_what_one_gets(
            before in "([A-C]='?[a-z]{0,3}'? ?#?\n?){0,4}",
            key in "[A-D]",
            value in "[^\u{0}]{0,40}",
        ) {
            if let Ok(mut env) = EnvFile::parse(&before) {
                let others: Vec<_> = env
                    .iter()
                    .filter(|(name, _)| *name != key)
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                env.set(&key, &value).unwrap();
                let again = EnvFile::parse(&env.render()).unwrap();
                prop_assert_eq!(again.get(&key), Some(value.as_str()));
                for (name, value) in others {
                    prop_assert_eq!(again.get(&name), Some(value.as_str()));
                }
                env.remove(&key);
                prop_assert_eq!(env.get(&key), None);
            }
        }
    }
}
