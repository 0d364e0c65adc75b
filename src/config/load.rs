//! Reads the layers of settings: files, environment and flags, each over the one before.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    environment::{Audience, Environment},
    error::Error,
    file,
    keys::{ALWAYS_ON, KEYS},
    layer::{self, Entry, Layer, Origin},
    settings::{self, DEFAULTS, Places, Settings, Shown},
    work_tree,
    written::Written,
};
use crate::model::input::TypedFlag;

/// The configuration of the whole host.
const SYSTEM_FILE: &str = "/etc/ccci/config.toml";
/// The configuration of a directory.
const LOCAL_FILE: &str = "ccci.toml";

/// What the settings depend on besides the environment.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Whether we are root.
    pub(crate) root: bool,
    /// The current directory.
    pub(crate) current_dir: PathBuf,
    /// The configuration of the whole host.
    pub(crate) system_file: PathBuf,
}

impl Machine {
    /// Asks the system.
    pub(crate) fn read() -> Result<Self, Error> {
        let current_dir = std::env::current_dir().map_err(|source| Error::Unreadable {
            path: PathBuf::from("."),
            source,
        })?;
        Ok(Self {
            root: rustix::process::geteuid().is_root(),
            current_dir,
            system_file: PathBuf::from(SYSTEM_FILE),
        })
    }
}

/// What settings are made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    /// The environment.
    pub(crate) env: &'a Environment,
    /// The machine.
    pub(crate) machine: &'a Machine,
    /// The file that `--config` names, when it was typed.
    pub(crate) config_flag: Option<&'a Path>,
    /// The flags, those typed alone.
    pub(crate) flags: &'a [TypedFlag],
    /// The checkouts that are to be tested.
    pub(crate) checkouts: &'a [PathBuf],
}

/// Reads all layers and resolves them.
pub(crate) fn load(sources: &Sources<'_>) -> Result<Settings, Error> {
    let mut merged = BTreeMap::new();
    let defaults = layer::parse(DEFAULTS, &Origin::BuiltIn);
    layer::merge(&mut merged, defaults.expect("a test parses the defaults"));
    let Sources { env, machine, .. } = *sources;
    for path in std::iter::once(machine.system_file.clone()).chain(user_file(env)) {
        if let Some(text) = file::read_if_there(&path)? {
            layer::merge(&mut merged, parse_file(&text, &path)?);
        }
    }
    let named: Vec<_> = [
        env.path("CCCI_CONFIG"),
        sources.config_flag.map(Path::to_owned),
    ]
    .into_iter()
    .flatten()
    .map(|path| machine.current_dir.join(path))
    .collect();
    merge_local(&mut merged, sources, &named)?;
    for path in named {
        layer::merge(&mut merged, parse_file(&file::read(&path)?, &path)?);
    }
    layer::merge(&mut merged, layer::from_environment(env)?);
    layer::merge(&mut merged, layer::from_flags(sources.flags)?);
    finish(&merged, sources)
}

/// Parses the text of a configuration file.
fn parse_file(text: &str, path: &Path) -> Result<Layer, Error> {
    let parsed = layer::parse(text, &Origin::File(path.to_owned()));
    parsed.map_err(|message| Error::Invalid {
        path: path.to_owned(),
        message,
    })
}

/// Merges the file of the current directory, unless a person named that very file.
fn merge_local(
    merged: &mut BTreeMap<String, Entry>,
    sources: &Sources<'_>,
    named: &[PathBuf],
) -> Result<(), Error> {
    let dir = &sources.machine.current_dir;
    let path = dir.join(LOCAL_FILE);
    let same = |other: &PathBuf| work_tree::real(other) == work_tree::real(&path);
    if named.iter().any(same) {
        return Ok(());
    }
    let distrusted = distrusts(sources);
    let text = if distrusted {
        file::read_unlinked(&path)?
    } else {
        file::read_if_there(&path)?
    };
    let Some(text) = text else {
        return Ok(());
    };
    let layer = parse_file(&text, &path)?;
    if distrusted {
        layer::check_reach(&layer, merged, &path)?;
    }
    layer::merge(merged, layer);
    Ok(())
}

/// Tells whether the current directory belongs to whoever wrote what is tested.
fn distrusts(sources: &Sources<'_>) -> bool {
    let dir = &sources.machine.current_dir;
    let in_ci = sources.env.terminal().audience == Audience::Ci;
    work_tree::is_under_test(dir, sources.checkouts) || (in_ci && work_tree::is_checkout(dir))
}

/// Returns the configuration of the person.
fn user_file(env: &Environment) -> Option<PathBuf> {
    let home = || Some(env.path("HOME")?.join(".config"));
    let dir = env.path("XDG_CONFIG_HOME").or_else(home)?;
    Some(dir.join("ccci/config.toml"))
}

