//! One always-on app, made what the configuration says; whatever goes wrong with it is its own.
//!
//! The record says what is about to be done before it is done, so that whoever finds it after a kill knows the way back.

mod inspect;
mod moves;
mod shift;

use std::{path::Path, time::Instant};

use jiff::Timestamp;

use super::{alert, always_on, orphan::lock_trouble, runner::Job};
use crate::{
    config::always_on::AlwaysOnApp,
    model::{
        alert::{Alert, AlertKind, VERSION},
        always_on::{Held, Record, RolledBack, fingerprint},
        outcome::{Fault, Trouble, millis},
        recipe::{CommitSha, RecipeVersion},
        reconciling::{Decision, End, Facts, Hold, Reconciled, Running, Step, decide},
    },
    sys::{context::Context, lock::Lock},
};

/// How many steps one look may lead to: an upgrade that was killed is undone, then made, and what is there is looked at again.
const STEPS: usize = 4;

/// One always-on app, and what it is looked after with.
pub(crate) struct Round<'a> {
    /// Settings and the machine.
    pub(crate) ctx: &'a Context,
    /// Where the engine keeps its data.
    pub(crate) docker_root: &'a Path,
    /// The app.
    pub(crate) app: &'a AlwaysOnApp,
    /// A job for it, of which the release is still open.
    pub(crate) like: &'a Job,
    /// Whether nothing is done.
    pub(crate) is_dry: bool,
}

/// A release that can be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tagged {
    /// Its tag.
    version: RecipeVersion,
    /// The commit that its tag names.
    commit: CommitSha,
}

