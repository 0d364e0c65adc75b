//! A run made up for the tests of this folder: it fails at backup, and each kind of event occurs.

mod checks;
mod screen;

pub(super) use self::{
    checks::{attempt, check, ended, function, trouble},
    screen::{Wire, options},
};
use crate::model::{
    choice::PlannedCheck,
    event::{
        DiagnosticLevel, EVENT_VERSION, Event, Fact, Kept, RunFinished, RunStarted, ServiceState,
        StageFinished, TeardownFinished,
    },
    outcome::{CheckKind, CheckResult, Outcome, SkipReason, StageResult, Trouble, Verdict},
    plan::{GenericChecks, Overlay, OverlayOrigin, OverlayRole, OverlayRunner, Plan, PlannedStage},
    report::{Deployed, REPORT_VERSION, RunReport},
    resource::{Resource, ResourceKind},
    run::{DeployerKind, IngressKind, RunId, RunMode, Trust},
    sample::revision,
    stage::Stage,
};

/// Makes an event of a recipe's run.
pub(super) fn event_of(recipe: &str, number: u64, fact: Fact) -> Event {
    Event {
        fact,
        v: EVENT_VERSION,
        run_id: RunId::from_number(number),
        seq: 0,
        ts: "2026-01-02T15:04:05Z".parse().unwrap(),
        elapsed_ms: 312_000,
        recipe: recipe.to_owned(),
    }
}

/// Makes an event of the sample run.
pub(super) fn event(fact: Fact) -> Event {
    event_of("wordpress", 7, fact)
}

/// Makes the plan.
pub(super) fn plan() -> Plan {
    let stages = Stage::ALL.map(|stage| PlannedStage {
        stage,
        skip: (stage == Stage::Restore).then(|| SkipReason::Declared("not ours".into())),
        generic: if stage == Stage::Upgrade {
            GenericChecks::LeftOut
        } else {
            GenericChecks::Made
        },
        left_out_by: (stage == Stage::Upgrade).then(|| "`skip-generic`".into()),
    });
    Plan {
        mode: RunMode::Cold,
        pr: None,
        warm_canonical: false,
        recipe: "wordpress".parse().unwrap(),
        domain: "word-3fa91c.ci.example.org".parse().unwrap(),
        head: revision("2.14.0+6.8.1", '8'),
        base: Some(revision("2.13.1+6.8.0", '7')),
        trust: Trust::Untrusted,
        exceptions: Vec::new(),
        deployer: DeployerKind::Docker,
        ingress: IngressKind::Proxy,
        stages: stages.into(),
        overlays: vec![Overlay {
            path: "tests/custom.sh".into(),
            origin: OverlayOrigin::Recipe,
            role: OverlayRole::Test(Stage::Custom),
            runner: OverlayRunner::Executable,
            refused: Some("the pull request is not approved".into()),
            deselected: false,
            only: Vec::new(),
        }],
        checks: vec![PlannedCheck {
            name: "front-page".into(),
            stages: vec![Stage::Install, Stage::Upgrade],
            deselected: false,
        }],
        choices: Vec::new(),
        requires: Vec::new(),
    }
}

/// Makes a service.
pub(super) fn service(name: &str, running: u64, state: &str, error: Option<&str>) -> ServiceState {
    ServiceState {
        name: name.into(),
        running,
        wanted: 1,
        state: state.into(),
        error: error.map(ToOwned::to_owned),
    }
}

/// Makes progress of a stage.
pub(super) fn progress(stage: Stage, doing: &str, services: Vec<ServiceState>) -> Fact {
    Fact::StageProgress {
        stage,
        doing: doing.into(),
        services,
        left_ms: 99_000,
    }
}

/// Makes the first event of a run.
pub(super) fn started() -> Fact {
    Fact::RunStarted(RunStarted {
        argv: vec!["test".into(), "wordpress".into()],
        log_dir: "/home/ada/.local/state/ccci/runs/92222".into(),
        ccci: "0.1.0".into(),
        domain: "word-3fa91c.ci.example.org".into(),
        deployer: "docker 28.2.2".into(),
        ingress: "proxy".into(),
    })
}

/// Makes a start of a stage.
pub(super) fn begun(stage: Stage) -> Fact {
    Fact::StageStarted {
        stage,
        number: stage.place().into(),
        count: 5,
    }
}

/// Makes a teardown that leaves something or nothing.
pub(super) fn teardown(left: &[&str]) -> TeardownFinished {
    let kinds = [("network", 1), ("secret", 4), ("service", 2), ("config", 0)];
    let left = left.iter();
    TeardownFinished {
        removed: kinds.map(|(kind, count)| (kind.to_owned(), count)).into(),
        left: left
            .map(|name| Resource::new(ResourceKind::Volume, *name))
            .collect(),
        vanished: Vec::new(),
        errors: Vec::new(),
        overcome: Vec::new(),
        duration_ms: 22_000,
    }
}

/// Makes the end of a run from its stages.
pub(super) fn finished(stages: &[StageResult], verdict: Verdict) -> RunFinished {
    let mut finished = RunFinished::count(stages);
    finished.verdict = verdict;
    finished.duration_ms = 598_000;
    finished.report = "/home/ada/.local/state/ccci/runs/92222/report.json".into();
    finished
}

