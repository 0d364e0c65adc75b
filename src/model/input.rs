//! What people type for durations, sizes, addresses and lists: text to type, with the rule in the error.

use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

use jiff::fmt::friendly::SpanParser;
use serde::Deserialize;

use super::{pattern::TestPattern, recipe::Invalid, stage::Stage};

/// The longest duration accepted, so that a deadline can always be computed.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The units of a size and how many bytes each has.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Reads a duration as people write it, as `90s`, `10m` or `1m 30s`: over zero, a year at most.
///
/// ```
/// use std::time::Duration;
/// use ccci::model::input::parse_duration;
/// assert_eq!(parse_duration("1m 30s").unwrap(), Duration::from_secs(90));
/// assert!(parse_duration("0s").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, Invalid> {
    let rule = "a duration over zero and of a year at most, as in `90s`, `10m`, `2h`, `30 days` or `1m 30s`";
    let invalid = || Invalid::new("duration", text, rule);
    let found = match whole_days(text) {
        Some(days) => days,
        None => SpanParser::new()
            .parse_unsigned_duration(text)
            .map_err(|_| invalid())?,
    };
    let fits = !found.is_zero() && found <= LONGEST;
    if fits { Ok(found) } else { Err(invalid()) }
}

/// Reads a number of days, which the parser of exact durations refuses because a day's length varies.
fn whole_days(text: &str) -> Option<Duration> {
    let number = text
        .strip_suffix("days")
        .or_else(|| text.strip_suffix("day"))
        .or_else(|| text.strip_suffix('d'))?;
    let days: u32 = number.trim().parse().ok()?;
    Some(Duration::from_secs(u64::from(days) * 24 * 60 * 60))
}

/// Reads a size in bytes, as `2 GiB`, `500MB` or `4096`.
///
/// ```
/// use ccci::model::input::parse_size;
/// assert_eq!(parse_size("2 GiB").unwrap(), 2 << 30);
/// assert!(parse_size("2 G").is_err());
/// ```
pub fn parse_size(text: &str) -> Result<u64, Invalid> {
    let rule =
        "bytes, or a whole number with a unit of kB, MB, GB, TB, KiB, MiB or GiB, as in `2 GiB`";
    let invalid = || Invalid::new("size", text, rule);
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().map_err(|_| invalid())?;
    let unit = match unit.trim() {
        "" => "B",
        other => other,
    };
    let factor = UNITS.iter().find(|(name, _)| *name == unit);
    factor
        .and_then(|(_, factor)| number.checked_mul(*factor))
        .ok_or_else(invalid)
}

/// Reads the number of a pull request.
pub fn parse_pr(text: &str) -> Result<u64, Invalid> {
    let rule = "a number from 1 to 18446744073709551615, as in `12`";
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| *number > 0 && plain);
    number.ok_or_else(|| Invalid::new("pull request", text, rule))
}

/// Reads how many recipes run side by side.
pub fn parse_jobs(text: &str) -> Result<u8, Invalid> {
    let number = text.parse().ok().filter(|number| (1..=64).contains(number));
    number.ok_or_else(|| Invalid::new("number of jobs", text, "a number from 1 to 64, as in `4`"))
}

/// Reads how often a failed test is tried again.
pub fn parse_retries(text: &str) -> Result<u8, Invalid> {
    let number = text.parse().ok().filter(|number| *number <= 10);
    let rule = "a number from 0 to 10, as in `2`";
    number.ok_or_else(|| Invalid::new("number of retries", text, rule))
}

/// Reads how often each test file is run.
pub fn parse_repeats(text: &str) -> Result<u16, Invalid> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (2..=1000).contains(number));
    let rule = "a number from 2 to 1000, as in `20`";
    number.ok_or_else(|| Invalid::new("number of tries", text, rule))
}

/// Reads patterns of tests separated by commas.
pub fn parse_patterns(text: &str) -> Result<Vec<TestPattern>, Invalid> {
    text.split(',').map(|word| word.trim().parse()).collect()
}

/// Reads stages separated by commas or blanks, and returns them in the order they run.
pub fn parse_stages(text: &str) -> Result<Vec<Stage>, Invalid> {
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    let mut stages = words.map(str::parse).collect::<Result<Vec<Stage>, _>>()?;
    stages.sort_unstable();
    stages.dedup();
    if stages.is_empty() {
        let rule =
            "at least one of install, upgrade, backup, restore, custom, as in `install,upgrade`";
        return Err(Invalid::new("list of stages", text, rule));
    }
    Ok(stages)
}

