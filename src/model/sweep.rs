//! A sweep over all enrolled recipes: what is done with each, what came of it, and what changed since the last one.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    canonical::{Canonical, Status},
    checksum::sha256,
    recipe::{CommitSha, Invalid, RecipeName, RecipeVersion},
    run::RunId,
};

/// The version of the report's format; a reader refuses a newer one.
pub const SWEEP_VERSION: u32 = 1;

/// A released version with the commit that its tag points to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The version.
    pub version: RecipeVersion,
    /// The commit.
    pub commit: CommitSha,
}

/// What is done with a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This release is tested, and promoted when it passes.
    Test(Release),
    /// Nothing, for a reason.
    Skip(Idle),
}

/// Why nothing is done with a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Idle {
    /// What is known to be good is as new as the newest release.
    NoNewVersion,
    /// It has no release.
    NeverReleased,
}

impl Idle {
    /// Returns the reason's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoNewVersion => "no-new-version",
            Self::NeverReleased => "never-released",
        }
    }
}

/// Decides what is done with a recipe, by version and not by commit.
///
/// A canonical that a dead run left in use is made again, whatever its version.
pub fn decide(newest: Option<Release>, known: Option<&Canonical>) -> Decision {
    let Some(newest) = newest else {
        return Decision::Skip(Idle::NeverReleased);
    };
    match known {
        Some(known) if known.status == Status::Idle && newest.version <= known.version => {
            Decision::Skip(Idle::NoNewVersion)
        }
        Some(_) | None => Decision::Test(newest),
    }
}

/// One host's part of all recipes, as `2/4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Which part, from 1.
    part: u32,
    /// How many there are.
    parts: u32,
}

impl Partition {
    /// Tells whether a recipe belongs to this part; it does to one alone, whatever other recipes there are.
    pub fn holds(self, recipe: &RecipeName) -> bool {
        let digits = &sha256(recipe.as_str().as_bytes())[..8];
        let number = u32::from_str_radix(digits, 16).expect("they are hexadecimal digits");
        number % self.parts == self.part - 1
    }
}

impl FromStr for Partition {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let both = text.split_once('/');
        let both = both.and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
        match both {
            Some((part, parts)) if (1..=parts).contains(&part) && parts <= 1000 => {
                Ok(Self { part, parts })
            }
            Some(_) | None => {
                let rule = "which part of how many, from `1/1` to `1000/1000`, as in `2/4`";
                Err(Invalid::new("partition", text, rule))
            }
        }
    }
}

/// What came of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It failed.
    Failed,
    /// Nothing could be decided.
    Broken,
    /// It passed, and something was left behind.
    Leaked,
    /// It was not reached.
    NotReached,
    /// It passed, and was not promoted.
    Passed,
    /// It passed, and its canonical is written.
    Promoted,
    /// Nothing was done.
    Skipped,
}

impl Fate {
    /// All of them, the gravest first.
    pub const ALL: [Self; 7] = [
        Self::Failed,
        Self::Broken,
        Self::Leaked,
        Self::NotReached,
        Self::Passed,
        Self::Promoted,
        Self::Skipped,
    ];

    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Broken => "broken",
            Self::Leaked => "left something behind",
            Self::NotReached => "not reached",
            Self::Passed => "passed",
            Self::Promoted => "promoted",
            Self::Skipped => "skipped",
        }
    }

    /// Tells whether the recipe is as it should be.
    const fn is_good(self) -> Option<bool> {
        match self {
            Self::Promoted | Self::Skipped | Self::Passed | Self::Leaked => Some(true),
            Self::Failed => Some(false),
            // Nobody knows.
            Self::Broken | Self::NotReached => None,
        }
    }
}

/// One recipe of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The recipe.
    pub recipe: RecipeName,
    /// What came of it.
    pub fate: Fate,
    /// A stable word for why, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The newest release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// The run that tested it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The run that promoted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_by: Option<RunId>,
    /// The level of the test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// What was done to its mirror.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// Why its mirror could not be made equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror_trouble: Option<String>,
    /// What it gives to the exit code of the sweep.
    pub exit_code: u8,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl Entry {
    /// Begins the record of a recipe that was not reached yet.
    pub fn new(recipe: RecipeName) -> Self {
        Self {
            recipe,
            fate: Fate::NotReached,
            code: None,
            reason: None,
            release: None,
            run_id: None,
            promoted_by: None,
            level: None,
            mirror: None,
            mirror_trouble: None,
            exit_code: 0,
            duration_ms: 0,
        }
    }

    /// Tells whether it passed and something kept its canonical from being written.
    pub fn lacks_promotion(&self) -> bool {
        self.fate == Fate::Passed && self.code.is_some()
    }
}

