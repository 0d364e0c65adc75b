//! Whose fault an error text is: one table that turns what docker and abra say into causes.
//!
//! The recipe is at fault on positive evidence only: words that are said of what its files ask for. Whatever could be the
//! registry's, the network's, the disk's or the engine's, and all that no row knows, is broken: a retry is sensible.

use crate::{
    model::outcome::{Fault, Trouble},
    sys::process,
    tool::{
        deployer,
        docker::{
            client::{self, SILENT},
            service::Task,
        },
        rendering,
    },
};

/// One row: a part of what is said, in lower case, and what it means.
struct Row {
    /// The part.
    said: &'static str,
    /// Who is at fault.
    fault: Fault,
    /// The stable word.
    code: &'static str,
    /// What it means.
    meaning: &'static str,
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
fn row(said: &str) -> Option<&'static Row> {
    let said = said.to_ascii_lowercase();
    TABLE.iter().find(|row| said.contains(row.said))
}

/// Explains the error of a task that a node refused or that failed to start, when one look at it is enough.
pub(crate) fn task_error(service: &str, task: &Task) -> Option<Trouble> {
    let row = row(&task.error)?;
    if row.code == "image-missing" {
        // It was there, or was fetched, before anything was deployed: the recipe has named an image that exists.
        let message = format!("image `{}` of `{service}` is gone", task.image);
        return Some(Trouble::broken("image-gone", message).because(task.error.clone()));
    }
    let message = format!("`{service}` cannot start: {}", row.meaning);
    Some(Trouble::new(row.fault, row.code, message).because(task.error.clone()))
}

/// Explains an image that cannot be fetched; what no row knows is nobody's proven fault.
pub(crate) fn pull_error(image: &str, error: &client::Error) -> Trouble {
    let said = error.said();
    match row(said) {
        Some(row) if row.code == "image-missing" => Trouble::new(
            row.fault,
            row.code,
            format!("image `{image}` does not exist"),
        )
        .because(said),
        Some(row) => Trouble::new(
            row.fault,
            row.code,
            format!("could not fetch image `{image}`: {}", row.meaning),
        )
        .because(said),
        None => docker_error(error),
    }
}

/// Explains an error of docker that says nothing about the recipe.
pub(crate) fn docker_error(error: &client::Error) -> Trouble {
    let text = error.to_string();
    match error {
        client::Error::Interrupted => interrupted(),
        client::Error::TimedOut { .. } | client::Error::Overran { .. } => {
            Trouble::broken("docker-timeout", text)
        }
        client::Error::Garbled { .. } => Trouble::broken("docker-garbled", text),
        client::Error::Start(source) => {
            not_started(Trouble::broken("docker-missing", text), source)
        }
        client::Error::Refused { said, .. } => match row(said) {
            Some(row) if row.fault == Fault::Broken => {
                Trouble::broken(row.code, row.meaning).because(text)
            }
            Some(_) | None => Trouble::broken("docker-refused", text),
        },
    }
}

/// Adds why a child could not be started, with what the system said.
pub(crate) fn not_started(trouble: Trouble, error: &process::Error) -> Trouble {
    let trouble = trouble.because(error.to_string());
    match std::error::Error::source(error) {
        Some(said) => trouble.because(said.to_string()),
        None => trouble,
    }
}

/// Writes an error with all its causes as one line.
pub(crate) fn in_one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = chain.map(ToString::to_string).collect();
    texts.join(": ")
}

/// Explains why a deployer did not do its work.
pub(crate) fn deployer_error(doing: &str, error: &deployer::Error) -> Trouble {
    match error {
        deployer::Error::Docker(client::Error::Refused { said, .. })
        | deployer::Error::Tool { said, .. } => said_by_tool(doing, said),
        deployer::Error::Docker(error) => docker_error(error),
        deployer::Error::Recipe(error) => recipe_error(error),
        deployer::Error::Broken { said, .. } => {
            Trouble::broken("tool-broken", error.to_string()).because(said.clone())
        }
        deployer::Error::SecretMissing { name, generated } => secret_missing(name, *generated),
        deployer::Error::Hook(said) => {
            Trouble::recipe("hook-failed", format!("{doing} failed")).because(said)
        }
        deployer::Error::Process(source) => {
            not_started(Trouble::broken("tool-missing", error.to_string()), source)
        }
        deployer::Error::File { source, .. } => {
            let row = row(&source.to_string());
            let code = row.map_or("state-unwritable", |row| row.code);
            Trouble::broken(code, error.to_string()).because(source.to_string())
        }
    }
}

