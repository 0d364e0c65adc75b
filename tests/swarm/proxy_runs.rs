//! Apps reached through a proxy: right certificates pass, wrong ones do not, and the proxy's own page is no app.

use std::path::Path;

use ccci::model::{outcome::Outcome, stage::Stage};

use crate::harness::{Deployer, Failure, Proxy, World};

/// How the stages end when the app cannot be reached.
const NOT_REACHED: &str = "install fail, upgrade skip, backup skip, restore skip, custom skip";

/// How the stages end when the app is only installed.
const INSTALLED: &str = "install pass, upgrade skip, backup skip, restore skip, custom skip";

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
    judged.ended(INSTALLED, 1);
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
    let judged = judged.ended(INSTALLED, 1);
    let checks = &judged.records.stage(Stage::Install).checks;
    let mut tests = checks
        .iter()
        .filter(|check| check.name == "test_install_page.py");
    assert_eq!(tests.next().map(|test| test.outcome), Some(Outcome::Pass));
}

/// Asks both services of the app for their pages, by the names that its `.env` and its page tell.
const BOTH_NAMES: &str = r#"set -eu
ask() {
    curl --silent --show-error --fail --max-time 10 \
        --cacert "$CCCI_CA_FILE" --connect-to "::$CCCI_RESOLVE_TO" "$1"
}
files=$(sed -n 's/^FILES_DOMAIN=//p' "$CCCI_APP_ENV")
test "$files" = "files-$CCCI_APP_DOMAIN"
test "$(ask "$CCCI_BASE_URL/")" = "files are at https://$files/"
test "$(ask "https://$files/")" = 'a file'
"#;

/// Goes from the app's page to the other service's, in a browser.
const BOTH_PAGES: &str = "def test_pages(page, app_domain):
    page.goto('/')
    files = f'https://files-{app_domain}/'
    assert page.inner_text('body').strip() == f'files are at {files}'
    page.goto(files)
    assert page.inner_text('body').strip() == 'a file'
";

/// Tests a recipe with a nested name, which moves beside the app's own.
fn run_nested(deployer: Deployer) {
    let world = World::of("nested", deployer);
    let proxy = Proxy::to_apps(&world);
    world.keep_program("test_install_names.sh", BOTH_NAMES);
    world.keep("test_install_pages.py", BOTH_PAGES);
    let call = world.test().args(&through(&proxy));
    let judged = call.args(&["--ca-file", proxy.ca_file()]).run().judged(0);
    let judged = judged.ended(INSTALLED, 1);
    let checks = &judged.records.stage(Stage::Install).checks;
    for name in ["test_install_names.sh", "test_install_pages.py"] {
        let test = checks.iter().find(|check| check.name == name);
        assert_eq!(test.map(|test| test.outcome), Some(Outcome::Pass), "{name}");
    }
    let found = judged.records.report.lint.iter();
    let about_names: Vec<_> = found.filter(|one| one.code.starts_with("host-")).collect();
    assert!(about_names.is_empty(), "{about_names:?}");
}

#[test]
fn a_nested_name_moves_beside_the_apps_own_where_a_wildcard_certificate_covers_it() {
    run_nested(Deployer::Docker);
}

#[test]
fn a_nested_name_moves_beside_the_apps_own_with_abra() {
    run_nested(Deployer::Abra);
}

#[test]
fn a_nested_name_that_stays_is_said_to_be_covered_by_no_wildcard_certificate() {
    let world = World::of("nested", Deployer::Docker);
    let proxy = Proxy::to_apps(&world);
    world.keep("recipe.toml", "flatten-domains = false\n");
    // Status 35 of curl: there is no certificate to shake hands with.
    let test = r#"status=0
curl --silent --max-time 10 --cacert "$CCCI_CA_FILE" --connect-to "::$CCCI_RESOLVE_TO" \
    "https://files.$CCCI_APP_DOMAIN/" || status=$?
test "$status" = 35
"#;
    world.keep_program("test_install_names.sh", test);
    let call = world.test().args(&through(&proxy));
    let judged = call.args(&["--ca-file", proxy.ca_file()]).run().judged(0);
    let judged = judged.ended(INSTALLED, 1);
    let report = &judged.records.report;
    let domain = &report.plan.as_ref().expect("there was a plan").domain;
    let base = world.base_domain();
    let found = report.lint.iter().find(|one| one.code == "host-uncovered");
    let wanted = format!(
        "the service `files` is routed at `files.{domain}`, which a certificate for `*.{base}` \
         does not cover; hold it in a variable of `.env.sample`, which `flatten-domains` turns \
         into `files-{domain}`"
    );
    assert_eq!(found.map(|one| one.message.as_str()), Some(wanted.as_str()));
    assert!(judged.screen.contains(&wanted), "{}", judged.screen);
}

#[test]
fn authorities_of_a_file_are_trusted_besides_those_of_the_system() {
    let world = World::of("plain", Deployer::Docker);
    let proxy = Proxy::to_apps(&world);
    // The system knows the proxy's authority here; the file names another, which vouches for nobody.
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/other-authority.pem");
    let other = other.to_str().expect("it is text");
    let call = world
        .test()
        .args(&through(&proxy))
        .args(&["--ca-file", other]);
    let call = call.env("SSL_CERT_FILE", proxy.ca_file());
    let judged = call.run().judged(0);
    judged.ended(
        "install pass, upgrade skip, backup skip, restore skip, custom skip",
        1,
    );
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
