//! Where a recipe stands, by the reports of its runs: its level, its last run, its flaky results.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    outcome::{Outcome, Verdict},
    plan::Revision,
    recipe::{CommitSha, RecipeName, RecipeVersion},
    report::REPORT_VERSION,
    run::{RunId, RunMode},
};

/// One run, as far as it says where its recipe stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The run.
    pub run_id: RunId,
    /// Its recipe; nothing when the run ended before it had a plan.
    pub recipe: Option<RecipeName>,
    /// When it began.
    pub started: Timestamp,
    /// When its report was written last.
    pub updated: Timestamp,
    /// What it started from.
    pub mode: RunMode,
    /// What it tested, as a person knows it.
    pub version: Option<String>,
    /// Its verdict and the level; nothing while it goes on, or when it crashed.
    pub end: Option<(Verdict, u8)>,
    /// How many of its checks passed on a later try.
    pub flaky: usize,
}

/// How a run ended, or that it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// With a verdict of passed.
    Pass,
    /// With one of failed.
    Fail,
    /// Without a verdict.
    Broken,
    /// Passed, and something was left behind.
    Leak,
    /// By a signal.
    Cancelled,
    /// It goes on.
    Running,
    /// It is over, and its report has no end.
    Crashed,
}

impl Ending {
    /// Returns the ending's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Broken => "broken",
            Self::Leak => "leak",
            Self::Cancelled => "cancelled",
            Self::Running => "running",
            Self::Crashed => "crashed",
        }
    }
}

/// The last run of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// The run.
    pub run_id: RunId,
    /// How it ended.
    pub outcome: Ending,
    /// What it tested.
    pub version: Option<String>,
    /// When it ended, or began where it has no end.
    pub at: Timestamp,
}

/// The level that a recipe reached last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// The level, 0 to 5.
    pub level: u8,
    /// The run that reached it.
    pub run_id: RunId,
    /// What it tested.
    pub version: Option<String>,
    /// When it ended.
    pub at: Timestamp,
}

/// Where one recipe stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The recipe.
    pub recipe: RecipeName,
    /// Whether tests are kept for it.
    pub enrolled: bool,
    /// The level of its last run that came to a verdict.
    pub level: Option<Reached>,
    /// Its last run, whatever came of it.
    pub last_run: Option<LastRun>,
    /// How many runs of it are on record.
    pub runs: usize,
    /// How many results of these runs passed on a later try.
    pub flaky: usize,
    /// What is known to be good of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical: Option<KnownGood>,
}

/// What is known to be good of a recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KnownGood {
    /// The release; nothing when the record is damaged.
    pub version: Option<RecipeVersion>,
    /// The commit.
    pub commit: Option<CommitSha>,
    /// When it was promoted.
    pub promoted: Option<Timestamp>,
    /// `idle`, `in-use`, or `damaged`.
    pub state: &'static str,
}

/// The part of a report that is read here.
#[derive(Deserialize)]
struct Written {
    /// The format's version.
    version: u32,
    /// The run.
    run_id: RunId,
    /// When it began.
    started: Timestamp,
    /// When it was written last.
    updated: Timestamp,
    /// What was decided.
    plan: Option<WrittenPlan>,
    /// The stages.
    stages: Vec<WrittenStage>,
    /// The end.
    finished: Option<WrittenEnd>,
}

/// The part of a plan that is read here.
#[derive(Deserialize)]
struct WrittenPlan {
    /// What the run started from.
    #[serde(default)]
    mode: RunMode,
    /// The recipe.
    recipe: RecipeName,
    /// What was tested.
    head: Revision,
}

/// The part of a stage that is read here.
#[derive(Deserialize)]
struct WrittenStage {
    /// Its checks.
    checks: Vec<WrittenCheck>,
}

/// The part of a check that is read here.
#[derive(Deserialize)]
struct WrittenCheck {
    /// How it ended.
    outcome: Outcome,
}

/// The part of an end that is read here.
#[derive(Deserialize)]
struct WrittenEnd {
    /// The verdict.
    verdict: Verdict,
    /// The level.
    level: u8,
}

