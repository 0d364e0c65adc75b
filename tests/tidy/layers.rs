//! Which folder of `src/` may use which.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Repository, code, is_word, line_of, split_tests};

/// Each part of the program with the parts that it may use besides itself, in reading order.
pub(crate) const LAYERS: [(&str, &[&str]); 10] = [
    ("main", &["command", "cli", "exit", "config", "model"]),
    ("cli", &["model"]),
    ("exit", &["model"]),
    (
        "command",
        &[
            "lifecycle",
            "render",
            "cli",
            "exit",
            "tool",
            "sys",
            "config",
            "model",
        ],
    ),
    ("lifecycle", &["tool", "sys", "config", "model"]),
    ("render", &["model"]),
    ("tool", &["sys", "config", "model"]),
    ("sys", &["config", "model"]),
    ("config", &["model"]),
    ("model", &[]),
];

/// What the model must not name: the world, and the time.
const WORLD: [&str; 14] = [
    "fs::",
    "std::fs",
    "std::env",
    "env::",
    "std::process",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "std::thread",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "File::",
];

/// A use of one module by another, as paths of names from the crate's root.
struct Edge {
    /// Where it is, as `src/a.rs:3`.
    place: String,
    /// The module that uses.
    from: Vec<String>,
    /// The path that is used, as far as it is known.
    to: Vec<String>,
}

/// Returns the uses of parts that a part must not know.
pub(crate) fn wrong_edges(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for edge in edges(repository) {
        let (from, to) = (part(&edge.from), part(&edge.to));
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == from) else {
            found.push(format!(
                "{}: `{from}` has no place among the layers",
                edge.place
            ));
            continue;
        };
        let known = LAYERS.iter().any(|(name, _)| *name == to);
        if known && from != to && !allowed.contains(&to) {
            found.push(format!("{}: `{from}` must not use `{to}`", edge.place));
        }
    }
    // A group of imports names the same part more than once.
    found.dedup();
    found
}

/// Returns the part that a path belongs to; files at the root belong to main.
fn part(path: &[String]) -> &str {
    match path.first().map(String::as_str) {
        None | Some("lib") => "main",
        Some(name) => name,
    }
}

/// Returns the folders below a layer that need each other.
pub(crate) fn cycles(repository: &Repository) -> Vec<String> {
    let folders: BTreeSet<Vec<String>> = repository
        .rust("src/")
        .filter_map(|(path, _)| {
            let path = module(path);
            (path.len() > 2).then(|| path[..2].to_vec())
        })
        .collect();
    let mut uses: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for edge in edges(repository) {
        let folder = |path: &[String]| path.get(..2).map(<[String]>::to_vec);
        let (Some(from), Some(to)) = (folder(&edge.from), folder(&edge.to)) else {
            continue;
        };
        if from != to && folders.contains(&from) && folders.contains(&to) {
            uses.entry(from).or_default().insert(to);
        }
    }
    let in_cycle = |folder: &&Vec<String>| reachable(&uses, folder).contains(*folder);
    let tangled = folders.iter().filter(in_cycle);
    tangled
        .map(|folder| format!("`{}` is part of a cycle", folder.join("/")))
        .collect()
}

/// Returns all that can be reached from a folder, itself only by a cycle.
fn reachable(
    uses: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
    from: &[String],
) -> BTreeSet<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from.to_vec()];
    while let Some(folder) = open.pop() {
        for next in uses.get(&folder).into_iter().flatten() {
            if seen.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    seen
}

/// Returns where the model names the world.
pub(crate) fn impure_model(repository: &Repository) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in repository.rust("src/model/") {
        let code = code(split_tests(text).0);
        for (number, line) in (1..).zip(code.lines()) {
            for name in WORLD {
                let starts = |at: usize| !line[..at].ends_with(is_word);
                if line.match_indices(name).any(|(at, _)| starts(at)) {
                    found.push(format!("{path}:{number}: the model names `{name}`"));
                }
            }
        }
    }
    found
}

/// Reads every `crate::` and `super::` path of the program, those of tests included.
fn edges(repository: &Repository) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (path, text) in repository
        .rust("src/")
        .filter(|(path, _)| *path != "src/main.rs")
    {
        let (own, tests) = split_tests(text);
        let from = module(path);
        let mut inner = from.clone();
        inner.push("tests".to_owned());
        let offset = own.matches('\n').count();
        for (at, from, text) in [(0, &from, own), (offset, &inner, tests)] {
            let code = code(text);
            for (line, to) in paths(&code, from) {
                let place = format!("{path}:{}", line + at);
                edges.push(Edge {
                    place,
                    from: from.clone(),
                    to,
                });
            }
        }
    }
    edges
}

