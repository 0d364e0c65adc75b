//! Words and calls that must not stand in the code.

use crate::source::{Repository, code, is_test_file, is_word, split_tests};

/// Files that may write to the terminal themselves.
const SINKS: [&str; 2] = ["xtask/src/say.rs", "src/command/"];
/// Macros that print.
const PRINTS: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
/// Attributes that switch a test off, or let it pass for any panic.
const SWITCHES: [&str; 2] = ["#[ignore", "#[should_panic"];
/// Words of promises and of plans.
const PROMISES: [&str; 5] = ["TODO", "FIXME", "XXX", "HACK", "TBD"];
/// Words that are followed by a number in plans, and by nothing of the kind in this repository.
const PLANS: [&str; 5] = ["phase", "milestone", "ticket", "finding", "sprint"];
/// What looks like the code of a ticket and is the name of a standard or a format.
const STANDARDS: [&str; 14] = [
    "AGPL", "AES", "BSD", "CC", "CVE", "GPL", "ISO", "LGPL", "MPL", "RFC", "SHA", "SSH", "UTF",
    "UTC",
];
/// Suffixes of type names that say nothing.
const HOLLOW: [&str; 5] = ["Manager", "Handler", "Helper", "Data", "Info"];

/// Returns the calls that print outside the sink.
pub(crate) fn stray_prints(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    let files = ["src/", "xtask/src/"]
        .into_iter()
        .flat_map(|folder| repository.rust(folder));
    for (path, text) in files.filter(|(path, _)| !is_test_file(path)) {
        let printing = code(split_tests(text).0);
        for name in PRINTS
            .into_iter()
            .filter(|_| !SINKS.iter().any(|sink| path.starts_with(sink)))
        {
            for number in lines_with(&printing, name) {
                found.push(format!("{path}:{number}: `{name}` outside the sink"));
            }
        }
    }
    found
}

/// Returns the tests that are switched off.
pub(crate) fn switched_off_tests(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in repository.below("", ".rs") {
        let code = code(text);
        for switch in SWITCHES {
            let lines = (1..)
                .zip(code.lines())
                .filter(|(_, line)| line.contains(switch));
            found.extend(lines.map(|(number, _)| format!("{path}:{number}: `{switch}]`")));
        }
    }
    found
}

/// Returns the numbers of the lines in which a name stands by itself.
fn lines_with(code: &str, name: &str) -> Vec<usize> {
    let stands = |line: &str| {
        line.match_indices(name).any(|(at, _)| {
            !line[..at].ends_with(is_word) && !line[at + name.len()..].starts_with(is_word)
        })
    };
    (1..)
        .zip(code.lines())
        .filter(|(_, line)| stands(line))
        .map(|(number, _)| number)
        .collect()
}

/// Returns what people wrote: Rust, documents, settings; never fixtures, and not this file.
fn written(repository: &Repository) -> impl Iterator<Item = (&str, &str)> {
    let ends = [".rs", ".md", ".toml", ".yml", ".sh", ".nix"];
    let files = repository
        .below("", "")
        .filter(move |(path, _)| ends.iter().any(|end| path.ends_with(end)));
    files.filter(|(path, _)| !path.starts_with("tests/fixtures/") && *path != "tests/tidy/words.rs")
}

/// Returns the codes of tickets and the promises to do something later.
pub(crate) fn codes_and_promises(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in written(repository) {
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line
                .split(|c: char| !(is_word(c) || c == '-'))
                .filter(|word| !word.is_empty())
                .collect();
            let promise = words.iter().find(|word| PROMISES.contains(*word));
            let code = words.iter().find(|word| is_ticket(word));
            if let Some(word) = promise.or(code) {
                found.push(format!("{path}:{number}: `{word}`"));
            }
            for pair in words.windows(2) {
                let plan = PLANS.contains(&pair[0].to_lowercase().as_str());
                if plan && pair[1].starts_with(|c: char| c.is_ascii_digit()) {
                    found.push(format!("{path}:{number}: `{} {}`", pair[0], pair[1]));
                }
            }
        }
    }
    found
}

