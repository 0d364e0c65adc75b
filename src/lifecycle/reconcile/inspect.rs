//! What runs of an always-on app, which releases it has, and what their notes say; changes nothing.

use std::{fs, path::Path, time::Duration};

use super::{Round, Tagged};
use crate::{
    lifecycle::{
        always_on, classify,
        convergence::{Memory, Standing},
        fetch, provider,
        session::state_trouble,
    },
    model::{
        always_on::Record,
        labels,
        outcome::Trouble,
        recipe::RecipeVersion,
        reconciling::{Health, Notes, Release, Running},
        run::Source,
    },
    sys::wait::{Deadline, Waited, wait_until},
    tool::{
        docker::client::Docker,
        git::{Git, Wish},
    },
};

/// How long a server may take to list its tags.
const LIST_LIMIT: Duration = Duration::from_secs(60);
/// How long an app may still be starting that nothing is wrong with, as after a start of the machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two looks at an app that is starting.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest notes that are read.
const LONGEST_NOTES: usize = 256 * 1024;
/// The folder in a recipe where each release has its notes.
const NOTES: &str = "release";

impl Round<'_> {
    /// Looks at what runs; waits for what is starting.
    pub(super) fn look(&self, record: Option<&Record>) -> Result<Running, Trouble> {
        let docker = Docker::new(&self.ctx.docker, &self.ctx.host);
        let stack = self.app.domain.stack();
        let mut memory: Option<Memory> = None;
        let mut last = Running::Absent;
        let probe = || -> Result<Option<()>, Trouble> {
            let (names, look) = provider::look_at(&docker, &stack)?;
            if names.is_empty() {
                last = Running::Absent;
                return Ok(Some(()));
            }
            // What failed in the app's long life says nothing about how it stands.
            let memory = memory.get_or_insert_with(|| Memory::after(&look));
            let (standing, _) = memory.judge(&stack, &names, &look);
            let all = look.services.iter().flat_map(|service| &service.labels);
            let labels = labels::app_labels(all, stack.as_str());
            let version = labels.version.as_ref();
            let version = version.and_then(|version| version.parse().ok());
            let present = |health| Running::Present {
                version: deployed_by_us(record, labels.chaos_version.as_deref()).or(version),
                health,
            };
            let (found, is_known) = match standing {
                Standing::Converged => (present(Health::Well), true),
                Standing::Hopeless(trouble) => (present(Health::Unwell(trouble.message)), true),
                Standing::Waiting => {
                    let why = "not all of its services run".to_owned();
                    (present(Health::Unwell(why)), false)
                }
            };
            last = found;
            Ok(is_known.then_some(()))
        };
        let deadline = Deadline::after(self.app.timeout.unwrap_or(PATIENCE));
        match wait_until(deadline, &self.ctx.host.interrupt, probe, |_| PAUSE)? {
            Waited::Done(()) | Waited::TimedOut => Ok(last),
            Waited::Interrupted => Err(classify::interrupted()),
        }
    }

    /// Lists the releases, by the names of tags alone.
    pub(super) fn list_tags(&self) -> Result<Vec<Tagged>, Trouble> {
        let git = self.git(LIST_LIMIT);
        let tags = match &self.like.request.source {
            Source::Path(path) => git.tags(path),
            Source::Remote { url, .. } => git
                .remote_refs(url, self.ctx.git_token.as_ref())
                .map(|refs| refs.tags),
        };
        let tags = tags.map_err(|error| fetch::trouble(&error))?;
        let tagged = tags.into_iter().filter_map(|tag| {
            Some(Tagged {
                version: tag.name.parse().ok()?,
                commit: tag.commit,
            })
        });
        Ok(tagged.collect())
    }

    /// Returns the releases with the notes of those that are newer than what runs.
    pub(super) fn releases(
        &self,
        tags: &[Tagged],
        from: Option<&RecipeVersion>,
    ) -> Result<Vec<Release>, Trouble> {
        let is_newer = |tag: &&Tagged| from.is_some_and(|from| tag.version > *from);
        let newer: Vec<&Tagged> = tags.iter().filter(is_newer).collect();
        let mut notes = self.read_notes(&newer)?;
        let releases = tags.iter().map(|tag| {
            let found = notes
                .iter()
                .position(|(version, _)| *version == tag.version);
            Release {
                version: tag.version.clone(),
                notes: found.map_or(Notes::None, |place| notes.swap_remove(place).1),
            }
        });
        Ok(releases.collect())
    }

    /// Reads the notes of releases; asks nobody where there is none.
    fn read_notes(&self, newer: &[&Tagged]) -> Result<Vec<(RecipeVersion, Notes)>, Trouble> {
        if newer.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |error| fetch::trouble(&error);
        let git = self.git(self.ctx.settings.limits.pull);
        let url = match &self.like.request.source {
            Source::Path(path) => return Ok(notes_in(&git, path, newer)),
            Source::Remote { url, .. } => url,
        };
        let copy = always_on::folder(self.state(), &self.app.domain).join("notes");
        let forget = || match fs::remove_dir_all(&copy) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(state_trouble(&error.to_string()))
            }
            Ok(()) | Err(_) => Ok(()),
        };
        // A call that was killed leaves half a copy.
        forget()?;
        let wishes = newer.iter().map(|tag| Wish {
            from: format!("refs/tags/{}", tag.version),
            into: format!("refs/releases/{}", tag.version),
        });
        let wishes: Vec<Wish> = wishes.collect();
        let fetched = git.make_repository(&copy).and_then(|()| {
            let token = self.ctx.git_token.as_ref();
            git.fetch_refs(&copy, url, token, &wishes)
        });
        let notes = fetched.map(|()| notes_in(&git, &copy, newer));
        forget()?;
        notes.map_err(failed)
    }

    /// Returns git, each call of which may take so long.
    fn git(&self, limit: Duration) -> Git<'_> {
        Git::new(&self.ctx.host, &self.ctx.git, limit)
    }
}

/// Returns the release that was deployed last, where it is its very commit that runs: a recipe's own label may name another.
fn deployed_by_us(record: Option<&Record>, chaos: Option<&str>) -> Option<RecipeVersion> {
    let deployed = record?.deployed.as_ref()?;
    let is_it = chaos? == deployed.commit.short();
    is_it.then(|| deployed.version.clone())
}

/// Reads the notes of releases in a repository; those that cannot be read say so.
fn notes_in(git: &Git<'_>, repository: &Path, newer: &[&Tagged]) -> Vec<(RecipeVersion, Notes)> {
    let notes = newer.iter().map(|tag| {
        let path = format!("{NOTES}/{}", tag.version);
        let notes = match git.file_at(repository, &tag.commit, &path, LONGEST_NOTES) {
            Ok(None) => Notes::None,
            Ok(Some(bytes)) => match String::from_utf8(bytes) {
                Ok(text) => Notes::Text(text),
                Err(error) => Notes::Unreadable(error.to_string()),
            },
            Err(error) => Notes::Unreadable(classify::in_one_line(&error)),
        };
        (tag.version.clone(), notes)
    });
    notes.collect()
}
