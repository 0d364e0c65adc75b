//! A command as people would type it in a shell; for people, never run by ccci.

use std::ffi::OsString;
use std::path::Path;

/// Returns `$ program argument ...`, with quotes where a shell needs them.
pub(super) fn command_line(program: &Path, args: &[OsString]) -> String {
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(args.iter().map(OsString::as_os_str));
    words.fold("$".to_owned(), |line, word| {
        line + " " + &quote(&word.to_string_lossy())
    })
}

/// Returns one word as a shell takes it, quoted when it needs to be.
pub(crate) fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if word.chars().any(char::is_control) {
        return format!(
            "$'{}'",
            word.escape_debug().to_string().replace("\\\"", "\"")
        );
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_a_shell_needs_it() {
        let args = ["ps", "--filter=a=b", "", "it's $HOME", "a\n\u{1b}\"b"].map(OsString::from);
        let line = command_line(Path::new("/usr/bin/docker"), &args);
        insta::assert_snapshot!(line, @r#"$ docker ps --filter=a=b '' 'it'\''s $HOME' $'a\n\u{1b}"b'"#);
    }
}
