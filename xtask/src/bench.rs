//! Measures each speed goal against a reference that runs side by side with it.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::bench_lifecycle::Course;
use crate::bench_process;
use crate::bench_table::{self, Goal, Line, median};
use crate::run::cmd;
use crate::{bench_snapshot, bench_sweep, engine, examples, images, repo, say};

/// How often each pair is measured unless told otherwise.
const ROUNDS: usize = 3;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A run of one recipe.
    Run,
    /// Copies of a volume.
    Snapshot,
    /// A sweep over many.
    Sweep,
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    /// What is measured.
    course: What,
    /// How often each pair is measured.
    rounds: usize,
    /// Whether a missed goal is an error.
    check: bool,
}

/// Measures what was asked for and prints it as ratios.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let request = parse(args)?;
    engine::run(&[])?;
    images::run(&[])?;
    examples::run(&[])?;
    cmd("cargo", &["build", "--quiet", "--release", "--bin", "ccci"]).show()?;
    let ccci = repo::target().join("release/ccci");
    let lines = match request.course {
        What::Run => {
            let recipe = repo::target().join("examples/static-site");
            measure(&ccci, &recipe, request.rounds)?
        }
        What::Snapshot => bench_snapshot::measure(&ccci, request.rounds)?,
        What::Sweep => bench_sweep::measure(&ccci, request.rounds)?,
    };
    say::line(&bench_table::render(&lines));
    let missed = lines.iter().filter(|line| !line.is_met()).count();
    ensure!(
        missed == 0 || !request.check,
        "{missed} of {} goals missed",
        lines.len()
    );
    Ok(())
}

/// Reads `run`, `snapshot` or `sweep`, and `--rounds N` and `--check`.
fn parse(args: &[String]) -> Result<Request> {
    let usage = "usage: cargo xtask bench run|snapshot|sweep [--rounds N] [--check]";
    let mut words = args.iter().map(String::as_str);
    let course = match words.next() {
        Some("run") => What::Run,
        Some("snapshot") => What::Snapshot,
        Some("sweep") => What::Sweep,
        Some(_) | None => bail!("{usage}"),
    };
    let mut request = Request {
        course,
        rounds: ROUNDS,
        check: false,
    };
    while let Some(word) = words.next() {
        match word {
            "--check" => request.check = true,
            "--rounds" => {
                let number = words.next().and_then(|number| number.parse().ok());
                let number = number.filter(|number| (1..=100).contains(number));
                request.rounds =
                    number.with_context(|| format!("`--rounds` takes 1 to 100\n{usage}"))?;
            }
            other => bail!("`{other}` is not known\n{usage}"),
        }
    }
    Ok(request)
}

/// What each round measured.
#[derive(Default)]
struct Rounds {
    /// Seconds of ccci.
    lives: Vec<f64>,
    /// Seconds of the script.
    scripts: Vec<f64>,
    /// Seconds of ccci's teardown.
    teardowns: Vec<f64>,
    /// Seconds of `docker stack rm`.
    removals: Vec<f64>,
    /// MB of ccci.
    memory: Vec<f64>,
}

/// Measures everything, by turns with its reference.
fn measure(ccci: &Path, recipe: &Path, count: usize) -> Result<Vec<Line>> {
    let (startup, bare) = bench_process::startups(ccci)?;
    let client = bench_process::client_memory()?;
    let mut course = Course::new(ccci, recipe)?;
    let mut rounds = Rounds::default();
    for round in 1..=count {
        let script = course.script()?;
        let life = course.ccci()?;
        let removal = course.stack_rm()?;
        say::line(&format!(
            "round {round} of {count}: ccci {:.2} s, script {script:.2} s; teardown {:.2} s, docker stack rm {removal:.2} s",
            life.took, life.teardown,
        ));
        rounds.scripts.push(script);
        rounds.lives.push(life.took);
        rounds.teardowns.push(life.teardown);
        rounds.removals.push(removal);
        rounds.memory.push(life.memory);
    }
    Ok(lines(&rounds, startup, bare, client))
}

/// Sets what was measured beside its reference and its goal.
fn lines(rounds: &Rounds, startup: f64, bare: f64, client: f64) -> Vec<Line> {
    let line = |what, measured, (against, reference), goal| Line {
        what,
        measured,
        reference,
        against,
        goal,
    };
    let times = |most| Goal::Ratio { most, unit: "s" };
    let under = |under, unit| Goal::Value { under, unit };
    let script = ("script", median(&rounds.scripts));
    let removal = ("docker stack rm", median(&rounds.removals));
    let (bare, client) = (("/bin/true", bare), ("docker events", client));
    vec![
        line("lifecycle", median(&rounds.lives), script, times(1.10)),
        line("teardown", median(&rounds.teardowns), removal, times(0.50)),
        line("startup", startup, bare, under(5.0, "ms")),
        line("memory", median(&rounds.memory), client, under(25.0, "MB")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses words.
    fn parsed(words: &[&str]) -> Result<Request> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        parse(&words)
    }

    #[test]
    fn rounds_and_check_are_read_and_nothing_else() {
        let request = parsed(&["run", "--rounds", "5", "--check"]).unwrap();
        assert_eq!(
            request,
            Request {
                course: What::Run,
                rounds: 5,
                check: true
            }
        );
        assert_eq!(parsed(&["run"]).unwrap().rounds, ROUNDS);
        assert_eq!(parsed(&["snapshot"]).unwrap().course, What::Snapshot);
        assert_eq!(parsed(&["sweep"]).unwrap().course, What::Sweep);
        for wrong in [
            &[][..],
            &["walk"],
            &["run", "--rounds"],
            &["run", "--rounds", "0"],
            &["run", "fast"],
        ] {
            let error = parsed(wrong).unwrap_err().to_string();
            assert!(
                error.contains("usage: cargo xtask bench run|snapshot|sweep"),
                "{error}"
            );
        }
    }
}
