//! Sets up the Python that the tests need: pytest and a browser, the first in an environment of its own below `target/`.

use std::fs;

use anyhow::Result;

use crate::run::cmd;
use crate::{packages, repo, say, source_hash};

/// What is installed from `PyPI`.
const WANTED: [&str; 2] = ["pytest>=8,<10", "playwright>=1.50,<2"];
/// The browser, what is drawn in it, and what tells it of authorities.
const BROWSER: &[(&str, &str)] = &[
    ("chromium", "chromium"),
    ("chromium", "fonts-dejavu-core"),
    ("certutil", "libnss3-tools"),
];

/// Makes the environment, unless it is there with what is wanted.
pub(crate) fn run(_args: &[String]) -> Result<()> {
    packages::ensure(&[("python3", "python3")])?;
    packages::ensure(BROWSER)?;
    let folder = repo::lab().join("python");
    let stamp = folder.join("made-from");
    let hash = source_hash::of_text(&WANTED.join("\n"));
    if fs::read_to_string(&stamp).ok().as_deref() == Some(&hash) {
        say::line("python: up to date");
        return Ok(());
    }
    let (can_make, _, _) = cmd("python3", &["-c", "import ensurepip"]).try_read()?;
    if !can_make {
        packages::install(&["python3-venv"])?;
    }
    fs::create_dir_all(repo::lab())?;
    let log = repo::lab().join("python.log");
    say::line(&format!("python: installing {}", WANTED.join(", ")));
    cmd("python3", &["-m", "venv", "--clear"])
        .arg(&folder)
        .log(&log, |_| ())?;
    let install = cmd(folder.join("bin/pip"), &["install", "--quiet"]);
    install.args(&WANTED).log(&log, |_| ())?;
    fs::write(stamp, hash)?;
    Ok(())
}
