//! Makes an app and deploys it: record, secrets, journal, the first time and over what runs.

use std::{fs, sync::PoisonError, time::Duration};

use super::{
    classify, declared,
    prepare::Prepared,
    reach::{self, Entrance},
    session::{Session, docker_trouble, state_trouble},
    side::{self, Side},
};
use crate::{
    model::{
        app::StackName,
        app_env,
        check::{Ready, ReadyProbe},
        env_file::EnvFile,
        event::{DiagnosticLevel, Fact},
        outcome::{Fault, Trouble},
        plan::Revision,
        resource::Resource,
        run::DeployerKind,
        stage::Stage,
    },
    sys::wait::{Waited, wait_until},
    tool::{
        docker::{client::Error, exec::Exec, service::Service},
        git::Git,
        rendering, stack,
    },
};

/// The pause between two looks at whether an app is ready.
const READY_PAUSE: Duration = Duration::from_millis(300);
/// How often a deploy is tried whose stack's old network is still being removed.
const NETWORK_ATTEMPTS: u32 = 5;

/// Makes the app's record: its `.env` from the sample, with ccci's rules applied.
pub(crate) fn create(session: &Session<'_>, prepared: &Prepared) -> Result<(), Trouble> {
    // Hooks may make secrets before the first deploy, which the journal has to know by then.
    let first = match &prepared.base {
        Some(Ok(base)) => base,
        Some(Err(_)) | None => &prepared.head,
    };
    announce(session, &first.names)?;
    let log = session.log(Stage::Install, "create")?;
    let failed = |error: &_| session.deployer_trouble("making the app", error);
    session
        .deployer
        .create(&session.app, &log)
        .map_err(|error| failed(&error))?;
    let text = match &prepared.inherited.env {
        Some(text) => text.clone(),
        None => read_env(session)?,
    };
    let maker = side::app_env(&session.app, &session.config, &prepared.declared);
    let mut env = maker.prepare(&text).map_err(|error| env_trouble(&error))?;
    let (stack, taken) = (session.app.stack.as_str(), &prepared.inherited.secrets);
    app_env::renew_secrets(&mut env, stack, taken).map_err(|error| env_trouble(&error))?;
    if prepared.inherited.env.is_some() {
        // It may be of an older release, which had fewer.
        app_env::adopt_secrets(&mut env, &first.sample).map_err(|error| env_trouble(&error))?;
    }
    stack::write_env(&session.app, &env.render()).map_err(|error| failed(&error))
}

/// Deploys the first revision of a run, over the services of an app that is always on; returns the whole names of its own.
pub(crate) fn first(
    session: &Session<'_>,
    side: &Side,
    before: &[Service],
) -> Result<Vec<String>, Trouble> {
    deploy(session, side, Stage::Install, before)
}

/// Deploys the head in place of some services, with the secrets that it needs anew; returns the whole names of its own.
pub(crate) fn over(
    session: &Session<'_>,
    side: &Side,
    before: &[Service],
) -> Result<Vec<String>, Trouble> {
    let git = Git::new(
        session.app.docker.host(),
        &session.app.git,
        session.ctx.settings.limits.pull,
    );
    side.check_out(&git, &session.app)?;
    let mut env = EnvFile::parse(&read_env(session)?).map_err(|error| env_trouble(&error))?;
    let adopted =
        app_env::adopt_secrets(&mut env, &side.sample).map_err(|error| env_trouble(&error))?;
    if !adopted.is_empty() {
        let written = stack::write_env(&session.app, &env.render());
        written.map_err(|error| classify::deployer_error("writing the app's `.env`", &error))?;
    }
    deploy(session, side, Stage::Upgrade, before)
}

/// Checks what the app's `.env` makes of the recipe, announces its names and hands it to the swarm.
///
/// That `.env` is not the sample's: hooks change it, and in an upgrade it is still the one of the base.
fn deploy(
    session: &Session<'_>,
    side: &Side,
    stage: Stage,
    before: &[Service],
) -> Result<Vec<String>, Trouble> {
    let rendered =
        rendering::render(&session.app).map_err(|error| classify::recipe_error(&error))?;
    let names = side::check_stack(&session.app, &rendered.stack, &session.guard)?;
    announce(session, &side.names)?;
    announce(session, &names)?;
    let services = rendered.stack.services.keys();
    let services: Vec<String> = services.map(|key| session.app.stack.object(key)).collect();
    match hand_over(session, side, stage) {
        Ok(()) => check_made(session, &services, before)?,
        Err(trouble) => check_refused(session, &services, before, trouble)?,
    }
    Ok(services)
}

