//! Turns arguments and the words of a CI engine into the runs that are asked for.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::error::{Error, Kind};
use crate::{
    cli::{
        test_args::{Selection, StageList, TestArgs},
        values::Target,
    },
    config::{
        environment::{CiWords, Environment},
        settings::Settings,
    },
    lifecycle::origin,
    model::{
        app::{AppDomain, RunKey},
        env_file::EnvFile,
        recipe::RecipeName,
        run::{RunMode, RunRequest, Source, Trust, Wanted},
        stage::Stage,
    },
};

/// Files of which a recipe has at least one.
const COMPOSE_FILES: [&str; 2] = ["compose.yml", "compose.yaml"];

/// One run that is to be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selected {
    /// What is asked for.
    pub(crate) request: RunRequest,
    /// The domain of its app.
    pub(crate) domain: AppDomain,
}

/// What is to be tested, before any setting is known.
pub(crate) struct Wish {
    /// What the runs start from.
    mode: RunMode,
    /// Names and paths.
    targets: Vec<Target>,
    /// Which commit, of which source.
    commit: Commit,
    /// The stages.
    stages: Vec<Stage>,
}

/// Which commit is asked for, of which source.
struct Commit {
    /// The ref.
    reference: Option<String>,
    /// The released version.
    version: Option<String>,
    /// The pull request.
    pr: Option<u64>,
    /// The source.
    src: Option<String>,
}

impl Wish {
    /// Reads what is wished for: arguments first; without any, what a CI engine says; else the checkout we are in.
    ///
    /// The bare words of a CI engine count only together with a recipe that it names: `REF` alone may be anybody's.
    pub(crate) fn read(args: &TestArgs, env: &Environment, dir: &Path) -> Result<Self, Error> {
        let given = &args.selection;
        if !args.targets.is_empty() {
            return Ok(Self::of(args.targets.clone(), given, CiWords::default()));
        }
        let words = env.ci_words()?;
        let named = words.recipe.clone().or(match &given.src {
            Some(src) => Some(name_in(src)?),
            None => None,
        });
        Ok(match named {
            Some(recipe) => Self::of(vec![Target::Recipe(recipe)], given, words),
            None if is_recipe(dir) => {
                let here = Target::Path(dir.to_owned());
                Self::of(vec![here], given, CiWords::default())
            }
            None => Self::of(Vec::new(), given, CiWords::default()),
        })
    }

    /// Returns the wish for one recipe as it is found, from a source of its own where one is given.
    ///
    /// Without either it is the checkout we are in, if any.
    pub(crate) fn of_one(
        target: Option<Target>,
        src: Option<String>,
        dir: &Path,
    ) -> Result<Self, Error> {
        let named = src.as_deref().filter(|_| target.is_none()).map(name_in);
        let named = named.transpose()?.map(Target::Recipe);
        let here = || is_recipe(dir).then(|| Target::Path(dir.to_owned()));
        Ok(Self {
            mode: RunMode::Cold,
            targets: target.or(named).or_else(here).into_iter().collect(),
            commit: Commit {
                reference: None,
                version: None,
                pr: None,
                src,
            },
            stages: Stage::ALL.to_vec(),
        })
    }

    /// Puts arguments over the words of a CI engine.
    fn of(targets: Vec<Target>, given: &Selection, words: CiWords) -> Self {
        let version = given.version.as_ref();
        let version = version.map(|version| version.as_str().to_owned());
        let reference = given.reference.clone();
        let commit = Commit {
            reference: reference.or_else(|| words.reference.filter(|_| version.is_none())),
            version,
            pr: given.pr.or(words.pr),
            src: given.src.clone().or(words.src),
        };
        let stages = given.stages.clone().map(|StageList(stages)| stages);
        Self {
            mode: if given.quick {
                RunMode::Quick
            } else {
                RunMode::Cold
            },
            targets,
            commit,
            stages: stages.or(words.stages).unwrap_or(Stage::ALL.to_vec()),
        }
    }

