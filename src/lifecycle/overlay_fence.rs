//! What the own tests of a recipe may reach on this host, where anybody may have written them.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{overlay::Overlays, session::Session};
use crate::{
    model::{
        outcome::Trouble,
        plan::{Overlay, OverlayOrigin, OverlayRole, Plan},
        run::Trust,
        stage::Stage,
    },
    sys::process::fence::{self, Fence},
};

/// Places in a home that open doors elsewhere: keys, logins and the like.
const IN_HOME: [&str; 15] = [
    ".abra",
    ".aws",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/git",
    ".config/rclone",
    ".config/sops",
    ".config/tea",
    ".docker/config.json",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".netrc",
    ".ssh",
];

/// Tells whether a test or hook was perhaps written by somebody who has no say on this host.
fn is_foreign(plan: &Plan, overlay: &Overlay) -> bool {
    plan.trust == Trust::Untrusted && overlay.origin == OverlayOrigin::Recipe
}

/// Returns the fence around a test or hook; those that are kept beside ccci, or given by a path, have none.
pub(super) fn fence(
    session: &Session<'_>,
    stage: Stage,
    overlays: &Overlays<'_>,
    overlay: &Overlay,
) -> Option<Fence> {
    if !is_foreign(&session.plan, overlay) {
        return None;
    }
    let (registry, records) = (session.dir.registry(), session.dir.path());
    let env_file = session.app.env_file();
    let op_state = records.join(stage.folder()).join("op-state.json");
    let mut writable = vec![registry.join("scratch"), records.join("artifacts")];
    // Its folder, as many editors put a new file in the place of the old one.
    let env_folder = env_file.parent().map(Path::to_owned);
    writable.extend(env_folder.filter(|_| overlay.role == OverlayRole::InstallSteps));
    Some(Fence {
        hidden: hidden(session),
        shown: vec![overlays.roots.recipe.clone(), op_state, env_file],
        writable,
    })
}

/// Lists what such a test has no business to read: secrets, other runs, and what opens doors elsewhere.
fn hidden(session: &Session<'_>) -> Vec<PathBuf> {
    let settings = &session.ctx.settings;
    let folder = |path: &Path| path.parent().map(Path::to_owned);
    let variable = |name: &str| {
        let mut all = session.ctx.host.base_env.iter().rev();
        let found = all.find(|(key, _)| key == OsStr::new(name));
        found.map(|(_, value)| PathBuf::from(value))
    };
    let home = variable("HOME");
    let in_home = home
        .iter()
        .flat_map(|home| IN_HOME.map(|place| home.join(place)));
    let docker = variable("DOCKER_CONFIG").map(|folder| folder.join("config.json"));
    let mut hidden = vec![settings.state.dir.clone()];
    hidden.extend(settings.secrets.dirs.iter().cloned());
    hidden.extend(settings.secrets.git_token_file.clone());
    hidden.extend(settings.mirror_token_file.clone());
    hidden.extend(
        [session.dir.registry(), session.dir.path()]
            .into_iter()
            .filter_map(folder),
    );
    hidden.extend(in_home.chain(docker));
    hidden
}

/// Returns what people should hear where tests need a fence that the kernel does not keep.
pub(super) fn warning(plan: &Plan) -> Option<Trouble> {
    let runs = |overlay: &&Overlay| overlay.refused.is_none() && is_foreign(plan, overlay);
    let overlay = plan
        .overlays
        .iter()
        .find(runs)
        .filter(|_| !fence::is_kept())?;
    let message = format!(
        "`{}` and the recipe's other tests can read and write what you can: this kernel has no Landlock",
        overlay.path
    );
    let hint = "boot Linux 5.13 or newer with `landlock` among its security modules";
    Some(Trouble::broken("no-fence", message).hint(hint))
}
