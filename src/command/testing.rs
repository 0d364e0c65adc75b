//! What every command that makes runs does: gets ready, makes the runs, reports them.

use std::sync::Arc;

use super::{
    aftermath::{self, Fence, RENDERS},
    batch::{self, Task},
    bench::{Bench, Needs},
    chosen,
    error::{Error, Kind, code_of_run},
    host::Call,
    select::Selected,
    view::{self, JsonLines, Message, Voice, output_error, waiting},
};
use crate::{
    cli::test_args::{Deny, FlakyResult, NoTests, TestArgs},
    config::{load::Machine, settings::Settings},
    exit,
    lifecycle::{
        announce::Output,
        runner::{DryRun, Ended, FlakyCounts, Job, LintCounts, Purpose},
    },
    model::{
        event::{EventReader, Fact},
        pattern::TestPattern,
        plan::Plan,
        run::Source,
        stage::Stage,
        tries::Tries,
    },
    render::{self, line::Line, terminal::Terminal},
    sys::{context::Context, interrupt::Signal, process},
};

/// Shows warnings that belong to no run.
fn warn(terminal: &Terminal, texts: &[String]) -> Result<(), Error> {
    let lines: Vec<_> = texts.iter().map(|text| view::warning(text)).collect();
    if lines.is_empty() {
        return Ok(());
    }
    terminal.say(&lines).map_err(output_error("standard error"))
}

/// One call that tests something.
pub(super) struct Testing<'a> {
    /// The call.
    pub(super) call: &'a Call,
    /// Its arguments.
    pub(super) args: &'a TestArgs,
    /// Where lines for people go.
    pub(super) terminal: Arc<Terminal>,
    /// Stages whose generic checks are left out, with the variables that do that.
    pub(super) left_out: Vec<(Stage, String)>,
}

impl<'a> Testing<'a> {
    /// Opens the terminal, and warns of what the environment has that means nothing, and of more.
    pub(super) fn open(
        call: &'a Call,
        args: &'a TestArgs,
        settings: &Settings,
        warnings: impl IntoIterator<Item = String>,
    ) -> Result<Self, Error> {
        let unknown = call.unknown_variables()?;
        let left_out = call.env().skip_generic()?;
        let tries = u32::from(settings.limits.retries) + 1;
        let lost = |error| {
            if process::is_shortage(&error) {
                Error::not_given("failed to start a thread", error)
            } else {
                output_error("standard error")(error)
            }
        };
        let (terminal, warning) = view::open(call, &args.reporting, tries).map_err(lost)?;
        let unknown = unknown
            .iter()
            .map(|name| format!("variable `{name}` means nothing to ccci"));
        let warning = warning.map(str::to_owned);
        let all: Vec<_> = unknown.chain(warning).chain(warnings).collect();
        warn(&terminal, &all)?;
        Ok(Self {
            call,
            args,
            terminal,
            left_out,
        })
    }

    /// Makes all runs and reports them.
    pub(super) fn execute(&self, settings: Settings, selected: Vec<Selected>) -> Result<u8, Error> {
        let is_fetched = |one: &Selected| matches!(one.request.source, Source::Remote { .. });
        let needs = Needs {
            fetches: selected.iter().any(is_fetched),
            mirrors: false,
        };
        let bench = self.set_up(settings, needs)?;
        let task = |one| self.task(&bench, one);
        let tasks: Vec<_> = selected.into_iter().map(task).collect::<Result<_, _>>()?;
        if let Some(code) = self.chooses_nothing(&tasks)? {
            return Ok(code);
        }
        self.make(&bench, &tasks)
    }

    /// Makes runs and reports them.
    pub(super) fn make(&self, bench: &Bench, tasks: &[Task]) -> Result<u8, Error> {
        let fence = Fence::raise(self.call, &self.terminal)?;
        let results = batch::run(tasks, &bench.pace);
        Ok(self.conclude(&bench.ctx, results, fence))
    }

