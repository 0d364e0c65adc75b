//! Decides how progress is shown, from the flag and what is around.

use crate::model::display::Progress;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
