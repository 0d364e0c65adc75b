//! Finds out how an app is reached, waits until it answers, makes the checks that are declared as data.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use super::{
    classify,
    session::{Session, docker_trouble},
};
use crate::{
    model::{
        compose::Stack,
        labels::{self, Route},
        outcome::Trouble,
        run::IngressKind,
        stage::Stage,
    },
    sys::wait::{Deadline, pause},
    tool::{
        docker::container::Container,
        probe::{
            Error, Probe, Request, Response, Roots, Scheme, Target, is_proxy_error_page,
            render_exchange,
        },
    },
};

/// The pause between two requests at first; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two requests.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long an app whose own health check is content may answer wrongly.
const HEALTHY_PATIENCE: Duration = Duration::from_secs(30);
/// How many lines of an exchange are shown.
pub(super) const SHOWN_LINES: usize = 5;

/// How an app is reached.
#[derive(Clone, Debug)]
pub(crate) enum Entrance {
    /// By HTTP, to this service.
    Http {
        /// The routed service and port.
        route: Route,
        /// Whether the service has a health check of its own.
        is_health_checked: bool,
    },
    /// Not at all: no service is routed.
    None {
        /// Why.
        reason: String,
    },
}

/// Finds the way into an app from its labels.
pub(crate) fn find_entrance(stack: &Stack) -> Entrance {
    // What such a service answers to plain HTTP serves for its certificate, and is no way in.
    let ends_tls = |route: &Route| {
        let service = stack.services.get(&route.service);
        service.is_some_and(|service| !labels::passes_tls_through(service))
    };
    match labels::routes(stack).into_iter().find(ends_tls) {
        Some(route) => {
            let is_health_checked = stack
                .services
                .get(&route.service)
                .is_some_and(|service| service.has_healthcheck);
            Entrance::Http {
                route,
                is_health_checked,
            }
        }
        None if stack.services.values().any(labels::passes_tls_through) => Entrance::None {
            reason: "the proxy passes TLS through to the app".to_owned(),
        },
        None => Entrance::None {
            reason: "no service is routed by the proxy".to_owned(),
        },
    }
}

/// A wait for an answer.
pub(crate) struct Reaching<'a> {
    /// The stage that waits.
    pub(crate) stage: Stage,
    /// The routed service and port.
    pub(crate) route: &'a Route,
    /// Whether the service has a health check of its own.
    pub(crate) is_health_checked: bool,
    /// When to give up.
    pub(crate) deadline: Deadline,
}

/// Waits until the app answers as it should; returns a remark on the answer.
///
/// Between two requests the app is looked at: one in a restart loop will never answer.
pub(crate) fn wait_until_reachable(
    session: &Session<'_>,
    reaching: &Reaching<'_>,
    mut check_alive: impl FnMut() -> Result<(), Trouble>,
) -> Result<String, Trouble> {
    let patience = if reaching.is_health_checked {
        Deadline::after(HEALTHY_PATIENCE).min(reaching.deadline)
    } else {
        reaching.deadline
    };
    let request = Request::get(session.config.health_path.as_str());
    let begun = Instant::now();
    let mut attempt = 0_u32;
    loop {
        attempt += 1;
        let unfit = match ask(session, reaching, &request) {
            Ok(status) => {
                let seconds = begun.elapsed().as_secs_f64();
                return Ok(format!(
                    "GET {} is {status} after {seconds:.1}s",
                    request.path
                ));
            }
            Err(unfit) => unfit,
        };
        if unfit.trouble.code == "interrupted" {
            return Err(unfit.trouble);
        }
        let doing = format!("GET {} {}, try {attempt}", request.path, unfit.short);
        session.progress(reaching.stage, &doing, &[], patience.left());
        if unfit.is_final || patience.is_over() {
            return Err(unfit.trouble);
        }
        check_alive()?;
        let wait = FIRST_PAUSE
            .saturating_mul(1 << attempt.min(6))
            .min(LONGEST_PAUSE);
        if !pause(
            wait.min(patience.left()),
            &session.app.docker.host().interrupt,
        ) {
            return Err(classify::interrupted());
        }
    }
}

/// Sends one request, and keeps the exchange as evidence when the answer is not right.
fn ask(session: &Session<'_>, reaching: &Reaching<'_>, request: &Request) -> Result<u16, Unfit> {
    let target = target(session, reaching.route).map_err(|trouble| Unfit {
        short: trouble.message.clone(),
        is_final: false,
        trouble,
    })?;
    let probe = Probe::new(target);
    let result = probe.request(request);
    let judged = judge_reachable(session, request, &result);
    if judged.is_ok()
        && let Some(deployed) = session.record.report().deployed.last_mut()
    {
        deployed.url = Some(open_at(probe.target()));
    }
    judged.map_err(|unfit| {
        let text = render_exchange(probe.target(), request, &result);
        let name = keep_exchange(session, reaching.stage, &text);
        let trouble = unfit.trouble.excerpt(name, &text, SHOWN_LINES);
        Unfit { trouble, ..unfit }
    })
}

/// Returns what a person, or a test, opens to see what a request sees.
pub(super) fn open_at(target: &Target) -> String {
    match (target.forwarded_proto, target.connect_to) {
        // There is no proxy.
        (Some(_), Some(address)) => format!("{}://{address}", target.scheme.as_str()),
        _ => target.url(""),
    }
}

/// An answer that does not count as reachable.
struct Unfit {
    /// In a word, for the line that is redrawn.
    short: String,
    /// Whether waiting cannot help.
    is_final: bool,
    /// What it means when it stays so.
    trouble: Trouble,
}

