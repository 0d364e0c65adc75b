//! What is written once the runs are over: reports for CI engines, and which old runs go.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use super::{
    error::{Error, Kind},
    host::Call,
};
use crate::{
    config::settings::State,
    lifecycle::record::Render,
    model::report::RunReport,
    render::{github, junit, summary, terminal::Terminal},
    sys::{
        durable, random,
        redact::Redactor,
        run_dir::{self, Retention},
    },
};

/// The variable that names the file for a summary.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";
/// The variable by which a runner of workflows says that it reads commands.
const ACTIONS: &str = "GITHUB_ACTIONS";

/// The files that every run keeps beside its report.
pub(crate) const RENDERS: &[(&str, Render)] = &[("junit.xml", junit::render), ("summary.md", page)];

/// Renders the summary, with the command that makes the run again.
fn page(report: &RunReport) -> String {
    summary::render(report, again(report).as_deref())
}

/// Returns the command that makes a run again: as it was typed, or by what was planned where a CI engine chose.
fn again(report: &RunReport) -> Option<String> {
    if report.argv.len() > 1 {
        return Some(format!("ccci {}", report.argv.join(" ")));
    }
    let plan = report.plan.as_ref()?;
    let commit = plan.head.commit.as_ref()?;
    Some(format!(
        "ccci test {} --ref {} --keep failed",
        plan.recipe,
        commit.short()
    ))
}

/// Keeps what a recipe prints from being read as commands by a runner of workflows.
pub(crate) struct Fence<'a> {
    /// Where commands go.
    terminal: &'a Terminal,
    /// Ends the fence; nothing where nobody reads commands.
    token: Option<String>,
}

impl<'a> Fence<'a> {
    /// Puts the fence up, where somebody reads commands.
    pub(crate) fn raise(call: &Call, terminal: &'a Terminal) -> Result<Self, Error> {
        let mut token = None;
        if call.env().os(ACTIONS).is_some() {
            let bytes = random::bytes().map_err(|error| Error::new(Kind::Internal, error))?;
            let number = format!("{:032x}", u128::from_le_bytes(bytes));
            say(terminal, &github::stop_commands(&number))?;
            token = Some(number);
        }
        Ok(Self { terminal, token })
    }

    /// Takes the fence down, and says what did not pass.
    pub(crate) fn lower(self, reports: &[RunReport]) -> Result<(), Error> {
        let Some(token) = self.token else {
            return Ok(());
        };
        say(self.terminal, &github::resume_commands(&token))?;
        let mut all = reports.iter().flat_map(github::annotations);
        all.try_for_each(|command| say(self.terminal, &command))
    }
}

/// Writes a command for the reader of this stream.
fn say(terminal: &Terminal, command: &str) -> Result<(), Error> {
    let written = terminal.command(command);
    written.map_err(super::view::output_error("standard error"))
}

/// Writes the reports that were asked for beyond the run directory.
pub(crate) fn write(
    call: &Call,
    junit: Option<&PathBuf>,
    reports: &[RunReport],
    redactor: &Redactor,
) -> Result<(), Error> {
    let failed = |path: &Path| {
        let message = format!("failed to write `{}`", path.display());
        move |error: std::io::Error| {
            Error::new(Kind::Output, anyhow::Error::new(error).context(message))
        }
    };
    if let Some(path) = junit {
        let xml = redactor.text(&junit::render_all(reports));
        durable::write(path, xml.as_bytes()).map_err(failed(path))?;
    }
    if let Some(path) = call.env().path(STEP_SUMMARY) {
        let pages: String = reports.iter().map(page).collect();
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(redactor.text(&pages).as_bytes()));
        written.map_err(failed(&path))?;
    }
    Ok(())
}

/// Removes the records of old runs; returns what to warn of.
pub(crate) fn prune(state: &State) -> Option<String> {
    let retention = Retention {
        runs: usize::try_from(state.keep_runs).unwrap_or(usize::MAX),
        size: state.keep_size,
        age: state.keep_age,
    };
    let error = run_dir::prune(&state.dir, &retention).err()?;
    Some(format!("failed to remove records of old runs: {error}"))
}
