//! Commands in containers: they are run, and what outlives its client is ended there.

use std::time::Duration;

use jiff::Timestamp;

use super::client::{Docker, Error, READ_LIMIT, lost_engine};
use crate::sys::{
    interrupt::Interrupt,
    process::{Cmd, Host, Output, StepLog},
};

/// The variable by which a command in a container is found again.
const EXEC_MARK: &str = "CCCI_EXEC";
/// Kills what carries a mark and names it; three times, since what is killed may just have started another.
const END_MARKED: &str = r#"for pass in 1 2 3; do
    for process in /proc/[0-9]*; do
        case "$(tr '\0' '\n' < "$process/environ" 2> /dev/null)" in
            *"$1"*) kill -9 "${process#/proc/}" && echo "$process" ;;
        esac
    done
done"#;

/// Prints the secrets of a container, those that have another place than the usual one left out.
const PRINT_SECRETS: &str = r#"for file in /run/secrets/*; do
    [ ! -f "$file" ] || { cat "$file" && printf '\0'; } || exit
done"#;

/// A command to run in a container.
pub(crate) struct Exec<'a> {
    /// The command and its arguments.
    pub(crate) command: &'a [&'a str],
    /// What it reads.
    pub(crate) input: Option<&'a [u8]>,
    /// How long it may take.
    pub(crate) limit: Duration,
    /// Where its output goes.
    pub(crate) log: Option<&'a StepLog>,
}

impl Docker {
    /// Runs a command in a container with some bytes as its input, whatever its exit code.
    ///
    /// That the engine does not answer is an error, and no exit code of the command. What outlives its client, because
    /// that was killed or its time was over, is ended in the container.
    pub(crate) fn exec(&self, container: &str, run: &Exec<'_>) -> Result<Output, Error> {
        let mark = format!(
            "{EXEC_MARK}={}-{}",
            std::process::id(),
            Timestamp::now().as_nanosecond()
        );
        let mut args = vec!["exec", "--env", &mark];
        if run.input.is_some() {
            args.push("--interactive");
        }
        args.push(container);
        args.extend(run.command);
        let doing = format!("run a command in {container}");
        let call = self.call(&doing, run.limit, args);
        let call = call.with(|cmd| match run.input {
            Some(input) => cmd.stdin_bytes(input.to_vec()),
            None => cmd,
        });
        let ended = self.attempt(call.with(|cmd| match run.log {
            Some(log) => cmd.log(log),
            None => cmd,
        }));
        let is_late = matches!(ended, Err(Error::TimedOut { .. } | Error::Interrupted))
            && self.host().interrupt.signal().is_none();
        if is_late && self.end_marked(container, &mark) {
            return Err(Error::Overran { doing });
        }
        if matches!(ended, Err(Error::Killed { .. })) {
            self.end_marked(container, &mark);
        }
        let output = ended?;
        match lost_engine(&output) {
            Some(said) => Err(Error::Refused { doing, said }),
            None => Ok(output),
        }
    }

    /// Reads the secrets that are mounted in a container, each with a NUL byte after it; nobody else sees them.
    ///
    /// A copy of the files would be empty: they are mounted for the container's own programs alone.
    pub(crate) fn read_secrets(&self, container: &str, limit: Duration) -> Result<Vec<u8>, Error> {
        let args = ["exec", container, "sh", "-c", PRINT_SECRETS];
        let call = self.call(format!("read the secrets of {container}"), limit, args);
        Ok(self.run(call.with(Cmd::secret_output))?.stdout)
    }

    /// Ends the processes in a container that carry a mark; tells whether there were any.
    ///
    /// One without a shell or without `tr` keeps them until it is removed.
    fn end_marked(&self, container: &str, mark: &str) -> bool {
        let host = Host {
            // The time that is over must not cut this short as well.
            interrupt: Interrupt::never(),
            ..self.host().clone()
        };
        let args = ["exec", container, "sh", "-c", END_MARKED, "sh", mark];
        let call = self.call("end a command", READ_LIMIT, args);
        let ended = self.with_host(&host).attempt(call);
        ended.is_ok_and(|output| !output.stdout.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets a script stand for docker, and runs a command in a container with it.
    fn exec_by(script: &str, limit: Duration) -> Result<Output, Error> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("docker");
        crate::sys::process::script::write_script(&program, script);
        let host = Host {
            redactor: crate::sys::redact::Redactor::default(),
            interrupt: Interrupt::never(),
            base_env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            inherit: None,
            echo: None,
        };
        let run = Exec {
            command: &["true"],
            input: None,
            limit,
            log: None,
        };
        Docker::new(&program, &host).exec("c", &run)
    }

    #[test]
    fn an_engine_that_is_away_is_no_exit_code_of_a_command() {
        let limit = Duration::from_secs(20);
        let words = |said: &str| exec_by(&format!("echo '{said}' >&2\nexit 1"), limit);
        let away = words("Cannot connect to the Docker daemon at unix:///x. Is it running?");
        assert!(matches!(away, Err(Error::Refused { .. })));
        assert!(!words("psql: error: no server").unwrap().ok());
    }

    #[test]
    fn a_command_that_overruns_is_told_from_an_engine_that_hangs() {
        // The second call asks for what is left of the first.
        let limit = Duration::from_millis(200);
        let overran = exec_by(
            "test \"$2\" = --env || { echo /proc/7; exit; }\nexec sleep 60",
            limit,
        );
        assert!(matches!(overran, Err(Error::Overran { .. })));
        let hung = exec_by("test \"$2\" = --env || exit 1\nexec sleep 60", limit);
        assert!(matches!(hung, Err(Error::TimedOut { .. })));
        let killed = exec_by("test \"$2\" = --env || exit 0\nkill -9 $$", limit);
        assert!(matches!(killed, Err(Error::Killed { signal: 9, .. })));
    }
}
