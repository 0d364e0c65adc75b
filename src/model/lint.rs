//! What a recipe's author should know before a release, found by comparing base and head.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::app::AppDomain;
use crate::model::compose::{Service, Stack};
use crate::model::env_file::EnvFile;
use crate::model::{labels, nested};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Worth knowing, and never a reason to fail.
    Note,
    /// Operators will stumble over it; `--deny lint` makes it a failure.
    Warning,
}

/// Something about a recipe that its author should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind it is, in kebab case; stays the same from release to release.
    pub code: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// What was found, where, and what to do about it.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// A release tag of a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Its name.
    pub name: String,
    /// Whether it is an object of its own and not only a name.
    pub annotated: bool,
}

/// A recipe at one commit, as far as lint looks at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The rendered stack, or why it could not be rendered.
    pub compose: Result<Stack, String>,
    /// The content of each config's file, by the config's key.
    pub config_files: BTreeMap<String, Vec<u8>>,
    /// `.env.sample`, why it could not be read, or none when there is no such file.
    pub env_sample: Option<Result<EnvFile, String>>,
    /// The tag on this commit, if it has one.
    pub tag: Option<Tag>,
    /// The domain of the app that it was rendered for.
    pub domain: AppDomain,
}

/// Returns what there is to say about head, and about the way from base to head.
///
/// Both have to be rendered with the same stack name, since configs are compared by full name.
///
/// ```
/// use ccci::model::compose::Stack;
/// use ccci::model::lint::{Snapshot, lint};
///
/// let head = Snapshot {
///     compose: Ok(Stack::from_text("services: {app: {image: nginx, healthcheck: {test: x}}}").unwrap()),
///     config_files: Default::default(),
///     env_sample: None,
///     tag: None,
///     domain: "blog.example.org".parse().unwrap(),
/// };
/// let codes: Vec<_> = lint(None, &head).iter().map(|finding| finding.code).collect();
/// assert_eq!(codes, ["env-sample-missing", "image-untagged"]);
/// ```
pub fn lint(base: Option<&Snapshot>, head: &Snapshot) -> Vec<Finding> {
    let mut findings: Vec<Finding> = env_sample(head).into_iter().collect();
    findings.extend(lightweight_tag(head));
    match &head.compose {
        Err(reason) => findings.push(warning(
            "compose-unreadable",
            format!("the compose files cannot be rendered: {reason}"),
        )),
        Ok(stack) => {
            for (key, service) in &stack.services {
                findings.extend(image(key, service));
                findings.extend(healthcheck(key, service));
            }
            findings.extend(uncovered_hosts(stack, &head.domain));
            findings.extend(moved_hosts(stack, &head.domain));
            if let Some(base) = base {
                findings.extend(unraised_configs(base, head, stack));
            }
        }
    }
    findings
}

/// Makes a finding that `--deny lint` acts on.
fn warning(code: &'static str, message: String) -> Finding {
    Finding {
        code,
        weight: Weight::Warning,
        message,
    }
}

/// Looks for a `.env.sample` that can be read and names its recipe.
fn env_sample(head: &Snapshot) -> Option<Finding> {
    match &head.env_sample {
        None => Some(warning(
            "env-sample-missing",
            "there is no `.env.sample`, and abra cannot make an app without it".to_owned(),
        )),
        Some(Err(reason)) => Some(warning(
            "env-sample-unreadable",
            format!("`.env.sample` cannot be read: {reason}"),
        )),
        Some(Ok(env)) => {
            let named = |key| env.get(key).is_some_and(|name| !name.is_empty());
            let found = named("TYPE") || named("RECIPE");
            (!found).then(|| {
                let message = "`.env.sample` names no recipe by `TYPE` or `RECIPE`".to_owned();
                warning("env-sample-without-type", message)
            })
        }
    }
}

/// Looks for a tag that abra does not deploy without chaos mode.
fn lightweight_tag(head: &Snapshot) -> Option<Finding> {
    let tag = head.tag.as_ref().filter(|tag| !tag.annotated)?;
    let message = format!(
        "the tag `{}` is not annotated, so abra deploys it in chaos mode only; make it with `git tag -a`",
        tag.name
    );
    Some(warning("lightweight-tag", message))
}

