//! Every console block of the documentation: run and compared, or listed with the reason why not.

use std::thread::{self, ScopedJoinHandle};

use crate::{
    calls,
    page::{self, Block, Fate, Item},
    session::Session,
    shown,
    wildcards::plain,
};

/// The programs that are run in a session; all others are the reader's to run.
const HARMLESS: [&str; 11] = [
    "cat", "ccci", "cd", "cp", "echo", "git", "grep", "ls", "mkdir", "sed", "tail",
];

/// Returns every page with what it asks for.
fn read() -> Vec<(String, Vec<Item>)> {
    let pages = page::all().into_iter();
    let read = |(path, text): (String, String)| match page::parse(&text) {
        Ok(items) => (path, items),
        Err(why) => panic!("{path}:{why}"),
    };
    pages.map(read).collect()
}

/// Returns the blocks of a page.
fn blocks(items: &[Item]) -> impl Iterator<Item = &Block> {
    items.iter().filter_map(|item| match item {
        Item::Block(block) => Some(block),
        Item::File { .. } => None,
    })
}

#[test]
fn pages_show_what_is_printed() {
    let pages = read();
    let wrong: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = pages
            .iter()
            .filter(|(_, items)| blocks(items).any(|block| block.fate == Fate::Run))
            .map(|(path, items)| scope.spawn(|| run(path, items)))
            .collect();
        let ended = threads.into_iter().map(ScopedJoinHandle::join);
        ended
            .flat_map(|wrong| wrong.expect("a page was run"))
            .collect()
    });
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Runs what a page asks for from its top to its end, and returns what is not as it says.
///
/// What follows a command that went wrong is not run: it would say more of that command than of the page.
fn run(path: &str, items: &[Item]) -> Vec<String> {
    let mut session = Session::open();
    for item in items {
        match item {
            Item::File { path, text } => session.write(path, text),
            Item::Block(block) if block.fate == Fate::Run => {
                let mut commands = block.commands.iter();
                if let Some(why) = commands.find_map(|command| wrong(&mut session, path, command)) {
                    return vec![why];
                }
            }
            Item::Block(_) => {}
        }
    }
    let left = session.left().into_iter();
    left.map(|object| format!("{path}: left behind on the swarm: {object}"))
        .collect()
}

/// Runs a command, and returns what is not as the page says.
fn wrong(session: &mut Session, path: &str, command: &page::Command) -> Option<String> {
    let (line, text) = (command.line, &command.text);
    if !is_harmless(text) {
        return Some(format!(
            "{path}:{line}: `{text}` is none of the programs that are run; say above the block that it is not run, and why"
        ));
    }
    let (code, printed) = session.run(text);
    session.learn(&command.output, &printed);
    if !command.output.is_empty() {
        return shown::compare(path, command, &printed).err();
    }
    // Where a page shows no output, the command has to succeed.
    let printed = printed.join("\n");
    (code != 0).then(|| format!("{path}:{line}: `{text}` ended with {code}:\n{printed}"))
}

/// Tells whether a command begins with a program that does nothing outside its own directory and ccci's records.
fn is_harmless(text: &str) -> bool {
    let mut words = text.split(' ').filter(|word| !word.contains('='));
    words.next().is_some_and(|name| HARMLESS.contains(&name))
}

#[test]
fn a_block_that_another_page_shows_is_shown_there_and_run() {
    let pages = read();
    for (path, items) in &pages {
        for block in blocks(items) {
            let Fate::AsIn(other) = &block.fate else {
                continue;
            };
            let (_, others) = pages
                .iter()
                .find(|(name, _)| name == other)
                .unwrap_or_else(|| panic!("{path}: there is no page {other}"));
            let mut run = blocks(others).filter(|block| block.fate == Fate::Run);
            let line = block.commands.first().map_or(0, |command| command.line);
            assert!(
                run.any(|other| told(other) == told(block)),
                "{path}:{line}: {other} runs no block that shows this"
            );
        }
    }
}

/// Returns what a block shows, without what may differ.
fn told(block: &Block) -> Vec<String> {
    let lines = block.commands.iter().flat_map(|command| {
        let output = command.output.iter().map(|line| plain(line));
        [command.text.clone()].into_iter().chain(output)
    });
    lines.collect()
}

#[test]
fn calls_in_blocks_that_are_not_run_are_understood() {
    let mut wrong = Vec::new();
    for (path, items) in read() {
        for block in blocks(&items).filter(|block| block.fate != Fate::Run) {
            for command in &block.commands {
                let refused = calls::of_ccci(&command.text)
                    .iter()
                    .find_map(|words| calls::refused(words));
                wrong.extend(refused.map(|why| format!("{path}:{}: {why}", command.line)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn blocks_that_are_not_run_are_few_and_say_why() {
    let pages = read();
    let lines = pages.iter().flat_map(|(path, items)| {
        blocks(items).filter_map(move |block| match &block.fate {
            Fate::NotRun(reason) => Some(format!("{path}: {reason}")),
            Fate::Run | Fate::AsIn(_) => None,
        })
    });
    let lines: Vec<_> = lines.collect();
    insta::assert_snapshot!(format!("{}\n{} in all", lines.join("\n"), lines.len()), @r"
    README.md: it builds and tests for many minutes
    README.md: it builds for minutes
    docs/benchmarks.md: it measures for many minutes
    docs/canonicals.md: the recipe is made up
    docs/canonicals.md: the recipe is made up
    docs/canonicals.md: it tests recipes for many minutes
    docs/canonicals.md: it changes the system
    docs/canonicals.md: the domain is made up
    docs/enrolling.md: it stands for a checkout of your own
    docs/first-run.md: it changes the engine
    docs/first-run.md: it builds for minutes
    docs/operating.md: it changes the engine
    docs/operating.md: it installs into the system
    docs/operating.md: it changes the system
    docs/operating.md: the runs and domains are made up
    docs/operating.md: it removes images
    docs/reliability.md: the runs and domains are made up
    docs/testing-recipes.md: it stands for a checkout of your own
    docs/testing-recipes.md: it stands for a checkout of your own
    docs/testing-recipes.md: it stands for a checkout of your own
    docs/testing-recipes.md: it stands for a checkout of your own
    21 in all
    ");
}
