//! Programs that the lab needs from Debian's packages.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::run::cmd;
use crate::say;

/// Makes sure that each program is there; on Debian as root the packages of the missing ones are installed.
pub(crate) fn ensure(programs_and_packages: &[(&str, &str)]) -> Result<()> {
    let mut missing = Vec::new();
    for (program, package) in programs_and_packages {
        if !is_installed(program)? {
            missing.push(*package);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    missing.dedup();
    let list = missing.join(" ");
    if !can_install()? {
        bail!("missing on this machine: {list}\n  hint: install these packages and try again");
    }
    install(&missing).with_context(|| format!("failed to install {list}"))
}

/// Installs Debian packages.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    say::line(&format!("installing {}", packages.join(" ")));
    let log = crate::repo::lab().join("apt.log");
    std::fs::create_dir_all(crate::repo::lab())?;
    cmd("apt-get", &["update", "-q"]).log(&log, |_| ())?;
    let install = cmd(
        "apt-get",
        &["install", "-y", "-q", "--no-install-recommends"],
    );
    install
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .log(&log, |_| ())
}

/// Tells whether packages can be installed here: a Debian, and we are root.
pub(crate) fn can_install() -> Result<bool> {
    let debian = Path::new("/etc/debian_version").exists();
    Ok(debian && cmd("id", &["-u"]).read()?.trim() == "0")
}

/// Tells whether a program is on `PATH`.
pub(crate) fn is_installed(program: &str) -> Result<bool> {
    let (found, _, _) = cmd("sh", &["-c", "command -v \"$0\"", program]).try_read()?;
    Ok(found)
}
