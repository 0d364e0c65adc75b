//! ccci, a test runner for Co-op Cloud recipes.
//!
//! The code map; each folder uses those below it only, and `exit` is used by `command` alone.
//!
//! - `main.rs`: the program
//! - `lib.rs`: this map, and which command is run
//! - `cli`, `cli.rs`: the command line as types; their comments are the help
//!   - `test_args.rs`, `app_args.rs`: what each command takes
//!   - `values.rs`: readers of values
//! - `exit.rs`: the exit codes
//! - `command`: one file a command
//!   - `test.rs`: `ccci test`, by `select.rs` (what), `host.rs` (where), `batch.rs` (side by side), `aftermath.rs` (reports)
//!   - `exec.rs`, `config.rs`, `completions.rs`, `help.rs`: the other commands
//!   - `view.rs`: streams, colour and the terminal
//!   - `secrets.rs`: what must not be shown
//!   - `error.rs`: the top error
//! - `lifecycle`: what happens to one app in one run
//!   - `preflight.rs`: what is asked before anything is done
//!   - `runner.rs`, `attempt.rs`, `session.rs`, `ending.rs`: one run, what its stages share, how it ends
//!   - `fetch.rs`, `prepare.rs`, `side.rs`, `images.rs`, `deploy.rs`: from the recipe to the app
//!   - `stages.rs`: the five stages, by `convergence.rs`, `settle.rs`, `reach.rs`, `live.rs`, `declared.rs`, `overlay.rs`
//!   - `canary.rs`, `canary_row.rs`, `planting.rs`, `backup_check.rs`: data that must survive
//!   - `classify.rs`, `evidence.rs`: whose fault, and what shows it
//!   - `teardown.rs`: removal, proved
//!   - `announce.rs`, `record.rs`, `watchdog.rs`: facts, the report, signals and slow stages
//! - `render`: model to text
//!   - `terminal.rs`, `board.rs`, `live.rs`, `screen.rs`, `running.rs`: the screen
//!   - `lines.rs`, `line.rs`, `block.rs`, `results.rs`, `times.rs`, `clean.rs`: its lines
//!   - `level.rs`, `mode.rs`: how much, and how
//!   - `junit.rs`, `summary.rs`, `github.rs`, `plan.rs`: other forms
//! - `tool`: one file an outside program
//!   - `deployer.rs`: the trait of `abra.rs` and `stack.rs`
//!   - `docker`, `git`, `probe`, `runner.rs`: docker, git, HTTP, pytest and hurl
//!   - `app.rs`, `rendering.rs`, `overlay_files.rs`, `archive.rs`: files they need
//! - `sys`: the operating system
//!   - `process.rs`: the gate of every child
//!   - `redact.rs`, `interrupt.rs`, `wait.rs`, `lock.rs`, `pty.rs`, `random.rs`: what its name says
//!   - `context.rs`, `run_dir.rs`, `journal.rs`, `durable.rs`: what a run is given, and what it writes
//! - `config`: settings, and a recipe's declarations
//!   - `load.rs`, `layer.rs`, `environment.rs`, `file.rs`, `work_tree.rs`: the layers
//!   - `settings.rs`, `keys.rs`, `written.rs`, `defaults.toml`: the settings
//!   - `recipe_config.rs`, `probe_config.rs`, `placeholder.rs`: `recipe.toml`
//!   - `reference.rs`: `docs/config.md`
//! - `model`: pure types; one file a word of the glossary

use std::ffi::OsString;

pub mod cli;
pub(crate) mod command;
pub(crate) mod config;
pub(crate) mod exit;
pub(crate) mod lifecycle;
pub mod model;
pub(crate) mod render;
pub(crate) mod sys;
pub(crate) mod tool;

/// Runs one command line and returns its exit code.
pub fn run(argv: impl IntoIterator<Item = OsString>) -> u8 {
    command::dispatch::run(argv.into_iter().collect())
}

/// Returns the pages of the reference that are made from the program itself, each with its path.
pub fn references() -> [(&'static str, String); 2] {
    [
        ("docs/cli.md", cli::reference()),
        ("docs/config.md", config::reference::reference()),
    ]
}
