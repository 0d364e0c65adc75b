//! Calls as shells make them: what is offered, that nothing is said, and that little is read.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::fs;

use ccci::model::run::RunId;

use crate::world::{World, assert_silent};

#[test]
fn every_argument_has_its_words() {
    let world = World::new();
    let begins = |words: &[&str], wanted: &[&str]| {
        let found = world.offered(words);
        assert!(found.len() >= wanted.len(), "{words:?}: {found:?}");
        assert_eq!(found[..wanted.len()], *wanted, "{words:?}");
    };
    begins(
        &["test", ""],
        &["n8n", "nextcloud", "wordpress", "gitea", ".", "zealous/"],
    );
    begins(
        &["test", "--stages", ""],
        &["install", "upgrade", "backup", "restore", "custom"],
    );
    begins(&["test", "--keep", ""], &["never", "failed", "always"]);
    begins(&["test", "wordpress", "--ref", "1.9"], &["1.9.0+6.4"]);
    begins(
        &["test", "wordpress", "--test", ""],
        &["functional/test_login.py"],
    );
    begins(&["explain", ""], &["latest", "k7m2q", "wordpress"]);
    begins(&["enroll", ""], &["gitea", "mattermost", ".", "zealous/"]);
    begins(
        &["enroll", "wordpress", "--upgrade-base", ""],
        &["1.10.0+6.5", "1.9.0+6.4"],
    );
    begins(&["config", "limits.jo"], &["limits.jobs"]);
    begins(&["help", "exit"], &["exit-codes"]);
    begins(&["completions", "z"], &["zsh"]);
    begins(&["test", "--log-dir", "zeal"], &["zealous/"]);
    begins(
        &["test", "--config", "../recipes-tests/n8n/"],
        &["../recipes-tests/n8n/recipe.toml"],
    );
    begins(&["teardown", "--dry-r"], &["--dry-run"]);
}

#[test]
fn names_that_a_shell_would_carry_out_are_not_given_to_it() {
    let world = World::new();
    for words in [
        &["test", ""][..],
        &["test", "zeal"],
        &["test", "--junit", "z"],
    ] {
        let found = world.offered(words);
        assert!(found.contains(&"zealous/".to_owned()), "{found:?}");
        let odd = found.iter().filter(|word| word.contains("zeal"));
        assert_eq!(odd.collect::<Vec<_>>(), ["zealous/"]);
    }
}

#[test]
fn what_cannot_be_read_is_answered_by_nothing() {
    let world = World::new();
    world.write("broken.toml", "nonsense = [");
    let asks = |shell: &str, words: &[&str]| {
        let mut ccci = world.command("ccci");
        ccci.env("CCCI_CONFIG", world.path("broken.toml"));
        let output = ccci.env("COMPLETE", shell).args(words).output().unwrap();
        assert_silent(&output);
        assert_eq!(output.stdout, b"", "{shell} {words:?}");
    };
    for words in [&["test", "n"][..], &["teardown", "w"], &["explain", "w"]] {
        asks("fish", &[&["--", "ccci"], words].concat());
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        for words in [&["--"][..], &["--", "ccci", "nonsense", "w"]] {
            asks(shell, words);
        }
    }
}

#[test]
fn a_variable_that_is_set_for_another_reason_hides_no_run() {
    let world = World::new();
    for (value, words) in [
        ("bash", &["test", "./nosuch"][..]),
        ("1", &["test", "./nosuch"]),
        ("tcsh", &[]),
    ] {
        let mut ccci = world.command("ccci");
        let output = ccci.env("COMPLETE", value).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{value} {words:?}");
        assert!(!output.stderr.is_empty(), "{value} {words:?}");
    }
}

#[test]
fn a_shell_that_no_longer_listens_is_no_error() {
    let world = World::new();
    let mut ccci = world.command("ccci");
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = ccci.env("COMPLETE", "zsh").stdout(full).output().unwrap();
    assert_silent(&output);
}

/// Returns how many files a completion opens.
fn opened(world: &World, words: &[&str]) -> usize {
    let trace = world.path("trace");
    let mut strace = world.command("strace");
    strace
        .args(["-f", "-qq", "-e", "trace=openat", "-o"])
        .arg(&trace);
    strace
        .env("COMPLETE", "fish")
        .args(["ccci", "--", "ccci"])
        .args(words);
    let output = strace
        .output()
        .expect("strace is installed by `cargo xtask test`");
    assert_silent(&output);
    assert!(!output.stdout.is_empty(), "{words:?}");
    fs::read_to_string(trace).unwrap().lines().count()
}

#[test]
fn how_much_a_host_holds_does_not_decide_how_much_is_read() {
    let world = World::new();
    let few = [&["test", "wor"][..], &["config", "limits."]].map(|words| opened(&world, words));
    for number in 0..1000 {
        world.write(&format!("recipes-tests/recipe-{number}/recipe.toml"), "");
    }
    for number in 0..500 {
        world.run(RunId::from_number(number * 7919).as_str(), "wordpress");
    }
    let many = [&["test", "wor"][..], &["config", "limits."]].map(|words| opened(&world, words));
    assert_eq!(few, many);
    let runs = opened(&world, &["explain", ""]);
    assert!(runs > 100, "the runs are looked into: {runs}");
    assert!(runs < 500, "{runs}");
}
