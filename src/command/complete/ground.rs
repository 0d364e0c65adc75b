//! What completion starts from: the words before the cursor, the environment, and the settings where they can be read.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use crate::{
    cli::{self, values::Target},
    config::{
        environment::Environment,
        load::{Machine, Sources, load},
        settings::Settings,
    },
};

/// What all candidates are found by.
#[derive(Clone)]
pub(super) struct Ground(Arc<Inner>);

/// What is shared.
struct Inner {
    /// The environment.
    env: Environment,
    /// The words before the one that is completed, the program's name first.
    words: Vec<OsString>,
    /// The settings; nothing when they cannot be read.
    settings: OnceLock<Option<Settings>>,
    /// What the words say.
    typed: OnceLock<Typed>,
}

/// What the words before the cursor say.
#[derive(Default)]
struct Typed {
    /// The configuration file.
    config: Option<PathBuf>,
    /// What is to be tested.
    targets: Vec<Target>,
}

impl Ground {
    /// Starts from an environment and words.
    pub(super) fn new(env: Environment, words: Vec<OsString>) -> Self {
        Self(Arc::new(Inner {
            env,
            words,
            settings: OnceLock::new(),
            typed: OnceLock::new(),
        }))
    }

    /// Returns the settings; nothing when they cannot be read.
    pub(super) fn settings(&self) -> Option<&Settings> {
        let read = || {
            let checkouts = self.targets().iter().filter_map(|target| match target {
                Target::Path(path) => Some(path.clone()),
                Target::Recipe(_) => None,
            });
            let checkouts: Vec<_> = checkouts.collect();
            let sources = Sources {
                env: &self.0.env,
                machine: &Machine::read().ok()?,
                config_flag: self.typed().config.as_deref(),
                flags: &[],
                checkouts: &checkouts,
            };
            load(&sources).ok()
        };
        self.0.settings.get_or_init(read).as_ref()
    }

    /// Returns what is to be tested, as far as it is typed.
    pub(super) fn targets(&self) -> &[Target] {
        &self.typed().targets
    }

    /// Returns where the tests of recipes are kept.
    pub(super) fn tests_dir(&self) -> Option<&Path> {
        self.settings()?.recipes.tests_dir.as_deref()
    }

    /// Returns the directory that abra keeps all in.
    pub(super) fn abra(&self) -> Option<PathBuf> {
        let home = || Some(self.0.env.path("HOME")?.join(".abra"));
        self.0.env.path("ABRA_DIR").or_else(home)
    }

    /// Returns where abra has its checkouts of recipes.
    pub(super) fn abra_recipes(&self) -> Option<PathBuf> {
        Some(self.abra()?.join("recipes"))
    }

    /// Reads the words, whatever is wrong with them.
    fn typed(&self) -> &Typed {
        let read = || {
            let command = cli::definition().ignore_errors(true);
            let matches = command.try_get_matches_from(&self.0.words).ok()?;
            let (_, below) = matches.subcommand()?;
            let config = below.try_get_one::<PathBuf>("config").ok().flatten();
            // Of several that are tested, or of the one that is enrolled.
            let targets = ["targets", "target"].into_iter();
            let targets = targets.filter_map(|id| below.try_get_many::<Target>(id).ok().flatten());
            Some(Typed {
                config: config.cloned(),
                targets: targets.flatten().cloned().collect(),
            })
        };
        self.0.typed.get_or_init(|| read().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_known_also_where_the_line_is_not_whole() {
        let ground = |line: &str| {
            let words = line.split(' ').map(OsString::from).collect();
            Ground::new(Environment::of(&[]), words)
        };
        let whole = ground("ccci test wordpress ./gitea --config /c.toml --version");
        let targets = whole.targets();
        assert_eq!(targets[0], Target::Recipe("wordpress".parse().unwrap()));
        assert_eq!(targets[1], Target::Path("./gitea".into()));
        assert_eq!(whole.typed().config, Some("/c.toml".into()));
        assert!(
            ground("ccci test --keep sometimes --nonsense")
                .targets()
                .is_empty()
        );
        assert!(ground("ccci config").targets().is_empty());
        let enrolled = ground("ccci enroll n8n --upgrade-base");
        let wanted = [Target::Recipe("n8n".parse().unwrap())];
        assert_eq!(enrolled.targets(), wanted);
    }

    #[test]
    fn settings_that_cannot_be_read_are_none() {
        let env = Environment::of(&[("HOME", "/nonexistent"), ("CCCI_JOBS", "many")]);
        assert!(Ground::new(env, vec!["ccci".into()]).settings().is_none());
    }
}
