//! Gets everything ready before anything is deployed: checkout, compose policy, names, tests, the plan.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    classify,
    fetch::{self, Fetched},
    overlay::TestRoots,
    session::state_trouble,
};
use crate::{
    config::recipe_config::{self, RecipeConfig},
    model::{
        app_env::{AppEnv, NestedDomains},
        approval,
        backup::BackupPlan,
        compose::Stack,
        env_file::EnvFile,
        lint::{self, Snapshot, Tag},
        outcome::{Fault, Trouble},
        plan::{self, Facts, Overlay, OverlayOrigin, OverlayRole, Plan, Revision},
        policy,
        recipe::CommitSha,
        resource::{self, Resource},
        run::{Source, Trust},
        stage::Stage,
    },
    sys::context::Context,
    tool::{
        app::App,
        git::{self, Git},
        overlay_files,
        rendering::{self, Rendered},
    },
};

/// The file that names the recipes whose own tests may run for untrusted heads.
const APPROVED: &str = "repo-local-approved.txt";

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
    snapshot: Snapshot,
}

/// All that is known before the first deploy.
pub(crate) struct Prepared {
    /// What is decided.
    pub(crate) plan: Plan,
    /// What `recipe.toml` declares.
    pub(crate) config: RecipeConfig,
    /// The commit under test.
    pub(crate) head: Side,
    /// The version upgraded from, or why it cannot be rendered.
    pub(crate) base: Option<Result<Side, Trouble>>,
    /// Where the tests are.
    pub(crate) roots: TestRoots,
    /// Findings about the recipe's text.
    pub(crate) lint: Vec<Trouble>,
    /// Values for the app's `.env` that `recipe.toml` declares.
    pub(crate) declared: BTreeMap<String, String>,
}

/// What preparing needs beside the context.
pub(crate) struct Preparing<'a> {
    /// The job.
    pub(crate) job: &'a super::runner::Job,
    /// The app.
    pub(crate) app: &'a App,
    /// A directory of the run for copies of tests.
    pub(crate) work: &'a Path,
}

/// Fetches and renders the recipe and decides the plan; touches nothing on the swarm.
pub(crate) fn prepare(ctx: &Context, preparing: &Preparing<'_>) -> Result<Prepared, Trouble> {
    let Preparing { job, app, work } = preparing;
    let git = Git::new(app.docker.host(), &app.git, ctx.settings.limits.pull);
    let token = read_token(ctx)?;
    let fetched = fetch::fetch(&git, &job.request, token.as_ref(), &app.checkout())?;
    let trust = trust(&job.request.source);
    check_out(&git, app, &fetched.head_commit)?;
    let roots = test_roots(ctx, app, work)?;
    let approved = trust == Trust::Trusted || is_approved(ctx, app)?;
    let config = read_config(&roots, approved)?;
    let declared = config
        .env
        .iter()
        .map(|(key, value)| (key.clone(), value.fill(&app.domain, &app.recipe)))
        .collect();
    let renderer = Renderer {
        git: &git,
        app,
        config: &config,
        declared: &declared,
        trust,
    };
    let head = renderer.side(fetched.head.clone(), fetched.head_commit.clone())?;
    let overlays = list_overlays(&roots, approved, &config)?;
    let plan = decide(
        preparing,
        &fetched,
        &Decision {
            trust,
            config: &config,
            head: &head,
        },
        overlays,
    )?;
    let base = plan.base.clone().map(|revision| {
        let commit = revision.commit.clone().expect("a release has a commit");
        renderer
            .side(revision.clone(), commit)
            .map_err(|trouble| base_trouble(&revision, trouble))
    });
    let known = base.as_ref().and_then(|side| side.as_ref().ok());
    let lint = lint::lint(known.map(|side| &side.snapshot), &head.snapshot);
    let lint = lint
        .into_iter()
        .map(|finding| Trouble::recipe(finding.code, finding.message))
        .collect();
    Ok(Prepared {
        plan,
        config,
        head,
        base,
        roots,
        lint,
        declared,
    })
}

/// Explains that the base, not the head, is what does not work.
pub(crate) fn base_trouble(base: &Revision, trouble: Trouble) -> Trouble {
    if trouble.fault == Fault::Broken || trouble.fault == Fault::User {
        return trouble;
    }
    let outer = Trouble::recipe(
        "base-not-installable",
        format!("base `{}` does not install", base.label),
    );
    let mut outer = outer.because(trouble.message);
    outer.causes.extend(trouble.causes);
    Trouble {
        hint: trouble.hint,
        excerpt: trouble.excerpt,
        ..outer
    }
}

