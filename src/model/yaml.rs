//! Reads compose's scalars, lists and maps out of YAML, in either of their two forms.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use yaml_serde::{Mapping, Value};

/// Nodes that a file may have once its aliases are expanded.
const MOST_NODES: usize = 50_000;
/// Bytes that its scalars may have once its aliases are expanded.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// How deep brackets may nest; compose files need about five.
const DEEPEST: usize = 64;
/// How often merged maps may merge maps themselves.
const MERGE_ROUNDS: usize = 16;
/// Characters that part one node from the next; bounds the memory of the reader.
const MOST_SEPARATORS: usize = 100_000;
/// What the message of an error says when a file has too many nodes as it is written.
pub(crate) const TOO_MANY_NODES: &str = "more entries than any compose file needs";
/// What the message of an error says when aliases blow a file up.
pub(crate) const TOO_MANY_ALIASES: &str = "too much once its aliases are expanded";

/// Reads a YAML text with merge keys applied, without ever expanding more than the limits.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let separates = |byte: &u8| b"\n,:-?[{*&\"'".contains(byte);
    if text.bytes().filter(separates).count() > MOST_SEPARATORS {
        return Err(TOO_MANY_NODES.to_owned());
    }
    if bracket_depth(text) > DEEPEST {
        return Err(format!("brackets nest more than {DEEPEST} deep"));
    }
    let mut budget = Budget {
        nodes: MOST_NODES,
        bytes: MOST_BYTES,
    };
    Count(&mut budget)
        .deserialize(yaml_serde::Deserializer::from_str(text))
        .map_err(explain)?;
    let mut value: Value = yaml_serde::from_str(text).map_err(explain)?;
    if has_odd_key(&value) {
        return Err("a key that is neither text nor a number".to_owned());
    }
    for _ in 0..MERGE_ROUNDS {
        if !has_merge_key(&value) {
            return Ok(value);
        }
        value.apply_merge().map_err(explain)?;
    }
    Err("merge keys nest too deep".to_owned())
}

/// Returns an error's text, the same for each way in which aliases can be too many.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape `map_err` asks for"
)]
fn explain(error: yaml_serde::Error) -> String {
    let text = error.to_string();
    if text.contains("repetition limit") || text.contains(TOO_MANY_ALIASES) {
        TOO_MANY_ALIASES.to_owned()
    } else {
        text
    }
}

/// Returns how deep flow brackets can nest at most, whatever they mean.
///
/// The YAML scanner takes quadratic time on deep nesting, so this is asked before it starts.
fn bracket_depth(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Whether any map still has a `<<` key.
fn has_merge_key(value: &Value) -> bool {
    match value {
        Value::Mapping(map) => map.contains_key("<<") || map.values().any(has_merge_key),
        Value::Sequence(list) => list.iter().any(has_merge_key),
        Value::Tagged(tagged) => has_merge_key(&tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether any map has a key that compose could not mean.
fn has_odd_key(value: &Value) -> bool {
    match value {
        Value::Mapping(map) => map
            .iter()
            .any(|(key, value)| scalar(key).is_none() || has_odd_key(value)),
        Value::Sequence(list) => list.iter().any(has_odd_key),
        Value::Tagged(_) => true,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// What is left to be spent on a file.
struct Budget {
    /// Nodes left.
    nodes: usize,
    /// Bytes of scalars left.
    bytes: usize,
}

impl Budget {
    /// Spends one node with so many bytes.
    fn spend<E: serde::de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        match (self.nodes.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(nodes), Some(bytes)) => {
                *self = Self { nodes, bytes };
                Ok(())
            }
            _ => Err(E::custom(TOO_MANY_ALIASES)),
        }
    }
}

/// Walks a document and builds nothing; stops when the budget is spent.
struct Count<'a>(&'a mut Budget);

impl<'de> DeserializeSeed<'de> for Count<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain YAML without tags")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.0.spend(0)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        self.0.spend(0)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.0.spend(0)
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.0.spend(0)
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.0.spend(0)
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.0.spend(0)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.spend(text.len())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.spend::<A::Error>(0)?;
        while list.next_element_seed(Count(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.spend::<A::Error>(0)?;
        while map.next_key_seed(Count(self.0))?.is_some() {
            map.next_value_seed(Count(self.0))?;
        }
        Ok(())
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom("a YAML tag, which compose has none of"))
    }
}

/// Returns a scalar as text; nothing for null, lists and maps.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

/// Returns the scalar of a map's key as text.
pub(crate) fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(scalar)
}

/// Whether a map's key is true, as a boolean or in words.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    text(value, key).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Goes through a map; a value that is none has no entries.
pub(crate) fn entries(value: Option<&Value>) -> impl Iterator<Item = (String, &Value)> {
    let map = value.and_then(Value::as_mapping);
    let entries = map.into_iter().flat_map(Mapping::iter);
    entries.map(|(key, value)| {
        let key = scalar(key).unwrap_or_else(|| "?".to_owned());
        (key, value)
    })
}

/// Goes through a list; a value that is none has no items.
pub(crate) fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value
        .and_then(Value::as_sequence)
        .into_iter()
        .flat_map(|list| list.iter())
}

