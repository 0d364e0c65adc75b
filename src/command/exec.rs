//! `ccci exec` and `ccci shell`: into a service of an app under test.

use std::{
    io::{self, IsTerminal, Read, Write},
    path::Path,
};

use super::{
    error::{Error, Kind},
    host::{Call, Programs},
    view::output_error,
};
use crate::{
    cli::{
        app_args::{ExecArgs, ShellArgs},
        values::AppName,
    },
    config::settings::Settings,
    exit,
    lifecycle::preflight::find_program,
    model::journal::Begun,
    sys::{
        context::Context,
        journal,
        process::{self, Exit, Output},
        redact::Redactor,
        run_dir,
    },
    tool::docker::{client::Docker, exec::Exec},
};

/// The variable by which a test knows its app's stack.
const STACK: &str = "CCCI_STACK";
/// Starts the best shell that there is.
const SHELL: &str = "if command -v bash >/dev/null; then exec bash; else exec sh; fi";

/// Runs a command and returns its exit code.
pub(crate) fn run(call: &Call, args: &ExecArgs) -> Result<u8, Error> {
    let ctx = context(call)?;
    let argv = args.argv.iter().map(|word| word.to_str());
    let argv: Option<Vec<&str>> = argv.collect();
    let argv = argv.ok_or_else(|| Error::say(Kind::Usage, "the command is not UTF-8"))?;
    let (docker, container) = find(call, &ctx, args.run_id.as_ref(), &args.service)?;
    let input = read_input()?;
    let exec = Exec {
        command: &argv,
        input: input.as_deref(),
        limit: ctx.settings.limits.run,
        log: None,
    };
    let output = docker.exec(&container, &exec)?;
    pass_on(&output)?;
    code_of(&output)
}

/// Opens a shell; does not return when it is open.
pub(crate) fn shell(call: &Call, args: &ShellArgs) -> Result<u8, Error> {
    let has_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    if !has_terminal || call.global.no_input {
        let message = "a shell needs a terminal, and there is none to ask on";
        return Err(Error::say(Kind::Refused, message)
            .hint("run `ccci exec SERVICE -- COMMAND` in place of it"));
    }
    let ctx = context(call)?;
    let (_, container) = find(call, &ctx, args.run_id.as_ref(), &args.service)?;
    let words = [
        "exec",
        "--interactive",
        "--tty",
        &container,
        "sh",
        "-c",
        SHELL,
    ];
    let error = process::replace(&ctx.docker, &words, &ctx.host.base_env);
    Err(Error::from(error))
}

/// Returns what the commands act with.
fn context(call: &Call) -> Result<Context, Error> {
    let settings = call.settings(&[])?;
    let docker = find_program(&settings, "docker", &settings.programs.docker)?;
    let git = settings.programs.git.clone();
    call.context(settings, Programs { docker, git }, Redactor::default())
}

/// Finds the container of a service.
fn find(
    call: &Call,
    ctx: &Context,
    app: Option<&AppName>,
    service: &str,
) -> Result<(Docker, String), Error> {
    let docker = Docker::new(&ctx.docker, &ctx.host);
    let stack = stack_of(call, &ctx.settings, app)?;
    let containers = docker.running_containers(&stack)?;
    let prefix = format!("{stack}_");
    let name = |service: Option<&str>| {
        let short = service?.strip_prefix(&prefix)?;
        Some(short.to_owned())
    };
    let named: Vec<_> = containers
        .iter()
        .filter_map(|container| Some((name(container.service())?, container.id.clone())))
        .collect();
    match named.iter().find(|(name, _)| name == service) {
        Some((_, id)) => Ok((docker, id.clone())),
        None => Err(no_service(service, &stack, named)),
    }
}

/// Says that a service has no container, and which ones have.
fn no_service(service: &str, stack: &str, running: Vec<(String, String)>) -> Error {
    let mut names: Vec<_> = running.into_iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let service = service.escape_debug();
    if names.is_empty() {
        let message = format!("no container of stack `{stack}` runs on this node");
        return Error::say(Kind::Broken, message);
    }
    let message = format!("no container of service `{service}` runs in stack `{stack}`");
    Error::say(Kind::Usage, message).hint(format!("name one of these: {}", names.join(", ")))
}

