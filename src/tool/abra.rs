//! The deployer that drives abra: every known trap of abra is dealt with here, and nowhere else.
//!
//! Only chaos deploys are made, offline: the caller chooses the commit, and abra leaves the checkout alone. What else a
//! deploy without chaos does, to the recipe's tree and to the pin in the `.env`, is thereby no matter.
//! It never waits for convergence, which the lifecycle does for both deployers alike.

mod answer;
mod call;
pub(crate) mod catalogue;
mod download;
mod listing;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use self::call::{Call, broken};
use super::{
    app::{App, SERVER},
    deployer::{Deployer, Error, Held, Snapshot, Wanted},
    docker::client,
};
use crate::{
    model::run::DeployerKind,
    sys::process::{Cmd, Exit, Host, StepLog},
};

/// How long abra may take to say its version.
const VERSION_LIMIT: Duration = Duration::from_secs(30);
/// How long `app new` may take: it copies one file.
const NEW_LIMIT: Duration = Duration::from_secs(60);
/// How long `app secret generate` may take: one request for each secret.
const SECRET_LIMIT: Duration = Duration::from_secs(180);
/// How long `app deploy` may take: it asks a registry about each image, and does not wait for the tasks.
const DEPLOY_LIMIT: Duration = Duration::from_secs(300);
/// How long `app backup create` and `app restore` may take, hooks included.
const BACKUP_LIMIT: Duration = Duration::from_secs(1800);
/// How long `app backup snapshots` may take: the repository may be far away.
const SNAPSHOTS_LIMIT: Duration = Duration::from_secs(180);

/// Use the recipe's tree as it is. Confirmed for new, deploy and secret generate.
const CHAOS: &str = "-C";
/// Do not wait for convergence; `POST_*_CMDS` then do not run (R+). Confirmed.
const NO_CONVERGE_CHECKS: &str = "-c";
/// Deploy although deployed. Confirmed.
const FORCE: &str = "-f";
/// Do not compare the domain's address with the server's: a runner need not have one. Confirmed.
const NO_DOMAIN_CHECKS: &str = "--no-domain-checks";
/// Print JSON. Confirmed for other commands, R+ for secret generate.
const MACHINE: &str = "-m";
/// Generate all secrets. Confirmed.
const ALL: &str = "--all";
/// R: names a snapshot, for restore as for download.
const SNAPSHOT: &str = "--snapshot";

/// A catalogue without recipes.
const EMPTY_CATALOGUE: &str = "{}\n";

/// abra.
pub(crate) struct AbraDeployer {
    /// Where the program is.
    program: PathBuf,
    /// Its version.
    version: String,
}

impl AbraDeployer {
    /// Asks the program at a path for its version.
    pub(crate) fn new(program: &Path, host: &Host) -> Result<Self, Error> {
        let output = Cmd::new(program, VERSION_LIMIT)
            .arg("--version")
            .env("TERM", "dumb")
            .run(host)?;
        if output.exit == Exit::Interrupted {
            return Err(client::Error::Interrupted.into());
        }
        let version = Some(output.stdout_text()).filter(|_| output.ok());
        match version.as_deref().and_then(answer::version) {
            Some(version) => Ok(Self {
                program: program.to_owned(),
                version: version.to_owned(),
            }),
            None => Err(broken(program, "`--version` did not tell a version")),
        }
    }

    /// Lists the app's snapshots, oldest first.
    fn snapshots(&self, app: &App, log: Option<&StepLog>) -> Result<Vec<String>, Error> {
        let call = Call::new(app, &["app", "backup", "snapshots"], SNAPSHOTS_LIMIT);
        let output = call
            .log(log)
            .on_terminal()
            .arg(app.domain.as_str())
            .run(&self.program)?;
        Ok(listing::snapshots(&output.stdout_text()))
    }
}

