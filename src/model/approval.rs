//! What an operator grants recipes whose heads anybody may have written: to run their own tests, to break a policy rule.

use std::collections::{BTreeMap, BTreeSet};

use super::{policy::Rule, recipe::RecipeName};

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
    let names = lines(text)?
        .into_iter()
        .map(|(line, words)| match words[..] {
            [name] => recipe_name(line, name),
            _ => Err(Error::new(line, "it is not one recipe name")),
        });
    names.collect()
}

/// Reads the exceptions to the compose policy: a recipe name and the name of one rule a line.
///
/// ```
/// use ccci::model::{approval::parse_exceptions, policy::Rule};
/// let exceptions = parse_exceptions("traefik host-ports # publishes 443\n").unwrap();
/// assert_eq!(exceptions[&"traefik".parse().unwrap()], [Rule::HostPorts]);
/// assert!(parse_exceptions("traefik *\n").is_err());
/// ```
pub fn parse_exceptions(text: &str) -> Result<BTreeMap<RecipeName, Vec<Rule>>, Error> {
    let mut exceptions: BTreeMap<RecipeName, Vec<Rule>> = BTreeMap::new();
    for (line, words) in lines(text)? {
        let [name, rule] = words[..] else {
            return Err(Error::new(line, "it is not one recipe name and one rule"));
        };
        let rule = rule
            .parse()
            .map_err(|error: super::policy::UnknownRule| Error::new(line, &error.to_string()))?;
        exceptions
            .entry(recipe_name(line, name)?)
            .or_default()
            .push(rule);
    }
    Ok(exceptions)
}

/// Splits a list into the words of each line that holds any, comments left out.
fn lines(text: &str) -> Result<Vec<(usize, Vec<&str>)>, Error> {
    let mut lines = Vec::new();
    for (index, raw) in text.split('\n').enumerate() {
        if raw.contains('\r') || raw.contains('\u{feff}') {
            return Err(Error::new(
                index + 1,
                "carriage returns and byte order marks are not allowed",
            ));
        }
        let words: Vec<&str> = raw
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        if !words.is_empty() {
            lines.push((index + 1, words));
        }
    }
    Ok(lines)
}

/// Reads a recipe's name.
fn recipe_name(line: usize, name: &str) -> Result<RecipeName, Error> {
    name.parse().map_err(|_| {
        Error::new(
            line,
            "it is no recipe name; wildcards and paths are not allowed",
        )
    })
}

impl Error {
    /// Makes the error of a line.
    fn new(line: usize, message: &str) -> Self {
        Self {
            line,
            message: message.to_owned(),
        }
    }
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
    fn an_exception_names_one_recipe_and_one_rule() {
        let text = "# reviewed\na bind-mount\na host-ports\nb pid\n";
        let exceptions = parse_exceptions(text).unwrap();
        assert_eq!(
            exceptions[&"a".parse().unwrap()],
            [Rule::BindMount, Rule::HostPorts]
        );
        for bad in ["a", "a bind-mount pid", "a all", "* pid", "a PID"] {
            assert!(parse_exceptions(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_compared_whole() {
        let approved = parse("ghost # reviewed in May\n\n# all\n").unwrap();
        assert_eq!(approved.len(), 1);
        assert!(!approved.contains(&"ghost-2".parse().unwrap()));
    }
}
