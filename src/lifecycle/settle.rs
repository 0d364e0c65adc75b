//! Waits, driven by events, until an app has converged or never will.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use super::{
    classify,
    convergence::{self, Look, Memory, NO_ADDRESS, Standing},
    session::{Session, docker_trouble},
};
use crate::{
    model::{event::ServiceState, outcome::Trouble, stage::Stage},
    sys::{
        beside::beside,
        interrupt::Interrupt,
        wait::{self, Deadline},
    },
    tool::{
        app::App,
        docker::client::{ENGINE_PATIENCE, Error},
    },
};

/// The pause between looks while containers come and go.
const SHORT_PAUSE: Duration = Duration::from_millis(80);
/// The pause between looks while nothing happens on this node.
const LONG_PAUSE: Duration = Duration::from_millis(400);
/// How long after an event looks follow each other quickly: swarm notes a task's state a little later.
const LIVELY: Duration = Duration::from_secs(1);
/// How long an app that was deployed in place must look converged: swarm begins an update a moment after it returns.
const REDEPLOY_SETTLE: Duration = Duration::from_millis(700);

/// Which deploy is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deploy {
    /// The first, so that nothing of an earlier one can look converged.
    First,
    /// One over an app that ran.
    InPlace,
}

/// What a wait for convergence needs to know.
pub(crate) struct Settling<'a> {
    /// The stage that waits.
    pub(crate) stage: Stage,
    /// The whole names of the services that there should be.
    pub(crate) services: &'a [String],
    /// The whole names of the networks that the app shares with others.
    pub(crate) shared: &'a [String],
    /// Which deploy it was.
    pub(crate) deploy: Deploy,
    /// What is remembered of earlier looks.
    pub(crate) memory: &'a mut Memory,
    /// When to give up.
    pub(crate) deadline: Deadline,
}

/// Takes one look at an app's services and tasks, both asked at once.
pub(crate) fn look(app: &App, services: &[String]) -> Result<Look, Error> {
    let (services, tasks) = std::thread::scope(|scope| {
        let tasks = beside(scope, || app.docker.tasks(&app.stack));
        (app.docker.services(services), tasks.join())
    });
    Ok(Look {
        services: services?,
        tasks: tasks?,
    })
}

/// Waits until an app has converged; fails at once when it never will.
pub(crate) fn wait_until_converged(
    session: &Session<'_>,
    settling: Settling<'_>,
) -> Result<Look, Trouble> {
    let Settling {
        stage,
        services,
        shared,
        deploy,
        memory,
        deadline,
    } = settling;
    let (mut converged_since, mut lively_until) = (None, Instant::now() + LIVELY);
    // Since when the engine does not answer, and what was heard from it last.
    let mut lost: Option<(Instant, Error)> = None;
    let mut states: Vec<ServiceState> = Vec::new();
    loop {
        if session.is_interrupted() {
            return Err(classify::interrupted());
        }
        let begun = Instant::now();
        match look(&session.app, services) {
            Ok(look) => {
                lost = None;
                let (standing, now) = memory.judge(&session.app.stack, services, &look);
                states = now;
                session.progress(stage, "waiting for services", &states, deadline.left());
                match standing {
                    Standing::Hopeless(trouble) => return Err(with_networks(*trouble, shared)),
                    Standing::Converged if is_settled(&look, deploy, &mut converged_since) => {
                        return Ok(look);
                    }
                    Standing::Converged => {}
                    Standing::Waiting => converged_since = None,
                }
            }
            Err(error) => {
                let since = lost.map_or(begun, |(since, _)| since);
                if since.elapsed() >= ENGINE_PATIENCE {
                    return Err(docker_trouble(&error));
                }
                lost = Some((since, error));
            }
        }
        if deadline.is_over() {
            // Nobody can tell how an app stands whose engine does not answer.
            return Err(lost.map_or_else(
                || not_converged(&states),
                |(_, error)| docker_trouble(&error),
            ));
        }
        let pause = if Instant::now() < lively_until {
            SHORT_PAUSE
        } else {
            LONG_PAUSE
        };
        if next_event(
            &session.events.lines(),
            pause,
            &session.app.docker.host().interrupt,
        ) {
            lively_until = Instant::now() + LIVELY;
        }
    }
}

/// Looks once whether an app that has converged still is on its way; fails when it never will be again, or when the
/// service that requests go to has ended.
///
/// An engine that may come back says nothing about the app yet.
pub(crate) fn check_alive(
    session: &Session<'_>,
    (services, routed): (&[String], &str),
    memory: &mut Memory,
) -> Result<(), Trouble> {
    let look = match look(&session.app, services) {
        Ok(look) => look,
        Err(_) if session.app.docker.is_silent() && !session.app.docker.is_given_up() => {
            return Ok(());
        }
        Err(error) => return Err(docker_trouble(&error)),
    };
    match memory.judge(&session.app.stack, services, &look).0 {
        Standing::Hopeless(trouble) => Err(*trouble),
        Standing::Converged | Standing::Waiting => check_not_ended(session, routed, &look),
    }
}

