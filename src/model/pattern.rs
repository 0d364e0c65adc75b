//! Patterns that choose among the tests and declared checks of a recipe by their names.

use std::{collections::BTreeSet, fmt, str::FromStr};

use super::recipe::Invalid;

/// The longest pattern accepted, in characters.
const LONGEST: usize = 300;

/// A pattern that chooses tests and declared checks.
///
/// With `*` (any characters) or `?` (any one) in it, it stands for a whole name: a check's, a test's path from the root
/// of its tests, or the last part of that path. Without, it may be any part of the name. What follows `::` chooses
/// among the functions of a file that pytest runs, in the same way.
///
/// ```
/// use ccci::model::pattern::TestPattern;
/// let pattern: TestPattern = "test_login*".parse().unwrap();
/// assert!(pattern.is_of("functional/test_login.py"));
/// assert!(!pattern.is_of("test_upgrade_login.py"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestPattern(String);

impl FromStr for TestPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts = text.split_once("::").unwrap_or((text, "*"));
        let is_good = !parts.0.trim().is_empty()
            && !parts.1.trim().is_empty()
            && !text.contains(char::is_control)
            && text.chars().count() <= LONGEST;
        let rule = "a part of a test's name, or with `*` and `?` the whole of it, as in `login`, `functional/*` or `test_login.py::test_opens`";
        let good = is_good.then(|| Self(text.to_owned()));
        good.ok_or_else(|| Invalid::new("pattern of tests", text, rule))
    }
}

impl fmt::Display for TestPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TestPattern {
    /// Tells whether this stands for a test or a check of this name, as a whole.
    pub fn is_of(&self, name: &str) -> bool {
        is_match(&self.0, name) || has_glob(&self.0) && is_match(&self.0, last_part(name))
    }

    /// Returns what this says of the functions of a file, if it is of that file and says anything of them.
    pub fn function_of(&self, name: &str) -> Option<&str> {
        let (file, function) = self.0.split_once("::")?;
        let file = Self(file.to_owned());
        file.is_of(name).then_some(function)
    }

    /// Returns the names that this may have been meant for: the likest first.
    pub fn meant<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let file = self
            .0
            .split_once("::")
            .map_or(self.0.as_str(), |(file, _)| file);
        let forms = names.into_iter().flat_map(|name| {
            let last = last_part(name);
            let stem = last.split_once('.').map_or(last, |(stem, _)| stem);
            [name, last, stem]
        });
        super::likeness::like(file, forms.collect::<BTreeSet<_>>())
    }
}

/// Tells whether a function that is written like this may stand among those of a file.
///
/// What is in brackets belongs to one set of parameters, and is known to pytest alone.
pub fn is_among<'a>(function: &str, functions: impl IntoIterator<Item = &'a str>) -> bool {
    let plain = function.split('[').next().unwrap_or(function);
    functions
        .into_iter()
        .any(|name| match name.strip_suffix("::*") {
            // A class may have functions that stand in another one.
            Some(class) => is_match(plain, class) || plain.starts_with(&format!("{class}::")),
            None => is_match(plain, name),
        })
}

/// Returns the functions of a file of Python that may be tests, as pytest names them; a class as `Class::*`.
///
/// It is read as text: what a file takes from elsewhere is not among them.
pub fn functions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut class: Option<&str> = None;
    for line in text.lines() {
        let body = line.trim_start();
        let is_inner = body.len() < line.len();
        let word = body.strip_prefix("async ").unwrap_or(body);
        if let (Some(name), false) = (name_after(word, "class "), is_inner) {
            class = Some(name);
            found.push(format!("{name}::*"));
        } else if let Some(name) = name_after(word, "def ") {
            match class {
                Some(class) if is_inner => found.push(format!("{class}::{name}")),
                _ if is_inner => {}
                _ => {
                    class = None;
                    found.push(name.to_owned());
                }
            }
        }
    }
    found.retain(|name| name.ends_with("::*") || last_function(name).starts_with("test"));
    found
}

/// Returns the name of a function without its class.
fn last_function(name: &str) -> &str {
    name.rsplit_once("::").map_or(name, |(_, last)| last)
}

/// Returns the name that follows a keyword.
fn name_after<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(keyword)?.trim_start();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    let name = &rest[..end.unwrap_or(rest.len())];
    (!name.is_empty()).then_some(name)
}

