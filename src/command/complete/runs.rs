//! The runs that this host knows, and the apps of those that may have left one.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{ground::Ground, offer::Offer};
use crate::{
    lifecycle::explanation::EVENTS,
    model::{
        event::{Event, Fact},
        recipe::RecipeName,
        run::RunId,
    },
    render::times,
    sys::{journal, lock::Leader, run_dir, run_files},
};

/// How many runs are looked into, the newest: reading all would keep whoever types waiting.
const LOOKED_INTO: usize = 100;
/// How much of the beginning and of the end of a run's events is read, in bytes: more than a line has.
const GLANCE: u64 = 16 << 10;

/// A run that was looked into.
struct Seen {
    /// Its id.
    id: RunId,
    /// The recipe under test.
    recipe: RecipeName,
    /// How it ended, or that it did not.
    outcome: &'static str,
    /// When it began.
    began: Timestamp,
}

impl Seen {
    /// Looks at the first and the last line of a run's events.
    fn of(state: &Path, id: &RunId, entry: &Path) -> Option<Self> {
        let elsewhere = entry.join("records");
        let records = if elsewhere.is_symlink() {
            &elsewhere
        } else {
            entry
        };
        let path = records.join(EVENTS);
        let first = run_files::beginning_within(&path, GLANCE);
        let last = run_files::ending_within(&path, GLANCE);
        let first: serde_json::Value = serde_json::from_str(first.lines().next()?).ok()?;
        let last = last.lines().next_back().unwrap_or_default();
        let outcome = match serde_json::from_str::<Event>(last).map(|event| event.fact) {
            Ok(Fact::RunFinished(finished)) => finished.verdict.word(),
            _ if Leader::is_alive(&state.join("locks"), id).unwrap_or(false) => "running",
            _ => "crashed",
        };
        Some(Self {
            id: id.clone(),
            recipe: first["recipe"].as_str()?.parse().ok()?,
            outcome,
            began: first["ts"].as_str()?.parse().ok()?,
        })
    }

    /// Says what it is.
    fn help(&self) -> String {
        let age = Timestamp::now().as_millisecond() - self.began.as_millisecond();
        let age = times::short(u64::try_from(age).unwrap_or_default());
        format!("{}, {}, {age} ago", self.recipe, self.outcome)
    }
}

/// Returns the state directory with the newest runs in it.
fn newest(ground: &Ground) -> Option<(PathBuf, Vec<(RunId, PathBuf)>)> {
    let state = ground.settings()?.state.dir.clone();
    let mut runs = run_dir::list(&state).ok()?;
    runs.truncate(LOOKED_INTO);
    Some((state, runs))
}

/// Returns the newest runs that go on from what is typed, and the recipes that they tested.
pub(super) fn runs(ground: &Ground, typed: &str) -> Vec<Offer> {
    let Some((state, runs)) = newest(ground) else {
        return Vec::new();
    };
    let seen = runs
        .iter()
        .filter_map(|(id, entry)| Seen::of(&state, id, entry));
    let seen: Vec<_> = seen.collect();
    let recipes: BTreeSet<_> = seen.iter().map(|run| &run.recipe).collect();
    let ids = seen.iter().filter(|run| run.id.as_str().starts_with(typed));
    let ids = ids.map(|run| Offer::new(run.id.as_str(), run.help()));
    let recipes = recipes
        .iter()
        .map(|name| Offer::new(name.as_str(), "its last run"));
    let latest = (!seen.is_empty()).then(|| Offer::new("latest", "the run that began last"));
    latest.into_iter().chain(ids).chain(recipes).collect()
}

/// Returns the domains of the apps that may still be there, then the ids of their runs.
pub(super) fn apps(ground: &Ground) -> Vec<Offer> {
    let (domains, ids): (Vec<_>, Vec<_>) = present(ground).into_iter().unzip();
    domains.into_iter().chain(ids).collect()
}

/// Returns the domains of the apps that may still be there.
pub(super) fn domains(ground: &Ground) -> Vec<Offer> {
    let pairs = present(ground).into_iter();
    pairs.map(|(domain, _)| domain).collect()
}