/// Fails when the service that requests go to has ended, as a look shows.
pub(crate) fn check_not_ended(
    session: &Session<'_>,
    routed: &str,
    look: &Look,
) -> Result<(), Trouble> {
    let name = session.app.stack.object(routed);
    let service = look.services.iter().find(|service| service.name == name);
    let tasks = look.tasks.iter().filter(|task| task.service == name);
    let tasks: Vec<_> = tasks.collect();
    let ended = service.and_then(|service| convergence::ended(routed, service, &tasks));
    ended.map_or(Ok(()), Err)
}

/// Adds, where a task gets no address, which networks may have none left: one of its own is new, and empty.
fn with_networks(trouble: Trouble, shared: &[String]) -> Trouble {
    if trouble.code != NO_ADDRESS || shared.is_empty() {
        return trouble;
    }
    let names: Vec<String> = shared.iter().map(|name| format!("`{name}`")).collect();
    let cause = format!("no address is left on {}", names.join(" or "));
    // Each `docker stack rm` of an app on a shared network loses an address: moby issue 37338.
    trouble.because(cause).hint(
        "remove what uses the network, or restart docker, which frees addresses that were lost",
    )
}

/// Tells whether a converged app counts as settled.
///
/// Deployed in place, it does at once when swarm says that every service's update is over, else after a while: an
/// update that changes nothing leaves no trace.
fn is_settled(look: &Look, deploy: Deploy, since: &mut Option<Instant>) -> bool {
    let since = *since.get_or_insert_with(Instant::now);
    let all_updated = look.services.iter().all(|service| service.update.is_some());
    deploy == Deploy::First || all_updated || since.elapsed() >= REDEPLOY_SETTLE
}

/// Returns the trouble of an app that did not converge in time.
fn not_converged(states: &[ServiceState]) -> Trouble {
    let waiting = states.iter().filter(|state| state.running < state.wanted);
    let names: Vec<String> = waiting
        .clone()
        .map(|state| format!("`{}`", state.name))
        .collect();
    let message = format!(
        "{} did not converge in time",
        if names.is_empty() {
            "the app".to_owned()
        } else {
            names.join(", ")
        }
    );
    let describe = |state: &ServiceState| {
        let error = state
            .error
            .as_ref()
            .map(|error| format!(": {error}"))
            .unwrap_or_default();
        format!(
            "`{}` is {}/{} {}{error}",
            state.name, state.running, state.wanted, state.state
        )
    };
    let is_unhealthy = |state: &ServiceState| {
        let error = state.error.as_deref().unwrap_or_default();
        error.contains("unhealthy")
    };
    // On a slow machine the time is over before the second task is ended by its health check.
    let trouble = match waiting.clone().find(|state| is_unhealthy(state)) {
        Some(state) => Trouble::recipe(
            "unhealthy",
            format!("health check of `{}` never passes", state.name),
        ),
        None => Trouble::recipe("not-converged", message),
    };
    waiting.map(describe).fold(trouble, Trouble::because)
}

/// Waits for one event, or for a pause to be over; tells whether one came.
///
/// A watch that has ended, as when the engine is away, does not cut the pause short.
fn next_event(
    events: &Receiver<String>,
    pause: std::time::Duration,
    interrupt: &Interrupt,
) -> bool {
    let deadline = Deadline::after(pause);
    let came = loop {
        match events.recv_timeout(deadline.left()) {
            // A health check runs a command every few seconds; what it finds is an event of its own.
            Ok(action) if action.starts_with("exec_") => {}
            Ok(_) => break true,
            Err(RecvTimeoutError::Timeout) => break false,
            Err(RecvTimeoutError::Disconnected) => {
                let _whole = wait::pause(deadline.left(), interrupt);
                break false;
            }
        }
    };
    // What happened meanwhile is seen in the same look at the swarm.
    while events.try_recv().is_ok() {}
    came
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_that_has_ended_does_not_cut_pauses_short() {
        let (sender, events) = std::sync::mpsc::channel();
        sender.send("start".to_owned()).unwrap();
        let pause = std::time::Duration::from_millis(20);
        assert!(next_event(&events, pause, &Interrupt::never()));
        drop(sender);
        let begun = std::time::Instant::now();
        assert!(!next_event(&events, pause, &Interrupt::never()));
        assert!(begun.elapsed() >= pause);
    }
}
