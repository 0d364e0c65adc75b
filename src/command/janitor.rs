//! `ccci janitor`: reaps apps whose run is gone.

use serde::Serialize;

use super::{
    error::{Error, Kind},
    host::{Call, Programs},
    view,
};
use crate::{
    cli::app_args::JanitorArgs,
    exit,
    lifecycle::{
        orphan::{Reach, Reaper, Survey},
        preflight::find_program,
    },
    model::reaping::{Reaped, Unreadable},
    render::reaping,
    sys::{context::Context, redact::Redactor},
};

/// The version of the document's format.
const VERSION: u32 = 1;

/// What is printed for programs.
#[derive(Serialize)]
struct Document<'a> {
    /// The format's version.
    v: u32,
    /// Whether nothing was removed.
    dry_run: bool,
    /// The apps.
    apps: &'a [Reaped],
    /// Runs that do not tell which app they had.
    unreadable: &'a [Unreadable],
}

/// How the outcome is shown.
#[derive(Clone, Copy)]
pub(super) struct Showing {
    /// Whether nothing is removed.
    pub(super) dry_run: bool,
    /// Whether a program reads it.
    pub(super) json: bool,
}

/// Reaps what is due.
pub(crate) fn run(call: &Call, args: &JanitorArgs) -> Result<u8, Error> {
    let showing = Showing {
        dry_run: args.dry_run,
        json: args.json,
    };
    let ctx = context(call)?;
    let reaper = Reaper::new(&ctx, ctx.settings.janitor_max_age, Reach::All);
    let survey = reaper
        .survey()
        .map_err(|trouble| interrupted(&ctx, trouble.into()))?;
    let Survey {
        apps,
        mut unreadable,
    } = survey;
    if !args.dry_run {
        reaper.set_aside(&mut unreadable);
    }
    if !args.json {
        let lines: Vec<_> = unreadable.iter().map(reaping::unreadable_line).collect();
        view::say(call, &lines)?;
        if apps.is_empty() {
            view::say(call, &[reaping::nothing_line()])?;
        }
    }
    let reaped = if args.dry_run {
        let judged = apps.iter();
        let reaped: Vec<_> = judged
            .map(|judged| judged.app.reaped(judged.verdict, None))
            .collect();
        tell(call, showing, &reaped)?;
        reaped
    } else {
        // A line that cannot be shown must not stop a removal.
        let reaped = reaper.reap_all(&apps, &|reaped| {
            drop(tell(call, showing, std::slice::from_ref(reaped)));
        });
        // A file that stays is free, and guards nothing.
        drop(reaper.retire_idle_leads());
        reaped
    };
    conclude(&ctx, showing, (&reaped, &unreadable))
}

/// Returns what commands that remove apps act with: Docker alone.
pub(super) fn context(call: &Call) -> Result<Context, Error> {
    let settings = call.settings(&[])?;
    let docker = find_program(&settings, "docker", &settings.programs.docker)?;
    let git = settings.programs.git.clone();
    call.context(settings, Programs { docker, git }, Redactor::default())
}

/// Shows what became of apps, to people.
pub(super) fn tell(call: &Call, showing: Showing, reaped: &[Reaped]) -> Result<(), Error> {
    if showing.json {
        return Ok(());
    }
    let lines: Vec<_> = reaped.iter().flat_map(reaping::app_lines).collect();
    view::say(call, &lines)
}

/// Prints the document that was asked for and returns the exit code.
pub(super) fn conclude(
    ctx: &Context,
    showing: Showing,
    (reaped, unreadable): (&[Reaped], &[Unreadable]),
) -> Result<u8, Error> {
    if showing.json {
        let document = Document {
            v: VERSION,
            dry_run: showing.dry_run,
            apps: reaped,
            unreadable,
        };
        let text = serde_json::to_string_pretty(&document);
        let text = text.map_err(|error| Error::new(Kind::Internal, error))? + "\n";
        view::print(text.as_bytes())?;
    }
    if let Some(signal) = ctx.host.interrupt.signal() {
        return Ok(signal.exit_code());
    }
    let is_left = |reaped: &Reaped| reaped.teardown.is_some() && !reaped.gone;
    Ok(if reaped.iter().any(is_left) {
        exit::LEAKED
    } else {
        exit::PASSED
    })
}

/// Returns the error, or that a signal came when it was this that ended things.
pub(super) fn interrupted(ctx: &Context, error: Error) -> Error {
    match ctx.host.interrupt.signal() {
        Some(signal) => Error::say(Kind::Cancelled(signal), "interrupted"),
        None => error,
    }
}
