//! What each stage of a cold run does and checks.

use std::{cell::RefCell, time::Duration};

use serde_json::json;

use super::{
    canary::{self, Spot},
    classify,
    convergence::{Look, Memory},
    deploy,
    overlay::{self, OpState, Overlays},
    prepare::{Prepared, Side, base_trouble},
    reach::{self, Entrance},
    session::{Remark, Session, StageRun, docker_trouble},
    settle::{self, Deploy, Settling},
};
use crate::{
    model::{
        backup::Rule,
        labels,
        outcome::{Fault, Trouble},
        plan::{GenericChecks, OverlayRole},
        report::Deployed,
        stage::Stage,
    },
    sys::{process::LineStream, wait::Deadline},
    tool::deployer::{Held, Snapshot, Wanted},
};

/// The stages of one run, and what one leaves for the next.
pub(crate) struct Course<'a> {
    /// The run.
    pub(crate) session: &'a Session<'a>,
    /// What was prepared.
    pub(crate) prepared: &'a Prepared,
    /// What happens to the app's containers.
    pub(crate) events: &'a LineStream,
    /// What was found on the swarm after the last deploy.
    deployed: RefCell<Deployed>,
    /// The backup, the spots that it should hold, and the token that they held.
    backup: RefCell<Option<(Snapshot, Vec<Spot>, String)>>,
    /// The failed tasks that the last deploy is not to blame for.
    memory: RefCell<Memory>,
}

