//! Runs one test or hook: the file itself, or pytest or hurl with it, and reads what these report.
//!
//! What its end means for a stage is decided elsewhere.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use super::test_report::{self, Origin, TestReport};
use crate::{
    model::plan::{OverlayRole, OverlayRunner},
    sys::process::{self, Cmd, Exit, Host, StepLog, fence::Fence},
};

/// How many lines of output are kept.
const TAIL: usize = 40;
/// The fixtures for tests under pytest. They are part of the program, so that they are there wherever it is, are of its
/// own version, and cannot be changed by a checkout.
const PLUGIN: &str = include_str!("../../recipes-tests/ccci_plugin.py");
/// What the plugin starts a browser with.
const BROWSER: &str = include_str!("../../recipes-tests/ccci_browser.py");
/// How long pytest may take to say what a browser lacks.
const QUESTION: Duration = Duration::from_secs(60);
/// What no fence keeps: by these, agents and other services of whoever runs ccci are found.
const NOT_BEHIND_FENCE: [&str; 2] = ["SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"];
/// The plugin's name as a module.
const PLUGIN_NAME: &str = "ccci_plugin";

/// Where the programs are.
#[derive(Clone, Debug)]
pub(crate) struct Runners {
    /// pytest.
    pub(crate) pytest: PathBuf,
    /// hurl.
    pub(crate) hurl: PathBuf,
}

/// One file to run.
#[derive(Clone, Debug)]
pub(crate) struct TestFile<'a> {
    /// The root of its tests, in which it runs.
    pub(crate) root: &'a Path,
    /// Where it is, from that root.
    pub(crate) path: &'a str,
    /// What it is for.
    pub(crate) role: OverlayRole,
    /// What runs it.
    pub(crate) runner: OverlayRunner,
    /// The functions of it that pytest is to run, by pattern; all of them when there is none.
    pub(crate) only: &'a [String],
    /// What it sees of the run; it wins over what is set here.
    pub(crate) env: &'a [(OsString, OsString)],
    /// Where its temporary directory is made.
    pub(crate) scratch: &'a Path,
    /// The time it may take.
    pub(crate) limit: Duration,
    /// What keeps it from what is none of its business.
    pub(crate) fence: Option<Fence>,
}

/// How a file ran.
#[derive(Clone, Debug)]
pub(crate) struct TestRun {
    /// What its end means.
    pub(crate) end: TestEnd,
    /// How its process ended.
    pub(crate) exit: Exit,
    /// The end of its output.
    pub(crate) output_tail: String,
    /// How long it took.
    pub(crate) duration: Duration,
    /// Its single tests, where the runner reports them.
    pub(crate) report: TestReport,
}

/// What the end of a file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TestEnd {
    /// All is as it should be.
    Passed,
    /// It says that something is not, or could not be read.
    Failed,
    /// It holds no test.
    NoTests,
    /// All its tests were skipped.
    Skipped,
    /// Its time was over.
    TimedOut,
    /// ccci was asked to end.
    Interrupted,
    /// The runner itself did not work.
    RunnerBroken,
}

