//! The code map in `src/lib.rs`: one line for each folder and file, made from their first sentences.
//!
//! `CCCI_BLESS=1` writes the map anew.

use std::{fs, path::Path};

use crate::{layers::LAYERS, source::Repository};

/// How a line of the map begins.
const ENTRY: &str = "//! - `";

/// Returns what the map lacks and what it holds without need; writes it anew when asked to.
pub(crate) fn stale_map(repository: &Repository) -> Vec<String> {
    let library = repository.text("src/lib.rs");
    let expected = entries(repository);
    let written: Vec<_> = library
        .lines()
        .filter(|line| line.starts_with(ENTRY))
        .collect();
    if written == expected {
        return Vec::new();
    }
    if is_blessed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::write(root.join("src/lib.rs"), with_map(library, &expected))
            .expect("the library can be written");
        return Vec::new();
    }
    let missing = expected
        .iter()
        .filter(|line| !written.contains(&line.as_str()));
    let needless = written
        .iter()
        .filter(|line| !expected.iter().any(|other| other == **line));
    let hint = "src/lib.rs: the map is stale or out of order; run this test with CCCI_BLESS=1";
    [hint.to_owned()]
        .into_iter()
        .chain(missing.map(|line| format!("missing: {line}")))
        .chain(needless.map(|line| format!("needless: {line}")))
        .collect()
}

/// Tells whether documents are to be written anew.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the person who runs the tests"
)]
fn is_blessed() -> bool {
    std::env::var("CCCI_BLESS").is_ok_and(|bless| bless == "1")
}

/// Returns the lines of the map: parts in the order of the layers, files by name below them.
fn entries(repository: &Repository) -> Vec<String> {
    let place = |path: &str| {
        let part = path
            .split('/')
            .next()
            .unwrap_or(path)
            .trim_end_matches(".rs");
        let order = LAYERS.iter().position(|(name, _)| *name == part);
        (
            order.unwrap_or(LAYERS.len()),
            path.trim_end_matches("mod.rs").replace(".rs", ""),
        )
    };
    let mut files: Vec<_> = repository
        .rust("src/")
        .map(|(path, text)| (&path["src/".len()..], text))
        .filter(|(path, _)| *path != "lib.rs" && !path.ends_with("tests.rs"))
        .collect();
    files.sort_by_key(|(path, _)| place(path));
    let line = |(path, text): (&str, &str)| {
        let sentence = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("//!");
        format!("{ENTRY}{}`:{sentence}", path.trim_end_matches("mod.rs"))
    };
    files.into_iter().map(line).collect()
}

/// Returns the library's text with the map put where the old one was, or at the end of its documentation.
fn with_map(library: &str, map: &[String]) -> String {
    let lines: Vec<_> = library.lines().collect();
    let is_entry = |line: &&str| line.starts_with(ENTRY);
    let docs = lines
        .iter()
        .take_while(|line| line.starts_with("//!"))
        .count();
    let at = lines.iter().position(is_entry).unwrap_or(docs);
    let (before, after) = lines.split_at(at);
    let rest = after.iter().copied().filter(|line| !is_entry(line));
    // A first map is a paragraph of its own.
    let gap = (!lines.iter().any(is_entry)).then_some("//!");
    let map = gap.into_iter().chain(map.iter().map(String::as_str));
    let all: Vec<_> = before.iter().copied().chain(map).chain(rest).collect();
    format!("{}\n", all.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 5] = [
        ("src/main.rs", "//! Starts."),
        ("src/model/mod.rs", "//! Pure."),
        ("src/model/a/b.rs", "//! Owns b."),
        ("src/model/a.rs", "//! Owns a."),
        ("src/sys/mod.rs", "//! System."),
    ];

    #[test]
    fn the_map_names_folders_and_files_in_reading_order() {
        let lines = [
            "//! - `main.rs`: Starts.",
            "//! - `sys/`: System.",
            "//! - `model/`: Pure.",
            "//! - `model/a.rs`: Owns a.",
            "//! - `model/a/b.rs`: Owns b.",
        ];
        assert_eq!(entries(&Repository::of(&FILES)), lines);
    }

    #[test]
    fn a_map_is_put_where_the_old_one_was() {
        let map = ["//! - `x`: New.".to_owned()];
        let library = "//! Top.\n//!\n//! - `y`: Old.\n//!\n//! End.\n\nmod y;\n";
        let wanted = "//! Top.\n//!\n//! - `x`: New.\n//!\n//! End.\n\nmod y;\n";
        assert_eq!(with_map(library, &map), wanted);
        assert_eq!(
            with_map("//! Top.\n\nmod y;\n", &map),
            "//! Top.\n//!\n//! - `x`: New.\n\nmod y;\n"
        );
    }
}
