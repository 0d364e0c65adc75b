//! One revision of the recipe under test: checked out, rendered, checked against the compose policy.

use std::{collections::BTreeMap, fs, path::Path};

use super::{classify, session::state_trouble};
use crate::{
    config::recipe_config::RecipeConfig,
    model::{
        app_env::{self, AppEnv, NestedDomains},
        backup::BackupPlan,
        compose::Stack,
        env_file::{self, EnvFile},
        lint::{Snapshot, Tag},
        outcome::{Fault, Trouble},
        plan::Revision,
        policy::{self, Rule},
        recipe::CommitSha,
        resource::{self, Resource},
    },
    tool::{
        app::App,
        git::{self, Git},
        rendering::{self, Rendered},
    },
};

/// One revision of the recipe, rendered for this app.
pub(crate) struct Side {
    /// As a person knows it.
    pub(crate) revision: Revision,
    /// The commit of the run's own copy.
    pub(crate) commit: CommitSha,
    /// The stack.
    pub(crate) stack: Stack,
    /// What its labels say about backups.
    pub(crate) backup: BackupPlan,
    /// Every name that it can produce on the swarm.
    pub(crate) names: Vec<Resource>,
    /// Its `.env.sample`.
    pub(crate) sample: EnvFile,
    /// What lint looks at.
    pub(super) snapshot: Snapshot,
}

/// Makes the files of the run's copy those of a commit.
pub(crate) fn check_out(git: &Git<'_>, app: &App, commit: &CommitSha) -> Result<(), Trouble> {
    git.checkout(&app.checkout(), commit)
        .map_err(|error| checkout_trouble(&error))
}

/// Explains why a revision could not be checked out.
fn checkout_trouble(error: &git::Error) -> Trouble {
    Trouble::broken("checkout-failed", error.to_string())
}

impl Side {
    /// Makes the files of the run's copy those of this revision.
    ///
    /// Uncommitted changes stay changes beside the commit that they were made on, so that the app's label says so.
    pub(crate) fn check_out(&self, git: &Git<'_>, app: &App) -> Result<(), Trouble> {
        check_out(git, app, &self.commit)?;
        if self.label_commit() == &self.commit {
            return Ok(());
        }
        let moved = git.move_head(&app.checkout(), self.label_commit());
        moved.map_err(|error| checkout_trouble(&error))
    }

    /// Returns the commit that the chaos label names.
    pub(crate) fn label_commit(&self) -> &CommitSha {
        self.revision.commit.as_ref().unwrap_or(&self.commit)
    }
}

/// Whether what a recipe asks for is checked against the compose policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// It is not: who wrote it may do what they like here.
    None,
    /// It is.
    Policy {
        /// But for these rules.
        exceptions: Vec<Rule>,
    },
}

impl Guard {
    /// Returns the names of the rules that may be broken although the policy is checked.
    pub(super) fn exceptions(&self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::Policy { exceptions } => exceptions.iter().map(Rule::to_string).collect(),
        }
    }
}

/// Renders revisions of the recipe for this app.
pub(super) struct Renderer<'a> {
    /// git.
    pub(super) git: &'a Git<'a>,
    /// The app.
    pub(super) app: &'a App,
    /// What `recipe.toml` declares.
    pub(super) config: &'a RecipeConfig,
    /// Values for the `.env`.
    pub(super) declared: &'a BTreeMap<String, String>,
    /// Whether the compose policy is checked.
    pub(super) guard: &'a Guard,
    /// The app's `.env`, where there is one before it is made of the sample.
    pub(super) env: Option<&'a str>,
}

impl Renderer<'_> {
    /// Checks a revision out, renders it and checks what it asks for.
    pub(super) fn side(&self, revision: Revision, commit: CommitSha) -> Result<Side, Trouble> {
        check_out(self.git, self.app, &commit)?;
        let checkout = self.app.checkout();
        let failed = |error: rendering::Error| classify::recipe_error(&error);
        let text = rendering::read_file(&checkout, ".env.sample").map_err(failed)?;
        let sample = rendering::parse_env(&text, ".env.sample").map_err(failed)?;
        let env = self.env_of(&text, &sample).map_err(|error| {
            let message = format!("failed to read `.env.sample`: {error}");
            Trouble::new(Fault::Config, "recipe-malformed", message)
        })?;
        let rendered = rendering::render_with(&self.app.docker, &checkout, &self.app.stack, &env)
            .map_err(failed)?;
        let names = check_stack(self.app, &rendered.stack, self.guard)?;
        let backup = BackupPlan::from_stack(&rendered.stack, self.app.stack.as_str());
        let backup = backup.map_err(|error| Trouble::recipe("backup-labels", error.to_string()))?;
        let snapshot = snapshot(self.app, &rendered, &sample, &revision);
        Ok(Side {
            revision,
            commit,
            stack: rendered.stack,
            backup,
            names,
            sample,
            snapshot,
        })
    }

    /// Makes the variables that the recipe is rendered with: those of the sample, or of the `.env` that is taken over.
    fn env_of(&self, text: &str, sample: &EnvFile) -> Result<EnvFile, env_file::Error> {
        let maker = app_env(self.app, self.config, self.declared);
        let Some(known) = self.env else {
            return maker.from_sample(text);
        };
        let mut env = maker.prepare(known)?;
        app_env::adopt_secrets(&mut env, sample)?;
        Ok(env)
    }
}