/// Looks for an image that is not the same one tomorrow.
fn image(key: &str, service: &Service) -> Option<Finding> {
    let Some(image) = service.image.as_deref().filter(|image| !image.is_empty()) else {
        let message = format!("the service `{key}` has no image");
        return Some(warning("image-missing", message));
    };
    let (name, digest) = image.split_once('@').unwrap_or((image, ""));
    if !digest.is_empty() {
        return None;
    }
    // A colon before the last slash belongs to the registry's port.
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':').map(|(_, tag)| tag) {
        None | Some("") => Some(warning(
            "image-untagged",
            format!("the image `{image}` of the service `{key}` has no tag"),
        )),
        Some("latest") => Some(warning(
            "image-latest",
            format!("the image `{image}` of the service `{key}` changes under the same tag"),
        )),
        Some(_) => None,
    }
}

/// Notes a long-running service whose health nobody can tell.
fn healthcheck(key: &str, service: &Service) -> Option<Finding> {
    let missing = !service.has_healthcheck && !service.is_one_shot();
    missing.then(|| Finding {
        code: "healthcheck-missing",
        weight: Weight::Note,
        message: format!("the service `{key}` has no health check"),
    })
}

/// Looks for routed names that a wildcard certificate of the server does not cover, so that nobody gets there.
fn uncovered_hosts(stack: &Stack, domain: &AppDomain) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, host) in routed_hosts(stack) {
        if nested::is_covered(&host, domain) {
            continue;
        }
        let remedy = match nested::find(&host, domain).first() {
            Some(found) => format!(
                "hold it in a variable of `.env.sample`, which `flatten-domains` turns into `{}`",
                found.sibling
            ),
            None => format!(
                "set the variable that holds it under `[env]` of recipe.toml, to a name below `{}`",
                domain.base()
            ),
        };
        let message = format!(
            "the service `{key}` is routed at `{host}`, which a certificate for `*.{}` does not cover; {remedy}",
            domain.base()
        );
        findings.push(warning("host-uncovered", message));
    }
    findings
}

/// Looks for services that are told of a nested name although its service is routed at the sibling.
fn moved_hosts(stack: &Stack, domain: &AppDomain) -> Vec<Finding> {
    let routed: Vec<String> = routed_hosts(stack).map(|(_, host)| host).collect();
    let mut findings = Vec::new();
    for (key, service) in &stack.services {
        for (variable, value) in &service.environment {
            let found = nested::find(value.as_deref().unwrap_or_default(), domain);
            let is_routed = |host: &str| routed.iter().any(|routed| routed == host);
            let moved = found
                .iter()
                .find(|found| is_routed(found.sibling.as_str()) && !is_routed(&found.host));
            if let Some(moved) = moved {
                let message = format!(
                    "the variable `{variable}` of the service `{key}` names `{}`, which is routed at `{}`; make it of the variable that the router's rule is made of",
                    moved.host, moved.sibling
                );
                findings.push(warning("host-moved", message));
            }
        }
    }
    findings
}

/// Returns the names that the proxy ends TLS for, with the service behind each.
fn routed_hosts(stack: &Stack) -> impl Iterator<Item = (&str, String)> {
    let ends_tls =
        |service: &Service| labels::is_enabled(service) && !labels::passes_tls_through(service);
    let services = stack.services.iter();
    services
        .filter(move |(_, service)| ends_tls(service))
        .flat_map(|(key, service)| {
            let hosts = labels::hosts(service).into_iter();
            hosts.map(move |host| (key.as_str(), host))
        })
}

