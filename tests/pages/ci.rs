//! The examples for CI engines: each is read as its engine would, its calls of ccci as ccci does.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it tests"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use yaml_serde::Value;

use crate::calls;

/// The script for cron.
const NIGHTLY: &str = "cron/ccci-nightly";

/// Returns where the examples are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci")
}

/// Reads an example.
fn example(path: &str) -> String {
    fs::read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the paths of all examples.
fn all() -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder()).expect("the examples can be read") {
        let folder = entry.expect("the examples can be read").path();
        let name = folder.file_name().unwrap_or_default().to_owned();
        for entry in fs::read_dir(&folder).expect("the examples can be read") {
            let file = entry.expect("the examples can be read").file_name();
            found.push(format!("{}/{}", name.display(), file.display()));
        }
    }
    found.sort();
    found
}

/// Asserts that a text of shell calls ccci, and only as ccci understands it.
#[track_caller]
fn understood(path: &str, shell: &str) {
    let calls = calls::of_ccci(shell);
    assert!(!calls.is_empty(), "{path}: no call of ccci in\n{shell}");
    for words in calls {
        assert_eq!(calls::refused(&words), None, "{path}");
    }
}

/// Reads an example in YAML.
fn yaml(path: &str) -> Value {
    yaml_serde::from_str(&example(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the steps that lie at a place of an example.
fn steps<'a>(document: &'a Value, place: &[&str]) -> &'a [Value] {
    let at = place.iter().fold(document, |value, key| &value[*key]);
    at.as_sequence().expect("steps are a list")
}

/// Returns the texts of a list.
fn texts(value: &Value) -> Vec<&str> {
    let items = value.as_sequence().expect("this is a list");
    items
        .iter()
        .map(|item| item.as_str().expect("these are texts"))
        .collect()
}

#[test]
fn no_example_is_without_a_test() {
    assert_eq!(
        all(),
        [
            "actions/ccci.yml",
            "cron/ccci-nightly",
            "cron/ccci.cron",
            "drone/.drone.yml",
            "systemd/ccci-janitor.service",
            "systemd/ccci-janitor.timer",
            "systemd/ccci-sweep.service",
            "systemd/ccci-sweep.timer",
            "woodpecker/.woodpecker.yml",
        ]
    );
}

#[test]
fn drone_starts_ccci_itself_for_builds_with_parameters() {
    let path = "drone/.drone.yml";
    let pipeline = yaml(path);
    assert_eq!(pipeline["kind"].as_str(), Some("pipeline"));
    assert_eq!(pipeline["type"].as_str(), Some("exec"));
    assert_eq!(texts(&pipeline["trigger"]["event"]), ["custom"]);
    let commands = texts(&steps(&pipeline, &["steps"])[0]["commands"]);
    understood(path, &commands.join("\n"));
    assert!(
        commands
            .last()
            .is_some_and(|last| last.starts_with("exec ccci test "))
    );
    substitutes_nothing(&commands);
}

#[test]
fn woodpecker_starts_ccci_itself_on_an_agent_without_containers() {
    let path = "woodpecker/.woodpecker.yml";
    let workflow = yaml(path);
    assert_eq!(workflow["when"][0]["event"].as_str(), Some("manual"));
    assert_eq!(workflow["labels"]["backend"].as_str(), Some("local"));
    for step in steps(&workflow, &["steps"]) {
        assert_eq!(step["image"].as_str(), Some("sh"));
    }
    let commands = texts(&steps(&workflow, &["steps"])[0]["commands"]);
    understood(path, &commands.join("\n"));
    assert!(
        commands
            .last()
            .is_some_and(|last| last.starts_with("exec ccci test "))
    );
    substitutes_nothing(&commands);
}

/// Asserts that no engine puts anything into a command: both replace `${NAME}` in the text before a shell reads it.
fn substitutes_nothing(commands: &[&str]) {
    let text = commands.join("\n");
    assert!(!text.contains("${"), "{text}");
}

#[test]
fn actions_give_each_input_as_a_variable_and_none_as_text_of_a_command() {
    let path = "actions/ccci.yml";
    let workflow = yaml(path);
    let inputs = workflow["on"]["workflow_dispatch"]["inputs"].as_mapping();
    let job = &workflow["jobs"]["test"];
    for name in inputs.expect("there are inputs").keys() {
        let name = name.as_str().expect("a name is text");
        let given = job["env"][name.to_uppercase().as_str()].as_str();
        assert_eq!(given, Some(format!("${{{{ inputs.{name} }}}}").as_str()));
    }
    let steps = steps(&workflow, &["jobs", "test", "steps"]);
    let commands: Vec<_> = steps
        .iter()
        .filter_map(|step| step["run"].as_str())
        .collect();
    understood(path, &commands.join("\n"));
    substitutes_nothing(&commands);
    let kept = steps.last().expect("there are steps")["with"]["path"].as_str();
    let kept: Vec<_> = kept.unwrap_or_default().lines().collect();
    assert_eq!(kept, ["junit.xml", "records/"]);
    assert!(
        commands[0].ends_with("--log-dir records --junit junit.xml"),
        "{commands:?}"
    );
}

#[test]
fn a_run_ends_before_its_engine_ends_it() {
    let actions = yaml("actions/ccci.yml");
    let limit = actions["jobs"]["test"]["timeout-minutes"].as_u64();
    for path in [
        "drone/.drone.yml",
        "woodpecker/.woodpecker.yml",
        "actions/ccci.yml",
    ] {
        let text = example(path);
        let minutes = text
            .split("--timeout ")
            .nth(1)
            .and_then(|rest| rest.split('m').next());
        let minutes: u64 = minutes
            .and_then(|text| text.parse().ok())
            .expect("a limit in minutes");
        // Teardown is not part of the limit, and may take two minutes.
        assert!(minutes + 2 < limit.expect("a job has a limit"), "{path}");
    }
}

#[test]
fn the_lines_for_cron_are_in_form() {
    let text = example("cron/ccci.cron");
    let mut jobs = 0;
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let words: Vec<_> = line.split_whitespace().collect();
        if words[0].contains('=') {
            continue;
        }
        for (field, most) in words[..5].iter().zip([59, 23, 31, 12, 7]) {
            let is_field = match field.split_once('/') {
                Some(("*", step)) => step
                    .parse()
                    .is_ok_and(|step: u8| (1..=most).contains(&step)),
                Some(_) => false,
                None => *field == "*" || field.parse().is_ok_and(|at: u8| at <= most),
            };
            assert!(is_field, "{line}: {field}");
        }
        assert_eq!(words[5], "root", "{line}");
        // A percent sign would end the command: cron reads what follows as its input.
        assert!(!line.contains('%'), "{line}");
        jobs += 1;
    }
    assert_eq!(jobs, 2);
    understood("cron/ccci.cron", &text.replace("* root ", "*\n"));
    assert!(text.contains(" /usr/local/sbin/ccci-nightly "));
}

