//! What a run stands on: whether engine and node were there all the time, without which no failure is the recipe's.

use super::{classify, session::Session};
use crate::{
    model::outcome::{CheckKind, CheckResult, Fault, Trouble},
    tool::docker::client::Error,
};

/// Takes the blame for a check from the recipe when engine or node went away under it; asks docker only then.
pub(super) fn excuse(session: &Session<'_>, check: &mut CheckResult) {
    let is_blamed = |trouble: &mut Trouble| trouble.fault == Fault::Recipe;
    // What lint found is in the recipe's text, whatever happens to the engine.
    if check.kind == CheckKind::Lint || !check.trouble.as_mut().is_some_and(is_blamed) {
        return;
    }
    // The recipe keeps the blame, and what it is blamed for, where nothing excuses it.
    let Some(excuse) = find_excuse(session) else {
        return;
    };
    let Some(blamed) = check.trouble.take() else {
        return;
    };
    let causes = std::iter::once(blamed.message).chain(blamed.causes);
    let mut excuse = causes.fold(excuse, Trouble::because);
    excuse.excerpt = blamed.excerpt;
    check.outcome = excuse.outcome();
    check.trouble = Some(excuse);
}

/// Finds out whether the ground has moved: the watch of the engine ends before the run only when the engine does.
fn find_excuse(session: &Session<'_>) -> Option<Trouble> {
    if session.events.has_ended() {
        return Some(Trouble::broken(
            "daemon-gone",
            "the docker daemon went away during the run",
        ));
    }
    // The time of the stage may be over, which would end this call too.
    let docker = session.app.docker.with_host(&session.ctx.host);
    match docker.availability() {
        // A manager that never ran tasks may well stay so.
        Ok(availability) if availability == session.availability => None,
        Ok(availability) => {
            let message = format!("this node was set to `{availability}` during the run");
            let hint = "run `docker node update --availability active` for this node";
            Some(Trouble::broken("node-unavailable", message).hint(hint))
        }
        Err(Error::Interrupted) => None,
        Err(error) => Some(classify::docker_error(&error)),
    }
}
