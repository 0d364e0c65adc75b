//! Docker: its client, its engine, and the machine of the engine; what stands on the swarm is judged elsewhere.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use super::{
    explain,
    preflight::{self, HTTPS, PROXY_NETWORK, Room, size},
    swarm,
};
use crate::{
    config::settings::Settings,
    lifecycle::orphan::{Reach, Reaper},
    model::{
        diagnosis::{Check, Finding, State},
        outcome::Trouble,
        reaping::Verdict,
        run::IngressKind,
    },
    sys::{beside::beside, context::Context},
    tool::docker::{
        client::Docker,
        network::Traffic,
        pool::Shared,
        stack::{Engine, Versions},
    },
};

/// The image of the bot that makes abra's backups.
const BACKUP_BOT: &str = "backup-bot-two";
/// The share of a file system's inodes that should be free, as one of so many.
const FEW_INODES: u64 = 20;
/// What needs an engine.
const ON_ENGINE: [Check; 2] = [Check::Swarm, Check::EngineDisk];
/// What needs a swarm.
const ON_SWARM: [Check; 4] = [
    Check::Network,
    Check::Addresses,
    Check::Ingress,
    Check::Leftovers,
];
/// What needs docker at all.
const ON_DOCKER: [Check; 1] = [Check::Engine];

/// What was found, and how apps are reached where that is known.
pub(super) struct Sight {
    /// The findings.
    pub(super) findings: Vec<Finding>,
    /// How apps are reached.
    pub(super) ingress: Option<IngressKind>,
}

/// What docker's answers are judged by.
pub(super) struct Around<'a> {
    /// The settings.
    pub(super) settings: &'a Settings,
    /// The name of this machine.
    pub(super) hostname: &'a str,
    /// Whether abra deploys.
    pub(super) has_abra: bool,
}

impl<'a> Around<'a> {
    /// Finds out what deploys.
    pub(super) fn of(ctx: &'a Context) -> Self {
        let abra = preflight::find_abra(&ctx.settings);
        Self {
            settings: &ctx.settings,
            hostname: &ctx.hostname,
            has_abra: matches!(abra, Ok(Some(_))),
        }
    }

    /// Returns what needs an engine.
    fn on_engine(&self) -> impl Iterator<Item = Check> {
        ON_ENGINE.into_iter().chain(self.on_swarm())
    }

    /// Returns what needs a swarm; nobody asks for the bot where docker alone deploys.
    pub(super) fn on_swarm(&self) -> impl Iterator<Item = Check> {
        let bot = self.has_abra.then_some(Check::BackupBot);
        ON_SWARM.into_iter().chain(bot)
    }
}

/// What docker answered; each answer by itself.
pub(super) struct Heard {
    /// The versions.
    pub(super) versions: Result<Versions, Trouble>,
    /// What the engine says of itself.
    pub(super) engine: Result<Engine, Trouble>,
    /// Whether this node may run tasks.
    pub(super) availability: Result<String, Trouble>,
    /// The id of the network that apps share.
    pub(super) network: Result<Option<String>, Trouble>,
    /// The network of that name, looked at closely, be it another one.
    pub(super) shared: Result<Option<Shared>, Trouble>,
    /// What services say of their networks.
    pub(super) traffic: Result<Traffic, Trouble>,
    /// The services that make backups.
    pub(super) bots: Result<Vec<String>, Trouble>,
    /// How many apps are left whose run is gone.
    pub(super) leftovers: Result<usize, Trouble>,
}

/// Asks docker, all questions at once, and judges the answers.
pub(super) fn look(ctx: &Context, around: &Around<'_>) -> Sight {
    let settings = &ctx.settings;
    match preflight::find_program(settings, "docker", &settings.programs.docker) {
        Ok(program) => judge(&program, &listen(ctx, &program), around),
        Err(trouble) => {
            let rest = ON_DOCKER.into_iter().chain(around.on_engine());
            let rest = rest.map(|check| Finding::unknown(check, "docker is needed"));
            Sight {
                findings: std::iter::once(Finding::fail(Check::Docker, &trouble))
                    .chain(rest)
                    .collect(),
                ingress: None,
            }
        }
    }
}

/// Asks docker.
fn listen(ctx: &Context, program: &Path) -> Heard {
    let docker = &Docker::new(program, &ctx.host);
    thread::scope(|scope| {
        let versions = beside(scope, || docker.versions());
        let engine = beside(scope, || docker.engine());
        let availability = beside(scope, || docker.availability());
        let network = beside(scope, || docker.swarm_network(PROXY_NETWORK));
        let shared = beside(scope, || docker.shared_network(PROXY_NETWORK));
        let traffic = beside(scope, || docker.traffic(HTTPS));
        let bots = beside(scope, || docker.running_services_of(BACKUP_BOT));
        let leftovers = leftovers(ctx, program);
        Heard {
            versions: versions.join().map_err(|error| explain(&error)),
            engine: engine.join().map_err(|error| explain(&error)),
            availability: availability.join().map_err(|error| explain(&error)),
            network: network.join().map_err(|error| explain(&error)),
            shared: shared.join().map_err(|error| explain(&error)),
            traffic: traffic.join().map_err(|error| explain(&error)),
            bots: bots.join().map_err(|error| explain(&error)),
            leftovers,
        }
    })
}

