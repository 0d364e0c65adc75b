//! How far up the ladder of stages a run got.

use super::outcome::{SkipReason, StageResult};

/// Returns the level, 0 to 5: the highest stage that passed with all below it passed.
///
/// A stage that is not applicable, or skipped by declaration, climbs; one skipped for any other reason caps, and so
/// does one of which a test was not selected.
pub fn level(stages: &[StageResult]) -> u8 {
    let climbs = |result: &&StageResult| {
        let skip = result.skip.as_ref();
        let is_done = result.outcome.is_pass() || skip.is_some_and(SkipReason::climbs);
        is_done && result.not_selected.is_empty()
    };
    let mut sorted: Vec<_> = stages.iter().collect();
    sorted.sort_by_key(|result| result.stage);
    let climbed: Vec<_> = sorted.iter().copied().take_while(climbs).collect();
    let contiguous = climbed
        .iter()
        .zip(1..)
        .take_while(|(result, place)| result.stage.place() == *place)
        .count();
    let some_passed = climbed
        .iter()
        .take(contiguous)
        .any(|result| result.outcome.is_pass());
    if some_passed {
        u8::try_from(contiguous).unwrap_or(u8::MAX)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{
        outcome::{CheckKind, NotSelected},
        stage::Stage,
    };

    fn pass(stage: Stage) -> StageResult {
        StageResult::judged(stage, Vec::new(), Duration::ZERO)
    }

    #[test]
    fn all_passed_is_level_five() {
        assert_eq!(level(&Stage::ALL.map(pass)), 5);
    }

    #[test]
    fn an_undeclared_skip_caps_the_level() {
        let mut stages = Stage::ALL.map(pass);
        stages[2] = StageResult::skipped(Stage::Backup, SkipReason::Undeclared("left out".into()));
        assert_eq!(level(&stages), 2);
    }

    #[test]
    fn a_test_that_was_not_selected_caps_the_level_below_its_stage() {
        for (place, expected) in [(0, 0), (1, 1), (4, 4)] {
            let mut stages = Stage::ALL.map(pass);
            stages[place].not_selected.push(NotSelected {
                kind: CheckKind::Test,
                name: "test_x.sh".to_owned(),
            });
            assert_eq!(level(&stages), expected);
        }
    }

    #[test]
    fn what_does_not_apply_climbs() {
        let mut stages = Stage::ALL.map(pass);
        stages[1] = StageResult::skipped(
            Stage::Upgrade,
            SkipReason::NotApplicable("no release".into()),
        );
        assert_eq!(level(&stages), 5);
    }

    #[test]
    fn a_missing_stage_caps_the_level() {
        assert_eq!(level(&[pass(Stage::Install), pass(Stage::Backup)]), 1);
        assert_eq!(level(&[]), 0);
    }

    #[test]
    fn skips_alone_earn_nothing() {
        let skipped = StageResult::skipped(Stage::Install, SkipReason::Declared("why".into()));
        assert_eq!(level(&[skipped]), 0);
    }
}
