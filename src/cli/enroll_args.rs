//! What `ccci enroll` takes.

use clap::{Args, builder::BoolishValueParser};

use super::values::{Target, one_of, parse_target, parse_text};
use crate::model::{
    check::UrlPath,
    enrollment::Example,
    random_value::RandomValue,
    recipe::{Invalid, RecipeVersion},
};

/// The words of `--example`.
const EXAMPLE: [(&str, Example); 2] = [("pytest", Example::Pytest), ("none", Example::None)];

/// What `ccci enroll` takes.
#[derive(Args, Clone, Debug)]
pub struct EnrollArgs {
    /// Enroll this recipe by name, or this checkout by path (`.`, `dir/`, `/dir`)
    #[arg(value_name = "RECIPE|PATH", value_parser = parse_target)]
    pub target: Option<Target>,
    /// Fetch the recipe from this git URL, or from `owner/name` on the configured forge
    #[arg(long, env = "CCCI_SRC", value_name = "URL", value_parser = parse_text)]
    pub src: Option<String>,
    /// Ask for this path of the app [default: the one that its files suggest]
    #[arg(long, env = "CCCI_HEALTH_PATH", value_name = "PATH")]
    pub health_path: Option<UrlPath>,
    /// Expect this text on that page [default: any answer but an error]
    #[arg(long, env = "CCCI_CONTAINS", value_name = "TEXT", value_parser = parse_text)]
    pub contains: Option<String>,
    /// Begin upgrades with this release [default: the newest older one]
    #[arg(long, env = "CCCI_UPGRADE_BASE", value_name = "TAG")]
    pub upgrade_base: Option<RecipeVersion>,
    /// Make this secret, which the recipe cannot generate, as `key=hex:64`; kinds are alnum, hex, base64 and rsa
    #[arg(long, env = "CCCI_SECRET", value_name = "NAME=KIND:SIZE", value_parser = parse_secret)]
    pub secret: Vec<(String, RandomValue)>,
    /// Set this variable of the app's environment, as `ADMIN_EMAIL=me@example.org`
    #[arg(long, env = "CCCI_ENV", value_name = "NAME=VALUE", value_parser = parse_variable)]
    pub env: Vec<(String, String)>,
    /// Write an example of a test for this runner [default: pytest, where it is installed]
    #[arg(long, env = "CCCI_EXAMPLE", value_name = "RUNNER", value_parser = one_of(&EXAMPLE))]
    pub example: Option<Example>,
    /// Print the files and write none
    #[arg(long, env = "CCCI_DRY_RUN", value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
}

/// Splits a pair at its first `=`.
fn pair<'a>(text: &'a str, rule: &'static str) -> Result<(&'a str, &'a str), Invalid> {
    let found = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let found = found.filter(|_| !text.contains(char::is_control));
    found.ok_or_else(|| Invalid::new("pair", text, rule))
}

/// Reads a secret's name and how its value is made.
fn parse_secret(text: &str) -> Result<(String, RandomValue), Invalid> {
    let (name, value) = pair(text, "NAME=KIND:SIZE, as in `signing_key=hex:64`")?;
    Ok((name.to_owned(), value.parse()?))
}

/// Reads a variable's name and its value.
fn parse_variable(text: &str) -> Result<(String, String), Invalid> {
    let rule = "NAME=VALUE on one line, as in `ADMIN_EMAIL=me@example.org`";
    let (name, value) = pair(text, rule)?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_split_at_the_first_sign() {
        let (name, value) = parse_variable("URL=https://{domain}/?a=b").unwrap();
        assert_eq!(
            (name.as_str(), value.as_str()),
            ("URL", "https://{domain}/?a=b")
        );
        assert_eq!(parse_variable("EMPTY=").unwrap().1, "");
        for bad in ["", "X", "=x", "A=b\nc"] {
            assert!(parse_variable(bad).is_err(), "{bad:?}");
        }
        assert_eq!(parse_secret("key=hex:64").unwrap().1.to_string(), "hex:64");
        assert!(
            parse_secret("key=hunter2")
                .unwrap_err()
                .to_string()
                .contains("as in `hex:64`")
        );
    }
}
