//! The files that are written for a recipe, each passing as it stands, and what people read before they are.

use super::{
    clean::clean,
    level::Weight,
    line::{Line, Tone},
};
use crate::model::{
    check::UrlPath,
    enrollment::{Enrollment, NewFile},
    proposal::{Page, Proposal},
};

/// The statuses of an answer that says nothing against an app, in `recipe.toml` and in Python.
const WELL: [&str; 2] = [
    r#"["200-399", "401", "403"]"#,
    "[*range(200, 400), 401, 403]",
];
/// The name of the test in Python.
const EXAMPLE: &str = "test_custom_first.py";
/// The name of the hook that makes secrets.
const INSTALL_STEPS: &str = "install_steps.sh";

/// Returns what was found in a recipe, a line each.
pub(crate) fn found_lines(proposal: &Proposal, base: Option<&str>) -> Vec<Line> {
    let mut texts = Vec::new();
    match &proposal.page {
        Ok(Page { route, health }) => {
            let (service, port) = (&route.service, route.port);
            texts.push(format!("pages of `{service}` at port {port}"));
            texts.push(format!("path `{}`: {}", health.path.as_str(), health.why));
        }
        Err(why) => texts.push(format!("no page to ask for: {why}")),
    }
    texts.extend(
        proposal
            .ports
            .iter()
            .map(|(service, port)| format!("port {port} of `{service}`, for TCP")),
    );
    texts.push(match proposal.backup.as_deref() {
        None => "no backup labels: backup and restore do not apply".to_owned(),
        Some([]) => "backup labels that cover no volume".to_owned(),
        Some(volumes) => format!("backup of {}", volumes.join(", ")),
    });
    let databases = proposal.databases.iter();
    texts.extend(databases.map(|(service, engine)| format!("database in `{service}`, {engine}")));
    texts.push(match base {
        Some(base) => format!("upgrade from {base}"),
        None => "no older release: the upgrade does not apply".to_owned(),
    });
    texts.extend(
        proposal
            .siblings
            .iter()
            .map(|host| format!("further name {host}")),
    );
    let found = |text| Line::status(Weight::Info, ("Found", Tone::Info), text);
    let mut lines: Vec<_> = texts.into_iter().map(found).collect();
    lines.extend(doubts(proposal));
    lines
}

/// Returns what may keep the recipe from passing.
fn doubts(proposal: &Proposal) -> Vec<Line> {
    let nested = proposal.nested.iter().map(|host| {
        format!("the compose files spell out {host}, which a wildcard certificate does not cover")
    });
    let unknown = proposal.unknown_secrets.iter().map(|secret| {
        format!("secret `{secret}` is external, and `.env.sample` does not declare it")
    });
    let texts = nested.chain(unknown);
    let warning = |text: String| Line::message(Weight::Info, ("warning", Tone::Warn), text);
    texts.map(warning).collect()
}

/// Returns all files of a recipe.
pub(crate) fn files(enrollment: &Enrollment<'_>) -> Vec<NewFile> {
    let file = |name, text, executable| NewFile {
        name,
        text,
        executable,
    };
    let mut files = vec![file("recipe.toml", recipe_toml(enrollment), false)];
    if !enrollment.answers.secrets.is_empty() {
        files.push(file(INSTALL_STEPS, install_steps(enrollment), true));
    }
    files.extend(example(enrollment).map(|text| file(EXAMPLE, text, false)));
    files.push(file("PARITY.md", parity(enrollment), false));
    files
}

/// Returns a text as a string of TOML, on one line.
fn quoted(text: &str) -> String {
    let text = serde_json::to_string(text).expect("a text is always JSON");
    // JSON leaves this one as it is, TOML does not.
    text.replace('\u{7f}', "\\u007f")
}

/// Returns lines of a comment, each cleaned, since they hold what the recipe's author wrote.
fn comment(lines: &[String]) -> String {
    let line = |line: &String| format!("# {}\n", clean(line));
    lines.iter().map(line).collect()
}

