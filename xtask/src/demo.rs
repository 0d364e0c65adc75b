//! Takes the example recipes through a whole run on this machine.

use anyhow::{Result, ensure};

use crate::run::cmd;
use crate::{engine, examples, images, repo};

/// Prepares the lab, builds ccci and tests the examples with the built-in deployer.
pub(crate) fn run(args: &[String]) -> Result<()> {
    ensure!(args.is_empty(), "the demo takes no arguments");
    engine::run(&[])?;
    images::run(&[])?;
    examples::run(&[])?;
    cmd("cargo", &["build", "--release"]).show()?;
    let mut call = cmd(repo::target().join("release/ccci"), &["test"]);
    for repository in examples::repositories()? {
        // The path as one would type it in the repository's root.
        call = call.arg(repository.strip_prefix(repo::root())?);
    }
    call.arg("--deployer").arg("docker").show()
}
