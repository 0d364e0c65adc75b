//! Backups of the built-in deployer: one tar archive a volume or path, with the hooks that the labels name.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    app::App,
    deployer::{Error, Held, Snapshot, Wanted},
    docker::{
        client,
        container::{Container, FileCopy, is_missing_path},
        exec::Exec,
    },
    rendering,
};
use crate::{
    model::{
        backup::{self, BackupPlan, Rule, ServiceBackup, VolumeBackup},
        compose::Stack,
    },
    sys::process::{Exit, StepLog},
};

/// How long a hook in a container may take.
const HOOK_LIMIT: Duration = Duration::from_secs(600);
/// How long copying one volume may take.
const COPY_LIMIT: Duration = Duration::from_secs(1800);

/// One archive of a backup and the place in a container that it is from.
struct Part {
    /// The archive on this host.
    archive: PathBuf,
    /// The container.
    container: String,
    /// The path in the container.
    path: String,
}

/// Makes a backup: pre-hooks, archives, post-hooks.
///
/// A hook that fails is logged and does not end the backup, as with the backup bot: what it should have made is
/// looked for afterwards, in the archives.
pub(crate) fn create(app: &App, stack: &Stack, log: &StepLog) -> Result<Snapshot, Error> {
    let plan = plan(app, stack)?;
    let containers = app.docker.running_containers(app.stack.as_str())?;
    let id = "1".to_owned();
    let folder = app.backups.join(&id);
    fs::create_dir_all(&folder).map_err(|source| Error::File {
        path: folder.clone(),
        source,
    })?;
    run_hooks(app, &plan, &containers, log, |service| {
        service.pre_hook.as_deref()
    })?;
    for part in parts(app, &plan, &containers, &folder) {
        log.note(&format!(
            "archive {} of {}",
            part.path,
            part.container.get(..12).unwrap_or_default()
        ));
        let copy = FileCopy {
            archive: &part.archive,
            limit: COPY_LIMIT,
        };
        if let Err(error) = app.docker.copy_file_out(&part.container, &part.path, &copy) {
            // A part of an archive would pass for a whole one.
            drop(fs::remove_file(&part.archive));
            if !is_missing_path(&error) {
                return Err(error.into());
            }
            // What is missing shows when the archive is looked into.
            log.note(&error.to_string());
        }
    }
    run_hooks(app, &plan, &containers, log, |service| {
        service.post_hook.as_deref()
    })?;
    Ok(Snapshot { id })
}

/// Restores a backup: pre-hooks, archives back into the running app's volumes, post-hooks.
pub(crate) fn restore(
    app: &App,
    stack: &Stack,
    snapshot: &Snapshot,
    log: &StepLog,
) -> Result<(), Error> {
    let plan = plan(app, stack)?;
    let containers = app.docker.running_containers(app.stack.as_str())?;
    run_hooks(app, &plan, &containers, log, |service| {
        service.restore_pre_hook.as_deref()
    })?;
    for part in parts(app, &plan, &containers, &app.backups.join(&snapshot.id)) {
        if !part.archive.exists() {
            continue;
        }
        let parent = Path::new(&part.path)
            .parent()
            .unwrap_or(Path::new("/"))
            .display()
            .to_string();
        log.note(&format!(
            "unpack into {parent} of {}",
            part.container.get(..12).unwrap_or_default()
        ));
        let copy = FileCopy {
            archive: &part.archive,
            limit: COPY_LIMIT,
        };
        app.docker.copy_file_in(&part.container, &parent, &copy)?;
    }
    let failed = run_hooks(app, &plan, &containers, log, |service| {
        service.restore_post_hook.as_deref()
    })?;
    match failed {
        Some(said) => Err(Error::Hook(said)),
        None => Ok(()),
    }
}

