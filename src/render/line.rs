//! One line of a run: its status word, its colour, its place in the columns.

use console::{Style, truncate_str};

use super::{clean::clean, level::Weight};

/// How many columns the status word has.
const WORD_COLUMNS: usize = 12;
/// How many characters the rule above the summary has.
const RULE_LENGTH: usize = 12;

/// What a status word says, by colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Green: it passed.
    Good,
    /// Red: it failed.
    Bad,
    /// Magenta: a try, a flaky or a broken result.
    Odd,
    /// Yellow: slow, skipped or left behind.
    Warn,
    /// Cyan: all else.
    Info,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A status word, right-aligned, then text.
    Status,
    /// Text below the text of a status line.
    Below,
    /// Text of an evidence block, four columns in.
    Block,
    /// A line of somebody else's log: the mark before it keeps it from looking like one of ours.
    Quote,
    /// Where the lines that follow are from.
    Title,
    /// A word and a colon at the margin, then text.
    Message,
    /// The rule above the summary.
    Rule,
}

/// How lines are written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    /// Whether colour is on.
    pub(crate) colour: bool,
    /// Whether characters beyond ASCII may be used for rules and dots.
    pub(crate) unicode: bool,
    /// The home directory, shown as `~`.
    pub(crate) home: Option<String>,
}

/// One line, before colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What decides whether it is shown.
    pub(crate) weight: Weight,
    /// Its form.
    form: Form,
    /// Its colour.
    tone: Tone,
    /// Its word, as `PASS`, `error` or `log`.
    word: String,
    /// What follows, from anywhere: it is cleaned when it is written.
    text: String,
}

impl Line {
    /// Makes a line with a status word in 12 columns.
    pub(crate) fn status(
        weight: Weight,
        (word, tone): (&str, Tone),
        text: impl Into<String>,
    ) -> Self {
        Self::new(weight, Form::Status, tone, (word, text.into()))
    }

    /// Makes a line that stands below the text of a status line.
    pub(crate) fn below(weight: Weight, text: impl Into<String>) -> Self {
        Self::new(weight, Form::Below, Tone::Info, ("", text.into()))
    }

    /// Makes a line of an evidence block, a word before a colon, then text.
    pub(crate) fn block(
        weight: Weight,
        (word, tone): (&str, Tone),
        text: impl Into<String>,
    ) -> Self {
        Self::new(weight, Form::Block, tone, (word, text.into()))
    }

    /// Makes a line quoted from a log.
    pub(crate) fn quote(weight: Weight, text: impl Into<String>) -> Self {
        Self::new(weight, Form::Quote, Tone::Info, ("", text.into()))
    }

    /// Makes the title above quoted lines.
    pub(crate) fn title(weight: Weight, text: impl Into<String>) -> Self {
        Self::new(weight, Form::Title, Tone::Info, ("", text.into()))
    }

    /// Makes a message at the margin: a word, a colon, a text.
    pub(crate) fn message(
        weight: Weight,
        (word, tone): (&str, Tone),
        text: impl Into<String>,
    ) -> Self {
        Self::new(weight, Form::Message, tone, (word, text.into()))
    }

    /// Makes the rule above the summary.
    pub(crate) fn rule() -> Self {
        Self::new(Weight::Vital, Form::Rule, Tone::Info, ("", String::new()))
    }

    /// Puts the parts together.
    fn new(weight: Weight, form: Form, tone: Tone, (word, text): (&str, String)) -> Self {
        let word = word.to_owned();
        Self {
            weight,
            form,
            tone,
            word,
            text,
        }
    }

    /// Returns the line as it is written, without its end.
    pub(crate) fn paint(&self, look: &Look) -> String {
        let text = clean(&self.text);
        let word = clean(&self.word);
        let gap = if text.is_empty() { "" } else { " " };
        match self.form {
            Form::Status => {
                let word = colour(&format!("{word:>WORD_COLUMNS$}"), self.tone, look);
                format!("{word}{gap}{text}")
            }
            Form::Below => format!("{:WORD_COLUMNS$} {text}", ""),
            Form::Quote => format!("    |{gap}{text}"),
            Form::Title if look.unicode => format!("    ── {text} ──"),
            Form::Title => format!("    -- {text} --"),
            Form::Block => {
                // The chain of causes stands below the error.
                let indent = if word == "caused by" {
                    "      "
                } else {
                    "    "
                };
                format!(
                    "{indent}{}{gap}{text}",
                    colour(&format!("{word}:"), self.tone, look)
                )
            }
            Form::Message => {
                format!(
                    "{}{gap}{text}",
                    colour(&format!("{word}:"), self.tone, look)
                )
            }
            Form::Rule if look.unicode => "─".repeat(RULE_LENGTH),
            Form::Rule => "-".repeat(RULE_LENGTH),
        }
    }
}

