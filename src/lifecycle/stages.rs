//! What each stage of a cold run does and checks.

use std::{cell::RefCell, time::Duration};

use serde_json::json;

use super::{
    backup_check::Planted,
    canary::{self, Spot},
    convergence::Memory,
    deploy, kept_secrets,
    overlay::{self, OpState, Overlays},
    prepare::{Prepared, base_trouble},
    reach,
    session::{Remark, Session, StageRun, docker_trouble},
    settle::{self, Deploy},
    side::Side,
};
use crate::{
    model::{
        labels,
        outcome::{Fault, Trouble},
        plan::{GenericChecks, OverlayRole},
        report::Deployed,
        run::RunMode,
        stage::Stage,
    },
    tool::deployer::Snapshot,
};

/// The stages of one run, and what one leaves for the next.
pub(crate) struct Course<'a> {
    /// The run.
    pub(crate) session: &'a Session<'a>,
    /// What was prepared.
    pub(crate) prepared: &'a Prepared,
    /// What was found on the swarm after the last deploy.
    pub(super) deployed: RefCell<Deployed>,
    /// The backup, the spots that it should hold, and the token that they held.
    backup: RefCell<Option<(Snapshot, Vec<Spot>, String)>>,
    /// The whole names of the services that the last deploy handed over.
    services: RefCell<Vec<String>>,
    /// The failed tasks that the last deploy is not to blame for.
    pub(super) memory: RefCell<Memory>,
}

impl<'a> Course<'a> {
    /// Begins the course.
    pub(crate) fn new(session: &'a Session<'a>, prepared: &'a Prepared) -> Self {
        let (deployed, backup, services, memory) = Default::default();
        Self {
            session,
            prepared,
            deployed,
            backup,
            services,
            memory,
        }
    }

    /// Runs one stage's body.
    pub(crate) fn run(&self, run: &mut StageRun<'_>) {
        match run.stage {
            Stage::Install => self.install(run),
            Stage::Upgrade => self.upgrade(run),
            Stage::Backup => self.backup(run),
            Stage::Restore => self.restore(run),
            Stage::Custom => overlay::run_tests(
                run,
                &self.overlays(self.prepared_side(run.stage), OpState::new()),
            ),
        }
    }

