//! Canonicals: promoted by what passes, taken over by quick runs, and put back as they were.

use std::fs;

use crate::harness::{
    Call, Canonical, Deployer, Shelf, World,
    canonical::{forget, record_path},
    docker, files,
};

/// The releases of the fixture.
const RELEASES: [&str; 2] = ["0.1.0+1.35.0", "0.2.0+1.35.1"];
/// A release that comes later.
const NEXT: &str = "0.3.0+1.35.1";
/// How a whole run of the fixture ends.
const PASSED: &str = "install pass, upgrade pass, backup pass, restore pass, custom skip";

/// Makes a world whose recipe has a canonical and is published with one release.
fn enrolled(deployer: Deployer) -> (World, Shelf) {
    let world = World::of("plain", deployer);
    world.keep("recipe.toml", "warm-canonical = true\n");
    let shelf = Shelf::open(&world);
    shelf.release(&world, RELEASES[0]);
    (world, shelf)
}

/// Begins a call about a recipe that is fetched by its name.
fn by_name<'a>(world: &'a World, shelf: &Shelf, args: &[&str]) -> Call<'a> {
    let call = world.ccci(args).env("CCCI_RECIPE_URL", shelf.url());
    call.env("CCCI_ALLOW_HTTP", "true")
}

/// Sweeps; returns the exit code and what was said.
fn sweep(world: &World, shelf: &Shelf) -> (i32, String) {
    let ran = by_name(world, shelf, &["sweep"]).run();
    assert_eq!(ran.stdout, "");
    (ran.code.expect("it ended by itself"), ran.stderr)
}

/// Raises the version of the fixture's newest compose file, with another change.
fn change_compose(world: &World, version: &str, from: &str, to: &str) {
    let path = world.checkout().join("compose.yml");
    let text = fs::read_to_string(&path).expect("it is there");
    let changed = text.replace(RELEASES[1], version).replace(from, to);
    assert_ne!(changed, text);
    fs::write(&path, changed).expect("it is ours");
}

#[test]
fn a_sweep_promotes_then_skips_then_takes_a_new_release_and_one_that_fails_changes_nothing() {
    let (world, shelf) = enrolled(Deployer::Docker);
    let (code, said) = sweep(&world, &shelf);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("sweep of 1 recipe: 1 promoted"), "{said}");
    let first = Canonical::look(&world, "plain");
    assert_eq!(first.told("version"), RELEASES[0]);
    assert_eq!(first.told("commit"), world.commit(RELEASES[0]));
    assert_eq!((first.state(), first.volumes.len()), ("idle".to_owned(), 1));
    // Undeployed: its volume is all that stays.
    assert_eq!(first.objects.len(), 1, "{:?}", first.objects);

    let (code, said) = sweep(&world, &shelf);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("no-new-version"), "{said}");
    assert!(said.contains("sweep of 1 recipe: 1 skipped"), "{said}");
    assert_eq!(Canonical::look(&world, "plain"), first);

    shelf.release(&world, RELEASES[1]);
    let (code, said) = sweep(&world, &shelf);
    assert_eq!(code, 0, "{said}");
    let second = Canonical::look(&world, "plain");
    assert_eq!(second.told("version"), RELEASES[1]);
    assert_eq!(second.told("commit"), world.commit(RELEASES[1]));
    assert_eq!(second.objects, first.objects);
    assert_ne!(second.told("run_id"), first.told("run_id"));

    change_compose(&world, NEXT, "httpd -f", "nosuch -f");
    world.release(NEXT);
    shelf.release(&world, NEXT);
    let (code, said) = sweep(&world, &shelf);
    assert_eq!(code, 100, "{said}");
    assert!(
        said.contains("regressed since the last sweep: plain"),
        "{said}"
    );
    assert_eq!(Canonical::look(&world, "plain"), second);
    let (code, said) = sweep(&world, &shelf);
    assert_eq!(code, 100, "{said}");
    assert!(
        said.contains("still failing since the last sweep: plain"),
        "{said}"
    );
    assert_eq!(Canonical::look(&world, "plain"), second);
    forget(&world, "plain");
}

