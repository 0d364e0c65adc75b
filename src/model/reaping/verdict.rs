//! What becomes of an app without a living run, and why, in words.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Serialize, Serializer};

/// What becomes of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is removed.
    Reap(Cause),
    /// It stays.
    Spare(Excuse),
}

/// Why an app is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its run is gone.
    Orphan,
    /// Its run is gone, and processes of that run are not.
    Strays,
    /// It was kept until a time that is over.
    Expired(Timestamp),
    /// It is of another host, and old enough.
    Old,
    /// It was removed, and a volume of it was born late.
    Late,
    /// Somebody named it.
    Asked,
}

/// Why an app stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// Its run is alive.
    Live,
    /// It is kept until a time.
    Kept(Timestamp),
    /// It is of another host, and too young.
    Young,
    /// Its age is not known.
    Ageless,
    /// It came into being in the future.
    Future,
    /// Nothing but its name says that it is ours.
    Unrecorded,
    /// It is a canonical or an always-on app.
    Warm,
    /// Its name is not that of a run's app.
    Foreign,
    /// A newer ccci wrote its journal.
    Newer,
    /// Another process removes it.
    Busy,
    /// A signal came first.
    Interrupted,
}

impl Verdict {
    /// Returns the verdict's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reap(_) => "reap",
            Self::Spare(_) => "spare",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Reap(Cause::Orphan) => "its run is gone",
            Self::Reap(Cause::Strays) => "its run is gone, and processes of it are not",
            Self::Reap(Cause::Old) => "no run of this host, and old",
            Self::Reap(Cause::Late) => "late leak: a volume was born after the app was removed",
            Self::Reap(Cause::Asked) => "asked for by name",
            Self::Reap(Cause::Expired(until)) => {
                return write!(f, "its time is over: kept until {}", minute(*until));
            }
            Self::Spare(Excuse::Kept(until)) => return write!(f, "kept until {}", minute(*until)),
            Self::Spare(excuse) => excuse.text(),
        };
        f.write_str(text)
    }
}

impl Excuse {
    /// Returns the excuse for people, without its time.
    const fn text(self) -> &'static str {
        match self {
            Self::Live => "its run is alive",
            Self::Kept(_) => "kept",
            Self::Young => "no run of this host, and too young",
            Self::Ageless => "no run of this host, and of unknown age",
            Self::Future => "no run of this host, and made in the future",
            Self::Unrecorded => {
                "no record of it here, and the base domain is not declared as ccci's alone"
            }
            Self::Warm => "a warm app",
            Self::Foreign => "not named as a run's app",
            Self::Newer => "its journal was made by a newer ccci",
            Self::Busy => "another process is at it",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Shows a time to the minute.
fn minute(time: Timestamp) -> impl fmt::Display {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC")
}
