//! Why a run did not pass, in words: its end, and each known problem with what shows it and what to do.

use console::measure_text_width;

use super::{
    clean::{Colours, clean, clean_output},
    running::counted,
};
use crate::model::{
    outcome::{Excerpt, Verdict},
    problem::{Found, Tells, excerpt},
    story::Story,
};

/// How many problems are shown unless all are asked for.
const SHOWN: usize = 5;
/// How many characters of a line of evidence are shown.
const EVIDENCE_LENGTH: usize = 200;
/// Before what belongs to a problem.
const INDENT: &str = "   ";
/// Before a line of evidence.
const QUOTE: &str = "   | ";

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// How many columns there are.
    pub(crate) columns: usize,
    /// Whether all problems are shown.
    pub(crate) all: bool,
    /// Whether characters beyond ASCII may be used.
    pub(crate) unicode: bool,
}

/// What is shown of a run.
pub(crate) struct Explained<'a> {
    /// The run.
    pub(crate) story: &'a Story,
    /// Whether it still goes on.
    pub(crate) is_alive: bool,
    /// The known problems, what tells most first.
    pub(crate) found: &'a [Found<'a>],
    /// Where its evidence is.
    pub(crate) evidence: &'a str,
}

/// Returns the explanation of a run.
pub(crate) fn render(explained: &Explained<'_>, view: View) -> String {
    let Explained { story, found, .. } = explained;
    let mut page = Page {
        text: String::new(),
        view,
    };
    page.paragraph("", &ending(story, explained.is_alive));
    if let Some(advice) = advice(story, explained.is_alive) {
        page.paragraph("", &advice);
    }
    if is_without_fault(story) {
        return page.text;
    }
    if let Some(trouble) = story.decisive() {
        page.paragraph("", &format!("error: {}", trouble.message));
    }
    let shown = if view.all { found.len() } else { SHOWN };
    for (number, found) in (1..).zip(found.iter().take(shown)) {
        page.problem(number, found);
    }
    page.text.push('\n');
    if found.is_empty() {
        page.paragraph("", "No known problem shows in what the run left.");
    }
    let is_cause = |found: &Found<'_>| found.problem.tells == Tells::Cause;
    let excerpt = story
        .decisive()
        .and_then(|trouble| trouble.excerpt.as_ref());
    if let Some(excerpt) = excerpt.filter(|_| !found.iter().any(is_cause)) {
        page.excerpt(excerpt);
    }
    if let Some(more) = found.len().checked_sub(shown).filter(|more| *more > 0) {
        page.paragraph("", &format!("{more} more: {}", command(story, "--all")));
    }
    page.line(&format!("evidence: {}", explained.evidence));
    if let Some(command) = &story.reproduce {
        page.line(&format!("reproduce: {command}"));
    }
    page.text
}

/// Tells whether there is nothing to look for.
fn is_without_fault(story: &Story) -> bool {
    matches!(
        story.verdict(),
        Some(Verdict::Pass | Verdict::Leak | Verdict::Cancelled)
    )
}

/// Says which run it is and how it ended.
fn ending(story: &Story, is_alive: bool) -> String {
    let id = story.id.as_ref().map(|id| format!(" {id}"));
    let recipe = story.recipe.as_ref().map(|recipe| format!(" of {recipe}"));
    let label = story.label.as_ref().map(|label| format!(" {label}"));
    let parts = [Some("Run".to_owned()), id, recipe, label];
    let run: String = parts.into_iter().flatten().collect();
    let stage = story.failed().map(|stage| format!(" at {}", stage.stage));
    let stage = stage.unwrap_or_default();
    let end = match story.verdict() {
        Some(Verdict::Pass) => "passed".to_owned(),
        Some(Verdict::Fail) => format!("failed{stage}"),
        Some(Verdict::Broken) => format!("ended without a verdict{stage}"),
        Some(Verdict::Leak) => "passed, and left something behind".to_owned(),
        Some(Verdict::Cancelled) => format!("was cancelled{stage}"),
        None if is_alive => "still goes on".to_owned(),
        None => "ended without saying how: it was killed, or it crashed".to_owned(),
    };
    let when = story.started.map(|ts| ts.strftime(", %Y-%m-%d %H:%M UTC"));
    let when = when.map(|when| when.to_string()).unwrap_or_default();
    format!("{run} {end}{when}")
}