/// Colours a word, when colour is on.
pub(super) fn colour(word: &str, tone: Tone, look: &Look) -> String {
    if !look.colour {
        return word.to_owned();
    }
    let style = Style::new().force_styling(true).bold();
    let style = match tone {
        Tone::Good => style.green(),
        Tone::Bad => style.red(),
        Tone::Odd => style.magenta(),
        Tone::Warn => style.yellow(),
        Tone::Info => style.cyan(),
    };
    style.apply_to(word).to_string()
}

/// Cuts a line to a number of columns, with dots where something is missing.
pub(crate) fn cut(line: &str, columns: usize, look: &Look) -> String {
    truncate_str(line, columns, dots(look)).into_owned()
}

/// Returns the dots that stand for more.
pub(crate) const fn dots(look: &Look) -> &'static str {
    if look.unicode { "…" } else { "..." }
}

/// Returns a path with the home directory as `~`.
pub(crate) fn shown_path(path: &str, look: &Look) -> String {
    let home = look.home.as_deref().filter(|home| home.len() > 1);
    let below = home.and_then(|home| path.strip_prefix(home));
    match below {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_ends_at_the_twelfth_column() {
        let line = Line::status(Weight::Vital, ("PASS", Tone::Good), "[ 1m 49s] n8n install");
        assert_eq!(
            line.paint(&Look::default()),
            "        PASS [ 1m 49s] n8n install"
        );
        let below = Line::below(Weight::Vital, "app 0/1 starting");
        assert_eq!(
            below.paint(&Look::default()),
            "             app 0/1 starting"
        );
    }

    #[test]
    fn colour_changes_the_word_alone() {
        let look = Look {
            colour: true,
            ..Look::default()
        };
        let line = Line::status(Weight::Vital, ("FAIL", Tone::Bad), "x").paint(&look);
        assert_eq!(line, "\u{1b}[31m\u{1b}[1m        FAIL\u{1b}[0m x");
        assert_eq!(console::strip_ansi_codes(&line), "        FAIL x");
    }

    #[test]
    fn rules_and_dots_have_an_ascii_form() {
        let unicode = Look {
            unicode: true,
            ..Look::default()
        };
        assert_eq!(Line::rule().paint(&unicode), "────────────");
        assert_eq!(Line::rule().paint(&Look::default()), "------------");
        assert_eq!(cut("abcdefgh", 5, &unicode), "abcd…");
        assert_eq!(cut("abcdefgh", 5, &Look::default()), "ab...");
    }

    #[test]
    fn no_byte_in_a_text_makes_a_second_line_or_a_sequence() {
        for byte in 0..=255u8 {
            let text = String::from_utf8_lossy(&[b'a', byte, b'b']).into_owned();
            for line in [
                Line::status(Weight::Vital, (&text, Tone::Good), &text),
                Line::below(Weight::Vital, &text),
                Line::block(Weight::Vital, (&text, Tone::Bad), &text),
                Line::message(Weight::Vital, (&text, Tone::Bad), &text),
                Line::quote(Weight::Vital, &text),
                Line::title(Weight::Vital, &text),
            ] {
                let painted = line.paint(&Look::default());
                assert!(
                    !painted.chars().any(char::is_control),
                    "byte {byte}: {painted:?}"
                );
            }
        }
    }

    #[test]
    fn only_the_home_itself_becomes_a_tilde() {
        let look = Look {
            home: Some("/home/ada".into()),
            ..Look::default()
        };
        assert_eq!(shown_path("/home/ada/x", &look), "~/x");
        assert_eq!(shown_path("/home/adam/x", &look), "/home/adam/x");
    }
}