/// Why a file could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Its process could not be started.
    #[error("failed to run `{path}`")]
    Process {
        /// The file.
        path: String,
        /// Why.
        source: process::Error,
    },
    /// It has no temporary directory.
    #[error("failed to make a temporary directory in `{}`", .path.display())]
    Scratch {
        /// Where it was to be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs one file to its end.
pub(crate) fn run(
    host: &Host,
    runners: &Runners,
    file: &TestFile<'_>,
    log: &StepLog,
) -> Result<TestRun, Error> {
    let unwritable = |source| Error::Scratch {
        path: file.scratch.to_owned(),
        source,
    };
    let scratch = directory(file.scratch, "test-").map_err(unwritable)?;
    let plugin = (file.runner == OverlayRunner::Pytest).then(|| plugin(file.scratch));
    let plugin = plugin.transpose().map_err(unwritable)?;
    // Apart from the temporary directory, which the test may well empty.
    let reports = directory(file.scratch, "report-").map_err(unwritable)?;
    let report_path = reports.path().join("report.xml");
    let mut cmd = command(runners, file, &report_path)
        .dir(file.root)
        .env("TMPDIR", scratch.path())
        // A test writes neither into the home of whoever runs ccci nor reads from it.
        .env("HOME", scratch.path());
    if let Some(plugin) = &plugin {
        // A file of the plugin's name beside the tests is not taken for it. Tests that want another in its place, by
        // the settings of pytest, harm themselves alone: each root of tests is run by itself.
        cmd = cmd.env("PYTHONPATH", plugin.path());
    }
    for (key, value) in file.env {
        cmd = cmd.env(key, value);
    }
    let mut host = host.clone();
    if let Some(fence) = &file.fence {
        let is_known = |name: &OsString| NOT_BEHIND_FENCE.iter().any(|known| name == known);
        host.base_env.retain(|(name, _)| !is_known(name));
        cmd = cmd.fence(fence.clone());
    }
    let heard = |line: &str| {
        if let Some(echo) = &host.echo {
            echo(line);
        }
    };
    let ended = cmd.log(log).stream(&host, &mut { heard });
    let output = ended.map_err(|source| Error::Process {
        path: file.path.to_owned(),
        source,
    })?;
    let end = meaning(file, output.exit);
    let origin = Origin {
        path: file.path,
        took: output.duration,
        redactor: &host.redactor,
    };
    let report = match end {
        TestEnd::Passed | TestEnd::Failed | TestEnd::NoTests => {
            report(file.runner, &report_path, origin, log)
        }
        TestEnd::Skipped | TestEnd::TimedOut | TestEnd::Interrupted | TestEnd::RunnerBroken => {
            TestReport::default()
        }
    };
    let is_skipped = end != TestEnd::Failed && report.skipped().is_some();
    Ok(TestRun {
        end: if is_skipped { TestEnd::Skipped } else { end },
        exit: output.exit,
        output_tail: output.tail(TAIL),
        duration: output.duration,
        report,
    })
}

/// Makes a temporary directory.
fn directory(parent: &Path, prefix: &str) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(prefix).tempdir_in(parent)
}

/// Writes the plugin into a folder in which pytest finds it, and what it starts a browser with beside it.
fn plugin(scratch: &Path) -> io::Result<TempDir> {
    let folder = directory(scratch, "plugin-")?;
    let path = folder.path().join(PLUGIN_NAME).with_extension("py");
    fs::write(path, PLUGIN)?;
    fs::write(folder.path().join("ccci_browser.py"), BROWSER)?;
    Ok(folder)
}

