//! What a run's journal says: which objects can exist because of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    app::{AppDomain, StackName},
    dependency::Provision,
    recipe::RecipeName,
    resource::Resource,
    run::{DeployerKind, RunId},
};

/// The version of the journal's format; a reader leaves a newer one alone.
///
/// Since 2 it may say what another app made for the run, which one that knows 1 would leave there.
pub const JOURNAL_VERSION: u32 = 2;

/// One line of a journal, on disk before what it announces is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum Entry {
    /// The run begins.
    Begun(Begun),
    /// An object may come into being from now on.
    Making {
        /// The object.
        resource: Resource,
    },
    /// A directory may come into being from now on.
    MakingFolder {
        /// Its path.
        path: String,
    },
    /// Something may be made for the app by another one from now on.
    Providing(Provision),
    /// What another app made for it is undone.
    Withdrawn {
        /// The domain of that other app.
        provider: AppDomain,
    },
    /// The app stays until a time.
    Kept {
        /// When it may be removed.
        until: Timestamp,
    },
    /// Teardown is over, with what is left.
    Closed {
        /// What could not be removed.
        left: Vec<Resource>,
    },
}

/// Who runs, where, and which app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The format's version.
    pub version: u32,
    /// The run.
    pub run_id: RunId,
    /// The process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// What tells one start of the machine from another.
    pub boot_id: String,
    /// When the run began.
    pub started: Timestamp,
    /// The recipe.
    pub recipe: RecipeName,
    /// The app's domain.
    pub domain: AppDomain,
    /// The app's stack.
    pub stack: StackName,
    /// What deploys it.
    pub deployer: DeployerKind,
}

/// What a whole journal says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The run.
    pub begun: Option<Begun>,
    /// Objects that may exist.
    pub open: BTreeSet<Resource>,
    /// Directories that may exist.
    pub folders: Vec<String>,
    /// What other apps may have made for the app.
    pub provisions: Vec<Provision>,
    /// Until when the app is kept.
    pub kept_until: Option<Timestamp>,
    /// Whether teardown found nothing left, and other apps hold nothing for it.
    pub clean: bool,
}

impl History {
    /// Reads entries in their order.
    pub fn replay(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut history = Self::default();
        for entry in entries {
            history.apply(entry);
        }
        history
    }

    /// Takes one entry into account.
    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Begun(begun) => self.begun = Some(begun),
            Entry::Making { resource } => {
                self.clean = false;
                self.open.insert(resource);
            }
            Entry::MakingFolder { path } => self.folders.push(path),
            Entry::Providing(provision) => {
                self.clean = false;
                self.withdrawn(&provision.domain);
                self.provisions.push(provision);
            }
            Entry::Withdrawn { provider } => self.withdrawn(&provider),
            Entry::Kept { until } => self.kept_until = Some(until),
            Entry::Closed { left } => {
                self.clean = left.is_empty() && self.provisions.is_empty();
                // What a removal left is nobody's to keep.
                self.kept_until = None;
                self.open = left.into_iter().collect();
            }
        }
    }

    /// Forgets what an app made, for it is undone.
    fn withdrawn(&mut self, provider: &AppDomain) {
        self.provisions.retain(|one| one.domain != *provider);
    }
}

/// How far a journal can be relied upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Every line was understood.
    Whole,
    /// What follows the lines that were understood is damaged.
    Damaged,
    /// A newer ccci wrote it.
    Newer,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::resource::ResourceKind;

    fn volume(name: &str) -> Resource {
        Resource::new(ResourceKind::Volume, name)
    }

    #[test]
    fn what_is_announced_may_exist_until_the_run_is_closed() {
        let making = ["a", "b"].map(|name| Entry::Making {
            resource: volume(name),
        });
        let closed = Entry::Closed { left: Vec::new() };
        let open = History::replay(making.clone()).open;
        assert_eq!(open, BTreeSet::from([volume("a"), volume("b")]));
        let history = History::replay(making.into_iter().chain([closed]));
        assert!(history.open.is_empty() && history.clean);
    }

    #[test]
    fn what_other_apps_made_is_open_until_it_is_withdrawn_even_after_teardown() {
        let provision = |domain: &str| Provision {
            provider: "db".parse().unwrap(),
            domain: domain.parse().unwrap(),
            root: "/kept/db".to_owned(),
            withdraw: "ops/withdraw.sh".to_owned(),
            env: [("CCCI_PROVIDE_NAME".to_owned(), "shop-0a1b2c".to_owned())].into(),
        };
        let (first, second) = (provision("warm-db.x.org"), provision("warm-sso.x.org"));
        let providing = [first, second].map(Entry::Providing);
        let text = serde_json::to_string(&providing[0]).unwrap();
        assert_eq!(
            text,
            r#"{"entry":"providing","provider":"db","domain":"warm-db.x.org","root":"/kept/db","withdraw":"ops/withdraw.sh","env":{"CCCI_PROVIDE_NAME":"shop-0a1b2c"}}"#
        );
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), providing[0]);
        let withdrawn = Entry::Withdrawn {
            provider: "warm-db.x.org".parse().unwrap(),
        };
        let closed = || Entry::Closed { left: Vec::new() };
        let half = providing.into_iter().chain([withdrawn, closed()]);
        let half: Vec<_> = half.collect();
        let history = History::replay(half.clone());
        assert_eq!(history.provisions, [provision("warm-sso.x.org")]);
        assert!(!history.clean);
        let rest = Entry::Withdrawn {
            provider: "warm-sso.x.org".parse().unwrap(),
        };
        let whole = half.into_iter().chain([rest, closed()]);
        assert!(History::replay(whole).clean);
    }

    #[test]
    fn a_closed_run_owns_what_it_left_and_nothing_else() {
        let entries = [
            Entry::Making {
                resource: volume("a"),
            },
            Entry::Closed {
                left: vec![volume("c")],
            },
        ];
        let history = History::replay(entries);
        assert_eq!(
            (history.open, history.clean),
            (BTreeSet::from([volume("c")]), false)
        );
        assert!(History::replay([Entry::Closed { left: Vec::new() }]).clean);
        let until = Timestamp::UNIX_EPOCH;
        let left = vec![volume("c")];
        let removed = History::replay([Entry::Kept { until }, Entry::Closed { left }]);
        assert_eq!(removed.kept_until, None);
    }
}
