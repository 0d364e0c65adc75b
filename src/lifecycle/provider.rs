//! An app that others require, as its hooks see it: where it answers, and for whom they make something.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{
    convergence::{Look, Memory, Standing},
    session::docker_trouble,
};
use crate::{
    model::{
        app::{AppDomain, StackName},
        dependency::{PROVIDE_NAME, provide_name},
        labels::{self, Route},
        outcome::Trouble,
        recipe::RecipeName,
        run::{DeployerKind, IngressKind, RunId},
        stage::Stage,
    },
    tool::docker::{client::Docker, service::Service},
};

/// The variable with the address at which an app is reached.
pub(super) const BASE_URL: &str = "CCCI_BASE_URL";
/// The variable with the way in which it is reached.
pub(super) const INGRESS: &str = "CCCI_INGRESS";

/// An always-on app as it was found.
pub(super) struct Found {
    /// The version that its labels name.
    pub(super) version: Option<String>,
}

/// Looks for an app that runs here with all its services as they should be.
pub(super) fn find_running(docker: &Docker, stack: &StackName) -> Result<Option<Found>, Trouble> {
    let (names, look) = look_at(docker, stack)?;
    // What failed in the app's long life says nothing about how it stands.
    let (standing, _) = Memory::after(&look).judge(stack, &names, &look);
    if names.is_empty() || standing != Standing::Converged {
        return Ok(None);
    }
    let all = look.services.iter().flat_map(|service| &service.labels);
    let version = labels::app_labels(all, stack.as_str()).version;
    Ok(Some(Found { version }))
}

/// Takes one look at all that runs of an app; returns the whole names of its services too.
pub(super) fn look_at(docker: &Docker, stack: &StackName) -> Result<(Vec<String>, Look), Trouble> {
    let failed = |error| docker_trouble(&error);
    let tasks = docker.tasks(stack).map_err(failed)?;
    let names = names_of(tasks.iter().map(|task| task.service.as_str()));
    let services = docker.services(&names).map_err(failed)?;
    Ok((names, Look { services, tasks }))
}

/// Returns names, each once.
fn names_of<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns the address at which this host reaches an app; none where no service of it is routed.
pub(super) fn base_url(
    docker: &Docker,
    domain: &AppDomain,
    ingress: IngressKind,
) -> Result<Option<String>, Trouble> {
    if ingress == IngressKind::Proxy {
        return Ok(Some(format!("https://{domain}")));
    }
    let failed = |error| docker_trouble(&error);
    let stack = domain.stack();
    let containers = docker.running_containers(stack.as_str()).map_err(failed)?;
    let names = names_of(
        containers
            .iter()
            .filter_map(|container| container.service()),
    );
    let services = docker.services(&names).map_err(failed)?;
    let Some((name, route)) = first_route(&stack, &services) else {
        return Ok(None);
    };
    let mut containers = containers.iter();
    let container = containers.find(|container| container.service() == Some(name.as_str()));
    let Some(container) = container else {
        return Ok(None);
    };
    let address = docker.gateway_address(container).map_err(failed)?;
    let scheme = if route.https { "https" } else { "http" };
    Ok(address.map(|address| format!("{scheme}://{}", SocketAddr::new(address, route.port))))
}

/// Returns the whole name and the route of the first routed service, `app` before others.
fn first_route(stack: &StackName, services: &[Service]) -> Option<(String, Route)> {
    let routes = services.iter().flat_map(|service| {
        let key = stack.short(&service.name).unwrap_or(&service.name);
        let routes = labels::routes_of(key, &service.labels);
        routes
            .into_iter()
            .map(|route| (service.name.clone(), route))
    });
    let mut routes: Vec<_> = routes.collect();
    routes.sort_by_key(|(_, route)| route.service != "app");
    routes.into_iter().next()
}

/// For whom a provider makes something, and in which run.
pub(super) struct Parties<'a> {
    /// The run.
    pub(super) run_id: &'a RunId,
    /// What deploys its apps.
    pub(super) deployer: DeployerKind,
    /// The recipe that requires the other.
    pub(super) dependent: &'a RecipeName,
    /// The domain of its app.
    pub(super) dependent_domain: &'a AppDomain,
    /// The recipe that is required.
    pub(super) provider: &'a RecipeName,
    /// The domain of its app.
    pub(super) domain: &'a AppDomain,
    /// How that is reached.
    pub(super) ingress: IngressKind,
    /// Its `.env`, where it is at hand.
    pub(super) env_file: Option<PathBuf>,
}

impl Parties<'_> {
    /// Returns what the hooks see of both apps; no secret is among it.
    pub(super) fn environment(
        &self,
        docker: &Docker,
        artifacts: &Path,
    ) -> Result<BTreeMap<String, String>, Trouble> {
        let url = base_url(docker, self.domain, self.ingress)?;
        let absolute = |path: &Path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            path.display().to_string()
        };
        let words = [
            ("CCCI", "1".to_owned()),
            ("CCCI_ATTEMPT", "1".to_owned()),
            (BASE_URL, url.unwrap_or_default()),
            ("CCCI_APP_DOMAIN", self.domain.to_string()),
            ("CCCI_RECIPE", self.provider.to_string()),
            ("CCCI_STACK", self.domain.stack().to_string()),
            ("CCCI_STAGE", Stage::Install.to_string()),
            ("CCCI_RUN_ID", self.run_id.to_string()),
            ("CCCI_DEPLOYER", self.deployer.word().to_owned()),
            (INGRESS, self.ingress.word().to_owned()),
            ("CCCI_HOST_HEADER", self.domain.to_string()),
            ("CCCI_ARTIFACTS", absolute(artifacts)),
            ("CCCI_DEPENDENT", self.dependent.to_string()),
            ("CCCI_DEPENDENT_DOMAIN", self.dependent_domain.to_string()),
            (
                "CCCI_DEPENDENT_URL",
                format!("https://{}", self.dependent_domain),
            ),
            (
                PROVIDE_NAME,
                provide_name(self.dependent, self.dependent_domain),
            ),
            ("NO_COLOR", "1".to_owned()),
        ];
        let env_file = self.env_file.as_deref().map(absolute);
        let env_file = env_file.map(|path| ("CCCI_APP_ENV", path));
        let words = words.into_iter().chain(env_file);
        Ok(words.map(|(key, value)| (key.to_owned(), value)).collect())
    }
}
