//! Reads a recipe that is to be enrolled, and says what its files suggest; deploys nothing.

use std::{collections::BTreeMap, path::Path};

use super::{
    canary_row,
    fetch::{self, Fetched},
    session::state_trouble,
    side::{Guard, Renderer, Side},
};
use crate::{
    config::recipe_config::RecipeConfig,
    model::{
        app::AppDomain,
        env_file::EnvFile,
        interpolation::{self, Need},
        outcome::{Fault, Trouble},
        plan, policy,
        proposal::{Proposal, Read, Variables, propose},
        run::{RunRequest, Source},
        secret_spec::{SecretSpec, secret_specs},
    },
    sys::context::Context,
    tool::{app::App, docker::client::Docker, git::Git, rendering},
};

/// The compose file of a recipe that names no other.
const DEFAULT_COMPOSE: &str = "compose.yml";
/// What stands for the value of a variable while the recipe is read and nobody has given one.
const STAND_IN: &str = "unknown";

/// A recipe as it was read.
pub(crate) struct Enrolling {
    /// What was read, as a person knows it.
    pub(crate) revision: String,
    /// The release that upgrades begin with.
    pub(crate) base: Option<String>,
    /// Every release, oldest first.
    pub(crate) releases: Vec<String>,
    /// What the files suggest.
    pub(crate) proposal: Proposal,
    /// Whether the recipe has a `recipe.toml` of its own.
    pub(crate) has_own: bool,
    /// What the compose policy refuses where somebody else may have written the head.
    pub(crate) refused: Vec<String>,
}

/// Reads a recipe: a checkout as it is, of a remote one the newest release.
///
/// Variables that Docker insists on get the values that were given for them.
pub(crate) fn read(
    ctx: &Context,
    (request, domain): (&RunRequest, &AppDomain),
    given: &BTreeMap<String, String>,
) -> Result<Enrolling, Trouble> {
    let folder = tempfile::tempdir().map_err(|error| state_trouble(&error.to_string()))?;
    let app = App {
        recipe: request.recipe.clone(),
        domain: domain.clone(),
        stack: domain.stack(),
        folder: folder.path().to_owned(),
        backups: folder.path().join("backups"),
        docker: Docker::new(&ctx.docker, &ctx.host),
        git: ctx.git.clone(),
    };
    let git = Git::new(&ctx.host, &ctx.git, ctx.settings.limits.pull);
    let fetched = fetch::fetch(&git, request, ctx.git_token.as_ref(), &app.checkout())?;
    let fetched = released(request, fetched);
    super::side::check_out(&git, &app, &fetched.head_commit)?;
    let (sample, needs) = texts(&app.checkout())?;
    let variables = Variables::find(&sample, &needs);
    let declared = declared(&variables, given, &app);
    let side = Renderer {
        env: None,
        git: &git,
        app: &app,
        config: &RecipeConfig::default(),
        declared: &declared,
        guard: &Guard::None,
    }
    .side(fetched.head.clone(), fetched.head_commit.clone())?;
    let stack = app.stack.as_str();
    let refused = policy::check(&side.stack.raw, stack, &app.checkout(), &[]);
    let base = plan::newest_older(&fetched.head, &fetched.releases);
    Ok(Enrolling {
        revision: match &fetched.head.commit {
            Some(_) => fetched.head.title(),
            None => format!("a {}", fetched.head.title()),
        },
        base: base.map(|base| base.label.clone()),
        releases: fetched
            .releases
            .iter()
            .map(|release| release.label.clone())
            .collect(),
        proposal: propose(&Read {
            domain,
            stack: &side.stack,
            backup: &side.backup,
            secrets: &secrets(&side)?,
            variables: &variables,
            databases: &databases(&side),
        }),
        has_own: app.checkout().join("tests/recipe.toml").is_file(),
        refused: refused.iter().map(ToString::to_string).collect(),
    })
}

/// Takes the newest release of what was fetched from elsewhere; its default branch where nothing was released.
fn released(request: &RunRequest, mut fetched: Fetched) -> Fetched {
    let newest = fetched.releases.last().cloned();
    let newest = newest.and_then(|newest| Some((newest.commit.clone()?, newest)));
    if let (Source::Remote { .. }, Some((commit, newest))) = (&request.source, newest) {
        fetched.head = newest;
        fetched.head_commit = commit;
    }
    fetched
}

