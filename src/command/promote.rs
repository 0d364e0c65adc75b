//! `ccci promote`: makes a tested release the canonical of its recipe, by hand.

use super::{
    ask::{self, Answer},
    bench::{Bench, Needs},
    error::{Error, Kind},
    host::Call,
    select::{Selected, Wish},
    testing::Testing,
    view,
};
use crate::{
    cli::canonical_args::PromoteArgs,
    config::{load::Machine, recipe_config, settings::Settings},
    exit,
    lifecycle::{promotion, standing},
    model::{
        canonical::Canonical,
        outcome::Verdict,
        promotion::{Candidate, Promotable, Refusal, tested},
        recipe::{RecipeName, RecipeVersion},
        report::RunReport,
        run::{RunRequest, Source},
    },
    render::{
        level::Weight,
        line::{Line, Tone},
    },
    tool::git::Git,
};

/// Promotes what is named.
pub(crate) fn run(call: &Call, args: &PromoteArgs) -> Result<u8, Error> {
    let dir = Machine::read()?.current_dir;
    let wish = Wish::of_one(args.target.clone(), None, &dir)?;
    let settings = call.settings(&wish.checkouts())?;
    let selected = wish.resolve(&settings, &dir)?.into_iter().next();
    let Some(selected) = selected else {
        let message = "nothing to promote: no recipe is named, and the current directory is none";
        return Err(Error::say(Kind::NothingSelected, message).hint("name a recipe"));
    };
    let recipe = &selected.request.recipe;
    check_enrolled(&settings, recipe)?;
    // What is damaged is replaced, and told of in the run that does it.
    let known = promotion::known(&settings.state.dir, recipe)?;
    let as_test = args.as_test();
    let testing = Testing::open(call, &as_test, &settings, None)?;
    let needs = Needs {
        fetches: matches!(selected.request.source, Source::Remote { .. }),
        mirrors: false,
    };
    let bench = testing.set_up(settings, needs)?;
    let version = match (&args.version, &selected.request.source) {
        (Some(version), _) => Some(version.clone()),
        (None, Source::Path(_)) => {
            let git = Git::new(
                &bench.ctx.host,
                &bench.ctx.git,
                bench.ctx.settings.limits.pull,
            );
            Some(checked_out(&git, &selected.request)?)
        }
        (None, Source::Remote { .. }) => None,
    };
    let release = find(&bench.ctx.settings, recipe, version.as_ref())?;
    if args.dry_run {
        view::say(call, &[intention(recipe, &release, known.as_ref())])?;
        return Ok(exit::PASSED);
    }
    confirm(call, recipe, &release, known.as_ref())?;
    promote(&testing, &bench, selected, &release)
}

/// Makes the run that promotes.
fn promote(
    testing: &Testing<'_>,
    bench: &Bench,
    selected: Selected,
    release: &Promotable,
) -> Result<u8, Error> {
    let (ctx, like) = testing.task(bench, selected)?;
    let job = promotion::job_of(&ctx, &like, release)?;
    testing.make(bench, &[(ctx, job)])
}

/// Refuses a recipe of which no canonical is kept.
fn check_enrolled(settings: &Settings, recipe: &RecipeName) -> Result<(), Error> {
    let folder = settings.recipes.tests_dir.as_ref();
    let path = folder.map(|folder| folder.join(recipe.as_str()).join("recipe.toml"));
    let config = path.map(|path| recipe_config::read(&path)).transpose()?;
    if config.flatten().is_some_and(|config| config.warm_canonical) {
        return Ok(());
    }
    let message = format!("no canonical is kept for `{recipe}`");
    let hint = format!("set `warm-canonical = true` in `recipes-tests/{recipe}/recipe.toml`");
    Err(Error::say(Kind::Refused, message).hint(hint))
}

