//! A run that dies after any entry of its journal leaves nothing once the janitor has been there.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use crate::{
    canary::Canary,
    chance::{Chance, say, wants_all},
    docker::existing_volumes,
    processes::{End, Mark, Victims, journals, kill_at},
    watch::Watch,
    world::{Deployer, TURNS, World, left},
};

/// How many runs go on at the same time; they wait for the swarm more than for a processor.
const SIDE_BY_SIDE: usize = 4;
/// What is picked of a run of the static site.
const STATIC_SITE: Sample = Sample {
    count: 3,
    events: 44,
    calls: 60,
};
/// What is picked of a run of wordpress.
const WORDPRESS: Sample = Sample {
    count: 1,
    events: 60,
    calls: 60,
};

/// How much of a run is tried beyond the entries of its journal.
struct Sample {
    /// How many of each.
    count: usize,
    /// About how many events it has.
    events: u64,
    /// About how many calls of docker it makes.
    calls: u64,
}

/// One recipe that is killed again and again.
struct Subject<'a> {
    /// Where.
    world: &'a World,
    /// The example.
    example: &'static str,
    /// Neighbours.
    canary: &'a Canary,
    /// How many work trees there are.
    sites: AtomicUsize,
    /// What happened.
    tally: &'a Mutex<Tally>,
}

/// Where a run is killed.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// What it has written by then.
    mark: Mark,
    /// What deploys.
    deployer: Deployer,
    /// Who is killed.
    victims: Victims,
}

/// What happened at the points of a test.
#[derive(Debug, Default)]
struct Tally {
    /// How many runs were killed alone.
    alone: usize,
    /// How many were killed with their children.
    trees: usize,
    /// How many were killed before they wrote more.
    exact: usize,
    /// How many were over before.
    over: usize,
    /// What was wrong.
    wrong: Vec<String>,
}

impl Point {
    /// Makes a point; where one deployer's runs are killed alone, the other's are with their children.
    fn new(mark: Mark, count: usize, deployer: Deployer) -> Self {
        let is_alone = (count % 2 == 1) == (deployer == Deployer::Docker);
        let victims = if is_alone {
            Victims::Alone
        } else {
            Victims::Tree
        };
        Self {
            mark,
            deployer,
            victims,
        }
    }

    /// Makes a point at a call of docker: it is the caller that dies there, and nobody else.
    fn of_call(mark: Mark, deployer: Deployer) -> Self {
        Self {
            mark,
            deployer,
            victims: Victims::Alone,
        }
    }
}

impl Subject<'_> {
    /// Kills one run, lets the janitor look once, and notes what is left; returns its state directory.
    fn try_point(&self, point: Point) -> PathBuf {
        let name = format!("{}", self.sites.fetch_add(1, Ordering::Relaxed));
        let site = self.world.example(self.example, &name);
        let ccci = match point.mark {
            Mark::Call(call) => self.world.doomed_test(&site, point.deployer, call),
            _ => self.world.test(&site, point.deployer),
        };
        let end = kill_at(ccci, &site.state, point.mark, point.victims);
        self.canary.check();
        let (code, said) = self.world.reap(&site.state);
        self.canary.check();
        let left = left(&site.state);
        let mut tally = self.tally.lock().expect("no point fails with it in hand");
        if code != Some(0) || !left.is_empty() {
            let wrong =
                format!("{point:?} {end:?} left {left:?}; the janitor exited {code:?}: {said}");
            tally.wrong.push(wrong);
        }
        match end {
            End::Killed { past } => {
                match point.victims {
                    Victims::Alone => tally.alone += 1,
                    Victims::Tree => tally.trees += 1,
                }
                tally.exact += usize::from(past == 0);
                if matches!(point.mark, Mark::Entry(_)) && past > 0 {
                    let wrong = format!("{point:?} wrote {past} entries more");
                    tally.wrong.push(wrong);
                }
            }
            End::Over { status } => {
                if status.code() != Some(0) || matches!(point.mark, Mark::Entry(_)) {
                    let wrong = format!("{point:?} was not killed and ended with {status}");
                    tally.wrong.push(wrong);
                }
                tally.over += 1;
            }
        }
        site.state
    }

    /// Makes a whole run, and returns how many entries its journal has and how many events it had.
    fn measure(&self, deployer: Deployer) -> (usize, usize) {
        let state = self.try_point(Point::new(Mark::Never, 0, deployer));
        let journal = journals(&state).pop().expect("a run has a journal");
        let events = std::fs::read_to_string(journal.folder.join("events.jsonl"));
        let events = events.expect("a run has events").lines().count();
        (journal.entries.len(), events)
    }

    /// Tries each of so many marks, a few side by side.
    fn try_all(&self, deployer: Deployer, mark: fn(usize) -> Mark, count: usize) {
        let next = AtomicUsize::new(1);
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at > count {
                    break;
                }
                self.try_point(Point::new(mark(at), at, deployer));
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..SIDE_BY_SIDE {
                scope.spawn(work);
            }
        });
    }

    /// Tries a few events and calls of docker that chance picks, odd ones and even ones in turn.
    fn try_some(&self, deployer: Deployer, sample: &Sample, chance: &mut Chance) {
        let mut pick = |index: usize, about: u64| {
            let pair = usize::try_from(chance.below(about / 2)).expect("it is small");
            2 + pair * 2 + index % 2
        };
        let mut points = Vec::new();
        for index in 0..sample.count {
            let event = pick(index, sample.events);
            points.push(Point::new(Mark::Event(event), event, deployer));
            let call = Mark::Call(pick(index, sample.calls));
            points.push(Point::of_call(call, deployer));
        }
        std::thread::scope(|scope| {
            for point in points {
                scope.spawn(move || self.try_point(point));
            }
        });
    }

    /// Kills a run at each of its calls of docker, until one ends untouched.
    fn try_calls(&self, deployer: Deployer) {
        for call in 1.. {
            let point = Point::of_call(Mark::Call(call), deployer);
            let over = || {
                self.tally
                    .lock()
                    .expect("no point fails with it in hand")
                    .over
            };
            let before = over();
            self.try_point(point);
            if over() > before {
                break;
            }
        }
    }
}

