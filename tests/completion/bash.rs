//! Completion in bash, by its own reading of the line and by the package bash-completion.

use std::path::Path;

use crate::{
    glass::Glass,
    world::{World, packaged, shell},
};

/// Where Debian has the package bash-completion.
const PACKAGE: &str = "/usr/share/bash-completion/bash_completion";
/// What a keyboard sends to empty the line.
const CTRL_U: &str = "\u{15}";

/// Opens bash and types these lines.
fn bash(world: &World, lines: &[&str]) -> Glass {
    let mut bash = world.command(&shell("bash"));
    bash.args(["--noprofile", "--norc", "-i"]).env("PS1", "> ");
    let glass = Glass::run(&bash);
    for line in lines {
        glass.type_in(&format!("{line}\n"));
    }
    glass.type_in("echo re''ady\n");
    // The shell shows its prompt when it has taken the terminal over.
    glass.wait_for(&["\nready\n>"]);
    glass
}

/// Types each line with a tabulator at its end, and waits for what becomes of it.
#[track_caller]
fn assert_completed(glass: &Glass, lines: &[(&str, &str)]) {
    for (typed, whole) in lines {
        glass.type_in(&format!("{typed}\t"));
        glass.wait_for(&[&format!("> {whole}")]);
        glass.type_in(CTRL_U);
    }
}

/// What is typed, and what it becomes.
const LINES: [(&str, &str); 9] = [
    ("ccci test wor", "ccci test wordpress "),
    ("ccci test gi", "ccci test gitea "),
    ("ccci test zeal", "ccci test zealous/"),
    ("ccci test --stages=inst", "ccci test --stages=install "),
    ("ccci test --deny=", "ccci test --deny=lint "),
    (
        "ccci test --stages install,upg",
        "ccci test --stages install,upgrade ",
    ),
    (
        "ccci test wordpress --version 1.1",
        "ccci test wordpress --version 1.10.0+6.5 ",
    ),
    (
        "ccci test wordpress --test functional/test_login.py::",
        "ccci test wordpress --test functional/test_login.py::test_opens ",
    ),
    ("ccci explain k7", "ccci explain k7m2q "),
];

#[test]
fn bash_completes_by_itself() {
    let world = World::new();
    let glass = bash(&world, &["source <(COMPLETE=bash ccci)"]);
    assert_completed(&glass, &LINES);
    assert_completed(
        &glass,
        &[("ccci test --keep=al", "ccci test --keep=always ")],
    );
    glass.type_in("ccci test n\t\t");
    glass.wait_for(&["n8n", "nextcloud"]);
    glass.type_in(&format!("{CTRL_U}exit 0\n"));
    let last = glass.end().exits(0);
    assert!(last.lines_with("pwned").is_empty(), "{:?}", last.lines);
    assert!(!world.path("work/pwned").exists());
}

#[test]
fn bash_completes_with_its_package_for_completion() {
    assert!(
        Path::new(PACKAGE).exists(),
        "{PACKAGE} is missing; `cargo xtask test` installs bash-completion"
    );
    let world = World::new();
    let place = ".local/share/bash-completion/completions/ccci";
    world.write(place, &packaged("ccci.bash"));
    let glass = bash(&world, &[&format!("source {PACKAGE}")]);
    assert_completed(&glass, &LINES);
    glass.type_in("exit 0\n");
    glass.end().exits(0);
}