/// Looks for a path in the archives of a backup.
pub(crate) fn look_into(
    app: &App,
    snapshot: &Snapshot,
    wanted: &Wanted<'_>,
) -> Result<Option<Held>, Error> {
    let folder = app.backups.join(&snapshot.id);
    let failed = |source: io::Error| Error::File {
        path: folder.clone(),
        source,
    };
    let prefix = format!("{}@", wanted.volume);
    let mut archives: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            archives.push(entry.path());
        }
    }
    for archive in archives {
        let root = decode(&archive, &prefix);
        if let Some(held) = search(&archive, &root, wanted).map_err(failed)? {
            return Ok(Some(held));
        }
    }
    Ok(None)
}

/// Reads the backup labels of a stack.
fn plan(app: &App, stack: &Stack) -> Result<BackupPlan, Error> {
    let refused = |error: backup::Error| rendering::Error::Refused(error.to_string());
    Ok(BackupPlan::from_stack(stack, app.stack.as_str()).map_err(refused)?)
}

/// Lists what is to be archived, each with a running container that mounts it.
fn parts(app: &App, plan: &BackupPlan, containers: &[Container], folder: &Path) -> Vec<Part> {
    let mut parts = Vec::new();
    for volume in &plan.volumes {
        let short = app.stack.short(&volume.volume).unwrap_or(&volume.volume);
        let mounted = containers.iter().find_map(|container| {
            let mount = container
                .mounts
                .iter()
                .find(|mount| mount.name == volume.volume && mount.writable)?;
            Some((
                container.id.clone(),
                mount.destination.trim_end_matches('/').to_owned(),
            ))
        });
        let Some((container, target)) = mounted else {
            continue;
        };
        for path in paths(volume) {
            let archive = folder.join(format!("{short}@{}.tar", encode(&path)));
            let path = if path.is_empty() {
                target.clone()
            } else {
                format!("{target}/{path}")
            };
            parts.push(Part {
                archive,
                container: container.clone(),
                path,
            });
        }
    }
    parts
}

/// Returns the paths of a volume that are archived, the empty one for its root.
fn paths(volume: &VolumeBackup) -> Vec<String> {
    match &volume.rule {
        Rule::Whole => vec![String::new()],
        Rule::Paths(paths) => paths
            .iter()
            .map(|path| path.trim_matches('/').to_owned())
            .collect(),
        Rule::Excluded => Vec::new(),
    }
}

/// Writes a path so that it is one file name.
fn encode(path: &str) -> String {
    path.replace('%', "%25").replace('/', "%2f")
}

/// Returns the path, from the volume's root, of the folder in which an archive's entries lie.
fn decode(archive: &Path, prefix: &str) -> String {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let encoded = name.strip_prefix(prefix).unwrap_or_default();
    let encoded = encoded.strip_suffix(".tar").unwrap_or_default();
    encoded.replace("%2f", "/").replace("%25", "%")
}

/// Runs a hook of each service in its container; returns what the last one that failed said.
fn run_hooks<'a>(
    app: &App,
    plan: &'a BackupPlan,
    containers: &[Container],
    log: &StepLog,
    hook: impl Fn(&'a ServiceBackup) -> Option<&'a str>,
) -> Result<Option<String>, Error> {
    let mut failed = None;
    for service in &plan.services {
        let Some(command) = hook(service) else {
            continue;
        };
        let name = app.stack.object(&service.service);
        let Some(container) = containers
            .iter()
            .find(|container| container.service() == Some(name.as_str()))
        else {
            failed = Some(format!(
                "service `{}` has no running container on this node",
                service.service
            ));
            continue;
        };
        let shell = ["sh", "-c", command];
        let run = Exec {
            command: &shell,
            input: None,
            limit: HOOK_LIMIT,
            log: Some(log),
        };
        let output = match app.docker.exec(&container.id, &run) {
            // What it has left half done must not pass for a backup.
            Err(client::Error::Overran { .. }) => {
                return Err(Error::Hook(format!(
                    "hook `{command}` of service `{}` did not end in time and was ended",
                    service.service
                )));
            }
            ended => ended?,
        };
        if output.exit != Exit::Success {
            let said = format!(
                "hook `{command}` of service `{}` ended with {}",
                service.service, output.exit
            );
            log.note(&said);
            failed = Some(said);
        }
    }
    Ok(failed)
}

