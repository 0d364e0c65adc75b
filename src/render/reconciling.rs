//! What became of always-on apps: a line each, and below it what waits for a person.

use super::{
    block::causes,
    level::Weight,
    line::{Line, Tone},
    times,
};
use crate::model::{
    outcome::Trouble,
    reconciling::{Decision, End, Hold, Reconciled, Step},
};

/// The weight of all of it.
const WEIGHT: Weight = Weight::Info;
/// The weight of what a person has to see.
const NEWS: Weight = Weight::Vital;

/// Returns the lines of one app.
pub(crate) fn app_lines(reconciled: &Reconciled) -> Vec<Line> {
    let mut lines = end_lines(reconciled);
    if let Some(decision) = &reconciled.decision {
        lines.extend(waiting_lines(reconciled, decision));
    }
    let alerts = reconciled.alerts.iter();
    lines.extend(alerts.map(|file| Line::block(NEWS, ("alert", Tone::Info), file)));
    for warning in &reconciled.warnings {
        let text = format!("{}: {}", reconciled.domain, warning.message);
        lines.push(Line::message(NEWS, ("warning", Tone::Warn), text));
        lines.extend(causes(NEWS, warning));
    }
    lines
}

/// Returns the line that says that no app is configured.
pub(crate) fn nothing_line() -> Line {
    let text = "no always-on app is configured";
    Line::message(WEIGHT, ("note", Tone::Info), text)
}

/// Returns what came of the decision.
fn end_lines(reconciled: &Reconciled) -> Vec<Line> {
    let step = reconciled.decision.as_ref().map(|decision| &decision.step);
    let domain = &reconciled.domain;
    let time = format!("[{}]", times::padded(reconciled.duration_ms));
    match (&reconciled.end, step) {
        (End::Done | End::Planned, None | Some(Step::Nothing)) => {
            let text = format!("{}: nothing to do", place(reconciled));
            vec![Line::status(WEIGHT, ("OK", Tone::Good), text)]
        }
        (End::Done, Some(step)) => {
            let text = format!("{time} {domain}: {}", sentence(step, Tense::Past));
            vec![Line::status(WEIGHT, (word(step), Tone::Good), text)]
        }
        (End::Planned, Some(step)) => {
            let text = format!("{domain}: would {}", sentence(step, Tense::Future));
            vec![Line::status(WEIGHT, (word(step), Tone::Info), text)]
        }
        (End::RolledBack { trouble }, _) => {
            let text = format!("{time} {}: the upgrade was undone", place(reconciled));
            error_lines(("ROLLBACK", Tone::Odd), text, trouble)
        }
        (End::Failed { trouble }, _) => {
            let text = format!("{time} {}", place(reconciled));
            error_lines(("FAIL", Tone::Bad), text, trouble)
        }
    }
}

/// Returns a line with what went wrong below it.
fn error_lines(word: (&str, Tone), text: String, trouble: &Trouble) -> Vec<Line> {
    let error = Line::block(NEWS, ("error", Tone::Bad), &trouble.message);
    [Line::status(NEWS, word, text), error]
        .into_iter()
        .chain(causes(NEWS, trouble))
        .collect()
}

/// Returns the lines of what waits for a person.
fn waiting_lines(reconciled: &Reconciled, decision: &Decision) -> Vec<Line> {
    let domain = &reconciled.domain;
    let hold = decision.hold.iter().flat_map(|hold| {
        let weight = if hold.is_new { NEWS } else { WEIGHT };
        let text = format!("{domain}: {} waits: {}", releases(hold), hold.why);
        let remedy = format!(
            "do what it asks, then set `approve = \"{}\"` for this app",
            hold.version
        );
        [
            Line::status(weight, ("HOLD", Tone::Warn), text),
            Line::below(weight, remedy),
        ]
    });
    let back = decision.rolled_back.iter().map(|why| {
        let text = format!("{domain}: waits for a newer release: {why}");
        Line::status(WEIGHT, ("SKIP", Tone::Warn), text)
    });
    back.chain(hold).collect()
}

/// Returns which releases a hold keeps back.
fn releases(hold: &Hold) -> String {
    if hold.version == hold.wanted {
        format!("`{}`", hold.version)
    } else {
        format!("`{}` up to `{}`", hold.version, hold.wanted)
    }
}

/// Returns the app with the release that it runs.
fn place(reconciled: &Reconciled) -> String {
    match &reconciled.version {
        Some(version) => format!("{} at {version}", reconciled.domain),
        None => reconciled.domain.to_string(),
    }
}

/// When something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tense {
    /// It was.
    Past,
    /// It would be.
    Future,
}

/// Returns the status word of a step.
const fn word(step: &Step) -> &'static str {
    match step {
        Step::Nothing => "OK",
        Step::Deploy { .. } => "Deploy",
        Step::Redeploy { .. } => "Redeploy",
        Step::Upgrade { .. } => "Upgrade",
        Step::Recover(_) => "Recover",
    }
}

