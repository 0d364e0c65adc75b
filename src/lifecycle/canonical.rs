//! Where canonicals are kept on this host: their records and their last good snapshots.
//!
//! A record names the one folder that belongs to it, so that replacing the record replaces both at once.

use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::{
    session::{docker_trouble, state_trouble},
    snapshot,
    standing::recipes_in,
};
use crate::{
    model::{
        app::AppDomain,
        canonical::Canonical,
        checksum::sha256,
        outcome::{Fault, Trouble},
        recipe::RecipeName,
        sealed::Unusable,
        snapshot::{MANIFEST, Manifest},
    },
    sys::{context::Context, durable, random},
    tool::docker::client::Docker,
};

/// The folder of all canonicals in the state directory.
const WARM: &str = "warm";
/// The name of a record.
const RECORD: &str = "canonical.json";
/// What the names of folders with snapshots begin with.
const KNOWN_GOOD: &str = "known-good-";
/// The app's `.env` in such a folder.
const ENV: &str = "app.env";
/// The snapshot in such a folder.
const SNAPSHOT: &str = "snapshot";
/// The word for a record or a snapshot that is not what was written.
pub(crate) const DAMAGED: &str = "canonical-damaged";

/// The place of one recipe's canonical.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    /// The recipe.
    recipe: RecipeName,
    /// The folder.
    folder: PathBuf,
}

/// A folder that a snapshot goes into, and that no record names yet.
#[derive(Debug)]
pub(super) struct Fresh {
    /// Its name.
    pub(super) name: String,
    /// Its path.
    path: PathBuf,
}

impl Fresh {
    /// Returns where the snapshot goes.
    pub(super) fn snapshot(&self) -> PathBuf {
        self.path.join(SNAPSHOT)
    }

    /// Writes the app's `.env` into it.
    pub(super) fn write_env(&self, text: &str) -> Result<(), Trouble> {
        durable::write(&self.path.join(ENV), text.as_bytes()).map_err(|error| unwritable(&error))
    }

    /// Returns the checksum of the snapshot's manifest.
    pub(super) fn manifest_sha256(&self) -> Result<String, Trouble> {
        let bytes = fs::read(self.snapshot().join(MANIFEST));
        bytes
            .map(|bytes| sha256(&bytes))
            .map_err(|error| unwritable(&error))
    }
}

impl Shelf {
    /// Returns the place of a recipe's canonical.
    pub(crate) fn of(state: &Path, recipe: &RecipeName) -> Self {
        Self {
            recipe: recipe.clone(),
            folder: state.join(WARM).join(recipe.as_str()),
        }
    }

    /// Lists the recipes that have a record.
    pub(crate) fn recipes(state: &Path) -> io::Result<BTreeSet<RecipeName>> {
        recipes_in(&state.join(WARM), |folder| folder.join(RECORD).is_file())
    }