/// How a look finds the services of a deploy.
enum Found {
    /// All were made, or changed where they were there.
    New,
    /// All are there, and some were changed.
    Mixed,
    /// All are there, and none was changed.
    Old,
    /// This one is not there.
    Missing(String),
}

/// Looks which services a deploy made, or changed where there were some before it.
fn look(session: &Session<'_>, services: &[String], before: &[Service]) -> Result<Found, Error> {
    let found = session.app.docker.services(services)?;
    let is_there = |name: &&String| found.iter().any(|service| service.name == **name);
    if let Some(name) = services.iter().find(|name| !is_there(name)) {
        return Ok(Found::Missing(name.clone()));
    }
    // Whoever updates a service raises its version, also when nothing about it changes.
    let is_old = |service: &&Service| {
        let mut old = before.iter();
        old.any(|old| old.name == service.name && old.index == service.index)
    };
    let old = found.iter().filter(is_old).count();
    Ok(match old {
        0 => Found::New,
        _ if old == found.len() => Found::Old,
        _ => Found::Mixed,
    })
}

/// Checks that a deploy which ended well made every service: one that did not would be waited for in vain.
fn check_made(
    session: &Session<'_>,
    services: &[String],
    before: &[Service],
) -> Result<(), Trouble> {
    let because = match look(session, services, before) {
        // A look that fails says nothing; the wait for the services looks again.
        Ok(Found::New | Found::Mixed) | Err(_) => return Ok(()),
        Ok(Found::Old) => "every service is what it was".to_owned(),
        Ok(Found::Missing(name)) => format!("there is no service `{name}`"),
    };
    let message = "the deploy reported success and did not make every service";
    Err(Trouble::broken("not-deployed", message).because(because))
}

/// Looks what a deploy made that abra ended as a failure: it may well have handed over all of it, and what follows then
/// decides.
///
/// What docker says of its own deploy is taken as it is, and so is a refusal that speaks of the recipe.
fn check_refused(
    session: &Session<'_>,
    services: &[String],
    before: &[Service],
    trouble: Trouble,
) -> Result<(), Trouble> {
    let is_in_doubt = session.deployer.kind() == DeployerKind::Abra
        && trouble.fault == Fault::Broken
        && !session.left().is_zero();
    match is_in_doubt.then(|| look(session, services, before)) {
        Some(Ok(Found::New)) => {
            let message = "the deploy was told as a failure, and every service is there";
            let told = Trouble::new(Fault::None, "deployed-all-the-same", message);
            let causes = std::iter::once(trouble.message).chain(trouble.causes);
            session.announcer.say(Fact::Diagnostic {
                level: DiagnosticLevel::Warning,
                trouble: causes.fold(told, Trouble::because),
            });
            Ok(())
        }
        Some(_) | None => Err(trouble),
    }
}

/// Announces names in the journal, unless they are somebody else's.
///
/// Nothing may exist that the journal does not know, so that a kill at any moment leaves no orphan unseen.
fn announce(session: &Session<'_>, names: &[Resource]) -> Result<(), Trouble> {
    let mut announced = session
        .announced
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let new = names.iter().filter(|name| !announced.contains(*name));
    let new: Vec<Resource> = new.cloned().collect();
    let report = session.record.report();
    if let Some(taken) = claimed(&session.app.stack, &new, &report.before) {
        let message =
            format!("the recipe claims {taken}, which is there already and is not its own");
        return Err(Trouble::new(Fault::Config, "name-taken", message)
            .hint("declare it `external`, or leave its `name` to the stack"));
    }
    drop(report);
    session
        .journal
        .making(&new)
        .map_err(|error| state_trouble(&error.to_string()))?;
    announced.extend(new);
    Ok(())
}

/// Finds a name that somebody else's object has: teardown would remove it.
///
/// What has the stack's own prefix can be nobody else's.
fn claimed<'a>(
    stack: &StackName,
    names: &'a [Resource],
    before: &[Resource],
) -> Option<&'a Resource> {
    let mut foreign = names
        .iter()
        .filter(|name| stack.short(&name.name).is_none());
    foreign.find(|name| before.contains(name))
}