impl Round<'_> {
    /// Does all that there is to do about the app.
    pub(crate) fn reconcile(&self) -> Reconciled {
        let begun = Instant::now();
        let mut told = Reconciled::new(self.app.domain.clone(), self.app.recipe.clone());
        if let Err(trouble) = self.locked(&mut told) {
            self.fail(&mut told, trouble);
        } else if !self.is_dry {
            always_on::note_failure(self.state(), &self.app.domain, None);
        }
        told.duration_ms = millis(begun.elapsed());
        told
    }

    /// Does it while no other call looks after the same app.
    fn locked(&self, told: &mut Reconciled) -> Result<(), Trouble> {
        let locks = self.state().join("locks");
        std::fs::create_dir_all(&locks)
            .map_err(|error| super::session::state_trouble(&error.to_string()))?;
        // No label of a domain has this sign, so that the name is no other app's.
        let name = format!("always-on_{}", self.app.domain);
        let lock = Lock::try_acquire(&locks, &name, &self.note());
        let Some(_lock) = lock.map_err(|error| lock_trouble(&error))? else {
            let holder = Lock::holder(&locks, &name).unwrap_or_default();
            let message = format!(
                "app `{}` is looked after already: {holder}",
                self.app.domain
            );
            return Err(Trouble::broken("busy", message));
        };
        self.go(told)
    }

    /// Decides and acts until nothing is left to be done.
    fn go(&self, told: &mut Reconciled) -> Result<(), Trouble> {
        let known = always_on::recall(self.state(), &self.app.domain)?;
        let tags = self.list_tags()?;
        let configured = fingerprint(&self.app.environment());
        let mut record = known;
        for _ in 0..STEPS {
            let running = self.look(record.as_ref())?;
            told.version = version_of(&running);
            let from = told.version.as_ref();
            let last = record.as_ref().and_then(|record| record.deployed.as_ref());
            let from = from.or(last.map(|deployed| &deployed.version)).cloned();
            let releases = self.releases(&tags, from.as_ref())?;
            let facts = Facts {
                record: record.as_ref(),
                running: &running,
                releases: &releases,
                approve: self.app.approve.as_ref(),
                configured: &configured,
            };
            let decision = decide(&self.app.recipe, facts).map_err(|undecided| {
                let hint = "publish a release, or name another `source` for this app";
                Trouble::new(Fault::Config, "undecided", undecided.to_string()).hint(hint)
            })?;
            note(told, &decision);
            if self.is_dry {
                if decision.step != Step::Nothing {
                    told.end = End::Planned;
                }
                return Ok(());
            }
            let mut now = record.take().unwrap_or_else(|| self.new_record());
            let held = decision.hold.as_ref();
            self.tell_hold(&mut now, held, told)?;
            if decision.step == Step::Nothing {
                self.sweep_snapshots(&now);
                return Ok(());
            }
            record = Some(self.act(&decision.step, now, &tags, told)?);
        }
        let message = format!(
            "app `{}` does not become what is configured",
            self.app.domain
        );
        Err(Trouble::broken("not-settled", message)
            .hint("look whether the version label in `compose.yml` is that of the release's tag"))
    }

    /// Takes one step; returns the record that follows.
    fn act(
        &self,
        step: &Step,
        record: Record,
        tags: &[Tagged],
        told: &mut Reconciled,
    ) -> Result<Record, Trouble> {
        match step {
            Step::Nothing => Ok(record),
            Step::Deploy { version } | Step::Redeploy { version, .. } => {
                self.deploy(record, find(tags, version)?)
            }
            Step::Upgrade { from, to, .. } => {
                self.upgrade(record, (from, find(tags, to)?), tags, told)
            }
            Step::Recover(killed) => self.bring_back(record, killed, tags, told),
        }
    }

    /// Tells people of a release that waits, once, and takes note of it.
    fn tell_hold(
        &self,
        record: &mut Record,
        hold: Option<&Hold>,
        told: &mut Reconciled,
    ) -> Result<(), Trouble> {
        if let Some(hold) = hold.filter(|hold| hold.is_new) {
            let remedy = format!(
                "do what it asks, then set `approve = \"{}\"` for this app",
                hold.version
            );
            let news = News {
                kind: AlertKind::Hold,
                from: told.version.clone(),
                to: Some(hold.version.clone()),
                why: hold.why.clone(),
                what_to_do: remedy,
            };
            self.alert(news, told)?;
        }
        let held = hold.map(|hold| Held {
            version: hold.version.clone(),
            why: hold.why.clone(),
        });
        if record.held != held {
            *record = record.clone().held(held, Timestamp::now());
            self.keep(record)?;
        }
        Ok(())
    }

    /// Tells people that a release was rolled back, then takes note of it.
    fn tell_rollback(
        &self,
        record: Record,
        (to, why): (&RecipeVersion, &str),
        told: &mut Reconciled,
    ) -> Result<Record, Trouble> {
        let from = record.deployed.as_ref();
        let news = News {
            kind: AlertKind::Rollback,
            from: from.map(|deployed| deployed.version.clone()),
            to: Some(to.clone()),
            why: why.to_owned(),
            what_to_do: format!(
                "look at the run's records; a newer release is tried by itself, this one once `approve = \"{to}\"` is set for this app"
            ),
        };
        self.alert(news, told)?;
        let back = RolledBack {
            version: to.clone(),
            why: why.to_owned(),
            approved: self.app.approve.clone(),
        };
        let record = record.rolled_back(back, Timestamp::now());
        self.keep(&record)?;
        told.end = End::RolledBack {
            trouble: Trouble::recipe("rolled-back", format!("`{to}` was not well"))
                .because(why.to_owned()),
        };
        Ok(record)
    }

    /// Takes note that the app is not what it should be, and tells people once of the same failure.
    fn fail(&self, told: &mut Reconciled, trouble: Trouble) {
        let is_news = trouble.fault != Fault::User && trouble.code != "busy" && !self.is_dry;
        if is_news && always_on::note_failure(self.state(), &self.app.domain, Some(&trouble.code)) {
            let news = News {
                kind: AlertKind::Failed,
                from: told.version.clone(),
                to: None,
                why: moves::in_words(&trouble),
                what_to_do: trouble.hint.clone().unwrap_or_else(|| {
                    let domain = &self.app.domain;
                    format!("mend it, then run `ccci reconcile {domain}`")
                }),
            };
            if let Err(unraised) = self.alert(news, told) {
                told.warnings.push(unraised);
            }
        }
        told.end = End::Failed { trouble };
    }

    /// Raises an alert; a command that fails is a warning, for the file is there.
    fn alert(&self, news: News, told: &mut Reconciled) -> Result<(), Trouble> {
        let alert = Alert {
            v: VERSION,
            time: Timestamp::now(),
            host: self.ctx.hostname.clone(),
            app: self.app.domain.clone(),
            recipe: self.app.recipe.clone(),
            kind: news.kind,
            from: news.from,
            to: news.to,
            why: news.why,
            what_to_do: news.what_to_do,
        };
        let raised = alert::raise(&self.ctx.host, &self.ctx.settings.alerts, &alert)?;
        told.alerts.push(raised.file.display().to_string());
        told.warnings.extend(raised.trouble);
        Ok(())
    }

    /// Returns the record of an app that nothing is known of.
    fn new_record(&self) -> Record {
        let (recipe, domain) = (self.app.recipe.clone(), self.app.domain.clone());
        Record::new(recipe, domain, Timestamp::now())
    }

    /// Writes the record.
    fn keep(&self, record: &Record) -> Result<(), Trouble> {
        always_on::keep(self.state(), record)
    }

    /// Returns the state directory.
    fn state(&self) -> &Path {
        &self.ctx.settings.state.dir
    }

    /// Returns what a lock says of its holder.
    fn note(&self) -> String {
        let (pid, host) = (std::process::id(), &self.ctx.hostname);
        format!(
            "`ccci reconcile` of process {pid} on {host} since {}",
            Timestamp::now()
        )
    }
}

