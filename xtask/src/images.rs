//! Builds the lab's images: each once, and again only when its definition or a parent's has changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::image::{self, Image};
use crate::run::cmd;
use crate::{packages, repo, say};

/// The label with the hash of what an image was made from.
const LABEL: &str = "ccci-lab.definition";

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
    let tags: Vec<&str> = waves
        .iter()
        .flatten()
        .flat_map(|image| &image.tags)
        .map(String::as_str)
        .collect();
    let labels = read_labels(&tags)?;
    let mut built = 0;
    for wave in &waves {
        let stale: Vec<&Image> = wave
            .iter()
            .filter(|image| is_stale(image, &labels))
            .collect();
        for image in wave.iter().filter(|image| !is_stale(image, &labels)) {
            say::line(&format!("image {}: up to date", image.tags.join(", ")));
        }
        built += stale.len();
        build_all(&stale, &labels)?;
    }
    if built > 0 {
        say::line(&format!(
            "images ready after {}",
            say::seconds(begin.elapsed())
        ));
    }
    Ok(())
}

/// Asks the engine which of the tags it has, and for the label of each.
fn read_labels(tags: &[&str]) -> Result<BTreeMap<String, String>> {
    let format = format!(r#"{{{{json .RepoTags}}}} {{{{index .Config.Labels "{LABEL}"}}}}"#);
    let call = cmd("docker", &["image", "inspect", "--format", &format]);
    // The status only says whether some tag is missing.
    let (_, out, _) = call.args(tags).try_read()?;
    Ok(parse_labels(&out))
}

/// Reads lines such as `["nginx:1.22.1"] 0a1b...`.
fn parse_labels(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for line in text.lines() {
        let Some((tags, label)) = line.split_once("] ") else {
            continue;
        };
        for tag in tags.trim_start_matches('[').split(',') {
            labels.insert(tag.trim_matches('"').to_owned(), label.trim().to_owned());
        }
    }
    labels
}

/// Compares what the engine has under a tag with what the image should be.
fn state(tag: &str, hash: &str, labels: &BTreeMap<String, String>) -> State {
    match labels.get(tag).map(String::as_str) {
        None => State::Missing,
        Some("" | "<no value>") => State::Foreign,
        Some(label) if label == hash => State::Current,
        Some(_) => State::Outdated,
    }
}

/// Tells whether one of the image's tags has to be built.
fn is_stale(image: &Image, labels: &BTreeMap<String, String>) -> bool {
    image.tags.iter().any(|tag| {
        matches!(
            state(tag, &image.hash, labels),
            State::Missing | State::Outdated
        )
    })
}

/// Builds images that do not need each other, as many at a time as there are processors.
fn build_all(images: &[&Image], labels: &BTreeMap<String, String>) -> Result<()> {
    if images.is_empty() {
        return Ok(());
    }
    packages::ensure(&[
        ("debootstrap", "debootstrap"),
        ("busybox", "busybox-static"),
    ])?;
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || {
        while let Some(image) = images.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = build(image, labels) {
                failures.lock().expect("no builder panics").push(error);
            }
        }
    };
    let workers = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(images.len());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    failures
        .into_inner()
        .expect("no builder panics")
        .into_iter()
        .next()
        .map_or(Ok(()), Err)
}

/// Builds one image with all its tags.
fn build(image: &Image, labels: &BTreeMap<String, String>) -> Result<()> {
    let name = &image.name;
    let begin = Instant::now();
    say::line(&format!("image {}: building", image.tags.join(", ")));
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
        if state(tag, &image.hash, labels) == State::Foreign {
            say::line(&format!(
                "  {name}: {tag} is not an image of the lab, left as it is"
            ));
            continue;
        }
        build_tag(image, tag, context.path(), &log)
            .with_context(|| format!("failed to build the image `{tag}`"))?;
    }
    let took = say::seconds(begin.elapsed());
    say::line(&format!("image {}: built in {took}", image.tags.join(", ")));
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
        let labels = parse_labels("[\"a:1\",\"b:1\"] 0a1b\n[\"c:1\"] \n[\"d:1\"] <no value>\n");
        assert_eq!(state("a:1", "0a1b", &labels), State::Current);
        assert_eq!(state("b:1", "ffff", &labels), State::Outdated);
        assert_eq!(state("c:1", "0a1b", &labels), State::Foreign);
        assert_eq!(state("d:1", "0a1b", &labels), State::Foreign);
        assert_eq!(state("e:1", "0a1b", &labels), State::Missing);
    }
}