/// The record of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepReport {
    /// The format's version.
    pub version: u32,
    /// The machine.
    pub host: String,
    /// When it began.
    pub started: Timestamp,
    /// When it was written last.
    pub updated: Timestamp,
    /// Whether it came to its end.
    pub finished: bool,
    /// The recipes, in the order in which they ended.
    pub recipes: Vec<Entry>,
}

/// What changed of a recipe since the last sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It was good, and is not.
    Regressed,
    /// It was not good, and still is not.
    StillFailing,
    /// It was not good, and is.
    Fixed,
    /// The last sweep did not know it.
    New,
}

impl Change {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Regressed, Self::StillFailing, Self::Fixed, Self::New];

    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::StillFailing => "still failing",
            Self::Fixed => "fixed",
            Self::New => "new",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl SweepReport {
    /// Returns the report of a sweep that begins.
    pub fn begin(host: &str, started: Timestamp) -> Self {
        Self {
            version: SWEEP_VERSION,
            host: host.to_owned(),
            started,
            updated: started,
            finished: false,
            recipes: Vec::new(),
        }
    }

    /// Returns what changed since an earlier sweep; recipes of which nothing changed are left out.
    pub fn changes(&self, last: Option<&Self>) -> BTreeMap<RecipeName, Change> {
        let Some(last) = last else {
            return BTreeMap::new();
        };
        let before = |entry: &Entry| last.recipes.iter().find(|old| old.recipe == entry.recipe);
        let change = |entry: &Entry| match (before(entry), entry.fate.is_good()) {
            (None, _) => Some(Change::New),
            (Some(_), None) => None,
            (Some(old), Some(is_good)) => match (old.fate.is_good(), is_good) {
                (Some(true), false) => Some(Change::Regressed),
                (Some(false), false) => Some(Change::StillFailing),
                (Some(false), true) => Some(Change::Fixed),
                (Some(true), true) | (None, _) => None,
            },
        };
        let changed = self.recipes.iter();
        let changed = changed.filter_map(|entry| Some((entry.recipe.clone(), change(entry)?)));
        changed.collect()
    }

    /// Groups the recipes that failed, are broken or could not be promoted by the word for why.
    pub fn groups(&self) -> BTreeMap<(Fate, String), Vec<&Entry>> {
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let bad = |entry: &&Entry| {
            matches!(entry.fate, Fate::Failed | Fate::Broken) || entry.lacks_promotion()
        };
        for entry in self.recipes.iter().filter(bad) {
            let code = entry.code.clone().unwrap_or_else(|| "unknown".to_owned());
            groups.entry((entry.fate, code)).or_default().push(entry);
        }
        groups
    }

    /// Counts the recipes of a fate.
    pub fn count(&self, fate: Fate) -> usize {
        let of = self.recipes.iter().filter(|entry| entry.fate == fate);
        of.count()
    }

    /// Takes over what an earlier sweep knew of recipes that this one did not decide about.
    ///
    /// So a sweep of some recipes, or one that was cut short, does not make the others new to the next.
    #[must_use]
    pub fn with_memory_of(&self, last: Option<&Self>) -> Self {
        let mut all = self.clone();
        for old in last.into_iter().flat_map(|last| &last.recipes) {
            match all
                .recipes
                .iter_mut()
                .find(|entry| entry.recipe == old.recipe)
            {
                Some(entry) if entry.fate.is_good().is_none() => entry.clone_from(old),
                Some(_) => {}
                None => all.recipes.push(old.clone()),
            }
        }
        all
    }
}

