//! An app that always runs, for those that require one.
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::fs;

use super::{
    docker::{docker, objects, remove},
    world::World,
};

/// An app that always runs here; dropped, it goes.
pub(crate) struct Warm {
    /// Its stack.
    pub(crate) stack: String,
}

impl Warm {
    /// Deploys a compose file as the always-on app of a recipe, and waits until it runs.
    pub(crate) fn deploy(world: &World, recipe: &str, compose: &str) -> Self {
        let stack = format!("warm-{recipe}.{}", world.base_domain()).replace('.', "_");
        let text = compose.replace("${STACK_NAME}", &stack);
        let path = world.path(&format!("{recipe}.yml"));
        fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap();
        docker(&[
            "stack",
            "deploy",
            "--detach=false",
            "--compose-file",
            path,
            &stack,
        ]);
        Self { stack }
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        remove(&objects(&self.stack));
    }
}
