//! The canonical of a world's recipe as the tests themselves see it: its record, its volumes, its secrets.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it needs"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

use super::{docker::docker, world::World};

/// Everything of a canonical that a run must leave as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Canonical {
    /// The record, byte for byte.
    pub(crate) record: String,
    /// A digest of each volume: names, owners, modes, times, links, attributes and bytes.
    pub(crate) volumes: Vec<String>,
    /// The secrets, by id.
    pub(crate) secrets: Vec<String>,
    /// All that is there on the swarm.
    pub(crate) objects: Vec<String>,
}

impl Canonical {
    /// Looks at the canonical of a recipe.
    pub(crate) fn look(world: &World, recipe: &str) -> Self {
        let stack = stack(world, recipe);
        let volumes = docker(&["volume", "ls", "--quiet"]);
        let ours = |name: &&str| name.starts_with(&format!("{stack}_"));
        let mut volumes: Vec<_> = volumes.lines().filter(ours).map(digest).collect();
        volumes.sort();
        let secrets = docker(&["secret", "ls", "--format", "{{.ID}} {{.Name}}"]);
        let secrets = secrets.lines().filter(|line| line.contains(&stack));
        let mut secrets: Vec<_> = secrets.map(str::to_owned).collect();
        secrets.sort();
        Self {
            record: fs::read_to_string(record_path(world, recipe)).unwrap_or_default(),
            volumes,
            secrets,
            objects: world.objects(),
        }
    }

    /// Returns a text of the record.
    #[track_caller]
    pub(crate) fn told(&self, key: &str) -> String {
        let record: Value = serde_json::from_str(&self.record).expect("there is a record");
        record["record"][key]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Returns the state of the record.
    #[track_caller]
    pub(crate) fn state(&self) -> String {
        let record: Value = serde_json::from_str(&self.record).expect("there is a record");
        let state = record["record"]["status"]["state"].as_str();
        state.unwrap_or_default().to_owned()
    }
}

/// Forgets the canonical of a recipe, as a person does; nothing of it is left then.
#[track_caller]
pub(crate) fn forget(world: &World, recipe: &str) {
    forget_all(world, &[recipe]);
}

/// Forgets the canonicals of recipes; nothing is left then.
#[track_caller]
pub(crate) fn forget_all(world: &World, recipes: &[&str]) {
    for recipe in recipes {
        let domain = format!("warm-{recipe}.{}", world.base_domain());
        let confirm = format!("--confirm={domain}");
        let ran = world.ccci(&["teardown", &domain, &confirm]).run();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains("is forgotten"), "{}", ran.stderr);
        assert!(!world.path("state/warm").join(recipe).exists());
    }
    assert_eq!(world.objects(), Vec::<String>::new());
}

/// Returns where the record of a recipe's canonical is.
pub(crate) fn record_path(world: &World, recipe: &str) -> PathBuf {
    world.path("state/warm").join(recipe).join("canonical.json")
}

/// Returns the stack of a canonical.
fn stack(world: &World, recipe: &str) -> String {
    format!("warm-{recipe}.{}", world.base_domain()).replace('.', "_")
}

/// Returns a digest of a volume, made by programs of this host.
fn digest(volume: &str) -> String {
    let mount = docker(&["volume", "inspect", "--format", "{{.Mountpoint}}", volume]);
    let script = "cd \"$1\" && tar --create --format=posix --sort=name --numeric-owner --xattrs --xattrs-include='*' --acls --pax-option=delete=atime,delete=ctime . | sha256sum";
    let mut sh = Command::new("sh");
    let output = sh.args(["-c", script, "sh", &mount]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let sum = String::from_utf8(output.stdout).unwrap();
    format!("{volume} {}", sum.trim())
}