/// Returns the apps that may still be there by their journals: each by its domain and by its newest run.
fn present(ground: &Ground) -> Vec<(Offer, Offer)> {
    let Some((state, runs)) = newest(ground) else {
        return Vec::new();
    };
    let mut known = BTreeSet::new();
    let app = |(id, entry): &(RunId, PathBuf)| {
        let examined = journal::examine(entry).ok()??;
        let domain = examined.domain?;
        let is_left = !examined.history.open.is_empty() && known.insert(domain.clone());
        let help = || Seen::of(&state, id, entry).map_or_else(String::new, |run| run.help());
        is_left.then(|| {
            let help = help();
            let run = Offer::new(id.as_str(), help.clone());
            (Offer::new(domain.as_str(), help), run)
        })
    };
    runs.iter().filter_map(app).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        config::environment::Environment,
        model::{
            event::RunFinished,
            journal::{Begun, Entry, JOURNAL_VERSION},
            outcome::Verdict,
            resource::{Resource, ResourceKind},
            run::DeployerKind,
        },
        sys::journal::Journal,
    };

    /// Writes a run of a recipe that left its app or not.
    fn run(state: &Path, id: &str, recipe: &str, left: bool) {
        let entry = state.join("runs").join(id);
        fs::create_dir_all(&entry).unwrap();
        let began = Timestamp::now() - jiff::SignedDuration::from_secs(3 * 3600);
        let event = |seq, fact| Event {
            fact,
            v: 1,
            run_id: id.parse().unwrap(),
            seq,
            ts: began,
            elapsed_ms: 0,
            recipe: recipe.to_owned(),
        };
        let what = "image nginx:1.22.1".to_owned();
        let mut events = vec![event(0, Fact::Waiting { what })];
        if !left {
            let finished = RunFinished {
                verdict: Verdict::Pass,
                ..RunFinished::count(&[])
            };
            events.push(event(1, Fact::RunFinished(finished)));
        }
        let lines = events
            .iter()
            .map(|event| serde_json::to_string(event).unwrap() + "\n");
        fs::write(entry.join(EVENTS), lines.collect::<String>()).unwrap();
        let domain: crate::model::app::AppDomain = format!("{id}.ci.example.org").parse().unwrap();
        let journal = Journal::open(&entry).unwrap();
        let begun = Entry::Begun(Begun {
            version: JOURNAL_VERSION,
            run_id: id.parse().unwrap(),
            pid: 1,
            host: "h".into(),
            boot_id: "b".into(),
            started: began,
            recipe: recipe.parse().unwrap(),
            stack: domain.stack(),
            domain,
            deployer: DeployerKind::Docker,
        });
        journal.write(&begun).unwrap();
        let volume = Resource::new(ResourceKind::Volume, "v");
        journal.making(std::slice::from_ref(&volume)).unwrap();
        let left = if left { vec![volume] } else { Vec::new() };
        journal.write(&Entry::Closed { left }).unwrap();
    }

    fn said(offers: &[Offer]) -> Vec<String> {
        let said = |offer: &Offer| format!("{}: {}", offer.word, offer.help);
        offers.iter().map(said).collect()
    }

    #[test]
    fn runs_are_told_apart_and_only_apps_that_are_left_are_offered() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        run(&state, "k7m2q", "n8n", false);
        run(&state, "k8m2q", "gitea", true);
        fs::create_dir_all(state.join("runs/zzzzz")).unwrap();
        let env = Environment::of(&[
            ("HOME", home.path().to_str().unwrap()),
            ("CCCI_STATE_DIR", state.to_str().unwrap()),
        ]);
        let ground = Ground::new(env, vec!["ccci".into()]);
        let found = said(&runs(&ground, "k7"));
        let wanted = [
            "latest: the run that began last",
            "k7m2q: n8n, pass, 3h 0m ago",
            "gitea: its last run",
            "n8n: its last run",
        ];
        assert_eq!(found, wanted);
        let wanted = [
            "k8m2q.ci.example.org: gitea, crashed, 3h 0m ago",
            "k8m2q: gitea, crashed, 3h 0m ago",
        ];
        assert_eq!(said(&apps(&ground)), wanted);
        assert_eq!(said(&domains(&ground)), wanted[..1]);
    }

    #[test]
    fn how_many_runs_there_are_does_not_decide_how_many_are_read() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        for number in 0..LOOKED_INTO as u64 + 20 {
            let id = RunId::from_number(number * 7919);
            fs::create_dir_all(state.join("runs").join(id.as_str())).unwrap();
        }
        let env = Environment::of(&[
            ("HOME", home.path().to_str().unwrap()),
            ("CCCI_STATE_DIR", state.to_str().unwrap()),
        ]);
        let ground = Ground::new(env, vec!["ccci".into()]);
        assert_eq!(newest(&ground).unwrap().1.len(), LOOKED_INTO);
    }
}
