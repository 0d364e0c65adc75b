//! Janitors that are killed at their removals: the next one goes on where they ended.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{os::unix::process::ExitStatusExt, sync::PoisonError};

use crate::{
    canary::Canary,
    docker::existing_volumes,
    processes::{End, Mark, Victims, journals, kill_at},
    watch::Watch,
    world::{Deployer, TURNS, World, left},
};

/// The removals of each kind, as the first words of a call.
const REMOVALS: [&str; 6] = [
    "service rm",
    "rm",
    "network rm",
    "secret rm",
    "config rm",
    "volume rm",
];

/// Kills a run, then a janitor at a removal, then the next janitor at whatever it removes first.
fn kill_twice(world: &World, removal: &str) {
    let site = world.example("wordpress", &removal.replace(' ', "-"));
    let run = world.test(&site, Deployer::Docker);
    let end = kill_at(run, &site.state, Mark::Stage("upgrade"), Victims::Tree);
    assert!(matches!(end, End::Killed { .. }), "{end:?}");
    assert!(!left(&site.state).is_empty());
    let mut janitor = world.doomed_janitor(&site.state, &[removal]);
    let status = janitor.status().unwrap();
    assert_eq!(status.signal(), Some(9), "{removal}: {status}");
    let mut janitor = world.doomed_janitor(&site.state, &REMOVALS);
    let status = janitor.status().unwrap();
    // What the first had asked for may have been all.
    assert!(
        status.signal() == Some(9) || status.success(),
        "{removal}: {status}"
    );
    let (code, said) = world.reap(&site.state);
    assert_eq!(code, Some(0), "{removal}: {said}");
    assert_eq!(left(&site.state), Vec::<String>::new(), "{removal}");
}

#[test]
fn janitors_that_are_killed_at_any_removal_are_followed_up_by_the_next() {
    let _turn = TURNS.read().unwrap_or_else(PoisonError::into_inner);
    let world = World::new(&["wordpress"]);
    let watch = Watch::begin(&world.marker);
    let canary = Canary::plant(&world.base_domain());
    let (first, second) = REMOVALS.split_at(REMOVALS.len() / 2);
    std::thread::scope(|scope| {
        for part in [first, second] {
            let world = &world;
            scope.spawn(move || part.iter().for_each(|removal| kill_twice(world, removal)));
        }
    });
    canary.uproot();
    let volumes = watch.volumes();
    assert_eq!(existing_volumes(&volumes), Vec::<String>::new(), "volumes");
}

#[test]
fn a_run_that_is_killed_once_it_wrote_that_its_app_stays_has_kept_it() {
    let _turn = TURNS.read().unwrap_or_else(PoisonError::into_inner);
    let world = World::new(&["static-site"]);
    let watch = Watch::begin(&world.marker);
    let kept = |name: &str| {
        let site = world.example("static-site", name);
        let mut run = world.test(&site, Deployer::Docker);
        run.args(["--stages", "install", "--keep", "always"]);
        (site.state, run)
    };
    let (whole, run) = kept("whole");
    let end = kill_at(run, &whole, Mark::Never, Victims::Alone);
    assert!(
        matches!(end, End::Over { status } if status.success()),
        "{end:?}"
    );
    let report = std::fs::read(whole.join("runs/latest/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    // Without a proxy it is the task that answers.
    let url = report["kept"]["url"].as_str().unwrap();
    assert!(
        url.starts_with("http://") && !url.contains(".test"),
        "{url}"
    );
    let entries = journals(&whole).pop().unwrap().entries;
    let at = entries.iter().position(|entry| entry["entry"] == "kept");
    let (state, run) = kept("killed");
    let end = kill_at(run, &state, Mark::Entry(at.unwrap() + 1), Victims::Tree);
    assert!(matches!(end, End::Killed { past: 0 }), "{end:?}");
    for state in [whole, state] {
        let there = left(&state);
        assert!(
            there.iter().any(|object| object.starts_with("service ")),
            "{there:?}"
        );
        let (code, said) = world.reap(&state);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("kept until"), "{said}");
        let run = journals(&state).pop().unwrap().begun("run_id").to_owned();
        let (code, said) = world.call(&state, &["teardown", &run, "--yes"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(left(&state), Vec::<String>::new());
    }
    let volumes = watch.volumes();
    assert_eq!(existing_volumes(&volumes), Vec::<String>::new(), "volumes");
}
