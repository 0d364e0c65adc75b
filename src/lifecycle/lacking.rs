//! What the tests need that this machine lacks: found out before anything is deployed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{overlay_env, runner::DryRun, session::state_trouble};
use crate::{
    model::{
        outcome::Trouble,
        plan::{Overlay, OverlayRunner, Plan},
    },
    sys::context::Context,
    tool::runner::{self, Runners, browser_lacks, missing_runners},
};

/// What to do where a browser is lacking.
pub(super) const BROWSER_HINT: &str = "install Playwright for the Python of pytest, and Chromium; \
                                       `programs.chromium` says where it is";

/// Refuses a run whose tests need what is not there; a list of tests says it of each of them instead.
pub(super) fn check(
    ctx: &Context,
    dry_run: DryRun,
    plan: &mut Plan,
    work: &Path,
) -> Result<(), Trouble> {
    let missing = missing(ctx, plan);
    if dry_run == DryRun::Listing {
        for (runner, program) in missing {
            let why = format!("needs `{}`, which was not found", program.display());
            refuse(plan, |overlay| overlay.runner == runner, &why);
        }
        if let Some((_, lacking)) = browser_lacking(ctx, plan, work)? {
            refuse(plan, is_in_browser, &format!("needs a browser: {lacking}"));
        }
        return Ok(());
    }
    if let Some((_, program)) = missing.into_iter().next() {
        let program = program.display();
        let message = format!("`{program}` is needed by a test and was not found");
        let hint = format!("install `{program}`, or set its path under `[programs]`");
        return Err(Trouble::broken("runner-missing", message).hint(hint));
    }
    let Some((path, lacking)) = browser_lacking(ctx, plan, work)? else {
        return Ok(());
    };
    let message = format!("`{path}` needs a browser: {lacking}");
    Err(Trouble::broken("runner-missing", message).hint(BROWSER_HINT))
}

/// Marks tests that cannot run.
fn refuse(plan: &mut Plan, which: impl Fn(&Overlay) -> bool, why: &str) {
    let overlays = plan.overlays.iter_mut();
    for overlay in overlays.filter(|overlay| overlay.is_selected() && which(overlay)) {
        overlay.refused = Some(why.to_owned());
    }
}

/// Returns the programs that run tests.
fn runners(ctx: &Context) -> Runners {
    let programs = &ctx.settings.programs;
    Runners {
        pytest: programs.pytest.clone(),
        hurl: programs.hurl.clone(),
    }
}

/// Lists the programs that a test needs and that are not there.
fn missing(ctx: &Context, plan: &Plan) -> Vec<(OverlayRunner, PathBuf)> {
    let needed = plan.overlays.iter().filter(|overlay| overlay.is_selected());
    let needed: Vec<_> = needed.map(|overlay| overlay.runner).collect();
    missing_runners(&ctx.host, &runners(ctx), &needed)
}

/// Tells whether a test needs a browser.
pub(super) fn is_in_browser(overlay: &Overlay) -> bool {
    overlay.runner == OverlayRunner::Pytest && overlay.path.starts_with("playwright/")
}

/// Returns what a browser lacks, and the first test that needs one; nothing when all is there.
fn browser_lacking(
    ctx: &Context,
    plan: &Plan,
    work: &Path,
) -> Result<Option<(String, String)>, Trouble> {
    let mut tests = plan.overlays.iter().filter(|overlay| overlay.is_selected());
    let Some(overlay) = tests.find(|overlay| is_in_browser(overlay)) else {
        return Ok(None);
    };
    fs::create_dir_all(work).map_err(|error| state_trouble(&error.to_string()))?;
    let mut env = overlay_env::way_in(&ctx.settings, plan.ingress);
    env.push(overlay_env::browser(&ctx.settings));
    let lacking = browser_lacks(&ctx.host, &runners(ctx), work, env);
    let lacking = lacking.map_err(|error| match error {
        runner::Error::Scratch { source, .. } => state_trouble(&source.to_string()),
        runner::Error::Process { .. } => Trouble::broken("runner-missing", error.to_string()),
    })?;
    Ok(lacking.map(|lacking| (overlay.path.clone(), lacking)))
}
