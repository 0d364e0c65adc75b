//! Judges from services and tasks whether an app has converged, may still, or never will.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::classify;
use crate::{
    model::{app::StackName, event::ServiceState, outcome::Trouble},
    tool::docker::service::{Service, Task, TaskState, UpdateState},
};

/// How often a service's tasks may fail while nothing else makes progress.
const CRASH_LIMIT: usize = 3;
/// How often a health check may end a service's tasks.
const UNHEALTHY_LIMIT: usize = 2;
/// How often a node may refuse a service's tasks for a reason that can pass.
const REJECTION_LIMIT: usize = 3;
/// How long a task may find no address or no node before that counts as the answer.
const PLACEMENT_PATIENCE: Duration = Duration::from_secs(5);

/// The word for a task that gets no address.
pub(super) const NO_ADDRESS: &str = "no-address";

/// What swarm showed in one look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    /// The services that were found.
    pub(crate) services: Vec<Service>,
    /// Their tasks, newest first in each slot.
    pub(crate) tasks: Vec<Task>,
}

/// How an app stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Every service is as it should be.
    Converged,
    /// It may still converge.
    Waiting,
    /// It never will.
    Hopeless(Box<Trouble>),
}

/// What is remembered between looks.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Failed tasks of each service that count, by id.
    failed: BTreeMap<String, BTreeSet<String>>,
    /// Failed tasks that were there before, or before another service made progress.
    forgiven: BTreeSet<String>,
    /// The services that have converged at least once.
    converged: BTreeSet<String>,
    /// Since when a service's task finds no address or no node.
    unplaced: BTreeMap<String, Instant>,
}

impl Memory {
    /// Forgives the failures that a look shows: those of an earlier deploy say nothing about the next.
    pub(crate) fn after(look: &Look) -> Self {
        let old = look.tasks.iter().filter(|task| is_failure(task.state));
        Self {
            forgiven: old.map(|task| task.id.clone()).collect(),
            ..Self::default()
        }
    }

    /// Judges one look at the services that an app should have.
    pub(crate) fn judge(
        &mut self,
        stack: &StackName,
        wanted: &[String],
        look: &Look,
    ) -> (Standing, Vec<ServiceState>) {
        let mut states = Vec::new();
        let mut all_converged = true;
        let mut hopeless = None;
        for name in wanted {
            let tasks: Vec<&Task> = look
                .tasks
                .iter()
                .filter(|task| task.service == *name)
                .collect();
            let service = look.services.iter().find(|service| service.name == *name);
            let converged = service.is_some_and(|service| is_converged(service, &tasks));
            self.remember(name, converged, &tasks);
            all_converged &= converged;
            states.push(describe(stack.short(name).unwrap_or(name), service, &tasks));
            let trouble =
                service.and_then(|service| self.hopeless(stack, service, &tasks, converged));
            hopeless = hopeless.or(trouble);
        }
        let standing = match hopeless {
            Some(trouble) => Standing::Hopeless(Box::new(trouble)),
            None if all_converged => Standing::Converged,
            None => Standing::Waiting,
        };
        (standing, states)
    }

    /// Takes note of failures, and forgives all when a service converges for the first time.
    ///
    /// An app may well crash until its database is up; only what fails while nothing else moves is a loop.
    fn remember(&mut self, name: &str, converged: bool, tasks: &[&Task]) {
        let failed = tasks
            .iter()
            .filter(|task| is_failure(task.state) && !self.forgiven.contains(&task.id));
        let failed: Vec<String> = failed.map(|task| task.id.clone()).collect();
        self.failed
            .entry(name.to_owned())
            .or_default()
            .extend(failed);
        if converged && self.converged.insert(name.to_owned()) {
            let others = self
                .failed
                .iter_mut()
                .filter(|(service, _)| *service != name);
            for (_, failures) in others {
                self.forgiven.append(failures);
            }
        }
    }

