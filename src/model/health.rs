//! The path by which an app says that it is well, as its labels, its health check or its image suggest it.

use yaml_serde::Value;

use super::{check::UrlPath, compose::Stack, labels::Route, yaml};

/// Paths that tell of some software that it is well, by the end of its image's name.
const KNOWN: [(&str, &str); 16] = [
    ("authentik/server", "/-/health/live/"),
    ("discourse", "/srv/status"),
    ("drone/drone", "/healthz"),
    ("forgejo", "/api/healthz"),
    ("ghost", "/ghost/api/admin/site/"),
    ("gitea", "/api/healthz"),
    ("grafana", "/api/health"),
    ("immich-server", "/api/server/ping"),
    ("keycloak", "/realms/master"),
    ("mattermost-enterprise-edition", "/api/v4/system/ping"),
    ("mattermost-team-edition", "/api/v4/system/ping"),
    ("n8n", "/healthz"),
    ("nextcloud", "/status.php"),
    ("plausible", "/api/health"),
    ("synapse", "/_matrix/client/versions"),
    ("vaultwarden/server", "/alive"),
];
/// What separates the words of a command.
const BREAKS: [char; 11] = [' ', '\t', '\n', '\'', '"', '|', ';', '(', ')', '>', '&'];

/// A path, with why it is this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The path.
    pub path: UrlPath,
    /// Why, in words.
    pub why: String,
}

/// Finds the path for a routed service: the first that anything names, else the root.
pub fn find(stack: &Stack, route: &Route, domain: &str) -> Health {
    let service = &route.service;
    let told = of_proxy(stack, service)
        .map(|path| (path, format!("the proxy asks `{service}` for it")))
        .or_else(|| {
            let path = of_health_check(stack, route, domain)?;
            Some((path, format!("the health check of `{service}` asks for it")))
        })
        .or_else(|| {
            let image = stack.services[service].image.as_deref()?;
            let path = of_image(image)?;
            Some((path, format!("apps of the image of `{service}` have it")))
        });
    let (path, why) = told.unwrap_or_else(|| (UrlPath::root(), "nothing names another".to_owned()));
    Health { path, why }
}

/// Returns the path of a health check that Traefik makes.
fn of_proxy(stack: &Stack, service: &str) -> Option<UrlPath> {
    let labels = stack.services.get(service)?.labels.iter();
    let mut paths = labels.filter(|(label, _)| {
        let label = label.to_ascii_lowercase();
        label.starts_with("traefik.http.services.")
            && label.ends_with(".loadbalancer.healthcheck.path")
    });
    paths.find_map(|(_, path)| path.parse().ok())
}

/// Returns the path that a service's own health check asks its routed port for.
fn of_health_check(stack: &Stack, route: &Route, domain: &str) -> Option<UrlPath> {
    let words = command(stack, &route.service)?.join(" ");
    let is_break = |c: char| BREAKS.contains(&c);
    let mut urls = words
        .split(is_break)
        .filter_map(|word| local_url(word, &route.service, domain));
    urls.find_map(|(port, path)| (port == route.port).then(|| path.parse().ok())?)
}

/// Reads an address of the container itself: its port and its path.
fn local_url<'a>(word: &'a str, service: &str, domain: &str) -> Option<(u16, &'a str)> {
    let word = word.rsplit_once('=').map_or(
        word,
        |(option, url)| {
            if option.starts_with('-') { url } else { word }
        },
    );
    let (default, rest) = match word.split_once("://") {
        Some(("http", rest)) => (80, rest),
        Some(("https", rest)) => (443, rest),
        Some(_) => return None,
        None => (80, word),
    };
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (authority, default),
    };
    let own = [
        "localhost",
        "127.0.0.1",
        "0.0.0.0",
        "[::1]",
        service,
        domain,
    ];
    // A bare word may be the name of anything.
    let is_url = rest.len() < word.len() || !path.is_empty() || authority.contains(':');
    let path = if path.is_empty() { "/" } else { path };
    (is_url && own.contains(&host)).then_some((port, path))
}

