//! Turns each event of a run into the lines that people read.

use std::collections::BTreeSet;

use super::{
    block, canonicals, dependencies,
    level::{Levels, Weight},
    line::{Line, Look, Tone, shown_path},
    results,
    running::{Running, StageNow, counted, introduces, revisions, services_text},
    times,
};
use crate::model::{
    display::StatusLevel,
    event::{DiagnosticLevel, Event, Fact, RunStarted},
    outcome::Trouble,
    plan::{GenericChecks, Plan},
    stage::Stage,
};

/// How a reader wants its lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// How lines are written.
    pub(crate) look: Look,
    /// Which lines are shown.
    pub(crate) levels: Levels,
    /// How many tries a check has at most: 1 and the retries.
    pub(crate) tries: u32,
    /// Whether several runs share the screen, so that every line has to name its recipe.
    pub(crate) many: bool,
}

/// Returns the lines of an event, given what was known of its run before.
pub(crate) fn lines(event: &Event, run: &Running, view: &View) -> Vec<Line> {
    let introduction = run.introduction.as_ref();
    let introduction = introduction.filter(|_| introduces(&event.fact));
    let head = introduction.map(|started| run_lines(event, started, view));
    let mut lines = head.unwrap_or_default();
    lines.extend(fact_lines(event, run, view));
    lines
}

/// Returns the lines of what an event says itself.
fn fact_lines(event: &Event, run: &Running, view: &View) -> Vec<Line> {
    let recipe = event.recipe.as_str();
    match &event.fact {
        Fact::Plan { recipes } => recipes.iter().flat_map(plan_lines).collect(),
        Fact::Waiting { what } => vec![waiting(recipe, what)],
        Fact::DependencyProgress { .. } | Fact::CanonicalProgress { .. } => Vec::new(),
        Fact::CanonicalSettled(settled) => canonicals::settled_lines(recipe, settled),
        Fact::DependencyReady { dependency } => dependencies::ready_lines(recipe, dependency),
        Fact::DependencyReleased { dependency } => dependencies::released_lines(recipe, dependency),
        Fact::StageStarted {
            stage,
            number,
            count,
        } => {
            let text = format!("({number}/{count}) {recipe} {stage}");
            vec![Line::status(Weight::Progress, ("START", Tone::Info), text)]
        }
        Fact::StageProgress { .. } => change(event, run, view).into_iter().collect(),
        Fact::StageSlow {
            stage,
            at_least_ms,
            doing,
        } => vec![slow(run, *stage, (*at_least_ms, doing))],
        Fact::AttemptFailed {
            stage,
            name,
            attempt,
            trouble,
        } => {
            let word = format!("TRY {attempt} FAIL");
            let text = format!("[{}] {recipe} {stage}: {name}: {trouble}", results::NO_TIME);
            vec![Line::status(
                Weight::Result(StatusLevel::Try),
                (&word, Tone::Odd),
                text,
            )]
        }
        Fact::CheckFinished { stage, check } => {
            results::check_line(recipe, *stage, check, view.tries)
                .into_iter()
                .collect()
        }
        Fact::StageFinished(finished) => results::stage_lines(finished, run, view),
        Fact::Diagnostic { level, trouble } => diagnostic(recipe, *level, trouble),
        Fact::CancelBegun { signal } => vec![cancelling(event, signal)],
        Fact::TeardownFinished(teardown) => block::teardown_lines(recipe, teardown),
        Fact::Kept(kept) => block::kept_lines(recipe, kept),
        // Why a run could not begin is said by whoever asked for it.
        Fact::RunFinished(_) if run.introduction.is_some() => Vec::new(),
        Fact::RunFinished(finished) => block::end(finished, run, view),
        Fact::RunStarted(_) | Fact::ResourceCreated { .. } | Fact::ResourceRemoved { .. } => {
            Vec::new()
        }
    }
}

/// Makes a line of information.
fn info(word: &str, text: String) -> Line {
    Line::status(Weight::Info, (word, Tone::Info), text)
}

