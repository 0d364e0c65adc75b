//! What a screen says, without what differs from run to run.

use crate::world::World;

/// Returns lines without paths, names, times and versions; what others on the swarm do meanwhile is left out.
pub(crate) fn redacted(world: &World, lines: &[String]) -> String {
    let root = world.path("").display().to_string();
    let run = lines
        .iter()
        .find_map(|line| line.trim().strip_prefix("Run "))
        .expect("the run is named");
    let (id, rest) = run.split_once(' ').expect("its recipe follows");
    let domain = rest.split([' ', ',']).nth(1).expect("its app follows");
    let ours = lines.iter().filter(|line| !line.contains(" was not ours"));
    let shown = ours.map(|line| {
        let line = line.replace(&root, "").replace(domain, "DOMAIN");
        let line = between(&line.replace(id, "RUN"), "[", "]", "TIME");
        let line = between(&line, "docker ", ",", "VERSION");
        // How many containers there were is swarm's affair.
        match line.split_once(" removed ") {
            Some((before, _)) => format!("{before} removed COUNTS"),
            None => without_commit(line),
        }
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// Replaces what stands between two marks, unless it is blank.
fn between(line: &str, open: &str, close: &str, name: &str) -> String {
    let parts = line.split_once(open).and_then(|(before, rest)| {
        let (inner, after) = rest.split_once(close)?;
        (!inner.trim().is_empty()).then(|| format!("{before}{open}{name}{close}{after}"))
    });
    parts.unwrap_or_else(|| line.to_owned())
}

/// Replaces the short name of a commit in parentheses.
fn without_commit(line: String) -> String {
    let is_commit = |text: &str| text.len() == 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let parts = line.split_once('(').and_then(|(before, rest)| {
        let (inner, after) = rest.split_once(')')?;
        is_commit(inner).then(|| format!("{before}(COMMIT){after}"))
    });
    parts.unwrap_or(line)
}
