//! What a look at the host found, a line for each check, with the remedies below.

use console::measure_text_width;

use super::{
    level::Weight,
    line::{Line, Tone},
    running::counted,
};
use crate::model::diagnosis::{Diagnosis, Finding, Fix, State};

/// How many columns the name of a check has: that of the longest.
const NAME_COLUMNS: usize = 11;
/// How many columns the text behind it has, so that a line fits into 80.
const TEXT_COLUMNS: usize = LINE_COLUMNS - NAME_COLUMNS - 2;
/// How many columns follow the status word.
const LINE_COLUMNS: usize = 80 - 13;
/// How many columns a remedy has.
const REMEDY_COLUMNS: usize = LINE_COLUMNS - HINT.len();
/// What a remedy begins with.
const HINT: &str = "hint: ";

/// Returns the lines of a look at the host.
pub(crate) fn lines(diagnosis: &Diagnosis) -> Vec<Line> {
    let findings = diagnosis.findings.iter();
    let known = findings.filter(|finding| finding.state != State::Unknown);
    let end = [Line::rule(), conclusion(diagnosis)];
    known
        .flat_map(finding_lines)
        .chain(unknown(diagnosis))
        .chain(end)
        .chain(offer(diagnosis))
        .collect()
}

/// Returns the lines of what could not be asked, all that has the same reason together.
fn unknown(diagnosis: &Diagnosis) -> Vec<Line> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    let findings = diagnosis.findings.iter();
    for finding in findings.filter(|finding| finding.state == State::Unknown) {
        let title = finding.check.title();
        match groups.iter_mut().find(|(why, _)| *why == finding.found) {
            Some((_, titles)) => titles.push(title),
            None => groups.push((&finding.found, vec![title])),
        }
    }
    let mut lines = Vec::new();
    for (why, titles) in groups {
        let text = format!("{} not checked: {why}", listed(&titles));
        for (number, text) in wrap(&text, LINE_COLUMNS).into_iter().enumerate() {
            lines.push(if number == 0 {
                Line::status(Weight::Info, ("UNKNOWN", Tone::Odd), text)
            } else {
                Line::below(Weight::Info, text)
            });
        }
    }
    lines
}

/// Returns the lines of one check.
fn finding_lines(finding: &Finding) -> Vec<Line> {
    let (word, weight) = match finding.state {
        State::Ok => (("OK", Tone::Good), Weight::Info),
        State::Note => (("NOTE", Tone::Info), Weight::Info),
        State::Warning => (("WARNING", Tone::Warn), Weight::Info),
        State::Fail => (("FAIL", Tone::Bad), Weight::Vital),
        State::Unknown => (("UNKNOWN", Tone::Odd), Weight::Info),
    };
    let mut lines = Vec::new();
    for (number, text) in wrap(&finding.found, TEXT_COLUMNS).iter().enumerate() {
        lines.push(if number == 0 {
            let title = finding.check.title();
            Line::status(weight, word, format!("{title:NAME_COLUMNS$}  {text}"))
        } else {
            Line::below(weight, format!("{:NAME_COLUMNS$}  {text}", ""))
        });
    }
    let remedy = finding.remedy.as_deref().unwrap_or_default();
    for (number, text) in wrap(remedy, REMEDY_COLUMNS).iter().enumerate() {
        let head = if number == 0 { HINT } else { "" };
        let width = HINT.len();
        lines.push(Line::below(weight, format!("{head:width$}{text}")));
    }
    lines
}

/// Returns the line that sums up.
fn conclusion(diagnosis: &Diagnosis) -> Line {
    let count = |state, noun: &str| {
        let count = diagnosis.count(state);
        (count > 0).then(|| match noun {
            "ok" | "not checked" => format!("{count} {noun}"),
            noun => counted(count, noun),
        })
    };
    let counts = [
        count(State::Ok, "ok"),
        count(State::Note, "note"),
        count(State::Warning, "warning"),
        count(State::Unknown, "not checked"),
    ];
    let counts: Vec<_> = counts.into_iter().flatten().collect();
    let counts = counts.join(", ");
    if diagnosis.ready {
        let text = format!("to test recipes: {counts}");
        return Line::status(Weight::Vital, ("Ready", Tone::Good), text);
    }
    let failed = diagnosis.titles(State::Fail);
    let (what, verb) = match failed.len() {
        0 => (diagnosis.titles(State::Unknown), "gave no answer"),
        1 => (failed, "fails"),
        _ => (failed, "fail"),
    };
    let text = format!("to test recipes: {} {verb}; {counts}", listed(&what));
    Line::status(Weight::Vital, ("Not ready", Tone::Bad), text)
}

