//! Which apps are orphans: decided from the registry of runs, what is on the swarm, and the time.

mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;

pub use self::verdict::{Cause, Excuse, Verdict};
use super::{
    app::AppDomain,
    event::TeardownFinished,
    journal::{History, Reading},
    resource::{Resource, ResourceKind},
    run::RunId,
};

/// A run of the registry that is not known to have left nothing.
#[derive(Clone, Debug)]
pub struct KnownRun {
    /// Its id.
    pub id: RunId,
    /// Its app.
    pub domain: AppDomain,
    /// What its journal says.
    pub history: History,
    /// How far the journal can be relied upon.
    pub reading: Reading,
    /// Whether a process leads it.
    pub is_led: bool,
}

/// An object on the swarm with the stack that its label names.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What it is.
    pub resource: Resource,
    /// What docker knows it by.
    pub id: String,
    /// The stack.
    pub stack: Option<String>,
}

/// All that is known of one app.
#[derive(Clone, Debug)]
pub struct App {
    /// Its domain.
    pub domain: AppDomain,
    /// Its runs that may have left something.
    pub runs: Vec<KnownRun>,
    /// Its objects on the swarm.
    pub objects: Vec<Listed>,
    /// Whether it was removed here within the last day.
    pub is_buried: bool,
}

/// What has to be looked up of one app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether somebody holds its lock.
    pub is_held: bool,
    /// When its youngest lasting object came into being; nothing when that is not known.
    pub born: Option<Timestamp>,
}

/// What the decision rests on besides the apps.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The time.
    pub now: Timestamp,
    /// How old an app of another host has to be.
    pub max_age: Duration,
    /// This machine's name.
    pub host: &'a str,
    /// What tells this start of the machine from others.
    pub boot_id: &'a str,
    /// Whether nothing but ccci uses names below the base domain.
    pub base_domain_is_ours: bool,
}

/// What became of one app.
#[derive(Clone, Debug, Serialize)]
pub struct Reaped {
    /// Its domain.
    pub domain: AppDomain,
    /// Its runs.
    pub runs: Vec<RunId>,
    /// How many objects of it were found.
    pub objects: usize,
    /// `reap` or `spare`.
    pub verdict: Verdict,
    /// Why, for people.
    pub reason: String,
    /// Whether it was removed and nothing of it is left, on the swarm or on disk.
    pub gone: bool,
    /// How its removal ended; nothing when none was made.
    pub teardown: Option<TeardownFinished>,
}

/// A run whose journal does not tell which app it had.
#[derive(Clone, Debug, Serialize)]
pub struct Unreadable {
    /// The run.
    pub run: RunId,
    /// What is the matter.
    pub reason: String,
}

impl App {
    /// Begins what is known of an app.
    pub fn new(domain: AppDomain) -> Self {
        Self {
            domain,
            runs: Vec::new(),
            objects: Vec::new(),
            is_buried: false,
        }
    }

    /// Returns the whole names that are the app's although no label says so.
    pub fn names(&self) -> BTreeSet<Resource> {
        let announced = self.runs.iter().flat_map(|run| &run.history.open);
        let found = self.objects.iter().filter(|object| object.stack.is_none());
        announced
            .chain(found.map(|object| &object.resource))
            .cloned()
            .collect()
    }

    /// Makes the record of what became of the app.
    pub fn reaped(&self, verdict: Verdict, teardown: Option<TeardownFinished>) -> Reaped {
        let is_damaged = |run: &KnownRun| run.reading == Reading::Damaged;
        let damage = if self.runs.iter().any(is_damaged) {
            "; the end of its journal is damaged"
        } else {
            ""
        };
        Reaped {
            domain: self.domain.clone(),
            runs: self.runs.iter().map(|run| run.id.clone()).collect(),
            objects: self.objects.len(),
            verdict,
            reason: format!("{verdict}{damage}"),
            gone: false,
            teardown,
        }
    }

    /// Tells whether the app's age has to be known.
    pub fn needs_age(&self, rules: &Rules<'_>) -> bool {
        let recorded = !self.runs.is_empty();
        let is_ours = recorded || rules.base_domain_is_ours;
        let is_here = recorded && self.runs.iter().all(|run| rules.is_here(&run.history));
        self.domain.follows_run_scheme() && is_ours && !is_here && !self.objects.is_empty()
    }

    /// Tells whether all that is there are volumes of an app that was removed a short while ago.
    fn is_late(&self) -> bool {
        let mut kinds = self.objects.iter().map(|object| object.resource.kind);
        self.is_buried && kinds.all(|kind| kind == ResourceKind::Volume)
    }
}

impl Rules<'_> {
    /// Tells whether a run was made by this machine.
    fn is_here(&self, history: &History) -> bool {
        let begun = history.begun.as_ref();
        begun.is_some_and(|begun| {
            let same_start = !self.boot_id.is_empty() && begun.boot_id == self.boot_id;
            begun.host == self.host || same_start
        })
    }
}

