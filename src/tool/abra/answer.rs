//! How a call of abra ended, by what it printed: pure parsers, made from the samples in their tests.
//!
//! Marks tell how sure a text is: R+ fairly sure, R medium. None means that it was seen.

use crate::sys::process::Output;

/// What starts the line of a fatal error.
const FATAL: &str = "FATA";
/// The system's ENOTTY: a table was to be printed and there is no terminal.
const NOT_A_TERMINAL: &str = "inappropriate ioctl for device";
/// Before the name of a secret that a deploy lacks and that can be generated.
const NOT_GENERATED: &str = "secret not generated: ";
/// Before the name of a secret that a deploy lacks and that somebody has to insert.
const NOT_INSERTED: &str = "secret not inserted (#generate=false): ";
/// R: ends `app secret generate` like a failure when there was nothing to do.
pub(super) const NO_SECRETS: &str = "no secrets to generate";
/// R: what old and new argument parsers say of a flag or command that they do not know.
const MISUNDERSTOOD: [&str; 6] = [
    "unknown flag",
    "unknown shorthand flag",
    "unknown command",
    "flag provided but not defined",
    "unexpected argument",
    "incorrect usage",
];
/// R: what abra, the backup bot or its restic say of a path that a snapshot does not hold.
const NOT_IN_SNAPSHOT: [&str; 3] = [
    "nothing at that path",
    "not found in snapshot",
    "path not found",
];
/// R+: what a question looks like that wants a yes or a no, in lower case.
const CHOICES: [&str; 2] = ["(y/n)", "[y/n]"];
/// R+: how the lines begin of what abra asks its questions with.
const ASKING: &str = "? ";
/// How many of the last lines of both streams are searched.
const LAST_LINES: usize = 100;

/// What a call printed, but for the lists that are read elsewhere.
pub(super) struct Answer {
    /// The exit was success.
    ok: bool,
    /// The exit in words.
    exit: String,
    /// The error stream.
    errors: String,
    /// The last lines of both streams; none of a call whose output is secret.
    tail: String,
}

impl Answer {
    /// Takes what matters from the output of a call.
    pub(super) fn of(output: &Output) -> Self {
        Self {
            ok: output.ok(),
            exit: output.exit.to_string(),
            errors: plain(&output.stderr_text()),
            tail: plain(&output.tail(LAST_LINES)),
        }
    }

    /// Returns why the call failed, or nothing when it did not.
    ///
    /// A line with `FATA` is a failure whatever the exit, but on the error stream alone when that is success: the other
    /// one may hold the output of a recipe's hooks.
    pub(super) fn failure(&self) -> Option<String> {
        if self.ok {
            return fatal(&self.errors);
        }
        if self.mentions(&[NO_SECRETS]) {
            return None;
        }
        let said = [fatal, last_line].into_iter().find_map(|reads| {
            let said = reads(&self.errors);
            said.or_else(|| reads(&self.tail))
        });
        let said = said.unwrap_or_else(|| self.exit.clone());
        Some(match self.question() {
            Some(question) if question != said => format!("{said}, having asked `{question}`"),
            Some(_) | None => said,
        })
    }

    /// Returns the last question that was asked: nobody answers, so a call that asks may wait for ever.
    pub(super) fn question(&self) -> Option<String> {
        let is_question = |line: &&str| {
            let asked = line.to_lowercase();
            asked.starts_with(ASKING) || CHOICES.iter().any(|choice| asked.contains(choice))
        };
        let mut lines = self.tail.lines().chain(self.errors.lines()).rev();
        lines.find_map(|line| Some(line.trim()).filter(is_question).map(str::to_owned))
    }

    /// Tells whether the call failed for want of a terminal.
    pub(super) fn wants_terminal(&self) -> bool {
        self.failure().is_some() && self.mentions(&[NOT_A_TERMINAL])
    }

    /// Tells whether the call failed because a snapshot does not hold a path.
    pub(super) fn is_not_in_snapshot(&self) -> bool {
        self.failure().is_some() && self.mentions(&NOT_IN_SNAPSHOT)
    }

    /// Tells whether one of some texts was printed.
    fn mentions(&self, texts: &[&str]) -> bool {
        let printed = format!("{}\n{}", self.errors, self.tail).to_lowercase();
        texts.iter().any(|text| printed.contains(text))
    }
}

/// Returns the version from what `--version` prints.
pub(super) fn version(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    let word = line.split_whitespace().last()?;
    word.contains(|c: char| c.is_ascii_digit()).then_some(word)
}

/// Tells whether a failure means that this abra does not work as ccci expects, which no recipe is to blame for.
pub(super) fn is_misunderstanding(said: &str) -> bool {
    let said = said.to_lowercase();
    let mut texts = MISUNDERSTOOD.iter().chain([&NOT_A_TERMINAL]);
    texts.any(|text| said.contains(text))
}

/// Returns the name of the secret whose lack stopped a deploy, with whether it may be generated.
pub(super) fn missing_secret(said: &str) -> Option<(String, bool)> {
    let name = |marker: &str| {
        let (_, rest) = said.split_once(marker)?;
        let name = rest.split_whitespace().next()?;
        Some(name.trim_matches(['`', '"', '\'', ',', '.']).to_owned())
    };
    let generated = name(NOT_GENERATED).map(|name| (name, true));
    generated.or_else(|| name(NOT_INSERTED).map(|name| (name, false)))
}