/// Returns the module that a file is.
fn module(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let inner = inner.strip_suffix("/mod").unwrap_or(inner);
    let parts = inner.split('/').filter(|part| *part != "lib");
    parts.map(str::to_owned).collect()
}

/// Returns every path that begins with `crate` or `super`, from the crate's root, with its line.
fn paths(code: &str, from: &[String]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if !code[..at].ends_with(is_word) {
            collect(code, at + "crate::".len(), &[], &mut found);
        }
    }
    for (at, _) in code.match_indices("super::") {
        // The second of two in a row is read with the first.
        if !code[..at].ends_with(is_word) && !code[..at].ends_with("super::") {
            let rest = &code[at..];
            let ups = rest.len() - rest.trim_start_matches("super::").len();
            let base = from.len().saturating_sub(ups / "super::".len());
            collect(code, at + ups, &from[..base], &mut found);
        }
    }
    found
}

/// Adds the paths that follow a prefix, one for each member of a group.
fn collect(code: &str, at: usize, base: &[String], found: &mut Vec<(usize, Vec<String>)>) {
    let rest = &code[at..];
    let Some(group) = rest.strip_prefix('{') else {
        let name: String = rest.chars().take_while(|&c| is_word(c)).collect();
        let mut path = base.to_vec();
        if !name.is_empty() && !matches!(name.as_str(), "self" | "super") {
            path.push(name.clone());
        }
        let after = at + name.len();
        if name != "super" && code[after..].starts_with("::") {
            collect(code, after + 2, &path, found);
        } else {
            found.push((line_of(code, at), path));
        }
        return;
    };
    let mut depth = 0;
    let mut begin = true;
    for (offset, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return,
            '}' => depth -= 1,
            ',' if depth == 0 => begin = true,
            _ if begin && is_word(c) => {
                collect(code, at + 1 + offset, base, found);
                begin = false;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(path: &str, text: &str) -> Vec<String> {
        wrong_edges(&Repository::of(&[(path, text)]))
    }

    #[test]
    fn an_edge_to_the_left_is_found_in_every_spelling() {
        let left = "`model` must not use `sys`";
        let texts = [
            "use crate::sys::wait;",
            "use crate::{model::x, sys::{a, b}};",
            "use super::super::sys::wait;",
            "fn f() { crate::sys::wait::pause(); }",
            "\n#[cfg(test)]\nmod tests {\n    use super::super::super::sys::wait;\n}\n",
        ];
        for text in texts {
            let found = wrong("src/model/app.rs", text);
            assert!(
                found.len() == 1 && found[0].ends_with(left),
                "{text}: {found:?}"
            );
        }
        assert_eq!(
            wrong("src/model/app.rs", "// crate::sys\nuse super::run::RunId;"),
            [""; 0]
        );
        assert_eq!(
            wrong(
                "src/tool/docker/x.rs",
                "use super::super::git;\nuse crate::sys::wait;"
            ),
            [""; 0]
        );
    }

    #[test]
    fn an_unknown_folder_and_a_wrong_use_of_exit_are_found() {
        assert!(wrong("src/misc/a.rs", "use crate::model::app;")[0].contains("no place"));
        assert!(
            wrong("src/tool/a.rs", "use crate::exit;")[0].contains("`tool` must not use `exit`")
        );
        assert_eq!(wrong("src/command/a.rs", "use crate::exit;"), [""; 0]);
    }

    #[test]
    fn two_folders_that_need_each_other_are_found() {
        let there = ("src/tool/git/a.rs", "use crate::tool::docker::b;");
        let back = ("src/tool/docker/b.rs", "use super::super::git::a;");
        assert_eq!(cycles(&Repository::of(&[there, back])).len(), 2);
        assert_eq!(
            cycles(&Repository::of(&[there, ("src/tool/docker/b.rs", "")])),
            [""; 0]
        );
    }

    #[test]
    fn a_model_that_reads_the_clock_is_found_and_its_tests_are_left_alone() {
        let text = "use std::time::Instant;\n\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        let found = impure_model(&Repository::of(&[("src/model/a.rs", text)]));
        assert_eq!(found, ["src/model/a.rs:1: the model names `Instant`"]);
    }
}
