//! The reference in `docs/` is what the program itself says.

use std::{env, fs, path::Path};

#[test]
fn the_reference_is_current() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no settings, and this switch is meant for people"
    )]
    let bless = env::var("CCCI_BLESS").is_ok_and(|bless| bless == "1");
    for (path, text) in ccci::references() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if bless {
            fs::write(&file, &text).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == text,
            "{path} is stale; run the tests with CCCI_BLESS=1"
        );
    }
}