/// Checks what a rendered stack asks for: files of the recipe alone, no power over this host, names that swarm takes.
///
/// Returns the names. The variables of an `.env` decide what is rendered, so this holds for that `.env` only.
pub(super) fn check_stack(
    app: &App,
    stack: &Stack,
    guard: &Guard,
) -> Result<Vec<Resource>, Trouble> {
    let checkout = app.checkout();
    for object in stack.configs.values().chain(stack.secrets.values()) {
        check_file(&checkout, object.file.as_deref())?;
    }
    if let Guard::Policy { exceptions } = guard {
        check_policy(app, stack, exceptions)?;
    }
    let names = stack.names(app.stack.as_str());
    check_lengths(&names)?;
    Ok(names)
}

/// Checks that a stack asks for no power over this host.
fn check_policy(app: &App, stack: &Stack, exceptions: &[Rule]) -> Result<(), Trouble> {
    let violations = policy::check(&stack.raw, app.stack.as_str(), &app.checkout(), exceptions);
    if violations.is_empty() {
        return Ok(());
    }
    let message = "the compose policy refuses this recipe";
    let trouble = Trouble::new(Fault::Config, "policy", message);
    Err(violations.into_iter().fold(trouble, |trouble, violation| {
        trouble.because(violation.to_string())
    }))
}

/// Checks that the file of a config leads to no file outside of the recipe.
fn check_file(checkout: &Path, file: Option<&str>) -> Result<(), Trouble> {
    let Some(file) = file else { return Ok(()) };
    let root = checkout
        .canonicalize()
        .map_err(|error| state_trouble(&error.to_string()))?;
    let inside = checkout
        .join(file)
        .canonicalize()
        .is_ok_and(|real| real.starts_with(&root));
    if inside {
        return Ok(());
    }
    let message = format!("file `{file}` is missing, or lies outside of the recipe");
    Err(Trouble::new(Fault::Config, "recipe-file-missing", message))
}

/// Returns what makes the app's `.env`.
pub(crate) fn app_env<'a>(
    app: &'a App,
    config: &RecipeConfig,
    declared: &'a BTreeMap<String, String>,
) -> AppEnv<'a> {
    let nested = if config.flatten_domains {
        NestedDomains::Flatten
    } else {
        NestedDomains::Keep
    };
    AppEnv {
        recipe: &app.recipe,
        domain: &app.domain,
        declared,
        nested,
    }
}

/// Checks that swarm will take every name.
fn check_lengths(names: &[Resource]) -> Result<(), Trouble> {
    let mut long = resource::too_long(names).into_iter();
    let describe = |name: &Resource| {
        format!(
            "{name} has {} characters, the limit is {}",
            name.name.len(),
            name.kind.longest_name()
        )
    };
    let Some(first) = long.next() else {
        return Ok(());
    };
    let trouble = Trouble::new(
        Fault::Config,
        "name-too-long",
        "a name is too long for swarm",
    )
    .because(describe(first));
    let trouble = long.map(describe).fold(trouble, Trouble::because);
    Err(trouble.hint("set a shorter `base-domain`, or shorten the name in the recipe"))
}

/// Gathers what lint looks at.
fn snapshot(app: &App, rendered: &Rendered, sample: &EnvFile, revision: &Revision) -> Snapshot {
    let checkout = app.checkout();
    let files = rendered.stack.configs.iter().filter_map(|(key, object)| {
        let bytes = fs::read(checkout.join(object.file.as_deref()?)).ok()?;
        Some((key.clone(), bytes))
    });
    let tag = revision.version.as_ref().map(|version| Tag {
        name: version.to_string(),
        annotated: !revision.lightweight,
    });
    Snapshot {
        compose: Ok(rendered.stack.clone()),
        config_files: files.collect(),
        env_sample: Some(Ok(sample.clone())),
        tag,
        domain: app.domain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::app::AppDomain,
        sys::{interrupt::Interrupt, process::Host, redact::Redactor},
        tool::docker::client::Docker,
    };

    /// An app whose checkout is in a folder.
    fn app(folder: &Path) -> App {
        let host = Host {
            redactor: Redactor::default(),
            interrupt: Interrupt::never(),
            base_env: Vec::new(),
            inherit: None,
            echo: None,
        };
        let domain: AppDomain = "blog-0a1b2c.example.org".parse().unwrap();
        App {
            recipe: "blog".parse().unwrap(),
            stack: domain.stack(),
            domain,
            folder: folder.to_owned(),
            backups: folder.to_owned(),
            docker: Docker::new(Path::new("docker"), &host),
            git: "git".into(),
        }
    }

    #[test]
    fn what_an_env_makes_of_an_untrusted_recipe_is_checked_and_not_only_the_sample() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path());
        fs::create_dir_all(app.checkout()).unwrap();
        let all = || Guard::Policy {
            exceptions: Vec::new(),
        };
        let check = |source: &str, guard: Guard| {
            let text = format!(
                "services:\n  app:\n    image: x:1\n    volumes: ['{source}:/data']\nvolumes:\n  data: {{}}\n"
            );
            let checked = check_stack(&app, &Stack::from_text(&text).unwrap(), &guard);
            checked.map_err(|trouble| trouble.code)
        };
        assert!(check("data", all()).is_ok());
        assert_eq!(check("/", all()), Err("policy".to_owned()));
        assert!(check("/", Guard::None).is_ok());
        let but = |rule| Guard::Policy {
            exceptions: vec![rule],
        };
        assert!(check("/", but(Rule::BindMount)).is_ok());
        assert_eq!(check("/", but(Rule::Pid)), Err("policy".to_owned()));
    }

    #[test]
    fn a_config_from_outside_of_the_recipe_is_refused_for_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let app = app(folder.path());
        fs::create_dir_all(app.checkout()).unwrap();
        let text = "services:\n  app:\n    image: x:1\nconfigs:\n  a:\n    file: /etc/hostname\n";
        let checked = check_stack(&app, &Stack::from_text(text).unwrap(), &Guard::None);
        assert_eq!(checked.unwrap_err().code, "recipe-file-missing");
    }
}
