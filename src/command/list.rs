//! `ccci list`: where each recipe stands, from files of this host alone.

use std::{collections::BTreeSet, path::Path};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    error::{Error, Kind},
    host::Call,
    view,
};
use crate::{
    cli::app_args::ListArgs,
    exit,
    lifecycle::standing::{self, Damaged},
    model::{recipe::RecipeName, standing::Standing},
    render::{
        self,
        level::Weight,
        line::{Line, Tone},
    },
};

/// The version of the document's format.
const VERSION: u32 = 1;

/// What is printed for programs.
#[derive(Serialize)]
struct Document<'a> {
    /// The format's version.
    v: u32,
    /// The recipes.
    recipes: &'a [Standing],
    /// Runs whose reports tell nothing.
    damaged: &'a [Damaged],
}

/// Prints where the recipes stand.
pub(crate) fn run(call: &Call, args: ListArgs) -> Result<u8, Error> {
    let settings = call.settings(&[])?;
    let tests_dir = settings.recipes.tests_dir.as_deref();
    let enrolled = tests_dir.map_or_else(|| Ok(BTreeSet::new()), enrolled)?;
    let state = &settings.state.dir;
    let (standings, damaged) = standing::read(state, &enrolled).map_err(|error| {
        let error = anyhow::Error::new(error);
        let message = format!("failed to list the runs of `{}`", state.display());
        Error::new(Kind::Broken, error.context(message))
    })?;
    let lines: Vec<_> = damaged.iter().map(skipped).collect();
    view::say(call, &lines)?;
    if args.json {
        let document = Document {
            v: VERSION,
            recipes: &standings,
            damaged: &damaged,
        };
        let text = serde_json::to_string_pretty(&document);
        let text = text.map_err(|error| Error::new(Kind::Internal, error))? + "\n";
        view::print(text.as_bytes())?;
    } else if !standings.is_empty() {
        let (look, columns) = view::page(call);
        let table = render::standing::table(&standings, Timestamp::now(), (&look, columns));
        view::print(table.as_bytes())?;
    }
    if enrolled.is_empty() {
        view::say(call, &none_enrolled(tests_dir))?;
    }
    Ok(exit::PASSED)
}

/// Lists what is enrolled.
fn enrolled(tests_dir: &Path) -> Result<BTreeSet<RecipeName>, Error> {
    standing::enrolled(tests_dir).map_err(|error| {
        let error = anyhow::Error::new(error);
        let message = format!("failed to read `{}`", tests_dir.display());
        let hint = "set `recipes.tests-dir` to the directory of the tests kept for recipes";
        Error::new(Kind::Configuration, error.context(message)).hint(hint)
    })
}

/// Says that a run does not count, and why.
fn skipped(damaged: &Damaged) -> Line {
    let Damaged { run_id, reason } = damaged;
    view::warning(&format!(
        "the report of run `{run_id}` is skipped: {reason}"
    ))
}

/// Says that nothing is enrolled, where that was looked for, and what to do.
fn none_enrolled(tests_dir: Option<&Path>) -> [Line; 2] {
    let place = match tests_dir {
        Some(dir) if dir.is_dir() => format!("`{}` holds no tests", dir.display()),
        Some(dir) => format!("there is no directory `{}`", dir.display()),
        None => "tests are not looked for in a recipe under test".to_owned(),
    };
    let note = format!("no recipe is enrolled: {place}");
    let hint = match tests_dir {
        Some(_) => "run `ccci enroll RECIPE`",
        None => "go to the directory that holds your `recipes-tests`, or set `recipes.tests-dir`",
    };
    let line = |word, tone, text: &str| Line::message(Weight::Info, (word, tone), text);
    [
        line("note", Tone::Info, &note),
        line("hint", Tone::Info, hint),
    ]
}
