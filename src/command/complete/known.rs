//! The recipes that this host knows, with their branches and versions.

use std::{collections::BTreeSet, fs, path::Path, path::PathBuf};

use super::{ground::Ground, offer::Offer};
use crate::{
    cli::values::Target,
    model::recipe::{RecipeName, RecipeVersion, parse_ref},
    tool::{
        abra::catalogue,
        git::names::{self, Names},
    },
};

/// What is said of a recipe that abra has.
const CHECKOUT: &str = "checkout of abra";

/// Returns the recipes that tests are kept for, then those that abra has checkouts of.
pub(super) fn recipes(ground: &Ground) -> Vec<Offer> {
    let (enrolled, local) = (enrolled(ground), local(ground));
    let more = local.difference(&enrolled);
    let more = more.map(|name| Offer::new(name.as_str(), CHECKOUT));
    let enrolled = enrolled
        .iter()
        .map(|name| Offer::new(name.as_str(), "enrolled"));
    enrolled.chain(more).collect()
}

/// Returns the recipes that can be enrolled: those that abra has checkouts of, then those of its catalogue.
pub(super) fn others(ground: &Ground) -> Vec<Offer> {
    let (enrolled, local) = (enrolled(ground), local(ground));
    let listed = ground.abra().map(|root| catalogue::recipes(&root));
    let listed = listed.into_iter().flatten();
    let listed = listed.filter(|name| !enrolled.contains(name) && !local.contains(name));
    let listed = listed.map(|name| Offer::new(name.as_str(), "in the catalogue"));
    let local = local.difference(&enrolled);
    let local = local.map(|name| Offer::new(name.as_str(), CHECKOUT));
    local.chain(listed).collect()
}

/// Returns the apps that are always on, by domain, then by recipe.
pub(super) fn always_on(ground: &Ground) -> Vec<Offer> {
    let apps = ground.settings().map(|settings| settings.always_on.iter());
    let apps = || apps.clone().into_iter().flatten();
    let domains = apps().map(|app| Offer::new(app.domain.as_str(), app.recipe.as_str()));
    let recipes: BTreeSet<_> = apps().map(|app| &app.recipe).collect();
    let recipes = recipes.into_iter();
    domains
        .chain(recipes.map(|recipe| Offer::new(recipe.as_str(), "always on")))
        .collect()
}

/// Returns the recipes that tests are kept for.
fn enrolled(ground: &Ground) -> BTreeSet<RecipeName> {
    ground.tests_dir().map(recipes_in).unwrap_or_default()
}

/// Returns the recipes that abra has checkouts of.
fn local(ground: &Ground) -> BTreeSet<RecipeName> {
    let folder = ground.abra_recipes();
    folder.map(|folder| recipes_in(&folder)).unwrap_or_default()
}

/// Returns the names of the folders that can be recipes.
fn recipes_in(folder: &Path) -> BTreeSet<RecipeName> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let names = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let name = entry.file_name().to_str()?.parse().ok()?;
        let kind = entry.file_type().ok()?;
        let is_folder = kind.is_dir() || kind.is_symlink() && entry.path().is_dir();
        is_folder.then_some(name)
    });
    names.collect()
}

/// Returns the work trees of what is to be tested: the current directory where nothing is named.
pub(super) fn work_trees(ground: &Ground) -> Vec<PathBuf> {
    let targets = ground.targets();
    if targets.is_empty() {
        return vec![PathBuf::from(".")];
    }
    let folder = ground.abra_recipes();
    let tree = |target: &Target| match target {
        Target::Path(path) => Some(path.clone()),
        Target::Recipe(name) => Some(folder.as_ref()?.join(name.as_str())),
    };
    targets.iter().filter_map(tree).collect()
}

/// Returns the released versions of what is to be tested, the newest first.
pub(super) fn versions(ground: &Ground) -> Vec<Offer> {
    let trees = work_trees(ground);
    let tags = trees.iter().flat_map(|tree| names::list(tree).tags);
    let mut versions: Vec<RecipeVersion> = tags.filter_map(|tag| tag.parse().ok()).collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.dedup();
    let offers = versions
        .iter()
        .map(|version| Offer::new(version.as_str(), ""));
    offers.collect()
}