    /// Returns why a service will never converge.
    fn hopeless(
        &mut self,
        stack: &StackName,
        service: &Service,
        tasks: &[&Task],
        converged: bool,
    ) -> Option<Trouble> {
        let short = stack
            .short(&service.name)
            .unwrap_or(&service.name)
            .to_owned();
        if let Some(trouble) = stopped_update(&short, service, tasks) {
            return Some(trouble);
        }
        if converged {
            return None;
        }
        let failed = self.failed.get(&service.name).cloned().unwrap_or_default();
        let failures: Vec<&&Task> = tasks
            .iter()
            .filter(|task| failed.contains(&task.id))
            .collect();
        let newest = failures.first();
        if let Some(trouble) = newest.and_then(|task| classify::task_error(&short, task)) {
            return Some(trouble);
        }
        let unhealthy = failures
            .iter()
            .filter(|task| task.error.contains("unhealthy"))
            .count();
        if unhealthy >= UNHEALTHY_LIMIT {
            let message = format!("health check of `{short}` never passes");
            return Some(with_errors(
                Trouble::recipe("unhealthy", message),
                &failures,
            ));
        }
        let rejected = failures
            .iter()
            .filter(|task| task.state == TaskState::Rejected)
            .count();
        if rejected >= REJECTION_LIMIT {
            let message = format!("tasks of `{short}` are rejected");
            return Some(with_errors(
                Trouble::recipe("task-rejected", message),
                &failures,
            ));
        }
        if failed.len() >= CRASH_LIMIT {
            let message = format!(
                "`{short}` is in a restart loop: {} tasks ended",
                failed.len()
            );
            return Some(with_errors(
                Trouble::recipe("restart-loop", message),
                &failures,
            ));
        }
        self.unplaced(&short, service, tasks)
    }

    /// Returns a trouble when a service's task gets no address or no node, once that has lasted.
    ///
    /// Swarm says why there is no node; a task without an address stays as it was made, and no word is said of it.
    fn unplaced(&mut self, short: &str, service: &Service, tasks: &[&Task]) -> Option<Trouble> {
        let is_stuck = |task: &&&Task| match task.state {
            TaskState::New => true,
            state => state == TaskState::Pending && !task.error.is_empty(),
        };
        let Some(task) = tasks.iter().find(is_stuck) else {
            self.unplaced.remove(&service.name);
            return None;
        };
        let since = *self
            .unplaced
            .entry(service.name.clone())
            .or_insert_with(Instant::now);
        if since.elapsed() < PLACEMENT_PATIENCE {
            return None;
        }
        if task.state == TaskState::New {
            let message = format!("swarm finds no address for `{short}`");
            return Some(Trouble::broken(NO_ADDRESS, message));
        }
        let trouble = Trouble::broken("no-node", format!("this node cannot run `{short}`"));
        Some(trouble.because(task.error.clone()))
    }
}

/// Returns the trouble of a service that requests go to, when it has ended for good: it did its work, and swarm starts it
/// no more. A one-shot may, but nobody answers then.
pub(crate) fn ended(short: &str, service: &Service, tasks: &[&Task]) -> Option<Trouble> {
    let is_over = |task: &&Task| task.state >= TaskState::Complete;
    let has_ended = !service.restarts && tasks.iter().all(is_over);
    let last = tasks.iter().find(|task| task.state == TaskState::Complete);
    let last = last.filter(|_| has_ended)?;
    let message = format!("`{short}` has ended, so that nothing answers");
    let trouble = Trouble::recipe("ended", message)
        .because(format!(
            "swarm starts no other task (docker: {})",
            last.since
        ))
        .hint("let the service's command stay in the foreground");
    Some(trouble)
}

/// Tells whether a task ended badly.
fn is_failure(state: TaskState) -> bool {
    matches!(state, TaskState::Failed | TaskState::Rejected)
}

