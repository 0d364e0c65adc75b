//! What an untrusted recipe's compose files may ask for, deny by default; never reads a file.
//!
//! [`check_raw`] looks at each file before any tool sees it, [`check`] at the rendered whole.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use yaml_serde::Value;

pub use crate::model::policy_raw::check_raw;
use crate::model::{policy_objects, policy_service, yaml};

/// One thing that an untrusted compose file must not do; exceptions are granted by rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Mounts a path of the host, or something else that is neither volume nor tmpfs.
    BindMount,
    /// Uses a volume driver, or options that make a volume of a device or a path.
    VolumeDriver,
    /// Joins the host's network.
    HostNetwork,
    /// Uses a network driver other than overlay, or addresses and options of its own.
    NetworkDriver,
    /// Binds a port on the node itself.
    HostPorts,
    /// Adds capabilities.
    CapAdd,
    /// Uses devices of the host.
    Devices,
    /// Runs privileged.
    Privileged,
    /// Shares the process namespace.
    Pid,
    /// Shares the namespace of shared memory.
    Ipc,
    /// Weakens confinement.
    SecurityOpt,
    /// Sets kernel parameters.
    Sysctls,
    /// Sets the user namespace.
    Userns,
    /// Sets the control group.
    Cgroup,
    /// Reads a credential specification.
    CredentialSpec,
    /// Sends its logs by a driver that connects or reads files from the host.
    LogDriver,
    /// Uses an object that is neither the app's own nor the network `proxy`.
    ExternalObject,
    /// Carries a label by which Docker or abra would take it for something else.
    ReservedLabel,
    /// Reads a file outside the checkout.
    FileOutside,
    /// Reads variables from a file.
    EnvFile,
    /// Extends a service of another file.
    Extends,
    /// Includes another file.
    Include,
    /// Uses a key that nobody has judged to be harmless.
    UnknownKey,
    /// Is larger than any compose file has reason to be.
    TooLarge,
    /// Expands to far more than is written.
    AliasBomb,
    /// Is no compose file, or one that two readers could understand differently.
    Malformed,
}

impl Rule {
    /// Every rule, in the order of its declaration.
    pub const ALL: [Self; 26] = [
        Self::BindMount,
        Self::VolumeDriver,
        Self::HostNetwork,
        Self::NetworkDriver,
        Self::HostPorts,
        Self::CapAdd,
        Self::Devices,
        Self::Privileged,
        Self::Pid,
        Self::Ipc,
        Self::SecurityOpt,
        Self::Sysctls,
        Self::Userns,
        Self::Cgroup,
        Self::CredentialSpec,
        Self::LogDriver,
        Self::ExternalObject,
        Self::ReservedLabel,
        Self::FileOutside,
        Self::EnvFile,
        Self::Extends,
        Self::Include,
        Self::UnknownKey,
        Self::TooLarge,
        Self::AliasBomb,
        Self::Malformed,
    ];

    /// Returns the name that lists of exceptions use.
    pub fn name(self) -> &'static str {
        match self {
            Self::BindMount => "bind-mount",
            Self::VolumeDriver => "volume-driver",
            Self::HostNetwork => "host-network",
            Self::NetworkDriver => "network-driver",
            Self::HostPorts => "host-ports",
            Self::CapAdd => "cap-add",
            Self::Devices => "devices",
            Self::Privileged => "privileged",
            Self::Pid => "pid",
            Self::Ipc => "ipc",
            Self::SecurityOpt => "security-opt",
            Self::Sysctls => "sysctls",
            Self::Userns => "userns",
            Self::Cgroup => "cgroup",
            Self::CredentialSpec => "credential-spec",
            Self::LogDriver => "log-driver",
            Self::ExternalObject => "external-object",
            Self::ReservedLabel => "reserved-label",
            Self::FileOutside => "file-outside",
            Self::EnvFile => "env-file",
            Self::Extends => "extends",
            Self::Include => "include",
            Self::UnknownKey => "unknown-key",
            Self::TooLarge => "too-large",
            Self::AliasBomb => "alias-bomb",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Says that there is no rule of a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no policy rule `{0}`")]
pub struct UnknownRule(pub String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        let mut rules = Self::ALL.into_iter();
        rules
            .find(|rule| rule.name() == name)
            .ok_or_else(|| UnknownRule(name.to_owned()))
    }
}

/// One place of a compose file that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// Where, as `services.app.volumes[0]`; empty for the file as a whole.
    pub place: String,
    /// What is there.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            return write!(f, "{} ({})", self.message, self.rule);
        }
        write!(f, "`{}`: {} ({})", self.place, self.message, self.rule)
    }
}

