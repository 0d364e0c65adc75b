//! How a run takes over the canonical of its recipe, and what a dead run has left of it in use.
//!
//! The record says that the app is in use before anything of it is touched, and that it is not only when its volumes
//! hold again what its snapshot does. So whoever finds a run dead knows what to put back.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    time::Duration,
};

use super::{
    attempt::Attempt,
    canonical::{DAMAGED, Shelf},
    fetch::{self, Fetched},
    origin,
    prepare::{Inherited, Prepared},
    session::docker_trouble,
    teardown::Belongings,
};
use crate::{
    model::{
        canonical::{Canonical, Status},
        event::{DiagnosticLevel, Fact},
        outcome::{Fault, Trouble},
        plan::Revision,
        resource::{Resource, ResourceKind},
        run::RunMode,
    },
    tool::{app::App, git::Git},
};

/// The canonical of a run's recipe, as far as the run has to do with it.
#[derive(Default)]
pub(super) struct Warm {
    /// Whether it is known what of the app must stay; until then nothing of it may be removed.
    is_open: Cell<bool>,
    /// What is known to be good.
    pub(super) known: RefCell<Option<Canonical>>,
    /// Secrets that a deploy makes of the recipe's files, and would make again.
    pub(super) from_files: RefCell<BTreeSet<Resource>>,
}

impl Warm {
    /// Returns what of the canonical's app must not be removed before the run begins.
    pub(super) fn kept_at_start(&self) -> BTreeSet<Resource> {
        match &*self.known.borrow() {
            Some(known) if known.status == Status::Idle => known.kept(),
            Some(known) => known.kept_secrets().collect(),
            None => BTreeSet::new(),
        }
    }

    /// Tells whether something of the app may be removed.
    pub(super) fn is_open(&self) -> bool {
        self.is_open.get()
    }

    /// Tells whether volumes may hold something else than the last good snapshot.
    pub(super) fn is_in_use(&self) -> bool {
        let known = self.known.borrow();
        known
            .as_ref()
            .is_some_and(|known| known.status != Status::Idle)
    }
}