/// Returns the line that says what is waited for.
fn waiting(recipe: &str, what: &str) -> Line {
    info("Waiting", format!("{recipe}: {what}"))
}

/// Returns the lines that say which run this is and where its logs are.
fn run_lines(event: &Event, started: &RunStarted, view: &View) -> Vec<Line> {
    let Event { run_id, recipe, .. } = event;
    let RunStarted {
        domain,
        deployer,
        ingress,
        log_dir,
        ..
    } = started;
    let text = format!("{run_id} {recipe}: {domain}, {deployer}, ingress {ingress}");
    vec![
        info("Run", text),
        info("Logs", shown_path(log_dir, &view.look)),
    ]
}

/// Returns what will be tested, and what of it will not run although it might be expected.
fn plan_lines(plan: &Plan) -> Vec<Line> {
    let skipped = plan.stages.iter().filter(|s| s.skip.is_some()).count();
    let stages = counted(plan.stages.len() - skipped, "stage");
    let skips = match skipped {
        0 => String::new(),
        count => format!(", {count} skipped"),
    };
    let text = format!("{} {}: {stages}{skips}", plan.recipe, revisions(plan));
    let left_out = plan
        .stages
        .iter()
        .filter(|planned| planned.generic == GenericChecks::LeftOut && planned.skip.is_none())
        .map(|planned| {
            let stage = planned.stage;
            match &planned.left_out_by {
                Some(by) => format!("{by} leaves out generic checks of stage `{stage}`"),
                None => format!("generic checks of stage `{stage}` are left out"),
            }
        });
    let refused = plan.overlays.iter().filter_map(|overlay| {
        let reason = overlay.refused.as_ref()?;
        Some(format!("`{}` will not run: {reason}", overlay.path))
    });
    let warnings = left_out
        .chain(refused)
        .chain(deselected(plan))
        .map(|text| warning(plan.recipe.as_str(), &text));
    std::iter::once(info("Starting", text))
        .chain(warnings)
        .collect()
}

/// Says what `--test` leaves out.
fn deselected(plan: &Plan) -> Option<String> {
    let of = |stage: &Stage| plan.not_selected(*stage);
    let first = Stage::ALL.into_iter().find(|stage| !of(stage).is_empty())?;
    let all: BTreeSet<_> = Stage::ALL.iter().flat_map(of).collect();
    let tests = counted(all.len(), "test");
    Some(format!(
        "`--test` leaves out {tests}; the level ends below stage `{first}`"
    ))
}

/// Makes a warning.
pub(crate) fn warning(recipe: &str, text: &str) -> Line {
    let text = format!("{recipe}: {text}");
    Line::message(Weight::Info, ("warning", Tone::Warn), text)
}

/// Returns the line of a change during a stage, or nothing when it is no news.
fn change(event: &Event, run: &Running, view: &View) -> Option<Line> {
    let Fact::StageProgress {
        doing, services, ..
    } = &event.fact
    else {
        return None;
    };
    let doing_before = run.stage.as_ref().map_or("", |stage| stage.doing.as_str());
    let text = if services_text(services, ", ") != services_text(&run.services, ", ") {
        services_text(services, ", ")
    } else if without_digits(doing) != without_digits(doing_before) {
        doing.clone()
    } else {
        String::new()
    };
    let prefix = of_recipe(&event.recipe, view);
    (!text.is_empty()).then(|| Line::below(Weight::Progress, format!("{prefix}{text}")))
}

