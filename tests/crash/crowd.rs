//! Many runs at once on few domains, some killed, with a janitor that never rests: no live run is reaped.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::ScopedJoinHandle,
    time::{Duration, Instant},
};

use crate::{
    canary::Canary,
    chance::{Chance, say},
    docker::existing_volumes,
    processes::{End, Mark, Victims, kill_at},
    watch::Watch,
    world::{Deployer, Site, TURNS, World, left},
};

/// How many processes are started at once.
const RUNS: usize = 20;
/// How many domains they share.
const DOMAINS: usize = 5;
/// About how many events such a run has.
const EVENTS: u64 = 18;
/// Until when a run that is killed at some time is killed, in milliseconds.
const LONGEST_WAIT: u64 = 15_000;

/// What one process is told.
struct Fate<'a> {
    /// Its work tree.
    site: &'a Site,
    /// What it is killed after.
    mark: Mark,
    /// Who is killed.
    victims: Victims,
}

/// Draws a fate for each process; about half are killed.
fn draw<'a>(chance: &mut Chance, sites: &'a [Site]) -> Vec<Fate<'a>> {
    let fate = |index: usize| {
        let event = usize::try_from(1 + chance.below(EVENTS)).expect("it is small");
        // Most wait for a lock then, and some are about to begin.
        let time = Duration::from_millis(chance.below(LONGEST_WAIT));
        let mark = match chance.below(4) {
            0 => Mark::Event(event),
            1 => Mark::After(time),
            _ => Mark::Never,
        };
        Fate {
            site: &sites[index % DOMAINS],
            mark,
            victims: [Victims::Alone, Victims::Tree][usize::from(chance.below(2) == 0)],
        }
    };
    (0..RUNS).map(fate).collect()
}

/// Lets all processes meet their fate while the janitor calls; returns how they ended, and how often it called.
fn live(world: &World, fates: &[Fate<'_>]) -> (Vec<End>, usize) {
    let (is_over, calls) = (AtomicBool::new(false), Mutex::new(0));
    let state = &fates[0].site.state;
    let meet = |fate: &Fate<'_>| {
        let mut test = world.test(fate.site, Deployer::Docker);
        test.args(["--stages", "install", "--wait", "4m"]);
        kill_at(test, state, fate.mark, fate.victims)
    };
    let ends = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let (code, said) = world.reap(state);
                assert_eq!(code, Some(0), "{said}");
                *calls.lock().expect("only this thread counts") += 1;
            }
        });
        let threads: Vec<_> = fates
            .iter()
            .map(|fate| scope.spawn(move || meet(fate)))
            .collect();
        let ends = threads.into_iter().map(ScopedJoinHandle::join);
        let ends: Vec<_> = ends.collect();
        is_over.store(true, Ordering::Relaxed);
        ends.into_iter()
            .map(|end| end.expect("a run met its fate"))
            .collect()
    });
    (ends, calls.into_inner().expect("it is over"))
}

#[test]
fn no_live_run_is_reaped_amid_runs_that_die() {
    let _turn = TURNS.write().unwrap_or_else(PoisonError::into_inner);
    let began = Instant::now();
    let mut chance = Chance::new("crowd");
    let world = World::new(&["plain"]);
    let watch = Watch::begin(&world.marker);
    let canary = Canary::plant(&world.base_domain());
    let sites: Vec<_> = (0..DOMAINS)
        .map(|number| world.fixture("plain", &format!("site-{number}")))
        .collect();
    let fates = draw(&mut chance, &sites);
    let (ends, calls) = live(&world, &fates);
    let (code, said) = world.reap(&sites[0].state);
    assert_eq!(code, Some(0), "{said}");
    canary.uproot();
    let killed = ends.iter().filter(|end| matches!(end, End::Killed { .. }));
    let killed = killed.count();
    say(&format!(
        "crowd: {RUNS} runs, {killed} killed, {calls} calls of the janitor meanwhile, {:.0} s",
        began.elapsed().as_secs_f64()
    ));
    assert!(0 < killed && killed < RUNS, "{ends:?}");
    for end in &ends {
        if let End::Over { status } = end {
            assert_eq!(status.code(), Some(0), "a run that lived: {ends:?}");
        }
    }
    assert_eq!(left(&sites[0].state), Vec::<String>::new());
    let volumes = watch.volumes();
    assert_eq!(existing_volumes(&volumes), Vec::<String>::new(), "volumes");
}
