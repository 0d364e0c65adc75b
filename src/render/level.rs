//! How much of a run is shown: the settings that choose, and the choice itself.

use crate::model::display::{FinalStatusLevel, OutputWhen, StatusLevel};

/// How loud ccci is altogether.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Nothing but the exit code (`-qq`).
    Silent,
    /// Failures and the summary; the live region stays (`-q`).
    Quiet,
    /// Every result and what goes on.
    #[default]
    Normal,
    /// Commands and lines of children too (`-v`).
    Verbose,
}

/// What decides whether a line is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// What goes on, for those who have no live region.
    Progress,
    /// Worth knowing unless ccci was asked to be quiet.
    Info,
    /// A result of this level.
    Result(StatusLevel),
    /// Shown unless ccci is silent.
    Vital,
}

/// Everything that chooses among lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Levels {
    /// How loud ccci is.
    pub(crate) verbosity: Verbosity,
    /// The results shown at once.
    pub(crate) status: StatusLevel,
    /// The results repeated at the end.
    pub(crate) final_status: FinalStatusLevel,
    /// When the evidence of a failure is shown.
    pub(crate) failure_output: OutputWhen,
    /// When the evidence of a pass is shown.
    pub(crate) success_output: OutputWhen,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            verbosity: Verbosity::Normal,
            status: StatusLevel::default(),
            final_status: FinalStatusLevel::default(),
            failure_output: OutputWhen::Immediate,
            success_output: OutputWhen::Never,
        }
    }
}

impl Levels {
    /// Tells whether a line of this weight is shown.
    pub(crate) fn show(self, weight: Weight) -> bool {
        match (self.verbosity, weight) {
            (Verbosity::Silent, _) | (Verbosity::Quiet, Weight::Progress | Weight::Info) => false,
            (Verbosity::Quiet, Weight::Result(level)) => {
                level <= self.status && matches!(level, StatusLevel::Fail | StatusLevel::Leak)
            }
            (_, Weight::Result(level)) => level <= self.status,
            (_, Weight::Vital | Weight::Progress | Weight::Info) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [StatusLevel; 8] = [
        StatusLevel::None,
        StatusLevel::Fail,
        StatusLevel::Try,
        StatusLevel::Slow,
        StatusLevel::Leak,
        StatusLevel::Pass,
        StatusLevel::Skip,
        StatusLevel::All,
    ];

    fn shown(verbosity: Verbosity, status: StatusLevel) -> Vec<Weight> {
        let levels = Levels {
            verbosity,
            status,
            ..Levels::default()
        };
        let results = ALL.iter().skip(1);
        let weights = [Weight::Progress, Weight::Info, Weight::Vital]
            .into_iter()
            .chain(results.map(|level| Weight::Result(*level)));
        weights.filter(|weight| levels.show(*weight)).collect()
    }

    #[test]
    fn each_level_shows_all_before_it() {
        let count = |status| shown(Verbosity::Normal, status).len() - 3;
        let counts = ALL.map(count);
        assert_eq!(counts, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn quiet_keeps_failures_leaks_and_what_is_vital() {
        assert_eq!(
            shown(Verbosity::Quiet, StatusLevel::All),
            [
                Weight::Vital,
                Weight::Result(StatusLevel::Fail),
                Weight::Result(StatusLevel::Leak)
            ]
        );
        assert_eq!(shown(Verbosity::Silent, StatusLevel::All), []);
    }
}