/// Returns a step in words, as they stand after "would" or by themselves.
fn sentence(step: &Step, tense: Tense) -> String {
    let verb = |future: &'static str, past: &'static str| match tense {
        Tense::Future => future,
        Tense::Past => past,
    };
    match step {
        Step::Nothing => verb("do nothing", "did nothing").to_owned(),
        Step::Deploy { version } => format!("{} {version}", verb("deploy", "deployed")),
        Step::Redeploy { version, why } => {
            format!("{} {version} again: {why}", verb("deploy", "deployed"))
        }
        Step::Upgrade { from, to, why_safe } => {
            format!("{} {from} to {to}: {why_safe}", verb("upgrade", "upgraded"))
        }
        Step::Recover(killed) => format!(
            "{} {} back: its upgrade to {} was interrupted",
            verb("bring", "brought"),
            killed.from,
            killed.to
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{always_on::Upgrading, outcome::Fault, recipe::RecipeVersion, reconciling::Safety},
        render::line::Look,
    };

    fn v(tag: &str) -> RecipeVersion {
        tag.parse().unwrap()
    }

    fn app(step: Option<Step>, end: End) -> Reconciled {
        Reconciled {
            domain: "warm-keycloak.ci.example.org".parse().unwrap(),
            recipe: "keycloak".parse().unwrap(),
            version: Some(v("1.4.0+26.0")),
            decision: step.map(|step| Decision {
                step,
                hold: None,
                rolled_back: None,
            }),
            end,
            duration_ms: 2000,
            alerts: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn painted(apps: &[Reconciled]) -> String {
        let lines = apps.iter().flat_map(app_lines);
        lines
            .map(|line| line.paint(&Look::default()) + "\n")
            .collect()
    }

    fn steps() -> Vec<Step> {
        let (from, to) = (v("1.4.0+26.0"), v("1.5.0+26.1"));
        vec![
            Step::Nothing,
            Step::Deploy {
                version: to.clone(),
            },
            Step::Redeploy {
                version: from.clone(),
                why: "its configuration changed".to_owned(),
            },
            Step::Upgrade {
                from: from.clone(),
                to: to.clone(),
                why_safe: Safety::Minor,
            },
            Step::Recover(Upgrading {
                from,
                to,
                snapshot: None,
                failed: None,
            }),
        ]
    }

    #[test]
    fn each_step_says_what_was_or_would_be_done() {
        let apps = |end: &End| {
            let steps = steps().into_iter();
            steps
                .map(|step| app(Some(step), end.clone()))
                .collect::<Vec<_>>()
        };
        insta::assert_snapshot!(painted(&apps(&End::Done)), @"
                  OK warm-keycloak.ci.example.org at 1.4.0+26.0: nothing to do
              Deploy [   2.0s] warm-keycloak.ci.example.org: deployed 1.5.0+26.1
            Redeploy [   2.0s] warm-keycloak.ci.example.org: deployed 1.4.0+26.0 again: its configuration changed
             Upgrade [   2.0s] warm-keycloak.ci.example.org: upgraded 1.4.0+26.0 to 1.5.0+26.1: no major release, and no notes that ask for work
             Recover [   2.0s] warm-keycloak.ci.example.org: brought 1.4.0+26.0 back: its upgrade to 1.5.0+26.1 was interrupted
        ");
        insta::assert_snapshot!(painted(&apps(&End::Planned)), @"
                  OK warm-keycloak.ci.example.org at 1.4.0+26.0: nothing to do
              Deploy warm-keycloak.ci.example.org: would deploy 1.5.0+26.1
            Redeploy warm-keycloak.ci.example.org: would deploy 1.4.0+26.0 again: its configuration changed
             Upgrade warm-keycloak.ci.example.org: would upgrade 1.4.0+26.0 to 1.5.0+26.1: no major release, and no notes that ask for work
             Recover warm-keycloak.ci.example.org: would bring 1.4.0+26.0 back: its upgrade to 1.5.0+26.1 was interrupted
        ");
    }

    #[test]
    fn what_waits_and_what_went_wrong_stand_below_with_the_remedy() {
        let mut held = app(Some(Step::Nothing), End::Done);
        let decision = held.decision.as_mut().unwrap();
        decision.hold = Some(Hold {
            version: v("2.0.0+27.0"),
            wanted: v("2.1.0+27.1"),
            why: "`2.0.0+27.0` is a major release".to_owned(),
            is_new: true,
        });
        decision.rolled_back = Some("`1.6.0+26.2` was rolled back: it never answered".to_owned());
        held.alerts = vec!["/var/lib/ccci/alerts/a.json".to_owned()];
        held.warnings = vec![
            Trouble::new(
                Fault::Config,
                "alert-command",
                "the command for alerts failed",
            )
            .because("exit code 3"),
        ];
        let trouble = Trouble::recipe("not-converged", "app `x` never became healthy")
            .because("task failed")
            .hint("look into its logs");
        let undone = End::RolledBack {
            trouble: trouble.clone(),
        };
        let apps = [
            held,
            app(Some(steps().remove(3)), undone),
            app(None, End::Failed { trouble }),
        ];
        insta::assert_snapshot!(painted(&apps), @r#"
                  OK warm-keycloak.ci.example.org at 1.4.0+26.0: nothing to do
                SKIP warm-keycloak.ci.example.org: waits for a newer release: `1.6.0+26.2` was rolled back: it never answered
                HOLD warm-keycloak.ci.example.org: `2.0.0+27.0` up to `2.1.0+27.1` waits: `2.0.0+27.0` is a major release
                     do what it asks, then set `approve = "2.0.0+27.0"` for this app
            alert: /var/lib/ccci/alerts/a.json
        warning: warm-keycloak.ci.example.org: the command for alerts failed
              caused by: exit code 3
            ROLLBACK [   2.0s] warm-keycloak.ci.example.org at 1.4.0+26.0: the upgrade was undone
            error: app `x` never became healthy
              caused by: task failed
            hint: look into its logs
                FAIL [   2.0s] warm-keycloak.ci.example.org at 1.4.0+26.0
            error: app `x` never became healthy
              caused by: task failed
            hint: look into its logs
        "#);
        let nothing = nothing_line().paint(&Look::default());
        assert_eq!(nothing, "note: no always-on app is configured");
    }
}
