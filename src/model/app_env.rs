//! What an app's `.env` holds when ccci makes it from a recipe's sample.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    app::AppDomain,
    env_file::{EnvFile, Error},
    nested,
    recipe::RecipeName,
    secret_spec::secret_specs,
};

/// What an `.env` is made from, beside the sample.
#[derive(Clone, Copy, Debug)]
pub struct AppEnv<'a> {
    /// The recipe.
    pub recipe: &'a RecipeName,
    /// The app's domain.
    pub domain: &'a AppDomain,
    /// Values declared for tests, placeholders filled in.
    pub declared: &'a BTreeMap<String, String>,
    /// Whether nested host names become siblings, for a certificate that covers one label.
    pub nested: NestedDomains,
}

/// What happens to a host name below the app's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NestedDomains {
    /// `minio.<label>.<base>` becomes `minio-<label>.<base>`.
    Flatten,
    /// It stays.
    Keep,
}

/// Variables that would make abra run a recipe's functions after a deploy.
const COMMAND_VARIABLES: [&str; 3] = [
    "POST_DEPLOY_CMDS",
    "POST_UPGRADE_CMDS",
    "POST_UNDEPLOY_CMDS",
];

impl AppEnv<'_> {
    /// Makes the `.env` text from a sample: the example domain replaced, as `abra app new` does, then ccci's own rules.
    pub fn from_sample(self, sample: &str) -> Result<EnvFile, Error> {
        let example = format!("{}.example.com", self.recipe);
        self.prepare(&sample.replace(&example, self.domain.as_str()))
    }

    /// Applies ccci's rules to the text of an `.env` that exists.
    ///
    /// No ACME from a test app, no commands of the recipe on this host, no name that a wildcard certificate misses.
    pub fn prepare(self, text: &str) -> Result<EnvFile, Error> {
        let mut env = EnvFile::parse(text)?;
        if env.get("TYPE").is_none() && env.get("RECIPE").is_none() {
            env.set("TYPE", self.recipe.as_str())?;
        }
        env.set("DOMAIN", self.domain.as_str())?;
        env.set("LETS_ENCRYPT_ENV", "")?;
        for variable in COMMAND_VARIABLES {
            env.remove(variable);
        }
        if self.nested == NestedDomains::Flatten {
            self.flatten(&mut env)?;
        }
        for (key, value) in self.declared {
            env.set(key, value)?;
        }
        Ok(env)
    }

    /// Replaces each nested host name by a sibling.
    fn flatten(self, env: &mut EnvFile) -> Result<(), Error> {
        let changed: Vec<(String, String)> = env
            .iter()
            .filter(|(key, _)| *key != "DOMAIN")
            .filter_map(|(key, value)| Some((key.to_owned(), nested::flatten(value, self.domain)?)))
            .collect();
        changed
            .into_iter()
            .try_for_each(|(key, value)| env.set(&key, &value))
    }
}

/// Adds the secrets that a newer sample declares and the `.env` lacks, as an operator does before an upgrade.
///
/// Returns their keys.
pub fn adopt_secrets(env: &mut EnvFile, sample: &EnvFile) -> Result<Vec<String>, Error> {
    let is_secret = |key: &str| key.starts_with("SECRET_") && key.ends_with("_VERSION");
    let missing: Vec<_> = sample
        .assignments()
        .filter(|line| is_secret(&line.key) && env.get(&line.key).is_none())
        .cloned()
        .collect();
    for line in &missing {
        env.set(&line.key, &line.value)?;
    }
    Ok(missing.into_iter().map(|line| line.key).collect())
}

/// Gives each secret another version whose name is taken, so that a fresh install makes its own beside it.
pub fn renew_secrets(
    env: &mut EnvFile,
    stack: &str,
    taken: &BTreeSet<String>,
) -> Result<(), Error> {
    let specs = secret_specs(env)?;
    for spec in specs {
        let mut version = spec.version.clone();
        let name = |version: &str| format!("{stack}_{}_{version}", spec.name);
        while taken.contains(&name(&version)) {
            version = next_version(&version);
        }
        if version != spec.version {
            let key = format!("SECRET_{}_VERSION", spec.name.to_uppercase());
            env.set(&key, &version)?;
        }
    }
    Ok(())
}

