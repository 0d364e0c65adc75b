//! Dependencies and the changelog.

use crate::source::Repository;

/// How many direct dependencies the program may have.
const DEPENDENCIES: usize = 28;

/// Returns the dependencies without a reason, and all of them when there are too many.
pub(crate) fn unexplained_dependencies(repository: &Repository) -> Vec<String> {
    let manifest = repository.text("Cargo.toml");
    let mut found = Vec::new();
    let names = section(manifest, "[dependencies]", &mut found);
    section(manifest, "[dev-dependencies]", &mut found);
    if names.len() > DEPENDENCIES {
        let count = names.len();
        found.push(format!(
            "Cargo.toml: {count} dependencies, more than {DEPENDENCIES}"
        ));
    }
    found
}

/// Returns the names of a section, and notes those that no comment stands above.
fn section<'a>(manifest: &'a str, head: &str, found: &mut Vec<String>) -> Vec<&'a str> {
    let lines = manifest.lines().skip_while(|line| *line != head).skip(1);
    let mut names: Vec<&str> = Vec::new();
    let mut above = "";
    for line in lines.take_while(|line| !line.starts_with('[')) {
        if let Some((name, _)) = line
            .split_once(" = ")
            .filter(|_| !line.starts_with(['#', ' ']))
        {
            // `serde_json` shares the reason of `serde` when it follows it.
            let family = names.last().is_some_and(|last| {
                above.starts_with(last) && name.starts_with(&format!("{last}_"))
            });
            if !above.starts_with("# ") && !family && name != env!("CARGO_PKG_NAME") {
                found.push(format!("Cargo.toml: no comment says why `{name}` is there"));
            }
            names.push(name);
        }
        above = line;
    }
    names
}

/// Returns a complaint when the changelog says nothing of this version.
pub(crate) fn missing_changelog_entry(repository: &Repository) -> Vec<String> {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = repository.text("CHANGELOG.md");
    let told = ["## [Unreleased]".to_owned(), format!("## [{version}]")]
        .iter()
        .any(|head| {
            let lines = changelog
                .lines()
                .skip_while(|line| !line.starts_with(head))
                .skip(1);
            lines
                .take_while(|line| !line.starts_with("## "))
                .any(|line| line.starts_with("- "))
        });
    let complaint = format!("CHANGELOG.md: neither `Unreleased` nor `{version}` has an entry");
    if told { Vec::new() } else { vec![complaint] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let manifest =
            "[dependencies]\n# Why.\na = \"1\"\na_more = \"1\"\nb = \"1\"\n\n[lints]\nc = 1\n";
        let found = unexplained_dependencies(&Repository::of(&[("Cargo.toml", manifest)]));
        assert_eq!(found, ["Cargo.toml: no comment says why `b` is there"]);
    }

    #[test]
    fn one_dependency_too_many_is_found() {
        let many: Vec<_> = (0..29).map(|n| format!("# Why.\nd{n} = \"1\"\n")).collect();
        let manifest = format!("[dependencies]\n{}", many.concat());
        let found = unexplained_dependencies(&Repository::of(&[("Cargo.toml", &manifest)]));
        assert_eq!(found, ["Cargo.toml: 29 dependencies, more than 28"]);
    }

    #[test]
    fn an_empty_changelog_is_found() {
        let with =
            |text: &str| missing_changelog_entry(&Repository::of(&[("CHANGELOG.md", text)])).len();
        assert_eq!(with("## [Unreleased]\n\n## [0.0.1]\n- old\n"), 1);
        assert_eq!(with("## [Unreleased]\n\n### Added\n\n- new\n"), 0);
        assert_eq!(
            with(&format!(
                "## [{}] - 2026-01-01\n\n- new\n",
                env!("CARGO_PKG_VERSION")
            )),
            0
        );
    }
}
