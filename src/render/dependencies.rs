//! The lines about the apps that a run requires: how each came to be there, and what became of it.

use super::{
    block,
    level::Weight,
    line::{Line, Tone},
    times,
};
use crate::model::{
    dependency::{Dependency, Presence},
    display::StatusLevel,
    outcome::Trouble,
};

/// Returns the line of an app that is there; why one is not is said by the stage that could not begin.
pub(super) fn ready_lines(recipe: &str, dependency: &Dependency) -> Vec<Line> {
    if !dependency.outcome.is_pass() {
        return Vec::new();
    }
    let (title, domain) = (dependency.title(), &dependency.domain);
    let time = times::short(dependency.duration_ms);
    let presence = dependency.presence.word();
    let text = format!("{recipe}: {title} at {domain} ({presence}, {time})");
    vec![Line::status(Weight::Info, ("Requires", Tone::Info), text)]
}

/// Returns the lines of an app that is not needed any more.
pub(super) fn released_lines(recipe: &str, dependency: &Dependency) -> Vec<Line> {
    let Dependency {
        recipe: required,
        domain,
        left,
        ..
    } = dependency;
    if let Some(kept) = &dependency.kept {
        return block::kept_lines(&format!("{recipe}: {required}"), kept);
    }
    if left.is_empty() {
        let what = match dependency.presence {
            Presence::Reused => "it keeps nothing of this run",
            Presence::Deployed => "removed",
        };
        let text = format!("{recipe}: {required} at {domain}: {what}");
        return vec![Line::status(Weight::Info, ("Released", Tone::Info), text)];
    }
    let weight = Weight::Result(StatusLevel::Leak);
    let leak = |left: &String| {
        let text = format!("{recipe}: {left} remains at {domain}");
        Line::status(weight, ("LEAK", Tone::Warn), text)
    };
    let causes = dependency.trouble.iter();
    let causes = causes.flat_map(|trouble: &Trouble| block::causes(weight, trouble));
    left.iter().map(leak).chain(causes).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        model::{dependency::Requirement, outcome::Outcome},
        render::{line::Look, sample},
    };

    /// Makes a required app that is there.
    pub(in crate::render) fn dependency(presence: Presence) -> Dependency {
        let requirement = Requirement {
            recipe: "keycloak".parse().unwrap(),
            domain: "keyc-0a1b2c.ci.example.org".parse().unwrap(),
            presence,
            provide: None,
            withdraw: None,
        };
        Dependency {
            version: Some("10.0.1+26.1".to_owned()),
            outcome: Outcome::Pass,
            duration_ms: 41_000,
            ..Dependency::of(&requirement)
        }
    }

    #[test]
    fn an_app_is_told_when_it_is_there_and_when_it_is_let_go() {
        let deployed = dependency(Presence::Deployed);
        let reused = dependency(Presence::Reused);
        let trouble = Trouble::broken("not-withdrawn", "it is still there")
            .because("`ops/withdraw.sh` ended with exit code 1");
        let left = Dependency {
            left: vec!["what `keycloak` made as `wordpress-3fa91c`".to_owned()],
            trouble: Some(trouble),
            ..reused.clone()
        };
        let kept = Dependency {
            kept: Some(sample::kept()),
            ..deployed.clone()
        };
        let absent = Dependency {
            outcome: Outcome::Broken,
            ..deployed.clone()
        };
        let ready = [&deployed, &reused, &absent].into_iter();
        let ready = ready.flat_map(|one| ready_lines("wordpress", one));
        let released = [&deployed, &reused, &left, &kept].into_iter();
        let released = released.flat_map(|one| released_lines("wordpress", one));
        let lines = ready.chain(released);
        let text: String = lines
            .map(|line| line.paint(&Look::default()) + "\n")
            .collect();
        insta::assert_snapshot!(text, @r"
            Requires wordpress: keycloak 10.0.1+26.1 at keyc-0a1b2c.ci.example.org (deployed, 41s)
            Requires wordpress: keycloak 10.0.1+26.1 at keyc-0a1b2c.ci.example.org (reused, 41s)
            Released wordpress: keycloak at keyc-0a1b2c.ci.example.org: removed
            Released wordpress: keycloak at keyc-0a1b2c.ci.example.org: it keeps nothing of this run
                LEAK wordpress: what `keycloak` made as `wordpress-3fa91c` remains at keyc-0a1b2c.ci.example.org
              caused by: `ops/withdraw.sh` ended with exit code 1
                Kept wordpress: keycloak: https://word-3fa91c.ci.example.org until 16:05 UTC
                     shell:  CCCI_RUN_ID=92222 ccci exec app -- sh
                     remove: ccci teardown 92222
        ");
    }
}
