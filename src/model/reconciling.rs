//! What is to be done about an always-on app: decided from its record, what runs, its releases and what a person approved.

mod course;

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use self::course::Course;
use super::{
    always_on::{Record, Upgrading},
    app::AppDomain,
    outcome::Trouble,
    recipe::{RecipeName, RecipeVersion},
};

/// A release of a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its tag.
    pub version: RecipeVersion,
    /// What its maintainers say of it.
    pub notes: Notes,
}

/// The notes of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notes {
    /// There are none.
    None,
    /// They say this.
    Text(String),
    /// They cannot be read, for this reason; nobody knows what they ask for.
    Unreadable(String),
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Running {
    /// Nothing.
    Absent,
    /// Services of the app.
    Present {
        /// The release that they are of; nothing when their labels name none.
        version: Option<RecipeVersion>,
        /// Whether they are as they should be.
        health: Health,
    },
}

/// Whether an app is as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// All its services are there, and it answers.
    Well,
    /// It is not, for this reason.
    Unwell(String),
}

/// What the decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What is remembered of the app.
    pub record: Option<&'a Record>,
    /// What runs.
    pub running: &'a Running,
    /// The releases, in any order.
    pub releases: &'a [Release],
    /// The release up to which a person did the manual work.
    pub approve: Option<&'a RecipeVersion>,
    /// The fingerprint of what is configured now.
    pub configured: &'a str,
}

/// What is to be done next; what follows from it is decided anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Step {
    /// It is right as it is.
    Nothing,
    /// It is not there: deploy this release.
    Deploy {
        /// The release.
        version: RecipeVersion,
    },
    /// The right release is there and not as it should be: deploy it again.
    Redeploy {
        /// The release.
        version: RecipeVersion,
        /// Why.
        why: String,
    },
    /// A newer release can be taken.
    Upgrade {
        /// The release that runs.
        from: RecipeVersion,
        /// The release that shall run.
        to: RecipeVersion,
        /// Why nobody has to be asked.
        why_safe: Safety,
    },
    /// An upgrade was killed: bring the release before it back, with its data.
    Recover(Upgrading),
}

/// Why an upgrade needs no person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// No release on the way has another first number, and no notes ask for work.
    Minor,
    /// A person approved what is in the way.
    Approved,
}

/// A release that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// The first release in the way; those after it wait as well.
    pub version: RecipeVersion,
    /// The newest release of all, which is what is wanted.
    pub wanted: RecipeVersion,
    /// Why it waits.
    pub why: String,
    /// Whether nobody was told of it before.
    pub is_new: bool,
}

/// What is to be done, and what is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What is to be done.
    pub step: Step,
    /// What waits for a person.
    pub hold: Option<Hold>,
    /// Why the newest release that could be taken is not: it was tried and rolled back.
    pub rolled_back: Option<String>,
}

/// Why nothing can be decided.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Undecided {
    /// There is nothing to deploy.
    #[error("`{0}` has no release")]
    NoRelease(RecipeName),
    /// It cannot be deployed again, because its tag is gone.
    #[error(
        "`{0}` has to be deployed again, and there is no such release any more, nor a later one that can be taken"
    )]
    Gone(RecipeVersion),
}

/// Decides what is to be done about an app of this recipe.
pub fn decide(recipe: &RecipeName, facts: Facts<'_>) -> Result<Decision, Undecided> {
    if let Some(killed) = facts.record.and_then(|record| record.upgrading.clone()) {
        return Ok(Decision::only(Step::Recover(killed)));
    }
    let deployed = facts.record.and_then(|record| record.deployed.as_ref());
    match facts.running {
        Running::Absent => match deployed {
            None => first(recipe, facts),
            Some(deployed) => again(facts, &deployed.version),
        },
        Running::Present {
            version: Some(version),
            health,
        } => present(facts, version, health),
        Running::Present { version: None, .. } => nameless(recipe, facts),
    }
}

/// Decides about an app that was never deployed: the newest release, for which nothing has to be migrated.
fn first(recipe: &RecipeName, facts: Facts<'_>) -> Result<Decision, Undecided> {
    let newest = course::newest(facts.releases);
    let newest = newest.ok_or_else(|| Undecided::NoRelease(recipe.clone()))?;
    let version = newest.version.clone();
    Ok(Decision::only(Step::Deploy { version }))
}

