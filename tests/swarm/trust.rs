//! What somebody else may have written has no power over the host.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use ccci::model::{outcome::CheckKind, plan::OverlayOrigin, run::Trust, stage::Stage};

use crate::harness::{Call, Deployer, Judged, World, publish};

/// How the stages end when the app is well and no custom test is run.
const UNTESTED: &str = "install pass, upgrade skip, backup skip, restore skip, custom skip";

/// Begins a run of a recipe that is fetched.
fn fetched<'a>(world: &'a World, recipe: &str, url: &str) -> Call<'a> {
    let args = ["test", recipe, "--src", url, "--stages", "install,custom"];
    world.ccci(&args).env("CCCI_ALLOW_HTTP", "true")
}

/// Makes a world whose recipe brings a test of its own.
fn with_own_test() -> World {
    let world = World::of("plain", Deployer::Docker);
    let tests = world.checkout().join("tests");
    fs::create_dir(&tests).expect("the fixture has none");
    let text = "touch \"$CCCI_ARTIFACTS/own-test-ran\"\n";
    World::write_program(&tests.join("test_own.sh"), text);
    world.commit_all();
    world
}

/// Approves the tests that the recipe brings.
fn approve(world: &World) {
    let list = world.path("kept/repo-local-approved.txt");
    fs::write(list, "# ours\nplain\n").expect("it is ours");
}

/// Asserts how the recipe's own test was planned.
#[track_caller]
fn check_own_test(judged: &Judged, is_refused: bool) {
    let plan = judged
        .records
        .report
        .plan
        .as_ref()
        .expect("there was a plan");
    assert_eq!(plan.trust, Trust::Untrusted);
    let own: Vec<_> = plan.overlays.iter().collect();
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!(own[0].origin, OverlayOrigin::Recipe);
    assert_eq!(own[0].refused.is_some(), is_refused, "{own:?}");
}

#[test]
fn a_fetched_recipe_that_reaches_for_the_host_is_refused() {
    let world = World::of("reaches-out", Deployer::Docker);
    let url = publish(&world);
    let screen = fetched(&world, "reaches-out", &url).run().refused(102);
    assert!(
        screen.contains("the compose policy refuses this recipe"),
        "{screen}"
    );
    assert!(screen.contains("/var/run/docker.sock"), "{screen}");
}

#[test]
fn tests_that_a_fetched_recipe_brings_are_shown_and_not_run() {
    let world = with_own_test();
    let url = publish(&world);
    let judged = fetched(&world, "plain", &url)
        .run()
        .judged(0)
        .ended(UNTESTED, 1);
    check_own_test(&judged, true);
    assert!(
        judged.screen.contains("test_own.sh` will not run"),
        "{}",
        judged.screen
    );
    assert!(!judged.directory.join("artifacts").exists());
    assert!(judged.records.stage(Stage::Custom).checks.is_empty());
}

#[test]
fn tests_that_an_approved_recipe_brings_are_run() {
    let world = with_own_test();
    let url = publish(&world);
    approve(&world);
    let ended = "install pass, upgrade skip, backup skip, restore skip, custom pass";
    let judged = fetched(&world, "plain", &url)
        .run()
        .judged(0)
        .ended(ended, 1);
    check_own_test(&judged, false);
    assert!(judged.directory.join("artifacts/own-test-ran").exists());
}

/// Files that do something when they are merely found: on import, on collection, by the settings of a runner.
const LURKING: [(&str, &str); 14] = [
    ("conftest.py", PYTHON),
    ("sitecustomize.py", PYTHON),
    ("usercustomize.py", PYTHON),
    ("evil.py", PYTHON),
    (
        "pytest.ini",
        "[pytest]\naddopts = -p evil\npythonpath = . tests\n",
    ),
    (
        "pyproject.toml",
        "[tool.pytest.ini_options]\naddopts = \"-p evil\"\n",
    ),
    ("setup.cfg", "[tool:pytest]\naddopts = -p evil\n"),
    ("tox.ini", "[pytest]\naddopts = -p evil\n"),
    ("test_own.py", PYTHON),
    ("test_install_own.sh", SHELL),
    ("install_steps.sh", SHELL),
    ("ops/pre_install.py", PYTHON),
    ("playwright/test_own.py", PYTHON),
    ("test_own.hurl", "POST {{base_url}}\nfile,test_own.hurl;\n"),
];
/// Leaves a trace.
const PYTHON: &str = "open('@MARK@', 'a').write(__file__ + '\\n')\n";
/// Leaves one too.
const SHELL: &str = "#!/bin/sh\necho \"$0\" >> '@MARK@'\n";