#[test]
fn a_green_head_without_a_tag_does_not_promote_and_a_promotion_by_hand_needs_a_run() {
    let (world, shelf) = enrolled(Deployer::Docker);
    let refused = by_name(&world, &shelf, &["promote", "plain"]).run();
    let said = refused.refused(106);
    assert!(said.contains("no run of it is on record"), "{said}");
    world.commit_all_empty();
    let untagged = world.test().run().judged(0).ended(PASSED, 5);
    assert!(!untagged.records.report.promotes);
    assert!(!record_path(&world, "plain").exists());
    let refused = by_name(&world, &shelf, &["promote", "./plain"]).run();
    assert_eq!(refused.code, Some(106), "{}", refused.stderr);
    let why = "what the run tested is no release";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    fs::write(world.checkout().join("new"), "").expect("it is ours");
    let refused = by_name(&world, &shelf, &["promote", "./plain"]).run();
    let why = "changes that no commit holds";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    assert_eq!(refused.code, Some(106));
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn what_passes_is_promoted_by_its_test_and_again_by_hand() {
    let (world, shelf) = enrolled(Deployer::Abra);
    let tested = ["test", "plain", "--version", RELEASES[0]];
    let ran = by_name(&world, &shelf, &tested).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("    Promoted ["), "{}", ran.stderr);
    let first = Canonical::look(&world, "plain");
    assert_eq!(first.told("version"), RELEASES[0]);
    // Nobody can be asked here whether it is to be replaced.
    let ran = by_name(&world, &shelf, &["promote", "plain"]).run();
    assert_eq!(ran.code, Some(106), "{}", ran.stderr);
    assert_eq!(Canonical::look(&world, "plain"), first);
    let ran = by_name(&world, &shelf, &["promote", "plain", "--yes"]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let again = Canonical::look(&world, "plain");
    assert_eq!(again.told("version"), RELEASES[0]);
    assert_ne!(again.told("run_id"), first.told("run_id"));
    assert_eq!(again.objects, first.objects);
    let listed = world.ccci(&["list"]).run();
    assert!(listed.stdout.contains(RELEASES[0]), "{}", listed.stdout);
    forget(&world, "plain");
}

/// Tests a pull request with a quick run, which finds the canonical's data and leaves it as it was.
fn quick_on_a_pull_request(deployer: Deployer) {
    let (world, shelf) = enrolled(deployer);
    let (code, said) = sweep(&world, &shelf);
    assert_eq!(code, 0, "{said}");
    // What the canonical's app was given while it was installed.
    let volume = format!("warm-plain_{}_data", world.base_domain().replace('.', "_"));
    let before = Canonical::look(&world, "plain");
    change_compose(
        &world,
        NEXT,
        "echo well",
        "echo changed > /data/ours; echo well",
    );
    world.commit_all();
    shelf.push(&world, "HEAD", "refs/pull/7/head");
    let args = ["test", "plain", "--quick", "--pr", "7"];
    let ran = by_name(&world, &shelf, &args).run();
    let judged = ran.judged_with_leaks(0);
    assert!(
        judged.screen.contains("    Put back ["),
        "{}",
        judged.screen
    );
    let judged = judged.ended(PASSED, 5);
    let report = &judged.records.report;
    let plan = report.plan.as_ref().expect("it has a plan");
    assert_eq!(
        plan.base.as_ref().map(|base| base.label.as_str()),
        Some(RELEASES[0])
    );
    assert_eq!(report.installs, 1);
    let commit = world.commit("HEAD");
    let deployed = report.deployed.last().expect("it was upgraded");
    assert_eq!(deployed.chaos_version.as_deref(), Some(&commit[..8]));
    assert_eq!(Canonical::look(&world, "plain"), before);
    assert!(world.objects().contains(&format!("volume {volume}")));
    forget(&world, "plain");
}

#[test]
fn a_quick_run_takes_the_canonical_over_and_puts_it_back() {
    quick_on_a_pull_request(Deployer::Docker);
}

#[test]
fn a_quick_run_takes_the_canonical_over_and_puts_it_back_with_abra() {
    quick_on_a_pull_request(Deployer::Abra);
}

#[test]
fn a_quick_run_of_wordpress_finds_the_database_and_its_password() {
    let world = World::of_example("wordpress", Deployer::Docker);
    world.keep("recipe.toml", "warm-canonical = true\n");
    // The first install leaves a mark in the database; every later one has to find it, for the data is the same.
    world.keep_program(
        "test_install_mark.sh",
        r#"set -eu
sql() { ccci exec db -- sh -c 'mysql --user=root --password="$(cat /run/secrets/db_root_password)" --batch --skip-column-names --execute "$1"' sh "$1"; }
case $CCCI_APP_DOMAIN in
warm-*) sql 'CREATE DATABASE IF NOT EXISTS mark_of_ours' ;;
esac
"#,
    );
    world.keep_program(
        "test_upgrade_mark.sh",
        r#"set -eu
case $CCCI_APP_DOMAIN in
warm-*) ccci exec db -- sh -c 'mysql --user=root --password="$(cat /run/secrets/db_root_password)" --execute "USE mark_of_ours"' ;;
esac
"#,
    );
    // Its password was made in an earlier run, and is masked in this one all the same.
    let given = world.path("given");
    let shown = format!(
        "set -eu\nccci exec db -- cat /run/secrets/db_password | tee {}\necho\n",
        given.display()
    );
    world.keep_program("test_custom_shown.sh", &shown);
    let version = "1.0.0+6.1.1-apache";
    let ran = world.test().args(&["--version", version]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let before = Canonical::look(&world, "wordpress");
    assert_eq!(before.told("version"), version, "{}", ran.stderr);
    assert!(!before.secrets.is_empty());
    let ran = world.test().args(&["--quick"]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("level 5 of 5"), "{}", ran.stderr);
    assert_eq!(Canonical::look(&world, "wordpress"), before);
    let password = fs::read_to_string(given).expect("the test wrote it");
    assert_eq!(password.len(), 32, "{password}");
    let told: Vec<_> = files(&world.path("state/runs"));
    let told = told.into_iter().filter(|path| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes
            .windows(password.len())
            .any(|part| part == password.as_bytes())
    });
    assert_eq!(told.collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
    let logs = files(&world.path("state/runs")).into_iter();
    let masked = logs.filter_map(|path| fs::read_to_string(path).ok());
    assert!(masked.into_iter().any(|text| text.contains("[secret]")));
    forget(&world, "wordpress");
}