/// Says what to do about a run that no known problem explains, by how it ended.
fn advice(story: &Story, is_alive: bool) -> Option<String> {
    let id = story.id.as_ref()?;
    match story.verdict() {
        Some(Verdict::Leak) => {
            let count = story
                .finished
                .as_ref()
                .map_or(0, |finished| finished.leaked);
            let left = counted(count, "object");
            Some(format!(
                "{left} could not be removed: run `ccci teardown {id}`"
            ))
        }
        None if !is_alive => Some("What it left is removed by `ccci janitor`.".to_owned()),
        _ => None,
    }
}

/// Returns the command that explains the same run with a flag.
fn command(story: &Story, flag: &str) -> String {
    let id = story.id.as_ref().map(|id| format!(" {id}"));
    format!("ccci explain{} {flag}", id.unwrap_or_default())
}

/// The text so far.
struct Page {
    /// The lines.
    text: String,
    /// How they are shown.
    view: View,
}

impl Page {
    /// Writes one problem.
    fn problem(&mut self, number: usize, found: &Found<'_>) {
        let problem = found.problem;
        let (tells, matter) = (problem.tells.word(), problem.matter.word());
        self.text.push('\n');
        self.line(&format!(
            "{number}. {}: {tells}, a matter of the {matter}",
            problem.id
        ));
        self.paragraph(INDENT, &problem.meaning);
        let dots = if self.view.unicode { "…" } else { "..." };
        let evidence = excerpt(&found.sight, EVIDENCE_LENGTH, dots);
        self.paragraph(QUOTE, evidence.trim());
        self.paragraph(INDENT, &place(found));
        self.paragraph(INDENT, &format!("To do: {}", problem.remedy));
    }

    /// Writes the last lines of a log, which tell more than known problems where none of them is the cause.
    fn excerpt(&mut self, excerpt: &Excerpt) {
        let shown = counted(excerpt.lines.len(), "line");
        self.paragraph("", &format!("last {shown} of {}:", excerpt.title));
        for line in &excerpt.lines {
            self.paragraph(QUOTE, &clean_output(line, Colours::Removed));
        }
    }

    /// Writes a line that stays whole, so that it can be copied.
    fn line(&mut self, text: &str) {
        self.text.push_str(&clean(text));
        self.text.push('\n');
    }

    /// Writes text in lines that fit, each behind the same beginning.
    fn paragraph(&mut self, indent: &str, text: &str) {
        let room = self.view.columns.saturating_sub(indent.len()).max(1);
        for line in wrap(&clean(text), room) {
            self.text.push_str(indent);
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }
}

/// Says where a problem shows.
fn place(found: &Found<'_>) -> String {
    let line = found.sight.line.map(|line| format!(", line {line}"));
    let more = match found.count {
        0 | 1 => String::new(),
        count => format!("; {count} lines in all"),
    };
    format!("{}{}{more}", found.sight.file, line.unwrap_or_default())
}

/// Cuts text into lines of some columns, between words where that is possible.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut rest = word;
        loop {
            let line = lines.last_mut().expect("there is always a line");
            let gap = usize::from(!line.is_empty());
            let used = measure_text_width(line) + gap;
            if used + measure_text_width(rest) <= columns {
                line.push_str(&" ".repeat(gap));
                line.push_str(rest);
                break;
            }
            if gap == 0 {
                let fits = fitting(rest, columns);
                line.push_str(&rest[..fits]);
                rest = &rest[fits..];
                if rest.is_empty() {
                    break;
                }
            }
            lines.push(String::new());
        }
    }
    lines
}