/// Tells whether a word looks like the code of a ticket, as two capitals, a hyphen and digits.
fn is_ticket(word: &str) -> bool {
    let Some((project, number)) = word.split_once('-') else {
        return false;
    };
    let capitals = project.len() > 1 && project.chars().all(|c| c.is_ascii_uppercase());
    let digits = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    capitals && digits && !STANDARDS.contains(&project)
}

/// Returns the paths that exist on one person's machine only.
pub(crate) fn paths_of_a_machine(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in written(repository) {
        for (number, line) in (1..).zip(text.lines()) {
            for home in ["/home/", "/Users/"] {
                let names = line
                    .match_indices(home)
                    .map(|(at, _)| &line[at + home.len()..]);
                let names =
                    names.map(|rest| rest.split(|c: char| !is_word(c)).next().unwrap_or(""));
                // Users of examples; nobody's machine.
                let real = |name: &&str| !matches!(*name, "" | "user" | "ada" | "adam");
                found.extend(
                    names
                        .filter(real)
                        .map(|name| format!("{path}:{number}: `{home}{name}`")),
                );
            }
        }
    }
    found
}

/// Returns the types whose names end in a word that says nothing.
pub(crate) fn hollow_type_names(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    let files = ["src/", "xtask/"]
        .into_iter()
        .flat_map(|folder| repository.rust(folder));
    for (path, text) in files {
        let code = code(text);
        let words: Vec<&str> = code
            .split(|c| !is_word(c))
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words
            .windows(2)
            .filter(|pair| matches!(pair[0], "struct" | "enum" | "trait"))
        {
            if HOLLOW.iter().any(|end| pair[1].ends_with(end)) {
                found.push(format!("{path}: the type `{}`", pair[1]));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_print_outside_the_sink_is_found() {
        let text = "fn a() { eprintln!(); }\n// println!\nfn b() { writeln!(out, \"print!\"); }\n\n#[cfg(test)]\nmod tests {\n    fn c() { dbg!(1); }\n}\n";
        let found = stray_prints(&Repository::of(&[
            ("src/a.rs", text),
            ("xtask/src/say.rs", text),
        ]));
        assert_eq!(found, ["src/a.rs:1: `eprintln!` outside the sink"]);
    }

    #[test]
    fn a_test_that_is_switched_off_is_found() {
        let found =
            switched_off_tests(&Repository::of(&[("tests/a.rs", "#[ignore = \"slow\"]\n")]));
        assert_eq!(found, ["tests/a.rs:1: `#[ignore]`"]);
    }

    #[test]
    fn tickets_and_promises_are_found_and_standards_are_not() {
        let bad = [
            "// see CI-42",
            "// TODO: later",
            "Done in phase 2.",
            "Fixes Finding 7.",
        ];
        for line in bad {
            assert_eq!(
                codes_and_promises(&Repository::of(&[("src/a.rs", line)])).len(),
                1,
                "{line}"
            );
        }
        let good = "// UTF-8, RFC-3339, CVE-2026-1, AGPL-3, A-1, word-3fa91c, hello-2, TODOS";
        assert_eq!(
            codes_and_promises(&Repository::of(&[("docs/a.md", good)])),
            [""; 0]
        );
    }

    #[test]
    fn a_home_directory_is_found() {
        let text = "path = \"/home/jane/ccci\"\nother = \"/home/user/x\"\n";
        let found = paths_of_a_machine(&Repository::of(&[("Cargo.toml", text)]));
        assert_eq!(found, ["Cargo.toml:1: `/home/jane`"]);
    }

    #[test]
    fn a_hollow_type_name_is_found() {
        let text = "struct RunManager;\nenum RunData {}\nstruct Database;\n// struct AppInfo";
        assert_eq!(
            hollow_type_names(&Repository::of(&[("src/a.rs", text)])).len(),
            2
        );
    }
}
