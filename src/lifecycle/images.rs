//! Fetches images before any clock starts.

use std::time::Duration;

use super::{classify, session::docker_trouble};
use crate::{
    model::{compose::Stack, outcome::Trouble},
    sys::{process::StepLog, wait::pause},
    tool::docker::client::Docker,
};

/// How often a pull is tried that failed for a reason that can pass.
const ATTEMPTS: u32 = 3;

/// Lists the images of a stack, each once.
pub(crate) fn list(stack: &Stack) -> Vec<String> {
    let mut images: Vec<String> = stack
        .services
        .values()
        .filter_map(|service| service.image.clone())
        .collect();
    images.sort();
    images.dedup();
    images
}

/// Fetches those images that this node lacks; tells of each before it begins.
pub(crate) fn fetch(docker: &Docker, images: &[String], pull: &Pull<'_>) -> Result<(), Trouble> {
    let present = docker
        .image_ids(images)
        .map_err(|error| docker_trouble(&error))?;
    for image in images.iter().filter(|image| !present.contains_key(*image)) {
        (pull.on_begin)(image);
        fetch_one(docker, image, pull)?;
    }
    Ok(())
}

/// How images are fetched.
pub(crate) struct Pull<'a> {
    /// How long one may take.
    pub(crate) limit: Duration,
    /// Where docker's words go.
    pub(crate) log: &'a StepLog,
    /// Is told of each image before it is fetched.
    pub(crate) on_begin: &'a (dyn Fn(&str) + Sync),
}

/// Fetches one image, again after a pause while the reason can pass.
fn fetch_one(docker: &Docker, image: &str, pull: &Pull<'_>) -> Result<(), Trouble> {
    let mut wait = Duration::from_secs(1);
    for attempt in 1..=ATTEMPTS {
        let Err(error) = docker.pull(image, pull.limit, pull.log) else {
            return Ok(());
        };
        let trouble = classify::pull_error(image, &error);
        let can_pass = trouble.outcome() == crate::model::outcome::Outcome::Broken
            && trouble.code != "interrupted";
        if attempt == ATTEMPTS || !can_pass {
            return Err(trouble);
        }
        if !pause(wait, &docker.host().interrupt) {
            return Err(classify::interrupted());
        }
        wait *= 2;
    }
    Ok(())
}
