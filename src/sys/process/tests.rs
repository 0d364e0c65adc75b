//! Real children: limits, signals, groups, caps, environment, terminal.

use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use super::stray::{MARKER, find_strays};
use super::*;
use crate::sys::interrupt::Signal;
use crate::sys::lock::Lock;

const LONG: Duration = Duration::from_secs(60);
const BRIEF: Duration = Duration::from_millis(150);

fn host() -> Host {
    Host {
        redactor: Redactor::default(),
        interrupt: Interrupt::never(),
        base_env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
        inherit: None,
        echo: None,
    }
}

fn sh(script: &str) -> Cmd {
    Cmd::new("/bin/sh", LONG).args(["-c", script])
}

/// Returns whether a process lives; a zombie does not.
fn lives(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with('Z')
    })
}

#[test]
fn output_and_exit_come_back_and_the_streams_stay_apart() {
    let output = sh("echo out; echo err >&2; exit 3").run(&host()).unwrap();
    assert_eq!(output.exit, Exit::Code(3));
    assert!(!output.ok());
    assert_eq!(output.stdout_text(), "out\n");
    assert_eq!(output.stderr_text(), "err\n");
    let output = sh("kill -9 $$").run(&host()).unwrap();
    assert_eq!(output.exit, Exit::Signal(9));
}

#[test]
fn a_missing_program_is_told_from_one_that_cannot_start() {
    let missing = Cmd::new("/nowhere/docker", LONG).run(&host());
    assert!(
        matches!(missing, Err(Error::NotFound { program }) if program == Path::new("/nowhere/docker"))
    );
    let bare = Cmd::new("no-such-program-here", LONG).run(&host());
    assert!(matches!(bare, Err(Error::NotFound { .. })));
    let refused = Cmd::new("/etc/passwd", LONG).run(&host());
    assert!(matches!(refused, Err(Error::Start { .. })));
    let no_dir = sh("true").dir("/nowhere").run(&host());
    assert!(matches!(no_dir, Err(Error::File { path, .. }) if path == Path::new("/nowhere")));
}

#[test]
fn the_environment_is_what_was_given_and_a_fixed_locale() {
    let output = Cmd::new("env", LONG)
        .env("ADDED", "1")
        .env("PATH", "/bin")
        .run(&host());
    let text = output.unwrap().stdout_text();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["ADDED=1", "LC_ALL=C.UTF-8", "PATH=/bin"]);
}

#[test]
fn input_comes_from_nothing_bytes_or_a_file() {
    assert_eq!(sh("cat").run(&host()).unwrap().stdout, b"");
    let big = vec![b'x'; 300_000];
    let output = sh("cat").stdin_bytes(big.clone()).run(&host()).unwrap();
    assert_eq!(output.stdout, big);
    let unread = sh("exit 0").stdin_bytes(big).run(&host()).unwrap();
    assert_eq!(unread.exit, Exit::Success);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in");
    std::fs::write(&path, "text").unwrap();
    let output = sh("pwd; cat")
        .stdin_file(&path)
        .dir("/")
        .run(&host())
        .unwrap();
    assert_eq!(output.stdout_text(), "/\ntext");
    let absent = sh("cat").stdin_file("/nowhere/in").run(&host());
    assert!(matches!(absent, Err(Error::File { .. })));
}

#[test]
fn output_into_a_file_is_raw_and_private() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive");
    let host = host();
    host.redactor.register("hunter2hunter2");
    let output = sh("printf 'hunter2hunter2\\377'; echo e >&2")
        .stdout_file(&path)
        .run(&host);
    assert_eq!(output.unwrap().stderr_text(), "e\n");
    assert_eq!(std::fs::read(&path).unwrap(), b"hunter2hunter2\xff");
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_child_over_its_limit_is_asked_and_keeps_its_last_words() {
    let script = "trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.01; done";
    let output = Cmd::new("/bin/sh", BRIEF)
        .args(["-c", script])
        .run(&host())
        .unwrap();
    assert_eq!(output.exit, Exit::TimedOut);
    assert_eq!(output.stdout_text(), "hi\nbye\n");
    assert!(output.duration >= BRIEF && output.duration < Duration::from_secs(8));
}