/// Looks for configs whose content changed under the same name, which swarm refuses to update.
fn unraised_configs(base: &Snapshot, head: &Snapshot, stack: &Stack) -> Vec<Finding> {
    let Ok(base_stack) = &base.compose else {
        return Vec::new();
    };
    // The stack's name is the same on both sides, so any serves to compare.
    let names = |stack: &Stack, files: &BTreeMap<String, Vec<u8>>| -> BTreeMap<String, Vec<u8>> {
        let configs = stack.configs.iter();
        configs
            .filter_map(|(key, config)| Some((config.full_name("", key), files.get(key)?.clone())))
            .collect()
    };
    let before = names(base_stack, &base.config_files);
    let changed = |(name, content): &(String, Vec<u8>)| {
        before.get(name).is_some_and(|earlier| earlier != content)
    };
    names(stack, &head.config_files)
        .into_iter()
        .filter(changed)
        .map(|(name, _)| {
            let message = format!(
                "the content of the config `{name}` changed but not its name; raise its version in `abra.sh`"
            );
            warning("config-version-unraised", message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recipe that lint has nothing to say about.
    fn sound() -> Snapshot {
        let text = concat!(
            "services:\n  app:\n    image: nginx:1.27.3\n    healthcheck: {test: [CMD, x]}\n",
            "  job:\n    image: r.example.org:5000/a/b@sha256:00\n",
            "    deploy: {restart_policy: {condition: none}}\n",
            "configs:\n  conf:\n    name: s_conf_v1\n    file: conf\n",
        );
        Snapshot {
            compose: Ok(Stack::from_text(text).unwrap()),
            config_files: BTreeMap::from([("conf".to_owned(), b"one".to_vec())]),
            env_sample: Some(Ok(EnvFile::parse("TYPE=x\n").unwrap())),
            tag: Some(Tag {
                name: "1.0.0+1.27.3".to_owned(),
                annotated: true,
            }),
            domain: "blog-0a1b2c.ci.org".parse().unwrap(),
        }
    }

    /// Returns the codes of what lint finds.
    fn codes(base: Option<&Snapshot>, head: &Snapshot) -> Vec<&'static str> {
        lint(base, head)
            .iter()
            .map(|finding| finding.code)
            .collect()
    }

    /// Replaces text in the compose file of a sound recipe.
    fn edited(from: &str, to: &str) -> Snapshot {
        let mut snapshot = sound();
        let text = snapshot.compose.unwrap().render();
        assert!(text.contains(from), "{text}");
        snapshot.compose = Ok(Stack::from_text(&text.replace(from, to)).unwrap());
        snapshot
    }

    #[test]
    fn a_sound_recipe_has_no_findings() {
        assert_eq!(lint(None, &sound()), []);
        assert_eq!(lint(Some(&sound()), &sound()), []);
    }

    #[test]
    fn a_config_that_changed_under_its_name_is_found() {
        let mut head = sound();
        head.config_files.insert("conf".to_owned(), b"two".to_vec());
        let found = lint(Some(&sound()), &head);
        assert_eq!(
            found[0].to_string(),
            "config-version-unraised: the content of the config `s_conf_v1` changed but not its \
             name; raise its version in `abra.sh`"
        );
        assert_eq!(lint(None, &head), []);
        let mut raised = edited("s_conf_v1", "s_conf_v2");
        raised.config_files = head.config_files.clone();
        assert_eq!(lint(Some(&sound()), &raised), []);
    }

    #[test]
    fn images_need_a_tag_that_stays() {
        for (image, code) in [
            ("nginx", "image-untagged"),
            ("localhost:5000/nginx", "image-untagged"),
            ("nginx:latest", "image-latest"),
            ("a/b:latest", "image-latest"),
            ("", "image-missing"),
        ] {
            assert_eq!(
                codes(None, &edited("nginx:1.27.3", image)),
                [code],
                "{image}"
            );
        }
        let pinned = edited("nginx:1.27.3", "nginx:latest@sha256:00");
        assert_eq!(codes(None, &pinned), Vec::<&str>::new());
    }

    /// Routes the service of a sound recipe by a rule, and gives it a variable.
    fn routed(labels: &[(&str, &str)], told: &str) -> Snapshot {
        let mut snapshot = sound();
        let mut stack = snapshot.compose.unwrap();
        for (key, value) in labels {
            stack.set_deploy_label("app", key, value).unwrap();
        }
        stack.set_env_default("app", "S3_URL", told).unwrap();
        snapshot.compose = Ok(stack);
        snapshot
    }

    /// Returns what lint says of such a recipe.
    fn said(rule: &str, told: &str) -> Vec<String> {
        let labels = [
            ("traefik.enable", "true"),
            ("traefik.http.routers.x.rule", rule),
        ];
        let found = lint(None, &routed(&labels, told));
        found.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_routed_name_that_no_wildcard_covers_is_found() {
        let rule = "Host(`blog-0a1b2c.ci.org`, `s3-blog-0a1b2c.ci.org`)";
        assert_eq!(said(rule, ""), Vec::<String>::new());
        assert_eq!(
            said("Host(`s3.blog-0a1b2c.ci.org`)", ""),
            [
                "host-uncovered: the service `app` is routed at `s3.blog-0a1b2c.ci.org`, which a \
                 certificate for `*.ci.org` does not cover; hold it in a variable of \
                 `.env.sample`, which `flatten-domains` turns into `s3-blog-0a1b2c.ci.org`"
            ]
        );
        assert_eq!(
            said("Host(`pad.example.com`)", ""),
            [
                "host-uncovered: the service `app` is routed at `pad.example.com`, which a \
                 certificate for `*.ci.org` does not cover; set the variable that holds it under \
                 `[env]` of recipe.toml, to a name below `ci.org`"
            ]
        );
    }

    #[test]
    fn a_name_that_the_proxy_does_not_end_tls_for_is_the_recipes_own_affair() {
        let rule = (
            "traefik.tcp.routers.x.rule",
            "HostSNI(`s3.blog-0a1b2c.ci.org`)",
        );
        let through = ("traefik.tcp.routers.x.tls.passthrough", "true");
        let enabled = ("traefik.enable", "true");
        let none = Vec::<&str>::new();
        assert_eq!(codes(None, &routed(&[rule, through, enabled], "")), none);
        assert_eq!(codes(None, &routed(&[rule], "")), none);
        let ended = routed(&[rule, enabled], "");
        assert_eq!(codes(None, &ended), ["host-uncovered"]);
    }

    #[test]
    fn a_service_that_is_told_of_a_name_from_before_it_was_moved_is_found() {
        let told = "https://s3.blog-0a1b2c.ci.org/bucket";
        assert_eq!(
            said("Host(`s3-blog-0a1b2c.ci.org`)", told),
            [
                "host-moved: the variable `S3_URL` of the service `app` names \
                 `s3.blog-0a1b2c.ci.org`, which is routed at `s3-blog-0a1b2c.ci.org`; make it of \
                 the variable that the router's rule is made of"
            ]
        );
        let moved = "https://s3-blog-0a1b2c.ci.org/bucket";
        for (rule, told) in [
            ("Host(`s3-blog-0a1b2c.ci.org`)", moved),
            ("Host(`blog-0a1b2c.ci.org`)", told),
        ] {
            assert_eq!(said(rule, told), Vec::<String>::new(), "{rule} {told}");
        }
    }

    #[test]
    fn a_missing_health_check_is_only_a_note() {
        let found = lint(None, &edited("\"healthcheck\"", "\"x-was\""));
        assert_eq!(found[0].code, "healthcheck-missing");
        assert_eq!(found[0].weight, Weight::Note);
        let off = edited("\"CMD\"", "\"NONE\"");
        assert_eq!(codes(None, &off), ["healthcheck-missing"]);
    }

    #[test]
    fn samples_and_tags_are_looked_at_even_when_the_compose_files_are_broken() {
        let mut head = sound();
        head.compose = Err("`compose.yml` is a list".to_owned());
        head.env_sample = Some(Ok(EnvFile::parse("TYPE=\nDOMAIN=x\n").unwrap()));
        head.tag = Some(Tag {
            name: "1.0.1+1".to_owned(),
            annotated: false,
        });
        let all = [
            "env-sample-without-type",
            "lightweight-tag",
            "compose-unreadable",
        ];
        assert_eq!(codes(Some(&sound()), &head), all);
        head.env_sample = None;
        assert_eq!(codes(None, &head)[0], "env-sample-missing");
        head.env_sample = Some(Err("line 1: blank in the key `A B`".to_owned()));
        assert_eq!(codes(None, &head)[0], "env-sample-unreadable");
        head.env_sample = Some(Ok(EnvFile::parse("RECIPE=x:1.0.0+1\n").unwrap()));
        assert_eq!(codes(None, &head)[0], "lightweight-tag");
    }
}