/// Makes the stages of the run that fails.
pub(super) fn stages() -> [StageFinished; 5] {
    [
        ended(
            Stage::Install,
            Outcome::Pass,
            vec![check(CheckKind::Generic, "converged", Outcome::Pass)],
        ),
        ended(Stage::Upgrade, Outcome::Pass, vec![]),
        ended(
            Stage::Backup,
            Outcome::Fail,
            vec![check(CheckKind::Generic, "dump", Outcome::Fail)],
        ),
        ended(Stage::Restore, Outcome::Skip, vec![]),
        ended(
            Stage::Custom,
            Outcome::Flaky,
            vec![
                check(CheckKind::Test, "test_custom_login.py", Outcome::Flaky),
                check(CheckKind::Declared, "http-home", Outcome::Pass),
            ],
        ),
    ]
}

/// Makes all events of the run that fails.
pub(super) fn run() -> Vec<Event> {
    let results: Vec<_> = stages().into_iter().map(|stage| stage.result).collect();
    let resource = Resource::new(ResourceKind::Volume, "x");
    let mut facts = vec![
        started(),
        Fact::Plan {
            recipes: vec![plan()],
        },
        Fact::Waiting {
            what: "image wordpress:6.8.1".into(),
        },
    ];
    facts.extend(first_stages());
    facts.extend(last_stages());
    facts.extend([
        Fact::ResourceRemoved { resource },
        Fact::TeardownFinished(teardown(&[])),
        Fact::RunFinished(finished(&results, Verdict::Fail)),
    ]);
    facts.into_iter().map(event).collect()
}

/// Makes the facts of install and upgrade, which pass.
fn first_stages() -> Vec<Fact> {
    let [install, upgrade, ..] = stages();
    let [preparing, starting] = ["preparing", "starting"].map(|state| {
        let running = u64::from(state == "starting");
        vec![
            service("app", 0, state, None),
            service("db", running, state, None),
        ]
    });
    let finding = Trouble::recipe(
        "config-not-raised",
        "config `conf` changed, its version did not",
    );
    let lint = CheckResult {
        trouble: Some(finding.hint("raise `CONF_VERSION`")),
        ..check(CheckKind::Lint, "config-versions", Outcome::Pass)
    };
    let mut facts = vec![
        begun(Stage::Install),
        progress(Stage::Install, "converging", preparing),
    ];
    let doings = [
        "converging",
        "converging",
        "GET / 502, try 1",
        "GET / 502, try 2",
    ];
    facts.extend(doings.map(|doing| progress(Stage::Install, doing, starting.clone())));
    facts.extend(
        install
            .result
            .checks
            .iter()
            .map(|check| checked(Stage::Install, check)),
    );
    facts.extend([
        Fact::StageFinished(install),
        begun(Stage::Upgrade),
        Fact::StageSlow {
            stage: Stage::Upgrade,
            at_least_ms: 180_000,
            doing: "app 0/1 starting".into(),
        },
        checked(Stage::Upgrade, &lint),
        Fact::StageFinished(upgrade),
    ]);
    facts
}

/// Makes the facts of backup, which fails, restore, which is skipped, and custom, which is flaky.
fn last_stages() -> Vec<Fact> {
    let [_, _, backup, restore, custom] = stages();
    vec![
        begun(Stage::Backup),
        checked(Stage::Backup, &backup.result.checks[0]),
        Fact::StageFinished(backup),
        Fact::StageFinished(restore),
        begun(Stage::Custom),
        Fact::AttemptFailed {
            stage: Stage::Custom,
            name: "test_custom_login.py".into(),
            attempt: 1,
            trouble: trouble(),
        },
        checked(Stage::Custom, &custom.result.checks[0]),
        checked(Stage::Custom, &custom.result.checks[1]),
        Fact::StageFinished(custom),
    ]
}

/// Makes the end of a check.
fn checked(stage: Stage, check: &CheckResult) -> Fact {
    let check = check.clone();
    Fact::CheckFinished { stage, check }
}

/// Makes a diagnostic.
pub(super) fn diagnostic(level: DiagnosticLevel) -> Fact {
    Fact::Diagnostic {
        level,
        trouble: Trouble::broken("registry-rate-limit", "registry rate limit (429)")
            .because("too many pulls")
            .hint("log in to the registry"),
    }
}

/// Makes a kept app.
pub(super) fn kept() -> Kept {
    Kept {
        url: "https://word-3fa91c.ci.example.org".into(),
        until: "2026-01-02T16:05:00Z".parse().unwrap(),
        shell: "CCCI_RUN_ID=92222 ccci exec app -- sh".into(),
        remove: "ccci teardown 92222".into(),
    }
}

/// Makes the report of the run that fails and leaks.
pub(super) fn report() -> RunReport {
    let stages: Vec<_> = stages().into_iter().map(|stage| stage.result).collect();
    let time = "2026-01-02T15:04:05Z".parse().unwrap();
    RunReport {
        canonical: None,
        promotes: false,
        version: REPORT_VERSION,
        run_id: RunId::from_number(7),
        argv: vec!["test".into()],
        pid: 1,
        host: "ci.example.org".into(),
        started: time,
        updated: time,
        programs: [("docker".to_owned(), "28.2.2".to_owned())].into(),
        plan: Some(plan()),
        dependencies: Vec::new(),
        installs: 1,
        deployed: vec![Deployed {
            label: "2.14.0+6.8.1".into(),
            images: [("app".to_owned(), "wordpress:6.8.1@sha256:abc".to_owned())].into(),
            ..Deployed::default()
        }],
        finished: Some(finished(&stages, Verdict::Fail)),
        stages,
        trouble: None,
        strays: Vec::new(),
        lint: vec![Trouble::recipe(
            "tag-not-annotated",
            "tag `2.14.0+6.8.1` has no message",
        )],
        teardown: Some(teardown(&["word-3fa91c_ci_example_org_db-data"])),
        kept: None,
        before: Vec::new(),
        after: Vec::new(),
    }
}
