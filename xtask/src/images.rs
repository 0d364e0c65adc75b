//! Builds the lab's images: each once, and again only when its definition or a parent's has changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::image::{self, Image};
use crate::run::cmd;
use crate::{packages, repo, say};

/// The label with the hash of what an image was made from.
const LABEL: &str = "ccci-lab.definition";

/// An image that the engine has: its id, and the lab's label or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// The engine's id of it.
    id: String,
    /// The hash of what it was made from, if the lab made it.
    label: String,
}

/// What the engine has under a tag that the lab wants.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Nothing.
    Missing,
    /// An image of the lab, from another definition.
    Outdated,
    /// What the definition says.
    Current,
    /// An image that is not the lab's; it is used as it is.
    Foreign,
}

/// Builds what is missing or outdated.
pub(crate) fn run(_args: &[String]) -> Result<()> {
    let begin = Instant::now();
    let waves = image::read_waves(&repo::root().join("examples/images"))?;
    let tags: Vec<&String> = waves
        .iter()
        .flatten()
        .flat_map(|image| &image.tags)
        .collect();
    let found = look_up(&tags)?;
    let mut built = 0;
    for wave in &waves {
        let (stale, current): (Vec<&Image>, _) =
            wave.iter().partition(|image| is_stale(image, &found));
        for image in current {
            say::line(&format!("image {}: up to date", shown_tags(image, &found)));
        }
        built += stale.len();
        build_all(&stale, &found)?;
    }
    if built > 0 {
        say::line(&format!(
            "images ready after {}",
            say::seconds(begin.elapsed())
        ));
    }
    Ok(())
}

