//! The tests and the declared checks of what is to be tested.

use std::path::{Path, PathBuf};

use super::{ground::Ground, known, offer::Offer};
use crate::{
    cli::values::Target,
    command::select,
    config::recipe_config,
    model::{
        plan::{OverlayOrigin, OverlayRole},
        recipe::RecipeName,
    },
    tool::overlay_files,
};

/// The file in which a recipe's checks are declared.
const CONFIG: &str = "recipe.toml";

/// Returns the tests and checks; the functions of a file where its name and `::` are typed.
pub(super) fn tests(ground: &Ground, typed: &str) -> Vec<Offer> {
    let last = typed.rsplit(',').next().unwrap_or_default();
    let file = last.split_once("::").map(|(file, _)| file);
    let roots = roots(ground);
    let found = roots.iter().flat_map(|(root, origin)| match file {
        Some(file) => functions(root, *origin, file),
        None => names(root, *origin),
    });
    let mut offers: Vec<Offer> = Vec::new();
    for offer in found {
        if !offers.iter().any(|other| other.word == offer.word) {
            offers.push(offer);
        }
    }
    offers
}

/// Returns the folders of tests: the recipe's own, and those kept for it.
fn roots(ground: &Ground) -> Vec<(PathBuf, OverlayOrigin)> {
    let mut roots = Vec::new();
    for tree in known::work_trees(ground) {
        let own = tree.join("tests");
        if !own.is_symlink() {
            roots.push((own, OverlayOrigin::Recipe));
        }
    }
    let targets = ground.targets();
    let of = |target: &Target| match target {
        Target::Recipe(name) => Some(name.clone()),
        Target::Path(path) => name_of(path),
    };
    let mut recipes: Vec<RecipeName> = targets.iter().filter_map(of).collect();
    if targets.is_empty() {
        recipes.extend(name_of(Path::new(".")));
    }
    let kept = ground.tests_dir();
    let kept = kept.into_iter().flat_map(|folder| {
        let kept = recipes.iter().map(|name| folder.join(name.as_str()));
        kept.map(|root| (root, OverlayOrigin::Kept))
    });
    roots.extend(kept);
    roots
}

/// Returns the recipe that a checkout is of.
fn name_of(path: &Path) -> Option<RecipeName> {
    select::name_of(&path.canonicalize().ok()?).ok()
}

/// Returns the names of the tests and the checks of one folder.
fn names(root: &Path, origin: OverlayOrigin) -> Vec<Offer> {
    let overlays = overlay_files::list(root, origin).unwrap_or_default();
    let tests = overlays
        .into_iter()
        .filter_map(|overlay| match overlay.role {
            OverlayRole::Test(stage) if overlay.refused.is_none() => {
                Some(Offer::new(overlay.path, format!("{} test", stage.word())))
            }
            OverlayRole::Test(_)
            | OverlayRole::InstallSteps
            | OverlayRole::Before(_)
            | OverlayRole::Provide
            | OverlayRole::Withdraw => None,
        });
    let config = recipe_config::read(&root.join(CONFIG)).ok().flatten();
    let checks = config.into_iter().flat_map(|config| config.checks);
    let checks = checks.map(|check| Offer::new(check.name, "declared check"));
    tests.chain(checks).collect()
}

/// Returns the functions of a file of one folder, by the name that is typed.
fn functions(root: &Path, origin: OverlayOrigin, file: &str) -> Vec<Offer> {
    let mut overlays = overlay_files::list(root, origin).unwrap_or_default();
    overlays.retain(|overlay| overlay.path == file);
    let found = overlay_files::list_functions(root, &overlays, origin);
    let names = found.into_values().flatten();
    names
        .map(|name| Offer::new(format!("{file}::{name}"), ""))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::environment::Environment;

    #[test]
    fn tests_checks_and_functions_are_those_of_what_is_named() {
        let home = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let python = "def test_opens():\n    pass\n\n\ndef test_ends():\n    pass\n";
        write("kept/n8n/functional/test_login.py", python);
        write("kept/n8n/test_upgrade_data.hurl", "GET http://x\n");
        write(
            "kept/n8n/recipe.toml",
            "[[check]]\nname = \"login-page\"\npath = \"/\"\ntitle = \"x\"\n",
        );
        write("kept/gitea/test_other.py", python);
        write(".abra/recipes/n8n/tests/test_own.py", python);
        let tests_dir = home.path().join("kept");
        let env = Environment::of(&[
            ("HOME", home.path().to_str().unwrap()),
            ("CCCI_TESTS_DIR", tests_dir.to_str().unwrap()),
        ]);
        let words = ["ccci", "test", "n8n", "--test"].map(Into::into);
        let ground = Ground::new(env, words.to_vec());
        let said = |typed: &str| {
            let offers = tests(&ground, typed).into_iter();
            let said = offers.map(|offer| format!("{} {}", offer.word, offer.help));
            said.map(|said| said.trim_end().to_owned())
                .collect::<Vec<_>>()
        };
        let wanted = [
            "test_own.py custom test",
            "test_upgrade_data.hurl upgrade test",
            "functional/test_login.py custom test",
            "login-page declared check",
        ];
        assert_eq!(said(""), wanted);
        let wanted = [
            "functional/test_login.py::test_opens",
            "functional/test_login.py::test_ends",
        ];
        assert_eq!(said("login-page,functional/test_login.py::t"), wanted);
    }
}
