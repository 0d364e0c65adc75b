//! Completion of the command line in a shell: from local files alone, and silent where nothing is known.
//!
//! It runs before anything else is printed, and it never fails: a shell would show an error amid what is being typed.

use std::{
    ffi::OsString,
    io::{self, Write},
    panic,
    path::{Path, PathBuf},
};

use clap_complete::env::{EnvCompleter, Shells};

use self::ground::Ground;
use crate::{cli, config::environment::Environment, exit};

mod attach;
mod bash;
mod ground;
mod known;
mod offer;
mod runs;
mod tested;

/// The variable by which a shell asks, its value the shell's name.
const VARIABLE: &str = "COMPLETE";
/// The variable by which some scripts say which word is being completed.
const INDEX: &str = "_CLAP_COMPLETE_INDEX";
/// The program's name.
const PROGRAM: &str = "ccci";
/// Completes at once where zsh loads the script as the function that it is named after.
const LOADED_BY_ZSH: &str = r#"
if [[ "${funcstack[1]}" == _ccci ]]; then
    _clap_dynamic_completer_ccci "$@"
fi
"#;

/// Answers a shell that asks for its script or for completions; nothing when the command line is to be carried out.
///
/// Whoever has the variable set for another reason must not lose a run by it, so a shell's name alone does not do.
pub(crate) fn answer(argv: &[OsString]) -> Option<u8> {
    let env = Environment::read();
    let asked = PathBuf::from(env.os(VARIABLE)?);
    let shells = Shells::builtins();
    let shell = shells.completer(asked.file_stem()?.to_str()?)?;
    let (program, words) = argv.split_first()?;
    let text = match words.split_first() {
        None => script(shell.name(), &completer(program)),
        Some((first, words)) if first == "--" => offered(shell, words.to_vec(), env),
        Some(_) => return None,
    };
    // A shell that no longer listens is no error.
    drop(io::stdout().write_all(&text.unwrap_or_default()));
    Some(exit::PASSED)
}

/// Returns the script that makes a shell ask a program for completions.
fn script(shell: &str, completer: &str) -> Option<Vec<u8>> {
    let shells = Shells::builtins();
    let shell = shells.completer(shell)?;
    if shell.name() == "bash" {
        return Some(bash::script(completer).into_bytes());
    }
    let mut text = Vec::new();
    let written = shell.write_registration(VARIABLE, PROGRAM, PROGRAM, completer, &mut text);
    if shell.name() == "zsh" {
        text.extend_from_slice(LOADED_BY_ZSH.as_bytes());
    }
    written.ok().map(|()| text)
}

/// Returns the script for those who install it: it asks the program that is found on `PATH`.
pub(crate) fn installed_script(shell: &str) -> String {
    let script = script(shell, PROGRAM).expect("a test makes the script of each shell");
    String::from_utf8(script).expect("a script is made of text")
}

/// Returns how a shell calls the program that was called like this, wherever the shell is then.
fn completer(program: &OsString) -> String {
    let program = Path::new(program);
    let here = std::env::current_dir().unwrap_or_default();
    let is_path = program.components().count() > 1;
    let program = if is_path {
        here.join(program)
    } else {
        program.to_owned()
    };
    program.to_string_lossy().into_owned()
}

/// Returns what is offered, as the shell reads it.
fn offered(shell: &dyn EnvCompleter, words: Vec<OsString>, env: Environment) -> Option<Vec<u8>> {
    // What a panic says would stand amid what is being typed.
    panic::set_hook(Box::new(|_| {}));
    let offered = || {
        if shell.name() != "bash" {
            return offered_as_given(shell, words, env);
        }
        let line = bash::Line::read(&words)?;
        let ground = Ground::new(env, line.before());
        line.complete(attach::to(cli::definition(), &ground))
    };
    panic::catch_unwind(panic::AssertUnwindSafe(offered)).ok()?
}

/// Returns what is offered to a shell whose words are those that ccci takes.
fn offered_as_given(
    shell: &dyn EnvCompleter,
    words: Vec<OsString>,
    env: Environment,
) -> Option<Vec<u8>> {
    let index = env.os(INDEX).and_then(|index| index.to_str()?.parse().ok());
    let last = words.len().saturating_sub(1);
    let before = words.get(..index.unwrap_or(last)).unwrap_or(&words);
    let ground = Ground::new(env, before.to_vec());
    let mut command = attach::to(cli::definition(), &ground);
    let here = std::env::current_dir().ok();
    let mut text = Vec::new();
    let written = shell.write_complete(&mut command, words, here.as_deref(), &mut text);
    written.ok().map(|()| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_script_for_every_shell_that_the_command_line_names() {
        use clap::ValueEnum;
        for shell in clap_complete::aot::Shell::value_variants() {
            let script = installed_script(&shell.to_string());
            assert!(script.contains("ccci"), "{shell}");
            assert!(script.contains(VARIABLE), "{shell}");
        }
        assert!(script("tcsh", "ccci").is_none());
    }

    #[test]
    fn a_program_that_was_called_by_a_path_is_found_from_everywhere() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(completer(&"ccci".into()), "ccci");
        let found = completer(&"target/ccci".into());
        assert_eq!(Path::new(&found), here.join("target/ccci"));
    }
}