/// Writes `recipe.toml`.
fn recipe_toml(enrollment: &Enrollment<'_>) -> String {
    let Enrollment {
        recipe,
        revision,
        proposal,
        answers,
        ..
    } = enrollment;
    let title = format!(
        "Tests of the recipe `{recipe}`, enrolled from {revision}. All keys: docs/config.md."
    );
    let mut parts = vec![comment(&[title])];
    if let Ok(page) = &proposal.page {
        let path = answers.health_path.as_str();
        let why = if path == page.health.path.as_str() {
            page.health.why.as_str()
        } else {
            "it was asked for when the recipe was enrolled"
        };
        parts.push(format!(
            "\n# Tells whether the app can be reached: {}.\nhealth-path = {}\n",
            clean(why),
            quoted(path)
        ));
    }
    if let Some(base) = &answers.upgrade_base {
        let base = quoted(base.as_str());
        parts.push(format!(
            "\n# Upgrades begin with this release, and not with the newest older one.\nupgrade-base = {base}\n"
        ));
    }
    if let Some(services) = proposal.many_services {
        parts.push(format!(
            "\n# No label says how long a deploy of these {services} services may take.\ndeploy-timeout = \"20m\"\n"
        ));
    }
    parts.extend([remarks(enrollment), env(enrollment), probes(enrollment)]);
    parts.concat()
}

/// Writes, as comments, what ccci does without being told.
fn remarks(enrollment: &Enrollment<'_>) -> String {
    let proposal = enrollment.proposal;
    let mut lines = Vec::new();
    if let (Some(base), None) = (enrollment.base, &enrollment.answers.upgrade_base) {
        lines.push(format!(
            "Upgrades begin with the newest older release, now {base}; `upgrade-base` names another."
        ));
    }
    lines.push(match proposal.backup.as_deref() {
        None => "No label asks for a backup, so backup and restore do not apply.".to_owned(),
        Some([]) => "The backup labels cover no volume.".to_owned(),
        Some(volumes) => format!("A backup holds: {}.", volumes.join(", ")),
    });
    lines.extend(proposal.databases.iter().map(|(service, engine)| {
        format!("In the database of `{service}` ({engine}) ccci keeps an eye on a row of its own.")
    }));
    lines.extend(
        proposal
            .siblings
            .iter()
            .map(|host| format!("The app also has the name {host}.")),
    );
    lines.extend(proposal.nested.iter().map(|host| {
        format!("The compose files spell out {host}, which a wildcard certificate does not cover.")
    }));
    format!("\n{}", comment(&lines))
}

/// Writes `[env]`.
fn env(enrollment: &Enrollment<'_>) -> String {
    let (env, empty) = (
        &enrollment.answers.env,
        &enrollment.proposal.variables.empty,
    );
    let mut text = String::new();
    if !empty.is_empty() {
        let names = empty.join(", ");
        let line = format!(
            "Empty in `.env.sample`, to be set under `[env]` where tests need it: {names}."
        );
        text += &comment(&[line]);
    }
    if !env.is_empty() {
        text += "\n[env]\n# The app needs these; `{domain}` stands for its domain.\n";
        let line = |(name, value): &(String, String)| format!("{name} = {}\n", quoted(value));
        text.extend(env.iter().map(line));
    }
    text
}

/// Writes what is waited for and what is checked.
fn probes(enrollment: &Enrollment<'_>) -> String {
    let Enrollment {
        proposal, answers, ..
    } = enrollment;
    if proposal.page.is_ok() {
        let path = quoted(answers.health_path.as_str());
        let wanted = match &answers.contains {
            Some(contains) => format!("contains = [{}]\n", quoted(contains)),
            None => format!(
                "# Any answer but an error; narrow it down to the one that you expect.\nstatus = {}\n",
                WELL[0]
            ),
        };
        return format!("\n[[check]]\nname = \"answers\"\npath = {path}\n{wanted}");
    }
    let ready = (1..)
        .zip(&proposal.ports)
        .map(|(number, (service, port)): (usize, _)| {
            let service = quoted(service);
            format!(
                "\n# There is no page to ask for, so this port has to take connections.\n[[ready]]\nname = \"port-{number}\"\nservice = {service}\nport = {port}\n"
            )
        });
    let check = proposal.ports.first().map(|(service, port)| {
        let service = quoted(service);
        format!("\n[[check]]\nname = \"answers\"\nservice = {service}\nport = {port}\n")
    });
    ready.chain(check).collect()
}

