//! The versions of the programs that run tests, in their own words.

use std::{path::Path, time::Duration};

use crate::sys::process::{self, Cmd, Host};

/// How long a program may take to say its version.
const LIMIT: Duration = Duration::from_secs(20);

/// Asks pytest for its version, and for where its Python keeps it; nothing where it does not say.
pub(crate) fn of_pytest(program: &Path, host: &Host) -> Result<Option<String>, process::Error> {
    // Said twice, it tells where it is too.
    let output = Cmd::new(program, LIMIT)
        .args(["--version", "--version"])
        .run(host)?;
    // Older ones say it on the other stream.
    let said = output.stdout_text() + "\n" + &output.stderr_text();
    Ok(output.ok().then(|| pytest(&said)).flatten())
}

/// Asks hurl for its version; nothing where it does not say.
pub(crate) fn of_hurl(program: &Path, host: &Host) -> Result<Option<String>, process::Error> {
    let output = Cmd::new(program, LIMIT).arg("--version").run(host)?;
    Ok(output.ok().then(|| hurl(&output.stdout_text())).flatten())
}

/// Reads what pytest says of itself.
fn pytest(said: &str) -> Option<String> {
    let mut lines = said.lines();
    let rest = lines.find_map(|line| line.strip_prefix("This is pytest version "))?;
    let (version, place) = rest.split_once(", imported from ")?;
    let place = place
        .strip_suffix("/pytest/__init__.py")
        .or_else(|| place.strip_suffix("/pytest.py"))
        .unwrap_or(place);
    Some(format!("{version} in {place}"))
}

/// Reads what hurl says of itself.
fn hurl(said: &str) -> Option<String> {
    let version = said.strip_prefix("hurl ")?.split_whitespace().next()?;
    Some(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        // As pytest 7.2.1 and hurl 6.1.1 print them.
        let said = "This is pytest version 7.2.1, imported from /usr/lib/python3/dist-packages/pytest/__init__.py\nsetuptools registered plugins:\n";
        assert_eq!(
            pytest(said).as_deref(),
            Some("7.2.1 in /usr/lib/python3/dist-packages")
        );
        assert_eq!(pytest("pytest 7.2.1\n"), None);
        let said =
            "hurl 6.1.1 (x86_64-pc-linux-gnu) libcurl/7.88.1\nFeatures (libcurl):  alt-svc\n";
        assert_eq!(hurl(said).as_deref(), Some("6.1.1"));
        assert_eq!(hurl(""), None);
    }
}
