//! A sweep for people: what came of each recipe as it ends, and at the end what counts.

use super::{
    level::Weight,
    line::{Line, Tone},
    running::counted,
    times,
};
use crate::model::{
    display::StatusLevel,
    sweep::{Change, Entry, Fate, SweepReport},
};

/// Returns the lines of a recipe that has ended, after those of its runs.
pub(crate) fn entry_lines(entry: &Entry, is_dry: bool) -> Vec<Line> {
    let Entry {
        recipe,
        fate,
        code,
        reason,
        ..
    } = entry;
    let release = entry.release.as_ref();
    let release = release.map(|release| format!(" {}", release.version));
    let release = release.unwrap_or_default();
    let (word, tone) = match fate {
        Fate::Failed => ("FAIL", Tone::Bad),
        Fate::Broken => ("BROKEN", Tone::Odd),
        Fate::Leaked => ("LEAK", Tone::Warn),
        Fate::NotReached if is_dry => ("Would test", Tone::Info),
        Fate::NotReached => ("SKIP", Tone::Warn),
        Fate::Passed if entry.lacks_promotion() => ("PASS", Tone::Odd),
        Fate::Passed => ("PASS", Tone::Good),
        Fate::Promoted => ("Promoted", Tone::Good),
        Fate::Skipped => ("SKIP", Tone::Info),
    };
    let why = match (fate, code, reason) {
        (Fate::Skipped, Some(code), Some(reason)) => format!(": {code}, {reason}"),
        (Fate::Skipped, Some(code), None) => format!(": {code}"),
        (Fate::NotReached, _, None) if !is_dry => ": not reached".to_owned(),
        (_, _, Some(reason)) => format!(": {reason}"),
        (_, _, None) => String::new(),
    };
    let time = times::padded(entry.duration_ms);
    let text = format!("[{time}] {recipe}{release}{why}");
    let weight = match fate {
        Fate::Failed | Fate::Broken => Weight::Result(StatusLevel::Fail),
        Fate::Passed if entry.lacks_promotion() => Weight::Result(StatusLevel::Fail),
        Fate::Leaked => Weight::Result(StatusLevel::Leak),
        Fate::Passed | Fate::Promoted | Fate::Skipped | Fate::NotReached => {
            Weight::Result(StatusLevel::Pass)
        }
    };
    let mut lines = vec![Line::status(weight, (word, tone), text)];
    if let Some(mirror) = &entry.mirror {
        lines.push(Line::below(Weight::Progress, format!("mirror: {mirror}")));
    }
    if let Some(trouble) = &entry.mirror_trouble {
        let text = format!("{recipe}: its mirror is not equal to upstream: {trouble}");
        lines.push(Line::message(Weight::Info, ("warning", Tone::Warn), text));
    }
    lines
}

