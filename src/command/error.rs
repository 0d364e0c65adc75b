//! The top error: its kind decides the exit code, its cause and hint are what people read.

use std::io;

use anyhow::anyhow;

use crate::{
    config, exit,
    lifecycle::{classify, origin, runner},
    model::{
        outcome::{Fault, Trouble},
        recipe::Invalid,
    },
    sys::{interrupt::Signal, process},
    tool::{deployer, docker::client},
};

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) struct Error {
    /// What kind of error it is.
    pub(crate) kind: Kind,
    /// A stable word in kebab case.
    pub(crate) word: String,
    /// What happened, with its causes.
    pub(crate) cause: anyhow::Error,
    /// What to do, in one imperative sentence.
    pub(crate) hint: Option<String>,
}

/// The kinds of errors, each with an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command line or the environment.
    Usage,
    /// Nothing was selected.
    NothingSelected,
    /// A configuration or a recipe cannot be read.
    Configuration,
    /// No verdict, a retry is sensible.
    Broken,
    /// A lock is held.
    Busy,
    /// An answer is needed and cannot be asked for.
    Refused,
    /// Output cannot be written.
    Output,
    /// A signal came.
    Cancelled(Signal),
    /// What nobody foresaw.
    Internal,
}

impl Kind {
    /// Returns the kind's stable word.
    const fn word(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::NothingSelected => "nothing-selected",
            Self::Configuration => "configuration",
            Self::Broken => "broken",
            Self::Busy => "busy",
            Self::Refused => "refused",
            Self::Output => "output",
            Self::Cancelled(_) => "interrupted",
            Self::Internal => "internal",
        }
    }

    /// Returns who is at fault.
    const fn fault(self) -> Fault {
        match self {
            Self::Usage | Self::NothingSelected | Self::Configuration | Self::Refused => {
                Fault::Config
            }
            Self::Broken | Self::Busy | Self::Output | Self::Internal => Fault::Broken,
            Self::Cancelled(_) => Fault::User,
        }
    }
}

impl Error {
    /// Makes an error of a kind.
    pub(crate) fn new(kind: Kind, cause: impl Into<anyhow::Error>) -> Self {
        Self {
            kind,
            word: kind.word().to_owned(),
            cause: cause.into(),
            hint: None,
        }
    }

    /// Makes an error of what the system did not give to ccci itself; a machine that is short of it is broken.
    pub(crate) fn not_given(doing: &'static str, error: io::Error) -> Self {
        let kind = if process::is_shortage(&error) {
            Kind::Broken
        } else {
            Kind::Internal
        };
        Self::new(kind, anyhow::Error::new(error).context(doing))
    }

    /// Makes an error from a message alone.
    pub(crate) fn say(kind: Kind, message: impl Into<String>) -> Self {
        Self::new(kind, anyhow!(message.into()))
    }

    /// Sets the hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        match self.kind {
            Kind::Usage => exit::USAGE,
            Kind::NothingSelected => exit::NOTHING_SELECTED,
            Kind::Configuration => exit::CONFIGURATION,
            Kind::Broken => exit::BROKEN,
            Kind::Busy => exit::BUSY,
            Kind::Refused => exit::REFUSED,
            Kind::Output => exit::OUTPUT,
            Kind::Cancelled(signal) => signal.exit_code(),
            Kind::Internal => exit::UNEXPECTED,
        }
    }

    /// Returns the same as what people and programs read of a run.
    pub(crate) fn trouble(&self) -> Trouble {
        let mut chain = self.cause.chain().map(ToString::to_string);
        let message = chain.next().unwrap_or_default();
        let mut trouble = Trouble::new(self.kind.fault(), &self.word, message);
        trouble.causes.extend(chain);
        trouble.hint.clone_from(&self.hint);
        trouble
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        let kind = match trouble.fault {
            Fault::Config => Kind::Configuration,
            Fault::Recipe | Fault::Broken | Fault::User | Fault::None => Kind::Broken,
        };
        let innermost_first = trouble.causes.into_iter().rev();
        let cause = innermost_first.fold(None, |cause: Option<anyhow::Error>, text| {
            Some(match cause {
                Some(cause) => cause.context(text),
                None => anyhow!(text),
            })
        });
        let cause = match cause {
            Some(cause) => cause.context(trouble.message),
            None => anyhow!(trouble.message),
        };
        Self {
            kind,
            word: trouble.code,
            cause,
            hint: trouble.hint,
        }
    }
}