/// Makes the files of the run's copy those of a commit.
pub(crate) fn check_out(git: &Git<'_>, app: &App, commit: &CommitSha) -> Result<(), Trouble> {
    let failed = |error: git::Error| Trouble::broken("checkout-failed", error.to_string());
    git.checkout(&app.checkout(), commit).map_err(failed)
}

/// Tells whether the head can be somebody's who may not run code here.
fn trust(source: &Source) -> Trust {
    match source {
        Source::Path(_) => Trust::Trusted,
        Source::Remote { trust, .. } => *trust,
    }
}

/// Reads the token for private repositories and makes sure that it is masked.
fn read_token(ctx: &Context) -> Result<Option<crate::sys::redact::Secret>, Trouble> {
    let Some(path) = &ctx.settings.secrets.git_token_file else {
        return Ok(None);
    };
    let unusable = |said: String| {
        Trouble::new(
            Fault::Config,
            "token-unusable",
            format!("token file `{}` cannot be used", path.display()),
        )
        .because(said)
    };
    let text = fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let token = text.trim_end_matches('\n');
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(unusable(format!(
            "it holds {} characters, some of them blanks, or none",
            token.chars().count()
        )));
    }
    Ok(Some(ctx.host.redactor.register(token)))
}

/// Copies the recipe's own tests aside, so that no checkout changes them, and finds those kept beside ccci.
fn test_roots(ctx: &Context, app: &App, work: &Path) -> Result<TestRoots, Trouble> {
    let recipe = work.join("recipe-tests");
    let own = app.checkout().join("tests");
    if own.is_dir() && !own.is_symlink() {
        git::copy_directory(&own, &recipe).map_err(|error| state_trouble(&error.to_string()))?;
    }
    let kept = match &ctx.settings.recipes.tests_dir {
        Some(folder) => folder.join(app.recipe.as_str()),
        None => PathBuf::from("/nonexistent"),
    };
    Ok(TestRoots { recipe, kept })
}

/// Tells whether the recipe is on the list of approved ones; a void list approves none.
fn is_approved(ctx: &Context, app: &App) -> Result<bool, Trouble> {
    let Some(folder) = &ctx.settings.recipes.tests_dir else {
        return Ok(false);
    };
    let path = folder.join(APPROVED);
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(false);
    };
    let void = |error: approval::Error| {
        Trouble::new(
            Fault::Config,
            "approval-void",
            format!("`{}` is void", path.display()),
        )
        .because(error.to_string())
    };
    Ok(approval::parse(&text).map_err(void)?.contains(&app.recipe))
}

/// Reads `recipe.toml`: the recipe's own where it may be used, else the one kept beside ccci.
fn read_config(roots: &TestRoots, approved: bool) -> Result<RecipeConfig, Trouble> {
    let own = approved.then_some(&roots.recipe);
    for root in own.into_iter().chain([&roots.kept]) {
        let read = recipe_config::read(&root.join("recipe.toml"));
        let unusable = |error: crate::config::error::Error| {
            let trouble = Trouble::new(Fault::Config, "recipe-toml", error.to_string());
            match error.hint() {
                Some(hint) => trouble.hint(hint),
                None => trouble,
            }
        };
        if let Some(config) = read.map_err(unusable)? {
            return Ok(config);
        }
    }
    Ok(RecipeConfig::default())
}

/// Lists the tests and hooks, those that may not run with the reason.
fn list_overlays(
    roots: &TestRoots,
    approved: bool,
    config: &RecipeConfig,
) -> Result<Vec<Overlay>, Trouble> {
    let list = |root: &Path, origin| {
        overlay_files::list(root, origin)
            .map_err(|error| Trouble::new(Fault::Config, "tests-unreadable", error.to_string()))
    };
    let mut own = list(&roots.recipe, OverlayOrigin::Recipe)?;
    for overlay in own.iter_mut().filter(|_| !approved) {
        overlay.refused.get_or_insert_with(|| {
            "the recipe is not approved to run its own tests here".to_owned()
        });
    }
    own.extend(list(&roots.kept, OverlayOrigin::Kept)?);
    for overlay in own
        .iter_mut()
        .filter(|overlay| matches!(overlay.role, OverlayRole::Test(_)))
    {
        if !config.runners.contains(&overlay.runner) {
            overlay
                .refused
                .get_or_insert_with(|| "`runners` in recipe.toml leaves its kind out".to_owned());
        }
    }
    Ok(own)
}