/// Returns how many bytes of a word fit into some columns: at least one character.
fn fitting(word: &str, columns: usize) -> usize {
    let ends = word.char_indices().map(|(at, c)| at + c.len_utf8());
    let fitting = ends.take_while(|end| measure_text_width(&word[..*end]) <= columns);
    let first = word.chars().next().map_or(0, char::len_utf8);
    fitting.last().unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            event::RunFinished,
            outcome::{Outcome, StageResult, Trouble},
            problem::{Library, Place, Search},
            run::RunId,
            stage::Stage,
        },
        render::sample,
    };

    const VIEW: View = View {
        columns: 80,
        all: false,
        unicode: true,
    };

    /// Makes a run that failed at its install, with an end.
    fn story(verdict: Option<Verdict>) -> Story {
        let log = "starting\nno database\nno database\n";
        let trouble = Trouble::recipe("restart-loop", "`app` is in a restart loop: 3 tasks ended")
            .because("task: non-zero exit (1)")
            .excerpt("01-install/service-app.log", log, 2);
        let stage = StageResult {
            stage: Stage::Install,
            outcome: Outcome::Fail,
            skip: None,
            trouble: Some(trouble),
            duration_ms: 0,
            checks: Vec::new(),
            log: None,
            not_selected: Vec::new(),
        };
        let finished = |verdict| RunFinished {
            verdict,
            leaked: 2,
            ..RunFinished::count(&[])
        };
        Story {
            id: Some(RunId::from_number(7)),
            recipe: Some("wordpress".into()),
            label: Some("2.14.0+6.8.1".into()),
            started: Some(
                sample::event(crate::model::event::Fact::Waiting {
                    what: String::new(),
                })
                .ts,
            ),
            stages: vec![stage],
            finished: verdict.map(finished),
            reproduce: Some("ccci test wordpress --ref 8f3c1d2 --keep failed".into()),
            ..Story::default()
        }
    }

    /// Explains a run by lines of its database's log.
    fn explained(verdict: Option<Verdict>, log: &[&str], view: View) -> String {
        let library = Library::known();
        let mut search = Search::new(&library);
        let story = story(verdict);
        for line in story.report_lines() {
            search.look(Place::Report, ("report.json", None), &line);
        }
        let file = "01-install/service-db.log";
        for (number, line) in (1..).zip(log) {
            search.look(Place::Service, (file, Some(number)), line);
        }
        let explained = Explained {
            story: &story,
            is_alive: false,
            found: &search.finish(),
            evidence: "/var/lib/ccci/runs/92222/01-install",
        };
        render(&explained, view)
    }

    #[test]
    fn a_cause_is_told_before_what_follows_from_it() {
        let log = [
            "FATAL:  database files are incompatible with server",
            "DETAIL:  The data directory was initialized by PostgreSQL version 12, which is not compatible with this version 14.6 (Debian 14.6-1.pgdg110+1).",
        ];
        insta::assert_snapshot!(explained(Some(Verdict::Fail), &log, VIEW), @"
        Run 92222 of wordpress 2.14.0+6.8.1 failed at install, 2026-01-02 15:04 UTC
        error: `app` is in a restart loop: 3 tasks ended

        1. postgres-other-version: cause, a matter of the recipe
           The data was written by another major version of PostgreSQL, which the new
           one cannot read.
           | FATAL: database files are incompatible with server
           01-install/service-db.log, line 1; 2 lines in all
           To do: Keep the major version, or move the data over: dump it with the old
           version and restore it with the new one, or `pg_upgrade`.

        2. restart-loop: symptom, a matter of the recipe
           A service ends each time soon after it started; the last lines of its log
           tell why.
           | restart-loop: `app` is in a restart loop: 3 tasks ended
           report.json
           To do: Read the end of the service's log; run the image's command by hand
           with the same environment.

        evidence: /var/lib/ccci/runs/92222/01-install
        reproduce: ccci test wordpress --ref 8f3c1d2 --keep failed
        ");
    }

    #[test]
    fn where_only_symptoms_show_the_end_of_the_log_is_told() {
        insta::assert_snapshot!(explained(Some(Verdict::Fail), &[], VIEW), @"
        Run 92222 of wordpress 2.14.0+6.8.1 failed at install, 2026-01-02 15:04 UTC
        error: `app` is in a restart loop: 3 tasks ended

        1. restart-loop: symptom, a matter of the recipe
           A service ends each time soon after it started; the last lines of its log
           tell why.
           | restart-loop: `app` is in a restart loop: 3 tasks ended
           report.json
           To do: Read the end of the service's log; run the image's command by hand
           with the same environment.

        last 2 lines of 01-install/service-app.log:
           | no database
           | no database
        evidence: /var/lib/ccci/runs/92222/01-install
        reproduce: ccci test wordpress --ref 8f3c1d2 --keep failed
        ");
    }

    #[test]
    fn how_a_run_ended_is_told_also_where_nothing_is_to_be_found() {
        let ends = [
            Some(Verdict::Pass),
            Some(Verdict::Leak),
            Some(Verdict::Cancelled),
        ];
        let text: String = ends.map(|end| explained(end, &[], VIEW)).join("");
        insta::assert_snapshot!(text, @"
        Run 92222 of wordpress 2.14.0+6.8.1 passed, 2026-01-02 15:04 UTC
        Run 92222 of wordpress 2.14.0+6.8.1 passed, and left something behind,
        2026-01-02 15:04 UTC
        2 objects could not be removed: run `ccci teardown 92222`
        Run 92222 of wordpress 2.14.0+6.8.1 was cancelled at install, 2026-01-02 15:04
        UTC
        ");
        let crashed = explained(None, &[], VIEW);
        let head: Vec<_> = crashed.lines().take(3).collect();
        insta::assert_snapshot!(head.join("\n"), @"
        Run 92222 of wordpress 2.14.0+6.8.1 ended without saying how: it was killed, or
        it crashed, 2026-01-02 15:04 UTC
        What it left is removed by `ccci janitor`.
        ");
        let nothing = Explained {
            story: &Story::default(),
            is_alive: true,
            found: &[],
            evidence: "/x",
        };
        insta::assert_snapshot!(render(&nothing, VIEW), @"
        Run still goes on

        No known problem shows in what the run left.
        evidence: /x
        ");
    }

    #[test]
    fn more_than_a_few_problems_are_told_on_request() {
        let log = [
            "no space left on device",
            "exec format error",
            "Read-only file system",
            "database is locked",
            "too many open files",
            "java.lang.OutOfMemoryError",
        ];
        let few = explained(Some(Verdict::Broken), &log, VIEW);
        assert!(few.contains("\n5. ") && !few.contains("\n6. "), "{few}");
        assert!(
            few.contains("\n2 more: ccci explain 92222 --all\n"),
            "{few}"
        );
        let all = explained(Some(Verdict::Broken), &log, View { all: true, ..VIEW });
        assert!(all.contains("\n7. ") && !all.contains("more: "), "{all}");
    }

    #[test]
    fn nothing_acts_on_the_terminal_and_text_stays_within_its_columns() {
        let long = format!("exec format error \u{1b}[2J\u{202e}{}", "ü".repeat(300));
        for columns in [1, 10, 40, 80] {
            let view = View { columns, ..VIEW };
            let text = explained(Some(Verdict::Fail), &[&long], view);
            assert!(
                !text.contains(|c: char| c.is_control() && c != '\n'),
                "{text:?}"
            );
            let quoted = text.lines().filter(|line| line.starts_with(QUOTE));
            let room = columns.max(QUOTE.len() + 1);
            assert!(quoted.clone().count() > 2);
            for line in quoted {
                assert!(measure_text_width(line) <= room, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn words_are_kept_whole_where_they_fit() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("漢字", 1), ["漢", "字"]);
    }
}