impl Deployer for AbraDeployer {
    fn kind(&self) -> DeployerKind {
        DeployerKind::Abra
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn create(&self, app: &App, log: &StepLog) -> Result<(), Error> {
        furnish(app)?;
        Call::new(app, &["app", "new"], NEW_LIMIT)
            .log(Some(log))
            .makes(app.env_file())
            .arg(CHAOS)
            .arg(format!("--domain={}", app.domain))
            .arg(format!("--server={SERVER}"))
            .arg(app.recipe.as_str())
            .run(&self.program)?;
        // abra may say that all is well and have put it elsewhere, as when a file `abra.yml` moves its directory.
        let path = app.env_file();
        match fs::metadata(&path) {
            Ok(_) => Ok(()),
            Err(source) => Err(Error::File { path, source }),
        }
    }

    fn generate_secrets(&self, app: &App, log: &StepLog) -> Result<(), Error> {
        let output = Call::new(app, &["app", "secret", "generate"], SECRET_LIMIT)
            .log(Some(log))
            .secret()
            .arg(CHAOS)
            .arg(MACHINE)
            .arg(ALL)
            .arg(app.domain.as_str())
            .run(&self.program)?;
        // What cannot be read cannot be masked either, so that a run with it must not go on.
        match listing::secrets(&output.stdout_text()) {
            Some(values) if !output.truncated => {
                log.note(&format!("generated {} secret values", values.len()));
                Ok(())
            }
            Some(_) | None => Err(broken(
                &self.program,
                "the list of generated secrets cannot be read",
            )),
        }
    }

    fn deploy(&self, app: &App, log: &StepLog) -> Result<(), Error> {
        Call::new(app, &["app", "deploy"], DEPLOY_LIMIT)
            .log(Some(log))
            .arg(CHAOS)
            .arg(NO_CONVERGE_CHECKS)
            .arg(FORCE)
            .arg(NO_DOMAIN_CHECKS)
            .arg(app.domain.as_str())
            .run(&self.program)?;
        Ok(())
    }

    fn backup(&self, app: &App, log: &StepLog) -> Result<Snapshot, Error> {
        // Snapshots outlive an app, so that an older one of the same name may be there. That there is none is a failure
        // to abra; a bot that does not answer shows in the next call.
        let before: BTreeSet<String> = match self.snapshots(app, None) {
            Ok(ids) => ids.into_iter().collect(),
            Err(Error::Tool { .. }) => BTreeSet::new(),
            Err(error) => return Err(error),
        };
        Call::new(app, &["app", "backup", "create"], BACKUP_LIMIT)
            .log(Some(log))
            .on_terminal()
            .arg(app.domain.as_str())
            .run(&self.program)?;
        let said = match self.snapshots(app, Some(log)) {
            Ok(after) => match after.into_iter().rev().find(|id| !before.contains(id)) {
                Some(id) => return Ok(Snapshot { id }),
                None => "no new snapshot is listed".to_owned(),
            },
            Err(Error::Tool { said, .. }) => said,
            Err(error) => return Err(error),
        };
        let said = format!("`app backup create` ended well, and then: {said}");
        Err(broken(&self.program, &said))
    }

    fn look_into(
        &self,
        app: &App,
        snapshot: &Snapshot,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Held>, Error> {
        download::look_into(&self.program, app, snapshot, wanted)
    }

    fn restore(&self, app: &App, snapshot: &Snapshot, log: &StepLog) -> Result<(), Error> {
        // Unless told which, abra takes the newest, which may be another's by now.
        Call::new(app, &["app", "restore"], BACKUP_LIMIT)
            .log(Some(log))
            .on_terminal()
            .arg(format!("{SNAPSHOT}={}", snapshot.id))
            .arg(app.domain.as_str())
            .run(&self.program)?;
        Ok(())
    }
}

/// Makes what abra needs to find in a directory of its own, beside the recipe that the caller has put there.
///
/// - `servers/default/`: a server exists when its folder does, and `--server=default` of `app new` must exist.
/// - `catalogue/recipes.json`: without the folder abra clones the catalogue, offline or not (R); without the file what
///   reads it fails (R). An empty one says that nothing is known, as is true for a commit under test.
/// - `logs/`: newer versions write a log of each deploy there (R).
fn furnish(app: &App) -> Result<(), Error> {
    let make = |name: &str| {
        let path = app.folder.join(name);
        fs::create_dir_all(&path).map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
        Ok::<_, Error>(path)
    };
    make(&format!("servers/{SERVER}"))?;
    make("logs")?;
    let path = make("catalogue")?.join("recipes.json");
    if path.exists() {
        return Ok(());
    }
    fs::write(&path, EMPTY_CATALOGUE).map_err(|source| Error::File { path, source })
}