#[test]
fn the_timer_starts_the_janitor() {
    let service = example("systemd/ccci-janitor.service");
    let start = service
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    understood(
        "systemd/ccci-janitor.service",
        start.expect("it starts something"),
    );
    assert!(service.contains("Type=oneshot\n"));
    let timer = example("systemd/ccci-janitor.timer");
    assert!(timer.contains("\nOnUnitInactiveSec=") && timer.contains("\nWantedBy=timers.target\n"));
}

#[test]
fn the_other_timer_starts_the_sweep_once_a_week() {
    let service = example("systemd/ccci-sweep.service");
    let mut lines = service.lines();
    let start = lines.find_map(|line| line.strip_prefix("ExecStart="));
    let start = start.expect("it starts something");
    understood("systemd/ccci-sweep.service", start);
    assert!(service.contains("Type=oneshot\n"));
    let timer = example("systemd/ccci-sweep.timer");
    assert!(timer.contains("\nOnCalendar=Sun 03:00\n") && timer.contains("\nPersistent=true\n"));
}

#[test]
fn the_script_for_cron_is_sound_shell() {
    let path = folder().join(NIGHTLY);
    understood(NIGHTLY, &example(NIGHTLY));
    let checked = Command::new("sh").arg("-n").arg(&path).output();
    let checked = checked.expect("there is a shell");
    assert!(checked.status.success(), "{checked:?}");
    // The lab does not install it; where somebody has it, it has nothing to say.
    if let Ok(checked) = Command::new("shellcheck").arg(&path).output() {
        assert!(checked.status.success(), "{checked:?}");
    }
}

