//! Always-on apps: deployed where they are missing, upgraded where that is safe, and brought back with their data.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::harness::{Call, Deployer, Shelf, World, docker};

/// The releases of the fixture.
const RELEASES: [&str; 2] = ["0.1.0+1.35.0", "0.2.0+1.35.1"];
/// A release that comes later.
const NEXT: &str = "0.3.0+1.35.1";
/// A release with another first number.
const MAJOR: &str = "1.0.0+1.35.1";
/// What a person has in the app.
const MARK: &[u8] = b"of a person\n";

/// A server with one always-on app, whose recipe is published.
struct Server {
    /// Where all of it is.
    world: World,
    /// Where the recipe is published.
    shelf: Shelf,
}

impl Server {
    /// Makes a server whose app is not there yet.
    fn new(deployer: Deployer) -> Self {
        let world = World::of("plain", deployer);
        let shelf = Shelf::open(&world);
        shelf.release(&world, RELEASES[0]);
        let server = Self { world, shelf };
        World::write_program(
            &server.world.path("alert"),
            &format!("cat \"$1\" >> {}\n", server.told().display()),
        );
        server.configure("");
        server
    }

    /// Returns the app's domain, which is none of those that ccci makes up.
    fn domain(&self) -> String {
        format!("portal.{}", self.world.base_domain())
    }

    /// Returns the name of something of the app.
    fn object(&self, name: &str) -> String {
        format!("{}_{name}", self.domain().replace('.', "_"))
    }

    /// Returns what the command for alerts writes.
    fn told(&self) -> PathBuf {
        self.world.path("told")
    }

    /// Writes the configuration, with more keys for the app.
    fn configure(&self, more: &str) {
        let (domain, alert) = (self.domain(), self.world.path("alert"));
        let text = format!(
            "[alerts]\ncommand = [\"{}\"]\n\n[[always-on]]\nrecipe = \"plain\"\ndomain = \"{domain}\"\n{more}",
            alert.display()
        );
        fs::write(self.world.path("ccci.toml"), text).expect("it is ours");
    }

