//! Compares what a page shows with what is printed.

use crate::{page::Command, wildcards::plain};

/// What a page shows in place of any number of lines.
const GAP: &str = "...";

/// What a run says of objects that others removed from the swarm meanwhile; no page can foresee it.
const NEIGHBOURS: &str = "was not ours and is gone";

/// Compares a command's output; the answer names the first line of the page that is not so.
pub(crate) fn compare(page: &str, command: &Command, printed: &[String]) -> Result<(), String> {
    let shown: Vec<_> = command.output.iter().map(|line| plain(line)).collect();
    let ours = printed.iter().filter(|line| !line.contains(NEIGHBOURS));
    let told: Vec<_> = ours.map(|line| plain(line)).collect();
    let Some((good, rest)) = mismatch(&shown, &told) else {
        return Ok(());
    };
    let line = command.line + 1 + good;
    let wanted = shown.get(good).map_or("(nothing more)", String::as_str);
    let got = rest.first().map_or("(nothing more)", String::as_str);
    let all: Vec<_> = printed.iter().map(|line| format!("  {line}\n")).collect();
    Err(format!(
        "{page}:{line}: `{}` prints otherwise\n- {wanted}\n+ {got}\nall of it:\n{}",
        command.text,
        all.concat()
    ))
}

/// Returns how many lines of the page are as printed, and what is printed from there on; nothing where all are.
fn mismatch<'a>(shown: &[String], told: &'a [String]) -> Option<(usize, &'a [String])> {
    let Some(gap) = shown.iter().position(|line| line.trim() == GAP) else {
        let same = shown.iter().zip(told).take_while(|(a, b)| a == b).count();
        let is_all = same == shown.len() && same == told.len();
        return (!is_all).then(|| (same, &told[same..]));
    };
    let same = shown[..gap].iter().zip(told).take_while(|(a, b)| a == b);
    let same = same.count();
    if same < gap {
        return Some((same, &told[same..]));
    }
    // The shortest gap after which everything fits; where none does, the one that leads furthest is told.
    let after = (gap..=told.len()).map(|at| mismatch(&shown[gap + 1..], &told[at..]));
    let mut furthest: Option<(usize, &[String])> = None;
    for result in after {
        let (good, rest) = result?;
        if furthest.is_none_or(|(most, _)| good > most) {
            furthest = Some((good, rest));
        }
    }
    furthest.map(|(good, rest)| (gap + 1 + good, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(shown: &[&str], printed: &[&str]) -> Result<(), String> {
        let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        let command = Command {
            line: 10,
            text: "ccci test".to_owned(),
            output: own(shown),
        };
        let printed: Vec<_> = own(printed);
        compare("docs/a.md", &command, &printed)
    }

    #[test]
    fn what_is_shown_is_what_is_printed() {
        assert_eq!(told(&[], &[]), Ok(()));
        assert_eq!(told(&["a [  1.2s]", "b "], &["a [ 1m 03s]", "b"]), Ok(()));
        assert_eq!(told(&["a", "...", "d"], &["a", "b", "c", "d"]), Ok(()));
        assert_eq!(told(&["...", "b", "..."], &["b"]), Ok(()));
    }

    #[test]
    fn what_neighbours_did_meanwhile_is_no_difference() {
        let warning = "warning: a: service `b` was not ours and is gone";
        assert_eq!(told(&["a", "b"], &["a", warning, "b"]), Ok(()));
    }

    #[test]
    fn the_first_line_that_differs_is_named_with_its_page() {
        for (shown, printed, place) in [
            (&["a", "b"][..], &["a", "c"][..], "docs/a.md:12: "),
            (&["a"], &["a", "b"], "docs/a.md:12: "),
            (&["a", "b"], &["a"], "docs/a.md:12: "),
            (&["x", "..."], &["a"], "docs/a.md:11: "),
            (&["...", "b", "c"], &["a", "b", "d"], "docs/a.md:13: "),
        ] {
            let error = told(shown, printed).unwrap_err();
            assert!(error.starts_with(place), "{shown:?} {printed:?}: {error}");
        }
        insta::assert_snapshot!(told(&["a", "b"], &["a", "c"]).unwrap_err(), @r"
        docs/a.md:12: `ccci test` prints otherwise
        - b
        + c
        all of it:
          a
          c
        ");
    }
}
