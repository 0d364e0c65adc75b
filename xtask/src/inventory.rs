//! What the swarm holds: services, containers, volumes, networks, secrets and configs.

use anyhow::Result;

use crate::run::cmd;

/// One object of the swarm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    /// Its kind, as docker's command for it is called.
    kind: &'static str,
    /// Its name.
    name: String,
    /// Its id; a volume has none beside its name.
    id: String,
}

/// The kinds, with the arguments that list them and the format of a line.
const LISTINGS: [(&str, &[&str], &str); 6] = [
    ("service", &["ls"], "{{.ID}} {{.Name}}"),
    ("container", &["ls", "--all"], "{{.ID}} {{.Names}}"),
    ("volume", &["ls"], "- {{.Name}}"),
    ("network", &["ls"], "{{.ID}} {{.Name}}"),
    ("secret", &["ls"], "{{.ID}} {{.Name}}"),
    ("config", &["ls"], "{{.ID}} {{.Name}}"),
];

/// Lists everything, sorted.
pub(crate) fn take() -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for (kind, args, format) in LISTINGS {
        let text = cmd("docker", &[kind])
            .args(args)
            .args(&["--format", format])
            .read()?;
        objects.extend(parse(kind, &text));
    }
    objects.sort();
    Ok(objects)
}

/// Reads lines of an id and a name.
fn parse(kind: &'static str, text: &str) -> Vec<Object> {
    let object = |line: &str| {
        let (id, name) = line.split_once(' ')?;
        Some(Object {
            kind,
            name: name.to_owned(),
            id: id.to_owned(),
        })
    };
    text.lines().filter_map(object).collect()
}

/// Describes each object that one inventory has and the other has not.
pub(crate) fn changes(before: &[Object], after: &[Object]) -> Vec<String> {
    let describe = |what: &str, object: &Object| {
        format!("{} `{}` ({}) {what}", object.kind, object.name, object.id)
    };
    let left = after.iter().filter(|object| !before.contains(object));
    let gone = before.iter().filter(|object| !after.contains(object));
    left.map(|object| describe("was left behind", object))
        .chain(gone.map(|object| describe("has vanished", object)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_inventories_have_no_changes() {
        let objects = parse("volume", "- one\n- two\n");
        assert_eq!(objects.len(), 2);
        assert!(changes(&objects, &objects).is_empty());
    }

    #[test]
    fn an_object_made_again_under_its_name_is_gone_and_left() {
        let (before, after) = (
            parse("network", "aa proxy\n"),
            parse("network", "bb proxy\n"),
        );
        assert_eq!(
            changes(&before, &after),
            [
                "network `proxy` (bb) was left behind",
                "network `proxy` (aa) has vanished"
            ]
        );
    }
}
