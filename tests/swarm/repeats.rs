//! Tests that are run again and again over one app.

use ccci::model::{
    outcome::{CheckResult, Outcome},
    stage::Stage,
};

use crate::harness::{Deployer, Failure, Judged, World};

/// How the stages end that come before custom.
const BEFORE: &str = "install pass, upgrade skip, backup skip, restore skip";
/// A test that fails every second time: it counts in the app's volume, which all tries have in common.
const EVERY_SECOND: &str = "set -e
count=$(ccci exec app -- sh -c 'cd /usr/share/nginx/html && echo x >> tries && wc -l < tries')
echo \"this is time $count\"
echo $count > \"$CCCI_ARTIFACTS/count.txt\"
test $((count % 2)) -eq 1
";

/// Runs custom tests of the static site four times each.
fn run_four_times(tests: &[(&str, &str)], args: &[&str], exit: i32) -> (World, Judged) {
    let world = World::of_example("static-site", Deployer::Docker);
    for (path, text) in tests {
        world.keep_program(path, text);
    }
    let call = world.test().args(&["--stages", "install,custom"]);
    let judged = call.args(&["--repeat", "4"]).args(args).run().judged(exit);
    (world, judged)
}

/// Returns the only check of the stage custom.
fn only_check(judged: &Judged) -> &CheckResult {
    match judged.records.stage(Stage::Custom).checks.as_slice() {
        [check] => check,
        checks => panic!("one check expected: {checks:#?}"),
    }
}

#[test]
fn a_test_that_fails_every_second_time_is_flaky_and_its_tries_are_kept() {
    let (_world, judged) = run_four_times(&[("test_flip.sh", EVERY_SECOND)], &[], 0);
    let judged = judged.ended(&format!("{BEFORE}, custom flaky"), 1);
    let check = only_check(&judged);
    assert_eq!((check.attempts, check.passed), (4, Some(2)));
    let tries: Vec<_> = check.tries.iter().map(|t| t.outcome).collect();
    assert_eq!(
        tries,
        [Outcome::Pass, Outcome::Fail, Outcome::Pass, Outcome::Fail]
    );
    assert_eq!(
        check.log.as_deref(),
        Some("05-custom/test_flip.sh-try-2.log")
    );
    let excerpt = check.trouble.as_ref().and_then(|t| t.excerpt.as_ref());
    assert_eq!(excerpt.expect("a try failed").lines, ["this is time 2"]);
    for (number, try_) in (1..).zip(&check.tries) {
        let log = std::fs::read_to_string(judged.directory.join(&try_.log));
        let log = log.expect("each try has a log");
        assert!(log.contains(&format!("this is time {number}")), "{log}");
        assert_eq!(log.matches("this is time").count(), 1, "{log}");
        let artifacts = format!("artifacts/test_flip.sh-try-{number}/count.txt");
        let kept = judged.directory.join(&artifacts).is_file();
        assert_eq!(kept, try_.outcome == Outcome::Fail, "{artifacts}");
    }
    let told =
        "test_flip.sh: passed 2 of 4; try 2 failed first, see 05-custom/test_flip.sh-try-2.log";
    for part in ["FLAKY 2/4", told, "TRY 2 FAIL"] {
        assert!(judged.screen.contains(part), "no {part}: {}", judged.screen);
    }
}

#[test]
fn a_flaky_test_can_count_as_failed_and_shows_the_first_try_that_failed() {
    let args = ["--flaky-result", "fail"];
    let (_world, judged) = run_four_times(&[("test_flip.sh", EVERY_SECOND)], &args, 100);
    judged
        .ended(&format!("{BEFORE}, custom fail"), 1)
        .failed(&Failure {
            stage: Stage::Custom,
            outcome: Outcome::Fail,
            code: "flaky",
            says: &["`test_flip.sh` passed 2 of 4 tries", "this is time 2"],
        });
}

#[test]
fn tests_that_always_end_alike_say_how_often_they_were_run() {
    let tests = [("test_good.sh", "exit 0\n"), ("test_bad.sh", "exit 3\n")];
    let (_world, judged) = run_four_times(&tests, &[], 100);
    let judged = judged.ended(&format!("{BEFORE}, custom fail"), 1);
    let said = "custom: test_good.sh: 4 of 4 passed";
    assert!(judged.screen.contains(said), "{}", judged.screen);
    judged.failed(&Failure {
        stage: Stage::Custom,
        outcome: Outcome::Fail,
        code: "test-failed",
        says: &["`test_bad.sh` failed (exit code 3); 0 of 4 passed"],
    });
}
