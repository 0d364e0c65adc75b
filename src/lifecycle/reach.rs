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
        check::{HttpCheck, Probe as DeclaredProbe, TcpCheck, Tls},
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
            self, Error, Probe, Request, Response, Roots, Scheme, Target, is_proxy_error_page,
            judge, render_exchange,
        },
    },
};

/// The pause between two requests at first; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two requests.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long an app whose own health check is content may answer wrongly.
const HEALTHY_PATIENCE: Duration = Duration::from_secs(30);
/// How many requests of a wait are kept as evidence.
const KEPT_EXCHANGES: usize = 1;

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
    match labels::routes(stack).into_iter().next() {
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

/// Waits until the app answers as it should; returns a remark on the answer.
pub(crate) fn wait_until_reachable(
    session: &Session<'_>,
    stage: Stage,
    entrance: &Entrance,
    deadline: Deadline,
) -> Result<String, Trouble> {
    let Entrance::Http {
        route,
        is_health_checked,
    } = entrance
    else {
        return Err(Trouble::broken("no-entrance", "the app is not routed"));
    };
    let patience = if *is_health_checked {
        Deadline::after(HEALTHY_PATIENCE).min(deadline)
    } else {
        deadline
    };
    let request = Request::get(session.config.health_path.as_str());
    let begun = Instant::now();
    for attempt in 1_u32.. {
        let target = target(session, route)?;
        let probe = Probe::new(target);
        let result = probe.request(&request);
        match judge_reachable(session, &result) {
            Ok(status) => {
                return Ok(format!(
                    "GET {} is {status} after {:.1}s",
                    request.path,
                    begun.elapsed().as_secs_f64()
                ));
            }
            Err(unfit) => {
                let doing = format!("GET {} {}, try {attempt}", request.path, unfit.short);
                session.progress(stage, &doing, &[], patience.left());
                if unfit.is_final || patience.is_over() {
                    keep_exchange(session, stage, &probe, &request, &result);
                    return Err(not_reachable(&request, &unfit));
                }
            }
        }
        let wait = FIRST_PAUSE
            .saturating_mul(1 << attempt.min(6))
            .min(LONGEST_PAUSE)
            .min(patience.left());
        if !pause(
            wait.max(Duration::from_millis(1)),
            &session.app.docker.host().interrupt,
        ) {
            return Err(classify::interrupted());
        }
    }
    unreachable!("the deadline ends the loop")
}

/// An answer that does not count as reachable.
struct Unfit {
    /// In a word, for the line that is redrawn.
    short: String,
    /// In a sentence.
    long: String,
    /// Whether waiting cannot help.
    is_final: bool,
    /// Whether the recipe is not to blame.
    is_infrastructure: bool,
}

/// Judges an answer to the question whether the app is reachable.
fn judge_reachable(session: &Session<'_>, result: &Result<Response, Error>) -> Result<u16, Unfit> {
    let waiting = |short: String, long: String| Unfit {
        short,
        long,
        is_final: false,
        is_infrastructure: false,
    };
    match result {
        Ok(response) => {
            let through_proxy = session.plan.ingress == IngressKind::Proxy;
            if through_proxy && is_proxy_error_page(response) {
                let long = format!(
                    "the proxy answers {} itself: it has no way to the app",
                    response.status
                );
                return Err(waiting(format!("{} by the proxy", response.status), long));
            }
            if session.config.health_ok.accept(response.status) {
                return Ok(response.status);
            }
            Err(waiting(
                response.status.to_string(),
                format!("the app answers {}", response.status),
            ))
        }
        Err(Error::Certificate { .. }) => {
            let long = result
                .as_ref()
                .err()
                .map(ToString::to_string)
                .unwrap_or_default();
            Err(Unfit {
                short: "wrong certificate".to_owned(),
                long,
                is_final: true,
                is_infrastructure: true,
            })
        }
        Err(error) => Err(waiting("no answer".to_owned(), error.to_string())),
    }
}

/// Returns the trouble of an app that does not answer as it should.
fn not_reachable(request: &Request, unfit: &Unfit) -> Trouble {
    let message = format!("the app is not reachable at `{}`", request.path);
    let trouble = if unfit.is_infrastructure {
        Trouble::broken("certificate", message)
    } else {
        Trouble::recipe("not-reachable", message)
    };
    trouble.because(unfit.long.clone())
}

/// Keeps the exchange that failed, as evidence.
fn keep_exchange(
    session: &Session<'_>,
    stage: Stage,
    probe: &Probe,
    request: &Request,
    result: &Result<Response, Error>,
) {
    let text = render_exchange(probe.target(), request, result);
    for number in 0..KEPT_EXCHANGES {
        let name = format!("{}/http-exchange-{}.txt", stage.folder(), number + 1);
        // Evidence that cannot be written must not hide what it is evidence of.
        drop(session.dir.write(&name, &text));
    }
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
        .map_err(docker_trouble)?;
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
        .map_err(docker_trouble)?;
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

/// Makes a check that is declared as data.
pub(crate) fn declared(
    session: &Session<'_>,
    stage: Stage,
    entrance: &Entrance,
    probe: &DeclaredProbe,
) -> Result<String, Trouble> {
    match probe {
        DeclaredProbe::Http(check) => http_check(session, stage, entrance, check),
        DeclaredProbe::Tcp(check) => tcp_check(session, entrance, check),
    }
}

/// Sends one request and compares the answer.
fn http_check(
    session: &Session<'_>,
    stage: Stage,
    entrance: &Entrance,
    check: &HttpCheck,
) -> Result<String, Trouble> {
    let Entrance::Http { route, .. } = entrance else {
        return Err(Trouble::recipe(
            "no-entrance",
            "an HTTP check needs a routed service",
        ));
    };
    let probe = Probe::new(target(session, route)?);
    let request = Request::of_check(check);
    let result = probe.request(&request);
    let judged = match &result {
        Ok(response) => compare(check, response),
        Err(error) => Err(Trouble::recipe(
            "check-unanswered",
            format!("{} {} has no answer", request.method, request.path),
        )
        .because(error.to_string())),
    };
    if judged.is_err() {
        keep_exchange(session, stage, &probe, &request, &result);
    }
    judged
}

/// Compares an answer with what a check declares.
fn compare(check: &HttpCheck, response: &Response) -> Result<String, Trouble> {
    let what = format!("{} {}", check.method.word(), check.path);
    judge(check, response)
        .map_err(|mismatch| Trouble::recipe("check-failed", format!("{what}: {mismatch}")))?;
    Ok(format!(
        "{what} is {} after {} ms",
        response.status,
        response.took.as_millis()
    ))
}

/// Opens one connection.
fn tcp_check(
    session: &Session<'_>,
    entrance: &Entrance,
    check: &TcpCheck,
) -> Result<String, Trouble> {
    let service = match (&check.service, entrance) {
        (Some(service), _) => service.clone(),
        (None, Entrance::Http { route, .. }) => route.service.clone(),
        (None, Entrance::None { .. }) => "app".to_owned(),
    };
    let address = SocketAddr::new(service_address(session, &service)?, check.port);
    let limit = check.max_time.unwrap_or_else(|| {
        session
            .config
            .timeouts
            .on(&session.ctx.settings.limits, None)
            .http
    });
    let scheme = if check.tls == Tls::Yes {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let host = session.app.domain.to_string();
    let target = Target {
        scheme,
        host,
        port: Some(check.port),
        connect_to: Some(address),
        forwarded_proto: None,
        roots: Roots::System,
        limit,
    };
    match Probe::new(target).connect() {
        Ok(took) => Ok(format!(
            "port {} of `{service}` answers after {} ms",
            check.port,
            took.as_millis()
        )),
        // A connection by address cannot show a certificate that anybody trusts; that it speaks TLS is what is asked.
        Err(probe::Error::Certificate { .. }) => {
            Ok(format!("port {} of `{service}` speaks TLS", check.port))
        }
        Err(error) => {
            let message = format!("port {} of `{service}` does not answer", check.port);
            Err(Trouble::recipe("check-failed", message).because(error.to_string()))
        }
    }
}
