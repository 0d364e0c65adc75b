//! The lists that abra prints: pure parsers that take what versions may differ in.
//!
//! Marks tell how sure a text is: R+ fairly sure, R medium. None means that it was seen.

use std::collections::BTreeSet;

use serde_json::{Deserializer, Value};

use super::answer::{NO_SECRETS, plain};

/// R+: the keys of `app secret generate -m` whose values are no secrets, in lower case.
const PLAIN_KEYS: [&str; 5] = ["name", "secret name", "generated name", "version", "server"];
/// R: how long the id of a snapshot is: whole, and as restic shortens it.
const ID_LENGTHS: [usize; 2] = [64, 8];
/// How long a date is, as in `2026-02-01`.
const DATE_LENGTH: usize = 10;
/// How long a date is with a time.
const TIME_LENGTH: usize = 19;

/// Returns the ids in what `app backup snapshots` prints, oldest first.
///
/// One a line, in whatever columns: an id is what has an id's length and digits. The lines are ordered by their times
/// where all have one, and else taken as they come.
pub(super) fn snapshots(text: &str) -> Vec<String> {
    let text = plain(text);
    let mut found: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| Some((time(line), snapshot_id(line)?)))
        .collect();
    if found.iter().all(|(time, _)| !time.is_empty()) {
        found.sort_by(|one, other| one.0.cmp(&other.0));
    }
    found.into_iter().map(|(_, id)| id).collect()
}

/// Returns the values in what `app secret generate -m` prints, or nothing when that is no JSON.
///
/// A list of objects with `name` and `value`; other spellings of the keys, a map from name to value, log lines before it
/// and no list at all are taken as well. In doubt a text is a value: it is masked then.
pub(super) fn secrets(text: &str) -> Option<BTreeSet<String>> {
    let text = plain(text);
    let mut values = BTreeSet::new();
    if text.trim().is_empty() || text.to_lowercase().contains(NO_SECRETS) {
        return Some(values);
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with(['[', '{']) || line.trim() == "null" {
            let mut documents = Deserializer::from_str(&text[start..]).into_iter();
            collect(&documents.next()?.ok()?, &mut values);
            return Some(values);
        }
        start += line.len();
    }
    None
}

/// Collects the texts of a JSON document, but for the names and versions of its rows.
fn collect(json: &Value, values: &mut BTreeSet<String>) {
    match json {
        Value::String(text) => drop(values.insert(text.clone())),
        Value::Number(number) => drop(values.insert(number.to_string())),
        Value::Array(rows) => rows.iter().for_each(|row| collect(row, values)),
        Value::Object(cells) => {
            // A map from name to value may hold a secret that is called `name` or `server`.
            let is_row = cells.keys().any(|key| key.to_lowercase().contains("name"))
                && !cells.keys().all(|key| is_plain(key));
            let cells = cells.iter().filter(|(key, _)| !(is_row && is_plain(key)));
            cells.for_each(|(_, cell)| collect(cell, values));
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Tells whether what stands under a key is no secret.
fn is_plain(key: &str) -> bool {
    let key = key.to_lowercase().replace(['_', '-'], " ");
    PLAIN_KEYS.contains(&key.as_str())
}

/// Returns the id in a line.
fn snapshot_id(line: &str) -> Option<String> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric());
    let is_hex = |word: &&str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words: Vec<&str> = words.filter(is_hex).collect();
    let of_length = |length: &usize| words.iter().find(|word| word.len() == *length);
    let id = ID_LENGTHS.iter().find_map(of_length)?;
    Some((*id).to_owned())
}

/// Returns the time of a line so that it compares as text, or the empty text.
fn time(line: &str) -> String {
    let is_date = |text: &str| {
        text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    };
    let starts = |from: &usize| line.get(*from..from + DATE_LENGTH).is_some_and(is_date);
    let Some(from) = (0..line.len()).find(starts) else {
        return String::new();
    };
    let time = line[from..].chars().take(TIME_LENGTH);
    time.map(|c| if c == 'T' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Option<Vec<String>> {
        Some(secrets(text)?.into_iter().collect())
    }

    #[test]
    fn snapshots_are_ordered_by_time() {
        let text = "2026-02-01T10:00:00.5Z bbbbbbbb\r\n2026-01-31 23:59:59 aaaaaaa1\n";
        assert_eq!(snapshots(text), ["aaaaaaa1", "bbbbbbbb"]);
    }

    #[test]
    fn snapshots_of_any_layout_are_found_by_the_form_of_their_ids() {
        let whole = "0123456789abcdef".repeat(4);
        let line = format!("2026-02-01T10:00:00 {whole}\n");
        assert_eq!(snapshots(&line), [whole.as_str()]);
        let table = "\
            ID        Time                 Host          Tags\n\
            ---------------------------------------------------\n\
            1a2b3c4d  2026-02-01 10:00:00  a1b2c3d4e5f6  a_test\n\
            ---------------------------------------------------\n\
            1 snapshots\n";
        assert_eq!(snapshots(table), ["1a2b3c4d"]);
        let framed = "│ \u{1b}[1m9f8e7d6c\u{1b}[0m │ 2026-02-01 10:00 │\n";
        assert_eq!(snapshots(framed), ["9f8e7d6c"]);
        assert!(snapshots("no snapshots found\n").is_empty());
    }

    #[test]
    fn snapshots_without_times_keep_their_order() {
        assert_eq!(snapshots("bbbbbbbb\naaaaaaa1\n"), ["bbbbbbbb", "aaaaaaa1"]);
    }

    #[test]
    fn generated_values_are_read_and_names_are_not() {
        let text = r#"[{"name":"db_password","value":"hunter2hunter2"}]"#;
        assert_eq!(values(text).unwrap(), ["hunter2hunter2"]);
        let other = r#"[{"Secret_Name":"a","Version":"v1","PASSWORD":"hunter2hunter2"}]"#;
        assert_eq!(values(other).unwrap(), ["hunter2hunter2"]);
        for key in ["db_password", "name", "server"] {
            let map = format!(r#"{{"{key}":"hunter2hunter2"}}"#);
            assert_eq!(values(&map).unwrap(), ["hunter2hunter2"], "{key}");
        }
    }

    #[test]
    fn nothing_to_generate_is_an_empty_list() {
        for text in ["[]\n", "null\n", "", "{}", "WARN No secrets to generate\n"] {
            assert_eq!(values(text).unwrap(), [""; 0], "{text}");
        }
    }

    #[test]
    fn log_lines_before_the_list_are_passed_over_and_a_table_is_no_list() {
        let text =
            "INFO making 1\n[\n  {\"name\": \"a\", \"value\": \"x y z 1 2 3\"}\n]\nINFO done\n";
        assert_eq!(values(text).unwrap(), ["x y z 1 2 3"]);
        assert_eq!(values("NAME | VALUE\na | hunter2hunter2\n"), None);
        assert_eq!(values("[{\"name\": \"a\""), None);
    }
}
