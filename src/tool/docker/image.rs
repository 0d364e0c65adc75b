//! Images: whether this node has them, and getting those it lacks.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::client::{Docker, Error, READ_LIMIT};
use crate::sys::process::StepLog;

/// An image of this node.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    /// The digest of its configuration.
    id: String,
    /// The names it goes by.
    repo_tags: Option<Vec<String>>,
    /// The names it goes by in registries.
    repo_digests: Option<Vec<String>>,
}

impl Docker {
    /// Returns the local id of each of these images that this node has.
    pub(crate) fn image_ids(&self, images: &[String]) -> Result<BTreeMap<String, String>, Error> {
        if images.is_empty() {
            return Ok(BTreeMap::new());
        }
        let args = ["image", "inspect"]
            .into_iter()
            .chain(images.iter().map(String::as_str));
        let output = self.attempt(self.call("inspect images", READ_LIMIT, args))?;
        let garbled = |error: serde_json::Error| Error::Garbled {
            doing: "inspect images".into(),
            said: error.to_string(),
        };
        let found: Vec<Image> = serde_json::from_slice(&output.stdout).map_err(garbled)?;
        let id_of = |wanted: &String| {
            found
                .iter()
                .find(|image| image.goes_by(wanted))
                .map(|image| image.id.clone())
        };
        Ok(images
            .iter()
            .filter_map(|image| Some((image.clone(), id_of(image)?)))
            .collect())
    }

    /// Fetches an image from its registry.
    pub(crate) fn pull(&self, image: &str, limit: Duration, log: &StepLog) -> Result<(), Error> {
        let call = self.call(
            format!("pull image {image}"),
            limit,
            ["pull", "--quiet", image],
        );
        self.run(call.with(|cmd| cmd.log(log))).map(drop)
    }
}

impl Image {
    /// Tells whether this is the image that a name, with or without a digest, stands for.
    fn goes_by(&self, wanted: &str) -> bool {
        let short = wanted
            .trim_start_matches("docker.io/")
            .trim_start_matches("library/");
        let (name, digest) = short.split_once('@').unzip();
        let tagged = name.unwrap_or(short);
        let has_tag = tagged
            .rsplit('/')
            .next()
            .is_some_and(|last| last.contains(':'));
        let full = if has_tag {
            tagged.to_owned()
        } else {
            format!("{tagged}:latest")
        };
        let tags = self.repo_tags.iter().flatten().any(|tag| *tag == full);
        let digests = self.repo_digests.iter().flatten();
        let digest_fits =
            digest.is_some_and(|digest| digests.into_iter().any(|known| known.ends_with(digest)));
        if digest.is_some() { digest_fits } else { tags }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_found_by_its_name_with_and_without_tag() {
        let image = Image {
            id: "sha256:1".into(),
            repo_tags: Some(vec!["nginx:1.22.1".into(), "a/b:latest".into()]),
            repo_digests: Some(vec!["nginx@sha256:aa".into()]),
        };
        for wanted in [
            "nginx:1.22.1",
            "docker.io/library/nginx:1.22.1",
            "a/b",
            "nginx:1.22.1@sha256:aa",
        ] {
            assert!(image.goes_by(wanted), "{wanted}");
        }
        for other in ["nginx", "nginx:1.22", "nginx:1.22.1@sha256:bb"] {
            assert!(!image.goes_by(other), "{other}");
        }
    }
}
