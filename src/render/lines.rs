//! Turns each event of a run into the lines that people read.

use crate::model::{
    event::{DiagnosticLevel, Event, Fact, Kept, RunStarted, StageFinished, TeardownFinished},
    outcome::{CheckKind, CheckResult, Outcome, SkipReason, Trouble},
    plan::{GenericChecks, Plan},
    stage::Stage,
};

use super::{
    block,
    level::{Levels, StatusLevel, Weight},
    line::{Line, Look, Tone, shown_path},
    running::{Running, StageNow, counted, revisions, services_text},
    times,
};

/// The time of what has none.
pub(crate) const NO_TIME: &str = "       ";

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
    let recipe = event.recipe.as_str();
    match &event.fact {
        Fact::RunStarted(started) => run_lines(event, started, view),
        Fact::Plan { recipes } => recipes.iter().flat_map(plan_lines).collect(),
        Fact::Waiting { what } => vec![waiting(recipe, what)],
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
            let text = format!("[{NO_TIME}] {recipe} {stage}: {name}: {trouble}");
            vec![Line::status(
                Weight::Result(StatusLevel::Try),
                (&word, Tone::Odd),
                text,
            )]
        }
        Fact::CheckFinished { stage, check } => check_line(recipe, *stage, check, view.tries)
            .into_iter()
            .collect(),
        Fact::StageFinished(finished) => stage_lines(finished, run, view),
        Fact::Diagnostic { level, trouble } => diagnostic(recipe, *level, trouble),
        Fact::CancelBegun { signal } => vec![cancelling(event, signal)],
        Fact::TeardownFinished(teardown) => teardown_lines(recipe, teardown),
        Fact::Kept(kept) => kept_lines(recipe, kept),
        Fact::RunFinished(finished) => block::end(finished, run, view),
        Fact::ResourceCreated { .. } | Fact::ResourceRemoved { .. } => Vec::new(),
    }
}

/// Makes a line of information.
fn info(word: &str, text: String) -> Line {
    Line::status(Weight::Info, (word, Tone::Info), text)
}

/// Returns the line that says what is waited for.
pub(crate) fn waiting(recipe: &str, what: &str) -> Line {
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
        .map(|planned| format!("generic checks of stage `{}` are left out", planned.stage));
    let refused = plan.overlays.iter().filter_map(|overlay| {
        let reason = overlay.refused.as_ref()?;
        Some(format!("`{}` will not run: {reason}", overlay.path))
    });
    let warnings = left_out
        .chain(refused)
        .map(|text| warning(plan.recipe.as_str(), &text));
    std::iter::once(info("Starting", text))
        .chain(warnings)
        .collect()
}

/// Makes a warning.
fn warning(recipe: &str, text: &str) -> Line {
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

/// Returns the word and the colour of an outcome.
pub(crate) const fn outcome_word(outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Pass => ("PASS", Tone::Good),
        Outcome::Flaky => ("FLAKY", Tone::Odd),
        Outcome::Fail => ("FAIL", Tone::Bad),
        Outcome::Timeout => ("TIMEOUT", Tone::Bad),
        Outcome::Skip => ("SKIP", Tone::Warn),
        Outcome::Broken => ("BROKEN", Tone::Odd),
    }
}

/// Returns the line of a check that is worth one of its own.
///
/// A generic check that fails is what its stage's line tells; a test or a declared check is named besides.
fn check_line(recipe: &str, stage: Stage, check: &CheckResult, tries: u32) -> Option<Line> {
    let level = match (check.kind, check.outcome) {
        (_, Outcome::Flaky) => StatusLevel::Try,
        (
            CheckKind::Generic | CheckKind::Hook,
            Outcome::Fail | Outcome::Timeout | Outcome::Broken,
        ) => return None,
        (CheckKind::Lint, Outcome::Pass | Outcome::Skip | Outcome::Broken) => return None,
        (_, Outcome::Fail | Outcome::Timeout | Outcome::Broken) => StatusLevel::Fail,
        (_, Outcome::Skip) => StatusLevel::Skip,
        (_, Outcome::Pass) => StatusLevel::All,
    };
    Some(named_check(
        Weight::Result(level),
        recipe,
        stage,
        (check, tries),
    ))
}

/// Returns the line of a check.
pub(crate) fn named_check(
    weight: Weight,
    recipe: &str,
    stage: Stage,
    (check, tries): (&CheckResult, u32),
) -> Line {
    let (word, tone) = outcome_word(check.outcome);
    let word = match check.outcome {
        Outcome::Flaky => format!("{word} {}/{}", check.attempts, tries.max(check.attempts)),
        _ => word.to_owned(),
    };
    let trouble = check
        .trouble
        .as_ref()
        .map(|trouble| trouble.message.as_str());
    let detail = match (check.outcome, trouble.or(check.note.as_deref())) {
        (Outcome::Flaky, _) | (_, None) => String::new(),
        (_, Some(detail)) => format!(": {detail}"),
    };
    let time = times::padded(check.duration_ms);
    let text = format!("[{time}] {recipe} {stage}: {}{detail}", check.name);
    Line::status(weight, (&word, tone), text)
}