/// Returns a text without its digits, so that a count that goes up is no change.
fn without_digits(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Returns the recipe's name before a line that would not need it in a run alone.
fn of_recipe(recipe: &str, view: &View) -> String {
    if view.many {
        format!("{recipe}: ")
    } else {
        String::new()
    }
}

/// Returns the line that says that a run is alive, after a while without one.
pub(crate) fn heartbeat(run: &Running, at: std::time::Duration, view: &View) -> Line {
    let since = |then: std::time::Duration| {
        times::short(crate::model::outcome::millis(at.saturating_sub(then)))
    };
    let prefix = of_recipe(&run.recipe, view);
    let Some(stage) = &run.stage else {
        let (what, then) = run.between.clone().unwrap_or_default();
        return Line::below(Weight::Progress, format!("{prefix}{}: {what}", since(then)));
    };
    let doing = [services_text(&run.services, ", "), stage.doing.clone()];
    let doing = doing.into_iter().find(|text| !text.is_empty());
    let doing = doing.unwrap_or_else(|| stage.stage.to_string());
    let left = stage
        .left_ms(at)
        .map(|ms| format!("; timeout in {}", times::short(ms)));
    let text = format!(
        "{prefix}{}: {doing}{}",
        since(stage.since),
        left.unwrap_or_default()
    );
    Line::below(Weight::Progress, text)
}

/// Returns the line of a stage over its warning time.
fn slow(run: &Running, stage: Stage, (at_least_ms, doing): (u64, &str)) -> Line {
    let place = run.stage.as_ref().map(place).unwrap_or_default();
    let doing = if doing.is_empty() {
        String::new()
    } else {
        format!(": {doing}")
    };
    let time = times::at_least(at_least_ms);
    let text = format!("[{time}] {place}{} {stage}{doing}", run.recipe);
    Line::status(Weight::Vital, ("SLOW", Tone::Warn), text)
}

/// Returns a stage's place, as `(2/5) `.
fn place(stage: &StageNow) -> String {
    format!("({}/{}) ", stage.number, stage.count)
}

/// Returns the lines of something that belongs to no stage.
pub(crate) fn diagnostic(recipe: &str, level: DiagnosticLevel, trouble: &Trouble) -> Vec<Line> {
    let (weight, word) = match level {
        DiagnosticLevel::Note => (Weight::Info, ("note", Tone::Info)),
        DiagnosticLevel::Warning => (Weight::Info, ("warning", Tone::Warn)),
        DiagnosticLevel::Error => (Weight::Vital, ("error", Tone::Bad)),
    };
    let text = format!("{recipe}: {}", trouble.message);
    let mut lines = vec![Line::message(weight, word, text)];
    lines.extend(block::causes(weight, trouble));
    lines
}

/// Returns the line that answers a signal.
fn cancelling(event: &Event, signal: &str) -> Line {
    let again = if signal == "interrupt" {
        "Ctrl-C again"
    } else {
        "a second signal"
    };
    let text = format!(
        "[{}] {}: {signal}: tearing down; {again} abandons it",
        times::clock(event.elapsed_ms),
        event.recipe
    );
    Line::status(Weight::Vital, ("Cancelling", Tone::Info), text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        model::{
            display::{FinalStatusLevel, OutputWhen},
            event::DiagnosticLevel,
            outcome::{Outcome, Verdict},
            resource::{Resource, ResourceKind},
        },
        render::{level::Verbosity, sample},
    };

    /// Returns a look with the home directory of the sample.
    fn view() -> View {
        let look = Look {
            unicode: true,
            home: Some("/home/ada".into()),
            ..Look::default()
        };
        View {
            look,
            tries: 3,
            ..View::default()
        }
    }

    /// Returns what a sequence of events shows, as plain text.
    fn shown(events: &[Event], view: &View) -> String {
        let mut run = Running::new(&events[0], Duration::ZERO);
        let mut text = Vec::new();
        for event in events {
            let lines = lines(event, &run, view);
            let lines = lines.iter().filter(|line| view.levels.show(line.weight));
            text.extend(lines.map(|line| line.paint(&view.look)));
            run.note(event, Duration::ZERO);
        }
        text.join("\n")
    }

    /// Returns what one fact of the sample run shows.
    fn alone(fact: Fact) -> String {
        shown(&[sample::event(fact)], &view())
    }

    #[test]
    fn a_whole_run_that_fails() {
        insta::assert_snapshot!(shown(&sample::run(), &view()), @r"
                 Run 92222 wordpress: word-3fa91c.ci.example.org, docker 28.2.2, ingress proxy
                Logs ~/.local/state/ccci/runs/92222
            Starting wordpress 2.14.0+6.8.1 (8888888) from 2.13.1+6.8.0: 4 stages, 1 skipped
        warning: wordpress: `skip-generic` leaves out generic checks of stage `upgrade`
        warning: wordpress: `tests/custom.sh` will not run: the pull request is not approved
             Waiting wordpress: image wordpress:6.8.1
               START (1/5) wordpress install
                     app 0/1 preparing, db 0/1 preparing
                     app 0/1 starting, db 1/1 starting
                     GET / 502, try 1
                PASS [ 1m 49s] (1/5) wordpress install
               START (2/5) wordpress upgrade
                SLOW [> 3m 0s] (2/5) wordpress upgrade: app 0/1 starting
                PASS [ 1m 49s] (2/5) wordpress upgrade
        warning: wordpress: config `conf` changed, its version did not
            hint: raise `CONF_VERSION`
               START (3/5) wordpress backup
                FAIL [ 1m 49s] (3/5) wordpress backup: dump of `db` is empty
            ── 03-backup/abra.log, last 2 of 58 lines ──
            | mariadb-dump: Got error: 1045: Access denied
            |     PASS [ 1m 49s] (5/5) wordpress custom
            error: dump of `db` is empty
              caused by: `backup.sql` in volume `db-data` is 0 bytes
              caused by: pre-hook of service `db` exited 1
            hint: keep secret `db_root_password` at the version the base has
            log: ~/.local/state/ccci/runs/92222/03-backup
            reproduce: ccci test wordpress --ref 8f3c1d2 --keep failed
                SKIP [       ] (4/5) wordpress restore: backup failed
               START (5/5) wordpress custom
          TRY 1 FAIL [       ] wordpress custom: test_custom_login.py: dump of `db` is empty
           FLAKY 2/3 [    14s] wordpress custom: test_custom_login.py
               FLAKY [ 1m 49s] (5/5) wordpress custom: 1 test, 1 check
            Teardown [    22s] wordpress: removed 1 network, 4 secrets, 2 services
        ────────────
             Summary [ 9m 58s] wordpress, 5 stages: 3 passed (1 flaky), 1 failed, 1 skipped; level 2 of 5
           FLAKY 2/3 [    14s] wordpress custom: test_custom_login.py
                FAIL [ 1m 49s] wordpress backup: dump of `db` is empty
              Report /home/ada/.local/state/ccci/runs/92222/report.json
        error: recipe `wordpress` failed at stage `backup`
            hint: run `ccci explain 92222`
        ");
    }

    #[test]
    fn a_run_that_passes_ends_with_the_path_of_its_report() {
        let install = sample::ended(Stage::Install, Outcome::Pass, vec![]);
        let results = [install.result.clone()];
        let facts = [
            Fact::StageFinished(install),
            Fact::RunFinished(sample::finished(&results, Verdict::Pass)),
        ];
        let text = shown(&facts.map(sample::event), &view());
        insta::assert_snapshot!(text, @r"
                PASS [ 1m 49s] (1/5) wordpress install
        ────────────
             Summary [ 9m 58s] wordpress, 1 stage: 1 passed; level 1 of 5
              Report /home/ada/.local/state/ccci/runs/92222/report.json
        ");
        assert!(
            text.ends_with("\n      Report /home/ada/.local/state/ccci/runs/92222/report.json")
        );
    }

    #[test]
    fn a_run_of_some_tests_says_so_at_its_begin_and_at_its_end() {
        let mut plan = sample::plan();
        plan.checks[0].deselected = true;
        let mut upgrade = sample::ended(Stage::Upgrade, Outcome::Pass, vec![]);
        upgrade.result.not_selected = plan.not_selected(Stage::Upgrade);
        let results = [upgrade.result.clone()];
        let facts = [
            Fact::Plan {
                recipes: vec![plan],
            },
            Fact::StageFinished(upgrade),
            Fact::RunFinished(sample::finished(&results, Verdict::Pass)),
        ];
        insta::assert_snapshot!(shown(&facts.map(sample::event), &view()), @r"
            Starting wordpress 2.14.0+6.8.1 (8888888) from 2.13.1+6.8.0: 4 stages, 1 skipped
        warning: wordpress: `skip-generic` leaves out generic checks of stage `upgrade`
        warning: wordpress: `tests/custom.sh` will not run: the pull request is not approved
        warning: wordpress: `--test` leaves out 1 test; the level ends below stage `install`
                PASS [ 1m 49s] (2/5) wordpress upgrade: 1 not selected
        ────────────
             Summary [ 9m 58s] wordpress, 1 stage: 1 passed; level 0 of 5; 1 test not selected
              Report /home/ada/.local/state/ccci/runs/92222/report.json
        ");
    }

    #[test]
    fn a_run_that_cannot_begin_shows_what_it_waited_for_alone() {
        let what = "lock of a-12.example.org".to_owned();
        let facts = [
            sample::started(),
            Fact::Waiting { what },
            Fact::RunFinished(sample::finished(&[], Verdict::Broken)),
        ];
        let text = shown(&facts.map(sample::event), &view());
        assert_eq!(text, "     Waiting wordpress: lock of a-12.example.org");
    }

    #[test]
    fn a_run_alone_on_the_screen_names_its_recipe_in_all_but_changes() {
        let many = View {
            many: true,
            ..view()
        };
        let services = vec![sample::service(
            "app",
            0,
            "preparing",
            Some("no such image"),
        )];
        let events = [
            sample::begun(Stage::Install),
            sample::progress(Stage::Install, "", services),
        ];
        insta::assert_snapshot!(shown(&events.map(sample::event), &many), @r"
        START (1/5) wordpress install
              wordpress: app 0/1 preparing (no such image)
        ");
    }

    #[test]
    fn diagnostics_carry_causes_and_hint() {
        let levels = [
            DiagnosticLevel::Note,
            DiagnosticLevel::Warning,
            DiagnosticLevel::Error,
        ];
        let text = levels
            .map(|level| alone(sample::diagnostic(level)))
            .join("\n");
        insta::assert_snapshot!(text, @r"
        note: wordpress: registry rate limit (429)
              caused by: too many pulls
            hint: log in to the registry
        warning: wordpress: registry rate limit (429)
              caused by: too many pulls
            hint: log in to the registry
        error: wordpress: registry rate limit (429)
              caused by: too many pulls
            hint: log in to the registry
        ");
    }

    #[test]
    fn a_leak_is_named_and_ends_the_run_with_an_error() {
        let mut teardown = sample::teardown(&["word-3fa91c_ci_example_org_db-data"]);
        teardown
            .vanished
            .push(Resource::new(ResourceKind::Network, "proxy"));
        teardown.errors.push("failed to remove volume `x`".into());
        let mut finished = sample::finished(&[], Verdict::Leak);
        finished.leaked = 1;
        let facts = [
            Fact::TeardownFinished(teardown),
            Fact::RunFinished(finished),
        ];
        insta::assert_snapshot!(shown(&facts.map(sample::event), &view()), @r"
            Teardown [    22s] wordpress: removed 1 network, 4 secrets, 2 services
                LEAK [    22s] wordpress: volume `word-3fa91c_ci_example_org_db-data` remains
        warning: wordpress: network `proxy` was not ours and is gone
        warning: wordpress: teardown: failed to remove volume `x`
        ────────────
             Summary [ 9m 58s] wordpress, 0 stages: 1 left behind; level 0 of 5
              Report /home/ada/.local/state/ccci/runs/92222/report.json
        error: recipe `wordpress` passed, but left 1 object behind
            hint: run `ccci teardown 92222`
        ");
    }

    #[test]
    fn a_kept_app_says_how_to_get_in_and_how_to_get_rid_of_it() {
        insta::assert_snapshot!(alone(Fact::Kept(sample::kept())), @r"
        Kept wordpress: https://word-3fa91c.ci.example.org until 16:05 UTC
             shell:  CCCI_RUN_ID=92222 ccci exec app -- sh
             remove: ccci teardown 92222
        ");
    }

    #[test]
    fn a_signal_is_answered_and_shows_no_evidence() {
        let finished = sample::ended(Stage::Backup, Outcome::Broken, vec![]);
        let facts = [
            Fact::CancelBegun {
                signal: "interrupt".into(),
            },
            Fact::StageFinished(finished),
            Fact::RunFinished(sample::finished(&[], Verdict::Cancelled)),
        ];
        insta::assert_snapshot!(shown(&facts.map(sample::event), &view()), @r"
          Cancelling [00:05:12] wordpress: interrupt: tearing down; Ctrl-C again abandons it
              BROKEN [ 1m 49s] (3/5) wordpress backup: dump of `db` is empty
        ────────────
             Summary [ 9m 58s] wordpress, 0 stages; level 0 of 5
              BROKEN [ 1m 49s] wordpress backup: dump of `db` is empty
              Report /home/ada/.local/state/ccci/runs/92222/report.json
        error: the run of recipe `wordpress` was cancelled
        ");
        let other = alone(Fact::CancelBegun {
            signal: "termination".into(),
        });
        assert!(other.ends_with("a second signal abandons it"), "{other}");
    }

    #[test]
    fn a_run_without_a_verdict_says_why() {
        let facts = [
            sample::diagnostic(DiagnosticLevel::Error),
            Fact::RunFinished(sample::finished(&[], Verdict::Broken)),
        ];
        insta::assert_snapshot!(shown(&facts.map(sample::event), &view()), @r"
        error: wordpress: registry rate limit (429)
              caused by: too many pulls
            hint: log in to the registry
        ────────────
             Summary [ 9m 58s] wordpress, 0 stages; level 0 of 5
              Report /home/ada/.local/state/ccci/runs/92222/report.json
        error: no verdict on recipe `wordpress`: registry rate limit (429)
            hint: run `ccci explain 92222`
        ");
    }

    #[test]
    fn evidence_moves_to_the_end_on_request() {
        let mut view = view();
        view.levels.failure_output = OutputWhen::Final;
        view.levels.success_output = OutputWhen::Immediate;
        view.levels.final_status = FinalStatusLevel::All;
        let ends =
            |event: &Event| matches!(event.fact, Fact::StageFinished(_) | Fact::RunFinished(_));
        let events: Vec<_> = sample::run().into_iter().filter(ends).collect();
        insta::assert_snapshot!(shown(&events, &view), @r"
                PASS [ 1m 49s] (1/5) wordpress install
            pass: converged: as it should be
            log: /01-install
                PASS [ 1m 49s] (2/5) wordpress upgrade
            log: /02-upgrade
                FAIL [ 1m 49s] (3/5) wordpress backup: dump of `db` is empty
                SKIP [       ] (4/5) wordpress restore: backup failed
               FLAKY [ 1m 49s] (5/5) wordpress custom: 1 test, 1 check
            flaky: test_custom_login.py: as it should be
            pass: http-home: as it should be
            log: /05-custom
        ────────────
                FAIL [ 1m 49s] wordpress backup: dump of `db` is empty
            ── 03-backup/abra.log, last 2 of 58 lines ──
            | mariadb-dump: Got error: 1045: Access denied
            |     PASS [ 1m 49s] (5/5) wordpress custom
            error: dump of `db` is empty
              caused by: `backup.sql` in volume `db-data` is 0 bytes
              caused by: pre-hook of service `db` exited 1
            hint: keep secret `db_root_password` at the version the base has
            log: /03-backup
            reproduce: ccci test wordpress --ref 8f3c1d2 --keep failed
             Summary [ 9m 58s] wordpress, 5 stages: 3 passed (1 flaky), 1 failed, 1 skipped; level 2 of 5
                SKIP [       ] wordpress restore: backup failed
                PASS [ 1m 49s] wordpress install
                PASS [ 1m 49s] wordpress upgrade
               FLAKY [ 1m 49s] wordpress custom: 1 test, 1 check
                FAIL [ 1m 49s] wordpress backup: dump of `db` is empty
              Report /home/ada/.local/state/ccci/runs/92222/report.json
        error: recipe `wordpress` failed at stage `backup`
            hint: run `ccci explain 92222`
        ");
    }

    #[test]
    fn a_quiet_run_shows_failures_and_the_summary() {
        let mut view = view();
        view.levels.verbosity = Verbosity::Quiet;
        insta::assert_snapshot!(shown(&sample::run(), &view), @r"
                SLOW [> 3m 0s] (2/5) wordpress upgrade: app 0/1 starting
                FAIL [ 1m 49s] (3/5) wordpress backup: dump of `db` is empty
            ── 03-backup/abra.log, last 2 of 58 lines ──
            | mariadb-dump: Got error: 1045: Access denied
            |     PASS [ 1m 49s] (5/5) wordpress custom
            error: dump of `db` is empty
              caused by: `backup.sql` in volume `db-data` is 0 bytes
              caused by: pre-hook of service `db` exited 1
            hint: keep secret `db_root_password` at the version the base has
            log: ~/.local/state/ccci/runs/92222/03-backup
            reproduce: ccci test wordpress --ref 8f3c1d2 --keep failed
        ────────────
             Summary [ 9m 58s] wordpress, 5 stages: 3 passed (1 flaky), 1 failed, 1 skipped; level 2 of 5
           FLAKY 2/3 [    14s] wordpress custom: test_custom_login.py
                FAIL [ 1m 49s] wordpress backup: dump of `db` is empty
              Report /home/ada/.local/state/ccci/runs/92222/report.json
        error: recipe `wordpress` failed at stage `backup`
            hint: run `ccci explain 92222`
        ");
        view.levels.verbosity = Verbosity::Silent;
        assert_eq!(shown(&sample::run(), &view), "");
    }

    #[test]
    fn a_heartbeat_says_what_goes_on_and_when_it_ends() {
        let services = vec![sample::service("app", 0, "starting", None)];
        let events = [
            sample::started(),
            sample::begun(Stage::Install),
            sample::progress(Stage::Install, "x", services),
        ]
        .map(sample::event);
        let mut run = Running::new(&events[0], Duration::ZERO);
        let mut beats = Vec::new();
        for event in &events {
            run.note(event, Duration::ZERO);
            beats.push(heartbeat(&run, Duration::from_secs(30), &view()).paint(&Look::default()));
        }
        insta::assert_snapshot!(beats.join("\n"), @r"
        30s: starting
        30s: install
        30s: app 0/1 starting; timeout in 1m 9s
        ");
    }

    #[test]
    fn no_byte_of_a_message_adds_a_line_or_a_sequence() {
        let usual = shown(&sample::run(), &view()).lines().count();
        for byte in 0..=255u8 {
            let text = format!("a{}b", String::from_utf8_lossy(&[byte]));
            let mut events = sample::run();
            for event in &mut events {
                let Fact::StageFinished(finished) = &mut event.fact else {
                    continue;
                };
                if let Some(trouble) = &mut finished.result.trouble {
                    trouble.message.clone_from(&text);
                    trouble.causes[0].clone_from(&text);
                    trouble.excerpt.as_mut().unwrap().lines[0].clone_from(&text);
                }
            }
            let text = shown(&events, &view());
            assert_eq!(text.lines().count(), usual, "byte {byte}");
            assert!(
                !text.contains(|c: char| c.is_control() && c != '\n'),
                "byte {byte}"
            );
        }
    }
}
