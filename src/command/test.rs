//! `ccci test`: from what was selected to the exit code.

use super::{
    error::{Error, Kind},
    host::Call,
    select::Wish,
    testing::Testing,
};
use crate::{
    cli::test_args::{NoTests, TestArgs},
    config::load::Machine,
    exit,
};

/// Tests what is selected.
pub(crate) fn run(call: &Call, args: &TestArgs) -> Result<u8, Error> {
    let dir = Machine::read()?.current_dir;
    let wish = Wish::read(args, call.env(), &dir)?;
    let settings = call.settings(&wish.checkouts())?;
    let selected = wish.resolve(&settings, &dir)?;
    if selected.is_empty() && args.selection.no_tests != NoTests::Warn {
        return nothing_selected(args.selection.no_tests);
    }
    let nothing = selected.is_empty().then(|| NOTHING.to_owned());
    let overlooked = wish.overlooked(&dir).into_iter();
    let testing = Testing::open(call, args, &settings, nothing.into_iter().chain(overlooked))?;
    if selected.is_empty() {
        return Ok(exit::PASSED);
    }
    testing.execute(settings, selected)
}

/// What is said when nothing is selected.
const NOTHING: &str = "nothing to test: no recipe is named, and the current directory is none";

/// Ends a call that selects nothing.
fn nothing_selected(no_tests: NoTests) -> Result<u8, Error> {
    match no_tests {
        NoTests::Pass | NoTests::Warn => Ok(exit::PASSED),
        NoTests::Fail => Err(Error::say(Kind::NothingSelected, NOTHING)
            .hint("name a recipe, or go to the checkout of one")),
    }
}
