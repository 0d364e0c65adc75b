//! Whether a run makes its recipe's canonical: decided from what the run was and what is known to be good already.

use std::fmt;

use super::{
    canonical::{Canonical, Status},
    outcome::Verdict,
    plan::{Plan, Revision},
    recipe::{CommitSha, RecipeVersion},
    run::{RunMode, Trust},
};

/// The level of a run in which every stage passed or did not apply.
const WHOLE: u8 = 5;

/// A run that may make its recipe's canonical.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// What it started from.
    pub mode: RunMode,
    /// Whether a canonical is kept for the recipe.
    pub enrolled: bool,
    /// What it tested.
    pub head: &'a Revision,
    /// The pull request that it tested.
    pub pr: Option<u64>,
    /// Whether somebody may have written the head who may not run code here.
    pub trust: Trust,
    /// How it ended.
    pub verdict: Verdict,
    /// Its level.
    pub level: u8,
    /// What is known to be good, if anything is.
    pub canonical: Option<&'a Canonical>,
}

/// A release that is to become the canonical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotable {
    /// The release.
    pub version: RecipeVersion,
    /// The commit that was tested.
    pub commit: CommitSha,
}

/// Why a run does not make the canonical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No canonical is kept for the recipe.
    NotEnrolled,
    /// It began with data that was there.
    NotCold,
    /// It tested a pull request.
    PullRequest(u64),
    /// It tested changes that no commit holds.
    Uncommitted,
    /// What it tested is no release.
    NotReleased,
    /// Anybody may have written what it tested.
    Untrusted,
    /// It did not pass.
    NotGreen(Verdict),
    /// It left out something that counts.
    Partial(u8),
    /// The same release is known to be good already.
    Known(RecipeVersion),
    /// A newer release is known to be good.
    Older(RecipeVersion),
}

impl<'a> Candidate<'a> {
    /// Makes a candidate of a run's plan and its end.
    pub fn of(plan: &'a Plan, end: (Verdict, u8), canonical: Option<&'a Canonical>) -> Self {
        let (verdict, level) = end;
        Self {
            mode: plan.mode,
            enrolled: plan.warm_canonical,
            head: &plan.head,
            pr: plan.pr,
            trust: plan.trust,
            verdict,
            level,
            canonical,
        }
    }
}

/// Decides whether a run makes the canonical: enrolled, cold, no pull request, at a released tag, green, and no older.
pub fn gate(candidate: &Candidate<'_>) -> Result<Promotable, Refusal> {
    let promotable = tested(candidate)?;
    match candidate.canonical {
        Some(known) if known.version > promotable.version => {
            Err(Refusal::Older(known.version.clone()))
        }
        Some(known)
            if known.version == promotable.version
                && known.commit == promotable.commit
                && known.status == Status::Idle =>
        {
            Err(Refusal::Known(known.version.clone()))
        }
        Some(_) | None => Ok(promotable),
    }
}

/// Decides whether a run shows that a release is good, whatever is known to be good already.
pub fn tested(candidate: &Candidate<'_>) -> Result<Promotable, Refusal> {
    let head = candidate.head;
    if !candidate.enrolled {
        return Err(Refusal::NotEnrolled);
    }
    if candidate.mode != RunMode::Cold {
        return Err(Refusal::NotCold);
    }
    if let Some(number) = candidate.pr {
        return Err(Refusal::PullRequest(number));
    }
    if head.uncommitted {
        return Err(Refusal::Uncommitted);
    }
    let (Some(version), Some(commit)) = (&head.version, &head.commit) else {
        return Err(Refusal::NotReleased);
    };
    match candidate.trust {
        Trust::Trusted => {}
        Trust::Untrusted => return Err(Refusal::Untrusted),
    }
    if candidate.verdict != Verdict::Pass {
        return Err(Refusal::NotGreen(candidate.verdict));
    }
    if candidate.level < WHOLE {
        return Err(Refusal::Partial(candidate.level));
    }
    Ok(Promotable {
        version: version.clone(),
        commit: commit.clone(),
    })
}

