//! Gets what a run requires: each app is there, has made what is needed, and goes back to what it was at the end.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Instant,
};

use jiff::Timestamp;
use serde_json::json;

use super::{
    attempt::Attempt,
    classify,
    codeploy::Cold,
    fetch::Fetched,
    filling,
    hold::{Came, LetGo, Up},
    overlay_env,
    prepare::Prepared,
    provider::Parties,
    requirements,
    session::state_trouble,
    withdrawal::Withdrawal,
};
use crate::{
    model::{
        dependency::{Dependency, Presence, Provision, Requirement},
        event::Fact,
        journal::Entry,
        outcome::{Fault, Outcome, Trouble, millis},
        plan::Overlay,
        provided::{self, Given},
        recipe::RecipeName,
        report::RunReport,
        stage::Stage,
    },
    sys::{
        durable,
        process::{Exit, Host, StepLog},
    },
    tool::{app::App, provider_hook::ProviderHook},
};

/// How many lines of a hook's errors are shown when it fails.
const SHOWN_LINES: usize = 5;

/// The apps that a run uses beside its own, until they are released.
#[derive(Default)]
pub(super) struct Providers(RefCell<Vec<Provider>>);

/// One of them.
struct Provider {
    /// Its place in the report.
    place: usize,
    /// The run that deployed it.
    cold: Option<Cold>,
    /// What it made that has to be undone.
    provision: Option<Provision>,
}

