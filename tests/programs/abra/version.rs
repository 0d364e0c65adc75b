//! Versions of recipes: their order, and what `recipe versions` shows.

use serde_json::json;

use crate::cli::RecipeMachineArgs;
use crate::fatal::Result;
use crate::guesses;
use crate::lint::image_parts;
use crate::output;
use crate::recipe::Recipe;
use crate::session::Session;

/// Returns by what a release tag is ordered; none for other text.
pub(crate) fn order(tag: &str) -> Option<(semver::Version, String)> {
    let (left, right) = tag.split_once('+')?;
    Some((semver::Version::parse(left).ok()?, right.to_owned()))
}

/// Returns whether the first release is newer than the second, by the part before the plus.
pub(crate) fn is_newer(one: &str, other: &str) -> bool {
    match (order(one), order(other)) {
        (Some((one, _)), Some((other, _))) => one > other,
        _ => false,
    }
}

/// Runs `recipe versions`.
pub(crate) fn show(session: &Session, args: &RecipeMachineArgs) -> Result<()> {
    let recipe = Recipe::named(session, &args.recipe);
    recipe.need(session)?;
    let mut rows = Vec::new();
    for version in recipe.versions()? {
        let text = recipe.file_at(&version, "compose.yml")?.unwrap_or_default();
        let Ok(compose) = yaml_serde::from_str::<yaml_serde::Value>(&text) else {
            continue;
        };
        let services = compose
            .get("services")
            .and_then(yaml_serde::Value::as_mapping);
        for (name, service) in services.into_iter().flatten() {
            let name = name.as_str().unwrap_or_default().to_owned();
            let image = service.get("image").and_then(yaml_serde::Value::as_str);
            let (image, tag) = image_parts(image.unwrap_or_default());
            rows.push(vec![
                name,
                image.to_owned(),
                tag.unwrap_or_default().to_owned(),
                version.clone(),
            ]);
        }
    }
    if args.machine {
        let keys = guesses::RECIPE_VERSIONS_KEYS;
        let objects = rows.iter().map(|row| {
            let pairs = keys
                .iter()
                .zip(row)
                .map(|(key, cell)| ((*key).to_owned(), json!(cell)));
            serde_json::Value::Object(pairs.collect())
        });
        output::json(&objects.collect());
        return Ok(());
    }
    output::table(&["SERVICE", "IMAGE", "TAG", "VERSION"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_ordered_by_the_part_before_the_plus() {
        assert!(is_newer("1.10.0+1", "1.9.0+2"));
        assert!(!is_newer("1.9.0+2", "1.9.0+1"));
        assert_eq!(order("v1"), None);
    }
}
