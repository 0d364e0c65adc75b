//! Questions: on a terminal only, never in CI, and never where an answer was given already.

use std::io::{self, IsTerminal};

use console::Term;
use dialoguer::{Confirm, Input};

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
    sys::{context::Context, interrupt::Signal},
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
    if !can_answer(call) {
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

/// Tells whether somebody can be asked: on a terminal, outside of CI, unless they asked not to be.
fn can_answer(call: &Call) -> bool {
    let is_ci = call.env().terminal().audience == Audience::Ci;
    let has_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    has_terminal && !is_ci && !call.global.no_input
}

/// A person who can be asked.
pub(super) struct Person<'a> {
    /// Knows the signal that ended a question.
    ctx: &'a Context,
}

impl<'a> Person<'a> {
    /// Finds whether somebody can be asked: on a terminal, outside of CI, unless they asked not to be.
    pub(super) fn at_terminal(call: &Call, ctx: &'a Context) -> Option<Self> {
        can_answer(call).then_some(Self { ctx })
    }

    /// Asks for a text until it is one that counts; Enter alone takes the default.
    ///
    /// What the check says of another has to fit a line, since one that is longer is not wiped away whole.
    pub(super) fn text(
        &self,
        question: &str,
        default: &str,
        check: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Result<String, Error> {
        let input = Input::<String>::new().with_prompt(question);
        let input = if default.is_empty() {
            input.allow_empty(true)
        } else {
            input.default(default.to_owned())
        };
        let input = input.validate_with(|text: &String| check(text.trim()));
        let answer = self.ended(input.interact_text_on(&Term::stderr()))?;
        Ok(answer.trim().to_owned())
    }

    /// Asks for a yes or a no; Enter alone is a yes.
    pub(super) fn agrees(&self, question: &str) -> Result<bool, Error> {
        let input = Confirm::new().with_prompt(question).default(true);
        self.ended(input.interact_on(&Term::stderr()))
    }

    /// Takes an answer, or says why there is none.
    fn ended<T>(&self, answer: Result<T, dialoguer::Error>) -> Result<T, Error> {
        answer.map_err(|dialoguer::Error::IO(error)| {
            // A question that was cut short leaves the cursor hidden, amid its line.
            drop(Term::stderr().show_cursor());
            drop(Term::stderr().write_line(""));
            match self.ctx.host.interrupt.signal() {
                Some(signal) => Error::say(Kind::Cancelled(signal), "interrupted"),
                None if error.kind() == io::ErrorKind::Interrupted => {
                    Error::say(Kind::Cancelled(Signal::Int), "interrupted")
                }
                None => Error::new(
                    Kind::Refused,
                    anyhow::Error::new(error).context("nobody answered"),
                )
                .hint("give all answers by flags, and `--no-input`"),
            }
        })
    }
}