/// Runs the script for cron with a ccci that ends as told, call by call; returns its exit code and the calls.
fn night(list: &str, codes: &str) -> (Option<i32>, Vec<String>) {
    use std::os::unix::fs::PermissionsExt;

    let root = tempfile::tempdir().expect("there is room for a directory");
    let path = |name: &str| root.path().join(name);
    let stand_in = "#!/bin/sh\n\
        cd \"$(dirname \"$0\")\" || exit 99\n\
        echo \"$2\" >>calls\n\
        [ -z \"$(cat)\" ] || exit 98\n\
        code=$(sed -n \"$(wc -l <calls)p\" codes)\n\
        exit \"${code:-97}\"\n";
    let write = |name: &str, text: &str| fs::write(path(name), text).expect("it can be written");
    write("list", list);
    write("codes", &codes.replace(' ', "\n"));
    write("ccci", stand_in);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path("ccci"), mode).expect("it can be made a program");
    let search = std::env::var("PATH").expect("there is a search path");
    let status = Command::new(folder().join(NIGHTLY))
        .args([path("list"), path("reports")])
        .env("PATH", format!("{}:{search}", root.path().display()))
        .stdin(Stdio::null())
        .status()
        .expect("the script can be started");
    let calls = fs::read_to_string(path("calls")).unwrap_or_default();
    (status.code(), calls.lines().map(str::to_owned).collect())
}

#[test]
fn a_night_tries_again_what_ended_without_a_verdict_and_tells_the_gravest() {
    let list = "# recipes\n\ngitea\nghost\nn8n";
    for (codes, code, calls) in [
        ("0 0 0", 0, "gitea ghost n8n"),
        ("0 103 0 0", 0, "gitea ghost ghost n8n"),
        ("0 103 103 0", 103, "gitea ghost ghost n8n"),
        ("100 104 0", 100, "gitea ghost n8n"),
        ("104 0 100", 100, "gitea ghost n8n"),
        ("104 0 0", 104, "gitea ghost n8n"),
        ("0 143", 143, "gitea ghost"),
    ] {
        let (ended, called) = night(list, codes);
        assert_eq!(
            (ended, called.join(" ").as_str()),
            (Some(code), calls),
            "{codes}"
        );
    }
}

#[test]
fn every_variable_that_is_named_means_something() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("it can be read");
    let mut known: BTreeSet<String> = ccci::cli::variables();
    // The first is made from the settings, the second has those that are no settings.
    known.extend(variables(&read("docs/config.md")));
    known.extend(variables(&read("src/config/environment.rs")));
    let pages = ["docs/ci.md", "docs/first-run.md", "docs/operating.md"];
    let pages = pages.map(|path| (path.to_owned(), read(path)));
    let examples = all().into_iter().map(|path| (path.clone(), example(&path)));
    for (path, text) in examples.chain(pages) {
        for name in variables(&text) {
            assert!(known.contains(&name), "{path}: `{name}` means nothing");
        }
    }
}

/// Returns the variables of ccci's that a text names.
fn variables(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c: char| !is_name(c));
    let ours = words.filter(|word| word.starts_with("CCCI_") && !word.ends_with('_'));
    ours.map(str::to_owned).collect()
}