    /// Returns the checkouts that will be tested, by their paths as given.
    pub(crate) fn checkouts(&self) -> Vec<PathBuf> {
        let paths = self.targets.iter().filter_map(|target| match target {
            Target::Path(path) => Some(path.clone()),
            Target::Recipe(_) => None,
        });
        paths.collect()
    }

    /// Returns what a person should hear whose words may mean a checkout that is right here.
    pub(crate) fn overlooked(&self, dir: &Path) -> Vec<String> {
        let names = self.targets.iter().filter_map(|target| match target {
            Target::Recipe(recipe) if self.commit.src.is_none() => Some(recipe),
            Target::Recipe(_) | Target::Path(_) => None,
        });
        let here = names.filter(|recipe| is_recipe(&dir.join(recipe.as_str())));
        here.map(|recipe| {
            format!(
                "`{recipe}` is fetched by its name; the checkout here is tested as `./{recipe}`"
            )
        })
        .collect()
    }

    /// Returns the runs; none when nothing is selected.
    pub(crate) fn resolve(&self, settings: &Settings, dir: &Path) -> Result<Vec<Selected>, Error> {
        if self.targets.len() > 1 && self.commit.src.is_some() {
            let message = "`--src` names the repository of one recipe, and several are given";
            return Err(Error::say(Kind::Usage, message).hint("give one recipe with `--src`"));
        }
        let mut all: Vec<Selected> = Vec::new();
        for target in &self.targets {
            let request = match target {
                Target::Recipe(recipe) => self.remote(recipe, settings)?,
                Target::Path(path) => self.checkout(&dir.join(path))?,
            };
            let base = &settings.server.base_domain;
            let domain = domain_of(&request, base)?;
            if let Some(first) = all.iter().find(|first| first.domain == domain) {
                return Err(collision(&first.request, &request, &domain));
            }
            all.push(Selected { request, domain });
        }
        Ok(all)
    }

    /// Returns what is asked of a checkout.
    fn checkout(&self, path: &Path) -> Result<RunRequest, Error> {
        let shown = path.display().to_string();
        let shown = shown.escape_debug();
        if self.commit.src.is_some() {
            let message = format!("`--src` and the checkout `{shown}` are two sources");
            return Err(Error::say(Kind::Usage, message).hint("give one of them"));
        }
        let real = fs::canonicalize(path).map_err(|error| {
            let error = anyhow::Error::new(error);
            let error = error.context(format!("there is no checkout `{shown}`"));
            Error::new(Kind::Usage, error).hint(
                "give the path of a checkout, or a recipe's name: lower-case letters, digits, `-`, `_` or `.`, as in `custom-html`",
            )
        })?;
        if !is_recipe(&real) {
            let message = format!("`{shown}` is no recipe: it has no `compose.yml`");
            return Err(Error::say(Kind::Usage, message)
                .hint("name the directory of a recipe, as in `./custom-html`"));
        }
        Ok(RunRequest {
            mode: self.mode,
            recipe: name_of(&real)?,
            source: Source::Path(real),
            wanted: self.wanted(),
            commit: None,
            pr: self.commit.pr,
            stages: self.stages.clone(),
        })
    }

    /// Returns what is asked of a recipe by name.
    fn remote(&self, recipe: &RecipeName, settings: &Settings) -> Result<RunRequest, Error> {
        let url = origin::url_of(recipe, self.commit.src.as_deref(), settings)?;
        let in_release = origin::trust_in_release(recipe, settings);
        Ok(RunRequest {
            mode: self.mode,
            recipe: recipe.clone(),
            source: Source::Remote {
                url,
                trust: self.trust(in_release),
            },
            commit: None,
            wanted: match (self.wanted(), self.commit.pr) {
                (Wanted::Default, Some(_)) if self.commit.src.is_some() => {
                    let message = "`--pr` with `--src` does not say which commit is meant";
                    return Err(Error::say(Kind::Usage, message).hint("add `--ref`"));
                }
                (Wanted::Default, Some(number)) => Wanted::Ref(format!("refs/pull/{number}/head")),
                (wanted, _) => wanted,
            },
            pr: self.commit.pr,
            stages: self.stages.clone(),
        })
    }