    /// Makes one task of what was selected.
    pub(super) fn task(&self, bench: &Bench, one: Selected) -> Result<Task, Error> {
        let args = self.args;
        let Bench {
            pace,
            ground,
            deployer,
            ..
        } = bench;
        let (recipe, terminal) = (one.request.recipe.to_string(), Arc::clone(&self.terminal));
        let mut ctx = bench.ctx.clone();
        ctx.host.interrupt = pace.interrupt.clone();
        // A line that cannot be shown is missed by the next result too, which says so.
        ctx.host.echo = Some(Arc::new(move |line| {
            drop(terminal.echo(&recipe, None, line));
        }));
        let dry_run = match (args.selection.list, args.selection.dry_run) {
            (true, _) => DryRun::Listing,
            (false, true) => DryRun::Yes,
            (false, false) => DryRun::No,
        };
        let dir = Machine::read()?.current_dir;
        let limits = &ctx.settings.limits;
        let job = Job {
            request: one.request,
            domain: one.domain,
            deployer: Arc::clone(deployer),
            versions: ground.versions.clone(),
            ingress: ground.ingress,
            tries: match args.execution.repeat {
                Some(count) => Tries::Repeated(u32::from(count)),
                None => Tries::Retried(u32::from(limits.retries)),
            },
            flaky: match args.execution.flaky_result {
                FlakyResult::Pass => FlakyCounts::Passed,
                FlakyResult::Fail => FlakyCounts::Failed,
            },
            lint: if args.selection.deny.contains(&Deny::Lint) {
                LintCounts::Denied
            } else {
                LintCounts::Shown
            },
            patterns: self.patterns(),
            generic_left_out: self.left_out.clone(),
            keep: ctx.settings.run.keep,
            wait: args.execution.wait.unwrap_or_default(),
            timeout: limits.run,
            slow: limits.slow,
            log_dir: args.reporting.log_dir.as_ref().map(|path| dir.join(path)),
            readers: self.readers(&ctx, Voice::of(args)),
            dry_run,
            exit_code: exit::of_run,
            error_code: code_of_run,
            renders: RENDERS,
            purpose: Purpose::Asked,
        };
        Ok((ctx, job))
    }

    /// Shows warnings that belong to no run.
    pub(super) fn warn(&self, texts: &[String]) -> Result<(), Error> {
        warn(&self.terminal, texts)
    }

    /// Shows lines that belong to no run.
    pub(super) fn say(&self, lines: &[Line]) -> Result<(), Error> {
        let said = self.terminal.say(lines);
        said.map_err(output_error("standard error"))
    }

    /// Shows the last lines, once old runs are gone that nobody needs.
    pub(super) fn finish(&self, lines: &[Line], ctx: &Context) -> Result<(), Error> {
        let old: Vec<_> = aftermath::prune(&ctx.settings.state).into_iter().collect();
        warn(&self.terminal, &old)?;
        let finished = self.terminal.finish();
        finished.map_err(output_error("standard error"))?;
        self.say(lines)
    }

    /// Shows errors, and returns the exit code that counts.
    pub(super) fn close(&self, errors: &[Error], mut codes: Vec<u8>, signal: Option<Signal>) -> u8 {
        for error in errors {
            codes.push(error.code());
            if view::print_error(self.call, Voice::of(self.args), error).is_err() {
                codes.push(exit::OUTPUT);
            }
        }
        let signal = signal.and_then(|signal| u8::try_from(signal.number()).ok());
        exit::gravest(&codes, signal)
    }

    /// Returns the patterns of `--test`.
    fn patterns(&self) -> Vec<TestPattern> {
        let lists = self.args.selection.tests.iter();
        lists.flat_map(|list| list.0.clone()).collect()
    }

    /// Ends the call when a pattern selects nothing, before anything is deployed; returns the code that it ends with.
    fn chooses_nothing(&self, tasks: &[Task]) -> Result<Option<u8>, Error> {
        if self.patterns().is_empty() || self.args.selection.is_dry() {
            return Ok(None);
        }
        let line = waiting("the names of the tests, for `--test`");
        let said = self.terminal.say(&[line]);
        said.map_err(output_error("standard error"))?;
        match chosen::plan_all(tasks).and_then(|plans| chosen::complaint(&plans)) {
            None => Ok(None),
            Some(error) => self.without_tests(error).map(Some),
        }
    }

