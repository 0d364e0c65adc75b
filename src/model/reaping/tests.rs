//! What is reaped and what never is: single cases, and many random inventories.

use jiff::SignedDuration;

use super::*;
use crate::model::{journal::Begun, run::DeployerKind};

/// This machine.
const HERE: &str = "here";
/// This start of it.
const BOOT: &str = "boot";
/// How old what is not of this host has to be.
const MAX_AGE: Duration = Duration::from_secs(7200);

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

fn rules(base_domain_is_ours: bool) -> Rules<'static> {
    Rules {
        now: now(),
        max_age: MAX_AGE,
        host: HERE,
        boot_id: BOOT,
        base_domain_is_ours,
    }
}

fn base() -> AppDomain {
    "ci.example.org".parse().unwrap()
}

fn run(domain: &str, host: &str, started: Timestamp) -> KnownRun {
    let domain: AppDomain = domain.parse().unwrap();
    let id = RunId::from_number(7);
    let begun = Begun {
        version: 1,
        run_id: id.clone(),
        pid: 1,
        host: host.to_owned(),
        boot_id: format!("boot of {host}"),
        started,
        recipe: "wordpress".parse().unwrap(),
        stack: domain.stack(),
        domain: domain.clone(),
        deployer: DeployerKind::Docker,
    };
    let history = History {
        begun: Some(begun),
        ..History::default()
    };
    KnownRun {
        id,
        domain,
        history,
        reading: Reading::Whole,
        is_led: false,
    }
}

fn listed(kind: ResourceKind, name: &str, stack: Option<&str>) -> Listed {
    Listed {
        resource: Resource::new(kind, name),
        id: name.to_owned(),
        stack: stack.map(str::to_owned),
    }
}

const WORD: &str = "word-3fa91c.ci.example.org";
const WORD_STACK: &str = "word-3fa91c_ci_example_org";

/// Judges the one app that a run makes.
fn verdict_of(run: KnownRun, is_held: bool) -> Verdict {
    let apps = group(vec![run], Vec::new(), &[], &base());
    let seen = Seen {
        is_held,
        born: None,
    };
    judge(&apps[0], seen, &rules(true))
}

#[test]
fn a_lock_decides_and_age_does_not() {
    for age in [hours(-48), hours(0), hours(48)] {
        let own = || run(WORD, HERE, now() - age);
        assert_eq!(verdict_of(own(), false), Verdict::Reap(Cause::Orphan));
        let mut led = own();
        led.is_led = true;
        assert_eq!(verdict_of(led, true), Verdict::Spare(Excuse::Live));
        assert_eq!(verdict_of(own(), true), Verdict::Reap(Cause::Strays));
    }
}

#[test]
fn a_machine_that_changed_its_name_still_is_this_one() {
    let mut renamed = run(WORD, "old-name", now());
    let begun = renamed.history.begun.as_mut().unwrap();
    begun.boot_id = BOOT.to_owned();
    assert_eq!(verdict_of(renamed, false), Verdict::Reap(Cause::Orphan));
}

#[test]
fn a_kept_app_stays_until_it_expires() {
    let mut kept = run(WORD, HERE, now());
    kept.history.kept_until = Some(now() + hours(1));
    let expected = Verdict::Spare(Excuse::Kept(now() + hours(1)));
    assert_eq!(verdict_of(kept.clone(), false), expected);
    assert_eq!(expected.to_string(), "kept until 2026-11-20 13:00 UTC");
    kept.history.kept_until = Some(now());
    let expected = Verdict::Reap(Cause::Expired(now()));
    assert_eq!(verdict_of(kept, false), expected);
}

#[test]
fn a_record_of_another_host_needs_age() {
    let at = |started| verdict_of(run(WORD, "there", started), false);
    assert_eq!(at(now() - hours(1)), Verdict::Spare(Excuse::Young));
    assert_eq!(at(now() - hours(3)), Verdict::Reap(Cause::Old));
    assert_eq!(at(now() + hours(1)), Verdict::Spare(Excuse::Future));
    let held = verdict_of(run(WORD, "there", now() - hours(3)), true);
    assert_eq!(held, Verdict::Spare(Excuse::Live));
}

#[test]
fn what_a_newer_ccci_wrote_is_left_alone() {
    let mut newer = run(WORD, HERE, now() - hours(9));
    newer.reading = Reading::Newer;
    assert_eq!(verdict_of(newer, false), Verdict::Spare(Excuse::Newer));
}

