//! What a look at a host found, check by check, and whether recipes can be tested there.

use serde::Serialize;

use super::outcome::{Fault, Trouble};

/// What is looked at; the order is that in which it is shown, with what a run cannot do without first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Docker's client.
    Docker,
    /// The engine.
    Engine,
    /// Its swarm.
    Swarm,
    /// The network that apps and the proxy share.
    Network,
    /// The addresses of that network.
    Addresses,
    /// git.
    Git,
    /// The state directory.
    State,
    /// The room on the disk of the state directory.
    StateDisk,
    /// The room on the disk of the engine.
    EngineDisk,
    /// The way to the apps.
    Ingress,
    /// A name below the base domain.
    Names,
    /// The certificate for such a name.
    Certificate,
    /// The certificate authorities that are trusted besides the system's.
    Authorities,
    /// What deploys.
    Deployer,
    /// What makes abra's backups.
    BackupBot,
    /// pytest.
    Pytest,
    /// A browser for tests under pytest.
    Browser,
    /// hurl.
    Hurl,
    /// The directories whose files are masked.
    Secrets,
    /// The token for private repositories.
    GitToken,
    /// The token for the mirrors of recipes.
    MirrorToken,
    /// Where the settings come from.
    Settings,
    /// The variables of ccci's that are set.
    Variables,
    /// The apps whose run is gone.
    Leftovers,
    /// The kernel.
    Kernel,
    /// Who runs ccci.
    User,
}

/// Every check with what people call it.
const TITLES: [(Check, &str); 26] = [
    (Check::Docker, "docker"),
    (Check::Engine, "engine"),
    (Check::Swarm, "swarm"),
    (Check::Network, "network"),
    (Check::Addresses, "addresses"),
    (Check::Git, "git"),
    (Check::State, "state"),
    (Check::StateDisk, "state disk"),
    (Check::EngineDisk, "engine disk"),
    (Check::Ingress, "ingress"),
    (Check::Names, "names"),
    (Check::Certificate, "certificate"),
    (Check::Authorities, "authorities"),
    (Check::Deployer, "deployer"),
    (Check::BackupBot, "backup bot"),
    (Check::Pytest, "pytest"),
    (Check::Browser, "browser"),
    (Check::Hurl, "hurl"),
    (Check::Secrets, "secrets"),
    (Check::GitToken, "git token"),
    (Check::MirrorToken, "forge token"),
    (Check::Settings, "settings"),
    (Check::Variables, "variables"),
    (Check::Leftovers, "leftovers"),
    (Check::Kernel, "kernel"),
    (Check::User, "user"),
];

impl Check {
    /// Returns every check, in the order in which they are shown.
    pub fn all() -> impl Iterator<Item = Self> {
        TITLES.into_iter().map(|(check, _)| check)
    }

    /// Returns what people call it.
    pub fn title(self) -> &'static str {
        let (_, title) = TITLES
            .into_iter()
            .find(|(check, _)| *check == self)
            .expect("each check has a title, as a test shows");
        title
    }

    /// Tells whether nothing can be tested before this is known to be well.
    const fn is_required(self) -> bool {
        matches!(
            self,
            Self::Docker
                | Self::Engine
                | Self::Swarm
                | Self::Network
                | Self::Git
                | Self::State
                | Self::StateDisk
        )
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// All is well.
    Ok,
    /// Worth knowing, and no reason to do anything.
    Note,
    /// It works now, or for some recipes, and may not for long or for all.
    Warning,
    /// Nothing can be tested before this is mended.
    Fail,
    /// It could not be asked, because of another check or of the time.
    Unknown,
}

impl State {
    /// Returns the state's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// What ccci can mend by itself, in the order in which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fix {
    /// Make the state directory.
    State,
    /// Make a swarm of this node.
    Swarm,
    /// Make the network that apps share.
    Network,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How it is.
    pub state: State,
    /// What was found: a version, a path, a number, or what is wrong.
    pub found: String,
    /// What to do about it, as a sentence; a command to copy stands in backticks after `run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The command of the remedy alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What ccci can do about it by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// Whether a setting is wrong, and not the machine.
    #[serde(skip)]
    pub is_of_settings: bool,
}

impl Finding {
    /// Makes a finding.
    pub fn new(check: Check, state: State, found: impl Into<String>) -> Self {
        Self {
            check,
            state,
            found: found.into(),
            remedy: None,
            command: None,
            fix: None,
            is_of_settings: false,
        }
    }

    /// Makes a finding of something that is as it should be.
    pub fn ok(check: Check, found: impl Into<String>) -> Self {
        Self::new(check, State::Ok, found)
    }

    /// Makes a finding of something without which nothing can be tested.
    pub fn fail(check: Check, trouble: &Trouble) -> Self {
        Self {
            is_of_settings: trouble.fault == Fault::Config,
            ..Self::of(check, State::Fail, trouble)
        }
    }

