//! What became of apps without a living run, a line each.

use super::{
    block::teardown_lines,
    level::Weight,
    line::{Line, Tone},
    running::counted,
};
use crate::model::reaping::{Reaped, Unreadable, Verdict};

/// Returns the lines of one app.
pub(crate) fn app_lines(reaped: &Reaped) -> Vec<Line> {
    let (domain, reason) = (reaped.domain.as_str(), &reaped.reason);
    match (reaped.verdict, &reaped.teardown) {
        (Verdict::Spare(_), _) => {
            let text = format!("{domain}: {reason}");
            vec![Line::status(Weight::Info, ("SKIP", Tone::Warn), text)]
        }
        (Verdict::Reap(_), None) => {
            let objects = counted(reaped.objects, "object");
            let text = format!("{domain}: would remove {objects}: {reason}");
            vec![Line::status(Weight::Info, ("Teardown", Tone::Info), text)]
        }
        (Verdict::Reap(_), Some(teardown)) => {
            let mut lines = teardown_lines(domain, teardown);
            lines.insert(1, Line::below(Weight::Info, reason.as_str()));
            lines
        }
    }
}

/// Returns the line of a run whose journal tells nothing.
pub(crate) fn unreadable_line(unreadable: &Unreadable) -> Line {
    let Unreadable { run, reason } = unreadable;
    let text = format!("run `{run}` is left alone: {reason}");
    Line::message(Weight::Info, ("warning", Tone::Warn), text)
}

/// Returns the line that says that there was nothing to do.
pub(crate) fn nothing_line() -> Line {
    let text = "there is no app to reap";
    Line::message(Weight::Info, ("note", Tone::Info), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            event::TeardownFinished,
            reaping::{App, Cause, Excuse},
            resource::{Resource, ResourceKind},
        },
        render::line::Look,
    };

    #[test]
    fn each_app_says_what_became_of_it_and_why() {
        let app = App::new("word-3fa91c.ci.example.org".parse().unwrap());
        let teardown = TeardownFinished {
            removed: [("volume".to_owned(), 2)].into(),
            left: vec![Resource::new(ResourceKind::Volume, "v")],
            duration_ms: 2000,
            ..TeardownFinished::default()
        };
        let orphan = Verdict::Reap(Cause::Orphan);
        let lines = [
            app.reaped(Verdict::Spare(Excuse::Live), None),
            app.reaped(orphan, None),
            app.reaped(orphan, Some(teardown)),
        ];
        let lines = lines.iter().flat_map(app_lines);
        let lines = lines.chain([unreadable_line(&Unreadable {
            run: "k7m2q".parse().unwrap(),
            reason: "its journal was made by a newer ccci".to_owned(),
        })]);
        let text: String = lines
            .map(|line| line.paint(&Look::default()) + "\n")
            .collect();
        insta::assert_snapshot!(text, @"
                SKIP word-3fa91c.ci.example.org: its run is alive
            Teardown word-3fa91c.ci.example.org: would remove 0 objects: its run is gone
            Teardown [   2.0s] word-3fa91c.ci.example.org: removed 2 volumes
                     its run is gone
                LEAK [   2.0s] word-3fa91c.ci.example.org: volume `v` remains
        warning: run `k7m2q` is left alone: its journal was made by a newer ccci
        ");
    }
}