    /// Ends a call that selects no test as `--no-tests` says.
    fn without_tests(&self, error: Error) -> Result<u8, Error> {
        match self.args.selection.no_tests {
            NoTests::Fail => return Err(error),
            NoTests::Warn => warn(&self.terminal, &[error.cause.to_string()])?,
            NoTests::Pass => {}
        }
        Ok(exit::PASSED)
    }

    /// Returns who reads a run's facts; the plan that a dry run ends with is printed by itself.
    fn readers(&self, ctx: &Context, voice: Voice) -> Vec<Arc<dyn EventReader>> {
        let mut readers: Vec<Arc<dyn EventReader>> = vec![Arc::clone(&self.terminal) as _];
        if voice == Voice::Json && !self.args.selection.is_dry() {
            let redactor = ctx.host.redactor.clone();
            readers.push(Arc::new(JsonLines { redactor }));
        }
        readers
    }

    /// Reports what came of the runs and returns the exit code.
    fn conclude(&self, ctx: &Context, results: Vec<batch::Result>, fence: Fence<'_>) -> u8 {
        let mut warnings = Vec::new();
        let (mut codes, mut reports, mut plans, mut errors) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (asked, not_begun) = (
            results.len(),
            results.iter().filter(|r| r.is_none()).count(),
        );
        for result in results.into_iter().flatten() {
            match result {
                Ok(Ended::Run { report, output }) => {
                    match output {
                        Output::Whole => {}
                        Output::Lost => codes.push(exit::OUTPUT),
                        Output::Panicked => codes.push(exit::UNEXPECTED),
                    }
                    let finished = report.finished.as_ref();
                    codes.push(finished.map_or(exit::UNEXPECTED, |finished| finished.exit_code));
                    reports.push(*report);
                }
                Ok(Ended::Planned(plan)) => plans.push(*plan),
                Err(error) => errors.push(or_signal(ctx, error.into())),
            }
        }
        if not_begun > 0 && ctx.host.interrupt.signal().is_none() {
            warnings.push(format!("not begun, because of `--max-fail`: {not_begun}"));
        }
        warnings.extend(aftermath::prune(&ctx.settings.state));
        let warned = warn(&self.terminal, &warnings);
        let lowered = fence.lower(&reports);
        let finished = self.terminal.finish();
        let junit = self.args.reporting.junit.as_ref();
        let outcomes = [
            warned,
            lowered,
            finished.map_err(output_error("standard error")),
            self.print_plans(&plans, asked, &mut codes),
            aftermath::write(self.call, junit, &reports, &ctx.host.redactor),
        ];
        errors.extend(outcomes.into_iter().filter_map(Result::err));
        self.close(&errors, codes, ctx.host.interrupt.signal())
    }

    /// Prints what would be done; a pattern that selects nothing is told only when all plans are known.
    fn print_plans(&self, plans: &[Plan], asked: usize, codes: &mut Vec<u8>) -> Result<(), Error> {
        if plans.is_empty() {
            return Ok(());
        }
        if let Some(error) = chosen::complaint(plans).filter(|_| plans.len() == asked) {
            codes.push(self.without_tests(error)?);
            return Ok(());
        }
        let text = match Voice::of(self.args) {
            Voice::Human => {
                let page = if self.args.selection.list {
                    render::listing::render
                } else {
                    render::plan::render
                };
                let pages: Vec<_> = plans.iter().map(page).collect();
                pages.join("\n")
            }
            Voice::Json => {
                let recipes = plans.to_vec();
                let message = Message::new(Fact::Plan { recipes });
                let line = serde_json::to_string(&message);
                line.map_err(|error| Error::new(Kind::Internal, error))? + "\n"
            }
        };
        view::print(text.as_bytes())
    }
}

/// Returns the error, or that a signal came when it was this that ended things.
pub(super) fn or_signal(ctx: &Context, error: Error) -> Error {
    match ctx.host.interrupt.signal() {
        Some(signal) => Error::say(Kind::Cancelled(signal), "interrupted"),
        None => error,
    }
}
