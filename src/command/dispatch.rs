//! From the command line to the command, and from its end to the exit code.

use std::{
    ffi::OsString,
    io::{self, Write},
    panic,
};

use super::{
    complete, completions, config, doctor, enroll,
    error::{Error, Kind},
    exec, explain, help,
    host::Call,
    janitor, list, promote, reconcile, sweep, teardown, test,
    view::{self, Voice},
    volume,
};
use crate::{
    cli::{self, Command},
    config::environment::Environment,
    exit,
    model::outcome::Trouble,
};

/// Runs one command line and returns its exit code.
pub(crate) fn run(argv: Vec<OsString>) -> u8 {
    if let Some(code) = complete::answer(&argv).or_else(|| volume::answer(&argv)) {
        return code;
    }
    // One line in place of a backtrace: a panic is our bug, and its place is what a report of it needs.
    panic::set_hook(Box::new(|panic| {
        drop(writeln!(io::stderr(), "error: internal error: {panic}").map(drop));
    }));
    panic::catch_unwind(|| carry_out(argv)).unwrap_or(exit::UNEXPECTED)
}

/// Parses the command line and carries it out.
fn carry_out(argv: Vec<OsString>) -> u8 {
    let words = argv.iter().skip(1);
    let words: Vec<_> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let (cli, typed) = match cli::parse(argv) {
        Ok(parsed) => parsed,
        Err(error) => return complain(&error, &words, &Environment::read()),
    };
    let call = Call::new(cli.global, typed, words);
    let (voice, result) = match cli.command {
        Command::Test(args) => (Voice::of(&args), test::run(&call, &args)),
        Command::Promote(args) => (
            Voice::of_reporting(&args.reporting),
            promote::run(&call, &args),
        ),
        Command::Reconcile(args) => (Voice::of_json(args.json), reconcile::run(&call, &args)),
        Command::Sweep(args) => (Voice::of_json(args.json), sweep::run(&call, &args)),
        Command::Teardown(args) => (Voice::of_json(args.json), teardown::run(&call, &args)),
        Command::Janitor(args) => (Voice::of_json(args.json), janitor::run(&call, &args)),
        Command::Enroll(args) => (Voice::Human, enroll::run(&call, &args)),
        Command::List(args) => (Voice::of_json(args.json), list::run(&call, args)),
        Command::Exec(args) => (Voice::Human, exec::run(&call, &args)),
        Command::Shell(args) => (Voice::Human, exec::shell(&call, &args)),
        Command::Doctor(args) => (Voice::of_json(args.json), doctor::run(&call, &args)),
        Command::Explain(args) => (Voice::of_json(args.json), explain::run(&call, &args)),
        Command::Config(args) => (Voice::of_json(args.json), config::run(&call, &args)),
        Command::Completions(args) => (Voice::Human, completions::run(args)),
        Command::Help(args) => (Voice::Human, help::run(&args)),
    };
    result.unwrap_or_else(|error| report(&call, voice, &error))
}

/// Prints what clap has to say, be it the help that was asked for.
///
/// Clap reads variables as it reads flags and does not say which one it could not read, so that is asked first.
fn complain(error: &clap::Error, words: &[String], env: &Environment) -> u8 {
    let code = u8::try_from(error.exit_code()).unwrap_or(exit::UNEXPECTED);
    if !error.use_stderr() {
        return error.print().map_or(exit::OUTPUT, |()| code);
    }
    let unusable = env.check(&cli::variables()).err();
    let text = match &unusable {
        Some(unusable) => format!("error: {unusable}\n"),
        None => error.render().to_string(),
    };
    let told = if cli::asks_for_json(words) || env.asks_for_json() {
        view::print_diagnostic(&usage(&text))
    } else {
        Ok(())
    };
    let printed = told.and_then(|()| match unusable {
        Some(_) => io::stderr().write_all(text.as_bytes()),
        None => error.print(),
    });
    match printed {
        Ok(()) => code,
        Err(_) => exit::OUTPUT,
    }
}

/// Makes of what clap says what programs read: its first paragraph, and its tip as the hint.
fn usage(text: &str) -> Trouble {
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let Some(message) = first.strip_prefix("error: ") else {
        // Clap prints the help where there is nothing that it could complain of.
        let trouble = Error::say(Kind::Usage, "no command is given").trouble();
        return trouble.hint("run `ccci help` for the list");
    };
    let trouble = Error::say(Kind::Usage, message).trouble();
    let more = lines.by_ref().take_while(|line| !line.is_empty());
    let trouble = more.fold(trouble, Trouble::because);
    match lines.find_map(|line| line.strip_prefix("tip: ")) {
        Some(tip) => trouble.hint(tip),
        None => trouble,
    }
}

/// Prints an error and returns its exit code.
fn report(call: &Call, voice: Voice, error: &Error) -> u8 {
    match view::print_error(call, voice, error) {
        Ok(()) => error.code(),
        Err(_) => exit::OUTPUT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what programs read of a line that is refused.
    fn told(line: &str) -> Trouble {
        let argv = line.split(' ').map(OsString::from);
        usage(&cli::parse(argv).unwrap_err().render().to_string())
    }

    #[test]
    fn programs_read_the_rule_and_the_tip() {
        let trouble = told("ccci test --keep allways");
        assert_eq!(
            trouble.message,
            "invalid value 'allways' for '--keep <WHEN>'"
        );
        assert_eq!(trouble.causes, ["[possible values: never, failed, always]"]);
        let tip = "a similar value exists: 'always'";
        assert_eq!(trouble.hint.as_deref(), Some(tip));
        let trouble = told("ccci exec");
        assert_eq!(trouble.causes, ["<SERVICE>", "<COMMAND>..."]);
        assert_eq!(told("ccci").message, "no command is given");
    }
}