    /// Reads the record; nothing where there is none.
    pub(crate) fn read(&self) -> Result<Option<Canonical>, Trouble> {
        let path = self.folder.join(RECORD);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let message = format!("`{}` cannot be read", path.display());
                return Err(Trouble::broken("state-unreadable", message).because(error.to_string()));
            }
        };
        match Canonical::parse(&text) {
            Ok(canonical) if canonical.recipe == self.recipe => Ok(Some(canonical)),
            Ok(other) => Err(self.damaged(&format!("it is of recipe `{}`", other.recipe))),
            Err(Unusable::Newer) => {
                let message = format!("`{}` was made by a newer ccci", path.display());
                let trouble = Trouble::new(Fault::Config, "state-newer", message);
                Err(trouble.hint("use the ccci that made it"))
            }
            Err(Unusable::Damaged(said)) => Err(self.damaged(&said)),
        }
    }

    /// Reads the record, and checks that its snapshot is there as it was written.
    pub(super) fn read_whole(&self) -> Result<Option<Canonical>, Trouble> {
        let Some(known) = self.read()? else {
            return Ok(None);
        };
        self.check(&known)?;
        Ok(Some(known))
    }

    /// Writes the record; from then on it is what is known to be good.
    pub(super) fn write(&self, canonical: &Canonical) -> Result<(), Trouble> {
        let written = private_folder(&self.folder).and_then(|()| {
            durable::write(&self.folder.join(RECORD), canonical.render().as_bytes())
        });
        written.map_err(|error| unwritable(&error))
    }

    /// Makes a folder for a snapshot.
    pub(super) fn fresh(&self) -> Result<Fresh, Trouble> {
        let made = random::bytes::<4>().and_then(|bytes| {
            let name = format!("{KNOWN_GOOD}{:08x}", u32::from_le_bytes(bytes));
            let path = self.folder.join(&name);
            private_folder(&path).map(|()| Fresh { name, path })
        });
        made.map_err(|error| unwritable(&error))
    }

    /// Removes the folders that no record names and what a crash left of a record; what stays is tried again by the next promotion.
    pub(super) fn prune(&self, canonical: Option<&Canonical>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let named = canonical.map(|canonical| canonical.known_good.folder.as_str());
        let others = entries.filter_map(Result::ok).filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_other = name.trim_start_matches('.').starts_with(KNOWN_GOOD);
            is_other && Some(&*name) != named || name.starts_with(durable::UNFINISHED)
        });
        let failed = others.filter_map(|entry| {
            let path = entry.path();
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            let error = removed.err()?;
            Some(format!("could not remove `{}`: {error}", path.display()))
        });
        failed.collect()
    }

    /// Returns where the last good snapshot is.
    pub(super) fn snapshot(&self, canonical: &Canonical) -> PathBuf {
        self.known_good(canonical).join(SNAPSHOT)
    }

    /// Checks, without reading the data, that what the record names is whole.
    pub(crate) fn check(&self, canonical: &Canonical) -> Result<Manifest, Trouble> {
        let folder = self.known_good(canonical);
        self.env(canonical)?;
        let path = folder.join(SNAPSHOT).join(MANIFEST);
        let found = fs::read(&path).map(|bytes| sha256(&bytes));
        match found {
            Ok(found) if found == canonical.known_good.manifest_sha256 => {}
            Ok(_) => return Err(self.damaged("the manifest of its snapshot differs")),
            Err(error) => return Err(self.damaged(&format!("`{}`: {error}", path.display()))),
        }
        snapshot::read(&folder.join(SNAPSHOT)).map_err(|trouble| {
            let causes = std::iter::once(trouble.message).chain(trouble.causes);
            self.damaged(&causes.collect::<Vec<_>>().join(": "))
        })
    }

    /// Returns the app's `.env`.
    pub(super) fn env(&self, canonical: &Canonical) -> Result<String, Trouble> {
        let path = self.known_good(canonical).join(ENV);
        match fs::read_to_string(&path) {
            Ok(text) if sha256(text.as_bytes()) == canonical.known_good.env_sha256 => Ok(text),
            Ok(_) => Err(self.damaged("its `.env` differs")),
            Err(error) => Err(self.damaged(&format!("`{}`: {error}", path.display()))),
        }
    }

    /// Forgets the canonical: its record first, so that no record ever names what is gone.
    pub(crate) fn forget(&self) -> io::Result<()> {
        let absent = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        };
        fs::remove_file(self.folder.join(RECORD)).or_else(absent)?;
        fs::remove_dir_all(&self.folder).or_else(absent)
    }

    /// Returns the folder that the record names.
    fn known_good(&self, canonical: &Canonical) -> PathBuf {
        self.folder.join(&canonical.known_good.folder)
    }

    /// Says that the record or its snapshot is not what was written.
    pub(super) fn damaged(&self, said: &str) -> Trouble {
        let recipe = &self.recipe;
        let message = format!("the canonical of `{recipe}` is damaged");
        let trouble = Trouble::broken(DAMAGED, message).because(said);
        trouble.hint(format!("promote it again with `ccci promote {recipe}`"))
    }
}