/// Judges an answer to the question whether the app is reachable.
fn judge_reachable(
    session: &Session<'_>,
    request: &Request,
    result: &Result<Response, Error>,
) -> Result<u16, Unfit> {
    let message = format!("the app is not reachable at `{}`", request.path);
    let unfit = |short: String, cause: String| Unfit {
        short,
        is_final: false,
        trouble: Trouble::recipe("not-reachable", message.clone()).because(cause),
    };
    match result {
        Ok(response) => {
            let status = response.status;
            let through_proxy = session.plan.ingress == IngressKind::Proxy;
            if through_proxy && is_proxy_error_page(response) {
                let cause = format!("the proxy answers {status} itself: it has no way to the app");
                return Err(unfit(format!("{status} by the proxy"), cause));
            }
            if session.config.health_ok.accept(status) {
                return Ok(status);
            }
            Err(unfit(
                status.to_string(),
                format!("the app answers {status}"),
            ))
        }
        Err(error) => {
            let is_final = matches!(error, Error::Certificate { .. });
            let short = if is_final {
                "wrong certificate"
            } else {
                "no answer"
            };
            Err(Unfit {
                short: short.to_owned(),
                is_final,
                trouble: unanswered(session.plan.ingress, error, ("not-reachable", &message)),
            })
        }
    }
}

/// Explains a request without an answer: one that did not get as far as the app says nothing about the recipe.
pub(super) fn unanswered(
    ingress: IngressKind,
    error: &Error,
    (code, message): (&str, &str),
) -> Trouble {
    let trouble = match (ingress, error) {
        (_, Error::Certificate { .. }) => Trouble::broken("certificate", message),
        (IngressKind::Proxy, Error::Dns(_)) => Trouble::broken("dns", message),
        (IngressKind::Proxy, Error::Refused { .. }) => Trouble::broken("proxy-away", message),
        (IngressKind::Proxy | IngressKind::Direct, _) => Trouble::recipe(code, message),
    };
    trouble.because(error.to_string())
}

/// Keeps an exchange as evidence; returns where.
pub(super) fn keep_exchange(session: &Session<'_>, stage: Stage, text: &str) -> String {
    let name = format!("{}/http-exchange.txt", stage.folder());
    // Evidence that cannot be written must not hide what it is evidence of.
    drop(session.dir.write(&name, text));
    name
}

/// Returns where requests go now; a task's address changes with each task.
pub(crate) fn target(session: &Session<'_>, route: &Route) -> Result<Target, Trouble> {
    let server = &session.ctx.settings.server;
    let limit = session
        .config
        .timeouts
        .on(&session.ctx.settings.limits, None)
        .http;
    let host = session.app.domain.to_string();
    match session.plan.ingress {
        IngressKind::Proxy => {
            let roots = match &server.ca_file {
                Some(path) => Roots::read(path)
                    .map_err(|error| Trouble::broken("ca-file", error.to_string()))?,
                None => Roots::System,
            };
            let connect_to = server
                .resolve_to
                .map(|address| SocketAddr::new(address.ip, address.port.unwrap_or(443)));
            Ok(Target {
                scheme: Scheme::Https,
                host,
                port: None,
                connect_to,
                forwarded_proto: None,
                roots,
                limit,
            })
        }
        IngressKind::Direct => {
            let address = service_address(session, &route.service)?;
            let connect_to = Some(SocketAddr::new(address, route.port));
            let scheme = if route.https {
                Scheme::Https
            } else {
                Scheme::Http
            };
            let forwarded_proto = Some(Scheme::Https);
            Ok(Target {
                scheme,
                host,
                port: None,
                connect_to,
                forwarded_proto,
                roots: Roots::System,
                limit,
            })
        }
    }
}

/// Returns the address at which this host reaches a task of a service.
pub(crate) fn service_address(session: &Session<'_>, service: &str) -> Result<IpAddr, Trouble> {
    let container = service_container(session, service)?;
    let address = session
        .app
        .docker
        .gateway_address(&container)
        .map_err(|error| docker_trouble(&error))?;
    address.ok_or_else(|| {
        Trouble::broken(
            "no-address",
            format!("the task of `{service}` has no address on this host"),
        )
    })
}

/// Returns a running container of a service on this node.
pub(crate) fn service_container(
    session: &Session<'_>,
    service: &str,
) -> Result<Container, Trouble> {
    let name = session.app.stack.object(service);
    let containers = session
        .app
        .docker
        .running_containers(session.app.stack.as_str())
        .map_err(|error| docker_trouble(&error))?;
    let found = containers
        .into_iter()
        .find(|container| container.service() == Some(name.as_str()));
    found.ok_or_else(|| {
        Trouble::broken(
            "no-container",
            format!("no container of `{service}` runs on this node"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Fault;

    #[test]
    fn a_proxy_that_is_away_is_no_fault_of_the_recipe_and_an_app_that_is_away_is() {
        let fault = |ingress, error: &Error| unanswered(ingress, error, ("x", "y")).fault;
        let refused = Error::Refused {
            host: "a.test".to_owned(),
            cause: "connection refused".to_owned(),
        };
        assert_eq!(fault(IngressKind::Proxy, &refused), Fault::Broken);
        assert_eq!(fault(IngressKind::Direct, &refused), Fault::Recipe);
        let dns = Error::Dns("a.test".to_owned());
        assert_eq!(fault(IngressKind::Proxy, &dns), Fault::Broken);
        let reset = Error::Reset("a.test".to_owned());
        assert_eq!(fault(IngressKind::Proxy, &reset), Fault::Recipe);
    }
}
