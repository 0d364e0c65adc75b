//! `ccci sweep`: tests every recipe that has a new release, and promotes what passes.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use jiff::Timestamp;

use super::{
    bench::{Bench, Needs},
    error::{Error, Kind},
    host::Call,
    select::Selected,
    testing::Testing,
    view,
};
use crate::{
    cli::canonical_args::SweepArgs,
    config::{recipe_config, settings::Settings},
    exit,
    lifecycle::{
        origin,
        runner::Job,
        standing,
        sweep::Round,
        sweeps::{self, Ledger},
    },
    model::{
        app::AppDomain,
        outcome::millis,
        recipe::RecipeName,
        run::{RunMode, RunRequest, Source, Wanted},
        stage::Stage,
        sweep::{Entry, Fate, SweepReport, longest_first},
    },
    render::sweeping,
    sys::{beside::beside, context::Context},
};

/// A recipe that is swept: the job for it, or why there can be none.
type Task = (RecipeName, Result<(Context, Job), Error>);

/// Sweeps what is enrolled.
pub(crate) fn run(call: &Call, args: &SweepArgs) -> Result<u8, Error> {
    let settings = call.settings(&[])?;
    let recipes = enrolled(&settings, args)?;
    let as_test = args.as_test();
    let testing = Testing::open(call, &as_test, &settings, None)?;
    let needs = Needs {
        fetches: true,
        mirrors: settings.mirror.is_some(),
    };
    let bench = testing.set_up(settings, needs)?;
    let took = standing::durations(&bench.ctx.settings.state.dir).unwrap_or_default();
    let mut recipes: Vec<RecipeName> = recipes.into_iter().collect();
    longest_first(&mut recipes, &took);
    let tasks = recipes.into_iter().map(|recipe| {
        let task = like(&testing, &bench, &recipe);
        (recipe, task)
    });
    let sweep = Sweep {
        args,
        testing: &testing,
        bench: &bench,
        last: sweeps::last(&bench.ctx.settings.state.dir),
    };
    sweep.make(tasks.collect())
}

/// Returns the recipes that are swept: those of which a canonical is kept, as far as they were asked for.
fn enrolled(settings: &Settings, args: &SweepArgs) -> Result<BTreeSet<RecipeName>, Error> {
    let folder = settings.recipes.tests_dir.as_deref();
    let kept = folder.map_or_else(|| Ok(BTreeSet::new()), standing::enrolled);
    let kept = kept.map_err(|error| Error::new(Kind::Configuration, error))?;
    let is_warm = |recipe: &RecipeName| {
        let path = folder.map(|folder| folder.join(recipe.as_str()).join("recipe.toml"));
        // What cannot be read is told of when its turn comes, and must not be passed over.
        let config = path.and_then(|path| recipe_config::read(&path).transpose());
        config.is_some_and(|config| config.map_or(true, |config| config.warm_canonical))
    };
    let all: BTreeSet<_> = kept
        .iter()
        .filter(|recipe| is_warm(recipe))
        .cloned()
        .collect();
    if let Some(stranger) = args.recipes.iter().find(|recipe| !all.contains(*recipe)) {
        let message = format!("no canonical is kept for `{stranger}`");
        let hint = format!("set `warm-canonical = true` in `recipes-tests/{stranger}/recipe.toml`");
        return Err(Error::say(Kind::Usage, message).hint(hint));
    }
    let place = folder.map_or_else(
        || "nowhere".to_owned(),
        |folder| folder.display().to_string(),
    );
    if all.is_empty() {
        let message = format!(
            "nothing to sweep: of {} recipes in `{place}` none has a canonical",
            kept.len()
        );
        let hint = "set `warm-canonical = true` in a `recipe.toml`, or `recipes.tests-dir`";
        return Err(Error::say(Kind::NothingSelected, message).hint(hint));
    }
    let wanted = all.into_iter().filter(|recipe| {
        let named = args.recipes.is_empty() || args.recipes.contains(recipe);
        named
            && args
                .partition
                .is_none_or(|partition| partition.holds(recipe))
    });
    Ok(wanted.collect())
}

/// Returns a job for a recipe, of which commit and app are still open.
fn like(
    testing: &Testing<'_>,
    bench: &Bench,
    recipe: &RecipeName,
) -> Result<(Context, Job), Error> {
    let settings = &bench.ctx.settings;
    let url = origin::url_of(recipe, None, settings)?;
    let trust = origin::trust_in_release(recipe, settings);
    testing.task(
        bench,
        Selected {
            request: RunRequest {
                mode: RunMode::Cold,
                recipe: recipe.clone(),
                source: Source::Remote { url, trust },
                wanted: Wanted::Newest,
                commit: None,
                pr: None,
                stages: Stage::ALL.to_vec(),
            },
            domain: AppDomain::warm(recipe, &settings.server.base_domain)?,
        },
    )
}

