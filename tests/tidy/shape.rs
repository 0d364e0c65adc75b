//! How long files are, how they begin, and what they are called.

use crate::source::{Repository, code, is_test_file, split_tests};

/// Lines without the test module that a file may have.
const LINES: usize = 400;
/// Lines that no file may have, whatever its reason, a file of tests included.
const NEVER: usize = 600;
/// Files that may be longer than most, each with its reason; each has to become shorter.
const LONGER: [(&str, &str); 0] = [];
/// Names that say nothing, so that anything is put there.
const DRAWERS: [&str; 9] = [
    "utils", "util", "helpers", "helper", "common", "misc", "manager", "errors", "shared",
];
/// How many traits the program may have.
const TRAITS: usize = 4;
/// Folders with code of ours.
const FOLDERS: [&str; 3] = ["src/", "tests/", "xtask/"];

/// Returns every Rust file of ours.
fn all(repository: &Repository) -> impl Iterator<Item = (&str, &str)> {
    FOLDERS
        .into_iter()
        .flat_map(|folder| repository.rust(folder))
}

/// Returns the files that are too long, and the exceptions that are none any more.
pub(crate) fn long_files(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in all(repository) {
        // The code map has a line for each file, and is as long as there are files.
        let is_map = |line: &&str| path == "src/lib.rs" && line.starts_with("//!");
        let lines = split_tests(text).0.lines().filter(|line| !is_map(line));
        let lines = lines.count();
        let excused = is_test_file(path) || LONGER.iter().any(|(name, _)| *name == path);
        if lines > NEVER {
            found.push(format!("{path}: {lines} lines, more than {NEVER}"));
        } else if lines > LINES && !excused {
            found.push(format!(
                "{path}: {lines} lines without its tests, more than {LINES}"
            ));
        } else if lines <= LINES && LONGER.iter().any(|(name, _)| *name == path) {
            found.push(format!(
                "{path}: is no exception any more, take it from the list"
            ));
        }
    }
    found
}

/// Returns the files that do not begin with a sentence on what they own.
pub(crate) fn files_without_sentence(repository: &Repository) -> Vec<String> {
    let lacks = |text: &str| {
        let docs = text.lines().map_while(|line| line.strip_prefix("//!"));
        let paragraph: Vec<_> = docs.take_while(|line| !line.trim().is_empty()).collect();
        !paragraph.last().is_some_and(|line| line.ends_with('.'))
    };
    let bare = all(repository).filter(|(_, text)| lacks(text));
    bare.map(|(path, _)| format!("{path}: does not begin with `//!` and a whole sentence"))
        .collect()
}

/// Returns the lines of a `mod.rs` that are neither modules nor documentation.
pub(crate) fn full_folder_files(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in repository
        .rust("src/")
        .filter(|(path, _)| path.ends_with("/mod.rs"))
    {
        for (number, line) in (1..).zip(code(text).lines()) {
            let line = line.trim();
            let is_module = line.ends_with(';') && line.split(' ').any(|word| word == "mod");
            if !(line.is_empty() || is_module || line == "#[cfg(test)]") {
                found.push(format!("{path}:{number}: is no `mod` line"));
            }
        }
    }
    found
}

/// Returns the files whose names say nothing.
pub(crate) fn drawers(repository: &Repository) -> Vec<String> {
    let is_drawer = |path: &str| {
        let mut parts = path.split('/').map(|part| part.trim_end_matches(".rs"));
        parts.any(|part| DRAWERS.contains(&part))
    };
    let named = all(repository).filter(|(path, _)| is_drawer(path));
    named
        .map(|(path, _)| format!("{path}: the name does not say what it owns"))
        .collect()
}

/// Returns the traits when there are too many.
pub(crate) fn too_many_traits(repository: &Repository) -> Vec<String> {
    let mut traits = Vec::new();
    for (path, text) in repository
        .rust("src/")
        .filter(|(path, _)| !is_test_file(path))
    {
        for line in code(split_tests(text).0).lines() {
            let line = line
                .trim()
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("pub ");
            if line.starts_with("trait ") {
                traits.push(format!("{path}: {}", line.trim_end_matches(" {")));
            }
        }
    }
    if traits.len() > TRAITS {
        traits
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let tests = format!("\n#[cfg(test)]\nmod tests {{\n{}}}\n", "// a\n".repeat(500));
        let short = format!("{}{tests}", "// a\n".repeat(399));
        let long = "// a\n".repeat(401);
        let found = long_files(&Repository::of(&[
            ("src/a.rs", &short),
            ("src/b.rs", &long),
        ]));
        assert_eq!(
            found,
            ["src/b.rs: 401 lines without its tests, more than 400"]
        );
        let found = long_files(&Repository::of(&[("tests/a.rs", &"// a\n".repeat(601))]));
        assert_eq!(found, ["tests/a.rs: 601 lines, more than 600"]);
    }

    #[test]
    fn a_file_needs_a_whole_sentence_on_top() {
        let files = [
            ("src/a.rs", "//! Owns a.\n\nfn a() {}"),
            ("src/b.rs", "//! Owns b\n"),
            ("src/c.rs", "fn c() {}"),
            (
                "src/d.rs",
                "//! Owns d: and\n//! more of it.\n//!\n//! text",
            ),
        ];
        let found = files_without_sentence(&Repository::of(&files));
        let paths: Vec<_> = found.iter().map(|line| &line[..8]).collect();
        assert_eq!(paths, ["src/b.rs", "src/c.rs"]);
    }

    #[test]
    fn code_in_a_folder_file_is_found() {
        let text = "//! Owns a.\n\npub(crate) mod b;\n#[cfg(test)]\nmod c;\npub use b::C;\n";
        let found = full_folder_files(&Repository::of(&[("src/a/mod.rs", text)]));
        assert_eq!(found, ["src/a/mod.rs:6: is no `mod` line"]);
    }

    #[test]
    fn a_drawer_is_found_as_a_file_and_as_a_folder() {
        let files = [
            ("src/utils.rs", ""),
            ("src/common/a.rs", ""),
            ("src/config/error.rs", ""),
        ];
        assert_eq!(drawers(&Repository::of(&files)).len(), 2);
    }

    #[test]
    fn the_fifth_trait_is_one_too_many() {
        let four = "trait A {\n}\npub trait B {\n}\npub(crate) trait C {\n}\ntrait D {\n}\n";
        assert_eq!(
            too_many_traits(&Repository::of(&[("src/a.rs", four)])),
            [""; 0]
        );
        let five = format!("{four}trait E {{\n}}\n");
        assert_eq!(
            too_many_traits(&Repository::of(&[("src/a.rs", &five)])).len(),
            5
        );
    }
}
