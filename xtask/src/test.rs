//! Runs all tests on a real swarm, between two inventories that must be equal.

use anyhow::{Result, bail};

use crate::inventory::{self, Object};
use crate::run::cmd;
use crate::{engine, examples, hurl, images, lint, packages, python, say};

/// What the tests need beyond what the lab is built with: to kill a program in a chosen system call, to give it a disk and a
/// network of its own, few descriptors or a wrong clock, and the shells that complete its command line.
const PROGRAMS: &[(&str, &str)] = &[
    ("strace", "strace"),
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
    ("prlimit", "util-linux"),
    ("faketime", "faketime"),
    ("bash", "bash"),
    // What bash sources is no program, so the package is known by the one that it has.
    ("dh_bash-completion", "bash-completion"),
    ("zsh", "zsh"),
    ("fish", "fish"),
];

/// Lints, prepares the lab, tests, and compares what the swarm holds with what it held before.
pub(crate) fn run(args: &[String]) -> Result<()> {
    lint::run(&[])?;
    engine::run(&[])?;
    images::run(&[])?;
    examples::run(&[])?;
    packages::ensure(PROGRAMS)?;
    python::run(&[])?;
    hurl::run(&[])?;
    let before = inventory::take()?;
    let args = args.strip_prefix(&["--".to_owned()]).unwrap_or(args);
    // A shell without job control starts what it puts in the background deaf to Ctrl-C, and so would be all that tests start.
    let call = cmd("env", &["--default-signal=INT,QUIT"]).args(&["cargo", "test", "--workspace"]);
    // Most tests wait for the swarm and not for a processor.
    let call = call.env("RUST_TEST_THREADS", "4");
    let tests = call.args(args).show();
    let after = inventory::take()?;
    // Both results are told: a failed test is no reason to hide what it left behind.
    let swarm = compare(&before, &after);
    tests.and(swarm)
}

/// Fails when an object appeared or vanished between the two inventories.
fn compare(before: &[Object], after: &[Object]) -> Result<()> {
    let changes = inventory::changes(before, after);
    if changes.is_empty() {
        let count = before.len();
        say::line(&format!(
            "swarm: {count} objects compared before and after, nothing is left"
        ));
        return Ok(());
    }
    for change in &changes {
        say::line(&format!("swarm: {change}"));
    }
    bail!(
        "the tests changed what the swarm holds, {} objects differ",
        changes.len()
    )
}
