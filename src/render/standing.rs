//! Where recipes stand, as a table for people.

use console::{measure_text_width, pad_str, truncate_str};
use jiff::Timestamp;

use super::{
    clean::clean,
    line::{Look, Tone, colour},
};
use crate::model::standing::{Ending, KnownGood, LastRun, Reached, Standing};

/// What the columns are called.
const HEADINGS: [&str; COLUMNS] = [
    "recipe",
    "level",
    "version",
    "last run",
    "flaky",
    "canonical",
];
/// How many columns there are.
const COLUMNS: usize = 6;
/// The columns that may be cut where the terminal is narrow, with how far, the first one first.
const CUT: [(usize, usize); 3] = [(2, 8), (5, 8), (0, 12)];
/// What is between two columns.
const GAP: &str = "  ";

/// One row, before it is aligned.
type Row = Vec<String>;

/// Returns the table: the enrolled recipes, then apart from them those that were only tested.
///
/// A terminal of so many columns bounds its width; elsewhere nothing is cut.
pub(crate) fn table(
    standings: &[Standing],
    now: Timestamp,
    (look, columns): (&Look, Option<usize>),
) -> String {
    let has_canonical = standings.iter().any(|one| one.canonical.is_some());
    // The last column is there for those alone who keep canonicals.
    let shown = COLUMNS - usize::from(!has_canonical);
    let cut = |mut row: Row| {
        row.truncate(shown);
        row
    };
    let rows: Vec<Row> = standings.iter().map(|one| cut(row(one, now))).collect();
    let heading = cut(HEADINGS.map(str::to_owned).into());
    let widths = widths(&heading, &rows, columns);
    let write = |row: &Row, tone: Option<Tone>| aligned(row, &widths, (tone, look, columns));
    let mut text = write(&heading, None);
    let mut are_enrolled = true;
    for (standing, row) in standings.iter().zip(&rows) {
        if are_enrolled && !standing.enrolled {
            are_enrolled = false;
            text += "\ntested, but not enrolled:\n";
        }
        text += &write(row, standing.last_run.as_ref().map(|run| tone(run.outcome)));
    }
    text
}

/// Returns the cells of one recipe.
fn row(standing: &Standing, now: Timestamp) -> Row {
    let version = |version: Option<&String>| version.map(|version| clean(version));
    let level = standing.level.as_ref();
    let last = standing.last_run.as_ref();
    let nothing = || "-".to_owned();
    let reached = |reached: &Reached| format!("{}, {}", reached.level, age(reached.at, now));
    let shown = version(level.and_then(|level| level.version.as_ref()));
    let shown = shown.or_else(|| version(last.and_then(|last| last.version.as_ref())));
    let run = |last: &LastRun| {
        let (id, word) = (&last.run_id, last.outcome.word());
        format!("{id} {word}, {}", age(last.at, now))
    };
    let flaky = match standing.flaky {
        0 => nothing(),
        flaky => flaky.to_string(),
    };
    vec![
        standing.recipe.to_string(),
        level.map_or_else(nothing, reached),
        shown.unwrap_or_else(nothing),
        last.map_or_else(|| "never tested".to_owned(), run),
        flaky,
        standing.canonical.as_ref().map_or_else(nothing, known_good),
    ]
}

/// Returns what is known to be good, and whether that can be used now.
fn known_good(known: &KnownGood) -> String {
    let version = known.version.as_ref().map(ToString::to_string);
    match (version, known.state) {
        (Some(version), "idle") => version,
        (Some(version), state) => format!("{version} {state}"),
        (None, state) => state.to_owned(),
    }
}

/// Returns how long ago something was, in one unit.
fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second()).max(0);
    match (seconds / 86_400, seconds / 3_600, seconds / 60) {
        (0, 0, 0) => "just now".to_owned(),
        (0, 0, minutes) => format!("{minutes} min ago"),
        (0, hours, _) => format!("{hours} h ago"),
        (days, _, _) => format!("{days} d ago"),
    }
}

/// Returns the width of each column, cut where the terminal is narrower.
fn widths(heading: &Row, rows: &[Row], columns: Option<usize>) -> Vec<usize> {
    let mut widths = vec![0; heading.len()];
    for row in std::iter::once(heading).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(measure_text_width(cell));
        }
    }
    let gaps = GAP.len() * (widths.len() - 1);
    let there = CUT
        .into_iter()
        .filter(|(column, _)| *column < heading.len());
    for (column, least) in there {
        let all: usize = widths.iter().sum::<usize>() + gaps;
        let over = columns.map_or(0, |columns| all.saturating_sub(columns));
        widths[column] = widths[column]
            .saturating_sub(over)
            .max(least.min(widths[column]));
    }
    widths
}

