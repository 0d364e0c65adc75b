//! Which files of code the compiler never sees.

use std::collections::BTreeSet;

use crate::source::{Repository, code};

/// Returns the Rust files that no target reaches.
pub(crate) fn forgotten_files(repository: &Repository) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut open = roots(repository);
    while let Some(path) = open.pop() {
        if repository.files.contains_key(&path) && seen.insert(path.clone()) {
            open.extend(modules(&path, repository.text(&path)));
        }
    }
    let ours = ["src/", "tests/", "xtask/"].into_iter();
    let files = ours.flat_map(|folder| repository.rust(folder));
    let forgotten = files.filter(|(path, _)| !seen.contains(*path));
    forgotten
        .map(|(path, _)| format!("{path}: no `mod` line leads to it"))
        .collect()
}

/// Returns the files that cargo itself finds, and those that a manifest names.
fn roots(repository: &Repository) -> Vec<String> {
    let mut roots: Vec<String> = ["src/lib.rs", "src/main.rs", "xtask/src/main.rs"]
        .map(str::to_owned)
        .into();
    for (path, _) in repository.rust("tests/") {
        let inner = &path["tests/".len()..];
        let parts: Vec<_> = inner.split('/').collect();
        if matches!(parts.as_slice(), [_] | [_, "main.rs"]) {
            roots.push(path.to_owned());
        }
    }
    let lines = repository.text("Cargo.toml").lines();
    let named = lines.filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'));
    roots.extend(named.map(str::to_owned));
    roots
}

/// Returns every place where a file's modules may be.
fn modules(path: &str, text: &str) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.trim_end_matches(".rs");
    let is_root = matches!(stem, "mod" | "main" | "lib") || folder == "tests";
    let below = if is_root {
        folder.to_owned()
    } else {
        format!("{folder}/{stem}")
    };
    let mut found = Vec::new();
    let mut placed = None;
    // Literals are blank in the code, so that the place is read from the text.
    for (line, written) in code(text).lines().zip(text.lines()) {
        if line.trim().starts_with("#[path") {
            placed = written
                .split('"')
                .nth(1)
                .map(|place| resolved(&format!("{folder}/{place}")));
            continue;
        }
        let Some((_, module)) = line.trim().trim_end_matches(';').split_once("mod ") else {
            continue;
        };
        if line.trim().ends_with(';') {
            match placed.take() {
                Some(place) => found.push(place),
                None => {
                    found.extend([".rs", "/mod.rs"].map(|end| format!("{below}/{module}{end}")));
                }
            }
        }
    }
    found
}

/// Returns a path without its steps upwards.
fn resolved(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_module_line_names_is_found() {
        let files = [
            (
                "Cargo.toml",
                "[[bin]]\npath = \"tests/programs/abra/main.rs\"\n",
            ),
            ("src/lib.rs", "pub mod a;\n// mod lost;\n"),
            ("src/a.rs", "mod b;\n"),
            ("src/a/b.rs", ""),
            ("src/lost.rs", ""),
            ("tests/tidy.rs", "#[path = \"tidy/x.rs\"]\nmod x;\n"),
            ("tests/tidy/x.rs", ""),
            ("tests/swarm/main.rs", "mod test;\n"),
            ("tests/swarm/test.rs", ""),
            ("tests/swarm/janitor.rs", ""),
            ("tests/programs/abra/main.rs", "mod cli;\n"),
            ("tests/programs/abra/cli.rs", ""),
            ("tests/programs/other/main.rs", ""),
        ];
        let found = forgotten_files(&Repository::of(&files));
        let lead = |path: &str| format!("{path}: no `mod` line leads to it");
        let lost = [
            "src/lost.rs",
            "tests/programs/other/main.rs",
            "tests/swarm/janitor.rs",
        ];
        assert_eq!(found, lost.map(lead));
    }
}
