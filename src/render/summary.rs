//! The summary of a run as Markdown, for a page of CI.

use std::fmt::Write as _;

use super::{
    block::left_out,
    clean::clean,
    results::skip_text,
    running::{counted, revisions},
    times,
};
use crate::model::{
    dependency::Dependency,
    event::TeardownFinished,
    outcome::{CaseResult, CheckResult, StageResult, Trouble, Verdict},
    plan::PlannedStage,
    report::RunReport,
};

/// How many single tests that did not pass are listed.
const LISTED_CASES: usize = 50;

/// Returns the summary of a run.
///
/// The command that does it again is not part of the report, so it is given.
pub(crate) fn render(report: &RunReport, reproduce: Option<&str>) -> String {
    let mut page = Page(String::new());
    heading(&mut page, report);
    requires(&mut page, &report.dependencies);
    stages(&mut page, report);
    let first = report.stages.iter().find_map(|stage| {
        let trouble = stage.trouble.as_ref()?;
        Some((format!("Stage {}", stage.stage), trouble))
    });
    let whole = report
        .trouble
        .as_ref()
        .map(|trouble| ("The run".to_owned(), trouble));
    if let Some((title, trouble)) = first.or(whole) {
        page.paragraph(&format!("### {title}"));
        page.fence(&explained(trouble));
    }
    not_passed(&mut page, &report.stages);
    if let Some(command) = reproduce.filter(|_| !passed(report)) {
        page.paragraph("Reproduce:");
        page.fence(&[clean(command)]);
    }
    if !report.lint.is_empty() {
        page.paragraph("### Findings");
        let item = |found: &Trouble| format!("- {} ({})", code(&found.message), code(&found.code));
        let items: Vec<_> = report.lint.iter().map(item).collect();
        page.paragraph(&items.join("\n"));
    }
    if let Some(teardown) = &report.teardown {
        page.paragraph(&removed(teardown));
    }
    page.0
}

/// Tells whether the run passed.
fn passed(report: &RunReport) -> bool {
    report
        .finished
        .as_ref()
        .is_some_and(|finished| finished.verdict == Verdict::Pass)
}

/// Markdown that grows by whole paragraphs.
struct Page(String);

impl Page {
    /// Adds a paragraph of Markdown.
    fn paragraph(&mut self, markdown: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(markdown);
        self.0.push('\n');
    }

    /// Adds lines as they are, in a fence longer than any within them.
    fn fence(&mut self, lines: &[String]) {
        let text = lines.join("\n");
        let fence = "`".repeat(longest_run(&text).max(2) + 1);
        self.paragraph(&format!("{fence}text\n{text}\n{fence}"));
    }
}

/// Returns the length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Adds the verdict, the level and what was tested.
fn heading(page: &mut Page, report: &RunReport) {
    let plan = report.plan.as_ref();
    let recipe = plan.map_or("unknown", |plan| plan.recipe.as_str());
    let verdict = report
        .finished
        .as_ref()
        .map_or("unfinished", |finished| finished.verdict.word());
    page.paragraph(&format!("## {}: {verdict}", code(recipe)));
    let mut text = String::new();
    if let Some(finished) = &report.finished {
        let time = times::short(finished.duration_ms);
        let left_out = left_out(finished.not_selected);
        text = format!("Level {} of 5, {time}{left_out}. ", finished.level);
    }
    if let Some(plan) = plan {
        let tested = code(&revisions(plan));
        let deployer = plan.deployer.word();
        // Writing to a string cannot fail.
        let _ = write!(text, "Tested {tested}, deployed by {deployer}. ");
    }
    let _ = write!(text, "Run {}.", report.run_id);
    page.paragraph(&text);
}

/// Adds the recipes that were required, a line each.
fn requires(page: &mut Page, dependencies: &[Dependency]) {
    if dependencies.is_empty() {
        return;
    }
    let item = |one: &Dependency| {
        let (title, domain) = (code(&one.title()), code(one.domain.as_str()));
        let time = times::short(one.duration_ms);
        let came = if one.outcome.is_pass() {
            one.presence.word()
        } else {
            "did not provide"
        };
        let mut text = format!("- Requires {title} at {domain}: {came}, {time}");
        for left in &one.left {
            // Writing to a string cannot fail.
            let _ = write!(text, "; left behind: {}", code(left));
        }
        text
    };
    let items: Vec<_> = dependencies.iter().map(item).collect();
    page.paragraph(&items.join("\n"));
}

