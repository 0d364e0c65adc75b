//! Raises alerts: a file for each, then the command that the configuration names.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    config::settings::Alerts,
    model::{
        alert::Alert,
        outcome::{Fault, Trouble},
    },
    sys::{
        durable,
        process::{Cmd, Exit, Host},
        run_dir::private_folder,
    },
};

/// The time that the command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
/// How many lines of what it printed are shown.
const SHOWN_LINES: usize = 10;

/// An alert that is on the disk.
#[derive(Debug)]
pub(crate) struct Raised {
    /// Its file.
    pub(crate) file: PathBuf,
    /// What went wrong with the command; the file is there all the same.
    pub(crate) trouble: Option<Trouble>,
}

/// Writes an alert, secrets masked, and runs the command with its file.
///
/// An error says that there is no file; it holds what the alert would have said.
pub(crate) fn raise(host: &Host, to: &Alerts, alert: &Alert) -> Result<Raised, Trouble> {
    let text = host.redactor.text(&alert.render());
    let file = to.dir.join(alert.file_name());
    let written = private_folder(&to.dir).and_then(|()| durable::write(&file, text.as_bytes()));
    written.map_err(|error| {
        let kind = alert.kind.word();
        let message = format!("failed to write the alert `{}`", file.display());
        let unsaid = host.redactor.text(&alert.why);
        Trouble::broken("alert-unwritten", message)
            .because(error.to_string())
            .because(format!(
                "the alert was a {kind} of `{}`: {unsaid}",
                alert.app
            ))
            .hint("make room on the disk, or name another directory by `alerts.dir`")
    })?;
    let trouble = call(host, &to.command, &file, COMMAND_LIMIT).err();
    Ok(Raised { file, trouble })
}