#[test]
fn a_child_that_ignores_the_request_is_killed_after_the_grace() {
    let script = "trap '' TERM; echo $$; while :; do sleep 0.01; done";
    let cmd = Cmd::new("/bin/sh", BRIEF).args(["-c", script]).grace(BRIEF);
    let output = cmd.run(&host()).unwrap();
    assert_eq!(output.exit, Exit::TimedOut);
    assert!(output.duration >= BRIEF * 2 && output.duration < Duration::from_secs(8));
    assert!(!lives(&output.stdout_text()));
}

#[test]
fn a_signal_is_passed_on_and_nothing_starts_after_it() {
    let host = host();
    let raiser = host.interrupt.clone();
    let mut lines = Vec::new();
    let script =
        "exec 2>/dev/null; trap 'echo got-int; exit 0' INT; echo up; while :; do sleep 0.01; done";
    let output = sh(script).stream(&host, &mut |line| {
        lines.push(line.to_owned());
        if line == "up" {
            raiser.raise(Signal::Int);
        }
    });
    assert_eq!(output.unwrap().exit, Exit::Interrupted);
    assert_eq!(lines, ["up", "got-int"]);
    let directory = tempfile::tempdir().unwrap();
    let made = directory.path().join("made");
    let late = Cmd::new("touch", LONG).arg(&made).run(&host).unwrap();
    assert_eq!(late.exit, Exit::Interrupted);
    assert!(!made.exists());
}

#[test]
fn a_second_signal_ends_the_grace() {
    let host = host();
    let raiser = host.interrupt.clone();
    let script = "exec 2>/dev/null; trap 'echo once' TERM; echo up; while :; do sleep 0.01; done";
    let output = sh(script)
        .grace(LONG)
        .stream(&host, &mut |_| raiser.raise(Signal::Term));
    let output = output.unwrap();
    assert_eq!(output.exit, Exit::Interrupted);
    assert_eq!(output.stdout_text(), "up\nonce\n");
    assert!(output.duration < Duration::from_secs(30));
}

#[test]
fn shielded_work_goes_on_after_the_first_signal() {
    let mut host = host();
    host.interrupt.raise(Signal::Int);
    host.interrupt = host.interrupt.shielded();
    assert!(sh("true").run(&host).unwrap().ok());
}

#[test]
fn grandchildren_that_hold_the_pipe_are_killed_with_the_group() {
    let output = sh("sleep 300 & echo $!").run(&host()).unwrap();
    assert_eq!(output.exit, Exit::Success);
    assert!(!output.has_stray);
    assert!(output.duration < Duration::from_secs(8));
    assert!(!lives(&output.stdout_text()));
}

#[test]
fn a_grandchild_that_is_about_to_end_may_finish_its_words() {
    let output = sh("(sleep 0.05; echo late) & echo first")
        .run(&host())
        .unwrap();
    assert_eq!(output.stdout_text(), "first\nlate\n");
}

#[test]
fn a_process_that_left_the_group_is_reported_and_found_by_its_marker() {
    let mut host = host();
    let run = format!("test-{}", std::process::id());
    host.base_env.push((MARKER.into(), run.clone().into()));
    let directory = tempfile::tempdir().unwrap();
    let script = "mkfifo up; setsid sh -c 'echo >up; exec sleep 300' & read x <up";
    let output = sh(script).dir(directory.path()).run(&host).unwrap();
    assert_eq!(output.exit, Exit::Success);
    assert!(output.has_stray);
    let strays = find_strays(&run);
    assert_eq!(
        strays
            .iter()
            .map(|stray| stray.name.as_str())
            .collect::<Vec<_>>(),
        ["sleep"]
    );
    strays[0].kill("another-run");
    assert!(lives(&strays[0].pid.to_string()));
    strays[0].kill(&run);
    let begin = Instant::now();
    while lives(&strays[0].pid.to_string()) {
        assert!(begin.elapsed() < LONG);
        thread::yield_now();
    }
    assert_eq!(find_strays(&run), []);
}

