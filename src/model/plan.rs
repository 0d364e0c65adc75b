//! What a run will do, decided from facts before anything is deployed.

use serde::{Deserialize, Serialize};

use super::{
    app::AppDomain,
    choice::{Choice, PlannedCheck},
    dependency::Requirement,
    outcome::SkipReason,
    recipe::{CommitSha, RecipeName, RecipeVersion},
    run::{DeployerKind, IngressKind, RunMode, Trust},
    stage::Stage,
};

/// Everything that is decided before a run acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What the run starts from.
    #[serde(default)]
    pub mode: RunMode,
    /// The recipe under test.
    pub recipe: RecipeName,
    /// The app's domain.
    pub domain: AppDomain,
    /// The commit under test.
    pub head: Revision,
    /// The version upgraded from.
    pub base: Option<Revision>,
    /// The pull request that the head belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pr: Option<u64>,
    /// Whether a canonical is kept for the recipe.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warm_canonical: bool,
    /// Whether the head was written by someone who may run code here.
    pub trust: Trust,
    /// The rules of the compose policy that it may break, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<String>,
    /// What deploys it.
    pub deployer: DeployerKind,
    /// How it is reached.
    pub ingress: IngressKind,
    /// Every stage, in order.
    pub stages: Vec<PlannedStage>,
    /// Tests and hooks found, run or not.
    pub overlays: Vec<Overlay>,
    /// The checks that `recipe.toml` declares.
    #[serde(default)]
    pub checks: Vec<PlannedCheck>,
    /// What each pattern of `--test` is of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// The recipes that it requires.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
}

/// One state of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// What a person calls it: a release tag, a branch, or the checkout.
    pub label: String,
    /// Its release tag, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<RecipeVersion>,
    /// Its commit; nothing when the recipe is no git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitSha>,
    /// Whether it has changes that no commit holds.
    pub uncommitted: bool,
    /// Whether its tag carries no message of its own, which abra's lint refuses.
    pub lightweight: bool,
}

impl Revision {
    /// Returns the revision as a line of a run shows it, as `2.14.0+6.8.1 (8f3c1d2)`.
    pub fn title(&self) -> String {
        let commit = self
            .commit
            .as_ref()
            .map(|commit| commit.as_str()[..7].to_owned());
        let dirty = if self.uncommitted {
            " with uncommitted changes"
        } else {
            ""
        };
        match commit {
            Some(commit) if self.label.starts_with(&commit) => format!("{commit}{dirty}"),
            Some(commit) => format!("{} ({commit}){dirty}", self.label),
            None => format!("{}{dirty}", self.label),
        }
    }
}

/// A stage, and whether it will run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStage {
    /// The stage.
    pub stage: Stage,
    /// Why it will not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<SkipReason>,
    /// Whether its generic checks are left out.
    pub generic: GenericChecks,
    /// What leaves them out: `skip-generic`, as in `recipe.toml`, or a variable, in backticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out_by: Option<String>,
}

impl PlannedStage {
    /// Says that generic checks of a stage that runs are left out, and by what.
    pub fn says_left_out(&self) -> Option<String> {
        let is_left_out = self.generic == GenericChecks::LeftOut && self.skip.is_none();
        let by = self.left_out_by.as_ref();
        let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
        is_left_out.then(|| format!("generic checks left out{by}"))
    }
}

/// Whether ccci's own checks of a stage are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GenericChecks {
    /// They are made.
    Made,
    /// They were left out on request, visibly.
    LeftOut,
}

/// A test or a hook that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// Where it is, from the root of its tests.
    pub path: String,
    /// Whose it is.
    pub origin: OverlayOrigin,
    /// What it is for.
    pub role: OverlayRole,
    /// What runs it.
    pub runner: OverlayRunner,
    /// Why it will not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Whether `--test` leaves it out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deselected: bool,
    /// The functions that `--test` chooses of it, by pattern; all of them when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

/// Where an overlay is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverlayOrigin {
    /// In the recipe's own `tests/`.
    Recipe,
    /// In `recipes-tests/<recipe>/`.
    Kept,
}

