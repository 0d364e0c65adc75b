//! Makes the mirror of a recipe equal to its upstream: the default branch and the tags, and no other ref.
//!
//! Pull requests that are in upstream already are closed first, so that what a run was ended before is done by the next.

use std::{fmt, path::Path};

use super::session::state_trouble;
use crate::{
    model::{
        outcome::Trouble,
        recipe::{CommitSha, RecipeName},
        source::RemoteUrl,
    },
    sys::context::Context,
    tool::{
        forge::{About, Forge, Pull},
        git::{Git, RemoteRefs, Wish},
    },
};

mod difference;
mod ends;
mod pulls;
mod trouble;

use difference::Difference;
use ends::Ends;

/// Where upstream's default branch is fetched to.
const UPSTREAM: &str = "refs/ccci/upstream";
/// Where upstream's tags are fetched to.
const TAGS: &str = "refs/tags/";

/// What was done to a mirror, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Synced {
    /// The mirror's default branch.
    pub(crate) branch: String,
    /// Whether that branch got another commit.
    pub(crate) branch_moved: bool,
    /// The tags that were made or changed.
    pub(crate) tags_set: Vec<String>,
    /// The tags that upstream does not have.
    pub(crate) tags_removed: Vec<String>,
    /// The pull requests that were closed.
    pub(crate) closed: Vec<u64>,
    /// How many pull requests are open still.
    pub(crate) left_open: usize,
}

impl fmt::Display for Synced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: usize, noun: &str, what: &str| {
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {noun}{plural} {what}"))
        };
        let moved = self
            .branch_moved
            .then(|| format!("`{}` moved", self.branch));
        let parts = [
            moved,
            counted(self.tags_set.len(), "tag", "set"),
            counted(self.tags_removed.len(), "tag", "removed"),
            counted(self.closed.len(), "pull request", "closed"),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return f.write_str("equal to upstream");
        }
        f.write_str(&parts.join(", "))
    }
}

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effects {
    /// It is.
    Real,
    /// It is only found out what would be.
    None,
}

/// Makes the mirror of a recipe equal to upstream, with a repository below `work` that is removed again.
pub(crate) fn sync(ctx: &Context, recipe: &RecipeName, work: &Path) -> Result<Synced, Trouble> {
    with_ends(ctx, recipe, (work, Effects::Real))
}

/// Finds out what [`sync`] would do, and changes nothing.
pub(crate) fn plan(ctx: &Context, recipe: &RecipeName, work: &Path) -> Result<Synced, Trouble> {
    with_ends(ctx, recipe, (work, Effects::None))
}

/// Finds both ends and makes one equal to the other.
fn with_ends(
    ctx: &Context,
    recipe: &RecipeName,
    (work, effects): (&Path, Effects),
) -> Result<Synced, Trouble> {
    let ends = ends::find(ctx, recipe)?;
    let syncing = Syncing {
        ctx,
        git: Git::new(&ctx.host, &ctx.git, ctx.settings.limits.pull),
        forge: Forge::new(ends.mirror.clone(), ends.access(ctx)),
        ends: &ends,
        effects,
    };
    let done = syncing.run(work);
    // Whatever an interrupted call said, the interrupt is what happened.
    done.map_err(|trouble| trouble::or_interrupted(ctx, trouble))
}

/// One mirror while it is made equal to upstream.
struct Syncing<'a> {
    /// What acts.
    ctx: &'a Context,
    /// Moves commits.
    git: Git<'a>,
    /// Knows about pull requests.
    forge: Forge<'a>,
    /// Upstream and mirror.
    ends: &'a Ends<'a>,
    /// Whether anything is changed.
    effects: Effects,
}

