//! What the tests and hooks that people wrote see of a run: their environment, the way to the app included.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{
    overlay::Overlays,
    reach::{self, Entrance},
    session::{Session, state_trouble},
    tries::Place,
};
use crate::{
    config::settings::Settings,
    model::{outcome::Trouble, run::IngressKind, stage::Stage},
    sys::context::Context,
};

/// Builds what a test sees of the run; ccci's own tokens are not among it.
pub(super) fn environment(
    session: &Session<'_>,
    stage: Stage,
    overlays: &Overlays<'_>,
    place: &Place,
) -> Result<Vec<(OsString, OsString)>, Trouble> {
    let unwritable = |error: std::io::Error| state_trouble(&error.to_string());
    let op_state = format!("{}/op-state.json", stage.folder());
    let text = serde_json::to_string_pretty(&overlays.op_state)
        .expect("the state of an operation has string keys only");
    session.dir.write(&op_state, &text).map_err(unwritable)?;
    let artifacts = session.dir.path().join(&place.artifacts);
    std::fs::create_dir_all(&artifacts).map_err(unwritable)?;
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path).into_os_string();
    let words: [(&str, String); 12] = [
        ("CCCI", "1".to_owned()),
        ("CCCI_ATTEMPT", place.number.to_string()),
        ("CCCI_BASE_URL", base_url(session, &overlays.entrance)),
        ("CCCI_APP_DOMAIN", session.app.domain.to_string()),
        ("CCCI_RECIPE", session.app.recipe.to_string()),
        ("CCCI_STACK", session.app.stack.to_string()),
        ("CCCI_STAGE", stage.to_string()),
        ("CCCI_RUN_ID", session.dir.id().to_string()),
        ("CCCI_DEPLOYER", session.plan.deployer.word().to_owned()),
        ("CCCI_INGRESS", session.plan.ingress.word().to_owned()),
        ("CCCI_HOST_HEADER", session.app.domain.to_string()),
        ("NO_COLOR", "1".to_owned()),
    ];
    let paths = [
        ("CCCI_APP_ENV", session.app.env_file()),
        ("CCCI_ARTIFACTS", artifacts),
        ("CCCI_OP_STATE_FILE", session.dir.path().join(op_state)),
    ];
    let words = words
        .into_iter()
        .map(|(key, value)| (key.into(), value.into()));
    let path = std::iter::once((OsString::from("PATH"), path_with_ccci(session.ctx)));
    let provided = (!session.plan.requires.is_empty()).then(|| {
        let file = provided_file(session.dir.registry());
        ("CCCI_PROVIDED_FILE".into(), absolute(file))
    });
    Ok(words
        .chain(provided)
        .chain(path)
        .chain(way_in(&session.ctx.settings, session.plan.ingress))
        .chain([browser(&session.ctx.settings)])
        .chain(
            paths
                .into_iter()
                .map(|(key, path)| (key.into(), absolute(path))),
        )
        .collect())
}

/// Returns the file in which hooks and tests find what required apps gave; its folder goes at the end of the run.
pub(super) fn provided_file(registry: &Path) -> PathBuf {
    registry.join("work").join("provided.json")
}

/// Returns what a hook of a required app sees: words that were made for it, and what this host knows.
pub(super) fn beside_words(
    ctx: &Context,
    words: BTreeMap<String, String>,
) -> Vec<(OsString, OsString)> {
    let is_direct = words
        .get("CCCI_INGRESS")
        .is_some_and(|word| word == IngressKind::Direct.word());
    let ingress = if is_direct {
        IngressKind::Direct
    } else {
        IngressKind::Proxy
    };
    let words = words.into_iter();
    let words = words.map(|(key, value)| (key.into(), value.into()));
    words
        .chain([("PATH".into(), path_with_ccci(ctx))])
        .chain(way_in(&ctx.settings, ingress))
        .chain([browser(&ctx.settings)])
        .collect()
}

/// Returns what the settings say of the way to the proxy, under the names that they are set by.
pub(super) fn way_in(settings: &Settings, ingress: IngressKind) -> Vec<(OsString, OsString)> {
    let server = &settings.server;
    if ingress == IngressKind::Direct {
        return Vec::new();
    }
    let address = server.resolve_to.map(|address| match address.port {
        Some(port) => SocketAddr::new(address.ip, port).to_string(),
        None => address.ip.to_string(),
    });
    let address = address.map(|address| ("CCCI_RESOLVE_TO".into(), address.into()));
    let authorities = server.ca_file.as_ref().map(|path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        ("CCCI_CA_FILE".into(), path.into_os_string())
    });
    address.into_iter().chain(authorities).collect()
}

/// Returns where tests find a browser.
pub(super) fn browser(settings: &Settings) -> (OsString, OsString) {
    let program = settings.programs.chromium.clone();
    ("CCCI_CHROMIUM".into(), program.into_os_string())
}

/// Returns the search path of tests: `ccci exec` is this ccci, whatever else is installed.
fn path_with_ccci(ctx: &Context) -> OsString {
    let env = &ctx.host.base_env;
    let path = env.iter().rev().find(|(key, _)| key == "PATH");
    let path = path.map(|(_, path)| path.clone()).unwrap_or_default();
    let own = ctx.own_folder.clone();
    let all = own.into_iter().chain(std::env::split_paths(&path));
    // A folder with a colon in its name cannot be on any search path.
    std::env::join_paths(all).unwrap_or(path)
}

/// Returns the address at which a test reaches the app: without a proxy, that of the task itself.
fn base_url(session: &Session<'_>, entrance: &Entrance) -> String {
    match (session.plan.ingress, entrance) {
        // Before the first deploy there is no task, hence no address.
        (IngressKind::Direct, Entrance::Http { route, .. }) => reach::target(session, route)
            .map(|target| reach::open_at(&target))
            .unwrap_or_default(),
        (IngressKind::Direct, Entrance::None { .. }) => String::new(),
        (IngressKind::Proxy, _) => format!("https://{}", session.app.domain),
    }
}
