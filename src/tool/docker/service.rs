//! Services and their tasks: what swarm wants, what it has, what went wrong.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::client::{Docker, Error, READ_LIMIT, columns};
use crate::{
    model::app::StackName,
    sys::process::{Cmd, Exit, Host, LineStream},
};

/// How long the log of a service is read: it is a help, and an app may log without end.
const LOG_LIMIT: Duration = Duration::from_secs(10);

/// A service as swarm sees it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// The whole name.
    pub(crate) name: String,
    /// How many tasks there should be; nothing for a global service or a job.
    pub(crate) replicas: Option<u64>,
    /// The service's labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// The image of its tasks, with a digest where swarm resolved one.
    pub(crate) image: String,
    /// The state of its last update, or nothing before the first.
    pub(crate) update: Option<Update>,
    /// Whether a task that ends is started again.
    pub(crate) restarts: bool,
    /// When its specification was changed last, as docker prints it.
    pub(crate) changed: String,
    /// The version of its specification.
    pub(crate) index: u64,
}

/// The state of a service's update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    /// The state.
    pub(crate) state: UpdateState,
    /// What swarm says about it.
    pub(crate) message: String,
}

/// The states that swarm gives an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpdateState {
    /// In flight.
    Updating,
    /// Done.
    Completed,
    /// Stopped after a failure; it stays so.
    Paused,
    /// Going back to the old specification.
    RollingBack,
    /// Back at the old specification.
    RolledBack,
}

/// One task of a service, newest first in a listing of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// The task's id.
    pub(crate) id: String,
    /// The whole name of its service.
    pub(crate) service: String,
    /// Which of the replicas it is.
    pub(crate) slot: String,
    /// What it is doing.
    pub(crate) state: TaskState,
    /// What it should be doing: `Running`, `Shutdown` and so on.
    pub(crate) desired: String,
    /// What went wrong, or the empty text.
    pub(crate) error: String,
    /// The image that it runs.
    pub(crate) image: String,
    /// Its state with its age, as docker words it.
    pub(crate) since: String,
}

/// The states that swarm gives a task, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TaskState {
    /// Made.
    New,
    /// Resources are looked for.
    Pending,
    /// A node is found.
    Assigned,
    /// The node takes it.
    Accepted,
    /// The node gets image and volumes.
    Preparing,
    /// Ready to start.
    Ready,
    /// Started, and not healthy yet.
    Starting,
    /// Runs, and is healthy where health is checked.
    Running,
    /// Ended well.
    Complete,
    /// Stopped on purpose.
    Shutdown,
    /// Ended badly.
    Failed,
    /// The node cannot run it.
    Rejected,
    /// Its service is gone, or its node.
    Gone,
}

impl TaskState {
    /// Reads the first word of docker's description of a task.
    fn parse(text: &str) -> Option<Self> {
        let word = text.split_whitespace().next()?.to_ascii_lowercase();
        Some(match word.as_str() {
            "new" => Self::New,
            "pending" | "allocated" => Self::Pending,
            "assigned" => Self::Assigned,
            "accepted" => Self::Accepted,
            "preparing" => Self::Preparing,
            "ready" => Self::Ready,
            "starting" => Self::Starting,
            "running" => Self::Running,
            "complete" => Self::Complete,
            "shutdown" => Self::Shutdown,
            "failed" => Self::Failed,
            "rejected" => Self::Rejected,
            "orphaned" | "remove" => Self::Gone,
            _ => return None,
        })
    }

    /// Returns the state's word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Accepted => "accepted",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Shutdown => "shutdown",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Gone => "gone",
        }
    }
}

/// A line of `docker stack ps`.
#[derive(Deserialize)]
struct TaskLine {
    /// The id.
    #[serde(rename = "ID")]
    id: String,
    /// `<service>.<slot>`, or `<service>.<node>` of a global service.
    #[serde(rename = "Name")]
    name: String,
    /// The image.
    #[serde(rename = "Image")]
    image: String,
    /// What it does, with its age.
    #[serde(rename = "CurrentState")]
    current: String,
    /// What it should do.
    #[serde(rename = "DesiredState")]
    desired: String,
    /// What went wrong.
    #[serde(rename = "Error")]
    error: String,
}