/// What the plan is decided from, beside the request.
struct Decision<'a> {
    /// Whether the head is trusted.
    trust: Trust,
    /// What `recipe.toml` declares.
    config: &'a RecipeConfig,
    /// The head.
    head: &'a Side,
}

/// Decides the plan.
fn decide(
    preparing: &Preparing<'_>,
    fetched: &Fetched,
    decision: &Decision<'_>,
    overlays: Vec<Overlay>,
) -> Result<Plan, Trouble> {
    let Preparing { job, app, .. } = preparing;
    let Decision {
        trust,
        config,
        head,
    } = decision;
    let mut left_out = job.generic_left_out.clone();
    left_out.extend(&config.skip_generic);
    let facts = Facts {
        recipe: &app.recipe,
        domain: &app.domain,
        head: &fetched.head,
        releases: &fetched.releases,
        upgrade_base: config
            .upgrade_base
            .as_ref()
            .map(crate::model::recipe::RecipeVersion::as_str),
        trust: *trust,
        deployer: job.deployer.kind(),
        ingress: config.ingress.unwrap_or(job.ingress),
        wanted: &job.request.stages,
        declared_skips: &config.expected_skips,
        generic_left_out: &left_out,
        backup_capable: config.backup_capable.unwrap_or(head.backup.enabled),
        overlays,
        custom_checks: config
            .checks
            .iter()
            .any(|check| check.stages.contains(&Stage::Custom)),
    };
    plan::decide(facts)
        .map_err(|error| Trouble::new(Fault::Config, "base-unknown", error.to_string()))
}

/// Renders revisions of the recipe for this app.
struct Renderer<'a> {
    /// git.
    git: &'a Git<'a>,
    /// The app.
    app: &'a App,
    /// What `recipe.toml` declares.
    config: &'a RecipeConfig,
    /// Values for the `.env`.
    declared: &'a BTreeMap<String, String>,
    /// Whether the compose policy is checked.
    trust: Trust,
}

impl Renderer<'_> {
    /// Checks a revision out, renders it and checks what it asks for.
    fn side(&self, revision: Revision, commit: CommitSha) -> Result<Side, Trouble> {
        check_out(self.git, self.app, &commit)?;
        let checkout = self.app.checkout();
        let failed = |error: rendering::Error| classify::recipe_error(&error);
        let text = rendering::read_file(&checkout, ".env.sample").map_err(failed)?;
        let sample = rendering::parse_env(&text, ".env.sample").map_err(failed)?;
        let env = app_env(self.app, self.config, self.declared)
            .from_sample(&text)
            .map_err(|error| {
                Trouble::new(
                    Fault::Config,
                    "recipe-malformed",
                    format!("failed to read `.env.sample`: {error}"),
                )
            })?;
        let rendered = rendering::render_with(&self.app.docker, &checkout, &self.app.stack, &env)
            .map_err(failed)?;
        self.check_policy(&rendered)?;
        let backup = BackupPlan::from_stack(&rendered.stack, self.app.stack.as_str());
        let backup = backup.map_err(|error| Trouble::recipe("backup-labels", error.to_string()))?;
        let names = rendered.stack.names(self.app.stack.as_str());
        check_lengths(&names)?;
        let snapshot = snapshot(&checkout, &rendered, &sample, &revision);
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

    /// Checks that an untrusted head asks for no power over this host.
    fn check_policy(&self, rendered: &Rendered) -> Result<(), Trouble> {
        let checkout = self.app.checkout();
        for object in rendered
            .stack
            .configs
            .values()
            .chain(rendered.stack.secrets.values())
        {
            check_file(&checkout, object.file.as_deref())?;
        }
        if self.trust == Trust::Trusted {
            return Ok(());
        }
        let violations =
            policy::check(&rendered.stack.raw, self.app.stack.as_str(), &checkout, &[]);
        let mut violations = violations.into_iter();
        let Some(first) = violations.next() else {
            return Ok(());
        };
        let trouble = Trouble::new(
            Fault::Config,
            "policy",
            "the compose policy refuses this recipe",
        )
        .because(first.to_string());
        Err(violations.fold(trouble, |trouble, violation| {
            trouble.because(violation.to_string())
        }))
    }
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
fn snapshot(
    checkout: &Path,
    rendered: &Rendered,
    sample: &EnvFile,
    revision: &Revision,
) -> Snapshot {
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
    }
}
