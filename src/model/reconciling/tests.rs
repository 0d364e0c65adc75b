//! Each rule as a row: what is known of an app, and what is decided.

use super::*;
use crate::model::always_on::{Deployed, Held, RolledBack, Upgrading};

/// The fingerprint of what is configured.
const CONFIGURED: &str = "now";

fn v(tag: &str) -> RecipeVersion {
    tag.parse().unwrap()
}

/// Makes releases of tags; a `!` after one gives it notes that ask for work, a `?` notes that nobody can read.
fn releases(tags: &[&str]) -> Vec<Release> {
    let release = |tag: &&str| {
        let notes = match tag.chars().last() {
            Some('!') => Notes::Text("Please act.".to_owned()),
            Some('?') => Notes::Unreadable("too long".to_owned()),
            _ => Notes::Text("Faster.".to_owned()),
        };
        Release {
            version: v(tag.trim_end_matches(['!', '?'])),
            notes,
        }
    };
    tags.iter().map(release).collect()
}

fn record(deployed: Option<&str>) -> Record {
    let domain = "warm-keycloak.ci.example.org".parse().unwrap();
    let mut record = Record::new(
        "keycloak".parse().unwrap(),
        domain,
        jiff::Timestamp::UNIX_EPOCH,
    );
    record.deployed = deployed.map(|tag| Deployed {
        version: v(tag),
        commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
        configured: CONFIGURED.to_owned(),
    });
    record
}

fn well(tag: &str) -> Running {
    Running::Present {
        version: Some(v(tag)),
        health: Health::Well,
    }
}

fn unwell(tag: &str) -> Running {
    Running::Present {
        version: Some(v(tag)),
        health: Health::Unwell("1 of 2 tasks run".to_owned()),
    }
}

/// Decides, and shows the decision as one line.
fn decided(
    record: Option<&Record>,
    running: &Running,
    tags: &[&str],
    approve: Option<&str>,
) -> String {
    let (releases, approve) = (releases(tags), approve.map(v));
    let facts = Facts {
        record,
        running,
        releases: &releases,
        approve: approve.as_ref(),
        configured: CONFIGURED,
    };
    match decide(&"keycloak".parse().unwrap(), facts) {
        Ok(decision) => shown(&decision),
        Err(error) => error.to_string(),
    }
}

fn shown(decision: &Decision) -> String {
    let step = match &decision.step {
        Step::Nothing => "nothing".to_owned(),
        Step::Deploy { version } => format!("deploy {version}"),
        Step::Redeploy { version, why } => format!("redeploy {version} ({why})"),
        Step::Upgrade { from, to, why_safe } => format!("upgrade {from} {to} ({why_safe:?})"),
        Step::Recover(killed) => format!("recover {} {}", killed.from, killed.to),
    };
    let hold = decision.hold.as_ref().map(|hold| {
        let news = if hold.is_new { "new" } else { "old" };
        format!(
            "; hold {} of {} ({news}): {}",
            hold.version, hold.wanted, hold.why
        )
    });
    let back = decision.rolled_back.as_ref().map(|why| format!("; {why}"));
    [step, hold.unwrap_or_default(), back.unwrap_or_default()].concat()
}

/// Decides about an app that runs well at 1.4.0, as it was deployed.
fn at_1_4(tags: &[&str], approve: Option<&str>) -> String {
    let tag = "1.4.0+26.0";
    decided(Some(&record(Some(tag))), &well(tag), tags, approve)
}

#[test]
fn the_newest_release_is_taken_when_nothing_is_in_the_way() {
    for (tags, expected) in [
        (&["1.4.0+26.0"][..], "nothing"),
        (
            &["1.4.0+26.0", "1.5.0+26.1", "1.4.1+26.0"],
            "upgrade 1.4.0+26.0 1.5.0+26.1 (Minor)",
        ),
        (
            &["1.4.0+26.0", "1.4.0+26.10", "1.4.0+26.9"],
            "upgrade 1.4.0+26.0 1.4.0+26.10 (Minor)",
        ),
        // Never a downgrade, also where its own tag is gone.
        (&["1.3.0+26.0", "0.9.0+99"], "nothing"),
        (&[], "nothing"),
        // A candidate for a release is none.
        (&["1.4.0+26.0", "1.5.0-rc1+26.1"], "nothing"),
        // Notes of what runs and of what is older ask nobody any more.
        (
            &["1.3.0+25.0!", "1.4.0+26.0!", "1.4.1+26.0"],
            "upgrade 1.4.0+26.0 1.4.1+26.0 (Minor)",
        ),
    ] {
        assert_eq!(at_1_4(tags, None), expected, "{tags:?}");
    }
}

