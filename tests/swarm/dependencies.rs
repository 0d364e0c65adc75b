//! Recipes that require others: an app that always runs here gives to several at once, and one that does not is deployed
//! for each.

use std::fs;

use ccci::model::{
    dependency::{Dependency, Presence},
    outcome::Outcome,
    report::RunReport,
};

use crate::harness::{Call, Deployer, Judged, Warm, World, docker, files, publish_fixtures};

/// How the stages end when install alone was asked for and passes.
pub(crate) const INSTALLED: &str =
    "install pass, upgrade skip, backup skip, restore skip, custom skip";
/// How they end when what is required could not be had.
const NOT_BEGUN: &str = "install broken, upgrade skip, backup skip, restore skip, custom skip";

/// A place from which nothing can be fetched.
pub(crate) const NOWHERE: &str = "https://forge.invalid/{recipe}.git";

/// Makes a database and a role for each dependent; the password is talked about where nobody must hear it.
const PROVIDE: &str = r#"set -eu
name=$CCCI_PROVIDE_NAME
password=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
echo "$password" > "@GIVEN@/$name"
echo "the password is $password" >&2
ask() { ccci exec app -- psql --username=postgres --quiet --command "$1" >&2; }
ask "CREATE ROLE \"$name\" LOGIN PASSWORD '$password'"
ask "CREATE DATABASE \"$name\" OWNER \"$name\""
printf '{"values": {"host": "tasks.%s_app", "name": "%s"}, "secrets": {"password": "%s"}}\n' \
    "$CCCI_STACK" "$name" "$password"
"#;

/// Undoes that, also twice, and when nothing was made.
const WITHDRAW: &str = r#"set -eu
ask() { ccci exec app -- psql --username=postgres --quiet --command "$1" >&2; }
ask "DROP DATABASE IF EXISTS \"$CCCI_PROVIDE_NAME\" WITH (FORCE)"
ask "DROP ROLE IF EXISTS \"$CCCI_PROVIDE_NAME\""
echo "$CCCI_PROVIDE_NAME $CCCI_APP_DOMAIN" >> "@GIVEN@/withdrawn"
"#;

/// Inserts the password that was given as the app's secret.
const INSERT: &str = r#"set -eu
test "$(stat -c %a "$CCCI_PROVIDED_FILE")" = 600
python3 -c 'import json, os; print(json.load(open(os.environ["CCCI_PROVIDED_FILE"]))["database"]["secrets"]["password"], end="")' |
    docker secret create --label "com.docker.stack.namespace=$CCCI_STACK" "${CCCI_STACK}_password_v1" - > /dev/null
"#;

/// What the dependent declares.
const REQUIRES: &str = "requires = [\"database\"]

[env]
DATABASE_HOST = \"{database.host}\"
DATABASE_NAME = \"{database.name}\"
";

/// Asks for the table that the app made, and gives its password away.
const USED: &str = r#"set -eu
ccci exec app -- sh -c 'PGPASSWORD=$(cat /run/secrets/password) psql --command "SELECT count(*) FROM used" >&2'
cat "$CCCI_PROVIDED_FILE"
"#;

/// Makes a world of an app that needs a database, with the hooks of that database.
fn needing(deployer: Deployer) -> World {
    let world = World::of("needs-database", deployer);
    keep_for_database(&world);
    world
}

/// Keeps the hooks of the database, and the tests of the app that needs it.
fn keep_for_database(world: &World) {
    let given = world.path("given");
    fs::create_dir(&given).expect("it is ours");
    let given = given.to_str().expect("it is text");
    let hooks = [("provide", PROVIDE), ("withdraw", WITHDRAW)];
    for (name, text) in hooks {
        let text = text.replace("@GIVEN@", given);
        world.keep_program_for("database", &format!("ops/{name}.sh"), &text);
    }
    let needing = "needs-database";
    world.keep_for(needing, "recipe.toml", REQUIRES);
    world.keep_program_for(needing, "install_steps.sh", INSERT);
    world.keep_program_for(needing, "test_install_used.sh", USED);
}

/// Begins a run of the stage install that can fetch these fixtures.
pub(crate) fn install<'a>(world: &'a World, target: &str, url: &str) -> Call<'a> {
    let call = world.ccci(&["test", target, "--stages", "install", "-v"]);
    call.env("CCCI_RECIPE_URL", url)
        .env("CCCI_ALLOW_HTTP", "true")
}

