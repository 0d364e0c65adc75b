//! `ccci teardown`: removes an app that somebody names, with Docker alone.

use jiff::Timestamp;

use super::{
    ask::{self, Answer},
    error::{Error, Kind},
    exec::app_of_run,
    host::Call,
    janitor::{Showing, conclude, context, interrupted, tell},
    view,
};
use crate::{
    cli::{app_args::TeardownArgs, values::AppName},
    lifecycle::{
        canonical,
        orphan::{Judged, Reach, Reaper, Survey},
        reap,
    },
    model::{
        app::AppDomain,
        journal::Reading,
        reaping::{App, Excuse, Reaped, Verdict},
        resource::ResourceKind,
    },
    render::{
        level::Weight,
        line::{Line, Tone},
    },
    sys::{context::Context, journal, run_dir},
};

/// Removes what is named.
pub(crate) fn run(call: &Call, args: &TeardownArgs) -> Result<u8, Error> {
    let ctx = context(call)?;
    let domain = args
        .app
        .as_ref()
        .map(|name| domain_of(&ctx, name))
        .transpose()?;
    if let Some(domain) = &domain {
        check_name(&ctx, args, domain)?;
    }
    let reaper = Reaper::new(&ctx, ctx.settings.janitor_max_age, Reach::All);
    let survey = reaper
        .survey()
        .map_err(|trouble| interrupted(&ctx, trouble.into()))?;
    let named = match &domain {
        Some(domain) => vec![survey.named(domain)],
        None => ended_runs(&survey),
    };
    if domain.is_some() {
        check_free(&ctx, &named)?;
    }
    let showing = Showing {
        dry_run: args.dry_run,
        json: args.json,
    };
    let reaped = if args.dry_run {
        let named = named.iter();
        let reaped: Vec<_> = named
            .map(|named| named.app.reaped(named.verdict, None))
            .collect();
        tell(call, showing, &reaped)?;
        reaped
    } else {
        for named in &named {
            ask(call, args, &named.app)?;
        }
        // A line that cannot be shown must not stop a removal.
        reaper.reap_all(&named, &|reaped| {
            drop(tell(call, showing, std::slice::from_ref(reaped)));
        })
    };
    if let Some(domain) = &domain {
        check_removed(&ctx, &reaped)?;
        if !args.dry_run && reaped.iter().all(|one| one.gone) {
            forget(call, &ctx, domain, showing)?;
        }
    }
    conclude(&ctx, showing, (&reaped, &[]))
}

/// Returns the domain of the app that is named.
fn domain_of(ctx: &Context, name: &AppName) -> Result<AppDomain, Error> {
    match name {
        AppName::Domain(domain) => Ok(domain.clone()),
        AppName::Run(prefix) => Ok(app_of_run(&ctx.settings.state.dir, prefix)?.domain),
    }
}

/// Refuses, before anything is done, an app that is warm or not ours unless its full name confirms it.
fn check_name(ctx: &Context, args: &TeardownArgs, domain: &AppDomain) -> Result<(), Error> {
    if let Some(name) = &args.confirm {
        if name == domain.as_str() {
            return Ok(());
        }
        let message = format!(
            "`--confirm` names `{}`, and the app is `{domain}`",
            name.escape_debug()
        );
        return Err(Error::say(Kind::Refused, message));
    }
    let base = &ctx.settings.server.base_domain;
    let what = if domain.is_warm() {
        "a warm app"
    } else if domain.follows_run_scheme()
        && (domain.base() == base.as_str() || is_recorded(ctx, domain))
    {
        return Ok(());
    } else {
        "not an app of ccci"
    };
    let message = format!("app `{domain}` is {what}");
    Err(Error::say(Kind::Refused, message).hint(format!(
        "confirm by its full name with `--confirm={domain}`"
    )))
}

/// Tells whether some run here, however it ended, had the app.
fn is_recorded(ctx: &Context, domain: &AppDomain) -> bool {
    let runs = run_dir::list(&ctx.settings.state.dir).unwrap_or_default();
    let mut apps = runs
        .iter()
        .filter_map(|(_, entry)| journal::examine(entry).ok()??.domain);
    apps.any(|found| found == *domain)
}