#[test]
fn a_major_release_and_notes_that_ask_for_work_hold_all_that_follows() {
    for (tags, expected) in [
        (
            &["1.4.0+26.0", "2.0.0+27.0"][..],
            "nothing; hold 2.0.0+27.0 of 2.0.0+27.0 (new): `2.0.0+27.0` is a major release",
        ),
        (
            &["1.4.0+26.0", "2.1.0+27.1", "2.0.0+27.0", "1.5.0+26.1"],
            "upgrade 1.4.0+26.0 1.5.0+26.1 (Minor); hold 2.0.0+27.0 of 2.1.0+27.1 (new): `2.0.0+27.0` is a major release",
        ),
        (
            &["1.4.0+26.0", "1.4.1+26.0", "1.5.0+26.1!", "1.6.0+26.2"],
            "upgrade 1.4.0+26.0 1.4.1+26.0 (Minor); hold 1.5.0+26.1 of 1.6.0+26.2 (new): the notes of `1.5.0+26.1` ask for work: Please act.",
        ),
        (
            &["1.4.0+26.0", "1.5.0+26.1?"],
            "nothing; hold 1.5.0+26.1 of 1.5.0+26.1 (new): the notes of `1.5.0+26.1` cannot be read: too long",
        ),
        // The part after the plus is the application's, which says nothing here.
        (
            &["1.4.0+26.0", "1.4.1+27.0"],
            "upgrade 1.4.0+26.0 1.4.1+27.0 (Minor)",
        ),
    ] {
        assert_eq!(at_1_4(tags, None), expected, "{tags:?}");
    }
}

#[test]
fn an_approval_lifts_holds_up_to_its_release_and_no_further() {
    let tags = [
        "1.4.0+26.0",
        "1.5.0+26.1!",
        "2.0.0+27.0",
        "2.1.0+27.1",
        "2.2.0+27.2!",
    ];
    let major = "`2.0.0+27.0` is a major release";
    for (approve, expected) in [
        ("1.4.0+26.0", "nothing; hold 1.5.0+26.1 of 2.2.0+27.2 (new): the notes of `1.5.0+26.1` ask for work: Please act.".to_owned()),
        ("1.5.0+26.1", format!("upgrade 1.4.0+26.0 1.5.0+26.1 (Approved); hold 2.0.0+27.0 of 2.2.0+27.2 (new): {major}")),
        // The minor release after an approved major one asks nothing more.
        ("2.0.0+27.0", "upgrade 1.4.0+26.0 2.1.0+27.1 (Approved); hold 2.2.0+27.2 of 2.2.0+27.2 (new): the notes of `2.2.0+27.2` ask for work: Please act.".to_owned()),
        ("9.0.0+1", "upgrade 1.4.0+26.0 2.2.0+27.2 (Approved)".to_owned()),
    ] {
        assert_eq!(at_1_4(&tags, Some(approve)), expected, "{approve}");
    }
    let next = at_1_4(
        &["1.4.0+26.0", "2.0.0+27.0", "3.0.0+28.0"],
        Some("2.0.0+27.0"),
    );
    assert!(
        next.starts_with("upgrade 1.4.0+26.0 2.0.0+27.0 (Approved); hold 3.0.0+28.0"),
        "{next}"
    );
}

#[test]
fn a_hold_is_news_once() {
    let tags = ["1.4.0+26.0", "2.0.0+27.0", "2.1.0+27.1"];
    let mut record = record(Some("1.4.0+26.0"));
    record.held = Some(Held {
        version: v("2.0.0+27.0"),
        why: "a major release".to_owned(),
    });
    let decide =
        |record: &Record, tags: &[&str]| decided(Some(record), &well("1.4.0+26.0"), tags, None);
    assert!(decide(&record, &tags).starts_with("nothing; hold 2.0.0+27.0 of 2.1.0+27.1 (old)"));
    let earlier = decide(&record, &["1.4.0+26.0", "1.5.0+26.0!", "2.0.0+27.0"]);
    assert!(
        earlier.starts_with("nothing; hold 1.5.0+26.0 of 2.0.0+27.0 (new)"),
        "{earlier}"
    );
}