/// Explains a tool's own words; those that no row knows are nobody's proven fault.
fn said_by_tool(doing: &str, said: &str) -> Trouble {
    match row(said) {
        Some(row) => Trouble::new(
            row.fault,
            row.code,
            format!("{doing} failed: {}", row.meaning),
        )
        .because(said),
        None => Trouble::broken("tool-refused", format!("{doing} failed")).because(said),
    }
}

/// Explains a secret that a recipe needs and the swarm lacks.
fn secret_missing(name: &str, generated: bool) -> Trouble {
    if generated {
        let trouble = Trouble::recipe(
            "secret-not-generated",
            format!("secret `{name}` was not generated"),
        );
        return trouble.hint(format!(
            "declare `SECRET_{}_VERSION=v1` in `.env.sample`",
            name.to_ascii_uppercase()
        ));
    }
    let trouble = Trouble::recipe(
        "secret-not-inserted",
        format!("secret `{name}` is marked `generate=false` and was not inserted"),
    );
    trouble.hint(format!("insert `{name}` in `install_steps.sh`"))
}

/// Explains a recipe whose files do not make a stack.
pub(crate) fn recipe_error(error: &rendering::Error) -> Trouble {
    match error {
        rendering::Error::Docker(error) => docker_error(error),
        rendering::Error::Read { source, .. } => {
            Trouble::broken("recipe-unreadable", error.to_string()).because(source.to_string())
        }
        rendering::Error::Missing(_) => {
            Trouble::new(Fault::Config, "recipe-file-missing", error.to_string())
        }
        rendering::Error::Malformed { .. } => {
            Trouble::new(Fault::Config, "recipe-malformed", error.to_string())
        }
        rendering::Error::Refused(said) => match row(said) {
            Some(row) if row.fault == Fault::Broken => {
                Trouble::broken(row.code, row.meaning).because(said)
            }
            Some(_) | None => Trouble::new(Fault::Config, "compose-invalid", error.to_string()),
        },
        rendering::Error::Forbidden { .. } => {
            Trouble::new(Fault::Config, "forbidden", error.to_string())
        }
    }
}

