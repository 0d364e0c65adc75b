//! How much of a run is shown: the settings that choose, and the choice itself.

use clap::ValueEnum;

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

/// Down to which outcome results are shown while the run goes on, each level with all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum StatusLevel {
    /// No results.
    None,
    /// Stages and checks that failed, timed out or are broken.
    Fail,
    /// Tries that failed and were repeated.
    Try,
    /// Stages over their warning time.
    Slow,
    /// Objects left behind.
    Leak,
    /// Stages that passed, and stages that were skipped with their reason.
    #[default]
    Pass,
    /// Checks that were skipped.
    Skip,
    /// Checks that passed.
    All,
}

/// Down to which outcome results are repeated at the end, each level with all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum FinalStatusLevel {
    /// No results.
    None,
    /// Stages that failed, timed out or are broken.
    Fail,
    /// Checks that passed on a later try.
    #[default]
    Flaky,
    /// Stages over their warning time.
    Slow,
    /// Objects left behind.
    Leak,
    /// Stages that passed.
    Pass,
    /// Stages that were skipped.
    Skip,
    /// Every check.
    All,
}

/// When the evidence of a result is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputWhen {
    /// With the result.
    #[default]
    Immediate,
    /// At the end.
    Final,
    /// With the result, and again at the end.
    ImmediateFinal,
    /// Not at all.
    Never,
}

impl OutputWhen {
    /// Tells whether evidence is shown with the result.
    pub(crate) const fn is_immediate(self) -> bool {
        matches!(self, Self::Immediate | Self::ImmediateFinal)
    }

    /// Tells whether evidence is shown at the end.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Final | Self::ImmediateFinal)
    }
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

    fn shown(verbosity: Verbosity, status: StatusLevel) -> Vec<Weight> {
        let levels = Levels {
            verbosity,
            status,
            ..Levels::default()
        };
        let results = StatusLevel::value_variants().iter().skip(1);
        let weights = [Weight::Progress, Weight::Info, Weight::Vital]
            .into_iter()
            .chain(results.map(|level| Weight::Result(*level)));
        weights.filter(|weight| levels.show(*weight)).collect()
    }

    #[test]
    fn each_level_shows_all_before_it() {
        let count = |status| shown(Verbosity::Normal, status).len() - 3;
        let counts: Vec<_> = StatusLevel::value_variants()
            .iter()
            .map(|l| count(*l))
            .collect();
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

    #[test]
    fn words_are_those_of_the_command_line() {
        assert_eq!(StatusLevel::from_str("leak", false), Ok(StatusLevel::Leak));
        assert_eq!(
            FinalStatusLevel::from_str("flaky", false),
            Ok(FinalStatusLevel::Flaky)
        );
        assert_eq!(
            OutputWhen::from_str("immediate-final", false),
            Ok(OutputWhen::ImmediateFinal)
        );
    }
}
