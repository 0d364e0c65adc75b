//! Which run somebody means: by its id, its directory, or its recipe.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::error::{Error, Kind};
use crate::{
    lifecycle::explanation,
    model::{likeness, run::RunId},
    sys::{run_dir, run_files},
};

/// The word for the run that began last.
const LATEST: &str = "latest";

/// Returns the directory of the run that is meant; without a word, of the one that began last.
pub(super) fn find(state: &Path, word: Option<&str>) -> Result<PathBuf, Error> {
    match word {
        None | Some(LATEST) => latest(state),
        Some(path) if path.contains('/') || matches!(path, "." | "..") => by_path(path),
        Some(word) => by_name(state, word),
    }
}

/// Returns the directory of the run that began last.
fn latest(state: &Path) -> Result<PathBuf, Error> {
    if let Ok(dir) = fs::canonicalize(state.join("runs").join(LATEST)) {
        return Ok(dir);
    }
    // The link leads nowhere when that run was removed.
    let runs = list(state)?;
    let entry = runs.into_iter().next().map(|(_, entry)| records(entry));
    entry.ok_or_else(|| {
        let message = format!("there is no run in `{}`", state.display());
        Error::say(Kind::Usage, message).hint("test a recipe first with `ccci test`")
    })
}

/// Takes a path as that of a run directory.
fn by_path(path: &str) -> Result<PathBuf, Error> {
    let dir = PathBuf::from(path);
    if explanation::is_run(&dir) {
        return Ok(dir);
    }
    let message = format!("`{}` is no run directory", path.escape_debug());
    Err(Error::say(Kind::Usage, message)
        .hint("name a directory that holds `report.json` or `events.jsonl`"))
}

/// Finds a run by its id, by its recipe, or by the beginning of its id, in this order.
fn by_name(state: &Path, word: &str) -> Result<PathBuf, Error> {
    let runs = list(state)?;
    if let Some((_, entry)) = runs.iter().find(|(id, _)| id.as_str() == word) {
        return Ok(records(entry.clone()));
    }
    let runs: Vec<Known> = runs.into_iter().map(Known::of).collect();
    // The newest comes first.
    if let Some(run) = runs.iter().find(|run| run.recipe.as_deref() == Some(word)) {
        return Ok(run.dir.clone());
    }
    let mut fitting = runs.iter().filter(|run| run.id.as_str().starts_with(word));
    match (fitting.next(), fitting.next()) {
        (Some(run), None) => Ok(run.dir.clone()),
        (Some(first), Some(second)) => {
            let (first, second) = (&first.id, &second.id);
            let message = format!("`{word}` fits several runs, among them {first} and {second}");
            Err(Error::say(Kind::Usage, message).hint("give more of the id"))
        }
        (None, _) => Err(unknown(state, word, &runs)),
    }
}

/// Says that there is no such run, and which ones are like it.
fn unknown(state: &Path, word: &str, runs: &[Known]) -> Error {
    let shown = word.escape_debug();
    let message = format!(
        "there is no run or recipe `{shown}` in `{}`",
        state.display()
    );
    let ids = runs.iter().map(|run| run.id.as_str());
    let recipes = runs.iter().filter_map(|run| run.recipe.as_deref());
    let like = likeness::like(word, ids.chain(recipes));
    let error = Error::say(Kind::Usage, message);
    match (&like[..], runs.first()) {
        ([], None) => error.hint("test a recipe first with `ccci test`"),
        ([], Some(newest)) => error.hint(format!("the latest run is `{}`", newest.id)),
        ([..], _) => error.hint(format!("try {}", likeness::one_of(&like))),
    }
}

/// A run of the registry, with the recipe that it tested.
struct Known {
    /// The run.
    id: RunId,
    /// Where its records are.
    dir: PathBuf,
    /// The recipe, where its events tell.
    recipe: Option<String>,
}

impl Known {
    /// Reads which recipe a run tested: every event names it.
    fn of((id, entry): (RunId, PathBuf)) -> Self {
        let dir = records(entry);
        let text = run_files::beginning(&dir.join(explanation::EVENTS));
        let first = text.lines().next().unwrap_or_default();
        let event: serde_json::Value = serde_json::from_str(first).unwrap_or_default();
        let recipe = event["recipe"].as_str().map(str::to_owned);
        Self { id, dir, recipe }
    }
}

