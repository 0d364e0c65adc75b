//! Completion in fish, which says itself what it would offer.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use crate::world::{World, assert_silent, packaged, shell};

/// Asks fish what it offers for a line, after a command.
fn offered(world: &World, before: &str, line: &str) -> Vec<String> {
    let mut fish = world.command(&shell("fish"));
    fish.args(["-c", &format!("{before}complete -C '{line}'")]);
    let output = fish.output().unwrap();
    assert_silent(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn fish_offers_words_with_what_they_are() {
    let world = World::new();
    let source = "COMPLETE=fish ccci | source; ";
    let found = |line| offered(&world, source, line);
    assert_eq!(
        found("ccci test n"),
        ["n8n\tenrolled", "nextcloud\tenrolled"]
    );
    assert_eq!(found("ccci test gi"), ["gitea\tcheckout of abra"]);
    assert_eq!(found("ccci test zeal"), ["zealous/"]);
    assert_eq!(
        found("ccci test wordpress --version "),
        ["1.10.0+6.5", "1.9.0+6.4"]
    );
    assert_eq!(found("ccci test --stages=inst"), ["--stages=install"]);
    let runs = found("ccci explain k7");
    assert_eq!(runs.len(), 1, "{runs:?}");
    let begins = runs[0].starts_with("k7m2q\twordpress, crashed, ");
    assert!(begins && runs[0].ends_with(" ago"), "{runs:?}");
}

#[test]
fn fish_offers_them_when_a_package_installed_the_script() {
    let world = World::new();
    world.write(".config/fish/completions/ccci.fish", &packaged("ccci.fish"));
    assert_eq!(
        offered(&world, "", "ccci test wor"),
        ["wordpress\tenrolled"]
    );
}