/// Checks a rendered stack, and returns what breaks a rule that has no exception.
///
/// `stack_name` tells the app's own objects from others; files must lie in `checkout`, which is
/// compared by its text, so that links have to be looked for elsewhere.
///
/// ```
/// use std::path::Path;
/// use ccci::model::policy::{Rule, check};
///
/// let raw = yaml_serde::from_str("services: {app: {image: x, pid: host}}").unwrap();
/// let found = check(&raw, "x", Path::new("/checkout"), &[]);
/// assert_eq!(found[0].to_string(), "`services.app.pid`: set to `host` (pid)");
/// assert_eq!(check(&raw, "x", Path::new("/checkout"), &[Rule::Pid]), []);
/// ```
pub fn check(
    raw: &Value,
    stack_name: &str,
    checkout: &Path,
    exceptions: &[Rule],
) -> Vec<Violation> {
    let mut check = Check {
        raw,
        stack_name,
        checkout,
        found: Vec::new(),
    };
    if !raw.is_mapping() {
        check.add(Rule::Malformed, "", "the top level is not a map");
    }
    for (key, value) in yaml::entries(Some(raw)) {
        match key.as_str() {
            "version" => {}
            "services" => check.each(&key, value, policy_service::check),
            "volumes" => check.each(&key, value, policy_objects::check_volume),
            "networks" => check.each(&key, value, policy_objects::check_network),
            "secrets" | "configs" => check.each(&key, value, policy_objects::check_file_object),
            _ => check.unknown(&key, ""),
        }
    }
    let Check { mut found, .. } = check;
    found.retain(|violation| !exceptions.contains(&violation.rule));
    found
}

/// A check that is going on.
pub(crate) struct Check<'a> {
    /// The whole file.
    pub(crate) raw: &'a Value,
    /// The stack's name, which the names of the app's own objects start with.
    pub(crate) stack_name: &'a str,
    /// Where the recipe's files lie.
    checkout: &'a Path,
    /// What was found so far.
    found: Vec<Violation>,
}

impl Check<'_> {
    /// Notes a violation.
    pub(crate) fn add(&mut self, rule: Rule, place: &str, message: impl Into<String>) {
        self.found.push(Violation {
            rule,
            place: place.to_owned(),
            message: message.into(),
        });
    }

    /// Notes a key that nobody has judged, unless it is an extension, which no tool reads.
    pub(crate) fn unknown(&mut self, key: &str, place: &str) {
        if !key.starts_with("x-") {
            let message = format!("the key `{key}` is not allowed");
            self.add(Rule::UnknownKey, place, message);
        }
    }

    /// Notes every key of a map that is not among those allowed.
    pub(crate) fn only(&mut self, value: &Value, place: &str, allowed: &[&str]) {
        for (key, _) in yaml::entries(Some(value)) {
            if !allowed.contains(&key.as_str()) {
                self.unknown(&key, place);
            }
        }
    }

    /// Runs a check on each entry of a section.
    fn each(&mut self, section: &str, value: &Value, check: fn(&mut Self, &str, &str, &Value)) {
        if !value.is_mapping() && !value.is_null() {
            self.add(Rule::Malformed, section, "not a map");
        }
        for (key, value) in yaml::entries(Some(value)) {
            let place = format!("{section}.{key}");
            if value.is_mapping() || value.is_null() {
                check(self, &place, &key, value);
            } else {
                self.add(Rule::Malformed, &place, "not a map");
            }
        }
    }

    /// Whether a full name is one of the app's own, by the whole stack name.
    pub(crate) fn is_own(&self, name: &str) -> bool {
        name.strip_prefix(self.stack_name)
            .and_then(|rest| rest.strip_prefix('_'))
            .is_some_and(|rest| !rest.is_empty())
    }

    /// Notes a file that does not lie in the checkout, or lies in its git directory.
    pub(crate) fn file(&mut self, place: &str, file: &str) {
        let inside = normal(&self.checkout.join(file))
            .zip(normal(self.checkout))
            .and_then(|(file, checkout)| Some(file.strip_prefix(checkout).ok()?.to_owned()));
        let allowed = inside.is_some_and(|inside| {
            let first = inside.components().next();
            first.is_some_and(|first| !first.as_os_str().eq_ignore_ascii_case(".git"))
        });
        if !allowed {
            let message = format!("the file `{file}` is not one of the recipe");
            self.add(Rule::FileOutside, place, message);
        }
    }
}