/// Returns the lines of a stage that ended: its result, its evidence, its lint findings.
fn stage_lines(finished: &StageFinished, run: &Running, view: &View) -> Vec<Line> {
    let place = format!("({}/{}) ", finished.number, finished.count);
    let weight = stage_weight(finished.result.outcome);
    let mut lines = vec![stage_line(weight, &place, (finished, &run.recipe))];
    if block::is_wanted(finished, view, super::level::OutputWhen::is_immediate) && !run.cancelled {
        lines.extend(block::evidence(weight, finished, run, view));
    }
    let findings = run.lint.iter();
    lines.extend(
        findings.flat_map(|found| diagnostic(&run.recipe, DiagnosticLevel::Warning, found)),
    );
    lines
}

/// Returns the level at which the line of a stage is shown.
const fn stage_weight(outcome: Outcome) -> Weight {
    match outcome {
        Outcome::Pass | Outcome::Flaky | Outcome::Skip => Weight::Result(StatusLevel::Pass),
        Outcome::Fail | Outcome::Broken => Weight::Result(StatusLevel::Fail),
        Outcome::Timeout => Weight::Vital,
    }
}

/// Returns the line of a stage, with its place or without.
pub(crate) fn stage_line(
    weight: Weight,
    place: &str,
    (finished, recipe): (&StageFinished, &str),
) -> Line {
    let result = &finished.result;
    let time = match result.outcome {
        Outcome::Skip => NO_TIME.to_owned(),
        _ => times::padded(result.duration_ms),
    };
    let detail = stage_detail(finished);
    let detail = detail
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    let text = format!("[{time}] {place}{recipe} {}{detail}", result.stage);
    Line::status(weight, outcome_word(result.outcome), text)
}

/// Returns what there is to say of a stage in a few words.
fn stage_detail(finished: &StageFinished) -> Option<String> {
    let result = &finished.result;
    if let Some(reason) = &result.skip {
        return Some(skip_text(reason));
    }
    if let Some(trouble) = &result.trouble {
        return Some(trouble.message.clone());
    }
    let count = |kind| result.checks.iter().filter(|c| c.kind == kind).count();
    let kinds = [(CheckKind::Test, "test"), (CheckKind::Declared, "check")];
    let counts = kinds.map(|(kind, noun)| (count(kind), noun));
    let shown: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| counted(*count, noun))
        .collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// Returns why something was skipped.
pub(crate) fn skip_text(reason: &SkipReason) -> String {
    match reason {
        SkipReason::Declared(text) => format!("declared: {text}"),
        SkipReason::NotApplicable(text) => format!("not applicable: {text}"),
        SkipReason::Earlier(text) | SkipReason::Undeclared(text) => text.clone(),
    }
}

/// Returns the lines of something that belongs to no stage.
fn diagnostic(recipe: &str, level: DiagnosticLevel, trouble: &Trouble) -> Vec<Line> {
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

/// Returns the lines of a teardown: what went, what is left, what is gone that should not be.
fn teardown_lines(recipe: &str, teardown: &TeardownFinished) -> Vec<Line> {
    let time = times::padded(teardown.duration_ms);
    let removed: Vec<_> = teardown
        .removed
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(kind, count)| counted(*count, kind))
        .collect();
    let removed = if removed.is_empty() {
        "nothing to remove".to_owned()
    } else {
        format!("removed {}", removed.join(", "))
    };
    let mut lines = vec![info("Teardown", format!("[{time}] {recipe}: {removed}"))];
    lines.extend(leak_lines(
        Weight::Result(StatusLevel::Leak),
        recipe,
        teardown,
    ));
    let vanished = teardown.vanished.iter();
    let vanished = vanished.map(|gone| format!("{gone} was not ours and is gone"));
    let errors = teardown
        .errors
        .iter()
        .map(|error| format!("teardown: {error}"));
    lines.extend(vanished.chain(errors).map(|text| warning(recipe, &text)));
    lines
}

/// Returns a line for each object left behind.
pub(crate) fn leak_lines(weight: Weight, recipe: &str, teardown: &TeardownFinished) -> Vec<Line> {
    let time = times::padded(teardown.duration_ms);
    let left = teardown.left.iter();
    let line = |left| {
        let text = format!("[{time}] {recipe}: {left} remains");
        Line::status(weight, ("LEAK", Tone::Warn), text)
    };
    left.map(line).collect()
}

/// Returns how to get at a kept app and how to get rid of it.
fn kept_lines(recipe: &str, kept: &Kept) -> Vec<Line> {
    let until = kept.until.strftime("%H:%M UTC");
    let text = format!("{recipe}: {} until {until}", kept.url);
    vec![
        Line::status(Weight::Vital, ("Kept", Tone::Info), text),
        Line::below(Weight::Vital, format!("shell:  {}", kept.shell)),
        Line::below(Weight::Vital, format!("remove: {}", kept.remove)),
    ]
}
