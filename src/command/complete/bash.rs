//! How bash asks and what it gets: bash cuts words at `=` and `:`, and reads what it is given as if it were typed.

use std::ffi::OsString;

use clap_complete::engine;

/// The characters at which bash cuts a word that ccci takes as one.
const BREAKS: [char; 2] = ['=', ':'];

/// Returns the script that makes bash ask a program.
pub(super) fn script(completer: &str) -> String {
    SCRIPT.replace("COMPLETER", &quoted(completer))
}

/// The script: `mapfile` takes each line as it is, where a list of words would be searched for patterns of files.
const SCRIPT: &str = r#"_ccci() {
    mapfile -t COMPREPLY < <(
        COMPLETE=bash COMPLETER -- "$COMP_CWORD" "$2" "${COMP_WORDS[@]}" 2>/dev/null
    )
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o nosort -F _ccci ccci
"#;

/// Returns a path as a shell reads it.
fn quoted(path: &str) -> String {
    let is_plain = path
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    if is_plain && !path.is_empty() {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

/// The words up to the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The words as ccci takes them, the last one being completed.
    words: Vec<String>,
    /// What the last word begins with that bash does not replace.
    lead: String,
}

impl Line {
    /// Reads what the script gives: the place of the word, the part of it that bash replaces, and all that bash took for words.
    pub(super) fn read(given: &[OsString]) -> Option<Self> {
        let texts: Option<Vec<&str>> = given.iter().map(|word| word.to_str()).collect();
        let texts = texts?;
        let [index, replaced, words @ ..] = &texts[..] else {
            return None;
        };
        let index: usize = index.parse().ok()?;
        let cut = words.get(..=index)?;
        let is_break = |word: &str| !word.is_empty() && word.chars().all(|c| BREAKS.contains(&c));
        let replaced = if is_break(replaced) { "" } else { replaced };
        let mut whole: Vec<String> = Vec::new();
        let mut lead = String::new();
        for (place, word) in cut.iter().enumerate() {
            // The program's name is a word by itself.
            let goes_on = place > 1 && (is_break(word) || is_break(cut[place - 1]));
            let before = if goes_on { whole.pop() } else { None };
            let before = before.unwrap_or_default();
            if place < index {
                whole.push(before + word);
                continue;
            }
            lead = if is_break(word) {
                before + word
            } else {
                before
            };
            whole.push(format!("{lead}{replaced}"));
        }
        Some(Self { words: whole, lead })
    }

    /// Returns the words before the one that is completed.
    pub(super) fn before(&self) -> Vec<OsString> {
        let before = self
            .words
            .split_last()
            .map_or(&[][..], |(_, before)| before);
        before.iter().map(OsString::from).collect()
    }

    /// Returns what is offered, a line each.
    pub(super) fn complete(self, mut command: clap::Command) -> Option<Vec<u8>> {
        let index = self.words.len() - 1;
        let words = self.words.iter().map(OsString::from).collect();
        let here = std::env::current_dir().ok();
        let found = engine::complete(&mut command, words, index, here.as_deref()).ok()?;
        let mut text = Vec::new();
        for candidate in found {
            let value = candidate.get_value().to_str().unwrap_or_default();
            if let Some(rest) = value.strip_prefix(&self.lead) {
                text.extend_from_slice(rest.as_bytes());
                text.push(b'\n');
            }
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a line as bash cuts it, the last word being completed.
    fn line(replaced: &str, words: &[&str]) -> (Vec<String>, String) {
        let index = (words.len() - 1).to_string();
        let given = [index.as_str(), replaced].into_iter();
        let given: Vec<_> = given
            .chain(words.iter().copied())
            .map(OsString::from)
            .collect();
        let line = Line::read(&given).unwrap();
        (line.words, line.lead)
    }

    #[test]
    fn words_that_bash_cut_are_put_together() {
        let (words, lead) = line("inst", &["ccci", "test", "--stages", "=", "inst"]);
        assert_eq!(words, ["ccci", "test", "--stages=inst"]);
        assert_eq!(lead, "--stages=");
        let (words, lead) = line("", &["ccci", "test", "--stages", "="]);
        assert_eq!(
            (words[2].as_str(), lead.as_str()),
            ("--stages=", "--stages=")
        );
        let (words, lead) = line("te", &["ccci", "test", "--test", "test_a.py", "::", "te"]);
        assert_eq!(words[3..], ["test_a.py::te"]);
        assert_eq!(lead, "test_a.py::");
        let (words, lead) = line("w", &["ccci", "test", "w"]);
        assert_eq!((words[2].as_str(), lead.as_str()), ("w", ""));
    }

    #[test]
    fn a_line_that_makes_no_sense_is_none() {
        for given in [&[][..], &["x", "", "ccci"], &["4", "", "ccci"], &["0"]] {
            let given: Vec<_> = given.iter().map(OsString::from).collect();
            assert_eq!(Line::read(&given), None);
        }
    }

    #[test]
    fn a_path_with_odd_characters_is_quoted_for_the_shell() {
        assert!(script("ccci").contains("COMPLETE=bash ccci -- "));
        assert!(script("/a b/it's/$(x)").contains(r"COMPLETE=bash '/a b/it'\''s/$(x)' -- "));
    }
}
