//! The few lines that are redrawn while runs go on.

use std::time::Duration;

use super::{
    clean::clean,
    line::{Look, cut, dots},
    running::{Running, StageNow, services_text},
    screen::Size,
    times,
};
use crate::model::outcome::{Outcome, millis};

/// How many runs are shown at most.
const RUN_LIMIT: usize = 8;
/// How many columns the bar has.
const BAR_COLUMNS: usize = 20;
/// With fewer columns the last line of a log is left out.
const TAIL_COLUMNS: u16 = 60;
/// With fewer columns the services are left out too.
const SERVICES_COLUMNS: u16 = 57;
/// With fewer columns the bar is left out too.
const PROGRESS_COLUMNS: u16 = 54;

/// Returns the lines of the live region at this time, each no wider than the screen.
pub(crate) fn frame(runs: &[Running], at: Duration, size: Size, look: &Look) -> Vec<String> {
    let active: Vec<_> = runs.iter().filter(|run| !run.over).collect();
    let mut lines = vec![testing(runs, at, size)];
    match active.as_slice() {
        [] => return Vec::new(),
        [run] => lines.extend(alone(run, at, size)),
        many => lines.extend(abreast(many, at, look)),
    }
    lines.truncate(usize::from(size.rows.saturating_sub(1)).max(1));
    let columns = usize::from(size.columns).saturating_sub(1);
    lines.iter().map(|line| cut(line, columns, look)).collect()
}

/// Returns the line that counts all runs.
fn testing(runs: &[Running], at: Duration, size: Size) -> String {
    let since = runs.iter().filter(|run| !run.over).map(|run| run.since);
    let since = since.min().unwrap_or(at);
    let done: usize = runs.iter().map(Running::done).sum();
    let total: usize = runs.iter().map(|run| run.planned).sum();
    let running = runs.iter().filter(|run| run.stage.is_some()).count();
    let count = |wanted: fn(Outcome) -> bool| runs.iter().map(|run| run.count(wanted)).sum();
    let counts: [(usize, &str); 4] = [
        (running, "running"),
        (count(Outcome::is_pass), "passed"),
        (count(Outcome::is_failure), "failed"),
        (count(|outcome| outcome == Outcome::Broken), "broken"),
    ];
    let shown: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let bar = match size.columns {
        PROGRESS_COLUMNS.. => format!("{} ", bar(done, total)),
        _ => String::new(),
    };
    let text = match (total, shown.as_slice()) {
        // Nothing is planned yet.
        (0, shown) => shown.join(", "),
        (_, []) => format!("{bar}{done}/{total}"),
        (_, shown) => format!("{bar}{done}/{total}: {}", shown.join(", ")),
    };
    timed("Testing", since, at, &text)
}

/// Returns the bar.
fn bar(done: usize, total: usize) -> String {
    let full = (done * BAR_COLUMNS).checked_div(total).unwrap_or(0);
    let full = full.min(BAR_COLUMNS);
    let head = if full == 0 { "" } else { ">" };
    format!(
        "{}{head}{:rest$}",
        "=".repeat(full.saturating_sub(1)),
        "",
        rest = BAR_COLUMNS - full
    )
}

/// Returns a line with a word, the time since a moment, and text.
fn timed(word: &str, since: Duration, at: Duration, text: &str) -> String {
    let time = times::clock(millis(at.saturating_sub(since)));
    format!("{:>12} [{time}] {}", clean(word), clean(text))
        .trim_end()
        .to_owned()
}

/// Returns the lines of the only run: its stage, its services, the last line of its log.
fn alone(run: &Running, at: Duration, size: Size) -> Vec<String> {
    let mut lines = vec![match (&run.stage, &run.between) {
        (Some(stage), _) => timed(stage.stage.word(), stage.since, at, &doing(run, at)),
        (None, Some((_, since))) => timed(&run.recipe, *since, at, &doing(run, at)),
        (None, None) => timed(&run.recipe, run.since, at, ""),
    }];
    if run.stage.is_some() && !run.services.is_empty() && size.columns >= SERVICES_COLUMNS {
        let services = services_text(&run.services, "   ");
        lines.push(format!("{:>12} {}", "services", clean(&services)));
    }
    let is_tail_shown = size.columns >= TAIL_COLUMNS && !run.is_through();
    if let Some(line) = run.tail.back().filter(|_| is_tail_shown) {
        lines.push(format!("{:12} {}", "", clean(line)));
    }
    lines
}