/// Writes the hook that makes the secrets which nobody generates.
fn install_steps(enrollment: &Enrollment<'_>) -> String {
    let head = r#"#!/bin/sh
# Makes the secrets that the recipe cannot generate, before the first deploy.
# The values are random, which is enough for an app that only keeps them.
# Where it checks their form, or shows them to somebody else, make them as its documentation says.
set -eu

# Takes a value from standard input for the app's secret of this name.
# A release that does not know it yet gets it in the version given, for the upgrade.
insert() {
    key=SECRET_$(printf %s "$1" | tr '[:lower:]' '[:upper:]')_VERSION
    version=$(sed -n "s/^$key=//p" "$CCCI_APP_ENV" | sed 's/[[:space:]]*#.*//' | tr -d "\"'" | tail -n 1)
    version=${version:-$2}
    docker secret create --label "com.docker.stack.namespace=$CCCI_STACK" \
        "${CCCI_STACK}_$1_$version" - > "$TMPDIR/secret"
}
"#;
    let lines = enrollment.answers.secrets.iter().map(|(name, value)| {
        let (what, command) = (value.describe(), value.command());
        let version = version_of(enrollment.proposal, name);
        format!("\n# {what}\n{command} | insert {name} {version}\n")
    });
    std::iter::once(head.to_owned()).chain(lines).collect()
}

/// Returns the version of a secret that a recipe wants now; `v1`, as by convention, where a shell could take it amiss.
fn version_of<'a>(proposal: &'a Proposal, name: &str) -> &'a str {
    let mut all = proposal.secrets.iter();
    let version = all.find(|secret| secret.name == name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
    let version = version.map(|secret| secret.version.as_str());
    version
        .filter(|version| !version.is_empty() && version.chars().all(is_plain))
        .unwrap_or("v1")
}

/// Writes the test in Python; nothing where there is nothing that it could ask.
fn example(enrollment: &Enrollment<'_>) -> Option<String> {
    if !enrollment.has_example() {
        return None;
    }
    let (proposal, answers) = (enrollment.proposal, enrollment.answers);
    let recipe = enrollment.recipe;
    let told = "docs/testing-recipes.md tells of them all.";
    if proposal.page.is_err() {
        let (service, command) = proposal.health_command.as_ref()?;
        let words = std::iter::once(service).chain(command);
        let words: Vec<_> = words.map(|word| quoted(word)).collect();
        return Some(format!(
            "\"\"\"A first test of {recipe}.\n\nccci brings fixtures such as `run_in` along; {told}\n\"\"\"\n\n\ndef test_the_app_says_that_it_is_well(run_in):\n    # Raises what the command said, unless it ends with 0.\n    run_in({})\n",
            words.join(", ")
        ));
    }
    let path = quoted(answers.health_path.as_str());
    let head = format!(
        "\"\"\"A first test of {recipe}.\n\nccci brings fixtures such as `http` along; {told}\n\"\"\"\n"
    );
    let name = "def test_the_app_answers_as_one_that_is_well(http):\n";
    if let Some(contains) = &answers.contains {
        let contains = quoted(contains);
        let body = format!("    assert {contains} in http.get({path}).text\n");
        return Some(format!("{head}\n\n{name}{body}"));
    }
    let call = format!("http.get({path}, status=WELL, within=10)");
    let body = if answers.health_path == UrlPath::root() {
        format!(
            "    answer = {call}\n    # An answer without a body says where the app is instead.\n    assert answer.content or \"Location\" in answer.headers\n"
        )
    } else {
        format!(
            "    # Fails unless the status is one of these within so many seconds.\n    {call}\n"
        )
    };
    let well = WELL[1];
    Some(format!(
        "{head}\n# Any answer but an error; narrow it down to the one that you expect.\nWELL = {well}\n\n\n{name}{body}"
    ))
}

