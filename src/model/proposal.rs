//! What a recipe's own files suggest for its tests; never reads a file.

use std::collections::BTreeMap;

use super::{
    app::AppDomain,
    backup::{BackupPlan, Rule},
    compose::Stack,
    env_file::EnvFile,
    health::{self, Health},
    interpolation::Need,
    labels::{self, Route},
    random_value::RandomValue,
    secret_spec::{self, SecretSpec},
    yaml,
};

/// The services from which on a deploy without a label gets more time.
const MANY_SERVICES: usize = 5;
/// The ends of names of variables whose values can be guessed, each with a guess.
const GUESSES: [(&str, &str); 9] = [
    ("EMAIL", "admin@example.org"),
    ("MAIL_FROM", "admin@example.org"),
    ("APP_URL", "https://{domain}/"),
    ("BASE_URL", "https://{domain}/"),
    ("PUBLIC_URL", "https://{domain}/"),
    ("SITE_URL", "https://{domain}/"),
    ("ADMIN_USER", "admin"),
    ("ADMIN_USERNAME", "admin"),
    ("TZ", "Etc/UTC"),
];

/// What was read of a recipe.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// The domain that it was rendered for.
    pub domain: &'a AppDomain,
    /// The rendered stack.
    pub stack: &'a Stack,
    /// What its labels say about backups.
    pub backup: &'a BackupPlan,
    /// The secrets that its `.env.sample` declares.
    pub secrets: &'a [SecretSpec],
    /// The variables that need a value, and those that are empty.
    pub variables: &'a Variables,
    /// The services in which a database speaks, with what the engine is called.
    pub databases: &'a [(String, &'static str)],
}

/// What is proposed for a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Where its pages are, or why none can be asked for.
    pub page: Result<Page, String>,
    /// What a backup holds, each volume in words; nothing without backup labels.
    pub backup: Option<Vec<String>>,
    /// Host names besides the app's own, as templates.
    pub siblings: Vec<String>,
    /// Host names below the app's own, which no wildcard certificate covers, as templates.
    pub nested: Vec<String>,
    /// The secrets that somebody has to make, each with a way to make one for a test.
    pub secrets: Vec<NeededSecret>,
    /// External secrets that `.env.sample` does not declare, by their names in the compose file.
    pub unknown_secrets: Vec<String>,
    /// What is to be known of variables.
    pub variables: Variables,
    /// The services in which a database speaks, with what the engine is called.
    pub databases: Vec<(String, &'static str)>,
    /// Ports that are published and speak no HTTP, by service, where there is no page.
    pub ports: Vec<(String, u16)>,
    /// The health check of a service, to be run again where there is no page.
    pub health_command: Option<(String, Vec<String>)>,
    /// How many services there are, where these are many and no label says how long a deploy takes.
    pub many_services: Option<usize>,
}

/// A secret that somebody has to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededSecret {
    /// Its name, without stack and version.
    pub name: String,
    /// The version that the recipe wants now.
    pub version: String,
    /// How a value can be made for a test.
    pub value: RandomValue,
}

/// Where the pages of an app are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The service and its port.
    pub route: Route,
    /// The path by which it says that it is well.
    pub health: Health,
}

/// Variables of the app's environment that may need a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    /// Those that need one, with one that may do.
    pub needed: Vec<(String, Option<String>)>,
    /// Those that the compose files use, that are empty, and that work without.
    pub empty: Vec<String>,
}

impl Variables {
    /// Finds them by the sample and by what the compose files refer to.
    pub fn find(sample: &EnvFile, needs: &BTreeMap<String, Need>) -> Self {
        let mut found = Self::default();
        for (name, need) in needs.iter().filter(|(name, _)| !is_made(name)) {
            let value = sample.get(name);
            let is_needed = match need {
                Need::Filled => value.is_none_or(str::is_empty),
                Need::Set => value.is_none(),
                Need::Plain | Need::Defaulted => false,
            };
            let is_empty = value.is_some_and(str::is_empty) && *need != Need::Defaulted;
            match (is_needed, is_empty, guess(name)) {
                (true, _, guess) => found.needed.push((name.clone(), guess)),
                (false, true, Some(guess)) => found.needed.push((name.clone(), Some(guess))),
                (false, true, None) => found.empty.push(name.clone()),
                (false, false, _) => {}
            }
        }
        found
    }
}

