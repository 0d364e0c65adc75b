//! What lies on the disks of this machine: the state directory, and the certificate authorities.

use std::path::Path;

use rustix::fs::{Access, access};

use super::{
    engine::disk,
    preflight::{self, unusable},
};
use crate::{
    config::settings::Settings,
    model::{
        diagnosis::{Check, Finding, Fix, State},
        outcome::{Fault, Trouble},
    },
    tool::probe::Roots,
};

/// Looks at the files that settings name.
pub(super) fn look(settings: &Settings) -> Vec<Finding> {
    let mut findings = state(settings);
    let authorities = settings.server.ca_file.as_deref();
    findings.extend(authorities.map(authorities_in));
    findings
}

/// Judges the state directory and its disk; one that is not there yet is made by the first run.
fn state(settings: &Settings) -> Vec<Finding> {
    let dir = settings.state.dir.as_path();
    let shown = dir.display();
    let (finding, place) = if dir.exists() {
        let finding = match preflight::check_state(dir) {
            Ok(()) => Finding::ok(Check::State, format!("{shown}, locks hold there")),
            Err(trouble) => Finding::fail(Check::State, &trouble),
        };
        (finding, dir)
    } else {
        let mut above = dir.ancestors().filter(|above| above.exists());
        let above = above.next().unwrap_or(dir);
        (absent(dir, above), above)
    };
    vec![
        finding,
        disk(Check::StateDisk, place, settings.state.disk_floor),
    ]
}

/// Judges a state directory that is not there, by the directory above it that is.
fn absent(dir: &Path, above: &Path) -> Finding {
    let shown = dir.display();
    if let Err(error) = access(above, Access::WRITE_OK | Access::EXEC_OK) {
        let trouble = unusable(dir, &error.into()).hint(format!(
            "run `sudo install -d -m 700 -o $USER {shown}`, or set `state.dir` to another one"
        ));
        return Finding::fail(Check::State, &trouble);
    }
    let found = format!("{shown}: the first run makes it");
    Finding::new(Check::State, State::Note, found).fix(Fix::State)
}

/// Judges the file of certificate authorities.
fn authorities_in(path: &Path) -> Finding {
    match Roots::read(path) {
        Ok(_) => Finding::ok(Check::Authorities, path.display().to_string()),
        Err(error) => {
            let mut trouble = Trouble::new(Fault::Config, "ca-file", error.to_string());
            if let Some(source) = std::error::Error::source(&error) {
                trouble = trouble.because(source.to_string());
            }
            let hint = "set `server.ca-file` to a file in PEM form, or to nothing";
            Finding::fail(Check::Authorities, &trouble.hint(hint))
        }
    }
}

#[cfg(test)]
mod tests;