#[test]
fn a_quick_run_without_a_canonical_or_with_a_damaged_one_says_so() {
    let (world, shelf) = enrolled(Deployer::Docker);
    let said = by_name(&world, &shelf, &["test", "plain", "--quick"])
        .run()
        .refused(102);
    assert!(said.contains("there is no canonical of `plain`"), "{said}");
    let (code, said) = sweep(&world, &shelf);
    assert_eq!(code, 0, "{said}");
    let whole_before = Canonical::look(&world, "plain");
    let path = record_path(&world, "plain");
    let whole = fs::read_to_string(&path).expect("it is there");
    fs::write(&path, whole.replacen("plain", "plaim", 1)).expect("it is ours");
    let ran = by_name(&world, &shelf, &["test", "plain", "--quick"]).run();
    assert_eq!(ran.code, Some(103), "{}", ran.stderr);
    assert!(ran.stderr.contains("is damaged"), "{}", ran.stderr);
    assert!(ran.stderr.contains("ccci promote plain"), "{}", ran.stderr);
    let damaged = Canonical::look(&world, "plain");
    assert_eq!(
        (damaged.volumes, damaged.objects),
        (whole_before.volumes.clone(), whole_before.objects.clone())
    );
    fs::write(&path, &whole).expect("it is ours");
    // A volume that somebody removed is made again.
    let volume = format!("warm-plain_{}_data", world.base_domain().replace('.', "_"));
    docker(&["volume", "rm", &volume]);
    let ran = by_name(&world, &shelf, &["test", "plain", "--quick"]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(Canonical::look(&world, "plain"), whole_before);
    forget(&world, "plain");
}
