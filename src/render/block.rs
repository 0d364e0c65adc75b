//! The blocks of several lines: the evidence of a stage, and how a run ended.

use super::{
    canonicals,
    level::Weight,
    line::{Line, Tone, shown_path},
    lines::{View, warning},
    results::{named_check, stage_line},
    running::{Running, counted},
    times,
};
use crate::model::{
    display::{FinalStatusLevel, OutputWhen, StatusLevel},
    event::{Kept, RunFinished, StageFinished, TeardownFinished},
    outcome::{Outcome, Trouble, Verdict},
    run::RunMode,
};

/// How many lines of a log are shown.
const EXCERPT_LIMIT: usize = 10;
/// The word before what went wrong.
const ERROR: (&str, Tone) = ("error", Tone::Bad);

/// Tells whether the evidence of a stage is shown at this moment.
pub(crate) fn is_wanted(
    finished: &StageFinished,
    view: &View,
    moment: fn(OutputWhen) -> bool,
) -> bool {
    match finished.result.outcome {
        Outcome::Pass | Outcome::Flaky => moment(view.levels.success_output),
        Outcome::Fail | Outcome::Timeout | Outcome::Broken => moment(view.levels.failure_output),
        Outcome::Skip => false,
    }
}

/// Returns the evidence of a stage: lines of its log, the error with its causes, where the rest is, how to do it again.
pub(crate) fn evidence(
    weight: Weight,
    finished: &StageFinished,
    run: &Running,
    view: &View,
) -> Vec<Line> {
    let result = &finished.result;
    let mut lines = Vec::new();
    match &result.trouble {
        Some(trouble) => {
            lines.extend(excerpt(weight, trouble));
            lines.push(Line::block(weight, ERROR, &trouble.message));
            lines.extend(causes(weight, trouble));
        }
        None => lines.extend(result.checks.iter().map(|check| {
            let note = check.note.as_ref().map(|note| format!(": {note}"));
            let text = format!("{}{}", check.name, note.unwrap_or_default());
            Line::block(weight, (check.outcome.word(), Tone::Good), text)
        })),
    }
    if let Some(log) = &result.log {
        let path = shown_path(&format!("{}/{log}", run.log_dir), &view.look);
        lines.push(Line::block(weight, ("log", Tone::Info), path));
    }
    if let Some(command) = &finished.reproduce {
        lines.push(Line::block(weight, ("reproduce", Tone::Info), command));
    }
    lines
}

/// Returns the lines of a log that show a trouble, under a title.
fn excerpt(weight: Weight, trouble: &Trouble) -> Vec<Line> {
    let Some(excerpt) = &trouble.excerpt else {
        return Vec::new();
    };
    let first = excerpt.lines.len().saturating_sub(EXCERPT_LIMIT);
    let shown = &excerpt.lines[first..];
    let title = match excerpt.total {
        total if total > shown.len() => {
            format!("{}, last {} of {total} lines", excerpt.title, shown.len())
        }
        total => format!("{}, {}", excerpt.title, counted(total, "line")),
    };
    let quotes = shown.iter().map(|line| Line::quote(weight, line));
    std::iter::once(Line::title(weight, title))
        .chain(quotes)
        .collect()
}

/// Returns the chain of causes and the hint.
pub(crate) fn causes(weight: Weight, trouble: &Trouble) -> Vec<Line> {
    let causes = trouble
        .causes
        .iter()
        .map(|cause| Line::block(weight, ("caused by", Tone::Info), cause));
    let hint = trouble.hint.iter();
    let hint = hint.map(|hint| Line::block(weight, ("hint", Tone::Info), hint));
    causes.chain(hint).collect()
}

