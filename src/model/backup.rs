//! What a stack's backup labels ask for, in both of their versions; never copies anything.

use std::collections::BTreeMap;

use crate::model::compose::{Service, Stack};

/// Why backup labels cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("backup path `{path}` leads out of the volume `{volume}`")]
pub struct Error {
    /// The volume by key.
    pub volume: String,
    /// The path as written.
    pub path: String,
}

/// What of a stack is backed up, and how.
///
/// ```
/// use ccci::model::{backup::{BackupPlan, Rule}, compose::Stack};
///
/// let stack = Stack::from_text(
///     "services:\n  db:\n    volumes: ['data:/d']\n    deploy:\n      labels:\n        \
///      backupbot.backup: 'true'\n        backupbot.backup.volumes.data.path: dump.sql\n\
///      volumes:\n  data: {}\n",
/// ).unwrap();
/// let plan = BackupPlan::from_stack(&stack, "x").unwrap();
/// assert!(plan.enabled);
/// assert_eq!(plan.volumes[0].rule, Rule::Paths(vec!["dump.sql".to_owned()]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupPlan {
    /// Whether any service asks for a backup.
    pub enabled: bool,
    /// The services with hooks.
    pub services: Vec<ServiceBackup>,
    /// Each volume of the stack's own.
    pub volumes: Vec<VolumeBackup>,
    /// Container paths of the older labels that lie on no volume, as `service:path`.
    pub outside: Vec<String>,
}

/// The hooks of one service, run in its container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceBackup {
    /// The service by key.
    pub service: String,
    /// Runs before the backup.
    pub pre_hook: Option<String>,
    /// Runs after the backup.
    pub post_hook: Option<String>,
    /// Runs before the restore.
    pub restore_pre_hook: Option<String>,
    /// Runs after the restore.
    pub restore_post_hook: Option<String>,
}

/// What of one volume is backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeBackup {
    /// The volume's full name.
    pub volume: String,
    /// Which part of it.
    pub rule: Rule,
}

/// Which part of a volume is backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// All of it.
    Whole,
    /// These paths, relative to the volume's root.
    Paths(Vec<String>),
    /// Nothing.
    Excluded,
}

impl BackupPlan {
    /// Reads the labels of a rendered stack.
    ///
    /// A rule for a volume by name goes before a path in a container, which is the older form.
    /// Volumes that neither names are saved whole, unless every service that asks for a backup
    /// lists paths: then only what is listed is wanted.
    pub fn from_stack(stack: &Stack, stack_name: &str) -> Result<Self, Error> {
        let enabled: Vec<_> = stack.services.iter().filter(|(_, s)| asks(s)).collect();
        if enabled.is_empty() {
            return Ok(Self::default());
        }
        let services = stack.services.iter().filter(|(_, s)| !declines(s));
        let mut rules = BTreeMap::new();
        for (_, service) in services.clone() {
            volume_rules(service, &mut rules)?;
        }
        let mut outside = Vec::new();
        let older = container_paths(stack, &enabled, &mut outside)?;
        let only_listed = enabled.iter().all(|(_, s)| s.labels.contains_key(PATH));
        let rest = if only_listed {
            Rule::Excluded
        } else {
            Rule::Whole
        };
        let own = |(key, object): (&String, &crate::model::compose::Object)| {
            let volume = object.full_name(stack_name, key);
            let is_own = !object.external || volume.starts_with(&format!("{stack_name}_"));
            let rule = rules.get(key).or_else(|| older.get(key)).unwrap_or(&rest);
            let rule = rule.clone();
            is_own.then_some(VolumeBackup { volume, rule })
        };
        Ok(Self {
            enabled: true,
            services: services.filter_map(|(key, s)| hooks(key, s)).collect(),
            volumes: stack.volumes.iter().filter_map(own).collect(),
            outside,
        })
    }
}

/// The label that asks for a backup.
const BACKUP: &str = "backupbot.backup";
/// The older label that lists paths in the container.
const PATH: &str = "backupbot.backup.path";

