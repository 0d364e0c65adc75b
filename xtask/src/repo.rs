//! Where things lie in the repository.

use std::path::{Path, PathBuf};

/// Returns the root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the repository's root")
}

/// Returns the directory of what is built and generated.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// Returns the lab's working directory: logs and build contexts.
pub(crate) fn lab() -> PathBuf {
    target().join("lab")
}
