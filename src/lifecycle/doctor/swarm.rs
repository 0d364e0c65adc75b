//! The swarm and what stands on it: the network that apps share, its addresses, the proxy, the bot for backups, leftovers.

use super::{
    engine::{Around, Heard, Sight},
    preflight::{self, PROXY_NETWORK},
};
use crate::{
    model::{
        diagnosis::{Check, Finding, Fix, State},
        input::IngressChoice,
        outcome::Trouble,
        run::IngressKind,
    },
    tool::docker::{pool::Shared, stack::Engine},
};

/// What makes networks of a swarm.
const OVERLAY: &str = "overlay";
/// The share of the addresses that should be free, as one of so many.
const FEW: u64 = 4;

/// Judges what docker said of the swarm.
pub(super) fn judge(heard: &Heard, engine: &Engine, around: &Around<'_>) -> Sight {
    let checked = preflight::check_swarm(&engine.swarm);
    let Err(trouble) = checked else {
        return on_swarm(heard, engine, around);
    };
    let none = engine.swarm.local_node_state == "inactive";
    let finding = Finding::fail(Check::Swarm, &trouble);
    let finding = if none {
        finding.fix(Fix::Swarm)
    } else {
        finding
    };
    let rest = around.on_swarm();
    let rest = rest.map(|check| Finding::unknown(check, "a swarm is needed"));
    Sight {
        findings: std::iter::once(finding).chain(rest).collect(),
        ingress: None,
    }
}

/// Judges what is on a swarm that this node manages.
fn on_swarm(heard: &Heard, engine: &Engine, around: &Around<'_>) -> Sight {
    let mut findings = vec![node(heard, engine), leftovers(heard)];
    findings.extend(backup_bot(heard, around));
    let ingress = match network(heard) {
        Ok((id, finding)) => {
            findings.extend([finding, addresses(id, heard)]);
            let (finding, ingress) = ingress(id, heard, around);
            findings.push(finding);
            ingress
        }
        Err(finding) => {
            findings.push(finding);
            let rest = [Check::Addresses, Check::Ingress];
            let why = format!("the network `{PROXY_NETWORK}` is needed");
            findings.extend(rest.map(|check| Finding::unknown(check, &why)));
            None
        }
    };
    Sight { findings, ingress }
}

/// Judges this node.
fn node(heard: &Heard, engine: &Engine) -> Finding {
    match heard.availability.as_deref() {
        Ok("active") => Finding::ok(Check::Swarm, "active, and this node manages it"),
        Ok(other) => {
            let found = format!("this node is set to `{other}`, so that no task runs here");
            let name = &engine.name;
            Finding::new(Check::Swarm, State::Warning, found).remedy(format!(
                "run `docker node update --availability active {name}`"
            ))
        }
        Err(trouble) => Finding::fail(Check::Swarm, trouble),
    }
}

/// Judges the network that apps share; returns also its id.
fn network(heard: &Heard) -> Result<(&str, Finding), Finding> {
    let failed = |trouble: &Trouble| Finding::fail(Check::Network, trouble);
    match (heard.network.as_ref().map_err(failed)?, &heard.shared) {
        (Some(id), Ok(Some(shared))) => Ok((id, described(shared))),
        // It cannot be described, and is there all the same.
        (Some(id), Ok(None) | Err(_)) => {
            let found = format!("`{PROXY_NETWORK}`");
            Ok((id, Finding::ok(Check::Network, found)))
        }
        (None, Ok(Some(shared))) if shared.driver != OVERLAY => {
            let driver = &shared.driver;
            let message = format!("`{PROXY_NETWORK}` is a `{driver}` network of this node alone");
            let trouble = Trouble::broken("no-proxy-network", message).hint(format!(
                "run `docker network rm {PROXY_NETWORK}`, then `ccci doctor --fix`"
            ));
            Err(failed(&trouble))
        }
        (None, _) => Err(failed(&preflight::no_network()).fix(Fix::Network)),
    }
}

/// Describes the network.
fn described(shared: &Shared) -> Finding {
    let joined = if shared.is_attachable {
        "attachable"
    } else {
        "not attachable"
    };
    let (driver, ranges) = (&shared.driver, shared.subnets.join(" "));
    let found = format!("`{PROXY_NETWORK}`: {driver}, {joined}, {ranges}");
    Finding::ok(Check::Network, found)
}

