//! Sizes as the lines of a run show them, from bytes.

/// Returns how far a copy has come, as `512 MB of 1.0 GB`.
pub(crate) fn share(done: u64, total: u64) -> String {
    format!("{} of {}", size(done), size(total))
}

/// Returns a size in few digits, as `12 kB` or `1.2 GB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut tenths = bytes.saturating_mul(10);
    let mut unit = 0;
    while tenths >= 9_995 && unit + 1 < UNITS.len() {
        tenths = (tenths + 500) / 1000;
        unit += 1;
    }
    match (unit, tenths) {
        (0, _) => format!("{bytes} B"),
        (_, tenths) if tenths < 100 => {
            format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
        }
        (_, tenths) => format!("{} {}", (tenths + 5) / 10, UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_few_digits() {
        let sizes = [0, 999, 1_000, 12_345, 999_949, 1_234_567_890, 5 << 40];
        let shown = sizes.map(size).join("|");
        assert_eq!(shown, "0 B|999 B|1.0 kB|12 kB|1.0 MB|1.2 GB|5.5 TB");
    }
}