/// Finds the recipe whose canonical has this domain, be its record damaged.
pub(crate) fn recipe_of(state: &Path, domain: &AppDomain) -> Option<RecipeName> {
    let recipes = Shelf::recipes(state).unwrap_or_default();
    recipes.into_iter().find(|recipe| {
        let known = Shelf::of(state, recipe).read().ok().flatten();
        let named = format!("warm-{recipe}");
        known.map_or(domain.label() == named, |known| known.domain == *domain)
    })
}

/// Forgets a canonical whose app was removed, and what of it no label showed to be the app's.
pub(crate) fn forget(ctx: &Context, recipe: &RecipeName) -> Result<(), Trouble> {
    let shelf = Shelf::of(&ctx.settings.state.dir, recipe);
    let docker = Docker::new(&ctx.docker, &ctx.host);
    if let Ok(Some(known)) = shelf.read() {
        let secrets: Vec<String> = known.secrets.into_iter().collect();
        let volumes: Vec<String> = known.volumes.into_iter().collect();
        let removed = docker
            .remove_secrets(&secrets)
            .and_then(|()| docker.remove_volumes(&volumes));
        removed.map_err(|error| docker_trouble(&error))?;
    }
    shelf.forget().map_err(|error| unwritable(&error))
}

/// Makes a folder that its owner alone can enter, and those above it.
fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Says that the state directory cannot be written.
fn unwritable(error: &io::Error) -> Trouble {
    state_trouble(&error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::canonical::tests::canonical;

    #[test]
    fn a_record_is_found_again_and_one_of_another_recipe_or_with_a_flipped_bit_is_damaged() {
        let state = tempfile::tempdir().unwrap();
        let (n8n, wiki) = ("n8n".parse().unwrap(), "wiki".parse().unwrap());
        let shelf = Shelf::of(state.path(), &n8n);
        assert_eq!(shelf.read().unwrap(), None);
        shelf.write(&canonical()).unwrap();
        assert_eq!(shelf.read().unwrap(), Some(canonical()));
        assert_eq!(Shelf::recipes(state.path()).unwrap(), BTreeSet::from([n8n]));
        let path = shelf.folder.join(RECORD);
        let mut bytes = fs::read(&path).unwrap();
        let place = bytes.iter().position(|byte| *byte == b'8').unwrap();
        bytes[place] = b'9';
        fs::write(&path, bytes).unwrap();
        assert_eq!(shelf.read().unwrap_err().code, DAMAGED);
        let other = Shelf::of(state.path(), &wiki);
        other.write(&canonical()).unwrap();
        assert_eq!(other.read().unwrap_err().code, DAMAGED);
    }

    #[test]
    fn folders_that_no_record_names_go_and_the_one_that_is_named_stays() {
        let state = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(state.path(), &"n8n".parse().unwrap());
        let (old, new) = (shelf.fresh().unwrap(), shelf.fresh().unwrap());
        new.write_env("A=b\n").unwrap();
        let mut record = canonical();
        record.known_good.folder = new.name.clone();
        record.known_good.env_sha256 = sha256(b"A=b\n");
        shelf.write(&record).unwrap();
        let unfinished = shelf.folder.join(".new-a1B2c3");
        fs::write(&unfinished, "{").unwrap();
        assert_eq!(shelf.prune(Some(&record)), Vec::<String>::new());
        assert!(!old.path.exists() && !unfinished.exists() && new.path.exists());
        assert_eq!(shelf.env(&record).unwrap(), "A=b\n");
        new.write_env("A=c\n").unwrap();
        assert_eq!(shelf.env(&record).unwrap_err().code, DAMAGED);
        shelf.forget().unwrap();
        assert!(!shelf.folder.exists());
        shelf.forget().unwrap();
    }
}
