//! `app backup` and `app restore`: the stand-in is the backup bot too, in its second version.

use std::collections::BTreeMap;
use std::path::Path;

use crate::app::App;
use crate::cli_app::{ChaosArgs, DownloadArgs, SnapshotArgs};
use crate::docker::{NAMESPACE, Service};
use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::output;
use crate::session::Session;
use crate::snapshot::{self, Snapshot};

/// Where a volume is mounted in the container that reads or writes it.
const MOUNT: &str = "v";

/// What the labels of a stack ask for.
struct Plan {
    /// The services of the stack.
    services: Vec<Service>,
    /// The volumes by full name, with the only paths to save.
    volumes: BTreeMap<String, Option<Vec<String>>>,
}

/// Runs `app backup create`. A hook that fails or a path that is missing is only logged.
pub(crate) fn create(session: &Session, args: &ChaosArgs) -> Result<()> {
    let app = prepare(session, args)?;
    let plan = Plan::read(&app)?;
    plan.run_hooks(&app, "backupbot.backup.pre-hook")?;
    let mut archive = tar::Builder::new(Vec::new());
    for (volume, paths) in &plan.volumes {
        save_volume(&app, &plan, (volume, paths.as_deref()), &mut archive)?;
    }
    let archive = archive
        .into_inner()
        .map_err(Fatal::during("ending the archive"))?;
    let id = snapshot::save(&session.repository(), &app.stack, &archive)?;
    plan.run_hooks(&app, "backupbot.backup.post-hook")?;
    output::line(&format!("snapshot {id} saved"));
    output::line(guesses::BACKUP_FINISHED);
    Ok(())
}

/// Runs `app backup snapshots`.
pub(crate) fn snapshots(session: &Session, args: &ChaosArgs) -> Result<()> {
    let app = prepare(session, args)?;
    let snapshots = snapshot::all(&session.repository(), &app.stack)?;
    if snapshots.is_empty() {
        return Err(Fatal::new(guesses::NO_SNAPSHOTS));
    }
    for snapshot in snapshots {
        output::line(&format!("{} {}", snapshot.id, snapshot.time));
    }
    Ok(())
}

/// Runs `app backup list`.
pub(crate) fn files(session: &Session, args: &SnapshotArgs) -> Result<()> {
    let (_, snapshot) = find(session, args)?;
    let file = open(&snapshot)?;
    let failed = || Fatal::during("reading a snapshot");
    for entry in tar::Archive::new(file).entries().map_err(failed())? {
        let entry = entry.map_err(failed())?;
        output::line(&format!("/{}", entry.path().map_err(failed())?.display()));
    }
    Ok(())
}

/// Runs `app backup download`.
pub(crate) fn download(session: &Session, args: &DownloadArgs) -> Result<()> {
    let (_, snapshot) = find(session, &args.snapshot)?;
    let below = args
        .path
        .as_deref()
        .map(|path| Path::new(path.trim_start_matches('/')));
    let mut archive = tar::Builder::new(Vec::new());
    let copied = snapshot::copy(open(&snapshot)?, &mut archive, |path| {
        below
            .is_none_or(|below| path.starts_with(below))
            .then(|| path.to_owned())
    })?;
    if copied == 0 {
        return Err(Fatal(format!(
            "snapshot {} has nothing at that path",
            snapshot.id
        )));
    }
    let archive = archive
        .into_inner()
        .map_err(Fatal::during("ending the archive"))?;
    let failed = || Fatal::during(format!("writing {}", guesses::DOWNLOAD_FILE));
    let file = std::fs::File::create(guesses::DOWNLOAD_FILE).map_err(failed())?;
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    std::io::copy(&mut archive.as_slice(), &mut encoder).map_err(failed())?;
    encoder.finish().map_err(failed())?;
    output::info(&format!("wrote {}", guesses::DOWNLOAD_FILE));
    Ok(())
}

/// Runs `app restore` on the live volumes. Files that the snapshot does not have stay.
pub(crate) fn restore(session: &Session, args: &SnapshotArgs) -> Result<()> {
    let (app, snapshot) = find(session, args)?;
    let plan = Plan::read(&app)?;
    plan.run_hooks(&app, "backupbot.restore.pre-hook")?;
    for volume in plan.volumes.keys() {
        let root = Path::new(guesses::VOLUME_ROOT).join(volume).join("_data");
        let mut archive = tar::Builder::new(Vec::new());
        let copied = snapshot::copy(open(&snapshot)?, &mut archive, |path| {
            Some(Path::new(MOUNT).join(path.strip_prefix(&root).ok()?))
        })?;
        let archive = archive
            .into_inner()
            .map_err(Fatal::during("ending the archive"))?;
        if copied > 0 {
            with_volume(&app, &plan, volume, |container| {
                let args = ["cp", "--archive", "-", &format!("{container}:/")];
                app.docker
                    .try_run(&args, Some(&archive))?
                    .ok("writing a volume")
                    .map(drop)
            })?;
        }
    }
    plan.run_hooks(&app, "backupbot.restore.post-hook")?;
    output::line(&format!("snapshot {} restored", snapshot.id));
    Ok(())
}