/// What an alert says.
struct News {
    /// What happened.
    kind: AlertKind,
    /// The release that runs.
    from: Option<RecipeVersion>,
    /// The release that does not.
    to: Option<RecipeVersion>,
    /// Why.
    why: String,
    /// What to do.
    what_to_do: String,
}

/// Returns the release that runs.
fn version_of(running: &Running) -> Option<RecipeVersion> {
    match running {
        Running::Absent => None,
        Running::Present { version, .. } => version.clone(),
    }
}

/// Takes note of a decision: of several, the first step says what was done, and the last what waits.
fn note(told: &mut Reconciled, decision: &Decision) {
    let step = match &told.decision {
        Some(first) if first.step != Step::Nothing => first.step.clone(),
        Some(_) | None => decision.step.clone(),
    };
    told.decision = Some(Decision {
        step,
        ..decision.clone()
    });
}

/// Finds a release by its version.
fn find<'a>(tags: &'a [Tagged], version: &RecipeVersion) -> Result<&'a Tagged, Trouble> {
    let found = tags.iter().find(|tag| tag.version == *version);
    found.ok_or_else(|| {
        let message = format!("there is no release `{version}` any more");
        Trouble::new(Fault::Config, "release-gone", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_decisions_the_first_step_and_the_last_hold_are_told() {
        let mut told = Reconciled::new(
            "sso.example.org".parse().unwrap(),
            "keycloak".parse().unwrap(),
        );
        let version: RecipeVersion = "1.0.0+26.0".parse().unwrap();
        let deploy = Step::Deploy {
            version: version.clone(),
        };
        let hold = Hold {
            wanted: version.clone(),
            version,
            why: "a major release".to_owned(),
            is_new: true,
        };
        let decisions = [
            (Step::Nothing, None),
            (deploy.clone(), None),
            (Step::Nothing, Some(hold.clone())),
        ];
        for (step, hold) in decisions {
            let decision = Decision {
                step,
                hold,
                rolled_back: None,
            };
            note(&mut told, &decision);
        }
        let told = told.decision.unwrap();
        assert_eq!((told.step, told.hold), (deploy, Some(hold)));
    }

    #[test]
    fn a_release_whose_tag_is_gone_is_named() {
        let version: RecipeVersion = "1.0.0+26.0".parse().unwrap();
        let trouble = find(&[], &version).unwrap_err();
        assert!(trouble.message.contains("`1.0.0+26.0`"), "{trouble:?}");
        assert_eq!(trouble.fault, Fault::Config);
    }
}
