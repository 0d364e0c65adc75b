//! Promotions and quick runs that die anywhere: what is known to be good stays whole, and the next run heals the rest.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    fs,
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    canonical::{Known, Place},
    chance::{Chance, say, wants_all},
    processes::{End, Mark, Victims, journals, kill_at, marked},
    repository,
    world::{Deployer, Site, TURNS, World},
};

/// The releases of the fixture.
const PLAIN: &[&str] = &["0.1.0+1.35.0", "0.2.0+1.35.1"];
/// The release of the database that is promoted again and again.
const WORDPRESS: &[&str] = &["1.0.0+6.1.1-apache"];
/// About how many files a promotion puts on the disk as a whole.
const FILES: usize = 30;
/// About how many calls of docker it makes.
const CALLS: usize = 44;
/// How many canonicals there are, each in a world of its own, so that many runs are killed at the same time.
const SIDE_BY_SIDE: usize = 4;

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// A promotion.
    Promote,
    /// A run that takes the canonical over.
    Quick,
}

/// Where it is killed.
#[derive(Clone, Copy, Debug)]
struct Point {
    /// What is killed.
    deed: Deed,
    /// What it has done by then.
    mark: Mark,
    /// Who is killed.
    victims: Victims,
    /// What makes all well again.
    heals: Deed,
}

/// A recipe that has a canonical.
struct Subject {
    /// Where.
    world: World,
    /// The work tree and the state.
    site: Site,
    /// Where the canonical is.
    place: Place,
    /// The releases, which are promoted in turn.
    releases: &'static [&'static str],
}

/// What happened at the points.
#[derive(Default)]
struct Tally {
    /// How many runs were killed.
    killed: usize,
    /// How many of those left the canonical in use.
    in_use: usize,
    /// How many of them had promoted already.
    promoted: usize,
    /// How many were over before.
    over: usize,
    /// What was wrong.
    wrong: Vec<String>,
}

