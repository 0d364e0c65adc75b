//! A program that notes each call and answers it from a list, for tests that ask what another program was made to do.
//!
//! Both files lie beside the name that it was called by: `calls`, and the list `<name>.answers`.
//! A line of the list is the beginning of a call's arguments, a tab, and what is printed.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

/// Notes the call and answers it; a call that the list lacks fails.
fn main() -> io::Result<ExitCode> {
    let mut words = std::env::args_os();
    let program = PathBuf::from(words.next().unwrap_or_default());
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let words: Vec<_> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let call = words.join(" ");
    let calls = program.with_file_name("calls");
    let mut calls = OpenOptions::new().create(true).append(true).open(calls)?;
    // One write, so that calls at once do not mix.
    calls.write_all(format!("{name} {}\n", call.escape_debug()).as_bytes())?;
    let answers = program.with_file_name(format!("{name}.answers"));
    let answers = fs::read_to_string(answers).unwrap_or_default();
    let mut answers = answers.lines().filter_map(|line| line.split_once('\t'));
    match answers.find(|(begin, _)| call.starts_with(begin)) {
        Some((_, "")) => Ok(ExitCode::SUCCESS),
        Some((_, answer)) => {
            writeln!(io::stdout(), "{answer}")?;
            Ok(ExitCode::SUCCESS)
        }
        None => {
            writeln!(io::stderr(), "{name}: no answer to `{call}`")?;
            Ok(ExitCode::FAILURE)
        }
    }
}
