//! What `ccci reconcile` takes.

use std::{fmt, str::FromStr};

use clap::{Args, builder::BoolishValueParser};

use super::{
    canonical_args::plain_test,
    test_args::{Place, Reporting, TestArgs},
};
use crate::model::{
    app::AppDomain,
    recipe::{Invalid, RecipeName},
};

/// What `ccci reconcile` takes.
#[derive(Args, Clone, Debug)]
pub struct ReconcileArgs {
    /// Look after these of the always-on apps, by recipe or by domain [default: all that are configured]
    #[arg(value_name = "APP")]
    pub apps: Vec<AlwaysOnName>,
    /// Say of each app what would be done and why, and change nothing
    #[arg(long, env = "CCCI_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    /// Print one JSON document on standard output
    #[arg(long, env = "CCCI_JSON", value_parser = BoolishValueParser::new())]
    #[arg(conflicts_with = "message_format")]
    pub json: bool,
    /// Where they are deployed.
    #[command(flatten)]
    pub place: Place,
    /// What is reported.
    #[command(flatten)]
    pub reporting: Reporting,
}

impl ReconcileArgs {
    /// Returns what a test would take that is run and reported alike.
    pub fn as_test(&self) -> TestArgs {
        plain_test(&self.place, &self.reporting)
    }
}

/// An always-on app as an operator names it: by its recipe, or by its domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlwaysOnName(String);

impl AlwaysOnName {
    /// Tells whether an app of this recipe and this domain is meant.
    ///
    /// ```
    /// use ccci::cli::reconcile_args::AlwaysOnName;
    /// let name: AlwaysOnName = "drone".parse().unwrap();
    /// let (drone, traefik) = ("drone".parse().unwrap(), "traefik".parse().unwrap());
    /// let domain = "warm-drone.ci.example.org".parse().unwrap();
    /// assert!(name.means(&drone, &domain));
    /// assert!(!name.means(&traefik, &domain));
    /// ```
    pub fn means(&self, recipe: &RecipeName, domain: &AppDomain) -> bool {
        self.0 == recipe.as_str() || self.0 == domain.as_str()
    }
}

impl FromStr for AlwaysOnName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_name = text.parse::<RecipeName>().is_ok() || text.parse::<AppDomain>().is_ok();
        if is_name {
            return Ok(Self(text.to_owned()));
        }
        let rule = "the recipe of an always-on app, as in `traefik`, or its domain, as in `warm-traefik.ci.example.org`";
        Err(Invalid::new("app", text, rule))
    }
}

impl fmt::Display for AlwaysOnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// A command line of its own, until it belongs to ccci's.
    #[derive(Parser)]
    struct Line {
        /// What is taken.
        #[command(flatten)]
        args: ReconcileArgs,
    }

    fn parse(words: &[&str]) -> Result<ReconcileArgs, clap::Error> {
        let words = std::iter::once("reconcile").chain(words.iter().copied());
        Line::try_parse_from(words).map(|line| line.args)
    }

    #[test]
    fn apps_are_named_by_recipe_or_by_domain() {
        let args = parse(&["drone", "warm-traefik.ci.example.org", "--dry-run"]).unwrap();
        assert!(args.dry_run && !args.json);
        let drone = ("drone".parse().unwrap(), "a.example.org".parse().unwrap());
        let traefik = (
            "traefik".parse().unwrap(),
            "warm-traefik.ci.example.org".parse().unwrap(),
        );
        let means =
            |number: usize, app: &(RecipeName, AppDomain)| args.apps[number].means(&app.0, &app.1);
        assert!(means(0, &drone) && means(1, &traefik));
        assert!(!means(0, &traefik) && !means(1, &drone));
        assert!(parse(&[]).unwrap().apps.is_empty());
    }

    #[test]
    fn what_is_neither_is_refused_with_the_rule() {
        for bad in ["", "*", "a/b", "Upper", "a b", "\u{202e}a"] {
            let error = bad.parse::<AlwaysOnName>().unwrap_err().to_string();
            assert!(error.contains("as in `traefik`"), "{error}");
            assert!(parse(&["--", bad]).is_err(), "{bad:?}");
        }
    }
}
