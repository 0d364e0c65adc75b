//! What stands on the swarm is judged.

use super::{
    super::world::{around, heard, settings, told},
    *,
};
use crate::tool::docker::network::Traffic;

/// Tells what follows from docker's answers, with variables set; one line of it.
fn judged(heard: &Heard, pairs: &[(&str, &str)], check: &str) -> String {
    let settings = settings(pairs);
    let engine = heard.engine.as_ref().unwrap();
    let text = told(&judge(heard, engine, &around(&settings)).findings);
    let line = text
        .lines()
        .find(|line| line.contains(&format!(" {check}: ")));
    line.unwrap_or_default().to_owned()
}

#[test]
fn a_missing_network_is_made_and_one_of_the_same_name_elsewhere_is_not() {
    let mut heard = heard();
    heard.network = Ok(None);
    let mut bridge = heard.shared.clone().unwrap();
    bridge.as_mut().unwrap().driver = "bridge".to_owned();
    heard.shared = Ok(None);
    insta::assert_snapshot!(judged(&heard, &[], "network"), @"fail network: there is no network `proxy` on the swarm => run `docker network create --driver overlay --attachable proxy` [Network]");
    assert!(judged(&heard, &[], "addresses").starts_with("unknown"));
    heard.shared = Ok(bridge);
    insta::assert_snapshot!(judged(&heard, &[], "network"), @"fail network: `proxy` is a `bridge` network of this node alone => run `docker network rm proxy`, then `ccci doctor --fix`");
}

#[test]
fn a_network_that_runs_full_is_a_warning_and_a_full_one_a_failure() {
    let with = |count: u8| {
        let mut heard = heard();
        let taken = (1..=count).map(|last| format!("10.77.0.{last}/28"));
        heard.traffic = Ok(Traffic {
            publishing: Vec::new(),
            addresses: taken.map(|one| ("aaa".to_owned(), one)).collect(),
        });
        judged(&heard, &[], "addresses")
    };
    insta::assert_snapshot!(with(11), @"ok addresses: 11 of 14 are taken, 3 are free");
    insta::assert_snapshot!(with(12), @"warning addresses: 12 of 14 are taken, 2 are free => remove services from `proxy`, or make it anew with more addresses: remove it, then run `docker network create --driver overlay --attachable --subnet 10.200.0.0/16 proxy`");
    assert!(with(14).starts_with("fail addresses: 14 of 14 are taken, 0 are free"));
}

#[test]
fn addresses_on_other_networks_do_not_count() {
    let mut heard = heard();
    let traffic = heard.traffic.as_mut().unwrap();
    traffic.addresses[0].0 = "bbb".to_owned();
    insta::assert_snapshot!(judged(&heard, &[], "addresses"), @"ok addresses: 1 of 14 are taken, 13 are free");
}

#[test]
fn the_way_to_the_apps_is_said() {
    let mut heard = heard();
    let ingress = |heard: &Heard, choice| judged(heard, &[("CCCI_INGRESS", choice)], "ingress");
    insta::assert_snapshot!(ingress(&heard, "auto"), @"ok ingress: `auto` takes proxy: a service on `proxy` publishes 443");
    insta::assert_snapshot!(ingress(&heard, "proxy"), @"ok ingress: proxy, and a service on `proxy` publishes 443");
    heard.traffic = Ok(Traffic::default());
    insta::assert_snapshot!(ingress(&heard, "auto"), @"ok ingress: `auto` takes direct: nothing on `proxy` publishes 443");
    insta::assert_snapshot!(ingress(&heard, "proxy"), @"warning ingress: proxy, and nothing on `proxy` publishes 443 => deploy Traefik on `proxy`, or set `server.ingress` to `direct`");
    insta::assert_snapshot!(ingress(&heard, "direct"), @"ok ingress: direct");
}

#[test]
fn a_node_that_takes_no_tasks_is_a_warning() {
    let mut heard = heard();
    heard.availability = Ok("drain".to_owned());
    insta::assert_snapshot!(judged(&heard, &[], "swarm"), @"warning swarm: this node is set to `drain`, so that no task runs here => run `docker node update --availability active elsewhere`");
}

#[test]
fn the_bot_for_backups_is_wanted_where_abra_deploys() {
    let mut heard = heard();
    assert_eq!(
        judged(&heard, &[], "backup bot"),
        "ok backup bot: backups_app"
    );
    heard.bots = Ok(Vec::new());
    insta::assert_snapshot!(judged(&heard, &[], "backup bot"), @"warning backup bot: no service of `backup-bot-two` runs, and abra makes no backup without => deploy `backup-bot-two`, or test with `--deployer docker`");
    let settings = settings(&[]);
    let mut around = around(&settings);
    around.has_abra = false;
    assert_eq!(backup_bot(&heard, &around), None);
}

#[test]
fn what_is_left_of_runs_is_counted() {
    let mut heard = heard();
    heard.leftovers = Ok(1);
    insta::assert_snapshot!(judged(&heard, &[], "leftovers"), @"warning leftovers: 1 app is there whose run is gone => run `ccci janitor`");
    heard.leftovers = Ok(3);
    insta::assert_snapshot!(judged(&heard, &[], "leftovers"), @"warning leftovers: 3 apps are there whose run is gone => run `ccci janitor`");
}