impl Attempt<'_> {
    /// Gets every required app ready, one after another once all are on their way, and fills in what they give.
    pub(super) fn get_required(
        &self,
        app: &App,
        fetched: &Fetched,
        prepared: Prepared,
    ) -> Result<Prepared, Trouble> {
        if prepared.plan.requires.is_empty() {
            return Ok(prepared);
        }
        let begun = Instant::now();
        for requirement in &prepared.plan.requires {
            self.begin_required(requirement)?;
        }
        let mut given = BTreeMap::new();
        for (place, requirement) in prepared.plan.requires.iter().enumerate() {
            let got = self.get_one(app, place, requirement);
            let dependency = {
                let mut report = self.record.report();
                let dependency = &mut report.dependencies[place];
                dependency.duration_ms = millis(begun.elapsed());
                match &got {
                    Ok(_) => dependency.outcome = Outcome::Pass,
                    Err(trouble) => dependency.trouble = Some(trouble.clone()),
                }
                dependency.clone()
            };
            self.announcer.say(Fact::DependencyReady { dependency });
            given.insert(requirement.recipe.clone(), got?);
        }
        write_provided(self.dir.registry(), &prepared.plan.requires, &given)?;
        filling::refill(self.ctx, app, fetched, prepared, &given)
    }

    /// Takes note of a required app, and begins to deploy it where it does not run here always.
    fn begin_required(&self, requirement: &Requirement) -> Result<(), Trouble> {
        let place = {
            let mut report = self.record.report();
            report.dependencies.push(Dependency::of(requirement));
            report.dependencies.len() - 1
        };
        let cold = match requirement.presence {
            Presence::Reused => None,
            Presence::Deployed => {
                let Requirement { recipe, domain, .. } = requirement;
                let what = format!("required {recipe}, deployed for this run at {domain}");
                self.announcer.say(Fact::Waiting { what });
                Some(self.deploy_required(requirement)?)
            }
        };
        self.providers.0.borrow_mut().push(Provider {
            place,
            cold,
            provision: None,
        });
        Ok(())
    }

    /// Waits until a required app is there, and asks it for what it gives.
    fn get_one(
        &self,
        app: &App,
        place: usize,
        requirement: &Requirement,
    ) -> Result<Given, Trouble> {
        let up = self.wait_for(place, requirement)?;
        {
            let mut report = self.record.report();
            let dependency = &mut report.dependencies[place];
            dependency.version = match &up {
                Some(up) => up.version.clone(),
                None => requirements::version_of(app, requirement)?,
            };
            dependency.run_id = up.as_ref().map(|up| up.run_id.clone());
        }
        let Some(provide) = &requirement.provide else {
            return Ok(Given::default());
        };
        let parties = Parties {
            run_id: self.dir.id(),
            deployer: self.job.deployer.kind(),
            dependent: &app.recipe,
            dependent_domain: &app.domain,
            provider: &requirement.recipe,
            domain: &requirement.domain,
            ingress: up.as_ref().map_or(self.job.ingress, |up| up.ingress),
            env_file: up.map(|up| up.env_file),
        };
        let artifacts = self.dir.path().join("artifacts");
        let unwritable = |error: std::io::Error| state_trouble(&error.to_string());
        std::fs::create_dir_all(&artifacts).map_err(unwritable)?;
        let env = parties.environment(&app.docker, &artifacts)?;
        let root = self.kept_root(&requirement.recipe);
        if let (Presence::Reused, Some(withdraw)) = (requirement.presence, &requirement.withdraw) {
            // On disk before anything is made: an app that is deployed for this run alone takes all that it made along.
            let provision = Provision {
                provider: requirement.recipe.clone(),
                domain: requirement.domain.clone(),
                root: root.display().to_string(),
                withdraw: withdraw.path.clone(),
                env: env.clone(),
            };
            let entry = Entry::Providing(provision.clone());
            self.journal.write(&entry).map_err(unwritable)?;
            self.providers.0.borrow_mut()[place].provision = Some(provision);
        }
        let env = overlay_env::beside_words(self.ctx, env);
        self.ask(&root, provide, &env, &requirement.recipe)
    }

    /// Waits until an app that is deployed for this run is there; nothing is waited for where it always is.
    fn wait_for(&self, place: usize, requirement: &Requirement) -> Result<Option<Up>, Trouble> {
        let cold = self.providers.0.borrow_mut()[place].cold.take();
        let Some(mut cold) = cold else {
            return Ok(None);
        };
        let dependency = &requirement.recipe;
        let mut progress = |doing: &str| {
            self.announcer.say(Fact::DependencyProgress {
                required: dependency.clone(),
                doing: doing.to_owned(),
            });
        };
        let came = cold.wait(self, &mut progress);
        let result = match came {
            Ok(up) => Ok(Some(up)),
            Err(Came::Interrupted) => Err(classify::interrupted()),
            Err(Came::Ended | Came::Up(_)) => {
                let (result, reproduce) = cold.join();
                let again = reproduce.unwrap_or_else(|| format!("ccci test {dependency}"));
                let trouble = cold.failure(&result, &again);
                self.note_end(place, result);
                Err(trouble)
            }
        };
        self.providers.0.borrow_mut()[place].cold = Some(cold);
        result
    }

    /// Returns the folder of the tests kept for a recipe.
    fn kept_root(&self, recipe: &RecipeName) -> PathBuf {
        let folder = self.ctx.settings.recipes.tests_dir.clone();
        let root = folder.unwrap_or_default().join(recipe.as_str());
        std::path::absolute(&root).unwrap_or(root)
    }

    /// Runs the hook by which an app provides, and reads what it gives; its secrets are masked before anything else.
    fn ask(
        &self,
        root: &Path,
        provide: &Overlay,
        env: &[(OsString, OsString)],
        recipe: &RecipeName,
    ) -> Result<Given, Trouble> {
        let scratch = self.dir.registry().join("scratch");
        let limits = &self.ctx.settings.limits;
        let hook = ProviderHook {
            root,
            path: &provide.path,
            env,
            scratch: &scratch,
            limit: limits.hook.min(self.deadline.left()),
        };
        let log = self.hook_log("provide", recipe)?;
        let named = |what: &str| format!("`{}` of required recipe `{recipe}` {what}", hook.path);
        let output = hook.ask(&self.ctx.host).map_err(|error| {
            let trouble = Trouble::broken("provide-failed", named("could not be run"));
            let source = std::error::Error::source(&error).map(ToString::to_string);
            source.into_iter().fold(trouble, Trouble::because)
        })?;
        let redactor = &self.ctx.host.redactor;
        for secret in provided::possible_secrets(&output.stdout) {
            redactor.register(&secret);
        }
        let said = output.stderr_text();
        log.note(&format!("{}: {}\n{said}", hook.path, output.exit));
        if output.exit == Exit::Interrupted {
            return Err(classify::interrupted());
        }
        if !output.ok() {
            let what = format!("did not provide ({})", output.exit);
            let trouble = Trouble::broken("provide-failed", named(&what));
            let title = format!("{}/provide-{recipe}.log", Stage::Install.folder());
            return Err(trouble.excerpt(title, &redactor.text(&said), SHOWN_LINES));
        }
        provided::parse(&output.stdout).map_err(|rule| {
            let trouble = Trouble::new(Fault::Config, "provide-malformed", named("breaks a rule"));
            trouble.because(rule.to_string())
        })
    }

    /// Opens the log of a hook of a required app.
    fn hook_log(&self, hook: &str, recipe: &RecipeName) -> Result<StepLog, Trouble> {
        let name = format!("{}/{hook}-{recipe}.log", Stage::Install.folder());
        let log = self.dir.log(&name);
        log.map_err(|error| state_trouble(&error.to_string()))
    }

    /// Undoes what always-on apps made; what cannot be undone is left, and stays in the journal.
    pub(super) fn withdraw_all(&self) {
        let mut providers = self.providers.0.borrow_mut();
        for provider in providers.iter_mut() {
            let Some(provision) = provider.provision.take() else {
                continue;
            };
            let host = Host {
                interrupt: self.ctx.host.interrupt.shielded(),
                ..self.ctx.host.clone()
            };
            let withdrawal = Withdrawal {
                ctx: self.ctx,
                host: &host,
                scratch: self.dir.registry().join("scratch"),
                log: self.hook_log("withdraw", &provision.provider).ok(),
            };
            let undone = withdrawal.make(&provision).and_then(|()| {
                let provider = provision.domain.clone();
                let written = self.journal.write(&Entry::Withdrawn { provider });
                written.map_err(|error| state_trouble(&error.to_string()))
            });
            if let Err(trouble) = undone {
                let mut report = self.record.report();
                let dependency = &mut report.dependencies[provider.place];
                dependency.left.push(provision.left());
                dependency.trouble.get_or_insert(trouble);
            }
        }
    }

    /// Lets all required apps go, or keeps them as long as the app that requires them, and says what became of each.
    pub(super) fn release(&self, kept_until: Option<Timestamp>) {
        let mut providers = self.providers.0.take();
        let order = kept_until.map_or(LetGo::Remove, LetGo::Keep);
        let colds = providers.iter().filter_map(|one| one.cold.as_ref());
        colds.for_each(|cold| cold.let_go(order));
        for provider in &mut providers {
            if let Some(mut cold) = provider.cold.take()
                && !cold.is_joined()
            {
                let (result, _) = cold.join();
                self.note_end(provider.place, result);
            }
            let dependency = self.record.report().dependencies[provider.place].clone();
            self.announcer.say(Fact::DependencyReleased { dependency });
        }
    }

    /// Takes note of how the run of a required app ended.
    fn note_end(&self, place: usize, result: Result<Box<RunReport>, Trouble>) {
        let mut report = self.record.report();
        let dependency = &mut report.dependencies[place];
        match result {
            Ok(ended) => {
                dependency.run_id = Some(ended.run_id.clone());
                dependency.kept.clone_from(&ended.kept);
                let left = ended
                    .teardown
                    .into_iter()
                    .flat_map(|teardown| teardown.left);
                dependency.left.extend(left.map(|left| left.to_string()));
                // What its own requirements left is as much in the way.
                let deeper = ended
                    .dependencies
                    .into_iter()
                    .flat_map(|deeper| deeper.left);
                dependency.left.extend(deeper);
            }
            Err(trouble) => drop(dependency.trouble.get_or_insert(trouble)),
        }
    }
}

/// Writes what was given where hooks and tests read it; the folder goes at the end of the run.
fn write_provided(
    registry: &Path,
    requires: &[Requirement],
    given: &BTreeMap<RecipeName, Given>,
) -> Result<(), Trouble> {
    let mut all = serde_json::Map::new();
    for requirement in requires {
        let Some(given) = given.get(&requirement.recipe) else {
            continue;
        };
        let domain = &requirement.domain;
        let one = json!({
            "domain": domain,
            "url": format!("https://{domain}"),
            "values": given.values,
            "secrets": given.secrets,
        });
        all.insert(requirement.recipe.to_string(), one);
    }
    let path = overlay_env::provided_file(registry);
    let text = serde_json::Value::Object(all).to_string();
    let folder = path.parent().unwrap_or(registry);
    std::fs::create_dir_all(folder)
        .and_then(|()| durable::write(&path, text.as_bytes()))
        .map_err(|error| state_trouble(&error.to_string()))
}
