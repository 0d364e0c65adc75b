//! Undoes what an app made for another, at the end of a run or long after one that was killed.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    overlay_env,
    provider::{BASE_URL, INGRESS, base_url},
    session::{docker_trouble, state_trouble},
    teardown::Belongings,
};
use crate::{
    model::{
        dependency::Provision,
        journal::{Entry, History},
        outcome::Trouble,
        run::IngressKind,
    },
    sys::{
        context::Context,
        journal::Journal,
        process::{Host, StepLog},
    },
    tool::{docker::client::Docker, provider_hook::ProviderHook},
};

/// How many lines of a hook's output are shown when it fails.
const SHOWN_LINES: usize = 3;

/// What a withdrawal is made with.
pub(super) struct Withdrawal<'a> {
    /// Settings and the machine.
    pub(super) ctx: &'a Context,
    /// What its children share: an interrupt that the first signal does not set.
    pub(super) host: &'a Host,
    /// Where temporary directories are made.
    pub(super) scratch: PathBuf,
    /// Takes what the hook says.
    pub(super) log: Option<StepLog>,
}

impl Withdrawal<'_> {
    /// Runs the hook that undoes it; where nothing is left of the app that made it, nothing is left of this either.
    pub(super) fn make(&self, provision: &Provision) -> Result<(), Trouble> {
        let docker = Docker::new(&self.ctx.docker, self.host);
        if !is_there(&docker, provision)? {
            return Ok(());
        }
        let env = self.environment(&docker, provision);
        let hook = ProviderHook {
            root: Path::new(&provision.root),
            path: &provision.withdraw,
            env: &env,
            scratch: &self.scratch,
            limit: self.ctx.settings.limits.hook,
        };
        let output = hook.tell(self.host, self.log.as_ref());
        let output = output.map_err(|error| {
            let causes = [error.to_string()]
                .into_iter()
                .chain(std::error::Error::source(&error).map(ToString::to_string));
            causes.fold(failed(provision), Trouble::because)
        })?;
        if output.ok() {
            return Ok(());
        }
        let said = self.host.redactor.text(&output.tail(SHOWN_LINES));
        let ended = format!("`{}` ended with {}", provision.withdraw, output.exit);
        let lines = said.lines().map(str::to_owned);
        Err(lines.fold(failed(provision).because(ended), Trouble::because))
    }

    /// Returns what the hook sees: what was written down, and what only this host knows now.
    fn environment(&self, docker: &Docker, provision: &Provision) -> Vec<(OsString, OsString)> {
        let mut env = provision.env.clone();
        let is_direct = env
            .get(INGRESS)
            .is_some_and(|word| word == IngressKind::Direct.word());
        // The address of a task changes with each task.
        if is_direct && let Ok(Some(now)) = base_url(docker, &provision.domain, IngressKind::Direct)
        {
            env.insert(BASE_URL.to_owned(), now);
        }
        overlay_env::beside_words(self.ctx, env)
    }
}

/// Undoes what other apps made for a run that is dead, and writes that into its journal; returns what went wrong.
pub(super) fn withdraw_old(ctx: &Context, entry: &Path, history: &History) -> Vec<Trouble> {
    if history.provisions.is_empty() {
        return Vec::new();
    }
    let host = Host {
        interrupt: ctx.host.interrupt.shielded(),
        ..ctx.host.clone()
    };
    let withdrawal = Withdrawal {
        ctx,
        host: &host,
        scratch: entry.join("scratch"),
        log: None,
    };
    let failed = history.provisions.iter().filter_map(|provision| {
        let undone = withdrawal.make(provision).and_then(|()| {
            let provider = provision.domain.clone();
            let entry = Journal::open(entry)
                .and_then(|journal| journal.write(&Entry::Withdrawn { provider }));
            entry.map_err(|error| state_trouble(&error.to_string()))
        });
        undone.err()
    });
    failed.collect()
}

/// Tells whether anything is left of the app that was asked to make it.
fn is_there(docker: &Docker, provision: &Provision) -> Result<bool, Trouble> {
    let belongings = Belongings::all_of(provision.domain.stack(), BTreeSet::new());
    let objects = docker.list_objects();
    let objects = objects.map_err(|error| docker_trouble(&error))?;
    Ok(objects.iter().any(|object| belongings.own(object)))
}

/// Says what is left.
fn failed(provision: &Provision) -> Trouble {
    Trouble::broken(
        "not-withdrawn",
        format!("{} is still there", provision.left()),
    )
}