/// A service as `docker service inspect` prints it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    /// When it was changed last.
    updated_at: String,
    /// The specification's version.
    version: Version,
    /// What it should be.
    spec: Spec,
    /// Its update.
    update_status: Option<UpdateStatus>,
}

/// The version of an object.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    /// It grows with each change.
    index: u64,
}

/// A service's specification.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Spec {
    /// The whole name.
    name: String,
    /// The labels.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// What its tasks are.
    task_template: TaskTemplate,
    /// Replicated, global or a job.
    #[serde(default)]
    mode: BTreeMap<String, serde_json::Value>,
}

/// What a service's tasks are.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskTemplate {
    /// The container.
    container_spec: ContainerSpec,
    /// When it is started again.
    restart_policy: Option<RestartPolicy>,
}

/// The container of a task.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerSpec {
    /// The image.
    image: String,
}

/// When a task is started again.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RestartPolicy {
    /// `any`, `on-failure` or `none`.
    condition: Option<String>,
}

/// The update of a service.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateStatus {
    /// The state.
    state: String,
    /// What swarm says about it.
    #[serde(default)]
    message: String,
}

impl Docker {
    /// Inspects the services with these names or ids; those that are not there are left out.
    pub(crate) fn services(&self, names: &[String]) -> Result<Vec<Service>, Error> {
        let services: Vec<Inspected> = self.inspect_services(names)?;
        Ok(services.into_iter().map(Service::from).collect())
    }