/// Resolves `.` and `..` by text; none when `..` leads above the root.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(part),
        }
    }
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::compose::Stack;

    #[test]
    fn every_rule_is_read_back_from_its_name() {
        for rule in Rule::ALL {
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
        let mut names: Vec<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rule::ALL.len());
        assert_eq!(
            "*".parse::<Rule>().unwrap_err().to_string(),
            "no policy rule `*`"
        );
    }

    #[test]
    fn an_ordinary_recipe_breaks_one_rule_only_by_its_port_in_host_mode() {
        let text = include_str!("../../tests/fixtures/compose/rendered.yml");
        let stack = Stack::from_text(text).unwrap();
        let check = |exceptions: &[Rule]| {
            let stack_name = "cust-a1b2c3_ci_example_org";
            check(&stack.raw, stack_name, Path::new("/checkout"), exceptions)
        };
        let found: Vec<_> = check(&[]).iter().map(Violation::to_string).collect();
        assert_eq!(
            found,
            [
                "`services.app.ports[1]`: a port in host mode (host-ports)",
                "`volumes.old`: `oldthing` is not one of the app (external-object)"
            ]
        );
        assert_eq!(check(&[Rule::HostPorts, Rule::ExternalObject]), []);
    }

    #[test]
    fn a_hostile_recipe_breaks_every_rule_that_it_can() {
        let text = include_str!("../../tests/fixtures/compose/hostile.yml");
        let stack = Stack::from_text(text).unwrap();
        let found = check(&stack.raw, "x", Path::new("/srv/checkout"), &[]);
        let shown: Vec<_> = found
            .iter()
            .map(|found| format!("{} {}", found.rule, found.place))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        cap-add services.app.cap_add
        cgroup services.app.cgroup_parent
        credential-spec services.app.credential_spec
        devices services.app.devices
        ipc services.app.ipc
        host-network services.app.network_mode
        pid services.app.pid
        privileged services.app.privileged
        security-opt services.app.security_opt
        sysctls services.app.sysctls
        userns services.app.userns_mode
        bind-mount services.app.volumes[0]
        bind-mount services.app.volumes[1]
        bind-mount services.app.volumes[2]
        bind-mount services.app.volumes[4]
        bind-mount services.app.volumes[5]
        host-network networks.hostnet
        network-driver networks.mac
        volume-driver volumes.v
        external-object secrets.s1
        file-outside configs.c1.file
        ");
    }

    #[test]
    fn extensions_are_inert_and_other_keys_are_not() {
        let raw = yaml_serde::from_str("{x-a: {pid: host}, include: [a], name: b}").unwrap();
        let found = check(&raw, "x", Path::new("/c"), &[]);
        let rules: Vec<_> = found.iter().map(|found| found.rule).collect();
        assert_eq!(rules, [Rule::UnknownKey, Rule::UnknownKey]);
        let raw = yaml_serde::from_str("{services: [a], volumes: {v: text}}").unwrap();
        let found = check(&raw, "x", Path::new("/c"), &[]);
        assert!(found.iter().all(|found| found.rule == Rule::Malformed));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn what_is_not_a_map_is_refused_whole() {
        let found = check(&Value::Null, "x", Path::new("/c"), &[]);
        assert_eq!(found[0].rule, Rule::Malformed);
    }
}
