//! The recipes of the catalogue, as abra keeps it on this host.

use std::{collections::BTreeMap, path::Path};

use serde::de::IgnoredAny;

use crate::{model::recipe::RecipeName, sys::run_files};

/// How much of the file is read, in bytes: many times what it holds.
const LIMIT: u64 = 32 << 20;

/// Returns the recipes of the catalogue below abra's root, sorted; none where it is not there or cannot be read.
pub(crate) fn recipes(root: &Path) -> Vec<RecipeName> {
    let path = root.join("catalogue/recipes.json");
    parse(&run_files::beginning_within(&path, LIMIT))
}

/// Reads the names, which are the keys of one object.
#[expect(
    clippy::zero_sized_map_values,
    reason = "an object is read into a map, and nothing but its keys matters"
)]
fn parse(text: &str) -> Vec<RecipeName> {
    let read = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(text);
    let names = read.unwrap_or_default().into_keys();
    names.filter_map(|name| name.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_keys_and_odd_ones_are_left_out() {
        let text = r#"{"wordpress": {"versions": [{"1.0.0+6.4": {}}]}, "gitea": {}, "$(x)": {}}"#;
        let names = parse(text);
        let names: Vec<_> = names.iter().map(RecipeName::as_str).collect();
        assert_eq!(names, ["gitea", "wordpress"]);
        assert!(parse("[]").is_empty());
        assert!(parse("{\"cut\": ").is_empty());
    }
}
