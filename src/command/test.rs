//! `ccci test`: from what was selected to the exit code.

use std::sync::Arc;

use super::{
    aftermath::{self, Fence, RENDERS},
    batch::{self, Pace, Task},
    chosen,
    error::{Error, Kind, code_of_run},
    host::{Call, Programs},
    secrets,
    select::{Selected, Wish},
    view::{self, JsonLines, Message, Voice, output_error, waiting},
};
use crate::{
    cli::{
        test_args::{Deny, FlakyResult, NoTests, TestArgs},
        values::Running,
    },
    config::{load::Machine, settings::Settings},
    exit,
    lifecycle::{
        announce::Output,
        preflight::{self, Ground},
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
    render::{self, terminal::Terminal},
    sys::{context::Context, process, redact::Redactor},
    tool::{
        deployer::{self, Deployer},
        docker::client::{Docker, READ_LIMIT},
        git::Git,
    },
};

/// Tests what is selected.
pub(crate) fn run(call: &Call, args: &TestArgs) -> Result<u8, Error> {
    let unknown = call.unknown_variables()?;
    let dir = Machine::read()?.current_dir;
    let wish = Wish::read(args, call.env(), &dir)?;
    let left_out = call.env().skip_generic()?;
    let settings = call.settings(&wish.checkouts())?;
    let selected = wish.resolve(&settings, &dir)?;
    if selected.is_empty() && args.selection.no_tests != NoTests::Warn {
        return nothing_selected(args.selection.no_tests);
    }
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
    let nothing = selected.is_empty().then(|| NOTHING.to_owned());
    let warning = warning.map(str::to_owned);
    let overlooked = wish.overlooked(&dir);
    let warnings: Vec<_> = unknown
        .chain(warning)
        .chain(nothing)
        .chain(overlooked)
        .collect();
    warn(&terminal, &warnings)?;
    if selected.is_empty() {
        return Ok(exit::PASSED);
    }
    Testing {
        call,
        args,
        terminal,
        left_out,
    }
    .execute(settings, selected)
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

/// Shows warnings that belong to no run.
fn warn(terminal: &Terminal, texts: &[String]) -> Result<(), Error> {
    let lines: Vec<_> = texts.iter().map(|text| view::warning(text)).collect();
    if lines.is_empty() {
        return Ok(());
    }
    terminal.say(&lines).map_err(output_error("standard error"))
}

/// One call that tests something.
struct Testing<'a> {
    /// The call.
    call: &'a Call,
    /// Its arguments.
    args: &'a TestArgs,
    /// Where lines for people go.
    terminal: Arc<Terminal>,
    /// Stages whose generic checks are left out, with the variables that do that.
    left_out: Vec<(Stage, String)>,
}

impl Testing<'_> {
    /// Makes all runs and reports them.
    fn execute(&self, settings: Settings, selected: Vec<Selected>) -> Result<u8, Error> {
        let redactor = Redactor::default();
        let is_fetched = |one: &Selected| matches!(one.request.source, Source::Remote { .. });
        let fetches = selected.iter().any(is_fetched);
        let token = secrets::git_token(self.call, &settings, &redactor, fetches)?;
        warn(&self.terminal, &secrets::register(&settings, &redactor)?)?;
        preflight::prepare_state(&settings.state)?;
        let find = |word, program| preflight::find_program(&settings, word, program);
        let programs = Programs {
            docker: find("docker", &settings.programs.docker)?,
            git: find("git", &settings.programs.git)?,
        };
        let mut ctx = self.call.context(settings, programs, redactor)?;
        ctx.git_token = token;
        let refused = |error| Error::not_given("failed to start a thread", error);
        view::answer_status(&self.terminal).map_err(refused)?;
        view::yield_to_second_signal(&self.terminal, &ctx.host.interrupt).map_err(refused)?;
        view::leave_when_stopped(&self.terminal, &ctx.host.interrupt).map_err(refused)?;
        let place = place(&ctx);
        let (ground, deployer) = place.map_err(|error| or_signal(&ctx, error))?;
        let max_fail = self.args.execution.max_fail;
        let cancels = max_fail.is_some_and(|limit| limit.running == Running::Cancel);
        let pace = Pace {
            jobs: if self.args.reporting.no_capture {
                1
            } else {
                ctx.settings.limits.jobs
            },
            max_fail,
            interrupt: if cancels {
                batch::follow(&ctx.host.interrupt).map_err(refused)?
            } else {
                ctx.host.interrupt.clone()
            },
        };
        let task = |one| self.task(&ctx, &pace, one, (&ground, &deployer));
        let tasks: Vec<_> = selected.into_iter().map(task).collect::<Result<_, _>>()?;
        if let Some(code) = self.chooses_nothing(&tasks)? {
            return Ok(code);
        }
        let fence = Fence::raise(self.call, &self.terminal)?;
        let results = batch::run(&tasks, &pace);
        Ok(self.conclude(&ctx, results, fence))
    }

    /// Makes one task of what was selected.
    fn task(
        &self,
        ctx: &Context,
        pace: &Pace,
        one: Selected,
        (ground, deployer): (&Ground, &Arc<dyn Deployer>),
    ) -> Result<Task, Error> {
        let args = self.args;
        let (recipe, terminal) = (one.request.recipe.to_string(), Arc::clone(&self.terminal));
        let mut ctx = ctx.clone();
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
        for error in &errors {
            codes.push(error.code());
            if view::print_error(self.call, Voice::of(self.args), error).is_err() {
                codes.push(exit::OUTPUT);
            }
        }
        let signal = ctx.host.interrupt.signal();
        let signal = signal.and_then(|signal| u8::try_from(signal.number()).ok());
        exit::gravest(&codes, signal)
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

/// Asks what there is to deploy on, and with what.
fn place(ctx: &Context) -> Result<(Ground, Arc<dyn Deployer>), Error> {
    let settings = &ctx.settings;
    let abra = preflight::find_abra(settings)?;
    let docker = Docker::new(&ctx.docker, &ctx.host);
    let limit = settings.limits.pull.min(READ_LIMIT);
    let git = Git::new(&ctx.host, &ctx.git, limit);
    let ground = preflight::survey(&docker, &git, settings)?;
    let deployer = deployer::make(abra.as_deref(), &ground.versions["docker"], &ctx.host)?;
    Ok((ground, deployer))
}

/// Returns the error, or that a signal came when it was this that ended things.
fn or_signal(ctx: &Context, error: Error) -> Error {
    match ctx.host.interrupt.signal() {
        Some(signal) => Error::say(Kind::Cancelled(signal), "interrupted"),
        None => error,
    }
}