/// Makes secrets and hands the stack to the swarm.
fn hand_over(session: &Session<'_>, side: &Side, stage: Stage) -> Result<(), Trouble> {
    let log = session.log(stage, "deploy")?;
    session.progress(
        stage,
        &format!("deploying {}", title(&side.revision)),
        &[],
        session.left(),
    );
    let secrets = session.deployer.generate_secrets(&session.app, &log);
    secrets.map_err(|error| session.deployer_trouble("making secrets", &error))?;
    for attempt in 1.. {
        let Err(error) = session.deployer.deploy(&session.app, &log) else {
            return Ok(());
        };
        // A network of an earlier stack of this name stays listed while it is being removed.
        let said = error.to_string();
        let is_passing = said.contains("network") && said.contains("not found");
        if !is_passing || attempt >= NETWORK_ATTEMPTS {
            return Err(session.deployer_trouble("the deploy", &error));
        }
        if !crate::sys::wait::pause(READY_PAUSE, &session.app.docker.host().interrupt) {
            return Err(classify::interrupted());
        }
    }
    unreachable!("the last attempt returns")
}

/// Returns what a person calls a revision.
fn title(revision: &Revision) -> String {
    revision.title()
}

/// Reads the app's `.env`.
fn read_env(session: &Session<'_>) -> Result<String, Trouble> {
    let path = session.app.env_file();
    fs::read_to_string(&path).map_err(|error| {
        Trouble::broken(
            "env-missing",
            format!("the app's `.env` was not made at `{}`", path.display()),
        )
        .because(error.to_string())
    })
}

/// Explains an `.env` that cannot be read.
fn env_trouble(error: &crate::model::env_file::Error) -> Trouble {
    Trouble::recipe(
        "recipe-malformed",
        format!("failed to read the app's `.env`: {error}"),
    )
}

/// Waits until a condition of `recipe.toml` holds.
pub(crate) fn wait_until_ready(
    session: &Session<'_>,
    stage: Stage,
    entrance: &Entrance,
    ready: &Ready,
) -> Result<(), Trouble> {
    let own = ready.timeout.unwrap_or_else(|| {
        session
            .config
            .timeouts
            .on(&session.ctx.settings.limits, None)
            .deploy
    });
    let deadline = session.limit(own);
    let mut last = None;
    let probe = || -> Result<Option<()>, Trouble> {
        session.progress(
            stage,
            &format!("waiting until {} is ready", ready.name),
            &[],
            deadline.left(),
        );
        match is_ready(session, stage, entrance, &ready.probe) {
            Ok(()) => Ok(Some(())),
            Err(trouble) => {
                last = Some(trouble);
                Ok(None)
            }
        }
    };
    match wait_until(
        deadline,
        &session.app.docker.host().interrupt,
        probe,
        |_| READY_PAUSE,
    )? {
        Waited::Done(()) => Ok(()),
        Waited::Interrupted => Err(classify::interrupted()),
        Waited::TimedOut => {
            let trouble = Trouble::recipe(
                "timeout",
                format!("`{}` did not become ready in time", ready.name),
            );
            Err(match last {
                Some(last) => trouble.because(last.message),
                None => trouble,
            })
        }
    }
}

/// Looks once whether a condition holds.
fn is_ready(
    session: &Session<'_>,
    stage: Stage,
    entrance: &Entrance,
    probe: &ReadyProbe,
) -> Result<(), Trouble> {
    match probe {
        ReadyProbe::Probe(probe) => declared::make(session, stage, entrance, probe).map(drop),
        ReadyProbe::Command { service, argv } => {
            let container = reach::service_container(session, service)?;
            let command: Vec<&str> = argv.iter().map(String::as_str).collect();
            let run = Exec {
                command: &command,
                input: None,
                limit: Duration::from_secs(30),
                log: None,
            };
            let output = session
                .app
                .docker
                .exec(&container.id, &run)
                .map_err(|error| docker_trouble(&error))?;
            if output.ok() {
                return Ok(());
            }
            Err(Trouble::recipe(
                "not-ready",
                format!("a command in `{service}` ended with {}", output.exit),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{app::AppDomain, resource::ResourceKind};

    #[test]
    fn a_volume_of_somebody_else_is_not_claimed_and_one_of_the_stack_is() {
        let stack = "a-12.example.org".parse::<AppDomain>().unwrap().stack();
        let volume = |name: &str| Resource::new(ResourceKind::Volume, name);
        let before = [volume("shared"), volume("a-12_example_org_data")];
        let names = [volume("a-12_example_org_data"), volume("shared")];
        assert_eq!(claimed(&stack, &names, &before), Some(&names[1]));
        assert_eq!(claimed(&stack, &names[..1], &before), None);
        assert_eq!(claimed(&stack, &names, &[]), None);
    }
}