/// Asks the engine, once, for all the tags.
fn look_up(tags: &[&String]) -> Result<BTreeMap<String, Found>> {
    // An image without any labels has nil here, which `index` alone refuses: the line would be missing.
    let label = format!(r#"{{{{with .Config.Labels}}}}{{{{index . "{LABEL}"}}}}{{{{end}}}}"#);
    let format = format!("{{{{.Id}}}} {{{{json .RepoTags}}}} {label}");
    let call = cmd("docker", &["image", "inspect", "--format", &format]);
    // The status only says whether some tag is missing.
    let (_, out, _) = call.args(tags).try_read()?;
    Ok(out.lines().flat_map(parse_found).collect())
}

/// Reads a line such as `sha256:12ab ["nginx:1.22.1"] 0a1b`; an image may have several tags.
fn parse_found(line: &str) -> Vec<(String, Found)> {
    let mut words = line.split(' ');
    let (Some(id), Some(tags)) = (words.next(), words.next()) else {
        return Vec::new();
    };
    let label = words.next().unwrap_or_default();
    let found = Found {
        id: id.to_owned(),
        label: label.to_owned(),
    };
    let tags = tags.trim_matches(['[', ']']).split(',');
    tags.map(|tag| (tag.trim_matches('"').to_owned(), found.clone()))
        .collect()
}

/// Compares what the engine has under a tag with what the image should be.
fn state(tag: &str, hash: &str, found: &BTreeMap<String, Found>) -> State {
    match found.get(tag) {
        None => State::Missing,
        Some(image) if image.label.is_empty() => State::Foreign,
        Some(image) if image.label == hash => State::Current,
        Some(_) => State::Outdated,
    }
}

/// Renders an image's tags and says which of them lead to somebody else's image.
fn shown_tags(image: &Image, found: &BTreeMap<String, Found>) -> String {
    let show = |tag: &String| match state(tag, &image.hash, found) {
        State::Foreign => format!("{tag} (not an image of the lab, left as it is)"),
        State::Missing | State::Outdated | State::Current => tag.clone(),
    };
    image.tags.iter().map(show).collect::<Vec<_>>().join(", ")
}

/// Tells whether one of the image's tags has to be built.
fn is_stale(image: &Image, found: &BTreeMap<String, Found>) -> bool {
    let mut states = image.tags.iter().map(|tag| state(tag, &image.hash, found));
    states.any(|state| matches!(state, State::Missing | State::Outdated))
}

/// Builds images that do not need each other, all at a time: they wait for mirrors and disk most of it.
fn build_all(images: &[&Image], found: &BTreeMap<String, Found>) -> Result<()> {
    if images.is_empty() {
        return Ok(());
    }
    packages::ensure(&[
        ("debootstrap", "debootstrap"),
        ("busybox", "busybox-static"),
        ("pip3", "python3-pip"),
    ])?;
    let results: Vec<Result<()>> = thread::scope(|scope| {
        let builders: Vec<_> = images
            .iter()
            .map(|image| scope.spawn(|| build(image, found)))
            .collect();
        builders
            .into_iter()
            .map(|builder| builder.join().expect("no builder panics"))
            .collect()
    });
    let failures: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    failures.iter().for_each(say::error);
    ensure!(
        failures.is_empty(),
        "{} of {} images could not be built",
        failures.len(),
        images.len()
    );
    Ok(())
}

/// Builds one image with all its tags.
fn build(image: &Image, found: &BTreeMap<String, Found>) -> Result<()> {
    let name = &image.name;
    let begin = Instant::now();
    say::line(&format!("image {}: building", shown_tags(image, found)));
    fs::create_dir_all(repo::lab())?;
    let log = repo::lab().join(format!("image-{name}.log"));
    fs::write(&log, "")?;
    let context = tempfile::Builder::new()
        .prefix(name)
        .tempdir_in(repo::lab())?;
    let progress = |line: &str| say::line(&format!("  {name}: {line}"));
    cmd("cp", &["-a"])
        .arg(image.folder.join("."))
        .arg(context.path())
        .read()?;
    let prepare = image.folder.join("prepare");
    if prepare.exists() {
        cmd(&prepare, &[])
            .arg(context.path())
            .log(&log, progress)
            .with_context(|| format!("failed to prepare the image `{name}`"))?;
    }
    for tag in &image.tags {
        if matches!(
            state(tag, &image.hash, found),
            State::Missing | State::Outdated
        ) {
            build_tag(image, tag, context.path(), &log)
                .with_context(|| format!("failed to build the image `{tag}`"))?;
        }
    }
    for tag in &image.tags {
        remove_replaced(tag, image, found)?;
    }
    let took = say::seconds(begin.elapsed());
    say::line(&format!("image {}: built in {took}", image.tags.join(", ")));
    Ok(())
}

/// Removes the image that a tag led to before, so that old definitions do not fill the disk.
fn remove_replaced(tag: &str, image: &Image, found: &BTreeMap<String, Found>) -> Result<()> {
    if state(tag, &image.hash, found) == State::Outdated {
        // A container may still use it; then it stays, and does no harm.
        cmd("docker", &["image", "rm", &found[tag].id]).try_read()?;
    }
    Ok(())
}

/// Builds one tag; the layers that tags share come from the engine's cache after the first.
fn build_tag(image: &Image, tag: &str, context: &Path, log: &Path) -> Result<()> {
    let version = format!("LAB_VERSION={}", image::version(tag).unwrap_or_default());
    let label = format!("{LABEL}={}", image.hash);
    let args = [
        "build",
        "--network",
        "host",
        "--force-rm",
        "--tag",
        tag,
        "--build-arg",
        &version,
    ];
    // BuildKit would ask a registry for the parent, so the engine's own builder is used.
    cmd("docker", &args)
        .arg("--label")
        .arg(&label)
        .arg(context)
        .env("DOCKER_BUILDKIT", "0")
        .log(log, |line| {
            if line.starts_with("Step ") {
                let shown: String = line.chars().take(100).collect();
                say::line(&format!("  {tag}: {shown}"));
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_current_outdated_missing_or_somebody_elses() {
        let text = "sha256:1 [\"a:1\",\"b:1\"] 0a1b\nsha256:2 [\"c:1\"] ";
        let found: BTreeMap<_, _> = text.lines().flat_map(parse_found).collect();
        assert_eq!(state("a:1", "0a1b", &found), State::Current);
        assert_eq!(state("b:1", "ffff", &found), State::Outdated);
        assert_eq!(state("c:1", "0a1b", &found), State::Foreign);
        assert_eq!(state("d:1", "0a1b", &found), State::Missing);
        assert_eq!(found["b:1"].id, "sha256:1");
    }
}
