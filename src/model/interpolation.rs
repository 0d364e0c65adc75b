//! The variables that compose files refer to, and whether they can do without a value; never fills one in.

use std::collections::BTreeMap;

/// How much a reference needs its variable to have a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Not at all: it has a default, as `${NAME:-x}`.
    Defaulted,
    /// It takes an empty value for one, as `${NAME}`.
    Plain,
    /// Docker refuses to go on without the variable, as `${NAME?why}`.
    Set,
    /// Docker refuses an empty value too, as `${NAME:?why}`.
    Filled,
}

/// Returns the variables that a compose file refers to, each with the greatest need of it.
///
/// ```
/// use ccci::model::interpolation::{Need, references};
///
/// let found = references("a: ${MAIL:?give one}\nb: $HOST and $${NOT_THIS}\nc: ${MAIL:-x}\n");
/// assert_eq!(found["MAIL"], Need::Filled);
/// assert_eq!(found["HOST"], Need::Plain);
/// assert_eq!(found.len(), 2);
/// ```
pub fn references(text: &str) -> BTreeMap<String, Need> {
    let mut found = BTreeMap::new();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    for line in lines {
        let mut rest = line;
        while let Some(at) = rest.find('$') {
            rest = &rest[at + 1..];
            // A dollar that is written twice is one in the file's text.
            if let Some(after) = rest.strip_prefix('$') {
                rest = after;
                continue;
            }
            let inner = rest.strip_prefix('{').unwrap_or(rest);
            let (name, after) = split_name(inner);
            if name.is_empty() {
                continue;
            }
            let need = if inner.len() == rest.len() {
                Need::Plain
            } else {
                need(after)
            };
            let known = found.entry(name.to_owned()).or_insert(need);
            *known = need.max(*known);
            // A default may refer to further variables.
            rest = after;
        }
    }
    found
}

/// Splits a text after the name of a variable that it begins with.
fn split_name(text: &str) -> (&str, &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return ("", text);
    }
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// Reads what follows the name within braces.
fn need(after: &str) -> Need {
    match after.as_bytes() {
        [b':', b'?', ..] => Need::Filled,
        [b'?', ..] => Need::Set,
        [b':', b'-' | b'+', ..] | [b'-' | b'+', ..] => Need::Defaulted,
        _ => Need::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_says_what_it_needs() {
        let found = references(
            "- ${A}\n- $B,$B2\n- ${C:-d}${C2-}${C3:+x}\n- ${D:?why}\n- ${E?}\n# ${F}\n- ${G:-${H}}\n- $$I $1 $ ${}\n",
        );
        let shown: Vec<_> = found
            .iter()
            .map(|(name, need)| (name.as_str(), *need))
            .collect();
        assert_eq!(
            shown,
            [
                ("A", Need::Plain),
                ("B", Need::Plain),
                ("B2", Need::Plain),
                ("C", Need::Defaulted),
                ("C2", Need::Defaulted),
                ("C3", Need::Defaulted),
                ("D", Need::Filled),
                ("E", Need::Set),
                ("G", Need::Defaulted),
                ("H", Need::Plain),
            ]
        );
    }

    #[test]
    fn the_greatest_need_counts() {
        for text in ["${A:?} ${A:-x}", "${A:-x} ${A:?}", "$A ${A:?}"] {
            assert_eq!(references(text)["A"], Need::Filled, "{text}");
        }
        assert_eq!(references("a $"), BTreeMap::new());
    }
}
