//! Whose fault an error is, by what docker and abra said.
//!
//! Whatever could be the registry's, the network's, the disk's or the engine's, and all that the table of causes does not
//! know, is broken: a retry is sensible.

use super::causes::row;
use crate::{
    model::outcome::{Fault, Trouble},
    sys::process,
    tool::{
        deployer,
        docker::{client, service::Task},
        rendering,
    },
};

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
        client::Error::Killed { .. } => Trouble::broken("docker-killed", text)
            .hint("look into the kernel's messages, whether memory ran out"),
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
