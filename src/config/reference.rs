//! `docs/config.md`, made from the commented files that hold every key.

use std::collections::BTreeSet;

use super::{
    always_on,
    keys::{self, Reach},
    recipe_config::EXAMPLE,
    settings::DEFAULTS,
};

/// One key of a commented file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The section it is in; nothing at the top.
    pub(crate) section: String,
    /// Its name.
    pub(crate) name: String,
    /// Its value as written.
    pub(crate) value: String,
    /// The comment above it.
    pub(crate) comment: String,
}

impl Entry {
    /// Returns the key's full name.
    pub(crate) fn path(&self) -> String {
        if self.section.is_empty() {
            self.name.clone()
        } else {
            format!("{}.{}", self.section, self.name)
        }
    }
}

/// Returns the keys of a commented file, in its order; each has one line, below its comment.
pub(crate) fn entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let (mut section, mut comment) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(words) = line.strip_prefix('#') {
            comment.push(words.trim());
        } else if let Some((name, value)) = line.split_once(" = ") {
            entries.push(Entry {
                section: section.clone(),
                name: name.to_owned(),
                value: value.to_owned(),
                comment: comment.join(" "),
            });
            comment.clear();
        } else {
            if line.starts_with('[') {
                section.clear();
                section.push_str(line.trim_matches(['[', ']']));
            }
            comment.clear();
        }
    }
    entries
}

/// Returns the keys of `recipe.toml`, each where the example has it first.
pub(crate) fn declarations() -> Vec<Entry> {
    each_once(EXAMPLE)
}

/// Returns the keys of an `[[always-on]]` table.
pub(super) fn always_on_keys() -> Vec<Entry> {
    each_once(always_on::EXAMPLE)
}

/// Returns the keys of an example, each where it has it first.
fn each_once(example: &str) -> Vec<Entry> {
    let mut known = BTreeSet::new();
    let entries = entries(example).into_iter();
    entries.filter(|entry| known.insert(entry.path())).collect()
}

/// Renders `docs/config.md`.
pub(crate) fn reference() -> String {
    let settings = entries(DEFAULTS).iter().map(setting).collect::<String>();
    let apps = always_on_keys().iter().map(declaration).collect::<String>();
    let declarations = declarations().iter().map(declaration).collect::<String>();
    format!("{HEAD}{settings}{APPS}{apps}{MIDDLE}{declarations}")
}

/// Renders one setting of ccci.
fn setting(entry: &Entry) -> String {
    let key = keys::find(&entry.section, &entry.name).expect("a test compares list and defaults");
    let reach = match key.reach {
        Reach::Host => "",
        Reach::Limit => "\n- A `./ccci.toml` in the work tree under test may lower it.",
    };
    format!(
        "\n### `{}`\n\n{}\n\n- Default: `{}`\n- Variable: `{}`{reach}\n",
        entry.path(),
        entry.comment,
        entry.value,
        key.variable
    )
}

/// Renders one key of a table without default.
fn declaration(entry: &Entry) -> String {
    format!(
        "\n### `{}`\n\n{}\n\n```toml\n{}{} = {}\n```\n",
        entry.path(),
        entry.comment,
        header(&entry.section),
        entry.name,
        entry.value
    )
}

/// Returns the line that opens a section of an example.
fn header(section: &str) -> String {
    match section {
        "" => String::new(),
        "always-on" | "ready" | "check" => format!("[[{section}]]\n"),
        _ => format!("[{section}]\n"),
    }
}

/// What the page begins with.
const HEAD: &str = "# Configuration

Generated from the comments in `src/config/defaults.toml`, `src/config/always_on_example.toml` and `src/config/recipe_example.toml`.
After a change there, run the tests with `CCCI_BLESS=1`.

## Settings of ccci

Each layer outranks the ones before it, key by key:

1. the defaults below
2. `/etc/ccci/config.toml`
3. `~/.config/ccci/config.toml`
4. `./ccci.toml`
5. the file that `$CCCI_CONFIG` names
6. the file that `--config` names
7. environment variables
8. flags

An unknown key is an error.
`ccci config` prints each value and where it came from.
Relative paths start at the current directory.

A `./ccci.toml` in the work tree under test belongs to whoever wrote what is tested; in CI, one in any git work tree does.
It may lower the settings under `limits`, and every other key in it is an error.
The default `recipes.tests-dir` is not used there either.
";

/// What stands between the settings with a default and the tables of always-on apps.
const APPS: &str = "
## Always-on apps: `[[always-on]]`

The apps that the server itself needs, such as the proxy: one table for each, in any of the files above.
The tables of a file replace those of the files before it, all of them; `always-on = []` leaves none.
No variable and no flag sets them, and a `./ccci.toml` in the work tree under test must not.
Values of `env` may use `{domain}`, `{label}`, `{base-domain}`, `{stack}` and `{recipe}`.
";

/// What stands between settings and declarations.
const MIDDLE: &str = "
## Declarations of a recipe: `recipe.toml`

It is kept in `recipes-tests/<recipe>/`, or in the recipe's own `tests/`.
No key is required.
Values of `[env]` may use `{domain}`, `{label}`, `{base-domain}`, `{stack}` and `{recipe}`, and what required recipes give, as in `{keycloak.issuer}`.
";

/// Returns the names that an error about an unknown key lists as accepted.
#[cfg(test)]
pub(crate) fn accepted(error: &toml::de::Error) -> Vec<String> {
    let (_, list) = error
        .message()
        .split_once("expected ")
        .expect("the error is about an unknown key");
    let names = list.split('`').skip(1).step_by(2);
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_section_value_and_the_whole_comment() {
        let found = entries("# Top.\n\n[a]\n# One\n# two.\nb = [1]\n\n[[c]]\nd = \"x = y\"\n");
        assert_eq!(found[0].path(), "a.b");
        assert_eq!(
            (found[0].value.as_str(), found[0].comment.as_str()),
            ("[1]", "One two.")
        );
        assert_eq!(
            (found[1].path().as_str(), found[1].comment.as_str()),
            ("c.d", "")
        );
    }

    #[test]
    fn every_key_is_explained_in_a_sentence() {
        for entry in entries(DEFAULTS)
            .iter()
            .chain(&always_on_keys())
            .chain(&declarations())
        {
            assert!(
                entry.comment.ends_with('.'),
                "{}: {:?}",
                entry.path(),
                entry.comment
            );
        }
    }
}