#[test]
fn what_is_absent_is_deployed_at_what_its_data_is_of() {
    let tags = ["1.4.0+26.0", "1.5.0+26.1", "2.0.0+27.0!"];
    let decide =
        |record: Option<&Record>, tags: &[&str]| decided(record, &Running::Absent, tags, None);
    // Nothing has to be migrated, so that nothing is held.
    assert_eq!(decide(None, &tags), "deploy 2.0.0+27.0");
    assert_eq!(decide(Some(&record(None)), &tags), "deploy 2.0.0+27.0");
    let known = record(Some("1.4.0+26.0"));
    let again = decide(Some(&known), &tags);
    assert!(
        again.starts_with("deploy 1.4.0+26.0; hold 2.0.0+27.0"),
        "{again}"
    );
    let next = decide(Some(&known), &tags[1..]);
    assert!(next.starts_with("deploy 1.5.0+26.1; hold"), "{next}");
    let gone = "`1.4.0+26.0` has to be deployed again, and there is no such release any more, nor a later one that can be taken";
    assert_eq!(decide(Some(&known), &tags[2..]), gone);
    assert_eq!(decide(None, &[]), "`keycloak` has no release");
    assert_eq!(decide(None, &["1.0.0-rc1+1"]), "`keycloak` has no release");
}

#[test]
fn what_is_not_as_it_should_be_is_deployed_again() {
    let (tag, tags) = ("1.4.0+26.0", ["1.4.0+26.0"]);
    let known = record(Some(tag));
    let decide = |record: Option<&Record>, running: &Running, tags: &[&str]| {
        decided(record, running, tags, None)
    };
    let mended = "redeploy 1.4.0+26.0 (1 of 2 tasks run)";
    assert_eq!(decide(Some(&known), &unwell(tag), &tags), mended);
    // Also before an upgrade, which would else be blamed.
    assert_eq!(
        decide(Some(&known), &unwell(tag), &["1.4.0+26.0", "1.5.0+26.1"]),
        mended
    );
    assert_eq!(
        decide(Some(&known), &unwell(tag), &["1.5.0+26.1"]),
        "upgrade 1.4.0+26.0 1.5.0+26.1 (Minor)"
    );
    assert!(decide(Some(&known), &unwell(tag), &[]).starts_with("`1.4.0+26.0` has to be"));
    let mut other = known.clone();
    other.deployed.as_mut().unwrap().configured = "before".to_owned();
    let changed = "redeploy 1.4.0+26.0 (its configuration changed)";
    assert_eq!(decide(Some(&other), &well(tag), &tags), changed);
    // An upgrade brings the new configuration along.
    assert_eq!(
        decide(Some(&other), &well(tag), &["1.4.0+26.0", "1.5.0+26.1"]),
        "upgrade 1.4.0+26.0 1.5.0+26.1 (Minor)"
    );
    let unknown = "redeploy 1.4.0+26.0 (nothing is known of how it was deployed)";
    assert_eq!(decide(None, &well(tag), &tags), unknown);
    let foreign = decide(Some(&record(Some("1.3.0+25.0"))), &well(tag), &tags);
    assert_eq!(foreign, "redeploy 1.4.0+26.0 (somebody else deployed it)");
}

#[test]
fn what_is_of_no_release_waits_for_a_person() {
    let running = Running::Present {
        version: None,
        health: Health::Well,
    };
    let known = record(Some("1.4.0+26.0"));
    let decide = |approve| {
        decided(
            Some(&known),
            &running,
            &["1.4.0+26.0", "1.5.0+26.1"],
            approve,
        )
    };
    let held = "nothing; hold 1.5.0+26.1 of 1.5.0+26.1 (new): what runs is no release, so that nobody knows which upgrade it would be";
    assert_eq!(decide(None), held);
    assert_eq!(decide(Some("1.4.0+26.0")), held);
    assert_eq!(
        decide(Some("1.5.0+26.1")),
        "redeploy 1.5.0+26.1 (what runs is no release, and the newest one is approved)"
    );
}

#[test]
fn a_killed_upgrade_is_undone_before_all_else() {
    let mut record = record(Some("1.4.0+26.0"));
    record.upgrading = Some(Upgrading {
        from: v("1.4.0+26.0"),
        to: v("1.5.0+26.1"),
        snapshot: None,
        failed: None,
    });
    for running in [Running::Absent, well("1.5.0+26.1"), unwell("1.4.0+26.0")] {
        let decided = decided(Some(&record), &running, &["1.6.0+26.2", "2.0.0+27.0"], None);
        assert_eq!(decided, "recover 1.4.0+26.0 1.5.0+26.1");
    }
}