/// Reads the sample, and which variables the compose files refer to.
fn texts(checkout: &Path) -> Result<(EnvFile, BTreeMap<String, Need>), Trouble> {
    let failed = |error: rendering::Error| super::classify::recipe_error(&error);
    let sample = rendering::read_file(checkout, ".env.sample").map_err(failed)?;
    let sample = rendering::parse_env(&sample, ".env.sample").map_err(failed)?;
    let listed = sample.get("COMPOSE_FILE").unwrap_or(DEFAULT_COMPOSE);
    let mut needs: BTreeMap<String, Need> = BTreeMap::new();
    for name in listed.split(':').filter(|name| !name.is_empty()) {
        let text = rendering::read_file(checkout, name).map_err(failed)?;
        for (name, need) in interpolation::references(&text) {
            let known = needs.entry(name).or_insert(need);
            *known = need.max(*known);
        }
    }
    Ok((sample, needs))
}

/// Returns the values that the recipe is read with.
fn declared(
    variables: &Variables,
    given: &BTreeMap<String, String>,
    app: &App,
) -> BTreeMap<String, String> {
    let needed = variables.needed.iter().map(|(name, guess)| {
        let value = guess.as_deref().unwrap_or(STAND_IN);
        (name.clone(), value.to_owned())
    });
    let all = needed.chain(given.clone());
    all.map(|(name, value)| (name, value.replace("{domain}", app.domain.as_str())))
        .collect()
}

/// Reads the secrets that the sample declares.
fn secrets(side: &Side) -> Result<Vec<SecretSpec>, Trouble> {
    secret_specs(&side.sample).map_err(|error| {
        let message = format!("failed to read `.env.sample`: {error}");
        Trouble::new(Fault::Config, "recipe-malformed", message)
    })
}

/// Lists the services in which a database speaks that the canary can write to.
fn databases(side: &Side) -> Vec<(String, &'static str)> {
    let services = side.stack.services.iter();
    let found = services.filter_map(|(name, service)| {
        let image = service.image.as_deref().unwrap_or_default();
        let value = |name: &str| service.environment.get(name)?.as_deref();
        let engine = canary_row::engine_of(image, value)?;
        Some((name.clone(), engine.title()))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        plan::Revision,
        run::{Trust, Wanted},
        source::{self, PlainHttp},
        stage::Stage,
    };

    /// Makes what was fetched of a recipe with two releases and a branch beyond them.
    fn fetched() -> Fetched {
        let revision = |label: &str, digit: char| Revision {
            label: label.to_owned(),
            version: label.parse().ok(),
            commit: Some(digit.to_string().repeat(40).parse().unwrap()),
            uncommitted: false,
            lightweight: false,
        };
        let head = revision("main", 'c');
        Fetched {
            head_commit: head.commit.clone().unwrap(),
            head,
            releases: vec![revision("1.0.0+1", 'a'), revision("1.1.0+1", 'b')],
        }
    }

    #[test]
    fn of_a_remote_recipe_the_newest_release_is_read_and_of_a_checkout_what_it_holds() {
        let request = |source| RunRequest {
            mode: crate::model::run::RunMode::Cold,
            commit: None,
            recipe: "blog".parse().unwrap(),
            source,
            wanted: Wanted::Default,
            pr: None,
            stages: Stage::ALL.to_vec(),
        };
        let url = source::Source::parse("https://example.org/blog.git", PlainHttp::Refused);
        let Ok(source::Source::Remote(url)) = url else {
            panic!("no URL")
        };
        let remote = request(Source::Remote {
            url,
            trust: Trust::Untrusted,
        });
        let newest = released(&remote, fetched());
        assert_eq!(newest.head.label, "1.1.0+1");
        assert_eq!(newest.head_commit.as_str(), "b".repeat(40));
        let unreleased = Fetched {
            releases: Vec::new(),
            ..fetched()
        };
        assert_eq!(released(&remote, unreleased).head.label, "main");
        let path = request(Source::Path("/x".into()));
        assert_eq!(released(&path, fetched()).head.label, "main");
    }
}
