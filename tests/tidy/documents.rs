//! Documents: whether they are complete, true where that can be read off, and in form.

use std::collections::BTreeSet;

use ccci::model::{
    diagnosis::Check,
    outcome::{Outcome, Verdict},
    policy::Rule,
    stage::Stage,
};

use crate::source::Repository;

/// Documents that are made from the code.
const GENERATED: [&str; 3] = ["docs/cli.md", "docs/config.md", "docs/explain.md"];
/// Words of the house; each has an entry in the glossary.
const WORDS: [&str; 58] = [
    "recipe",
    "app",
    "server",
    "catalogue",
    "secret",
    "volume",
    "deploy",
    "undeploy",
    "upgrade",
    "backup",
    "restore",
    "chaos",
    "run",
    "run id",
    "attempt",
    "flaky",
    "slow",
    "skip",
    "stage",
    "level",
    "outcome",
    "verdict",
    "broken",
    "base",
    "head",
    "plan",
    "step",
    "probe",
    "overlay",
    "canary",
    "evidence",
    "cold",
    "quick",
    "canonical",
    "known-good",
    "promote",
    "always-on",
    "reconcile",
    "hold",
    "sweep",
    "orphan",
    "reap",
    "janitor",
    "leak",
    "enroll",
    "trigger",
    "bridge",
    "forge",
    "deployer",
    "ingress",
    "journal",
    "trusted",
    "untrusted",
    "residue",
    "hook",
    "provider",
    "dependent",
    "withdraw",
];
/// Names that keep their capital inside a heading.
const NAMES: [&str; 23] = [
    "ABRA_DIR",
    "AGPL-3.0-or-later",
    "API",
    "CI",
    "CLI",
    "Co-op",
    "Cloud",
    "Compose",
    "Debian",
    "Docker",
    "Drone",
    "Engine",
    "HTTP",
    "JSON",
    "JUnit",
    "Python",
    "README",
    "Rust",
    "SIGKILL",
    "Swarm",
    "TOML",
    "Traefik",
    "YAML",
];
/// Ends of words after which a sentence goes on.
const SHORT: [&str; 3] = ["e.g.", "i.e.", "vs."];
/// Lines that a decision may have.
const DECISION_LINES: usize = 40;
/// What a decision consists of.
const DECISION_PARTS: [&str; 4] = [
    "## Context",
    "## Decision",
    "## Consequences",
    "## Rejected",
];

/// Returns the documents that people wrote.
fn written(repository: &Repository) -> impl Iterator<Item = (&str, &str)> {
    let files = repository.below("", ".md");
    files.filter(|(path, _)| {
        let ours = path.starts_with("docs/") || !path.contains('/');
        ours && !GENERATED.contains(path)
    })
}

/// Returns the words that the glossary lacks.
pub(crate) fn words_without_entry(repository: &Repository) -> Vec<String> {
    let glossary = repository.text("docs/glossary.md");
    let entries: BTreeSet<&str> = glossary
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|words| words.split(", "))
        .collect();
    let stages = Stage::ALL.map(Stage::word);
    let missing = WORDS
        .iter()
        .copied()
        .chain(stages)
        .filter(|word| !entries.contains(word));
    missing
        .map(|word| format!("docs/glossary.md: `{word}` has no entry"))
        .collect()
}

/// Returns what exists in the code and is explained nowhere.
pub(crate) fn unexplained(repository: &Repository) -> Vec<String> {
    let rules = Rule::ALL.map(|rule| rule.name().to_owned());
    let results = OUTCOMES.map(|outcome| outcome.word().to_owned());
    let verdicts = VERDICTS.map(|verdict| verdict.word().to_owned());
    let checks = Check::all().map(|check| check.title().to_owned()).collect();
    let all = [
        ("docs/security.md", rules.to_vec()),
        ("docs/results.md", results.to_vec()),
        ("docs/results.md", verdicts.to_vec()),
        (
            "docs/results.md",
            exit_codes(repository.text("src/exit.rs")),
        ),
        ("docs/developing.md", tasks(repository)),
        ("docs/doctor.md", checks),
    ];
    let mut found = Vec::new();
    for (path, names) in all {
        let text = repository.text(path);
        let missing = names
            .iter()
            .filter(|name| !text.contains(&format!("`{name}`")));
        found.extend(missing.map(|name| format!("{path}: `{name}` is not explained")));
    }
    found
}