#[test]
fn nothing_that_an_unapproved_recipe_brings_is_run_or_imported() {
    let world = World::of("plain", Deployer::Docker);
    let mark = world.path("mark");
    for (name, text) in LURKING {
        let text = text.replace("@MARK@", mark.to_str().expect("it is text"));
        for root in ["", "tests"] {
            let path = world.checkout().join(root).join(name);
            write(&path, &text, 0o755);
        }
    }
    let declared = "[[check]]\nname = \"theirs\"\npath = \"/\"\n";
    write(&world.checkout().join("tests/recipe.toml"), declared, 0o644);
    world.commit_all();
    world.keep("test_ours.py", "def test_ours(http):\n    http.get('/')\n");
    let url = publish(&world);
    let ended = "install pass, upgrade skip, backup skip, restore skip, custom pass";
    let judged = fetched(&world, "plain", &url)
        .run()
        .judged(0)
        .ended(ended, 1);
    let traces = fs::read_to_string(&mark).unwrap_or_default();
    assert_eq!(traces, "", "run or imported");
    let plan = judged
        .records
        .report
        .plan
        .as_ref()
        .expect("there was a plan");
    let theirs = plan.overlays.iter();
    let theirs: Vec<_> = theirs
        .filter(|found| found.origin == OverlayOrigin::Recipe)
        .collect();
    let names: Vec<_> = theirs.iter().map(|found| found.path.as_str()).collect();
    assert_eq!(
        names,
        [
            "install_steps.sh",
            "ops/pre_install.py",
            "test_install_own.sh",
            "playwright/test_own.py",
            "test_own.hurl",
            "test_own.py",
        ]
    );
    let why = "the recipe is not approved to run its own tests here";
    for found in theirs {
        assert_eq!(found.refused.as_deref(), Some(why));
        let line = format!("`{}` will not run: {why}", found.path);
        assert!(judged.screen.contains(&line), "{}", judged.screen);
    }
    let made = judged
        .records
        .report
        .stages
        .iter()
        .flat_map(|stage| &stage.checks);
    let made: Vec<_> = made
        .filter(|check| check.kind != CheckKind::Generic)
        .collect();
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(made[0].name, "test_ours.py");
}

/// A test of the recipe's own that does what tests do, in Python and in a browser.
const ORDINARY: &str = "import os, pathlib

def test_app(http, run_in, artifacts, tmp_path, op):
    run_in('app', 'sh', '-c', 'cat > /data/own.txt', input='written')
    assert http.get('/own.txt').text == 'written'
    (tmp_path / 'a').write_text('a')
    (artifacts / 'ordinary.txt').write_text(pathlib.Path(os.environ['CCCI_APP_ENV']).read_text())

def test_page(page, run_in):
    run_in('app', 'sh', '-c', 'cat > /data/index.html', input='<title>Hello</title>')
    page.goto('/')
    assert page.title() == 'Hello'
";

/// Makes a world that holds secrets of the host in all places that are known, all with one word in them.
fn with_secrets() -> World {
    let world = World::of("plain", Deployer::Docker);
    write(&world.path("token"), "stolen-token-of-git", 0o600);
    write(&world.path("vault/key"), "stolen-key-of-the-host", 0o600);
    for place in [".docker/config.json", ".ssh/id"] {
        write(&world.path("home").join(place), "stolen-from-home", 0o600);
    }
    write(
        &world.path("state/runs/other/report.json"),
        "stolen-report",
        0o600,
    );
    world
}

/// Gives a call the secrets of a CI server.
fn among_secrets<'a>(world: &World, call: Call<'a>) -> Call<'a> {
    let path = |name: &str| world.path(name).into_os_string().into_string();
    let call = call
        .env("CCCI_GIT_TOKEN_FILE", &path("token").expect("it is text"))
        .env("CCCI_SECRETS_DIRS", &path("vault").expect("it is text"))
        .env("SSH_AUTH_SOCK", &path("agent").expect("it is text"));
    let all = [
        "CCCI_GIT_TOKEN",
        "DRONE_TOKEN",
        "GITEA_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "REGISTRY_PASSWORD",
    ];
    all.into_iter().fold(call, |call, name| {
        call.env(name, "stolen-of-the-environment")
    })
}

