//! The data canary: plants data in an app's volumes and databases, changes it, reads it back.

use super::{
    canary_row::{Engine, Table, engine, plant_row, read_row},
    classify,
};
use crate::{
    model::{
        backup::{BackupPlan, Rule},
        compose::Stack,
        outcome::Trouble,
    },
    tool::{
        app::App,
        docker::{client::Error, container::Container},
    },
};

/// The file that is planted in the root of each volume.
pub(crate) const FILE_NAME: &str = ".ccci-canary";
/// A place where data can be planted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// A volume, by its short name.
    Volume {
        /// The short name.
        name: String,
        /// What of it is backed up.
        backup: Coverage,
    },
    /// A database, by the short name of its service.
    Database {
        /// The service's short name.
        service: String,
        /// What speaks SQL there.
        engine: Engine,
        /// Whether a backup brings its rows back.
        backup: Coverage,
    },
}

/// Whether a backup holds what is planted at a spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// It does, so restore must bring it back.
    Covered,
    /// The labels leave it out.
    LeftOut,
}

impl Spot {
    /// Returns what a person calls the spot.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Volume { name, .. } => format!("volume `{name}`"),
            Self::Database { service, .. } => format!("database of `{service}`"),
        }
    }

    /// Tells whether restore must bring back what is planted here.
    pub(crate) fn is_backed_up(&self) -> bool {
        match self {
            Self::Volume { backup, .. } | Self::Database { backup, .. } => {
                *backup == Coverage::Covered
            }
        }
    }
}

/// Finds every spot of an app that runs.
pub(crate) fn list_spots(app: &App, stack: &Stack, plan: &BackupPlan) -> Result<Vec<Spot>, Error> {
    let containers = app.docker.running_containers(app.stack.as_str())?;
    let mut spots = Vec::new();
    for (key, object) in &stack.volumes {
        let full = object.full_name(app.stack.as_str(), key);
        let Some(name) = app.stack.short(&full) else {
            continue;
        };
        if mounted(&containers, &full).is_some() {
            let whole = plan
                .volumes
                .iter()
                .any(|volume| volume.volume == full && volume.rule == Rule::Whole);
            let backup = if whole {
                Coverage::Covered
            } else {
                Coverage::LeftOut
            };
            spots.push(Spot::Volume {
                name: name.to_owned(),
                backup,
            });
        }
    }
    for container in &containers {
        let service = container
            .service()
            .and_then(|service| app.stack.short(service));
        if let (Some(service), Some(engine)) = (service, engine(container)) {
            let backup = database_coverage(plan, service);
            spots.push(Spot::Database {
                service: service.to_owned(),
                engine,
                backup,
            });
        }
    }
    spots.dedup();
    Ok(spots)
}

/// Plants a token at every spot, in place of an earlier one.
pub(crate) fn plant(app: &App, spots: &[Spot], token: &str) -> Result<(), Trouble> {
    let containers = app
        .docker
        .running_containers(app.stack.as_str())
        .map_err(|error| classify::docker_error(&error))?;
    for spot in spots {
        let planted = match spot {
            Spot::Volume { name, .. } => {
                plant_file(app, &containers, &app.stack.object(name), token)
            }
            Spot::Database {
                service, engine, ..
            } => plant_row(
                app,
                &containers,
                &Table {
                    service,
                    engine: *engine,
                },
                token,
            ),
        };
        planted.map_err(|trouble| {
            trouble.because(format!(
                "the canary could not be planted in {}",
                spot.title()
            ))
        })?;
    }
    Ok(())
}

/// Reads the token back from a spot; nothing when there is none.
pub(crate) fn read(app: &App, spot: &Spot) -> Result<Option<String>, Trouble> {
    let containers = app
        .docker
        .running_containers(app.stack.as_str())
        .map_err(|error| classify::docker_error(&error))?;
    match spot {
        Spot::Volume { name, .. } => read_file(app, &containers, &app.stack.object(name)),
        Spot::Database {
            service, engine, ..
        } => read_row(
            app,
            &containers,
            &Table {
                service,
                engine: *engine,
            },
        ),
    }
}

/// Finds a container that can write to a volume, and where it mounts it.
fn mounted<'a>(containers: &'a [Container], volume: &str) -> Option<(&'a Container, &'a str)> {
    containers.iter().find_map(|container| {
        let mount = container
            .mounts
            .iter()
            .find(|mount| mount.name == volume && mount.writable)?;
        Some((container, mount.destination.as_str()))
    })
}

/// Writes the canary file into a volume.
fn plant_file(
    app: &App,
    containers: &[Container],
    volume: &str,
    token: &str,
) -> Result<(), Trouble> {
    let (container, folder) = mounted(containers, volume).ok_or_else(|| not_running(volume))?;
    let copied = app.docker.copy_in(&container.id, folder, archive_of(token));
    copied.map_err(|error| classify::docker_error(&error))
}

/// Reads the canary file of a volume.
fn read_file(app: &App, containers: &[Container], volume: &str) -> Result<Option<String>, Trouble> {
    let (container, folder) = mounted(containers, volume).ok_or_else(|| not_running(volume))?;
    let path = format!("{}/{FILE_NAME}", folder.trim_end_matches('/'));
    let copied = app
        .docker
        .copy_out(&container.id, &path)
        .map_err(|error| classify::docker_error(&error))?;
    Ok(copied.and_then(|archive| content_of(&archive)))
}

/// Packs a token as the archive that is unpacked in a volume.
fn archive_of(token: &str) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(u64::try_from(token.len()).expect("a token is short"));
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append_data(&mut header, FILE_NAME, token.as_bytes())
        .expect("writing to memory does not fail");
    builder
        .into_inner()
        .expect("writing to memory does not fail")
}

/// Returns the text of the first file of an archive.
fn content_of(archive: &[u8]) -> Option<String> {
    let mut tar = tar::Archive::new(archive);
    let mut entry = tar.entries().ok()?.next()?.ok()?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut entry, &mut text).ok()?;
    Some(text.trim().to_owned())
}

/// Returns the trouble of a spot without a running container on this node.
pub(super) fn not_running(what: &str) -> Trouble {
    Trouble::broken(
        "no-container",
        format!("no container with `{what}` runs on this node"),
    )
}

/// Tells whether a backup brings a database's rows back: only hooks can, files copied under a running server cannot.
fn database_coverage(plan: &BackupPlan, service: &str) -> Coverage {
    let restores = |hooks: &crate::model::backup::ServiceBackup| {
        hooks.service == service
            && (hooks.restore_post_hook.is_some() || hooks.restore_pre_hook.is_some())
    };
    if plan.services.iter().any(restores) {
        Coverage::Covered
    } else {
        Coverage::LeftOut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::canary_row::tests::container;

    #[test]
    fn a_packed_token_is_unpacked() {
        assert_eq!(
            content_of(&archive_of("token-1")).as_deref(),
            Some("token-1")
        );
        assert_eq!(content_of(b"garbage"), None);
    }

    #[test]
    fn a_volume_that_nobody_can_write_to_is_no_spot() {
        let containers = [container("nginx:1", &[])];
        assert!(mounted(&containers, "x_data").is_some());
        assert!(mounted(&containers, "x_dat").is_none());
    }
}
