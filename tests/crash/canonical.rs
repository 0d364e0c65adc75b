//! A canonical as the tests themselves see it: its record, its snapshot and what of it is on the swarm, checked by programs of this host.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it needs"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

use ccci::model::canonical::Canonical;
use serde_json::Value;

use crate::docker;

/// Prints what tells one tree from another: names, owners, modes, times, links, attributes and bytes.
const DIGEST: &str = "cd \"$1\" && tar --create --format=posix --sort=name --numeric-owner --xattrs --xattrs-include='*' --acls --pax-option=delete=atime,delete=ctime . | sha256sum";
/// Unpacks an archive as it was packed.
const UNPACK: &str = "tar --extract --file \"$1\" --directory \"$2\" --numeric-owner --same-owner --same-permissions --xattrs --xattrs-include='*' --acls";

/// The place of a canonical.
pub(crate) struct Place {
    /// Its folder in the state directory.
    pub(crate) folder: PathBuf,
    /// Its stack.
    pub(crate) stack: String,
}

/// What is known to be good, found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The release.
    pub(crate) version: String,
    /// Its commit.
    pub(crate) commit: String,
    /// The run that promoted it.
    pub(crate) run: String,
    /// The record but for its status.
    rest: Value,
    /// The folder with the snapshot.
    folder: String,
    /// The volumes, each with its archive.
    archives: BTreeMap<String, PathBuf>,
    /// The secrets, each with its id.
    secrets: BTreeMap<String, String>,
}

impl Place {
    /// Reads the record and asserts that all it names is whole and there; returns it with its state.
    pub(crate) fn look(&self) -> Result<(Known, String), String> {
        let text =
            fs::read(self.folder.join("canonical.json")).map_err(|error| error.to_string())?;
        Canonical::parse(&text).map_err(|error| format!("{error:?}"))?;
        let record: Value = serde_json::from_slice(&text).unwrap();
        let mut record = record["record"].clone();
        let status = record.as_object_mut().unwrap().remove("status").unwrap();
        let told = |key: &str| record[key].as_str().unwrap().to_owned();
        let good = &record["known_good"];
        let folder = good["folder"].as_str().unwrap().to_owned();
        let path = self.folder.join(&folder);
        compare(&path.join("app.env"), &good["env_sha256"])?;
        let manifest = path.join("snapshot/manifest.json");
        compare(&manifest, &good["manifest_sha256"])?;
        let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
        let mut archives = BTreeMap::new();
        for volume in manifest["volumes"].as_array().unwrap() {
            let archive = path
                .join("snapshot")
                .join(volume["archive"].as_str().unwrap());
            compare(&archive, &volume["sha256"])?;
            archives.insert(volume["name"].as_str().unwrap().to_owned(), archive);
        }
        let volumes: BTreeSet<_> = names(&record["volumes"]).into_iter().collect();
        if !archives.keys().eq(volumes.iter()) {
            return Err(format!("{volumes:?} are recorded, {archives:?} are saved"));
        }
        let ids = secrets(&self.stack);
        let secrets = names(&record["secrets"]).into_iter().map(|name| {
            let id = ids.get(&name).ok_or(format!("secret {name} is gone"))?;
            Ok((name, id.clone()))
        });
        let known = Known {
            version: told("version"),
            commit: told("commit"),
            run: told("run_id"),
            folder,
            archives,
            secrets: secrets.collect::<Result<_, String>>()?,
            rest: record,
        };
        Ok((known, status["state"].as_str().unwrap().to_owned()))
    }

    /// Returns what nobody but a run may change: the bytes of the folder, the volumes and the secrets, as they were made.
    pub(crate) fn held(&self, known: &Known) -> BTreeSet<String> {
        let mut held: BTreeSet<_> = [format!("folder {}", digest(&self.folder))].into();
        let there = docker::objects(&self.stack);
        for name in known.archives.keys() {
            if there.contains(&format!("volume {name}")) {
                let mount = ["volume", "inspect", "--format", "{{.Mountpoint}}", name];
                let mount = docker::docker(&mount);
                // One that was made anew has a folder of its own.
                let inode = fs::metadata(mount).unwrap().ino();
                held.insert(format!("volume {name} {inode}"));
            }
        }
        let secrets = known.secrets.iter();
        held.extend(secrets.map(|(name, id)| format!("secret {name} {id}")));
        held
    }

    /// Asserts that the swarm has the volumes and the secrets of the record, that the volumes hold what the snapshot does, and that nothing else of the app is there.
    pub(crate) fn check_idle(&self, known: &Known) -> Result<(), String> {
        let volumes = known.archives.keys().map(|name| format!("volume {name}"));
        let secrets = known.secrets.keys().map(|name| format!("secret {name}"));
        let wanted: BTreeSet<_> = volumes.chain(secrets).collect();
        let there: BTreeSet<_> = docker::objects(&self.stack).into_iter().collect();
        if there != wanted {
            return Err(format!("{there:?} is there in place of {wanted:?}"));
        }
        for (name, archive) in &known.archives {
            let mount = ["volume", "inspect", "--format", "{{.Mountpoint}}", name];
            let found = digest(Path::new(&docker::docker(&mount)));
            let unpacked = tempfile::tempdir().unwrap();
            shell(UNPACK, &[archive, unpacked.path()]);
            let saved = digest(unpacked.path());
            if found != saved {
                return Err(format!("{name} differs from its archive"));
            }
        }
        Ok(())
    }

    /// Returns the folders with snapshots.
    pub(crate) fn folders(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "canonical.json").collect()
    }
}

impl Known {
    /// Tells whether the only folder of its kind is its own.
    pub(crate) fn is_alone_in(&self, place: &Place) -> bool {
        place.folders() == [self.folder.clone()]
    }

    /// Returns what the file of a volume holds in the snapshot.
    pub(crate) fn saved(&self, file: &str) -> String {
        let archives = self.archives.values();
        let mut found = archives.filter_map(|archive| {
            let mut tar = Command::new("tar");
            tar.args(["--extract", "--to-stdout", "--file"])
                .arg(archive);
            let output = tar.arg(format!("./{file}")).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            output.status.success().then(|| text.trim().to_owned())
        });
        found.next().unwrap_or_default()
    }
}

/// Returns the texts of a list.
fn names(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Returns the ids of the secrets of a stack by their names.
fn secrets(stack: &str) -> BTreeMap<String, String> {
    let listed = docker::docker(&["secret", "ls", "--format", "{{.Name}} {{.ID}}"]);
    let pairs = listed.lines().filter_map(|line| line.split_once(' '));
    let ours = pairs.filter(|(name, _)| name.starts_with(stack));
    ours.map(|(name, id)| (name.to_owned(), id.to_owned()))
        .collect()
}

/// Compares a file with its checksum.
fn compare(path: &Path, wanted: &Value) -> Result<(), String> {
    let said = shell("sha256sum < \"$1\"", &[path]);
    let found = said.split(' ').next().unwrap_or_default();
    if Some(found) == wanted.as_str() {
        return Ok(());
    }
    Err(format!("{} is {found}, not {wanted}", path.display()))
}

/// Returns a digest of a folder.
pub(crate) fn digest(folder: &Path) -> String {
    shell(DIGEST, &[folder])
}

/// Runs a script with some paths.
fn shell(script: &str, paths: &[&Path]) -> String {
    let mut sh = Command::new("sh");
    let output = sh.args(["-c", script, "sh"]).args(paths).output().unwrap();
    // A file that is gone has no checksum; the comparison says so.
    String::from_utf8(output.stdout).unwrap()
}