/// What an overlay does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "stage")]
pub enum OverlayRole {
    /// Runs before the first deploy.
    InstallSteps,
    /// Runs before a stage's operation.
    Before(Stage),
    /// Asserts on the live app after a stage's operation.
    Test(Stage),
    /// Makes what another app needs that requires this one, and tells of it.
    Provide,
    /// Undoes what was made so.
    Withdraw,
}

/// What runs an overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverlayRunner {
    /// The file itself.
    Executable,
    /// pytest.
    Pytest,
    /// hurl.
    Hurl,
}

impl OverlayRunner {
    /// Returns the program that must be there, or nothing when the file runs by itself.
    pub const fn program(self) -> Option<&'static str> {
        match self {
            Self::Executable => None,
            Self::Pytest => Some("pytest"),
            Self::Hurl => Some("hurl"),
        }
    }
}

/// The facts that a plan is decided from.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What the run starts from.
    pub mode: RunMode,
    /// The recipe under test.
    pub recipe: &'a RecipeName,
    /// The app's domain.
    pub domain: &'a AppDomain,
    /// The commit under test.
    pub head: &'a Revision,
    /// Every released tag, in any order.
    pub releases: &'a [Revision],
    /// The revision that the canonical is of, where the run starts from its data.
    pub reattached: Option<&'a Revision>,
    /// The pull request that the head belongs to.
    pub pr: Option<u64>,
    /// Whether a canonical is kept for the recipe.
    pub warm_canonical: bool,
    /// The base named in `recipe.toml`.
    pub upgrade_base: Option<&'a str>,
    /// Whether the head was written by someone who may run code here.
    pub trust: Trust,
    /// The rules of the compose policy that it may break, by name.
    pub exceptions: &'a [String],
    /// What deploys it.
    pub deployer: DeployerKind,
    /// How it is reached.
    pub ingress: IngressKind,
    /// The stages asked for.
    pub wanted: &'a [Stage],
    /// Skips declared in `recipe.toml`, with their reasons.
    pub declared_skips: &'a [(Stage, String)],
    /// Stages whose generic checks are left out, with what leaves them out.
    pub generic_left_out: &'a [(Stage, String)],
    /// Whether the head carries backup labels, or `recipe.toml` says so.
    pub backup_capable: bool,
    /// Tests and hooks found.
    pub overlays: Vec<Overlay>,
    /// The checks that `recipe.toml` declares.
    pub checks: Vec<PlannedCheck>,
    /// The recipes that it requires.
    pub requires: Vec<Requirement>,
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The base that was named is no release.
    #[error("`upgrade-base` names `{wanted}`, which is no release of `{recipe}`")]
    UnknownBase {
        /// The recipe.
        recipe: RecipeName,
        /// What was named.
        wanted: String,
    },
}

/// Decides what a run will do.
pub fn decide(facts: Facts<'_>) -> Result<Plan, Error> {
    let base = choose_base(&facts)?;
    // A promotion repeats one stage of a run that has made them all; what is always on is not tested at all.
    let stages = Stage::ALL.into_iter();
    let stages = stages.filter(|stage| !facts.mode.only_installs() || facts.wanted.contains(stage));
    let stages = stages.map(|stage| plan_stage(&facts, base.as_ref(), stage));
    let stages: Vec<_> = stages.collect();
    let upgrades = |s: &PlannedStage| s.stage == Stage::Upgrade && s.skip.is_none();
    // What is reattached is there first, whether it is upgraded or not.
    let is_needed = facts.mode == RunMode::Quick || stages.iter().any(upgrades);
    Ok(Plan {
        mode: facts.mode,
        recipe: facts.recipe.clone(),
        domain: facts.domain.clone(),
        head: facts.head.clone(),
        base: base.filter(|_| is_needed),
        pr: facts.pr,
        warm_canonical: facts.warm_canonical,
        trust: facts.trust,
        exceptions: facts.exceptions.to_vec(),
        deployer: facts.deployer,
        ingress: facts.ingress,
        stages,
        overlays: facts.overlays,
        checks: facts.checks,
        choices: Vec::new(),
        requires: facts.requires,
    })
}