    /// Begins a call.
    fn call(&self, args: &[&str]) -> Call<'_> {
        let config = self.world.path("ccci.toml");
        let call = self.world.ccci(args);
        call.env("CCCI_CONFIG", config.to_str().expect("it is text"))
            .env("CCCI_RECIPE_URL", self.shelf.url())
            .env("CCCI_ALLOW_HTTP", "true")
    }

    /// Reconciles, which has to end with this code; returns what was said.
    #[track_caller]
    fn reconcile(&self, code: i32) -> String {
        let ran = self.call(&["reconcile"]).run();
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
        ran.stderr
    }

    /// Publishes a release whose compose file differs from the newest one of the fixture.
    fn publish(&self, version: &str, changes: &[(&str, &str)]) {
        let path = self.world.checkout().join("compose.yml");
        let text = fs::read_to_string(&path).expect("it is there");
        let label = text
            .split(".version=")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let label = label.expect("it names its release").to_owned();
        let text = text.replace(&label, version);
        let text = changes.iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        fs::write(&path, text).expect("it is ours");
        self.world.release(version);
        self.shelf.release(&self.world, version);
    }

    /// Publishes a release that damages its data and never becomes healthy.
    fn publish_unhealthy(&self, version: &str) {
        let command = "echo well > /data/index.html; exec httpd -f -p 80 -h /data";
        let damage = "rm -f /data/mark; echo lost > /data/index.html; exec httpd -f -p 80 -h /data";
        let check = "    healthcheck:\n      test: [\"CMD\", \"false\"]\n      interval: 500ms\n      timeout: 1s\n      retries: 2\n    deploy:\n";
        self.publish(version, &[(command, damage), ("    deploy:\n", check)]);
    }

    /// Returns the release that runs, and the version that swarm gives its service.
    fn running(&self) -> (String, String) {
        let label = self.object("version").replace("_version", "");
        let format = format!(
            "{{{{index .Spec.Labels \"coop-cloud.{label}.version\"}}}} {{{{.Version.Index}}}}"
        );
        let told = docker(&[
            "service",
            "inspect",
            "--format",
            &format,
            &self.object("app"),
        ]);
        let (release, index) = told.split_once(' ').expect("both are told");
        (release.to_owned(), index.to_owned())
    }

    /// Returns where the files of the app's volume are.
    fn files(&self) -> PathBuf {
        let volume = self.object("data");
        let mount = docker(&["volume", "inspect", "--format", "{{.Mountpoint}}", &volume]);
        PathBuf::from(mount)
    }

    /// Leaves something in the app that only a person can have made.
    fn mark(&self) {
        fs::write(self.files().join("mark"), MARK).expect("tests may write there");
    }

    /// Asserts that the app has all its data.
    #[track_caller]
    fn check_data(&self) {
        let read = |name: &str| fs::read(self.files().join(name)).expect("it is there");
        assert_eq!(read("mark"), MARK);
        assert_eq!(read("index.html"), b"well\n");
    }

    /// Returns the record of the app.
    fn record(&self) -> Value {
        let folder = self.world.path("state/always-on").join(self.domain());
        let text = fs::read_to_string(folder.join("app.json")).expect("there is a record");
        let record: Value = serde_json::from_str(&text).expect("it is JSON");
        record["record"].clone()
    }

    /// Returns what kinds of alerts were raised, in order; each was passed to the command.
    fn alerts(&self) -> Vec<String> {
        let folder = fs::read_dir(self.world.path("state/alerts"));
        let files = folder.into_iter().flatten();
        let mut files: Vec<_> = files
            .map(|entry| entry.expect("it is there").path())
            .collect();
        files.sort();
        let texts = files.iter().map(fs::read_to_string);
        let texts: Vec<String> = texts.map(|text| text.expect("it is text")).collect();
        let told = fs::read_to_string(self.told()).unwrap_or_default();
        assert_eq!(told, texts.concat());
        let kind = |text: &String| {
            let alert: Value = serde_json::from_str(text).expect("it is JSON");
            alert["kind"].as_str().expect("it has a kind").to_owned()
        };
        texts.iter().map(kind).collect()
    }

    /// Asserts that one more call finds nothing to do and changes nothing.
    #[track_caller]
    fn check_settled(&self) {
        let (before, alerts) = ((self.running(), self.record()), self.alerts());
        let said = self.reconcile(0);
        assert!(said.contains("nothing to do"), "{said}");
        assert!(!said.contains("Starting"), "{said}");
        assert_eq!((self.running(), self.record()), before);
        assert_eq!(self.alerts(), alerts);
    }

    /// Asserts that no snapshot is kept which no upgrade needs.
    #[track_caller]
    fn check_folder(&self) {
        let folder = self.world.path("state/always-on").join(self.domain());
        let entries = fs::read_dir(folder).expect("it is there");
        let names = entries.map(|entry| entry.expect("it is there").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.into_string().expect("text"))
            .collect();
        names.sort();
        assert_eq!(names, ["app.env", "app.json"]);
    }

    /// Removes the app, as a person does; nothing of it is left then.
    #[track_caller]
    fn remove(self) {
        let domain = self.domain();
        let ran = self.call(&["teardown", &domain]).run();
        assert_eq!(ran.code, Some(106), "{}", ran.stderr);
        let confirm = format!("--confirm={domain}");
        let ran = self.call(&["teardown", &domain, &confirm]).run();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(self.world.objects(), Vec::<String>::new());
    }
}

/// Deploys an app that is absent, takes a safe release, and undoes one that is never healthy.
fn one_life(deployer: Deployer) {
    let server = Server::new(deployer);
    let said = server.reconcile(0);
    assert!(said.contains("      Deploy ["), "{said}");
    assert_eq!(server.running().0, RELEASES[0]);
    assert_eq!(server.record()["deployed"]["version"], RELEASES[0]);
    server.mark();
    server.check_settled();

    server.shelf.release(&server.world, RELEASES[1]);
    let said = server.reconcile(0);
    assert!(said.contains("     Upgrade ["), "{said}");
    assert_eq!(server.running().0, RELEASES[1]);
    server.check_data();
    server.check_settled();
    server.check_folder();

    server.publish_unhealthy(NEXT);
    let said = server.reconcile(100);
    assert!(said.contains("    ROLLBACK ["), "{said}");
    assert_eq!(server.running().0, RELEASES[1]);
    server.check_data();
    let record = server.record();
    assert_eq!(record["rolled_back"]["version"], NEXT);
    assert_eq!(record["deployed"]["version"], RELEASES[1]);
    assert!(record["upgrading"].is_null(), "{record}");
    assert_eq!(server.alerts(), ["rollback"]);
    server.check_settled();
    server.check_folder();
    server.remove();
}

#[test]
fn an_absent_app_is_deployed_a_safe_release_taken_and_an_unhealthy_one_undone() {
    one_life(Deployer::Docker);
}

#[test]
fn an_absent_app_is_deployed_a_safe_release_taken_and_an_unhealthy_one_undone_with_abra() {
    one_life(Deployer::Abra);
}