impl Syncing<'_> {
    /// Makes the mirror equal to upstream where it is not.
    fn run(&self, work: &Path) -> Result<Synced, Trouble> {
        let about = self.look()?;
        let (theirs, ours) = (self.list_upstream()?, self.list_mirror()?);
        let open = self.forge.open_pulls();
        let open = open.map_err(|error| trouble::of_forge(self.ends, &error))?;
        let (branch, commit) = theirs.head.as_ref().ok_or_else(|| self.headless())?;
        let listed = Difference::new(&about.default_branch, (commit, &theirs.tag_ids), &ours);
        if listed.is_empty() {
            return Ok(listed.synced(&about.default_branch, &[], open.len()));
        }
        let folder = scratch(work)?;
        let copy = folder.path();
        self.fetch_upstream(copy, branch)?;
        let (commit, tags) = self.fetched(copy)?;
        let known = pulls::Known {
            base: &about.default_branch,
            open: &open,
            refs: &ours,
        };
        let closed = self.close_merged(copy, &known, (branch, &commit))?;
        let found = Difference::new(&about.default_branch, (&commit, &tags), &ours);
        if self.effects == Effects::Real {
            self.push(copy, &found)?;
        }
        let removed = folder.close();
        removed.map_err(|error| state_trouble(&error.to_string()))?;
        Ok(found.synced(&about.default_branch, &closed, open.len()))
    }

    /// Asks the forge for the mirror, which has to be one that can be pushed to.
    fn look(&self) -> Result<About, Trouble> {
        let about = self.forge.about();
        let about = about.map_err(|error| trouble::of_forge(self.ends, &error))?;
        if about.is_frozen {
            return Err(trouble::frozen(self.ends));
        }
        if !about.can_push {
            return Err(trouble::no_right(self.ends));
        }
        Ok(about)
    }

    /// Lists what upstream has.
    fn list_upstream(&self) -> Result<RemoteRefs, Trouble> {
        let refs = self
            .git
            .remote_refs(&self.ends.upstream, self.ctx.git_token.as_ref());
        refs.map_err(|error| trouble::of_upstream(self.ends, &error))
    }

    /// Lists what the mirror has.
    fn list_mirror(&self) -> Result<RemoteRefs, Trouble> {
        let refs = self.git.remote_refs(self.mirror(), Some(self.ends.token));
        refs.map_err(|error| trouble::of_mirror(self.ends, &error))
    }

    /// Returns the URL of the mirror for git.
    fn mirror(&self) -> &RemoteUrl {
        self.ends.mirror.url()
    }

    /// Says that upstream has nothing to mirror, which is no reason to empty the mirror.
    fn headless(&self) -> Trouble {
        let message = format!("upstream `{}` has no default branch", self.ends.upstream);
        Trouble::broken("upstream-empty", message)
    }

    /// Fetches upstream's default branch and its tags.
    fn fetch_upstream(&self, copy: &Path, branch: &str) -> Result<(), Trouble> {
        let wishes = [
            Wish {
                from: format!("refs/heads/{branch}"),
                into: UPSTREAM.to_owned(),
            },
            Wish {
                from: format!("{TAGS}*"),
                into: format!("{TAGS}*"),
            },
        ];
        let git = &self.git;
        let token = self.ctx.git_token.as_ref();
        let made = git.make_repository(copy);
        let done = made.and_then(|()| git.fetch_refs(copy, &self.ends.upstream, token, &wishes));
        done.map_err(|error| trouble::of_upstream(self.ends, &error))
    }

    /// Returns what was fetched of upstream: since it was listed, it may have gone on.
    fn fetched(&self, copy: &Path) -> Result<(CommitSha, difference::Tags), Trouble> {
        let read = |place| {
            let refs = self.git.refs_below(copy, place);
            refs.map_err(|error| trouble::of_upstream(self.ends, &error))
        };
        let commit = read(UPSTREAM)?.remove("").ok_or_else(|| self.headless())?;
        Ok((commit, read(TAGS)?))
    }

    /// Closes the pull requests that are in upstream already, and returns their numbers.
    fn close_merged(
        &self,
        copy: &Path,
        known: &pulls::Known<'_>,
        (branch, commit): (&str, &CommitSha),
    ) -> Result<Vec<u64>, Trouble> {
        let mut closed = Vec::new();
        for pull in pulls::merged(self, copy, (known, commit))? {
            let is_closed = match self.effects {
                Effects::Real => self.close(pull, (branch, commit))?,
                Effects::None => true,
            };
            if is_closed {
                closed.push(pull.number);
            }
        }
        Ok(closed)
    }

    /// Closes a pull request with a comment, unless it was changed since it was looked at.
    fn close(&self, pull: &Pull, (branch, commit): (&str, &CommitSha)) -> Result<bool, Trouble> {
        let said = pulls::comment(&self.ends.upstream, branch, commit);
        let done = || {
            if self.forge.pull(pull.number)? != *pull {
                return Ok(false);
            }
            self.forge.comment(pull.number, &said)?;
            self.forge.close(pull.number)?;
            Ok(true)
        };
        done().map_err(|error| trouble::of_forge(self.ends, &error))
    }

    /// Gives the mirror what it lacks, and takes from it what upstream does not have.
    fn push(&self, copy: &Path, found: &Difference) -> Result<(), Trouble> {
        let token = Some(self.ends.token);
        let refused = self.git.push(copy, self.mirror(), token, found.updates());
        let refused = refused.map_err(|error| trouble::of_mirror(self.ends, &error))?;
        if refused.is_empty() {
            return Ok(());
        }
        Err(trouble::rejected(self.ends, &refused))
    }
}

/// Makes a folder below the work folder, which goes when it is dropped.
fn scratch(work: &Path) -> Result<tempfile::TempDir, Trouble> {
    let made = std::fs::create_dir_all(work)
        .and_then(|()| tempfile::Builder::new().prefix("mirror-").tempdir_in(work));
    made.map_err(|error| state_trouble(&error.to_string()))
}

#[cfg(test)]
mod tests;