    /// Returns the revision that is deployed once a stage is over.
    pub(crate) fn prepared_side(&self, stage: Stage) -> &'a Side {
        match &self.prepared.base {
            Some(Ok(base)) if stage == Stage::Install => base,
            _ => &self.prepared.head,
        }
    }

    /// Deploys the first revision and checks that it works.
    fn install(&self, run: &mut StageRun<'_>) {
        let side = self.prepared_side(Stage::Install);
        let overlays = self.overlays(
            side,
            OpState::from([("version", json!(side.revision.label))]),
        );
        let created = run.generic("created", || {
            deploy::create(self.session, self.prepared).map(|()| Remark::Passed)
        });
        // An app that is taken over has had its install steps.
        let is_new = self.session.plan.mode != RunMode::Quick;
        let go_on = created
            && (!is_new || overlay::run_hooks(run, &overlays, OverlayRole::InstallSteps))
            && overlay::run_hooks(run, &overlays, OverlayRole::Before(Stage::Install));
        let mut how = Deploy::First;
        if go_on
            && run.generic("deployed", || {
                let there = self.find_there(side)?;
                if !there.is_empty() {
                    how = Deploy::InPlace;
                }
                let services = self.blame(side, deploy::first(self.session, side, &there))?;
                self.services.replace(services);
                Ok(Remark::Passed)
            })
        {
            self.session.record.report().installs += 1;
            self.check_live(run, side, how);
            kept_secrets::learn(self.session);
            if run.is_fine() {
                overlay::run_tests(run, &overlays);
                self.check_stable(run, side);
            }
        }
    }

    /// Redeploys the head in place over planted data and checks that both survive.
    fn upgrade(&self, run: &mut StageRun<'_>) {
        let (base, head) = (self.prepared_side(Stage::Install), &self.prepared.head);
        let before = self.deployed.borrow().clone();
        let op_state = OpState::from([
            ("from", json!(base.revision.label)),
            ("to", json!(head.revision.label)),
        ]);
        let overlays = self.overlays(head, op_state);
        let token = self.token("upgrade");
        let mut spots = Vec::new();
        let is_generic = self.is_generic(Stage::Upgrade);
        if is_generic && !run.generic("canary-planted", || self.plant(&mut spots, base, &token)) {
            return;
        }
        if !overlay::run_hooks(run, &overlays, OverlayRole::Before(Stage::Upgrade)) {
            return;
        }
        let redeployed = run.generic("redeployed", || {
            let look = settle::look(&self.session.app, &self.services())
                .map_err(|error| docker_trouble(&error))?;
            *self.memory.borrow_mut() = Memory::after(&look);
            let services = deploy::over(self.session, head, &look.services)?;
            self.services.replace(services);
            Ok(Remark::Passed)
        });
        if !redeployed {
            return;
        }
        self.check_live(run, head, Deploy::InPlace);
        if is_generic && run.is_fine() {
            run.generic("moved", || moved(&before, &self.deployed.borrow(), head));
            run.generic("canary", || {
                self.compare(&spots, &token, "the upgrade", "canary-lost")
            });
        }
        if run.is_fine() {
            overlay::run_tests(run, &overlays);
            self.check_stable(run, head);
        }
    }

    /// Makes a backup and checks that it holds the planted data.
    fn backup(&self, run: &mut StageRun<'_>) {
        let side = self.current();
        let token = self.token("backup");
        let mut spots = Vec::new();
        let is_generic = self.is_generic(Stage::Backup);
        if !overlay::run_hooks(
            run,
            &self.overlays(side, OpState::new()),
            OverlayRole::Before(Stage::Backup),
        ) {
            return;
        }
        let planted = is_generic.then(|| {
            run.generic("canary-planted", || {
                let remark = self.plant(&mut spots, side, &token)?;
                // A backup of an app that has ended would be checked for nothing, and pass.
                if spots.is_empty() {
                    let look = settle::look(&self.session.app, &self.services())
                        .map_err(|error| docker_trouble(&error))?;
                    self.check_not_ended(side, &look)?;
                }
                Ok(remark)
            })
        });
        if planted == Some(false) {
            return;
        }
        let mut made = None;
        let is_made = run.generic("backup-made", || {
            let log = self.session.log(Stage::Backup, "backup")?;
            self.session
                .progress(Stage::Backup, "making a backup", &[], self.session.left());
            let snapshot = self.session.deployer.backup(&self.session.app, &log);
            let failed = |error| self.session.deployer_trouble("the backup", &error);
            made = Some(snapshot.map_err(failed)?);
            Ok(Remark::Passed)
        });
        let Some(snapshot) = made.filter(|_| is_made) else {
            return;
        };
        if is_generic {
            self.check_backup(
                run,
                side,
                &snapshot,
                &Planted {
                    spots: &spots,
                    token: &token,
                    stack: &side.stack,
                },
            );
        }
        let op_state = OpState::from([("snapshot", json!(snapshot.id))]);
        *self.backup.borrow_mut() = Some((snapshot, spots, token));
        overlay::run_tests(run, &self.overlays(side, op_state));
    }

    /// Changes the planted data, restores the backup and checks that the data is what it was.
    fn restore(&self, run: &mut StageRun<'_>) {
        let side = self.current();
        let Some((snapshot, spots, token)) = self.backup.borrow_mut().take() else {
            return;
        };
        let overlays = self.overlays(side, OpState::from([("snapshot", json!(snapshot.id))]));
        if !overlay::run_hooks(run, &overlays, OverlayRole::Before(Stage::Restore)) {
            return;
        }
        let is_generic = self.is_generic(Stage::Restore);
        let changed = self.token("changed");
        if is_generic
            && !run.generic("canary-changed", || {
                if spots.is_empty() {
                    return Ok(Remark::NotMade("nothing was planted".to_owned()));
                }
                canary::plant(&self.session.app, &spots, &changed).map(|()| Remark::Passed)
            })
        {
            return;
        }
        let restored = run.generic("restored", || {
            let look = settle::look(&self.session.app, &self.services())
                .map_err(|error| docker_trouble(&error))?;
            *self.memory.borrow_mut() = Memory::after(&look);
            let log = self.session.log(Stage::Restore, "restore")?;
            self.session
                .progress(Stage::Restore, "restoring", &[], self.session.left());
            let done = self
                .session
                .deployer
                .restore(&self.session.app, &snapshot, &log);
            done.map(|()| Remark::Passed)
                .map_err(|error| self.session.deployer_trouble("the restore", &error))
        });
        if !restored {
            return;
        }
        self.check_live(run, side, Deploy::First);
        if is_generic && run.is_fine() {
            let backed_up: Vec<Spot> = spots.into_iter().filter(Spot::is_backed_up).collect();
            run.generic("canary", || {
                self.compare(&backed_up, &token, "the restore", "restore-lost")
            });
        }
        if run.is_fine() {
            overlay::run_tests(run, &overlays);
        }
    }

    /// Blames the base for what goes wrong while it is installed.
    pub(super) fn blame<T>(&self, side: &Side, result: Result<T, Trouble>) -> Result<T, Trouble> {
        let is_base = matches!(&self.prepared.base, Some(Ok(base)) if std::ptr::eq(base, side));
        result.map_err(|trouble| {
            if is_base {
                base_trouble(&side.revision, trouble)
            } else {
                trouble
            }
        })
    }

    /// Returns what running the overlays of a stage needs.
    fn overlays(&self, side: &Side, op_state: OpState) -> Overlays<'a> {
        Overlays {
            roots: &self.prepared.roots,
            entrance: reach::find_entrance(&side.stack),
            op_state,
        }
    }

    /// Returns the revision that is deployed after install and upgrade.
    fn current(&self) -> &'a Side {
        let upgraded = self.session.record.report().deployed.len() > 1;
        if upgraded {
            &self.prepared.head
        } else {
            self.prepared_side(Stage::Install)
        }
    }

    /// Returns the whole names of the services that should be there.
    pub(super) fn services(&self) -> Vec<String> {
        self.services.borrow().clone()
    }

    /// Returns how long a deploy may take.
    pub(super) fn deploy_limit(&self, side: &Side) -> Duration {
        let all = side
            .stack
            .services
            .values()
            .flat_map(|service| &service.labels);
        let label = labels::app_labels(all, self.session.app.stack.as_str()).timeout;
        self.session
            .config
            .timeouts
            .on(&self.session.ctx.settings.limits, label)
            .deploy
    }

    /// Tells whether ccci's own checks of a stage are made.
    pub(super) fn is_generic(&self, stage: Stage) -> bool {
        let planned = self
            .session
            .plan
            .stages
            .iter()
            .find(|planned| planned.stage == stage);
        planned.is_none_or(|planned| planned.generic == GenericChecks::Made)
    }
}

