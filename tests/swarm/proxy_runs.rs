//! Apps reached through a proxy: right certificates pass, wrong ones do not, and the proxy's own page is no app.

use ccci::model::{outcome::Outcome, stage::Stage};

use crate::harness::{Deployer, Failure, Proxy, World};

/// How the stages end when the app cannot be reached.
const NOT_REACHED: &str = "install fail, upgrade skip, backup skip, restore skip, custom skip";

/// Returns the arguments that lead through a proxy.
fn through(proxy: &Proxy) -> [&str; 6] {
    let address = proxy.address();
    [
        "--ingress",
        "proxy",
        "--resolve-to",
        address,
        "--stages",
        "install",
    ]
}

#[test]
fn an_app_is_reached_through_a_proxy_whose_authority_is_trusted() {
    let world = World::of("plain", Deployer::Docker);
    let proxy = Proxy::to_apps(&world);
    let call = world.test().args(&through(&proxy));
    let judged = call.args(&["--ca-file", proxy.ca_file()]).run().judged(0);
    judged.ended(
        "install pass, upgrade skip, backup skip, restore skip, custom skip",
        1,
    );
}

#[test]
fn tests_in_python_and_in_a_browser_go_through_the_proxy_and_trust_its_authority() {
    let world = World::of("plain", Deployer::Docker);
    let proxy = Proxy::to_apps(&world);
    let test = "def test_page(base_url, app_domain, http, page):
    assert base_url == f'https://{app_domain}'
    assert http.get('/').text.strip() == 'well'
    page.goto('/')
    assert page.url == f'{base_url}/'
    assert page.inner_text('body').strip() == 'well'
";
    world.keep("test_install_page.py", test);
    let call = world.test().args(&through(&proxy));
    let judged = call.args(&["--ca-file", proxy.ca_file()]).run().judged(0);
    let judged = judged.ended(
        "install pass, upgrade skip, backup skip, restore skip, custom skip",
        1,
    );
    let checks = &judged.records.stage(Stage::Install).checks;
    let mut tests = checks
        .iter()
        .filter(|check| check.name == "test_install_page.py");
    assert_eq!(tests.next().map(|test| test.outcome), Some(Outcome::Pass));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_reachable() {
    let world = World::of("plain", Deployer::Docker);
    world.keep("recipe.toml", "deploy-timeout = \"8s\"\n");
    let proxy = Proxy::to_apps(&world);
    let judged = world.test().args(&through(&proxy)).run().judged(103);
    let ended = "install broken, upgrade skip, backup skip, restore skip, custom skip";
    judged.ended(ended, 0).failed(&Failure {
        stage: Stage::Install,
        outcome: Outcome::Broken,
        code: "certificate",
        says: &["certificate"],
    });
}

#[test]
fn the_proxys_own_page_is_no_app_whatever_statuses_are_accepted() {
    let world = World::of("plain", Deployer::Docker);
    world.keep(
        "recipe.toml",
        "health-ok = [\"200-499\"]\ndeploy-timeout = \"8s\"\n",
    );
    let proxy = Proxy::without_apps(&world);
    let call = world.test().args(&through(&proxy));
    let judged = call.args(&["--ca-file", proxy.ca_file()]).run().judged(100);
    judged.ended(NOT_REACHED, 0).failed(&Failure {
        stage: Stage::Install,
        outcome: Outcome::Fail,
        code: "not-reachable",
        says: &["404"],
    });
}