/// Returns the version that follows: `v2` after `v1`, and after what has no number one with a number.
fn next_version(version: &str) -> String {
    let stem = version.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = version[stem.len()..].parse::<u64>().unwrap_or(1);
    // A name must not get longer with each promotion: nine versions are more than there are ever taken.
    let next = if number >= 9 { 1 } else { number + 1 };
    format!("{stem}{next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_whose_name_is_taken_gets_another_version_and_keeps_its_modifiers() {
        let sample = "SECRET_DB_PASSWORD_VERSION=v1 # length=43\nSECRET_KEY_VERSION=v1\nSECRET_OLD_VERSION=first\n";
        let mut env = EnvFile::parse(sample).unwrap();
        let taken = ["s_db_password_v1", "s_old_first"]
            .map(str::to_owned)
            .into();
        renew_secrets(&mut env, "s", &taken).unwrap();
        assert_eq!(env.get("SECRET_DB_PASSWORD_VERSION"), Some("v2"));
        assert_eq!(env.get("SECRET_KEY_VERSION"), Some("v1"));
        assert_eq!(env.get("SECRET_OLD_VERSION"), Some("first2"));
        assert_eq!(secret_specs(&env).unwrap()[0].length, Some(43));
        let taken = ["s_db_password_v2"].map(str::to_owned).into();
        renew_secrets(&mut env, "s", &taken).unwrap();
        assert_eq!(env.get("SECRET_DB_PASSWORD_VERSION"), Some("v3"));
        assert_eq!(next_version("v9"), "v1");
    }

    fn from_sample(sample: &str, nested: NestedDomains) -> EnvFile {
        let (recipe, domain) = (
            "drive".parse().unwrap(),
            "driv-0a1b2c.ci.org".parse().unwrap(),
        );
        let declared = BTreeMap::from([("EXTRA".to_owned(), "x".to_owned())]);
        AppEnv {
            recipe: &recipe,
            domain: &domain,
            declared: &declared,
            nested,
        }
        .from_sample(sample)
        .unwrap()
    }

    #[test]
    fn the_sample_domain_and_acme_are_replaced_and_commands_dropped() {
        let env = from_sample(
            "TYPE=drive\nDOMAIN=drive.example.com\nLETS_ENCRYPT_ENV=production\nPOST_DEPLOY_CMDS=\"app x\"\n",
            NestedDomains::Flatten,
        );
        assert_eq!(env.get("DOMAIN"), Some("driv-0a1b2c.ci.org"));
        assert_eq!(env.get("LETS_ENCRYPT_ENV"), Some(""));
        assert_eq!(env.get("POST_DEPLOY_CMDS"), None);
        assert_eq!(env.get("EXTRA"), Some("x"));
    }

    #[test]
    fn a_nested_host_becomes_a_sibling() {
        let sample = "MINIO=minio.drive.example.com\nURLS=\"https://a.drive.example.com,https://drive.example.com\"\n";
        let env = from_sample(sample, NestedDomains::Flatten);
        assert_eq!(env.get("MINIO"), Some("minio-driv-0a1b2c.ci.org"));
        assert_eq!(
            env.get("URLS"),
            Some("https://a-driv-0a1b2c.ci.org,https://driv-0a1b2c.ci.org")
        );
        let env = from_sample(sample, NestedDomains::Keep);
        assert_eq!(env.get("MINIO"), Some("minio.driv-0a1b2c.ci.org"));
    }

    #[test]
    fn a_nested_host_is_found_through_variables_and_what_is_declared_stays_as_it_is() {
        let sample =
            "DOMAIN=drive.example.com\nS3=s3.${DOMAIN}\nS3_URL=https://$S3/\nEXTRA=x.$DOMAIN\n";
        let env = from_sample(sample, NestedDomains::Flatten);
        assert_eq!(env.get("S3"), Some("s3-driv-0a1b2c.ci.org"));
        assert_eq!(env.get("S3_URL"), Some("https://s3-driv-0a1b2c.ci.org/"));
        assert_eq!(env.get("EXTRA"), Some("x"));
        let sample = "DOMAIN=drive.example.com\nCOOKIES=.$DOMAIN\n";
        let env = from_sample(sample, NestedDomains::Flatten);
        assert_eq!(env.get("COOKIES"), Some(".driv-0a1b2c.ci.org"));
    }

    #[test]
    fn secrets_of_a_newer_sample_are_adopted_once() {
        let mut env = EnvFile::parse("SECRET_A_VERSION=v1").unwrap();
        let sample = EnvFile::parse("SECRET_A_VERSION=v2\nSECRET_B_VERSION=v1\nNEW=1\n").unwrap();
        assert_eq!(
            adopt_secrets(&mut env, &sample).unwrap(),
            ["SECRET_B_VERSION"]
        );
        assert_eq!(
            (
                env.get("SECRET_A_VERSION"),
                env.get("SECRET_B_VERSION"),
                env.get("NEW")
            ),
            (Some("v1"), Some("v1"), None)
        );
    }
}
