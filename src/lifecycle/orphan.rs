//! Finds apps whose run is gone, and reaps each under its lock.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    attempt::Attempt,
    ending,
    session::{docker_trouble, state_trouble},
    teardown::{self, Belongings, Removal},
};
use crate::{
    model::{
        app::AppDomain,
        event::{DiagnosticLevel, Fact, TeardownFinished},
        journal::{Entry, Reading},
        outcome::{Fault, Trouble},
        reaping::{
            self, App, Cause, Excuse, KnownRun, Listed, Reaped, Rules, Seen, Unreadable, Verdict,
        },
        resource::{Resource, ResourceKind},
    },
    sys::{
        context::Context,
        journal::{self, Journal},
        lock::{self, Leader, Lock},
        process::{
            Host,
            stray::{MARKER, find_strays},
        },
        run_dir, tombstones,
        wait::{Deadline, Waited, wait_until},
    },
    tool::docker::{client::Docker, inventory::Object},
};

/// How long processes of a dead run may take to go once they are killed.
const STRAY_LIMIT: Duration = Duration::from_secs(10);
/// How many apps are reaped at the same time.
const SIDE_BY_SIDE: usize = 4;

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
    ctx: &'a Context,
    /// Docker.
    docker: Docker,
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
    seen: Seen,
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