#[test]
fn a_damaged_journal_is_shown_and_its_whole_lines_count() {
    let mut damaged = run(WORD, HERE, now());
    damaged.reading = Reading::Damaged;
    let secret = Resource::new(ResourceKind::Secret, "plain-name");
    damaged.history.open.insert(secret.clone());
    let apps = group(vec![damaged], Vec::new(), &[], &base());
    let verdict = judge(&apps[0], Seen::default(), &rules(false));
    assert_eq!(verdict, Verdict::Reap(Cause::Orphan));
    assert!(apps[0].names().contains(&secret));
    let reaped = apps[0].reaped(verdict, None);
    assert!(reaped.reason.ends_with("its journal is damaged"));
}

/// Judges the one app that objects make.
fn verdict_by_name(objects: Vec<Listed>, born: Option<Timestamp>, claimed: bool) -> Verdict {
    let apps = group(Vec::new(), objects, &[], &base());
    assert_eq!(apps.len(), 1);
    let seen = Seen {
        is_held: false,
        born,
    };
    assert_eq!(apps[0].needs_age(&rules(claimed)), claimed);
    judge(&apps[0], seen, &rules(claimed))
}

#[test]
fn a_name_alone_is_not_enough_unless_the_domain_is_ours() {
    let old = Some(now() - hours(3));
    let volume = || vec![listed(ResourceKind::Volume, "x", Some(WORD_STACK))];
    let unrecorded = Verdict::Spare(Excuse::Unrecorded);
    assert_eq!(verdict_by_name(volume(), old, false), unrecorded);
    assert_eq!(
        verdict_by_name(volume(), old, true),
        Verdict::Reap(Cause::Old)
    );
    let ageless = Verdict::Spare(Excuse::Ageless);
    assert_eq!(verdict_by_name(volume(), None, true), ageless);
    let secret = listed(ResourceKind::Secret, &format!("{WORD_STACK}_key_v1"), None);
    let reap = verdict_by_name(vec![secret], old, true);
    assert_eq!(reap, Verdict::Reap(Cause::Old));
}

#[test]
fn a_late_volume_is_reaped_and_a_living_app_of_that_name_is_not() {
    let buried = [WORD.parse().unwrap()];
    let volume = listed(ResourceKind::Volume, "x", Some(WORD_STACK));
    let service = listed(ResourceKind::Service, "y", Some(WORD_STACK));
    let judged = |objects: Vec<Listed>| {
        let apps = group(Vec::new(), objects, &buried, &base());
        judge(&apps[0], Seen::default(), &rules(false))
    };
    assert_eq!(judged(vec![volume.clone()]), Verdict::Reap(Cause::Late));
    let both = judged(vec![volume, service]);
    assert_eq!(both, Verdict::Spare(Excuse::Unrecorded));
    assert!(group(Vec::new(), Vec::new(), &buried, &base()).is_empty());
}

#[test]
fn an_object_without_a_label_goes_to_whom_its_whole_name_fits_best() {
    let known = Resource::new(ResourceKind::Secret, "shared");
    let mut own = run(WORD, HERE, now());
    own.history.open.insert(known.clone());
    let uk = format!("{WORD_STACK}_uk");
    let objects = vec![
        listed(ResourceKind::Secret, "shared", None),
        listed(ResourceKind::Volume, "shared", None),
        listed(ResourceKind::Secret, &format!("{WORD_STACK}0_key_v1"), None),
        listed(ResourceKind::Secret, &format!("{uk}_key_v1"), None),
        listed(ResourceKind::Service, &format!("{uk}_app"), Some(&uk)),
    ];
    let apps = group(vec![own], objects, &[], &base());
    assert_eq!(apps.len(), 1);
    let found: Vec<_> = apps[0].objects.iter().map(|o| &o.resource).collect();
    assert_eq!(found, [&known]);
}

#[test]
fn look_alikes_of_an_orphan_are_nobodys_orphans() {
    let mut objects = Vec::new();
    for n in 0..200 {
        let stack = match n % 4 {
            0 => format!("word-3fa91c{n}_ci_example_org"),
            1 => format!("word-3fa91c_ci_example_org{n}"),
            2 => format!("{n}word-3fa91c_ci_example_org"),
            _ => format!("word-3fa91c_ci_example_org_{n}"),
        };
        let name = format!("{stack}_data");
        objects.push(listed(ResourceKind::Volume, &name, Some(&stack)));
    }
    let own = run(WORD, HERE, now());
    for app in group(vec![own], objects, &[], &base()) {
        let seen = Seen {
            is_held: false,
            born: Some(now() - hours(9)),
        };
        let reaped = matches!(judge(&app, seen, &rules(true)), Verdict::Reap(_));
        assert_eq!(reaped, app.domain.as_str() == WORD, "{}", app.domain);
        assert!(!reaped || app.objects.is_empty());
    }
}