/// Tells whether ccci or abra gives a variable its value.
fn is_made(name: &str) -> bool {
    const MADE: [&str; 4] = ["DOMAIN", "STACK_NAME", "LETS_ENCRYPT_ENV", "TYPE"];
    MADE.contains(&name) || name.ends_with("_VERSION")
}

/// Guesses a value by a variable's name.
fn guess(name: &str) -> Option<String> {
    let fits = |end: &str| {
        name.strip_suffix(end)
            .is_some_and(|before| before.is_empty() || before.ends_with('_'))
    };
    let found = GUESSES.iter().find(|(end, _)| fits(end));
    found.map(|(_, value)| (*value).to_owned())
}

/// Returns what is proposed for a recipe.
pub fn propose(read: &Read<'_>) -> Proposal {
    let stack = read.stack;
    let page = page(read);
    let (siblings, nested) = other_hosts(read);
    let secrets = secret_spec::used(read.secrets, read.domain.stack().as_str(), stack);
    let needed = secrets.iter().filter(|secret| !secret.generate);
    let has_limit = stack.services.values().any(|service| {
        let labels = labels::app_labels(&service.labels, read.domain.stack().as_str());
        labels.timeout.is_some()
    });
    let services = stack.services.len();
    let (ports, health_command) = if page.is_ok() {
        (Vec::new(), None)
    } else {
        (tcp_ports(stack), health_command(stack))
    };
    Proposal {
        page,
        backup: read.backup.enabled.then(|| covered(read)),
        siblings,
        nested,
        secrets: needed
            .map(|secret| NeededSecret {
                name: secret.name.clone(),
                version: secret.version.clone(),
                value: RandomValue::of_spec(secret),
            })
            .collect(),
        unknown_secrets: unknown_secrets(read),
        variables: read.variables.clone(),
        databases: read.databases.to_vec(),
        ports,
        health_command,
        many_services: (services > MANY_SERVICES && !has_limit).then_some(services),
    }
}

/// Finds the page that tests ask for.
fn page(read: &Read<'_>) -> Result<Page, String> {
    let Some(route) = labels::routes(read.stack).into_iter().next() else {
        let passes = read.stack.services.values().any(labels::passes_tls_through);
        return Err(if passes {
            "the proxy passes TLS through to the app".to_owned()
        } else {
            "the proxy leads to no service".to_owned()
        });
    };
    let health = health::find(read.stack, &route, read.domain.as_str());
    Ok(Page { route, health })
}

/// Lists host names besides the app's own: those beside it, and those below it.
fn other_hosts(read: &Read<'_>) -> (Vec<String>, Vec<String>) {
    let domain = read.domain.as_str();
    let template = |host: &str| {
        let host = host.replace(read.domain.label(), "{label}");
        host.replace(read.domain.base(), "{base-domain}")
    };
    let (mut beside, mut below) = (Vec::new(), Vec::new());
    for host in read.stack.services.values().flat_map(labels::hosts) {
        let list = match host.strip_suffix(domain) {
            Some("") => continue,
            Some(before) if before.ends_with('.') => &mut below,
            Some(_) | None => &mut beside,
        };
        let host = template(&host);
        if !list.contains(&host) {
            list.push(host);
        }
    }
    (beside, below)
}

/// Says in words what of each volume a backup holds.
fn covered(read: &Read<'_>) -> Vec<String> {
    let stack_name = read.domain.stack();
    let volumes = read.backup.volumes.iter().filter_map(|volume| {
        let name = stack_name.short(&volume.volume).unwrap_or(&volume.volume);
        match &volume.rule {
            Rule::Whole => Some(name.to_owned()),
            Rule::Paths(paths) => Some(format!("{name} ({})", paths.join(", "))),
            Rule::Excluded => None,
        }
    });
    volumes.collect()
}

