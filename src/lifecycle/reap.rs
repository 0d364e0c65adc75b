//! Removes apps whose run is gone, each under its lock and with the lead of its runs.

use std::{
    collections::BTreeSet,
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    attempt::Attempt,
    ending,
    orphan::{Judged, Reach, Reaper, lock_trouble},
    strays::{STRAY_LIMIT, end_strays},
    teardown::{self, Belongings, Removal},
    withdrawal,
};
use crate::{
    model::{
        app::AppDomain,
        event::{DiagnosticLevel, Fact, TeardownFinished},
        journal::{Entry, Reading},
        outcome::{Fault, Trouble},
        reaping::{self, App, Cause, Excuse, KnownRun, Reaped, Seen, Unreadable, Verdict},
        resource::Resource,
        run::RunId,
    },
    sys::{
        beside::beside,
        context::Context,
        journal::{self, Journal},
        lock::{self, Leader, Lock},
        process::{Host, stray::MARKER},
        tombstones,
        wait::{Deadline, Waited, wait_until},
    },
    tool::docker::inventory::Object,
};

/// How many apps are reaped at the same time.
const SIDE_BY_SIDE: usize = 8;

/// What is held while an app is removed.
struct Hold {
    /// The app's lock.
    lock: Lock,
    /// The lead of its dead runs.
    leaders: Vec<Leader>,
}

impl Reaper<'_> {
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
                beside(scope, work);
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
        // Whoever asked for this app waits until another removal of it is over.
        let is_asked = *verdict == Verdict::Reap(Cause::Asked);
        let patience = if is_asked {
            self.ctx.settings.run.teardown_timeout
        } else {
            Duration::ZERO
        };
        let hold = self.hold(app, patience);
        let Some(hold) = hold.map_err(|error| lock_trouble(&error))? else {
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
        // What was removed meanwhile is what was asked for.
        let is_same = ids(&runs) == ids(&app.runs);
        let is_less = is_asked && ids(&runs).is_subset(&ids(&app.runs));
        if !is_same && !is_less {
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
            Verdict::Reap(_) => {
                let (gone, teardown) = self.remove(&app, hold);
                let reaped = app.reaped(*verdict, Some(teardown));
                Ok(Reaped { gone, ..reaped })
            }
            Verdict::Spare(_) => Ok(app.reaped(now, None)),
        }
    }

    /// Takes the lead of an app's dead runs and the app's lock, and ends what is left of those runs.
    fn hold(&self, app: &App, patience: Duration) -> Result<Option<Hold>, lock::Error> {
        let locks = self.locks();
        std::fs::create_dir_all(&locks).map_err(|source| lock::Error::File {
            path: locks.clone(),
            source,
        })?;
        let mut leaders = Vec::new();
        let soon = Deadline::after(patience);
        for run in &app.runs {
            let probe = || Leader::try_take(&locks, &run.id);
            let turn = |_| Duration::from_millis(50);
            match wait_until(soon, &self.ctx.host.interrupt, probe, turn)? {
                Waited::Done(mut leader) => {
                    leader.note_removal();
                    leaders.push(leader);
                }
                Waited::TimedOut | Waited::Interrupted => return Ok(None),
            }
        }
        let deadline = Deadline::after(if app.runs.is_empty() {
            Duration::ZERO
        } else {
            STRAY_LIMIT
        });
        for run in &app.runs {
            end_strays(&run.id, (deadline, &self.ctx.host.interrupt));
        }
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

    /// Removes an app, then what its runs left on disk; tells whether nothing of it is left.
    fn remove(&self, app: &App, hold: Hold) -> (bool, TeardownFinished) {
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
        let belongings = Belongings::all_of(app.domain.stack(), app.names());
        let mut finished = teardown::remove_app(&Removal {
            belongings: &belongings,
            docker: &self.docker.with_host(&host),
            limit: self.ctx.settings.run.teardown_timeout,
            grace: Duration::ZERO,
            on_removed: &|_| {},
        });
        let noted = tombstones::add(&self.ctx.settings.state.dir, &app.domain).err();
        let noted = noted.map(|error| format!("could not note the removal: {error}"));
        finished.errors.extend(noted);
        let runs = app.runs.iter();
        let failed: Vec<_> = runs
            .flat_map(|run| {
                let mut failed = self.withdraw(run, &host);
                failed.extend(self.close(run, &finished.left));
                failed
            })
            .collect();
        // What docker refused on the way and removed in the end is no failure.
        let gone = finished.left.is_empty() && failed.is_empty();
        finished.errors.extend(failed);
        if gone {
            hold.leaders.into_iter().for_each(Leader::retire);
        }
        (gone, finished)
    }

    /// Undoes what other apps made for a dead run; returns what went wrong.
    fn withdraw(&self, run: &KnownRun, host: &Host) -> Vec<String> {
        let entry = self
            .ctx
            .settings
            .state
            .dir
            .join("runs")
            .join(run.id.as_str());
        let ctx = Context {
            host: host.clone(),
            ..self.ctx.clone()
        };
        let failed = withdrawal::withdraw_old(&ctx, &entry, &run.history).into_iter();
        let texts = failed.map(|trouble| {
            let causes = std::iter::once(trouble.message).chain(trouble.causes);
            causes.collect::<Vec<_>>().join(": ")
        });
        texts.collect()
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

    /// Removes the lock files of runs that were killed at their very end, or before they made anything.
    pub(crate) fn retire_idle_leads(&self) -> io::Result<()> {
        let runs = self.ctx.settings.state.dir.join("runs");
        let is_over = |run: &RunId| match journal::examine(&runs.join(run.as_str())) {
            Ok(Some(found)) => found.history.clean && found.reading != Reading::Newer,
            Ok(None) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        lock::retire_idle(&self.locks(), &is_over)
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
        let level = if reaped.gone {
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

/// Tells whether a run is led by a removal of its app, which ends by itself.
pub(crate) fn is_removed(ctx: &Context, run: &RunId) -> bool {
    Leader::is_removal(&ctx.settings.state.dir.join("locks"), run)
}

/// Tells who holds an app, for people.
pub(crate) fn holder(ctx: &Context, domain: &AppDomain) -> String {
    let locks = ctx.settings.state.dir.join("locks");
    Lock::holder(&locks, domain.as_str()).unwrap_or_else(|| "its lock is held".to_owned())
}