/// An address that is connected to in place of what DNS says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The IP address.
    pub ip: IpAddr,
    /// The port, where it is not the scheme's own.
    pub port: Option<u16>,
}

impl FromStr for Address {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Ok(ip) = text.parse() {
            return Ok(Self { ip, port: None });
        }
        let socket: Result<std::net::SocketAddr, _> = text.parse();
        match socket {
            Ok(socket) if socket.port() != 0 => Ok(Self {
                ip: socket.ip(),
                port: Some(socket.port()),
            }),
            _ => Err(Invalid::new(
                "address",
                text,
                "an IP address with or without a port, as in `203.0.113.7`, `203.0.113.7:8443` or `[2001:db8::7]:8443`",
            )),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}", std::net::SocketAddr::new(self.ip, port)),
            None => write!(f, "{}", self.ip),
        }
    }
}

/// A flag that was typed, rather than taken from the environment or left at its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedFlag {
    /// Its long name.
    pub long: String,
    /// The variable that stands for it.
    pub variable: String,
    /// Its value as typed; `true` for a flag that takes none.
    pub text: String,
}

/// A duration in a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeLimit(pub Duration);

impl TryFrom<String> for TimeLimit {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        parse_duration(&text).map(Self)
    }
}

/// A size in a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ByteSize(pub u64);

impl TryFrom<String> for ByteSize {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        parse_size(&text).map(Self)
    }
}

/// What deploys the app, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeployerChoice {
    /// abra where it is on `PATH`, else Docker alone.
    Auto,
    /// The real abra.
    Abra,
    /// Docker alone, built in.
    Docker,
}

/// How the app is reached, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IngressChoice {
    /// The proxy where something publishes port 443 on its network, else directly.
    Auto,
    /// Through the proxy.
    Proxy,
    /// At the task's own address.
    Direct,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let seconds = |text| parse_duration(text).unwrap().as_secs();
        assert_eq!(seconds("90s"), 90);
        assert_eq!(seconds("10m"), 600);
        assert_eq!(seconds("2h"), 7200);
        assert_eq!(seconds("1m 30s"), 90);
        assert_eq!(seconds("30 days"), 30 * 86_400);
    }

    #[test]
    fn a_duration_is_over_zero_and_bounded() {
        for bad in [
            "",
            "-1",
            "0",
            "0s",
            "5",
            "5 bananas",
            "1e999",
            "-5m",
            "5m ago",
            "400 days",
        ] {
            let error = parse_duration(bad).unwrap_err().to_string();
            assert!(error.contains("as in `90s`"), "{bad:?}: {error}");
        }
    }

    #[test]
    fn a_size_has_a_known_unit() {
        assert_eq!(parse_size("1 GB"), Ok(1_000_000_000));
        assert_eq!(parse_size("4096"), Ok(4096));
        for bad in ["", "GB", "-1", "1.5 GB", "1 gb", "99999999999 TB"] {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_number_of_a_pull_request_states_its_range() {
        for bad in ["0", "-1", "+1", "", "18446744073709551616", "1.0"] {
            let error = parse_pr(bad).unwrap_err().to_string();
            assert!(error.contains("from 1 to 18446744073709551615"), "{bad:?}");
        }
        assert_eq!(parse_pr("12"), Ok(12));
    }

    #[test]
    fn stages_come_in_the_order_they_run() {
        assert_eq!(
            parse_stages("upgrade, install,upgrade"),
            Ok(vec![Stage::Install, Stage::Upgrade])
        );
        assert!(parse_stages("").is_err());
        assert!(parse_stages("install,deploy").is_err());
    }

    #[test]
    fn patterns_are_separated_by_commas_and_none_is_empty() {
        let read = |text| parse_patterns(text).map(|all| all.len());
        assert_eq!(read("login"), Ok(1));
        assert_eq!(read("login, test_*.sh,a.py::b"), Ok(3));
        for bad in ["", ",", "login,", "a,,b"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_address_is_written_as_it_was_read() {
        for good in [
            "203.0.113.7",
            "203.0.113.7:8443",
            "[2001:db8::7]:8443",
            "::1",
        ] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in ["", "example.org", "203.0.113.7:0", "203.0.113.7:99999"] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,20}") {
            let _ = parse_duration(&text);
            let _ = parse_size(&text);
            prop_assert!(parse_pr(&text).map_or(true, |number| number > 0));
        }
    }
}
