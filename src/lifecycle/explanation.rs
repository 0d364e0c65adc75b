//! Looks for known problems in what a run left in its directory.

use std::path::Path;

use crate::{
    model::{
        event::Event,
        outcome::Verdict,
        problem::{Found, Library, Place, Search},
        report::{REPORT_VERSION, RunReport},
        stage::Stage,
        story::Story,
    },
    sys::run_files::{ReadFile, RunFiles},
};

/// The file of the record.
const REPORT: &str = "report.json";
/// The file of the events.
pub(crate) const EVENTS: &str = "events.jsonl";

/// What a run left, and what is known of it.
pub(crate) struct Explanation<'a> {
    /// The run.
    pub(crate) story: Story,
    /// The known problems, what tells most first.
    pub(crate) found: Vec<Found<'a>>,
    /// What could not be read, and why.
    pub(crate) unread: Vec<(String, String)>,
}

/// Tells whether a directory is that of a run.
pub(crate) fn is_run(dir: &Path) -> bool {
    [REPORT, EVENTS].iter().any(|name| dir.join(name).is_file())
}

/// Reads a run directory and looks for problems; every text is made harmless first.
pub(crate) fn explain<'a>(
    library: &'a Library,
    dir: &Path,
    harmless: &dyn Fn(&str) -> String,
) -> Explanation<'a> {
    let mut files = RunFiles::of(dir);
    let report = read_report(&mut files);
    let events = read_events(&mut files);
    let mut story = Story::of(report, &events);
    story.change_texts(harmless);
    let mut search = Search::new(library);
    let passed = matches!(story.verdict(), Some(Verdict::Pass | Verdict::Leak));
    if !passed {
        for line in story.report_lines() {
            search.look(Place::Report, (REPORT, None), &line);
        }
        for (line, error) in &story.said {
            search.look(Place::Task, (EVENTS, Some(*line)), error);
        }
        for folder in folders(&story) {
            look_into(&mut search, &mut files, &folder, harmless);
        }
    }
    Explanation {
        story,
        found: search.finish(),
        unread: files.unread(),
    }
}

/// Reads the report; one that cannot be understood is noted.
fn read_report(files: &mut RunFiles<'_>) -> Option<RunReport> {
    let ReadFile { text, .. } = files.read(REPORT)?;
    match serde_json::from_str::<RunReport>(&text) {
        Ok(report) if report.version <= REPORT_VERSION => Some(report),
        Ok(_) => {
            files.note(REPORT, "it was made by a newer ccci");
            None
        }
        Err(error) => {
            files.note(REPORT, error.to_string());
            None
        }
    }
}

/// Reads the events with the numbers of their lines; those that cannot be understood are noted once.
fn read_events(files: &mut RunFiles<'_>) -> Vec<(usize, Event)> {
    let Some(ReadFile { text, .. }) = files.read(EVENTS) else {
        return Vec::new();
    };
    let (mut events, mut damaged) = (Vec::new(), 0);
    for (number, line) in (1..).zip(text.lines()) {
        match serde_json::from_str(line) {
            Ok(event) => events.push((number, event)),
            // A newer ccci may tell what this one does not know; that is no damage.
            Err(_) if serde_json::from_str::<serde_json::Value>(line).is_ok() => {}
            Err(_) => damaged += 1,
        }
    }
    if damaged > 0 {
        let lines = if damaged == 1 { "line" } else { "lines" };
        files.note(
            EVENTS,
            format!("{damaged} {lines} of it cannot be understood"),
        );
    }
    events
}

/// Returns the folders of the stages that did not pass; all where no stage tells.
fn folders(story: &Story) -> Vec<String> {
    let failed: Vec<_> = story.all_failed().map(Stage::folder).collect();
    if failed.is_empty() {
        return Stage::ALL.map(Stage::folder).to_vec();
    }
    failed
}

/// Looks into the files of one stage.
fn look_into(
    search: &mut Search<'_>,
    files: &mut RunFiles<'_>,
    folder: &str,
    harmless: &dyn Fn(&str) -> String,
) {
    for name in files.names(folder) {
        let Some(place) = place_of(&name) else {
            continue;
        };
        let Some(file) = files.read(&format!("{folder}/{name}")) else {
            continue;
        };
        for (number, line) in (1..).zip(file.text.lines()) {
            let number = (!file.is_cut).then_some(number);
            search.look(place, (&file.name, number), &harmless(line));
        }
    }
}

/// Tells what kind of evidence a file of a stage is, by its name.
fn place_of(name: &str) -> Option<Place> {
    let is_log = Path::new(name).extension().is_some_and(|end| end == "log");
    match name {
        "tasks.txt" => Some(Place::Task),
        "health.txt" => Some(Place::Health),
        "http-exchange.txt" => Some(Place::Exchange),
        _ if is_log && name.starts_with("service-") => Some(Place::Service),
        _ if is_log => Some(Place::Output),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Explains a directory with these files.
    fn ids(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let library = Library::known();
        let explained = explain(&library, dir.path(), &str::to_owned);
        let sight = |found: &Found<'_>| {
            let line = found.sight.line.map(|line| format!(":{line}"));
            let line = line.unwrap_or_default();
            format!("{} {}{line}", found.problem.id, found.sight.file)
        };
        let said = |(name, reason): &(String, String)| format!("{name}: {reason}");
        (
            explained.found.iter().map(sight).collect(),
            explained.unread.iter().map(said).collect(),
        )
    }

    #[test]
    fn each_kind_of_file_is_looked_at_for_what_belongs_there() {
        let (found, unread) = ids(&[
            (
                "01-install/service-db.log",
                "one\nError: in 18+, these Docker images are configured to store\n",
            ),
            (
                "01-install/tasks.txt",
                "x\n    Failed (should be Shutdown) task: non-zero exit (137)\n",
            ),
            (
                "01-install/health.txt",
                "    exit 127: /bin/sh: curl: not found\n",
            ),
            (
                "01-install/http-exchange.txt",
                "> GET /\n\nAllowed memory size of 1 bytes exhausted\n",
            ),
            (
                "01-install/deploy.log",
                "services.app Additional property x is not allowed\n",
            ),
            ("01-install/compose.yml", "no space left on device\n"),
            ("artifacts/x.log", "no space left on device\n"),
        ]);
        let wanted = [
            "compose-unknown-key 01-install/deploy.log:1",
            "health-tool-missing 01-install/health.txt:1",
            "php-memory 01-install/http-exchange.txt:3",
            "postgres-18-layout 01-install/service-db.log:2",
            "killed-137 01-install/tasks.txt:2",
        ];
        assert_eq!(found, wanted);
        assert_eq!(unread, [""; 0]);
    }

    #[test]
    fn what_is_damaged_is_said_and_the_rest_is_read() {
        let (found, unread) = ids(&[
            ("report.json", "{\"version\": 1,"),
            (
                "events.jsonl",
                "{\"reason\":\"from-the-future\"}\n{\"half\n",
            ),
            ("02-upgrade/upgrade.log", "toomanyrequests: no\n"),
        ]);
        assert_eq!(found, ["registry-rate-limit 02-upgrade/upgrade.log:1"]);
        assert_eq!(unread.len(), 2, "{unread:?}");
        assert!(unread[0].starts_with("report.json: EOF"), "{unread:?}");
        assert_eq!(unread[1], "events.jsonl: 1 line of it cannot be understood");
    }
}
