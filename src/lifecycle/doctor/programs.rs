//! The programs besides docker: git, what deploys, and what tests need.

use std::{collections::BTreeSet, fmt::Display, fs, path::Path};

use super::preflight;
use crate::{
    config::settings::Settings,
    lifecycle::{
        classify, fetch,
        lacking::{BROWSER_HINT, is_in_browser},
        overlay_env,
    },
    model::{
        diagnosis::{Check, Finding, State},
        input::DeployerChoice,
        outcome::Trouble,
        plan::{OverlayOrigin, OverlayRunner},
    },
    sys::context::Context,
    tool::{
        deployer,
        docker::client::READ_LIMIT,
        git::Git,
        overlay_files,
        runner::{Runners, browser_lacks},
        versions,
    },
};

/// The recipes whose tests are kept here, by what these need.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// Those with a test under pytest.
    pytest: BTreeSet<String>,
    /// Those with a test in a browser.
    browser: BTreeSet<String>,
    /// Those with a test under hurl.
    hurl: BTreeSet<String>,
}

impl Kept {
    /// Looks through the folders; one that cannot be read needs nothing.
    pub(super) fn list(settings: &Settings) -> Self {
        let mut kept = Self::default();
        let folder = settings.recipes.tests_dir.as_deref();
        let entries = folder.and_then(|folder| fs::read_dir(folder).ok());
        for entry in entries.into_iter().flatten().flatten() {
            let recipe = entry.file_name().to_string_lossy().into_owned();
            let overlays = overlay_files::list(&entry.path(), OverlayOrigin::Kept);
            for overlay in overlays.unwrap_or_default() {
                if overlay.refused.is_some() {
                    continue;
                }
                if is_in_browser(&overlay) {
                    kept.browser.insert(recipe.clone());
                }
                match overlay.runner {
                    OverlayRunner::Executable => false,
                    OverlayRunner::Pytest => kept.pytest.insert(recipe.clone()),
                    OverlayRunner::Hurl => kept.hurl.insert(recipe.clone()),
                };
            }
        }
        kept
    }
}

/// Judges git.
pub(super) fn git(ctx: &Context) -> Vec<Finding> {
    let settings = &ctx.settings;
    let program = match preflight::find_program(settings, "git", &settings.programs.git) {
        Ok(program) => program,
        Err(trouble) => return vec![Finding::fail(Check::Git, &trouble)],
    };
    let git = Git::new(&ctx.host, &program, READ_LIMIT);
    vec![match git.version() {
        Ok(version) => Finding::ok(Check::Git, at(version, &program)),
        Err(error) => silent(ctx, Check::Git, &program)
            .unwrap_or_else(|| Finding::fail(Check::Git, &fetch::trouble(&error))),
    }]
}

/// Judges what deploys.
pub(super) fn deployer(ctx: &Context) -> Vec<Finding> {
    let settings = &ctx.settings;
    let chosen = match settings.server.deployer {
        DeployerChoice::Auto => "`auto` takes ",
        DeployerChoice::Abra | DeployerChoice::Docker => "",
    };
    let program = match preflight::find_abra(settings) {
        Ok(Some(program)) => program,
        Ok(None) => {
            let found = match settings.server.deployer {
                DeployerChoice::Auto => "`auto` takes docker: there is no abra",
                DeployerChoice::Abra | DeployerChoice::Docker => "docker",
            };
            return vec![Finding::ok(Check::Deployer, found)];
        }
        Err(trouble) => return vec![Finding::fail(Check::Deployer, &trouble)],
    };
    vec![match deployer::make(Some(&program), "", &ctx.host) {
        Ok(abra) => {
            let found = format!("{chosen}abra {}", at(abra.version(), &program));
            Finding::ok(Check::Deployer, found)
        }
        Err(error) => silent(ctx, Check::Deployer, &program).unwrap_or_else(|| {
            let doing = "asking abra for its version";
            let trouble = classify::deployer_error(doing, &error);
            let trouble = trouble.hint("repair abra, or test with `--deployer docker`");
            Finding::fail(Check::Deployer, &trouble)
        }),
    }]
}