/// Deploys the fixture's database.
fn warm_database(world: &World) -> Warm {
    let path = "tests/fixtures/recipes/database/0.1.0+15.12/compose.yml";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    Warm::deploy(
        world,
        "database",
        &fs::read_to_string(path).expect("it is there"),
    )
}

/// Returns the roles and databases that are there beside those of every PostgreSQL.
fn holds(warm: &Warm) -> String {
    let service = format!("label=com.docker.swarm.service.name={}_app", warm.stack);
    let container = docker(&["ps", "--quiet", "--filter", &service]);
    let query = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'needs-%' UNION ALL SELECT datname FROM pg_database WHERE datname LIKE 'needs-%'";
    let psql = [
        "psql",
        "--username=postgres",
        "--tuples-only",
        "--no-align",
        "--command",
        query,
    ];
    docker(&[["exec", &container].as_slice(), &psql].concat())
}

/// Returns the one recipe that a run required.
#[track_caller]
pub(crate) fn required(judged: &Judged) -> &Dependency {
    let dependencies = &judged.records.report.dependencies;
    assert_eq!(dependencies.len(), 1, "{dependencies:#?}");
    &dependencies[0]
}

/// Asserts that each secret that was given is neither on the screens nor in the state; returns how many there were.
#[track_caller]
fn check_secrecy(world: &World, screens: &[&str]) -> usize {
    let given = files(&world.path("given"));
    let passwords = given.iter().filter(|path| !path.ends_with("withdrawn"));
    let passwords: Vec<_> = passwords
        .map(|path| fs::read_to_string(path).expect("it is ours"))
        .collect();
    for password in &passwords {
        let password = password.trim();
        assert_eq!(password.len(), 24);
        for screen in screens {
            assert!(!screen.contains(password), "{screen}");
        }
        for path in files(&world.path("state")) {
            let bytes = fs::read(&path).expect("it is ours");
            let shows = String::from_utf8_lossy(&bytes).contains(password);
            assert!(!shows, "in {}", path.display());
        }
    }
    passwords.len()
}