/// Finds the stack that is meant: of the run that was typed, of the test that we are in, of the run in the environment.
fn stack_of(call: &Call, settings: &Settings, app: Option<&AppName>) -> Result<String, Error> {
    let is_typed = call.typed("run-id").is_some();
    match (call.env().text(STACK)?, app) {
        (Some(stack), _) if !is_typed => checked(stack),
        (_, Some(AppName::Domain(domain))) => Ok(domain.stack().as_str().to_owned()),
        (_, Some(AppName::Run(prefix))) => {
            let begun = app_of_run(&settings.state.dir, prefix)?;
            Ok(begun.stack.as_str().to_owned())
        }
        (_, None) => Err(Error::say(Kind::Usage, "no run is named")
            .hint("give `--run-id`, or set `CCCI_RUN_ID`")),
    }
}

/// Refuses what is no stack's name.
fn checked(stack: &str) -> Result<String, Error> {
    let clean = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if stack.starts_with(|c: char| c.is_ascii_alphanumeric()) && stack.chars().all(clean) {
        return Ok(stack.to_owned());
    }
    let message = format!(
        "variable `{STACK}`: `{}` names no stack",
        stack.escape_debug()
    );
    Err(Error::say(Kind::Usage, message))
}

/// Finds the app of a run by the beginning of the run's id.
pub(super) fn app_of_run(state: &Path, prefix: &str) -> Result<Begun, Error> {
    let runs = run_dir::list(state).map_err(|error| {
        let message = format!("failed to read the runs in `{}`", state.display());
        Error::new(
            Kind::Configuration,
            anyhow::Error::new(error).context(message),
        )
    })?;
    let mut fitting = runs
        .into_iter()
        .filter(|(id, _)| id.as_str().starts_with(prefix));
    let (id, entry) = match (fitting.next(), fitting.next()) {
        (Some(found), None) => found,
        (Some((first, _)), Some((second, _))) => {
            let message = format!("`{prefix}` fits several runs, among them {first} and {second}");
            return Err(Error::say(Kind::Usage, message).hint("give more of the id"));
        }
        (None, _) => {
            let message = format!("there is no run `{prefix}` in `{}`", state.display());
            return Err(Error::say(Kind::Usage, message));
        }
    };
    let history = journal::read(&entry).ok().map(|(history, _)| history);
    history.and_then(|history| history.begun).ok_or_else(|| {
        let message = format!("the journal of run `{id}` does not say which app it has");
        Error::say(Kind::Configuration, message)
    })
}

/// Reads what is piped in, for the command to read.
fn read_input() -> Result<Option<Vec<u8>>, Error> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Ok(None);
    }
    let mut input = Vec::new();
    let read = stdin.lock().read_to_end(&mut input);
    read.map_err(|error| {
        let error = anyhow::Error::new(error);
        Error::new(Kind::Usage, error.context("failed to read standard input"))
    })?;
    Ok(Some(input))
}

/// Prints what the command printed, on the same streams.
fn pass_on(output: &Output) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let written = out.write_all(&output.stdout).and_then(|()| out.flush());
    written.map_err(output_error("standard output"))?;
    let written = io::stderr().lock().write_all(&output.stderr);
    written.map_err(output_error("standard error"))
}

/// Returns the exit code of the command.
fn code_of(output: &Output) -> Result<u8, Error> {
    if output.truncated {
        let message = "the command printed more than is kept, and the rest is lost";
        return Err(Error::say(Kind::Output, message));
    }
    Ok(match output.exit {
        Exit::Success => exit::PASSED,
        Exit::Code(code) => u8::try_from(code).unwrap_or(exit::UNEXPECTED),
        Exit::Signal(number) => {
            exit::SIGNAL_BASE.saturating_add(u8::try_from(number).unwrap_or_default())
        }
        Exit::TimedOut | Exit::Interrupted => exit::BROKEN,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_stacks_name_reaches_docker() {
        assert_eq!(
            checked("word-3fa91c_ci_example_org").unwrap(),
            "word-3fa91c_ci_example_org"
        );
        for bad in ["", "-x", "a b", "a,b", "a\nb", "_a"] {
            assert_eq!(checked(bad).unwrap_err().code(), 2, "{bad:?}");
        }
    }

    #[test]
    fn a_service_that_is_not_there_gets_the_names_of_those_that_are() {
        let running = ["db", "app", "app"].map(|name| (name.to_owned(), String::new()));
        let error = no_service("ap", "st", running.to_vec());
        assert_eq!(error.code(), 2);
        assert_eq!(error.hint.as_deref(), Some("name one of these: app, db"));
        assert_eq!(no_service("app", "st", Vec::new()).code(), 103);
    }

    #[test]
    fn a_run_that_is_not_there_is_named() {
        let state = tempfile::tempdir().unwrap();
        let error = app_of_run(state.path(), "k7").unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(error.cause.to_string().contains("no run `k7`"));
    }
}