impl Attempt<'_> {
    /// Reads the canonical where the run has to do with it.
    pub(super) fn open_canonical(&self, app: &App) -> Result<(), Trouble> {
        let mode = self.job.request.mode;
        if self.stays() {
            return Ok(());
        }
        if !mode.is_warm() {
            self.warm.is_open.set(true);
            return Ok(());
        }
        self.refuse_always_on(app)?;
        let known = match self.shelf().read_whole() {
            // What is damaged is replaced by what is promoted now.
            Err(trouble) if trouble.code == DAMAGED && mode == RunMode::Promote => {
                self.warn(trouble);
                None
            }
            read => read?,
        };
        let recipe = &app.recipe;
        match &known {
            None if mode == RunMode::Quick => {
                let message = format!("there is no canonical of `{recipe}`");
                let trouble = Trouble::new(Fault::Config, "no-canonical", message);
                let hint = format!(
                    "set `warm-canonical = true` for it, and test a release with `ccci test {recipe} --version TAG`"
                );
                return Err(trouble.hint(hint));
            }
            Some(known) if known.domain != app.domain => {
                let message = format!("the canonical of `{recipe}` is `{}`", known.domain);
                let trouble = Trouble::new(Fault::Config, "canonical-elsewhere", message);
                let domain = &known.domain;
                return Err(trouble.hint(format!(
                    "set `base-domain` to what it was, or forget it with `ccci teardown {domain} --confirm={domain}`"
                )));
            }
            Some(_) | None => {}
        }
        self.warm.known.replace(known);
        self.warm.is_open.set(true);
        Ok(())
    }

    /// Puts back what a dead run left in use.
    pub(super) fn recover(&self, app: &App) -> Result<(), Trouble> {
        if !self.warm.is_in_use() {
            return Ok(());
        }
        let what = "the canonical's data, which an earlier run left in use".to_owned();
        self.announcer.say(Fact::Waiting { what });
        self.put_back(app)
    }

    /// Returns what the run takes over from the canonical.
    pub(super) fn inherit(&self, app: &App, fetched: &Fetched) -> Result<Inherited, Trouble> {
        if self.stays() {
            return self.take_env(app);
        }
        let known = self.warm.known.borrow();
        let Some(known) = &*known else {
            return Ok(Inherited::default());
        };
        if self.job.request.mode == RunMode::Promote {
            return Ok(Inherited {
                secrets: known.secrets.clone(),
                ..Inherited::default()
            });
        }
        let head = &fetched.head.version;
        if head.as_ref().is_some_and(|head| *head < known.version) {
            let message = format!(
                "the canonical is of `{}`, which is newer than what is tested",
                known.version
            );
            let trouble = Trouble::new(Fault::Config, "canonical-newer", message);
            return Err(trouble.hint("test it without `--quick`"));
        }
        Ok(Inherited {
            base: Some(self.reattached(app, fetched, known)?),
            env: Some(self.shelf().env(known)?),
            secrets: BTreeSet::new(),
        })
    }

    /// Returns the revision that the canonical is of; a fork may lack it, and then it is fetched as well.
    fn reattached(
        &self,
        app: &App,
        fetched: &Fetched,
        known: &Canonical,
    ) -> Result<Revision, Trouble> {
        let mut releases = fetched.releases.iter();
        let is_it = |one: &&Revision| {
            one.version.as_ref() == Some(&known.version)
                && one.commit.as_ref() == Some(&known.commit)
        };
        if let Some(found) = releases.find(is_it) {
            return Ok(found.clone());
        }
        let git = Git::new(app.docker.host(), &app.git, self.ctx.settings.limits.pull);
        let url = origin::url_of(&app.recipe, None, &self.ctx.settings);
        let url = url.map_err(|error| {
            let message = format!("`{}` has no source", app.recipe);
            Trouble::new(Fault::Config, "no-source", message).because(error.to_string())
        })?;
        let token = self.ctx.git_token.as_ref();
        let commit = git.fetch_remote(&url, Some(known.version.as_str()), token, &app.checkout());
        let commit = commit.map_err(|error| fetch::trouble(&error))?;
        if commit != known.commit {
            let message = format!(
                "tag `{}` is no longer at the commit that the canonical is of",
                known.version
            );
            let trouble = Trouble::broken("tag-moved", message);
            return Err(trouble.hint(format!("run `ccci promote {}`", app.recipe)));
        }
        Ok(Revision {
            label: known.version.to_string(),
            version: Some(known.version.clone()),
            commit: Some(commit),
            uncommitted: false,
            lightweight: false,
        })
    }

    /// Takes the app over: from here on the record says that this run uses it.
    pub(super) fn take_over(&self, app: &App, prepared: &Prepared) -> Result<(), Trouble> {
        let mode = self.job.request.mode;
        if !mode.is_warm() {
            return Ok(());
        }
        let secrets = prepared.head.stack.secrets.iter();
        let from_files = secrets.filter(|(_, object)| !object.external);
        let from_files = from_files.map(|(key, object)| {
            let name = object.full_name(app.stack.as_str(), key);
            Resource::new(ResourceKind::Secret, name)
        });
        self.warm.from_files.replace(from_files.collect());
        let Some(mut known) = self.warm.known.borrow().clone() else {
            return Ok(());
        };
        let missing = missing(app, &known)?;
        if mode == RunMode::Quick
            && let Some(secret) = missing.iter().find(|one| one.kind == ResourceKind::Secret)
        {
            return Err(self.shelf().damaged(&format!("{secret} is gone")));
        }
        known.status = Status::InUse {
            run: self.dir.id().clone(),
            mode,
        };
        self.shelf().write(&known)?;
        let secrets = known.kept_secrets().collect();
        self.warm.known.replace(Some(known));
        if mode == RunMode::Promote {
            // A fresh install finds no data; what there was is in the snapshot.
            return self.empty(app, secrets);
        }
        if missing.is_empty() {
            return Ok(());
        }
        let what = "the canonical's volumes, of which some are gone".to_owned();
        self.announcer.say(Fact::Waiting { what });
        self.restore(app, &app.docker)
    }

    /// Removes all of the app but some secrets.
    fn empty(&self, app: &App, kept: BTreeSet<Resource>) -> Result<(), Trouble> {
        let belongings = Belongings {
            kept,
            ..Belongings::all_of(app.stack.clone(), BTreeSet::new())
        };
        let removed = self.remove(app, &belongings, Duration::ZERO);
        match removed.left.first() {
            None => Ok(()),
            Some(left) => {
                let message = "the canonical's old data cannot be removed";
                Err(Trouble::broken("leftovers", message).because(left.to_string()))
            }
        }
    }

    /// Returns the place of the recipe's canonical.
    pub(super) fn shelf(&self) -> Shelf {
        Shelf::of(&self.ctx.settings.state.dir, &self.job.request.recipe)
    }

    /// Announces something worth mending.
    pub(super) fn warn(&self, trouble: Trouble) {
        let level = DiagnosticLevel::Warning;
        self.announcer.say(Fact::Diagnostic { level, trouble });
    }
}

/// Lists what should be there of an idle canonical and is not.
fn missing(app: &App, known: &Canonical) -> Result<Vec<Resource>, Trouble> {
    let objects = app.docker.list_objects();
    let objects = objects.map_err(|error| docker_trouble(&error))?;
    let found: BTreeSet<_> = objects.into_iter().map(|object| object.resource).collect();
    Ok(known.kept().difference(&found).cloned().collect())
}
