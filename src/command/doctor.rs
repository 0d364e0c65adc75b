//! `ccci doctor`: looks at the host, says what to do about each thing that it finds, and mends what is safe to mend.

use std::{collections::BTreeSet, path::PathBuf};

use serde::Serialize;

use super::{
    ask::{Answer, ask},
    error::{Error, Kind},
    host::{Call, Programs},
    secrets, view,
};
use crate::{
    cli::DoctorArgs,
    config::{keys::KEYS, layer::Origin, settings::Settings},
    exit,
    lifecycle::doctor::{self, mend},
    model::{
        diagnosis::{Check, Diagnosis, Finding, Fix, State},
        likeness,
        outcome::Trouble,
    },
    render::{
        block, diagnosis,
        level::Weight,
        line::{Line, Tone},
    },
    sys::{context::Context, redact::Redactor},
};

/// The version of the document's format.
const VERSION: u32 = 1;

/// What the names of our variables begin with.
const PREFIX: &str = "CCCI_";

/// What is printed for programs.
#[derive(Serialize)]
struct Document<'a> {
    /// The format's version.
    v: u32,
    /// What was mended, in order.
    fixed: &'a [Fixed],
    /// What was found, afterwards.
    #[serde(flatten)]
    diagnosis: &'a Diagnosis,
}

/// Something that was mended, or could not be.
#[derive(Serialize)]
struct Fixed {
    /// What it was.
    fix: Fix,
    /// What was done, as a person would type it.
    command: String,
    /// Why it did not help.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Trouble>,
}

/// Looks at the host.
pub(crate) fn run(call: &Call, args: &DoctorArgs) -> Result<u8, Error> {
    let variables = variables(call)?;
    let settings = call.settings(&[])?;
    let redactor = Redactor::default();
    let secrets = secrets::examine(call, &settings, &redactor);
    let programs = Programs {
        docker: settings.programs.docker.clone(),
        git: settings.programs.git.clone(),
    };
    let ctx = call.context(settings, programs, redactor)?;
    let known = || {
        let known = [origins(&ctx.settings)].into_iter().chain(user());
        known.chain(variables.clone()).chain(secrets.clone())
    };
    let mut doctor = Doctor {
        call,
        ctx: &ctx,
        diagnosis: examine(&ctx, known().collect())?,
        fixed: Vec::new(),
    };
    if args.fix {
        doctor.mend_all(&|| examine(&ctx, known().collect()))?;
    }
    doctor.tell(args.json)
}

/// Looks at the host, unless a signal comes.
fn examine(ctx: &Context, known: Vec<Finding>) -> Result<Diagnosis, Error> {
    let diagnosis = doctor::examine(ctx, known);
    match ctx.host.interrupt.signal() {
        Some(signal) => Err(Error::say(Kind::Cancelled(signal), "interrupted")),
        None => Ok(diagnosis),
    }
}

/// One call.
struct Doctor<'a> {
    /// The flags.
    call: &'a Call,
    /// What is acted with.
    ctx: &'a Context,
    /// What was found last.
    diagnosis: Diagnosis,
    /// What was mended.
    fixed: Vec<Fixed>,
}

impl Doctor<'_> {
    /// Mends what can be mended, and looks again after each; what turns up only then is mended too.
    fn mend_all(&mut self, look: &dyn Fn() -> Result<Diagnosis, Error>) -> Result<(), Error> {
        let mut tried = BTreeSet::new();
        loop {
            let fixes = self.diagnosis.fixes();
            let next = fixes.into_iter().find(|(fix, _)| !tried.contains(fix));
            let Some((fix, finding)) = next else {
                return Ok(());
            };
            tried.insert(fix);
            let command = mend::command(self.ctx, fix);
            let question = format!("run `{command}`?");
            if ask(self.call, &finding.found, &question)? == Answer::No {
                continue;
            }
            let trouble = mend::mend(self.ctx, fix).err();
            self.show(&command, trouble.as_ref())?;
            let is_done = trouble.is_none();
            self.fixed.push(Fixed {
                fix,
                command,
                trouble,
            });
            if is_done {
                self.diagnosis = look()?;
            }
        }
    }

    /// Shows how an attempt to mend ended.
    fn show(&self, command: &str, trouble: Option<&Trouble>) -> Result<(), Error> {
        let lines = match trouble {
            None => {
                let text = format!("by `{command}`");
                vec![Line::status(Weight::Info, ("Fixed", Tone::Good), text)]
            }
            Some(trouble) => {
                let head = Line::message(Weight::Vital, ("error", Tone::Bad), &trouble.message);
                let causes = block::causes(Weight::Vital, trouble);
                std::iter::once(head).chain(causes).collect()
            }
        };
        view::say(self.call, &lines)
    }

    /// Prints what was found and returns the exit code.
    fn tell(&self, json: bool) -> Result<u8, Error> {
        if json {
            let document = Document {
                v: VERSION,
                fixed: &self.fixed,
                diagnosis: &self.diagnosis,
            };
            let text = serde_json::to_string_pretty(&document);
            let text = text.map_err(|error| Error::new(Kind::Internal, error))? + "\n";
            view::print(self.ctx.host.redactor.text(&text).as_bytes())?;
        } else {
            view::answer(self.call, &diagnosis::lines(&self.diagnosis))?;
        }
        Ok(if self.diagnosis.ready {
            exit::PASSED
        } else if self.diagnosis.is_misconfigured() {
            exit::CONFIGURATION
        } else {
            exit::BROKEN
        })
    }
}

/// Says which variables of ours mean nothing, and which are like them.
fn variables(call: &Call) -> Result<Vec<Finding>, Error> {
    let of_flags = crate::cli::variables();
    let known = of_flags.iter().map(String::as_str);
    let known = known.chain(KEYS.iter().map(|key| key.variable));
    let found = call.unknown_variables()?.into_iter().map(|name| {
        let found = format!("`{name}` means nothing to ccci");
        let finding = Finding::new(Check::Variables, State::Warning, found);
        // What all of them begin with would make short ones alike.
        let end = |name: &str| name.trim_start_matches(PREFIX).to_owned();
        let ends: Vec<_> = known.clone().map(end).collect();
        let like = likeness::like(&end(&name), ends.iter().map(String::as_str));
        match like.first() {
            Some(like) => finding.remedy(format!("set `{PREFIX}{like}`, or unset it")),
            None => finding.remedy("unset it"),
        }
    });
    Ok(found.collect())
}

/// Says where the settings come from.
fn origins(settings: &Settings) -> Finding {
    let mut files: Vec<&PathBuf> = Vec::new();
    let mut others = 0;
    for shown in &settings.shown {
        match &shown.origin {
            Origin::File(path) if !files.contains(&path) => files.push(path),
            Origin::Environment(_) | Origin::Flag(_) => others += 1,
            Origin::File(_) | Origin::BuiltIn => {}
        }
    }
    let files = files.iter().map(|path| path.display().to_string());
    let others = match others {
        0 => None,
        1 => Some("1 variable".to_owned()),
        count => Some(format!("{count} variables")),
    };
    let sources: Vec<_> = files.chain(others).collect();
    let found = match &sources[..] {
        [] => "all built-in".to_owned(),
        sources => format!("from {}, the others built-in", sources.join(", ")),
    };
    Finding::ok(Check::Settings, found)
}

/// Says when ccci runs with more rights than it needs.
fn user() -> Option<Finding> {
    rustix::process::geteuid().is_root().then(|| {
        let found = "root; a user who may use docker is enough";
        Finding::new(Check::User, State::Note, found)
    })
}
