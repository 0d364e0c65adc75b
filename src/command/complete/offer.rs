//! What is offered for a word, and which words a shell may be given at all.

use std::ffi::OsStr;

use clap_complete::engine::CompletionCandidate;

/// The characters besides letters and digits that no shell reads as anything but themselves.
const PLAIN: &str = "_-./+=:,@%";
/// What a word must not begin with: a flag, a command of zsh, a job, a variable of PowerShell.
const BAD_BEGINNINGS: [char; 4] = ['-', '=', '%', '@'];

/// One word that may stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The word.
    pub(super) word: String,
    /// What is said of it.
    pub(super) help: String,
}

impl Offer {
    /// Offers a word.
    pub(super) fn new(word: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            word: word.into(),
            help: help.into(),
        }
    }
}

/// Returns the words that go on from what is typed.
pub(super) fn fitting(typed: &OsStr, offers: Vec<Offer>) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else {
        return Vec::new();
    };
    let offers = offers
        .into_iter()
        .filter(|offer| is_safe(typed, &offer.word));
    let candidate = |offer: Offer| {
        let help = (!offer.help.is_empty()).then(|| offer.help.into());
        CompletionCandidate::new(offer.word).help(help)
    };
    offers.map(candidate).collect()
}

/// Returns the lists that go on from what is typed: words with commas between them, each once.
pub(super) fn fitting_lists(typed: &OsStr, offers: Vec<Offer>) -> Vec<CompletionCandidate> {
    let before = typed.to_str().and_then(|typed| typed.rsplit_once(','));
    let Some((before, _)) = before else {
        return fitting(typed, offers);
    };
    let given: Vec<&str> = before.split(',').collect();
    let others = offers
        .into_iter()
        .filter(|offer| !given.contains(&offer.word.as_str()));
    let lists = others.map(|offer| Offer::new(format!("{before},{}", offer.word), offer.help));
    fitting(typed, lists.collect())
}

/// Tells whether a shell may be given a word that goes on from what is typed.
///
/// Names come from checkouts that anybody may have written, and bash takes them as if they were typed: what it would
/// read as more than a name is left out. What somebody typed already is theirs.
pub(super) fn is_safe(typed: &str, word: &str) -> bool {
    let Some(rest) = word.strip_prefix(typed) else {
        return false;
    };
    let plain = rest
        .chars()
        .all(|c| c.is_alphanumeric() || PLAIN.contains(c));
    plain && (!typed.is_empty() || !word.starts_with(BAD_BEGINNINGS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the words that are offered.
    fn words(candidates: &[CompletionCandidate]) -> Vec<String> {
        let words = candidates.iter().map(CompletionCandidate::get_value);
        words
            .map(|word| word.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn what_a_shell_would_read_as_more_than_a_name_is_left_out() {
        let bad = [
            "$(touch x)",
            "`x`",
            "a b",
            "a\nb",
            "a\u{1b}[2J",
            "-rf",
            "~root",
            "=ls",
            "%1",
            "a;b",
            "a|b",
            "a&b",
            "a>b",
            "*",
            "a?",
            "{a,b}",
            "[a]",
            "!!",
            "a'b",
            "a\"b",
            "a\\b",
            "#x",
            "a\u{202e}b",
            "^a^b",
            "a\tb",
            "(a)",
        ];
        for word in bad {
            assert!(!is_safe("", word), "{word}");
        }
        for word in [
            "wordpress",
            "./wordpress/",
            "1.0.0+6.4",
            "test_a.py::test_b",
            "größe/",
        ] {
            assert!(is_safe("", word), "{word}");
        }
    }

    #[test]
    fn what_somebody_typed_is_theirs() {
        assert!(is_safe("~/", "~/recipes/"));
        assert!(is_safe("a b/", "a b/c"));
        assert!(!is_safe("~/", "~/$(x)"));
        assert!(!is_safe("x", "wordpress"));
    }

    #[test]
    fn a_list_goes_on_with_what_it_does_not_hold() {
        let offers = || {
            ["install", "upgrade"]
                .map(|word| Offer::new(word, ""))
                .to_vec()
        };
        let of = |typed: &str| words(&fitting_lists(OsStr::new(typed), offers()));
        assert_eq!(of(""), ["install", "upgrade"]);
        assert_eq!(of("install,"), ["install,upgrade"]);
        assert_eq!(of("install,u"), ["install,upgrade"]);
        assert_eq!(of("install,upgrade,"), [""; 0]);
    }
}