/// Writes the page that says what is verified.
fn parity(enrollment: &Enrollment<'_>) -> String {
    let (proposal, answers) = (enrollment.proposal, enrollment.answers);
    let mut rows = Vec::new();
    if proposal.page.is_ok() {
        let path = clean(answers.health_path.as_str());
        rows.push(format!(
            "| the path `{path}` is answered after install, upgrade and restore | `recipe.toml` |"
        ));
    } else if let Some((service, port)) = proposal.ports.first() {
        let service = clean(service);
        rows.push(format!(
            "| port {port} of `{service}` takes connections | `recipe.toml` |"
        ));
    } else {
        rows.push(
            "| nothing yet beyond what ccci checks of every recipe | `recipe.toml` |".to_owned(),
        );
    }
    if enrollment.has_example() {
        let what = if proposal.page.is_ok() {
            "the same path is answered, once more at the end"
        } else {
            "the app's own health check, run once more"
        };
        rows.push(format!("| {what} | `{EXAMPLE}` |"));
    }
    if !answers.secrets.is_empty() {
        let names: Vec<_> = answers
            .secrets
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let names = names.join(", ");
        rows.push(format!("| the secrets that nobody generates are there before the deploy: {names} | `{INSTALL_STEPS}` |"));
    }
    format!(
        "# What is verified of {}\n\n| what | how |\n|---|---|\n{}\n\nNot verified: what people do with the app, such as logging in or writing something down.\n",
        enrollment.recipe,
        rows.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        enrollment::{Answers, Example},
        health::Health,
        labels::Route,
        proposal::{NeededSecret, Variables},
    };

    /// A recipe of which there is something to say about everything.
    fn proposal() -> Proposal {
        Proposal {
            page: Ok(Page {
                route: Route {
                    service: "app".to_owned(),
                    port: 3000,
                    https: false,
                },
                health: Health {
                    path: "/api/healthz".parse().unwrap(),
                    why: "the health check of `app` asks for it".to_owned(),
                },
            }),
            backup: Some(vec!["data".to_owned(), "db (dump.sql)".to_owned()]),
            siblings: vec!["minio-{label}.{base-domain}".to_owned()],
            nested: vec!["live.{label}.{base-domain}".to_owned()],
            secrets: vec![NeededSecret {
                name: "signing_key".to_owned(),
                version: "v2".to_owned(),
                value: "hex:64".parse().unwrap(),
            }],
            unknown_secrets: vec!["lost\n# x".to_owned()],
            variables: Variables {
                needed: vec![(
                    "ADMIN_EMAIL".to_owned(),
                    Some("admin@example.org".to_owned()),
                )],
                empty: vec!["SMTP_HOST".to_owned(), "SMTP_USER".to_owned()],
            },
            databases: vec![("db".to_owned(), "PostgreSQL")],
            ports: Vec::new(),
            health_command: None,
            many_services: Some(9),
        }
    }

    /// A recipe without a page.
    fn without_page() -> Proposal {
        Proposal {
            page: Err("the proxy leads to no service".to_owned()),
            backup: None,
            ports: vec![("voice".to_owned(), 64738), ("mail \"x\"".to_owned(), 25)],
            health_command: Some((
                "voice".to_owned(),
                vec!["check".to_owned(), "it's \"up\"\n".to_owned()],
            )),
            many_services: None,
            ..proposal()
        }
    }

    /// Renders all files, with the answers that are suggested, changed.
    fn rendered(proposal: &Proposal, change: impl FnOnce(&mut Answers)) -> Vec<NewFile> {
        let mut answers = Answers::suggested(proposal);
        change(&mut answers);
        files(&Enrollment {
            recipe: &"forge".parse().unwrap(),
            revision: "2.0.0+1.5 (8f3c1d2)",
            base: Some("1.9.0+1.4"),
            proposal,
            answers: &answers,
        })
    }

    /// Returns the text of one file.
    fn text(files: &[NewFile], name: &str) -> String {
        let file = files.iter().find(|file| file.name == name);
        file.unwrap_or_else(|| panic!("no {name}")).text.clone()
    }

    #[test]
    fn what_was_found_is_what_people_read() {
        let look = super::super::line::Look::default();
        let shown = |proposal: &Proposal, base| {
            let lines = found_lines(proposal, base);
            lines
                .iter()
                .map(|line| line.paint(&look) + "\n")
                .collect::<String>()
        };
        insta::assert_snapshot!(shown(&proposal(), Some("1.9.0+1.4")), @r"
       Found pages of `app` at port 3000
       Found path `/api/healthz`: the health check of `app` asks for it
       Found backup of data, db (dump.sql)
       Found database in `db`, PostgreSQL
       Found upgrade from 1.9.0+1.4
       Found further name minio-{label}.{base-domain}
warning: the compose files spell out live.{label}.{base-domain}, which a wildcard certificate does not cover
warning: secret `lost # x` is external, and `.env.sample` does not declare it
");
        insta::assert_snapshot!(shown(&without_page(), None), @r#"
       Found no page to ask for: the proxy leads to no service
       Found port 64738 of `voice`, for TCP
       Found port 25 of `mail "x"`, for TCP
       Found no backup labels: backup and restore do not apply
       Found database in `db`, PostgreSQL
       Found no older release: the upgrade does not apply
       Found further name minio-{label}.{base-domain}
warning: the compose files spell out live.{label}.{base-domain}, which a wildcard certificate does not cover
warning: secret `lost # x` is external, and `.env.sample` does not declare it
"#);
    }

    #[test]
    fn the_settings_are_commented_and_no_more_than_what_matters() {
        let files = rendered(&proposal(), |_| {});
        insta::assert_snapshot!(text(&files, "recipe.toml"), @r#"
# Tests of the recipe `forge`, enrolled from 2.0.0+1.5 (8f3c1d2). All keys: docs/config.md.

# Tells whether the app can be reached: the health check of `app` asks for it.
health-path = "/api/healthz"

# No label says how long a deploy of these 9 services may take.
deploy-timeout = "20m"

# Upgrades begin with the newest older release, now 1.9.0+1.4; `upgrade-base` names another.
# A backup holds: data, db (dump.sql).
# In the database of `db` (PostgreSQL) ccci keeps an eye on a row of its own.
# The app also has the name minio-{label}.{base-domain}.
# The compose files spell out live.{label}.{base-domain}, which a wildcard certificate does not cover.
# Empty in `.env.sample`, to be set under `[env]` where tests need it: SMTP_HOST, SMTP_USER.

[env]
# The app needs these; `{domain}` stands for its domain.
ADMIN_EMAIL = "admin@example.org"

[[check]]
name = "answers"
path = "/api/healthz"
# Any answer but an error; narrow it down to the one that you expect.
status = ["200-399", "401", "403"]
"#);
        let files = rendered(&without_page(), |answers| answers.env.clear());
        insta::assert_snapshot!(text(&files, "recipe.toml"), @r#"
# Tests of the recipe `forge`, enrolled from 2.0.0+1.5 (8f3c1d2). All keys: docs/config.md.

# Upgrades begin with the newest older release, now 1.9.0+1.4; `upgrade-base` names another.
# No label asks for a backup, so backup and restore do not apply.
# In the database of `db` (PostgreSQL) ccci keeps an eye on a row of its own.
# The app also has the name minio-{label}.{base-domain}.
# The compose files spell out live.{label}.{base-domain}, which a wildcard certificate does not cover.
# Empty in `.env.sample`, to be set under `[env]` where tests need it: SMTP_HOST, SMTP_USER.

# There is no page to ask for, so this port has to take connections.
[[ready]]
name = "port-1"
service = "voice"
port = 64738

# There is no page to ask for, so this port has to take connections.
[[ready]]
name = "port-2"
service = "mail \"x\""
port = 25

[[check]]
name = "answers"
service = "voice"
port = 64738
"#);
    }

    #[test]
    fn the_test_in_python_asks_what_there_is() {
        let files = rendered(&proposal(), |_| {});
        insta::assert_snapshot!(text(&files, EXAMPLE), @r#"
"""A first test of forge.

ccci brings fixtures such as `http` along; docs/testing-recipes.md tells of them all.
"""

# Any answer but an error; narrow it down to the one that you expect.
WELL = [*range(200, 400), 401, 403]


def test_the_app_answers_as_one_that_is_well(http):
    # Fails unless the status is one of these within so many seconds.
    http.get("/api/healthz", status=WELL, within=10)
"#);
        let files = rendered(&proposal(), |answers| {
            answers.contains = Some("Sign \"in\"".to_owned());
            answers.health_path = "/login".parse().unwrap();
        });
        insta::assert_snapshot!(text(&files, EXAMPLE), @r#"
"""A first test of forge.

ccci brings fixtures such as `http` along; docs/testing-recipes.md tells of them all.
"""


def test_the_app_answers_as_one_that_is_well(http):
    assert "Sign \"in\"" in http.get("/login").text
"#);
        assert!(text(&files, "recipe.toml").contains("contains = [\"Sign \\\"in\\\"\"]\n"));
        let files = rendered(&without_page(), |_| {});
        insta::assert_snapshot!(text(&files, EXAMPLE), @r#"
"""A first test of forge.

ccci brings fixtures such as `run_in` along; docs/testing-recipes.md tells of them all.
"""


def test_the_app_says_that_it_is_well(run_in):
    # Raises what the command said, unless it ends with 0.
    run_in("voice", "check", "it's \"up\"\n")
"#);
        let root = rendered(&proposal(), |answers| answers.health_path = UrlPath::root());
        assert!(text(&root, EXAMPLE).contains("    assert answer.content or"));
    }

    #[test]
    fn secrets_are_made_by_a_program() {
        let files = rendered(&proposal(), |_| {});
        let hook = files
            .iter()
            .find(|file| file.name == INSTALL_STEPS)
            .unwrap();
        assert!(hook.executable);
        let mut odd = proposal();
        odd.secrets[0].version = "$(id)".to_owned();
        assert!(!text(&rendered(&odd, |_| {}), INSTALL_STEPS).contains("(id)"));
        let (_, end) = hook.text.rsplit_once("\n}\n").unwrap();
        insta::assert_snapshot!(end, @r"

# 64 random hexadecimal digits
LC_ALL=C tr -dc '0-9a-f' < /dev/urandom | head -c 64 | insert signing_key v2
");
    }

    #[test]
    fn what_is_verified_is_said_and_no_more() {
        let files = rendered(&proposal(), |_| {});
        insta::assert_snapshot!(text(&files, "PARITY.md"), @r"
# What is verified of forge

| what | how |
|---|---|
| the path `/api/healthz` is answered after install, upgrade and restore | `recipe.toml` |
| the same path is answered, once more at the end | `test_custom_first.py` |
| the secrets that nobody generates are there before the deploy: `signing_key` | `install_steps.sh` |

Not verified: what people do with the app, such as logging in or writing something down.
");
        let mut bare = without_page();
        (bare.ports, bare.health_command, bare.secrets) = (Vec::new(), None, Vec::new());
        let files = rendered(&bare, |answers| answers.example = Example::Pytest);
        let names: Vec<_> = files.iter().map(|file| file.name).collect();
        assert_eq!(names, ["recipe.toml", "PARITY.md"]);
        assert!(text(&files, "PARITY.md").contains("| nothing yet beyond"));
    }
}