/// Returns the release that a checkout has checked out, without changes.
fn checked_out(git: &Git<'_>, request: &RunRequest) -> Result<RecipeVersion, Error> {
    let Source::Path(path) = &request.source else {
        unreachable!("a path was told from a source before");
    };
    let failed = |error: crate::tool::git::Error| Error::new(Kind::Broken, error);
    let shown = path.display();
    let refused = |refusal: Refusal| {
        let message = format!("`{shown}` cannot be promoted: {refusal}");
        Error::say(Kind::Refused, message)
    };
    if !git.is_repository(path).map_err(failed)? {
        return Err(refused(Refusal::NotReleased));
    }
    if git.changes(path).map_err(failed)?.any() {
        return Err(refused(Refusal::Uncommitted).hint("commit or stash them"));
    }
    let head = git.head(path).map_err(failed)?;
    let tags = git.tags(path).map_err(failed)?;
    let here = tags.into_iter().filter(|tag| tag.commit == head);
    let versions = here.filter_map(|tag| tag.name.parse::<RecipeVersion>().ok());
    let newest = versions.max();
    newest.ok_or_else(|| refused(Refusal::NotReleased).hint("check a release tag out"))
}

/// Finds the newest release, or the one that is named, of which a run on record shows that it is good.
fn find(
    settings: &Settings,
    recipe: &RecipeName,
    version: Option<&RecipeVersion>,
) -> Result<Promotable, Error> {
    let reports = standing::reports(&settings.state.dir, recipe).map_err(|error| {
        let error = anyhow::Error::new(error);
        Error::new(Kind::Broken, error.context("failed to list runs"))
    })?;
    let is_wanted = |report: &&RunReport| {
        let head = report
            .plan
            .as_ref()
            .and_then(|plan| plan.head.version.as_ref());
        version.is_none() || head == version
    };
    let judged = reports.iter().filter(is_wanted).filter_map(judge);
    let (good, bad): (Vec<_>, Vec<_>) = judged.partition(Result::is_ok);
    let good = good.into_iter().filter_map(Result::ok);
    // Newest run first: of two runs of one release, the later one saw where its tag is now.
    let best = good.reduce(|best, next| {
        if next.version > best.version {
            next
        } else {
            best
        }
    });
    best.ok_or_else(|| {
        let what = version.map_or_else(
            || format!("`{recipe}`"),
            |version| format!("`{recipe}` at `{version}`"),
        );
        let refusal = bad.into_iter().find_map(Result::err);
        let message = match refusal {
            Some(refusal) => format!("{what} cannot be promoted: {refusal}"),
            None => format!("{what} cannot be promoted: no run of it is on record"),
        };
        let tag = version.map_or("TAG", RecipeVersion::as_str);
        let hint = format!("run `ccci test {recipe} --version {tag}`, which promotes what passes");
        Error::say(Kind::Refused, message).hint(hint)
    })
}

/// Decides whether a run shows that what it tested is good; nothing of one that is no run of a release at all.
fn judge(report: &RunReport) -> Option<Result<Promotable, Refusal>> {
    let plan = report.plan.as_ref()?;
    let end = report.finished.as_ref();
    let end = end.map_or((Verdict::Broken, 0), |end| (end.verdict, end.level));
    if plan.mode.is_warm() || plan.mode.only_installs() {
        return None;
    }
    let candidate = Candidate {
        // It is now, whatever it was then.
        enrolled: true,
        ..Candidate::of(plan, end, None)
    };
    Some(tested(&candidate))
}

/// Says what would be promoted.
fn intention(recipe: &RecipeName, release: &Promotable, known: Option<&Canonical>) -> Line {
    let known = known.map_or_else(
        || "nothing is known to be good yet".to_owned(),
        |known| format!("{} is known to be good", known.title()),
    );
    let Promotable { version, commit } = release;
    let text = format!(
        "would promote {recipe} {version} ({}); {known}",
        &commit.as_str()[..7]
    );
    Line::message(Weight::Vital, ("note", Tone::Info), text)
}

/// Asks before something that is known to be good is replaced.
fn confirm(
    call: &Call,
    recipe: &RecipeName,
    release: &Promotable,
    known: Option<&Canonical>,
) -> Result<(), Error> {
    let Some(known) = known else { return Ok(()) };
    let message = format!("the canonical of `{recipe}` is {}", known.title());
    let question = format!("replace it by {}?", release.version);
    match ask::ask(call, &message, &question)? {
        Answer::Yes => Ok(()),
        Answer::No => {
            let message = format!("the canonical of `{recipe}` stays");
            Err(Error::say(Kind::Refused, message))
        }
    }
}
