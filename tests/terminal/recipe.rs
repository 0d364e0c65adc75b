//! What the tests need of a recipe: one that converges when it is told to, and a second one.
#![expect(
    clippy::disallowed_methods,
    reason = "a test asks docker for containers"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{fs, path::Path, process::Command};

use crate::{repository::git, world::World};

/// A health check that passes once there is a file in the volume, and till then counts as starting.
const GATE: &str = r#"    healthcheck:
      test: ["CMD", "test", "-e", "/data/ready"]
      interval: 500ms
      timeout: 30s
      start_period: 1h
"#;

/// Changes the recipe's work tree so that its app has not converged before it is let through.
pub(crate) fn hold_convergence(world: &World, recipe: &str) {
    let path = world.path("work").join(recipe).join("compose.yml");
    let before = "    stop_grace_period:";
    edit(&path, before, &format!("{GATE}{before}"));
}

/// Gives the app so many seconds to converge.
pub(crate) fn give_seconds(world: &World, seconds: u64) {
    let label = format!("timeout={seconds}");
    edit(
        &world.path("work/plain/compose.yml"),
        "timeout=${TIMEOUT:-60}",
        &label,
    );
}

/// Lets all apps of this world converge.
pub(crate) fn let_converge(world: &World) {
    let containers = world.objects().into_iter();
    for object in containers.filter(|object| object.starts_with("container ")) {
        let id = object.trim_start_matches("container ");
        let mut touch = Command::new("docker");
        touch.args(["exec", id, "touch", "/data/ready"]);
        assert!(touch.output().unwrap().status.success());
    }
}

/// Makes a second recipe like the first.
pub(crate) fn add_other(world: &World) {
    let (from, to) = (world.path("work/plain"), world.path("work/other"));
    let mut copy = Command::new("cp");
    copy.arg("-r").args([&from, &to]);
    assert!(copy.output().unwrap().status.success());
    edit(&to.join(".env.sample"), "plain", "other");
}

/// Lets a recipe want a secret that it cannot generate.
pub(crate) fn want_secret(world: &World, recipe: &str) {
    let folder = world.path("work").join(recipe);
    let volumes = "    volumes:\n      - data:/data\n";
    let secrets = format!("    secrets:\n      - token\n{volumes}");
    edit(&folder.join("compose.yml"), volumes, &secrets);
    let declared = "\nsecrets:\n  token:\n    external: true\n    name: ${STACK_NAME}_token_${SECRET_TOKEN_VERSION}\nnetworks:\n";
    edit(&folder.join("compose.yml"), "\nnetworks:\n", declared);
    let sample = "SECRET_TOKEN_VERSION=v1 # generate=false charset=hex length=40\n#TIMEOUT";
    edit(&folder.join(".env.sample"), "#TIMEOUT", sample);
    commit(&folder);
    let tag = "0.3.0+1.35.1";
    git(&folder, &["tag", "--annotate", "--message", tag, tag]);
    edit(
        &folder.join(".env.sample"),
        "#TIMEOUT",
        "## Seconds\n#TIMEOUT",
    );
    commit(&folder);
}

/// Commits all changes of a recipe.
fn commit(folder: &Path) {
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "change"]);
}

/// Replaces a text in a file that has to hold it.
fn edit(path: &Path, before: &str, after: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(before), "{text}");
    fs::write(path, text.replace(before, after)).unwrap();
}
