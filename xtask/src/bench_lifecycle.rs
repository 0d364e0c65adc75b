//! One life of the static site, by ccci and by hand.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::bench_process::{Cost, watch};
use crate::repo;
use crate::run::{Cmd, cmd, last_lines};

/// Lives of one recipe, each with names and a directory of its own.
pub(crate) struct Course {
    /// The program under measurement.
    ccci: PathBuf,
    /// The recipe's repository.
    recipe: PathBuf,
    /// The last two releases, older first.
    releases: [String; 2],
    /// Holds a directory for each life; removed in the end.
    work: tempfile::TempDir,
    /// How many lives there were.
    lives: usize,
}

/// What a life by ccci cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// Seconds, of the whole run.
    pub(crate) took: f64,
    /// Seconds, of its teardown with the quiet window.
    pub(crate) teardown: f64,
    /// The most memory of ccci itself, in MB.
    pub(crate) memory: f64,
}

impl Course {
    /// Prepares lives of a recipe.
    pub(crate) fn new(ccci: &Path, recipe: &Path) -> Result<Self> {
        let tags = cmd("git", &["tag", "--sort=version:refname"])
            .dir(recipe)
            .read()?;
        let tags: Vec<&str> = tags.lines().collect();
        let [.., base, head] = tags[..] else {
            anyhow::bail!("an upgrade needs two releases of `{}`", recipe.display());
        };
        Ok(Self {
            ccci: ccci.to_owned(),
            recipe: recipe.to_owned(),
            releases: [base.to_owned(), head.to_owned()],
            work: tempfile::tempdir()?,
            lives: 0,
        })
    }

    /// Lives once by ccci, in a directory without kept tests, which the script does not run either.
    pub(crate) fn ccci(&mut self) -> Result<Life> {
        let (work, name) = self.next()?;
        let (state, log) = (work.join("state"), work.join("log"));
        let call = cmd(&self.ccci, &["test"])
            .arg(&self.recipe)
            .args(&["--deployer", "docker", "--ingress", "direct"])
            .args(&["--stages", "install,upgrade,backup,restore"])
            .args(&["--base-domain", &format!("{name}.example")])
            .env("CCCI_STATE_DIR", &state)
            .dir(&work);
        let Cost { took, memory } = watch(call, &log)?;
        let teardown = teardown(&state)
            .with_context(|| last_lines(&log, 15).unwrap_or_else(|error| error.to_string()))?;
        Ok(Life {
            took,
            teardown,
            memory,
        })
    }

    /// Lives once by the script, and returns its seconds.
    pub(crate) fn script(&mut self) -> Result<f64> {
        let (work, name) = self.next()?;
        let [base, head] = self.releases.clone();
        let call = self
            .by_hand("lifecycle.sh", &[&base, &head], &name)
            .arg(&work);
        Ok(watch(call, &work.join("log"))?.took)
    }

    /// Deploys the head, removes it by `docker stack rm` and returns the seconds of the removal alone.
    pub(crate) fn stack_rm(&mut self) -> Result<f64> {
        let (work, name) = self.next()?;
        let [_, head] = self.releases.clone();
        let said = self
            .by_hand("stack_rm.sh", &[&head], &name)
            .arg(&work)
            .read()?;
        let milliseconds: f64 = said
            .trim()
            .parse()
            .with_context(|| format!("stack_rm.sh printed `{}`", said.trim()))?;
        Ok(milliseconds / 1000.0)
    }

    /// Prepares a call of a script, but for its directory.
    fn by_hand(&self, script: &str, releases: &[&str], name: &str) -> Cmd {
        cmd("sh", &[])
            .arg(repo::root().join("xtask/bench").join(script))
            .arg(&self.recipe)
            .args(releases)
            .args(&[name, &format!("{name}.example")])
    }

    /// Makes the directory and the name of one more life.
    fn next(&mut self) -> Result<(PathBuf, String)> {
        self.lives += 1;
        let name = format!("bench-{}-{}", std::process::id(), self.lives);
        let work = self.work.path().join(&name);
        fs::create_dir(&work)?;
        Ok((work, name))
    }
}

/// Returns the seconds that the teardown of the only run in a state directory took.
fn teardown(state: &Path) -> Result<f64> {
    let mut runs = fs::read_dir(state.join("runs"))?
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("report.json"))
        .filter(|path| path.is_file());
    let report = runs.next().context("the run left no report")?;
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&report)?)?;
    let milliseconds = report["teardown"]["duration_ms"]
        .as_f64()
        .context("the report tells of no teardown")?;
    Ok(milliseconds / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_teardown_is_read_from_the_report() {
        let state = tempfile::tempdir().unwrap();
        let run = state.path().join("runs/20260101-abc");
        fs::create_dir_all(&run).unwrap();
        assert!(teardown(state.path()).is_err());
        fs::write(
            run.join("report.json"),
            r#"{"teardown":{"duration_ms":2500}}"#,
        )
        .unwrap();
        assert!((teardown(state.path()).unwrap() - 2.5).abs() < 1e-9);
    }
}
