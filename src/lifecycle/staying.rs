//! How a run deploys an always-on app, which may be there before it and stays when it is over.

use std::fs;

use super::{
    always_on, attempt::Attempt, convergence::Memory, prepare::Inherited, session::docker_trouble,
    settle, side::Side, stages::Course,
};
use crate::{
    config::{
        recipe_config::{DeclaredTimeouts, RecipeConfig},
        settings::Settings,
    },
    model::{
        outcome::{Fault, Trouble},
        run::RunMode,
    },
    tool::{app::App, docker::service::Service},
};

/// Returns how an always-on app is deployed and looked at: as it is configured, and by what its recipe waits for.
pub(super) fn config(settings: &Settings, app: &App, declared: RecipeConfig) -> RecipeConfig {
    let mut apps = settings.always_on.iter();
    let configured = apps.find(|configured| configured.domain == app.domain);
    let configured = configured.expect("the job was made from the same settings");
    RecipeConfig {
        health_path: configured.health_path.clone(),
        health_ok: declared.health_ok,
        timeouts: DeclaredTimeouts {
            deploy: configured.timeout.or(declared.timeouts.deploy),
            ..declared.timeouts
        },
        flatten_domains: false,
        ingress: declared.ingress,
        env: configured.declared(),
        ready: declared.ready,
        ..RecipeConfig::default()
    }
}

impl Attempt<'_> {
    /// Tells whether the app stays, whatever the verdict, and nothing of it may be removed before the run.
    pub(super) fn stays(&self) -> bool {
        self.job.request.mode == RunMode::Reconcile
    }

    /// Refuses to take an always-on app for a canonical: it has the name that its recipe's canonical would have.
    pub(super) fn refuse_always_on(&self, app: &App) -> Result<(), Trouble> {
        let mut apps = self.ctx.settings.always_on.iter();
        if !apps.any(|one| one.domain == app.domain) {
            return Ok(());
        }
        let message = format!("`{}` is an always-on app, and no canonical", app.domain);
        let trouble = Trouble::new(Fault::Config, "always-on", message);
        Err(trouble.hint("give the always-on app another `domain`"))
    }

    /// Takes over the app's `.env`, where it was deployed before.
    pub(super) fn take_env(&self, app: &App) -> Result<Inherited, Trouble> {
        Ok(Inherited {
            env: always_on::env(&self.ctx.settings.state.dir, &app.domain)?,
            ..Inherited::default()
        })
    }

    /// Keeps the `.env` of an app that stays, when it was found well; returns what went wrong.
    pub(super) fn keep_env(&self, app: &App) -> Option<String> {
        if !self.stays() || !self.is_good() {
            return None;
        }
        let text = fs::read(app.env_file()).map_err(|error| error.to_string());
        let kept = text.and_then(|text| {
            always_on::keep_env(&self.ctx.settings.state.dir, &app.domain, &text)
                .map_err(|error| error.to_string())
        });
        let failed = kept.err();
        failed.map(|error| format!("could not keep the app's `.env`: {error}"))
    }
}

impl Course<'_> {
    /// Finds the services that a run deploys over; what failed of them before says nothing of it.
    pub(super) fn find_there(&self, side: &Side) -> Result<Vec<Service>, Trouble> {
        if self.session.plan.mode != RunMode::Reconcile {
            return Ok(Vec::new());
        }
        let app = &self.session.app;
        let names = side.stack.services.keys();
        let names: Vec<String> = names.map(|key| app.stack.object(key)).collect();
        let look = settle::look(app, &names).map_err(|error| docker_trouble(&error))?;
        *self.memory.borrow_mut() = Memory::after(&look);
        Ok(look.services)
    }
}
