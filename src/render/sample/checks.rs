//! Stages and checks that ended, made up for tests.

use crate::model::{
    event::StageFinished,
    outcome::{
        CaseResult, CheckKind, CheckResult, Excerpt, Outcome, SkipReason, StageResult, Trouble,
    },
    stage::Stage,
    tries::TryResult,
};

/// Makes the trouble of the stage backup.
pub(in crate::render) fn trouble() -> Trouble {
    let mut trouble = Trouble::recipe("dump-empty", "dump of `db` is empty")
        .because("`backup.sql` in volume `db-data` is 0 bytes")
        .because("pre-hook of service `db` exited 1")
        .hint("keep secret `db_root_password` at the version the base has");
    trouble.excerpt = Some(Excerpt {
        title: "03-backup/abra.log".into(),
        total: 58,
        lines: vec![
            "mariadb-dump: Got error: 1045: Access denied".into(),
            "    PASS [ 1m 49s] (5/5) wordpress custom".into(),
        ],
    });
    trouble
}

/// Makes a check.
pub(in crate::render) fn check(kind: CheckKind, name: &str, outcome: Outcome) -> CheckResult {
    let bad = outcome.is_failure() || outcome == Outcome::Broken;
    CheckResult {
        kind,
        name: name.into(),
        outcome,
        duration_ms: 14_000,
        note: (!bad).then(|| "as it should be".into()),
        trouble: bad.then(trouble),
        attempts: if outcome == Outcome::Flaky { 2 } else { 1 },
        passed: None,
        tries: if outcome == Outcome::Flaky {
            vec![attempt(1, Outcome::Fail), attempt(2, Outcome::Pass)]
        } else {
            Vec::new()
        },
        log: Some("05-custom/x.log".into()),
        cases: Vec::new(),
        cases_left_out: 0,
    }
}

/// Makes a try of a test.
pub(in crate::render) fn attempt(number: u32, outcome: Outcome) -> TryResult {
    TryResult {
        number,
        outcome,
        duration_ms: 7_000,
        message: outcome.is_failure().then(|| trouble().message),
        log: "05-custom/x.log".into(),
    }
}

/// Makes a single test of a file.
pub(in crate::render) fn function(
    name: &str,
    outcome: Outcome,
    message: Option<&str>,
) -> CaseResult {
    CaseResult {
        name: name.into(),
        outcome,
        duration_ms: 1_500,
        message: message.map(ToOwned::to_owned),
    }
}

/// Makes a stage that ended.
pub(in crate::render) fn ended(
    stage: Stage,
    outcome: Outcome,
    checks: Vec<CheckResult>,
) -> StageFinished {
    let bad = outcome.is_failure() || outcome == Outcome::Broken;
    let result = StageResult {
        stage,
        outcome,
        skip: (outcome == Outcome::Skip).then(|| SkipReason::Earlier("backup failed".into())),
        trouble: bad.then(trouble),
        duration_ms: if outcome == Outcome::Skip { 0 } else { 109_000 },
        checks,
        not_selected: Vec::new(),
        log: (outcome != Outcome::Skip).then(|| stage.folder()),
    };
    StageFinished {
        result,
        number: stage.place().into(),
        count: 5,
        reproduce: bad.then(|| "ccci test wordpress --ref 8f3c1d2 --keep failed".into()),
    }
}