/// Reads `key: value` maps and `- key=value` lists alike; a key without value has none.
pub(crate) fn pairs(value: Option<&Value>) -> BTreeMap<String, Option<String>> {
    let mapped = entries(value).map(|(key, value)| (key, scalar(value)));
    let listed = items(value)
        .filter_map(scalar)
        .map(|text| match text.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (text, None),
        });
    mapped.chain(listed).collect()
}

/// Reads what is named by a list of names or a map's keys.
pub(crate) fn names(value: Option<&Value>) -> Vec<String> {
    let listed = items(value).filter_map(|item| scalar(item).or_else(|| text(item, "source")));
    let mapped = entries(value).map(|(key, _)| key);
    listed.chain(mapped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_keys_are_applied_even_when_merged_maps_merge() {
        let text = concat!(
            "x-a: &a {env_file: .env}\nx-b: &b\n  <<: *a\n",
            "services:\n  app:\n    <<: [*b]\n    image: x:1\n",
        );
        let value = parse(text).unwrap();
        let app = &value["services"]["app"];
        assert_eq!(self::text(app, "env_file").as_deref(), Some(".env"));
    }

    #[test]
    fn alias_bombs_deep_and_wide_are_refused_at_once() {
        let layer = |n: usize| {
            let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
            format!("a{n}: &a{n} [{aliases}]\n")
        };
        let layers: String = (1..12).map(layer).collect();
        let deep = format!("a0: &a0 [x, x, x, x, x, x, x, x, x]\n{layers}");
        assert_eq!(parse(&deep).unwrap_err(), TOO_MANY_ALIASES);
        let wide = format!(
            "a: &a [{}]\nb: [{}]\n",
            vec!["x"; 9_000].join(","),
            vec!["*a"; 9_000].join(",")
        );
        assert_eq!(parse(&wide).unwrap_err(), TOO_MANY_ALIASES);
        let heavy = format!(
            "a: &a {}\nb: [{}]\n",
            "x".repeat(90_000),
            vec!["*a"; 99].join(",")
        );
        assert_eq!(parse(&heavy).unwrap_err(), TOO_MANY_ALIASES);
    }

    #[test]
    fn deep_brackets_and_deep_blocks_are_refused() {
        assert!(parse(&"[".repeat(500_000)).is_err());
        assert!(parse(&"- ".repeat(50_000)).is_err());
        assert_eq!(parse(&"- a\n".repeat(200_000)).unwrap_err(), TOO_MANY_NODES);
    }

    #[test]
    fn duplicate_keys_tags_and_second_documents_are_refused() {
        assert!(parse("a: 1\na: 2\n").unwrap_err().contains("duplicate"));
        assert!(parse("a: !reset null\n").unwrap_err().contains("tag"));
        assert!(parse("a: 1\n---\nb: 2\n").is_err());
    }

    #[test]
    fn lists_and_maps_give_the_same_pairs() {
        let listed = parse("[A=1, 'B=x=y', C]").unwrap();
        let mapped = parse("{A: 1, B: x=y, C: null}").unwrap();
        assert_eq!(pairs(Some(&listed)), pairs(Some(&mapped)));
        assert_eq!(pairs(Some(&listed))["B"].as_deref(), Some("x=y"));
    }
}
