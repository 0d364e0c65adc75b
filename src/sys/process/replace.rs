//! The end of ccci in favour of another program, which takes its terminal over.

use std::{ffi::OsString, os::unix::process::CommandExt, path::Path};

use super::Error;

/// Becomes another program; returns only when that fails.
pub(crate) fn replace(program: &Path, args: &[&str], env: &[(OsString, OsString)]) -> Error {
    // A replacement that fails leaves this process with SIGPIPE no longer ignored, so what can be seen is seen before.
    if !program.is_file() {
        let program = program.to_owned();
        return Error::NotFound { program };
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "no child is started, so none has to be supervised"
    )]
    let mut command = std::process::Command::new(program);
    let envs = env.iter().map(|(name, value)| (name, value));
    let source = command.args(args).env_clear().envs(envs).exec();
    Error::Start {
        program: program.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_is_an_error_of_ours() {
        let error = replace(Path::new("/no/such/program"), &[], &[]);
        assert_eq!(error.to_string(), "found no program `/no/such/program`");
    }
}
