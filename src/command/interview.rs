//! All that has to be known about a recipe that is enrolled: by flags, else asked, else the defaults.

use super::{
    ask::Person,
    error::{Error, Kind},
};
use crate::{
    cli::enroll_args::EnrollArgs,
    config::placeholder::Template,
    lifecycle::enroll::Enrolling,
    model::{
        check::UrlPath,
        enrollment::{Answers, Example},
        likeness,
        random_value::RandomValue,
        recipe::RecipeVersion,
    },
    sys::context::Context,
};

/// What a path is.
const PATH: &str = "a path begins with one `/` and holds no blank";
/// How the value of a secret is described.
const VALUE: &str = "`alnum:N`, `hex:N`, `base64:N` or `rsa:N`, as in `hex:64`";
/// What stands within braces.
const TEMPLATE: &str = "braces hold `domain`, `label`, `base-domain`, `stack` or `recipe`";

/// What is asked, and who answers.
pub(super) struct Interview<'a> {
    /// The flags.
    pub(super) args: &'a EnrollArgs,
    /// The recipe.
    pub(super) read: &'a Enrolling,
    /// A person, if one can be asked.
    pub(super) person: Option<&'a Person<'a>>,
}

impl Interview<'_> {
    /// Returns all answers: by flags, else by a person, else the defaults.
    pub(super) fn answers(&self, ctx: &Context) -> Result<Answers, Error> {
        let proposal = &self.read.proposal;
        let mut answers = Answers::suggested(proposal);
        answers.upgrade_base = self.upgrade_base()?;
        answers.example = self.example(ctx);
        if proposal.page.is_ok() {
            answers.health_path = self.health_path(&answers.health_path)?;
            answers.contains = self.contains()?;
        }
        answers.secrets = self.secrets()?;
        for (name, guess) in &proposal.variables.needed {
            if let Some(value) = self.variable(name, guess.as_deref())? {
                answers.set_env(name, &value);
            }
        }
        for (name, value) in &self.args.env {
            Template::try_from(value.clone())?;
            answers.set_env(name, value);
        }
        Ok(answers)
    }

    /// Returns the path that is asked for.
    fn health_path(&self, suggested: &UrlPath) -> Result<UrlPath, Error> {
        match (&self.args.health_path, self.person) {
            (Some(path), _) => Ok(path.clone()),
            (None, None) => Ok(suggested.clone()),
            (None, Some(person)) => {
                let check = |text: &str| text.parse::<UrlPath>().map(drop).map_err(|_| PATH);
                let path = person.text(
                    "Path that tells that the app is well",
                    suggested.as_str(),
                    check,
                )?;
                Ok(path.parse()?)
            }
        }
    }

    /// Returns a text that the page holds.
    fn contains(&self) -> Result<Option<String>, Error> {
        let text = match (&self.args.contains, self.person) {
            (Some(text), _) => text.clone(),
            (None, None) => String::new(),
            (None, Some(person)) => {
                person.text("Text that it shows (none: any answer will do)", "", |_| {
                    Ok(())
                })?
            }
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Returns the secrets that somebody has to make.
    fn secrets(&self) -> Result<Vec<(String, RandomValue)>, Error> {
        let needed = &self.read.proposal.secrets;
        let names: Vec<_> = needed.iter().map(|secret| secret.name.as_str()).collect();
        for (name, _) in &self.args.secret {
            if !names.contains(&name.as_str()) {
                let message =
                    format!("the recipe has no secret `{name}` that somebody has to make");
                let like = likeness::like(name, names.iter().copied());
                let error = Error::say(Kind::Usage, message);
                return Err(match like[..] {
                    [] => error,
                    [..] => error.hint(format!("try {}", likeness::one_of(&like))),
                });
            }
        }
        let made = needed.iter().map(|secret| {
            let (name, suggested) = (&secret.name, secret.value);
            let mut given = self.args.secret.iter().rev();
            let value = match (given.find(|(given, _)| given == name), self.person) {
                (Some((_, value)), _) => *value,
                (None, None) => suggested,
                (None, Some(person)) => {
                    let question = format!("Value of the secret `{name}`, at random");
                    let check =
                        |text: &str| text.parse::<RandomValue>().map(drop).map_err(|_| VALUE);
                    person
                        .text(&question, &suggested.to_string(), check)?
                        .parse()?
                }
            };
            Ok((name.clone(), value))
        });
        made.collect()
    }

    /// Returns the value of a variable that needs one; nothing where a flag has it.
    fn variable(&self, name: &str, guess: Option<&str>) -> Result<Option<String>, Error> {
        if self.args.env.iter().any(|(given, _)| given == name) {
            return Ok(None);
        }
        match (self.person, guess) {
            (Some(person), _) => {
                let check = |text: &str| {
                    let read = Template::try_from(text.to_owned());
                    read.map(drop).map_err(|_| TEMPLATE)
                };
                let question = format!("Value of the variable `{name}`");
                person
                    .text(&question, guess.unwrap_or_default(), check)
                    .map(Some)
            }
            (None, Some(guess)) => Ok(Some(guess.to_owned())),
            (None, None) => {
                let message = format!("the variable `{name}` needs a value");
                Err(Error::say(Kind::Refused, message)
                    .hint(format!("give it with `--env {name}=VALUE`")))
            }
        }
    }

    /// Returns the release that upgrades begin with, when a flag names one.
    fn upgrade_base(&self) -> Result<Option<RecipeVersion>, Error> {
        let Some(base) = &self.args.upgrade_base else {
            return Ok(None);
        };
        let known = || self.read.releases.iter().map(String::as_str);
        if known().any(|release| release == base.as_str()) {
            return Ok(Some(base.clone()));
        }
        let message = format!("the recipe has no release `{}`", base.as_str());
        let near = likeness::around(base, known());
        let error = Error::say(Kind::Usage, message);
        Err(match near[..] {
            [] => error,
            [..] => error.hint(format!(
                "try {}, the nearest releases",
                likeness::one_of(&near)
            )),
        })
    }

    /// Returns the example; without a wish one for pytest, where that can be run.
    fn example(&self, ctx: &Context) -> Example {
        let pytest = || which::which(&ctx.settings.programs.pytest).is_ok();
        match self.args.example {
            Some(example) => example,
            None if pytest() => Example::Pytest,
            None => Example::None,
        }
    }
}
