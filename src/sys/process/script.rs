//! Writes the scripts that stand for programs in tests, by a process that is none of ours.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Writes a shell script that can be run at once.
///
/// Were it this process that wrote, a child that another test starts in that moment would hold the file open, and the
/// system starts no file that is open for writing.
pub(crate) fn write_script(path: &Path, lines: &str) {
    #[expect(clippy::disallowed_methods, reason = "a process that is none of ours")]
    let mut writer = Command::new("/bin/sh")
        .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let text = format!("#!/bin/sh\n{lines}\n");
    // Taken, and so closed: the writer ends with its input.
    let mut input = writer.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    assert!(writer.wait().unwrap().success(), "{}", path.display());
}