/// Returns how a run ended: the summary, what is repeated, the report, and last what matters most.
pub(crate) fn end(finished: &RunFinished, run: &Running, view: &View) -> Vec<Line> {
    let mut lines = vec![Line::rule()];
    let wanted = |stage: &&StageFinished| is_wanted(stage, view, OutputWhen::is_final);
    if !run.cancelled {
        for stage in run.ended.iter().filter(wanted) {
            lines.push(stage_line(Weight::Vital, "", (stage, &run.recipe)));
            lines.extend(evidence(Weight::Vital, stage, run, view));
        }
    }
    lines.push(summary(finished, run));
    lines.extend(repeated(run, view));
    lines.push(Line::status(
        Weight::Vital,
        ("Report", Tone::Info),
        &finished.report,
    ));
    if let Some(text) = verdict(finished, run) {
        lines.push(Line::message(Weight::Vital, ERROR, text));
    }
    if matches!(finished.verdict, Verdict::Fail | Verdict::Broken) {
        let hint = format!("run `ccci explain {}`", run.id);
        lines.push(Line::block(Weight::Vital, ("hint", Tone::Info), hint));
    }
    if finished.leaked > 0 {
        let hint = format!("run `ccci teardown {}`", run.id);
        lines.push(Line::block(Weight::Vital, ("hint", Tone::Info), hint));
    }
    lines
}

/// Returns the line that counts.
fn summary(finished: &RunFinished, run: &Running) -> Line {
    let counts = [
        (finished.passed, "passed"),
        (finished.failed, "failed"),
        (finished.broken, "broken"),
        (finished.skipped, "skipped"),
    ];
    let total = counts.iter().map(|(count, _)| count).sum();
    let flaky = match finished.flaky {
        0 => String::new(),
        count => format!(" ({count} flaky)"),
    };
    let mut shown: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| match *word {
            "passed" => format!("{count} {word}{flaky}"),
            _ => format!("{count} {word}"),
        })
        .collect();
    if finished.leaked > 0 {
        shown.push(format!("{} left behind", finished.leaked));
    }
    let shown = if shown.is_empty() {
        String::new()
    } else {
        format!(": {}", shown.join(", "))
    };
    let left_out = left_out(finished.not_selected);
    let mode = match run.mode {
        RunMode::Cold => "",
        RunMode::Quick => " quick",
        RunMode::Promote => " promotion",
        RunMode::Reconcile => " reconcile",
    };
    // A promotion repeats one stage of a run that has a level.
    let level = if run.mode.only_installs() {
        String::new()
    } else {
        format!("; level {} of 5", finished.level)
    };
    let text = format!(
        "[{}] {}{mode}, {}{shown}{level}{left_out}",
        times::padded(finished.duration_ms),
        run.recipe,
        counted(total, "stage"),
    );
    let tone = match finished.verdict {
        Verdict::Pass => Tone::Good,
        Verdict::Fail => Tone::Bad,
        Verdict::Broken | Verdict::Cancelled => Tone::Odd,
        Verdict::Leak => Tone::Warn,
    };
    Line::status(Weight::Vital, ("Summary", tone), text)
}

/// Returns how many tests were not selected, after what is said before.
pub(crate) fn left_out(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "; 1 test not selected".to_owned(),
        count => format!("; {count} tests not selected"),
    }
}

/// Returns the results that are repeated at the end.
fn repeated(run: &Running, view: &View) -> Vec<Line> {
    let level = view.levels.final_status;
    let (vital, recipe) = (Weight::Vital, run.recipe.as_str());
    let mut lines = Vec::new();
    for (wanted, shown) in [
        (FinalStatusLevel::Skip, outcomes(&[Outcome::Skip])),
        (
            FinalStatusLevel::Pass,
            outcomes(&[Outcome::Pass, Outcome::Flaky]),
        ),
    ] {
        if level >= wanted {
            let stages = run.ended.iter().filter(|stage| shown(stage.result.outcome));
            lines.extend(stages.map(|stage| stage_line(vital, "", (stage, recipe))));
        }
    }
    if level >= FinalStatusLevel::Leak {
        let leaks = run.teardown.iter();
        lines.extend(leaks.flat_map(|teardown| leak_lines(vital, recipe, teardown)));
    }
    if level >= FinalStatusLevel::Slow {
        let line = |(stage, ms): &(_, u64)| {
            let text = format!("[{}] {recipe} {stage}", times::at_least(*ms));
            Line::status(vital, ("SLOW", Tone::Warn), text)
        };
        lines.extend(run.slow.iter().map(line));
    }
    let checks = run.checks.iter().filter(|(_, check)| {
        level == FinalStatusLevel::All
            || level >= FinalStatusLevel::Flaky && check.outcome == Outcome::Flaky
    });
    lines.extend(
        checks.map(|(stage, check)| named_check(vital, recipe, *stage, (check, view.tries))),
    );
    if level >= FinalStatusLevel::Fail {
        let failed = outcomes(&[Outcome::Broken, Outcome::Fail, Outcome::Timeout]);
        let stages = run
            .ended
            .iter()
            .filter(|stage| failed(stage.result.outcome));
        lines.extend(stages.map(|stage| stage_line(vital, "", (stage, recipe))));
    }
    lines
}

