//! The stages of a run and their order.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One part of a run that gets an outcome of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The app is deployed, converges and answers.
    Install,
    /// The app is redeployed at the commit under test with its data kept.
    Upgrade,
    /// A backup is made and holds what it should.
    Backup,
    /// Changed data is what it was once the backup is restored.
    Restore,
    /// Every other test found.
    Custom,
}

impl Stage {
    /// All stages, in the order they run and climb.
    pub const ALL: [Self; 5] = [
        Self::Install,
        Self::Upgrade,
        Self::Backup,
        Self::Restore,
        Self::Custom,
    ];

    /// Returns the stage's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Custom => "custom",
        }
    }

    /// Returns the stage's place, from 1 to 5: the level that it earns.
    pub const fn place(self) -> u8 {
        match self {
            Self::Install => 1,
            Self::Upgrade => 2,
            Self::Backup => 3,
            Self::Restore => 4,
            Self::Custom => 5,
        }
    }

    /// Returns the folder of the stage's logs in the run directory.
    pub fn folder(self) -> String {
        format!("{:02}-{}", self.place(), self.word())
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl std::str::FromStr for Stage {
    type Err = super::recipe::Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "one of install, upgrade, backup, restore, custom";
        let found = Self::ALL.into_iter().find(|stage| stage.word() == text);
        found.ok_or_else(|| super::recipe::Invalid::new("stage", text, rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_the_order() {
        let places: Vec<_> = Stage::ALL.iter().map(|stage| stage.place()).collect();
        assert_eq!(places, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn each_word_is_read_back() {
        for stage in Stage::ALL {
            assert_eq!(stage.word().parse(), Ok(stage));
        }
        assert!("deploy".parse::<Stage>().is_err());
    }
}