/// Puts recipes into the order in which they are swept: those of which nothing is known, then the longest first.
pub fn longest_first(recipes: &mut [RecipeName], took_ms: &BTreeMap<RecipeName, u64>) {
    recipes.sort_by(|a, b| {
        let time = |recipe| took_ms.get(recipe).copied().unwrap_or(u64::MAX);
        time(b).cmp(&time(a)).then_with(|| a.cmp(b))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{canonical::tests::canonical, run::RunMode};

    /// Returns a release.
    fn release(version: &str) -> Release {
        Release {
            version: version.parse().unwrap(),
            commit: "1".repeat(40).parse().unwrap(),
        }
    }

    /// Returns an entry.
    fn entry(recipe: &str, fate: Fate) -> Entry {
        Entry {
            fate,
            ..Entry::new(recipe.parse().unwrap())
        }
    }

    /// Returns the report of a sweep.
    fn report(recipes: Vec<Entry>) -> SweepReport {
        SweepReport {
            finished: true,
            recipes,
            ..SweepReport::begin("h", "2026-11-20T10:00:00Z".parse().unwrap())
        }
    }

    #[test]
    fn a_newer_release_is_tested_and_nothing_else_is() {
        let known = canonical();
        let decide = |newest: &str| decide(Some(release(newest)), Some(&known));
        assert_eq!(decide("1.2.0+2.0"), Decision::Test(release("1.2.0+2.0")));
        assert_eq!(decide("1.1.0+2.1"), Decision::Test(release("1.1.0+2.1")));
        // The tag is what counts, be its commit another one.
        assert_eq!(decide("1.1.0+2.0"), Decision::Skip(Idle::NoNewVersion));
        assert_eq!(decide("1.0.0+9.9"), Decision::Skip(Idle::NoNewVersion));
        assert_eq!(
            super::decide(None, Some(&known)),
            Decision::Skip(Idle::NeverReleased)
        );
        assert_eq!(
            super::decide(Some(release("0.1.0+1")), None),
            Decision::Test(release("0.1.0+1"))
        );
        let used = Canonical {
            status: Status::InUse {
                run: known.run_id.clone(),
                mode: RunMode::Quick,
            },
            ..known.clone()
        };
        let again = super::decide(Some(release("1.1.0+2.0")), Some(&used));
        assert_eq!(again, Decision::Test(release("1.1.0+2.0")));
    }

    #[test]
    fn every_recipe_belongs_to_one_part() {
        let names = (0..200).map(|number| format!("recipe-{number}"));
        let names: Vec<RecipeName> = names.map(|name| name.parse().unwrap()).collect();
        let parts: Vec<Partition> = (1..=4)
            .map(|part| format!("{part}/4").parse().unwrap())
            .collect();
        for name in &names {
            let holders = parts.iter().filter(|part| part.holds(name)).count();
            assert_eq!(holders, 1, "{name}");
        }
        for part in &parts {
            assert!(names.iter().any(|name| part.holds(name)));
        }
        let whole: Partition = "1/1".parse().unwrap();
        assert!(names.iter().all(|name| whole.holds(name)));
        for bad in ["3/2", "0/4", "a/b", "1", "1/0", "-1/2", "1/1001", ""] {
            assert!(bad.parse::<Partition>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_changed_is_told_from_what_did_not() {
        let last = report(vec![
            entry("a", Fate::Promoted),
            entry("b", Fate::Failed),
            entry("c", Fate::Failed),
            entry("d", Fate::Skipped),
            entry("e", Fate::Skipped),
            entry("f", Fate::Broken),
        ]);
        let now = report(vec![
            entry("a", Fate::Failed),
            entry("b", Fate::Failed),
            entry("c", Fate::Promoted),
            entry("d", Fate::Skipped),
            entry("e", Fate::Broken),
            entry("f", Fate::Failed),
            entry("g", Fate::Promoted),
        ]);
        let changes = now.changes(Some(&last));
        let shown: Vec<_> = changes
            .iter()
            .map(|(recipe, change)| format!("{recipe} {change}"))
            .collect();
        assert_eq!(
            shown,
            ["a regressed", "b still failing", "c fixed", "g new"]
        );
        assert!(now.changes(None).is_empty());
    }

    #[test]
    fn what_a_sweep_did_not_decide_is_remembered_for_the_next() {
        let last = report(vec![entry("a", Fate::Failed), entry("b", Fate::Promoted)]);
        let now = report(vec![entry("a", Fate::Broken), entry("c", Fate::Promoted)]);
        let memory = now.with_memory_of(Some(&last));
        let next = report(vec![
            entry("a", Fate::Failed),
            entry("b", Fate::Failed),
            entry("c", Fate::Skipped),
        ]);
        let changes: Vec<_> = next.changes(Some(&memory)).into_values().collect();
        assert_eq!(changes, [Change::StillFailing, Change::Regressed]);
    }

    #[test]
    fn errors_are_grouped_by_their_word() {
        let with = |recipe, fate, code: &str| Entry {
            code: Some(code.to_owned()),
            ..entry(recipe, fate)
        };
        let now = report(vec![
            with("a", Fate::Failed, "not-converged"),
            with("b", Fate::Broken, "fetch-failed"),
            with("c", Fate::Failed, "not-converged"),
            with("d", Fate::Skipped, "no-new-version"),
        ]);
        let groups: Vec<_> = now
            .groups()
            .into_iter()
            .map(|((fate, code), all)| format!("{} {code} {}", fate.word(), all.len()))
            .collect();
        assert_eq!(groups, ["failed not-converged 2", "broken fetch-failed 1"]);
    }

    #[test]
    fn the_longest_begins_and_the_unknown_before_it() {
        let mut names: Vec<RecipeName> = ["a", "b", "c", "d"].map(|n| n.parse().unwrap()).into();
        let took = [("a", 10), ("b", 30), ("c", 20)];
        let took = took.map(|(name, ms)| (name.parse().unwrap(), ms)).into();
        longest_first(&mut names, &took);
        let order: Vec<_> = names.iter().map(RecipeName::as_str).collect();
        assert_eq!(order, ["d", "b", "c", "a"]);
    }
}
