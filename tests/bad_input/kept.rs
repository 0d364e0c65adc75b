//! The declarations that are kept for recipes: each gives a plan as it is, and is refused with one key too many.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use crate::world::World;

/// Returns the tests that are kept beside ccci.
fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes-tests")
}

/// Lists the recipes that have some.
fn recipes() -> Vec<String> {
    let entries = fs::read_dir(kept()).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    let recipes: Vec<_> = folders
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert!(!recipes.is_empty());
    recipes
}

/// What docker says of the apps that may always run here: there is none.
const NO_TASKS: &str = "stack ps\t{\"ID\":ID}\n";
/// What pytest says when it is asked whether it has a browser.
const BROWSER: &str = "-p ccci_plugin --ccci-needs-browser\tnothing is lacking\n";

/// Makes a world whose recipe has this name.
fn world_of(recipe: &str) -> World {
    let world = World::plannable();
    world.write("bin/pytest.answers", BROWSER);
    let answers = fs::read_to_string(world.path("bin/docker.answers")).unwrap();
    world.write("bin/docker.answers", answers + NO_TASKS);
    fs::rename(world.path("work/tiny"), world.path("work").join(recipe)).unwrap();
    world
}

#[test]
fn every_recipe_with_tests_that_are_kept_has_a_plan_with_all_of_them() {
    for recipe in recipes() {
        let mut world = world_of(&recipe);
        world.set("CCCI_TESTS_DIR", kept());
        let output = world.call(&["test", &format!("./{recipe}"), "--dry-run"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{recipe}: {said}");
        let plan = String::from_utf8_lossy(&output.stdout);
        for folder in ["", "ops", "playwright"] {
            let Ok(entries) = fs::read_dir(kept().join(&recipe).join(folder)) else {
                continue;
            };
            let names = entries.map(|entry| entry.unwrap().file_name());
            for name in names.map(|name| name.into_string().unwrap()) {
                let is_run = ["test_", "pre_", "install_steps", "provide", "withdraw"]
                    .iter()
                    .any(|begin| name.starts_with(begin));
                let path = Path::new(folder).join(&name);
                let planned = plan.contains(&format!("  {} (kept beside ccci", path.display()));
                assert_eq!(is_run, planned, "{recipe}: {name}\n{plan}");
            }
        }
    }
}

#[test]
fn a_key_that_does_not_exist_is_refused_at_its_line_whatever_is_declared_beside_it() {
    for recipe in recipes() {
        let mut world = world_of(&recipe);
        let text = fs::read_to_string(kept().join(&recipe).join("recipe.toml")).unwrap();
        fs::create_dir_all(world.path("tests").join(&recipe)).unwrap();
        let path = format!("tests/{recipe}/recipe.toml");
        world.write(&path, format!("# The first line.\nbase-domain = 1\n{text}"));
        world.set("CCCI_TESTS_DIR", world.path("tests"));
        let output = world.call(&["test", &format!("./{recipe}"), "--dry-run"]);
        assert_eq!(output.status.code(), Some(102), "{recipe}");
        let said = String::from_utf8_lossy(&output.stderr);
        for part in ["line 2", "`base-domain`", "recipe.toml"] {
            assert!(said.contains(part), "{recipe}: {said}");
        }
    }
}

/// Declarations with a key too many in their second line.
const KEY_TOO_MANY: &str = "# The first line.\nhealth-paht = \"/\"\n";

/// Makes a world of a recipe with declarations, the recipe's own or those kept beside ccci.
fn declaring(folder: &str, text: &str) -> World {
    let mut world = world_of("tiny");
    fs::create_dir_all(world.path(folder)).unwrap();
    world.write(&format!("{folder}/recipe.toml"), text);
    world.set("CCCI_TESTS_DIR", world.path("kept"));
    world
}

#[test]
fn declarations_that_cannot_be_used_are_refused_before_anything_is_done() {
    for folder in ["kept/tiny", "work/tiny/tests"] {
        for (text, says) in [
            (KEY_TOO_MANY, "unknown field `health-paht`, expected one of"),
            ("backup-capable = \"maybe\"\n", "line 1"),
            ("[[check]]\npath = \"//other.example/\"\n", "line 2"),
            ("[env\n", "line 1"),
        ] {
            let world = declaring(folder, text);
            for args in [
                ["test", "./tiny"].as_slice(),
                &["test", "./tiny", "--dry-run"],
            ] {
                let said = world.refused_after_reading(args, 102);
                assert!(
                    said.contains("recipe.toml") && said.contains(says),
                    "{args:?}: {said}"
                );
            }
            assert!(!world.path("state/runs/latest").exists());
        }
    }
}

#[test]
fn of_two_recipes_the_one_whose_declarations_cannot_be_used_is_named() {
    let world = declaring("kept/tiny", KEY_TOO_MANY);
    fs::create_dir(world.path("work/other")).unwrap();
    for file in ["compose.yml", ".env.sample"] {
        let text = fs::read_to_string(world.path("work/tiny").join(file)).unwrap();
        world.write(&format!("work/other/{file}"), text.replace("tiny", "other"));
    }
    let output = world.call(&["test", "./other", "./tiny", "--dry-run"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(102), "{said}");
    let plan = String::from_utf8(output.stdout).unwrap();
    assert!(
        plan.starts_with("other plain directory\n") && !plan.contains("tiny"),
        "{plan}"
    );
    let errors = said.lines().filter(|line| line.starts_with("error: "));
    let errors: Vec<_> = errors.collect();
    assert!(
        matches!(errors[..], [error] if error.contains("/kept/tiny/recipe.toml`")),
        "{said}"
    );
}
