//! The settings, resolved: nothing is optional that has a default.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    always_on::{self, AlwaysOnApp},
    layer::Origin,
    written::{MirrorForge, Owner, Written},
};
use crate::model::{
    app::AppDomain,
    input::{Address, DeployerChoice, IngressChoice, TimeLimit},
    recipe::RecipeName,
    run::Keep,
    source::ForgeName,
};

/// The defaults: every setting with its comment.
pub(crate) const DEFAULTS: &str = include_str!("defaults.toml");
/// All settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where apps are deployed and how they are reached.
    pub(crate) server: Server,
    /// What ccci keeps, where and for how long.
    pub(crate) state: State,
    /// The programs it runs.
    pub(crate) programs: Programs,
    /// What it must not show.
    pub(crate) secrets: Secrets,
    /// Where recipes and their tests are.
    pub(crate) recipes: Recipes,
    /// Where mirrors of recipes are; nothing where there are none.
    pub(crate) mirror: Option<Mirror>,
    /// The file with the token for the mirrors.
    pub(crate) mirror_token_file: Option<PathBuf>,
    /// How a run ends.
    pub(crate) run: Run,
    /// How old what has no record here must be before the janitor takes it.
    pub(crate) janitor_max_age: Duration,
    /// Whom ccci tells what needs a person.
    pub(crate) alerts: Alerts,
    /// The apps that the server itself needs, in the order of the file.
    pub(crate) always_on: Vec<AlwaysOnApp>,
    /// How long and how much.
    pub(crate) limits: Limits,
    /// Every setting as `ccci config` shows it.
    pub(crate) shown: Vec<Shown>,
}

/// One setting as `ccci config` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its full name.
    pub(crate) key: String,
    /// Its value, as TOML.
    pub(crate) value: String,
    /// Where it came from.
    pub(crate) origin: Origin,
}

/// Where apps are deployed and how they are reached.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// The domain under which apps get theirs.
    pub(crate) base_domain: AppDomain,
    /// Whether nothing but ccci uses names under it.
    pub(crate) base_domain_is_ours: bool,
    /// What deploys.
    pub(crate) deployer: DeployerChoice,
    /// How apps are reached.
    pub(crate) ingress: IngressChoice,
    /// What is connected to instead of what DNS says.
    pub(crate) resolve_to: Option<Address>,
    /// Certificate authorities besides the system's.
    pub(crate) ca_file: Option<PathBuf>,
}

/// What ccci keeps, where and for how long.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// The directory.
    pub(crate) dir: PathBuf,
    /// The free space that a run needs, in bytes.
    pub(crate) disk_floor: u64,
    /// How many runs are kept.
    pub(crate) keep_runs: u32,
    /// How many bytes of them are kept.
    pub(crate) keep_size: u64,
    /// How long they are kept.
    pub(crate) keep_age: Duration,
}

/// The programs that ccci runs, by name or path.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// abra.
    pub(crate) abra: PathBuf,
    /// docker.
    pub(crate) docker: PathBuf,
    /// git.
    pub(crate) git: PathBuf,
    /// pytest.
    pub(crate) pytest: PathBuf,
    /// hurl.
    pub(crate) hurl: PathBuf,
    /// Chromium.
    pub(crate) chromium: PathBuf,
}

/// What ccci must not show: where it is, never what it is.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    /// Directories whose files are masked.
    pub(crate) dirs: Vec<PathBuf>,
    /// The file with the token for git.
    pub(crate) git_token_file: Option<PathBuf>,
}

/// Where recipes and their tests are.
#[derive(Clone, Debug)]
pub(crate) struct Recipes {
    /// The URL with `{recipe}` for the name.
    pub(crate) url: String,
    /// The forge that `owner/name` is fetched from.
    pub(crate) forge: String,
    /// Whether unencrypted HTTP is allowed.
    pub(crate) allow_http: bool,
    /// The directory of the tests kept for recipes.
    ///
    /// Nothing when the default would lie in the work tree under test: its author must not approve itself.
    pub(crate) tests_dir: Option<PathBuf>,
}

impl Recipes {
    /// Returns where a recipe is fetched from.
    pub(crate) fn url_of(&self, recipe: &RecipeName) -> String {
        self.url.replace("{recipe}", recipe.as_str())
    }
}

/// Where mirrors of recipes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirror {
    /// The forge's URL.
    pub(crate) forge: String,
    /// The organisation or user that has them, where one is set.
    pub(crate) owner: Option<ForgeName>,
}

/// How a run ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// When its app is kept.
    pub(crate) keep: Keep,
    /// For how long.
    pub(crate) keep_for: Duration,
    /// How long teardown may take.
    pub(crate) teardown_timeout: Duration,
}

/// Whom ccci tells what needs a person.
#[derive(Clone, Debug)]
pub(crate) struct Alerts {
    /// Where the files are.
    pub(crate) dir: PathBuf,
    /// The program that is run for each, with its arguments; none when it is empty.
    pub(crate) command: Vec<String>,
}

