//! What is printed: log lines on the standard error, tables and JSON on the standard output.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the stand-in is a program of its own and prints as abra does"
)]

use std::io::BufRead;

use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::host;

/// Prints an `INFO` line.
pub(crate) fn info(text: &str) {
    eprintln!("INFO {text}");
}

/// Prints a `WARN` line.
pub(crate) fn warn(text: &str) {
    eprintln!("WARN {text}");
}

/// Prints a `FATA` line.
pub(crate) fn fatal(text: &str) {
    eprintln!("FATA {text}");
}

/// Prints a `DEBU` line with the place that it comes from.
pub(crate) fn debug(place: &str, text: &str) {
    eprintln!("DEBU {place} {text}");
}

/// Prints one line of a result.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints a value as JSON.
pub(crate) fn json(value: &serde_json::Value) {
    println!("{value}");
}

/// Prints a table for people, which fails without a terminal.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> Result<()> {
    need_table_terminal()?;
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    println!("{}", table_line(header.iter().copied(), &widths));
    println!(
        "{}",
        widths
            .iter()
            .map(|width| "-".repeat(*width))
            .collect::<Vec<_>>()
            .join("-+-")
    );
    for row in rows {
        println!("{}", table_line(row.iter().map(String::as_str), &widths));
    }
    Ok(())
}

/// Refuses to go on where a table could not be printed.
pub(crate) fn need_table_terminal() -> Result<()> {
    let seen = host::stdin_is_terminal()
        && (!guesses::TABLE_NEEDS_OUTPUT_TERMINAL || host::stdout_is_terminal());
    let excused = host::variable(guesses::CI_VARIABLE).as_deref() == Some("1");
    if seen || excused {
        Ok(())
    } else {
        Err(Fatal::new(guesses::NOT_A_TERMINAL))
    }
}

/// Refuses to go on without a terminal, whatever the environment says.
pub(crate) fn need_terminal() -> Result<()> {
    if host::stdin_is_terminal() && host::stdout_is_terminal() {
        Ok(())
    } else {
        Err(Fatal::new(guesses::NOT_A_TERMINAL))
    }
}

/// Asks a yes or no question on the standard input; anything but yes ends the program.
pub(crate) fn confirm(question: &str) -> Result<()> {
    eprintln!("{question} [y/n]");
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(Fatal::during("reading the answer"))?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Fatal::new(guesses::NOT_CONFIRMED)),
    }
}

/// Returns one line of a table with its cells padded.
fn table_line<'a>(cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
    let cells: Vec<String> = cells
        .zip(widths)
        .map(|(cell, width)| format!("{cell:<width$}"))
        .collect();
    cells.join(" | ").trim_end().to_owned()
}
