//! Completion in zsh, sourced and installed among its functions.

use crate::{
    glass::Glass,
    world::{World, packaged, shell},
};

/// What a keyboard sends to empty the line.
const CTRL_U: &str = "\u{15}";
/// Starts the completion of zsh.
const START: &str = "autoload -Uz compinit && compinit -u -d ~/.zcompdump";

/// Opens zsh and types these lines.
fn zsh(world: &World, lines: &[&str]) -> Glass {
    let mut zsh = world.command(&shell("zsh"));
    zsh.args(["-f", "-i"]);
    let glass = Glass::run(&zsh);
    glass.type_in("PS1='> '; unsetopt zle_bracketed_paste\n");
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
fn assert_completed(glass: &Glass) {
    let lines = [
        ("ccci test wor", "ccci test wordpress"),
        ("ccci test zeal", "ccci test zealous/"),
        ("ccci test --stages=inst", "ccci test --stages=install"),
        (
            "ccci test wordpress --version 1.1",
            "ccci test wordpress --version 1.10.0+6.5",
        ),
        (
            "ccci test wordpress --test functional/test_login.py::",
            "ccci test wordpress --test functional/test_login.py::test_opens",
        ),
    ];
    for (typed, whole) in lines {
        glass.type_in(&format!("{typed}\t"));
        glass.wait_for(&[&format!("> {whole}")]);
        glass.type_in(CTRL_U);
    }
}

#[test]
fn zsh_completes_what_was_sourced() {
    let world = World::new();
    let glass = zsh(&world, &[START, "source <(COMPLETE=zsh ccci)"]);
    assert_completed(&glass);
    glass.type_in("ccci test n\t");
    glass.wait_for(&["n8n", "nextcloud", "-- enrolled"]);
    glass.type_in(&format!("{CTRL_U}exit 0\n"));
    let last = glass.end().exits(0);
    assert!(last.lines_with("pwned").is_empty(), "{:?}", last.lines);
    assert!(!world.path("work/pwned").exists());
}

#[test]
fn zsh_completes_at_once_what_a_package_installed() {
    let world = World::new();
    world.write("functions/_ccci", &packaged("_ccci"));
    let glass = zsh(&world, &["fpath=(~/functions $fpath)", START]);
    assert_completed(&glass);
    glass.type_in("exit 0\n");
    glass.end().exits(0);
}
