//! Workflow commands for GitHub Actions: an annotation per stage that did not pass.

use super::clean::clean;
use crate::model::{
    outcome::{Outcome, StageResult},
    report::RunReport,
};

/// Returns the commands, a line each; only for a runner that reads them.
pub(crate) fn annotations(report: &RunReport) -> Vec<String> {
    let recipe = report
        .plan
        .as_ref()
        .map_or("unknown", |plan| plan.recipe.as_str());
    let bad = |stage: &&StageResult| stage.outcome.is_failure() || stage.outcome == Outcome::Broken;
    let stages = report.stages.iter().filter(bad).map(|stage| {
        let message = stage
            .trouble
            .as_ref()
            .map_or("", |trouble| trouble.message.as_str());
        let title = format!("{recipe} {}: {}", stage.stage, stage.outcome.word());
        error(&title, message)
    });
    let trouble = report
        .trouble
        .iter()
        .map(|trouble| error(recipe, &trouble.message));
    let left = report.teardown.iter().flat_map(|teardown| &teardown.left);
    let leaks = left.map(|left| {
        error(
            &format!("{recipe} teardown: leak"),
            &format!("{left} remains"),
        )
    });
    stages.chain(trouble).chain(leaks).collect()
}

/// Returns the command after which nothing is a command until the token is said.
///
/// What a recipe prints is untrusted, and a runner finds some commands even inside a line.
pub(crate) fn stop_commands(token: &str) -> String {
    format!("::stop-commands::{token}")
}

/// Returns the command that ends what [`stop_commands`] began.
pub(crate) fn resume_commands(token: &str) -> String {
    format!("::{token}::")
}

/// Returns one command.
fn error(title: &str, message: &str) -> String {
    format!(
        "::error title={}::{}",
        escape_property(title),
        escape(message)
    )
}

/// Escapes text so that it stays one line.
fn escape(text: &str) -> String {
    clean(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes text so that it stays one property.
fn escape_property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    #[test]
    fn each_failed_stage_and_each_leak_is_one_command() {
        insta::assert_snapshot!(annotations(&sample::report()).join("\n"), @r"
        ::error title=wordpress backup%3A fail::dump of `db` is empty
        ::error title=wordpress teardown%3A leak::volume `word-3fa91c_ci_example_org_db-data` remains
        ");
    }

    #[test]
    fn commands_stop_until_the_token_is_said() {
        assert_eq!(stop_commands("k7m2q"), "::stop-commands::k7m2q");
        assert_eq!(resume_commands("k7m2q"), "::k7m2q::");
    }

    #[test]
    fn no_byte_of_a_message_makes_a_second_command() {
        for byte in 0..=255u8 {
            let text = String::from_utf8_lossy(&[byte]).into_owned();
            let mut report = sample::report();
            let message = format!("a{text}\n::error::b%0A::c");
            report.stages[2].trouble.as_mut().unwrap().message = message;
            let lines = annotations(&report);
            assert_eq!(lines.len(), 2);
            assert!(
                lines.iter().all(|line| !line.contains(char::is_control)),
                "{lines:?}"
            );
            assert!(lines[0].ends_with(" ::error::b%250A::c"), "{lines:?}");
        }
    }
}
