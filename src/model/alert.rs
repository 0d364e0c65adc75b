//! What tells the people of a server that an always-on app needs them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    app::AppDomain,
    recipe::{RecipeName, RecipeVersion},
};

/// The version of the file's format.
pub const VERSION: u32 = 1;

/// An alert, as its file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The format's version.
    pub v: u32,
    /// When it was raised.
    pub time: Timestamp,
    /// On which machine.
    pub host: String,
    /// The app's domain.
    pub app: AppDomain,
    /// Its recipe.
    pub recipe: RecipeName,
    /// What happened.
    pub kind: AlertKind,
    /// The release that runs; nothing when none does.
    pub from: Option<RecipeVersion>,
    /// The release that does not.
    pub to: Option<RecipeVersion>,
    /// Why.
    pub why: String,
    /// What to do, as an instruction.
    pub what_to_do: String,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// An upgrade waits for a person.
    Hold,
    /// An upgrade was undone.
    Rollback,
    /// The app is not what it should be, and ccci could not help it.
    Failed,
}

impl AlertKind {
    /// Returns its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Rollback => "rollback",
            Self::Failed => "failed",
        }
    }
}

impl Alert {
    /// Returns the name of its file: sorted by name, alerts are sorted by time.
    pub fn file_name(&self) -> String {
        let time = self.time.strftime("%Y%m%dT%H%M%S%3fZ");
        format!("{time}-{}-{}.json", self.app, self.kind.word())
    }

    /// Returns the text of its file.
    pub fn render(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("an alert has names for keys");
        text + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert() -> Alert {
        Alert {
            v: VERSION,
            time: "2026-11-30T22:31:00.25Z".parse().unwrap(),
            host: "ci".to_owned(),
            app: "warm-keycloak.ci.example.org".parse().unwrap(),
            recipe: "keycloak".parse().unwrap(),
            kind: AlertKind::Hold,
            from: Some("1.5.0+26.1".parse().unwrap()),
            to: Some("2.0.0+27.0".parse().unwrap()),
            why: "`2.0.0+27.0` is a major release".to_owned(),
            what_to_do: "read its notes".to_owned(),
        }
    }

    #[test]
    fn a_file_says_all_in_a_form_that_programs_read() {
        insta::assert_snapshot!(alert().render(), @r#"
        {
          "v": 1,
          "time": "2026-11-30T22:31:00.25Z",
          "host": "ci",
          "app": "warm-keycloak.ci.example.org",
          "recipe": "keycloak",
          "kind": "hold",
          "from": "1.5.0+26.1",
          "to": "2.0.0+27.0",
          "why": "`2.0.0+27.0` is a major release",
          "what_to_do": "read its notes"
        }
        "#);
        let read: Alert = serde_json::from_str(&alert().render()).unwrap();
        assert_eq!(read, alert());
    }

    #[test]
    fn names_of_files_are_in_the_order_of_time() {
        let name = alert().file_name();
        let whole = "20261130T223100250Z-warm-keycloak.ci.example.org-hold.json";
        assert_eq!(name, whole);
        let later = Alert {
            time: "2026-11-30T22:31:00.3Z".parse().unwrap(),
            kind: AlertKind::Failed,
            ..alert()
        };
        assert!(later.file_name() > name);
    }
}