/// Makes a subject, lets something happen to it, and asserts that nothing is left in the end.
fn with_subject(example: &'static str, title: &str, act: impl FnOnce(&Subject<'_>)) {
    let _turn = TURNS.read().unwrap_or_else(PoisonError::into_inner);
    let began = Instant::now();
    let world = World::new(&[example]);
    let watch = Watch::begin(&world.marker);
    let canary = Canary::plant(&world.base_domain());
    let tally = Mutex::default();
    act(&Subject {
        world: &world,
        example,
        canary: &canary,
        sites: AtomicUsize::new(0),
        tally: &tally,
    });
    canary.uproot();
    let tally = tally.into_inner().expect("all points are over");
    say(&format!(
        "{title}: {} kill points ({} ccci alone, {} with its children, {} with nothing written since), {} runs over before, {:.0} s",
        tally.alone + tally.trees,
        tally.alone,
        tally.trees,
        tally.exact,
        tally.over,
        began.elapsed().as_secs_f64()
    ));
    assert!(tally.wrong.is_empty(), "{:#?}", tally.wrong);
    let volumes: BTreeSet<String> = watch.volumes();
    assert_eq!(existing_volumes(&volumes), Vec::<String>::new(), "volumes");
    assert!(tally.alone > 0 && tally.trees > 0, "{tally:?}");
}

/// Kills an example in each entry of its journal, and at some of its events and calls of docker, or at all.
fn kill_example(example: &'static str, sample: &Sample, deployer: Deployer) {
    let title = format!("{example} with {deployer:?}");
    let mut chance = Chance::new(&title);
    with_subject(example, &title, |subject| {
        let (entries, events) = std::thread::scope(|scope| {
            let whole = scope.spawn(|| subject.measure(deployer));
            if !wants_all() {
                subject.try_some(deployer, sample, &mut chance);
            }
            whole.join().expect("a run that nobody kills ends")
        });
        subject.try_all(deployer, Mark::Entry, entries);
        if wants_all() {
            subject.try_all(deployer, Mark::Event, events);
            subject.try_calls(deployer);
        }
    });
}

#[test]
fn the_static_site_leaves_nothing_wherever_its_run_is_killed() {
    kill_example("static-site", &STATIC_SITE, Deployer::Docker);
}

#[test]
fn the_static_site_leaves_nothing_wherever_its_run_with_abra_is_killed() {
    kill_example("static-site", &STATIC_SITE, Deployer::Abra);
}

#[test]
fn wordpress_leaves_nothing_wherever_its_run_is_killed() {
    kill_example("wordpress", &WORDPRESS, Deployer::Docker);
}

#[test]
fn wordpress_leaves_nothing_wherever_its_run_with_abra_is_killed() {
    kill_example("wordpress", &WORDPRESS, Deployer::Abra);
}