/// Adds the table of stages.
fn stages(page: &mut Page, report: &RunReport) {
    if report.stages.is_empty() {
        return;
    }
    let mut table = "| stage | outcome | time | |\n|---|---|---:|---|".to_owned();
    for stage in &report.stages {
        let detail = match (&stage.skip, &stage.trouble) {
            (Some(reason), _) => skip_text(reason),
            (None, Some(trouble)) => trouble.message.clone(),
            (None, None) if stage.checks.is_empty() => String::new(),
            (None, None) => counted(stage.checks.len(), "check"),
        };
        let detail = match stage.not_selected.len() {
            0 => detail,
            count if detail.is_empty() => format!("{count} not selected"),
            count => format!("{detail}; {count} not selected"),
        };
        let planned = report.plan.iter().flat_map(|plan| &plan.stages);
        let mut planned = planned.filter(|planned| planned.stage == stage.stage);
        let left_out = planned.find_map(PlannedStage::says_left_out);
        let detail = match left_out {
            Some(left_out) if detail.is_empty() => left_out,
            Some(left_out) => format!("{detail}; {left_out}"),
            None => detail,
        };
        let time = match stage.skip {
            Some(_) => String::new(),
            None => times::short(stage.duration_ms),
        };
        let (word, outcome) = (stage.stage, stage.outcome.word());
        // Writing to a string cannot fail.
        let _ = write!(
            table,
            "\n| {word} | {outcome} | {time} | {} |",
            cell(&detail)
        );
    }
    page.paragraph(&table);
}

/// Adds the single tests that did not pass, with what their runner says of each.
fn not_passed(page: &mut Page, stages: &[StageResult]) {
    let checks = stages.iter().flat_map(|stage| &stage.checks);
    let found: Vec<_> = checks
        .flat_map(|check| check.functions().map(move |function| (check, function)))
        .filter(|(_, function)| !function.outcome.is_pass())
        .collect();
    if found.is_empty() {
        return;
    }
    let item = |(check, function): &(&CheckResult, &CaseResult)| {
        let name = code(&format!("{}::{}", check.name, function.name));
        let message = function.message.as_deref().map(code);
        let message = message.map(|message| format!(": {message}"));
        let outcome = function.outcome.word();
        format!("- {name} ({outcome}){}", message.unwrap_or_default())
    };
    let mut items: Vec<_> = found.iter().take(LISTED_CASES).map(item).collect();
    if let Some(others) = found.len().checked_sub(LISTED_CASES).filter(|n| *n > 0) {
        items.push(format!("- and {others} more"));
    }
    page.paragraph("### Single tests that did not pass");
    page.paragraph(&items.join("\n"));
}

/// Returns a trouble in lines: the error, its causes, the hint and the lines that show it.
fn explained(trouble: &Trouble) -> Vec<String> {
    let causes = trouble
        .causes
        .iter()
        .map(|cause| format!("  caused by: {}", clean(cause)));
    let hint = trouble
        .hint
        .iter()
        .map(|hint| format!("hint: {}", clean(hint)));
    let mut lines = vec![format!("error: {}", clean(&trouble.message))];
    lines.extend(causes.chain(hint));
    if let Some(excerpt) = &trouble.excerpt {
        let title = clean(&excerpt.title);
        lines.push(format!(
            "{title}, last {} of {}:",
            excerpt.lines.len(),
            counted(excerpt.total, "line")
        ));
        lines.extend(
            excerpt
                .lines
                .iter()
                .map(|line| format!("| {}", clean(line))),
        );
    }
    lines
}

/// Returns how the teardown ended.
fn removed(teardown: &TeardownFinished) -> String {
    let count: usize = teardown.removed.values().sum();
    let time = times::short(teardown.duration_ms);
    let mut text = format!("Teardown removed {} in {time}.", counted(count, "object"));
    let left = teardown
        .left
        .iter()
        .map(|left| format!("left behind: {left}"));
    let vanished = teardown
        .vanished
        .iter()
        .map(|gone| format!("not ours and gone: {gone}"));
    let errors = teardown
        .errors
        .iter()
        .map(|error| format!("error: {error}"));
    for line in left.chain(vanished).chain(errors) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n- {}", code(&line));
    }
    text
}