/// Checks that an upgrade changed something, and that the head's commit is what runs.
fn moved(before: &Deployed, after: &Deployed, head: &Side) -> Result<Remark, Trouble> {
    let commit = after
        .chaos_version
        .as_deref()
        .map(|chaos| chaos.trim_end_matches("+U"));
    if commit != Some(head.label_commit().short()) {
        let found = after.chaos_version.as_deref().unwrap_or("none");
        let trouble = Trouble::new(
            Fault::Recipe,
            "wrong-commit",
            "the head's commit is not what runs",
        );
        return Err(trouble.because(format!(
            "the chaos label carries {found}, the head is {}",
            head.label_commit().short()
        )));
    }
    if before.version != after.version {
        let version = |deployed: &Deployed| {
            deployed
                .version
                .clone()
                .unwrap_or_else(|| "none".to_owned())
        };
        return Ok(Remark::Note(format!(
            "version {} to {}",
            version(before),
            version(after)
        )));
    }
    if before.images != after.images {
        return Ok(Remark::Note("images changed".to_owned()));
    }
    if head.revision.version.is_some() {
        let trouble = Trouble::recipe(
            "nothing-changed",
            "the upgrade changed neither the version label nor an image",
        );
        return Err(trouble.hint("raise the version label in `compose.yml` to the release's tag"));
    }
    Ok(Remark::Note(format!(
        "commit {} to {}",
        before.chaos_version.as_deref().unwrap_or("none"),
        head.label_commit().short()
    )))
}
