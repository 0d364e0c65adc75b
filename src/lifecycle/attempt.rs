//! The inside of one run: prepares, runs the stages, tears down, writes the report.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    time::{Duration, Instant},
};

use super::{
    announce::Announcer,
    classify, evidence,
    fetch::{self, Fetched},
    images, overlay_fence,
    prepare::{self, Inherited, Prepared, Preparing},
    providing::Providers,
    record::Record,
    runner::{DryRun, FlakyCounts, Job, LintCounts, Purpose},
    session::{Session, StageRun, docker_trouble, out_of_time, state_trouble},
    stages::Course,
    terms::{self, Terms},
    warm::Warm,
    watchdog::Watchdog,
};
use crate::{
    model::{
        event::{DiagnosticLevel, Fact},
        journal::Entry,
        outcome::{Fault, Outcome, StageResult, Trouble},
        plan::{Plan, PlannedStage},
        run::{Source, Wanted},
        stage::Stage,
    },
    sys::{
        beside::beside,
        context::Context,
        journal::Journal,
        process::{Host, LineStream},
        run_dir::RunDir,
        wait::Deadline,
    },
    tool::{app::App, docker::client::Docker, git::Git},
};

/// A run that was given its directory, its lock and its journal.
pub(crate) struct Attempt<'a> {
    /// Settings and the machine; children inherit the run's lock and mark.
    pub(crate) ctx: &'a Context,
    /// What is to be done.
    pub(crate) job: &'a Job,
    /// The run directory.
    pub(crate) dir: &'a RunDir,
    /// Where facts are announced.
    pub(crate) announcer: &'a Announcer,
    /// When it got its app's lock, from which on its time is counted.
    pub(crate) begun: Instant,
    /// When it has to be over.
    pub(crate) deadline: Deadline,
    /// The journal.
    pub(crate) journal: &'a Journal,
    /// The report.
    pub(crate) record: &'a Record,
    /// Watches for signals and slow stages.
    pub(crate) watchdog: &'a Watchdog,
    /// The apps that it uses beside its own.
    pub(super) providers: Providers,
    /// The canonical of its recipe.
    pub(super) warm: Warm,
}