/// Returns text from anywhere as inline code, in which nothing is a link, an image, a mention or HTML.
fn code(text: &str) -> String {
    let text = clean(text);
    if text.is_empty() {
        return text;
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with(['`', ' ']) || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Returns text from anywhere as inline code of a table, where a bar would end the cell even inside code.
fn cell(text: &str) -> String {
    code(&text.replace('|', "¦"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::dependency::Presence, render::dependencies::tests::dependency};
    use crate::{model::outcome::Outcome, render::sample};

    #[test]
    fn a_failing_run_tells_what_happened_and_how_to_do_it_again() {
        let page = render(&sample::report(), Some("ccci test wordpress --ref 8f3c1d2"));
        insta::assert_snapshot!(page, @r"
        ## `wordpress`: fail

        Level 2 of 5, 9m 58s. Tested `2.14.0+6.8.1 (8888888) from 2.13.1+6.8.0`, deployed by docker. Run 92222.

        | stage | outcome | time | |
        |---|---|---:|---|
        | install | pass | 1m 49s | `1 check` |
        | upgrade | pass | 1m 49s | `` generic checks left out by `skip-generic` `` |
        | backup | fail | 1m 49s | ``dump of `db` is empty`` |
        | restore | skip |  | `backup failed` |
        | custom | flaky | 1m 49s | `2 checks` |

        ### Stage backup

        ```text
        error: dump of `db` is empty
          caused by: `backup.sql` in volume `db-data` is 0 bytes
          caused by: pre-hook of service `db` exited 1
        hint: keep secret `db_root_password` at the version the base has
        03-backup/abra.log, last 2 of 58 lines:
        | mariadb-dump: Got error: 1045: Access denied
        |     PASS [ 1m 49s] (5/5) wordpress custom
        ```

        Reproduce:

        ```text
        ccci test wordpress --ref 8f3c1d2
        ```

        ### Findings

        - ``tag `2.14.0+6.8.1` has no message`` (`tag-not-annotated`)

        Teardown removed 7 objects in 22s.
        - `` left behind: volume `word-3fa91c_ci_example_org_db-data` ``
        ");
    }

    #[test]
    fn single_tests_that_did_not_pass_are_listed() {
        let mut report = sample::report();
        let functions = [
            sample::function("test_opens", Outcome::Pass, None),
            sample::function("test_slow", Outcome::Flaky, None),
            sample::function("test_user", Outcome::Fail, Some("`a` | <b> @all")),
            sample::function("test_mail", Outcome::Skip, None),
        ];
        report.stages[4].checks[0].cases = functions.into();
        let page = render(&report, None);
        let (_, list) = page
            .split_once("### Single tests that did not pass\n\n")
            .unwrap();
        let (list, _) = list.split_once("\n\n").unwrap();
        insta::assert_snapshot!(list, @r"
        - `test_custom_login.py::test_user` (fail): `` `a` | <b> @all ``
        - `test_custom_login.py::test_mail` (skip)
        ");
        let many = (0..60).map(|n| sample::function(&format!("t{n}"), Outcome::Fail, None));
        report.stages[4].checks[0].cases = many.collect();
        let page = render(&report, None);
        assert!(page.contains("(fail)\n- and 10 more\n"), "{page}");
    }

    #[test]
    fn required_recipes_are_listed_with_what_is_left_of_them() {
        let mut page = Page(String::new());
        let reused = dependency(Presence::Reused);
        let absent = Dependency {
            outcome: Outcome::Broken,
            left: vec!["volume `v`".to_owned()],
            ..dependency(Presence::Deployed)
        };
        requires(&mut page, &[]);
        requires(&mut page, &[reused, absent]);
        insta::assert_snapshot!(page.0, @r"
        - Requires `keycloak 10.0.1+26.1` at `keyc-0a1b2c.ci.example.org`: reused, 41s
        - Requires `keycloak 10.0.1+26.1` at `keyc-0a1b2c.ci.example.org`: did not provide, 41s; left behind: `` volume `v` ``
        ");
    }

    #[test]
    fn a_passing_run_has_nothing_to_reproduce() {
        let mut report = sample::report();
        report.stages.truncate(2);
        report.lint.clear();
        report.teardown = Some(sample::teardown(&[]));
        let results = report.stages.clone();
        report.finished = Some(sample::finished(&results, Verdict::Pass));
        insta::assert_snapshot!(render(&report, Some("ccci test wordpress")), @r"
        ## `wordpress`: pass

        Level 2 of 5, 9m 58s. Tested `2.14.0+6.8.1 (8888888) from 2.13.1+6.8.0`, deployed by docker. Run 92222.

        | stage | outcome | time | |
        |---|---|---:|---|
        | install | pass | 1m 49s | `1 check` |
        | upgrade | pass | 1m 49s | `` generic checks left out by `skip-generic` `` |

        Teardown removed 7 objects in 22s.
        ");
    }

    #[test]
    fn a_fence_is_longer_than_any_within_it() {
        let mut report = sample::report();
        let trouble = report.stages[2].trouble.take().unwrap();
        report.stages[2].trouble = Some(trouble.excerpt("log", "````\n<img src=x>\n@all", 5));
        let page = render(&report, None);
        assert!(page.contains("\n`````text\n"), "{page}");
        assert_eq!(page.matches("\n`````").count(), 2, "{page}");
    }

    #[test]
    fn text_from_a_recipe_is_code_and_nothing_else() {
        for hostile in [
            "@all ![x](http://x) <b>",
            "`@all`",
            "``",
            "a | b",
            "#12 [x](y)",
            " `x",
        ] {
            let shown = cell(hostile);
            let fence = shown.chars().take_while(|c| *c == '`').count();
            let inner = &shown[fence..shown.len() - fence];
            assert!(fence > 0 && longest_run(inner) != fence, "{shown}");
            assert!(!inner.starts_with('`') && !inner.ends_with('`'), "{shown}");
            assert!(!shown.contains('|'), "{shown}");
        }
    }

    #[test]
    fn no_byte_of_a_message_adds_a_row() {
        let rows = |page: &str| page.lines().count();
        let usual = rows(&render(&sample::report(), None));
        for byte in 0..=255u8 {
            let mut report = sample::report();
            let text = String::from_utf8_lossy(&[b'a', byte, b'b']).into_owned();
            report.stages[2].trouble.as_mut().unwrap().message = text;
            assert_eq!(rows(&render(&report, None)), usual, "byte {byte}");
        }
    }
}
