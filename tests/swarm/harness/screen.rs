//! What the screen says in plain mode: every line has one of few forms.

/// The status words, which end at the twelfth column.
const WORDS: [&str; 23] = [
    "Promoted",
    "Put back",
    "Starting",
    "Requires",
    "Released",
    "Run",
    "Logs",
    "Waiting",
    "START",
    "PASS",
    "FAIL",
    "SLOW",
    "TERMINATING",
    "TIMEOUT",
    "FLAKY",
    "SKIP",
    "BROKEN",
    "LEAK",
    "Teardown",
    "Kept",
    "Summary",
    "Report",
    "Cancelling",
];
/// The words before a colon in an evidence block or below a message.
const BLOCK_WORDS: [&str; 8] = [
    "error",
    "caused by",
    "hint",
    "log",
    "reproduce",
    "pass",
    "fail",
    "flaky",
];
/// The words before a colon at the margin.
const MARGIN_WORDS: [&str; 3] = ["error", "warning", "note"];
/// How many lines the evidence of a stage may have.
pub(crate) const EVIDENCE_LIMIT: usize = 10;

/// Asserts that each line has a form that is known.
#[track_caller]
pub(crate) fn check_grammar(screen: &str) {
    for line in screen.lines() {
        assert!(
            has_form(line),
            "a line of no known form: `{line}`\n{screen}"
        );
    }
}

/// Returns the evidence shown below the line of a stage: everything down to the command that does it again.
#[track_caller]
pub(crate) fn evidence<'a>(screen: &'a str, stage_line: &str) -> Vec<&'a str> {
    let mut lines = screen.lines().skip_while(|line| !line.contains(stage_line));
    assert!(lines.next().is_some(), "no line `{stage_line}`:\n{screen}");
    let mut block = Vec::new();
    for line in lines {
        block.push(line);
        if line.starts_with("    reproduce: ") {
            return block;
        }
    }
    panic!("no command to reproduce below `{stage_line}`:\n{screen}");
}

/// Tells whether a line has one of the forms.
fn has_form(line: &str) -> bool {
    let block = line.trim_start();
    let depth = line.len() - block.len();
    let word_of = |words: &[&str]| {
        words.iter().any(|word| {
            block
                .strip_prefix(word)
                .is_some_and(|rest| rest.starts_with(':'))
        })
    };
    is_status(line)
        || depth == 13
        || depth == 0 && word_of(&MARGIN_WORDS)
        || (depth == 4 || depth == 6) && word_of(&BLOCK_WORDS)
        || depth == 4 && (block.starts_with("| ") || block == "|")
        || depth == 4 && block.starts_with("── ") && block.ends_with(" ──")
        || line == "─".repeat(12)
        || is_echo(line)
}

/// Tells whether a line is what `-v` passes on of a child: the recipe, perhaps the stage, a bar.
fn is_echo(line: &str) -> bool {
    let prefix = line.split_once(" |").map(|(prefix, _)| prefix);
    prefix.is_some_and(|prefix| !prefix.is_empty() && !prefix.contains(' '))
}

/// Tells whether a line begins with a status word that ends at the twelfth column.
fn is_status(line: &str) -> bool {
    let Some((word, rest)) = line.split_at_checked(12) else {
        return false;
    };
    let word = word.trim_start();
    let tries = word.starts_with("TRY ") || word.starts_with("FLAKY ");
    rest.starts_with(' ') && (WORDS.contains(&word) || tries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_no_form_is_told_from_those_that_have_one() {
        for line in [
            "        PASS [ 1m 49s] (1/5) wordpress install",
            "  TRY 1 FAIL [ 1m 49s] wordpress custom: test_x.sh",
            "             app 0/1 preparing",
            "    ── 03-backup/hook.log, last 2 of 9 lines ──",
            "      caused by: it was empty",
            "error: recipe `x` failed",
        ] {
            assert!(has_form(line), "{line}");
        }
        for line in [
            "thread 'main' panicked at src/main.rs",
            "PASS x",
            "         PASS x",
            "Error: no such file",
            "    oops",
        ] {
            assert!(!has_form(line), "{line}");
        }
    }
}
