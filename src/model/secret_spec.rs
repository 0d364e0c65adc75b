//! Which secrets a recipe wants, by the lines of its `.env`; never makes or sees a value.

use crate::model::compose::Stack;
use crate::model::env_file::{Assignment, EnvFile, Error};

/// Longest secret that a recipe may ask for, in characters.
const LONGEST: usize = 64 * 1024;

/// The characters a generated secret is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// Letters and digits; also what an unknown name stands for.
    #[default]
    Default,
    /// Letters and digits, said in so many words.
    Alnum,
    /// Letters, digits and punctuation.
    Special,
    /// Letters, digits and punctuation that no shell or URL minds.
    SafeSpecial,
    /// Lower case hexadecimal digits.
    Hex,
}

/// One secret, by its `SECRET_<NAME>_VERSION=v1 # length=43 charset=hex generate=false` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSpec {
    /// The middle part of the key, in lower case.
    pub name: String,
    /// The value of the line, `v1` by convention.
    pub version: String,
    /// The length asked for; without one a passphrase is made.
    pub length: Option<usize>,
    /// What it is made of.
    pub charset: Charset,
    /// Whether it may be generated; if not, someone has to insert it.
    pub generate: bool,
}

impl SecretSpec {
    /// Returns the name the secret has on the swarm.
    pub fn full_name(&self, stack_name: &str) -> String {
        format!("{stack_name}_{}_{}", self.name, self.version)
    }
}

/// Reads all secrets of an `.env`, in the order of the file.
///
/// ```
/// use ccci::model::env_file::EnvFile;
/// use ccci::model::secret_spec::secret_specs;
///
/// let env = EnvFile::parse("SECRET_LFS_JWT_SECRET_VERSION=v1 # length=43").unwrap();
/// let specs = secret_specs(&env).unwrap();
/// assert_eq!(specs[0].full_name("gite-a1b2c3_ci"), "gite-a1b2c3_ci_lfs_jwt_secret_v1");
/// assert_eq!(specs[0].length, Some(43));
/// ```
pub fn secret_specs(env: &EnvFile) -> Result<Vec<SecretSpec>, Error> {
    env.assignments()
        .filter_map(|line| Some((secret_name(&line.key)?, line)))
        .map(|(name, line)| read(name, line))
        .collect()
}

/// Returns those secrets that the rendered compose file refers to as external ones.
pub fn used(specs: &[SecretSpec], stack_name: &str, stack: &Stack) -> Vec<SecretSpec> {
    let external: Vec<String> = stack
        .secrets
        .iter()
        .filter(|(_, object)| object.external)
        .map(|(key, object)| object.full_name(stack_name, key))
        .collect();
    let wanted = |spec: &&SecretSpec| external.contains(&spec.full_name(stack_name));
    specs.iter().filter(wanted).cloned().collect()
}

/// Returns the secret that a variable is the version of.
fn secret_name(key: &str) -> Option<String> {
    let name = key.strip_prefix("SECRET_")?.strip_suffix("_VERSION")?;
    (!name.is_empty()).then(|| name.to_lowercase())
}

/// Reads one line with its modifiers; words that are none are prose.
fn read(name: String, line: &Assignment) -> Result<SecretSpec, Error> {
    let mut spec = SecretSpec {
        name,
        version: line.value.clone(),
        length: None,
        charset: Charset::Default,
        generate: true,
    };
    let comment = line.comment.as_deref().unwrap_or_default();
    let words = comment.split(|c: char| c.is_whitespace() || matches!(c, '#' | ','));
    for (modifier, value) in words.filter_map(|word| word.split_once('=')) {
        match modifier {
            "length" => spec.length = Some(length(value, line)?),
            "charset" => spec.charset = charset(value),
            "generate" => spec.generate = value != "false",
            _ => {}
        }
    }
    Ok(spec)
}

/// Reads the modifier `length`.
fn length(value: &str, line: &Assignment) -> Result<usize, Error> {
    let length = value.parse().ok();
    length
        .filter(|length| (1..=LONGEST).contains(length))
        .ok_or_else(|| Error {
            line: line.line,
            message: format!("`length={value}` of `{}` is not 1 to {LONGEST}", line.key),
        })
}

/// Reads the modifier `charset`.
fn charset(value: &str) -> Charset {
    match value {
        "alnum" => Charset::Alnum,
        "special" => Charset::Special,
        "safespecial" => Charset::SafeSpecial,
        "hex" => Charset::Hex,
        _ => Charset::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the secrets of a text that is known to be right.
    fn specs(text: &str) -> Vec<SecretSpec> {
        secret_specs(&EnvFile::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn modifiers_stand_in_the_trailing_comment_in_any_order() {
        let found = specs(concat!(
            "SECRET_DB_PASSWORD_VERSION=v1\n",
            "SECRET_API_KEY_VERSION=v2 # generate=false\n",
            "SECRET_HASH_VERSION=\"v1\" # charset=hex length=64 generate=true\n",
            "# SECRET_OFF_VERSION=v1 # length=5\n",
            "SECRET__VERSION=v1\nSOME_VERSION=v1\n",
        ));
        let shown: Vec<_> = found
            .iter()
            .map(|spec| {
                (
                    spec.full_name("s"),
                    spec.length,
                    spec.charset,
                    spec.generate,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("s_db_password_v1".to_owned(), None, Charset::Default, true),
                ("s_api_key_v2".to_owned(), None, Charset::Default, false),
                ("s_hash_v1".to_owned(), Some(64), Charset::Hex, true),
            ]
        );
    }

    #[test]
    fn a_length_that_is_none_is_an_error_with_its_line() {
        for wrong in ["0", "ten", "-1", "99999999999999999999"] {
            let text = format!("A=1\nSECRET_X_VERSION=v1 # length={wrong}\n");
            let error = secret_specs(&EnvFile::parse(&text).unwrap()).unwrap_err();
            assert_eq!(error.line, 2);
            assert!(error.message.contains(&format!("`length={wrong}`")));
        }
    }

    #[test]
    fn only_secrets_that_the_compose_file_refers_to_are_used() {
        let found = specs("SECRET_A_VERSION=v1\nSECRET_B_VERSION=v1\nSECRET_C_VERSION=v1\n");
        let stack = Stack::from_text(concat!(
            "secrets:\n  a:\n    name: s_a_v1\n    external: true\n",
            "  b:\n    name: s_b_v2\n    external: true\n",
            "  c:\n    name: s_c_v1\n    file: ./c\n",
        ))
        .unwrap();
        let names: Vec<_> = used(&found, "s", &stack)
            .into_iter()
            .map(|spec| spec.name)
            .collect();
        assert_eq!(names, ["a"]);
    }
}
