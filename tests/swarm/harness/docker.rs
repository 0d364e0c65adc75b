//! Docker asked by the tests themselves, in ways of their own.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it needs"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    collections::BTreeSet,
    process::{Command, Output},
};

/// How each kind is listed: the words of the call, and what of each object holds its names.
const KINDS: [(&str, &[&str], &str); 6] = [
    ("service", &["service", "ls"], "{{.Name}}"),
    (
        "container",
        &["ps", "--all", "--no-trunc"],
        "{{.ID}} {{.Names}} {{.Label \"com.docker.stack.namespace\"}}",
    ),
    ("network", &["network", "ls"], "{{.Name}}"),
    ("secret", &["secret", "ls"], "{{.Name}}"),
    ("config", &["config", "ls"], "{{.Name}}"),
    ("volume", &["volume", "ls"], "{{.Name}}"),
];

/// Runs docker; it has to succeed.
pub(crate) fn docker(args: &[&str]) -> String {
    let output = attempt(args);
    assert!(output.status.success(), "docker {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns all objects whose name or stack holds a word, as `volume x`.
pub(crate) fn objects(word: &str) -> Vec<String> {
    let of_kind = |(kind, list, format): &(&str, &[&str], &str)| {
        let args = [*list, &["--format", format]].concat();
        let listed = docker(&args);
        let ours = listed.lines().filter(|line| line.contains(word));
        let first = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        ours.map(|line| format!("{kind} {}", first(line)))
            .collect::<Vec<_>>()
    };
    KINDS.iter().flat_map(of_kind).collect()
}

/// Returns those of some volumes that exist.
pub(crate) fn existing_volumes(names: &BTreeSet<String>) -> Vec<String> {
    let listed = docker(&["volume", "ls", "--quiet"]);
    let exists = listed.lines().filter(|name| names.contains(*name));
    exists.map(str::to_owned).collect()
}

/// Removes objects; what goes on its own in the meantime is gone as well.
pub(crate) fn remove(objects: &[String]) {
    for (kind, ..) in KINDS {
        let prefix = format!("{kind} ");
        for name in objects
            .iter()
            .filter_map(|object| object.strip_prefix(&prefix))
        {
            if kind == "container" {
                attempt(&["rm", "--force", "--volumes", name]);
            } else {
                attempt(&[kind, "rm", name]);
            }
        }
    }
}

/// Runs docker, however it ends.
fn attempt(args: &[&str]) -> Output {
    Command::new("docker").args(args).output().unwrap()
}