#[test]
fn what_was_rolled_back_waits_for_a_newer_release_or_a_fresh_approval() {
    let back = |approved: Option<&str>| {
        let mut record = record(Some("1.4.0+26.0"));
        record.rolled_back = Some(RolledBack {
            version: v("1.6.0+26.2"),
            why: "`app` never answered".to_owned(),
            approved: approved.map(v),
        });
        record
    };
    let decide = |record: &Record, tags: &[&str], approve: Option<&str>| {
        decided(Some(record), &well("1.4.0+26.0"), tags, approve)
    };
    let tags = ["1.4.0+26.0", "1.5.0+26.1", "1.6.0+26.2"];
    let left = "nothing; `1.6.0+26.2` was rolled back: `app` never answered";
    assert_eq!(decide(&back(None), &tags, None), left);
    // What lies before it is not tried either.
    assert_eq!(decide(&back(None), &tags[..2], None), left);
    assert_eq!(decide(&back(None), &tags, Some("1.5.0+26.1")), left);
    let again = "upgrade 1.4.0+26.0 1.6.0+26.2 (Minor)";
    assert_eq!(decide(&back(None), &tags, Some("1.6.0+26.2")), again);
    // The approval by which it was tried is no fresh one.
    assert_eq!(decide(&back(Some("2.0.0+1")), &tags, Some("2.0.0+1")), left);
    assert_eq!(
        decide(&back(Some("2.0.0+1")), &tags, Some("1.6.0+26.2")),
        again
    );
    let newer = ["1.4.0+26.0", "1.6.0+26.2", "1.6.1+26.3"];
    assert_eq!(
        decide(&back(None), &newer, None),
        "upgrade 1.4.0+26.0 1.6.1+26.3 (Minor)"
    );
    // A newer release that is held lets nobody try the old one again.
    let held = ["1.4.0+26.0", "1.6.0+26.2", "2.0.0+27.0"];
    assert_eq!(
        decide(&back(None), &held, None),
        "nothing; hold 2.0.0+27.0 of 2.0.0+27.0 (new): `2.0.0+27.0` is a major release; `1.6.0+26.2` was rolled back: `app` never answered"
    );
}

/// Does what is decided until nothing is left to do, with upgrades that end as told, and returns the steps.
fn converge(
    mut record: Record,
    tags: &[&str],
    is_well: impl Fn(&RecipeVersion) -> bool,
) -> Vec<String> {
    let releases = releases(tags);
    let mut running = Running::Absent;
    let now = jiff::Timestamp::UNIX_EPOCH;
    let mut steps = Vec::new();
    for _ in 0..50 {
        let facts = Facts {
            record: Some(&record),
            running: &running,
            releases: &releases,
            approve: None,
            configured: CONFIGURED,
        };
        let decision = decide(&record.recipe.clone(), facts).unwrap();
        let held = decision.hold.as_ref().map(|hold| Held {
            version: hold.version.clone(),
            why: hold.why.clone(),
        });
        record = record.held(held, now);
        let deployed = |version: &RecipeVersion| Deployed {
            version: version.clone(),
            commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
            configured: CONFIGURED.to_owned(),
        };
        match &decision.step {
            Step::Nothing => return steps,
            Step::Deploy { version } | Step::Redeploy { version, .. } => {
                running = well(version.as_str());
                record = record.deployed(deployed(version), now);
            }
            Step::Upgrade { to, .. } if is_well(to) => {
                running = well(to.as_str());
                record = record.deployed(deployed(to), now);
            }
            Step::Upgrade { to, .. } => {
                let back = RolledBack {
                    version: to.clone(),
                    why: "unwell".to_owned(),
                    approved: None,
                };
                record = record.rolled_back(back, now);
            }
            Step::Recover(_) => panic!("nothing was killed"),
        }
        steps.push(shown(&decision));
    }
    panic!("it never ends: {steps:?}")
}

#[test]
fn whatever_upgrades_end_as_the_steps_come_to_an_end() {
    let tags = [
        "1.3.0+1", "1.4.0+1", "1.5.0+1", "1.6.0+1!", "2.0.0+1", "3.0.0+1!",
    ];
    let start = || record(Some("1.3.0+1"));
    let good = converge(start(), &tags, |_| true);
    assert_eq!(good.len(), 2, "{good:?}");
    assert!(good[1].starts_with("upgrade 1.3.0+1 1.5.0+1"), "{good:?}");
    let bad = converge(start(), &tags, |_| false);
    assert_eq!(bad.len(), 2, "{bad:?}");
    // Each subset of releases that are well leads to an end.
    for wells in 0..1_u32 << tags.len() {
        let releases = releases(&tags);
        let is_well = |version: &RecipeVersion| {
            let place = releases
                .iter()
                .position(|release| release.version == *version);
            wells & (1 << place.unwrap()) != 0
        };
        converge(start(), &tags, is_well);
    }
}
