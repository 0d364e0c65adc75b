//! The reference in `docs/`, the manual in `man/` and the scripts in `completions/` are what the program itself says.

#[path = "docs/man.rs"]
mod man;

use std::{collections::BTreeSet, env, fs, path::Path};

/// Compares files with what they should be, or writes them where a person asks for it.
fn demand(files: &[(String, String)]) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no settings, and this switch is meant for people"
    )]
    let bless = env::var("CCCI_BLESS").is_ok_and(|bless| bless == "1");
    for (path, text) in files {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if bless {
            fs::write(&file, text).expect("the repository can be written");
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == *text,
            "{path} is stale; run the tests with CCCI_BLESS=1"
        );
    }
}

#[test]
fn the_reference_is_current() {
    let files = ccci::references();
    demand(&files.map(|(path, text)| (path.to_owned(), text)));
}

#[test]
fn the_scripts_of_completion_are_current() {
    let files = ccci::completions();
    demand(&files.map(|(path, text)| (path.to_owned(), text)));
}

#[test]
fn the_manual_is_current() {
    let pages = man::pages();
    demand(&pages);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let kept = fs::read_dir(folder).expect("the manual can be read");
    let kept: BTreeSet<_> = kept
        .map(|entry| entry.expect("the manual can be read").file_name())
        .map(|name| format!("man/{}", name.display()))
        .collect();
    let wanted: BTreeSet<_> = pages.into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        kept, wanted,
        "a page of a command that is gone is deleted by hand"
    );
}
