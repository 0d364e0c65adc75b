//! What an image of the lab is: a folder with a Dockerfile and its tags, read and put in building order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::source_hash;

/// One piece of software of the lab, in one or more tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// The folder's name.
    pub(crate) name: String,
    /// The folder with its definition.
    pub(crate) folder: PathBuf,
    /// The full tags, such as `nginx:1.22.1`.
    pub(crate) tags: Vec<String>,
    /// The tag that it is built from, unless it starts from nothing.
    pub(crate) parent: Option<String>,
    /// The hash of its definition and of its parents' definitions.
    pub(crate) hash: String,
}

/// Reads all definitions and returns them in waves: what is in a wave needs earlier waves only.
pub(crate) fn read_waves(definitions: &Path) -> Result<Vec<Vec<Image>>> {
    let mut images = Vec::new();
    let entries = fs::read_dir(definitions)
        .with_context(|| format!("failed to list {}", definitions.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            images.push(read_image(&entry.path())?);
        }
    }
    images.sort_by(|a, b| a.name.cmp(&b.name));
    into_waves(images)
}

/// Reads one definition; its hash does not know its parents yet.
fn read_image(folder: &Path) -> Result<Image> {
    let read = |name: &str| {
        let file = folder.join(name);
        fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))
    };
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let tags: Vec<String> = read("tags")?
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    ensure!(!tags.is_empty(), "the image `{name}` has no tags");
    ensure!(
        tags.iter().all(|tag| version(tag).is_some()),
        "a tag of `{name}` has no version"
    );
    let parent = parse_parent(&read("Dockerfile")?)
        .with_context(|| format!("the Dockerfile of `{name}` has no FROM"))?;
    let hash = source_hash::of_folder(folder, "")?;
    let parent = (parent != "scratch").then_some(parent);
    Ok(Image {
        name,
        folder: folder.to_owned(),
        tags,
        parent,
        hash,
    })
}

/// Returns the part of a tag after the colon.
pub(crate) fn version(tag: &str) -> Option<&str> {
    tag.split_once(':')
        .map(|(_, version)| version)
        .filter(|version| !version.is_empty())
}

/// Returns what the first `FROM` of a Dockerfile names.
fn parse_parent(dockerfile: &str) -> Option<String> {
    let from = dockerfile
        .lines()
        .find_map(|line| line.strip_prefix("FROM "))?;
    from.split_whitespace().next().map(str::to_owned)
}

/// Orders images by their parents and mixes the parents' hashes into theirs.
fn into_waves(mut left: Vec<Image>) -> Result<Vec<Vec<Image>>> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut waves = Vec::new();
    while !left.is_empty() {
        let (mut wave, later): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|image| image.parent.iter().all(|tag| known.contains_key(tag)));
        if wave.is_empty() {
            let names: Vec<_> = later.iter().map(|image| image.name.as_str()).collect();
            bail!("no image of the lab is the parent of: {}", names.join(", "));
        }
        for image in &mut wave {
            if let Some(parent) = &image.parent {
                image.hash = source_hash::of_text(&format!("{} {}", image.hash, known[parent]));
            }
        }
        for image in &wave {
            known.extend(
                image
                    .tags
                    .iter()
                    .map(|tag| (tag.clone(), image.hash.clone())),
            );
        }
        waves.push(wave);
        left = later;
    }
    Ok(waves)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo;

    fn image(name: &str, parent: Option<&str>, hash: &str) -> Image {
        Image {
            name: name.to_owned(),
            folder: PathBuf::new(),
            tags: vec![format!("{name}:1")],
            parent: parent.map(str::to_owned),
            hash: hash.to_owned(),
        }
    }

    #[test]
    fn a_child_comes_after_its_parent_and_changes_with_it() {
        let build = |parent_hash| {
            into_waves(vec![
                image("child", Some("base:1"), "c"),
                image("base", None, parent_hash),
            ])
            .unwrap()
        };
        let (before, after) = (build("one"), build("two"));
        let names: Vec<_> = before.iter().map(|wave| wave[0].name.as_str()).collect();
        assert_eq!(names, ["base", "child"]);
        assert_eq!(before[0][0].hash, "one");
        assert_ne!(before[1][0].hash, after[1][0].hash);
    }

    #[test]
    fn a_parent_that_nobody_defines_is_an_error_that_names_the_child() {
        let error = into_waves(vec![image("child", Some("else:1"), "c")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no image of the lab is the parent of: child"
        );
    }

    #[test]
    fn the_parent_is_what_the_first_from_names() {
        let text = "# comment\nFROM ccci-lab/debian:bookworm AS base\nFROM other:1\n";
        assert_eq!(
            parse_parent(text).as_deref(),
            Some("ccci-lab/debian:bookworm")
        );
        assert_eq!(parse_parent("RUN true\n"), None);
    }

    #[test]
    fn the_definitions_of_this_repository_are_complete() {
        let waves = read_waves(&repo::root().join("examples/images")).unwrap();
        let tags: Vec<&str> = waves
            .iter()
            .flatten()
            .flat_map(|image| &image.tags)
            .map(String::as_str)
            .collect();
        for tag in [
            "busybox:1.35.1",
            "nginx:1.22.0",
            "mariadb:10.11.11",
            "postgres:15.13",
            "matrixdotorg/synapse:v1.163.2",
        ] {
            assert!(tags.contains(&tag), "{tag} is missing in {tags:?}");
        }
    }
}
