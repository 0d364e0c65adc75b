//! The only place that writes to the terminal.

use std::time::Duration;

/// Prints a line for people.
#[expect(clippy::print_stdout, reason = "the gate for what xtask prints")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints an error with its causes.
#[expect(clippy::print_stderr, reason = "the gate for what xtask prints")]
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  caused by: {cause}");
    }
}

/// Renders a duration with one digit after the point.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