/// Returns a test for some outcomes.
fn outcomes(wanted: &'static [Outcome]) -> impl Fn(Outcome) -> bool {
    move |outcome| wanted.contains(&outcome)
}

/// Returns the last line of a run that did not pass.
fn verdict(finished: &RunFinished, run: &Running) -> Option<String> {
    let recipe = &run.recipe;
    let at_stage = |wanted: fn(Outcome) -> bool| {
        let stage = run.ended.iter().find(|stage| wanted(stage.result.outcome));
        stage.map_or_else(String::new, |stage| {
            format!(" at stage `{}`", stage.result.stage)
        })
    };
    let why = || {
        let why = run.trouble.as_ref().filter(|_| run.ended.is_empty());
        why.map_or_else(String::new, |trouble| format!(": {}", trouble.message))
    };
    match finished.verdict {
        Verdict::Pass => None,
        Verdict::Fail => Some(format!(
            "recipe `{recipe}` failed{}{}",
            at_stage(Outcome::is_failure),
            why()
        )),
        Verdict::Broken if run.unsettled.is_some() => {
            let deed = run.unsettled?;
            Some(canonicals::failed(recipe, deed))
        }
        Verdict::Broken => {
            let stage = at_stage(|outcome| outcome == Outcome::Broken);
            Some(format!("no verdict on recipe `{recipe}`{stage}{}", why()))
        }
        Verdict::Leak => {
            let left = counted(finished.leaked, "object");
            Some(format!("recipe `{recipe}` passed, but left {left} behind"))
        }
        Verdict::Cancelled if finished.leaked > 0 => {
            let left = counted(finished.leaked, "object");
            Some(format!(
                "the run of recipe `{recipe}` was cancelled and left {left} behind"
            ))
        }
        Verdict::Cancelled => Some(format!("the run of recipe `{recipe}` was cancelled")),
    }
}

/// Returns the lines of a teardown: what went, what is left, what is gone that should not be.
pub(crate) fn teardown_lines(recipe: &str, teardown: &TeardownFinished) -> Vec<Line> {
    let time = times::padded(teardown.duration_ms);
    let removed: Vec<_> = teardown
        .removed
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(kind, count)| counted(*count, kind))
        .collect();
    let removed = match (removed.as_slice(), teardown.left.as_slice()) {
        ([], []) => "nothing to remove".to_owned(),
        ([], [..]) => "removed nothing".to_owned(),
        (removed, _) => format!("removed {}", removed.join(", ")),
    };
    let mut lines = vec![Line::status(
        Weight::Info,
        ("Teardown", Tone::Info),
        format!("[{time}] {recipe}: {removed}"),
    )];
    lines.extend(leak_lines(
        Weight::Result(StatusLevel::Leak),
        recipe,
        teardown,
    ));
    // On a swarm that others use many may go by themselves; one line says so, the report names them all.
    let vanished = match teardown.vanished.as_slice() {
        [] => None,
        [gone] => Some(format!("{gone} was not ours and is gone")),
        [first, others @ ..] => {
            let count = others.len();
            Some(format!(
                "{first} was not ours and is gone, and {count} more that `report.json` names"
            ))
        }
    };
    let errors = teardown
        .errors
        .iter()
        .map(|error| format!("teardown: {error}"));
    lines.extend(
        vanished
            .into_iter()
            .chain(errors)
            .map(|text| warning(recipe, &text)),
    );
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
pub(crate) fn kept_lines(recipe: &str, kept: &Kept) -> Vec<Line> {
    let until = kept.until.strftime("%H:%M UTC");
    let text = format!("{recipe}: {} until {until}", kept.url);
    vec![
        Line::status(Weight::Vital, ("Kept", Tone::Info), text),
        Line::below(Weight::Vital, format!("shell:  {}", kept.shell)),
        Line::below(Weight::Vital, format!("remove: {}", kept.remove)),
    ]
}
