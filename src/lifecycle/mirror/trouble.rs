//! What to say when a mirror could not be made equal to upstream, and what to do about it.

use super::ends::Ends;
use crate::{
    lifecycle::{classify, fetch},
    model::outcome::{Fault, Trouble},
    sys::context::Context,
    tool::{
        forge,
        git::{self, Rejected},
    },
};

/// What a token has to be good for.
const RIGHTS: &str = "give the token's user write access to the mirror, and the token the scopes `write:repository` and `write:issue`";

/// Returns the interrupt, where that is what happened.
pub(super) fn or_interrupted(ctx: &Context, trouble: Trouble) -> Trouble {
    if ctx.host.interrupt.is_set() {
        return classify::interrupted();
    }
    trouble
}

/// Says that upstream could not be read.
pub(super) fn of_upstream(ends: &Ends<'_>, error: &git::Error) -> Trouble {
    let message = format!("upstream `{}` cannot be read", ends.upstream);
    below("upstream-unreadable", message, fetch::trouble(error))
}

/// Says that the mirror could not be read or written by git.
pub(super) fn of_mirror(ends: &Ends<'_>, error: &git::Error) -> Trouble {
    let message = format!(
        "mirror `{}` on `{}` cannot be used",
        ends.mirror, ends.forge
    );
    below("mirror-unusable", message, fetch::trouble(error))
}

/// Puts a message above a trouble, whose fault and hint stay.
fn below(code: &str, message: String, inner: Trouble) -> Trouble {
    let top = Trouble::new(inner.fault, code, message).because(inner.message);
    let top = inner.causes.into_iter().fold(top, Trouble::because);
    match inner.hint {
        Some(hint) => top.hint(hint),
        None => top,
    }
}

/// Says that the forge did not do what it was asked.
pub(super) fn of_forge(ends: &Ends<'_>, error: &forge::Error) -> Trouble {
    let (mirror, forge) = (&ends.mirror, ends.forge);
    let config = |code, message: String| Trouble::new(Fault::Config, code, message);
    let broken = |code| Trouble::broken(code, format!("forge `{forge}` cannot be used"));
    let trouble = match error {
        forge::Error::Unauthorised { status: 401, .. } => {
            let message = format!("forge `{forge}` does not accept the token for mirrors");
            config("mirror-token", message)
                .hint("make a new token, and put it into `CCCI_MIRROR_TOKEN` or the file of `mirror.token-file`")
        }
        forge::Error::Unauthorised { .. } => {
            let message = format!("the token for mirrors lacks rights on `{mirror}` on `{forge}`");
            config("mirror-rights", message).hint(RIGHTS)
        }
        forge::Error::Missing { .. } => {
            let message = format!("found no mirror `{mirror}` on `{forge}`");
            config("mirror-missing", message).hint(format!(
                "make an empty repository `{mirror}` there, or give the token's user access to it"
            ))
        }
        forge::Error::Limited { .. } => broken("forge-rate-limit").hint("try again later"),
        forge::Error::Failed {
            status: 300..=399, ..
        } => {
            let message = format!("mirror `{mirror}` on `{forge}` is elsewhere");
            config("mirror-moved", message)
                .hint("set `mirror.forge` and `mirror.owner` to where it is now")
        }
        forge::Error::Failed { .. } => broken("forge-failed"),
        forge::Error::Garbled { .. } => broken("forge-garbled")
            .hint("check that `mirror.forge` is the URL of a Gitea or Forgejo"),
        forge::Error::Unanswered { .. } => broken("forge-unreachable"),
    };
    let source = std::error::Error::source(error).map(ToString::to_string);
    source
        .into_iter()
        .fold(trouble.because(error.to_string()), Trouble::because)
}

/// Says that the mirror takes no pushes from anybody.
pub(super) fn frozen(ends: &Ends<'_>) -> Trouble {
    let message = format!(
        "mirror `{}` on `{}` takes no pushes",
        ends.mirror, ends.forge
    );
    Trouble::new(Fault::Config, "mirror-frozen", message)
        .because("it is archived, or the forge itself pulls it from elsewhere")
        .hint("take it out of the archive, or turn it into a regular repository")
}

/// Says that the token's user may not push.
pub(super) fn no_right(ends: &Ends<'_>) -> Trouble {
    let message = format!(
        "the token for mirrors must not push to `{}` on `{}`",
        ends.mirror, ends.forge
    );
    Trouble::new(Fault::Config, "mirror-rights", message).hint(RIGHTS)
}

/// Says which refs the mirror refused.
pub(super) fn rejected(ends: &Ends<'_>, refused: &[Rejected]) -> Trouble {
    let message = format!(
        "mirror `{}` on `{}` refused a push",
        ends.mirror, ends.forge
    );
    let trouble = Trouble::new(Fault::Config, "mirror-rejected", message).hint(
        "let the token's user force-push the default branch and the tags, in the mirror's settings",
    );
    let told = refused
        .iter()
        .map(|one| format!("`{}`: {}", one.name, one.said));
    told.fold(trouble, Trouble::because)
}
