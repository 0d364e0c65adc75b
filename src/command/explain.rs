//! `ccci explain`: why a run did not pass, as far as known problems tell.

use std::io;

use serde::Serialize;

use super::{
    error::{Error, Kind},
    host::Call,
    secrets, view, which_run,
};
use crate::{
    cli::app_args::ExplainArgs,
    config::{environment::Charset, settings::Settings},
    exit,
    lifecycle::explanation::{Explanation, explain},
    model::{
        outcome::Verdict,
        problem::{Found, Library, Matter, Sight, Tells},
        run::RunId,
        story::Story,
    },
    render::{
        clean::{Colours, clean_output},
        explain::{Explained, View, render},
    },
    sys::{lock::Leader, redact::Redactor},
};

/// The version of the document's format.
const VERSION: u32 = 1;
/// How wide text is where there is no terminal.
const COLUMNS: usize = 80;
/// The widest that text gets, however wide the terminal.
const WIDEST: usize = 100;

/// What is printed for programs.
#[derive(Serialize)]
struct Document<'a> {
    /// The format's version.
    v: u32,
    /// The run's id.
    run_id: Option<&'a str>,
    /// The recipe.
    recipe: Option<&'a str>,
    /// The revision under test.
    version: Option<&'a str>,
    /// When it began.
    started: Option<String>,
    /// How it ended; nothing when it goes on or crashed.
    verdict: Option<&'static str>,
    /// The first stage that did not pass.
    stage: Option<&'static str>,
    /// What decided that.
    error: Option<&'a str>,
    /// What was found, what tells most first.
    problems: Vec<Entry<'a>>,
    /// What could not be read.
    unread: Vec<Unread<'a>>,
    /// Where the evidence is.
    evidence: &'a str,
    /// The command that does it again.
    reproduce: Option<&'a str>,
}

/// One problem for programs.
#[derive(Serialize)]
struct Entry<'a> {
    /// Its stable word.
    id: &'a str,
    /// What it is about.
    area: &'a str,
    /// Whose matter it is.
    matter: Matter,
    /// How much it tells.
    tells: Tells,
    /// What it means.
    meaning: &'a str,
    /// What to do.
    remedy: &'a str,
    /// How many lines show it.
    count: usize,
    /// The line that shows it best.
    evidence: &'a Sight,
}

/// A file that could not be read, for programs.
#[derive(Serialize)]
struct Unread<'a> {
    /// The file.
    file: &'a str,
    /// Why.
    reason: &'a str,
}

/// Explains a run.
pub(crate) fn run(call: &Call, args: &ExplainArgs) -> Result<u8, Error> {
    let settings = call.settings(&[])?;
    let redactor = redactor(call, &settings)?;
    let dir = which_run::find(&settings.state.dir, args.run.as_deref())?;
    let library = Library::known();
    // What a control sequence or the end of a line would cut is masked while it is whole.
    let harmless = |line: &str| redactor.text(&clean_output(line, Colours::Removed));
    let explanation = explain(&library, &dir, &harmless);
    let Explanation { story, unread, .. } = &explanation;
    let folder = story.failed().map(|stage| stage.stage.folder());
    let evidence = folder.map_or_else(|| dir.clone(), |folder| dir.join(folder));
    let evidence = evidence.display().to_string();
    if args.json {
        let document = document(&explanation, &evidence);
        let text = serde_json::to_string_pretty(&document);
        let text = text.map_err(|error| Error::new(Kind::Internal, error))?;
        view::print(redactor.text(&(text + "\n")).as_bytes())?;
        return Ok(exit::PASSED);
    }
    let warnings = unread.iter().map(|(file, reason)| {
        let text = format!("`{file}` was not read as a whole: {reason}");
        view::warning(&redactor.text(&text))
    });
    view::say(call, &warnings.collect::<Vec<_>>())?;
    let explained = Explained {
        story,
        is_alive: is_alive(&settings, story),
        found: &explanation.found,
        evidence: &evidence,
    };
    let text = render(&explained, shape(call, args.all));
    view::print(redactor.text(&text).as_bytes())?;
    Ok(exit::PASSED)
}

/// Makes known what must not be shown, although it was masked when it was written.
fn redactor(call: &Call, settings: &Settings) -> Result<Redactor, Error> {
    let redactor = Redactor::default();
    let warnings = secrets::register(settings, &redactor)?;
    let warnings: Vec<_> = warnings.iter().map(|text| view::warning(text)).collect();
    view::say(call, &warnings)?;
    // One that cannot be used is masked all the same.
    drop(secrets::git_token(call, settings, &redactor, false)?);
    Ok(redactor)
}