impl From<config::error::Error> for Error {
    fn from(error: config::error::Error) -> Self {
        let kind = if error.is_usage() {
            Kind::Usage
        } else {
            Kind::Configuration
        };
        let hint = error.hint();
        Self {
            hint,
            ..Self::new(kind, error)
        }
    }
}

impl From<Invalid> for Error {
    fn from(error: Invalid) -> Self {
        Self::new(Kind::Usage, error)
    }
}

impl From<origin::Error> for Error {
    fn from(error: origin::Error) -> Self {
        match error {
            origin::Error::Invalid(invalid) => Self::from(invalid),
            origin::Error::Kept(error) => Self::from(error),
            origin::Error::Upstream { .. } | origin::Error::NoUrl(_) => {
                Self::new(Kind::Configuration, error)
            }
            origin::Error::Directory(_) => Self::new(Kind::Usage, error)
                .hint("give the directory as the argument, in place of `--src`"),
        }
    }
}

impl From<process::Error> for Error {
    fn from(error: process::Error) -> Self {
        Self::new(Kind::Broken, error)
    }
}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        Self::from(crate::lifecycle::classify::docker_error(&error))
    }
}

impl From<deployer::Error> for Error {
    fn from(error: deployer::Error) -> Self {
        classify::deployer_error("asking for the deployer's version", &error).into()
    }
}

impl From<runner::Error> for Error {
    fn from(error: runner::Error) -> Self {
        match error {
            runner::Error::Refused(trouble) => Self::from(*trouble),
            runner::Error::Busy { .. } => Self::new(Kind::Busy, error)
                .hint("wait for it with `--wait 10m`, or test another ref"),
            runner::Error::State { .. } => Self::new(Kind::Broken, error),
            runner::Error::Interrupted => Self::new(Kind::Cancelled(Signal::Int), error),
        }
    }
}

/// Returns the exit code of a run that could not begin.
pub(crate) fn code_of_run(error: &runner::Error) -> u8 {
    match error {
        runner::Error::Refused(trouble) => Error::from((**trouble).clone()).code(),
        runner::Error::Busy { .. } => exit::BUSY,
        runner::Error::State { .. } => exit::BROKEN,
        runner::Error::Interrupted => Signal::Int.exit_code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_exit_code() {
        let codes = [
            (Kind::Usage, 2),
            (Kind::NothingSelected, 4),
            (Kind::Configuration, 102),
            (Kind::Broken, 103),
            (Kind::Busy, 105),
            (Kind::Refused, 106),
            (Kind::Output, 110),
            (Kind::Cancelled(Signal::Term), 143),
            (Kind::Internal, 1),
        ];
        for (kind, code) in codes {
            assert_eq!(Error::say(kind, "x").code(), code, "{kind:?}");
        }
    }

    #[test]
    fn a_machine_that_is_short_of_threads_is_broken() {
        let again = io::Error::from(rustix::io::Errno::AGAIN);
        assert_eq!(Error::not_given("failed to start", again).code(), 103);
        let other = io::Error::other("x");
        assert_eq!(Error::not_given("failed to start", other).code(), 1);
    }

    #[test]
    fn a_trouble_is_what_it_was_before() {
        let trouble = Trouble::broken("no-swarm", "no swarm here")
            .because("first")
            .because("second")
            .hint("run `docker swarm init`");
        let error = Error::from(trouble.clone());
        assert_eq!((error.kind, error.code()), (Kind::Broken, 103));
        assert_eq!(error.trouble(), trouble);
    }

    #[test]
    fn the_fault_of_a_setting_is_told_from_that_of_a_machine() {
        let trouble = Trouble::new(Fault::Config, "program-missing", "no `abra`");
        assert_eq!(Error::from(trouble).code(), 102);
    }

    #[test]
    fn a_busy_app_says_how_to_wait() {
        let error = Error::from(runner::Error::Busy {
            domain: "a-1.example.org".parse().unwrap(),
            holder: "run k7m2q".to_owned(),
        });
        assert_eq!(error.code(), 105);
        assert!(error.hint.unwrap().contains("--wait"));
    }
}