/// Chooses the base: what is reattached, else the one that is named, else the newest release older than the head.
fn choose_base(facts: &Facts<'_>) -> Result<Option<Revision>, Error> {
    match facts.mode {
        RunMode::Cold => {}
        RunMode::Quick => return Ok(facts.reattached.cloned()),
        RunMode::Promote | RunMode::Reconcile => return Ok(None),
    }
    if let Some(wanted) = facts.upgrade_base {
        let named = facts
            .releases
            .iter()
            .find(|release| release.label == wanted);
        let unknown = || Error::UnknownBase {
            recipe: facts.recipe.clone(),
            wanted: wanted.to_owned(),
        };
        return named.cloned().map(Some).ok_or_else(unknown);
    }
    Ok(newest_older(facts.head, facts.releases).cloned())
}

/// Returns the newest of the releases that are older than the head.
///
/// A head that is no release itself is newer than every release; a release at the head's own commit is not older.
pub fn newest_older<'a>(head: &Revision, releases: &'a [Revision]) -> Option<&'a Revision> {
    let older = releases
        .iter()
        .filter(|release| match (&head.version, &release.version) {
            (Some(head), Some(version)) => version < head,
            (None, Some(_)) => release.commit != head.commit || head.uncommitted,
            (_, None) => false,
        });
    older.max_by(|a, b| a.version.cmp(&b.version))
}

/// Decides whether one stage runs.
fn plan_stage(facts: &Facts<'_>, base: Option<&Revision>, stage: Stage) -> PlannedStage {
    let mut left_out = facts.generic_left_out.iter();
    let left_out_by = left_out.find(|(left_out, _)| *left_out == stage);
    let left_out_by = left_out_by.map(|(_, by)| by.clone());
    PlannedStage {
        stage,
        skip: skip_reason(facts, base, stage),
        generic: match left_out_by {
            Some(_) => GenericChecks::LeftOut,
            None => GenericChecks::Made,
        },
        left_out_by,
    }
}

/// Returns why a stage will not run: not asked for, declared, or nothing to test.
fn skip_reason(facts: &Facts<'_>, base: Option<&Revision>, stage: Stage) -> Option<SkipReason> {
    let declared = facts
        .declared_skips
        .iter()
        .find(|(skipped, _)| *skipped == stage);
    if let Some((_, reason)) = declared {
        return Some(SkipReason::Declared(reason.clone()));
    }
    if !facts.wanted.contains(&stage) {
        return Some(SkipReason::Undeclared("not asked for".to_owned()));
    }
    let not_applicable = |text: &str| Some(SkipReason::NotApplicable(text.to_owned()));
    match stage {
        Stage::Upgrade if facts.head.commit.is_none() => {
            not_applicable("not a git repository, so no release to upgrade from")
        }
        Stage::Upgrade if facts.mode == RunMode::Quick && is_reattached(facts, base) => {
            not_applicable("the canonical is of the same commit")
        }
        Stage::Upgrade if base.is_none() => not_applicable("no older release"),
        Stage::Backup | Stage::Restore if !facts.backup_capable => {
            not_applicable("no backup labels")
        }
        Stage::Restore if !facts.wanted.contains(&Stage::Backup) => Some(SkipReason::Undeclared(
            "stage backup was not asked for".to_owned(),
        )),
        Stage::Custom => no_custom_tests(facts),
        Stage::Install | Stage::Upgrade | Stage::Backup | Stage::Restore => None,
    }
}

/// Tells whether the head is what the canonical is of already.
fn is_reattached(facts: &Facts<'_>, base: Option<&Revision>) -> bool {
    !facts.head.uncommitted && base.is_some_and(|base| base.commit == facts.head.commit)
}