impl<'a> Course<'a> {
    /// Begins the course.
    pub(crate) fn new(
        session: &'a Session<'a>,
        prepared: &'a Prepared,
        events: &'a LineStream,
    ) -> Self {
        let (deployed, backup, memory) = Default::default();
        Self {
            session,
            prepared,
            events,
            deployed,
            backup,
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
        let go_on = created
            && overlay::run_hooks(run, &overlays, OverlayRole::InstallSteps)
            && overlay::run_hooks(run, &overlays, OverlayRole::Before(Stage::Install));
        if go_on
            && run.generic("deployed", || {
                self.blame(
                    side,
                    deploy::first(self.session, side).map(|()| Remark::Passed),
                )
            })
        {
            self.session.record.report().installs += 1;
            self.check_live(run, side, Deploy::First);
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
            let look =
                settle::look(&self.session.app, &self.services(base)).map_err(docker_trouble)?;
            *self.memory.borrow_mut() = Memory::after(&look);
            deploy::over(self.session, head).map(|()| Remark::Passed)
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
        if is_generic && !run.generic("canary-planted", || self.plant(&mut spots, side, &token)) {
            return;
        }
        let mut made = None;
        let is_made = run.generic("backup-made", || {
            let log = self.session.log(Stage::Backup, "backup")?;
            self.session.progress(
                Stage::Backup,
                "making a backup",
                &[],
                self.session.deadline.left(),
            );
            let snapshot = self.session.deployer.backup(&self.session.app, &log);
            made = Some(snapshot.map_err(|error| classify::deployer_error("the backup", &error))?);
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
                canary::plant(&self.session.app, &spots, &changed).map(|()| Remark::Passed)
            })
        {
            return;
        }
        let restored = run.generic("restored", || {
            let look =
                settle::look(&self.session.app, &self.services(side)).map_err(docker_trouble)?;
            *self.memory.borrow_mut() = Memory::after(&look);
            let log = self.session.log(Stage::Restore, "restore")?;
            self.session.progress(
                Stage::Restore,
                "restoring",
                &[],
                self.session.deadline.left(),
            );
            let done = self
                .session
                .deployer
                .restore(&self.session.app, &snapshot, &log);
            done.map(|()| Remark::Passed)
                .map_err(|error| classify::deployer_error("the restore", &error))
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

    /// Checks that an app that was just deployed converges and answers.
    fn check_live(&self, run: &mut StageRun<'_>, side: &Side, deploy: Deploy) {
        let stage = run.stage;
        let deadline = self.session.limit(self.deploy_limit(side));
        let is_generic = self.is_generic(stage);
        let converged = run.generic("converged", || {
            self.blame(side, self.converge(stage, side, deploy, deadline))
        });
        if !converged {
            return;
        }
        for ready in &self.session.config.ready {
            let is_ready = run.generic(&format!("ready-{}", ready.name), || {
                deploy::wait_until_ready(
                    self.session,
                    stage,
                    &reach::find_entrance(&side.stack),
                    ready,
                )
                .map(|()| Remark::Passed)
            });
            if !is_ready {
                return;
            }
        }
        if is_generic {
            run.generic("reachable", || match reach::find_entrance(&side.stack) {
                Entrance::None { reason } => Ok(Remark::NotMade(reason)),
                entrance @ Entrance::Http { .. } => {
                    let reached =
                        reach::wait_until_reachable(self.session, stage, &entrance, deadline);
                    self.blame(side, reached.map(Remark::Note))
                }
            });
        }
    }

    /// Waits for convergence and takes note of what is deployed.
    fn converge(
        &self,
        stage: Stage,
        side: &Side,
        deploy: Deploy,
        deadline: Deadline,
    ) -> Result<Remark, Trouble> {
        let services = self.services(side);
        let memory = self.memory.take();
        let settling = Settling {
            stage,
            services: &services,
            deploy,
            memory,
            deadline,
        };
        let look = settle::wait_until_converged(self.session, self.events, settling)?;
        let deployed = self.describe(side, &look)?;
        let remark = format!("{} services", look.services.len());
        if stage != Stage::Restore {
            self.session.record.report().deployed.push(deployed.clone());
            *self.deployed.borrow_mut() = deployed;
        }
        Ok(Remark::Note(remark))
    }

    /// Checks once more that nothing failed while the stage's checks were made.
    fn check_stable(&self, run: &mut StageRun<'_>, side: &Side) {
        let stage = run.stage;
        if self.is_generic(stage) && run.is_fine() {
            let deadline = self.session.limit(self.deploy_limit(side));
            run.generic("stable", || {
                let services = self.services(side);
                let settling = Settling {
                    stage,
                    services: &services,
                    deploy: Deploy::First,
                    memory: Memory::default(),
                    deadline,
                };
                settle::wait_until_converged(self.session, self.events, settling)
                    .map(|_| Remark::Passed)
            });
        }
    }

    /// Checks that a backup holds what its labels promise.
    fn check_backup(
        &self,
        run: &mut StageRun<'_>,
        side: &Side,
        snapshot: &Snapshot,
        planted: &Planted<'_>,
    ) {
        let stack = &self.session.app.stack;
        for volume in &side.backup.volumes {
            let short = stack.short(&volume.volume).unwrap_or(&volume.volume);
            match &volume.rule {
                Rule::Excluded => {}
                Rule::Whole if planted.has_volume(short) => {
                    run.generic(&format!("holds-{short}"), || {
                        self.holds_canary(snapshot, short, planted)
                    });
                }
                Rule::Whole => {}
                Rule::Paths(paths) => {
                    for path in paths {
                        run.generic(&format!("holds-{short}-{path}"), || {
                            self.holds_dump(snapshot, short, path, planted)
                        });
                    }
                }
            }
        }
    }

    /// Checks that a backup holds a volume's canary.
    fn holds_canary(
        &self,
        snapshot: &Snapshot,
        volume: &str,
        planted: &Planted<'_>,
    ) -> Result<Remark, Trouble> {
        match self.look_into(snapshot, volume, canary::FILE_NAME, planted.token)? {
            Some(Held {
                has_token: true, ..
            }) => Ok(Remark::Passed),
            Some(_) => Err(Trouble::recipe(
                "backup-stale",
                format!("the backup of volume `{volume}` holds old data"),
            )),
            None => Err(Trouble::recipe(
                "backup-incomplete",
                format!("the backup lacks volume `{volume}`"),
            )),
        }
    }

    /// Checks that a backup holds a path that the labels name, with data in it.
    fn holds_dump(
        &self,
        snapshot: &Snapshot,
        volume: &str,
        path: &str,
        planted: &Planted<'_>,
    ) -> Result<Remark, Trouble> {
        let trimmed = path.trim_matches('/');
        let hint = "look at the hook that should make it in `backup.log`";
        match self.look_into(snapshot, volume, trimmed, planted.token)? {
            None => Err(Trouble::recipe(
                "dump-missing",
                format!("the backup lacks `{path}` of volume `{volume}`"),
            )
            .hint(hint)),
            Some(Held { size: 0, .. }) => Err(Trouble::recipe(
                "dump-empty",
                format!("dump `{path}` of volume `{volume}` is empty"),
            )
            .hint(hint)),
            Some(held) if held.has_token || !planted.has_database() => {
                Ok(Remark::Note(format!("{path}: {} bytes", held.size)))
            }
            Some(held) => self.holds_rows(snapshot, volume, trimmed, held),
        }
    }

    /// Checks a dump without the canary's row: one in SQL text must have it, of others only restore can tell.
    fn holds_rows(
        &self,
        snapshot: &Snapshot,
        volume: &str,
        path: &str,
        held: Held,
    ) -> Result<Remark, Trouble> {
        for mark in [
            "-- PostgreSQL database",
            "-- MariaDB dump",
            "-- MySQL dump",
            "CREATE TABLE",
        ] {
            if self
                .look_into(snapshot, volume, path, mark)?
                .is_some_and(|held| held.has_token)
            {
                let message =
                    format!("dump `{path}` of volume `{volume}` lacks the rows that were there");
                return Err(Trouble::recipe("dump-incomplete", message));
            }
        }
        Ok(Remark::Note(format!(
            "{path}: {} bytes, not in SQL text",
            held.size
        )))
    }

    /// Looks for a path in a backup.
    fn look_into(
        &self,
        snapshot: &Snapshot,
        volume: &str,
        path: &str,
        token: &str,
    ) -> Result<Option<Held>, Trouble> {
        let wanted = Wanted {
            volume,
            path,
            token,
        };
        let held = self
            .session
            .deployer
            .look_into(&self.session.app, snapshot, &wanted);
        held.map_err(|error| classify::deployer_error("looking into the backup", &error))
    }

    /// Finds the spots of the app and plants a token in each.
    fn plant(&self, spots: &mut Vec<Spot>, side: &Side, token: &str) -> Result<Remark, Trouble> {
        let found = canary::list_spots(&self.session.app, &side.stack, &side.backup)
            .map_err(docker_trouble)?;
        canary::plant(&self.session.app, &found, token)?;
        let titles: Vec<String> = found.iter().map(Spot::title).collect();
        *spots = found;
        Ok(if titles.is_empty() {
            Remark::NotMade("the app keeps no data".to_owned())
        } else {
            Remark::Note(titles.join(", "))
        })
    }

    /// Checks that each spot holds a token.
    fn compare(
        &self,
        spots: &[Spot],
        token: &str,
        operation: &str,
        code: &str,
    ) -> Result<Remark, Trouble> {
        for spot in spots {
            let lost = |what: String| {
                Trouble::recipe(code, format!("data of {} is lost: {what}", spot.title()))
            };
            match canary::read(&self.session.app, spot) {
                Ok(Some(found)) if found == token => {}
                Ok(Some(_)) => {
                    return Err(lost(format!(
                        "{operation} left other data than was planted before it"
                    )));
                }
                Ok(None) => {
                    return Err(lost(format!(
                        "what was planted is not there after {operation}"
                    )));
                }
                // After a deploy that converged, a volume that nobody mounts is one that the recipe dropped.
                Err(trouble) if trouble.code == "no-container" => {
                    return Err(lost(format!("nothing uses it after {operation}")));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let titles: Vec<String> = spots.iter().map(Spot::title).collect();
        Ok(if titles.is_empty() {
            Remark::NotMade("nothing was planted that it covers".to_owned())
        } else {
            Remark::Note(titles.join(", "))
        })
    }

    /// Describes what is on the swarm now.
    fn describe(&self, side: &Side, look: &Look) -> Result<Deployed, Trouble> {
        let stack = &self.session.app.stack;
        let all = look.services.iter().flat_map(|service| &service.labels);
        let labels = labels::app_labels(all, stack.as_str());
        let name = |full: &str| stack.short(full).unwrap_or(full).to_owned();
        let images: Vec<String> = look
            .services
            .iter()
            .map(|service| service.image.clone())
            .collect();
        let image_ids = self
            .session
            .app
            .docker
            .image_ids(&images)
            .map_err(docker_trouble)?;
        Ok(Deployed {
            label: side.revision.label.clone(),
            version: labels.version,
            chaos_version: labels.chaos_version,
            images: look
                .services
                .iter()
                .map(|service| (name(&service.name), service.image.clone()))
                .collect(),
            image_ids,
        })
    }

    /// Blames the base for what goes wrong while it is installed.
    fn blame<T>(&self, side: &Side, result: Result<T, Trouble>) -> Result<T, Trouble> {
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

    /// Returns the whole names of a revision's services.
    fn services(&self, side: &Side) -> Vec<String> {
        side.stack
            .services
            .keys()
            .map(|key| self.session.app.stack.object(key))
            .collect()
    }

    /// Returns how long a deploy may take.
    fn deploy_limit(&self, side: &Side) -> Duration {
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
    fn is_generic(&self, stage: Stage) -> bool {
        let planned = self
            .session
            .plan
            .stages
            .iter()
            .find(|planned| planned.stage == stage);
        planned.is_none_or(|planned| planned.generic == GenericChecks::Made)
    }

    /// Returns a token that no other plant has.
    fn token(&self, purpose: &str) -> String {
        format!("ccci-canary-{}-{purpose}", self.session.dir.id())
    }
}

/// What was planted before a backup.
struct Planted<'a> {
    /// Where.
    spots: &'a [Spot],
    /// What.
    token: &'a str,
}

impl Planted<'_> {
    /// Tells whether a volume has a canary.
    fn has_volume(&self, short: &str) -> bool {
        self.spots
            .iter()
            .any(|spot| matches!(spot, Spot::Volume { name, .. } if name == short))
    }

    /// Tells whether a database has one.
    fn has_database(&self) -> bool {
        self.spots
            .iter()
            .any(|spot| matches!(spot, Spot::Database { .. }))
    }
}

/// Checks that an upgrade changed something, and that the head's commit is what runs.
fn moved(before: &Deployed, after: &Deployed, head: &Side) -> Result<Remark, Trouble> {
    let commit = after
        .chaos_version
        .as_deref()
        .map(|chaos| chaos.trim_end_matches("+U"));
    if commit != Some(head.commit.short()) {
        let found = after.chaos_version.as_deref().unwrap_or("none");
        let trouble = Trouble::new(
            Fault::Recipe,
            "wrong-commit",
            "the head's commit is not what runs",
        );
        return Err(trouble.because(format!(
            "the chaos label carries {found}, the head is {}",
            head.commit.short()
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
        head.commit.short()
    )))
}
