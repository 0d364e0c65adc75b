//! The list of recipes whose own tests may run for heads that anybody may have written.

use std::collections::BTreeSet;

use super::recipe::RecipeName;

/// Why the list is void: nothing in it counts.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {message}")]
pub struct Error {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// Reads the list: one recipe name a line, `#` begins a comment, nothing else is allowed.
///
/// ```
/// use ccci::model::approval::parse;
/// let approved = parse("# reviewed\nghost\n").unwrap();
/// assert!(approved.contains(&"ghost".parse().unwrap()));
/// assert!(parse("gho*\n").is_err());
/// ```
pub fn parse(text: &str) -> Result<BTreeSet<RecipeName>, Error> {
    let mut approved = BTreeSet::new();
    for (index, raw) in text.split('\n').enumerate() {
        let fail = |message: &str| Error {
            line: index + 1,
            message: message.to_owned(),
        };
        if raw.contains('\r') || raw.contains('\u{feff}') {
            return Err(fail(
                "carriage returns and byte order marks are not allowed",
            ));
        }
        let line = raw.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            let name = line
                .parse()
                .map_err(|_| fail("it is no recipe name; wildcards and paths are not allowed"))?;
            approved.insert(name);
        }
    }
    Ok(approved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_line_voids_the_whole_list() {
        for bad in [
            "ghost\n*\n",
            "ghost\r\n",
            "\u{feff}ghost",
            "a/b",
            "../x",
            "Ghost",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(parse("ghost\n../x").unwrap_err().line, 2);
    }

    #[test]
    fn a_name_is_compared_whole() {
        let approved = parse("ghost # reviewed in May\n\n# all\n").unwrap();
        assert_eq!(approved.len(), 1);
        assert!(!approved.contains(&"ghost-2".parse().unwrap()));
    }
}
