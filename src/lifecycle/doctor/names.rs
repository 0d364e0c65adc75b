//! The way in from outside: what a name below the base domain leads to, and the certificate that is shown there.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    config::settings::{Server, Settings},
    lifecycle::reach,
    model::{
        certificate,
        diagnosis::{Check, Finding, State},
        input::IngressChoice,
        outcome::Trouble,
        run::IngressKind,
    },
    sys::context::Context,
    tool::probe::{
        Error, Probe, Roots, Scheme, Target,
        doorway::{addresses_of, certificate_at, is_ours},
    },
};

/// The label of the name that is asked for; no app has it.
const LABEL: &str = "ccci-doctor";
/// The port of HTTPS.
const HTTPS: u16 = 443;
/// How long one connection may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How many days a certificate should have left.
const FEW_DAYS: i64 = 14;

/// What was found at the door.
pub(super) struct Door {
    /// The name.
    name: String,
    /// Its addresses, or why there are none; nothing where a setting gives the address.
    addresses: Option<Result<Vec<IpAddr>, String>>,
    /// Whether all of them are of this machine.
    is_here: bool,
    /// Whether the certificate is valid; nothing where there is nobody to ask.
    valid: Option<Result<(), Error>>,
    /// For how many whole days it is valid.
    days: Option<i64>,
}

/// Looks who is at the door of the proxy; nothing where a setting says that there is none.
pub(super) fn look(ctx: &Context) -> Option<Door> {
    let server = &ctx.settings.server;
    if server.ingress == IngressChoice::Direct {
        return None;
    }
    let name = format!("{LABEL}.{}", server.base_domain);
    let addresses = match server.resolve_to {
        Some(_) => None,
        None => Some(addresses_of(&name).map_err(|error| error.to_string())),
    };
    let found = addresses.iter().flatten().flatten();
    let is_here = found.clone().all(|address| is_ours(*address));
    let first = found.copied().next();
    let door = match server.resolve_to {
        Some(address) => Some(SocketAddr::new(address.ip, address.port.unwrap_or(HTTPS))),
        None => first.map(|ip| SocketAddr::new(ip, HTTPS)),
    };
    let valid = door.and_then(|door| Some(Probe::new(target(server, &name, door)?).connect()));
    let shown = door.and_then(|door| certificate_at(door, &name, LIMIT).ok());
    let end = shown.and_then(|shown| certificate::valid_until(&shown));
    let days = end.map(|end| end.duration_since(Timestamp::now()).as_hours() / 24);
    Some(Door {
        name,
        addresses,
        is_here,
        valid: valid.map(|valid| valid.map(drop)),
        days,
    })
}

/// Returns where to connect; nothing when the authorities cannot be read, which is said of themselves.
fn target(server: &Server, name: &str, door: SocketAddr) -> Option<Target> {
    let roots = match &server.ca_file {
        Some(path) => Roots::read(path).ok()?,
        None => Roots::System,
    };
    Some(Target {
        scheme: Scheme::Https,
        host: name.to_owned(),
        port: None,
        connect_to: Some(door),
        forwarded_proto: None,
        roots,
        limit: LIMIT,
    })
}

/// Judges what was found, where apps are reached through a proxy; without an answer in time there is no door.
pub(super) fn judge(
    settings: &Settings,
    ingress: Option<IngressKind>,
    door: Option<&Option<Door>>,
) -> Vec<Finding> {
    match (ingress, door) {
        (Some(IngressKind::Direct), _) | (_, Some(None)) => Vec::new(),
        (None, _) if settings.server.ingress == IngressChoice::Auto => Vec::new(),
        (_, None) => {
            let late = [Check::Names, Check::Certificate];
            late.map(|check| Finding::unknown(check, "no answer in time"))
                .into()
        }
        (_, Some(Some(door))) => vec![names(settings, door), validity(door)],
    }
}

/// Judges the addresses.
fn names(settings: &Settings, door: &Door) -> Finding {
    let name = &door.name;
    let base = &settings.server.base_domain;
    match (&door.addresses, settings.server.resolve_to) {
        (Some(Ok(addresses)), _) if !addresses.is_empty() => {
            let all: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            let found = format!("{name} is {}", all.join(", "));
            if door.is_here {
                return Finding::ok(Check::Names, found);
            }
            let found = format!("{found}, not an address of this machine");
            Finding::new(Check::Names, State::Note, found)
        }
        (Some(failed), _) => {
            let said = failed.as_ref().err();
            let trouble = Trouble::broken("dns", format!("{name} has no address"));
            let trouble = said.into_iter().fold(trouble, Trouble::because);
            Finding::fail(
                Check::Names,
                &trouble.hint(format!(
                    "make a DNS record for `*.{base}`, or set `server.resolve-to` to the proxy's address"
                )),
            )
        }
        (None, Some(address)) => {
            let found = format!("not needed: requests go to {}", address.ip);
            Finding::ok(Check::Names, found)
        }
        (None, None) => Finding::unknown(Check::Names, "nothing was asked"),
    }
}

/// Judges the certificate.
fn validity(door: &Door) -> Finding {
    let check = Check::Certificate;
    let name = &door.name;
    let Some(valid) = &door.valid else {
        return Finding::unknown(check, "there is nobody to ask for it");
    };
    if let Err(error) = valid {
        let message = format!("no valid certificate for {name}");
        let trouble = reach::unanswered(IngressKind::Proxy, error, ("not-reachable", &message));
        let hint = match error {
            Error::Certificate { .. } => {
                "give the proxy a certificate for all names below the base domain, or set `server.ca-file` to who signed it"
            }
            _ => "start the proxy, or set `server.resolve-to` to where it is",
        };
        return Finding::fail(check, &trouble.hint(hint));
    }
    match door.days {
        Some(days) if days < FEW_DAYS => {
            let found = format!("valid for {name}, and for {days} more days only");
            Finding::new(check, State::Warning, found)
                .remedy("renew it, and look why that did not happen by itself")
        }
        Some(days) => Finding::ok(check, format!("valid for {name}, for {days} more days")),
        None => Finding::ok(check, format!("valid for {name}")),
    }
}

#[cfg(test)]
mod tests;
