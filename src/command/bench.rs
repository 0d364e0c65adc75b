//! All that runs need: settings in force, tokens, programs, the signals, what there is to deploy on.

use std::sync::Arc;

use super::{
    batch::{self, Pace},
    error::Error,
    host::Programs,
    secrets,
    testing::{Testing, or_signal},
    view,
};
use crate::{
    cli::values::Running,
    config::settings::Settings,
    lifecycle::preflight::{self, Ground},
    sys::{context::Context, redact::Redactor},
    tool::{
        deployer::{self, Deployer},
        docker::client::{Docker, READ_LIMIT},
        git::Git,
    },
};

/// What runs are going to need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// Whether recipes are fetched.
    pub(super) fetches: bool,
    /// Whether mirrors are made equal.
    pub(super) mirrors: bool,
}

/// All that runs need, once it is there.
pub(super) struct Bench {
    /// What they act with.
    pub(super) ctx: Context,
    /// How many run at once, and when that ends.
    pub(super) pace: Pace,
    /// What there is to deploy on.
    pub(super) ground: Ground,
    /// What deploys.
    pub(super) deployer: Arc<dyn Deployer>,
}

impl Testing<'_> {
    /// Gets everything ready that runs need, and asks what there is to deploy on.
    pub(super) fn set_up(&self, settings: Settings, needs: Needs) -> Result<Bench, Error> {
        let redactor = Redactor::default();
        let mirrors = secrets::mirror_token(self.call, &settings, &redactor, needs.mirrors)?;
        let token = secrets::git_token(self.call, &settings, &redactor, needs.fetches)?;
        self.warn(&secrets::register(&settings, &redactor)?)?;
        preflight::prepare_state(&settings.state)?;
        let find = |word, program| preflight::find_program(&settings, word, program);
        let programs = Programs {
            docker: find("docker", &settings.programs.docker)?,
            git: find("git", &settings.programs.git)?,
        };
        let mut ctx = self.call.context(settings, programs, redactor)?;
        ctx.git_token = token;
        ctx.mirror_token = mirrors.filter(|_| needs.mirrors);
        let refused = |error| Error::not_given("failed to start a thread", error);
        view::answer_status(&self.terminal).map_err(refused)?;
        view::yield_to_second_signal(&self.terminal, &ctx.host.interrupt).map_err(refused)?;
        view::leave_when_stopped(&self.terminal, &ctx.host.interrupt).map_err(refused)?;
        let place = place(&ctx);
        let (ground, deployer) = place.map_err(|error| or_signal(&ctx, error))?;
        let max_fail = self.args.execution.max_fail;
        let cancels = max_fail.is_some_and(|limit| limit.running == Running::Cancel);
        let pace = Pace {
            jobs: if self.args.reporting.no_capture {
                1
            } else {
                ctx.settings.limits.jobs
            },
            max_fail,
            interrupt: if cancels {
                batch::follow(&ctx.host.interrupt).map_err(refused)?
            } else {
                ctx.host.interrupt.clone()
            },
        };
        Ok(Bench {
            ctx,
            pace,
            ground,
            deployer,
        })
    }
}

/// Asks what there is to deploy on, and with what.
fn place(ctx: &Context) -> Result<(Ground, Arc<dyn Deployer>), Error> {
    let settings = &ctx.settings;
    let abra = preflight::find_abra(settings)?;
    let docker = Docker::new(&ctx.docker, &ctx.host);
    let limit = settings.limits.pull.min(READ_LIMIT);
    let git = Git::new(&ctx.host, &ctx.git, limit);
    let ground = preflight::survey(&docker, &git, settings)?;
    let deployer = deployer::make(abra.as_deref(), &ground.versions["docker"], &ctx.host)?;
    Ok((ground, deployer))
}
