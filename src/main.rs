//! The `ccci` program: parses the command line, runs it, returns the exit code.

fn main() {}
