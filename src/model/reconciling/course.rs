//! How far the releases lead from the one that runs, and what stops there.

use super::{Decision, Facts, Hold, Notes, Release, Safety, Step};
use crate::model::{manual_work::asks_for_manual_work, recipe::RecipeVersion};

/// The way from one release to the newest that can be taken.
#[derive(Clone, Debug)]
pub(super) struct Course {
    /// The newest release that can be taken, and why; nothing when none can, or none is newer.
    pub(super) target: Option<(RecipeVersion, Safety)>,
    /// What stops there.
    hold: Option<Hold>,
    /// Why the last release that could be taken is not tried.
    rolled_back: Option<String>,
}

impl Course {
    /// Goes through the releases after one, the oldest first, until something asks for a person.
    pub(super) fn from(start: &RecipeVersion, facts: Facts<'_>) -> Self {
        let mut newer: Vec<_> = finals(facts.releases)
            .filter(|release| release.version > *start)
            .collect();
        newer.sort_by(|a, b| a.version.cmp(&b.version));
        let is_approved = |version: &RecipeVersion| facts.approve.is_some_and(|to| to >= version);
        let (mut at, mut safety, mut hold) = (start, Safety::Minor, None);
        for release in &newer {
            let obstacle = obstacle(at, release);
            match obstacle {
                None => {}
                Some(_) if is_approved(&release.version) => safety = Safety::Approved,
                Some(why) => {
                    let wanted = newer.last().map_or(&release.version, |last| &last.version);
                    hold = Some(Hold {
                        version: release.version.clone(),
                        wanted: wanted.clone(),
                        why,
                        is_new: is_new(facts, &release.version),
                    });
                    break;
                }
            }
            at = &release.version;
        }
        let target = (at > start).then(|| (at.clone(), safety));
        let tried = target.as_ref().and_then(|(to, _)| tried(facts, to));
        Self {
            target: target.filter(|_| tried.is_none()),
            hold,
            rolled_back: tried,
        }
    }

    /// Returns the decision for this step, with what waits.
    pub(super) fn decision(self, step: Step) -> Decision {
        Decision {
            step,
            hold: self.hold,
            rolled_back: self.rolled_back,
        }
    }
}

/// Returns what a release asks of a person who comes from the one before it.
fn obstacle(before: &RecipeVersion, release: &Release) -> Option<String> {
    let version = &release.version;
    if version.recipe_part().major > before.recipe_part().major {
        return Some(format!("`{version}` is a major release"));
    }
    match &release.notes {
        Notes::None => None,
        Notes::Text(text) => asks_for_manual_work(text)
            .map(|line| format!("the notes of `{version}` ask for work: {line}")),
        Notes::Unreadable(why) => Some(format!("the notes of `{version}` cannot be read: {why}")),
    }
}

/// Returns why a release is not tried: it, or one after it, was rolled back, and nobody approved it since.
///
/// What lies before such a release is not tried either, or one failure after the other would be found.
fn tried(facts: Facts<'_>, to: &RecipeVersion) -> Option<String> {
    let back = facts.record?.rolled_back.as_ref()?;
    let approved = facts.approve.filter(|approve| **approve >= back.version);
    let is_fresh = approved.is_some() && approved != back.approved.as_ref();
    let is_behind = *to <= back.version && !is_fresh;
    is_behind.then(|| format!("`{}` was rolled back: {}", back.version, back.why))
}

/// Tells whether nobody was told yet that a release waits.
pub(super) fn is_new(facts: Facts<'_>, version: &RecipeVersion) -> bool {
    let held = facts.record.and_then(|record| record.held.as_ref());
    held.is_none_or(|held| held.version != *version)
}

/// Tells whether there is such a release.
pub(super) fn has(facts: Facts<'_>, version: &RecipeVersion) -> bool {
    let mut releases = facts.releases.iter();
    releases.any(|release| release.version == *version)
}

/// Returns the newest release.
pub(super) fn newest(releases: &[Release]) -> Option<&Release> {
    finals(releases).max_by(|a, b| a.version.cmp(&b.version))
}

/// Returns the releases that are no candidates for one, as `1.0.0-rc1+2` is.
fn finals(releases: &[Release]) -> impl Iterator<Item = &Release> {
    releases
        .iter()
        .filter(|release| release.version.recipe_part().pre.is_empty())
}
