//! Checks that what was deployed lives: it converges, gets ready, answers and stays so.

use super::{
    convergence::Look,
    deploy,
    reach::{self, Entrance, Reaching},
    session::{Remark, StageRun, docker_trouble},
    settle::{self, Deploy, Settling},
    side::Side,
    stages::Course,
};
use crate::{
    model::{labels, outcome::Trouble, report::Deployed, stage::Stage},
    sys::wait::Deadline,
};

impl Course<'_> {
    /// Checks that an app that was just deployed converges and answers.
    pub(super) fn check_live(&self, run: &mut StageRun<'_>, side: &Side, deploy: Deploy) {
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
                Entrance::Http {
                    route,
                    is_health_checked,
                } => {
                    let reaching = Reaching {
                        stage,
                        route: &route,
                        is_health_checked,
                        deadline,
                    };
                    self.blame(side, self.reach(&reaching).map(Remark::Note))
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
        let (services, shared) = (self.services(), self.shared_networks(side));
        let mut memory = self.memory.borrow_mut();
        let settling = Settling {
            stage,
            services: &services,
            shared: &shared,
            deploy,
            memory: &mut memory,
            deadline,
        };
        let look = settle::wait_until_converged(self.session, settling)?;
        let deployed = self.describe(side, &look)?;
        let remark = format!("{} services", look.services.len());
        if stage != Stage::Restore {
            self.session.record.report().deployed.push(deployed.clone());
            *self.deployed.borrow_mut() = deployed;
        }
        Ok(Remark::Note(remark))
    }

    /// Waits until the app answers, watching that it stays alive.
    fn reach(&self, reaching: &Reaching<'_>) -> Result<String, Trouble> {
        let services = self.services();
        let mut memory = self.memory.borrow_mut();
        let app = (services.as_slice(), reaching.route.service.as_str());
        let check_alive = || settle::check_alive(self.session, app, &mut memory);
        reach::wait_until_reachable(self.session, reaching, check_alive)
    }

    /// Checks once more that nothing failed while the stage's checks were made.
    pub(super) fn check_stable(&self, run: &mut StageRun<'_>, side: &Side) {
        let stage = run.stage;
        if self.is_generic(stage) && run.is_fine() {
            let deadline = self.session.limit(self.deploy_limit(side));
            run.generic("stable", || {
                let (services, shared) = (self.services(), self.shared_networks(side));
                let settling = Settling {
                    stage,
                    services: &services,
                    shared: &shared,
                    deploy: Deploy::First,
                    memory: &mut self.memory.borrow_mut(),
                    deadline,
                };
                let look = settle::wait_until_converged(self.session, settling)?;
                self.check_not_ended(side, &look).map(|()| Remark::Passed)
            });
        }
    }

    /// Fails when the service that requests go to has ended, as a look shows.
    pub(super) fn check_not_ended(&self, side: &Side, look: &Look) -> Result<(), Trouble> {
        match reach::find_entrance(&side.stack) {
            Entrance::Http { route, .. } => {
                settle::check_not_ended(self.session, &route.service, look)
            }
            Entrance::None { .. } => Ok(()),
        }
    }

    /// Returns the whole names of the networks that a revision shares with others.
    fn shared_networks(&self, side: &Side) -> Vec<String> {
        let shared = side
            .stack
            .networks
            .iter()
            .filter(|(_, network)| network.external);
        let stack = self.session.app.stack.as_str();
        shared
            .map(|(key, network)| network.full_name(stack, key))
            .collect()
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
            .map_err(|error| docker_trouble(&error))?;
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
            url: None,
        })
    }
}