/// Returns the lines at the end of a sweep: the count, what changed, errors in groups.
pub(crate) fn end_lines(
    report: &SweepReport,
    last: Option<&SweepReport>,
    (took_ms, is_dry): (u64, bool),
) -> Vec<Line> {
    let vital = Weight::Vital;
    let counts = Fate::ALL.iter().rev().filter_map(|fate| {
        let count = report.count(*fate);
        let word = match fate {
            Fate::NotReached if is_dry => "would be tested",
            fate => fate.word(),
        };
        (count > 0).then(|| format!("{count} {word}"))
    });
    let counts: Vec<_> = counts.collect();
    let bad = |fate| report.count(fate) > 0;
    let groups = report.groups();
    let tone = if bad(Fate::Failed) {
        Tone::Bad
    } else if !groups.is_empty() || (bad(Fate::NotReached) && !is_dry) {
        Tone::Odd
    } else {
        Tone::Good
    };
    let text = format!(
        "[{}] sweep of {}: {}",
        times::padded(took_ms),
        counted(report.recipes.len(), "recipe"),
        counts.join(", ")
    );
    let mut lines = vec![Line::rule(), Line::status(vital, ("Summary", tone), text)];
    let changes = report.changes(last);
    for change in Change::ALL {
        let names: Vec<_> = changes
            .iter()
            .filter(|(_, found)| **found == change)
            .map(|(recipe, _)| recipe.as_str())
            .collect();
        if !names.is_empty() {
            let text = format!("{change} since the last sweep: {}", names.join(", "));
            lines.push(Line::below(vital, text));
        }
    }
    for ((fate, code), entries) in groups {
        let (word, tone) = match fate {
            Fate::Failed => ("FAIL", Tone::Bad),
            Fate::Passed => ("PASS", Tone::Odd),
            _ => ("BROKEN", Tone::Odd),
        };
        let text = format!(
            "[{}] {code}: {}",
            super::results::NO_TIME,
            counted(entries.len(), "recipe")
        );
        lines.push(Line::status(vital, (word, tone), text));
        lines.extend(entries.into_iter().map(|entry| {
            let run = entry.run_id.as_ref();
            let run = run.map(|run| format!(" (run {run})")).unwrap_or_default();
            let reason = entry.reason.as_deref().unwrap_or("it did not say why");
            Line::below(vital, format!("{}: {reason}{run}", entry.recipe))
        }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::sweep::Release, render::line::Look};

    /// Returns an entry.
    fn entry(recipe: &str, fate: Fate, why: Option<(&str, &str)>) -> Entry {
        Entry {
            fate,
            code: why.map(|(code, _)| code.to_owned()),
            reason: why.map(|(_, reason)| reason.to_owned()),
            release: Some(Release {
                version: "1.1.0+2.0".parse().unwrap(),
                commit: "1".repeat(40).parse().unwrap(),
            }),
            duration_ms: 14_000,
            ..Entry::new(recipe.parse().unwrap())
        }
    }

    /// Returns the report of a sweep.
    fn report(recipes: Vec<Entry>) -> SweepReport {
        SweepReport {
            finished: true,
            recipes,
            ..SweepReport::begin("h", "2026-11-20T10:00:00Z".parse().unwrap())
        }
    }

    /// Returns lines as they are shown without colour.
    fn shown(lines: &[Line]) -> String {
        let lines = lines.iter().map(|line| line.paint(&Look::default()));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_recipe_has_a_line_that_says_why() {
        let mut mirrored = entry("wiki", Fate::Promoted, None);
        mirrored.mirror = Some("3 tags set".to_owned());
        mirrored.mirror_trouble = Some("`wiki` has no mirror".to_owned());
        let known = Some(("no-new-version", "1.1.0+2.0 is known to be good"));
        let all = [
            entry("blog", Fate::Skipped, known),
            entry(
                "chat",
                Fate::Failed,
                Some(("not-converged", "install: `app` did not converge in time")),
            ),
            mirrored,
            entry("shop", Fate::NotReached, None),
        ];
        let lines: Vec<_> = all
            .iter()
            .flat_map(|entry| entry_lines(entry, false))
            .collect();
        insta::assert_snapshot!(shown(&lines), @r"
        SKIP [    14s] blog 1.1.0+2.0: no-new-version, 1.1.0+2.0 is known to be good
        FAIL [    14s] chat 1.1.0+2.0: install: `app` did not converge in time
    Promoted [    14s] wiki 1.1.0+2.0
             mirror: 3 tags set
warning: wiki: its mirror is not equal to upstream: `wiki` has no mirror
        SKIP [    14s] shop 1.1.0+2.0: not reached
");
    }

    #[test]
    fn the_end_counts_tells_what_changed_and_groups_what_went_wrong() {
        let last = report(vec![
            entry("chat", Fate::Promoted, None),
            entry("blog", Fate::Failed, None),
        ]);
        let stuck = Some(("not-converged", "install: `app` did not converge in time"));
        let now = report(vec![
            entry("blog", Fate::Promoted, None),
            entry("chat", Fate::Failed, stuck),
            entry("shop", Fate::Failed, stuck),
            entry(
                "wiki",
                Fate::Broken,
                Some((
                    "fetch-failed",
                    "git failed to list the server's branches and tags",
                )),
            ),
            entry(
                "mail",
                Fate::Passed,
                Some(("disk-full", "not promoted: 0 MiB are free on the disk")),
            ),
            entry("zine", Fate::Skipped, None),
        ]);
        insta::assert_snapshot!(shown(&end_lines(&now, Some(&last), (598_000, false))), @r"
------------
     Summary [ 9m 58s] sweep of 6 recipes: 1 skipped, 1 promoted, 1 passed, 1 broken, 2 failed
             regressed since the last sweep: chat
             fixed since the last sweep: blog
             new since the last sweep: mail, shop, wiki, zine
        FAIL [       ] not-converged: 2 recipes
             chat: install: `app` did not converge in time
             shop: install: `app` did not converge in time
      BROKEN [       ] fetch-failed: 1 recipe
             wiki: git failed to list the server's branches and tags
        PASS [       ] disk-full: 1 recipe
             mail: not promoted: 0 MiB are free on the disk
");
    }
}
