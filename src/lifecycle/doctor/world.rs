//! A host made up for the tests of this folder: its settings and what docker answers there when all is well.

use super::engine::{Around, Heard};
pub(super) use crate::config::sample::settings;
use crate::{
    config::settings::Settings,
    model::diagnosis::Finding,
    tool::docker::{
        network::Traffic,
        pool::Shared,
        stack::{Engine, Swarm, Version, Versions},
    },
};

/// Returns what docker answers where all is well.
pub(super) fn heard() -> Heard {
    let version = |text: &str| Version {
        version: text.to_owned(),
    };
    let shared = Shared {
        driver: "overlay".to_owned(),
        is_attachable: true,
        subnets: vec!["10.77.0.0/28".to_owned()],
        taken: ["10.77.0.1".parse().unwrap()].into(),
    };
    Heard {
        versions: Ok(Versions {
            client: version("28.2.2"),
            server: Some(version("20.10.24")),
            complaint: None,
        }),
        engine: Ok(Engine {
            name: "elsewhere".to_owned(),
            docker_root_dir: "/var/lib/docker".to_owned(),
            swarm: Swarm {
                local_node_state: "active".to_owned(),
                control_available: true,
            },
        }),
        availability: Ok("active".to_owned()),
        network: Ok(Some("aaa".to_owned())),
        shared: Ok(Some(shared)),
        traffic: Ok(Traffic {
            publishing: vec!["aaa".to_owned()],
            addresses: vec![("aaa".to_owned(), "10.77.0.2/28".to_owned())],
        }),
        bots: Ok(vec!["backups_app".to_owned()]),
        leftovers: Ok(0),
    }
}

/// Returns what surrounds docker on a machine named `here`.
pub(super) fn around(settings: &Settings) -> Around<'_> {
    Around {
        settings,
        hostname: "here",
        has_abra: true,
    }
}

/// Writes findings as one line each: state, check, what was found, what to do.
pub(super) fn told(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let remedy = finding.remedy.iter().map(|remedy| format!(" => {remedy}"));
        let fix = finding.fix.iter().map(|fix| format!(" [{fix:?}]"));
        format!(
            "{} {}: {}{}{}\n",
            finding.state.word(),
            finding.check.title(),
            finding.found,
            remedy.collect::<String>(),
            fix.collect::<String>()
        )
    };
    findings.iter().map(line).collect()
}