/// Returns a line for each of several runs, and how many more there are.
fn abreast(runs: &[&Running], at: Duration, look: &Look) -> Vec<String> {
    let line = |run: &&Running| {
        let Some(stage) = &run.stage else {
            return timed(&run.recipe, run.since, at, &doing(run, at));
        };
        let services = services_text(&run.services, ", ");
        let place = format!("{} ({}/{})", stage.stage, stage.number, stage.count);
        let what = match stage.doing.as_str() {
            "" => with_limit(&services, stage, at),
            doing => with_limit(doing, stage, at),
        };
        timed(&run.recipe, stage.since, at, &format!("{place} {what}"))
    };
    let mut lines: Vec<_> = runs.iter().take(RUN_LIMIT).map(line).collect();
    let more = runs.len().saturating_sub(RUN_LIMIT);
    if more > 0 {
        lines.push(format!("{:12} {} {more} more", "", dots(look)));
    }
    lines
}

/// Returns what a run does, and when it gives up.
fn doing(run: &Running, at: Duration) -> String {
    let Some(stage) = &run.stage else {
        let between = run.between.as_ref().map(|(what, _)| what.clone());
        return between.unwrap_or_default();
    };
    with_limit(&stage.doing, stage, at)
}

/// Returns what a stage does, and when it gives up.
fn with_limit(doing: &str, stage: &StageNow, at: Duration) -> String {
    let left = stage.left_ms(at).map(times::short);
    match (doing, left) {
        (doing, None) => doing.to_owned(),
        ("", Some(left)) => format!("gives up in {left}"),
        (doing, Some(left)) => format!("{doing}, gives up in {left}"),
    }
}

/// Returns what goes on, for whoever asks by a signal.
pub(crate) fn status(runs: &[Running], at: Duration) -> String {
    let mut text = String::new();
    for run in runs.iter().filter(|run| !run.over) {
        let stage = run.stage.as_ref().map(|stage| {
            let time = times::clock(millis(at.saturating_sub(stage.since)));
            format!(
                "{} ({}/{}) [{time}]",
                stage.stage, stage.number, stage.count
            )
        });
        let heading = stage.unwrap_or_default();
        let mut lines = vec![format!(
            "{} {heading} {}",
            clean(&run.recipe),
            clean(&doing(run, at))
        )];
        if !run.services.is_empty() {
            lines.push(format!(
                "  services: {}",
                clean(&services_text(&run.services, ", "))
            ));
        }
        lines.extend(run.tail.iter().map(|line| format!("  | {}", clean(line))));
        for line in lines {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::stage::Stage, render::sample};

    /// Returns a run in the stage upgrade whose services, doing and log hold this text.
    fn running(text: &str) -> Running {
        let services = vec![sample::service("app", 0, "starting", Some(text))];
        let facts = [
            sample::started(),
            sample::begun(Stage::Upgrade),
            sample::progress(Stage::Upgrade, text, services),
        ];
        let events = facts.map(sample::event);
        let mut run = Running::new(&events[0], Duration::ZERO);
        for event in &events {
            run.note(event, Duration::ZERO);
        }
        run.planned = 5;
        run.keep_line(text.to_owned());
        run
    }

    fn shown(columns: u16, rows: u16) -> String {
        let look = Look::default();
        let size = Size { rows, columns };
        frame(&[running("x")], Duration::from_secs(9), size, &look).join("\n")
    }

    #[test]
    fn a_narrow_screen_loses_the_tail_then_the_services_then_the_bar() {
        assert_eq!(shown(60, 24).lines().count(), 4);
        assert_eq!(shown(59, 24).lines().count(), 3);
        assert_eq!(shown(56, 24).lines().count(), 2);
        assert!(shown(54, 24).contains("[00:00:09]                      0/5"));
        assert!(shown(53, 24).contains("[00:00:09] 0/5: 1 running"));
    }

    #[test]
    fn a_frame_leaves_a_row_to_the_lines_above_it() {
        assert_eq!(shown(80, 3).lines().count(), 2);
        assert_eq!(shown(80, 1).lines().count(), 1);
    }

    #[test]
    fn no_byte_adds_a_line_or_a_sequence_to_a_frame() {
        let size = Size {
            rows: 24,
            columns: 200,
        };
        for byte in 0..=255u8 {
            let text = format!("a{}b", String::from_utf8_lossy(&[byte]));
            let run = running(&text);
            let lines = frame(
                std::slice::from_ref(&run),
                Duration::ZERO,
                size,
                &Look::default(),
            );
            let status = status(&[run], Duration::ZERO);
            assert_eq!((lines.len(), status.lines().count()), (4, 3), "byte {byte}");
            let clean = |line: &str| !line.contains(char::is_control);
            assert!(lines.iter().map(String::as_str).all(clean), "byte {byte}");
            assert!(status.lines().all(clean), "byte {byte}");
        }
    }

    #[test]
    fn the_bar_fills_from_the_left() {
        assert_eq!(bar(0, 5), " ".repeat(20));
        assert_eq!(bar(1, 5), "===>                ");
        assert_eq!(bar(5, 5), "===================>");
        assert_eq!(bar(0, 0), " ".repeat(20));
        assert_eq!(bar(9, 5).len(), BAR_COLUMNS);
    }
}