/// Returns the command of a service's health check: its arguments, or a shell with its text.
pub fn command(stack: &Stack, service: &str) -> Option<Vec<String>> {
    let service = stack.raw.get("services")?.get(service)?;
    let test = service.get("healthcheck")?.get("test")?;
    let words: Vec<String> = match test {
        Value::Sequence(_) => yaml::items(Some(test)).filter_map(yaml::scalar).collect(),
        _ => vec!["CMD-SHELL".to_owned(), yaml::scalar(test)?],
    };
    // The rendered file doubles each dollar.
    let words: Vec<_> = words.iter().map(|word| word.replace("$$", "$")).collect();
    match words.split_first() {
        Some((first, rest)) if first == "CMD" && !rest.is_empty() => Some(rest.to_vec()),
        Some((first, [text])) if first == "CMD-SHELL" => {
            Some(vec!["sh".to_owned(), "-c".to_owned(), text.clone()])
        }
        _ => None,
    }
}

/// Returns the path that the software of an image is known for.
fn of_image(image: &str) -> Option<UrlPath> {
    let name = image.split('@').next().unwrap_or(image);
    let at = name.rfind('/').map_or(0, |slash| slash + 1);
    let name = name[at..]
        .find(':')
        .map_or(name, |colon| &name[..at + colon]);
    let named = |known: &str| {
        name.strip_suffix(known)
            .is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    let mut known = KNOWN.iter().filter(|(known, _)| named(known));
    known.find_map(|(_, path)| path.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a stack of one routed service and returns what is found.
    fn found(image: &str, test: &str, labels: &str) -> String {
        let text = format!(
            "services:\n  app:\n    image: {image}\n    healthcheck:\n      test: {test}\n    deploy:\n      labels: {labels}\n"
        );
        let stack = Stack::from_text(&text).unwrap();
        let route = Route {
            service: "app".to_owned(),
            port: 8080,
            https: false,
        };
        let health = find(&stack, &route, "a-0a1b2c.example.org");
        format!("{} because {}", health.path.as_str(), health.why)
    }

    #[test]
    fn the_proxy_goes_before_the_health_check_and_that_before_the_image() {
        let label = "{traefik.http.services.x.loadbalancer.healthcheck.path: /up}";
        let check = "['CMD', 'curl', '-f', 'http://localhost:8080/api/health?full=1']";
        assert_eq!(
            found("gitea/gitea:1", check, label),
            "/up because the proxy asks `app` for it"
        );
        assert_eq!(
            found("gitea/gitea:1", check, "{}"),
            "/api/health?full=1 because the health check of `app` asks for it"
        );
        assert_eq!(
            found("r.org:5000/gitea/gitea:1@sha256:aa", "['NONE']", "{}"),
            "/api/healthz because apps of the image of `app` have it"
        );
        assert_eq!(
            found("x:1", "['NONE']", "{}"),
            "/ because nothing names another"
        );
    }

    #[test]
    fn health_checks_are_read_in_the_forms_that_they_have() {
        let path = |test: &str| {
            found("x:1", test, "{}")
                .split(' ')
                .next()
                .unwrap()
                .to_owned()
        };
        for test in [
            "curl -f http://127.0.0.1:8080/up || exit 1",
            "\"wget -qO- 'http://0.0.0.0:8080/up' | grep ok\"",
            "['CMD-SHELL', 'wget --spider localhost:8080/up']",
            "['CMD', 'check', '--url=http://[::1]:8080/up']",
            "['CMD', 'curl', 'http://a-0a1b2c.example.org:8080/up']",
            "['CMD', 'curl', 'http://app:8080/up']",
        ] {
            assert_eq!(path(test), "/up", "{test}");
        }
        // Another port, another host, no address at all, no path that could be asked for.
        for test in [
            "curl -f http://localhost:9000/up",
            "curl -f http://localhost/up",
            "curl -f http://example.com:8080/up",
            "pg_isready -h localhost",
            "['CMD', 'app', '8080']",
            "curl http://localhost:8080/a\\b",
        ] {
            assert_eq!(path(test), "/", "{test}");
        }
    }

    #[test]
    fn a_command_is_what_can_be_run_again() {
        let stack = |test: &str| {
            let text =
                format!("services:\n  a:\n    image: x:1\n    healthcheck:\n      test: {test}\n");
            command(&Stack::from_text(&text).unwrap(), "a")
        };
        assert_eq!(stack("['CMD', 'a', 'b c']").unwrap(), ["a", "b c"]);
        assert_eq!(
            stack("test -e $$HOME").unwrap(),
            ["sh", "-c", "test -e $HOME"]
        );
        for none in ["['NONE']", "[]", "['CMD']", "{a: b}"] {
            assert_eq!(stack(none), None, "{none}");
        }
    }
}
