//! Finds apps whose run is gone: looks at the registry and at the swarm, and has each app judged.

use std::{collections::BTreeMap, io, path::PathBuf, time::Duration};

use jiff::Timestamp;

use super::session::{docker_trouble, state_trouble};
use crate::{
    model::{
        app::AppDomain,
        journal::Reading,
        outcome::Trouble,
        reaping::{self, App, Cause, KnownRun, Listed, Rules, Seen, Unreadable, Verdict},
        resource::ResourceKind,
    },
    sys::{
        context::Context,
        journal,
        lock::{self, Leader, Lock},
        run_dir, tombstones,
    },
    tool::docker::{client::Docker, inventory::Object},
};

/// Which apps are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of runs of this host: nothing beyond the listing is asked of docker.
    OwnRuns,
    /// All.
    All,
}

/// Looks for orphans and reaps them.
pub(crate) struct Reaper<'a> {
    /// Settings and the machine.
    pub(super) ctx: &'a Context,
    /// Docker.
    pub(super) docker: Docker,
    /// How old an app of another host has to be.
    max_age: Duration,
    /// Which apps are looked for.
    reach: Reach,
}

/// One app with what was decided.
pub(crate) struct Judged {
    /// The app.
    pub(crate) app: App,
    /// What was looked up of it.
    pub(super) seen: Seen,
    /// What becomes of it.
    pub(crate) verdict: Verdict,
}

/// What a look at the registry and the swarm found.
pub(crate) struct Survey {
    /// The apps.
    pub(crate) apps: Vec<Judged>,
    /// Runs whose journal does not tell which app they had.
    pub(crate) unreadable: Vec<Unreadable>,
}

impl<'a> Reaper<'a> {
    /// Makes a reaper.
    pub(crate) fn new(ctx: &'a Context, max_age: Duration, reach: Reach) -> Self {
        let docker = Docker::new(&ctx.docker, &ctx.host);
        Self {
            ctx,
            docker,
            max_age,
            reach,
        }
    }

    /// Looks at the registry and the swarm, and decides about every app, in a constant number of docker calls.
    pub(crate) fn survey(&self) -> Result<Survey, Trouble> {
        let objects = self
            .docker
            .list_objects()
            .map_err(|error| docker_trouble(&error))?;
        self.survey_of(objects)
    }

    /// Decides about every app of an inventory.
    pub(super) fn survey_of(&self, objects: Vec<Object>) -> Result<Survey, Trouble> {
        let (runs, unreadable) = self.known_runs()?;
        let state = &self.ctx.settings.state.dir;
        let buried = tombstones::read(state).map_err(|error| unusable(&error))?;
        let base = &self.ctx.settings.server.base_domain;
        let objects = objects.into_iter().map(|object| Listed {
            resource: object.resource,
            id: object.id,
            stack: object.stack,
        });
        let apps = reaping::group(runs, objects.collect(), &buried, base);
        let rules = self.rules();
        let births = match self.reach {
            Reach::OwnRuns => BTreeMap::new(),
            Reach::All => self.births(&apps, &rules)?,
        };
        let judged = apps.into_iter().map(|app| {
            let name = app.domain.as_str();
            let is_held =
                Lock::is_held(&self.locks(), name).map_err(|error| lock_trouble(&error))?;
            let born = youngest(&app, &births);
            let seen = Seen { is_held, born };
            let verdict = reaping::judge(&app, seen, &rules);
            Ok(Judged { app, seen, verdict })
        });
        let apps = judged.collect::<Result<_, Trouble>>()?;
        Ok(Survey { apps, unreadable })
    }