/// Gathers what is known of each app: of those with a record, and of those below the base domain.
pub fn group(
    runs: Vec<KnownRun>,
    objects: Vec<Listed>,
    buried: &[AppDomain],
    base: &AppDomain,
) -> Vec<App> {
    let mut apps: BTreeMap<AppDomain, App> = BTreeMap::new();
    let mut named: BTreeMap<Resource, AppDomain> = BTreeMap::new();
    for run in runs {
        let names = run.history.open.iter();
        named.extend(names.map(|name| (name.clone(), run.domain.clone())));
        let app = apps.entry(run.domain.clone());
        let domain = run.domain.clone();
        app.or_insert_with(|| App::new(domain)).runs.push(run);
    }
    let recorded = apps.keys().chain(buried);
    let stacks: BTreeMap<String, AppDomain> = recorded
        .map(|domain| (domain.stack().as_str().to_owned(), domain.clone()))
        .collect();
    let labels: BTreeSet<String> = objects.iter().filter_map(|o| o.stack.clone()).collect();
    for object in objects {
        let domain = match &object.stack {
            Some(stack) => stacks.get(stack).cloned(),
            None => named.get(&object.resource).cloned(),
        };
        let domain = domain.or_else(|| match &object.stack {
            Some(stack) => AppDomain::of_stack(stack, base),
            None => by_name(&object.resource.name, &labels, base),
        });
        if let Some(domain) = domain {
            let app = apps.entry(domain.clone());
            app.or_insert_with(|| App::new(domain)).objects.push(object);
        }
    }
    for domain in buried {
        if let Some(app) = apps.get_mut(domain) {
            app.is_buried = true;
        }
    }
    apps.into_values().collect()
}

/// Returns the run's app that an object without a label belongs to by its name.
fn by_name(name: &str, labels: &BTreeSet<String>, base: &AppDomain) -> Option<AppDomain> {
    let domain = AppDomain::of_run_object(name, base)?;
    let own = domain.stack().as_str().len();
    // A stack whose name goes on from ours, as one below `ci.example.org.uk`, has the better claim.
    let ends = name.match_indices('_').map(|(end, _)| end);
    let is_theirs = ends
        .filter(|end| *end > own)
        .any(|end| labels.contains(&name[..end]));
    (!is_theirs).then_some(domain)
}

/// Decides what becomes of an app.
pub fn judge(app: &App, seen: Seen, rules: &Rules<'_>) -> Verdict {
    let is_led = app.runs.iter().any(|run| run.is_led);
    let is_here = app.runs.iter().all(|run| rules.is_here(&run.history));
    let kept = app
        .runs
        .iter()
        .filter_map(|run| run.history.kept_until)
        .max();
    let newer = app.runs.iter().any(|run| run.reading == Reading::Newer);
    if app.domain.is_warm() {
        return Verdict::Spare(Excuse::Warm);
    } else if !app.domain.follows_run_scheme() {
        return Verdict::Spare(Excuse::Foreign);
    } else if is_led || (seen.is_held && (app.runs.is_empty() || !is_here)) {
        return Verdict::Spare(Excuse::Live);
    } else if newer {
        return Verdict::Spare(Excuse::Newer);
    }
    match kept {
        Some(until) if until > rules.now => Verdict::Spare(Excuse::Kept(until)),
        _ if app.runs.is_empty() => judge_unrecorded(app, seen, rules),
        _ if !is_here => judge_age(app, seen, rules),
        _ if seen.is_held => Verdict::Reap(Cause::Strays),
        Some(until) => Verdict::Reap(Cause::Expired(until)),
        None => Verdict::Reap(Cause::Orphan),
    }
}

/// Decides what becomes of an app of which no run here tells.
fn judge_unrecorded(app: &App, seen: Seen, rules: &Rules<'_>) -> Verdict {
    if app.is_late() {
        Verdict::Reap(Cause::Late)
    } else if rules.base_domain_is_ours {
        judge_age(app, seen, rules)
    } else {
        Verdict::Spare(Excuse::Unrecorded)
    }
}

/// Decides by age what becomes of an app of another host.
fn judge_age(app: &App, seen: Seen, rules: &Rules<'_>) -> Verdict {
    let begun = app.runs.iter().filter_map(|run| run.history.begun.as_ref());
    let started = begun.map(|begun| begun.started).max();
    if seen.born.is_none() && !app.objects.is_empty() {
        return Verdict::Spare(Excuse::Ageless);
    }
    let Some(youngest) = started.max(seen.born) else {
        return Verdict::Spare(Excuse::Ageless);
    };
    match Duration::try_from(rules.now.duration_since(youngest)) {
        Err(_) => Verdict::Spare(Excuse::Future),
        Ok(age) if age <= rules.max_age => Verdict::Spare(Excuse::Young),
        Ok(_) => Verdict::Reap(Cause::Old),
    }
}

#[cfg(test)]
mod tests;