/// Returns where the records of an entry are, which `--log-dir` can put elsewhere.
fn records(entry: PathBuf) -> PathBuf {
    fs::canonicalize(entry.join("records")).unwrap_or(entry)
}

/// Lists the runs of the registry, newest first.
fn list(state: &Path) -> Result<Vec<(RunId, PathBuf)>, Error> {
    run_dir::list(state).map_err(|error: io::Error| {
        let message = format!("failed to read the runs in `{}`", state.display());
        let error = anyhow::Error::new(error).context(message);
        Error::new(Kind::Configuration, error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a state directory with runs of these recipes.
    fn state(runs: &[(&str, &str)]) -> tempfile::TempDir {
        let state = tempfile::tempdir().unwrap();
        for (id, recipe) in runs {
            let dir = state.path().join("runs").join(id);
            fs::create_dir_all(&dir).unwrap();
            let event = format!("{{\"recipe\":\"{recipe}\"}}\n");
            fs::write(dir.join("events.jsonl"), event).unwrap();
        }
        state
    }

    #[test]
    fn a_run_is_found_by_id_recipe_beginning_and_path() {
        let state = state(&[("k7m2q", "wordpress"), ("kkkkk", "n8n"), ("n8naa", "k7m")]);
        let found = |word: &str| {
            let dir = find(state.path(), Some(word)).unwrap();
            dir.file_name().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(found("k7m2q"), "k7m2q");
        assert_eq!(found("wordpress"), "k7m2q");
        // A recipe's name outranks the beginning of an id.
        assert_eq!(found("n8n"), "kkkkk");
        assert_eq!(found("k7m"), "n8naa");
        assert_eq!(found("kk"), "kkkkk");
        let path = state.path().join("runs/kkkkk");
        assert_eq!(found(path.to_str().unwrap()), "kkkkk");
    }

    #[test]
    fn the_latest_is_where_the_link_leads_and_else_the_newest() {
        let state = state(&[("k7m2q", "wordpress")]);
        let newest = find(state.path(), None).unwrap();
        assert_eq!(newest, state.path().join("runs/k7m2q"));
        let link = state.path().join("runs/latest");
        std::os::unix::fs::symlink(state.path(), &link).unwrap();
        let wanted = fs::canonicalize(state.path()).unwrap();
        assert_eq!(find(state.path(), Some("latest")).unwrap(), wanted);
    }

    #[test]
    fn who_names_no_run_hears_what_is_like_it() {
        let told = |runs: &[(&str, &str)], word: Option<&str>| {
            let state = state(runs);
            let error = find(state.path(), word).unwrap_err();
            assert_eq!(error.code(), 2);
            let message = error.cause.to_string();
            let message = message.replace(state.path().to_str().unwrap(), "STATE");
            format!("{message}; {}", error.hint.unwrap_or_default())
        };
        let runs = [("k7m2q", "wordpress"), ("k7m2r", "n8n")];
        insta::assert_snapshot!(told(&runs, Some("wordpres")), @"there is no run or recipe `wordpres` in `STATE`; try `wordpress`");
        insta::assert_snapshot!(told(&runs, Some("k7m2s")), @"there is no run or recipe `k7m2s` in `STATE`; try `k7m2q` or `k7m2r`");
        insta::assert_snapshot!(told(&runs, Some("k7")), @"`k7` fits several runs, among them k7m2q and k7m2r; give more of the id");
        insta::assert_snapshot!(told(&runs[..1], Some("x\u{1b}y")), @r"there is no run or recipe `x\u{1b}y` in `STATE`; the latest run is `k7m2q`");
        insta::assert_snapshot!(told(&[], None), @"there is no run in `STATE`; test a recipe first with `ccci test`");
        insta::assert_snapshot!(told(&[], Some("./nosuch")), @"`./nosuch` is no run directory; name a directory that holds `report.json` or `events.jsonl`");
    }
}
