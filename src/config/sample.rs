//! Settings for tests: those of a user without a home, on a host without a configuration.

use std::path::{Path, PathBuf};

use super::{
    environment::Environment,
    load::{Machine, Sources, load},
    settings::Settings,
};
use crate::model::input::TypedFlag;

/// Reads the settings that variables make.
pub(crate) fn settings(pairs: &[(&str, &str)]) -> Settings {
    settings_in(Path::new("/"), &[], pairs)
}

/// Reads the settings that flags and variables make in a directory.
pub(crate) fn settings_in(dir: &Path, flags: &[TypedFlag], pairs: &[(&str, &str)]) -> Settings {
    let machine = Machine {
        root: false,
        current_dir: dir.to_owned(),
        system_file: PathBuf::from("/no/such/file"),
    };
    let home = [("HOME", "/no/such/home")];
    let pairs: Vec<_> = home.into_iter().chain(pairs.iter().copied()).collect();
    let loaded = load(&Sources {
        env: &Environment::of(&pairs),
        machine: &machine,
        config_flag: None,
        flags,
        checkouts: &[],
    });
    loaded.unwrap()
}
