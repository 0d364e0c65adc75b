//! What `ccci doctor` says of a proxy, its certificate, and what tests need.

use crate::harness::{Deployer, Proxy, World};

/// Looks at the host as the way through a proxy is set; returns the exit code and what was said.
fn look(world: &World, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let call = world.ccci(&["doctor"]).env("CCCI_INGRESS", "proxy");
    let call = variables
        .iter()
        .fold(call, |call, (name, value)| call.env(name, value));
    let ran = call.run();
    assert_eq!(ran.stderr, "");
    let words: Vec<_> = ran.stdout.split_whitespace().collect();
    (ran.code, words.join(" "))
}

#[test]
fn a_proxy_is_asked_for_a_certificate_and_how_long_that_lasts() {
    let world = World::of("plain", Deployer::Docker);
    let proxy = Proxy::without_apps(&world);
    let domain = world.base_domain();
    let address = ("CCCI_RESOLVE_TO", proxy.address());
    let (code, said) = look(&world, &[address, ("CCCI_CA_FILE", proxy.ca_file())]);
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "OK names not needed: requests go to 127.0.0.1",
        // The authority of caddy gives certificates for half a day.
        &format!("WARNING certificate valid for ccci-doctor.{domain}, and for 0 more days only"),
        "OK authorities ",
        "Ready to test recipes: ",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    let (code, said) = look(&world, &[address]);
    assert_eq!(code, Some(103), "{said}");
    for part in [
        &format!("FAIL certificate no valid certificate for ccci-doctor.{domain}"),
        "or set `server.ca-file` to who signed it",
        "Not ready to test recipes: certificate fails;",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
}

#[test]
fn a_name_without_an_address_and_a_proxy_that_is_away_are_told_apart() {
    let world = World::of("plain", Deployer::Docker);
    let (code, said) = look(&world, &[]);
    assert_eq!(code, Some(103), "{said}");
    let domain = world.base_domain();
    let missing = format!("FAIL names ccci-doctor.{domain} has no address");
    assert!(said.contains(&missing), "{said}");
    assert!(said.contains("UNKNOWN certificate not checked"), "{said}");
    // Nothing listens on the port that is nobody's.
    let (code, said) = look(&world, &[("CCCI_RESOLVE_TO", "127.0.0.1:1")]);
    assert_eq!(code, Some(103), "{said}");
    assert!(
        said.contains("FAIL certificate no valid certificate"),
        "{said}"
    );
    assert!(said.contains("hint: start the proxy"), "{said}");
}

#[test]
fn the_python_of_the_tests_and_the_browser_are_found() {
    let world = World::of("plain", Deployer::Abra);
    let (_, said) = look(&world, &[("CCCI_INGRESS", "direct")]);
    for part in [
        "OK pytest ",
        "OK browser Playwright with ",
        "OK deployer abra ",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    let missing = "WARNING backup bot no service of `backup-bot-two` runs";
    assert!(said.contains(missing), "{said}");
}