/// A generator of numbers that gives the same ones for the same seed (splitmix64).
struct Numbers(u64);

impl Numbers {
    /// Returns a number below a limit.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    /// Returns yes or no.
    fn yes(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// What an app of a random inventory is in truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Live,
    Kept,
    Dead,
    Elsewhere,
    Unrecorded,
    Warm,
    Foreign,
}

/// Everything about one app of a random inventory.
struct Case {
    truth: Truth,
    domain: String,
    run: Option<KnownRun>,
    objects: Vec<Listed>,
    seen: Seen,
}

/// Makes an app of a random inventory; its number keeps its name apart from the others'.
fn case(numbers: &mut Numbers, number: u64) -> Case {
    let truth = match numbers.below(7) {
        0 => Truth::Live,
        1 => Truth::Kept,
        2 => Truth::Dead,
        3 => Truth::Elsewhere,
        4 => Truth::Unrecorded,
        5 => Truth::Warm,
        _ => Truth::Foreign,
    };
    let label = match truth {
        Truth::Warm => format!("warm-{number:06x}"),
        Truth::Foreign if numbers.yes() => "traefik".to_owned(),
        Truth::Foreign => format!("word-{number:05x}"),
        _ => format!("word-{number:06x}"),
    };
    let domain = format!("{label}.ci.example.org");
    let time = now() + SignedDuration::from_mins(i64::try_from(numbers.below(960)).unwrap() - 600);
    let host = if truth == Truth::Elsewhere {
        "there"
    } else {
        HERE
    };
    let mut known = run(&domain, host, time);
    known.is_led = truth == Truth::Live && numbers.yes();
    known.history.kept_until = match truth {
        Truth::Kept => Some(now() + SignedDuration::from_secs(1)),
        Truth::Dead if numbers.yes() => Some(now()),
        _ => None,
    };
    let has_record = match truth {
        Truth::Unrecorded => false,
        // Even a record that should not be there reaps none of these.
        Truth::Warm | Truth::Foreign => numbers.yes(),
        // A run that has not written anything yet is known by its lock alone.
        Truth::Live => known.is_led,
        Truth::Kept | Truth::Dead | Truth::Elsewhere => true,
    };
    let stack = known.domain.stack();
    let objects = (0..numbers.below(3)).map(|place| {
        let kind = ResourceKind::ALL[usize::try_from(numbers.below(6)).unwrap()];
        let label = numbers.yes().then_some(stack.as_str());
        listed(kind, &stack.object(&format!("n{place}")), label)
    });
    let objects = objects.collect();
    let seen = Seen {
        is_held: truth == Truth::Live || (truth == Truth::Dead && numbers.yes()),
        born: numbers.yes().then_some(time),
    };
    Case {
        truth,
        domain,
        run: has_record.then_some(known),
        objects,
        seen,
    }
}

#[test]
fn no_random_inventory_loses_what_is_alive_kept_warm_or_foreign() {
    let mut reaped = 0;
    for seed in 0..100_000 {
        let mut numbers = Numbers(seed);
        let claimed = numbers.yes();
        let count = 1 + numbers.below(3);
        let cases: Vec<Case> = (0..count).map(|n| case(&mut numbers, n)).collect();
        let runs = cases.iter().filter_map(|case| case.run.clone()).collect();
        let objects = cases.iter().flat_map(|case| case.objects.clone());
        let apps = group(runs, objects.collect(), &[], &base());
        let rules = rules(claimed);
        for case in &cases {
            let app = apps.iter().find(|app| app.domain.as_str() == case.domain);
            let verdict = app.map(|app| judge(app, case.seen, &rules));
            let is_reaped = matches!(verdict, Some(Verdict::Reap(_)));
            let is_old = case.seen.born.is_some_and(|born| born < now() - hours(2));
            let allowed = match case.truth {
                Truth::Live | Truth::Kept | Truth::Warm | Truth::Foreign => false,
                Truth::Dead => true,
                Truth::Unrecorded => claimed && is_old,
                Truth::Elsewhere => is_old || case.objects.is_empty(),
            };
            assert!(
                !is_reaped || allowed,
                "seed {seed}: {}: {verdict:?}",
                case.domain
            );
            let must = case.truth == Truth::Dead;
            assert!(
                is_reaped || !must,
                "seed {seed}: {}: {verdict:?}",
                case.domain
            );
            reaped += usize::from(is_reaped);
        }
    }
    assert!(reaped > 10_000, "{reaped}");
}
