//! Services that run on the swarm beside the apps under test.

use serde::Deserialize;

use super::client::{Docker, Error, READ_LIMIT, columns};

/// A service in docker's list.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    /// Its name.
    name: String,
    /// Its image.
    image: String,
    /// How many of its tasks run, as `1/1`; jobs add words.
    replicas: String,
}

impl Docker {
    /// Returns the names of the services of an image of which at least one task runs; its registry and tag are no matter.
    pub(crate) fn running_services_of(&self, image: &str) -> Result<Vec<String>, Error> {
        let format = columns("Name Image Replicas");
        let args = ["service", "ls", "--format", &format];
        let services = self.list(self.call("list services", READ_LIMIT, args))?;
        Ok(running(services, image))
    }
}

/// Returns the services of an image that run.
fn running(services: Vec<Service>, image: &str) -> Vec<String> {
    let is_of_image = |service: &Service| {
        let path = service.image.rsplit('/').next().unwrap_or_default();
        path.split([':', '@']).next() == Some(image)
    };
    let runs = |service: &Service| !service.replicas.starts_with("0/");
    let found = services
        .into_iter()
        .filter(|service| is_of_image(service) && runs(service));
    found.map(|service| service.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_known_by_its_image_and_has_to_run() {
        let service = |name: &str, image: &str, replicas: &str| Service {
            name: name.to_owned(),
            image: image.to_owned(),
            replicas: replicas.to_owned(),
        };
        let found = running(
            vec![
                service("a", "git.example.org/co/backup-bot-two:2.3.0", "1/1"),
                service("b", "git.example.org/co/backup-bot-two:2.3.0", "0/1"),
                service("c", "backup-bot-two@sha256:ab", "2/3"),
                service("d", "backup-bot-two-ui:1", "1/1"),
            ],
            "backup-bot-two",
        );
        assert_eq!(found, ["a", "c"]);
    }
}
