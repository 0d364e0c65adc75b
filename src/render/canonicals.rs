//! The lines about canonicals: what was promoted or put back, and why not.

use super::{
    block,
    level::Weight,
    line::{Line, Tone},
    running::counted,
    sizes::size,
    times,
};
use crate::model::canonical::{Deed, Settled};

/// Returns the lines of what a run did to the canonical.
pub(crate) fn settled_lines(recipe: &str, settled: &Settled) -> Vec<Line> {
    let known = settled.known_good.as_deref().unwrap_or("nothing");
    if let Some(trouble) = &settled.trouble {
        let text = format!("{recipe}: {}: {}", undone(settled.deed), trouble.message);
        let weight = Weight::Vital;
        let mut lines = vec![Line::message(weight, ("error", Tone::Bad), text)];
        lines.extend(block::causes(weight, trouble));
        return lines;
    }
    let word = match settled.deed {
        Deed::Promote => "Promoted",
        Deed::PutBack => "Put back",
    };
    let text = format!(
        "[{}] {recipe} {known}: {}, {}",
        times::padded(settled.duration_ms),
        counted(settled.volumes, "volume"),
        size(settled.bytes)
    );
    vec![Line::status(Weight::Info, (word, Tone::Good), text)]
}

/// Returns what did not come of a run that passed.
pub(crate) fn failed(recipe: &str, deed: Deed) -> String {
    format!("recipe `{recipe}` passed, but {}", undone(deed))
}

/// Says what was not done.
const fn undone(deed: Deed) -> &'static str {
    match deed {
        Deed::Promote => "its app was not promoted",
        Deed::PutBack => "its canonical was not put back",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::outcome::Trouble, render::line::Look};

    /// Returns the lines as they are shown without colour.
    fn shown(settled: &Settled) -> String {
        let lines = settled_lines("static-site", settled);
        let lines = lines.iter().map(|line| line.paint(&Look::default()));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_was_promoted_or_put_back_is_told_and_what_was_not_with_its_reason() {
        let mut settled = Settled {
            deed: Deed::Promote,
            known_good: Some("1.1.0+1.22.1 (8f3c1d2)".to_owned()),
            volumes: 1,
            bytes: 12_288,
            duration_ms: 3_200,
            trouble: None,
        };
        insta::assert_snapshot!(shown(&settled), @"    Promoted [   3.2s] static-site 1.1.0+1.22.1 (8f3c1d2): 1 volume, 12 kB");
        settled.deed = Deed::PutBack;
        insta::assert_snapshot!(shown(&settled), @"    Put back [   3.2s] static-site 1.1.0+1.22.1 (8f3c1d2): 1 volume, 12 kB");
        let trouble = Trouble::broken("disk-full", "the disk is full").hint("make room");
        settled.trouble = Some(trouble);
        insta::assert_snapshot!(shown(&settled), @r"
        error: static-site: its canonical was not put back: the disk is full
            hint: make room
        ");
    }
}
