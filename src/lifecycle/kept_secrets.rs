//! Learns the secrets of an app that was there before its run: an earlier one made them, and this one must not show them.

use std::time::Duration;

use super::session::Session;
use crate::{
    model::{
        event::{DiagnosticLevel, Fact},
        outcome::{Fault, Trouble},
        run::RunMode,
    },
    tool::docker::{client::Error, container::Container},
};

/// How long reading the secrets of one container may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Makes the secrets of an app that was taken over known to the redactor, as far as its containers can tell them.
///
/// Docker gives no secret back, so that its own containers are all that can be asked.
pub(super) fn learn(session: &Session<'_>) {
    match session.plan.mode {
        RunMode::Quick | RunMode::Reconcile => {}
        RunMode::Cold | RunMode::Promote => return,
    }
    let docker = &session.app.docker;
    let containers = docker.running_containers(session.app.stack.as_str());
    let mut unread = Vec::new();
    for container in containers.unwrap_or_default() {
        match read(session, &container) {
            Ok(values) => {
                for value in values {
                    drop(docker.host().redactor.register(&value));
                }
            }
            Err(_) => unread.extend(container.service().map(str::to_owned)),
        }
    }
    if unread.is_empty() {
        return;
    }
    let message = "the secrets of some services cannot be read, and so are not masked";
    let trouble = Trouble::new(Fault::None, "secrets-unknown", message);
    session.announcer.say(Fact::Diagnostic {
        level: DiagnosticLevel::Warning,
        trouble: trouble.because(unread.join(", ")),
    });
}

/// Reads the secrets that are mounted in a container.
fn read(session: &Session<'_>, container: &Container) -> Result<Vec<String>, Error> {
    let found = session.app.docker.read_secrets(&container.id, LIMIT)?;
    let text = String::from_utf8_lossy(&found).into_owned();
    let values = text.split('\0').filter(|value| !value.is_empty());
    Ok(values.map(str::to_owned).collect())
}
