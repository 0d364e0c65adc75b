//! Makes the checks that `recipe.toml` declares as data.

use std::net::SocketAddr;

use super::{
    reach::{Entrance, SHOWN_LINES, keep_exchange, service_address, target, unanswered},
    session::Session,
};
use crate::{
    model::{
        check::{HttpCheck, Probe as DeclaredProbe, TcpCheck, Tls},
        outcome::Trouble,
        stage::Stage,
    },
    tool::probe::{self, Probe, Request, Response, Roots, Scheme, Target, judge, render_exchange},
};

/// Makes a check that is declared as data.
pub(crate) fn make(
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
        Err(error) => {
            let message = format!("{} {} has no answer", request.method, request.path);
            let what = ("check-unanswered", message.as_str());
            Err(unanswered(session.plan.ingress, error, what))
        }
    };
    judged.map_err(|trouble| {
        let text = render_exchange(probe.target(), &request, &result);
        let name = keep_exchange(session, stage, &text);
        trouble.excerpt(name, &text, SHOWN_LINES)
    })
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