impl Subject {
    /// Makes a recipe in a world whose tests leave a mark of each install in its data.
    fn new(
        recipe: &'static str,
        service: &str,
        folder: &str,
        releases: &'static [&'static str],
    ) -> Self {
        let world = World::new(&[recipe]);
        world.keep(recipe, "recipe.toml", "warm-canonical = true\n", 0o644);
        let exec = concat!(env!("CARGO_BIN_EXE_ccci"), " exec");
        let test = format!(
            "#!/bin/sh\nexec {exec} {service} -- sh -c \"echo $CCCI_RUN_ID > {folder}/mark; chmod 640 {folder}/mark; chown 7:8 {folder}/mark\"\n"
        );
        world.keep(recipe, "test_install_mark.sh", &test, 0o755);
        let site = match recipe {
            "plain" => world.fixture(recipe, "site"),
            example => world.example(example, "site"),
        };
        let place = Place {
            folder: site.state.join("warm").join(recipe),
            stack: format!("warm-{recipe}.{}", world.base_domain()).replace('.', "_"),
        };
        Self {
            world,
            site,
            place,
            releases,
        }
    }

    /// Begins a promotion of a release.
    fn promote(&self, version: &str) -> Command {
        let args = ["promote", &self.site.target, "--version", version, "--yes"];
        self.world.begin(&self.site, Deployer::Docker, &args)
    }

    /// Begins a run that takes the canonical over.
    fn quick(&self, stages: &str) -> Command {
        let args = ["test", &self.site.target, "--quick", "--stages", stages];
        self.world.begin(&self.site, Deployer::Docker, &args)
    }

    /// Begins a whole test of a release.
    fn test(&self, version: &str) -> Command {
        let args = ["test", &self.site.target, "--version", version];
        self.world.begin(&self.site, Deployer::Docker, &args)
    }

    /// Returns the release that follows one.
    fn after(&self, version: &str) -> &'static str {
        let at = self.releases.iter().position(|one| *one == version);
        self.releases[(at.unwrap() + 1) % self.releases.len()]
    }

    /// Kills a run, then lets a janitor and the next run come; says what is wrong.
    fn try_point(&self, point: Point, tally: &Mutex<Tally>) -> Result<(), String> {
        let (before, state) = self.place.look()?;
        if state != "idle" {
            return Err(format!("it was {state} before"));
        }
        let target = self.after(&before.version);
        let mut ccci = match point.deed {
            Deed::Promote => self.promote(target),
            Deed::Quick => self.quick("install,upgrade"),
        };
        if let Mark::Call(call) = point.mark {
            World::doom(&mut ccci, &self.site, call);
        }
        let runs = journals(&self.site.state).len();
        let end = kill_at(ccci, &self.site.state, point.mark, point.victims);
        let (found, state) = self.place.look()?;
        self.check_known(point.deed, &before, (&found, target), runs)?;
        {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            match end {
                End::Killed { .. } => tally.killed += 1,
                End::Over { status } if status.success() => tally.over += 1,
                End::Over { status } => return Err(format!("it ended by itself with {status}")),
            }
            tally.in_use += usize::from(state != "idle");
            tally.promoted += usize::from(found != before);
        }
        let held = self.place.held(&found);
        let (code, said) = self.world.reap(&self.site.state);
        let kept = self.place.held(&found);
        if code != Some(0) || !kept.is_superset(&held) {
            return Err(format!(
                "the janitor exited {code:?} and left {kept:?} of {held:?}: {said}"
            ));
        }
        self.heal(point.heals, &found)
    }

    /// Asserts that what is known to be good is what was, or what the run promoted.
    fn check_known(
        &self,
        deed: Deed,
        before: &Known,
        (found, target): (&Known, &str),
        runs: usize,
    ) -> Result<(), String> {
        if found != before {
            let journals = journals(&self.site.state);
            let run = journals.get(runs).map(|journal| journal.begun("run_id"));
            if deed == Deed::Quick || found.version != target || Some(found.run.as_str()) != run {
                return Err(format!("{before:?} became {found:?}"));
            }
        }
        let checkout = self.world.path("work").join(&self.site.target);
        let tag = format!("{}^{{commit}}", found.version);
        if repository::git(&checkout, &["rev-parse", &tag]) != found.commit {
            return Err(format!("{found:?} is of another commit"));
        }
        if found.saved("mark") != found.run {
            return Err(format!(
                "{found:?} has data of run `{}`",
                found.saved("mark")
            ));
        }
        Ok(())
    }

    /// Lets another run follow, and asserts that all is well then.
    fn heal(&self, deed: Deed, found: &Known) -> Result<(), String> {
        let mut ccci = match deed {
            Deed::Promote => self.promote(self.after(&found.version)),
            Deed::Quick => self.quick("install"),
        };
        ccci.env_remove("CCCI_DOCKER");
        let runs = journals(&self.site.state).len();
        let end = kill_at(ccci, &self.site.state, Mark::Never, Victims::Alone);
        let journals = journals(&self.site.state);
        let run = journals.get(runs).ok_or("no run followed")?;
        if !matches!(end, End::Over { status } if status.success()) {
            let report = fs::read_to_string(run.folder.join("report.json"));
            return Err(format!("the next run ended with {end:?}: {report:?}"));
        }
        let (healed, state) = self.place.look()?;
        if state != "idle" {
            return Err(format!("it is {state} after the next run"));
        }
        let same = deed == Deed::Quick && healed != *found;
        if same || deed == Deed::Promote && healed.run != run.begun("run_id") {
            return Err(format!("the next run made {healed:?} of {found:?}"));
        }
        if deed == Deed::Promote && !healed.is_alone_in(&self.place) {
            return Err(format!("{:?} are there", self.place.folders()));
        }
        let living = journals
            .iter()
            .flat_map(|journal| marked(journal.begun("run_id")));
        let living: Vec<_> = living.collect();
        if !living.is_empty() {
            return Err(format!("{living:?} live on"));
        }
        self.place.check_idle(&healed)
    }

    /// Lets a run come to its end; returns how many entries its journal has.
    #[track_caller]
    fn whole(&self, ccci: Command) -> usize {
        let end = kill_at(ccci, &self.site.state, Mark::Never, Victims::Alone);
        let journal = journals(&self.site.state).pop().expect("it has a journal");
        let report = || fs::read_to_string(journal.folder.join("report.json"));
        let is_good = matches!(end, End::Over { status } if status.success());
        assert!(is_good, "{end:?}: {:?}", report());
        journal.entries.len()
    }

    /// Forgets the canonical, as a person does.
    fn forget(&self, recipe: &str) {
        let domain = format!("warm-{recipe}.{}", self.world.base_domain());
        let confirm = format!("--confirm={domain}");
        let args = ["teardown", &domain, &confirm];
        let (code, said) = self.world.call(&self.site.state, &args);
        assert_eq!(code, Some(0), "{said}");
        assert!(!self.place.folder.exists());
    }
}

/// Makes the points of a test, in the order in which they are tried.
fn points(marks: Vec<(Deed, Mark)>) -> Vec<Point> {
    let of = |(index, (deed, mark)): (usize, (Deed, Mark))| Point {
        deed,
        mark,
        victims: match mark {
            // It is the caller that dies there, and nobody else.
            Mark::Call(_) => Victims::Alone,
            _ if index % 2 == 0 => Victims::Alone,
            _ => Victims::Tree,
        },
        heals: if index % 4 < 2 {
            Deed::Quick
        } else {
            Deed::Promote
        },
    };
    marks.into_iter().enumerate().map(of).collect()
}