impl Attempt<'_> {
    /// Makes the run to its end; returns the plan when that was all that was asked for.
    ///
    /// A request that cannot be met is an error: nothing was begun then, and nothing has to be ended.
    pub(crate) fn make(&self) -> Result<Option<Plan>, Trouble> {
        let app = self.app();
        let dead = self.dead_runs(&app)?;
        let fetched = self.open_canonical(&app).and_then(|()| self.fetched(&app));
        let fetched = fetched.and_then(|fetched| {
            let terms = terms::read_terms(
                self.ctx,
                &self.preparing(&app, &fetched, Inherited::default()),
            )?;
            Ok((fetched, terms))
        });
        if let Err(trouble) = &fetched
            && trouble.fault == Fault::Config
        {
            return Err(trouble.clone());
        }
        let mut latest = Ok(());
        if self.job.dry_run == DryRun::No {
            self.note_programs();
            if let Purpose::Asked = self.job.purpose {
                latest = self.dir.make_latest();
            }
        }
        let outcome = fetched.and_then(|(fetched, terms)| {
            latest.map_err(|error| state_trouble(&error.to_string()))?;
            self.clear_leftovers(&app, &dead)?;
            let inherited = self.inherit(&app, &fetched)?;
            let prepared = self.prepared(&self.preparing(&app, &fetched, inherited), terms)?;
            if self.job.dry_run == DryRun::No {
                // Whatever goes wrong, ccci itself included, all that was made is removed.
                let run = AssertUnwindSafe(|| {
                    self.take_over(&app, &prepared)?;
                    let prepared = self.get_required(&app, &fetched, prepared)?;
                    self.run_stages(&app, &prepared)
                });
                let ended = catch_unwind(run).unwrap_or_else(|_| Err(internal_error()));
                ended.map(|()| None)
            } else {
                Ok(Some(prepared.plan))
            }
        });
        let planned = match outcome {
            Ok(planned) => planned,
            Err(trouble) => {
                self.fail_early(trouble);
                None
            }
        };
        if planned.is_none() {
            self.end(&app);
        } else {
            self.dir.discard();
        }
        Ok(planned)
    }

    /// Names the app and its places.
    fn app(&self) -> App {
        let registry = std::path::absolute(self.dir.registry())
            .unwrap_or_else(|_| self.dir.registry().to_owned());
        App {
            recipe: self.job.request.recipe.clone(),
            domain: self.job.domain.clone(),
            stack: self.job.domain.stack(),
            folder: registry.join("abra"),
            backups: registry.join("backups"),
            docker: Docker::new(&self.ctx.docker, &self.ctx.host),
            git: self.ctx.git.clone(),
        }
    }

    /// Notes the versions of the programs that are used.
    fn note_programs(&self) {
        let kind = self.job.deployer.kind().word();
        let version = self.job.deployer.version();
        let programs = &mut self.record.report().programs;
        programs.extend(self.job.versions.clone());
        programs.insert(kind.to_owned(), version.to_owned());
    }

    /// Fetches the recipe, which tells whether there is what the request names.
    fn fetched(&self, app: &App) -> Result<Fetched, Trouble> {
        let request = &self.job.request;
        let what = match (&request.source, &request.wanted) {
            (Source::Path(path), _) => format!("recipe in {}", path.display()),
            (Source::Remote { url, .. }, Wanted::Default | Wanted::Newest) => {
                format!("recipe from {url}")
            }
            (Source::Remote { url, .. }, Wanted::Ref(name) | Wanted::Version(name)) => {
                format!("`{name}` from {url}")
            }
        };
        self.announcer.say(Fact::Waiting { what });
        let folder = app.folder.display().to_string();
        let noted = self.journal.write(&Entry::MakingFolder { path: folder });
        noted.map_err(|error| state_trouble(&error.to_string()))?;
        let git = Git::new(app.docker.host(), &app.git, self.ctx.settings.limits.pull);
        let token = self.ctx.git_token.as_ref();
        let fetched = fetch::fetch(&git, request, token, &app.checkout())?;
        fetch::expect_commit(&fetched, request)?;
        Ok(fetched)
    }

    /// Returns what preparing needs.
    fn preparing<'b>(
        &'b self,
        app: &'b App,
        fetched: &'b Fetched,
        inherited: Inherited,
    ) -> Preparing<'b> {
        Preparing {
            job: self.job,
            app,
            fetched,
            inherited,
            work: app.folder.with_file_name("work"),
        }
    }

    /// Prepares the run, and checks that everything is there that its tests need.
    fn prepared(&self, preparing: &Preparing<'_>, terms: Terms) -> Result<Prepared, Trouble> {
        let prepared = prepare::prepare(self.ctx, preparing, terms)?;
        self.record.report().plan = Some(prepared.plan.clone());
        self.announcer.say(Fact::Plan {
            recipes: vec![prepared.plan.clone()],
        });
        Ok(prepared)
    }

    /// Runs every stage of the plan over one deployed app.
    fn run_stages(&self, app: &App, prepared: &Prepared) -> Result<(), Trouble> {
        self.show_lint(prepared);
        if let Some(trouble) = overlay_fence::warning(&prepared.plan) {
            let level = DiagnosticLevel::Warning;
            self.announcer.say(Fact::Diagnostic { level, trouble });
        }
        if let Some(Err(trouble)) = &prepared.base {
            return Err(trouble.clone());
        }
        let log = self
            .dir
            .log(&format!("{}/images.log", Stage::Install.folder()))
            .map_err(|error| state_trouble(&error.to_string()))?;
        let announce = |image: &str| {
            self.announcer.say(Fact::Waiting {
                what: format!("image {image}"),
            });
        };
        let pull = images::Pull {
            limit: self.ctx.settings.limits.pull,
            log: &log,
            on_begin: &announce,
        };
        let head_images = images::list(&prepared.head.stack);
        let first_images = match &prepared.base {
            Some(Ok(base)) => images::list(&base.stack),
            _ => head_images.clone(),
        };
        let first = images::fetch(&app.docker, &first_images, &pull);
        first.map_err(|trouble| match &prepared.base {
            Some(Ok(base)) => prepare::base_trouble(&base.revision, trouble),
            _ => trouble,
        })?;
        let events = app.docker.watch(&app.stack);
        let events = events.map_err(|error| docker_trouble(&error))?;
        let session = self.session(app, prepared, &events)?;
        let course = Course::new(&session, prepared);
        let fetcher = limited(&app.docker);
        let fetch = || images::fetch(&fetcher, &head_images, &pull);
        std::thread::scope(|scope| {
            // The head's images are fetched while the base is being tested.
            let mut fetching = Some(beside(scope, fetch));
            for planned in &prepared.plan.stages {
                let needs_none =
                    planned.stage == Stage::Install || self.reason_to_skip(planned).is_some();
                let fetched = match fetching.take_if(|_| !needs_none) {
                    Some(thread) => thread.join(),
                    None => Ok(()),
                };
                self.run_stage(&course, planned, fetched);
            }
            // Nobody needs the images of a head that is not deployed.
            fetcher
                .host()
                .interrupt
                .set_limit(Some(Deadline::after(Duration::ZERO)));
        });
        Ok(())
    }

    /// Makes what the stages share.
    fn session<'b>(
        &'b self,
        app: &App,
        prepared: &Prepared,
        events: &'b LineStream,
    ) -> Result<Session<'b>, Trouble> {
        let availability = app.docker.availability();
        Ok(Session {
            ctx: self.ctx,
            dir: self.dir,
            announcer: self.announcer,
            journal: self.journal,
            record: self.record,
            watchdog: self.watchdog,
            app: App {
                docker: limited(&app.docker),
                ..app.clone()
            },
            events,
            availability: availability.map_err(|error| docker_trouble(&error))?,
            deployer: &*self.job.deployer,
            plan: prepared.plan.clone(),
            guard: prepared.guard.clone(),
            config: prepared.config.clone(),
            tries: self.job.tries,
            flaky_fails: self.job.flaky == FlakyCounts::Failed,
            deadline: self.deadline,
            stage_deadline: Mutex::new(self.deadline),
            progress: Mutex::new(None),
            announced: Mutex::default(),
        })
    }

    /// Shows what lint found, and fails the run for it where that was asked for.
    fn show_lint(&self, prepared: &Prepared) {
        for finding in &prepared.lint {
            self.announcer.say(Fact::Diagnostic {
                level: DiagnosticLevel::Warning,
                trouble: finding.clone(),
            });
        }
        self.record.report().lint.clone_from(&prepared.lint);
    }

    /// Runs one stage, or says why not.
    fn run_stage(&self, course: &Course<'_>, planned: &PlannedStage, fetched: Result<(), Trouble>) {
        let stage = planned.stage;
        if let Some(reason) = self.reason_to_skip(planned) {
            self.finish_stage(StageResult::skipped(stage, reason));
            return;
        }
        let (number, count) = (usize::from(stage.place()), Stage::ALL.len());
        self.announcer.say(Fact::StageStarted {
            stage,
            number,
            count,
        });
        self.watchdog.begin(stage);
        let begun = Instant::now();
        let mut run = StageRun::new(course.session, stage);
        course.session.begin_stage();
        match fetched {
            Ok(()) if course.session.deadline.is_over() => {
                let message = "the run's time was over before this stage began";
                run.generic("in-time", || Err(out_of_time(message)));
            }
            Ok(()) => course.run(&mut run),
            Err(trouble) => {
                run.generic("images", || Err(trouble));
            }
        }
        if stage == Stage::Install && self.job.lint == LintCounts::Denied {
            self.deny_lint(&mut run);
        }
        let mut result = StageResult::judged(stage, run.checks, begun.elapsed());
        course.session.end_stage();
        if self.ctx.host.interrupt.is_set() {
            result.outcome = Outcome::Broken;
            result.skip = None;
            result.trouble = Some(classify::interrupted());
        }
        if evidence::is_called_for(&result) {
            let side = course.prepared_side(stage);
            let gather =
                |trouble| evidence::gather(course.session, stage, Some(&side.stack), trouble);
            result.trouble = result.trouble.take().map(gather);
        }
        self.watchdog.end();
        self.finish_stage(result);
    }

    /// Turns lint's findings into failed checks.
    fn deny_lint(&self, run: &mut StageRun<'_>) {
        let findings = self.record.report().lint.clone();
        for finding in findings {
            let name = finding.code.clone();
            let check = super::session::CheckName {
                kind: crate::model::outcome::CheckKind::Lint,
                name: &name,
            };
            run.check(check, || Err(finding));
        }
    }
}

/// Returns the trouble of a fault of ccci itself.
pub(super) fn internal_error() -> Trouble {
    Trouble::broken("internal-error", "ccci itself went wrong")
        .hint("report this, with what it printed and the records of this run")
}

/// Returns docker for work that has a time limit of its own.
fn limited(docker: &Docker) -> Docker {
    let host = docker.host();
    docker.with_host(&Host {
        interrupt: host.interrupt.limited(),
        ..host.clone()
    })
}
