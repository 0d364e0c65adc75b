//! Gets everything ready before anything is deployed: checkout, compose policy, names, tests, the plan.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    fetch::Fetched,
    lacking,
    overlay::TestRoots,
    selection::{self, Tests},
    session::state_trouble,
    side::{Guard, Renderer, Side, check_out},
};
use crate::{
    config::recipe_config::{self, RecipeConfig},
    model::{
        approval, choice,
        lint::{self},
        outcome::{Fault, Trouble},
        plan::{self, Facts, Overlay, OverlayOrigin, OverlayRole, Plan, Revision},
        run::{Source, Trust},
    },
    sys::context::Context,
    tool::{
        app::App,
        git::{self, Git},
        overlay_files,
    },
};

/// The file that names the recipes whose own tests may run for untrusted heads.
const APPROVED: &str = "repo-local-approved.txt";
/// The file that names the rules of the compose policy that approved recipes may break.
const EXCEPTIONS: &str = "policy-exceptions.txt";

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
    /// Whether the compose policy is checked.
    pub(crate) guard: Guard,
}

/// What preparing needs beside the context.
pub(crate) struct Preparing<'a> {
    /// The job.
    pub(crate) job: &'a super::runner::Job,
    /// The app.
    pub(crate) app: &'a App,
    /// The recipe as it was fetched.
    pub(crate) fetched: &'a Fetched,
    /// A directory of the run for copies of tests.
    pub(crate) work: &'a Path,
}

/// Renders the recipe and decides the plan; touches nothing on the swarm.
pub(crate) fn prepare(ctx: &Context, preparing: &Preparing<'_>) -> Result<Prepared, Trouble> {
    let Preparing {
        job,
        app,
        fetched,
        work,
    } = preparing;
    let git = Git::new(app.docker.host(), &app.git, ctx.settings.limits.pull);
    let trust = trust(&job.request.source);
    check_out(&git, app, &fetched.head_commit)?;
    let roots = test_roots(ctx, app, work)?;
    let approved = trust == Trust::Trusted || is_approved(ctx, app)?;
    let guard = guard(ctx, app, trust)?;
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
        guard: &guard,
    };
    let head = renderer.side(fetched.head.clone(), fetched.head_commit.clone())?;
    let overlays = list_overlays(&roots, approved, &config)?;
    let (tests, functions) = selection::select(&job.patterns, &roots, (overlays, &config));
    let mut plan = decide(
        preparing,
        &Decision {
            trust,
            guard: &guard,
            config: &config,
            head: &head,
        },
        tests,
    )?;
    plan.choices = choice::told(&plan, &job.patterns, &functions);
    lacking::check(ctx, job.dry_run, &mut plan, work)?;
    let base = plan.base.clone().map(|revision| {
        let commit = revision.commit.clone().expect("a release has a commit");
        renderer
            .side(revision.clone(), commit)
            .map_err(|trouble| base_trouble(&revision, trouble))
    });
    if base.is_none() {
        head.check_out(&git, app)?;
    }
    let lint = findings(base.as_ref().and_then(|side| side.as_ref().ok()), &head);
    Ok(Prepared {
        plan,
        config,
        head,
        base,
        roots,
        lint,
        declared,
        guard,
    })
}

/// Compares the head with the base for what its author should know.
fn findings(base: Option<&Side>, head: &Side) -> Vec<Trouble> {
    let found = lint::lint(base.map(|side| &side.snapshot), &head.snapshot);
    let trouble = |finding: lint::Finding| Trouble::recipe(finding.code, finding.message);
    found.into_iter().map(trouble).collect()
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

/// Tells whether the head can be somebody's who may not run code here.
fn trust(source: &Source) -> Trust {
    match source {
        Source::Path(_) => Trust::Trusted,
        Source::Remote { trust, .. } => *trust,
    }
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
    let approved = read_list(ctx, APPROVED, approval::parse)?;
    Ok(approved.is_some_and(|approved| approved.contains(&app.recipe)))
}

/// Decides whether the compose policy is checked, and which of its rules an approved recipe may break.
fn guard(ctx: &Context, app: &App, trust: Trust) -> Result<Guard, Trouble> {
    if trust == Trust::Trusted {
        return Ok(Guard::None);
    }
    let mut exceptions = Vec::new();
    if is_approved(ctx, app)? {
        let all = read_list(ctx, EXCEPTIONS, approval::parse_exceptions)?;
        exceptions = all
            .and_then(|mut all| all.remove(&app.recipe))
            .unwrap_or_default();
    }
    Ok(Guard::Policy { exceptions })
}

/// Reads a list of what an operator grants; one that cannot be understood grants nothing and ends the run.
fn read_list<T>(
    ctx: &Context,
    name: &str,
    parse: impl Fn(&str) -> Result<T, approval::Error>,
) -> Result<Option<T>, Trouble> {
    let Some(folder) = &ctx.settings.recipes.tests_dir else {
        return Ok(None);
    };
    let path = folder.join(name);
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(None);
    };
    let void = |error: approval::Error| {
        let message = format!("`{}` is void", path.display());
        Trouble::new(Fault::Config, "approval-void", message).because(error.to_string())
    };
    parse(&text).map(Some).map_err(void)
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
    /// What it may ask for all the same.
    guard: &'a Guard,
    /// What `recipe.toml` declares.
    config: &'a RecipeConfig,
    /// The head.
    head: &'a Side,
}

/// Decides the plan.
fn decide(
    preparing: &Preparing<'_>,
    decision: &Decision<'_>,
    tests: Tests,
) -> Result<Plan, Trouble> {
    let Preparing {
        job, app, fetched, ..
    } = preparing;
    let Decision {
        trust,
        guard,
        config,
        head,
    } = decision;
    let exceptions = guard.exceptions();
    let mut left_out = job.generic_left_out.clone();
    let by = "`skip-generic`";
    let declared = config.skip_generic.iter();
    left_out.extend(declared.map(|stage| (*stage, by.to_owned())));
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
        exceptions: &exceptions,
        deployer: job.deployer.kind(),
        ingress: config.ingress.unwrap_or(job.ingress),
        wanted: &job.request.stages,
        declared_skips: &config.expected_skips,
        generic_left_out: &left_out,
        backup_capable: config.backup_capable.unwrap_or(head.backup.enabled),
        overlays: tests.overlays,
        checks: tests.checks,
    };
    plan::decide(facts)
        .map_err(|error| Trouble::new(Fault::Config, "base-unknown", error.to_string()))
}