/// Returns the trouble of what a signal cut short.
pub(crate) fn interrupted() -> Trouble {
    Trouble::new(Fault::User, "interrupted", "interrupted")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(said: &str) -> client::Error {
        client::Error::Refused {
            doing: "pull image x:1".into(),
            said: said.into(),
        }
    }

    #[test]
    fn a_rate_limit_is_never_the_recipes_fault() {
        let trouble = pull_error(
            "x:1",
            &refused("toomanyrequests: You have reached your pull rate limit"),
        );
        assert_eq!(
            (trouble.fault, trouble.code.as_str()),
            (Fault::Broken, "registry-rate-limit")
        );
    }

    #[test]
    fn a_missing_image_is() {
        let trouble = pull_error(
            "x:1",
            &refused("manifest for x:1 not found: manifest unknown"),
        );
        assert_eq!(
            (trouble.fault, trouble.code.as_str()),
            (Fault::Recipe, "image-missing")
        );
    }

    #[test]
    fn infrastructure_is_recognised_before_what_it_looks_like() {
        let said = "pull access denied: Get https://r/v2/: dial tcp: lookup r: no such host";
        assert_eq!(pull_error("x:1", &refused(said)).code, "dns");
    }

    #[test]
    fn what_is_unknown_is_nobodys_proven_fault() {
        assert_eq!(
            pull_error("x:1", &refused("the moon is full")).fault,
            Fault::Broken
        );
        assert_eq!(docker_error(&refused("no such image")).fault, Fault::Broken);
    }

    #[test]
    fn a_broken_tool_is_nobodys_fault_and_says_so() {
        let error = deployer::Error::Broken {
            path: "/bin/abra".into(),
            said: "no such host".into(),
        };
        let trouble = deployer_error("the deploy", &error);
        assert_eq!(
            (trouble.fault, trouble.code.as_str()),
            (Fault::Broken, "tool-broken")
        );
        assert_eq!(trouble.causes, ["no such host"]);
    }

    #[test]
    fn every_part_of_the_table_is_lower_case_so_that_it_can_fit() {
        for row in TABLE {
            assert_eq!(row.said, row.said.to_ascii_lowercase());
        }
    }

    /// Returns whose fault a refused deploy is, and the stable word.
    fn deployed(said: &str) -> (Fault, String) {
        let error = deployer::Error::Docker(refused(said));
        let trouble = deployer_error("the deploy", &error);
        (trouble.fault, trouble.code)
    }

    /// What the client 28.2.2 and the engine 20.10.24 say of compose files that no swarm takes, with the stable word.
    const REFUSALS: &[(&str, &str)] = &[
        (
            "failed to create service s_app: Error response from daemon: rpc error: code = InvalidArgument desc = EndpointSpec: duplicate published ports provided",
            "spec-invalid",
        ),
        (
            "failed to create service s_app: Error response from daemon: rpc error: code = InvalidArgument desc = ContainerSpec: Interval in HealthConfig cannot be less than 1ms",
            "spec-invalid",
        ),
        (
            "failed to create service s_app: Error response from daemon: rpc error: code = InvalidArgument desc = ContainerSpec: duplicate mount point: /data",
            "spec-invalid",
        ),
        (
            "failed to create service s_app: Error response from daemon: rpc error: code = InvalidArgument desc = invalid memory value 1024: Must be at least 4MiB",
            "spec-invalid",
        ),
        (
            "failed to create service s_app: Error response from daemon: rpc error: code = InvalidArgument desc = name must be 63 characters or fewer",
            "spec-invalid",
        ),
        (
            "failed to create service s_app: Error response from daemon: rpc error: code = InvalidArgument desc = name must be valid as a DNS name component",
            "spec-invalid",
        ),
        (
            "failed to create network s_n: Error response from daemon: Invalid subnet 999.0.0.0/24 : invalid CIDR address: 999.0.0.0/24",
            "spec-invalid",
        ),
        (
            "failed to create config s_c: Error response from daemon: rpc error: code = InvalidArgument desc = config data must be larger than 0 and less than 1024000 bytes",
            "spec-invalid",
        ),
        (
            "failed to update config s_c: Error response from daemon: rpc error: code = InvalidArgument desc = only updates to Labels are allowed",
            "config-changed",
        ),
        (
            "failed to create service s_app: Error response from daemon: invalid resolution mode: \"nonsense\"",
            "spec-invalid",
        ),
        (
            "failed to create service s_app: Error response from daemon: invalid RestartCondition: \"nonsense\"",
            "spec-invalid",
        ),
        (
            "failed to create service s_app: Error response from daemon: The network s_n cannot be used with services. Only networks scoped to the swarm can be used, such as those created with the overlay driver.",
            "spec-invalid",
        ),
        (
            "service app: invalid tmpfs source, source must be empty",
            "spec-invalid",
        ),
        ("service app: undefined volume \"nope\"", "spec-invalid"),
        (
            "service app: duplicate config target for s_d not allowed",
            "spec-invalid",
        ),
        ("service app: value is too precise", "spec-invalid"),
        (
            "service app: replicas can only be used with replicated or replicated-job mode",
            "spec-invalid",
        ),
        ("service app: secret not found: nobodys", "object-missing"),
        ("service app: config not found: nobodys", "object-missing"),
        (
            "invalid image reference for service app: invalid reference format",
            "bad-image-name",
        ),
        (
            "invalid image reference for service app: no image specified",
            "bad-image-name",
        ),
    ];

    #[test]
    fn what_docker_says_of_compose_files_that_no_swarm_takes_is_the_recipes_fault() {
        for (said, code) in REFUSALS {
            let wanted = (Fault::Recipe, (*code).to_owned());
            assert_eq!(deployed(said), wanted, "{said}");
        }
    }

    #[test]
    fn what_this_swarm_lacks_and_what_nobody_knows_is_no_fault_of_the_recipe() {
        // As the client 28.2.2 and the engine 20.10.24 say it, but for the last.
        for (said, code) in [
            (
                "failed to create network s_n: Error response from daemon: plugin \"nosuchdriver\" not found",
                "plugin-missing",
            ),
            (
                "network \"nobodys\" is declared as external, but could not be found. You need to create a swarm-scoped network before the stack is deployed",
                "network-missing",
            ),
            (
                "failed to create service s_app: Error response from daemon: rpc error: code = DeadlineExceeded desc = context deadline exceeded",
                "tool-refused",
            ),
            (
                "invalid character '<' looking for beginning of value",
                "tool-refused",
            ),
            ("the moon is full", "tool-refused"),
        ] {
            assert_eq!(deployed(said), (Fault::Broken, code.to_owned()), "{said}");
        }
    }
}