/// Whether a service asks for a backup.
fn asks(service: &Service) -> bool {
    let label = service.labels.get(BACKUP);
    label.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

/// Whether a service says that it wants none, its hooks and rules included.
fn declines(service: &Service) -> bool {
    service.labels.contains_key(BACKUP) && !asks(service)
}

/// Reads the hooks of a service; none when it has none.
fn hooks(key: &str, service: &Service) -> Option<ServiceBackup> {
    let hook = |name: &str| {
        let label = service.labels.get(&format!("backupbot.{name}"));
        label.filter(|command| !command.trim().is_empty()).cloned()
    };
    let found = ServiceBackup {
        service: key.to_owned(),
        pre_hook: hook("backup.pre-hook"),
        post_hook: hook("backup.post-hook"),
        restore_pre_hook: hook("restore.pre-hook"),
        restore_post_hook: hook("restore.post-hook"),
    };
    let empty = ServiceBackup {
        service: found.service.clone(),
        ..ServiceBackup::default()
    };
    (found != empty).then_some(found)
}

/// Reads the rules for volumes by name.
fn volume_rules(service: &Service, rules: &mut BTreeMap<String, Rule>) -> Result<(), Error> {
    for (label, value) in &service.labels {
        let Some(name) = label.strip_prefix("backupbot.backup.volumes.") else {
            continue;
        };
        if let Some(volume) = name.strip_suffix(".path") {
            let paths: Result<Vec<_>, _> = list(value)
                .map(|path| {
                    relative(path).ok_or_else(|| Error {
                        volume: volume.to_owned(),
                        path: path.to_owned(),
                    })
                })
                .collect();
            // A volume that is left out stays out, whatever paths are listed besides.
            rules
                .entry(volume.to_owned())
                .or_insert_with_key(|_| Rule::Whole);
            add(rules, volume, paths?);
        } else if value.trim().eq_ignore_ascii_case("false") {
            rules.insert(name.to_owned(), Rule::Excluded);
        } else {
            rules.entry(name.to_owned()).or_insert(Rule::Whole);
        }
    }
    Ok(())
}

/// Narrows a volume's rule to paths, or adds paths to those there are.
fn add(rules: &mut BTreeMap<String, Rule>, volume: &str, more: Vec<String>) {
    let whole = more.is_empty() || more.iter().any(String::is_empty);
    match rules.get_mut(volume) {
        Some(Rule::Paths(paths)) if !whole => {
            paths.extend(more.into_iter().filter(|path| !path.is_empty()));
        }
        Some(rule @ Rule::Whole) if !whole => *rule = Rule::Paths(more),
        _ => {}
    }
}

/// Maps the paths in containers to volumes, by what each service mounts.
fn container_paths(
    stack: &Stack,
    services: &[(&String, &Service)],
    outside: &mut Vec<String>,
) -> Result<BTreeMap<String, Rule>, Error> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, service) in services {
        let label = service.labels.get(PATH).map_or("", String::as_str);
        for path in list(label) {
            match on_volume(stack, service, path)? {
                on if on.is_empty() => outside.push(format!("{key}:{path}")),
                on => {
                    for (volume, path) in on {
                        found.entry(volume).or_default().push(path);
                    }
                }
            }
        }
    }
    let rule = |paths: Vec<String>| {
        if paths.iter().any(String::is_empty) {
            Rule::Whole
        } else {
            Rule::Paths(paths)
        }
    };
    let rules = found.into_iter();
    Ok(rules.map(|(volume, paths)| (volume, rule(paths))).collect())
}

/// Returns the volumes that a path in a container covers, each with the path in it.
///
/// A path above mounts covers all of them whole; the empty path is a volume's root.
fn on_volume(stack: &Stack, service: &Service, path: &str) -> Result<Vec<(String, String)>, Error> {
    let Some(path_parts) = relative(path) else {
        let path = path.to_owned();
        let volume = "/".to_owned();
        return Err(Error { volume, path });
    };
    let mut inside: Option<(usize, String, String)> = None;
    let mut above = Vec::new();
    for mount in service.mounts.iter().filter(|mount| mount.kind == "volume") {
        let source = mount.source.as_ref();
        let Some(volume) = source.filter(|key| stack.volumes.contains_key(*key)) else {
            continue;
        };
        let target = relative(&mount.target).unwrap_or_default();
        if let Some(rest) = below(&path_parts, &target) {
            // Of nested mounts the innermost holds the path.
            if inside
                .as_ref()
                .is_none_or(|(length, ..)| target.len() > *length)
            {
                inside = Some((target.len(), volume.clone(), rest.to_owned()));
            }
        } else if below(&target, &path_parts).is_some() {
            above.push((volume.clone(), String::new()));
        }
    }
    above.extend(inside.map(|(_, volume, rest)| (volume, rest)));
    Ok(above)
}

/// Returns the part of a path below a directory, empty for the directory itself.
fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(directory)?;
    if directory.is_empty() || rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix('/')
}

/// Splits a comma list, with quotes around it or its items tolerated.
fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(|item| item.trim().trim_matches(['"', '\'']).trim())
        .filter(|item| !item.is_empty())
}