/// Says what ccci can mend of what fails.
fn offer(diagnosis: &Diagnosis) -> Option<Line> {
    let fixes = diagnosis.fixes().into_iter();
    let mut names: Vec<_> = fixes
        .filter(|(_, finding)| finding.state == State::Fail)
        .map(|(fix, _)| match fix {
            Fix::State => "the state directory",
            Fix::Swarm => "a swarm",
            Fix::Network => "the network",
        })
        .collect();
    names.dedup();
    let text = format!(
        "hint: run `ccci doctor --fix`, which makes {}",
        listed(&names)
    );
    (!names.is_empty()).then(|| Line::below(Weight::Vital, text))
}

/// Lists names as a sentence does.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Breaks a text into lines of so many columns; what stands in backticks is copied, and so never broken.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words(text) {
        match lines.last_mut() {
            Some(line) if measure_text_width(line) + 1 + measure_text_width(&word) <= columns => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Cuts a text at its blanks, but not within backticks.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if is_open => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        is_open ^= word.matches('`').count() % 2 == 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{diagnosis::Check, outcome::Trouble},
        render::line::Look,
    };

    fn shown(findings: Vec<Finding>) -> String {
        let lines = lines(&Diagnosis::new(findings));
        let text = lines.iter().map(|line| line.paint(&Look::default()) + "\n");
        text.collect()
    }

    #[test]
    fn a_host_that_is_ready_says_so_last() {
        let text = shown(vec![
            Finding::ok(Check::Docker, "28.2.2 at /usr/bin/docker"),
            Finding::ok(
                Check::EngineDisk,
                "a figure, and how it comes about that it has to be told in so many words",
            ),
            Finding::new(
                Check::Hurl,
                State::Note,
                "found no program `hurl`; no test kept here needs it",
            )
            .remedy("install hurl, or set `programs.hurl` to where it is"),
            Finding::new(
                Check::Leftovers,
                State::Warning,
                "2 apps are there whose run is gone",
            )
            .remedy("run `ccci janitor`"),
        ]);
        insta::assert_snapshot!(text, @"
                  OK docker       28.2.2 at /usr/bin/docker
                  OK engine disk  a figure, and how it comes about that it has to be
                                  told in so many words
                NOTE hurl         found no program `hurl`; no test kept here needs it
                     hint: install hurl, or set `programs.hurl` to where it is
             WARNING leftovers    2 apps are there whose run is gone
                     hint: run `ccci janitor`
        ------------
               Ready to test recipes: 2 ok, 1 note, 1 warning
        ");
    }

    #[test]
    fn a_host_that_is_not_ready_says_what_ccci_can_do() {
        let network = Trouble::broken(
            "no-proxy-network",
            "there is no network `proxy` on the swarm",
        )
        .hint("run `docker network create --driver overlay --attachable proxy`");
        let state = Trouble::broken("disk-full", "it is full").because("No space left on device");
        let text = shown(vec![
            Finding::fail(Check::Network, &network).fix(Fix::Network),
            Finding::unknown(Check::Addresses, "the network `proxy` is needed"),
            Finding::unknown(Check::Ingress, "the network `proxy` is needed"),
            Finding::fail(Check::StateDisk, &state),
        ]);
        insta::assert_snapshot!(text, @"
                FAIL network      there is no network `proxy` on the swarm
                     hint: run
                           `docker network create --driver overlay --attachable proxy`
                FAIL state disk   it is full: No space left on device
             UNKNOWN addresses and ingress not checked: the network `proxy` is needed
        ------------
           Not ready to test recipes: network and state disk fail; 2 not checked
                     hint: run `ccci doctor --fix`, which makes the network
        ");
    }

    #[test]
    fn a_host_that_gives_no_answer_is_not_ready() {
        let text = shown(vec![Finding::unknown(Check::Git, "no answer within 14s")]);
        insta::assert_snapshot!(text, @"
             UNKNOWN git not checked: no answer within 14s
        ------------
           Not ready to test recipes: git gave no answer; 1 not checked
        ");
    }

    #[test]
    fn lines_are_broken_at_blanks_and_never_within_a_command() {
        assert_eq!(wrap("a b `c d e` f", 6), ["a b", "`c d e`", "f"]);
        assert_eq!(wrap("a (`b c`), d", 10), ["a (`b c`),", "d"]);
        assert_eq!(wrap("", 6), [""; 0]);
    }
}