/// Asks the plugin what a test in a browser lacks; nothing where there is all.
pub(crate) fn browser_lacks(
    host: &Host,
    runners: &Runners,
    scratch: &Path,
    env: Vec<(OsString, OsString)>,
) -> Result<Option<String>, Error> {
    let plugin = plugin(scratch).map_err(|source| Error::Scratch {
        path: scratch.to_owned(),
        source,
    })?;
    let mut cmd = Cmd::new(&runners.pytest, QUESTION)
        .args(["-p", PLUGIN_NAME, "--ccci-needs-browser"])
        .dir(plugin.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", plugin.path());
    for (key, value) in env {
        cmd = cmd.env(key, value);
    }
    let output = cmd.run(host).map_err(|source| Error::Process {
        path: PLUGIN_NAME.to_owned(),
        source,
    })?;
    // A run that is to end asks no more, and does so itself.
    let answered = matches!(output.exit, Exit::Success | Exit::Interrupted);
    Ok((!answered).then(|| output.tail(1)))
}

/// Reads what a runner reported; where that cannot be read, the file's own result is all there is.
fn report(runner: OverlayRunner, path: &Path, origin: Origin<'_>, log: &StepLog) -> TestReport {
    let Some(program) = runner.program() else {
        return TestReport::default();
    };
    match test_report::read(path, origin) {
        Ok(report) => {
            if report.left_out > 0 {
                let count = report.left_out;
                log.note(&format!("{count} more tests are left out of the report"));
            }
            report
        }
        Err(why) => {
            log.note(&format!(
                "no single tests are known: {program} was to report them, and {why}"
            ));
            TestReport::default()
        }
    }
}

/// Returns the runners that are needed and cannot be found, with the program looked for.
pub(crate) fn missing_runners(
    host: &Host,
    runners: &Runners,
    needed: &[OverlayRunner],
) -> Vec<(OverlayRunner, PathBuf)> {
    let path = host.base_env.iter().rev().find(|(key, _)| key == "PATH");
    let path = path.map_or(OsStr::new(""), |(_, value)| value);
    let missing = [OverlayRunner::Pytest, OverlayRunner::Hurl].map(|runner| {
        let program = program(runners, runner).filter(|_| needed.contains(&runner))?;
        let found = which::which_in(program, Some(path), "/").is_ok();
        (!found).then(|| (runner, program.to_owned()))
    });
    missing.into_iter().flatten().collect()
}

/// Returns the program of a runner, or nothing where the file runs by itself.
fn program(runners: &Runners, runner: OverlayRunner) -> Option<&Path> {
    match runner {
        OverlayRunner::Executable => None,
        OverlayRunner::Pytest => Some(&runners.pytest),
        OverlayRunner::Hurl => Some(&runners.hurl),
    }
}

/// Builds the command of a file, whose runner is to report on its single tests.
fn command(runners: &Runners, file: &TestFile<'_>, report: &Path) -> Cmd {
    let path = file.root.join(file.path);
    match file.runner {
        OverlayRunner::Executable => Cmd::new(path, file.limit),
        OverlayRunner::Pytest => Cmd::new(&runners.pytest, file.limit)
            .args(["-q", "--no-header", "--color=no", "--tb=short"])
            // Neither a cache nor compiled files appear beside the tests.
            .args(["-p", "no:cacheprovider"])
            // Where these are installed, their `page` and `base_url` would take the place of ours.
            .args(["-p", "no:playwright", "-p", "no:base_url"])
            .args(["-p", PLUGIN_NAME])
            .args(
                file.only
                    .iter()
                    .map(|function| format!("--ccci-only={function}")),
            )
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // pytest cuts its last lines, which name the error, to the width of a terminal.
            .env("COLUMNS", "200")
            .arg("--rootdir")
            .arg(file.root)
            .arg("--junitxml")
            .arg(report)
            .arg(path),
        OverlayRunner::Hurl => {
            let cmd = Cmd::new(&runners.hurl, file.limit).args([
                "--test",
                "--no-color",
                "--error-format",
                "long",
                "--report-junit",
            ]);
            let cmd = cmd.arg(report);
            hurl_variables(file.env)
                .fold(cmd, |cmd, variable| cmd.arg("--variable").arg(variable))
                .arg(path)
        }
    }
}

/// Returns what a hurl file can use: `CCCI_BASE_URL` as `base_url`, and so on.
fn hurl_variables(env: &[(OsString, OsString)]) -> impl Iterator<Item = OsString> {
    env.iter().filter_map(|(key, value)| {
        let name = key.to_str()?.strip_prefix("CCCI_")?.to_ascii_lowercase();
        let mut variable = OsString::from(name);
        variable.push("=");
        variable.push(value);
        Some(variable)
    })
}

/// Tells what the end of a process means for its file.
fn meaning(file: &TestFile<'_>, exit: Exit) -> TestEnd {
    let hook = matches!(
        file.role,
        OverlayRole::InstallSteps | OverlayRole::Before(_)
    );
    let broken: &[i32] = match file.runner {
        OverlayRunner::Executable => &[],
        // An internal error, and wrong usage; a file that cannot be imported is 2.
        OverlayRunner::Pytest => &[3, 4],
        // Wrong usage; 2 is a file that cannot be read, 3 no answer, 4 an assertion.
        OverlayRunner::Hurl => &[1],
    };
    match exit {
        Exit::Success => TestEnd::Passed,
        Exit::TimedOut => TestEnd::TimedOut,
        Exit::Interrupted => TestEnd::Interrupted,
        Exit::Code(code) if broken.contains(&code) => TestEnd::RunnerBroken,
        // pytest found no test; a hook needs none, it does its work when it is imported.
        Exit::Code(5) if file.runner == OverlayRunner::Pytest => {
            if hook {
                TestEnd::Passed
            } else {
                TestEnd::NoTests
            }
        }
        Exit::Code(_) | Exit::Signal(_) => TestEnd::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::stage::Stage,
        sys::{interrupt::Interrupt, process::script::write_script, redact::Redactor},
    };

    /// Returns what children get here.
    fn host(path: &str) -> Host {
        Host {
            redactor: Redactor::default(),
            interrupt: Interrupt::never(),
            base_env: vec![("PATH".into(), path.into())],
            inherit: None,
            echo: None,
        }
    }

    /// A directory with one executable.
    struct Place {
        /// Removed in the end.
        root: tempfile::TempDir,
        /// pytest and hurl, both the executable.
        runners: Runners,
    }

    impl Place {
        /// Writes the executable.
        fn new(script: &str) -> Self {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join("program");
            write_script(&path, script);
            let runners = Runners {
                pytest: path.clone(),
                hurl: path,
            };
            Self { root, runners }
        }

        /// Runs a file by a runner.
        fn run(&self, path: &str, runner: OverlayRunner, role: OverlayRole) -> TestRun {
            let host = host("/usr/bin:/bin");
            let log = StepLog::create(&self.root.path().join("log"), &host.redactor).unwrap();
            let env = [("CCCI_BASE_URL".into(), "http://app.example".into())];
            let file = TestFile {
                root: self.root.path(),
                path,
                role,
                runner,
                only: &[],
                env: &env,
                scratch: self.root.path(),
                limit: Duration::from_secs(2),
                fence: None,
            };
            run(&host, &self.runners, &file, &log).unwrap()
        }
    }

    /// A test of the stage install.
    const TEST: OverlayRole = OverlayRole::Test(Stage::Install);

    #[test]
    fn an_executable_runs_in_its_folder_with_a_temporary_directory_of_its_own() {
        let place =
            Place::new("echo x > \"$TMPDIR/x\"; pwd; echo \"$CCCI_BASE_URL $HOME\"; ls \"$HOME\"");
        let run = place.run("program", OverlayRunner::Executable, TEST);
        assert_eq!((run.end, run.exit), (TestEnd::Passed, Exit::Success));
        let root = place.root.path().canonicalize().unwrap();
        let lines: Vec<_> = run.output_tail.lines().collect();
        assert_eq!(lines[0], root.to_str().unwrap());
        assert!(lines[1].starts_with("http://app.example /") && lines[2] == "x");
        let left = fs::read_dir(place.root.path()).unwrap().count();
        assert_eq!(left, 2, "the program and the log");
    }

    #[test]
    fn a_program_gets_the_file_and_what_it_needs() {
        // The folder of the report has a name that cannot be known.
        let place = Place::new("echo \"$@\" | sed 's|[^ ]*/report-[^ ]*/|REPORT/|'");
        let root = place.root.path().display();
        let run = place.run("test_a.py", OverlayRunner::Pytest, TEST);
        let expected = format!(
            "-q --no-header --color=no --tb=short -p no:cacheprovider -p no:playwright -p no:base_url -p ccci_plugin --rootdir {root} --junitxml REPORT/report.xml {root}/test_a.py"
        );
        assert_eq!(run.output_tail, expected);
        let run = place.run("test_a.hurl", OverlayRunner::Hurl, TEST);
        let expected = format!(
            "--test --no-color --error-format long --report-junit REPORT/report.xml --variable base_url=http://app.example {root}/test_a.hurl"
        );
        assert_eq!(run.output_tail, expected);
    }

    #[test]
    fn only_pytest_gets_the_plugin_and_nothing_of_it_stays() {
        for (name, text) in [("ccci_plugin.py", PLUGIN), ("ccci_browser.py", BROWSER)] {
            let place = Place::new(&format!("cat \"$PYTHONPATH/{name}\""));
            let run = place.run("test_a.py", OverlayRunner::Pytest, TEST);
            let last = text.lines().last().unwrap();
            assert!(run.output_tail.ends_with(last), "{}", run.output_tail);
            let left = fs::read_dir(place.root.path()).unwrap().count();
            assert_eq!(left, 2, "the program and the log");
        }
        let place = Place::new("echo \"[$PYTHONPATH]\"");
        let run = place.run("program", OverlayRunner::Executable, TEST);
        assert_eq!(run.output_tail, "[]");
    }

    #[test]
    fn each_exit_has_its_meaning() {
        use OverlayRunner::{Executable, Hurl, Pytest};
        for (script, runner, expected) in [
            ("exit 1", Executable, TestEnd::Failed),
            ("exit 5", Executable, TestEnd::Failed),
            ("kill -9 $$", Executable, TestEnd::Failed),
            ("sleep 60", Executable, TestEnd::TimedOut),
            ("exit 1", Pytest, TestEnd::Failed),
            ("exit 2", Pytest, TestEnd::Failed),
            ("exit 3", Pytest, TestEnd::RunnerBroken),
            ("exit 4", Pytest, TestEnd::RunnerBroken),
            ("exit 5", Pytest, TestEnd::NoTests),
            ("exit 1", Hurl, TestEnd::RunnerBroken),
            ("exit 3", Hurl, TestEnd::Failed),
            ("exit 4", Hurl, TestEnd::Failed),
        ] {
            let run = Place::new(script).run("program", runner, TEST);
            assert_eq!(run.end, expected, "{script} {runner:?}");
        }
        let hook = Place::new("exit 5").run("program", Pytest, OverlayRole::InstallSteps);
        assert_eq!(hook.end, TestEnd::Passed);
    }

    /// Runs a pytest that writes a report and ends with a code.
    fn reporting(report: &str, code: u8) -> (TestRun, String) {
        let find = "while [ $# -gt 0 ] && [ \"$1\" != --junitxml ]; do shift; done\n";
        let script = format!("{find}printf '%s' '{report}' > \"$2\"; exit {code}");
        let place = Place::new(&script);
        let run = place.run("test_a.py", OverlayRunner::Pytest, TEST);
        let log = fs::read_to_string(place.root.path().join("log")).unwrap();
        (run, log)
    }

    #[test]
    fn a_file_whose_tests_were_all_skipped_is_skipped() {
        let skipped =
            r#"<testsuite><testcase name="a"><skipped message="why"/></testcase></testsuite>"#;
        for code in [0, 5] {
            assert_eq!(reporting(skipped, code).0.end, TestEnd::Skipped, "{code}");
        }
        assert_eq!(reporting(skipped, 1).0.end, TestEnd::Failed);
        let mixed = skipped.replace("</testsuite>", r#"<testcase name="b"/></testsuite>"#);
        assert_eq!(reporting(&mixed, 0).0.end, TestEnd::Passed);
        assert_eq!(reporting("<testsuite/>", 5).0.end, TestEnd::NoTests);
    }

    #[test]
    fn a_report_that_cannot_be_read_changes_nothing_but_a_note_in_the_log() {
        let failed = r#"<testsuite><testcase name="a"><failure/></testcase></testsuite>"#;
        let (run, log) = reporting(failed, 0);
        assert_eq!((run.end, run.report.cases.len()), (TestEnd::Passed, 1));
        assert!(!log.contains("no single tests"), "{log}");
        for (code, end) in [
            (0, TestEnd::Passed),
            (1, TestEnd::Failed),
            (5, TestEnd::NoTests),
        ] {
            for report in ["", "<testsuite><testcase", "nothing"] {
                let (run, log) = reporting(report, code);
                assert_eq!((run.end, run.report), (end, TestReport::default()));
                assert!(log.contains("no single tests are known: pytest"), "{log}");
            }
        }
        let place = Place::new("exit 0");
        let run = place.run("test_a.hurl", OverlayRunner::Hurl, TEST);
        assert_eq!(run.end, TestEnd::Passed);
        let log = fs::read_to_string(place.root.path().join("log")).unwrap();
        assert!(log.contains("hurl was to report them, and it cannot be opened"));
    }

    #[test]
    fn a_runner_that_is_needed_and_not_there_is_named() {
        let place = Place::new("");
        let mut runners = place.runners.clone();
        runners.hurl = PathBuf::from("hurl-that-is-not-there");
        let missing = |needed: &[OverlayRunner], path: &str| {
            let missing = missing_runners(&host(path), &runners, needed);
            missing
                .into_iter()
                .map(|(runner, _)| runner)
                .collect::<Vec<_>>()
        };
        let all = [
            OverlayRunner::Executable,
            OverlayRunner::Pytest,
            OverlayRunner::Hurl,
        ];
        assert_eq!(missing(&all, "/usr/bin"), [OverlayRunner::Hurl]);
        assert_eq!(missing(&all[..2], "/usr/bin"), []);
        runners.hurl = PathBuf::from("program");
        let folder = place.root.path().to_str().unwrap();
        assert_eq!(missing_runners(&host(folder), &runners, &all), []);
    }
}