/// Returns a text without colours and other commands to a terminal.
pub(super) fn plain(text: &str) -> String {
    console::strip_ansi_codes(text).replace('\r', "")
}

/// Returns the text of the last fatal line, without what stands before it.
fn fatal(text: &str) -> Option<String> {
    let mut lines = text.lines().rev().map(str::trim);
    let rest = lines.find_map(|line| line.strip_prefix(FATAL))?;
    // Some logs put seconds there, as in `FATA[0001] text` (R).
    let seconds = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let said = seconds.map_or(rest, |(_, text)| text).trim();
    Some(said.to_owned())
}

/// Returns the last line that is not blank.
fn last_line(text: &str) -> Option<String> {
    let mut lines = text.lines().rev().map(str::trim);
    lines.find(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(ok: bool, errors: &str, tail: &str) -> Answer {
        Answer {
            ok,
            exit: "exit code 1".into(),
            errors: plain(errors),
            tail: plain(tail),
        }
    }

    #[test]
    fn the_version_is_the_last_word_of_the_line() {
        let text = "abra version 0.13.0-beta-06a57de\n";
        assert_eq!(version(text), Some("0.13.0-beta-06a57de"));
        assert_eq!(version("\n"), None);
        assert_eq!(version("usage: abra\n"), None);
    }

    #[test]
    fn a_question_is_told_with_the_failure_that_it_ended_in() {
        let answer = ended(false, "FATA EOF\n", "INFO deploying\n? proceed? (y/N) \n");
        let said = answer.failure().unwrap();
        assert_eq!(said, "EOF, having asked `? proceed? (y/N)`");
        assert_eq!(
            ended(false, "Really [Y/n]", "").question().unwrap(),
            "Really [Y/n]"
        );
        assert_eq!(ended(false, "", "is that so?\n").question(), None);
    }

    #[test]
    fn a_fatal_line_is_a_failure_whatever_the_exit() {
        let errors = "INFO deploying\n\u{1b}[31mFATA\u{1b}[0m deploy failed\r\n";
        let said = Some("deploy failed".to_owned());
        assert_eq!(ended(false, errors, "").failure(), said);
        assert_eq!(ended(true, errors, "").failure(), said);
        let old = "FATA[0001] deploy failed\n";
        assert_eq!(ended(false, old, "").failure(), said);
        assert_eq!(
            ended(true, "WARN A missing from x.env\n", "").failure(),
            None
        );
    }

    #[test]
    fn what_a_hook_prints_is_no_failure_of_a_call_that_went_well() {
        assert_eq!(ended(true, "", "FATA in a dump\n").failure(), None);
        let said = ended(false, "", "FATA in the bot\n").failure();
        assert_eq!(said.as_deref(), Some("in the bot"));
    }

    #[test]
    fn an_exit_that_is_not_zero_fails_even_without_a_word() {
        let said = ended(false, "panic: x\n\n", "").failure();
        assert_eq!(said.as_deref(), Some("panic: x"));
        assert_eq!(
            ended(false, "", "").failure().as_deref(),
            Some("exit code 1")
        );
    }

    #[test]
    fn having_no_secret_to_generate_is_no_failure() {
        let answer = ended(false, "WARN no secrets to generate, aborting..\n", "");
        assert_eq!(answer.failure(), None);
    }

    #[test]
    fn a_call_that_wants_a_terminal_is_told_from_others() {
        assert!(ended(false, "FATA inappropriate ioctl for device\n", "").wants_terminal());
        assert!(!ended(true, "", "inappropriate ioctl for device").wants_terminal());
        assert!(!ended(false, "FATA deploy failed\n", "").wants_terminal());
    }

    #[test]
    fn a_path_that_a_snapshot_lacks_is_told_from_a_bot_that_fails() {
        let restic = "Fatal: cannot dump file: path \"/x\" not found in snapshot\n";
        assert!(ended(false, "FATA exit status 1\n", restic).is_not_in_snapshot());
        assert!(!ended(false, "FATA no backup bot discovered\n", "").is_not_in_snapshot());
    }

    #[test]
    fn a_missing_secret_is_named_with_its_kind() {
        let inserted = "secret not inserted (#generate=false): smtp_password";
        assert_eq!(
            missing_secret(inserted),
            Some(("smtp_password".into(), false))
        );
        let generated = "secret not generated: `db_password`, run app secret generate";
        assert_eq!(
            missing_secret(generated),
            Some(("db_password".into(), true))
        );
        assert_eq!(missing_secret("deploy failed"), None);
    }

    #[test]
    fn a_flag_that_abra_does_not_know_is_no_fault_of_a_recipe() {
        assert!(is_misunderstanding("unknown flag: --snapshot"));
        assert!(is_misunderstanding(
            "Incorrect Usage: flag provided but not defined: -x"
        ));
        assert!(!is_misunderstanding("deploy failed"));
    }
}