/// Returns the branches of what is to be tested, then its tags.
pub(super) fn refs(ground: &Ground) -> Vec<Offer> {
    let (mut branches, mut tags) = (Vec::new(), Vec::new());
    for tree in work_trees(ground) {
        let Names {
            branches: more_branches,
            tags: more_tags,
        } = names::list(&tree);
        branches.extend(
            more_branches
                .into_iter()
                .map(|name| Offer::new(name, "branch")),
        );
        tags.extend(more_tags.into_iter().map(|name| Offer::new(name, "tag")));
    }
    let mut seen = BTreeSet::new();
    let all = branches.into_iter().chain(tags);
    let is_new = |offer: &Offer| parse_ref(&offer.word).is_ok() && seen.insert(offer.word.clone());
    all.filter(is_new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Environment;

    /// Makes what somebody stands on who types this line in a home of recipes.
    fn ground(home: &Path, line: &str) -> Ground {
        let tests = home.join("recipes-tests");
        let env = Environment::of(&[
            ("HOME", home.to_str().unwrap()),
            ("CCCI_TESTS_DIR", tests.to_str().unwrap()),
        ]);
        Ground::new(env, line.split(' ').map(Into::into).collect())
    }

    fn words(offers: &[Offer]) -> Vec<String> {
        let said = |offer: &Offer| format!("{} ({})", offer.word, offer.help);
        offers.iter().map(said).collect()
    }

    #[test]
    fn recipes_are_those_enrolled_and_those_of_abra() {
        let home = tempfile::tempdir().unwrap();
        for folder in [
            "recipes-tests/n8n",
            "recipes-tests/__pycache__",
            "recipes-tests/$(touch x)",
            ".abra/recipes/n8n",
            ".abra/recipes/gitea",
        ] {
            fs::create_dir_all(home.path().join(folder)).unwrap();
        }
        fs::write(home.path().join("recipes-tests/approved"), "").unwrap();
        let catalogue = home.path().join(".abra/catalogue");
        fs::create_dir_all(&catalogue).unwrap();
        let listed = r#"{"gitea": {}, "n8n": {}, "wordpress": {}}"#;
        fs::write(catalogue.join("recipes.json"), listed).unwrap();
        let found = others(&ground(home.path(), "ccci enroll"));
        let wanted = ["gitea (checkout of abra)", "wordpress (in the catalogue)"];
        assert_eq!(words(&found), wanted);
        let found = recipes(&ground(home.path(), "ccci test"));
        assert_eq!(
            words(&found),
            ["n8n (enrolled)", "gitea (checkout of abra)"]
        );
    }

    #[test]
    fn versions_and_refs_are_those_of_what_is_named() {
        let home = tempfile::tempdir().unwrap();
        let refs_of = |tree: &str| home.path().join(tree).join(".git/refs");
        for (tree, tag) in [
            (".abra/recipes/n8n", "1.9.0+2.0"),
            (".abra/recipes/n8n", "1.10.0+2.1"),
            (".abra/recipes/n8n", "nonsense"),
            ("mine", "7.0.0+1"),
        ] {
            let folder = refs_of(tree).join("tags");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(tag), "").unwrap();
        }
        fs::create_dir_all(refs_of("mine").join("heads")).unwrap();
        fs::write(refs_of("mine").join("heads/main"), "").unwrap();
        let by_name = ground(home.path(), "ccci test n8n --version");
        assert_eq!(
            words(&versions(&by_name)),
            ["1.10.0+2.1 ()", "1.9.0+2.0 ()"]
        );
        let line = format!("ccci test {} --ref", home.path().join("mine").display());
        let by_path = ground(home.path(), &line);
        assert_eq!(words(&refs(&by_path)), ["main (branch)", "7.0.0+1 (tag)"]);
    }
}
