//! What may differ between what a page shows and what is printed: each kind of it, and nothing else.

use std::sync::LazyLock;

use regex::Regex;

/// Each kind: what it looks like, and what stands in its place when two lines are compared.
///
/// The order matters: a time of a log holds a time of day.
const KINDS: [(&str, &str); 7] = [
    // How long something took, in brackets or at the end of a heartbeat.
    (r"\[ *(\d+h +)?(\d+m +)?[\d.]+s\]", "[TIME]"),
    // The time of a line in the log of a web server.
    (
        r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]",
        "[TIME]",
    ),
    // When a kept app expires.
    (r"\b(\d{4}-\d\d-\d\d )?\d\d:\d\d UTC", "TIME UTC"),
    // A run.
    (
        r"(\bRun |\brun |\bruns/|RUN_ID=|\bteardown |\bexplain )[2-9a-kmnp-z]{5}\b",
        "${1}RUN",
    ),
    // The first part of an app's domain, or of its stack.
    (r"\b([a-z0-9]{1,4})-[0-9a-f]{6}(_|\b)", "$1-APP$2"),
    // An address on the engine's own network.
    (r"\b172\.\d+\.\d+\.\d+\b", "ADDRESS"),
    // The version of the Docker client.
    (r"\bdocker \d+\.\d+\.\d+\b", "docker VERSION"),
];

/// The line that begins a run names it.
static BEGINS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^ *Run ([2-9a-kmnp-z]{5}) ").expect("the pattern is sound"));

/// The kinds, ready to be looked for.
static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let kinds = KINDS.iter();
    kinds
        .map(|(pattern, name)| (Regex::new(pattern).expect("the pattern is sound"), *name))
        .collect()
});

/// Returns a line with the name of each kind in place of what may differ.
pub(crate) fn plain(line: &str) -> String {
    let mut text = line.trim_end().to_owned();
    for (pattern, name) in &*PATTERNS {
        text = pattern.replace_all(&text, *name).into_owned();
    }
    text
}

/// Returns the id of the first run that begins in some lines.
pub(crate) fn run_id(lines: &[String]) -> Option<&str> {
    let mut ids = lines
        .iter()
        .filter_map(|line| BEGINS.captures(line)?.get(1));
    ids.next().map(|id| id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_begins_a_run_names_it() {
        let lines = [
            "        Logs ~/runs/6wsfd",
            "         Run 2qbys static-site: x",
        ];
        let lines = lines.map(str::to_owned);
        assert_eq!(run_id(&lines), Some("2qbys"));
        assert_eq!(run_id(&lines[..1]), None);
    }

    #[test]
    fn what_may_differ_is_named_and_all_else_stays() {
        let lines = [
            "        PASS [   2.8s] (1/5) static-site install: 3 checks",
            "        SLOW [ 1m 49s] (2/5) static-site upgrade",
            "         Run 2qbys static-site: stat-820f36.ccci.localhost, docker 28.2.2",
            "        Kept static-site: http://172.18.0.3:80 until 17:55 UTC",
            "        SKIP stat-820f36.ccci.localhost: kept until 2026-11-20 18:15 UTC",
            "             shell:  CCCI_RUN_ID=6wsfd ccci exec app -- sh",
            "    hint: run `ccci explain 6wsfd`",
            "172.18.0.1 - - [20/Nov/2026:15:55:51 +0000] \"GET / HTTP/1.1\" 200 111",
            "the config `stat-fcafe5_ccci_localhost_nginx_conf_v2` changed",
            "        SKIP [       ] (5/5) static-site custom: no tests found",
            "    Starting static-site 1.1.0+1.22.1 (76f6e60) from 1.0.0+1.22.0",
        ];
        let plain: Vec<_> = lines.iter().map(|line| plain(line)).collect();
        insta::assert_snapshot!(plain.join("\n"), @r#"
                PASS [TIME] (1/5) static-site install: 3 checks
                SLOW [TIME] (2/5) static-site upgrade
                 Run RUN static-site: stat-APP.ccci.localhost, docker VERSION
                Kept static-site: http://ADDRESS:80 until TIME UTC
                SKIP stat-APP.ccci.localhost: kept until TIME UTC
                     shell:  CCCI_RUN_ID=RUN ccci exec app -- sh
            hint: run `ccci explain RUN`
        ADDRESS - - [TIME] "GET / HTTP/1.1" 200 111
        the config `stat-APP_ccci_localhost_nginx_conf_v2` changed
                SKIP [       ] (5/5) static-site custom: no tests found
            Starting static-site 1.1.0+1.22.1 (76f6e60) from 1.0.0+1.22.0
        "#);
    }
}