/// Every outcome.
const OUTCOMES: [Outcome; 6] = [
    Outcome::Pass,
    Outcome::Flaky,
    Outcome::Fail,
    Outcome::Timeout,
    Outcome::Skip,
    Outcome::Broken,
];
/// Every verdict.
const VERDICTS: [Verdict; 5] = [
    Verdict::Pass,
    Verdict::Fail,
    Verdict::Broken,
    Verdict::Leak,
    Verdict::Cancelled,
];

/// Returns the numbers of all exit codes, from the text of the file that has them.
fn exit_codes(text: &str) -> Vec<String> {
    let codes = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub(crate) const "));
    let codes = codes.filter(|line| !line.starts_with("SIGNAL"));
    let numbers = codes.filter_map(|line| line.strip_suffix(';')?.rsplit(' ').next());
    numbers.map(str::to_owned).collect()
}

/// Returns the names of all tasks.
fn tasks(repository: &Repository) -> Vec<String> {
    let lines = repository.text("xtask/src/main.rs").lines();
    let names = lines.filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","));
    names.map(|name| format!("cargo xtask {name}")).collect()
}

/// Returns examples that do not parse, that use unknown keys, or that call commands that do not exist.
pub(crate) fn wrong_examples(repository: &Repository) -> Vec<String> {
    let mut keys = BTreeSet::new();
    for path in [
        "src/config/recipe_example.toml",
        "src/config/always_on_example.toml",
        "src/config/defaults.toml",
    ] {
        let table: toml::Table = repository
            .text(path)
            .parse()
            .expect("defaults and examples parse");
        key_paths(&toml::Value::Table(table), "", &mut keys);
    }
    let commands = repository.text("docs/cli.md");
    let tasks = tasks(repository);
    let mut found = Vec::new();
    for (path, text) in written(repository) {
        for (line, language, block) in blocks(text) {
            let place = format!("{path}:{line}");
            match language {
                "toml" => {
                    found.extend(wrong_toml(&block, &keys).map(|what| format!("{place}: {what}")));
                }
                "console" | "sh" => found.extend(
                    unknown_calls(&block, commands, &tasks).map(|what| format!("{place}: {what}")),
                ),
                _ => {}
            }
        }
    }
    found
}

/// Returns what is wrong with an example of a configuration.
fn wrong_toml(block: &str, known: &BTreeSet<String>) -> impl Iterator<Item = String> {
    let mut used = BTreeSet::new();
    let mut found = Vec::new();
    match block.parse::<toml::Table>() {
        Ok(table) => key_paths(&toml::Value::Table(table), "", &mut used),
        Err(error) => found.push(format!("does not parse: {}", error.message())),
    }
    let unknown = used.into_iter().filter(|key| !known.contains(key));
    found.extend(unknown.map(|key| format!("there is no key `{key}`")));
    found.into_iter()
}

/// Returns the calls of commands and tasks that do not exist.
fn unknown_calls<'a>(
    block: &'a str,
    commands: &'a str,
    tasks: &'a [String],
) -> impl Iterator<Item = String> + 'a {
    block.lines().filter_map(move |line| {
        let call = line.strip_prefix("$ ").unwrap_or(line);
        let mut words = call.split(' ').skip_while(|word| word.contains('='));
        match (words.next()?, words.next(), words.next()) {
            ("ccci", Some(name), _) if !name.starts_with('-') => {
                let known = commands.contains(&format!("## `ccci {name}`"));
                (!known).then(|| format!("there is no command `ccci {name}`"))
            }
            ("cargo", Some("xtask"), Some(name)) => {
                let task = format!("cargo xtask {name}");
                (!tasks.contains(&task)).then(|| format!("there is no task `{task}`"))
            }
            _ => None,
        }
    })
}

