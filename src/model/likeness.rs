//! Which of the names that are known somebody may have meant who wrote another.

use super::recipe::RecipeVersion;

/// How many names are offered at most.
const OFFERED: usize = 3;

/// Returns the names that differ from a word by few slips of the fingers, the likest first.
///
/// ```
/// use ccci::model::likeness::like;
/// assert_eq!(like("mian", ["main", "next"]), ["main"]);
/// ```
pub fn like<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let slips = names.into_iter().map(|name| (slips(word, name), name));
    let mut near: Vec<_> = slips.filter(|(slips, _)| *slips <= limit).collect();
    near.sort_unstable();
    near.dedup();
    near.truncate(OFFERED);
    near.into_iter().map(|(_, name)| name).collect()
}

/// Returns the releases right before and right after one that does not exist.
///
/// ```
/// use ccci::model::likeness::around;
/// let found = around(&"1.5.0+1".parse().unwrap(), ["2.0.0+1", "1.0.0+1", "0.9.0+1", "main"]);
/// assert_eq!(found, ["1.0.0+1", "2.0.0+1"]);
/// ```
pub fn around<'a>(
    version: &RecipeVersion,
    names: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    let parsed = names.into_iter().map(|name| (name.parse(), name));
    let releases = parsed.filter_map(|(release, name)| Some((release.ok()?, name)));
    let mut releases: Vec<(RecipeVersion, &str)> = releases.collect();
    releases.sort();
    let (before, after): (Vec<_>, Vec<_>) = releases
        .into_iter()
        .partition(|(release, _)| release < version);
    let near = before.into_iter().next_back().into_iter();
    near.chain(after.into_iter().next())
        .map(|(_, name)| name)
        .collect()
}

/// Writes names for a hint: each in backticks, with `or` between.
pub fn one_of(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

/// Counts the slips that make one text of another: a letter too many, too few, another, or two that changed places.
fn slips(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for (i, a) in left.iter().enumerate() {
        let above = &rows[i];
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let changed = above[j] + usize::from(a != b);
            let mut least = changed.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slip_counts_once() {
        for (left, right, count) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("josb", "jobs", 1),
            ("job", "jobs", 1),
            ("jobss", "jobs", 1),
            ("kobs", "jobs", 1),
            ("", "jobs", 4),
            ("w\u{f6}rd", "word", 1),
        ] {
            assert_eq!(slips(left, right), count, "{left} {right}");
        }
    }

    #[test]
    fn what_is_unlike_is_not_offered() {
        let names = ["limits.jobs", "limits.run", "secrets.dirs", "limits.job"];
        assert_eq!(like("limits.josb", names), ["limits.job", "limits.jobs"]);
        assert!(like("x", ["main", "next"]).is_empty());
        assert!(like("", ["main"]).is_empty());
    }

    #[test]
    fn the_neighbours_of_a_release_are_those_before_and_after() {
        let names = ["1.2.0+6.4.1", "1.10.0+6.5", "v1", "0.9.0+6"];
        let near = |version: &str| around(&version.parse().unwrap(), names);
        assert_eq!(near("1.3.0+6.4.1"), ["1.2.0+6.4.1", "1.10.0+6.5"]);
        assert_eq!(near("2.0.0+7"), ["1.10.0+6.5"]);
        assert_eq!(near("0.1.0+1"), ["0.9.0+6"]);
        assert!(around(&"1.0.0+1".parse().unwrap(), ["main"]).is_empty());
    }
}
