//! Decides how progress and colour are shown, from flags, the terminal and the environment's values.

use clap::ValueEnum;

/// What `--progress` can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// Live on a terminal outside of CI, plain elsewhere.
    #[default]
    Auto,
    /// A region that is redrawn.
    Live,
    /// Lines alone, with a heartbeat.
    Plain,
    /// Results alone.
    None,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Permanent lines above a region that is redrawn.
    Live,
    /// Lines for each change, and a heartbeat.
    Plain,
    /// Results alone.
    Results,
}

/// What the mode is decided from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    /// Whether stderr is a terminal that can move its cursor: `TERM` is not `dumb`.
    pub(crate) terminal: bool,
    /// Whether this is CI.
    pub(crate) ci: bool,
    /// Whether child output passes through as it is.
    pub(crate) no_capture: bool,
}

/// The mode, and what to say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The mode.
    pub(crate) mode: Mode,
    /// A warning for whoever asked for what cannot be.
    pub(crate) warning: Option<&'static str>,
}

/// Chooses the mode.
///
/// | flag | terminal, not CI, captured | otherwise |
/// |---|---|---|
/// | auto | live | plain |
/// | live | live | plain, with a warning |
/// | plain | plain | plain |
/// | none | results | results |
pub(crate) fn choose(progress: Progress, around: Surroundings) -> Choice {
    let can_draw = around.terminal && !around.ci && !around.no_capture;
    let (mode, warning) = match progress {
        Progress::Auto | Progress::Live if can_draw => (Mode::Live, None),
        Progress::Auto | Progress::Plain => (Mode::Plain, None),
        Progress::Live => (Mode::Plain, Some(why_plain(around))),
        Progress::None => (Mode::Results, None),
    };
    Choice { mode, warning }
}

/// Says why the live region that was asked for is not drawn.
const fn why_plain(around: Surroundings) -> &'static str {
    if around.no_capture {
        "`--no-capture` leaves no place for a live region, so progress is plain"
    } else if around.ci {
        "this is CI, so progress is plain"
    } else {
        "stderr is no terminal, so progress is plain"
    }
}

/// What `--color` can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// As the environment and the terminal say.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Decides whether a stream gets colour, by the flag, a lookup of the environment, and whether the stream is a terminal.
///
/// The first that speaks wins: `--color`, `CCCI_COLOR`, a `NO_COLOR` that is not empty, `CLICOLOR_FORCE` or `FORCE_COLOR`, the terminal.
pub(crate) fn wants_colour(
    flag: Color,
    env: impl Fn(&str) -> Option<String>,
    terminal: bool,
) -> bool {
    let own = || env("CCCI_COLOR").and_then(|word| Color::from_str(&word, true).ok());
    let spoken = [Some(flag), own()].into_iter().flatten();
    match spoken.into_iter().find(|color| *color != Color::Auto) {
        Some(color) => return color == Color::Always,
        None if env("NO_COLOR").is_some_and(|value| !value.is_empty()) => return false,
        None => {}
    }
    let forces = |name: &str| env(name).is_some_and(|value| !value.is_empty() && value != "0");
    if forces("CLICOLOR_FORCE") || forces("FORCE_COLOR") {
        return true;
    }
    terminal && env("TERM").is_none_or(|term| term != "dumb")
}

/// Variables whose presence means CI.
const CI_MARKS: [&str; 5] = [
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "DRONE",
    "BUILDKITE",
    "JENKINS_URL",
];

/// Tells whether this is CI, by a lookup of the environment.
pub(crate) fn is_ci(env: impl Fn(&str) -> Option<String>) -> bool {
    let says_so = |value: String| !matches!(value.as_str(), "" | "0" | "false");
    let marked = |name: &&str| env(name).is_some_and(|value| !value.is_empty());
    env("CI").is_some_and(says_so) || CI_MARKS.iter().any(marked)
}

/// Tells whether the locale writes UTF-8, by a lookup of the environment.
pub(crate) fn is_utf8(env: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &&str| env(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set);
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks names up in `NAME=value` words.
    fn env(words: &'static str) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let mut pairs = words.split(' ').filter_map(|word| word.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        }
    }

    #[test]
    fn the_mode_follows_its_table() {
        for bits in 0..8 {
            let around = Surroundings {
                terminal: bits & 1 != 0,
                ci: bits & 2 != 0,
                no_capture: bits & 4 != 0,
            };
            let can_draw = bits == 1;
            let plain_or_live = if can_draw { Mode::Live } else { Mode::Plain };
            let expected = [
                (Progress::Auto, plain_or_live, false),
                (Progress::Live, plain_or_live, !can_draw),
                (Progress::Plain, Mode::Plain, false),
                (Progress::None, Mode::Results, false),
            ];
            for (progress, mode, warned) in expected {
                let choice = choose(progress, around);
                assert_eq!(choice.mode, mode, "{progress:?} {around:?}");
                assert_eq!(choice.warning.is_some(), warned, "{progress:?} {around:?}");
            }
        }
    }

    #[test]
    fn the_first_that_speaks_of_colour_wins() {
        let none = "TERM=xterm";
        assert!(wants_colour(Color::Always, env("NO_COLOR=1"), false));
        assert!(!wants_colour(Color::Never, env("FORCE_COLOR=1"), true));
        assert!(wants_colour(
            Color::Auto,
            env("CCCI_COLOR=always NO_COLOR=1"),
            false
        ));
        assert!(!wants_colour(
            Color::Auto,
            env("CCCI_COLOR=never FORCE_COLOR=1"),
            true
        ));
        assert!(!wants_colour(
            Color::Auto,
            env("CCCI_COLOR=auto NO_COLOR=1"),
            true
        ));
        assert!(!wants_colour(
            Color::Auto,
            env("NO_COLOR=1 FORCE_COLOR=1"),
            true
        ));
        assert!(wants_colour(
            Color::Auto,
            env("NO_COLOR= CLICOLOR_FORCE=1"),
            false
        ));
        assert!(wants_colour(Color::Auto, env("FORCE_COLOR=1"), false));
        assert!(!wants_colour(Color::Auto, env("CLICOLOR_FORCE=0"), false));
        assert!(wants_colour(Color::Auto, env(none), true));
        assert!(!wants_colour(Color::Auto, env(none), false));
        assert!(!wants_colour(Color::Auto, env("TERM=dumb"), true));
    }

    #[test]
    fn ci_is_known_by_its_marks() {
        for words in [
            "CI=true",
            "CI=woodpecker",
            "DRONE=true",
            "JENKINS_URL=http://x",
            "CI=0 GITLAB_CI=1",
        ] {
            assert!(is_ci(env(words)), "{words}");
        }
        for words in ["", "CI=", "CI=0", "CI=false", "GITHUB_ACTIONS="] {
            assert!(!is_ci(env(words)), "{words}");
        }
    }

    #[test]
    fn the_strongest_locale_variable_decides() {
        assert!(is_utf8(env("LANG=en_GB.UTF-8")));
        assert!(is_utf8(env("LC_ALL= LANG=C.utf8")));
        assert!(!is_utf8(env("LC_ALL=C LANG=en_GB.UTF-8")));
        assert!(!is_utf8(env("")));
    }
}