/// Brings a path into the form `a/b`, empty for the root; none if it leads out.
fn relative(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stack of two services and three volumes; `labels` are lines for `app` and for `db`.
    fn plan(app: &[&str], db: &[&str]) -> Result<BackupPlan, Error> {
        let labels = |lines: &[&str]| {
            let quoted: Vec<_> = lines.iter().map(|line| format!("'{line}'")).collect();
            quoted.join(", ")
        };
        let text = format!(
            "services:\n  app:\n    volumes: ['data:/srv/www', 'cache:/srv/www/cache', '/anon']\n    \
             deploy:\n      labels: [{}]\n  db:\n    volumes: ['db:/var/lib/db', '/bind:/b']\n    \
             deploy:\n      labels: [{}]\n\
             volumes:\n  data:\n  cache:\n  db:\n  theirs:\n    external: true\n",
            labels(app),
            labels(db)
        );
        BackupPlan::from_stack(&Stack::from_text(&text).unwrap(), "s")
    }

    /// Shows the rules of the three volumes.
    fn rules(plan: &BackupPlan) -> Vec<String> {
        let volumes = plan.volumes.iter();
        volumes
            .map(|volume| match &volume.rule {
                Rule::Whole => format!("{} whole", volume.volume),
                Rule::Paths(paths) => format!("{} {}", volume.volume, paths.join(" ")),
                Rule::Excluded => format!("{} excluded", volume.volume),
            })
            .collect()
    }

    #[test]
    fn without_a_label_there_is_no_backup() {
        assert_eq!(
            plan(&[], &["backupbot.backup.pre-hook=x"]).unwrap(),
            BackupPlan::default()
        );
        assert!(!plan(&["backupbot.backup=false"], &[]).unwrap().enabled);
    }

    #[test]
    fn enabling_alone_saves_every_volume_of_the_stacks_own() {
        let plan = plan(&["backupbot.backup=true"], &[]).unwrap();
        assert_eq!(
            rules(&plan),
            ["s_cache whole", "s_data whole", "s_db whole"]
        );
        assert_eq!(plan.services, []);
    }

    #[test]
    fn volumes_are_left_out_or_narrowed_by_name_and_hooks_stay_with_their_service() {
        let plan = plan(
            &[
                "backupbot.backup=True",
                "backupbot.backup.volumes.cache=false",
            ],
            &[
                "backupbot.backup.pre-hook=/pg_backup.sh backup",
                "backupbot.restore.post-hook=/pg_backup.sh restore",
                "backupbot.backup.volumes.db.path=backup.sql, /wal//x/",
            ],
        )
        .unwrap();
        assert_eq!(
            rules(&plan),
            ["s_cache excluded", "s_data whole", "s_db backup.sql wal/x"]
        );
        assert_eq!(
            plan.services,
            [ServiceBackup {
                service: "db".to_owned(),
                pre_hook: Some("/pg_backup.sh backup".to_owned()),
                restore_post_hook: Some("/pg_backup.sh restore".to_owned()),
                ..ServiceBackup::default()
            }]
        );
    }

    #[test]
    fn a_service_that_declines_brings_no_hook() {
        let db = ["backupbot.backup=false", "backupbot.backup.pre-hook=x"];
        assert_eq!(plan(&["backupbot.backup=true"], &db).unwrap().services, []);
    }

    #[test]
    fn container_paths_are_mapped_to_the_innermost_volume() {
        let plan = plan(
            &[
                "backupbot.backup=true",
                "backupbot.backup.path=/srv/www/html/,/srv/www/cache,/etc/x",
            ],
            &[],
        )
        .unwrap();
        assert_eq!(
            rules(&plan),
            ["s_cache whole", "s_data html", "s_db excluded"]
        );
        assert_eq!(plan.outside, ["app:/etc/x"]);
    }

    #[test]
    fn a_path_above_mounts_covers_them_whole() {
        let labels = ["backupbot.backup=true", "backupbot.backup.path=/srv"];
        let plan = plan(&labels, &[]).unwrap();
        assert_eq!(
            rules(&plan),
            ["s_cache whole", "s_data whole", "s_db excluded"]
        );
    }

    #[test]
    fn of_mixed_versions_the_newer_one_wins() {
        let plan = plan(
            &[
                "backupbot.backup=true",
                "backupbot.backup.path=/srv/www/html",
                "backupbot.backup.volumes.data.path=other",
            ],
            &["backupbot.backup=true"],
        )
        .unwrap();
        assert_eq!(
            rules(&plan),
            ["s_cache whole", "s_data other", "s_db whole"]
        );
    }

    #[test]
    fn a_path_that_leads_out_is_an_error() {
        let newer = [
            "backupbot.backup=true",
            "backupbot.backup.volumes.db.path=a/../../x",
        ];
        assert_eq!(
            plan(&newer, &[]).unwrap_err().to_string(),
            "backup path `a/../../x` leads out of the volume `db`"
        );
        let older = [
            "backupbot.backup=true",
            "backupbot.backup.path=/srv/www/../../x",
        ];
        assert!(plan(&older, &[]).is_err());
    }
}
