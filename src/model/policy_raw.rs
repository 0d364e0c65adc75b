//! The compose policy for one file as it is written, before any tool sees it.

use std::path::{Component, Path};

use yaml_serde::Value;

use crate::model::policy::{Rule, Violation};
use crate::model::yaml;

/// The largest compose file that is looked at, in bytes.
const LARGEST: usize = 1024 * 1024;

/// Checks the bytes of one compose file before any tool reads it.
///
/// It finds what a tool would act on while rendering, such as a file of variables, and what two
/// readers could understand differently. The rest is left to the check of the rendered whole.
///
/// ```
/// use ccci::model::policy::{Rule, check_raw};
///
/// let found = check_raw(b"services: {app: {env_file: /proc/self/environ}}");
/// assert_eq!(found[0].rule, Rule::EnvFile);
/// ```
pub fn check_raw(bytes: &[u8]) -> Vec<Violation> {
    let mut found = Vec::new();
    match read(bytes) {
        Ok(value) => walk(&value, &mut found),
        Err(violation) => found.push(violation),
    }
    found
}

/// Makes a violation.
fn violation(rule: Rule, place: String, message: impl Into<String>) -> Violation {
    Violation {
        rule,
        place,
        message: message.into(),
    }
}

/// Reads the file, if that can be done safely and in one way only.
fn read(bytes: &[u8]) -> Result<Value, Violation> {
    let whole = |rule, message: String| violation(rule, String::new(), message);
    if bytes.len() > LARGEST {
        let message = format!("{} bytes, more than {LARGEST}", bytes.len());
        return Err(whole(Rule::TooLarge, message));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(whole(Rule::Malformed, "UTF-16, not UTF-8".to_owned()));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(whole(Rule::Malformed, format!("a NUL byte at {at}")));
    }
    let text = str::from_utf8(bytes)
        .map_err(|error| whole(Rule::Malformed, format!("not UTF-8: {error}")))?;
    let value = yaml::parse(text).map_err(|message| {
        let rule = match message.as_str() {
            yaml::TOO_MANY_ALIASES => Rule::AliasBomb,
            yaml::TOO_MANY_NODES => Rule::TooLarge,
            _ => Rule::Malformed,
        };
        whole(rule, message)
    })?;
    if value.is_mapping() {
        Ok(value)
    } else {
        Err(whole(
            Rule::Malformed,
            "the top level is not a map".to_owned(),
        ))
    }
}

/// Looks at the keys that make a tool read other files.
fn walk(value: &Value, found: &mut Vec<Violation>) {
    if value.get("include").is_some() {
        found.push(violation(
            Rule::Include,
            "include".to_owned(),
            "includes another file",
        ));
    }
    for (name, service) in yaml::entries(value.get("services")) {
        for (key, rule, message) in [
            ("env_file", Rule::EnvFile, "reads variables from a file"),
            ("label_file", Rule::EnvFile, "reads labels from a file"),
            ("extends", Rule::Extends, "extends another service"),
        ] {
            if service.get(key).is_some() {
                found.push(violation(rule, format!("services.{name}.{key}"), message));
            }
        }
    }
    for section in ["configs", "secrets"] {
        for (name, object) in yaml::entries(value.get(section)) {
            let file = object.get("file");
            let outside = file.is_some_and(|file| {
                let path = yaml::scalar(file);
                path.is_none_or(|path| leads_out(&path))
            });
            if outside {
                let place = format!("{section}.{name}.file");
                let message = "absolute, or with a `..` in it";
                found.push(violation(Rule::FileOutside, place, message));
            }
        }
    }
}

/// Whether a path is absolute or steps up.
fn leads_out(path: &str) -> bool {
    let steps_up = |part: Component<'_>| !matches!(part, Component::Normal(_) | Component::CurDir);
    path.starts_with('~') || path.contains('\\') || Path::new(path).components().any(steps_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the rules that a text breaks.
    fn broken(text: &str) -> Vec<Rule> {
        let found = check_raw(text.as_bytes());
        found.iter().map(|found| found.rule).collect()
    }

    #[test]
    fn a_plain_file_is_let_through() {
        let text = concat!(
            "version: \"3.8\"\nx-env: &env\n  DOMAIN: ${DOMAIN}\nservices:\n  app:\n",
            "    image: nginx:1.27.3\n    environment:\n      <<: *env\n      A: ${B:-c}\n",
            "configs:\n  c:\n    name: ${STACK_NAME}_c_${C_VERSION}\n    file: conf/c.tmpl\n",
        );
        assert_eq!(check_raw(text.as_bytes()), []);
    }

    #[test]
    fn other_files_are_refused_in_every_form() {
        for (text, rule) in [
            ("services: {app: {env_file: .env}}", Rule::EnvFile),
            (
                "services: {app: {env_file: [{path: /proc/self/environ}]}}",
                Rule::EnvFile,
            ),
            (
                "x-a: &a {env_file: .env}\nservices:\n  app:\n    <<: *a\n",
                Rule::EnvFile,
            ),
            (
                "x-a: &a\n  app: {env_file: .env}\nservices: *a\n",
                Rule::EnvFile,
            ),
            ("services: {app: {label_file: x}}", Rule::EnvFile),
            ("services: {app: {extends: other}}", Rule::Extends),
            (
                "services: {app: {extends: {file: x.yml, service: a}}}",
                Rule::Extends,
            ),
            ("include: [x.yml]", Rule::Include),
            ("include:\n  - path: x.yml\n", Rule::Include),
            ("configs: {c: {file: /etc/passwd}}", Rule::FileOutside),
            ("configs: {c: {file: a/../../x}}", Rule::FileOutside),
            ("secrets: {c: {file: ../x}}", Rule::FileOutside),
            ("secrets: {c: {file: ~/.ssh/id}}", Rule::FileOutside),
            (
                "x-f: &f {file: ../x}\nsecrets:\n  c:\n    <<: *f\n",
                Rule::FileOutside,
            ),
        ] {
            assert_eq!(broken(text), [rule], "{text}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "",
            "- a",
            "services:\n\tapp: {}\n",
            "a: 1\na: 2\n",
            "services: {app: {image: a, image: b}}",
            "a: 1\n---\nb: 2\n",
            "services: !override {}",
            "a: \u{0}\n",
            "{1: a, [b]: c}",
        ] {
            assert_eq!(broken(text), [Rule::Malformed], "{text:?}");
        }
        let utf16: Vec<u8> = [0xff, 0xfe, b'a', 0, b':', 0].to_vec();
        assert_eq!(check_raw(&utf16)[0].message, "UTF-16, not UTF-8");
        assert_eq!(check_raw(&[b'a', 0x80])[0].rule, Rule::Malformed);
        let found = check_raw(b"services:\n  app:\n   a: 1\n  b: [\n");
        assert!(found[0].message.contains("line"), "{}", found[0].message);
    }

    #[test]
    fn too_much_is_refused_before_it_is_built() {
        assert_eq!(broken(&"#".repeat(LARGEST + 1)), [Rule::TooLarge]);
        assert_eq!(broken(&"a: [],\n".repeat(40_000)), [Rule::TooLarge]);
        let layer = |n: usize| {
            format!(
                "a{n}: &a{n} [{}]\n",
                vec![format!("*a{}", n - 1); 9].join(",")
            )
        };
        let layers: String = (1..10).map(layer).collect();
        assert_eq!(broken(&format!("a0: &a0 [x]\n{layers}")), [Rule::AliasBomb]);
    }
}
