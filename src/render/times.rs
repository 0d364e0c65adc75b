//! Durations as the lines of a run show them, from milliseconds.

/// Returns a duration in seven columns, as ` 1m 49s` or `    41s`.
pub(crate) fn padded(ms: u64) -> String {
    let (hours, minutes, seconds) = split(ms);
    match (hours, minutes) {
        (0, 0) if seconds < 10 => format!("{:>4}.{}s", seconds, ms % 1000 / 100),
        (0, 0) => format!("{seconds:>6}s"),
        (0, _) => format!("{minutes:>2}m {seconds:02}s"),
        _ => format!("{hours:>2}h {minutes:02}m"),
    }
}

/// Returns a lower bound in seven columns, as `> 3m 0s`.
pub(crate) fn at_least(ms: u64) -> String {
    let (hours, minutes, seconds) = split(ms);
    match (hours, minutes) {
        (0, 0) => format!(">{seconds:>5}s"),
        (0, _) => format!(">{minutes:>2}m{seconds:>2}s"),
        _ => format!(">{hours:>2}h{minutes:>2}m"),
    }
}

/// Returns a duration inside a sentence, as `1m 39s` or `30s`.
pub(crate) fn short(ms: u64) -> String {
    let (hours, minutes, seconds) = split(ms);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m {seconds}s"),
        _ => format!("{hours}h {minutes}m"),
    }
}

/// Returns a duration as a clock, as `00:05:12`.
pub(crate) fn clock(ms: u64) -> String {
    let (hours, minutes, seconds) = split(ms);
    format!("{hours:02}:{minutes:02}:{seconds:02}")
}

/// Splits milliseconds into hours, minutes and seconds.
const fn split(ms: u64) -> (u64, u64, u64) {
    let seconds = ms / 1000;
    (seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_to_their_columns() {
        let all = [0, 900, 9_900, 41_000, 109_000, 598_000, 3_720_000];
        let shown = all.map(padded).join("|");
        assert_eq!(
            shown,
            "   0.0s|   0.9s|   9.9s|    41s| 1m 49s| 9m 58s| 1h 02m"
        );
        assert!(all.iter().all(|ms| padded(*ms).len() == 7));
    }

    #[test]
    fn a_lower_bound_says_so() {
        let all = [30_000, 180_000, 630_000, 3_720_000];
        assert_eq!(
            all.map(at_least).join("|"),
            ">   30s|> 3m 0s|>10m30s|> 1h 2m"
        );
        assert!(all.iter().all(|ms| at_least(*ms).len() == 7));
    }

    #[test]
    fn sentences_and_clocks_have_their_own_forms() {
        assert_eq!(short(99_000), "1m 39s");
        assert_eq!(short(3_720_000), "1h 2m");
        assert_eq!(clock(312_000), "00:05:12");
    }
}
