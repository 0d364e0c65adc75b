//! Looks at the host, each check beside the others and within a time limit; it changes nothing.

mod engine;
mod files;
pub(crate) mod mend;
mod names;
mod programs;
mod swarm;
#[cfg(test)]
mod world;

use std::{
    convert::Infallible,
    sync::mpsc::{self, Receiver, TryRecvError},
    thread,
    time::Duration,
};

use self::{
    engine::{Around, Sight},
    programs::Kept,
};
use super::{classify, preflight};
use crate::{
    model::{
        diagnosis::{Check, Diagnosis, Finding},
        outcome::Trouble,
    },
    sys::{
        context::Context,
        interrupt::Interrupt,
        wait::{Deadline, Waited, wait_until},
    },
    tool::docker::client,
};

/// How long programs may take to answer, all at the same time.
const PROGRAMS: Duration = Duration::from_secs(10);
/// How long the whole look may take; what the system itself holds up longer is not waited for.
const LIMIT: Duration = Duration::from_secs(14);
/// How often answers are looked for.
const TURN: Duration = Duration::from_millis(10);

/// Looks at the host, and adds what is known already.
pub(crate) fn examine(ctx: &Context, known: Vec<Finding>) -> Diagnosis {
    let deadline = Deadline::after(LIMIT);
    let host = limited(ctx);
    let kept = Kept::list(&ctx.settings);
    let engine = Question::ask(&host, |ctx| engine::look(&ctx, &Around::of(&ctx)));
    let git = Question::ask(&host, |ctx| programs::git(&ctx));
    let deployer = Question::ask(&host, |ctx| programs::deployer(&ctx));
    let python = kept.clone();
    let pytest = Question::ask(&host, move |ctx| programs::pytest(&ctx, &python));
    let hurl = Question::ask(&host, move |ctx| programs::hurl(&ctx, &kept));
    let files = Question::ask(&host, |ctx| files::look(&ctx.settings));
    let doorway = Question::ask(&host, |ctx| names::look(&ctx));
    let wait = (deadline, &ctx.host.interrupt);
    let mut findings = known;
    let sight = engine.answer(wait).unwrap_or_else(|| Sight {
        findings: late(&[Check::Docker, Check::Engine, Check::Swarm, Check::Network]),
        ingress: None,
    });
    findings.extend(sight.findings);
    let answers = [
        (git, &[Check::Git][..]),
        (deployer, &[Check::Deployer]),
        (pytest, &[Check::Pytest, Check::Browser]),
        (hurl, &[Check::Hurl]),
        (files, &[Check::State, Check::StateDisk]),
    ];
    for (question, checks) in answers {
        findings.extend(question.answer(wait).unwrap_or_else(|| late(checks)));
    }
    let door = doorway.answer(wait);
    findings.extend(names::judge(&ctx.settings, sight.ingress, door.as_ref()));
    Diagnosis::new(findings)
}

/// Returns what checks act with whose programs have to answer in time.
fn limited(ctx: &Context) -> Context {
    let mut ctx = ctx.clone();
    ctx.host.interrupt = ctx.host.interrupt.limited();
    let deadline = Deadline::after(PROGRAMS);
    ctx.host.interrupt.set_limit(Some(deadline));
    ctx
}

/// Says of checks that there was no answer in time.
fn late(checks: &[Check]) -> Vec<Finding> {
    let why = format!("no answer within {LIMIT:?}");
    let late = checks.iter().map(|check| Finding::unknown(*check, &why));
    late.collect()
}

/// Explains why docker did not answer; the time limit of all programs is not a signal to ccci.
fn explain(error: &client::Error) -> Trouble {
    match error {
        client::Error::Interrupted => Trouble::broken(
            "docker-timeout",
            format!("the docker daemon did not answer within {PROGRAMS:?}"),
        )
        .hint("run `systemctl status docker`, and restart docker when it hangs"),
        error => classify::docker_error(error),
    }
}

/// Something that is found out beside the others.
struct Question<T> {
    /// Brings the answer.
    answer: Receiver<T>,
}

impl<T: Send + 'static> Question<T> {
    /// Begins to find out. Nobody waits for the thread: a file system or a resolver may hold it up for ever.
    fn ask(ctx: &Context, work: impl FnOnce(Context) -> T + Send + 'static) -> Self {
        let (sender, answer) = mpsc::channel();
        let ctx = ctx.clone();
        let thread = thread::Builder::new().name("check".to_owned());
        // Without a thread there is no answer, as without one in time.
        drop(thread.spawn(move || drop(sender.send(work(ctx)))));
        Self { answer }
    }

    /// Waits for the answer; there is none when the time is over or a signal comes.
    fn answer(self, (deadline, interrupt): (Deadline, &Interrupt)) -> Option<T> {
        let receive = || match self.answer.try_recv() {
            Ok(answer) => Ok::<_, Infallible>(Some(Some(answer))),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Ok(Some(None)),
        };
        match wait_until(deadline, interrupt, receive, |_| TURN) {
            Ok(Waited::Done(answer)) => answer,
            Ok(Waited::TimedOut | Waited::Interrupted) => None,
        }
    }
}