impl Plan {
    /// Reads the labels of an app's services. Paths of the first label version are not known here.
    fn read(app: &App) -> Result<Self> {
        let services = app.docker.services(Some(&app.stack))?;
        let on = |service: &Service| {
            service
                .labels
                .get("backupbot.backup")
                .is_some_and(|value| value == "true")
        };
        if !services.iter().any(on) {
            return Err(Fatal::new(guesses::NOTHING_TO_BACK_UP));
        }
        let prefix = format!("{}_", app.stack);
        let all = services.iter().flat_map(|service| &service.volumes);
        let mut volumes = BTreeMap::new();
        for full in all {
            let Some(name) = full.strip_prefix(&prefix) else {
                continue;
            };
            let key = format!("backupbot.backup.volumes.{name}");
            let label = |key: &str| services.iter().find_map(|service| service.labels.get(key));
            if label(&key).is_some_and(|value| value == "false") {
                continue;
            }
            let paths = label(&format!("{key}.path"));
            let paths = paths.map(|list| list.split(',').map(|path| path.trim().to_owned()));
            volumes.insert(full.clone(), paths.map(Iterator::collect));
        }
        Ok(Self { services, volumes })
    }

    /// Runs the hooks under a label, each in its service's container.
    fn run_hooks(&self, app: &App, label: &str) -> Result<()> {
        for service in &self.services {
            let Some(hook) = service.labels.get(label) else {
                continue;
            };
            // The bot does not survive a container that is gone between its list and the call.
            let container = app.docker.container(&service.name)?;
            let container = container
                .ok_or_else(|| Fatal(format!("409 conflict: {} is not running", service.name)))?;
            let args = ["exec", &container, guesses::HOOK_SHELL, "-c", hook];
            let ended = app.docker.try_run(&args, None)?;
            if !ended.success {
                output::line(&format!("ERROR {} {label}: {}", service.name, ended.stderr));
            }
        }
        Ok(())
    }
}

/// Finds the app and leaves its tree at the pin, behind the terminal that the bot insists on.
fn prepare(session: &Session, args: &ChaosArgs) -> Result<App> {
    let app = App::find(session, &args.domain)?;
    app.follow_pin(session, args.chaos)?;
    if guesses::BACKUP_NEEDS_TERMINAL {
        output::need_terminal()?;
    }
    Ok(app)
}

/// Finds an app and one of its snapshots.
fn find(session: &Session, args: &SnapshotArgs) -> Result<(App, Snapshot)> {
    let app = prepare(session, &args.app)?;
    let id = args.snapshot.as_deref();
    let snapshot = snapshot::find(&session.repository(), &app.stack, id)?;
    Ok((app, snapshot))
}

/// Opens the archive of a snapshot.
fn open(snapshot: &Snapshot) -> Result<std::fs::File> {
    std::fs::File::open(&snapshot.archive).map_err(Fatal::during(format!(
        "opening {}",
        snapshot.archive.display()
    )))
}

/// Adds a volume, or the given paths of it, to an archive.
fn save_volume(
    app: &App,
    plan: &Plan,
    (volume, paths): (&str, Option<&[String]>),
    archive: &mut tar::Builder<Vec<u8>>,
) -> Result<()> {
    let root = Path::new(guesses::VOLUME_ROOT).join(volume).join("_data");
    let content = with_volume(app, plan, volume, |container| {
        let args = ["cp", &format!("{container}:/{MOUNT}"), "-"];
        Ok(app
            .docker
            .try_run(&args, None)?
            .ok("reading a volume")?
            .stdout)
    })?;
    let copied = snapshot::copy(content.as_slice(), archive, |path| {
        let inner = path.strip_prefix(MOUNT).ok()?;
        let wanted = |paths: &[String]| {
            paths
                .iter()
                .any(|path| inner.starts_with(path.trim_start_matches('/')))
        };
        paths.is_none_or(wanted).then(|| root.join(inner))
    })?;
    if copied == 0 {
        output::line(&format!("ERROR {volume}: none of its paths exists"));
    }
    Ok(())
}

/// Mounts a volume in a container that never runs, and removes that container whatever happens.
fn with_volume<T>(
    app: &App,
    plan: &Plan,
    volume: &str,
    work: impl FnOnce(&str) -> Result<T>,
) -> Result<T> {
    app.docker.run(&["volume", "inspect", volume])?;
    let image = &plan
        .services
        .first()
        .ok_or_else(|| Fatal::new("no service"))?
        .image;
    let mount = format!("{volume}:/{MOUNT}");
    // The backup bot reaches volumes on the host's disk: when abra is killed, no container of nobody's holds one of them.
    let member = format!("{NAMESPACE}={}", app.stack);
    let create = ["create", "--label", &member, "--volume", &mount];
    let container = app
        .docker
        .run(&[create.as_slice(), &[image, "true"]].concat())?;
    let result = work(&container);
    let removed = app.docker.run(&["rm", "--force", "--volumes", &container]);
    let value = result?;
    removed?;
    Ok(value)
}
