//! `ccci reconcile`: makes the apps that the server itself needs what the configuration says.

use super::{
    bench::{Bench, Needs},
    error::{Error, Kind},
    host::Call,
    select::Selected,
    testing::{Testing, or_signal},
    view,
};
use crate::{
    cli::reconcile_args::{AlwaysOnName, ReconcileArgs},
    config::{always_on::AlwaysOnApp, settings::Settings},
    exit,
    lifecycle::{origin, reconcile::Round, runner::Job},
    model::{
        outcome::{Fault, Trouble},
        reconciling::{End, Reconciled},
        run::{RunMode, RunRequest, Wanted},
        source,
        stage::Stage,
    },
    render::reconciling,
    sys::context::Context,
};

/// Reconciles what is configured.
pub(crate) fn run(call: &Call, args: &ReconcileArgs) -> Result<u8, Error> {
    let settings = call.settings(&[])?;
    let apps = wanted(&settings, &args.apps)?;
    let as_test = args.as_test();
    let testing = Testing::open(call, &as_test, &settings, None)?;
    if apps.is_empty() {
        testing.say(&[reconciling::nothing_line()])?;
        if args.json {
            print(&[])?;
        }
        return Ok(exit::PASSED);
    }
    let is_local = |app: &AlwaysOnApp| matches!(app.source, Some(source::Source::Local(_)));
    let needs = Needs {
        fetches: !apps.iter().all(is_local),
        mirrors: false,
    };
    let bench = testing.set_up(settings, needs)?;
    let (mut told, mut codes, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for app in &apps {
        if bench.ctx.host.interrupt.is_set() {
            break;
        }
        match reconcile(&testing, &bench, app, args.dry_run) {
            Ok(reconciled) => {
                errors.extend(testing.say(&reconciling::app_lines(&reconciled)).err());
                codes.push(code(&reconciled));
                told.push(reconciled);
            }
            Err(error) => errors.push(or_signal(&bench.ctx, error)),
        }
    }
    if args.json {
        errors.extend(print(&told).err());
    }
    errors.extend(testing.finish(&[], &bench.ctx).err());
    Ok(testing.close(&errors, codes, bench.ctx.host.interrupt.signal()))
}

/// Returns the apps that were asked for, all where none was named.
fn wanted(settings: &Settings, names: &[AlwaysOnName]) -> Result<Vec<AlwaysOnApp>, Error> {
    let all = &settings.always_on;
    for name in names {
        if !all.iter().any(|app| name.means(&app.recipe, &app.domain)) {
            let message = format!("no always-on app is `{name}`");
            let hint = "name one of the `[[always-on]]` of the configuration";
            return Err(Error::say(Kind::Usage, message).hint(hint));
        }
    }
    let is_named = |app: &&AlwaysOnApp| {
        let mut names = names.iter();
        names.len() == 0 || names.any(|name| name.means(&app.recipe, &app.domain))
    };
    Ok(all.iter().filter(is_named).cloned().collect())
}

/// Reconciles one app.
fn reconcile(
    testing: &Testing<'_>,
    bench: &Bench,
    app: &AlwaysOnApp,
    is_dry: bool,
) -> Result<Reconciled, Error> {
    let (ctx, like) = like(testing, bench, app)?;
    Ok(Round {
        ctx: &ctx,
        docker_root: &bench.ground.docker_root,
        app,
        like: &like,
        is_dry,
    }
    .reconcile())
}

/// Returns a job for an app, of which the release is still open.
fn like(testing: &Testing<'_>, bench: &Bench, app: &AlwaysOnApp) -> Result<(Context, Job), Error> {
    let source = origin::of_always_on(app, &bench.ctx.settings)?;
    testing.task(
        bench,
        Selected {
            request: RunRequest {
                mode: RunMode::Reconcile,
                recipe: app.recipe.clone(),
                source,
                wanted: Wanted::Newest,
                commit: None,
                pr: None,
                stages: vec![Stage::Install],
            },
            domain: app.domain.clone(),
        },
    )
}

/// Prints what programs read.
fn print(apps: &[Reconciled]) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(&serde_json::json!({ "v": 1, "apps": apps }));
    let text = text.map_err(|error| Error::new(Kind::Internal, error))? + "\n";
    view::print(text.as_bytes())
}

/// Returns the exit code that an app gives; what waits for a person is no failure.
fn code(reconciled: &Reconciled) -> u8 {
    match &reconciled.end {
        End::Done | End::Planned => exit::PASSED,
        End::RolledBack { .. } => exit::FAILED,
        End::Failed { trouble } => code_of(trouble),
    }
}

/// Returns the exit code of a trouble.
fn code_of(trouble: &Trouble) -> u8 {
    match trouble.fault {
        _ if trouble.code == "busy" => exit::BUSY,
        Fault::Recipe => exit::FAILED,
        Fault::Config => exit::CONFIGURATION,
        Fault::Broken | Fault::User | Fault::None => exit::BROKEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_who_is_to_blame() {
        let of = |fault, code: &str| code_of(&Trouble::new(fault, code, "it did not work"));
        assert_eq!(of(Fault::Recipe, "not-converged"), exit::FAILED);
        assert_eq!(of(Fault::Config, "no-source"), exit::CONFIGURATION);
        assert_eq!(of(Fault::Broken, "disk-full"), exit::BROKEN);
        assert_eq!(of(Fault::Broken, "busy"), exit::BUSY);
    }
}
