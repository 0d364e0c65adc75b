//! On what terms a recipe is tested: who may have written it, what it may do here, what is declared for it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    fetch::Fetched,
    overlay::TestRoots,
    prepare::Preparing,
    requirements,
    session::state_trouble,
    side::{Guard, check_out},
    staying,
};
use crate::{
    config::recipe_config::{self, RecipeConfig},
    model::{
        approval,
        outcome::{Fault, Trouble},
        run::{RunMode, RunRequest, Source, Trust, Wanted},
    },
    sys::context::Context,
    tool::{
        app::App,
        git::{self, Git},
    },
};

/// The file that names the recipes whose own tests may run for untrusted heads.
const APPROVED: &str = "repo-local-approved.txt";
/// The file that names the rules of the compose policy that approved recipes may break.
const EXCEPTIONS: &str = "policy-exceptions.txt";

/// On what terms a recipe is tested.
pub(crate) struct Terms {
    /// Whether the head is trusted.
    pub(super) trust: Trust,
    /// Whether its own tests and declarations count.
    pub(super) approved: bool,
    /// Whether the compose policy is checked.
    pub(super) guard: Guard,
    /// Where the tests are.
    pub(super) roots: TestRoots,
    /// What `recipe.toml` declares.
    pub(super) config: RecipeConfig,
}

/// Reads what is granted to the recipe and what is declared for it.
///
/// Mistakes in files of the operator are configuration; those of an untrusted head are the recipe's.
pub(crate) fn read_terms(ctx: &Context, preparing: &Preparing<'_>) -> Result<Terms, Trouble> {
    let Preparing { job, app, .. } = preparing;
    let git = Git::new(app.docker.host(), &app.git, ctx.settings.limits.pull);
    let trust = trust(&job.request, preparing.fetched);
    check_out(&git, app, &preparing.fetched.head_commit)?;
    if job.request.mode == RunMode::Reconcile {
        return always_on_terms(ctx, app);
    }
    let roots = test_roots(ctx, app, &preparing.work)?;
    let approved = trust == Trust::Trusted || is_approved(ctx, app)?;
    let guard = guard(ctx, app, trust)?;
    let config = read_config(&roots, approved, trust)?;
    requirements::check_chain(ctx, &app.recipe, job.purpose.chain(), &config)?;
    Ok(Terms {
        trust,
        approved,
        guard,
        roots,
        config,
    })
}

/// Returns the terms of an app that is always on: its configuration says what it is, and no test runs against it.
fn always_on_terms(ctx: &Context, app: &App) -> Result<Terms, Trouble> {
    let nowhere = || PathBuf::from("/nonexistent");
    let kept = TestRoots {
        recipe: nowhere(),
        kept: match &ctx.settings.recipes.tests_dir {
            Some(folder) => folder.join(app.recipe.as_str()),
            None => nowhere(),
        },
    };
    let declared = read_config(&kept, false, Trust::Trusted)?;
    Ok(Terms {
        trust: Trust::Trusted,
        approved: true,
        guard: Guard::None,
        roots: TestRoots {
            recipe: nowhere(),
            kept: nowhere(),
        },
        config: staying::config(&ctx.settings, app, declared),
    })
}

/// Tells whether the head can be somebody's who may not run code here.
fn trust(request: &RunRequest, fetched: &Fetched) -> Trust {
    match &request.source {
        Source::Path(_) => Trust::Trusted,
        // Where a release was wanted and there is none, anybody may have written what there is.
        Source::Remote { .. }
            if request.wanted == Wanted::Newest && fetched.head.version.is_none() =>
        {
            Trust::Untrusted
        }
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
fn read_config(roots: &TestRoots, approved: bool, trust: Trust) -> Result<RecipeConfig, Trouble> {
    let fault_of_own = match trust {
        Trust::Trusted => Fault::Config,
        Trust::Untrusted => Fault::Recipe,
    };
    let own = approved.then_some((&roots.recipe, fault_of_own));
    for (root, fault) in own.into_iter().chain([(&roots.kept, Fault::Config)]) {
        let read = recipe_config::read(&root.join("recipe.toml"));
        let unusable = |error: crate::config::error::Error| {
            let trouble = Trouble::new(fault, "recipe-toml", error.to_string());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        plan::Revision,
        source::{self, PlainHttp},
        stage::Stage,
    };

    #[test]
    fn a_default_branch_in_the_place_of_a_release_is_not_trusted() {
        let url = source::Source::parse("https://forge.example/x.git", PlainHttp::Refused);
        let Ok(source::Source::Remote(url)) = url else {
            panic!("it is a URL");
        };
        let request = |wanted| RunRequest {
            mode: crate::model::run::RunMode::Cold,
            commit: None,
            recipe: "x".parse().unwrap(),
            source: Source::Remote {
                url: url.clone(),
                trust: Trust::Trusted,
            },
            wanted,
            pr: None,
            stages: vec![Stage::Install],
        };
        let fetched = |label: &str| Fetched {
            head: Revision {
                label: label.to_owned(),
                version: label.parse().ok(),
                commit: None,
                uncommitted: false,
                lightweight: false,
            },
            head_commit: "8".repeat(40).parse().unwrap(),
            releases: Vec::new(),
        };
        let newest = |label| trust(&request(Wanted::Newest), &fetched(label));
        assert_eq!(newest("1.0.0+1"), Trust::Trusted);
        assert_eq!(newest("the default branch"), Trust::Untrusted);
        let asked = request(Wanted::Version("main".to_owned()));
        assert_eq!(trust(&asked, &fetched("main")), Trust::Trusted);
    }
}