#[test]
fn a_flood_is_kept_up_to_the_cap_and_drained_to_its_end() {
    let output = sh("head -c 20000000 /dev/zero; echo done >&2")
        .run(&host())
        .unwrap();
    assert!(output.ok() && output.truncated);
    assert_eq!(output.stdout.len(), 8 * 1024 * 1024);
    assert_eq!(output.stderr_text(), "done\n");
}

#[test]
fn lines_are_masked_clean_and_in_order() {
    let host = host();
    host.redactor.register("hunter2hunter2");
    let mut lines = Vec::new();
    let script = "printf '\\033[31mred\\033[0m hunter2'; printf 'hunter2\\n'; printf 'no end'";
    let output = sh(script)
        .stream(&host, &mut |line| lines.push(line.to_owned()))
        .unwrap();
    assert_eq!(lines, ["red [secret]", "no end"]);
    assert_eq!(output.stdout, b"\x1b[31mred\x1b[0m [secret]\nno end");
    assert_eq!(output.tail(1), "no end");
    assert_eq!(output.tail(9), "red [secret]\nno end");
}

#[test]
fn the_log_has_command_output_and_exit_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let mut host = host();
    host.redactor.register("hunter2hunter2");
    let echoed = Arc::new(Mutex::new(Vec::new()));
    let echo = Arc::clone(&echoed);
    host.echo = Some(Arc::new(move |line: &str| {
        echo.lock().unwrap().push(line.to_owned());
    }));
    let path = directory.path().join("step.log");
    let log = StepLog::create(&path, &host.redactor).unwrap();
    let script = "echo hunter2hunter2; exit 4";
    sh(script).log(&log).run(&host).unwrap();
    sh("echo generated-value")
        .secret_output()
        .log(&log)
        .run(&host)
        .unwrap();
    Cmd::new("/nowhere/x", LONG)
        .log(&log)
        .run(&host)
        .unwrap_err();
    let text = std::fs::read_to_string(&path).unwrap();
    let times: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
    assert!(times[1].starts_with("[exit code 4 after 0."), "{times:?}");
    let rest: Vec<&str> = text
        .lines()
        .filter(|line| !line.contains(" after "))
        .collect();
    insta::assert_snapshot!(rest.join("\n"), @r"
    $ sh -c 'echo [secret]; exit 4'
    [secret]
    $ sh -c 'echo generated-value'
    $ x
    not started: found no program `/nowhere/x`
    ");
    assert_eq!(echoed.lock().unwrap()[0], "$ sh -c 'echo [secret]; exit 4'");
}

#[test]
fn a_secret_that_control_characters_cut_is_masked_where_these_are_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let host = host();
    host.redactor.register("hunter2hunter2");
    let path = directory.path().join("step.log");
    let log = StepLog::create(&path, &host.redactor).unwrap();
    let mut lines = Vec::new();
    let script = "printf 'a hunter2\\033[1mhunter2\\n'; printf 'b hunt\\001er2hunter2\\033[0m'";
    let output = sh(script)
        .log(&log)
        .stream(&host, &mut |line| lines.push(line.to_owned()));
    assert_eq!(lines, ["a [secret]", "b [secret]"]);
    assert_eq!(output.unwrap().tail(9), "a [secret]\nb [secret]");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\na [secret]\nb [secret]\n"), "{text}");
}