impl Refusal {
    /// Tells whether a person should hear of it who tested a release and asked for nothing else.
    pub const fn is_news(&self) -> bool {
        match self {
            Self::NotEnrolled
            | Self::NotCold
            | Self::PullRequest(_)
            | Self::Uncommitted
            | Self::NotReleased
            | Self::NotGreen(_)
            | Self::Known(_) => false,
            Self::Untrusted | Self::Partial(_) | Self::Older(_) => true,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEnrolled => f.write_str("no canonical is kept for the recipe"),
            Self::NotCold => f.write_str("the run began with data that was there"),
            Self::PullRequest(number) => write!(f, "the run tested pull request {number}"),
            Self::Uncommitted => f.write_str("the run tested changes that no commit holds"),
            Self::NotReleased => f.write_str("what the run tested is no release"),
            Self::Untrusted => f.write_str("anybody may have written what the run tested"),
            Self::NotGreen(verdict) => write!(f, "the run ended as {}", verdict.word()),
            Self::Partial(level) => write!(f, "the run reached level {level} of {WHOLE}"),
            Self::Known(version) => write!(f, "`{version}` is known to be good already"),
            Self::Older(version) => write!(f, "the newer `{version}` is known to be good"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{canonical::tests::canonical, sample::revision};

    /// Returns why a run is refused that would be fine but for a change; nothing when it is not.
    fn refusal(head: &Revision, change: impl FnOnce(&mut Candidate<'_>)) -> Option<Refusal> {
        let mut candidate = Candidate {
            mode: RunMode::Cold,
            enrolled: true,
            head,
            pr: None,
            trust: Trust::Trusted,
            verdict: Verdict::Pass,
            level: 5,
            canonical: None,
        };
        change(&mut candidate);
        gate(&candidate).err()
    }

    #[test]
    fn a_green_cold_run_of_a_release_of_an_enrolled_recipe_makes_the_canonical() {
        let head = revision("1.1.0+2.0", '8');
        assert_eq!(refusal(&head, |_| {}), None);
    }

    #[test]
    fn each_condition_is_needed() {
        type Change = fn(&mut Candidate<'_>);
        let head = revision("1.1.0+2.0", '8');
        let rows: [(Change, Refusal); 11] = [
            (|run| run.enrolled = false, Refusal::NotEnrolled),
            (|run| run.mode = RunMode::Quick, Refusal::NotCold),
            (|run| run.mode = RunMode::Promote, Refusal::NotCold),
            (|run| run.pr = Some(7), Refusal::PullRequest(7)),
            (|run| run.trust = Trust::Untrusted, Refusal::Untrusted),
            (
                |run| run.verdict = Verdict::Fail,
                Refusal::NotGreen(Verdict::Fail),
            ),
            (
                |run| run.verdict = Verdict::Broken,
                Refusal::NotGreen(Verdict::Broken),
            ),
            (
                |run| run.verdict = Verdict::Leak,
                Refusal::NotGreen(Verdict::Leak),
            ),
            (
                |run| run.verdict = Verdict::Cancelled,
                Refusal::NotGreen(Verdict::Cancelled),
            ),
            (|run| run.level = 4, Refusal::Partial(4)),
            (|run| run.level = 0, Refusal::Partial(0)),
        ];
        for (change, wanted) in rows {
            assert_eq!(refusal(&head, change), Some(wanted));
        }
        let branch = revision("main", '8');
        assert_eq!(refusal(&branch, |_| {}), Some(Refusal::NotReleased));
        let mut edited = revision("1.1.0+2.0", '8');
        edited.uncommitted = true;
        assert_eq!(refusal(&edited, |_| {}), Some(Refusal::Uncommitted));
        let mut plain = revision("1.1.0+2.0", '8');
        plain.commit = None;
        assert_eq!(refusal(&plain, |_| {}), Some(Refusal::NotReleased));
    }

    #[test]
    fn what_is_known_to_be_good_is_replaced_by_the_same_or_a_newer_release_alone() {
        let known = canonical();
        let against = |label: &str, digit: char, known: &Canonical| {
            let head = revision(label, digit);
            let mut candidate = Candidate {
                mode: RunMode::Cold,
                enrolled: true,
                head: &head,
                pr: None,
                trust: Trust::Trusted,
                verdict: Verdict::Pass,
                level: 5,
                canonical: None,
            };
            candidate.canonical = Some(known);
            gate(&candidate).err()
        };
        let version = || known.version.clone();
        assert_eq!(
            against("1.0.9+9.9", '1', &known),
            Some(Refusal::Older(version()))
        );
        assert_eq!(
            against("1.1.0+2.0", '8', &known),
            Some(Refusal::Known(version()))
        );
        // A tag that was moved is another release.
        assert_eq!(against("1.1.0+2.0", '9', &known), None);
        assert_eq!(against("1.2.0+2.0", '1', &known), None);
        let used = Canonical {
            status: Status::InUse {
                run: known.run_id.clone(),
                mode: RunMode::Quick,
            },
            ..known.clone()
        };
        assert_eq!(against("1.1.0+2.0", '8', &used), None);
    }
}
