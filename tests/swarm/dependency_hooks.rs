//! The hooks by which a recipe provides to others: what they print, how they fail, when what they made is undone.

use ccci::model::outcome::Verdict;

use crate::{
    dependencies::{INSTALLED, NOWHERE, install, required},
    harness::{Deployer, Judged, Warm, World},
};

/// How they end when what is required is declared wrongly.
const MISDECLARED: &str = "install fail, upgrade skip, backup skip, restore skip, custom skip";

/// A service that costs nothing, as an app that always runs.
const IDLE: &str = "version: \"3.8\"
services:
  app:
    image: busybox:1.35.0
    command: [\"sleep\", \"86400\"]
    stop_grace_period: 1s
    networks: [proxy]
networks:
  proxy:
    external: true
";

/// Runs an app that requires an idle one, whose hooks are these; returns the world too, to look at.
fn run_with_hooks(config: &str, hooks: &[(&str, &str)], exit: i32) -> (World, Warm, Judged) {
    let world = World::of("plain", Deployer::Docker);
    let (warm, judged) = run_in(&world, config, hooks, &[], exit);
    (world, warm, judged)
}

/// Does so in a world that is there.
fn run_in(
    world: &World,
    config: &str,
    hooks: &[(&str, &str)],
    args: &[&str],
    exit: i32,
) -> (Warm, Judged) {
    let warm = Warm::deploy(world, "helper", IDLE);
    for (name, text) in hooks {
        world.keep_program_for("helper", &format!("ops/{name}.sh"), text);
    }
    world.keep("recipe.toml", config);
    let ran = install(world, "./plain", NOWHERE).args(args).run();
    (warm, ran.judged_with_leaks(exit))
}

#[test]
fn a_hook_that_prints_rubbish_is_named_with_the_rule_and_is_undone() {
    let hooks = [
        ("provide", "echo hunter2-hunter2\n"),
        ("withdraw", "echo undone > \"$CCCI_ARTIFACTS/undone.txt\"\n"),
    ];
    let (_world, _warm, judged) = run_with_hooks("requires = [\"helper\"]\n", &hooks, 102);
    let judged = judged.ended(MISDECLARED, 0);
    let told = judged
        .screen
        .contains("`ops/provide.sh` of required recipe `helper` breaks a rule")
        && judged.screen.contains("it has to print one JSON object");
    assert!(told, "{}", judged.screen);
    assert!(!judged.screen.contains("hunter2"), "{}", judged.screen);
    assert_eq!(required(&judged).left, Vec::<String>::new());
    judged.has_evidence("artifacts/undone.txt", "undone");
}

#[test]
fn a_run_that_is_interrupted_undoes_what_an_app_that_always_runs_made() {
    let hooks = [
        ("provide", "echo '{}'\n"),
        ("withdraw", "echo undone > \"$CCCI_ARTIFACTS/undone.txt\"\n"),
    ];
    let world = World::of("plain", Deployer::Docker);
    world.keep_program("test_install.sh", "kill -TERM $PPID\nexec sleep 60\n");
    let (_warm, judged) = run_in(&world, "requires = [\"helper\"]\n", &hooks, &[], 143);
    assert_eq!(required(&judged).left, Vec::<String>::new());
    judged.has_evidence("artifacts/undone.txt", "undone");
}

/// Hooks by which one thing is made that must not be there already.
const ONE_THING: [(&str, &str); 2] = [
    (
        "provide",
        "set -eu\ntest ! -e \"$CCCI_ARTIFACTS/../../thing\"\ntouch \"$CCCI_ARTIFACTS/../../thing\"\necho '{}'\n",
    ),
    ("withdraw", "rm -f \"$CCCI_ARTIFACTS/../../thing\"\n"),
];

#[test]
fn what_was_made_for_an_app_that_is_kept_stays_until_that_goes() {
    let world = World::of("plain", Deployer::Docker);
    let call = "requires = [\"helper\"]\n";
    let (_warm, judged) = run_in(&world, call, &ONE_THING, &["--keep", "always"], 0);
    let thing = world.path("state/runs/thing");
    assert!(thing.exists());
    let kept = judged.records.report.kept.as_ref().expect("it is kept");
    let words: Vec<_> = kept.remove.split(' ').skip(1).chain(["--yes"]).collect();
    let removed = world.ccci(&words).run();
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    assert!(!thing.exists());
}

#[test]
fn the_next_run_of_an_app_begins_by_undoing_what_was_made_for_a_killed_one() {
    let world = World::of("plain", Deployer::Docker);
    let _warm = Warm::deploy(&world, "helper", IDLE);
    world.keep("recipe.toml", "requires = [\"helper\"]\n");
    for (name, text) in ONE_THING {
        world.keep_program_for("helper", &format!("ops/{name}.sh"), text);
    }
    world.keep_program("test_install.sh", "kill -9 $PPID\n");
    let killed = install(&world, "./plain", NOWHERE).run();
    assert_eq!(killed.code, None, "{}", killed.stderr);
    assert!(world.path("state/runs/thing").exists());
    world.keep_program("test_install.sh", "exit 0\n");
    let judged = install(&world, "./plain", NOWHERE)
        .run()
        .judged_with_leaks(0);
    judged.ended(INSTALLED, 1);
    assert!(!world.path("state/runs/thing").exists());
}

#[test]
fn a_value_that_was_not_given_is_said_before_the_app_is_deployed() {
    let hooks = [
        ("provide", "echo '{\"values\": {\"host\": \"x\"}}'\n"),
        ("withdraw", "exit 0\n"),
    ];
    let config = "requires = [\"helper\"]\n\n[env]\nHOST = \"{helper.hots}\"\n";
    let (world, _warm, judged) = run_with_hooks(config, &hooks, 102);
    let judged = judged.ended(MISDECLARED, 0);
    let text = "`{helper.hots}` is not what `helper` gives, which is `domain`, `url`, `host`";
    assert!(judged.screen.contains(text), "{}", judged.screen);
    let deployed = world.watch.services();
    assert!(
        deployed.iter().all(|name| name.starts_with("warm-")),
        "{deployed:?}"
    );
}

#[test]
fn what_cannot_be_undone_is_a_leak_until_the_janitor_has_undone_it() {
    let hooks = [
        ("provide", "echo '{}'\n"),
        ("withdraw", "echo 'the door is shut' >&2\nexit 3\n"),
    ];
    let (world, warm, judged) = run_with_hooks("requires = [\"helper\"]\n", &hooks, 104);
    let judged = judged.ended(INSTALLED, 1);
    let report = &judged.records.report;
    let finished = report.finished.as_ref().expect("it ended");
    assert_eq!((finished.verdict, finished.leaked), (Verdict::Leak, 1));
    let left = &required(&judged).left;
    let digits = &report.plan.as_ref().expect("there was one").domain.label()["plai-".len()..];
    assert_eq!(*left, [format!("what `helper` made as `plain-{digits}`")]);
    for text in [
        left[0].as_str(),
        "`ops/withdraw.sh` ended with exit code 3",
        "the door is shut",
    ] {
        assert!(
            judged.screen.contains(text),
            "no `{text}` in {}",
            judged.screen
        );
    }
    let refused = world.ccci(&["janitor"]).run();
    assert_eq!(refused.code, Some(104), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("the door is shut"),
        "{}",
        refused.stderr
    );
    world.keep_program_for("helper", "ops/withdraw.sh", "exit 0\n");
    for expected in [true, false] {
        let reaped = world.ccci(&["janitor"]).run();
        assert_eq!(reaped.code, Some(0), "{}", reaped.stderr);
        assert_eq!(
            reaped.stderr.contains("its run is gone"),
            expected,
            "{}",
            reaped.stderr
        );
    }
    drop(warm);
}

#[test]
fn a_recipe_that_requires_itself_by_way_of_others_is_refused_before_anything_is_deployed() {
    let world = World::of("plain", Deployer::Docker);
    world.keep("recipe.toml", "requires = [\"first\"]\n");
    world.keep_for("first", "recipe.toml", "requires = [\"second\"]\n");
    world.keep_for("second", "recipe.toml", "requires = [\"plain\"]\n");
    let screen = world.test().run().refused(102);
    let text =
        "a recipe requires itself: `plain` requires `first` requires `second` requires `plain`";
    assert!(screen.contains(text), "{screen}");
}

#[test]
fn a_plan_tells_how_each_required_app_comes_to_be_there() {
    let world = World::of("plain", Deployer::Docker);
    let warm = Warm::deploy(&world, "helper", IDLE);
    world.keep("recipe.toml", "requires = [\"helper\", \"database\"]\n");
    for hook in ["provide", "withdraw"] {
        world.keep_program_for("database", &format!("ops/{hook}.sh"), "exit 0\n");
    }
    let call = install(&world, "./plain", NOWHERE);
    let ran = call.args(&["--dry-run"]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let base = world.base_domain();
    let reused = format!("\n  helper at warm-helper.{base} (reused, it runs here)\n");
    assert!(ran.stdout.contains(&reused), "{}", ran.stdout);
    let deployed = " (deployed for this run, ops/provide.sh, ops/withdraw.sh)\n";
    assert!(ran.stdout.contains(deployed), "{}", ran.stdout);
    drop(warm);
}
