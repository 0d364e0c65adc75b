//! What docker and abra say when something fails, and what each of it means: one table.
//!
//! The recipe is at fault on positive evidence only: words that are said of what its files ask for.

use crate::{model::outcome::Fault, tool::docker::client::SILENT};

/// One row: a part of what is said, in lower case, and what it means.
pub(super) struct Row {
    /// The part.
    said: &'static str,
    /// Who is at fault.
    pub(super) fault: Fault,
    /// The stable word.
    pub(super) code: &'static str,
    /// What it means.
    pub(super) meaning: &'static str,
}

/// Makes a row about infrastructure.
const fn broken(said: &'static str, code: &'static str, meaning: &'static str) -> Row {
    Row {
        said,
        fault: Fault::Broken,
        code,
        meaning,
    }
}

/// Makes a row about the recipe.
const fn recipe(said: &'static str, code: &'static str, meaning: &'static str) -> Row {
    Row {
        said,
        fault: Fault::Recipe,
        code,
        meaning,
    }
}

/// The table; the first row that fits decides, so infrastructure comes before what it can look like.
const TABLE: &[Row] = &[
    broken(SILENT, "tool-silent", "docker failed and did not say why"),
    broken(
        "too many open files",
        "few-descriptors",
        "this user may open no more files",
    ),
    broken(
        "resource temporarily unavailable",
        "few-processes",
        "this user may start no more processes",
    ),
    broken(
        "file too large",
        "small-files",
        "this user may write no larger files",
    ),
    broken(
        "toomanyrequests",
        "registry-rate-limit",
        "registry rate limit",
    ),
    broken(
        "429 too many requests",
        "registry-rate-limit",
        "registry rate limit",
    ),
    broken(
        "pull rate limit",
        "registry-rate-limit",
        "registry rate limit",
    ),
    broken(
        "no space left on device",
        "disk-full",
        "no space left on the disk",
    ),
    broken(
        "disk quota exceeded",
        "disk-full",
        "the disk quota is used up",
    ),
    broken(
        "cannot connect to the docker daemon",
        "daemon-gone",
        "the docker daemon does not answer",
    ),
    broken(
        "error during connect",
        "daemon-gone",
        "the docker daemon does not answer",
    ),
    broken(
        "is the docker daemon running",
        "daemon-gone",
        "the docker daemon does not answer",
    ),
    broken(
        "the swarm does not have a leader",
        "swarm-no-leader",
        "the swarm has no leader",
    ),
    broken(
        "not a swarm manager",
        "no-swarm",
        "this node does not manage a swarm",
    ),
    broken(
        "permission denied while trying to connect",
        "daemon-refuses",
        "the docker socket cannot be used",
    ),
    broken(
        "could not find an available ip",
        "no-address",
        "no address is left on a network",
    ),
    broken(
        "no available network",
        "no-address",
        "no address is left on a network",
    ),
    broken(
        "temporary failure in name resolution",
        "dns",
        "name resolution fails",
    ),
    broken("server misbehaving", "dns", "name resolution fails"),
    broken("no such host", "dns", "name resolution fails"),
    broken("i/o timeout", "network", "the network does not answer"),
    broken(
        "tls handshake timeout",
        "network",
        "the network does not answer",
    ),
    broken(
        "connection reset by peer",
        "network",
        "the network does not answer",
    ),
    broken(
        "connection refused",
        "network",
        "the network does not answer",
    ),
    broken(
        "502 bad gateway",
        "registry-error",
        "the registry is in trouble",
    ),
    broken(
        "503 service unavailable",
        "registry-error",
        "the registry is in trouble",
    ),
    broken(
        "500 internal server error",
        "registry-error",
        "the registry is in trouble",
    ),
    broken("x509:", "certificate", "a certificate is not trusted"),
    broken(
        "declared as external, but could not be found",
        "network-missing",
        "a network that the recipe takes for granted is not there",
    ),
    broken(
        "plugin \"",
        "plugin-missing",
        "this node lacks a plugin that the recipe asks for",
    ),
    recipe("no such image", "image-missing", "the image does not exist"),
    recipe(
        "manifest unknown",
        "image-missing",
        "the image does not exist",
    ),
    recipe(
        "pull access denied",
        "image-missing",
        "the image does not exist, or is private",
    ),
    recipe(
        "repository does not exist",
        "image-missing",
        "the image does not exist",
    ),
    recipe(": not found", "image-missing", "the image does not exist"),
    recipe(
        "invalid mount config",
        "bad-mount",
        "a mount is not possible",
    ),
    recipe(
        "executable file not found",
        "bad-command",
        "the container's command does not exist",
    ),
    recipe(
        "only updates to labels are allowed",
        "config-changed",
        "a config's content changed and its version did not",
    ),
    recipe(
        "invalid image reference",
        "bad-image-name",
        "an image name is not valid",
    ),
    recipe(
        "invalid reference format",
        "bad-image-name",
        "an image name is not valid",
    ),
    recipe("secret not found: ", "object-missing", NOBODY_MAKES),
    recipe("config not found: ", "object-missing", NOBODY_MAKES),
    // What swarm says of a specification that it cannot take, whichever part of it that is.
    recipe("code = invalidargument", "spec-invalid", BAD_SPEC),
    recipe(
        "invalid mount target",
        "bad-mount",
        "a mount is not possible",
    ),
    recipe("invalid subnet", "spec-invalid", BAD_SPEC),
    recipe("invalid resolution mode", "spec-invalid", BAD_SPEC),
    recipe("invalid restartcondition", "spec-invalid", BAD_SPEC),
    recipe("invalid tmpfs source", "spec-invalid", BAD_SPEC),
    recipe("undefined volume \"", "spec-invalid", BAD_SPEC),
    recipe("duplicate config target", "spec-invalid", BAD_SPEC),
    recipe("duplicate secret target", "spec-invalid", BAD_SPEC),
    recipe("value is too precise", "spec-invalid", BAD_SPEC),
    recipe("replicas can only be used", "spec-invalid", BAD_SPEC),
    recipe("cannot be used with services", "spec-invalid", BAD_SPEC),
];

/// What a secret or config means that a compose file names as external and that is not on the swarm.
const NOBODY_MAKES: &str = "nobody makes a secret or config that the recipe declares external";
/// What a refusal means that is about the specification.
const BAD_SPEC: &str = "the compose files ask for what no swarm can do";

/// Finds the row that fits what was said.
pub(super) fn row(said: &str) -> Option<&'static Row> {
    let said = said.to_ascii_lowercase();
    TABLE.iter().find(|row| said.contains(row.said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_table_is_lower_case_so_that_it_can_fit() {
        for row in TABLE {
            assert_eq!(row.said, row.said.to_ascii_lowercase());
        }
    }
}
