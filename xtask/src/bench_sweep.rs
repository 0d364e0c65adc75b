//! Sweeps: side by side against one after another, and what it takes to find that nothing is new.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::bench_process::watch;
use crate::bench_shelf::Shelf;
use crate::bench_table::{Goal, Line, median};
use crate::run::{Cmd, cmd};
use crate::say;

/// How many recipes are tested and promoted.
const SMALL: usize = 8;
/// How many recipes are looked at.
const MANY: usize = 500;
/// How many are done at the same time.
const JOBS: usize = 4;
/// Asks for the refs of each recipe by hand, one after another.
const BY_HAND: &str = "for name in $(cat \"$1\"); do git ls-remote --quiet --symref \"$2/$name.git\" HEAD 'refs/heads/*' 'refs/tags/*' >/dev/null || exit 1; done";

/// What is swept, each time with a state directory and names of its own.
struct Field {
    /// The program under measurement.
    ccci: PathBuf,
    /// Holds everything; removed in the end.
    work: tempfile::TempDir,
    /// Where the recipes are.
    shelf: Shelf,
    /// How many sweeps there were.
    sweeps: usize,
}

/// Measures sweeps by turns with their references.
pub(crate) fn measure(ccci: &Path, rounds: usize) -> Result<Vec<Line>> {
    let mut field = Field::new(ccci)?;
    let (small, many) = (names("bench-small", SMALL), names("bench-many", MANY));
    small
        .iter()
        .try_for_each(|name| field.shelf.release(name))?;
    field.shelf.unreleased(&many)?;
    let [mut ones, mut fours, mut loops, mut looks] = [const { Vec::new() }; 4];
    for round in 1..=rounds {
        ones.push(field.promote(&small, 1)?);
        fours.push(field.promote(&small, JOBS)?);
        loops.push(field.by_hand(&many)?);
        looks.push(field.look(&many)?);
        let last = |times: &[f64]| times.last().copied().unwrap_or_default();
        say::line(&format!(
            "round {round} of {rounds}: {SMALL} recipes {:.1} s, one after another {:.1} s; {MANY} recipes {:.1} s, by hand {:.1} s",
            last(&fours),
            last(&ones),
            last(&looks),
            last(&loops),
        ));
    }
    let line = |what, measured: &[f64], (against, reference): (_, &[f64]), most| Line {
        what,
        measured: median(measured),
        reference: median(reference),
        against,
        goal: Goal::Ratio { most, unit: "s" },
    };
    Ok(vec![
        line("sweep -j 4", &fours, ("sweep -j 1", &ones), 1.0 / 3.0),
        line("nothing new", &looks, ("git ls-remote", &loops), 1.0),
    ])
}

impl Field {
    /// Prepares sweeps.
    fn new(ccci: &Path) -> Result<Self> {
        let work = tempfile::tempdir()?;
        let shelf = Shelf::open(&work.path().join("shelf"))?;
        Ok(Self {
            ccci: ccci.to_owned(),
            work,
            shelf,
            sweeps: 0,
        })
    }

    /// Sweeps recipes that are new, and returns the seconds; removes their canonicals afterwards.
    fn promote(&mut self, recipes: &[String], jobs: usize) -> Result<f64> {
        let (folder, base) = self.enroll(recipes)?;
        let swept = self.sweep(&folder, &base, jobs);
        let mut promoted = 0;
        for recipe in recipes {
            promoted += usize::from(
                folder
                    .join("state/warm")
                    .join(recipe)
                    .join("canonical.json")
                    .is_file(),
            );
            let domain = format!("warm-{recipe}.{base}");
            let confirm = format!("--confirm={domain}");
            // What a sweep that failed has not made cannot be removed; its own failure is told.
            let removed = self
                .call(&folder, &base, &["teardown", &domain, &confirm])
                .try_read();
            ensure!(swept.is_err() || removed?.0, "`{domain}` is left behind");
        }
        let took = swept?;
        ensure!(
            promoted == recipes.len(),
            "{promoted} of {} promoted",
            recipes.len()
        );
        Ok(took)
    }

    /// Sweeps recipes that were never released, and returns the seconds.
    fn look(&mut self, recipes: &[String]) -> Result<f64> {
        let (folder, base) = self.enroll(recipes)?;
        self.sweep(&folder, &base, JOBS)
    }

    /// Asks for what such a sweep asks for, one recipe after another, and returns the seconds.
    fn by_hand(&self, recipes: &[String]) -> Result<f64> {
        let list = self.work.path().join("list");
        fs::write(&list, recipes.join("\n"))?;
        let url = self.shelf.url.trim_end_matches("/{recipe}.git");
        let call = cmd("sh", &["-c", BY_HAND, "sh"]).arg(&list).arg(url);
        Ok(watch(call, &self.work.path().join("log"))?.took)
    }

    /// Makes a folder in which recipes are enrolled; returns it and the base domain of their apps.
    fn enroll(&mut self, recipes: &[String]) -> Result<(PathBuf, String)> {
        self.sweeps += 1;
        let name = format!("bench-{}-{}", std::process::id(), self.sweeps);
        let folder = self.work.path().join(&name);
        for recipe in recipes {
            let kept = folder.join("kept").join(recipe);
            fs::create_dir_all(&kept)?;
            fs::write(kept.join("recipe.toml"), "warm-canonical = true\n")?;
        }
        Ok((folder, format!("{name}.example")))
    }

    /// Sweeps what is enrolled in a folder.
    fn sweep(&self, folder: &Path, base: &str, jobs: usize) -> Result<f64> {
        let call = self.call(folder, base, &["sweep", "-j", &jobs.to_string()]);
        Ok(watch(call, &folder.join("log"))?.took)
    }

    /// Prepares a call of ccci.
    fn call(&self, folder: &Path, base: &str, args: &[&str]) -> Cmd {
        cmd(&self.ccci, args)
            .env("CCCI_DEPLOYER", "docker")
            .env("CCCI_INGRESS", "direct")
            .env("CCCI_BASE_DOMAIN", base)
            .env("CCCI_STATE_DIR", folder.join("state"))
            .env("CCCI_TESTS_DIR", folder.join("kept"))
            .env("CCCI_RECIPE_URL", &self.shelf.url)
            .env("CCCI_ALLOW_HTTP", "true")
            .dir(folder)
    }
}

/// Returns names of recipes.
fn names(word: &str, count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("{word}-{number}"))
        .collect()
}