/// Returns why nothing would run in the stage custom, if that is so.
fn no_custom_tests(facts: &Facts<'_>) -> Option<SkipReason> {
    let tests = facts.overlays.iter();
    let tests = tests.filter(|overlay| overlay.role == OverlayRole::Test(Stage::Custom));
    let tests = tests.filter(|overlay| overlay.refused.is_none());
    let checks = facts.checks.iter();
    let checks = checks.filter(|check| check.stages.contains(&Stage::Custom));
    let deselected = tests.map(|overlay| overlay.deselected);
    let deselected: Vec<_> = deselected
        .chain(checks.map(|check| check.deselected))
        .collect();
    if deselected.is_empty() {
        return Some(SkipReason::NotApplicable("no tests found".to_owned()));
    }
    let none_is_left = deselected.iter().all(|deselected| *deselected);
    none_is_left.then(|| SkipReason::NotSelected("`--test` selects none of its tests".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::revision;

    /// Makes a check of the stage custom.
    fn check() -> PlannedCheck {
        PlannedCheck {
            name: "page".to_owned(),
            stages: vec![Stage::Custom],
            deselected: false,
        }
    }

    fn decide_with(
        head: &Revision,
        releases: &[Revision],
        change: impl FnOnce(&mut Facts<'_>),
    ) -> Plan {
        let recipe = "wordpress".parse().unwrap();
        let domain = "word-3fa91c.ci.example.org".parse().unwrap();
        let mut facts = Facts {
            mode: RunMode::Cold,
            reattached: None,
            pr: None,
            warm_canonical: false,
            recipe: &recipe,
            domain: &domain,
            head,
            releases,
            upgrade_base: None,
            trust: Trust::Trusted,
            exceptions: &[],
            deployer: DeployerKind::Docker,
            ingress: IngressKind::Direct,
            wanted: &Stage::ALL,
            declared_skips: &[],
            generic_left_out: &[],
            backup_capable: true,
            overlays: Vec::new(),
            checks: vec![check()],
            requires: Vec::new(),
        };
        change(&mut facts);
        decide(facts).unwrap()
    }

    fn skip(plan: &Plan, stage: Stage) -> Option<&SkipReason> {
        plan.stages
            .iter()
            .find(|planned| planned.stage == stage)
            .unwrap()
            .skip
            .as_ref()
    }

    #[test]
    fn the_base_is_the_newest_release_older_than_the_head() {
        let releases = ["1.0.0+1.9", "1.1.0+1.10", "2.0.0+2.0"].map(|tag| revision(tag, 'a'));
        let plan = decide_with(&revision("1.1.0+1.10", 'b'), &releases, |_| {});
        assert_eq!(plan.base.unwrap().label, "1.0.0+1.9");
    }

    #[test]
    fn a_branch_is_newer_than_every_release_but_its_own_commit() {
        let releases = [revision("1.0.0+1", 'a'), revision("1.1.0+1", 'b')];
        let plan = decide_with(&revision("main", 'c'), &releases, |_| {});
        assert_eq!(plan.base.unwrap().label, "1.1.0+1");
        let plan = decide_with(&revision("main", 'b'), &releases, |_| {});
        assert_eq!(plan.base.unwrap().label, "1.0.0+1");
    }

    #[test]
    fn no_older_release_makes_the_upgrade_not_applicable() {
        let plan = decide_with(
            &revision("1.0.0+1", 'a'),
            &[revision("1.0.0+1", 'a')],
            |_| {},
        );
        assert!(matches!(
            skip(&plan, Stage::Upgrade),
            Some(SkipReason::NotApplicable(_))
        ));
        assert_eq!(plan.base, None);
    }

    #[test]
    fn a_stage_that_was_not_asked_for_caps() {
        let plan = decide_with(&revision("main", 'a'), &[], |facts| {
            facts.wanted = &[Stage::Install];
        });
        assert!(!skip(&plan, Stage::Custom).unwrap().climbs());
    }

    #[test]
    fn a_stage_of_which_nothing_was_selected_caps_and_one_without_tests_does_not_apply() {
        let plan = decide_with(&revision("main", 'a'), &[], |facts| {
            facts.checks[0].deselected = true;
        });
        let reason = skip(&plan, Stage::Custom).unwrap();
        assert!(matches!(reason, SkipReason::NotSelected(_)) && !reason.climbs());
        let plan = decide_with(&revision("main", 'a'), &[], |facts| facts.checks.clear());
        let reason = skip(&plan, Stage::Custom).unwrap();
        assert!(matches!(reason, SkipReason::NotApplicable(_)) && reason.climbs());
    }

    #[test]
    fn generic_checks_are_left_out_of_the_stages_that_are_named() {
        let by = "`skip-generic`".to_owned();
        let plan = decide_with(&revision("main", 'a'), &[], |facts| {
            facts.generic_left_out =
                std::slice::from_ref(Box::leak(Box::new((Stage::Backup, by.clone()))));
        });
        for planned in &plan.stages {
            let left_out = planned.stage == Stage::Backup;
            assert_eq!(planned.generic == GenericChecks::LeftOut, left_out);
            assert_eq!(planned.left_out_by.is_some(), left_out);
        }
    }

    #[test]
    fn without_backup_labels_backup_and_restore_do_not_apply() {
        let plan = decide_with(&revision("main", 'a'), &[], |facts| {
            facts.backup_capable = false;
        });
        for stage in [Stage::Backup, Stage::Restore] {
            assert!(matches!(
                skip(&plan, stage),
                Some(SkipReason::NotApplicable(_))
            ));
        }
    }

    #[test]
    fn what_is_reattached_is_the_base_whatever_else_is_named() {
        let releases = [revision("1.0.0+1", 'a'), revision("1.1.0+1", 'b')];
        let first = Box::leak(Box::new(releases[0].clone()));
        let quick = |head: &Revision| {
            decide_with(head, &releases, |facts| {
                facts.mode = RunMode::Quick;
                facts.reattached = Some(first);
                facts.upgrade_base = Some("1.1.0+1");
            })
        };
        let plan = quick(&revision("main", 'c'));
        assert_eq!(plan.base.as_ref().unwrap().label, "1.0.0+1");
        assert_eq!(skip(&plan, Stage::Upgrade), None);
        let plan = quick(&releases[0]);
        assert_eq!(plan.base.as_ref().unwrap().label, "1.0.0+1");
        let reason = skip(&plan, Stage::Upgrade).unwrap();
        assert!(matches!(reason, SkipReason::NotApplicable(_)), "{reason:?}");
        let edited = Revision {
            uncommitted: true,
            ..releases[0].clone()
        };
        assert_eq!(skip(&quick(&edited), Stage::Upgrade), None);
    }

    #[test]
    fn a_promotion_and_what_is_always_on_are_installed_and_no_more() {
        let releases = [revision("1.0.0+1", 'a'), revision("1.1.0+1", 'b')];
        for mode in [RunMode::Promote, RunMode::Reconcile] {
            let plan = decide_with(&releases[1], &releases, |facts| {
                facts.mode = mode;
                facts.wanted = &[Stage::Install];
            });
            assert_eq!((plan.base, plan.mode), (None, mode));
            assert_eq!(plan.stages.len(), 1);
        }
    }

    #[test]
    fn a_base_that_is_no_release_is_an_error() {
        let (recipe, domain) = ("a".parse().unwrap(), "a.b".parse().unwrap());
        let head = revision("main", 'a');
        let facts = Facts {
            mode: RunMode::Cold,
            reattached: None,
            pr: None,
            warm_canonical: false,
            recipe: &recipe,
            domain: &domain,
            head: &head,
            releases: &[],
            upgrade_base: Some("9.9.9+9"),
            trust: Trust::Trusted,
            exceptions: &[],
            deployer: DeployerKind::Docker,
            ingress: IngressKind::Direct,
            wanted: &Stage::ALL,
            declared_skips: &[],
            generic_left_out: &[],
            backup_capable: true,
            overlays: Vec::new(),
            checks: Vec::new(),
            requires: Vec::new(),
        };
        assert!(matches!(decide(facts), Err(Error::UnknownBase { .. })));
    }

    #[test]
    fn a_title_names_the_commit_once() {
        assert_eq!(revision("main", 'a').title(), "main (aaaaaaa)");
        assert_eq!(revision("aaaaaaaa", 'a').title(), "aaaaaaa");
    }
}