/// Decides about an app that was there: its data is of the release that was deployed last.
fn again(facts: Facts<'_>, last: &RecipeVersion) -> Result<Decision, Undecided> {
    let course = Course::from(last, facts);
    // A tag that was taken away leaves the newest release that can be reached, if there is one.
    let version = match &course.target {
        _ if course::has(facts, last) => last.clone(),
        Some((next, _)) => next.clone(),
        None => return Err(Undecided::Gone(last.clone())),
    };
    Ok(course.decision(Step::Deploy { version }))
}

/// Decides about an app of which a release runs.
fn present(facts: Facts<'_>, from: &RecipeVersion, health: &Health) -> Result<Decision, Undecided> {
    let course = Course::from(from, facts);
    let wrong = match health {
        Health::Unwell(why) => Some(why.as_str()),
        Health::Well => None,
    };
    // What is unwell is mended first: an upgrade that ends unwell would tell nothing of the release.
    let mends_first = wrong.is_some() && course::has(facts, from);
    if let Some((to, why_safe)) = course.target.clone().filter(|_| !mends_first) {
        let from = from.clone();
        return Ok(course.decision(Step::Upgrade { from, to, why_safe }));
    }
    let Some(why) = wrong.or_else(|| differs(facts, from)) else {
        return Ok(course.decision(Step::Nothing));
    };
    if !course::has(facts, from) {
        return Err(Undecided::Gone(from.clone()));
    }
    let (version, why) = (from.clone(), why.to_owned());
    Ok(course.decision(Step::Redeploy { version, why }))
}

/// Returns why what runs is not known to be what is configured.
fn differs(facts: Facts<'_>, running: &RecipeVersion) -> Option<&'static str> {
    match facts.record.and_then(|record| record.deployed.as_ref()) {
        None => Some("nothing is known of how it was deployed"),
        Some(deployed) if deployed.version != *running => Some("somebody else deployed it"),
        Some(deployed) if deployed.configured != facts.configured => {
            Some("its configuration changed")
        }
        Some(_) => None,
    }
}

/// Decides about an app that runs and is of no release, so that nobody knows what its data is of.
fn nameless(recipe: &RecipeName, facts: Facts<'_>) -> Result<Decision, Undecided> {
    let newest = course::newest(facts.releases);
    let newest = newest.ok_or_else(|| Undecided::NoRelease(recipe.clone()))?;
    let version = newest.version.clone();
    if facts.approve.is_some_and(|approve| *approve >= version) {
        let why = "what runs is no release, and the newest one is approved".to_owned();
        return Ok(Decision::only(Step::Redeploy { version, why }));
    }
    let hold = Hold {
        is_new: course::is_new(facts, &version),
        wanted: version.clone(),
        version,
        why: "what runs is no release, so that nobody knows which upgrade it would be".to_owned(),
    };
    Ok(Decision {
        step: Step::Nothing,
        hold: Some(hold),
        rolled_back: None,
    })
}

impl Decision {
    /// Returns a decision that leaves nothing waiting.
    const fn only(step: Step) -> Self {
        Self {
            step,
            hold: None,
            rolled_back: None,
        }
    }
}

impl fmt::Display for Safety {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minor => "no major release, and no notes that ask for work",
            Self::Approved => "approved",
        })
    }
}

/// What became of one app.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reconciled {
    /// Its domain.
    pub domain: AppDomain,
    /// Its recipe.
    pub recipe: RecipeName,
    /// The release that runs now; nothing when none does, or when that is not known.
    pub version: Option<RecipeVersion>,
    /// What was decided; nothing when it did not come to that.
    pub decision: Option<Decision>,
    /// What came of it.
    pub end: End,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The files of the alerts that were raised.
    pub alerts: Vec<String>,
    /// What went wrong beside it, such as a command for alerts that failed.
    pub warnings: Vec<Trouble>,
}

impl Reconciled {
    /// Returns what is told of an app of which nothing is known yet.
    pub fn new(domain: AppDomain, recipe: RecipeName) -> Self {
        Self {
            domain,
            recipe,
            version: None,
            decision: None,
            end: End::Done,
            duration_ms: 0,
            alerts: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// What came of a decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum End {
    /// Nothing was to be done, or it was done.
    Done,
    /// It would be done.
    Planned,
    /// The upgrade was undone, and the app is well again.
    RolledBack {
        /// What was wrong.
        trouble: Trouble,
    },
    /// The app is not as it should be.
    Failed {
        /// What is wrong.
        trouble: Trouble,
    },
}

#[cfg(test)]
mod tests;