/// Counts the apps that the janitor would remove.
fn leftovers(ctx: &Context, program: &Path) -> Result<usize, Trouble> {
    let ctx = Context {
        docker: program.to_owned(),
        ..ctx.clone()
    };
    let survey = Reaper::new(&ctx, ctx.settings.janitor_max_age, Reach::All).survey()?;
    let due = |verdict| matches!(verdict, Verdict::Reap(_));
    Ok(survey.apps.iter().filter(|app| due(app.verdict)).count())
}

/// Judges what docker answered.
fn judge(program: &Path, heard: &Heard, around: &Around<'_>) -> Sight {
    let mut findings = vec![client(program, heard)];
    let engine = match answering(heard) {
        Ok((version, engine)) => {
            let found = format!("{version} on {}", engine.name);
            findings.push(Finding::ok(Check::Engine, found));
            engine
        }
        Err(trouble) => {
            findings.push(Finding::fail(Check::Engine, &trouble));
            let rest = around.on_engine();
            findings.extend(rest.map(|check| Finding::unknown(check, "the engine is needed")));
            return Sight {
                findings,
                ingress: None,
            };
        }
    };
    findings.extend(machine(engine, around));
    let sight = swarm::judge(heard, engine, around);
    findings.extend(sight.findings);
    Sight {
        findings,
        ingress: sight.ingress,
    }
}

/// Judges docker's client; that the engine hangs is not its fault.
fn client(program: &Path, heard: &Heard) -> Finding {
    let shown = program.display();
    match &heard.versions {
        Ok(versions) => match preflight::check_client(versions) {
            Ok(()) => {
                let found = format!("{} at {shown}", versions.client.version);
                Finding::ok(Check::Docker, found)
            }
            Err(trouble) => Finding::fail(Check::Docker, &trouble),
        },
        Err(trouble) if trouble.code == "docker-timeout" => Finding::unknown(
            Check::Docker,
            format_args!("`{shown}` waits for the engine"),
        ),
        Err(trouble) => Finding::fail(Check::Docker, trouble),
    }
}

/// Returns the engine's version and what it says of itself, or why it is of no use.
fn answering(heard: &Heard) -> Result<(&str, &Engine), Trouble> {
    let versions = heard.versions.as_ref().map_err(Clone::clone)?;
    preflight::check_engine(versions)?;
    let engine = heard.engine.as_ref().map_err(Clone::clone)?;
    let server = versions.server.as_ref();
    let version = server.map_or("", |server| server.version.as_str());
    Ok((version, engine))
}

/// Judges the machine of the engine, where it is this one.
fn machine(engine: &Engine, around: &Around<'_>) -> Vec<Finding> {
    let root = Path::new(&engine.docker_root_dir);
    if engine.name != around.hostname {
        let found = format!("the engine is on another machine, {}", engine.name);
        return vec![Finding::new(Check::EngineDisk, State::Note, found)];
    }
    let floor = around.settings.state.disk_floor;
    std::iter::once(disk(Check::EngineDisk, root, floor))
        .chain(kernel())
        .collect()
}

/// Judges the room of a directory.
pub(super) fn disk(check: Check, path: &Path, floor: u64) -> Finding {
    let shown = path.display();
    let Some(room) = Room::at(path) else {
        return Finding::unknown(
            check,
            format_args!("`{shown}` cannot be asked for its room"),
        );
    };
    if let Err(trouble) = room.check(path, floor) {
        return Finding::fail(check, &trouble);
    }
    let (free, floor) = (size(room.free), size(floor));
    let found = format!("{free} free in {shown}, floor {floor}");
    if room.files > 0 && room.free_files < room.files / FEW_INODES {
        let (free, all) = (room.free_files, room.files);
        let found = format!("{free} of {all} inodes are free in {shown}");
        return Finding::new(check, State::Warning, found)
            .remedy("remove files there, as old images: run `docker image prune`");
    }
    Finding::ok(check, found)
}

/// Says when services cannot have addresses of their own here; the engine asks for the module only when it needs it.
fn kernel() -> Option<Finding> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let modules = PathBuf::from("/lib/modules").join(release.trim());
    let lists = ["modules.dep", "modules.builtin"].map(|list| modules.join(list));
    let is_listed = |list: &PathBuf| {
        let list = fs::read_to_string(list).unwrap_or_default();
        list.contains("/ip_vs.ko")
    };
    let is_loaded = Path::new("/proc/net/ip_vs").exists();
    let found = "no IPVS: services answer by `tasks.<service>` alone";
    (!is_loaded && !lists.iter().any(is_listed)).then(|| {
        Finding::new(Check::Kernel, State::Note, found)
            .remedy("set `endpoint_mode: dnsrr`, or load the module `ip_vs`")
    })
}

#[cfg(test)]
mod tests;