/// Lists external secrets that nobody makes: neither the sample declares them, nor is their name another stack's.
fn unknown_secrets(read: &Read<'_>) -> Vec<String> {
    let stack_name = read.domain.stack();
    let declared: Vec<_> = read
        .secrets
        .iter()
        .map(|spec| spec.full_name(stack_name.as_str()))
        .collect();
    let external = read.stack.secrets.iter().filter(|(_, one)| one.external);
    let unknown =
        external.filter(|(key, one)| !declared.contains(&one.full_name(stack_name.as_str(), key)));
    unknown.map(|(key, _)| key.clone()).collect()
}

/// Lists the ports that are published for TCP.
fn tcp_ports(stack: &Stack) -> Vec<(String, u16)> {
    let mut found = Vec::new();
    for service in stack.services.keys() {
        let raw = stack
            .raw
            .get("services")
            .and_then(|all| all.get(service.as_str()));
        for port in yaml::items(raw.and_then(|raw| raw.get("ports"))) {
            let is_tcp = yaml::text(port, "protocol").is_none_or(|protocol| protocol == "tcp");
            let target = yaml::text(port, "target").and_then(|target| target.parse().ok());
            if let (true, Some(target)) = (is_tcp, target) {
                found.push((service.clone(), target));
            }
        }
    }
    found.dedup();
    found
}