/// Tells whether a service has as many tasks running, or done, as it should have, and no update in flight.
///
/// None of none is converged, and so is a one-shot that ended well.
fn is_converged(service: &Service, tasks: &[&Task]) -> bool {
    let in_flight = [UpdateState::Updating, UpdateState::RollingBack];
    if service
        .update
        .as_ref()
        .is_some_and(|update| in_flight.contains(&update.state))
    {
        return false;
    }
    let done = |task: &&&Task| task.state == TaskState::Complete && !service.restarts;
    let up = |task: &&&Task| task.state == TaskState::Running && task.desired == "Running";
    let slots: BTreeSet<&str> = tasks
        .iter()
        .filter(|task| up(task) || done(task))
        .map(|task| task.slot.as_str())
        .collect();
    let count = u64::try_from(slots.len()).unwrap_or(u64::MAX);
    match service.replicas {
        Some(replicas) => count >= replicas && surplus_is_gone(tasks, replicas),
        None => {
            count > 0
                && tasks
                    .iter()
                    .all(|task| task.desired != "Running" || task.state >= TaskState::Running)
        }
    }
}

/// Tells whether no more tasks run than should: an old one may still be ending.
fn surplus_is_gone(tasks: &[&Task], replicas: u64) -> bool {
    let running = tasks
        .iter()
        .filter(|task| task.state == TaskState::Running)
        .count();
    u64::try_from(running).unwrap_or(u64::MAX) <= replicas
}

/// Returns a trouble when swarm stopped an update or went back.
fn stopped_update(short: &str, service: &Service, tasks: &[&Task]) -> Option<Trouble> {
    let update = service.update.as_ref()?;
    let (code, message) = match update.state {
        UpdateState::RolledBack => (
            "rolled-back",
            format!("swarm rolled `{short}` back to what it was before"),
        ),
        UpdateState::Paused => (
            "update-paused",
            format!("swarm paused the update of `{short}`"),
        ),
        UpdateState::Updating | UpdateState::Completed | UpdateState::RollingBack => return None,
    };
    let trouble = Trouble::recipe(code, message).because(update.message.clone());
    let failed = tasks
        .iter()
        .find(|task| is_failure(task.state) && !task.error.is_empty());
    Some(match failed {
        Some(task) => trouble.because(task.error.clone()),
        None => trouble,
    })
}

/// Adds the distinct errors of some tasks as causes, three at most.
fn with_errors(trouble: Trouble, tasks: &[&&Task]) -> Trouble {
    let mut errors: Vec<&str> = tasks
        .iter()
        .map(|task| task.error.as_str())
        .filter(|error| !error.is_empty())
        .collect();
    errors.dedup();
    errors.into_iter().take(3).fold(trouble, Trouble::because)
}