/// How long and how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Recipes side by side.
    pub(crate) jobs: u8,
    /// Further tries of a failed custom test.
    pub(crate) retries: u8,
    /// A whole run.
    pub(crate) run: Duration,
    /// A stage.
    pub(crate) stage: Limit,
    /// A deploy.
    pub(crate) deploy: Limit,
    /// A request.
    pub(crate) http: Limit,
    /// A hook.
    pub(crate) hook: Duration,
    /// A test file.
    pub(crate) test: Duration,
    /// The pull of an image.
    pub(crate) pull: Duration,
    /// The period after which a stage is called slow.
    pub(crate) slow: Duration,
}

/// A limit that a recipe may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// What holds where the recipe says nothing.
    pub(crate) default: Duration,
    /// The most that a recipe may say.
    pub(crate) max: Duration,
}

impl Limit {
    /// Returns what holds for a recipe that declares this, or nothing.
    pub(crate) fn of(self, declared: Option<Duration>) -> Duration {
        declared.unwrap_or(self.default).min(self.max)
    }
}

/// Where directories that were written or left out are found.
#[derive(Clone, Debug)]
pub(super) struct Places<'a> {
    /// Where relative paths start.
    pub(super) current_dir: &'a Path,
    /// The state directory, when no setting names one.
    pub(super) default_state_dir: PathBuf,
    /// Whether the default of the tests' directory must not be used.
    pub(super) self_approving: bool,
}

/// Makes the settings from what all layers together wrote; only the tables of always-on apps can still be wrong.
pub(super) fn resolve(
    written: Written,
    places: &Places<'_>,
    shown: Vec<Shown>,
) -> Result<Settings, String> {
    let dir = places.current_dir;
    let path = |given: Option<PathBuf>| {
        let given = set(given);
        (!given.as_os_str().is_empty()).then(|| dir.join(given))
    };
    let secrets = set(written.secrets.dirs);
    let state = path(written.state.dir.clone());
    let state = state.unwrap_or_else(|| places.default_state_dir.clone());
    let tests_dir = path(written.recipes.tests_dir);
    let alerts = Alerts {
        dir: path(written.alerts.dir).unwrap_or_else(|| state.join("alerts")),
        command: set(written.alerts.command).0,
    };
    let recipes = Recipes {
        url: set(written.recipes.url).0,
        forge: set(written.recipes.forge).0,
        allow_http: set(written.recipes.allow_http),
        tests_dir: tests_dir.filter(|_| !places.self_approving),
    };
    let server = Server {
        base_domain: set(written.server.base_domain),
        base_domain_is_ours: set(written.server.base_domain_is_ours),
        deployer: set(written.server.deployer),
        ingress: set(written.server.ingress),
        resolve_to: set(written.server.resolve_to).0,
        ca_file: path(written.server.ca_file),
    };
    let secrets = Secrets {
        dirs: secrets.iter().map(|secrets| dir.join(secrets)).collect(),
        git_token_file: path(written.secrets.git_token_file),
    };
    Ok(Settings {
        always_on: always_on::resolve(written.always_on, &server, (&recipes, dir))?,
        server,
        mirror: resolve_mirror(set(written.mirror.forge), set(written.mirror.owner)),
        mirror_token_file: path(written.mirror.token_file),
        state: resolve_state(&written.state, state),
        programs: resolve_programs(written.programs),
        secrets,
        recipes,
        run: Run {
            keep: set(written.run.keep),
            keep_for: set(written.run.keep_for).0,
            teardown_timeout: set(written.run.teardown_timeout).0,
        },
        janitor_max_age: set(written.janitor.max_age).0,
        alerts,
        limits: resolve_limits(&written.limits),
        shown,
    })
}

/// Takes a value that some layer has.
fn set<T>(value: Option<T>) -> T {
    value.expect("the defaults set every key, as a test shows")
}

/// Resolves `[mirror]`: without a forge there are no mirrors, whoever would have them.
fn resolve_mirror(forge: MirrorForge, owner: Owner) -> Option<Mirror> {
    let MirrorForge(forge) = forge;
    let Owner(owner) = owner;
    forge.map(|forge| Mirror { forge, owner })
}

/// Resolves `[state]`.
fn resolve_state(written: &super::written::State, dir: PathBuf) -> State {
    State {
        dir,
        disk_floor: set(written.disk_floor).0,
        keep_runs: set(written.keep_runs),
        keep_size: set(written.keep_size).0,
        keep_age: set(written.keep_age).0,
    }
}

/// Resolves `[programs]`.
fn resolve_programs(written: super::written::Programs) -> Programs {
    Programs {
        abra: set(written.abra).0,
        docker: set(written.docker).0,
        git: set(written.git).0,
        pytest: set(written.pytest).0,
        hurl: set(written.hurl).0,
        chromium: set(written.chromium).0,
    }
}

/// Resolves `[limits]`.
fn resolve_limits(written: &super::written::Limits) -> Limits {
    let both = |default: Option<TimeLimit>, max: Option<TimeLimit>| Limit {
        default: set(default).0,
        max: set(max).0,
    };
    Limits {
        jobs: set(written.jobs).0,
        retries: set(written.retries).0,
        run: set(written.run_timeout).0,
        stage: both(written.stage_timeout, written.stage_timeout_max),
        deploy: both(written.deploy_timeout, written.deploy_timeout_max),
        http: both(written.http_timeout, written.http_timeout_max),
        hook: set(written.hook_timeout).0,
        test: set(written.test_timeout).0,
        pull: set(written.pull_timeout).0,
        slow: set(written.slow).0,
    }
}