    /// Decides whether a head from elsewhere was written by someone who may run code here.
    ///
    /// A released version of an enrolled recipe, from the configured place, is trusted. All else is not: anybody may
    /// own a fork, and whoever writes a ref's name can point it at anything.
    fn trust(&self, in_release: Trust) -> Trust {
        let Commit {
            version, pr, src, ..
        } = &self.commit;
        if version.is_some() && pr.is_none() && src.is_none() {
            in_release
        } else {
            Trust::Untrusted
        }
    }

    /// Returns which commit is asked for.
    fn wanted(&self) -> Wanted {
        match (&self.commit.version, &self.commit.reference) {
            (Some(version), _) => Wanted::Version(version.clone()),
            (None, Some(reference)) => Wanted::Ref(reference.clone()),
            (None, None) => Wanted::Default,
        }
    }
}

/// Tells whether a directory is a recipe.
pub(super) fn is_recipe(dir: &Path) -> bool {
    COMPOSE_FILES.iter().any(|file| dir.join(file).is_file())
}

/// Returns a checkout's recipe: the directory's name, or the `TYPE` of its `.env.sample` where that is no name.
pub(super) fn name_of(dir: &Path) -> Result<RecipeName, Error> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let invalid = match name.parse() {
        Ok(name) => return Ok(name),
        Err(invalid) => invalid,
    };
    let sample = fs::read_to_string(dir.join(".env.sample")).unwrap_or_default();
    let sample = EnvFile::parse(&sample).ok();
    let kind = sample.as_ref().and_then(|sample| sample.get("TYPE"));
    // The version that a `TYPE` may end with is a pin, and no part of the name.
    let kind = kind.and_then(|kind| kind.split(':').next()?.parse().ok());
    kind.ok_or_else(|| {
        Error::from(invalid).hint("set `TYPE` in `.env.sample`, or rename the directory")
    })
}

/// Returns the recipe's name that a source ends with.
fn name_in(src: &str) -> Result<RecipeName, Error> {
    let last = src.trim_end_matches('/').rsplit(['/', ':']).next();
    let last = last.unwrap_or_default();
    let name = last.strip_suffix(".git").unwrap_or(last).parse();
    name.map_err(|invalid| Error::new(Kind::Usage, invalid).hint("name the recipe before `--src`"))
}

/// Returns the domain of a request's app.
pub(super) fn domain_of(request: &RunRequest, base: &AppDomain) -> Result<AppDomain, Error> {
    if request.mode.is_warm() {
        return Ok(AppDomain::warm(&request.recipe, base)?);
    }
    let wanted = match &request.wanted {
        Wanted::Default | Wanted::Newest => String::new(),
        Wanted::Ref(text) | Wanted::Version(text) => text.clone(),
    };
    let reference = match &request.source {
        Source::Remote { .. } => wanted,
        Source::Path(path) if wanted.is_empty() => format!("path:{}", path.display()),
        Source::Path(path) => format!("path:{}:{wanted}", path.display()),
    };
    let key = RunKey {
        recipe: &request.recipe,
        pr: request.pr,
        reference: &reference,
    };
    Ok(AppDomain::for_run(key, base)?)
}

/// Says that two runs of one command would be of the same app.
fn collision(first: &RunRequest, second: &RunRequest, domain: &AppDomain) -> Error {
    let shown = |request: &RunRequest| match &request.source {
        Source::Path(path) => path.display().to_string(),
        Source::Remote { .. } => request.recipe.to_string(),
    };
    let (first, second) = (shown(first), shown(second));
    let message = format!("`{second}` would get the domain `{domain}`, which `{first}` has");
    Error::say(Kind::Usage, message).hint("give each once, or test them one after the other")
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