/// Tries points at some canonicals side by side, and asserts that nothing was wrong.
fn try_all(title: &str, subjects: &[Subject], points: &[Point]) -> Tally {
    let began = Instant::now();
    let (tally, next) = (Mutex::<Tally>::default(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for subject in subjects {
            let (tally, next) = (&tally, &next);
            scope.spawn(move || {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = subject.try_point(*point, tally) {
                        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                        tally.wrong.push(format!("{point:?}: {why}"));
                        // What follows would tell of this again.
                        break;
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    say(&format!(
        "{title}: {} kill points ({} amid the canonical's use, {} past its promotion), {} runs over before, {:.0} s",
        tally.killed,
        tally.in_use,
        tally.promoted,
        tally.over,
        began.elapsed().as_secs_f64()
    ));
    assert!(tally.wrong.is_empty(), "{:#?}", tally.wrong);
    tally
}

/// Lets the first of some subjects test each release, and gives the others its records.
fn share_records(subjects: &[Subject]) {
    let (first, others) = subjects.split_first().expect("there is one");
    for version in first.releases {
        first.whole(first.test(version));
    }
    for other in others {
        let (from, to) = (first.site.state.join("runs"), other.site.state.join("runs"));
        copy(&from, &to);
    }
}

/// Copies a folder.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry
            .map(|entry| (entry.path(), entry.file_name()))
            .unwrap();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

#[test]
fn what_is_known_to_be_good_survives_a_promotion_that_is_killed_anywhere() {
    let _turn = TURNS.read().unwrap_or_else(PoisonError::into_inner);
    let mut chance = Chance::new("promotions");
    let subject = |_| Subject::new("plain", "app", "/data", PLAIN);
    let subjects: Vec<_> = (0..SIDE_BY_SIDE).map(subject).collect();
    share_records(&subjects);
    let (first, others) = subjects.split_first().expect("there are some");
    let (entries, quick) = std::thread::scope(|scope| {
        for other in others {
            scope.spawn(|| other.whole(other.promote(PLAIN[0])));
        }
        let entries = first.whole(first.promote(PLAIN[0]));
        (entries, first.whole(first.quick("install,upgrade")))
    });
    let mut marks: Vec<_> = (1..=entries)
        .map(|at| (Deed::Promote, Mark::Entry(at)))
        .collect();
    let (files, calls, times) = if wants_all() {
        (FILES, CALLS, 20)
    } else {
        (6, 2, 1)
    };
    let mut pick = |all: usize, count: usize| -> Vec<usize> {
        if count >= all {
            return (1..=all).collect();
        }
        let below = u64::try_from(all).expect("it is small");
        let one = |_| 1 + usize::try_from(chance.below(below)).expect("it is small");
        (0..count).map(one).collect()
    };
    let mut add = |deed, mark: fn(usize) -> Mark, at: Vec<usize>| {
        marks.extend(at.into_iter().map(|at| (deed, mark(at))));
    };
    let after: fn(usize) -> Mark =
        |at| Mark::After(Duration::from_millis(400) * u32::try_from(at).expect("it is small"));
    add(Deed::Promote, Mark::File, pick(FILES, files));
    add(Deed::Promote, Mark::Call, pick(CALLS, calls));
    add(Deed::Promote, after, pick(20, times));
    add(
        Deed::Quick,
        Mark::Entry,
        pick(quick, if wants_all() { quick } else { 2 }),
    );
    add(Deed::Quick, Mark::File, pick(FILES, calls / 2));
    add(Deed::Quick, Mark::Call, pick(CALLS, calls));
    let tally = try_all("promotions of plain", &subjects, &points(marks));
    assert!(tally.in_use > 0 && tally.promoted > 0);
    for subject in &subjects {
        subject.forget("plain");
    }
}

#[test]
fn what_is_known_to_be_good_of_a_database_survives_a_promotion_that_is_killed() {
    let _turn = TURNS.read().unwrap_or_else(PoisonError::into_inner);
    let subject = Subject::new("wordpress", "db", "/var/lib/mysql", WORDPRESS);
    let entries = subject.whole(subject.test(WORDPRESS[0]));
    // Amid its deploy there are secrets of both; in its last entry those of the one before are to be gone.
    let at = if wants_all() {
        (1..=entries).collect()
    } else {
        vec![entries / 2, entries]
    };
    let marks = at
        .into_iter()
        .map(|at| (Deed::Promote, Mark::Entry(at)))
        .collect();
    try_all(
        "promotions of wordpress",
        std::slice::from_ref(&subject),
        &points(marks),
    );
    subject.forget("wordpress");
}