impl Digest {
    /// Reads the text of a `report.json`; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if written.version > REPORT_VERSION {
            return Err("it was made by a newer ccci".to_owned());
        }
        let checks = written.stages.iter().flat_map(|stage| &stage.checks);
        let flaky = checks
            .filter(|check| check.outcome == Outcome::Flaky)
            .count();
        let head = written.plan.as_ref().map(|plan| &plan.head);
        Ok(Self {
            run_id: written.run_id,
            mode: written
                .plan
                .as_ref()
                .map(|plan| plan.mode)
                .unwrap_or_default(),
            version: head.map(|head| {
                let version = head.version.as_ref().map(RecipeVersion::as_str);
                version.map_or_else(|| head.title(), str::to_owned)
            }),
            recipe: written.plan.map(|plan| plan.recipe),
            started: written.started,
            updated: written.updated,
            end: written.finished.map(|end| (end.verdict, end.level)),
            flaky,
        })
    }

    /// Tells how the run ended, given whether somebody still leads it.
    fn ending(&self, is_alive: bool) -> Ending {
        match self.end {
            Some((Verdict::Pass, _)) => Ending::Pass,
            Some((Verdict::Fail, _)) => Ending::Fail,
            Some((Verdict::Broken, _)) => Ending::Broken,
            Some((Verdict::Leak, _)) => Ending::Leak,
            Some((Verdict::Cancelled, _)) => Ending::Cancelled,
            None if is_alive => Ending::Running,
            None => Ending::Crashed,
        }
    }

    /// Returns the level, when the run came to a verdict.
    ///
    /// A run that began with data that was there does not show that a release installs.
    fn reached(&self) -> Option<Reached> {
        let (verdict, level) = self.end.filter(|_| self.mode == RunMode::Cold)?;
        match verdict {
            Verdict::Pass | Verdict::Fail | Verdict::Leak => Some(Reached {
                level,
                run_id: self.run_id.clone(),
                version: self.version.clone(),
                at: self.updated,
            }),
            Verdict::Broken | Verdict::Cancelled => None,
        }
    }
}

/// Returns where each recipe stands that is enrolled or was tested: first the enrolled ones, by name.
///
/// Who leads a run is asked only of runs without an end.
pub fn standings(
    enrolled: &BTreeSet<RecipeName>,
    digests: Vec<Digest>,
    is_alive: impl Fn(&RunId) -> bool,
) -> Vec<Standing> {
    let mut runs: BTreeMap<RecipeName, Vec<Digest>> = enrolled
        .iter()
        .map(|recipe| (recipe.clone(), Vec::new()))
        .collect();
    // A promotion is no test: what it installs has passed one.
    let tests = digests.into_iter();
    for digest in tests.filter(|digest| !digest.mode.only_installs()) {
        if let Some(recipe) = digest.recipe.clone() {
            runs.entry(recipe).or_default().push(digest);
        }
    }
    let stand = |(recipe, runs): (RecipeName, Vec<Digest>)| {
        let enrolled = enrolled.contains(&recipe);
        standing(recipe, enrolled, runs, &is_alive)
    };
    let mut all: Vec<_> = runs.into_iter().map(stand).collect();
    all.sort_by_key(|standing| !standing.enrolled);
    all
}