/// Searches an archive of a volume, or of a path in it, for a path.
fn search(archive: &Path, root: &str, wanted: &Wanted<'_>) -> io::Result<Option<Held>> {
    let below = format!("{}/", wanted.path);
    find(&mut File::open(archive)?, wanted.token, |inside, _| {
        let path = in_volume(root, inside);
        // A folder counts with all that lies below it.
        path == wanted.path || path.starts_with(&below)
    })
}

/// Adds up the entries of an archive that are wanted, without unpacking it and without holding more than a little of it.
pub(crate) fn find(
    archive: &mut impl Read,
    token: &str,
    is_wanted: impl Fn(&str, tar::EntryType) -> bool,
) -> io::Result<Option<Held>> {
    let mut tar = tar::Archive::new(archive);
    let mut found: Option<Held> = None;
    for entry in tar.entries()? {
        let mut entry = entry?;
        let inside = entry.path()?.to_string_lossy().into_owned();
        if is_wanted(inside.trim_end_matches('/'), entry.header().entry_type()) {
            let held = found.get_or_insert(Held {
                size: 0,
                has_token: false,
            });
            held.size += entry.size();
            held.has_token |= has_token(&mut entry, token)?;
        }
    }
    Ok(found)
}

/// Returns the path from the volume's root of an entry: its first part names the path that was archived.
fn in_volume(root: &str, inside: &str) -> String {
    let below = inside.split_once('/').map_or("", |(_, below)| below);
    match (root.is_empty(), below.is_empty()) {
        (true, _) => below.to_owned(),
        (false, true) => root.to_owned(),
        (false, false) => format!("{root}/{below}"),
    }
}

/// Tells whether a stream holds a text, decompressing it when it is gzip.
pub(crate) fn has_token(stream: &mut impl Read, token: &str) -> io::Result<bool> {
    let mut head = [0; 2];
    let read = read_up_to(stream, &mut head)?;
    let whole = io::Cursor::new(head[..read].to_vec()).chain(stream);
    if head == [0x1f, 0x8b] {
        return contains(
            &mut flate2::read::MultiGzDecoder::new(whole),
            token.as_bytes(),
        );
    }
    contains(&mut { whole }, token.as_bytes())
}

/// Fills a buffer as far as the stream goes.
fn read_up_to(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Tells whether a stream holds some bytes, reading it in pieces that overlap by the length of what is searched.
fn contains(stream: &mut impl Read, wanted: &[u8]) -> io::Result<bool> {
    let mut window = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            return Ok(false);
        }
        window.extend_from_slice(&piece[..read]);
        if window.windows(wanted.len()).any(|bytes| bytes == wanted) {
            return Ok(true);
        }
        window.drain(..window.len().saturating_sub(wanted.len()));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_token_is_found_across_pieces_and_in_gzip() {
        let mut text = vec![b'x'; 64 * 1024 - 3];
        text.extend_from_slice(b"canary-token");
        assert!(has_token(&mut text.as_slice(), "canary-token").unwrap());
        assert!(!has_token(&mut text.as_slice(), "canary-other").unwrap());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        assert!(has_token(&mut gzip.finish().unwrap().as_slice(), "canary-token").unwrap());
        assert!(!has_token(&mut b"".as_slice(), "x").unwrap());
    }

    #[test]
    fn a_path_of_an_archive_is_one_file_name_and_read_back() {
        for path in ["", "backup.sql", "a/b%2f", "100%"] {
            let name = format!("data@{}.tar", encode(path));
            assert!(!name.contains('/'));
            assert_eq!(decode(Path::new(&name), "data@"), path);
        }
    }

    #[test]
    fn entries_are_placed_from_the_volumes_root() {
        assert_eq!(in_volume("", "html/a/b"), "a/b");
        assert_eq!(in_volume("backup.sql", "backup.sql"), "backup.sql");
        assert_eq!(in_volume("dumps/new", "new/x.sql"), "dumps/new/x.sql");
    }
}