/// Judges how many addresses are left; what was lost when networks were removed too early is not seen by anybody.
fn addresses(id: &str, heard: &Heard) -> Finding {
    let (Ok(Some(shared)), Ok(traffic)) = (&heard.shared, &heard.traffic) else {
        return Finding::unknown(Check::Addresses, "docker did not say which are taken");
    };
    let mut shared = shared.clone();
    let own = traffic.addresses.iter();
    let own = own.filter(|(network, _)| network == id);
    shared.take(own.map(|(_, address)| address.as_str()));
    let taken = u64::try_from(shared.taken.len()).unwrap_or(u64::MAX);
    let Some(size) = shared.size() else {
        return Finding::ok(Check::Addresses, format!("{taken} are taken"));
    };
    let free = size.saturating_sub(taken);
    let found = format!("{taken} of {size} are taken, {free} are free");
    let state = match free {
        0 => State::Fail,
        free if free < size / FEW => State::Warning,
        _ => return Finding::ok(Check::Addresses, found),
    };
    Finding::new(Check::Addresses, state, found).remedy(format!(
        "remove services from `{PROXY_NETWORK}`, or make it anew with more addresses: \
         remove it, then run `docker network create --driver overlay --attachable --subnet \
         10.200.0.0/16 {PROXY_NETWORK}`"
    ))
}

/// Judges the way to the apps.
fn ingress(id: &str, heard: &Heard, around: &Around<'_>) -> (Finding, Option<IngressKind>) {
    let choice = around.settings.server.ingress;
    let traffic = match &heard.traffic {
        Ok(traffic) => traffic,
        Err(trouble) => return (Finding::fail(Check::Ingress, trouble), None),
    };
    let id = id.to_owned();
    let kind = preflight::ingress(choice, &id, &traffic.publishing);
    let is_there = traffic.publishing.contains(&id);
    let finding = match (choice, is_there) {
        (IngressChoice::Auto, true) => {
            format!("`auto` takes proxy: a service on `{PROXY_NETWORK}` publishes 443")
        }
        (IngressChoice::Auto, false) => {
            format!("`auto` takes direct: nothing on `{PROXY_NETWORK}` publishes 443")
        }
        (IngressChoice::Proxy, true) => {
            format!("proxy, and a service on `{PROXY_NETWORK}` publishes 443")
        }
        (IngressChoice::Direct, _) => "direct".to_owned(),
        (IngressChoice::Proxy, false) => {
            let found = format!("proxy, and nothing on `{PROXY_NETWORK}` publishes 443");
            let remedy =
                format!("deploy Traefik on `{PROXY_NETWORK}`, or set `server.ingress` to `direct`");
            let finding = Finding::new(Check::Ingress, State::Warning, found);
            return (finding.remedy(remedy), Some(kind));
        }
    };
    (Finding::ok(Check::Ingress, finding), Some(kind))
}

/// Judges the bot that makes abra's backups, where abra deploys.
fn backup_bot(heard: &Heard, around: &Around<'_>) -> Option<Finding> {
    if !around.has_abra {
        return None;
    }
    Some(match &heard.bots {
        Ok(bots) if bots.is_empty() => {
            let found = "no service of `backup-bot-two` runs, and abra makes no backup without";
            Finding::new(Check::BackupBot, State::Warning, found)
                .remedy("deploy `backup-bot-two`, or test with `--deployer docker`")
        }
        Ok(bots) => Finding::ok(Check::BackupBot, bots.join(", ")),
        Err(trouble) => Finding::of(Check::BackupBot, State::Warning, trouble),
    })
}

/// Judges what runs left that are gone.
fn leftovers(heard: &Heard) -> Finding {
    match &heard.leftovers {
        Ok(0) => Finding::ok(Check::Leftovers, "none"),
        Ok(count) => {
            let apps = if *count == 1 { "app is" } else { "apps are" };
            let found = format!("{count} {apps} there whose run is gone");
            Finding::new(Check::Leftovers, State::Warning, found).remedy("run `ccci janitor`")
        }
        Err(trouble) => Finding::unknown(Check::Leftovers, &trouble.message),
    }
}

#[cfg(test)]
mod tests;
