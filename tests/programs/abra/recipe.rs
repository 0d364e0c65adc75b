//! A recipe: one plain git work tree that commands check versions out in.

use std::path::PathBuf;

use crate::cli::FetchArgs;
use crate::fatal::{Fatal, Result};
use crate::guesses;
use crate::host::{self, Call, Ended};
use crate::output;
use crate::session::Session;
use crate::version;

/// A recipe and its work tree.
pub(crate) struct Recipe {
    /// Its name without a host.
    pub(crate) name: String,
    /// Where it is cloned from.
    url: String,
    /// Its work tree.
    pub(crate) directory: PathBuf,
}

/// What HEAD and the tree look like.
pub(crate) struct Chaos {
    /// The first 8 digits of HEAD.
    commit: String,
    /// Whether the tree differs from it, untracked files included.
    dirty: bool,
}

impl Chaos {
    /// Returns the version as labels have it.
    pub(crate) fn version(&self) -> String {
        format!("{}{}", self.commit, if self.dirty { "+U" } else { "" })
    }

    /// Returns the version as the `.env` pins it.
    pub(crate) fn pin(&self) -> String {
        if guesses::PIN_KEEPS_DIRTY_MARK {
            self.version()
        } else {
            self.commit.clone()
        }
    }
}

impl Recipe {
    /// Returns the recipe that a `.env` or the command line names.
    pub(crate) fn named(session: &Session, written: &str) -> Self {
        let directory = written.replace(['.', '/'], "_");
        let url = if written.contains('/') {
            format!("https://{written}.git")
        } else {
            format!("{}/{written}.git", guesses::RECIPE_HOME)
        };
        let name = written.rsplit('/').next().unwrap_or(written).to_owned();
        Self {
            name,
            url,
            directory: session.root.join("recipes").join(directory),
        }
    }

    /// Clones the recipe when it is missing.
    pub(crate) fn need(&self, session: &Session) -> Result<()> {
        if self.directory.is_dir() {
            return Ok(());
        }
        if session.flags.offline {
            return Err(Fatal(format!(
                "recipe {} is not here and --offline is set",
                self.name
            )));
        }
        let directory = self.directory.to_string_lossy();
        let args = ["clone", "--quiet", &self.url, &directory];
        let call = Call {
            program: "git",
            args: &args,
            ..Call::default()
        };
        host::run(call)?.ok(&format!("unable to clone {}", self.name))?;
        Ok(())
    }

    /// Fails when the tree has changes, untracked files included.
    pub(crate) fn need_clean(&self) -> Result<()> {
        if self.dirty()? {
            return Err(Fatal(format!(
                "{} ({}) has locally unstaged changes",
                self.name,
                self.directory.display()
            )));
        }
        Ok(())
    }

    /// Gets new tags where the recipe has an origin, unless offline.
    pub(crate) fn update(&self, session: &Session) -> Result<()> {
        let origin = self.try_git(&["remote", "get-url", "origin"])?.success;
        if origin && !session.flags.offline {
            self.git(&["fetch", "--quiet", "--tags", "origin"])?;
        }
        Ok(())
    }

    /// Checks a tag or a commit out.
    pub(crate) fn check_out(&self, version: &str) -> Result<()> {
        let commit = format!("{version}^{{commit}}");
        if !self
            .try_git(&["rev-parse", "--quiet", "--verify", &commit])?
            .success
        {
            return Err(Fatal(format!(
                "unable to check out {version} of {}",
                self.name
            )));
        }
        self.git(&["checkout", "--quiet", "--detach", version])
            .map(drop)
    }

    /// Returns what a chaos deploy of the tree is called.
    pub(crate) fn chaos(&self) -> Result<Chaos> {
        let commit = self.git(&["rev-parse", "HEAD"])?.chars().take(8).collect();
        Ok(Chaos {
            commit,
            dirty: self.dirty()?,
        })
    }

    /// Returns the release tags, oldest first; other tags are none.
    pub(crate) fn versions(&self) -> Result<Vec<String>> {
        let tags = self.git(&["tag", "--list"])?;
        let mut tags: Vec<String> = tags
            .lines()
            .filter(|tag| version::order(tag).is_some())
            .map(str::to_owned)
            .collect();
        tags.sort_by_key(|tag| version::order(tag));
        Ok(tags)
    }

    /// Returns the tags that are not annotated.
    pub(crate) fn lightweight_tags(&self) -> Result<Vec<String>> {
        let format = "--format=%(objecttype) %(refname:short)";
        let tags = self.git(&["for-each-ref", format, "refs/tags"])?;
        Ok(tags
            .lines()
            .filter_map(|line| line.strip_prefix("commit "))
            .map(str::to_owned)
            .collect())
    }

    /// Returns a file as a version has it.
    pub(crate) fn file_at(&self, version: &str, path: &str) -> Result<Option<String>> {
        let shown = self.try_git(&["show", &format!("{version}:{path}")])?;
        Ok(shown.success.then(|| shown.text()))
    }

    /// Returns whether the recipe's tree is a repository of its own.
    pub(crate) fn is_repository(&self) -> bool {
        self.directory.join(".git").exists()
    }

    /// Returns whether the tree has changes.
    pub(crate) fn dirty(&self) -> Result<bool> {
        Ok(!self.git(&["status", "--porcelain"])?.is_empty())
    }

    /// Runs git in the tree; it has to succeed.
    fn git(&self, args: &[&str]) -> Result<String> {
        Ok(self.try_git(args)?.ok(&format!("git {}", args[0]))?.text())
    }

    /// Runs git in the tree, whatever its end.
    fn try_git(&self, args: &[&str]) -> Result<Ended> {
        let directory = Some(self.directory.as_path());
        host::run(Call {
            program: "git",
            args,
            directory,
            ..Call::default()
        })
    }
}

/// Runs `recipe fetch`.
pub(crate) fn fetch(session: &Session, args: &FetchArgs) -> Result<()> {
    let names = match &args.recipe {
        Some(recipe) => vec![recipe.clone()],
        None => catalogue(session)?,
    };
    for name in names {
        let recipe = Recipe::named(session, &name);
        if args.force && recipe.directory.is_dir() {
            std::fs::remove_dir_all(&recipe.directory).map_err(Fatal::during("removing"))?;
        }
        let known = recipe.directory.is_dir();
        recipe.need(session)?;
        if known {
            recipe.update(session)?;
        }
        output::info(&format!("fetched {name}"));
    }
    Ok(())
}

/// Returns the names of the recipes in the catalogue.
pub(crate) fn catalogue(session: &Session) -> Result<Vec<String>> {
    let path = session.root.join("catalogue").join("recipes.json");
    let text = std::fs::read_to_string(&path)
        .map_err(Fatal::during(format!("reading {}", path.display())))?;
    let recipes: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&text).map_err(Fatal::during("reading the catalogue"))?;
    Ok(recipes.into_iter().map(|(name, _)| name).collect())
}
