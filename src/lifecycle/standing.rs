//! Reads which recipes are enrolled and where each stands, from files of this host alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use serde::Serialize;

use super::canonical::Shelf;
use crate::{
    model::{
        canonical::Status,
        recipe::RecipeName,
        report::{REPORT_VERSION, RunReport},
        run::{RunId, RunMode},
        standing::{Digest, KnownGood, Standing, standings},
    },
    sys::{journal, lock::Leader, run_dir},
};

/// The largest report that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// A run whose report tells nothing.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Damaged {
    /// The run.
    pub(crate) run_id: RunId,
    /// What is wrong with the report.
    pub(crate) reason: String,
}

/// Lists the recipes that tests are kept for: each folder that is named as a recipe can be.
///
/// A directory that is not there holds none.
pub(crate) fn enrolled(tests_dir: &Path) -> io::Result<BTreeSet<RecipeName>> {
    recipes_in(tests_dir, Path::is_dir)
}

/// Lists the recipes that a directory has an entry for that counts.
pub(super) fn recipes_in(
    dir: &Path,
    counts: impl Fn(&Path) -> bool,
) -> io::Result<BTreeSet<RecipeName>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    let mut found = BTreeSet::new();
    for entry in entries {
        let entry = entry?;
        let name = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        found.extend(name.filter(|_| counts(&entry.path())));
    }
    Ok(found)
}

/// Returns where each recipe stands, with the runs whose reports tell nothing.
pub(crate) fn read(
    state: &Path,
    enrolled: &BTreeSet<RecipeName>,
) -> io::Result<(Vec<Standing>, Vec<Damaged>)> {
    let mut digests = Vec::new();
    let mut damaged = Vec::new();
    for (run_id, entry) in run_dir::list(state)? {
        match digest(&entry) {
            Ok(found) => digests.extend(found),
            Err(reason) => damaged.push(Damaged { run_id, reason }),
        }
    }
    damaged.sort_by(|a, b| a.run_id.as_str().cmp(b.run_id.as_str()));
    let locks = state.join("locks");
    // A lock that cannot be asked for is nobody's.
    let is_alive = |run: &RunId| Leader::is_alive(&locks, run).unwrap_or(false);
    let mut all = standings(enrolled, digests, is_alive);
    for standing in &mut all {
        standing.canonical = canonical(state, &standing.recipe);
    }
    Ok((all, damaged))
}

/// Returns what is known to be good of a recipe, or that its record is damaged.
fn canonical(state: &Path, recipe: &RecipeName) -> Option<KnownGood> {
    let known = match Shelf::of(state, recipe).read() {
        Ok(known) => known?,
        Err(_) => {
            return Some(KnownGood {
                version: None,
                commit: None,
                promoted: None,
                state: "damaged",
            });
        }
    };
    Some(KnownGood {
        version: Some(known.version),
        commit: Some(known.commit),
        promoted: Some(known.promoted),
        state: match known.status {
            Status::Idle => "idle",
            Status::InUse { .. } => "in-use",
        },
    })
}

/// Reads the report of a run as far as it says where its recipe stands.
fn digest(entry: &Path) -> Result<Option<Digest>, String> {
    let Some(text) = report_text(entry)? else {
        return Ok(None);
    };
    let mut digest = Digest::parse(&text)?;
    if digest.recipe.is_none() {
        digest.recipe = recipe_of(entry);
    }
    Ok(Some(digest))
}

/// Reads the reports of a recipe's runs, newest first; those that tell nothing are left out.
pub(crate) fn reports(state: &Path, recipe: &RecipeName) -> io::Result<Vec<RunReport>> {
    let runs = run_dir::list(state)?.into_iter();
    let texts = runs.filter_map(|(_, entry)| report_text(&entry).ok()?);
    let reports = texts.filter_map(|text| serde_json::from_str::<RunReport>(&text).ok());
    let is_of = |report: &RunReport| {
        let plan = report.plan.as_ref();
        report.version <= REPORT_VERSION && plan.is_some_and(|plan| plan.recipe == *recipe)
    };
    let mut found: Vec<_> = reports.filter(is_of).collect();
    found.sort_by_key(|report| std::cmp::Reverse(report.started));
    Ok(found)
}

/// Returns how long the last cold run of each recipe took, in milliseconds, as far as reports tell.
pub(crate) fn durations(state: &Path) -> io::Result<BTreeMap<RecipeName, u64>> {
    let mut took = BTreeMap::new();
    // Newest first, so that the first of a recipe counts.
    for (_, entry) in run_dir::list(state)? {
        let text = report_text(&entry).ok().flatten();
        let report = text.and_then(|text| serde_json::from_str::<RunReport>(&text).ok());
        if let Some(report) = report
            && let (Some(plan), Some(finished)) = (report.plan, report.finished)
            && plan.mode == RunMode::Cold
        {
            took.entry(plan.recipe).or_insert(finished.duration_ms);
        }
    }
    Ok(took)
}

/// Reads the text of a run's report, wherever its records are; nothing while it has none.
fn report_text(entry: &Path) -> Result<Option<String>, String> {
    let elsewhere = entry.join("records");
    let records = if elsewhere.is_symlink() {
        &elsewhere
    } else {
        entry
    };
    let path = records.join("report.json");
    let size = match fs::metadata(&path) {
        Ok(found) => found.len(),
        // Records that were put elsewhere are their owner's to remove.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if size > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    let text = fs::read_to_string(&path);
    text.map(Some).map_err(|error| error.to_string())
}

/// Returns the recipe of a run that ended before it had a plan; its journal names it.
fn recipe_of(entry: &Path) -> Option<RecipeName> {
    let examined = journal::examine(entry).ok()??;
    Some(examined.history.begun?.recipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enrolled_is_a_folder_that_is_named_as_a_recipe() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["blog", "__pycache__", ".blog.new", "Wiki"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("shared.sh"), "").unwrap();
        let found = enrolled(dir.path()).unwrap();
        let names: Vec<_> = found.iter().map(RecipeName::as_str).collect();
        assert_eq!(names, ["blog"]);
        assert!(enrolled(&dir.path().join("missing")).unwrap().is_empty());
    }

    #[test]
    fn a_report_that_cannot_be_read_is_named_and_harms_no_other() {
        let state = tempfile::tempdir().unwrap();
        let write = |id: &str, text: &str| {
            let folder = state.path().join("runs").join(id);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("report.json"), text).unwrap();
        };
        write("aaaaa", "{\"version\": 1");
        write("bbbbb", "\0\0");
        let good = r#"{"version":1,"run_id":"ccccc","started":"2026-11-20T10:00:00Z",
            "updated":"2026-11-20T10:00:00Z","stages":[],"plan":{"recipe":"blog",
            "head":{"label":"main","uncommitted":false,"lightweight":false}}}"#;
        write("ccccc", good);
        fs::create_dir(state.path().join("runs/ddddd")).unwrap();
        let (standings, damaged) = read(state.path(), &BTreeSet::new()).unwrap();
        let runs: Vec<_> = damaged.iter().map(|one| one.run_id.as_str()).collect();
        assert_eq!(runs, ["aaaaa", "bbbbb"]);
        assert_eq!(standings.len(), 1);
        assert_eq!(standings[0].runs, 1);
    }
}
