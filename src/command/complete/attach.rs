//! Which candidates belong to which argument of the command line.

use std::{ffi::OsStr, path::Path};

use clap::{Arg, ValueHint};
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};

use super::{
    ground::Ground,
    known,
    offer::{Offer, fitting, fitting_lists, is_safe},
    runs, tested,
};
use crate::{
    config::keys::{ALWAYS_ON, KEYS, Key},
    model::stage::Stage,
};

/// What may stand at an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// Recipes and checkouts.
    Targets,
    /// Recipes that are not enrolled yet, and checkouts.
    Others,
    /// Branches and tags.
    Refs,
    /// Released versions.
    Versions,
    /// Stages, with commas.
    Stages,
    /// Tests and declared checks, with commas.
    Tests,
    /// Apps that may still be there, by domain or run.
    Apps,
    /// Domains of such apps.
    Domains,
    /// Runs, the recipes that they tested, and their directories.
    Runs,
    /// Apps that are always on, by recipe or domain.
    AlwaysOn,
    /// Settings and their sections.
    Keys,
}

/// The arguments with what may stand there, by command and id; files and words of fixed lists are known to clap.
const ARGUMENTS: [(&str, &str, Choice); 14] = [
    ("test", "targets", Choice::Targets),
    ("test", "ref", Choice::Refs),
    ("test", "version", Choice::Versions),
    ("test", "stages", Choice::Stages),
    ("test", "tests", Choice::Tests),
    ("reconcile", "apps", Choice::AlwaysOn),
    ("enroll", "target", Choice::Others),
    ("enroll", "upgrade_base", Choice::Versions),
    ("teardown", "app", Choice::Apps),
    ("teardown", "confirm", Choice::Domains),
    ("exec", "run_id", Choice::Apps),
    ("shell", "run_id", Choice::Apps),
    ("explain", "run", Choice::Runs),
    ("config", "keys", Choice::Keys),
];

/// Attaches candidates to the command line's definition.
pub(super) fn to(definition: clap::Command, ground: &Ground) -> clap::Command {
    let ground = ground.clone();
    let definition = definition.mut_args(with_paths);
    definition.mut_subcommands(move |command| {
        let (name, ground) = (command.get_name().to_owned(), ground.clone());
        command.mut_args(move |arg| {
            let is_it = |(command, id, _): &&(&str, &str, Choice)| {
                *command == name && *id == arg.get_id().as_str()
            };
            let choice = ARGUMENTS.iter().find(is_it).map(|(_, _, choice)| *choice);
            let ground = ground.clone();
            match choice {
                Some(choice) => arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
                    candidates(choice, &ground, typed)
                })),
                None => with_paths(arg),
            }
        })
    })
}

/// Attaches the names of files or directories to an argument that takes one.
fn with_paths(arg: Arg) -> Arg {
    let is_folder = arg.get_id() == "log_dir";
    match arg.get_value_hint() {
        ValueHint::AnyPath if is_folder => arg.add(ArgValueCompleter::new(folders)),
        ValueHint::AnyPath => arg.add(ArgValueCompleter::new(files)),
        _ => arg,
    }
}

/// Returns what may stand at an argument.
fn candidates(choice: Choice, ground: &Ground, typed: &OsStr) -> Vec<CompletionCandidate> {
    let text = typed.to_str().unwrap_or_default();
    match choice {
        Choice::Targets => with_folders(typed, known::recipes(ground)),
        Choice::Others => with_folders(typed, known::others(ground)),
        Choice::Refs => fitting(typed, known::refs(ground)),
        Choice::Versions => fitting(typed, known::versions(ground)),
        Choice::Stages => {
            let stages = Stage::ALL.map(|stage| Offer::new(stage.word(), ""));
            fitting_lists(typed, stages.to_vec())
        }
        Choice::Tests => fitting_lists(typed, tested::tests(ground, text)),
        Choice::Apps => fitting(typed, runs::apps(ground)),
        Choice::Domains => fitting(typed, runs::domains(ground)),
        Choice::Runs if text.starts_with(['.', '/', '~']) => folders(typed),
        Choice::Runs => fitting(typed, runs::runs(ground, text)),
        Choice::AlwaysOn => fitting(typed, known::always_on(ground)),
        Choice::Keys => fitting(typed, keys()),
    }
}

/// Returns the recipes that go on from what is typed, then the folders, one of which may be a checkout.
fn with_folders(typed: &OsStr, recipes: Vec<Offer>) -> Vec<CompletionCandidate> {
    let mut found = fitting(typed, recipes);
    found.extend(folders(typed));
    found
}

/// Returns the sections of the settings and the settings.
fn keys() -> Vec<Offer> {
    let mut found: Vec<Offer> = Vec::new();
    for key in &KEYS {
        let is_new = !found.iter().any(|offer| offer.word == key.section);
        found.extend(is_new.then(|| Offer::new(key.section, "all of this section")));
    }
    found.extend(KEYS.iter().map(Key::path).map(|path| Offer::new(path, "")));
    found.push(Offer::new(ALWAYS_ON.section, "all of these apps"));
    found
}

/// Returns the files and folders that go on from what is typed.
fn files(typed: &OsStr) -> Vec<CompletionCandidate> {
    safe_paths(&PathCompleter::any(), typed)
}

/// Returns the folders that go on from what is typed.
fn folders(typed: &OsStr) -> Vec<CompletionCandidate> {
    safe_paths(&PathCompleter::any().filter(Path::is_dir), typed)
}

/// Returns those of the paths that a shell may be given.
fn safe_paths(paths: &PathCompleter, typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(text) = typed.to_str() else {
        return Vec::new();
    };
    let mut found = paths.complete(typed);
    found.retain(|path| {
        path.get_value()
            .to_str()
            .is_some_and(|path| is_safe(text, path))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli, config::environment::Environment};

    #[test]
    fn every_argument_of_the_list_is_there() {
        let definition = cli::definition();
        for (command, id, _) in ARGUMENTS {
            let command = definition.find_subcommand(command).unwrap();
            let is_there = command.get_arguments().any(|arg| arg.get_id() == id);
            assert!(is_there, "{} {id}", command.get_name());
        }
    }

    #[test]
    fn every_argument_that_takes_a_path_has_our_completer() {
        let ground = Ground::new(Environment::of(&[]), Vec::new());
        let definition = to(cli::definition(), &ground);
        let commands = std::iter::once(&definition).chain(definition.get_subcommands());
        let mut paths = 0;
        for arg in commands.flat_map(clap::Command::get_arguments) {
            if arg.get_value_hint() == ValueHint::AnyPath {
                assert!(arg.get::<ArgValueCompleter>().is_some(), "{}", arg.get_id());
                paths += 1;
            }
        }
        assert!(paths > 3, "{paths}");
    }

    #[test]
    fn settings_come_after_their_sections() {
        let words: Vec<_> = keys().into_iter().map(|offer| offer.word).collect();
        let place = |word: &str| words.iter().position(|other| other == word).unwrap();
        assert!(place("limits") < place("limits.jobs"));
        assert_eq!(words.iter().filter(|word| *word == "limits").count(), 1);
    }
}
