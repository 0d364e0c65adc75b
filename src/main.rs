//! The `ccci` program: hands its arguments over, returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(ccci::run(std::env::args_os()))
}
