//! How a run is shown: the choices that flags make and the terminal obeys.

/// When text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorWhen {
    /// As the environment and the terminal say.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
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

/// Down to which outcome results are shown while the run goes on, each level with all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusLevel {
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FinalStatusLevel {
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputWhen {
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
    pub const fn is_immediate(self) -> bool {
        matches!(self, Self::Immediate | Self::ImmediateFinal)
    }

    /// Tells whether evidence is shown at the end.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Final | Self::ImmediateFinal)
    }
}