/// One sweep.
struct Sweep<'a> {
    /// Its arguments.
    args: &'a SweepArgs,
    /// What makes runs.
    testing: &'a Testing<'a>,
    /// What they need.
    bench: &'a Bench,
    /// What the last sweep found.
    last: Option<SweepReport>,
}

/// What the workers of a sweep share.
struct Desk {
    /// The recipes that are not begun.
    rest: Vec<Task>,
    /// What came of those that ended.
    report: SweepReport,
    /// Why the record could not be written.
    unwritten: Option<Error>,
}

impl Sweep<'_> {
    /// Sweeps all recipes and reports them.
    fn make(&self, mut tasks: Vec<Task>) -> Result<u8, Error> {
        let begun = Instant::now();
        let ctx = &self.bench.ctx;
        tasks.reverse();
        let report = SweepReport::begin(&ctx.hostname, Timestamp::now());
        let ledger = if self.args.dry_run {
            None
        } else {
            Some(Ledger::begin(&ctx.settings.state.dir, &report)?)
        };
        let workers = usize::from(self.bench.pace.jobs).min(tasks.len());
        let desk = Mutex::new(Desk {
            rest: tasks,
            report,
            unwritten: None,
        });
        std::thread::scope(|scope| {
            for _ in 1..workers {
                beside(scope, || self.work(&desk, ledger.as_ref()));
            }
            self.work(&desk, ledger.as_ref());
        });
        let desk = desk.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.conclude(desk, ledger.as_ref(), millis(begun.elapsed()))
    }

    /// Sweeps one recipe after another.
    fn work(&self, desk: &Mutex<Desk>, ledger: Option<&Ledger>) {
        let lock = || desk.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some((recipe, task)) = lock().rest.pop() else {
                return;
            };
            let mut entry = self.sweep_one(recipe, task);
            entry.exit_code = code(&entry);
            let lines = sweeping::entry_lines(&entry, self.args.dry_run);
            let said = self.testing.say(&lines);
            let mut desk = lock();
            desk.report.recipes.push(entry);
            desk.report.updated = Timestamp::now();
            let written = ledger.map_or(Ok(()), |ledger| ledger.write(&desk.report));
            if let Err(error) = said.and(written.map_err(Error::from)) {
                desk.unwritten.get_or_insert(error);
            }
        }
    }

    /// Sweeps one recipe.
    fn sweep_one(&self, recipe: RecipeName, task: Result<(Context, Job), Error>) -> Entry {
        match task {
            Ok((ctx, job)) => Round {
                ctx: &ctx,
                docker_root: &self.bench.ground.docker_root,
                is_dry: self.args.dry_run,
            }
            .sweep(&job),
            Err(error) => {
                let trouble = error.trouble();
                Entry {
                    fate: Fate::Broken,
                    code: Some(trouble.code),
                    reason: Some(trouble.message),
                    exit_code: error.code(),
                    ..Entry::new(recipe)
                }
            }
        }
    }

    /// Reports the end and returns the exit code.
    fn conclude(&self, desk: Desk, ledger: Option<&Ledger>, took_ms: u64) -> Result<u8, Error> {
        let Desk {
            mut report,
            mut unwritten,
            ..
        } = desk;
        let ctx = &self.bench.ctx;
        let signal = ctx.host.interrupt.signal();
        report.finished = signal.is_none();
        let lines = sweeping::end_lines(&report, self.last.as_ref(), (took_ms, self.args.dry_run));
        let codes = report.recipes.iter().map(|entry| entry.exit_code).collect();
        if self.args.json {
            let text = serde_json::to_string_pretty(&self.document(&report));
            let text = text.map_err(|error| Error::new(Kind::Internal, error))? + "\n";
            view::print(text.as_bytes())?;
        }
        if let Some(ledger) = ledger {
            // What this sweep did not decide about is remembered for the next.
            let written = ledger.write(&report.with_memory_of(self.last.as_ref()));
            unwritten = unwritten.or(written.err().map(Error::from));
            ledger.prune();
        }
        let finished = self.testing.finish(&lines, ctx);
        let errors: Vec<_> = unwritten.into_iter().chain(finished.err()).collect();
        Ok(self.testing.close(&errors, codes, signal))
    }

    /// Returns what is printed for programs: the report, and what changed.
    fn document(&self, report: &SweepReport) -> serde_json::Value {
        let mut document = serde_json::json!(report);
        document["changes"] = serde_json::json!(report.changes(self.last.as_ref()));
        document
    }
}

/// Returns what a recipe gives to the exit code of the sweep: what its runs gave, or what came of it without any.
fn code(entry: &Entry) -> u8 {
    match entry.fate {
        _ if entry.exit_code != exit::PASSED => entry.exit_code,
        Fate::Failed => exit::FAILED,
        Fate::Broken => exit::BROKEN,
        Fate::Leaked => exit::LEAKED,
        Fate::Passed | Fate::Promoted | Fate::Skipped | Fate::NotReached => {
            if entry.mirror_trouble.is_some() || entry.lacks_promotion() {
                exit::BROKEN
            } else {
                exit::PASSED
            }
        }
    }
}
