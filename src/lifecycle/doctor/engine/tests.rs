//! What docker answered is judged.

use super::{
    super::world::{around, heard, settings, told},
    *,
};
use crate::tool::docker::stack::Swarm;

/// Tells what follows from docker's answers.
fn judged(heard: &Heard) -> String {
    let settings = settings(&[]);
    let sight = judge(Path::new("/usr/bin/docker"), heard, &around(&settings));
    told(&sight.findings)
}

/// Makes the versions of an engine that does not answer.
fn silent(said: &str) -> Heard {
    let mut heard = heard();
    let versions = heard.versions.as_mut().unwrap();
    versions.server = None;
    versions.complaint = Some(said.to_owned());
    heard
}

#[test]
fn a_host_on_which_all_is_well_needs_nothing() {
    insta::assert_snapshot!(judged(&heard()), @"
    ok docker: 28.2.2 at /usr/bin/docker
    ok engine: 20.10.24 on elsewhere
    note engine disk: the engine is on another machine, elsewhere
    ok swarm: active, and this node manages it
    ok leftovers: none
    ok backup bot: backups_app
    ok network: `proxy`: overlay, attachable, 10.77.0.0/28
    ok addresses: 2 of 14 are taken, 12 are free
    ok ingress: `auto` takes proxy: a service on `proxy` publishes 443
    ");
}

#[test]
fn an_engine_that_is_stopped_is_one_failure_and_the_rest_is_not_checked() {
    let said = "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?";
    insta::assert_snapshot!(judged(&silent(said)), @"
    ok docker: 28.2.2 at /usr/bin/docker
    fail engine: the docker daemon does not answer: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running? => run `sudo systemctl start docker`, or set `DOCKER_HOST` to where it is
    unknown swarm: the engine is needed
    unknown engine disk: the engine is needed
    unknown network: the engine is needed
    unknown addresses: the engine is needed
    unknown ingress: the engine is needed
    unknown leftovers: the engine is needed
    unknown backup bot: the engine is needed
    ");
}

#[test]
fn an_engine_that_this_user_may_not_use_is_told_from_a_stopped_one() {
    let text = judged(&silent("permission denied while trying to connect to x"));
    let line = text.lines().find(|line| line.starts_with("fail"));
    insta::assert_snapshot!(line.unwrap(), @"fail engine: this user may not use docker's socket: permission denied while trying to connect to x => run `sudo usermod --append --groups docker $USER`, and log in again; whoever is in that group has the rights of root");
}

#[test]
fn an_engine_that_hangs_is_not_blamed_on_the_client() {
    let mut heard = heard();
    heard.versions = Err(explain(&crate::tool::docker::client::Error::Interrupted));
    let text = judged(&heard);
    let lines: Vec<_> = text.lines().take(2).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    unknown docker: `/usr/bin/docker` waits for the engine
    fail engine: the docker daemon did not answer within 10s => run `systemctl status docker`, and restart docker when it hangs
    ");
}

#[test]
fn an_old_client_is_named() {
    let mut heard = heard();
    let versions = heard.versions.as_mut().unwrap();
    versions.client.version = "20.10.24".to_owned();
    let text = judged(&heard);
    insta::assert_snapshot!(text.lines().next().unwrap(), @"fail docker: the docker client is 20.10.24, and 25 is the oldest that merges compose files => install a docker client of version 25 or newer; the engine may stay");
}

#[test]
fn each_swarm_that_cannot_be_used_has_its_remedy_and_only_a_missing_one_is_mended() {
    let tell = |state: &str, control_available| {
        let mut heard = heard();
        heard.engine.as_mut().unwrap().swarm = Swarm {
            local_node_state: state.to_owned(),
            control_available,
        };
        let text = judged(&heard);
        let line = text.lines().find(|line| line.contains(" swarm: "));
        assert!(text.contains("unknown network: a swarm is needed"));
        line.unwrap().to_owned() + "\n"
    };
    let states = [("inactive", false), ("locked", false), ("active", false)];
    let text: String = states.map(|(state, control)| tell(state, control)).concat();
    insta::assert_snapshot!(text, @"
    fail swarm: there is no swarm here: it is inactive => run `docker swarm init` [Swarm]
    fail swarm: the swarm is locked => run `docker swarm unlock`
    fail swarm: this node does not manage its swarm => run ccci on a manager, or run `docker node promote` for this node there
    ");
}

#[test]
fn a_disk_is_shown_with_its_figures() {
    let room = |floor| disk(Check::StateDisk, Path::new("/"), floor);
    let ok = room(0);
    assert!(ok.found.ends_with(" free in /, floor 0 MiB"), "{ok:?}");
    let full = room(u64::MAX);
    assert_eq!(full.state, State::Fail);
    assert!(full.remedy.unwrap().starts_with("make room"));
    let gone = disk(Check::StateDisk, Path::new("/no/such/dir"), 0);
    assert_eq!(gone.state, State::Unknown);
}