/// Returns the state directory where no setting names one.
fn default_state_dir(sources: &Sources<'_>) -> Result<PathBuf, Error> {
    if sources.machine.root {
        return Ok(PathBuf::from("/var/lib/ccci"));
    }
    let env = sources.env;
    let home = || Some(env.path("HOME")?.join(".local/state"));
    let dir = env.path("XDG_STATE_HOME").or_else(home);
    let unset = || Error::Usage {
        origin: "state directory".to_owned(),
        message: "none of `CCCI_STATE_DIR`, `XDG_STATE_HOME` and `HOME` is set".to_owned(),
    };
    Ok(dir.ok_or_else(unset)?.join("ccci"))
}

/// Resolves what was merged.
fn finish(merged: &BTreeMap<String, Entry>, sources: &Sources<'_>) -> Result<Settings, Error> {
    let current_dir = &sources.machine.current_dir;
    let written = Written::deserialize(layer::table(merged));
    let default_tests = merged["recipes.tests-dir"].origin == Origin::BuiltIn;
    let places = Places {
        current_dir,
        default_state_dir: default_state_dir(sources)?,
        self_approving: default_tests && distrusts(sources),
    };
    let entries = KEYS.iter().map(|key| &merged[&key.path()]);
    let shown = entries.map(|entry| Shown {
        key: entry.key.path(),
        value: entry.value.to_string(),
        origin: entry.origin.clone(),
    });
    let tables = merged.get(ALWAYS_ON.section);
    let shown = shown.chain(shown_tables(tables));
    let written = written.expect("each layer was checked by itself");
    settings::resolve(written, &places, shown.collect()).map_err(|message| {
        // A file alone can have such tables.
        let path = match tables.map(|entry| &entry.origin) {
            Some(Origin::File(path)) => path.clone(),
            Some(Origin::BuiltIn | Origin::Environment(_) | Origin::Flag(_)) | None => {
                PathBuf::new()
            }
        };
        Error::Invalid { path, message }
    })
}