#[test]
fn a_secret_is_returned_as_it_is_and_has_no_tail() {
    let host = host();
    host.redactor.register("generated-value");
    let mut lines = 0;
    let cmd = sh("echo generated-value; echo e >&2").secret_output();
    let output = cmd.stream(&host, &mut |_| lines += 1).unwrap();
    assert_eq!(output.stdout_text(), "generated-value\n");
    assert_eq!((lines, output.tail(5).as_str()), (0, ""));
}

#[test]
fn a_terminal_is_given_where_one_is_asked_for() {
    let script = "for fd in 0 1 2; do test -t $fd && echo $fd; done; stty size; echo e >&2";
    let output = sh(script).pty().run(&host()).unwrap();
    assert_eq!(output.stdout_text(), "0\n1\n50 200\n");
    assert_eq!(output.stderr_text(), "e\n");
    let piped = sh("test -t 1 || test -t 0").run(&host()).unwrap();
    assert_eq!(piped.exit, Exit::Code(1));
    let fed = sh("cat; test -t 1")
        .pty()
        .stdin_bytes("in")
        .run(&host())
        .unwrap();
    assert_eq!((fed.exit, fed.stdout), (Exit::Success, b"in".to_vec()));
}

#[test]
fn a_line_stream_gives_lines_while_the_child_runs_and_kills_it_when_dropped() {
    let stream = sh("echo $$; sleep 300").spawn_lines(&host()).unwrap();
    let pid = stream.lines().recv_timeout(LONG).unwrap();
    assert!(lives(&pid));
    drop(stream);
    assert!(!lives(&pid));
    let stream = sh("echo one; echo two").spawn_lines(&host()).unwrap();
    assert_eq!(stream.lines().iter().collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn a_lock_is_passed_to_the_child_that_may_have_it_and_to_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let file = Arc::new(File::create(directory.path().join("lock")).unwrap());
    let mut holder = host();
    holder.inherit = Some(Arc::clone(&file));
    let script = format!(
        "ls -l /proc/self/fd | grep -c {}/lock",
        directory.path().display()
    );
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(sh(&script).run(&holder).unwrap().stdout_text(), "1\n");
                }
            });
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(sh(&script).run(&host()).unwrap().stdout_text(), "0\n");
                }
            });
        }
    });
    let flags = rustix::io::fcntl_getfd(file.as_fd()).unwrap();
    assert_eq!(flags, rustix::io::FdFlags::CLOEXEC);
}

#[test]
fn a_slow_reader_of_lines_does_not_make_the_child_late() {
    let host = host();
    let mut lines = 0;
    let limit = Duration::from_secs(2);
    let cmd = Cmd::new("/bin/sh", limit).args(["-c", "for i in 1 2 3 4 5; do echo $i; done"]);
    let output = cmd.stream(&host, &mut |_| {
        lines += 1;
        host.interrupt.wait(Duration::from_millis(450));
    });
    assert_eq!((output.unwrap().exit, lines), (Exit::Success, 5));
}

#[test]
fn a_lock_outlives_its_holder_until_the_child_that_inherited_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let take = || Lock::try_acquire(directory.path(), "app", "").unwrap();
    let lock = take().unwrap();
    let mut host = host();
    host.inherit = Some(lock.file());
    let stream = sh("echo up; sleep 300").spawn_lines(&host).unwrap();
    assert_eq!(stream.lines().recv_timeout(LONG).unwrap(), "up");
    drop((lock, host));
    assert!(take().is_none());
    drop(stream);
    assert!(take().is_some());
}

#[test]
fn a_call_costs_little_more_than_the_program_itself() {
    let host = host();
    let mut times: Vec<Duration> = (0..50)
        .map(|_| {
            let begin = Instant::now();
            assert!(Cmd::new("/bin/true", LONG).run(&host).unwrap().ok());
            begin.elapsed()
        })
        .collect();
    times.sort_unstable();
    // A wait in steps of a poll interval would show even on a busy machine.
    assert!(times[5] < Duration::from_millis(20), "{times:?}");
}