/// Judges pytest, and the browser that tests under it can use.
pub(super) fn pytest(ctx: &Context, kept: &Kept) -> Vec<Finding> {
    let settings = &ctx.settings;
    let without = |trouble: &Trouble| {
        let why = "pytest is needed";
        vec![
            needed(Check::Pytest, trouble, &kept.pytest),
            Finding::unknown(Check::Browser, why),
        ]
    };
    let program = match preflight::find_program(settings, "pytest", &settings.programs.pytest) {
        Ok(program) => program,
        Err(trouble) => return without(&trouble),
    };
    match versions::of_pytest(&program, &ctx.host) {
        Ok(Some(version)) => vec![
            Finding::ok(Check::Pytest, version),
            browser(ctx, &program, kept),
        ],
        Ok(None) | Err(_) => match silent(ctx, Check::Pytest, &program) {
            Some(late) => vec![late, Finding::unknown(Check::Browser, "pytest is needed")],
            None => without(&no_version("pytest", &program)),
        },
    }
}

/// Judges the browser, as pytest finds it.
fn browser(ctx: &Context, pytest: &Path, kept: &Kept) -> Finding {
    let programs = &ctx.settings.programs;
    let runners = Runners {
        pytest: pytest.to_owned(),
        hurl: programs.hurl.clone(),
    };
    let env = vec![overlay_env::browser(&ctx.settings)];
    let asked = tempfile::tempdir()
        .map_err(|error| error.to_string())
        .and_then(|scratch| {
            let asked = browser_lacks(&ctx.host, &runners, scratch.path(), env);
            asked.map_err(|error| error.to_string())
        });
    match asked {
        Ok(None) => match silent(ctx, Check::Browser, pytest) {
            Some(late) => late,
            None => Finding::ok(
                Check::Browser,
                format!("Playwright with {}", programs.chromium.display()),
            ),
        },
        Ok(Some(lacking)) => {
            let trouble = Trouble::broken("runner-missing", lacking);
            let trouble = trouble.hint(BROWSER_HINT);
            needed(Check::Browser, &trouble, &kept.browser)
        }
        Err(why) => Finding::unknown(Check::Browser, why),
    }
}

/// Judges hurl.
pub(super) fn hurl(ctx: &Context, kept: &Kept) -> Vec<Finding> {
    let settings = &ctx.settings;
    let program = match preflight::find_program(settings, "hurl", &settings.programs.hurl) {
        Ok(program) => program,
        Err(trouble) => return vec![needed(Check::Hurl, &trouble, &kept.hurl)],
    };
    vec![match versions::of_hurl(&program, &ctx.host) {
        Ok(Some(version)) => Finding::ok(Check::Hurl, at(version, &program)),
        Ok(None) | Err(_) => silent(ctx, Check::Hurl, &program)
            .unwrap_or_else(|| needed(Check::Hurl, &no_version("hurl", &program), &kept.hurl)),
    }]
}

/// Shows a version and where its program is.
fn at(version: impl Display, program: &Path) -> String {
    format!("{version} at {}", program.display())
}

/// Says that a program did not answer, when it was this that ended it.
fn silent(ctx: &Context, check: Check, program: &Path) -> Option<Finding> {
    let why = format!("`{}` did not answer in time", program.display());
    let is_over = ctx.host.interrupt.is_set();
    is_over.then(|| Finding::unknown(check, why))
}

/// Says that a program told no version.
fn no_version(word: &str, program: &Path) -> Trouble {
    let message = format!("`{} --version` told no version", program.display());
    Trouble::broken("runner-broken", message).hint(format!(
        "repair {word}, or set `programs.{word}` to one that works"
    ))
}

/// Judges what only some tests need: a note where no test that is kept here does.
fn needed(check: Check, trouble: &Trouble, recipes: &BTreeSet<String>) -> Finding {
    let mut names = recipes.iter();
    let (state, who) = match (names.next(), recipes.len()) {
        (None, _) => (State::Note, "no test kept here needs it".to_owned()),
        (Some(first), 1) => (State::Warning, format!("tests of {first} need it")),
        (Some(first), count) => {
            let others = if count == 2 { "recipe" } else { "recipes" };
            let others = format!("{} more {others}", count - 1);
            (
                State::Warning,
                format!("tests of {first} and {others} need it"),
            )
        }
    };
    let finding = Finding::new(check, state, format!("{}; {who}", trouble.message));
    match &trouble.hint {
        Some(hint) => finding.remedy(hint),
        None => finding,
    }
}

#[cfg(test)]
mod tests;
