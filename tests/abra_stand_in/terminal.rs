//! What fails without a terminal, and what lint says with one.

use crate::lab::Lab;

/// The text of a failure for want of a terminal.
const NO_TERMINAL: &str = "inappropriate ioctl for device";

#[test]
fn the_version_is_one_line() {
    let lab = Lab::new("version");
    assert_eq!(
        lab.abra(&["--version"]).ok(),
        "abra version 0.13.0-beta-standin\n"
    );
}

#[test]
fn a_usage_error_is_fatal_with_1() {
    let lab = Lab::new("usage");
    lab.abra(&["app", "deploy", "--no-such-flag"])
        .fatal("--no-such-flag");
}

#[test]
fn a_table_needs_a_terminal_or_the_variable_that_excuses_it() {
    let lab = Lab::new("table");
    for command in [
        ["server", "ls", "-n"],
        ["app", "ls", "-n"],
        ["recipe", "lint", "tiny"],
    ] {
        lab.abra(&command).fatal(NO_TERMINAL);
        lab.abra_ci(&command).ok();
        lab.abra_tty(&command).ok();
    }
    assert_eq!(
        lab.abra(&["server", "ls", "-m"]).ok(),
        "[{\"name\":\"default\",\"host\":\"local\"}]\n"
    );
}

#[test]
fn lint_exits_with_0_although_an_error_rule_fails() {
    let lab = Lab::new("lint");
    let row = |table: &str| {
        table
            .lines()
            .find(|line| line.starts_with("R014"))
            .unwrap()
            .to_owned()
    };
    assert!(row(&lab.abra_ci(&["recipe", "lint", "-n", "tiny"]).ok()).contains('✅'));
    lab.git(&["tag", "0.3.0+1.35.0"]);
    let table = lab.abra_tty(&["recipe", "lint", "-n", "-e", "tiny"]).ok();
    assert!(row(&table).contains('❌'), "{table}");
    assert!(
        !table.contains("R001"),
        "only errors were asked for: {table}"
    );
}

#[test]
fn lint_is_fatal_where_it_cannot_lint() {
    let lab = Lab::new("nosample");
    lab.git(&["rm", "--quiet", ".env.sample"]);
    lab.commit("no sample");
    lab.abra_ci(&["recipe", "lint", "tiny"])
        .fatal("unable to validate recipe: .env.samp");
}

#[test]
fn the_versions_of_a_recipe_are_rows_of_service_and_tag() {
    let lab = Lab::new("versions");
    let rows = lab.abra(&["recipe", "versions", "-m", "tiny"]).ok();
    let rows: serde_json::Value = serde_json::from_str(&rows).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(rows[0]["version"], "0.1.0+1.35.0");
    assert_eq!(rows[0]["image"], "busybox");
    assert_eq!(rows[0]["tag"], "1.35.0");
}

#[test]
fn check_shows_missing_variables_and_succeeds() {
    let lab = Lab::new("check").with_app();
    lab.edit_env("SECRET_OTHER_VERSION=v1\n", "");
    lab.abra(&["app", "check", "-n", &lab.domain])
        .fatal(NO_TERMINAL);
    let table = lab.abra_ci(&["app", "check", "-n", &lab.domain]).ok();
    let row = |key: &str| table.lines().find(|line| line.starts_with(key)).unwrap();
    assert!(row("SECRET_OTHER_VERSION").contains('❌'));
    assert!(row("DOMAIN").contains('✅'));
}

#[test]
fn a_recipe_that_is_missing_is_cloned_from_the_home_of_all() {
    let lab = Lab::new("fetch");
    let home = lab.path("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::rename(lab.recipe(), home.join("tiny.git")).unwrap();
    lab.abra_with_home(&home, &["recipe", "fetch", "-n", "tiny"])
        .ok();
    assert!(lab.recipe().join("compose.yml").is_file());
    lab.abra_with_home(&home, &["recipe", "fetch", "-n", "none"])
        .fatal("unable to clone none");
    lab.abra(&["-o", "app", "new", "none", "-n"])
        .fatal("--offline");
}