/// Writes one row; the tone is that of the outcome, nothing makes it a heading.
fn aligned(
    row: &Row,
    widths: &[usize],
    (tone, look, columns): (Option<Tone>, &Look, Option<usize>),
) -> String {
    let mark = if look.unicode { "…" } else { "~" };
    let cells = row.iter().zip(widths).map(|(cell, width)| {
        let cut = truncate_str(cell, *width, mark);
        pad_str(&cut, *width, console::Alignment::Left, None).into_owned()
    });
    let line = cells.collect::<Vec<_>>().join(GAP);
    let line = line.trim_end();
    let line = columns.map_or_else(
        || line.to_owned(),
        |columns| truncate_str(line, columns, mark).into_owned(),
    );
    let painted = match (tone, outcome_word(&row[3])) {
        (Some(tone), Some(word)) => line.replacen(
            &format!(" {word},"),
            &format!(" {},", colour(word, tone, look)),
            1,
        ),
        _ => line,
    };
    painted + "\n"
}

/// Returns the outcome's word in the cell of the last run.
fn outcome_word(cell: &str) -> Option<&str> {
    cell.split_once(',')?.0.split(' ').nth(1)
}

/// Returns the colour of an outcome.
const fn tone(ending: Ending) -> Tone {
    match ending {
        Ending::Pass => Tone::Good,
        Ending::Fail => Tone::Bad,
        Ending::Broken | Ending::Crashed => Tone::Odd,
        Ending::Leak | Ending::Cancelled => Tone::Warn,
        Ending::Running => Tone::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recipe::RecipeName;

    /// Makes the standing of a recipe that was tested last at a time.
    fn standing(recipe: &str, outcome: Ending, at: &str) -> Standing {
        let recipe: RecipeName = recipe.parse().unwrap();
        let at: Timestamp = at.parse().unwrap();
        Standing {
            enrolled: recipe.as_str() != "attic",
            recipe,
            level: (outcome != Ending::Broken).then(|| Reached {
                level: 5,
                run_id: "k7m2q".parse().unwrap(),
                version: Some("2.14.0+6.8.1".to_owned()),
                at,
            }),
            last_run: Some(LastRun {
                run_id: "k7m2q".parse().unwrap(),
                outcome,
                version: Some("feature/\u{1b}[31ma-rather-long-name (8f3c1d2)".to_owned()),
                at,
            }),
            runs: 3,
            flaky: usize::from(outcome == Ending::Fail) * 2,
            canonical: (outcome == Ending::Pass).then(|| KnownGood {
                version: "2.14.0+6.8.1".parse().ok(),
                commit: None,
                promoted: None,
                state: "idle",
            }),
        }
    }

    fn standings() -> Vec<Standing> {
        let mut new = standing("zulip", Ending::Pass, "2026-11-20T10:00:00Z");
        (new.level, new.last_run, new.canonical) = (None, None, None);
        vec![
            standing("blog", Ending::Pass, "2026-11-17T10:00:00Z"),
            standing("custom-html-tiny", Ending::Fail, "2026-11-20T08:30:00Z"),
            standing("wiki", Ending::Broken, "2026-11-20T09:59:30Z"),
            new,
            standing("attic", Ending::Crashed, "2026-10-01T10:00:00Z"),
        ]
    }

    fn shown(columns: Option<usize>) -> String {
        let now = "2026-11-20T10:00:00Z".parse().unwrap();
        table(&standings(), now, (&Look::default(), columns))
    }

    #[test]
    fn the_table_is_what_people_read() {
        insta::assert_snapshot!(shown(None), @r"
recipe            level        version                               last run                 flaky  canonical
blog              5, 3 d ago   2.14.0+6.8.1                          k7m2q pass, 3 d ago      -      2.14.0+6.8.1
custom-html-tiny  5, 1 h ago   2.14.0+6.8.1                          k7m2q fail, 1 h ago      2      -
wiki              -            feature/a-rather-long-name (8f3c1d2)  k7m2q broken, just now   -      -
zulip             -            -                                     never tested             -      -

tested, but not enrolled:
attic             5, 50 d ago  2.14.0+6.8.1                          k7m2q crashed, 50 d ago  -      -
");
    }

    #[test]
    fn a_narrow_terminal_cuts_versions_first() {
        insta::assert_snapshot!(shown(Some(72)), @r"
recipe        level        version   last run                 flaky  ca~
blog          5, 3 d ago   2.14.0+~  k7m2q pass, 3 d ago      -      2.~
custom-html~  5, 1 h ago   2.14.0+~  k7m2q fail, 1 h ago      2      -
wiki          -            feature~  k7m2q broken, just now   -      -
zulip         -            -         never tested             -      -

tested, but not enrolled:
attic         5, 50 d ago  2.14.0+~  k7m2q crashed, 50 d ago  -      -
");
        for columns in [72, 40, 10] {
            let widest = shown(Some(columns)).lines().map(measure_text_width).max();
            assert!(widest <= Some(columns.max(25)), "{columns}: {widest:?}");
        }
    }

    #[test]
    fn colour_is_on_the_outcome_alone() {
        let now = "2026-11-20T10:00:00Z".parse().unwrap();
        let look = Look {
            colour: true,
            unicode: true,
            home: None,
        };
        let text = table(&standings()[..1], now, (&look, None));
        assert!(
            text.contains("k7m2q \u{1b}[32m\u{1b}[1mpass\u{1b}[0m, 3 d ago"),
            "{text:?}"
        );
        assert_eq!(console::strip_ansi_codes(&text).lines().count(), 2);
    }
}
