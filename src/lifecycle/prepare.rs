//! Gets everything ready before anything is deployed: checkout, compose policy, names, tests, the plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    fetch::Fetched,
    filling, lacking,
    overlay::TestRoots,
    requirements,
    selection::{self, Tests},
    side::{Guard, Renderer, Side},
    terms::Terms,
};
use crate::{
    config::recipe_config::RecipeConfig,
    model::{
        choice,
        dependency::Requirement,
        lint,
        outcome::{Fault, Trouble},
        plan::{self, Facts, Overlay, OverlayOrigin, OverlayRole, Plan, Revision},
        run::Trust,
    },
    sys::context::Context,
    tool::{app::App, git::Git, overlay_files},
};

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
    /// What it takes over from the canonical.
    pub(crate) inherited: Inherited,
}

/// What a run takes over from the canonical of its recipe; nothing in a cold run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inherited {
    /// The revision that its data is of.
    pub(crate) base: Option<Revision>,
    /// The app's `.env`.
    pub(crate) env: Option<String>,
    /// The whole names of secrets that belong to its data, and that a fresh install must leave alone.
    pub(crate) secrets: BTreeSet<String>,
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
    pub(crate) work: PathBuf,
    /// What it takes over from the canonical.
    pub(crate) inherited: Inherited,
}

/// Renders the recipe and decides the plan; touches nothing on the swarm.
pub(crate) fn prepare(
    ctx: &Context,
    preparing: &Preparing<'_>,
    terms: Terms,
) -> Result<Prepared, Trouble> {
    let Preparing {
        app, fetched, work, ..
    } = preparing;
    let job = preparing.job;
    let Terms {
        trust,
        approved,
        guard,
        roots,
        config,
    } = terms;
    let git = Git::new(app.docker.host(), &app.git, ctx.settings.limits.pull);
    let requires = requirements::decide(ctx, app, &config)?;
    let declared = filling::declared(&config, app, &requires);
    let renderer = Renderer {
        git: &git,
        app,
        config: &config,
        declared: &declared,
        guard: &guard,
        env: preparing.inherited.env.as_deref(),
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
            requires: &requires,
        },
        tests,
    )?;
    plan.choices = choice::told(&plan, &job.patterns, &functions);
    lacking::check(ctx, job.dry_run, &mut plan, work)?;
    let base = base_side(&renderer, &plan);
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
        inherited: preparing.inherited.clone(),
    })
}

/// Renders the version upgraded from, or says why it cannot be rendered.
pub(super) fn base_side(renderer: &Renderer<'_>, plan: &Plan) -> Option<Result<Side, Trouble>> {
    let revision = plan.base.clone()?;
    let commit = revision.commit.clone().expect("a release has a commit");
    let side = renderer.side(revision.clone(), commit);
    Some(side.map_err(|trouble| base_trouble(&revision, trouble)))
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
    /// How the apps that it requires come to be there.
    requires: &'a [Requirement],
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
        requires,
    } = decision;
    let exceptions = guard.exceptions();
    let mut left_out = job.generic_left_out.clone();
    let by = "`skip-generic`";
    let declared = config.skip_generic.iter();
    left_out.extend(declared.map(|stage| (*stage, by.to_owned())));
    let facts = Facts {
        mode: job.request.mode,
        reattached: preparing.inherited.base.as_ref(),
        pr: job.request.pr,
        warm_canonical: config.warm_canonical,
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
        requires: requires.to_vec(),
    };
    plan::decide(facts)
        .map_err(|error| Trouble::new(Fault::Config, "base-unknown", error.to_string()))
}