/// What is held while an app is removed.
struct Hold {
    /// The app's lock.
    lock: Lock,
    /// The lead of its dead runs.
    leaders: Vec<Leader>,
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
        let objects = self.docker.list_objects().map_err(docker_trouble)?;
        self.survey_of(objects)
    }

    /// Decides about every app of an inventory.
    fn survey_of(&self, objects: Vec<Object>) -> Result<Survey, Trouble> {
        let (runs, unreadable) = self.known_runs()?;
        let state = &self.ctx.settings.state.dir;
        let buried = tombstones::read(state).map_err(unusable)?;
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
            let is_held = Lock::is_held(&self.locks(), name).map_err(lock_trouble)?;
            let born = youngest(&app, &births);
            let seen = Seen { is_held, born };
            let verdict = reaping::judge(&app, seen, &rules);
            Ok(Judged { app, seen, verdict })
        });
        let apps = judged.collect::<Result<_, Trouble>>()?;
        Ok(Survey { apps, unreadable })
    }

    /// Reads the journals of all runs that are not known to have left nothing.
    fn known_runs(&self) -> Result<(Vec<KnownRun>, Vec<Unreadable>), Trouble> {
        let listed = run_dir::list(&self.ctx.settings.state.dir).map_err(unusable)?;
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
            let is_led = Leader::is_alive(&self.locks(), &id).map_err(lock_trouble)?;
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
            births.extend(self.docker.births(kind, &ids).map_err(docker_trouble)?);
        }
        Ok(births)
    }

    /// Returns what decisions rest on.
    fn rules(&self) -> Rules<'_> {
        Rules {
            now: Timestamp::now(),
            max_age: self.max_age,
            host: &self.ctx.hostname,
            boot_id: &self.ctx.boot_id,
            base_domain_is_ours: self.ctx.settings.server.base_domain_is_ours,
        }
    }

    /// Returns the folder of the locks.
    fn locks(&self) -> PathBuf {
        self.ctx.settings.state.dir.join("locks")
    }

    /// Reaps those that were judged so, a few side by side; tells of each app when its fate is known.
    pub(crate) fn reap_all(&self, apps: &[Judged], tell: &(dyn Fn(&Reaped) + Sync)) -> Vec<Reaped> {
        let (rest, reaped) = (Mutex::new(apps.iter()), Mutex::new(Vec::new()));
        let work = || {
            let next = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
            while let Some(judged) = next() {
                let one = self.reap(judged);
                tell(&one);
                let mut all = reaped.lock().unwrap_or_else(PoisonError::into_inner);
                all.push(one);
            }
        };
        let (count, work) = (SIDE_BY_SIDE.min(apps.len()), &work);
        std::thread::scope(|scope| {
            for _ in 1..count {
                scope.spawn(work);
            }
            work();
        });
        let mut reaped = reaped.into_inner().unwrap_or_else(PoisonError::into_inner);
        reaped.sort_by(|a, b| a.domain.cmp(&b.domain));
        reaped
    }

    /// Removes an app if it was judged so.
    fn reap(&self, judged: &Judged) -> Reaped {
        match judged.verdict {
            Verdict::Spare(_) => judged.app.reaped(judged.verdict, None),
            Verdict::Reap(_) if self.ctx.host.interrupt.is_set() => {
                let verdict = Verdict::Spare(Excuse::Interrupted);
                judged.app.reaped(verdict, None)
            }
            Verdict::Reap(_) => self.try_to_remove(judged).unwrap_or_else(|trouble| {
                let causes = std::iter::once(&trouble.message).chain(&trouble.causes);
                let said: Vec<_> = causes.map(String::as_str).collect();
                let failed = TeardownFinished {
                    errors: vec![said.join(": ")],
                    ..TeardownFinished::default()
                };
                judged.app.reaped(judged.verdict, Some(failed))
            }),
        }
    }

    /// Takes everything that keeps others away from an app, looks again, and removes it.
    fn try_to_remove(&self, judged: &Judged) -> Result<Reaped, Trouble> {
        let Judged { app, seen, verdict } = judged;
        let busy = || app.reaped(Verdict::Spare(Excuse::Busy), None);
        let Some(hold) = self.hold(app).map_err(lock_trouble)? else {
            return Ok(busy());
        };
        let (runs, _) = self.known_runs()?;
        let runs = runs.into_iter().filter(|run| run.domain == app.domain);
        // It is this process that leads them now.
        let runs: Vec<_> = runs
            .map(|run| KnownRun {
                is_led: false,
                ..run
            })
            .collect();
        let ids =
            |runs: &[KnownRun]| -> BTreeSet<_> { runs.iter().map(|run| run.id.clone()).collect() };
        if ids(&runs) != ids(&app.runs) {
            return Ok(busy());
        }
        let app = App {
            runs,
            ..app.clone()
        };
        let seen = Seen {
            is_held: false,
            ..*seen
        };
        let now = match *verdict {
            Verdict::Reap(Cause::Asked) => *verdict,
            Verdict::Reap(_) | Verdict::Spare(_) => reaping::judge(&app, seen, &self.rules()),
        };
        match now {
            Verdict::Reap(_) => Ok(app.reaped(*verdict, Some(self.remove(&app, hold)))),
            Verdict::Spare(_) => Ok(app.reaped(now, None)),
        }
    }

    /// Takes the lead of an app's dead runs and the app's lock, and ends what is left of those runs.
    fn hold(&self, app: &App) -> Result<Option<Hold>, lock::Error> {
        let locks = self.locks();
        std::fs::create_dir_all(&locks).map_err(|source| lock::Error::File {
            path: locks.clone(),
            source,
        })?;
        let mut leaders = Vec::new();
        for run in &app.runs {
            match Leader::try_take(&locks, &run.id)? {
                Some(leader) => leaders.push(leader),
                None => return Ok(None),
            }
        }
        let deadline = Deadline::after(if app.runs.is_empty() {
            Duration::ZERO
        } else {
            STRAY_LIMIT
        });
        app.runs
            .iter()
            .for_each(|run| self.end_strays(run, deadline));
        let note = format!(
            "removal by process {} on {} since {}",
            std::process::id(),
            self.ctx.hostname,
            Timestamp::now()
        );
        let until = (deadline, &self.ctx.host.interrupt);
        let lock = Lock::acquire(&locks, app.domain.as_str(), &note, until)?;
        Ok(match lock {
            Waited::Done(lock) => Some(Hold { lock, leaders }),
            Waited::TimedOut | Waited::Interrupted => None,
        })
    }

    /// Kills processes of a dead run until none is left; one that cannot be killed keeps the app's lock.
    fn end_strays(&self, run: &KnownRun, deadline: Deadline) {
        let own = i32::try_from(std::process::id()).unwrap_or_default();
        let probe = || {
            let mut strays = find_strays(run.id.as_str());
            strays.retain(|stray| stray.pid != own);
            strays.iter().for_each(|stray| stray.kill(run.id.as_str()));
            Ok::<_, std::convert::Infallible>(strays.is_empty().then_some(()))
        };
        let turn = |_| Duration::from_millis(50);
        drop(wait_until(deadline, &self.ctx.host.interrupt, probe, turn));
    }

    /// Removes an app, then what its runs left on disk.
    fn remove(&self, app: &App, hold: Hold) -> TeardownFinished {
        let mut host = Host {
            inherit: Some(hold.lock.file()),
            interrupt: self.ctx.host.interrupt.shielded(),
            ..self.ctx.host.clone()
        };
        // Should this process be killed, its children are found as those of the run are.
        if let Some(run) = app.runs.first() {
            let mark = (MARKER.into(), run.id.as_str().into());
            host.base_env.push(mark);
        }
        let belongings = Belongings {
            stack: app.domain.stack(),
            known: app.names(),
        };
        let mut finished = teardown::remove_app(&Removal {
            belongings: &belongings,
            docker: &self.docker.with_host(&host),
            limit: self.ctx.settings.run.teardown_timeout,
            on_removed: &|_| {},
        });
        for run in &app.runs {
            finished.errors.extend(self.close(run, &finished.left));
        }
        if finished.left.is_empty() {
            let noted = tombstones::add(&self.ctx.settings.state.dir, &app.domain);
            finished.errors.extend(
                noted
                    .err()
                    .map(|error| format!("could not note the removal: {error}")),
            );
            hold.leaders.into_iter().for_each(Leader::retire);
        }
        finished
    }

    /// Removes the working folders of a dead run and closes its journal; returns what went wrong.
    fn close(&self, run: &KnownRun, left: &[Resource]) -> Vec<String> {
        let runs = self.ctx.settings.state.dir.join("runs");
        let entry = runs.join(run.id.as_str());
        let mut errors = ending::remove_folders(&entry);
        if errors.is_empty() {
            let closed = Entry::Closed {
                left: left.to_vec(),
            };
            let written = Journal::open(&entry).and_then(|journal| journal.write(&closed));
            errors.extend(
                written
                    .err()
                    .map(|error| format!("could not close run `{}`: {error}", run.id)),
            );
        }
        errors
    }

    /// Moves journals aside that tell nothing, unless a newer ccci may understand them.
    pub(crate) fn set_aside(&self, unreadable: &mut [Unreadable]) {
        for one in unreadable {
            let entry = self
                .ctx
                .settings
                .state
                .dir
                .join("runs")
                .join(one.run.as_str());
            let is_ours = journal::examine(&entry)
                .is_ok_and(|found| found.is_some_and(|found| found.reading == Reading::Damaged));
            if is_ours && let Ok(aside) = journal::set_aside(&entry) {
                let aside = format!("; it is now `{}`", aside.display());
                one.reason.push_str(&aside);
            }
        }
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

/// Reaps what dead runs of this host left, before a run begins; tells whether anything was removed.
pub(super) fn reap_own(attempt: &Attempt<'_>, objects: &[Object]) -> bool {
    let reaper = Reaper::new(attempt.ctx, Duration::MAX, Reach::OwnRuns);
    let warn = |trouble| {
        let level = DiagnosticLevel::Warning;
        attempt.announcer.say(Fact::Diagnostic { level, trouble });
    };
    let survey = match reaper.survey_of(objects.to_vec()) {
        Ok(survey) => survey,
        Err(trouble) => {
            warn(trouble);
            return false;
        }
    };
    let is_due = |judged: &Judged| {
        let causes = [Cause::Orphan, Cause::Late];
        let expired = matches!(judged.verdict, Verdict::Reap(Cause::Expired(_)));
        expired
            || causes
                .iter()
                .any(|cause| judged.verdict == Verdict::Reap(*cause))
    };
    let due: Vec<_> = survey.apps.into_iter().filter(is_due).collect();
    if due.is_empty() {
        return false;
    }
    let what = "removal of what dead runs left".to_owned();
    attempt.announcer.say(Fact::Waiting { what });
    let reaped = reaper.reap_all(&due, &|reaped| {
        let Some(teardown) = &reaped.teardown else {
            return;
        };
        let message = format!(
            "removed what was left of `{}`: {}",
            reaped.domain, reaped.reason
        );
        let errors = teardown.errors.iter().cloned();
        let left = teardown.left.iter().map(|left| format!("{left} remains"));
        let causes: Vec<_> = left.chain(errors).collect();
        let level = if causes.is_empty() {
            DiagnosticLevel::Note
        } else {
            DiagnosticLevel::Warning
        };
        let trouble = Trouble::new(Fault::None, "orphan-reaped", message);
        let trouble = causes.into_iter().fold(trouble, Trouble::because);
        attempt.announcer.say(Fact::Diagnostic { level, trouble });
    });
    reaped.iter().any(|reaped| reaped.teardown.is_some())
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
fn unusable(error: io::Error) -> Trouble {
    state_trouble(&error.to_string())
}

/// Says that a lock cannot be tried.
fn lock_trouble(error: lock::Error) -> Trouble {
    let lock::Error::File { source, .. } = &error else {
        return state_trouble(&error.to_string());
    };
    let source = source.to_string();
    state_trouble(&error.to_string()).because(source)
}

/// Tells who holds an app, for people.
pub(crate) fn holder(ctx: &Context, domain: &AppDomain) -> String {
    let locks = ctx.settings.state.dir.join("locks");
    Lock::holder(&locks, domain.as_str()).unwrap_or_else(|| "its lock is held".to_owned())
}