    /// Makes a finding of a trouble, as grave as is said.
    pub fn of(check: Check, state: State, trouble: &Trouble) -> Self {
        let causes = std::iter::once(&trouble.message).chain(&trouble.causes);
        let causes: Vec<&str> = causes.map(String::as_str).collect();
        let finding = Self::new(check, state, causes.join(": "));
        match &trouble.hint {
            Some(hint) => finding.remedy(hint),
            None => finding,
        }
    }

    /// Makes a finding of what could not be asked, and why, as `the engine is needed`.
    pub fn unknown(check: Check, why: impl std::fmt::Display) -> Self {
        Self::new(check, State::Unknown, why.to_string())
    }

    /// Sets what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        let remedy = remedy.into();
        self.command = command(&remedy).map(str::to_owned);
        self.remedy = Some(remedy);
        self
    }

    /// Sets what ccci can do about it.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}

/// Returns the command of a remedy.
fn command(remedy: &str) -> Option<&str> {
    let (_, rest) = remedy.split_once("run `")?;
    Some(rest.split_once('`')?.0)
}

/// What a look at a host found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Whether recipes can be tested here.
    pub ready: bool,
    /// What each check found, in the order of the checks.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Puts findings in order and draws the conclusion.
    pub fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.check);
        let ready = !findings.iter().any(|one| match one.state {
            State::Fail => true,
            State::Unknown => one.check.is_required(),
            State::Ok | State::Note | State::Warning => false,
        });
        Self { ready, findings }
    }

    /// Returns how many findings are in a state.
    pub fn count(&self, state: State) -> usize {
        self.in_state(state).count()
    }

    /// Returns the titles of the checks with findings in a state, each once.
    pub fn titles(&self, state: State) -> Vec<&'static str> {
        let mut titles: Vec<_> = self.in_state(state).map(|one| one.check.title()).collect();
        titles.dedup();
        titles
    }

    /// Tells whether settings are all that keeps this host from being ready.
    pub fn is_misconfigured(&self) -> bool {
        !self.ready && self.in_state(State::Fail).all(|one| one.is_of_settings)
    }

    /// Returns what ccci can mend by itself, in the order in which it does, each with the finding.
    pub fn fixes(&self) -> Vec<(Fix, &Finding)> {
        let fixes = self.findings.iter();
        let mut fixes: Vec<_> = fixes.filter_map(|one| Some((one.fix?, one))).collect();
        fixes.sort_by_key(|(fix, _)| *fix);
        fixes
    }

    /// Returns the findings in a state.
    fn in_state(&self, state: State) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |one| one.state == state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_has_a_title_and_its_place() {
        let all: Vec<_> = Check::all().collect();
        assert!(all.is_sorted());
        // The last one in the list of the type.
        assert_eq!(all.len(), Check::User as usize + 1);
        let mut titles: Vec<_> = all.iter().map(|check| check.title()).collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), all.len());
    }

    #[test]
    fn a_host_is_ready_unless_something_fails_or_what_is_required_is_not_known() {
        let ready = |check, state| {
            let findings = vec![
                Finding::ok(Check::Engine, ""),
                Finding::new(check, state, ""),
            ];
            Diagnosis::new(findings).ready
        };
        for state in [State::Ok, State::Note, State::Warning] {
            assert!(ready(Check::Git, state), "{state:?}");
        }
        assert!(!ready(Check::Hurl, State::Fail));
        assert!(ready(Check::Hurl, State::Unknown));
        assert!(!ready(Check::Git, State::Unknown));
    }

    #[test]
    fn settings_are_to_blame_only_when_they_alone_are() {
        let broken = Finding::fail(Check::Swarm, &Trouble::broken("no-swarm", "there is none"));
        let setting = Trouble::new(Fault::Config, "state-open", "all can write");
        let setting = Finding::fail(Check::State, &setting);
        let is_misconfigured = |findings| Diagnosis::new(findings).is_misconfigured();
        assert!(!is_misconfigured(vec![]));
        assert!(is_misconfigured(vec![setting.clone()]));
        assert!(!is_misconfigured(vec![setting, broken]));
    }

    #[test]
    fn a_command_is_taken_out_of_its_remedy() {
        let command = |remedy: &str| Finding::ok(Check::Git, "").remedy(remedy).command;
        let wanted = Some("docker swarm init".to_owned());
        assert_eq!(command("run `docker swarm init`"), wanted);
        assert_eq!(command("or run `docker swarm init`, as root"), wanted);
        assert_eq!(command("install git, or set `programs.git`"), None);
    }

    #[test]
    fn findings_are_shown_and_mended_in_order() {
        let finding = |check, fix| Finding::new(check, State::Fail, "").fix(fix);
        let diagnosis = Diagnosis::new(vec![
            finding(Check::State, Fix::State),
            finding(Check::Network, Fix::Network),
            finding(Check::Swarm, Fix::Swarm),
            Finding::ok(Check::Git, ""),
        ]);
        assert_eq!(diagnosis.titles(State::Fail), ["swarm", "network", "state"]);
        let fixes: Vec<_> = diagnosis.fixes().iter().map(|(fix, _)| *fix).collect();
        assert_eq!(fixes, [Fix::State, Fix::Swarm, Fix::Network]);
    }
}