/// Returns the last part of a path.
fn last_part(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

/// Tells whether a pattern has characters that stand for others.
fn has_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Tells whether a pattern stands for a name: with `*` and `?` for the whole of it, without for any part.
fn is_match(pattern: &str, name: &str) -> bool {
    if !has_glob(pattern) {
        return name.contains(pattern);
    }
    let name: Vec<char> = name.chars().collect();
    // Which beginnings of the name the pattern so far stands for, by their length.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for c in pattern.chars() {
        let mut next = vec![false; name.len() + 1];
        for length in 0..=name.len() {
            let longer = length > 0 && reached[length - 1];
            next[length] = match c {
                '*' => reached[length] || length > 0 && next[length - 1],
                '?' => longer,
                c => longer && name[length - 1] == c,
            };
        }
        reached = next;
    }
    reached[name.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> TestPattern {
        text.parse().unwrap()
    }

    #[test]
    fn without_a_glob_any_part_of_the_name_will_do() {
        for part in [
            "login",
            "functional/",
            "test_login.py",
            "functional/test_login.py",
            "l",
        ] {
            assert!(pattern(part).is_of("functional/test_login.py"), "{part}");
        }
        for other in ["Login", "logins", "login.sh", "*login"] {
            assert!(!pattern(other).is_of("functional/test_login.py"), "{other}");
        }
    }

    #[test]
    fn a_glob_stands_for_the_whole_path_or_its_last_part() {
        for good in [
            "functional/*",
            "*login*",
            "test_login.??",
            "test_*.py",
            "*",
            "f*.py",
        ] {
            assert!(pattern(good).is_of("functional/test_login.py"), "{good}");
        }
        for bad in [
            "test_login?",
            "login*",
            "*.sh",
            "?",
            "functional/*.sh",
            "al/test_*",
        ] {
            assert!(!pattern(bad).is_of("functional/test_login.py"), "{bad}");
        }
        assert!(pattern("front*").is_of("front page"));
        assert!(pattern("*ü?").is_of("prüf"));
    }

    #[test]
    fn a_function_is_chosen_in_the_files_that_its_pattern_is_of() {
        let chosen = pattern("login.py::test_opens");
        assert_eq!(
            chosen.function_of("functional/test_login.py"),
            Some("test_opens")
        );
        assert_eq!(chosen.function_of("test_other.py"), None);
        assert_eq!(pattern("login").function_of("test_login.py"), None);
        assert!(!chosen.is_of("functional/test_login.py"));
        let nested = pattern("*::TestForm::test_a");
        assert_eq!(nested.function_of("test_x.py"), Some("TestForm::test_a"));
    }

    #[test]
    fn the_functions_of_a_file_are_read_from_its_text() {
        let text = "import x\n\ndef test_a(http):\n    def test_inner():\n        pass\n\nasync def test_b(): ...\n\ndef helper():\n    pass\n\nclass TestForm(Base):\n    def test_opens(self):\n        pass\n\n    async def test_shuts(self): ...\n\n    def help(self): ...\n\ndef test_c (): ...\n    def test_deeper(): ...\n";
        assert_eq!(
            functions(text),
            [
                "test_a",
                "test_b",
                "TestForm::*",
                "TestForm::test_opens",
                "TestForm::test_shuts",
                "test_c"
            ]
        );
    }

    #[test]
    fn a_function_is_looked_for_without_its_parameters() {
        let names = ["test_a", "TestForm::*", "TestForm::test_opens"];
        for good in [
            "test_a",
            "a",
            "test_a[x-1]",
            "TestForm",
            "TestForm::test_of_its_base",
            "*opens",
            "test_?",
        ] {
            assert!(is_among(good, names), "{good}");
        }
        for bad in ["test_b", "TestOther::test_opens", "*shuts", "test_a_b"] {
            assert!(!is_among(bad, names), "{bad}");
        }
    }

    #[test]
    fn a_pattern_with_a_slip_finds_the_name_that_was_meant() {
        let names = [
            "functional/test_login.py",
            "test_upgrade_data.sh",
            "front-page",
        ];
        assert_eq!(pattern("test_lgin").meant(names), ["test_login"]);
        assert_eq!(pattern("fornt-page").meant(names), ["front-page"]);
        assert_eq!(
            pattern("test_loign.py::test_a").meant(names),
            ["test_login.py", "test_login"]
        );
        assert!(pattern("nothing-like-it").meant(names).is_empty());
    }

    #[test]
    fn a_pattern_of_nothing_is_refused() {
        for bad in [
            "",
            " ",
            "::",
            "::test_a",
            "test_a.py::",
            "a\nb",
            &"x".repeat(301),
        ] {
            let error = bad.parse::<TestPattern>().unwrap_err().to_string();
            assert!(error.contains("as in `login`"), "{bad:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_of_each_pattern_that_is_made_from_it(name in "[a-c/._é]{1,12}", at in 0..12usize) {
            let cut: Vec<char> = name.chars().collect();
            let at = at % cut.len();
            let (begin, end): (String, String) = (cut[..at].iter().collect(), cut[at + 1..].iter().collect());
            let star = format!("{}*{}", &begin, &end);
            let question = format!("{}?{}", &begin, &end);
            for text in [&name, &star, &question] {
                prop_assert!(TestPattern(text.clone()).is_of(&name), "{text} {name}");
            }
        }

        #[test]
        fn no_text_makes_the_reader_of_functions_panic(text in "(async |class |def |test|\\PC|[ \n:(\\[]){0,30}") {
            drop(functions(&text));
        }
    }
}
