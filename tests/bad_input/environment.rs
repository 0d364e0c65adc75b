//! Variables that mean nothing or hold what they must not, and surroundings that are hardly there.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use crate::world::World;

#[test]
fn a_variable_that_means_nothing_is_one_warning() {
    let mut world = World::new();
    world.set("CCCI_JOSB", "3");
    let output = world.call(&["test", "tiny"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("warning: variable").count(), 1, "{said}");
    assert!(said.contains("`CCCI_JOSB` means nothing"), "{said}");
}

#[test]
fn an_empty_variable_is_refused_by_name() {
    for name in ["CCCI_JOBS", "CCCI_REF", "CCCI_BASE_DOMAIN", "CCCI_GIT"] {
        let mut world = World::new();
        world.set(name, "");
        let said = world.refused(&["test", "tiny"], 2);
        assert!(
            said.contains(name) && said.contains("it is empty"),
            "{said}"
        );
    }
}

#[test]
fn a_variable_that_is_no_text_is_refused_by_name() {
    for name in ["CCCI_REF", "CCCI_BASE_DOMAIN", "CCCI_RECIPE_URL"] {
        let mut world = World::new();
        world.set(name, OsStr::from_bytes(b"\xff"));
        let said = world.refused(&["test", "tiny"], 2);
        assert!(
            said.contains(name) && said.contains("it is not UTF-8"),
            "{said}"
        );
    }
}

#[test]
fn a_variable_is_held_to_the_rule_of_its_flag() {
    for (name, bad, rule) in [
        ("CCCI_TIMEOUT", "0", "as in `90s`"),
        ("CCCI_JOBS", "65", "from 1 to 64"),
        ("CCCI_REF", "--upload-pack=x", "as git accepts it"),
        ("CCCI_PR", "-1", "from 1 to"),
        ("CCCI_KEEP", "allways", "never, failed, always"),
        ("CCCI_DRY_RUN", "perhaps", "boolean"),
        ("CCCI_HTTP_TIMEOUT", "5 bananas", "as in `90s`"),
        ("CCCI_ALLOW_HTTP", "perhaps", "true or false"),
    ] {
        let mut world = World::new();
        world.set(name, bad);
        let said = world.refused(&["test", "tiny"], 2);
        assert!(said.contains(rule), "{name}: {said}");
    }
}

#[test]
fn a_word_of_a_ci_engine_is_named_when_it_is_bad() {
    for (name, bad) in [
        ("REF", "-x"),
        ("PR", "0"),
        ("STAGES", "x"),
        ("RECIPE", "../x"),
    ] {
        let mut world = World::new();
        if name != "RECIPE" {
            world.set("RECIPE", "tiny");
        }
        world.set(name, bad);
        let said = world.refused(&["test"], 2);
        assert!(said.contains(&format!("`{name}`")), "{said}");
        assert!(said.contains(bad), "{said}");
    }
}

#[test]
fn an_argument_that_is_no_text_is_refused() {
    let world = World::new();
    for words in [
        &[b"test".as_slice(), b"\xff"][..],
        &[b"test", b"tiny", b"--ref", b"a\xff"],
        &[b"\xff"],
    ] {
        let words: Vec<_> = words.iter().map(|word| OsStr::from_bytes(word)).collect();
        world.refused(&words, 2);
    }
}

#[test]
fn surroundings_that_are_hardly_there_change_no_refusal() {
    for (name, value) in [("COLUMNS", "0"), ("LANG", "C"), ("CCCI_FORCE_TTY", "1")] {
        let mut world = World::new();
        world.set(name, value);
        let said = world.refused(&["test", "*"], 2);
        assert!(said.contains("as in `custom-html`"), "{said}");
        let said = world.refused(&["test", "tiny", "--src", "http://example.org/a"], 2);
        assert!(said.contains("`https://` in place of"), "{said}");
    }
}