#[test]
fn a_major_release_waits_with_one_alert_until_it_is_approved() {
    let server = Server::new(Deployer::Docker);
    let ran = server.call(&["reconcile", "--dry-run"]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("would deploy 0.1.0+1.35.0"),
        "{}",
        ran.stderr
    );
    assert_eq!(server.world.objects(), Vec::<String>::new());
    server.reconcile(0);
    server.mark();
    server.publish(MAJOR, &[]);
    let said = server.reconcile(0);
    assert!(said.contains("        HOLD "), "{said}");
    assert!(said.contains("approve = \"1.0.0+1.35.1\""), "{said}");
    assert_eq!(server.running().0, RELEASES[0]);
    assert_eq!(server.alerts(), ["hold"]);
    server.check_settled();

    server.configure(&format!("approve = \"{MAJOR}\"\n"));
    let ran = server.call(&["reconcile", "plain", "--json"]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!(told["apps"][0]["version"], MAJOR, "{told}");
    assert_eq!(
        told["apps"][0]["decision"]["step"]["do"], "upgrade",
        "{told}"
    );
    assert_eq!(server.running().0, MAJOR);
    assert!(server.record()["held"].is_null());
    server.check_data();
    server.check_settled();
    server.remove();
}

#[test]
fn a_call_that_finds_all_as_it_should_be_asks_little_and_makes_no_run() {
    let server = Server::new(Deployer::Docker);
    server.reconcile(0);
    let runs = || {
        let entries = fs::read_dir(server.world.path("state/runs"));
        entries.expect("it is there").count()
    };
    let (before, log) = (runs(), server.world.path("calls"));
    for program in ["docker", "git"] {
        let text = format!(
            "echo \"{program} $*\" >> {}\nexec {program} \"$@\"\n",
            log.display()
        );
        World::write_program(&server.world.path(&format!("noting-{program}")), &text);
    }
    let path = |name: &str| server.world.path(name).display().to_string();
    let ran = server
        .call(&["reconcile"])
        .env("CCCI_DOCKER", &path("noting-docker"))
        .env("CCCI_GIT", &path("noting-git"))
        .run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert_eq!(runs(), before);
    let calls = fs::read_to_string(log).expect("it is there");
    let of = |what: &str| calls.lines().filter(|call| call.contains(what)).count();
    assert_eq!(of("ls-remote"), 1, "{calls}");
    assert_eq!(of(" fetch "), 0, "{calls}");
    assert_eq!(of("deploy"), 0, "{calls}");
    assert!(of("docker ") <= 10, "{calls}");
    server.remove();
}

#[test]
fn a_quick_run_does_not_take_an_always_on_app_for_a_canonical() {
    let server = Server::new(Deployer::Docker);
    fs::write(
        server.world.path("ccci.toml"),
        "[[always-on]]\nrecipe = \"plain\"\n",
    )
    .expect("it is ours");
    let said = server.call(&["test", "plain", "--quick"]).run();
    let said = said.refused(102);
    assert!(said.contains("is an always-on app"), "{said}");
}

#[test]
fn an_upgrade_that_was_killed_is_undone_and_then_made() {
    let server = Server::new(Deployer::Docker);
    server.reconcile(0);
    server.mark();
    server.shelf.release(&server.world, RELEASES[1]);
    // Kills ccci the moment that it hands the new release over, once what there was is undeployed and saved.
    let program = server.world.path("killing-docker");
    World::write_program(
        &program,
        "case \"$1 $2\" in 'stack deploy') kill -9 $PPID; exit 1 ;; esac\nexec docker \"$@\"\n",
    );
    let call = server.call(&["reconcile"]);
    let killed = call.env("CCCI_DOCKER", program.to_str().expect("it is text"));
    let killed = killed.run();
    assert_eq!(killed.code, None, "{}", killed.stderr);
    let record = server.record();
    assert_eq!(record["upgrading"]["to"], RELEASES[1], "{record}");
    assert!(record["upgrading"]["snapshot"].is_string(), "{record}");
    // As a release that was killed later would have done.
    fs::remove_file(server.files().join("mark")).expect("it is there");
    let janitor = server.call(&["janitor"]).run();
    assert_eq!(janitor.code, Some(0), "{}", janitor.stderr);
    let said = server.reconcile(0);
    assert!(said.contains("     Recover ["), "{said}");
    assert_eq!(server.running().0, RELEASES[1]);
    server.check_data();
    assert_eq!(server.alerts(), Vec::<String>::new());
    server.check_settled();
    server.check_folder();
    server.remove();
}
