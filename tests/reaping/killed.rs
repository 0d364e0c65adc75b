//! A run that was killed leaves nothing once the janitor, or the next run, has been there.

use crate::world::{World, docker, end, interrupt, kill, marked, start, start_heard};

/// Kills a test at the first event of a kind, and lets the janitor look twice.
fn killed_at(action: &str, stages: &str) {
    let world = World::new();
    let mut events = world.events();
    let ccci = start(world.test(stages));
    events.wait_for(action);
    kill(ccci);
    assert!(!world.objects().is_empty());
    let said = end(world.bare(&["janitor"])).exits(0);
    assert!(said.contains("its run is gone"), "{said}");
    world.assert_clean();
    let said = end(world.bare(&["janitor"])).exits(0);
    assert_eq!(said, "note: there is no app to reap\n");
}

#[test]
fn a_run_killed_amid_its_install_leaves_nothing() {
    killed_at("create", "install");
}

#[test]
fn a_run_killed_amid_its_upgrade_leaves_nothing() {
    killed_at("update", "install,upgrade");
}

#[test]
fn children_that_outlive_their_run_are_ended_before_their_app() {
    let world = World::new();
    world.hold_in_custom();
    let ccci = start(world.test("install,custom"));
    world.wait_for_custom();
    kill(ccci);
    let run = world.runs().remove(0);
    assert!(!marked(&run).is_empty());
    let said = end(world.bare(&["janitor", "--dry-run"])).exits(0);
    assert!(said.contains("and processes of it are not"), "{said}");
    assert!(!marked(&run).is_empty() && !world.objects().is_empty());
    end(world.bare(&["janitor"])).exits(0);
    world.assert_clean();
}

#[test]
fn a_test_of_another_ref_removes_what_a_dead_run_left() {
    let world = World::new();
    world.hold_in_custom();
    let ccci = start(world.test("install,custom"));
    world.wait_for_custom();
    kill(ccci);
    // A child that still lives is not this run's business.
    world.let_go();
    world.wait_for_free_lock();
    let mut other = world.test("install");
    other.args(["--ref", "0.1.0+1.35.0"]);
    let said = end(other).exits(0);
    assert!(said.contains("removed what was left of"), "{said}");
    world.assert_clean();
}

#[test]
fn a_live_run_is_spared() {
    let world = World::new();
    world.hold_in_custom();
    let ccci = start(world.test("install,custom"));
    world.wait_for_custom();
    let before = world.objects();
    let mut janitor = world.bare(&["janitor", "--max-age", "1ms"]);
    janitor.env("CCCI_BASE_DOMAIN_IS_OURS", "true");
    let said = end(janitor).exits(0);
    assert!(said.contains("its run is alive"), "{said}");
    let run = world.runs().remove(0);
    let said = end(world.bare(&["teardown", &run, "--yes"])).exits(105);
    assert!(said.contains(&format!("run {run} of process")), "{said}");
    assert_eq!(world.objects(), before);
    world.let_go();
    let output = ccci.wait_with_output().expect("it was started");
    assert!(output.status.success());
    world.assert_clean();
}

#[test]
fn a_volume_that_is_born_late_is_found_by_its_name() {
    let world = World::new();
    end(world.test("install")).exits(0);
    let tombstones = std::fs::read_dir(world.path("state/tombstones")).expect("a run ended");
    let domain = tombstones
        .last()
        .expect("it left a tombstone")
        .expect("it can be read");
    let domain = domain.file_name().into_string().expect("it is a domain");
    let stack = domain.replace('.', "_");
    let label = format!("com.docker.stack.namespace={stack}");
    let volume = format!("{stack}_data");
    docker(&["volume", "create", "--label", &label, &volume]);
    let said = end(world.bare(&["janitor"])).exits(0);
    assert!(said.contains("late leak"), "{said}");
    world.assert_clean();
}

#[test]
fn the_first_interrupt_tears_down_and_the_second_names_what_is_left() {
    let world = World::new();
    world.hold_in_custom();
    let ccci = start(world.test("install,custom"));
    world.wait_for_custom();
    interrupt(&ccci);
    let output = ccci.wait_with_output().expect("it was started");
    assert_eq!(output.status.code(), Some(130));
    world.assert_clean();

    // A volume that somebody holds keeps teardown at work until the second interrupt.
    let holder = world.hold_volume_in_custom();
    let mut events = world.events();
    let ccci = start_heard(world.test("install,custom"));
    world.wait_for_custom();
    interrupt(&ccci);
    events.wait_for("remove");
    interrupt(&ccci);
    let output = ccci.wait_with_output().expect("it was started");
    let said = String::from_utf8(output.stderr).expect("it is text");
    assert_eq!(output.status.code(), Some(130), "{said}");
    docker(&["rm", "--force", &holder]);
    let run = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("Run "));
    let run = run
        .and_then(|line| line.split(' ').next())
        .expect("the run is named");
    assert!(
        said.contains(&format!("run `ccci teardown {run}`")),
        "{said}"
    );
    assert!(said.contains("remains"), "{said}");
    end(world.bare(&["teardown", run])).exits(0);
    world.assert_clean();
}