/// Describes a service for a person.
fn describe(short: &str, service: Option<&Service>, tasks: &[&Task]) -> ServiceState {
    let running = tasks
        .iter()
        .filter(|task| task.state == TaskState::Running && task.desired == "Running")
        .count();
    let newest = tasks
        .iter()
        .find(|task| task.desired == "Running")
        .or_else(|| tasks.first());
    let updating = service
        .and_then(|service| service.update.as_ref())
        .map(|update| update.state);
    let state = match (newest, updating) {
        (_, Some(UpdateState::RollingBack)) => "rolling back",
        (Some(task), Some(UpdateState::Updating)) if task.state == TaskState::Running => "updating",
        (Some(task), _) => task.state.word(),
        (None, _) => "new",
    };
    let error = tasks
        .iter()
        .map(|task| task.error.as_str())
        .find(|error| !error.is_empty());
    ServiceState {
        name: short.to_owned(),
        running: u64::try_from(running).unwrap_or(u64::MAX),
        wanted: service.map_or(1, |service| service.replicas.unwrap_or(1)),
        state: state.to_owned(),
        error: error.map(|error| error.lines().next().unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::outcome::Fault, tool::docker::service::Update};

    fn stack() -> StackName {
        "x.org"
            .parse::<crate::model::app::AppDomain>()
            .unwrap()
            .stack()
    }

    fn service(name: &str, replicas: u64) -> Service {
        Service {
            name: format!("x_org_{name}"),
            replicas: Some(replicas),
            labels: BTreeMap::new(),
            image: "nginx:1".into(),
            update: None,
            restarts: true,
            changed: String::new(),
            index: 1,
        }
    }

    fn task(service: &str, id: &str, state: TaskState, error: &str) -> Task {
        let desired = if is_failure(state) {
            "Shutdown"
        } else {
            "Running"
        };
        Task {
            id: id.to_owned(),
            service: format!("x_org_{service}"),
            slot: "1".into(),
            state,
            desired: desired.into(),
            error: error.into(),
            image: "nginx:1".into(),
            since: String::new(),
        }
    }

    fn judge(memory: &mut Memory, services: &[Service], tasks: &[Task]) -> Standing {
        let wanted: Vec<String> = services
            .iter()
            .map(|service| service.name.clone())
            .collect();
        let look = Look {
            services: services.to_vec(),
            tasks: tasks.to_vec(),
        };
        memory.judge(&stack(), &wanted, &look).0
    }

    fn code(standing: Standing) -> String {
        match standing {
            Standing::Hopeless(trouble) => trouble.code,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_service_has_ended_when_it_did_its_work_and_is_not_started_again() {
        use TaskState::{Complete, Failed, Ready, Running, Shutdown};
        for (restarts, states, has_ended) in [
            (false, &[Complete][..], true),
            (false, &[Complete, Failed, Shutdown], true),
            (true, &[Complete], false),
            (false, &[Complete, Ready], false),
            (false, &[Running, Complete], false),
            (false, &[Failed, Shutdown], false),
            (false, &[], false),
        ] {
            let service = Service {
                restarts,
                ..service("a", 1)
            };
            let tasks: Vec<_> = states
                .iter()
                .map(|state| task("a", "1", *state, ""))
                .collect();
            let tasks: Vec<_> = tasks.iter().collect();
            let ended = ended("a", &service, &tasks);
            assert_eq!(ended.is_some(), has_ended, "{restarts} {states:?}");
        }
    }

    #[test]
    fn none_of_none_is_converged_and_a_finished_one_shot_too() {
        assert_eq!(
            judge(&mut Memory::default(), &[service("a", 0)], &[]),
            Standing::Converged
        );
        let once = Service {
            restarts: false,
            ..service("a", 1)
        };
        let done = [task("a", "1", TaskState::Complete, "")];
        assert_eq!(
            judge(&mut Memory::default(), &[once], &done),
            Standing::Converged
        );
        assert_eq!(
            judge(&mut Memory::default(), &[service("a", 1)], &done),
            Standing::Waiting
        );
    }

    #[test]
    fn a_task_that_gets_no_address_or_no_node_is_nobodys_fault() {
        let cases = [
            (TaskState::New, "", "no-address"),
            (TaskState::Pending, "no suitable node", "no-node"),
        ];
        for (state, error, expected) in cases {
            let tasks = [task("a", "1", state, error)];
            let mut memory = Memory::default();
            let first = judge(&mut memory, &[service("a", 1)], &tasks);
            assert_eq!(first, Standing::Waiting);
            for since in memory.unplaced.values_mut() {
                *since = since.checked_sub(PLACEMENT_PATIENCE).unwrap();
            }
            let later = judge(&mut memory, &[service("a", 1)], &tasks);
            let Standing::Hopeless(trouble) = later else {
                panic!("{later:?}");
            };
            assert_eq!((trouble.fault, &*trouble.code), (Fault::Broken, expected));
        }
    }

    #[test]
    fn a_starting_task_is_waited_for() {
        let tasks = [task("a", "1", TaskState::Starting, "")];
        assert_eq!(
            judge(&mut Memory::default(), &[service("a", 1)], &tasks),
            Standing::Waiting
        );
    }

    #[test]
    fn an_update_in_flight_is_not_converged() {
        let update = Some(Update {
            state: UpdateState::Updating,
            message: String::new(),
        });
        let updating = Service {
            update,
            ..service("a", 1)
        };
        let tasks = [task("a", "1", TaskState::Running, "")];
        assert_eq!(
            judge(&mut Memory::default(), &[updating], &tasks),
            Standing::Waiting
        );
    }

    #[test]
    fn a_rollback_is_a_failure_although_the_old_task_runs() {
        let update = Some(Update {
            state: UpdateState::RolledBack,
            message: "rollback completed".into(),
        });
        let back = Service {
            update,
            ..service("a", 1)
        };
        let tasks = [task("a", "1", TaskState::Running, "")];
        assert_eq!(
            code(judge(&mut Memory::default(), &[back], &tasks)),
            "rolled-back"
        );
    }

    #[test]
    fn an_image_that_is_gone_leaves_no_verdict_and_does_so_at_once() {
        let tasks = [task(
            "a",
            "1",
            TaskState::Rejected,
            "No such image: nosuch:1",
        )];
        assert_eq!(
            code(judge(&mut Memory::default(), &[service("a", 1)], &tasks)),
            "image-gone"
        );
    }

    #[test]
    fn crashes_while_nothing_else_moves_are_a_loop() {
        let mut memory = Memory::default();
        let crash = |id: &str| task("a", id, TaskState::Failed, "task: non-zero exit (1)");
        let services = [service("a", 1)];
        assert_eq!(
            judge(&mut memory, &services, &[crash("1"), crash("2")]),
            Standing::Waiting
        );
        assert_eq!(
            code(judge(
                &mut memory,
                &services,
                &[crash("1"), crash("2"), crash("3")]
            )),
            "restart-loop"
        );
    }

    #[test]
    fn crashes_before_the_database_is_up_are_forgiven() {
        let mut memory = Memory::default();
        let services = [service("a", 1), service("db", 1)];
        let crash = |id: &str| task("a", id, TaskState::Failed, "task: non-zero exit (1)");
        let tasks = [
            crash("1"),
            crash("2"),
            task("db", "9", TaskState::Starting, ""),
        ];
        assert_eq!(judge(&mut memory, &services, &tasks), Standing::Waiting);
        let tasks = [
            crash("1"),
            crash("2"),
            task("db", "9", TaskState::Running, ""),
        ];
        assert_eq!(judge(&mut memory, &services, &tasks), Standing::Waiting);
        let tasks = [
            crash("1"),
            crash("2"),
            crash("3"),
            task("db", "9", TaskState::Running, ""),
        ];
        assert_eq!(judge(&mut memory, &services, &tasks), Standing::Waiting);
    }

    #[test]
    fn a_health_check_that_ends_two_tasks_never_passes() {
        let error = "task: non-zero exit (137): dockerexec: unhealthy container";
        let tasks = [
            task("a", "2", TaskState::Failed, error),
            task("a", "1", TaskState::Failed, error),
        ];
        assert_eq!(
            code(judge(&mut Memory::default(), &[service("a", 1)], &tasks)),
            "unhealthy"
        );
    }

    #[test]
    fn failures_of_an_earlier_deploy_are_forgiven() {
        let old = Look {
            services: Vec::new(),
            tasks: vec![task("a", "1", TaskState::Rejected, "No such image: x")],
        };
        let mut memory = Memory::after(&old);
        let tasks = [task("a", "2", TaskState::Running, ""), old.tasks[0].clone()];
        assert_eq!(
            judge(&mut memory, &[service("a", 1)], &tasks),
            Standing::Converged
        );
    }

    #[test]
    fn a_description_says_why_not_yet() {
        let tasks = [task("a", "1", TaskState::Preparing, "")];
        let look = Look {
            services: vec![service("a", 1)],
            tasks: tasks.to_vec(),
        };
        let (_, states) = Memory::default().judge(&stack(), &["x_org_a".to_owned()], &look);
        assert_eq!(
            (
                states[0].name.as_str(),
                states[0].running,
                states[0].state.as_str()
            ),
            ("a", 0, "preparing")
        );
    }
}