/// Returns the script that reaches for all of it.
fn reaching(world: &World) -> String {
    let root = world.path("");
    let root = root.to_str().expect("it is text");
    include_str!("attacks/reach.sh").replace("@ROOT@", root.trim_end_matches('/'))
}

/// Returns what the script got.
fn reached(judged: &Judged) -> Vec<String> {
    let path = judged.directory.join("artifacts/reached.txt");
    let text = fs::read_to_string(&path).expect("it notes what works anywhere");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn tests_of_an_approved_recipe_see_no_token_and_write_nothing_but_what_is_theirs() {
    let world = with_secrets();
    let tests = world.checkout().join("tests");
    fs::create_dir(&tests).expect("the fixture has none");
    World::write_program(&tests.join("functional/test_reach.sh"), &reaching(&world));
    write(
        &tests.join("functional/control.txt"),
        "stolen on purpose",
        0o644,
    );
    write(&tests.join("playwright/test_ordinary.py"), ORDINARY, 0o644);
    let hook = "echo BEFORE=1 >> \"$CCCI_APP_ENV\" && sed -i s/BEFORE/AFTER/ \"$CCCI_APP_ENV\"\n";
    World::write_program(&tests.join("install_steps.sh"), hook);
    world.commit_all();
    approve(&world);
    let url = publish(&world);
    let call = among_secrets(&world, fetched(&world, "plain", &url));
    let ended = "install pass, upgrade skip, backup skip, restore skip, custom pass";
    let judged = call.run().judged(0).ended(ended, 1);
    let mut reached = reached(&judged);
    // Kernels before 6.12 do not guard the lives of other processes.
    reached.retain(|line| line != "could end ccci" || kernel() >= (6, 12));
    assert_eq!(
        reached,
        ["read control", "wrote scratch", "wrote artifacts"]
    );
    judged.has_evidence("artifacts/ordinary.txt", "AFTER=1");
    assert!(world.path("token").is_file());
}

#[test]
fn what_such_tests_are_kept_from_is_there_for_those_that_an_operator_keeps() {
    let world = with_secrets();
    world.keep_program("functional/test_reach.sh", &reaching(&world));
    world.keep("functional/control.txt", "stolen on purpose");
    let call = world.test().args(&["--stages", "install,custom"]);
    let judged = among_secrets(&world, call).run().judged(0);
    let reached = reached(&judged);
    let expected = [
        "read control",
        "read token",
        "read token-by-link",
        "read token-by-name",
        "read secrets",
        "read docker-login",
        "read key",
        "read other-run",
        "wrote home",
        "wrote anywhere",
        "has the agent",
        "could end ccci",
    ];
    for line in expected {
        assert!(
            reached.iter().any(|found| found == line),
            "no `{line}` in {reached:#?}"
        );
    }
    // Others than root see nothing of ccci.
    let sees_ccci = reached.contains(&"read environment of ccci".to_owned());
    assert_eq!(
        sees_ccci,
        rustix::process::geteuid().is_root(),
        "{reached:#?}"
    );
    assert!(
        !reached.contains(&"read own-environment".to_owned()),
        "{reached:#?}"
    );
}

#[test]
fn declarations_of_an_approved_recipe_that_cannot_be_used_are_its_own_failure() {
    let world = World::of("plain", Deployer::Docker);
    let declared = "health-paht = \"/\"\n";
    write(&world.checkout().join("tests/recipe.toml"), declared, 0o644);
    world.commit_all();
    approve(&world);
    let url = publish(&world);
    let ended = "install fail, upgrade skip, backup skip, restore skip, custom skip";
    let judged = fetched(&world, "plain", &url)
        .run()
        .judged(100)
        .ended(ended, 0);
    let result = judged.records.stage(Stage::Install);
    let trouble = result.trouble.as_ref().expect("a failed stage says why");
    assert_eq!(trouble.code, "recipe-toml");
    assert!(
        judged.screen.contains("unknown field `health-paht`"),
        "{}",
        judged.screen
    );
    assert!(
        judged.screen.contains("line 1, column 1"),
        "{}",
        judged.screen
    );
    assert_eq!(world.watch.services(), Vec::<String>::new());
}

/// Returns the first two numbers of the kernel's version.
fn kernel() -> (u32, u32) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").expect("it is Linux");
    let mut numbers = text.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(second))) => (first, second),
        _ => panic!("no version: {text}"),
    }
}

/// Writes a file with its folders and its mode.
fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("it is ours");
    fs::write(path, text).expect("it is ours");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}