/// Returns the always-on apps as `ccci config` shows them: one by one, or that there is none.
fn shown_tables(entry: Option<&Entry>) -> Vec<Shown> {
    let origin = entry.map_or(Origin::BuiltIn, |entry| entry.origin.clone());
    let shown = |key, value| Shown {
        key,
        value,
        origin: origin.clone(),
    };
    let section = ALWAYS_ON.section;
    let apps = entry.and_then(|entry| entry.value.as_array());
    let apps = (1..).zip(apps.into_iter().flatten());
    let found: Vec<_> = apps
        .map(|(number, app): (usize, _)| shown(format!("{section}[{number}]"), app.to_string()))
        .collect();
    if found.is_empty() {
        return vec![shown(section.to_owned(), "[]".to_owned())];
    }
    found
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

    use super::*;
    use crate::model::{input::DeployerChoice, run::Keep};

    /// A machine below a directory of its own.
    struct World {
        dir: tempfile::TempDir,
        machine: Machine,
        pairs: Vec<(&'static str, String)>,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let root = fs::canonicalize(dir.path()).unwrap();
            fs::create_dir_all(root.join("work")).unwrap();
            let machine = Machine {
                root: false,
                current_dir: root.join("work"),
                system_file: root.join("etc/config.toml"),
            };
            let home = root.join("home").display().to_string();
            Self {
                dir,
                machine,
                pairs: vec![("HOME", home)],
            }
        }

        fn write(&self, path: &str, text: &str) -> PathBuf {
            let path = fs::canonicalize(self.dir.path()).unwrap().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            path
        }

        fn load_with(&self, config: Option<&Path>, flags: &[TypedFlag]) -> Result<Settings, Error> {
            let pairs: Vec<_> = self.pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
            load(&Sources {
                env: &Environment::of(&pairs),
                machine: &self.machine,
                config_flag: config,
                flags,
                checkouts: &[],
            })
        }

        fn load(&self) -> Result<Settings, Error> {
            self.load_with(None, &[])
        }
    }

    fn origin_of(settings: &Settings, key: &str) -> String {
        let shown = settings
            .shown
            .iter()
            .find(|shown| shown.key == key)
            .unwrap();
        shown.origin.to_string()
    }

    #[test]
    fn the_defaults_set_every_key() {
        let settings = World::new().load().unwrap();
        assert_eq!(settings.server.base_domain.as_str(), "ccci.localhost");
        assert_eq!(settings.run.keep, Keep::Never);
        assert_eq!(settings.limits.pull, Duration::from_secs(1800));
        assert_eq!(settings.state.keep_size, 1_000_000_000);
        assert!(
            settings
                .shown
                .iter()
                .all(|shown| shown.origin == Origin::BuiltIn)
        );
        // The always-on apps are one more.
        assert_eq!(settings.shown.len(), KEYS.len() + 1);
        assert!(settings.always_on.is_empty());
        assert_eq!(settings.alerts.dir, settings.state.dir.join("alerts"));
    }

    #[test]
    fn each_layer_outranks_the_one_below() {
        let mut world = World::new();
        let retries = |world: &World, config: Option<&Path>, flags: &[TypedFlag]| {
            let settings = world.load_with(config, flags).unwrap();
            (
                settings.limits.retries,
                origin_of(&settings, "limits.retries"),
            )
        };
        let layers = [
            "etc/config.toml",
            "home/.config/ccci/config.toml",
            "work/ccci.toml",
        ];
        for (number, path) in (1..).zip(layers) {
            let path = world.write(path, &format!("[limits]\nretries = {number}\n"));
            assert_eq!(
                retries(&world, None, &[]),
                (number, path.display().to_string())
            );
        }
        let variable = world.write("a.toml", "[limits]\nretries = 4\n");
        world
            .pairs
            .push(("CCCI_CONFIG", variable.display().to_string()));
        assert_eq!(
            retries(&world, None, &[]),
            (4, variable.display().to_string())
        );
        let flag = world.write("b.toml", "[limits]\nretries = 5\n");
        assert_eq!(
            retries(&world, Some(&flag), &[]),
            (5, flag.display().to_string())
        );
        world.pairs.push(("CCCI_RETRIES", "6".to_owned()));
        let environment = "environment: CCCI_RETRIES".to_owned();
        assert_eq!(retries(&world, Some(&flag), &[]), (6, environment));
        let typed = TypedFlag {
            long: "retries".to_owned(),
            variable: "CCCI_RETRIES".to_owned(),
            text: "7".to_owned(),
        };
        assert_eq!(
            retries(&world, Some(&flag), &[typed]),
            (7, "flag: --retries".to_owned())
        );
    }

    #[test]
    fn layers_are_merged_key_by_key() {
        let world = World::new();
        world.write(
            "etc/config.toml",
            "[server]\ndeployer = \"abra\"\nbase-domain = \"a.org\"\n",
        );
        world.write("work/ccci.toml", "[server]\nbase-domain = \"b.org\"\n");
        let settings = world.load().unwrap();
        assert_eq!(settings.server.deployer, DeployerChoice::Abra);
        assert_eq!(settings.server.base_domain.as_str(), "b.org");
    }

    #[test]
    fn a_file_beside_a_recipe_lowers_limits_and_does_nothing_else() {
        let world = World::new();
        world.write("work/compose.yml", "");
        world.write("work/ccci.toml", "[limits]\nrun-timeout = \"5m\"\n");
        assert_eq!(world.load().unwrap().limits.run, Duration::from_secs(300));
        let path = world.write("work/ccci.toml", "[programs]\ngit = \"./evil\"\n");
        let error = world.load().unwrap_err();
        assert!(
            matches!(&error, Error::OutOfReach { key, .. } if key == "programs.git"),
            "{error}"
        );
        // A person who names the very file means it.
        let settings = world.load_with(Some(&path), &[]).unwrap();
        assert_eq!(settings.programs.git, Path::new("./evil"));
    }

    #[test]
    fn in_ci_every_checkout_is_somebody_elses() {
        let mut world = World::new();
        world.write("work/.git/HEAD", "");
        world.write("work/ccci.toml", "[programs]\ngit = \"./mine\"\n");
        assert_eq!(world.load().unwrap().programs.git, Path::new("./mine"));
        world.pairs.push(("CI", "woodpecker".to_owned()));
        assert!(matches!(world.load(), Err(Error::OutOfReach { .. })));
    }

    #[test]
    fn a_recipe_cannot_approve_its_own_tests() {
        let mut world = World::new();
        let tests_dir = |world: &World| world.load().unwrap().recipes.tests_dir;
        assert_eq!(
            tests_dir(&world),
            Some(world.machine.current_dir.join("recipes-tests"))
        );
        world.write("work/compose.yml", "");
        assert_eq!(tests_dir(&world), None);
        world
            .pairs
            .push(("CCCI_TESTS_DIR", "/srv/tests".to_owned()));
        assert_eq!(tests_dir(&world), Some(PathBuf::from("/srv/tests")));
    }

    #[test]
    fn the_state_directory_follows_its_rule() {
        let mut world = World::new();
        let dir = |world: &World| world.load().unwrap().state.dir;
        let home = PathBuf::from(&world.pairs[0].1);
        assert_eq!(dir(&world), home.join(".local/state/ccci"));
        world.pairs.push(("XDG_STATE_HOME", "/xdg".to_owned()));
        assert_eq!(dir(&world), Path::new("/xdg/ccci"));
        world.machine.root = true;
        assert_eq!(dir(&world), Path::new("/var/lib/ccci"));
        world.pairs.push(("CCCI_STATE_DIR", "here".to_owned()));
        assert_eq!(dir(&world), world.machine.current_dir.join("here"));
    }

    #[test]
    fn a_file_that_was_named_and_is_missing_is_an_error() {
        let world = World::new();
        let error = world
            .load_with(Some(Path::new("none.toml")), &[])
            .unwrap_err();
        assert!(matches!(error, Error::Unreadable { .. }) && !error.is_usage());
    }

    #[test]
    fn an_unknown_key_names_file_line_and_accepted_keys() {
        let world = World::new();
        world.write("work/ccci.toml", "[limits]\nrun-timout = \"5m\"\n");
        let error = world.load().unwrap_err().to_string();
        for part in [
            "work/ccci.toml",
            "line 2, column 1",
            "`run-timout`",
            "`run-timeout`",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