/// Tells whether a run still goes on.
fn is_alive(settings: &Settings, story: &Story) -> bool {
    let locks = settings.state.dir.join("locks");
    let alive = |id| Leader::is_alive(&locks, id).unwrap_or(false);
    story.id.as_ref().is_some_and(alive)
}

/// Returns how wide the text is, and with which characters.
fn shape(call: &Call, all: bool) -> View {
    let env = call.env().terminal();
    let asked = rustix::termios::tcgetwinsize(io::stdout());
    let columns = env.forced_columns.or(asked.ok().map(|size| size.ws_col));
    let columns = columns.map(usize::from).filter(|columns| *columns > 0);
    View {
        columns: columns.unwrap_or(COLUMNS).min(WIDEST),
        all,
        unicode: env.charset == Charset::Utf8,
    }
}

/// Returns the document for programs.
fn document<'a>(explanation: &'a Explanation<'_>, evidence: &'a str) -> Document<'a> {
    let Explanation {
        story,
        found,
        unread,
    } = explanation;
    Document {
        v: VERSION,
        run_id: story.id.as_ref().map(RunId::as_str),
        recipe: story.recipe.as_deref(),
        version: story.label.as_deref(),
        started: story.started.map(|started| started.to_string()),
        verdict: story.verdict().map(Verdict::word),
        stage: story.failed().map(|stage| stage.stage.word()),
        error: story.decisive().map(|trouble| trouble.message.as_str()),
        problems: found.iter().map(entry).collect(),
        unread: unread
            .iter()
            .map(|(file, reason)| Unread { file, reason })
            .collect(),
        evidence,
        reproduce: story.reproduce.as_deref(),
    }
}

/// Returns one problem for programs.
fn entry<'a>(found: &'a Found<'_>) -> Entry<'a> {
    let problem = found.problem;
    Entry {
        id: &problem.id,
        area: &problem.area,
        matter: problem.matter,
        tells: problem.tells,
        meaning: &problem.meaning,
        remedy: &problem.remedy,
        count: found.count,
        evidence: &found.sight,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::keys::{KEYS, Key},
        model::{
            event::RunFinished,
            problem::{Place, Search},
        },
    };

    #[test]
    fn every_setting_that_a_remedy_names_exists() {
        let paths: Vec<_> = KEYS.iter().map(Key::path).collect();
        let sections: Vec<_> = paths
            .iter()
            .filter_map(|path| path.split_once('.'))
            .collect();
        let mut named = 0;
        for problem in Library::known().problems() {
            for word in problem.remedy.split('`').skip(1).step_by(2) {
                let section = word.split_once('.').map(|(section, _)| section);
                if sections.iter().any(|(known, _)| section == Some(*known)) {
                    assert!(
                        paths.iter().any(|path| path == word),
                        "{}: {word}",
                        problem.id
                    );
                    named += 1;
                }
            }
        }
        assert!(named > 3);
    }

    #[test]
    fn programs_read_the_run_the_problems_and_what_was_not_read() {
        let library = Library::known();
        let mut search = Search::new(&library);
        let line = "Read-only file system";
        search.look(
            Place::Service,
            ("01-install/service-app.log", Some(3)),
            line,
        );
        let explanation = Explanation {
            story: Story {
                recipe: Some("n8n".into()),
                finished: Some(RunFinished {
                    verdict: Verdict::Broken,
                    ..RunFinished::count(&[])
                }),
                ..Story::default()
            },
            found: search.finish(),
            unread: vec![("report.json".into(), "it is a link".into())],
        };
        let document = document(&explanation, "/runs/k7m2q");
        insta::assert_json_snapshot!(document, @r#"
        {
          "v": 1,
          "run_id": null,
          "recipe": "n8n",
          "version": null,
          "started": null,
          "verdict": "broken",
          "stage": null,
          "error": null,
          "problems": [
            {
              "id": "read-only-file-system",
              "area": "volume",
              "matter": "recipe",
              "tells": "cause",
              "meaning": "The app writes to a place that is mounted read-only: a config, a secret, or a service with `read_only: true`.",
              "remedy": "Mount a volume or a tmpfs there; let the entrypoint copy a config that the app changes.",
              "count": 1,
              "evidence": {
                "file": "01-install/service-app.log",
                "line": 3,
                "text": "Read-only file system"
              }
            }
          ],
          "unread": [
            {
              "file": "report.json",
              "reason": "it is a link"
            }
          ],
          "evidence": "/runs/k7m2q",
          "reproduce": null
        }
        "#);
    }
}
