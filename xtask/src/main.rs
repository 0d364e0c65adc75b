//! The front door of the repository: `cargo xtask TASK`, one file per task.

mod bench;
mod bench_lifecycle;
mod bench_process;
mod bench_shelf;
mod bench_snapshot;
mod bench_sweep;
mod bench_table;
mod demo;
mod engine;
mod examples;
mod fmt;
mod hurl;
mod image;
mod images;
mod inventory;
mod lint;
mod man;
mod packages;
mod python;
mod repo;
mod run;
mod say;
mod source_hash;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// One task: its name, what it does in a line, and the function that does it.
struct Task {
    /// What is typed after `cargo xtask`.
    name: &'static str,
    /// The line in the help.
    about: &'static str,
    /// Does it, with what follows the name on the command line.
    run: fn(&[String]) -> Result<()>,
}

/// All tasks, in the order of the help.
const TASKS: &[Task] = &[
    Task {
        name: "demo",
        about: "take the example recipes through a whole run on this machine",
        run: demo::run,
    },
    Task {
        name: "test",
        about: "lint, then all tests; arguments after it go to cargo test",
        run: test::run,
    },
    Task {
        name: "lint",
        about: "check format, clippy and dependencies",
        run: lint::run,
    },
    Task {
        name: "fmt",
        about: "format the code",
        run: fmt::run,
    },
    Task {
        name: "man",
        about: "write the manual pages from the command line's definition",
        run: man::run,
    },
    Task {
        name: "bench",
        about: "measure the speed goals: `bench run` a run, `bench snapshot` copies of volumes, `bench sweep` sweeps",
        run: bench::run,
    },
    Task {
        name: "engine",
        about: "make sure of a Docker engine with a swarm",
        run: engine::run,
    },
    Task {
        name: "images",
        about: "build the lab's images",
        run: images::run,
    },
    Task {
        name: "python",
        about: "set up the Python and the browser that tests need",
        run: python::run,
    },
    Task {
        name: "hurl",
        about: "build the hurl that tests run by",
        run: hurl::run,
    },
    Task {
        name: "examples",
        about: "write the example recipes as git repositories",
        run: examples::run,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Runs the task that the first argument names; no argument prints the help.
fn dispatch(args: &[String]) -> Result<()> {
    let Some((name, rest)) = args.split_first() else {
        say::line(&help());
        return Ok(());
    };
    if matches!(name.as_str(), "help" | "-h" | "--help") {
        say::line(&help());
        return Ok(());
    }
    match TASKS.iter().find(|task| task.name == name) {
        Some(task) => (task.run)(rest),
        None => bail!("there is no task `{name}`\n{}", help()),
    }
}

/// Renders the list of tasks.
fn help() -> String {
    let tasks: Vec<String> = TASKS
        .iter()
        .map(|task| format!("  {:<10}{}", task.name, task.about))
        .collect();
    format!("usage: cargo xtask TASK\n\n{}", tasks.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_task_is_an_error_that_lists_the_tasks() {
        let error = dispatch(&["nonsense".to_owned()]).unwrap_err().to_string();
        assert!(
            error.contains("`nonsense`") && error.contains("  images "),
            "{error}"
        );
    }
}