/// Returns the health check of the service `app`, else of the first that has one.
fn health_command(stack: &Stack) -> Option<(String, Vec<String>)> {
    let mut services: Vec<_> = stack.services.keys().collect();
    services.sort_by_key(|service| *service != "app");
    services.into_iter().find_map(|service| {
        let command = health::command(stack, service)?;
        Some((service.clone(), command))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recipe's files, as a stack of this domain.
    const DOMAIN: &str = "chat-0a1b2c.example.org";

    /// Proposes for a rendered compose file and the text of a sample.
    fn proposed(compose: &str, sample: &str) -> Proposal {
        let domain: AppDomain = DOMAIN.parse().unwrap();
        let stack = Stack::from_text(compose).unwrap();
        let env = EnvFile::parse(sample).unwrap();
        propose(&Read {
            domain: &domain,
            backup: &BackupPlan::from_stack(&stack, domain.stack().as_str()).unwrap(),
            stack: &stack,
            secrets: &secret_spec::secret_specs(&env).unwrap(),
            variables: &Variables::default(),
            databases: &[],
        })
    }

    #[test]
    fn hosts_beside_and_below_the_apps_own_are_told_apart() {
        let rule = |host: &str| {
            format!(
                "traefik.http.routers.r{}.rule: 'Host(`{host}`)'",
                host.len()
            )
        };
        let compose = format!(
            "services:\n  app:\n    image: x:1\n    deploy:\n      labels:\n        {}\n        {}\n        {}\n        {}\n",
            rule(DOMAIN),
            rule("minio-chat-0a1b2c.example.org"),
            rule("live.chat-0a1b2c.example.org"),
            rule("elsewhere.net"),
        );
        let found = proposed(&compose, "");
        assert_eq!(
            found.siblings,
            ["elsewhere.net", "minio-{label}.{base-domain}"]
        );
        assert_eq!(found.nested, ["live.{label}.{base-domain}"]);
        assert_eq!(found.page, Err("the proxy leads to no service".to_owned()));
    }

    #[test]
    fn secrets_are_asked_for_that_nobody_generates_and_the_stack_uses() {
        let compose = "services: {}\nsecrets:\n  key:\n    name: chat-0a1b2c_example_org_key_v1\n    external: true\n  made:\n    name: chat-0a1b2c_example_org_made_v1\n    external: true\n  lost:\n    name: chat-0a1b2c_example_org_lost_v9\n    external: true\n";
        let sample = "SECRET_KEY_VERSION=v1 # generate=false charset=hex length=64\nSECRET_MADE_VERSION=v1\nSECRET_UNUSED_VERSION=v1 # generate=false\n";
        let found = proposed(compose, sample);
        let made: Vec<_> = found
            .secrets
            .iter()
            .map(|secret| format!("{} {} {}", secret.name, secret.version, secret.value))
            .collect();
        assert_eq!(made, ["key v1 hex:64"]);
        assert_eq!(found.unknown_secrets, ["lost"]);
    }

    #[test]
    fn without_a_page_ports_for_tcp_and_the_health_check_stand_in() {
        let compose = "services:\n  voice:\n    image: x:1\n    healthcheck:\n      test: [CMD, check]\n    ports:\n      - {target: 64738, published: 64738, protocol: tcp}\n      - {target: 64738, published: 64738, protocol: udp}\n      - {target: 53, protocol: udp}\n";
        let found = proposed(compose, "");
        assert_eq!(found.ports, [("voice".to_owned(), 64738)]);
        let (service, command) = found.health_command.unwrap();
        assert_eq!(
            (service.as_str(), &command[..]),
            ("voice", &["check".to_owned()][..])
        );
        let passes = "services:\n  app:\n    image: x:1\n    deploy:\n      labels:\n        traefik.enable: 'true'\n        traefik.tcp.routers.x.tls.passthrough: 'true'\n";
        let why = proposed(passes, "").page.unwrap_err();
        assert_eq!(why, "the proxy passes TLS through to the app");
    }

    #[test]
    fn a_backup_is_told_volume_by_volume() {
        let compose = "services:\n  db:\n    image: x:1\n    volumes: ['data:/d', 'cache:/c', 'files:/f']\n    deploy:\n      labels:\n        backupbot.backup: 'true'\n        backupbot.backup.volumes.data.path: dump.sql\n        backupbot.backup.volumes.cache: 'false'\nvolumes:\n  data: {}\n  cache: {}\n  files: {}\n";
        let found = proposed(compose, "");
        assert_eq!(found.backup.unwrap(), ["data (dump.sql)", "files"]);
        assert_eq!(proposed("services: {}\n", "").backup, None);
    }

    #[test]
    fn many_services_without_a_label_are_counted() {
        let services: Vec<_> = (0..6)
            .map(|n| format!("  s{n}:\n    image: x:1\n"))
            .collect();
        let compose = format!("services:\n{}", services.concat());
        assert_eq!(proposed(&compose, "").many_services, Some(6));
        let label = "    deploy:\n      labels:\n        coop-cloud.chat-0a1b2c_example_org.timeout: '900'\n";
        assert_eq!(proposed(&(compose + label), "").many_services, None);
    }

    #[test]
    fn variables_need_a_value_by_what_the_compose_files_say() {
        let sample = "DOMAIN=x\nADMIN_EMAIL=\nSMTP_HOST=\nFULL=yes\nLICENCE=\nPORT=\nSET=\n";
        let needs = [
            ("DOMAIN", Need::Filled),
            ("ADMIN_EMAIL", Need::Plain),
            ("SMTP_HOST", Need::Plain),
            ("FULL", Need::Filled),
            ("LICENCE", Need::Filled),
            ("PORT", Need::Defaulted),
            ("SET", Need::Set),
            ("ABSENT", Need::Set),
            ("PLAIN", Need::Plain),
            ("NGINX_CONF_VERSION", Need::Filled),
        ];
        let needs = needs.map(|(name, need)| (name.to_owned(), need)).into();
        let found = Variables::find(&EnvFile::parse(sample).unwrap(), &needs);
        let shown: Vec<_> = found
            .needed
            .iter()
            .map(|(name, guess)| (name.as_str(), guess.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [
                ("ABSENT", None),
                ("ADMIN_EMAIL", Some("admin@example.org")),
                ("LICENCE", None)
            ]
        );
        assert_eq!(found.empty, ["SET", "SMTP_HOST"]);
        assert_eq!(guess("XEMAIL"), None);
    }
}
