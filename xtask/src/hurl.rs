//! Builds the hurl that tests run by, below `target/`: Debian has none.

use std::fs;

use anyhow::{Context, Result};

use crate::run::cmd;
use crate::{packages, repo, say};

/// The version, the newest that the oldest Rust of this repository builds.
const VERSION: &str = "8.0.1";
/// What it is built with, by a file that each package brings.
const LIBRARIES: &[(&str, &str)] = &[
    ("pkg-config", "pkg-config"),
    ("xml2-config", "libxml2-dev"),
    ("curl-config", "libcurl4-openssl-dev"),
];
/// What reads C headers for it, which brings no program.
const READER: &str = "libclang-dev";

/// Builds it, unless it is there in the version that is wanted.
pub(crate) fn run(_args: &[String]) -> Result<()> {
    let folder = repo::lab().join("hurl");
    let stamp = folder.join("version");
    if fs::read_to_string(&stamp).ok().as_deref() == Some(VERSION) {
        say::line("hurl: up to date");
        return Ok(());
    }
    packages::ensure(LIBRARIES)?;
    if packages::can_install()? {
        packages::install(&[READER])?;
    }
    say::line(&format!(
        "hurl: building {VERSION}, which takes some minutes"
    ));
    fs::create_dir_all(&folder)?;
    let log = repo::lab().join("hurl.log");
    cmd("cargo", &["install", "hurl", "--locked", "--version", VERSION, "--root"])
        .arg(&folder)
        .log(&log, |_| ())
        .with_context(|| {
            format!("failed to build hurl; it needs crates.io, {READER} and the headers of libxml2 and libcurl")
        })?;
    fs::write(stamp, VERSION)?;
    Ok(())
}