/// Returns where one recipe stands.
fn standing(
    recipe: RecipeName,
    enrolled: bool,
    mut runs: Vec<Digest>,
    is_alive: impl Fn(&RunId) -> bool,
) -> Standing {
    runs.sort_by(|a, b| (b.started, &b.run_id).cmp(&(a.started, &a.run_id)));
    let last_run = runs.first().map(|run| LastRun {
        run_id: run.run_id.clone(),
        outcome: run.ending(run.end.is_none() && is_alive(&run.run_id)),
        version: run.version.clone(),
        at: if run.end.is_some() {
            run.updated
        } else {
            run.started
        },
    });
    Standing {
        recipe,
        enrolled,
        level: runs.iter().find_map(Digest::reached),
        last_run,
        runs: runs.len(),
        flaky: runs.iter().map(|run| run.flaky).sum(),
        canonical: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the digest of a run of `blog` that began in a minute of ten o'clock.
    fn run(id: &str, minute: u8, end: Option<(Verdict, u8)>) -> Digest {
        let at = |minute| format!("2026-11-20T10:{minute:02}:00Z").parse().unwrap();
        Digest {
            run_id: id.parse().unwrap(),
            recipe: Some("blog".parse().unwrap()),
            mode: RunMode::Cold,
            started: at(minute),
            updated: at(minute + 1),
            version: Some(format!("1.{minute}.0+1")),
            end,
            flaky: 1,
        }
    }

    fn names(all: &[&str]) -> BTreeSet<RecipeName> {
        all.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_run_without_a_verdict_is_the_last_one_and_leaves_the_level() {
        let runs = vec![
            run("aaaaa", 10, Some((Verdict::Fail, 2))),
            run("bbbbb", 30, Some((Verdict::Broken, 0))),
            run("ccccc", 20, Some((Verdict::Leak, 5))),
        ];
        let all = standings(&names(&["blog"]), runs, |_| panic!("all have an end"));
        let [standing] = &all[..] else {
            panic!("{all:#?}")
        };
        let level = standing.level.as_ref().unwrap();
        assert_eq!((level.level, level.run_id.as_str()), (5, "ccccc"));
        assert_eq!(level.version.as_deref(), Some("1.20.0+1"));
        let last = standing.last_run.as_ref().unwrap();
        assert_eq!(
            (last.outcome, last.run_id.as_str()),
            (Ending::Broken, "bbbbb")
        );
        assert_eq!((standing.runs, standing.flaky), (3, 3));
    }

    #[test]
    fn a_run_without_an_end_goes_on_or_crashed() {
        let ending = |alive: bool| {
            let all = standings(&names(&[]), vec![run("aaaaa", 10, None)], |_| alive);
            assert_eq!(all[0].level, None);
            let last = all[0].last_run.clone().unwrap();
            assert_eq!(last.at, "2026-11-20T10:10:00Z".parse().unwrap());
            last.outcome
        };
        assert_eq!(ending(true), Ending::Running);
        assert_eq!(ending(false), Ending::Crashed);
    }

    #[test]
    fn enrolled_recipes_come_first_and_those_never_tested_are_there() {
        let all = standings(
            &names(&["zulip", "chat"]),
            vec![run("aaaaa", 1, Some((Verdict::Pass, 5)))],
            |_| false,
        );
        let shown: Vec<_> = all
            .iter()
            .map(|one| (one.recipe.as_str(), one.enrolled, one.runs))
            .collect();
        assert_eq!(
            shown,
            [("chat", true, 0), ("zulip", true, 0), ("blog", false, 1)]
        );
    }

    #[test]
    fn a_promotion_is_no_test_and_a_quick_run_reaches_no_level() {
        let of = |id: &str, minute, mode| Digest {
            mode,
            ..run(id, minute, Some((Verdict::Pass, 5)))
        };
        let runs = vec![
            of("aaaaa", 10, RunMode::Cold),
            of("bbbbb", 20, RunMode::Quick),
            of("ccccc", 30, RunMode::Promote),
        ];
        let all = standings(&names(&[]), runs, |_| false);
        let level = all[0].level.as_ref().unwrap();
        let last = all[0].last_run.as_ref().unwrap();
        assert_eq!(level.run_id.as_str(), "aaaaa");
        assert_eq!((last.run_id.as_str(), all[0].runs), ("bbbbb", 2));
    }

    #[test]
    fn of_a_report_the_needed_part_is_read() {
        let check = |outcome: &str| serde_json::json!({"outcome": outcome, "name": "x"});
        let mut report = serde_json::json!({
            "version": 1, "run_id": "k7m2q", "argv": ["test"],
            "started": "2026-11-20T10:00:00Z", "updated": "2026-11-20T10:09:00Z",
            "plan": {"recipe": "blog", "head": {
                "label": "main", "commit": "8f3c1d2e9b7a65544332211000ffeeddccbbaa99",
                "uncommitted": true, "lightweight": false,
            }},
            "stages": [{"checks": [check("flaky"), check("pass")]}, {"checks": [check("flaky")]}],
            "finished": {"verdict": "pass", "level": 5},
        });
        let digest = Digest::parse(&report.to_string()).unwrap();
        assert_eq!(digest.recipe.unwrap().as_str(), "blog");
        assert_eq!((digest.end, digest.flaky), (Some((Verdict::Pass, 5)), 2));
        let version = digest.version.unwrap();
        assert_eq!(version, "main (8f3c1d2) with uncommitted changes");
        report["plan"] = serde_json::Value::Null;
        assert_eq!(Digest::parse(&report.to_string()).unwrap().recipe, None);
        report["version"] = 2.into();
        let refused = Digest::parse(&report.to_string()).unwrap_err();
        assert!(refused.contains("newer ccci"), "{refused}");
        assert!(Digest::parse("{").is_err());
    }
}
