//! What a picture shows, read by the Python that the lab sets up.
#![expect(
    clippy::disallowed_methods,
    reason = "a test starts the programs that it needs"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what the harness cannot do ends the test"
)]

use std::{path::Path, process::Command};

/// The Python that `cargo xtask python` sets up.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lab/python/bin/python");
/// The program that reads pictures.
const READER: &str = include_str!("picture.py");

/// Returns the size of a PNG and the colours at some points, as `1280x720 ff0000 00ff00`.
pub(crate) fn colours(picture: &Path, points: &[&str]) -> String {
    let mut reader = Command::new(PYTHON);
    reader.args(["-c", READER]).arg(picture).args(points);
    let output = reader.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", picture.display());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
