//! Questions: on a terminal only, never in CI, and never where an answer was given already.

use std::io::{self, IsTerminal};

use console::Term;
use dialoguer::Confirm;

use super::{
    error::{Error, Kind},
    host::Call,
    view,
};
use crate::{
    config::environment::Audience,
    render::{
        level::Weight,
        line::{Line, Tone},
    },
    sys::interrupt::Signal,
};

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Do it.
    Yes,
    /// Leave it.
    No,
}

/// Asks whether to go on in the face of something; where nobody can be asked and no flag answers, that is refused.
pub(super) fn ask(call: &Call, what: &str, question: &str) -> Result<Answer, Error> {
    if call.global.yes {
        return Ok(Answer::Yes);
    }
    let refused = || Error::say(Kind::Refused, what).hint("answer with `--yes`");
    let is_ci = call.env().terminal().audience == Audience::Ci;
    let has_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if call.global.no_input || is_ci || !has_terminal {
        return Err(refused());
    }
    // Apart from the question, which is drawn again with its answer and must fit into a line for that.
    let note = Line::message(Weight::Vital, ("note", Tone::Info), what);
    view::say(call, &[note])?;
    let question = Confirm::new().with_prompt(question);
    let answer = question.default(false).interact_on(&Term::stderr());
    // An interrupted question leaves the cursor hidden.
    drop(Term::stderr().show_cursor());
    match answer {
        Ok(true) => Ok(Answer::Yes),
        Ok(false) => Ok(Answer::No),
        Err(dialoguer::Error::IO(error)) if error.kind() == io::ErrorKind::Interrupted => {
            Err(Error::say(Kind::Cancelled(Signal::Int), "interrupted"))
        }
        Err(_) => Err(refused()),
    }
}
