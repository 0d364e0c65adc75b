//! A page of the documentation as what it asks to be run: files to be written, and console blocks.

use std::{fs, path::Path};

/// What a page asks for, in its order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A file that the page shows whole.
    File {
        /// Where it belongs, from the directory that the console is in.
        path: String,
        /// What is in it.
        text: String,
    },
    /// A console block.
    Block(Block),
}

/// A console block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// What becomes of it.
    pub(crate) fate: Fate,
    /// Its commands, each with what it prints.
    pub(crate) commands: Vec<Command>,
}

/// What becomes of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is run.
    Run,
    /// It is not run, for this reason.
    NotRun(String),
    /// It shows what another page shows, and that one is run.
    AsIn(String),
}

/// A command of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// The number of its line.
    pub(crate) line: usize,
    /// What is typed.
    pub(crate) text: String,
    /// What the page says that it prints.
    pub(crate) output: Vec<String>,
}

/// Returns every page that may hold a block, by its path from the root.
pub(crate) fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).expect("the documents can be read");
    let names = docs.map(|entry| entry.expect("the documents can be read").file_name());
    let names = names.map(|name| name.into_string().expect("our names are UTF-8"));
    let mut paths: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    paths.push("README.md".to_owned());
    paths.sort();
    let read = |path: String| {
        let text = fs::read_to_string(root.join(&path)).expect("a page is text");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// What a comment above a fence says about it.
enum Marker {
    /// The block below is not run, or shown elsewhere.
    Fate(Fate),
    /// The block below is a file.
    File(String),
}

/// Reads a page.
pub(crate) fn parse(text: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut marker: Option<(usize, Marker)> = None;
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if let Some(comment) = marker_in(line) {
            marker = Some((number, comment.map_err(|why| format!("{number}: {why}"))?));
            continue;
        }
        let Some(language) = line.strip_prefix("```") else {
            if line.trim_start().starts_with("```console") {
                return Err(format!("{number}: a console begins at the margin"));
            }
            if let (Some((at, _)), false) = (&marker, line.is_empty()) {
                return Err(format!("{at}: no block follows the comment"));
            }
            continue;
        };
        let body: Vec<_> = lines
            .by_ref()
            .take_while(|(_, line)| *line != "```")
            .collect();
        match (marker.take(), language) {
            (Some((_, Marker::File(path))), _) => items.push(Item::File {
                path,
                text: body.iter().flat_map(|(_, line)| [line, "\n"]).collect(),
            }),
            (Some((_, Marker::Fate(fate))), "console") => items.push(block(fate, &body)?),
            (None, "console") => items.push(block(Fate::Run, &body)?),
            (Some((at, Marker::Fate(_))), _) => {
                return Err(format!("{at}: the block below is no console"));
            }
            (None, _) => {}
        }
    }
    Ok(items)
}

/// Reads a comment about the next block; nothing where a line is none.
fn marker_in(line: &str) -> Option<Result<Marker, String>> {
    let comment = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
    let (kind, rest) = comment.split_once(": ")?;
    match (kind, rest.split_once(", "), rest.strip_prefix("as in ")) {
        ("file", _, _) => Some(Ok(Marker::File(rest.to_owned()))),
        ("console", Some(("not run", reason)), _) => {
            Some(Ok(Marker::Fate(Fate::NotRun(reason.to_owned()))))
        }
        ("console", _, Some(page)) => Some(Ok(Marker::Fate(Fate::AsIn(page.to_owned())))),
        ("console", _, _) => Some(Err(format!(
            "`{rest}` is neither `not run, REASON` nor `as in PAGE`"
        ))),
        _ => None,
    }
}

/// Reads a block.
fn block(fate: Fate, body: &[(usize, &str)]) -> Result<Item, String> {
    let mut commands: Vec<Command> = Vec::new();
    for (line, text) in body {
        match (text.strip_prefix("$ "), commands.last_mut()) {
            (Some(typed), _) => commands.push(Command {
                line: *line,
                text: typed.to_owned(),
                output: Vec::new(),
            }),
            (None, Some(command)) => command.output.push((*text).to_owned()),
            (None, None) => return Err(format!("{line}: a block begins with a command")),
        }
    }
    Ok(Item::Block(Block { fate, commands }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_files_and_blocks_in_their_order() {
        let text = "\
# A page

<!-- file: tests/a.sh -->
```sh
#!/bin/sh
true
```

```console
$ ccci test
  PASS
$ echo $?
0
```

<!-- console: not run, it asks a forge -->

```console
$ ccci janitor
```

```toml
a = 1
```
";
        let command = |line, text: &str, output: &[&str]| Command {
            line,
            text: text.to_owned(),
            output: output.iter().map(|line| (*line).to_owned()).collect(),
        };
        let expected = [
            Item::File {
                path: "tests/a.sh".to_owned(),
                text: "#!/bin/sh\ntrue\n".to_owned(),
            },
            Item::Block(Block {
                fate: Fate::Run,
                commands: vec![
                    command(10, "ccci test", &["  PASS"]),
                    command(12, "echo $?", &["0"]),
                ],
            }),
            Item::Block(Block {
                fate: Fate::NotRun("it asks a forge".to_owned()),
                commands: vec![command(19, "ccci janitor", &[])],
            }),
        ];
        assert_eq!(parse(text).as_deref(), Ok(&expected[..]));
    }

    #[test]
    fn a_comment_that_means_nothing_is_refused() {
        for (text, why) in [
            ("<!-- console: later -->", "1: `later` is neither"),
            ("<!-- console: not run -->", "1: `not run` is neither"),
            ("<!-- console: not run, x -->\nText.", "1: no block follows"),
            (
                "<!-- console: as in a.md -->\n```sh\n```",
                "1: the block below",
            ),
            ("```console\nPASS\n```", "2: a block begins"),
            (
                "1. So:\n\n   ```console\n   $ ls\n   ```",
                "3: a console begins",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
        assert_eq!(parse("<!-- metadata -->\n"), Ok(Vec::new()));
    }
}
