//! The texts of the repository, and code without its comments and literals.

use std::{collections::BTreeMap, fs, path::Path};

/// Folders that hold nothing of ours.
const FOREIGN: [&str; 2] = [".git", "target"];

/// Every text file by its path from the root.
pub(crate) struct Repository {
    /// Path and text.
    pub(crate) files: BTreeMap<String, String>,
}

impl Repository {
    /// Reads the repository that this test belongs to.
    pub(crate) fn read() -> Self {
        let mut files = BTreeMap::new();
        collect(Path::new(env!("CARGO_MANIFEST_DIR")), "", &mut files);
        assert!(
            files.contains_key("src/lib.rs"),
            "the repository was not found"
        );
        Self { files }
    }

    /// Makes a repository of a few texts.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let own = |&(path, text): &(&str, &str)| (path.to_owned(), text.to_owned());
        Self {
            files: files.iter().map(own).collect(),
        }
    }

    /// Returns one file's text, empty where there is no such file.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.files.get(path).map_or("", String::as_str)
    }

    /// Returns the Rust files below a folder.
    pub(crate) fn rust(&self, folder: &str) -> impl Iterator<Item = (&str, &str)> {
        self.below(folder, ".rs")
    }

    /// Returns the files below a folder that end in something.
    pub(crate) fn below(&self, folder: &str, end: &str) -> impl Iterator<Item = (&str, &str)> {
        let files = self
            .files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        files.filter(move |(path, _)| path.starts_with(folder) && path.ends_with(end))
    }
}

/// Collects the files of a folder; what is not text is left out.
fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("the repository can be read") {
        let entry = entry.expect("the repository can be read");
        let name = entry
            .file_name()
            .into_string()
            .expect("our names are UTF-8");
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().expect("the repository can be read");
        if kind.is_dir() && !FOREIGN.contains(&name.as_str()) {
            collect(&entry.path(), &format!("{path}/"), files);
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            files.insert(path, text);
        }
    }
}

/// Splits a file at its inline test module; the second part is empty where there is none.
pub(crate) fn split_tests(text: &str) -> (&str, &str) {
    text.split_at(
        text.find("\n#[cfg(test)]\nmod tests {")
            .map_or(text.len(), |at| at + 1),
    )
}

/// Tells whether a whole file is a test module.
pub(crate) fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/")
}

/// Returns the code with comments and the insides of literals blanked; lines stay where they are.
pub(crate) fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at).unwrap_or(at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(
                chars[at..end]
                    .iter()
                    .map(|&c| if c == '\n' { c } else { ' ' }),
            );
            at = end;
        }
    }
    out
}

/// Returns where the comment or literal ends that begins here.
fn literal_end(chars: &[char], at: usize) -> Option<usize> {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => Some(find(chars, at, &['\n'])),
        '/' if next == Some('*') => Some(find(chars, at + 2, &['*', '/']) + 2),
        '"' => Some(string_end(chars, at + 1)),
        'r' if at == 0 || !is_word(chars[at - 1]) || chars[at - 1] == 'b' => raw_end(chars, at),
        '\'' if next == Some('\\') => Some(find(chars, at + 3, &['\'']) + 1),
        '\'' if chars.get(at + 2) == Some(&'\'') => Some(at + 3),
        _ => None,
    }
    .map(|end| end.min(chars.len()))
}

/// Returns where a pattern begins, or the end of the text.
fn find(chars: &[char], from: usize, pattern: &[char]) -> usize {
    let mut places = from..chars.len();
    places
        .find(|&at| chars[at..].starts_with(pattern))
        .unwrap_or(chars.len())
}

/// Returns where a string ends, its closing quote included.
fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// Returns where a raw string ends, or nothing when none begins here.
fn raw_end(chars: &[char], at: usize) -> Option<usize> {
    let marks = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    let quote = at + 1 + marks;
    let mut close = vec!['"'];
    close.resize(1 + marks, '#');
    (chars.get(quote) == Some(&'"')).then(|| find(chars, quote + 1, &close) + close.len())
}

/// Tells whether a character can be part of a name.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the number of the line that a byte lies in, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let text = "a // b\nc /* d\n */ e(\"f\\\"g\", 'h', '\\'', r#\"i\"j\"#, &'k l)";
        let code = code(text);
        let words: Vec<_> = code
            .split(|c| !is_word(c))
            .filter(|word| !word.is_empty())
            .collect();
        assert_eq!(words, ["a", "c", "e", "k", "l"]);
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn the_test_module_is_the_second_part() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(
            split_tests(text),
            ("fn a() {}\n\n", "#[cfg(test)]\nmod tests {\n}\n")
        );
        assert_eq!(split_tests("fn a() {}\n"), ("fn a() {}\n", ""));
    }
}