/// Runs the command, if there is one, for so long at most.
fn call(host: &Host, command: &[String], file: &Path, limit: Duration) -> Result<(), Trouble> {
    let Some((program, args)) = command.split_first() else {
        return Ok(());
    };
    let cmd = Cmd::new(program, limit).args(args).arg(file);
    let message = format!("the command for alerts, `{program}`, did not do its work");
    let trouble = |cause: String| {
        Trouble::new(Fault::Config, "alert-command", &message)
            .because(cause)
            .hint(format!(
                "read `{}`, and mend `alerts.command`",
                file.display()
            ))
    };
    let output = cmd.run(host).map_err(|error| {
        let why = std::error::Error::source(&error).map(|source| format!(": {source}"));
        trouble(format!("{error}{}", why.unwrap_or_default()))
    })?;
    match output.exit {
        Exit::Success => Ok(()),
        Exit::TimedOut => Err(trouble(format!("it was ended after {} s", limit.as_secs()))),
        exit @ (Exit::Code(_) | Exit::Signal(_) | Exit::Interrupted) => Err(trouble(
            exit.to_string(),
        )
        .excerpt("alerts.command", &output.tail(SHOWN_LINES), SHOWN_LINES)),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::{
        model::alert::{AlertKind, VERSION},
        sys::{interrupt::Interrupt, process::script::write_script, redact::Redactor},
    };

    fn host() -> Host {
        Host {
            redactor: Redactor::default(),
            interrupt: Interrupt::never(),
            base_env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
            inherit: None,
            echo: None,
        }
    }

    fn alert() -> Alert {
        Alert {
            v: VERSION,
            time: "2026-11-30T22:31:00Z".parse().unwrap(),
            host: "ci".to_owned(),
            app: "warm-keycloak.ci.example.org".parse().unwrap(),
            recipe: "keycloak".parse().unwrap(),
            kind: AlertKind::Rollback,
            from: Some("1.5.0+26.1".parse().unwrap()),
            to: Some("1.6.0+26.2".parse().unwrap()),
            why: "it printed t0ps3cretvalue".to_owned(),
            what_to_do: "look into its logs".to_owned(),
        }
    }

    /// Alerts below a directory, with a command that is a script of these lines.
    fn alerts(root: &Path, script: Option<&str>, args: &[&str]) -> Alerts {
        let program = root.join("notify");
        let command = script.map(|lines| {
            write_script(&program, lines);
            let args = args.iter().map(|&arg| arg.to_owned());
            std::iter::once(program.display().to_string()).chain(args)
        });
        Alerts {
            dir: root.join("state/alerts"),
            command: command.into_iter().flatten().collect(),
        }
    }

    #[test]
    fn an_alert_is_a_private_file_without_secrets() {
        let (root, host) = (tempfile::tempdir().unwrap(), host());
        host.redactor.register("t0ps3cretvalue");
        let raised = raise(&host, &alerts(root.path(), None, &[]), &alert()).unwrap();
        assert!(raised.trouble.is_none());
        let text = fs::read_to_string(&raised.file).unwrap();
        assert!(!text.contains("t0ps3cret"), "{text}");
        let read: Alert = serde_json::from_str(&text).unwrap();
        assert_eq!(read.why, "it printed [secret]");
        assert_eq!(
            Alert {
                why: alert().why,
                ..read
            },
            alert()
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&raised.file), 0o600);
        assert_eq!(mode(raised.file.parent().unwrap()), 0o700);
    }

    #[test]
    fn the_command_gets_its_words_and_the_file_and_no_shell_sees_them() {
        let (root, host) = (tempfile::tempdir().unwrap(), host());
        let words = root.path().join("words");
        let script = format!("printf '%s\\n' \"$@\" > '{}'", words.display());
        let args = ["-s", "$(id) `id` two words", "*"];
        let to = alerts(root.path(), Some(&script), &args);
        let raised = raise(&host, &to, &alert()).unwrap();
        assert!(raised.trouble.is_none(), "{:?}", raised.trouble);
        let given = fs::read_to_string(words).unwrap();
        let expected = format!("{}\n{}\n", args.join("\n"), raised.file.display());
        assert_eq!(given, expected);
    }

    #[test]
    fn the_file_is_whole_before_the_command_runs() {
        let (root, host) = (tempfile::tempdir().unwrap(), host());
        let copy = root.path().join("copy");
        let script = format!("cp \"$1\" '{}'", copy.display());
        let raised = raise(&host, &alerts(root.path(), Some(&script), &[]), &alert()).unwrap();
        assert_eq!(fs::read(copy).unwrap(), fs::read(raised.file).unwrap());
    }

    #[test]
    fn a_command_that_fails_is_told_and_hides_no_alert() {
        let (root, host) = (tempfile::tempdir().unwrap(), host());
        let to = alerts(root.path(), Some("echo no route to ops >&2; exit 3"), &[]);
        let raised = raise(&host, &to, &alert()).unwrap();
        assert!(raised.file.is_file());
        let trouble = raised.trouble.unwrap();
        assert_eq!(
            (trouble.fault, trouble.code.as_str()),
            (Fault::Config, "alert-command")
        );
        assert_eq!(trouble.causes, ["exit code 3"]);
        assert_eq!(trouble.excerpt.unwrap().lines, ["no route to ops"]);
        assert!(
            trouble
                .hint
                .unwrap()
                .contains(&raised.file.display().to_string())
        );
    }

    #[test]
    fn a_command_that_never_ends_is_ended_with_all_that_it_started() {
        let (root, host) = (tempfile::tempdir().unwrap(), host());
        let pid = root.path().join("pid");
        let script = format!("sleep 600 & echo $! > '{}'; wait", pid.display());
        let to = alerts(root.path(), Some(&script), &[]);
        let trouble = call(&host, &to.command, root.path(), Duration::from_secs(1)).unwrap_err();
        assert_eq!(trouble.code, "alert-command");
        assert_eq!(trouble.causes, ["it was ended after 1 s"]);
        let pid = fs::read_to_string(pid).unwrap();
        // It may wait, dead, for someone to ask how it ended.
        let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        assert!(state.is_err() || state.unwrap().contains(" Z "));
    }

    #[test]
    fn a_command_that_is_not_there_is_told_and_hides_no_alert() {
        let (root, host) = (tempfile::tempdir().unwrap(), host());
        let mut to = alerts(root.path(), None, &[]);
        to.command = vec!["/no/such/program".to_owned()];
        let raised = raise(&host, &to, &alert()).unwrap();
        assert!(raised.file.is_file());
        let trouble = raised.trouble.unwrap();
        let said = "the command for alerts, `/no/such/program`, did not do its work";
        assert_eq!(trouble.message, said);
        assert!(
            trouble.causes[0].contains("/no/such/program"),
            "{:?}",
            trouble.causes
        );
    }

    #[test]
    fn an_alert_that_cannot_be_written_says_what_it_would_have_said() {
        let (root, host) = (tempfile::tempdir().unwrap(), host());
        host.redactor.register("t0ps3cretvalue");
        let to = Alerts {
            dir: root.path().join("file/alerts"),
            command: Vec::new(),
        };
        fs::write(root.path().join("file"), "").unwrap();
        let trouble = raise(&host, &to, &alert()).unwrap_err();
        assert_eq!(trouble.code, "alert-unwritten");
        let said =
            "the alert was a rollback of `warm-keycloak.ci.example.org`: it printed [secret]";
        assert_eq!(trouble.causes[1], said);
    }
}
