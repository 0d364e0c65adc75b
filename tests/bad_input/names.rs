//! Names of recipes and apps that are none.

use crate::world::World;

/// What a refused name of a recipe is told.
const RULE: &str = "1 to 64 lower-case letters, digits, `-`, `_` or `.`, as in `custom-html`";

#[test]
fn a_call_that_is_good_does_reach_docker() {
    let world = World::new();
    assert_eq!(world.call(&["test", "tiny"]).status.code(), Some(103));
    assert!(world.calls().contains("docker version"));
    assert!(world.path("state").is_dir());
}

#[test]
fn a_recipes_name_follows_its_rule() {
    let world = World::new();
    let long = "x".repeat(65);
    for bad in ["", "Wiki", "w\u{f6}rd", "*", "$(id)", "`id`", "...", &long] {
        let said = world.refused(&["test", bad], 2);
        assert!(said.contains(&format!("`{bad}`")), "{said}");
        assert!(said.contains(RULE), "{said}");
    }
}

#[test]
fn what_cannot_be_seen_in_a_name_is_escaped() {
    let world = World::new();
    for (bad, shown) in [
        ("a\nb", r"`a\u{a}b`"),
        ("a\u{1b}[31mb", r"`a\u{1b}[31mb`"),
        ("a\u{200b}b", r"`a\u{200b}b`"),
        ("\u{202e}ba", r"`\u{202e}ba`"),
    ] {
        let said = world.refused(&["test", bad], 2);
        assert!(said.contains(shown) && said.contains(RULE), "{said}");
    }
}

#[test]
fn a_name_of_any_length_is_cut_in_the_message() {
    let world = World::new();
    let said = world.refused(&["test", &"x".repeat(100_000)], 2);
    assert!(
        said.len() < 1000 && said.contains(&"x".repeat(120)),
        "{said}"
    );
    assert!(!said.contains(&"x".repeat(121)), "{said}");
}

#[test]
fn an_option_is_no_name_and_two_dashes_do_not_make_it_one() {
    let world = World::new();
    let said = world.refused(&["test", "-rf"], 2);
    assert!(said.contains("unexpected argument '-r'"), "{said}");
    let said = world.refused(&["test", "--", "-rf"], 2);
    assert!(said.contains("`-rf`") && said.contains(RULE), "{said}");
}

#[test]
fn a_path_without_a_recipe_is_none() {
    let world = World::new();
    for bad in ["..", "/etc", "tiny/.."] {
        let said = world.refused(&["test", bad], 2);
        assert!(said.contains("is no recipe"), "{said}");
        assert!(said.contains("as in `./custom-html`"), "{said}");
    }
    let said = world.refused(&["test", "a/b"], 2);
    assert!(
        said.contains("a/b`") && said.contains("as in `custom-html`"),
        "{said}"
    );
}

#[test]
fn two_runs_of_one_app_are_refused_and_both_are_named() {
    let world = World::new();
    let said = world.refused(&["test", "./tiny", "./tiny/../tiny"], 2);
    assert_eq!(said.matches("work/tiny`").count(), 2, "{said}");
    assert!(said.contains("would get the domain"), "{said}");
}

#[test]
fn an_app_is_a_domain_or_a_run_and_nothing_means_all() {
    let world = World::new();
    let (long, wide) = (vec!["abcdefgh"; 29].join("."), "a".repeat(64) + ".org");
    for bad in [
        "", "*", "toolong", "a_b.org", "-a.org", "a..b", &long, &wide,
    ] {
        for args in [
            vec!["teardown", "--", bad],
            vec!["shell", &format!("--run-id={bad}")],
            vec!["exec", &format!("--run-id={bad}"), "app", "--", "ls"],
        ] {
            let said = world.refused(&args, 2);
            assert!(
                said.contains("is not valid") && said.contains("as in `"),
                "{said}"
            );
        }
    }
    let said = world.refused(&["teardown"], 2);
    assert!(said.contains("DOMAIN|RUN"), "{said}");
    for bad in ["", "a\nb"] {
        let said = world.refused(&["exec", bad, "--", "ls"], 2);
        assert!(said.contains("at least one character"), "{said}");
    }
    world.refused(&["exec", "app"], 2);
}
