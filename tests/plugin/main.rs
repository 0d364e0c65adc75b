//! The plugin that ccci loads into pytest, tested by pytest itself.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the program that it tests with"
)]

use std::{path::Path, process::Command};

/// Runs the tests of a file by the pytest that `cargo xtask test` sets up.
#[track_caller]
fn passes(file: &str) {
    passes_within(&[], file);
}

/// Runs the tests of a file by that pytest, which a program starts.
#[track_caller]
fn passes_within(starter: &[&str], file: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pytest = root.join("target/lab/python/bin/pytest");
    assert!(pytest.exists(), "run `cargo xtask python` first");
    let temporary = tempfile::tempdir().expect("there is room for a directory");
    let mut call = Command::new("env");
    call.args(starter)
        .arg(pytest)
        .args([
            "-q",
            "--color=no",
            "-p",
            "no:cacheprovider",
            "-p",
            "ccci_plugin",
        ])
        .arg("--basetemp")
        .arg(temporary.path().join("files"))
        .arg(root.join("tests/plugin").join(file))
        .current_dir(temporary.path())
        .env("PYTHONPATH", root.join("recipes-tests"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = call.output().expect("pytest starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        said.contains(" passed") && !said.contains("skipped"),
        "{said}"
    );
}

#[test]
fn the_fixtures_do_what_is_told_of_them() {
    passes("test_fixtures.py");
}

#[test]
fn a_browser_asks_as_a_proxy_would() {
    passes("test_browser.py");
}

#[test]
fn a_browser_loads_on_while_interfaces_come_and_go() {
    passes_within(&["unshare", "--map-root-user", "--net"], "test_network.py");
}
