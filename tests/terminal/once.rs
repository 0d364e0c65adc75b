//! One signal tears the app down wherever the run is, and gives the terminal back.

use ccci::model::{
    outcome::{Outcome, SkipReason, StageResult, Verdict},
    report::RunReport,
    stage::Stage,
};
use rustix::process::Signal;

use crate::{
    glass::{CTRL_C, Glass, Last},
    held, recipe,
    redacted::redacted,
    world::World,
};

/// Asserts that a run was cancelled, that the stage which ran is broken for that reason and later ones are skipped.
#[track_caller]
pub(crate) fn assert_cancelled(report: &RunReport, broken: Stage, exit_code: u8) {
    let finished = report.finished.as_ref().expect("the run has an end");
    assert_eq!(finished.verdict, Verdict::Cancelled);
    assert_eq!(finished.exit_code, exit_code);
    for result in &report.stages {
        match result.stage {
            stage if stage < broken => assert_ne!(result.outcome, Outcome::Broken, "{result:#?}"),
            stage if stage == broken => {
                assert_eq!(result.outcome, Outcome::Broken, "{result:#?}");
                let code = result.trouble.as_ref().map(|trouble| trouble.code.as_str());
                assert_eq!(code, Some("interrupted"));
            }
            _ => assert_eq!(skipped_for(result), "interrupted"),
        }
    }
    assert_eq!(report.stages.len(), Stage::ALL.len());
    let teardown = report.teardown.as_ref().expect("the app was torn down");
    assert!(teardown.left.is_empty(), "{teardown:#?}");
}

/// Returns why a stage was skipped.
fn skipped_for(result: &StageResult) -> &str {
    match &result.skip {
        Some(SkipReason::Undeclared(why)) => why,
        other => panic!("{:?}: {other:?}", result.stage),
    }
}

/// Asserts what everybody sees who interrupts a run once.
#[track_caller]
fn assert_told(last: Last, code: i32, word: &str) -> Last {
    let last = last.exits(code).gives_terminal_back();
    let cancelling = last.lines_with("Cancelling");
    assert_eq!(cancelling.len(), 1, "{cancelling:?}");
    let last = last.said(&format!("plain: {word}: tearing down; "));
    let last = last.said("    Teardown [").said("was cancelled");
    assert!(
        last.lines_with("    error:").is_empty(),
        "evidence is shown"
    );
    last
}

#[test]
fn an_interrupt_while_an_app_converges_tears_it_down() {
    let world = World::new();
    recipe::hold_convergence(&world, "plain");
    // The work tree is its own base, so that the first deploy is the one that does not converge.
    let mut test = world.ccci(&["test", "./plain"]);
    test.args(["--stages", "install,backup,custom"]);
    let glass = Glass::run(&test);
    glass.wait_for(&["     install [", "waiting for services"]);
    glass.type_in(CTRL_C);
    assert_told(glass.end(), 130, "interrupt");
    let report = world.last_report().expect("the run has a report");
    assert_cancelled(&report, Stage::Install, 130);
    world.assert_clean();
}

#[test]
fn an_interrupt_amid_an_upgrade_tears_the_app_down() {
    let world = World::new();
    recipe::hold_convergence(&world, "plain");
    let glass = Glass::run(&world.ccci(&["test", "./plain"]));
    glass.wait_for(&["     upgrade [", "waiting for services"]);
    glass.type_in(CTRL_C);
    assert_told(glass.end(), 130, "interrupt").said("PASS [");
    let report = world.last_report().expect("the run has a report");
    assert_cancelled(&report, Stage::Upgrade, 130);
    world.assert_clean();
}

#[test]
fn an_interrupt_amid_a_test_leaves_a_screen_that_tells_it_all() {
    let world = World::new();
    world.hold_in_custom();
    let glass = Glass::run(&world.test("install,custom"));
    world.wait_for_custom();
    glass.wait_for(&["      custom ["]);
    glass.type_in(CTRL_C);
    let last = assert_told(glass.end(), 130, "interrupt");
    let report = world.last_report().expect("the run has a report");
    insta::assert_snapshot!(redacted(&world, &last.lines), @r"
         Waiting plain: recipe in work/plain
             Run RUN plain: DOMAIN, docker VERSION, ingress direct
            Logs state/runs/RUN
        Starting plain 0.2.0+1.35.1 (COMMIT): 2 stages, 3 skipped
    warning: plain: the service `app` has no health check
            PASS [TIME] (1/5) plain install
            SKIP [       ] (2/5) plain upgrade: not asked for
            SKIP [       ] (3/5) plain backup: not asked for
            SKIP [       ] (4/5) plain restore: not asked for
      Cancelling [TIME] plain: interrupt: tearing down; Ctrl-C again abandons it
          BROKEN [TIME] plain custom: test_hold.sh: interrupted
          BROKEN [TIME] (5/5) plain custom: interrupted
        Teardown [TIME] plain: removed COUNTS
    ────────────
         Summary [TIME] plain, 5 stages: 1 passed, 1 broken, 3 skipped; level 1 of 5
          BROKEN [TIME] plain custom: interrupted
          Report state/runs/RUN/report.json
    error: the run of recipe `plain` was cancelled
    ");
    assert_cancelled(&report, Stage::Custom, 130);
    world.assert_clean();
}

#[test]
fn an_interrupt_amid_a_teardown_does_not_cut_it_short() {
    let world = World::new();
    held::hold_docker(&world, "service rm");
    let glass = Glass::run(&world.test("install"));
    held::wait_for_docker(&world, 1);
    glass.wait_for(&["       plain [", "] teardown"]);
    glass.type_in(CTRL_C);
    glass.wait_for(&["Cancelling [", "] teardown"]);
    held::let_docker_go(&world);
    let last = glass.end().exits(130).gives_terminal_back();
    last.said("interrupt: tearing down").said("    Teardown [");
    let report = world.last_report().expect("the run has a report");
    let finished = report.finished.as_ref().expect("the run has an end");
    assert_eq!(finished.verdict, Verdict::Cancelled);
    world.assert_clean();
}

#[test]
fn a_supervisor_that_stops_a_test_gets_its_teardown() {
    let world = World::new();
    world.hold_in_custom();
    let glass = Glass::run(&world.test("install,custom"));
    world.wait_for_custom();
    glass.send(Signal::TERM);
    assert_told(glass.end(), 143, "termination");
    let report = world.last_report().expect("the run has a report");
    assert_cancelled(&report, Stage::Custom, 143);
    world.assert_clean();
}
