//! Whether a directory belongs to the work tree under test, whose author must not configure this host.

use std::path::{Path, PathBuf};

/// What makes a work tree a recipe.
const RECIPE_FILES: [&str; 4] = ["compose.yml", "compose.yaml", "abra.sh", ".env.sample"];

/// Tells whether a directory lies in a git work tree that is a recipe, or in that of a checkout to be tested.
pub(crate) fn is_under_test(dir: &Path, checkouts: &[PathBuf]) -> bool {
    let here = real(dir);
    let is_recipe = |dir: &Path| RECIPE_FILES.iter().any(|file| dir.join(file).exists());
    let trees = checkouts
        .iter()
        .map(|checkout| root(&real(&dir.join(checkout))));
    let holds_us = |tree: PathBuf| here.starts_with(tree);
    is_recipe(&here) || is_recipe(&root(&here)) || trees.into_iter().any(holds_us)
}

/// Tells whether a directory lies in any git work tree.
///
/// In CI that is enough for distrust: the engine checked out what somebody proposed, recipe files or not.
pub(crate) fn is_checkout(dir: &Path) -> bool {
    root(&real(dir)).join(".git").exists()
}

/// Returns the root of the git work tree that a directory lies in, or the directory itself.
fn root(dir: &Path) -> PathBuf {
    let root = dir.ancestors().find(|dir| dir.join(".git").exists());
    root.unwrap_or(dir).to_owned()
}

/// Returns a path with its links followed, as far as it exists.
pub(super) fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_recipe_and_all_below_it_are_under_test() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("recipe/tests");
        fs::create_dir_all(&below).unwrap();
        fs::create_dir(dir.path().join("recipe/.git")).unwrap();
        fs::write(dir.path().join("recipe/compose.yml"), "").unwrap();
        assert!(is_under_test(&dir.path().join("recipe"), &[]));
        assert!(is_under_test(&below, &[]));
        assert!(!is_under_test(dir.path(), &[]));
    }

    #[test]
    fn a_checkout_that_is_asked_for_is_under_test_through_links_too() {
        let dir = tempfile::tempdir().unwrap();
        let recipe = dir.path().join("recipe");
        fs::create_dir_all(recipe.join("sub")).unwrap();
        std::os::unix::fs::symlink(&recipe, dir.path().join("link")).unwrap();
        assert!(is_under_test(&recipe, &[dir.path().join("link")]));
        assert!(is_under_test(&recipe, &[PathBuf::from(".")]));
        assert!(is_under_test(&recipe.join("sub"), &[PathBuf::from("..")]));
        assert!(!is_under_test(&recipe, &[dir.path().join("other")]));
        assert!(!is_under_test(dir.path(), &[PathBuf::from("recipe")]));
        fs::create_dir(dir.path().join(".git")).unwrap();
        assert!(is_under_test(dir.path(), &[PathBuf::from("recipe")]));
    }
}