    /// Reads the journals of all runs that are not known to have left nothing.
    pub(super) fn known_runs(&self) -> Result<(Vec<KnownRun>, Vec<Unreadable>), Trouble> {
        let listed =
            run_dir::list(&self.ctx.settings.state.dir).map_err(|error| unusable(&error))?;
        let (mut runs, mut unreadable) = (Vec::new(), Vec::new());
        for (id, entry) in listed {
            let mut told = |reason: String| {
                unreadable.push(Unreadable {
                    run: id.clone(),
                    reason,
                });
            };
            let examined = match journal::examine(&entry) {
                Ok(Some(examined)) => examined,
                // What has no journal has made nothing.
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    told(format!("its journal cannot be read: {error}"));
                    continue;
                }
            };
            let is_newer = examined.reading == Reading::Newer;
            if examined.history.clean && !is_newer {
                continue;
            }
            let is_led =
                Leader::is_alive(&self.locks(), &id).map_err(|error| lock_trouble(&error))?;
            match examined.domain {
                Some(domain) => runs.push(KnownRun {
                    id,
                    domain,
                    history: examined.history,
                    reading: examined.reading,
                    is_led,
                }),
                None if is_led => {}
                None if is_newer => told("its journal was made by a newer ccci".to_owned()),
                None => told("its journal does not tell which app it had".to_owned()),
            }
        }
        Ok((runs, unreadable))
    }

    /// Asks when the objects came into being whose age decides, in one call for each kind at most.
    fn births(
        &self,
        apps: &[App],
        rules: &Rules<'_>,
    ) -> Result<BTreeMap<String, Timestamp>, Trouble> {
        let mut births = BTreeMap::new();
        let objects = || {
            let old = apps.iter().filter(|app| app.needs_age(rules));
            old.flat_map(|app| &app.objects)
        };
        for kind in ResourceKind::ALL {
            let ids = objects().filter(|object| object.resource.kind == kind);
            let ids: Vec<&str> = ids.map(|object| object.id.as_str()).collect();
            births.extend(
                self.docker
                    .births(kind, &ids)
                    .map_err(|error| docker_trouble(&error))?,
            );
        }
        Ok(births)
    }

    /// Returns what decisions rest on.
    pub(super) fn rules(&self) -> Rules<'_> {
        Rules {
            now: Timestamp::now(),
            max_age: self.max_age,
            host: &self.ctx.hostname,
            boot_id: &self.ctx.boot_id,
            base_domain_is_ours: self.ctx.settings.server.base_domain_is_ours,
        }
    }

    /// Returns the folder of the locks.
    pub(super) fn locks(&self) -> PathBuf {
        self.ctx.settings.state.dir.join("locks")
    }
}

impl Survey {
    /// Returns an app that somebody named, for its removal.
    pub(crate) fn named(&self, domain: &AppDomain) -> Judged {
        let found = self.apps.iter().find(|judged| judged.app.domain == *domain);
        let app = found.map_or_else(|| App::new(domain.clone()), |judged| judged.app.clone());
        Judged {
            app,
            seen: found.map(|judged| judged.seen).unwrap_or_default(),
            verdict: Verdict::Reap(Cause::Asked),
        }
    }
}

/// Returns when the youngest lasting object of an app came into being; nothing when that is not known of all.
///
/// Containers come and go with every restart, so they count only where nothing else is there.
fn youngest(app: &App, births: &BTreeMap<String, Timestamp>) -> Option<Timestamp> {
    let lasts = |object: &&Listed| object.resource.kind != ResourceKind::Container;
    let mut counted: Vec<_> = app.objects.iter().filter(lasts).collect();
    if counted.is_empty() {
        counted = app.objects.iter().collect();
    }
    let births = counted.iter().map(|object| births.get(&object.id).copied());
    births.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// Says that the state directory cannot be used.
fn unusable(error: &io::Error) -> Trouble {
    state_trouble(&error.to_string())
}

/// Says that a lock cannot be tried.
pub(super) fn lock_trouble(error: &lock::Error) -> Trouble {
    let lock::Error::File { source, .. } = error else {
        return state_trouble(&error.to_string());
    };
    let source = source.to_string();
    state_trouble(&error.to_string()).because(source)
}
