//! What is decided about a recipe that is enrolled: the answers of a person, or the defaults.

use super::{
    check::UrlPath,
    proposal::Proposal,
    random_value::RandomValue,
    recipe::{RecipeName, RecipeVersion},
};

/// The example of a test in Python that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Example {
    /// One that runs under pytest.
    Pytest,
    /// None.
    None,
}

/// The answers, each asked for, given by a flag, or the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The path that is asked for; it counts where there is a page.
    pub health_path: UrlPath,
    /// A text that this page holds.
    pub contains: Option<String>,
    /// The release that upgrades begin with, when it is not the newest older one.
    pub upgrade_base: Option<RecipeVersion>,
    /// The secrets that the install step makes.
    pub secrets: Vec<(String, RandomValue)>,
    /// The variables of the app's environment.
    pub env: Vec<(String, String)>,
    /// The example.
    pub example: Example,
}

impl Answers {
    /// Returns the answers that a proposal suggests; a variable whose value cannot be guessed has none.
    pub fn suggested(proposal: &Proposal) -> Self {
        let page = proposal.page.as_ref();
        let guessed = proposal.variables.needed.iter();
        Self {
            health_path: page.map_or_else(|_| UrlPath::root(), |page| page.health.path.clone()),
            contains: None,
            upgrade_base: None,
            secrets: proposal
                .secrets
                .iter()
                .map(|secret| (secret.name.clone(), secret.value))
                .collect(),
            env: guessed
                .filter_map(|(name, guess)| Some((name.clone(), guess.clone()?)))
                .collect(),
            example: Example::Pytest,
        }
    }

    /// Gives a variable a value, in place of one that it has.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
    }
}

/// A recipe that is enrolled.
#[derive(Clone, Copy, Debug)]
pub struct Enrollment<'a> {
    /// The recipe.
    pub recipe: &'a RecipeName,
    /// What was read of it, as a person knows it.
    pub revision: &'a str,
    /// The release that upgrades begin with at present.
    pub base: Option<&'a str>,
    /// What its files suggest.
    pub proposal: &'a Proposal,
    /// What is decided.
    pub answers: &'a Answers,
}

impl Enrollment<'_> {
    /// Tells whether a test in Python is written: where one is wanted, and there is something that it can ask.
    pub fn has_example(&self) -> bool {
        let proposal = self.proposal;
        self.answers.example == Example::Pytest
            && (proposal.page.is_ok() || proposal.health_command.is_some())
    }
}

/// A file that is written for a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: String,
    /// Whether it is run as a program.
    pub executable: bool,
}