    /// Lists the tasks of a stack, newest first in each slot.
    pub(crate) fn tasks(&self, stack: &StackName) -> Result<Vec<Task>, Error> {
        let format = columns("ID Name Image CurrentState DesiredState Error");
        let args = ["stack", "ps", "--no-trunc", "--format", &format];
        let args = args.into_iter().chain([stack.as_str()]);
        match self.list::<TaskLine>(self.call("list tasks", READ_LIMIT, args)) {
            Ok(lines) => lines.into_iter().map(Task::try_from).collect(),
            // A stack without a task is "nothing found".
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Returns the last lines that a service's tasks logged, as far as they are told in time.
    pub(crate) fn service_logs(&self, service: &str, lines: usize) -> Result<String, Error> {
        let lines = lines.to_string();
        let args = [
            "service",
            "logs",
            "--raw",
            "--timestamps",
            "--tail",
            lines.as_str(),
            service,
        ];
        let call = self.call(format!("read the log of {service}"), LOG_LIMIT, args);
        let output = self.run_for_a_while(call)?;
        let text = format!("{}{}", output.stdout_text(), output.stderr_text());
        if output.exit == Exit::TimedOut {
            // An engine may not come to the end of what an app logs without end.
            let cut = format!("this log is cut: docker did not end it within {LOG_LIMIT:?}");
            return Ok(format!("{cut}\n{text}"));
        }
        Ok(text)
    }

    /// Watches what happens to a stack's containers on this node; each line is one event.
    ///
    /// It has no limit, so that it ends before its reader wants only when the engine goes away.
    pub(crate) fn watch(&self, stack: &StackName) -> Result<LineStream, Error> {
        let filter = format!("label={}={stack}", super::inventory::STACK_LABEL);
        let args = [
            "events",
            "--filter",
            "type=container",
            "--filter",
            filter.as_str(),
            "--format",
            "{{.Action}}",
        ];
        let cmd: Cmd = self.call("watch events", Duration::MAX, args).into_cmd();
        // It changes nothing, and it would hold the run's lock for hours after ccci was killed.
        let host = Host {
            inherit: None,
            ..self.host().clone()
        };
        Ok(cmd.spawn_lines(&host)?)
    }

    /// Removes services at once; those that are gone already are no error.
    pub(crate) fn remove_services(&self, ids: &[String]) -> Result<(), Error> {
        self.remove("services", &["service", "rm"], ids)
    }
}

impl From<Inspected> for Service {
    fn from(inspected: Inspected) -> Self {
        let Inspected {
            updated_at,
            version,
            spec,
            update_status,
        } = inspected;
        let replicas = spec
            .mode
            .get("Replicated")
            .and_then(|mode| mode.get("Replicas")?.as_u64());
        let condition = spec
            .task_template
            .restart_policy
            .and_then(|policy| policy.condition);
        Self {
            name: spec.name,
            replicas,
            labels: spec.labels,
            image: spec.task_template.container_spec.image,
            update: update_status.and_then(Update::read),
            restarts: condition.as_deref().unwrap_or("any") == "any",
            changed: updated_at,
            index: version.index,
        }
    }
}

impl Update {
    /// Reads what docker prints; an empty state means that there was no update.
    fn read(status: UpdateStatus) -> Option<Self> {
        let state = match status.state.as_str() {
            "updating" => UpdateState::Updating,
            "completed" => UpdateState::Completed,
            "paused" | "rollback_paused" => UpdateState::Paused,
            "rollback_started" => UpdateState::RollingBack,
            "rollback_completed" => UpdateState::RolledBack,
            _ => return None,
        };
        Some(Self {
            state,
            message: status.message,
        })
    }
}

impl TryFrom<TaskLine> for Task {
    type Error = Error;

    fn try_from(line: TaskLine) -> Result<Self, Error> {
        let garbled = |said: String| Error::Garbled {
            doing: "list tasks".into(),
            said,
        };
        let state = TaskState::parse(&line.current)
            .ok_or_else(|| garbled(format!("task state `{}`", line.current)))?;
        // Older tasks of a slot are drawn as branches of a tree.
        let name = line.name.trim_start_matches(['\\', '_', ' ']);
        let (service, slot) = name
            .rsplit_once('.')
            .ok_or_else(|| garbled(format!("task name `{name}`")))?;
        Ok(Self {
            id: line.id,
            service: service.to_owned(),
            slot: slot.to_owned(),
            state,
            desired: line.desired,
            error: line.error.trim_matches('"').to_owned(),
            image: line.image,
            since: line.current,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_line_is_read_as_docker_prints_it() {
        // Docker 28.2.2.
        let line = r#"{"CurrentState":"Rejected 2 seconds ago","DesiredState":"Shutdown","Error":"\"No such image: x:1\"","ID":"897k","Image":"x:1","Name":" \\_ st_app.1","Node":"vm","Ports":""}"#;
        let task = Task::try_from(serde_json::from_str::<TaskLine>(line).unwrap()).unwrap();
        assert_eq!(
            (task.service.as_str(), task.slot.as_str(), task.state),
            ("st_app", "1", TaskState::Rejected)
        );
        assert_eq!(task.error, "No such image: x:1");
    }

    #[test]
    fn an_unknown_task_state_is_garbled() {
        let line = r#"{"CurrentState":"Dreaming","DesiredState":"","Error":"","ID":"","Image":"","Name":"a.1"}"#;
        assert!(Task::try_from(serde_json::from_str::<TaskLine>(line).unwrap()).is_err());
    }

    #[test]
    fn a_service_is_read_as_docker_prints_it() {
        let text = r#"{"ID":"x","UpdatedAt":"2026-11-20T09:43:54Z","Version":{"Index":18},"Spec":{"Name":"st_app","Labels":{"a":"b"},
            "TaskTemplate":{"ContainerSpec":{"Image":"nginx:1"},"RestartPolicy":{"Condition":"none"}},
            "Mode":{"Replicated":{"Replicas":0}}},"UpdateStatus":{"State":"rollback_completed","Message":"rollback completed"}}"#;
        let service = Service::from(serde_json::from_str::<Inspected>(text).unwrap());
        assert_eq!((service.replicas, service.restarts), (Some(0), false));
        assert_eq!(service.update.unwrap().state, UpdateState::RolledBack);
    }
}