/// Returns what was withdrawn, a line each.
fn withdrawn(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.path("given/withdrawn")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Runs two apps at once that require one which always runs here.
fn share_a_warm_app(deployer: Deployer) {
    let world = needing(deployer);
    let warm = warm_database(&world);
    let before = world.objects();
    let second = world.second_checkout();
    let calls = [
        install(&world, "./needs-database", NOWHERE).start(),
        install(&world, &second, NOWHERE).start(),
    ];
    let judged = calls.map(|call| {
        let judged = call.end().judged_with_leaks(0);
        judged.ended(INSTALLED, 1)
    });
    let mut names = Vec::new();
    for one in &judged {
        let dependency = required(one);
        assert_eq!(dependency.presence, Presence::Reused);
        assert_eq!(dependency.version.as_deref(), Some("0.1.0+15.12"));
        assert_eq!(dependency.run_id, None);
        let shown = format!(
            "database 0.1.0+15.12 at warm-database.{} (reused, ",
            world.base_domain()
        );
        assert!(one.screen.contains(&shown), "{}", one.screen);
        let plan = one.records.report.plan.as_ref().expect("there was a plan");
        let digits = plan.domain.label().rsplit('-').next().expect("it has some");
        names.push(format!("needs-database-{digits} {}", dependency.domain));
    }
    assert_ne!(names[0], names[1]);
    names.sort();
    let mut undone = withdrawn(&world);
    undone.sort();
    assert_eq!(undone, names);
    assert_eq!(holds(&warm), "");
    assert_eq!(world.objects(), before);
    let screens = [judged[0].screen.as_str(), judged[1].screen.as_str()];
    assert_eq!(check_secrecy(&world, &screens), 2);
}

#[test]
fn an_app_that_always_runs_gives_to_two_at_once_and_keeps_nothing() {
    share_a_warm_app(Deployer::Docker);
}

#[test]
fn an_app_that_always_runs_gives_to_two_at_once_and_keeps_nothing_with_abra() {
    share_a_warm_app(Deployer::Abra);
}

#[test]
fn each_of_two_apps_gets_a_required_one_of_its_own_where_none_always_runs() {
    let world = needing(Deployer::Docker);
    let url = publish_fixtures(&world, &["database"]);
    let second = world.second_checkout();
    let call = install(&world, "./needs-database", &url).start();
    let other = install(&world, &second, &url).start();
    let ran = [call.end(), other.end()];
    assert_eq!(world.objects(), Vec::<String>::new());
    let judged = ran.map(|ran| ran.judged(0).ended(INSTALLED, 1));
    let [first, other] = &judged;
    let (first, other) = (required(first), required(other));
    assert_ne!(first.domain, other.domain);
    assert_ne!(first.run_id, other.run_id);
    for (dependency, one) in [(first, &judged[0]), (other, &judged[1])] {
        assert_eq!(dependency.presence, Presence::Deployed);
        assert_eq!(
            (&dependency.left, dependency.outcome),
            (&Vec::new(), Outcome::Pass)
        );
        assert!(
            dependency.domain.follows_run_scheme(),
            "{}",
            dependency.domain
        );
        let shown = format!("database 0.1.0+15.12 at {} (deployed, ", dependency.domain);
        assert!(one.screen.contains(&shown), "{}", one.screen);
        let own = dependency.run_id.as_ref().expect("it had a run");
        let latest = fs::canonicalize(world.path("state/runs/latest")).expect("there is one");
        assert!(!latest.ends_with(own.as_str()), "{}", latest.display());
        assert!(one.screen.contains("1 passed"), "{}", one.screen);
    }
    // An app that goes as a whole takes along what it made.
    assert_eq!(withdrawn(&world), Vec::<String>::new());
    let screens = [judged[0].screen.as_str(), judged[1].screen.as_str()];
    assert_eq!(check_secrecy(&world, &screens), 2);
}

#[test]
fn a_required_app_that_does_not_come_up_leaves_no_verdict() {
    let world = World::of("plain", Deployer::Docker);
    world.keep("recipe.toml", "requires = [\"restart-loop\"]\n");
    let url = publish_fixtures(&world, &["restart-loop"]);
    let judged = install(&world, "./plain", &url).run().judged(103);
    let judged = judged.ended(NOT_BEGUN, 0);
    let dependency = required(&judged);
    assert_eq!(dependency.outcome, Outcome::Broken);
    let run = dependency.run_id.as_ref().expect("it had a run");
    let records = world.path("state/runs").join(run.as_str());
    for text in [
        "required recipe `restart-loop` did not come up",
        "`app` is in a restart loop",
        &format!("caused by: its records: {}", records.display()),
        "hint: run `ccci test restart-loop --ref ",
    ] {
        assert!(
            judged.screen.contains(text),
            "no `{text}` in {}",
            judged.screen
        );
    }
    assert!(records.join("report.json").is_file());
}

#[test]
fn a_run_that_is_killed_is_undone_at_the_app_that_always_runs() {
    let world = needing(Deployer::Docker);
    let warm = warm_database(&world);
    let before = world.objects();
    world.keep_program("test_install_used.sh", "kill -9 $PPID\n");
    let killed = install(&world, "./needs-database", NOWHERE).run();
    assert_eq!(killed.code, None, "{}", killed.stderr);
    assert_eq!(holds(&warm).lines().count(), 2, "a role and a database");
    let reaped = world.ccci(&["janitor"]).run();
    assert_eq!(reaped.code, Some(0), "{}", reaped.stderr);
    assert_eq!(holds(&warm), "");
    assert_eq!(world.objects(), before);
    let again = world.ccci(&["janitor"]).run();
    assert!(
        !again.stderr.contains("its run is gone"),
        "{}",
        again.stderr
    );
    assert_eq!(withdrawn(&world).len(), 1);
    check_secrecy(&world, &[&killed.stderr, &reaped.stderr]);
}

#[test]
fn a_run_that_is_killed_leaves_the_app_that_was_deployed_for_it_to_the_janitor() {
    let world = needing(Deployer::Docker);
    let url = publish_fixtures(&world, &["database"]);
    world.keep_program("test_install_used.sh", "kill -9 $PPID\n");
    let killed = install(&world, "./needs-database", &url).run();
    assert_eq!(killed.code, None, "{}", killed.stderr);
    let services = docker(&["service", "ls", "--format", "{{.Name}}"]);
    let ours = services
        .lines()
        .filter(|name| name.contains(world.marker()));
    assert_eq!(ours.count(), 2, "{services}");
    let reaped = world.ccci(&["janitor"]).run();
    assert_eq!(reaped.code, Some(0), "{}", reaped.stderr);
    assert_eq!(world.objects(), Vec::<String>::new());
}

#[test]
fn an_interrupted_run_lets_the_app_that_was_deployed_for_it_go() {
    let world = needing(Deployer::Docker);
    let url = publish_fixtures(&world, &["database"]);
    world.keep_program("test_install_used.sh", "kill -INT $PPID\nexec sleep 60\n");
    let judged = install(&world, "./needs-database", &url).run().judged(130);
    assert_eq!(required(&judged).left, Vec::<String>::new());
}

#[test]
fn a_required_app_gets_what_it_requires_itself() {
    let world = World::of("plain", Deployer::Docker);
    keep_for_database(&world);
    world.keep("recipe.toml", "requires = [\"needs-database\"]\n");
    let url = publish_fixtures(&world, &["needs-database", "database"]);
    let judged = install(&world, "./plain", &url).run().judged(0);
    let judged = judged.ended(INSTALLED, 1);
    let run = required(&judged).run_id.as_ref().expect("it had a run");
    let path = world
        .path("state/runs")
        .join(run.as_str())
        .join("report.json");
    let report = fs::read_to_string(path).expect("it has a report");
    let report: RunReport = serde_json::from_str(&report).expect("it is whole");
    let deeper: Vec<_> = report
        .dependencies
        .iter()
        .map(|one| one.recipe.as_str())
        .collect();
    assert_eq!(deeper, ["database"]);
    assert_eq!(check_secrecy(&world, &[&judged.screen]), 1);
}

#[test]
fn what_is_left_of_a_required_app_is_left_of_the_run() {
    let world = World::of("plain", Deployer::Docker);
    world.keep("recipe.toml", "requires = [\"database\"]\n");
    let holder = format!("{}-holder", world.marker());
    // Not of the app's stack, so no teardown has a right to remove it.
    let hold = format!(
        "exec docker run --detach --name {holder} --volume \"${{CCCI_STACK}}_data:/held\" busybox:1.35.0 sleep 600\n"
    );
    world.keep_program_for("database", "test_install_hold.sh", &hold);
    let url = publish_fixtures(&world, &["database"]);
    let call = install(&world, "./plain", &url).env("CCCI_TEARDOWN_TIMEOUT", "5s");
    let judged = call.run().judged_with_leaks(104).ended(INSTALLED, 1);
    docker(&["rm", "--force", &holder]);
    let left = world.objects();
    assert_eq!(left.len(), 1, "{left:?}");
    let volume = left[0].strip_prefix("volume ").expect("it is a volume");
    assert_eq!(required(&judged).left, [format!("volume `{volume}`")]);
    let shown = format!("volume `{volume}` remains at ");
    assert!(judged.screen.contains(&shown), "{}", judged.screen);
    docker(&["volume", "rm", volume]);
}

#[test]
fn an_app_that_is_kept_keeps_the_one_that_was_deployed_for_it() {
    let world = needing(Deployer::Docker);
    let url = publish_fixtures(&world, &["database"]);
    let call = install(&world, "./needs-database", &url).args(&["--keep", "always"]);
    let judged = call.run().judged_with_leaks(0).ended(INSTALLED, 1);
    let report = &judged.records.report;
    let own = report.kept.as_ref().expect("it is kept");
    let kept = required(&judged).kept.as_ref().expect("it is kept too");
    assert_eq!(kept.until, own.until);
    let screen = &judged.screen;
    assert!(screen.contains("needs-database: database: "), "{screen}");
    for remove in [&own.remove, &kept.remove] {
        assert!(screen.contains(&format!("remove: {remove}")), "{screen}");
        let words: Vec<_> = remove.split(' ').skip(1).chain(["--yes"]).collect();
        let removed = world.ccci(&words).run();
        assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    }
    assert_eq!(world.objects(), Vec::<String>::new());
}