/// Forgets the canonical whose app was removed: what it was made with is gone, so that its snapshot is of no use.
fn forget(call: &Call, ctx: &Context, domain: &AppDomain, showing: Showing) -> Result<(), Error> {
    let state = &ctx.settings.state.dir;
    let Some(recipe) = canonical::recipe_of(state, domain) else {
        return Ok(());
    };
    canonical::forget(ctx, &recipe)?;
    if showing.json {
        return Ok(());
    }
    let text = format!("the canonical of `{recipe}` is forgotten, with its snapshot");
    let line = Line::message(Weight::Info, ("note", Tone::Info), text);
    view::say(call, &[line])
}

/// Returns the apps of all runs that are over.
fn ended_runs(survey: &Survey) -> Vec<Judged> {
    let is_over = |judged: &&Judged| {
        let stays = [Excuse::Live, Excuse::Newer, Excuse::Warm, Excuse::Foreign];
        let stays = stays
            .iter()
            .any(|excuse| judged.verdict == Verdict::Spare(*excuse));
        !judged.app.runs.is_empty() && !stays
    };
    let over = survey.apps.iter().filter(is_over);
    over.map(|judged| survey.named(&judged.app.domain))
        .collect()
}

/// Refuses an app whose run is alive, or whose journal cannot be understood.
fn check_free(ctx: &Context, named: &[Judged]) -> Result<(), Error> {
    for Judged { app, .. } in named {
        // A removal that goes on is waited for.
        let mut led = app.runs.iter().filter(|run| run.is_led);
        if led.any(|run| !reap::is_removed(ctx, &run.id)) {
            return Err(busy(ctx, &app.domain));
        }
        if app.runs.iter().any(|run| run.reading == Reading::Newer) {
            let message = format!(
                "the journal of app `{}` was made by a newer ccci",
                app.domain
            );
            return Err(Error::say(Kind::Configuration, message)
                .hint("remove it with the ccci that made it"));
        }
    }
    Ok(())
}

/// Says who holds an app.
fn busy(ctx: &Context, domain: &AppDomain) -> Error {
    let message = format!("app `{domain}` is busy: {}", reap::holder(ctx, domain));
    Error::say(Kind::Busy, message).hint("wait until its run is over, or interrupt that run")
}

/// Says that an app stayed because somebody else holds it.
fn check_removed(ctx: &Context, reaped: &[Reaped]) -> Result<(), Error> {
    let mut held = reaped
        .iter()
        .filter(|one| one.verdict == Verdict::Spare(Excuse::Busy));
    match held.next() {
        Some(one) if ctx.host.interrupt.signal().is_none() => Err(busy(ctx, &one.domain)),
        Some(_) | None => Ok(()),
    }
}

/// Asks before an app goes that somebody may be using; nothing is asked about an orphan.
fn ask(call: &Call, args: &TeardownArgs, app: &App) -> Result<(), Error> {
    let Some(state) = in_use(app, Timestamp::now()) else {
        return Ok(());
    };
    if args.confirm.is_some() {
        return Ok(());
    }
    let message = format!("app `{}` {state}", app.domain);
    match ask::ask(call, &message, "remove it?")? {
        Answer::Yes => Ok(()),
        Answer::No => Err(Error::say(
            Kind::Refused,
            format!("app `{}` stays", app.domain),
        )),
    }
}

/// Says how an app may be in use although no run of it is alive.
fn in_use(app: &App, now: Timestamp) -> Option<&'static str> {
    let kept = app.runs.iter().filter_map(|run| run.history.kept_until);
    let mut objects = app.objects.iter();
    if kept.max().is_some_and(|until| until > now) {
        Some("is kept")
    } else if app.runs.is_empty()
        && objects.any(|object| object.resource.kind == ResourceKind::Service)
    {
        Some("is running, and no run here tells of it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{reaping::Listed, resource::Resource};

    #[test]
    fn an_app_that_runs_without_a_record_is_asked_about() {
        let mut app = App::new("word-3fa91c.ci.example.org".parse().unwrap());
        assert_eq!(in_use(&app, Timestamp::now()), None);
        app.objects.push(Listed {
            resource: Resource::new(ResourceKind::Service, "x"),
            id: "x".to_owned(),
            stack: None,
        });
        assert!(in_use(&app, Timestamp::now()).is_some());
    }
}