/// Collects the dotted paths of keys; the names below a table whose names are free are left out.
fn key_paths(value: &toml::Value, above: &str, keys: &mut BTreeSet<String>) {
    const FREE: [&str; 4] = ["env", "expected-skips", "check.headers", "check.json"];
    match value {
        toml::Value::Table(table) if !FREE.contains(&above) => {
            for (key, value) in table {
                let path = if above.is_empty() {
                    key.clone()
                } else {
                    format!("{above}.{key}")
                };
                key_paths(value, &path, keys);
                keys.insert(path);
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| key_paths(item, above, keys)),
        _ => {}
    }
}

/// Returns every fenced block with its line and its language.
fn blocks(text: &str) -> Vec<(usize, &str, String)> {
    let mut found: Vec<(usize, &str, String)> = Vec::new();
    let mut inside = false;
    for (number, line) in (1..).zip(text.lines()) {
        match line.strip_prefix("```") {
            Some(language) if !inside => {
                found.push((number, language, String::new()));
                inside = true;
            }
            Some(_) => inside = false,
            None if inside => {
                let (_, _, block) = found.last_mut().expect("a block was begun");
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    found
}

/// Returns the links to files that do not exist.
pub(crate) fn dead_links(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in written(repository) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, line) in (1..).zip(text.lines()) {
            for link in line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next())
            {
                let file = link.split('#').next().unwrap_or_default();
                let leads = file.is_empty()
                    || file.contains("://")
                    || exists(repository, &resolve(folder, file));
                if !leads {
                    found.push(format!("{path}:{number}: `{link}` leads nowhere"));
                }
            }
        }
    }
    found
}

/// Tells whether there is a file or a folder of a path.
fn exists(repository: &Repository, path: &str) -> bool {
    let inside = format!("{}/", path.trim_end_matches('/'));
    let mut paths = repository.files.keys();
    paths.any(|file| file == path || file.starts_with(&inside))
}

/// Resolves a relative path against a folder.
fn resolve(folder: &str, file: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Returns headings in title case, and lines with more than one sentence.
pub(crate) fn wrong_form(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in written(repository) {
        let mut fenced = false;
        for (number, line) in (1..).zip(text.lines()) {
            fenced ^= line.starts_with("```");
            if fenced || line.starts_with('|') {
                continue;
            }
            let heading = line.trim_start_matches('#').trim();
            if line.starts_with('#') && is_title_case(heading) {
                found.push(format!(
                    "{path}:{number}: the heading `{heading}` has needless capitals"
                ));
            }
            if has_two_sentences(line) {
                found.push(format!("{path}:{number}: more than one sentence"));
            }
        }
    }
    found
}

/// Tells whether a word after the first has a capital without being a name.
fn is_title_case(heading: &str) -> bool {
    let words = heading.split(' ').skip(1);
    let mut plain = words.filter(|word| !word.starts_with(['`', '[', '(']));
    plain.any(|word| {
        let name = word.trim_end_matches([',', '.', ':', '?']);
        word.starts_with(char::is_uppercase) && name.len() > 1 && !NAMES.contains(&name)
    })
}

/// Tells whether a sentence ends inside a line.
fn has_two_sentences(line: &str) -> bool {
    let is_number = |before: &str| before.trim().chars().all(|c| c.is_ascii_digit());
    line.match_indices(". ").any(|(at, _)| {
        let (before, after) = (&line[..=at], &line[at + 2..]);
        let goes_on = SHORT.iter().any(|short| before.ends_with(short)) || is_number(&line[..at]);
        !goes_on && after.starts_with(|c: char| c.is_uppercase() || c == '`' || c == '*')
    })
}

/// Returns the decisions that are too long or lack a part.
pub(crate) fn decisions_out_of_form(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in repository.below("docs/decisions/", ".md") {
        let lines = text.lines().count();
        if lines >= DECISION_LINES {
            found.push(format!("{path}: {lines} lines, not under {DECISION_LINES}"));
        }
        let parts: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("## "))
            .collect();
        if !text.starts_with("# ") || parts != DECISION_PARTS {
            found.push(format!(
                "{path}: its parts are {parts:?}, not {DECISION_PARTS:?}"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Repository {
        Repository::of(&[
            (path, text),
            (
                "src/config/recipe_example.toml",
                "health-path = \"/\"\n[[check]]\nname = \"a\"\njson = {x = 1}\n",
            ),
            ("docs/cli.md", "## `ccci test`\n"),
            ("xtask/src/main.rs", "        name: \"demo\",\n"),
        ])
    }

    #[test]
    fn a_word_without_an_entry_is_found() {
        let found = words_without_entry(&of("docs/glossary.md", "| recipe, app | a thing |\n"));
        assert!(found.iter().any(|line| line.contains("`server`")));
        assert!(!found.iter().any(|line| line.contains("`app`")));
    }

    #[test]
    fn an_unexplained_exit_code_is_found() {
        let text = "pub(crate) const A: u8 = 0;\npub(crate) const SIGNAL_BASE: u8 = 128;\n";
        assert_eq!(exit_codes(text), ["0"]);
        let found = unexplained(&of("docs/developing.md", "`cargo xtask other`"));
        assert!(
            found.contains(&"docs/developing.md: `cargo xtask demo` is not explained".to_owned())
        );
    }

    #[test]
    fn a_wrong_example_is_found() {
        let wrong = |text: &str| wrong_examples(&of("docs/a.md", text)).len();
        assert_eq!(
            wrong("```toml\nhealth-path = \"/x\"\n[[check]]\njson = {\"/y\" = 2}\n```\n"),
            0
        );
        assert_eq!(wrong("```toml\nhealth-paht = \"/x\"\n```\n"), 1);
        assert_eq!(wrong("```toml\nhealth-path = \n```\n"), 1);
        assert_eq!(
            wrong("```console\n$ ccci test\n$ A=1 ccci sweep\n$ cargo xtask demo\n```\n"),
            1
        );
        assert_eq!(wrong("```console\n$ cargo xtask nonsense\n```\n"), 1);
    }

    #[test]
    fn a_dead_link_is_found() {
        let text = "[a](../README.md) [b](https://example.org) [c](#here) [d](cli.md#x)";
        let found = dead_links(&of("docs/a.md", text));
        assert_eq!(found, ["docs/a.md:1: `../README.md` leads nowhere"]);
    }

    #[test]
    fn capitals_and_crowded_lines_are_found() {
        let text = "# How Docker works\n## How It Works\nOne. Two.\n1. One\n```\nA. B\n```\n";
        let found = wrong_form(&of("docs/a.md", text));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("docs/a.md:2") && found[1].starts_with("docs/a.md:3"));
    }

    #[test]
    fn a_decision_without_its_parts_is_found() {
        let whole = format!("# A\n\n{}\n", DECISION_PARTS.join("\n"));
        assert_eq!(
            decisions_out_of_form(&of("docs/decisions/a.md", &whole)),
            [""; 0]
        );
        assert_eq!(
            decisions_out_of_form(&of("docs/decisions/a.md", "# A\n")).len(),
            1
        );
        let long = format!("{whole}{}", "x\n".repeat(40));
        assert_eq!(
            decisions_out_of_form(&of("docs/decisions/a.md", &long)).len(),
            1
        );
    }
}
